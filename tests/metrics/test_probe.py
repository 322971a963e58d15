"""The linear probe: what a straight cut finds, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import DataError
from lightwell.core.seeds import generator
from lightwell.metrics import linear_probe


def blobs(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    draw = generator(0, "blobs")
    labels = np.arange(n) % 3
    return 4 * np.eye(3, 5)[labels] + draw.normal(size=(n, 5)), labels


def test_it_is_the_logistic_regression_of_standardised_codes_solved_another_way() -> None:
    # Two classes and one code: the optimum of the penalised likelihood, found on a fine grid.
    codes, labels = np.array([[-1.0], [0.5], [-0.5], [1.0]]), np.array([0, 0, 1, 1])
    standard = (codes[:, 0] - codes.mean()) / codes.std()
    slopes = np.linspace(-3, 3, 60_001)
    sign = 2 * labels - 1
    loss = np.log1p(np.exp(-np.outer(slopes, sign * standard))).sum(axis=1) + slopes**2 / 2
    slope = slopes[loss.argmin()]  # by symmetry there is no intercept
    chance = 1 / (1 + np.exp(-slope * standard))
    probe = linear_probe(codes, labels, codes)
    assert probe.confidence == pytest.approx(np.maximum(chance, 1 - chance), abs=1e-3)
    assert probe.predictions.tolist() == (chance > 0.5).astype(int).tolist()


def test_it_names_separable_classes_and_doubts_what_lies_between() -> None:
    codes, labels = blobs()
    probe = linear_probe(codes, labels, codes)
    assert (probe.predictions == labels).mean() > 0.95
    middle = linear_probe(
        codes, labels, codes[labels == 0].mean(axis=0, keepdims=True) / 2 + 2 * np.eye(3, 5)[1]
    )
    assert middle.confidence[0] < 0.9 < np.median(probe.confidence)


def test_neither_order_nor_company_changes_an_answer() -> None:
    codes, labels = blobs()
    whole = linear_probe(codes, labels, codes)
    alone = linear_probe(codes[::-1], labels[::-1], codes[:7])
    assert alone.confidence == pytest.approx(whole.confidence[:7], abs=1e-4)


def test_classes_keep_their_numbers_where_one_is_absent() -> None:
    probe = linear_probe([[0.0], [0.1], [3.0], [3.1]], [0, 0, 2, 2], [[0.0], [3.0]])
    assert probe.predictions.tolist() == [0, 2]


def test_nothing_asked_is_nothing_answered() -> None:
    probe = linear_probe([[0.0], [1.0]], [0, 1], np.zeros((0, 1)))
    assert probe.predictions.shape == probe.confidence.shape == (0,)


@pytest.mark.parametrize(
    ("codes", "labels", "asked", "words"),
    [
        ([[0.0], [1.0]], [0, -1], [[0.0]], "known classes"),
        ([[0.0], [1.0]], [0, 0], [[0.0]], "known classes"),
        ([[0.0], [1.0]], [0, 1], [[0.0, 1.0]], "differ in width"),
        ([[0.0], [np.nan]], [0, 1], [[0.0]], "not a finite number"),
        ([[0.0], [1.0]], [0, 1, 1], [[0.0]], "length"),
        ([0.0, 1.0], [0, 1], [[0.0]], "table of numbers"),
    ],
)
def test_what_cannot_be_probed_is_refused(codes, labels, asked, words: str) -> None:
    with pytest.raises(DataError, match=words):
        linear_probe(codes, np.asarray(labels), asked)
