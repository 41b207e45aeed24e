"""Sliders over the networks: every notebook has one or two to predict with, and then to move.

A widget is a `Board`: controls, one picture and a label in words that follow them. Each board has a module of its
name, and raises a TypeError or ValueError where a slider cannot stand as it is told. What it shows is computed there by
a plain function, from the controls' values to numbers and words, so that it can be tested without a browser.
"""

from cnnlab.course.widgets._backprop_stepper import backprop_stepper
from cnnlab.course.widgets._binary_training import binary_training
from cnnlab.course.widgets._board import Board
from cnnlab.course.widgets._convolution_window import convolution_window
from cnnlab.course.widgets._digit_stages import digit_stages
from cnnlab.course.widgets._filter_film import filter_film
from cnnlab.course.widgets._filter_update import filter_update
from cnnlab.course.widgets._logits import logits
from cnnlab.course.widgets._nudge import nudge
from cnnlab.course.widgets._parabola import parabola
from cnnlab.course.widgets._softmax_training import softmax_training

__all__ = [
    "Board",
    "backprop_stepper",
    "binary_training",
    "convolution_window",
    "digit_stages",
    "filter_film",
    "filter_update",
    "logits",
    "nudge",
    "parabola",
    "softmax_training",
]
