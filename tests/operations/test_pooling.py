import numpy as np
import pytest
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
        for name in ("PIXELS_OF_ONE_TILE", "PIXELS_OF_ONE_THREAD"):
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


def test_a_tie_goes_to_the_first_maximum_in_row_major_order_once():
    dy = np.array([[5.0]])
    assert max_pool2d_backward(dy, [[7, 7], [7, 7]]).tolist() == [[5, 0], [0, 0]]
    assert max_pool2d_backward(dy, [[1, 7], [7, 7]]).tolist() == [[0, 5], [0, 0]]
    assert max_pool2d_backward(dy, [[1, 2], [7, 7]]).tolist() == [[0, 0], [5, 0]]
    assert max_pool2d_backward(dy, [[0, 0], [0, -0.0]]).tolist() == [[5, 0], [0, 0]]


def test_a_remainder_is_dropped_and_gets_no_gradient():
    x = np.arange(15).reshape(3, 5)
    assert max_pool2d(x).tolist() == [[6, 8]]
    dx = max_pool2d_backward([[1, 2]], x)
    assert dx.tolist() == [[0, 0, 0, 0, 0], [0, 1, 0, 2, 0], [0, 0, 0, 0, 0]]
