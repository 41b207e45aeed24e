"""What every function of cnnlab.datasets accepts, and what the right answer then is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hostile import FINE, Argument, Case, Fresh, accept
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


def mnist_sample():
    """Split blank digits: to parse the true ones takes the memory that their text needs."""
    with pytest.MonkeyPatch.context() as patch:
        blank = np.zeros((5000, 1, 28, 28), np.uint8), np.arange(5000) % 10
        patch.setattr(datasets, "_carried_digits", lambda: blank)
        return datasets.mnist_sample()


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
    "datasets.mnist_sample": Case(mnist_sample),
    "datasets.mnist": Case(mnist, split=Argument("test")),
    "datasets.digits_8x8": Case(
        digits_8x8,
        classes=Argument(
            np.array([3, 1, 7]),
            accept("negative strides", "Fortran order", "sliced", "read-only", "big-endian", "subclass"),
            accept("list", "tuple of lists", INTEGERS, NUMPY_WHOLE),
            accept("pair", "list of two", "array of two", "pair of numpy ints", answer=plain_classes),
            accept("0", "1", "2", "3", "0-d", "one axis less", answer=plain_classes),  # one class alone
        ),
    ),
    "datasets.stripes": Case(
        stripes,
        changes=("rng",),
        n=Argument(3, WHOLE_FORMS, accept("0", "1", "2", "3", answer=drawn), accept("1000000", answer=FINE)),
        size=Argument(4, WHOLE_FORMS),
        rng=Argument(Fresh(lambda: np.random.default_rng(0))),
    ),
}
