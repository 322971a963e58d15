"""The agreement of seeds: which cells are compared, with what numbers, and what is said where none can be."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lightwell.core.files import write_json
from lightwell.core.representation import Representation
from lightwell.fleet.agreement import seed_agreements
from lightwell.fleet.page import write_results
from lightwell.report import Table, Text

LABELS = np.repeat([0, 1, -1], 40)
CODES = np.random.default_rng(0).normal(size=(120, 4))


def add(fleet, seed: int, codes: np.ndarray, split: str = "arpl/0", k: int = 2, **settings) -> Path:
    place = fleet.add(split, seed, {"auroc.mos": 0.8}, **settings)
    view = Representation(codes, LABELS, class_names=("a", "b"))
    view.save(place / "representation" / "test.npz")
    write_json(place / "model" / "decision.json", {"anchors": [4 // k, k, 10.0] if k else None})
    return place


def test_a_permuted_training_agrees_and_a_new_one_does_not(fleet_folder) -> None:
    permuted = -CODES[:, [1, 0, 2, 3]]
    stranger = np.random.default_rng(1).normal(size=CODES.shape)
    for seed, codes in enumerate((CODES, permuted, stranger)):
        add(fleet_folder, seed, codes)
    table = seed_agreements(fleet_folder.folder)
    assert isinstance(table, Table)
    ((name, k, seeds, pairs, agreement, null, within),) = table.rows
    assert (name, k, seeds, pairs) == ("toy arpl/0 difair", 2, 3, 3)

    def best(a: np.ndarray, b: np.ndarray) -> float:
        r = np.abs(np.corrcoef(a.T, b.T)[:2, 2:])
        return max(r[0, 0] + r[1, 1], r[0, 1] + r[1, 0]) / 2

    blocks = [(CODES[c * 40 : c * 40 + 40, 2 * c : 2 * c + 2], c) for c in (0, 1)]
    new = np.mean([best(own, stranger[c * 40 : c * 40 + 40, 2 * c : 2 * c + 2]) for own, c in blocks])
    assert agreement == pytest.approx((1 + 2 * new) / 3)
    assert 0 < null < 0.4
    assert within < 0.4


def test_only_cells_that_differ_in_nothing_else_are_compared(fleet_folder) -> None:
    add(fleet_folder, 0, CODES)
    add(fleet_folder, 1, CODES, split="arpl/1")
    add(fleet_folder, 1, CODES, training={"epochs": 2})
    assert isinstance(seed_agreements(fleet_folder.folder), Text)
    add(fleet_folder, 1, CODES)
    add(fleet_folder, 1, CODES)  # the same run in another folder
    add(fleet_folder, 2, CODES, status="failed")
    assert [row[2] for row in seed_agreements(fleet_folder.folder).rows] == [2]


def test_the_page_and_a_file_hold_it(fleet_folder) -> None:
    for seed in (0, 1):
        add(fleet_folder, seed, CODES)
        add(fleet_folder, seed, CODES, k=0, method="cac")
    write_results(fleet_folder.folder)
    with (fleet_folder.folder / "tables" / "seed_agreement.csv").open(newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["group"], row["pairs"], float(row["agreement"])) == (
        "toy arpl/0 difair",
        "1",
        pytest.approx(1),
    )
    page = (fleet_folder.folder / "report.html").read_text()
    assert "for want of two or more features a class: toy arpl/0 cac." in page


def test_one_seed_is_said_in_words(fleet_folder) -> None:
    add(fleet_folder, 0, CODES)
    write_results(fleet_folder.folder)
    assert "add --seeds 2" in (fleet_folder.folder / "report.html").read_text()
    assert not (fleet_folder.folder / "tables" / "seed_agreement.csv").exists()


@pytest.mark.parametrize("k", [0, 1])
def test_models_without_blocks_are_said_in_words(fleet_folder, k: int) -> None:
    for seed in (0, 1):
        add(fleet_folder, seed, CODES, k=k)
    said = seed_agreements(fleet_folder.folder)
    assert isinstance(said, Text)
    assert "toy arpl/0 difair" in said.text
