import tracemalloc
from functools import partial

import numpy as np
import pytest
from oracle import (
    assert_same,
    compare_with_differences,
    compare_with_torch,
    conv2d_loops,
    draw,
    needs_torch,
    torch,
)

from cnnlab import _im2col
from cnnlab._im2col import Columns, make_geometry
from cnnlab.convolution import conv2d, conv2d_backward, conv2d_output_size, fold, unfold

DTYPES = [np.float64, np.float32, np.uint8, np.int64, np.bool_]


def random_case(seed):
    """Draw the sizes of images and kernels, stride and padding; every kernel fits."""
    rng = np.random.default_rng(seed)
    n, channels, filters = (int(rng.integers(low, 4)) for low in (0, 1, 1))
    kernel = tuple(int(k) for k in rng.integers(1, 5, 2))
    kind = rng.choice(["int", "pair", "valid", "same"])
    stride = 1 if kind == "same" else [1, 2, (1, 3), (3, 2)][rng.integers(4)]
    padding = {"int": int(rng.integers(4)), "pair": tuple(int(p) for p in rng.integers(0, 4, 2))}.get(kind, str(kind))
    height, width = (int(size) for size in rng.integers(1, 9, 2) + (kernel if kind != "same" else 0))
    return (n, channels, height, width), (filters, channels, *kernel), {"stride": stride, "padding": padding}


CASES = [random_case(seed) for seed in range(80)]
CASES += [
    ((0, 2, 5, 4), (3, 2, 2, 3), {"padding": 1}),
    ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((2, 3, 6, 5), (4, 3, 6, 5), {}),
    ((2, 1, 3, 4), (2, 1, 4, 2), {"padding": "same"}),
    ((2, 1, 2, 2), (1, 1, 5, 5), {"padding": "same"}),
    ((2, 1, 2, 9), (2, 1, 1, 3), {"stride": (4, 1), "padding": (2, 0)}),
]
SOME_CASES = [CASES[i] for i in (1, 4, 9, 16, 25, 36)] + CASES[-3:]


def arrays_for(case, dtype=np.float64):
    shape, kernels, options = case
    return draw(1, *shape, dtype=dtype), draw(2, *kernels, dtype=dtype), draw(3, kernels[0], dtype=dtype), options


def backward_of(options):
    return lambda dy, y, x, weight, bias: conv2d_backward(dy, x, weight, **options)


@needs_torch
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv2d_and_its_gradients_equal_pytorch(case, dtype):
    x, weight, bias, options = arrays_for(case, dtype)
    compare_with_torch(
        lambda *a: conv2d(*a, **options),
        backward_of(options),
        lambda *t: torch.nn.functional.conv2d(*t, **options),
        x,
        weight,
        bias,
    )


@pytest.mark.parametrize("case", CASES[::3] + CASES[-6:], ids=str)
def test_conv2d_equals_loops(case):
    x, weight, bias, options = arrays_for(case)
    assert_same(conv2d(x, weight, bias, **options), conv2d_loops(x, weight, bias, **options), dtype=np.float64)
    assert_same(conv2d(x, weight, **options), conv2d_loops(x, weight, np.zeros(len(weight)), **options))


@pytest.mark.parametrize("case", SOME_CASES, ids=str)
def test_conv2d_backward_equals_central_differences(case):
    x, weight, bias, options = arrays_for(case)
    compare_with_differences(lambda *a: conv2d(*a, **options), backward_of(options), x, weight, bias)


CUT = [
    {},
    {"padding": 1, "stride": 2},
    {"padding": "same"},
    {"padding": (5, 4)},  # windows that lie in the padding alone
    {"padding": (3, 9), "stride": (4, 5)},  # pixels that no window meets
    {"stride": (1, 10**9)},
    {"stride": (2**62, 1)},
    {"stride": (5, 1), "padding": 5},
]


@pytest.mark.parametrize("block_bytes", [1, 300, 700, 1500, 3000])
@pytest.mark.parametrize("options", CUT, ids=str)
def test_blocks_do_not_change_the_numbers(monkeypatch, block_bytes, options):
    x, weight, bias = draw(1, 7, 2, 6, 5), draw(2, 3, 2, 2, 3), draw(3, 3)
    expected = conv2d_loops(x, weight, bias, **options)
    dy = draw(4, *expected.shape)
    whole = conv2d_backward(dy, x, weight, **options)
    matrix = unfold(x, (2, 3), **options)
    image = fold(matrix, (6, 5), (2, 3), **options)
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", block_bytes)
    assert_same(conv2d(x, weight, bias, **options), expected)
    for ours, theirs in zip(conv2d_backward(dy, x, weight, **options), whole, strict=True):
        assert_same(ours, theirs)
    assert_same(unfold(x, (2, 3), **options), matrix)
    assert_same(fold(matrix, (6, 5), (2, 3), **options), image)


