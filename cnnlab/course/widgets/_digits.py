"""Notebook 4's digits and its network before any training: what both of its boards start from."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cnnlab import datasets
from cnnlab.networks import BinaryCNN

BATCH = 64


class Examples(NamedTuple):
    """Digits, and for each of them: is it greater than four?"""

    images: np.ndarray  # (N, 1, 28, 28) float32 from 0 to 1
    labels: np.ndarray  # (N,) the digits
    targets: np.ndarray  # (N,) bool


@lru_cache(maxsize=1)
def load_examples() -> tuple[Examples, Examples]:
    """Load the digits to learn from and the held-out ones, as the notebook prepares them."""
    train, test = (
        Examples((digits.images / 255).astype(np.float32), digits.labels, digits.labels > 4)
        for digits in datasets.mnist_sample()
    )
    return train, test


def initial_network() -> tuple[BinaryCNN, np.random.Generator]:
    """Draw the network that every run starts from, with the generator that goes on to shuffle the digits."""
    rng = np.random.default_rng(0)
    return BinaryCNN.initialize(rng, loss="cross_entropy", dtype=np.float32), rng
