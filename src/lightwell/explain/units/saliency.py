"""Maps of all units of a code from one pass forward: the pass back is done for every unit at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.features.baselines import Baseline, baseline_for
from lightwell.explain.inputs import check_batch, check_slope, encode


def unit_saliency(
    encoder: Encoder,
    inputs: Tensor,
    units: Sequence[int] | None = None,
    *,
    baseline: Baseline | None = None,
    nodes: int = 16,
    weighted: bool = False,
    max_rows: int = 256,
) -> NDArray[np.float32]:
    """Return what each unit of each code responds to, signed, of shape B×units×C×H×W.

    Without a baseline it is the slope. With one it is the slope integrated along the way from there
    (Gauss-Legendre), whose sum over a map tends to what the unit changes: what the published gradient SHAP
    tends to with many draws.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D.
    inputs : Tensor
        Examples B×C×H×W.
    units : sequence of int, optional
        Columns of the code; all by default.
    baseline : {"zero", "blur"} or Tensor, optional
        Where the way begins.
    nodes : int
        Places on the way.
    weighted : bool
        Times the absolute value of the unit, as in Crabbé and van der Schaar (ICML 2022).
    max_rows : int
        Examples times units that are differentiated at once.

    Raises
    ------
    ConfigError
        If there is no such unit, or nodes or rows are below 1.
    DataError
        If inputs or codes are not what they should be, or no gradient comes back.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 3, bias=False))
    >>> maps = unit_saliency(net, torch.ones(1, 1, 1, 2))
    >>> np.array_equal(maps.reshape(3, 2), net[1].weight.detach())
    True
    """
    x = check_batch(inputs, max_rows)
    if nodes < 1:
        raise ConfigError("a way has a node", where="nodes", expected="1 or more", got=nodes)
    base = None if baseline is None else baseline_for(x, baseline).expand_as(x)
    with borrowed(encoder) as ask:
        width = encode(ask, x[:1], 1).shape[1]
        chosen = list(range(width)) if units is None else list(units)
        if not chosen or not all(0 <= unit < width for unit in chosen):
            raise ConfigError("no such unit", where="units", expected=f"0 to {width - 1}", got=chosen)
        made = []
        for start in range(0, len(x), size := max(1, max_rows // len(chosen))):
            rows = slice(start, start + size)
            if base is None:
                maps = _maps(ask, x[rows], chosen)
            else:
                maps = _along(ask, x[rows], base[rows], chosen, nodes)
            if weighted:
                maps = maps * ask(x[rows].clone()).detach()[:, chosen].abs()[..., None, None, None]
            made.append(maps.float().cpu())
    return np.asarray(torch.cat(made).numpy())


def _along(ask: Encoder, x: Tensor, base: Tensor, units: list[int], nodes: int) -> Tensor:
    places, weights = np.polynomial.legendre.leggauss(nodes)
    steps = zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True)
    slopes = [weight * _maps(ask, base + place * (x - base), units) for place, weight in steps]
    return torch.stack(slopes).sum(dim=0) * (x - base)[:, None]


def _maps(ask: Encoder, x: Tensor, units: list[int]) -> Tensor:
    """Return slopes B×units×C×H×W; examples do not meet, so that one vector serves a unit of all of them."""
    leaf = x.detach().clone().requires_grad_()
    codes = ask(leaf.clone())
    check_slope(codes)
    chosen = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)[units]
    vectors = chosen[:, None].expand(len(units), *codes.shape)
    (slopes,) = torch.autograd.grad(codes, leaf, vectors, is_grads_batched=True)
    return slopes.detach().transpose(0, 1)
