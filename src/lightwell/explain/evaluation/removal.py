"""How a code moves as the pixels that an attribution ranks first are removed, or put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError
from lightwell.core.findings import Estimate, Null
from lightwell.explain.borrowed import Encoder, borrowed
from lightwell.explain.features.baselines import Baseline, baseline_for
from lightwell.explain.inputs import as_scores, check_batch, encode, keys_of
from lightwell.explain.targets import Target
from lightwell.metrics.attribution import (
    SHARES,
    Masks,
    Shift,
    removal_masks,
    removed_counts,
    representation_shift,
    shift_auc,
)
from lightwell.metrics.bootstrap import estimate

Floats = NDArray[np.float64]
Order = Literal["most", "least", "insertion"]


@dataclass(frozen=True, eq=False)
class RemovalCurve:
    """How far each example moved at each share.

    Attributes
    ----------
    shares : array, shape (s,)
        Of the pixels removed, or put back.
    shifts : array, shape (n, s)
        Of each example.
    order : {"most", "least", "insertion"}
        What went first. A good method is high where it is "most", else low.
    """

    shares: Floats
    shifts: Floats = field(repr=False)
    order: Order = "most"

    @property
    def mean(self) -> Floats:
        """Mean over the examples, (s,)."""
        return np.asarray(self.shifts.mean(axis=0))

    @property
    def error(self) -> Floats:
        """Half the width of the 95 % interval of the mean over examples, (s,); NaN of a single one."""
        n = len(self.shifts)
        if n == 1:
            return np.full(len(self.shares), np.nan)
        return np.asarray(1.96 * self.shifts.std(axis=0, ddof=1) / np.sqrt(n))


def removal_curves(
    encoder: Encoder,
    inputs: Tensor,
    attributions: Mapping[str, Any],
    *,
    measure: Shift | Target = "squared",
    order: Order = "most",
    baseline: Baseline = "zero",
    shares: ArrayLike = SHARES,
    max_rows: int = 256,
    seed: int = 0,
    ids: ArrayLike | None = None,
) -> dict[str, RemovalCurve]:
    """Return the curve of each method, and of pixels removed at random: their null.

    The representation shift of Crabbé and van der Schaar (ICML 2022), whose code squares it. All pixels of a
    share come from one ranking, and neither ``max_rows`` nor the other examples change a curve.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D.
    inputs : Tensor
        Examples B×C×H×W.
    attributions : mapping of str to Tensor, array, Attribution, or a function of the inputs
        Scores B×C×H×W by method; see :func:`lightwell.metrics.attribution.removal_masks`.
    measure : {"squared", "norm", "cosine"} or Target
        Distance from the code of the whole input; or how far a target falls from its value there.
    order : {"most", "least", "insertion"}
        What goes first; or, of an image that is all baseline, the most important is put back first.
    baseline : {"zero", "blur"} or Tensor
        What a removed pixel becomes, see :func:`lightwell.explain.features.baseline_for`.
    shares : array
        Rising, in [0, 1].
    max_rows : int
        Rows through the encoder at once.
    seed, ids
        Of the random order; without ids it depends on the content of an example.

    Raises
    ------
    DataError
        If inputs, attributions, baseline, shares or codes are not what they should be.
    ConfigError
        If a setting is unknown, or a method is called "random".

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 2.0]]]])
    >>> curves = removal_curves(lambda x: x.flatten(1), x, {"x²": x**2}, shares=[0, 0.5, 1])
    >>> curves["x²"].shifts.tolist(), sorted(curves)
    ([[0.0, 4.0, 5.0]], ['random', 'x²'])
    """
    x = check_batch(inputs, max_rows)
    _check(attributions, measure, order)
    at, base, keys = np.asarray(shares, np.float64), baseline_for(x, baseline), keys_of(x, ids)
    removed_counts(at, 1)  # refuses shares that are none, before the encoder is asked
    first: Literal["most", "least"] = "least" if order == "least" else "most"
    scores = {name: as_scores(given, x, name) for name, given in attributions.items()}
    with borrowed(encoder) as ask, torch.no_grad():
        walk = _Walk(ask, x, base.expand_as(x), measure, max_rows, order == "insertion")
        moved = {name: walk.along(removal_masks(found, at, first)) for name, found in scores.items()}
        drawn = removal_masks(x[:, :1].cpu().numpy(), at, "random", ids=keys, seed=seed)
        moved["random"] = walk.along(drawn)
    return {name: RemovalCurve(at, shifts, order) for name, shifts in moved.items()}


def _check(attributions: Mapping[str, Any], measure: Shift | Target, order: str) -> None:
    if "random" in attributions:
        raise ConfigError(
            "random removal is drawn here", where="attributions", got="random", fix="Leave it out."
        )
    if isinstance(measure, str) and measure not in get_args(Shift):
        raise ConfigError("no such measure", expected=f"{get_args(Shift)} or a Target", got=repr(measure))
    if order not in get_args(Order):
        raise ConfigError("no such order", where="order", expected=get_args(Order), got=repr(order))


class _Walk:
    """Asks an encoder about inputs of which so many pixels are gone."""

    def __init__(
        self, ask: Encoder, x: Tensor, base: Tensor, measure: Shift | Target, max_rows: int, insert: bool
    ) -> None:
        self._ask, self._x, self._base, self._insert = ask, x, base, insert
        self._measure, self._rows = measure, max_rows
        self._codes = encode(ask, x, max_rows)
        if isinstance(measure, Target):
            self._anchors = measure.anchors(self._codes)
            self._whole = measure(self._codes, self._anchors)

    def along(self, masks: Masks) -> Floats:
        """Return the shifts n×s."""
        columns = []
        for mask in masks:
            gone = torch.from_numpy(mask != self._insert).to(self._x.device)[:, None]
            parts = zip(*(torch.split(t, self._rows) for t in (gone, self._base, self._x)), strict=True)
            columns.append(self._shift(torch.cat([self._ask(torch.where(*part)) for part in parts])))
        return np.stack(columns, axis=1)

    def _shift(self, codes: Tensor) -> Floats:
        if isinstance(self._measure, Target):
            fall = self._whole - self._measure(codes, self._anchors)
            return fall.double().cpu().numpy()
        before = self._codes.double().cpu().numpy()
        return representation_shift(before, codes.double().cpu().numpy(), self._measure)


def shift_estimates(curves: Mapping[str, RemovalCurve], *, seed: int = 0) -> list[Estimate]:
    """Return ``shift_auc.<method>``: the mean height of each curve, beside that of random removal.

    Examples
    --------
    >>> curve = RemovalCurve(np.array([0.0, 1.0]), np.array([[0.0, 4.0]]))
    >>> found = shift_estimates({"saliency": curve, "random": curve})[0]
    >>> found.name, found.value, found.null.value
    ('shift_auc.saliency', 2.0, 2.0)
    """
    areas = {name: shift_auc(curve.shares, curve.shifts) for name, curve in curves.items()}
    null = Null("random pixels", float(areas["random"].mean())) if "random" in areas else None
    return [
        estimate(f"shift_auc.{name}", np.mean, [area], null=None if name == "random" else null,
                 higher_is_better=curves[name].order == "most", seed=seed)
        for name, area in areas.items()
    ]  # fmt: skip
