"""Integrated gradients of an auto-encoder's code against captum, called by hand on the same rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from benchmarks.timing import ratio
from lightwell.core.seeds import global_seed
from lightwell.data import load
from lightwell.data.batches import to_images
from lightwell.explain.features import attribute

IMAGES, NODES, ROWS, TOLERANCE, ROUNDS = 100, 50, 256, 0.05, 5


def lines() -> Iterator[str]:
    """Give one line each for the price of the pairing and for nodes as needed."""
    torch.set_num_threads(1)
    images = to_images(torch.tensor(load("mnist-mini").inputs[:2000]))
    net = _trained(images)
    rows = images[:IMAGES]
    for title, budget in ((f"{ROWS} rows at once", ROWS), ("all rows at once", None)):
        ours, bare, share = ratio(
            lambda: attribute(net, rows, nodes=NODES, max_rows=ROWS),
            lambda b=budget: _captum(net, rows, b),
            ROUNDS,
        )
        yield (
            f"integrated gradients, {NODES} nodes, {ROWS} rows: {IMAGES / ours:6.1f} images/CPU-s, captum, "
            f"{title}: {IMAGES / bare:6.1f}, ratio {share:.3f} (at least 0.95)"
        )
    gap = np.abs(attribute(net, rows, nodes=NODES).scores - _captum(net, rows, ROWS).numpy()).max()
    fixed = attribute(net, rows, nodes=64).error["completeness_residual"]
    found = attribute(net, rows, tolerance=TOLERANCE).error["completeness_residual"]
    adaptive, full, share = ratio(
        lambda: attribute(net, rows, tolerance=TOLERANCE), lambda: attribute(net, rows, nodes=64), ROUNDS
    )
    yield (
        f"integrated gradients, nodes until the residual is {TOLERANCE}: {IMAGES / adaptive:6.1f} "
        f"images/CPU-s ({np.mean(found <= TOLERANCE):.0%} there), 64 nodes: {IMAGES / full:6.1f} "
        f"({np.mean(fixed <= TOLERANCE):.0%} there, median {statistics.median(fixed):.3f}), "
        f"ratio {share:.2f} (above 1); largest difference to captum {gap:.1e}"
    )


def _captum(net: nn.Module, images: Tensor, internal: int | None) -> Tensor:
    net.eval()
    anchors = net(images).detach()
    return IntegratedGradients(lambda x, a: (net(x) * a).sum(1)).attribute(
        images, 0, additional_forward_args=(anchors,), n_steps=NODES, internal_batch_size=internal
    )


def _trained(images: Tensor) -> nn.Module:
    """Return the published encoder of MNIST (four units), after some epochs of reconstruction."""
    with global_seed(0, "bench"):
        encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(288, 128), nn.ReLU(),
            nn.Linear(128, 4),
        )  # fmt: skip
        decoder = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid())
        steps = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
        for batch in images.repeat(10, 1, 1, 1).split(100):
            loss = (decoder(encoder(batch)) - batch.flatten(1)).square().mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
    return encoder
