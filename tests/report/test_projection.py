"""Coordinates for the map."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.report import project, projection


def blobs(n: int = 90, d: int = 12) -> np.ndarray:
    return generator(0, "blobs").normal(size=(n, d)) * 0.1 + np.eye(3, d)[np.arange(n) % 3] * 5


def test_pca_matches_scikit_learn_up_to_sign() -> None:
    from sklearn.decomposition import PCA

    codes, extra = blobs(), np.eye(12)[:2]
    reference = PCA(2).fit(codes)
    ours, stars, title = project(codes, extra, "pca")
    assert title == "PCA"
    np.testing.assert_allclose(np.abs(ours), np.abs(reference.transform(codes)), atol=1e-9)
    np.testing.assert_allclose(np.abs(stars), np.abs(reference.transform(extra)), atol=1e-9)


def test_codes_wider_than_many_are_projected_alike() -> None:
    codes = blobs(12, 30)
    padded = np.concatenate([codes, np.tile(codes.mean(axis=0), (30, 1))])
    few, many = project(codes, method="pca")[0], project(padded, method="pca")[0][:12]
    np.testing.assert_allclose(few, many, atol=1e-9)


def test_tsne_keeps_groups_apart_and_places_centres_among_them() -> None:
    codes = blobs()
    centres = np.stack([codes[i::3].mean(axis=0) for i in range(3)])
    xy, stars, title = project(codes, centres)
    assert title == "t-SNE"
    middle = np.stack([xy[i::3].mean(axis=0) for i in range(3)])
    nearest = np.linalg.norm(stars[:, None] - middle[None], axis=2).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2]


def test_the_seed_decides_and_nothing_else() -> None:
    state = np.random.get_state()[1].copy()
    first, second = project(blobs(), seed=4)[0], project(blobs(), seed=4)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_wide_codes_are_reduced_before_tsne() -> None:
    xy, _, title = project(blobs(40, 80), method="tsne")
    assert title == "t-SNE"
    assert np.isfinite(xy).all()


def test_auto_takes_pca_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "TSNE_LIMIT", 50)
    assert project(blobs(50))[2] == "t-SNE"
    assert project(blobs(51))[2] == "PCA"


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (2, 5), (9, 5), (30, 1), (30, 2)])
def test_degenerate_shapes_have_an_answer(shape: tuple[int, int]) -> None:
    xy, stars, title = project(np.ones(shape), np.ones((2, shape[1])))
    assert title == "PCA"
    np.testing.assert_array_equal(xy, np.zeros((shape[0], 2)))
    assert stars.shape == (2, 2)


def test_codes_that_are_all_alike_lie_on_one_point() -> None:
    xy, _, title = project(np.full((40, 6), 3.0), method="tsne")
    assert title == "PCA"
    assert not xy.any()


@pytest.mark.parametrize("method", ["pacmap", "umap"])
def test_a_missing_extra_says_how_to_get_it(method: str) -> None:
    if importlib.util.find_spec(method) is not None:
        pytest.skip(f"{method} is installed")
    with pytest.raises(ConfigError, match=r"pip install 'lightwell\[maps\]'"):
        project(blobs(), method=method)  # type: ignore[arg-type]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'tsne'"):
        project(blobs(), method="t-sne")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="NaN"):
        project([[np.nan, 0.0]])
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        project(np.zeros(3))
    with pytest.raises(DataError, match=r"shape \(5, 0\)"):
        project(np.zeros((5, 0)))
    with pytest.raises(DataError, match="expected 12, got 3"):
        project(blobs(), np.zeros((1, 3)))
