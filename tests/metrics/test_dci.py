"""DCI: the compiled trees are scikit-learn's, and the numbers the reference's."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import generator
from lightwell.metrics.disentanglement.boosting import boosted_trees
from lightwell.metrics.disentanglement.dci import dci, dci_estimates
from lightwell.metrics.disentanglement.draws import FactorSampler
from lightwell.metrics.disentanglement.importance import completeness, disentanglement

SIZES = (3, 6, 40, 32, 32)


def identity(factors: np.ndarray) -> np.ndarray:
    return factors / (np.array(SIZES) - 1)


def cumsum(factors: np.ndarray) -> np.ndarray:
    return identity(factors).cumsum(axis=1)


def dup_dead(factors: np.ndarray) -> np.ndarray:
    codes = identity(factors)
    return np.c_[codes, codes[:, :2], np.zeros(len(codes))]


def measured(represent, train: int, test: int, backend="exact", seed: int = 0):
    rows = FactorSampler(SIZES, represent).points(train, test)
    return dci(*rows[0], *rows[1], backend=backend, seed=seed)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_compiled_trees_are_those_of_scikit_learn(classes: int) -> None:
    draw = generator(0, "trees", classes)
    codes = draw.normal(size=(300, 4)).astype(np.float32)
    labels = np.digitize(
        codes[:, 0] + codes[:, 1] ** 2 + draw.normal(0, 0.3, 300), np.linspace(0, 2, classes - 1)
    )
    fresh = draw.normal(size=(500, 4)).astype(np.float32)
    ours = boosted_trees(codes, labels + 5)
    theirs = GradientBoostingClassifier(random_state=0).fit(codes, labels + 5)
    assert ours.importances == pytest.approx(theirs.feature_importances_, abs=0.01)
    assert (ours.predict(codes) == theirs.predict(codes)).mean() >= 0.99
    assert (ours.predict(codes) == ours.fitted).all()
    assert (ours.predict(fresh) == theirs.predict(fresh)).mean() >= 0.95


def test_without_ties_the_first_trees_are_equal() -> None:
    # Distinct values and rows enough: no two splits of the first stage are equally good.
    draw = generator(0, "first stage")
    codes = draw.normal(size=(300, 3)).astype(np.float32)
    labels = (codes[:, 0] + draw.normal(0, 0.5, 300) > 0).astype(int) + (codes[:, 1] > 1)
    ours, theirs = boosted_trees(codes, labels), GradientBoostingClassifier().fit(codes, labels)
    for k in range(3):
        tree = theirs.estimators_[0, k].tree_
        assert ours.features[0, k, 0] == tree.feature[0]
        assert ours.thresholds[0, k, 0] == tree.threshold[0]
        # A pure node may be split or not, as rounding has it: its halves have one value.
        mine, other = ours.values[0, k], 0.1 * tree.value[tree.children_left < 0].ravel()
        assert np.unique(mine[mine != 0].round(9)).tolist() == np.unique(other.round(9)).tolist()


def test_equal_codes_share_the_importance_whatever_the_seed_and_dead_ones_have_none() -> None:
    found = measured(dup_dead, 1000, 500, seed=3)
    assert found.disentanglement == 1
    assert found.completeness == pytest.approx(0.86688, abs=0.02)
    assert (found.importance[7] == 0).all()
    assert found.importance[0, 0] == pytest.approx(0.5, abs=0.15)
    again = measured(dup_dead, 1000, 500, seed=3)
    assert (found.importance == again.importance).all()


def test_golden_values_at_a_thousand_rows() -> None:
    perfect, mixed = measured(identity, 1000, 500), measured(cumsum, 1000, 500)
    assert (perfect.disentanglement, perfect.completeness) == (1, 1)
    assert (perfect.informativeness_train, perfect.informativeness_test) == (1, 1)
    assert mixed.disentanglement == pytest.approx(0.50478, abs=0.010)
    assert mixed.completeness == pytest.approx(0.50762, abs=0.010)
    assert mixed.informativeness_train == 1
    assert mixed.informativeness_test == pytest.approx(0.54320, abs=0.010)


@pytest.mark.slow
def test_golden_values_at_ten_thousand_rows() -> None:
    perfect, mixed = measured(identity, 10_000, 5_000), measured(cumsum, 10_000, 5_000)
    assert (perfect.disentanglement, perfect.completeness, perfect.informativeness_test) == (1, 1, 1)
    assert mixed.disentanglement == pytest.approx(0.65641, abs=0.010)
    assert mixed.completeness == pytest.approx(0.67751, abs=0.010)
    assert mixed.informativeness_train == pytest.approx(0.87394, abs=0.002)
    assert mixed.informativeness_test == pytest.approx(0.71964, abs=0.002)


def test_without_numba_scikit_learn_answers_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = generator(0, "fallback")
    codes = draw.normal(size=(120, 2))
    factors = (codes > 0).astype(int)
    compiled = dci(codes, factors, codes, factors)
    module = importlib.import_module(
        "lightwell.metrics.disentanglement.dci"
    )  # its name there is the function
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.warns(UserWarning, match=r"lightwell\[dci\]") as caught:
        slow = dci(codes, factors, codes, factors)
    assert len(caught) == 1
    assert slow.importance == pytest.approx(compiled.importance, abs=0.02)
    assert slow.informativeness_test == compiled.informativeness_test == 1
    assert importlib.util.find_spec("numba") is not None


@pytest.mark.parametrize("backend", ["fast", "linear"])
def test_other_back_ends_find_a_perfect_code_and_carry_their_name(backend: str) -> None:
    found = measured(identity, 1000, 500, backend)
    assert (found.disentanglement, found.completeness) == (pytest.approx(1), pytest.approx(1))
    names = [one.name for one in dci_estimates(found, null=found)]
    assert names[0] == f"dci.{backend}.disentanglement"
    assert len(names) == 4


def test_a_constant_factor_is_left_out() -> None:
    factors = np.indices((3, 4, 9)).reshape(3, -1).T[:, :2]
    with_it = np.insert(factors, 1, 7, axis=1)
    plain, more = dci(factors, factors, factors, factors), dci(factors, with_it, factors, with_it)
    assert np.isnan(more.importance[:, 1]).all()
    assert (more.disentanglement, more.informativeness_test) == (plain.disentanglement, 1)
    alone = dci(factors, factors[:, :1], factors, factors[:, :1])
    assert np.isnan(alone.disentanglement)
    assert alone.completeness == 1


def test_importances_by_hand() -> None:
    table = np.array([[3.0, 1.0], [0.0, 0.0], [0.0, 4.0]])
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert disentanglement(table).each == pytest.approx([1 - entropy, 0, 1])
    assert disentanglement(table).value == pytest.approx((4 * (1 - entropy) + 4) / 8)
    assert completeness(table).value == pytest.approx(
        (3 + 5 * (1 + (0.2 * np.log(0.2) + 0.8 * np.log(0.8)) / np.log(3))) / 8
    )
    assert disentanglement(np.zeros((2, 3))).value == pytest.approx(0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"backend": "exat"}, ConfigError, "exact"),
        ({"codes_test": np.zeros((4, 3))}, DataError, "width"),
        ({"factors_train": np.ones((4, 1), int)}, DataError, "no factor varies"),
        ({"factors_train": np.full((4, 1), 0.5)}, DataError, "class numbers"),
        ({"codes_train": np.full((4, 1), np.nan)}, DataError, "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: dict, error: type[Exception], words: str) -> None:
    codes, factors = np.arange(4.0)[:, None], np.arange(4)[:, None]
    good = {"codes_train": codes, "factors_train": factors, "codes_test": codes, "factors_test": factors}
    with pytest.raises(error, match=words):
        dci(**{**good, **arguments})


def test_trees_refuse_a_single_class_and_another_width() -> None:
    with pytest.raises(DataError, match="two classes"):
        boosted_trees([[0.0], [1.0]], [1, 1])
    with pytest.raises(DataError, match="another width"):
        boosted_trees([[0.0], [1.0]], [0, 1]).predict([[0.0, 1.0]])
