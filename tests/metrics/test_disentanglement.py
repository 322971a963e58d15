"""Disentanglement scores: hand-worked cases, other people's estimators, and inputs of every awkward kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.metrics.disentanglement import (
    FactorSampler,
    Groups,
    Points,
    Rows,
    beta_vae,
    dependence,
    disentanglement,
    disentanglement_of,
    downstream,
    draws,
    explicitness,
    factor_vae,
    infomec,
    irs,
    med,
    mig,
    modularity,
    mutual_information,
    sap_continuous,
    sap_discrete,
    udr,
)
from lightwell.metrics.disentanglement.infomec import neighbour_information


def mixed(n: int = 600) -> Points:
    """Three factors of 2, 4 and 7 values in four noisy codes, the last of which is dead."""
    draw = generator(0, "mixed")
    factors = draw.integers([2, 4, 7], size=(n, 3))
    mixing = np.array([[1.0, 0.2, 0.0], [0.0, 0.5, 0.1], [0.3, 0.0, 0.4], [0.0, 0.0, 0.0]])
    codes = factors @ mixing.T + 0.1 * draw.normal(size=(n, 4))
    codes[:, 3] = 2.5
    return Points(codes, factors)


# --- information -----------------------------------------------------------------------------------------


def test_mutual_information_is_that_of_scikit_learn() -> None:
    draw = generator(0, "tables")
    one, other = draw.integers(-3, 5, size=(200, 3)), draw.integers(6, size=(200, 2))
    one[:, 2] = other[:, 0]
    expected = [[mutual_info_score(a, b) for b in other.T] for a in one.T]
    assert mutual_information(one, other) == pytest.approx(np.array(expected), abs=1e-12)


def test_the_gap_worked_by_hand() -> None:
    # The first code is the factor; the second tells half of its four values from the other half.
    factors = np.array([[0], [1], [2], [3]])
    found = mig(np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 9.0], [3.0, 9.0]]), factors)
    assert found.value == pytest.approx((math.log(4) - math.log(2)) / math.log(4))
    assert found.ceiling.value == pytest.approx(1.0)


def test_the_ceiling_of_forty_values_is_twenty_bins_of_two() -> None:
    factors = np.arange(400)[:, None] % 40
    found = mig(factors / 39, factors)
    assert found.ceiling.value == pytest.approx(math.log(20) / math.log(40))
    assert found.value == pytest.approx(found.ceiling.value)  # a single code is ahead of nothing


def test_modularity_worked_by_hand() -> None:
    # One code tells both of two independent bits equally: it is not modular at all.
    factors = np.indices((2, 2)).reshape(2, -1).T
    both = factors @ [[2.0], [1.0]]
    assert modularity(np.hstack([factors, both]), factors).each == pytest.approx([1, 1, 0])


def test_top_med_drops_the_copies() -> None:
    factors = np.indices((4, 5)).reshape(2, -1).T
    codes = np.hstack([factors, factors, np.ones((20, 1))])
    assert med(codes, factors).completeness.value == pytest.approx(1 - math.log(2) / math.log(5))
    kept = med(codes, factors, top=1)
    assert (kept.disentanglement.value, kept.completeness.value) == pytest.approx((1, 1))
    with pytest.raises(ConfigError, match="top"):
        med(codes, factors, top=0)


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_neighbour_information_is_that_of_scikit_learn(classes: int) -> None:
    draw = generator(0, "neighbours", classes)
    labels = draw.integers(classes, size=2000)
    code = 0.4 * labels + draw.normal(size=2000)
    other = mutual_info_classif(
        code[:, None], labels, n_neighbors=10, discrete_features=False, random_state=0
    )
    assert neighbour_information(code, labels) == pytest.approx(other[0], abs=1e-6)


def test_neighbour_information_of_few_rows_counted_one_by_one() -> None:
    draw = generator(0, "few")
    labels = np.concatenate([draw.integers(2, size=15), [7]])  # a class of one is left out
    code = np.concatenate([labels[:-1] + 0.5 * draw.normal(size=15), [0.0]])
    kept, total = range(15), 0.0
    for i in kept:
        alike = sorted(abs(code[i] - code[j]) for j in kept if labels[j] == labels[i] and j != i)
        k = min(10, len(alike))
        inside = sum(abs(code[i] - code[j]) < alike[k - 1] for j in kept)
        total += digamma(k) - digamma(len(alike) + 1) - digamma(inside)
    assert neighbour_information(code, labels) == pytest.approx(max(0, digamma(15) + total / 15), abs=1e-9)


def test_infomec_worked_by_hand() -> None:
    # Two bits; the first code is the first bit, the second both at once: half of it in each.
    factors = np.tile(np.indices((2, 2)).reshape(2, -1).T, (25, 1))
    codes = np.stack([factors[:, 0], 2.0 * factors[:, 0] + factors[:, 1], np.zeros(100)], axis=1)
    found = infomec(codes, factors, discrete=True)
    assert found.information == pytest.approx(np.array([[1, 0], [1, 1], [0, 0]]))
    assert found.modularity.each[:2] == pytest.approx([1, 0])
    assert np.isnan(found.modularity.each[2])
    assert found.compactness.each == pytest.approx([0, 1])
    assert found.explicitness.value == pytest.approx(1, abs=0.01)


def test_infomec_explicitness_is_the_share_of_log_loss_taken_away() -> None:
    points = mixed()
    found = infomec(*points)
    rule = LogisticRegression(C=np.inf, class_weight="balanced")
    z = points.codes[:, :3] - points.codes[:, :3].mean(axis=0)
    blind = rule.fit(np.zeros_like(z), points.factors[:, 2]).predict_proba(z)
    assert blind == pytest.approx(1 / 7, abs=1e-4)  # the null of the definition, not fitted by us
    assert np.isnan(found.modularity.each[3])
    assert 0 < found.explicitness.each[2] < found.explicitness.each[0] <= 1


def test_infomec_without_an_active_code() -> None:
    found = infomec(np.ones((10, 2)), np.arange(10)[:, None] % 2)
    assert np.isnan(found.modularity.value)
    assert (found.compactness.value, found.explicitness.value) == (0, 0)


# --- the others ------------------------------------------------------------------------------------------


def test_the_robustness_worked_by_hand() -> None:
    # Code = a + b/4 of two bits. Mean .625, widest .625. Holding a: within .125 of the mean; b: .5.
    factors = np.indices((2, 2)).reshape(2, -1).T
    codes = factors @ [[1.0], [0.25]]
    assert irs(codes, factors, quantile=1.0).value == pytest.approx(1 - 0.125 / 0.625)
    with pytest.raises(ConfigError, match="quantile"):
        irs(codes, factors, quantile=0)


def test_squared_correlation_worked_by_hand() -> None:
    # Correlation of (0,0,1,1) with itself is 1, with (0,1,1,1) it is 1/sqrt(3).
    factors = np.array([[0], [0], [1], [1]])
    codes = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    assert sap_continuous(codes, factors).value == pytest.approx(1 - 1 / 3)


def test_explicitness_is_the_mean_area_of_scikit_learn() -> None:
    points = mixed()
    train, test = (
        Points(points.codes[part], points.factors[part]) for part in (slice(400), slice(400, None))
    )
    z = (train.codes[:, :3] - train.codes[:, :3].mean(axis=0)) / train.codes[:, :3].std(axis=0)
    rule = LogisticRegression().fit(z, train.factors[:, 2])
    other = (test.codes[:, :3] - train.codes[:, :3].mean(axis=0)) / train.codes[:, :3].std(axis=0)
    area = roc_auc_score(test.factors[:, 2], rule.predict_proba(other), multi_class="ovr")
    assert explicitness(*train, *test).test.each[2] == pytest.approx(area, abs=1e-6)


def test_a_factor_value_only_the_test_has_is_nobodys() -> None:
    train = Points(np.arange(12.0)[:, None], np.arange(12)[:, None] // 6)
    test = Points(np.arange(12.0)[:, None], np.arange(12)[:, None] // 4)
    found = explicitness(*train, *test)
    assert found.train.value == 1
    assert 0.5 < found.test.value < 1  # value 2 is a negative of both


def test_wasserstein_is_that_of_the_matrix_root() -> None:
    codes = mixed().codes[:, :3]
    covariance = np.cov(codes, rowvar=False)
    root = sqrtm(covariance * np.diag(covariance)[:, None])
    expected = 2 * np.trace(covariance) - 2 * np.trace(root).real
    assert dependence(codes).wasserstein == pytest.approx(expected, abs=1e-10)


def test_dependence_of_awkward_codes() -> None:
    bit = np.array([0.0, 1.0, 0.0, 1.0])
    assert dependence(np.stack([bit, bit], axis=1)).total_correlation == math.inf
    with_dead = dependence(np.stack([bit, bit[[0, 1, 3, 2]], np.ones(4)], axis=1))
    assert with_dead.total_correlation == pytest.approx(0, abs=1e-12)
    assert dependence(np.ones((4, 2))) == dependence(np.ones((4, 1)))


def test_udr_ignores_order_sign_and_switched_off_codes() -> None:
    codes = mixed().codes
    turned = np.concatenate([-codes[:, [2, 0, 1]], generator(0, "noise").normal(size=(600, 2))], axis=1)
    found = udr([codes, turned], [[1, 1, 1, 1], [1, 1, 1, 0, 0.01]], by="spearman")
    assert found.models == pytest.approx([found.pairs[0, 1]] * 2)
    assert found.pairs[0, 1] == pytest.approx(udr([codes, codes], by="spearman").pairs[0, 1])
    assert udr([codes, np.ones((600, 2))]).models.tolist() == [0, 0]
    with pytest.raises(DataError, match="two or more"):
        udr([codes])
    with pytest.raises(DataError, match=r"kl\[0\]"):
        udr([codes, codes], [[1], [1]])
    with pytest.raises(ConfigError, match="spearman"):
        udr([codes, codes], by="spearmen")


def test_downstream_learns_a_threshold_and_a_constant() -> None:
    draw = generator(0, "downstream")
    codes = draw.uniform(-1, 1, size=(300, 2))
    factors = np.stack([codes[:, 0] > 0, np.zeros(300)], axis=1).astype(int)
    factors[250:, 1] = 1
    found = downstream(codes[:200], factors[:200], codes[200:], factors[200:], sizes=(20, 200))
    assert found.train.shape == found.test.shape == (2, 2)
    assert found.test[1, 0] > 0.97
    assert found.test[:, 1].tolist() == [0.5, 0.5]
    with pytest.raises(DataError, match="5 to 200"):
        downstream(codes[:200], factors[:200], codes[200:], factors[200:])
    with pytest.raises(ConfigError, match="trees"):
        downstream(codes, factors, codes, factors, by="forest")


def test_downstream_trees_cut_where_lines_cannot() -> None:
    pytest.importorskip("numba")
    codes = generator(0, "xor").uniform(-1, 1, size=(400, 2))
    factors = (codes.prod(axis=1) > 0).astype(int)[:, None]
    args = (codes[:300], factors[:300], codes[300:], factors[300:])
    assert downstream(*args, sizes=[300], by="trees").test > 0.85 > downstream(*args, sizes=[300]).test


# --- draws -----------------------------------------------------------------------------------------------


def test_the_sampler_draws_as_the_reference_does() -> None:
    sampler = FactorSampler((3, 5), lambda factors: factors / 4)
    state = np.random.RandomState(0)
    by_hand = [np.stack([state.randint(k, size=n) for k in (3, 5)], axis=1) for n in (16, 4, 16, 2)]
    train, test = sampler.points(20, 18)
    assert train.factors.tolist() == np.concatenate(by_hand[:2]).tolist()
    assert test.factors.tolist() == np.concatenate(by_hand[2:]).tolist()


def test_how_many_groups_are_coded_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = FactorSampler((3, 5), lambda factors: factors / 4)
    before = sampler.pairs(30, 10, 8), sampler.votes(30, 10, 8)
    monkeypatch.setattr(draws, "_AT_ONCE", 7)
    after = sampler.pairs(30, 10, 8), sampler.votes(30, 10, 8)
    for one, other in zip(before, after, strict=True):
        assert all(
            np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)
        )


def test_a_grid_is_a_sampler_of_its_rows() -> None:
    grid = np.indices((3, 5)).reshape(2, -1).T
    sampler = FactorSampler.from_grid(grid * 2.0, (3, 5))
    train, _ = sampler.points(50, 1)
    assert np.array_equal(train.codes, 2 * train.factors)
    with pytest.raises(DataError, match="15 rows"):
        FactorSampler.from_grid(grid[1:], (3, 5))


def test_a_sampler_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(DataError, match="sizes"):
        FactorSampler((3, 0), lambda factors: factors)
    with pytest.raises(DataError, match="one code a row"):
        FactorSampler((3, 5), lambda factors: factors[1:]).points(20, 1)


def test_groups_from_rows_hold_their_factor() -> None:
    points = mixed()
    for groups in Rows(points.factors, points.factors).pairs(200, 50, 16):
        assert (groups.values[np.arange(len(groups.factors)), groups.factors] == 0).all()
        assert (groups.values > 0).sum() == 2 * len(groups.factors)
    overall, train, _ = Rows(points.factors, points.factors).votes(200, 50, 16)
    assert (train.values[np.arange(200), train.factors] == 0).all()
    assert overall == pytest.approx(points.factors.var(axis=0, ddof=1))
    free = train.values[train.factors != 2, 2]
    assert free.mean() == pytest.approx(overall[2], rel=0.1)  # groups vary as the whole does


def test_both_doors_agree_where_rows_are_many() -> None:
    sampler = FactorSampler((3, 4, 5), lambda factors: (factors / [2, 3, 4]).cumsum(axis=1))
    rows = Rows(*sampler.points(4000, 0)[0])
    for score in (
        lambda d: factor_vae(*d.votes(1000, 1000)).test,
        lambda d: beta_vae(*d.pairs(1000, 1000)).test,
    ):
        assert score(rows) == pytest.approx(score(sampler), abs=0.06)


def test_values_that_occur_once_are_never_held() -> None:
    factors = np.concatenate([np.repeat([0, 1], 20), [2, 3]])[:, None]
    codes = np.arange(42.0)[:, None]
    assert (Rows(codes, factors).votes(50, 10)[1].values > 0).all()
    with pytest.raises(DataError, match="occurs once"):
        Rows(codes, np.arange(42)[:, None]).pairs()


def test_factor_vae_worked_by_hand() -> None:
    train = Groups(np.array([[0.1, 4.0], [0.1, 4.0], [0.9, 1.0], [0.2, 9.0]]), np.array([0, 0, 1, 1]))
    test = Groups(np.array([[0.1, 4.0], [0.9, 1.0]]), np.array([0, 0]))
    # Relative to variances (1, 10): votes for codes 0, 0, 1, 0; so code 0 says factor 0, code 1 factor 1.
    assert factor_vae([1.0, 10.0], train, test) == (0.75, 0.5)
    assert factor_vae([0.0, 0.001], train, test) == (0.0, 0.0)
    with pytest.raises(DataError, match="width"):
        factor_vae([1.0], train, test)
    with pytest.raises(DataError, match="width"):
        beta_vae(train, Groups(test.values[:, :1], test.factors))


# --- all of them -----------------------------------------------------------------------------------------

BY_ROWS = {
    "mig": lambda z, y: mig(z, y).each,
    "sap": lambda z, y: sap_continuous(z, y).each,
    "sap.discrete": lambda z, y: sap_discrete(z, y, z, y).each,
    "explicitness": lambda z, y: explicitness(z, y, z, y).test.each,
    "med": lambda z, y: med(z, y).completeness.each,
    "infomec": lambda z, y: infomec(z, y).compactness.each,
}
BY_CODE = {"modularity": lambda z, y: modularity(z, y).each, "irs": lambda z, y: irs(z, y).each}


@pytest.mark.parametrize("name", [*BY_ROWS, *BY_CODE])
def test_order_of_rows_and_columns_changes_no_score(name: str) -> None:
    z, y = mixed(300)
    score = (BY_ROWS | BY_CODE)[name]
    rows, columns = generator(0, "rows").permutation(300), [2, 0, 3, 1]
    plain, turned = score(z, y), score(z[rows][:, columns], y[rows])
    # InfoMEC draws its specks of noise by place; the learners stop within their tolerance.
    expected = plain[columns] if name in BY_CODE else plain
    assert turned == pytest.approx(
        expected, abs=1e-3 if "." in name or name[0] in "ei" else 1e-12, nan_ok=True
    )


@pytest.mark.parametrize("name", [*BY_ROWS, *BY_CODE])
def test_a_constant_factor_is_not_counted(name: str) -> None:
    z, y = mixed(300)
    score = (BY_ROWS | BY_CODE)[name]
    plain, wider = score(z, y), score(z, np.insert(y, 1, 4, axis=1))
    if name in BY_ROWS:
        assert np.isnan(wider[1])
        wider = np.delete(wider, 1)
    assert wider == pytest.approx(plain, nan_ok=True)


@pytest.mark.parametrize("name", [*BY_ROWS, *BY_CODE])
@pytest.mark.parametrize(
    ("codes", "factors", "words"),
    [
        ([[0.0], [math.nan]], [[0], [1]], "finite"),
        ([[0.0], [1.0]], [[0], [1], [0]], "length"),
        ([[0.0], [1.0]], [[0.5], [1.5]], "class numbers"),
        ([[0.0], [1.0]], [0, 1], "class numbers"),
        ([[0.0]], [[1]], "too few rows"),
        ([[0.0], [1.0]], [[2], [2]], "no factor varies"),
    ],
)
def test_bad_arrays_are_refused(name: str, codes: object, factors: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        (BY_ROWS | BY_CODE)[name](codes, factors)


@pytest.mark.parametrize("score", [sap_discrete, explicitness, downstream])
def test_codes_of_another_width_are_refused(score: object) -> None:
    z, y = mixed(50)
    with pytest.raises(DataError, match=r"codes differ in width \(in test_codes\): expected 4, got 3"):
        score(z, y, z[:, :3], y)
    with pytest.raises(DataError, match="factors differ in width"):
        score(z, y, z, y[:, :2])


def test_the_report_has_each_score_beside_its_null() -> None:
    sampler = FactorSampler((3, 4), lambda factors: np.hstack([factors / 3, np.zeros((len(factors), 1))]))
    train, _ = sampler.points(1200, 0)
    found = {e.name: e for e in disentanglement(*train, seed=3)}
    assert list(found) == [e.name for e in disentanglement_of(sampler, 300, 100)]
    assert (found["mig"].n, found["sap.discrete"].n, found["beta_vae"].n) == (800, 400, 5000)
    assert all(
        e.null is not None and "seed 3" in e.null.name for e in found.values() if e.name != "mig.ceiling"
    )
    assert found["mig"].value > 0.98 > 0.1 > found["mig"].null.value
    assert found["factor_vae"].value == 1 > 0.6 > found["factor_vae"].null.value
    assert found["explicitness.auroc"].null.value == pytest.approx(0.5, abs=0.06)
    assert found["total_correlation"].higher_is_better is False


def test_the_report_of_one_factor_says_nan_where_nothing_can_be_mixed() -> None:
    codes = generator(0, "one factor").normal(size=(300, 2))
    found = {e.name: e.value for e in disentanglement(codes, np.arange(300)[:, None] % 3, 200, 100)}
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "modularity",
        "med.disentanglement",
        "infomec.modularity",
        "beta_vae",
        "factor_vae",
    }


def test_dead_codes_alone_score_nothing() -> None:
    found = {e.name: e.value for e in disentanglement(np.ones((300, 2)), mixed(300).factors, 200, 100)}
    for name in (
        "mig",
        "modularity",
        "sap.continuous",
        "sap.discrete",
        "irs",
        "factor_vae",
        "infomec.compactness",
    ):
        assert found[name] == 0
    assert found["explicitness.auroc"] == 0.5
