"""The same number of threads for everyone."""

import os

THREADS = 2
VARIABLES = (
    "OMP_NUM_THREADS",  # PyTorch
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",  # NumPy
    "VECLIB_MAXIMUM_THREADS",  # NumPy on a Mac
    "NPROC",  # XLA, which JAX compiles with
)


def with_equal_threads() -> None:
    """Tell every library, and every process started from here; call it before they are imported."""
    os.environ.update(dict.fromkeys(VARIABLES, str(THREADS)))
