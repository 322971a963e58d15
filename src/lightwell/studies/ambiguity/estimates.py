"""Estimates of one set of samples: how undecided and how real its images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.findings import Estimate, Null
from lightwell.metrics import estimate, share_estimate
from lightwell.metrics.generation import (
    Gaussian,
    confusion_distance,
    density_coverage,
    frechet_distance,
    hubris,
    in_band,
    isolated_pixels,
    kernel_distance,
    precision_recall,
)

Seen = Mapping[str, NDArray[Any]]

_RESAMPLES = 200
_HIGHER = {
    "acd": False, "band_share": True, "frechet": False, "guard_score": True, "kid": False, "precision": True,
    "recall": True, "density": True, "coverage_of_real": True, "isolated_pixels": False,
    "judged_in_pair": True, "hubris": False,
}  # fmt: skip
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Reference:
    """The real training images of the pair, as the judge sees them.

    Attributes
    ----------
    features : array, shape (n, D)
        Of each image.
    statistics : Gaussian
        Their mean and covariance.
    """

    features: NDArray[Any]
    statistics: Gaussian


def measured(name: str, seen: Seen, reference: Reference, width: float, seed: int) -> dict[str, Estimate]:
    """Return every measure of a set by its own name, as estimates called ``<measure>.<name>``.

    Precision, recall, density and coverage compare as many generated images as there are real ones at most.

    Parameters
    ----------
    name : str
        Of the set.
    seen : mapping of str to array
        What was seen of it, and its ``images``.
    reference : Reference
        What it is compared with.
    width : float
        Of the band.
    seed : int
        Of resamples.
    """
    features, n = seen["features"], len(seen["p"])
    found = {
        "acd": _mean(f"acd.{name}", confusion_distance(seen["p"]), seed),
        "band_share": share_estimate(f"band_share.{name}", in_band(seen["p"], width)),
    } | realism(name, seen, seed)
    plain = {
        "frechet": frechet_distance(Gaussian.of(features), reference.statistics),
        "hubris": hubris(seen["p"]),
    }
    plain["kid"] = kernel_distance(reference.features, features, seed=seed).mean
    few = features[: len(reference.features)]
    if min(len(few), len(reference.features)) > _NEIGHBOURS:
        near = precision_recall(reference.features, few)
        spread = density_coverage(reference.features, few, _NEIGHBOURS)
        plain |= {"precision": near.precision, "recall": near.recall}
        plain |= {"density": spread.density, "coverage_of_real": spread.coverage}
    found |= {key: Estimate(f"{key}.{name}", float(value), n=n) for key, value in plain.items()}
    return {key: replace(found[key], higher_is_better=_HIGHER[key]) for key in _HIGHER if key in found}


def realism(name: str, seen: Seen, seed: int) -> dict[str, Estimate]:
    """Return what tells images of the pair from others and from speckle.

    The frozen discriminator's score, isolated pixels, and the share that the judge takes for one of the pair.
    """
    found = {
        "guard_score": _mean(f"guard_score.{name}", seen["guard"].astype(np.float64), seed),
        "isolated_pixels": _mean(f"isolated_pixels.{name}", isolated_pixels(seen["images"]), seed),
        "judged_in_pair": share_estimate(f"judged_in_pair.{name}", seen["in_pair"]),
    }
    return {key: replace(one, higher_is_better=_HIGHER[key]) for key, one in found.items()}


def beside(estimates: Mapping[str, Estimate], null: Mapping[str, Estimate], words: str) -> list[Estimate]:
    """Return estimates beside those of another set."""
    return [
        replace(one, null=Null(words, null[key].value)) if key in null else one
        for key, one in estimates.items()
    ]


def rows_of(seen: Seen, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return some of a set's images with what is measured of them."""
    return {name: seen[name][rows] for name in ("images", "p", "guard", "features", "in_pair")}


def _mean(name: str, values: NDArray[Any], seed: int) -> Estimate:
    return estimate(name, np.mean, [values], n_resamples=_RESAMPLES, seed=seed)
