"""Files as MNIST's: made small, or genuine."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
GENUINE = Path(os.environ.get("CNNLAB_MNIST_DIR") or Path(__file__).resolve().parents[3] / "shared" / "mnist")
needs_genuine = pytest.mark.skipif(
    not all((GENUINE / name).is_file() for name in (IMAGES, LABELS)), reason="the genuine MNIST files are not here"
)


def idx(values, magic=None, shape=None):
    """Write an array in the IDX format, or lie about it."""
    values = np.asarray(values, np.uint8)
    shape = values.shape if shape is None else shape
    magic = 0x0800 + len(shape) if magic is None else magic
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + values.tobytes()
