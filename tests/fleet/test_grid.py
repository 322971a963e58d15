"""Grids: which cells they span, and what is refused before anything starts."""

from __future__ import annotations

import pytest
import yaml

from lightwell.core.errors import ConfigError
from lightwell.fleet.grid import Grid, family_splits, label_of


def test_cells_are_the_product_of_the_axes_with_full_settings() -> None:
    axes = {"data": ("mnist-mini", "svhn"), "split": ("all",), "method": ("difair",), "seed": ("0", "1")}
    cells = Grid("open-set", axes, "smoke", ("--epochs=2",)).cells()
    assert len(cells) == 2 * 5 * 1 * 2
    assert len({cell.label for cell in cells}) == len(cells)
    last = yaml.safe_load(cells[-1].config)
    assert (last["data"], last["split"], last["seed"]) == ("svhn", "arpl/4", 1)
    assert last["training"]["epochs"] == 2
    assert cells[0].label == "mnist-mini_arpl-0_difair_seed0"


def test_a_preset_for_a_method_reaches_only_the_cells_of_that_method() -> None:
    cells = Grid("open-set", {"method": ("difair", "softmax")}, "small").cells()
    difair, softmax = (yaml.safe_load(cell.config)["model"] for cell in cells)
    assert "radius_ratio" in difair
    assert "radius_ratio" not in softmax


def test_any_setting_can_be_an_axis() -> None:
    cells = Grid("open-set", {"training.epochs": ("1", "3")}, "smoke").cells()
    assert [cell.label for cell in cells] == ["epochs1", "epochs3"]
    assert [yaml.safe_load(cell.config)["training"]["epochs"] for cell in cells] == [1, 3]


def test_families_of_splits_depend_on_the_data_set() -> None:
    assert family_splits("cifar10", "all") == [f"arpl/{i}" for i in range(5)]
    assert len(family_splits("cifar10", "difair")) == 3
    with pytest.raises(ConfigError, match=r"svhn.*got difair"):
        family_splits("svhn", "difair")
    with pytest.raises(ConfigError, match="drawn/"):
        family_splits("a/folder/of/mine", "all")


def test_labels_are_safe_and_differ_for_values_that_look_alike() -> None:
    first, second = label_of({"data": "../a b"}), label_of({"data": "../a?b"})
    assert first != second
    assert "/" not in first
    assert not first.startswith(".")


@pytest.mark.parametrize(
    ("axes", "words", "message"),
    [
        ({"seed": ()}, (), "no value"),
        ({"seed": ("0", "0")}, (), "stands twice.*got 0"),
        ({"seed": ("0",)}, ("--seed=1",), "axis of the grid and fixed"),
        ({"training.epoch": ("1",)}, (), "unknown setting.*epochs"),
        ({"training.epochs": ("many",)}, (), "expected int, got many"),
        ({"data": ("a/b", "a-b")}, (), "share a folder"),
    ],
)
def test_bad_grids_are_refused(axes: dict, words: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Grid("open-set", axes, "smoke", words).cells()
