"""Patterns: planted ones are found with their number, none in clouds, and no input crashes."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain import PatternSettings, find_patterns
from lightwell.explain.patterns import AgainstNull, cluster, reduce
from lightwell.explain.patterns.sample import Sample
from lightwell.explain.patterns.search import search
from lightwell.metrics.clustering import matched_gaussian

QUICK = PatternSettings(clusterer="kmeans", k_most=5, nulls=5, seeds=2, bootstraps=3)


def planted(k: int, each: int = 40, seed: int = 0, width: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return k clouds of one size in a wide space, and the cloud of each row."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((k, width))
    centres[:, :8] = 2 * rng.normal(size=(k, 8))
    labels = np.repeat(np.arange(k), each)
    return centres[labels] + rng.normal(size=(k * each, width)) * np.geomspace(1, 0.3, width), labels


@pytest.mark.parametrize(("clusterer", "k"), [("gmm", 3), ("kmeans", 2), ("kmeans", 4), ("ward", 3)])
def test_planted_clusters_are_found_with_their_number(clusterer: str, k: int) -> None:
    embeddings, truth = planted(k)
    found = find_patterns(embeddings, replace(QUICK, clusterer=clusterer))
    assert (found.found, found.k) == (True, k)
    assert adjusted_rand_score(truth, found.labels) > 0.9
    assert found.verdict.startswith(f"{k} patterns: silhouette")
    assert np.array_equal(found.labels, found.proposal)
    assert [choice.k for choice in found.by_k] == [2, 3, 4, 5]
    assert np.bincount(found.labels).tolist() == sorted(np.bincount(found.labels), reverse=True)
    value = found.scores["silhouette"]
    assert value.value == pytest.approx(silhouette_score(found.points, found.labels))
    assert value.null < value.high < value.value
    assert found.by_k[k - 2].gap == pytest.approx(value.value - value.null)
    assert found.by_k[k - 2].stability == min(s.value for s in found.stability.values())


def test_hdbscan_finds_its_own_number_and_leaves_noise_out() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2, -1], [30, 30, 30, 5])
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [20.0, 20.0]])
    embeddings = centres[truth] + np.where(truth < 0, 8.0, 0.4)[:, None] * rng.normal(size=(95, 2))
    found = find_patterns(embeddings, replace(QUICK, clusterer="hdbscan", min_cluster_size=10, nulls=10))
    assert (found.found, found.k, len(found.by_k), found.by_k[0].k) == (True, 3, 1, 3)
    assert (found.labels[truth < 0] == -1).all()
    kept = found.labels >= 0
    assert kept.sum() > 70
    assert adjusted_rand_score(truth[kept], found.labels[kept]) == 1
    assert found.stability["seed_ari"].value == 1


def test_epsilon_makes_clusters_that_are_near_one() -> None:
    points = np.repeat([0.0, 2.0, 20.0], 20)[:, None] + 0.1 * np.random.default_rng(0).normal(size=(60, 1))
    for epsilon, sizes in ((0.0, [20, 20, 20]), (3.0, [40, 20])):
        labels = cluster(points, "hdbscan", min_cluster_size=15, epsilon=epsilon)
        assert [len(set(labels[i : i + 20])) for i in (0, 20, 40)] == [1, 1, 1]
        assert np.bincount(labels).tolist() == sizes


def cloud(shape: str, rng: np.random.Generator) -> np.ndarray:
    if shape == "round":
        return rng.normal(size=(80, 6))
    if shape == "anisotropic":
        return rng.normal(size=(80, 10)) * np.geomspace(10, 1, 10)
    return rng.normal(size=(80, 5)) @ rng.normal(size=(5, 100)) + 0.1 * rng.normal(size=(80, 100))


@pytest.mark.parametrize(
    ("shape", "clusterer"), [("round", "ward"), ("anisotropic", "kmeans"), ("5 of 100", "ward")]
)
def test_a_cloud_without_structure_is_said_to_have_none(shape: str, clusterer: str) -> None:
    settings = replace(QUICK, clusterer=clusterer, k_most=3, bootstraps=2)
    results = [find_patterns(cloud(shape, np.random.default_rng(s)), settings, seed=s) for s in range(10)]
    assert sum(r.found for r in results) <= 1
    none = next(r for r in results if not r.found)
    assert (none.k, none.labels.any(), len(np.unique(none.proposal)) > 1) == (1, False, True)
    assert none.verdict.startswith("No structure found: ")


def test_one_gaussian_is_no_mixture_of_them() -> None:
    settings = replace(QUICK, clusterer="gmm", k_most=4)
    assert not find_patterns(cloud("anisotropic", np.random.default_rng(3)), settings).found


def test_seed_and_order_of_rows() -> None:
    embeddings = cloud("round", np.random.default_rng(0)) + 3 * np.eye(6)[np.arange(80) % 2]
    embeddings[7] = embeddings[8]
    settings = replace(QUICK, clusterer="gmm", bootstraps=2, nulls=2, k_most=3)
    one, same = (find_patterns(embeddings, settings, seed=4) for _ in range(2))
    order = np.random.default_rng(1).permutation(len(embeddings))
    mixed = find_patterns(embeddings[order], settings, seed=4)
    for other, rows in ((same, slice(None)), (mixed, order)):
        assert np.array_equal(other.proposal, one.proposal[rows])
        assert np.array_equal(other.points, one.points[rows])
        assert (other.scores, other.stability, other.by_k) == (one.scores, one.stability, one.by_k)
    assert find_patterns(embeddings, settings, seed=5).scores != one.scores


@pytest.mark.parametrize(
    ("embeddings", "reason"),
    [
        (np.zeros((0, 3)), "0 distinct examples are too few for 2 clusters of at least 5"),
        (np.ones((1, 3)), "1 distinct examples are too few"),
        (np.eye(2), "2 distinct examples are too few"),
        (np.ones((50, 3)), "all examples are alike"),
        (np.repeat(np.eye(4), 20, axis=0), "4 distinct examples are too few"),
    ],
)
def test_too_little_to_cluster_has_an_answer(embeddings: np.ndarray, reason: str) -> None:
    found, n = find_patterns(embeddings), len(embeddings)
    assert (found.found, found.k, found.labels.tolist()) == (False, min(n, 1), [0] * n)
    assert reason in found.verdict
    assert found.by_k == ()
    assert np.isnan([found.scores["silhouette"].value, found.stability["seed_ari"].high]).all()
    assert len(found.points) == n


def test_few_examples_limit_the_number_of_clusters() -> None:
    embeddings, _ = planted(2, each=8)
    assert [choice.k for choice in find_patterns(embeddings, QUICK).by_k] == [2, 3]
    assert [choice.k for choice in find_patterns(embeddings, replace(QUICK, k=3)).by_k] == [3]
    assert "too few for 4 clusters" in find_patterns(embeddings, replace(QUICK, k=4)).verdict


def test_all_noise_and_one_cluster_are_no_structure() -> None:
    spread = np.random.default_rng(0).uniform(size=(60, 12))
    noise = find_patterns(spread, replace(QUICK, clusterer="hdbscan", min_cluster_size=25, reduction="none"))
    assert (noise.found, noise.k, set(noise.proposal)) == (False, 1, {-1})
    assert "there are not two clusters" in noise.verdict
    assert (noise.stability["seed_ari"].value, noise.stability["bootstrap_ari"].value) == (0, 0)
    assert (cluster(np.ones((5, 2)), "gmm", 3) == 0).all()


def test_ties_go_to_the_finest_number_and_structure_must_be_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, _ = planted(4)
    quick = replace(QUICK, k_most=4)
    monkeypatch.setattr(Sample, "stability", lambda self, k: (0.9, {2: 0.9, 3: 0.86, 4: 0.84}[k]))
    assert find_patterns(embeddings, quick).proposal.max() == 2
    monkeypatch.setattr(Sample, "stability", lambda self, k: (0.9, 0.4))
    assert "change from draw to draw" in find_patterns(embeddings, quick).verdict
    monkeypatch.setattr(Sample, "stability", lambda self, k: (0.9, 0.9))
    assert "as stable" in find_patterns(embeddings, quick).verdict


def test_a_value_against_its_null() -> None:
    replicates = [1.0, 3.0, float("nan")]
    reach = 63.65674 * np.sqrt(2) * np.sqrt(1.5)  # Student's t of 1 degree of freedom at 99.5 %
    found = AgainstNull.of(5.0, replicates, (-200, 200))
    assert (found.value, found.null, found.high) == (5.0, 2.0, pytest.approx(2 + reach))
    assert found.low == pytest.approx(2 - reach)
    assert AgainstNull.of(5.0, replicates, (0, 9)) == AgainstNull(5.0, 2.0, 0, 9)
    assert np.isnan(AgainstNull.of(5.0, [1.0]).null)


def test_pca_keeps_the_share_or_the_number_asked_for() -> None:
    table = planted(3)[0]
    for rows, components in ((table, 0.9), (table, 4), (table[:10], 0.99)):
        reference = PCA(components, svd_solver="full").fit_transform(rows)
        assert np.allclose(np.abs(reduce(rows, components=components)), np.abs(reference))
    assert np.array_equal(reduce(table, "none"), table)


def test_tsne_and_what_it_is_not_defined_for() -> None:
    table = planted(3, each=20)[0]
    assert reduce(table, "tsne").shape == (60, 2)
    assert np.array_equal(reduce(table, "tsne", seed=1), reduce(table, "tsne", seed=1))
    assert len(reduce(table[:5], "tsne")) == 5
    assert reduce(np.ones((20, 3)), "tsne").tolist() == [[0.0]] * 20


def test_clusters_are_named_by_size() -> None:
    points = np.array([[0.0], [5.0], [5.1], [5.2], [0.1], [9.0]])
    for method in ("kmeans", "ward", "gmm"):
        assert cluster(points, method, 3).tolist() == [1, 0, 0, 0, 1, 2]
    assert sorted(cluster(points[:2], "kmeans", 5)) == [0, 1]
    assert cluster(points[:1], "hdbscan").tolist() == [0]
    assert cluster(np.zeros((0, 2))).shape == (0,)
    assert cluster(points, "hdbscan", min_cluster_size=7).tolist() == [-1] * 6


def test_the_search_takes_the_space_of_the_paper() -> None:
    pytest.importorskip("optuna")
    rows, _ = planted(4)
    for objective in ("gap", "silhouette"):
        settings = replace(QUICK, trials=8, objective=objective, k_least=3, k_most=15, clusterer="gmm")
        used = search(rows, settings, seed=0)
        assert used == search(rows, settings, seed=0)
        assert replace(used, k=0) == settings
        assert 3 <= used.k <= 5
    both = replace(settings, trials=4, clusterer="gmm-or-hdbscan", k_most=6)
    alone = [search(rows, replace(both, clusterer=name), seed=0) for name in ("gmm", "hdbscan")]
    found = find_patterns(rows, both)
    assert found.settings in alone
    assert [choice.k for choice in found.by_k] == [found.proposal.max() + 1]
    assert 3 <= alone[1].min_cluster_size <= 10
    assert 0 <= alone[1].epsilon <= 5


def test_a_search_for_the_highest_silhouette_is_still_held_against_the_null() -> None:
    pytest.importorskip("optuna")
    rows = matched_gaussian(planted(3)[0], 120, np.random.default_rng(0))
    settings = replace(QUICK, trials=8, clusterer="hdbscan", objective="silhouette")
    assert not find_patterns(rows, settings).found


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"reduction": "pcb"}, "Did you mean 'pca'"),
        ({"clusterer": "gnm"}, "Did you mean 'gmm'"),
        ({"objective": "gas"}, "Did you mean 'gap'"),
        ({"k": 1}, "2 or more, or 0"),
        ({"k_least": 1}, "k_least"),
        ({"k_least": 9}, "expected 9 or more, got 8"),
        ({"components": 0.0}, "a share in"),
        ({"components": 2.5}, "a share in"),
        ({"components": float("nan")}, "a share in"),
        ({"min_dist": float("nan")}, "min_dist"),
        ({"nulls": 1}, "expected 2 or more, got 1"),
        ({"clusterer": "gmm-or-hdbscan"}, "only a search can tell"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PatternSettings(**values)


def test_bad_arrays_and_words_are_refused() -> None:
    with pytest.raises(DataError, match="not a finite number"):
        find_patterns([[0.0], [np.nan]])
    with pytest.raises(DataError, match="a table of numbers"):
        reduce([1.0, 2.0])
    with pytest.raises(ConfigError, match=r"no such way to find patterns.*Did you mean 'tsne'"):
        reduce([[1.0]], "tsme")
    with pytest.raises(ConfigError, match="no such way to find patterns"):
        cluster([[1.0]], "gmm-or-hdbscan")
    with pytest.raises(ConfigError, match="there must be a cluster"):
        cluster([[1.0]], k=0)


@pytest.mark.parametrize(("package", "values"), [("umap", {"reduction": "umap"}), ("optuna", {"trials": 2})])
def test_a_missing_package_is_named_with_its_extra(
    package: str, values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"not installed.*pip install 'lightwell\[ambiguity\]'"):
        find_patterns(planted(2)[0], replace(QUICK, **values))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_umap_is_seeded_and_searched() -> None:
    pytest.importorskip("umap")
    rows, truth = planted(3)
    settings = replace(QUICK, reduction="umap", clusterer="gmm", nulls=8)
    one, same = (find_patterns(rows, settings) for _ in range(2))
    assert np.array_equal(one.points, same.points)
    assert (one.found, one.k, one.points.shape) == (True, 3, (120, 5))
    assert adjusted_rand_score(truth, one.labels) > 0.9
    assert not find_patterns(matched_gaussian(rows, 120, np.random.default_rng(0)), settings).found
    assert reduce(rows[:11], "umap", components=60).shape == (11, 8)
    pytest.importorskip("optuna")
    used = search(rows, replace(settings, trials=3), seed=0)
    assert 5 <= used.neighbours <= 25
    assert 0.01 <= used.min_dist <= 0.25
    assert 5 <= used.components <= 60


def test_what_is_shown_of_a_null_stays_within_its_bounds() -> None:
    shown = AgainstNull.of(0.9, [0.2, 1.0])
    assert (shown.null, shown.low, shown.high) == (0.6, -1.0, 1.0)
    assert AgainstNull.of(5.0, [1.0, 9.0], (0.0, np.inf)).low == 0
    assert AgainstNull.of(5.0, [1.0, 9.0], (0.0, np.inf)).high > 9
    assert np.isnan(AgainstNull.of(0.9, [0.2]).high)
