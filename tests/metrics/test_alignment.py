"""Alignment by linear regression: the paper's example, the golden values, and what symmetry forbids."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import ConfigError, DataError
from lightwell.metrics.disentanglement.alignment import alignment, alignment_estimates, collapse
from lightwell.metrics.disentanglement.draws import FactorSampler
from lightwell.metrics.disentanglement.importance import completeness, disentanglement
from lightwell.metrics.disentanglement.symmetry import dsprites_ceilings

SIZES = (3, 6, 40, 32, 32)


def test_the_example_of_the_paper() -> None:
    table = [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0.2, 0, 0], [0, 0.2, 0]]
    assert disentanglement(table).value == 1
    found = completeness(table)
    assert found.each == pytest.approx([0.72005, 0.72005, 1.0], abs=5e-6)
    assert found.value == pytest.approx(0.80239, abs=5e-6)
    assert found.each.mean() == pytest.approx(0.81337, abs=5e-6)


@pytest.mark.parametrize(
    ("represent", "method", "golden"),
    [
        (lambda f: f / (np.array(SIZES) - 1), "lasso", (1, 1, 0.99421)),
        (lambda f: f / (np.array(SIZES) - 1), "ols", (1, 1, 1)),
        (lambda f: (f / (np.array(SIZES) - 1)).cumsum(axis=1), "lasso", (0.64896, 0.64691, 0.79374)),
        (lambda f: (f / (np.array(SIZES) - 1)).cumsum(axis=1), "ols", (0.65193, 0.59622, 1)),
    ],
)
def test_golden_values(represent, method: str, golden: tuple[float, ...]) -> None:
    rows, _ = FactorSampler(SIZES, represent).points(10_000, 16)
    found = alignment(rows.codes, rows.factors, method)
    assert (found.alignment, found.completeness, found.explicitness) == pytest.approx(golden, abs=1e-5)


def test_scale_and_order_change_nothing_and_dead_or_constant_columns_are_told() -> None:
    factors = np.indices((4, 5, 3)).reshape(3, -1).T
    codes = np.c_[factors[:, ::-1] * [3.0, -2.0, 0.1] + 7, np.full(60, 4.0)]
    for method in ("lasso", "ols"):
        found = alignment(codes, np.c_[factors, np.full(60, 2)], method)
        assert found.alignment == pytest.approx(1)
        assert found.importance[3, :3].tolist() == [0, 0, 0]
        assert np.isnan(found.importance[:, 3]).all()
    order = np.random.default_rng(0).permutation(60)
    one, other = alignment_estimates(codes, factors, n_resamples=40), None
    other = alignment_estimates(codes[order], factors[order], n_resamples=40)
    assert one == other
    assert [e.name for e in one if e.name.endswith("lasso")] == [
        f"{name}.lasso" for name in ("alignment", "completeness", "explicitness", "empty_columns")
    ]
    assert one[0].null.value < 0.5 < one[0].low <= one[0].value


def test_lasso_on_nothing_is_empty_and_says_so() -> None:
    factors = np.indices((4, 5, 30)).reshape(3, -1).T[:, :2]
    noise = np.random.default_rng(0).normal(size=(600, 2))
    found = alignment(noise, factors)
    assert (found.alignment, found.empty_columns) == (0, 2)
    assert found.explicitness == pytest.approx(
        1 - 6 * (5 / 36 + 1 / 8) / 2
    )  # variances of 4 and 5 even steps


def test_a_group_of_columns_counts_as_one_factor() -> None:
    shape, size = np.indices((3, 4)).reshape(2, -1)
    factors = np.c_[np.eye(3)[shape], size]
    codes = factors + np.linspace(0, 0.4, 12)[:, None] * [0.3, 0.1, 0.2, 0]
    found = alignment(codes, factors, "ols", groups=[(0, 1, 2)])
    assert found.importance.shape == (2, 2)
    assert found.alignment == pytest.approx(1)
    assert collapse(codes, [(0, 1, 2)], "codes")[:, 0].tolist() == shape.tolist()


@pytest.mark.parametrize("groups", [[(0,)], [(0, 1), (1, 2)], [(0, 9)], [(-1, 0)]])
def test_groups_that_are_none_are_refused(groups: list[tuple[int, ...]]) -> None:
    with pytest.raises(DataError, match="groups of columns"):
        alignment(np.eye(4), np.eye(4), groups=groups)


def test_what_cannot_be_aligned_is_refused() -> None:
    with pytest.raises(ConfigError, match="lasso"):
        alignment(np.eye(3), np.eye(3), "laso")
    with pytest.raises(DataError, match="no factor varies"):
        alignment(np.eye(3), np.ones((3, 2)))
    with pytest.raises(DataError, match="length"):
        alignment(np.eye(3), np.eye(4))
    with pytest.raises(ConfigError, match="resamples"):
        alignment_estimates(np.eye(3), np.eye(3), n_resamples=3)


def test_symmetry_sets_the_ceilings_of_dsprites() -> None:
    grid = np.indices(SIZES).reshape(5, -1).T
    unit = grid / (np.array(SIZES) - 1)
    weights = np.array([-0.55329954, -0.3754565, 0.46785691, 0.37617377, 0.4387428])
    values = np.c_[grid[:, 0], unit[:, 1:]]  # shape left at 0, 1, 2: the label is almost the shape
    labels = ((values - values.mean(axis=0)) @ weights < 0).astype(int)
    five = dsprites_ceilings(labels=labels)
    assert five.explicitness == pytest.approx(0.944, abs=5e-4)
    assert five.mse == pytest.approx([0, 0, (5 / 64 + 1 / 16) / 3, 0, 0], abs=1e-4)
    assert five.label_accuracy == pytest.approx(0.9325, abs=5e-4)
    seven = dsprites_ceilings(np.c_[np.eye(3)[grid[:, 0]], unit[:, 1:]])
    assert seven.explicitness == pytest.approx(0.960, abs=5e-4)
    assert np.isnan(seven.label_accuracy)
    with pytest.raises(DataError, match="737280 rows"):
        dsprites_ceilings(grid[:10])
    with pytest.raises(DataError, match="label"):
        dsprites_ceilings(labels=labels[:10])
