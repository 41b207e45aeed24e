"""Pictures of images, filters, gradients and training.

Every function draws into `ax` (or into a new figure) and returns the axes; `show` puts the figure into the
notebook together with its content in words. No figure is registered with pyplot, so none is shown twice or left
open. What they look like is said in one place, `_style`.
"""

from cnnlab.course.plots._confusion_matrix import confusion_matrix
from cnnlab.course.plots._figures import figure_of as figure_of  # for a board of one's own, which takes a figure
from cnnlab.course.plots._figures import new_axes, png, show
from cnnlab.course.plots._images import image, images
from cnnlab.course.plots._loss_curve import loss_curve
from cnnlab.course.plots._loss_surface import loss_surface
from cnnlab.course.plots._network_map import network_map
from cnnlab.course.plots._style import LINE_STYLES as LINE_STYLES  # for lines of one's own
from cnnlab.course.plots._style import MARKERS as MARKERS

__all__ = [
    "confusion_matrix",
    "image",
    "images",
    "loss_curve",
    "loss_surface",
    "network_map",
    "new_axes",
    "png",
    "show",
]