def numbers_for(window, channels, filters, rows, columns):
    """Count what one image's columns, its maps, or its rows on their way to columns take, whichever is most."""
    (k_rows, k_columns), (down, right) = window.kernel_size, window.stride
    pixels = channels * ((rows - 1) * down + k_rows) * max((columns - 1) * right + k_columns, k_columns * columns)
    return max(channels * k_rows * k_columns * rows * columns, filters * rows * columns, pixels)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block_bytes", [1, 300, 700, 1500, 3000, 6000, 20000, 10**6])
@pytest.mark.parametrize("options", CUT, ids=str)
def test_pieces_meet_every_cell_once_and_are_as_large_as_a_block_allows(monkeypatch, options, block_bytes, dtype):
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", block_bytes)
    room = block_bytes // np.dtype(dtype).itemsize
    for kernel, channels, filters in [((2, 3), 2, 0), ((2, 3), 2, 3), ((2, 3), 2, 15), ((1, 1), 1, 1)]:
        window = make_geometry((6, 5), kernel, options.get("stride", 1), options.get("padding", 0))
        met = np.zeros((7, *window.output_size), int)
        sizes = set()
        for piece in _im2col.tiles((7, channels, 6, 5), window, np.dtype(dtype), filters):
            met[piece.images, piece.rows, piece.columns] += 1
            sizes.add(tuple(part.stop - part.start for part in (piece.images, piece.rows, piece.columns)))
        assert (met == 1).all()
        images, rows, columns = max(sizes)
        needed = partial(numbers_for, window, channels, filters)
        assert images * needed(rows, columns) <= room or (images, rows, columns) == (1, 1, 1)
        if columns < window.output_size[1]:
            assert rows == 1
            assert needed(1, columns + 1) > room
        elif rows < window.output_size[0]:
            assert needed(rows + 1, columns) > room
        elif images < 7:
            assert (images + 1) * max(needed(rows, columns), filters * channels * np.prod(kernel)) > room


def peak_beyond_result(f):
    """Measure the memory that a call needs on top of what it returns."""
    tracemalloc.start()
    try:
        result = f()
        size, peak = tracemalloc.get_traced_memory()
        assert result is not None
        return peak - size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("padding", [0, 1])
def test_memory_does_not_grow_with_the_batch(padding):
    weight = draw(2, 2, 1, 3, 3)

    def extra(n):
        x = np.zeros((n, 1, 20, 20))
        dy = np.zeros((n, 2, 18 + 2 * padding, 18 + 2 * padding))
        conv2d(x[:1], weight, padding=padding)
        return (
            peak_beyond_result(lambda: conv2d(x, weight, padding=padding)),
            peak_beyond_result(lambda: conv2d_backward(dy, x, weight, padding=padding)),
        )

    # All columns of 2,000 images would be 2000 · 9 · 18² · 8 bytes = 47 MB.
    for few, many in zip(extra(200), extra(2000), strict=True):
        assert many < 1.5 * few + 2**20
        assert many < 4 * _im2col.BLOCK_BYTES


@pytest.mark.parametrize(
    ("size", "kernel", "options"),
    [
        ((100, 100), (20, 20), {}),  # all columns would be 21 MB
        ((8, 500), (6, 100), {}),  # those of one row of the output 1.9 MB
        ((100, 100), (1, 50), {"stride": (99, 1)}),  # rows that no window meets
        ((6, 5), (2, 2), {"padding": 3000, "stride": 1000}),  # the padded image 288 MB
        ((30, 30), (30, 30), {"padding": 15}),
    ],
    ids=str,
)
def test_memory_does_not_grow_with_the_kernel(monkeypatch, size, kernel, options):
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**16)
    x, weight = draw(1, *size), draw(2, *kernel)
    most = 6 * 2**16 + 3 * weight.nbytes
    y = conv2d(x, weight, **options)
    matrix = np.zeros((weight.size, y.size)) if weight.size * y.size < 1e6 else None
    assert peak_beyond_result(lambda: conv2d(x, weight, **options)) < most
    assert peak_beyond_result(lambda: conv2d_backward(y, x, weight, **options)) < most
    if matrix is not None:
        assert peak_beyond_result(lambda: unfold(x, kernel, **options)) < most
        assert peak_beyond_result(lambda: fold(matrix, size, kernel, **options)) < most


