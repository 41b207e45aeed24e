import numpy as np
import pytest
import scipy.ndimage
from oracle import (
    assert_same,
    compare_with_differences,
    compare_with_torch,
    draw,
    max_pool2d_loops,
    needs_torch,
    torch,
)

from cnnlab import _im2col, pooling
from cnnlab.pooling import max_pool2d, max_pool2d_backward


def random_case(seed):
    """Draw the sizes of maps, window and step; about half of the windows overlap or leave gaps."""
    rng = np.random.default_rng(seed)
    window = tuple(int(k) for k in rng.integers(1, 4, 2))
    step = None if rng.integers(2) else tuple(int(s) for s in rng.integers(1, 5, 2))
    height, width = (int(size) for size in rng.integers(0, 7, 2) + window)
    return (int(rng.integers(0, 4)), int(rng.integers(1, 4)), height, width), window, step


CASES = [random_case(seed) for seed in range(80)]


@needs_torch
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_and_its_gradient_equal_pytorch(case, dtype):
    shape, window, step = case
    compare_with_torch(
        lambda x: max_pool2d(x, window, stride=step),
        lambda dy, y, x: max_pool2d_backward(dy, x, window, stride=step),
        lambda x: torch.nn.functional.max_pool2d(x, window, step),
        draw(1, *shape, dtype=dtype),
    )


@needs_torch
@pytest.mark.parametrize("case", CASES, ids=str)
def test_ties_and_infinities_go_where_pytorch_sends_them(case):
    shape, window, step = case
    values = np.array([-np.inf, -1.0, 0.0, 0.0, 1.0, np.inf])
    x = values[np.random.default_rng(5).integers(0, len(values), shape)]
    compare_with_torch(
        lambda x: max_pool2d(x, window, stride=step),
        lambda dy, y, x: max_pool2d_backward(dy, x, window, stride=step),
        lambda x: torch.nn.functional.max_pool2d(x, window, step),
        x,
    )


