"""SimplEx: a code as a mixture of training codes, weights at least 0 that sum to 1."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.explain.borrowed import Encoder
from lightwell.explain.examples.neighbours import encoded
from lightwell.explain.examples.result import ExampleImportance, check_inputs

FINEST = 1e-9
"""The smallest gap that float64 resolves with ease."""


def simplex(
    encoder: Encoder,
    train: Tensor,
    test: Tensor,
    *,
    keep: int | None = None,
    tolerance: float = 1e-6,
    steps: int = 100,
    max_rows: int = 64,
) -> ExampleImportance:
    """Find the mixture of training codes nearest to each code, and say how near and how sure that is.

    The scores are the weights (Crabbé et al., NeurIPS 2021). Where several mixtures fit, as for a code inside
    the hull of the training codes, it is the one in their middle, to which every training example adds
    something and equal ones the same. ``error["residual"]`` is the distance left, ``error["gap"]`` a
    certificate: half the squared distance is at most that far above the least possible. Both are in units
    of the spread of the training codes (the root mean square distance from their mean).

    Parameters
    ----------
    encoder : callable
        From a batch to codes B×D.
    train, test : Tensor
        Training examples and examples to explain.
    keep : int, optional
        At most so many examples in a mixture, added one by one where the distance falls fastest (fully
        corrective Frank-Wolfe); all by default. The gap then says what the rest could still give.
    tolerance : float
        Gap at which an example is done.
    steps : int
        Most steps; some 15 are usual.
    max_rows : int
        Examples encoded, and mixtures sought, at once.

    Returns
    -------
    ExampleImportance

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If the inputs do not fit or the encoder gives no codes.

    Examples
    --------
    >>> corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> simplex(lambda x: x, corners, torch.tensor([[0.25, 0.5]])).scores.round(2)
    array([[0.25, 0.25, 0.5 ]], dtype=float32)
    """
    if not tolerance >= FINEST or steps < 1 or (keep is not None and keep < 1):
        raise ConfigError(
            "SimplEx cannot run with these settings",
            expected=f"tolerance >= {FINEST}, steps >= 1, keep >= 1",
            got=f"{tolerance}, {steps}, {keep}",
        )
    check_inputs(train, test, max_rows)
    points, targets = (encoded(encoder, inputs, max_rows).double() for inputs in (train, test))
    centre = points.mean(dim=0)
    points = points - centre
    spread = float(points.square().sum(dim=1).mean()) ** 0.5 or 1.0
    points, targets = points / spread, (targets - centre) / spread
    find = partial(_sparse, keep=keep) if keep else fit
    weights = torch.cat(
        [find(points, some, tolerance=tolerance, steps=steps) for some in torch.split(targets, max_rows)]
    )
    error = certificate(points, targets, weights)
    return ExampleImportance(weights.float().cpu().numpy(), "simplex", error)


def certificate(points: Tensor, targets: Tensor, weights: Tensor) -> dict[str, NDArray[Any]]:
    """Return the distance of each mixture from its target and the duality gap of half its square."""
    residual = weights @ points - targets
    slope = residual @ points.T
    gap = (slope * weights).sum(dim=1) - slope.min(dim=1).values
    return {name: np.asarray(v.cpu()) for name, v in (("residual", residual.norm(dim=1)), ("gap", gap))}


def fit(points: Tensor, targets: Tensor, tolerance: float, steps: int) -> Tensor:
    """Return the weights T×N of the nearest mixtures of points N×D, or of each target's own, T×N×D.

    A primal-dual interior point method with Mehrotra's corrector (1992). It starts inside the simplex with
    feasible multipliers, so that ``<weights, multipliers>`` is the duality gap all along; each target leaves
    at its own tolerance and none depends on the others. A step is a D×D system whatever the number of points.
    """
    weights = targets.new_full((len(targets), points.shape[-2]), 1 / points.shape[-2])
    live = torch.arange(len(targets), device=targets.device)
    w, own, goal = weights.clone(), points, targets
    slope = _times(own, _mix(own, w) - goal)
    z = slope - slope.min(dim=1, keepdim=True).values
    z = z + z.mean(dim=1, keepdim=True).clamp(min=tolerance)
    for _ in range(steps):
        open_ = (w * z).sum(dim=1) > tolerance
        weights[live] = w
        live, w, z, goal = live[open_], w[open_], z[open_], goal[open_]
        own = own[open_] if own.ndim == 3 else own
        if not len(live):
            break
        w, z = _step(own, w, z)
    weights[live] = w
    return weights / weights.sum(dim=1, keepdim=True)


def _step(points: Tensor, w: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Take one step of the method from weights w and multipliers z."""
    ratio = w / z
    inner = (points.mT * ratio[:, None]) @ points
    factor = torch.linalg.cholesky(inner + torch.eye(inner.shape[-1], dtype=w.dtype, device=w.device))

    def solve(right: Tensor) -> Tensor:  # (points points' + z / w)^-1, by Woodbury
        scaled = ratio * right
        seen = torch.cholesky_solve(_mix(points, scaled)[..., None], factor)[..., 0]
        return scaled - ratio * _times(points, seen)

    level = solve(torch.ones_like(w))

    def way(wanted: Tensor) -> tuple[Tensor, Tensor]:
        free = solve(wanted / w)
        dw = free - free.sum(dim=1, keepdim=True) / level.sum(dim=1, keepdim=True) * level
        return dw, (wanted - z * dw) / w

    mean = (w * z).mean(dim=1, keepdim=True)
    dw, dz = way(-w * z)
    far = _reach(w, z, dw, dz)
    centred = ((w + far * dw) * (z + far * dz)).mean(dim=1, keepdim=True) / mean
    dw, dz = way(centred**3 * mean - w * z - dw * dz)
    far = 0.995 * _reach(w, z, dw, dz)
    return w + far * dw, z + far * dz


def _reach(w: Tensor, z: Tensor, dw: Tensor, dz: Tensor) -> Tensor:
    """Return how far one can go, at most 1, until a weight or a multiplier is 0."""
    fall = torch.maximum(-dw / w, -dz / z).max(dim=1, keepdim=True).values
    return 1 / fall.clamp(min=1)


def _mix(points: Tensor, weights: Tensor) -> Tensor:
    return weights @ points if points.ndim == 2 else (weights[:, None] @ points)[:, 0]


def _times(points: Tensor, codes: Tensor) -> Tensor:
    return codes @ points.T if points.ndim == 2 else (codes[:, None] @ points.mT)[:, 0]


def _sparse(points: Tensor, targets: Tensor, keep: int, tolerance: float, steps: int) -> Tensor:
    """Add to each mixture, from its nearest point on, the point along which the distance falls fastest."""
    chosen = torch.cdist(targets, points).argmin(dim=1, keepdim=True)
    small = torch.ones_like(chosen, dtype=points.dtype)
    for _ in range(min(keep, len(points)) - 1):
        slope = _times(points, _mix(points[chosen], small) - targets)
        chosen = torch.cat([chosen, slope.scatter(1, chosen, torch.inf).argmin(dim=1, keepdim=True)], dim=1)
        small = fit(points[chosen], targets, tolerance, steps)
    return targets.new_zeros(len(targets), len(points)).scatter(1, chosen, small)
