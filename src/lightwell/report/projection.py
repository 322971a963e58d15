"""Two coordinates for each code, for a map."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import derive

Method = Literal["auto", "tsne", "pca", "pacmap", "umap"]
TSNE_LIMIT = 2000  # examples; beyond, "auto" takes PCA so that a report stays quick
_TITLES = {"tsne": "t-SNE", "pca": "PCA", "pacmap": "PaCMAP", "umap": "UMAP"}

Floats = NDArray[np.float64]


def project(
    codes: ArrayLike, extra: ArrayLike | None = None, method: Method = "auto", seed: int = 0
) -> tuple[Floats, Floats, str]:
    """Lay codes out in two dimensions.

    Parameters
    ----------
    codes : array, shape (n, d)
        Finite codes.
    extra : array, shape (m, d), optional
        Further rows to place among them, such as anchors and class means.
    method : {"auto", "tsne", "pca", "pacmap", "umap"}
        "auto" is t-SNE up to 2,000 examples and PCA beyond. PaCMAP and UMAP need the extra ``maps``.
    seed : int
        Same seed, same coordinates on the same machine.

    Returns
    -------
    coordinates : array, shape (n, 2)
    coordinates_of_extra : array, shape (m, 2)
    title : str
        The method that was used. Fewer than 10 examples, fewer than 3 dimensions or codes that are all alike
        are always laid out by PCA, which is defined for them.

    Raises
    ------
    DataError
        If the arrays are not finite tables of one width.
    ConfigError
        If the method is unknown or not installed.

    Notes
    -----
    t-SNE has perplexity 50 (less where n is small) and starts from PCA, after a reduction to 50 dimensions.
    It and PaCMAP embed the extra rows together with the codes; PCA and UMAP are fitted on the codes alone.

    Examples
    --------
    >>> coordinates, stars, title = project(np.eye(4), extra=np.zeros((1, 4)))
    >>> coordinates.shape, stars.shape, title
    ((4, 2), (1, 2), 'PCA')
    """
    table = _finite_table(codes, "codes")
    more = np.zeros((0, table.shape[1])) if extra is None else _finite_table(extra, "extra")
    if more.shape[1] != table.shape[1]:
        raise DataError(
            "extra rows differ in width from the codes",
            where="extra",
            expected=table.shape[1],
            got=more.shape[1],
        )
    if method not in get_args(Method):
        raise ConfigError(
            "unknown way to draw a map",
            where="method",
            got=repr(method),
            fix=nearest(method, get_args(Method)),
        )
    chosen = _choose(table, method)
    if chosen == "pca":
        return *_pca(table, more), _TITLES[chosen]
    state = derive(seed, "map", chosen) % 2**32
    if chosen == "umap":
        return *_umap(table, more, state), _TITLES[chosen]
    placed = _EMBEDDERS[chosen](np.concatenate([table, more]), state)
    return placed[: len(table)], placed[len(table) :], _TITLES[chosen]


def _choose(codes: Floats, method: Method) -> str:
    if method in ("pacmap", "umap"):
        _module(method)
    if len(codes) < 10 or codes.shape[1] < 3 or not np.ptp(codes, axis=0).any():
        return "pca"
    if method == "auto":
        return "tsne" if len(codes) <= TSNE_LIMIT else "pca"
    return method


def _finite_table(values: ArrayLike, where: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1] or not np.isfinite(table).all():
        raise DataError(
            "no map can be drawn of this", where=where, expected="finite numbers of shape (n, d), d >= 1",
            got="NaN or infinity" if table.ndim == 2 and table.shape[1] else f"shape {table.shape}",
        )  # fmt: skip
    return table


def _pca(codes: Floats, more: Floats, dimensions: int = 2) -> tuple[Floats, Floats]:
    """Project on the directions of largest variance; missing directions are zero, signs are fixed."""
    centre = codes.mean(axis=0) if len(codes) else np.zeros(codes.shape[1])
    spread = codes - centre
    if len(codes) < codes.shape[1]:  # no more directions than examples: spare the square of the width
        directions = np.linalg.svd(spread, full_matrices=False)[2].T
    else:
        directions = np.linalg.eigh(spread.T @ spread)[1][:, ::-1]
    basis = directions[:, :dimensions]
    largest = np.abs(basis).argmax(axis=0)
    basis = basis * np.sign(basis[largest, range(basis.shape[1])])
    pad = ((0, 0), (0, max(0, dimensions - basis.shape[1])))
    return np.pad(spread @ basis, pad), np.pad((more - centre) @ basis, pad)


def _tsne(rows: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if rows.shape[1] > 50:
        rows, _ = _pca(rows, rows[:0], 50)
    perplexity = min(50.0, (len(rows) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    # Threads of so small a problem mostly wait for each other: one costs a third less CPU time than two.
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(rows), dtype=np.float64)


def _pacmap(rows: Floats, seed: int) -> Floats:
    model = _module("pacmap").PaCMAP(n_components=2, random_state=seed % 2**31)
    return np.asarray(model.fit_transform(rows, init="pca"), dtype=np.float64)


def _umap(codes: Floats, more: Floats, seed: int) -> tuple[Floats, Floats]:
    model = _module("umap").UMAP(n_components=2, random_state=seed % 2**31, n_jobs=1).fit(codes)
    placed = model.transform(more) if len(more) else np.zeros((0, 2))
    return np.asarray(model.embedding_, np.float64), np.asarray(placed, np.float64)


_EMBEDDERS: dict[str, Callable[[Floats, int], Floats]] = {"tsne": _tsne, "pacmap": _pacmap}


def _module(name: str) -> Any:
    """Import an optional package, or say how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"maps by {_TITLES[name]} need a package that is not installed",
            where="method",
            got=str(error),
            fix="Install it with: pip install 'lightwell[maps]'",
        ) from error
