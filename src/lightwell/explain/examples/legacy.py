"""The published forms of influence and SimplEx, kept to show what they did to the published numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lightwell.core.seeds import generator
from lightwell.explain.borrowed import Encoder
from lightwell.explain.examples.curvature import curvature_product
from lightwell.explain.examples.gradients import RECONSTRUCTION, Loss, Part, encoder_loss
from lightwell.explain.examples.neighbours import encoded
from lightwell.explain.examples.result import ExampleImportance, check_inputs
from lightwell.explain.examples.simplex import certificate
from lightwell.explain.examples.tracin import products

SCALE, DAMPING = 1000.0, 1e-3


def legacy_influence(
    model: nn.Module,
    train: Tensor,
    test: Tensor,
    loss: Loss = RECONSTRUCTION,
    *,
    depth: int = 100,
    batch_size: int = 300,
    part: Part = "encoder",
    max_rows: int = 512,
    seed: int = 0,
) -> ExampleImportance:
    """Run the recursion LiSSA with the published constants, with which the curvature hardly counts.

    ``v <- g + .999 v - H v / 1000`` from ``v = g``, ``depth`` times, H the Hessian of a random batch of the
    training examples each time, then ``<g_test, v> / (1000 N)``. The scores correlate with
    :func:`gradient_product` at .999; use :func:`influence`. The reference draws batches for each example
    anew; here all share them, so that no chunk changes the answer.

    Parameters
    ----------
    model, train, test, loss, part, max_rows
        See :func:`tracin`.
    depth : int
        Steps of the recursion.
    batch_size : int
        Examples whose curvature each step sees, drawn with replacement.
    seed : int
        Of the batches.

    Returns
    -------
    ExampleImportance
    """
    with encoder_loss(model, loss, part, train, test, max_rows) as ready:
        draw = generator(seed, "lissa")
        batches = [torch.from_numpy(draw.integers(len(train), size=batch_size)) for _ in range(depth)]

        def solve(rows: Tensor) -> Tensor:
            found = rows
            for batch in batches:
                bent = curvature_product(ready, train[batch], "hessian", max_rows)(found)
                found = rows + (1 - DAMPING) * found - bent / SCALE
            return found / (SCALE * len(train))

        scores = products(ready, test, train, max_rows, solve).T
    return ExampleImportance(np.ascontiguousarray(scores.float().numpy()), "legacy_influence")


def legacy_simplex(
    encoder: Encoder,
    train: Tensor,
    test: Tensor,
    *,
    steps: int = 1000,
    rate: float = 1e-3,
    max_rows: int = 256,
) -> ExampleImportance:
    """Fit mixtures by Adam on logits from equal weights, as published: it stops long before it fits.

    The parameters are those of :func:`simplex`, ``rate`` the learning rate; so are the errors, which show it.

    Returns
    -------
    ExampleImportance
    """
    check_inputs(train, test, max_rows)
    points, targets = (encoded(encoder, inputs, max_rows) for inputs in (train, test))
    rows = [_adam(points, some, steps, rate) for some in torch.split(targets, max_rows)]
    weights = torch.cat(rows)
    spread = (points - points.mean(dim=0)).square().sum(dim=1).mean().sqrt().clamp(min=1e-30)
    error = certificate(points / spread, targets / spread, weights)
    return ExampleImportance(weights.cpu().numpy(), "legacy_simplex", error)


def _adam(points: Tensor, targets: Tensor, steps: int, rate: float) -> Tensor:
    logits = torch.zeros(len(targets), len(points), device=points.device, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=rate)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            (logits.softmax(dim=1) @ points - targets).square().sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return logits.detach().softmax(dim=1)
