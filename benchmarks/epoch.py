"""An epoch of the ten-class network on 4,000 digits, in batches of 32."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import contenders
from benchmarks.problems import Problem
from benchmarks.steps import require_same_first_step
from benchmarks.timing import FULL, QUICK, compared
from cnnlab import datasets, networks

DTYPE = "float32"
LIMIT = 2.5  # of cnnlab's time divided by PyTorch's
BATCH_SIZE = 32


def run(quick: bool) -> dict[str, Any]:
    """Compare the first batch's step, then time whole epochs."""
    if not hasattr(networks, "TenClassCNN"):
        return {"left_out": {"cnnlab": "it has no TenClassCNN yet"}}
    network = networks.TenClassCNN.initialize(np.random.default_rng(0), dtype=DTYPE)
    train = datasets.mnist_sample().train
    count = 10 * BATCH_SIZE if quick else len(train.images)
    x, target = (train.images[:count] / 255).astype(DTYPE), train.labels[:count]
    epoch = Problem(networks.TenClassCNN, network.parameters, x, target, 0.1, BATCH_SIZE)
    first = epoch._replace(x=x[:BATCH_SIZE], target=target[:BATCH_SIZE])
    makers = {name: contenders.TRAINING[name] for name in contenders.GROWTH}
    require_same_first_step(contenders.available(makers, first)[0], first)
    entrants, left_out = contenders.available(makers, epoch)
    effort = QUICK if quick else FULL._replace(rounds=9, budget=30)
    measured = compared({name: entrant.step for name, entrant in entrants.items()}, effort)
    return {"dtype": DTYPE, "images": count, **measured, "left_out": left_out}