@pytest.mark.parametrize("in_tiles", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_and_its_gradient_equal_loops(monkeypatch, case, in_tiles):
    if in_tiles:  # as a large stack of large maps is
        for name in ("ONE_TILE", "ONE_THREAD"):
            monkeypatch.setattr(pooling, name, 0)
        monkeypatch.setattr(_im2col, "BLOCK_BYTES", 2**8)
    shape, window, step = case
    x = np.random.default_rng(3).integers(0, 4, shape)
    expected, cells = max_pool2d_loops(x, window, step or window)
    assert_same(max_pool2d(x, window, stride=step), expected, dtype=np.float64)
    dy = draw(4, *expected.shape)
    dx = np.zeros(shape)
    for place, cell in cells.items():
        dx[cell] += dy[place]
    assert_same(max_pool2d_backward(dy, x, window, stride=step), dx)


@pytest.mark.parametrize(("window", "step"), [((2, 2), None), ((3, 2), (1, 1)), ((2, 3), (2, 1)), ((2, 2), (3, 3))])
def test_max_pool_backward_equals_central_differences(window, step):
    compare_with_differences(
        lambda x: max_pool2d(x, window, stride=step),
        lambda dy, y, x: max_pool2d_backward(dy, x, window, stride=step),
        draw(1, 2, 2, 5, 7),
    )


@pytest.mark.parametrize("window", [(2, 2), (3, 3), (2, 4)])
def test_max_pool_is_scipys_maximum_filter_at_every_window(window):
    image = draw(1, 8, 12)
    shift = [-(k // 2) for k in window]  # the window then begins at the cell
    filtered = scipy.ndimage.maximum_filter(image, window, origin=shift, mode="constant", cval=-np.inf)
    rows, columns = (size // k for size, k in zip(image.shape, window, strict=True))
    assert_same(max_pool2d(image, window), filtered[:: window[0], :: window[1]][:rows, :columns])


def test_a_tie_goes_to_the_first_maximum_in_row_major_order_once():
    dy = np.array([[5.0]])
    assert max_pool2d_backward(dy, [[7, 7], [7, 7]]).tolist() == [[5, 0], [0, 0]]
    assert max_pool2d_backward(dy, [[1, 7], [7, 7]]).tolist() == [[0, 5], [0, 0]]
    assert max_pool2d_backward(dy, [[1, 2], [7, 7]]).tolist() == [[0, 0], [5, 0]]
    assert max_pool2d_backward(dy, [[0, 0], [0, -0.0]]).tolist() == [[5, 0], [0, 0]]


def test_gradients_of_overlapping_windows_add_up():
    x = [[0, 0, 0], [0, 9, 0], [0, 0, 0]]
    assert max_pool2d_backward([[1, 2], [3, 4]], x, 2, stride=1).tolist() == [[0, 0, 0], [0, 10, 0], [0, 0, 0]]


def test_a_remainder_is_dropped_and_gets_no_gradient():
    x = np.arange(15).reshape(3, 5)
    assert max_pool2d(x).tolist() == [[6, 8]]
    dx = max_pool2d_backward([[1, 2]], x)
    assert dx.tolist() == [[0, 0, 0, 0, 0], [0, 1, 0, 2, 0], [0, 0, 0, 0, 0]]


def test_cells_between_windows_get_no_gradient():
    x = np.arange(1, 26).reshape(5, 5)
    assert max_pool2d(x, 2, stride=3).tolist() == [[7, 10], [22, 25]]
    dx = max_pool2d_backward([[1, 2], [3, 4]], x, 2, stride=3)
    assert dx[[1, 1, 4, 4], [1, 4, 1, 4]].tolist() == [1, 2, 3, 4]
    assert dx.sum() == 10


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_nan_wins_and_keeps_its_gradient(place):
    x = np.array([[1.0, np.inf], [3.0, 4.0]])
    x[place] = np.nan
    assert np.isnan(max_pool2d(x)).all()
    expected = np.zeros((2, 2))
    expected[place] = 5
    assert max_pool2d_backward([[5]], x).tolist() == expected.tolist()


def test_the_first_of_two_nans_keeps_the_gradient():
    assert max_pool2d_backward([[5]], [[1, np.nan], [np.nan, 4]]).tolist() == [[0, 5], [0, 0]]


def test_nan_touches_only_its_own_window():
    x = np.arange(16.0).reshape(4, 4)
    x[0, 0] = np.nan
    y = max_pool2d(x)
    assert np.isnan(y[0, 0])
    assert y.ravel()[1:].tolist() == [7, 13, 15]


def test_infinities_are_ordinary_values():
    assert max_pool2d([[-np.inf, -np.inf], [-np.inf, -np.inf]]).tolist() == [[-np.inf]]
    assert max_pool2d_backward([[5]], np.full((2, 2), -np.inf)).tolist() == [[5, 0], [0, 0]]
    assert max_pool2d([[-np.inf, 3], [np.inf, 1]]).tolist() == [[np.inf]]
    assert max_pool2d_backward([[5]], [[-np.inf, 3], [np.inf, 1]]).tolist() == [[0, 0], [5, 0]]
    assert max_pool2d_backward([[np.inf]], [[1, 3], [2, 1]]).tolist() == [[0, np.inf], [0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int8, bool, np.float16])
def test_other_numbers_become_float64(dtype):
    x = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert_same(max_pool2d(x), [[1.0]], dtype=np.float64)
    assert_same(max_pool2d_backward([[255]], x), [[0, 255], [0, 0]], dtype=np.float64)


def test_any_stack_of_maps_is_pooled_map_by_map():
    x = draw(1, 2, 3, 4, 5, 6)
    y = max_pool2d(x, (2, 3))
    assert y.shape == (2, 3, 4, 2, 2)
    assert_same(y[1, 2, 3], max_pool2d(x[1, 2, 3], (2, 3)))
    dy = draw(2, *y.shape)
    assert_same(max_pool2d_backward(dy, x, (2, 3))[1, 2, 3], max_pool2d_backward(dy[1, 2, 3], x[1, 2, 3], (2, 3)))


@pytest.mark.parametrize("shape", [(0, 2, 5, 4), (3, 0, 5, 4), (0, 5, 4)])
def test_an_empty_stack_is_pooled_to_an_empty_stack(shape):
    x = np.zeros(shape, np.float32)
    y = max_pool2d(x)
    assert_same(y, np.zeros((*shape[:-2], 2, 2)), dtype=np.float32)
    assert_same(max_pool2d_backward(y, x), x, dtype=np.float32)


def test_a_step_of_the_window_is_the_default():
    x = draw(1, 6, 6)
    assert_same(max_pool2d(x, 3), max_pool2d(x, (3, 3), stride=3))
    assert_same(max_pool2d(x), max_pool2d(x, 2, stride=(2, 2)))
