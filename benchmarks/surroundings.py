"""Where and when it was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from typing import Any

import numpy as np
import psutil

import cnnlab
from benchmarks.threads import THREADS

PACKAGES = ("torch", "jax", "jaxlib")


def describe() -> dict[str, Any]:
    """Return date, machine and versions; nothing that names the machine's owner."""
    known = _metadata()
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {
            "processor": known.get("cpu_model_name") or platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "vectors": _vectors(),
            "system": f"{platform.system()} {platform.machine()}",
            "busy_percent": busy_percent(),
        },
        "threads": THREADS,
        "versions": {
            "Python": platform.python_version(),
            "cnnlab": cnnlab.__version__,
            "NumPy": np.__version__,
            "BLAS": _blas(),
            **{name: version for name in PACKAGES if (version := _version(name))},
        },
    }


def busy_percent() -> float:
    """Measure how busy the machine is while nothing is measured."""
    return psutil.cpu_percent(interval=1)


def _metadata() -> dict[str, Any]:
    try:
        import pyperf
    except ImportError:
        return {}
    return dict(pyperf.Run([1.0], collect_metadata=True).get_metadata())


def _vectors() -> str:
    """Say how wide the processor's vectors are, as NumPy sees them: its exp of float64 needs AVX-512."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return "AVX-512" if any("AVX512" in name or name == "X86_V4" for name in found) else "no AVX-512"


def _blas() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
