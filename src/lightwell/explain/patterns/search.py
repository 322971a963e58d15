"""The pipeline's settings, searched by Optuna without cross-validation: each trial clusters all examples."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import derive
from lightwell.explain.patterns.cluster import Floats
from lightwell.explain.patterns.reduce import reduce
from lightwell.explain.patterns.sample import Sample, null_samples
from lightwell.explain.patterns.settings import Clusterer, PatternSettings

if TYPE_CHECKING:
    import optuna

_NULLS = 2  # replicates a trial; those of the verdict are others


def search(rows: Floats, settings: PatternSettings, seed: int) -> PatternSettings:
    """Return the settings of the best of ``settings.trials`` trials of each clusterer.

    The space is the paper's: neighbours 5 .. 25, min_dist .01 .. .25 and components 5 .. 60 of UMAP,
    perplexity 5 .. 30 of t-SNE, min_cluster_size 3 .. 10 and epsilon 0 .. 5 of HDBSCAN, and for the others k
    in ``k_least`` .. ``k_most`` (3 .. 15 there), unless it is given. PCA has nothing to search.

    Parameters
    ----------
    rows : array, shape (n, d)
        Embeddings.
    settings : PatternSettings
        What is not searched, and the objective.
    seed : int
        Of Optuna's sampler (TPE), the pipeline and the nulls.

    Raises
    ------
    ConfigError
        If Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "Optuna is not installed",
            where="patterns.trials",
            got=str(error),
            fix="Install it with: pip install 'lightwell[ambiguity]', or set patterns.trials to 0.",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    way = settings
    if settings.reduction == "pca":  # the same in every trial
        rows, way = reduce(rows, "pca", components=settings.components), replace(settings, reduction="none")
    found = []
    for name in settings.clusterer.split("-or-"):
        start = replace(way, clusterer=cast("Clusterer", name))
        sampler = optuna.samplers.TPESampler(seed=derive(seed, "search", name) % 2**32)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(partial(_objective, rows, start, seed), settings.trials if _space(start) else 1)
        found.append((study.best_value, {"clusterer": name, **study.best_params}))
    return replace(settings, **max(found, key=lambda one: one[0])[1])


def _objective(rows: Floats, start: PatternSettings, seed: int, trial: optuna.Trial) -> float:
    drawn = {name: _suggest(trial, name, *ends) for name, ends in _space(start).items()}
    way = replace(start, **cast("Any", drawn))
    value = Sample(rows, way, derive(seed, "patterns")).silhouette(way.k)
    if start.objective == "gap":
        nulls = null_samples(rows, way, _NULLS, derive(seed, "nulls of the search"))
        value -= float(np.mean(np.nan_to_num([null.silhouette(way.k) for null in nulls])))
    return value if np.isfinite(value) else -1.0


def _suggest(trial: optuna.Trial, name: str, low: float, high: float) -> float:
    if name in ("min_dist", "perplexity", "epsilon"):
        return trial.suggest_float(name, low, high)
    return trial.suggest_int(name, int(low), int(high))


def _space(settings: PatternSettings) -> dict[str, tuple[float, float]]:
    """Return least and most of what is searched."""
    space: dict[str, tuple[float, float]] = {}
    if settings.reduction == "umap":
        space = {"neighbours": (5, 25), "min_dist": (0.01, 0.25), "components": (5, 60)}
    elif settings.reduction == "tsne":
        space = {"perplexity": (5, 30)}
    if settings.clusterer == "hdbscan":
        space |= {"min_cluster_size": (3, 10), "epsilon": (0, 5)}
    elif not settings.k:
        space["k"] = (settings.k_least, settings.k_most)
    return space
