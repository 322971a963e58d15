"""Concepts: what is declared, what is refused, and which annotations a mask forgets."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import Concept, ConfigError, DataError, Dataset, concept_columns
from lightwell.data import mask_concepts

NAN = np.nan
GROUPS = (Concept("shape", "categorical", 2), Concept("bald", "binary"), Concept("age", "continuous"))


def dataset(values, groups=GROUPS):
    values = np.asarray(values)
    names = [f"c{i}" for i in range(values.shape[1])]
    images = np.zeros((len(values), 2, 2, 1), np.uint8)
    labels = np.zeros(len(values), np.int64)
    return Dataset("toy", images, labels, ("a",), concepts=values, concept_names=names, concept_groups=groups)


def many(n=4000):
    rows = np.arange(n)
    return dataset(np.stack([rows % 2, 1 - rows % 2, rows % 2, rows / n], axis=1))


def test_a_data_set_keeps_its_declaration_and_float32_annotations():
    data = dataset([[1, 0, 1, 0.25], [NAN, NAN, 0, NAN]])
    assert data.concepts.dtype == np.float32
    assert not data.concepts.flags.writeable
    assert data.take([1]).concept_groups == GROUPS
    assert concept_columns(GROUPS) == {"shape": slice(0, 2), "bald": slice(2, 3), "age": slice(3, 4)}
    assert data.fingerprint != dataset([[1, 0, 1, 0.25], [NAN, NAN, 0, NAN]], ()).fingerprint
    assert dataset([[1, 0.5], [NAN, 0]], ()).concept_groups == (
        Concept("c0", "binary"),
        Concept("c1", "continuous"),
    )


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([[1, 0, 1, 1.5]], GROUPS, r"leave \[0, 1\].*got 1.5"),
        ([[1, 1, 1, 0]], GROUPS, r"'shape' are not one-hot \(in toy.concepts, row 0\)"),
        ([[0, 0, 1, 0]], GROUPS, "not one-hot"),
        ([[1, NAN, 1, 0]], GROUPS, "not one-hot"),
        ([[1, 0, 0.5, 0]], GROUPS, "'bald' are not 0 or 1.*expected binary"),
        ([[1, 0, 1]], GROUPS, "do not own these columns.*3 columns in all.*with 4 columns"),
        ([[1, 0]], (GROUPS[1], GROUPS[1]), "distinct names"),
        ([["1", "0"]], (), "must be numbers"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(values, groups, message):
    with pytest.raises(DataError, match=message):
        dataset(values, groups)


@pytest.mark.parametrize(("kind", "size"), [("ordinal", 1), ("binary", 2), ("categorical", 1)])
def test_a_concept_that_cannot_be_is_refused(kind, size):
    with pytest.raises(ConfigError, match="concept x"):
        Concept("x", kind, size)


@pytest.mark.parametrize("fraction", [0, 0.01, 0.25, 1])
def test_a_mask_keeps_about_the_share_of_whole_examples(fraction):
    kept = ~np.isnan(mask_concepts(many(), fraction, seed=3).concepts)
    assert (kept.all(axis=1) == kept.any(axis=1)).all()
    spread = 4 * np.sqrt(fraction * (1 - fraction) / 4000)
    assert abs(kept[:, 0].mean() - fraction) <= spread


def test_a_mask_belongs_to_the_example_and_smaller_shares_are_nested():
    data = many()
    some, more = (mask_concepts(data, share, seed=1) for share in (0.1, 0.5))
    assert np.isnan(some.concepts[np.isnan(more.concepts)]).all()
    rows = np.random.default_rng(0).permutation(4000)[:300]
    again = mask_concepts(data.take(rows), 0.1, seed=1)
    assert np.array_equal(again.concepts, some.concepts[rows], equal_nan=True)
    assert not np.array_equal(mask_concepts(data, 0.1, seed=2).concepts, some.concepts, equal_nan=True)
    assert not np.isnan(data.concepts).any()


def test_a_mask_per_concept_takes_groups_whole_and_concepts_apart():
    kept = ~np.isnan(mask_concepts(many(), 0.5, seed=0, per_concept=True).concepts)
    assert (kept[:, 0] == kept[:, 1]).all()
    assert abs((kept[:, 1] & kept[:, 2] & kept[:, 3]).mean() - 1 / 8) < 0.03


def test_masks_refuse_what_is_no_share_and_data_without_concepts():
    with pytest.raises(ConfigError, match=r"expected 0 \.\. 1, got 25"):
        mask_concepts(many(), 25, seed=0)
    with pytest.raises(DataError, match="no concepts to mask"):
        mask_concepts(Dataset.from_arrays(np.zeros((2, 2, 2), np.uint8)), 0.5, seed=0)
