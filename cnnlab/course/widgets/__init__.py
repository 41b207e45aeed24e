"""Sliders over the networks: every notebook has one or two to predict with, and then to move.

A widget is a `Board`: controls, one picture and a label in words that follow them. What a board shows is computed
by a plain function beside it, from the controls' values to numbers, so that it can be tested without a browser.
"""

from cnnlab.course.widgets._board import Board
from cnnlab.course.widgets.filter_update import filter_update
from cnnlab.course.widgets.mnist_binary import binary_training, digit_stages
from cnnlab.course.widgets.padding_and_convolution import convolution_window
from cnnlab.course.widgets.single_filter_cnn import backprop_stepper, single_filter_training
from cnnlab.course.widgets.two_class_softmax import logits, softmax_training

__all__ = [
    "Board",
    "backprop_stepper",
    "binary_training",
    "convolution_window",
    "digit_stages",
    "filter_update",
    "logits",
    "single_filter_training",
    "softmax_training",
]
