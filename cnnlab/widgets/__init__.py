"""Sliders over the networks: every notebook has one or two to predict with, and then to move.

A widget is a `Board`: controls, one picture and a label in words that follow them. What a board shows is computed
by a plain function beside it, from the controls' values to numbers, so that it can be tested without a browser.
"""

from cnnlab.widgets._board import Board
from cnnlab.widgets.filter_update import filter_update

__all__ = ["Board", "filter_update"]
