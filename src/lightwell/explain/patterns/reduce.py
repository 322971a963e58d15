"""Fewer dimensions, so that distances between examples mean something."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import derive
from lightwell.explain.patterns.settings import Reduction, check_components, check_option
from lightwell.metrics.checks import as_table

Floats = NDArray[np.float64]
_FEW = 10  # rows; the neighbour graphs of UMAP and t-SNE are not defined for much fewer


def reduce(
    points: ArrayLike,
    method: Reduction = "pca",
    seed: int = 0,
    *,
    components: float = 0.9,
    neighbours: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
) -> Floats:
    """Reduce embeddings to fewer dimensions.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite embeddings; n may be 0.
    method : {"pca", "umap", "tsne", "none"}
        UMAP measures cosine (McInnes et al. 2018), as the paper does. With fewer than 10 rows, or rows that
        are all alike, UMAP and t-SNE are not defined and PCA takes their place.
    seed : int
        Of UMAP and t-SNE: same seed, same points on the same machine.
    components, neighbours, min_dist, perplexity
        See :class:`PatternSettings`; each is cut to what n rows allow.

    Returns
    -------
    array, shape (n, m)

    Raises
    ------
    DataError
        If the embeddings are not a finite table.
    ConfigError
        If the method is unknown or not installed, or a setting out of range.

    Examples
    --------
    >>> reduce([[0.0, 0.0], [1.0, 0.01], [4.0, 0.0]]).round(1).tolist()
    [[-1.7], [-0.7], [2.3]]
    """
    check_option("reduction", method, get_args(Reduction))
    check_components(components)
    table = as_table(points, "points")
    state = derive(seed, "reduce", method) % 2**31
    if method == "none":
        return table
    if method == "pca" or len(table) < _FEW or not np.ptp(table, axis=0).any():
        return _pca(table, components)
    if method == "umap":
        dimensions = int(components) if components >= 1 else 5
        return _umap(table, dimensions, neighbours, min_dist, state)
    return _tsne(table, int(components) if components >= 1 else 2, perplexity, state)


def _pca(table: Floats, components: float) -> Floats:
    """Project on the directions of largest variance, at least one; signs are fixed."""
    if not len(table):
        return table[:, :1]
    centred = table - table.mean(axis=0)
    if len(table) < table.shape[1]:
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        scores = left * sizes
    else:
        directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
        scores = centred @ directions
    variance = np.square(scores).sum(axis=0)
    kept = int(components)
    if components < 1:
        kept = 1 + int(np.searchsorted(np.cumsum(variance), components * variance.sum() * (1 - 1e-12)))
    scores = scores[:, : min(kept, scores.shape[1])]
    largest = np.abs(scores).argmax(axis=0)
    return np.asarray(scores * np.where(scores[largest, range(scores.shape[1])] < 0, -1, 1))


def _umap(table: Floats, dimensions: int, neighbours: int, min_dist: float, state: int) -> Floats:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ConfigError(
            "UMAP is not installed",
            where="patterns.reduction",
            got=str(error),
            fix="Install it with: pip install 'lightwell[ambiguity]', or reduce with pca.",
        ) from error
    model = UMAP(
        n_components=min(dimensions, len(table) - 3),  # its spectral start needs a few rows more
        n_neighbors=min(neighbours, len(table) - 1),
        min_dist=min_dist,
        metric="cosine",
        random_state=state,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(table), dtype=np.float64)


def _tsne(table: Floats, dimensions: int, perplexity: float, state: int) -> Floats:
    from sklearn.manifold import TSNE

    table = _pca(table, 50)
    model = TSNE(
        min(dimensions, table.shape[1]),
        perplexity=min(perplexity, (len(table) - 1) / 3),
        init="pca",
        method="barnes_hut" if dimensions < 4 else "exact",
        random_state=state,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(table), dtype=np.float64)