def test_memory_does_not_grow_with_the_filters(monkeypatch):
    monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**16)
    x, weight = draw(1, 1000, 1, 3, 3), draw(2, 100, 1, 3, 3)
    y = conv2d(x, weight)
    # One product for each image would be 1000 · 100 · 9 · 8 bytes = 7.2 MB.
    assert peak_beyond_result(lambda: conv2d(x, weight)) < 4 * 2**16
    assert peak_beyond_result(lambda: conv2d_backward(y, x, weight)) < 4 * 2**16


def test_output_size_is_one_number_only_if_every_argument_is():
    assert conv2d_output_size(5, 3, padding="same") == 5
    assert conv2d_output_size(5, 3, padding="valid") == 3
    assert conv2d_output_size((5, 6), 3) == (3, 4)
    assert conv2d_output_size(5, (3, 2)) == (3, 4)
    assert conv2d_output_size(5, 3, stride=(1, 2)) == (3, 2)
    assert conv2d_output_size(5, 3, padding=[0, 1]) == (3, 5)
    assert conv2d_output_size(np.int64(5), np.array([3, 2])) == (3, 4)


# PyTorch's unfold takes neither words for padding nor an empty batch.
UNFOLD_CASES = [case for case in CASES if 0 not in case[0] and not isinstance(case[2].get("padding"), str)]


@needs_torch
@pytest.mark.parametrize("case", UNFOLD_CASES, ids=str)
def test_unfold_and_fold_equal_pytorch(case):
    shape, kernels, options = case
    x, kernel = draw(1, *shape), kernels[2:]
    columns = torch.nn.functional.unfold(torch.tensor(x), kernel, **options).numpy()
    assert_same(unfold(x, kernel, **options), columns)
    c = draw(2, *columns.shape)
    expected = torch.nn.functional.fold(torch.tensor(c), shape[2:], kernel, **options).numpy()
    assert_same(fold(c, shape[2:], kernel, **options), expected)


@pytest.mark.parametrize("ones", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_columns_of_a_block_are_filled_and_folded_again_and_again(case, ones):
    shape, kernels, options = case
    window = make_geometry(shape[2:], kernels[2:], options.get("stride", 1), options.get("padding", 0))
    small = Columns(shape[0], shape[1:], window, np.dtype(np.float32), ones=ones)
    assert small.fill(draw(1, *shape)).dtype == small.col2im().dtype == np.float32
    columns = Columns(shape[0], shape[1:], window, np.dtype(np.float64), ones=ones)
    for seed in (1, 2):
        x = draw(seed, *shape)
        expected = unfold(x, kernels[2:], **options)
        matrix = columns.fill(x)
        assert_same(matrix[:, : expected.shape[1]], expected)
        assert (matrix[:, expected.shape[1] :] == 1).all()
        assert matrix.shape[1] == expected.shape[1] + ones
        assert_same(columns.col2im(), fold(expected, shape[2:], kernels[2:], **options))


def test_sums_of_float32_are_made_in_float32():
    # Memory of twice the size would show here: 3e38 + 3e38 − 3e38 overflows in float32 and not in float64.
    columns = np.zeros((3, 3), np.float32)
    columns[0, 2] = columns[1, 1] = 3e38
    columns[2, 0] = -3e38
    assert fold(columns, (1, 5), (1, 3))[0, 2] == np.inf
    assert fold(columns, (5, 1), (3, 1))[2, 0] == np.inf
    window = make_geometry((4, 4), (2, 2), 1, 0)
    pieces = _im2col.im2col_by_tiles(draw(1, 2, 1, 4, 4, dtype=np.float32), window, np.dtype(np.float32))
    assert [columns.dtype for _, columns in pieces] == [np.float32]


def test_a_block_of_a_network_has_as_many_images_as_fill_it_with_columns(monkeypatch):
    window = make_geometry((6, 5), (2, 3), 1, 0)  # 5 × 3 cells with columns of 6 entries for each channel
    for block_bytes, channels, dtype, images in [
        (720, 1, np.float64, 1),
        (1439, 1, np.float64, 1),
        (1440, 1, np.float64, 2),
        (1440, 1, np.float32, 4),
        (1440, 2, np.float64, 1),
        (100, 1, np.float64, 1),
        (100, 0, np.float64, 100),
    ]:
        monkeypatch.setattr(_im2col, "BLOCK_BYTES", block_bytes)
        found = _im2col.images_per_block(channels, window, np.dtype(dtype))
        assert found == images
        assert type(found) is int
