"""What the film of a training filter shows: the moment that the slider names, on one scale."""

import numpy as np
import pytest
from boards import words

from cnnlab.course import widgets

FILTERS = np.array([[[0.01, -0.02], [0, 0.03]], [[0.1, 0.2], [-0.4, -0.3]], [[0.5, 0.25], [-0.5, -1]]])
MAPS = np.arange(27.0).reshape(3, 3, 3) - 26
ACCURACY = [0.48, 0.815, 1]


def film(**changed):
    return widgets.filter_film(**{"filters": FILTERS, "maps": MAPS, "accuracy": ACCURACY} | changed)


def test_each_moment_has_its_filter_its_map_and_its_accuracy():
    board = film(step=1)
    kernel, picture, curve = board.figure.axes
    assert words(board) == [
        "after 1 of 2 steps: held-out accuracy 82 %, largest weight ±0.4",
        "the filter's rows, added up: +0.30, −0.70",
    ]
    for step in (2, 0, 1):
        board.controls["step"].value = step
        np.testing.assert_allclose(kernel.images[0].get_array(), FILTERS[step])  # the largest weight of all is 1
        np.testing.assert_allclose(picture.images[0].get_array() * 26, MAPS[step])
        assert curve.lines[1].get_xydata().tolist() == [[step, ACCURACY[step]]]
        assert kernel.images[0].get_clim() == picture.images[0].get_clim() == (-1, 1), "one scale for the whole film"
    board.close()


def test_a_film_of_one_moment_and_of_zeros_is_drawn():
    board = film(filters=np.zeros((1, 1, 1)), maps=np.zeros((1, 2, 2)), accuracy=[0.5])
    assert words(board)[0] == "after 0 of 0 steps: held-out accuracy 50 %, largest weight ±0"
    board.close()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"filters": FILTERS[0]}, r"filters must have shape \(T, H, W\), one image for each moment; got \(2, 2\)"),
        ({"filters": np.zeros((3, 9, 9))}, r"filters must have at most 8 rows and columns; got \(9, 9\)"),
        ({"maps": MAPS[:2]}, r"as many as the filters, 3; got shapes \(2, 3, 3\) and \(3,\)"),
        ({"maps": MAPS * np.nan}, "maps must hold numbers up to 1e.06 in size; got others: did the training diverge?"),
        ({"accuracy": [48, 81, 100]}, "accuracy must hold shares from 0 to 1"),
        ({"step": 3}, "step must lie between 0 and 2"),
    ],
)
def test_what_is_no_film_is_refused(changed, text):
    with pytest.raises(ValueError, match=text):
        film(**changed)
