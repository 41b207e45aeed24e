"""Which arguments the data take, and how they refuse the others."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hostile import FINE, RIGHT, Argument, Case, Fresh, accept, make_tests
from hostile_values import INTEGERS, NUMPY_WHOLE, SINGLE_FORMS
from idx_files import IMAGES, LABELS, idx

from cnnlab import datasets
from cnnlab.datasets import Digits, digits_8x8, stripes

# A whole number in whatever form: what the same int gives.
WHOLE_FORMS = accept(SINGLE_FORMS, INTEGERS[1:], NUMPY_WHOLE)


def mnist(split):
    """Read ten blank digits, a whole test set for once."""
    files = {IMAGES: np.zeros((10, 28, 28)), LABELS: np.arange(10)}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, values in files.items():
            (Path(folder) / name).write_bytes(idx(values))
        patch.setenv("CNNLAB_MNIST_DIR", folder)
        patch.setattr(datasets, "MNIST_FILES", {name: (values.shape, "") for name, values in files.items()})
        return datasets.mnist(split)


def plain_classes(classes):
    return digits_8x8(tuple(int(digit) for digit in np.ravel(classes)))


def drawn(n, size, rng):
    """Draw as the formula says, a pixel at a time."""
    labels, widths, starts = rng.integers(0, 2, n), rng.integers(2, 6, n), rng.integers(0, 12, n)
    contrasts, noise = rng.uniform(60, 120, n), rng.normal(0, 20, (n, size, size))
    images = np.zeros((n, 1, size, size), np.uint8)
    for k, _, row, column in np.ndindex(images.shape):
        sign = 1 if ((column if labels[k] else row) + starts[k]) // widths[k] % 2 else -1
        images[k, 0, row, column] = min(max(round(128 + sign * contrasts[k] / 2 + noise[k, row, column]), 0), 255)
    return Digits(images, labels)


CASES = {
    "datasets.mnist_sample": Case(datasets.mnist_sample),
    "datasets.mnist": Case(mnist, split=Argument("test")),
    "datasets.digits_8x8": Case(
        digits_8x8,
        plain_classes,
        classes=Argument(
            np.array([3, 1, 7]),
            accept("negative strides", "Fortran order", "sliced", "read-only", "big-endian", "subclass"),
            accept("list", "tuple of lists", INTEGERS, NUMPY_WHOLE),
            accept("pair", "list of two", "array of two", "pair of numpy ints", answer=RIGHT),
            accept("0", "1", "2", "3", "0-d", "one axis less", answer=RIGHT),  # one class alone
        ),
    ),
    "datasets.stripes": Case(
        stripes,
        drawn,
        changes=("rng",),
        n=Argument(3, WHOLE_FORMS, accept("0", "1", "2", "3", answer=RIGHT), accept("1000000", answer=FINE)),
        size=Argument(4, WHOLE_FORMS),
        rng=Argument(Fresh(lambda: np.random.default_rng(0))),
    ),
}


(
    test_telling_values_get_the_right_answer_or_an_error_that_helps,
    test_every_other_value_gets_the_right_answer_or_an_error_that_helps,
    test_every_public_function_and_argument_has_a_case,
) = make_tests(CASES, "data")
