"""Remove and retrain: what a model still learns without the pixels that an attribution ranks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.features.baselines import Baseline, baseline_for
from lightwell.explain.inputs import as_scores, check_batch
from lightwell.metrics.attribution import removal_masks, removed_counts

Floats = NDArray[np.float32]
Train = Callable[[dict[str, Tensor], int], float]
_SHARES = (0.0, 0.1, 0.2, 0.5, 0.7, 1.0)


@dataclass(frozen=True, eq=False)
class Keyed:
    """Rows of a data set with the ids that they have there, so that no order can mix them up.

    Attributes
    ----------
    ids : array of int, shape (n,)
        Each once.
    values : Tensor
        A row an id.

    Raises
    ------
    DataError
        If there is not one distinct id a row.

    Examples
    --------
    >>> Keyed([7, 3], torch.tensor([70.0, 30.0])).at(np.array([3, 7]))
    tensor([30., 70.])
    """

    ids: ArrayLike
    values: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        ids = np.asarray(self.ids)
        object.__setattr__(self, "values", torch.as_tensor(self.values))
        if ids.dtype.kind not in "iu" or ids.shape != (len(self.values),) or len(np.unique(ids)) != len(ids):
            raise DataError(
                "rows need ids of their own",
                where="Keyed.ids",
                expected=f"{len(self.values)} distinct integers",
                got=f"{ids.dtype} {ids.shape}",
                fix="Take the positions in the data set, as a loader without shuffling gives them.",
            )
        object.__setattr__(self, "ids", ids.astype(np.int64))

    def at(self, ids: NDArray[np.int64]) -> Tensor:
        """Return the rows of these ids, in their order; refuse an id that is not there."""
        own = np.asarray(self.ids)
        order = np.argsort(own)
        places = order[np.searchsorted(own, ids, sorter=order).clip(max=len(own) - 1)]
        missing = ids[own[places] != ids]
        if missing.size:
            raise DataError("an example has no row", where="ids", expected=missing[:3].tolist(), got="none")
        return self.values[torch.from_numpy(places)]


@dataclass(frozen=True, eq=False)
class RoarCurve:
    """What was scored after training without each share of the pixels.

    Attributes
    ----------
    shares : array, shape (s,)
        Of the pixels, removed from every image.
    scores : array, shape (seeds, s)
        One training each.
    """

    shares: NDArray[np.float64]
    scores: NDArray[np.float64] = field(repr=False)


def roar(
    parts: Mapping[str, Keyed],
    attributions: Mapping[str, Keyed],
    train_and_score: Train,
    *,
    shares: ArrayLike = _SHARES,
    baseline: Baseline = "zero",
    seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, RoarCurve]:
    """Return the curve of each method, and of pixels removed at random (Hooker et al., NeurIPS 2019).

    Masks find their image by id, whatever order it comes in. Every part given is masked, since a model that
    has never seen masks is not judged on them; leave out the test images, and hold them in the function, to
    mask the training alone as the published code does. Methods share their seeds, and the training on whole
    images is done once.

    Parameters
    ----------
    parts : mapping of str to Keyed
        Inputs n×C×H×W by the name of the part; ids are those of the whole data set.
    attributions : mapping of str to Keyed
        Scores by method, which cover all of these ids.
    train_and_score : callable
        Given the masked parts and a seed, trains anew and returns one number.
    shares : array
        Rising, in [0, 1].
    baseline : {"zero", "blur"} or Tensor
        What a removed pixel becomes.
    seeds : sequence of int
        One training each.

    Raises
    ------
    DataError
        If an image has no scores, or they do not fit.
    ConfigError
        If there is no part or no seed, or a method is called "random".

    Examples
    --------
    >>> x = Keyed([5, 9], torch.tensor([1.0, 2, 3, 4]).reshape(2, 1, 2, 1))
    >>> found = roar({"train": x}, {"size": x}, lambda parts, seed: parts["train"].sum().item(),
    ...              shares=[0, 0.5], seeds=[0])
    >>> found["size"].scores.tolist()
    [[10.0, 4.0]]
    """
    if not parts or not len(seeds) or "random" in attributions:
        raise ConfigError(
            "nothing to retrain",
            where="roar",
            expected='one part and one seed or more, and no method "random"',
            got=f"{list(parts)}, {list(seeds)}, {list(attributions)}",
        )
    whole = {part: check_batch(rows.values) for part, rows in parts.items()}
    ids = {part: np.asarray(rows.ids) for part, rows in parts.items()}
    at = np.asarray(shares, np.float64)
    removed_counts(at, 1)  # refuses shares that are none, before anything is trained
    scores: dict[str, dict[str, Floats | None]] = {
        name: {part: as_scores(found.at(ids[part]), x, name) for part, x in whole.items()}
        for name, found in attributions.items()
    }
    scores["random"] = dict.fromkeys(whole)
    bases = {part: baseline_for(x, baseline) for part, x in whole.items()}
    untouched = [train_and_score(dict(whole), seed) for seed in seeds] if at[0] == 0 else []
    curves = {}
    for name, found in scores.items():
        columns = [untouched] if untouched else []
        for share in at[len(columns) :].tolist():
            masked = {p: _masked(x, found[p], ids[p], bases[p], share) for p, x in whole.items()}
            columns.append([train_and_score(dict(masked), seed) for seed in seeds])
        curves[name] = RoarCurve(at, np.array(columns, np.float64).T)
    return curves


def _masked(x: Tensor, scores: Floats | None, ids: NDArray[np.int64], base: Tensor, share: float) -> Tensor:
    """Remove the pixels of the largest scores, random ones where there are none."""
    if scores is None:
        gone = removal_masks(x[:, :1].cpu().numpy(), [share], "random", ids=ids)
    else:
        gone = removal_masks(scores, [share])
    return torch.where(torch.from_numpy(gone[0]).to(x.device)[:, None], base, x)
