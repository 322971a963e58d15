"""Grids: which cells they span, and what is refused before anything starts."""

from __future__ import annotations

import pytest
import yaml

from lightwell.core.errors import ConfigError
from lightwell.fleet.grid import Grid, family_splits, label_of
from lightwell.fleet.variants import Variant, listed


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


def test_a_variant_has_settings_of_its_own_and_the_preset_of_its_method() -> None:
    methods = ("difair", "arpl", "arpl+cs:confusing-samples=true; training.epochs=9")
    cells = Grid("open-set", {"method": methods, "seed": ("0", "1")}, "small", ("--epochs=3",)).cells()
    assert [cell.label for cell in cells[::2]] == ["difair_seed0", "arpl_seed0", "arpl+cs_seed0"]
    assert [cell.axes["method"] for cell in cells[::2]] == ["difair", "arpl", "arpl+cs"]
    _, plain, cs = (yaml.safe_load(cell.config) for cell in cells[::2])
    assert (plain["method"], plain["model"]["confusing_samples"], plain["training"]["epochs"]) == (
        "arpl",
        False,
        3,
    )
    assert (cs["method"], cs["model"]["confusing_samples"], cs["training"]["epochs"]) == ("arpl", True, 9)
    assert cs["optimizer"] == plain["optimizer"]


def test_commas_within_brackets_and_quotes_part_nothing() -> None:
    assert listed("a, b") == ("a", "b")
    assert listed("control,[control,alternating:1]") == ("control", "[control,alternating:1]")
    assert listed("\"7,1\",'5,3'") == ("7,1", "5,3")
    assert listed("{a: [1,2]},(3,4)") == ("{a: [1,2]}", "(3,4)")
    assert listed("o'brien/x,y") == ("o'brien/x", "y")
    assert listed("'a','b';c", ";") == ("'a','b'", "c")
    assert Variant.parse("m+x:known='0,1';rules=[a,b:1]").words == ["--known=0,1", "--rules=[a,b:1]"]
    known = Grid("open-set", {"known": listed("[0,1,2],[3,4,5]")}, "smoke").cells()
    assert [yaml.safe_load(cell.config)["known"] for cell in known] == [["0", "1", "2"], ["3", "4", "5"]]
    pairs = Grid("ambiguity", {"pair": listed("'7,1','5,3'")}, "smoke").cells()
    assert [yaml.safe_load(cell.config)["pair"] for cell in pairs] == ["7,1", "5,3"]


@pytest.mark.parametrize("text", ["[0,1", "a]b", "'7,1"])
def test_what_is_left_open_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is open"):
        listed(text)


@pytest.mark.parametrize(
    ("axes", "words", "message"),
    [
        ({"seed": ()}, (), "no value"),
        ({"seed": ("0", "0")}, (), "stands twice.*got 0"),
        ({"seed": ("0",)}, ("--seed=1",), "axis of the grid and fixed"),
        ({"training.epoch": ("1",)}, (), "unknown setting.*epochs"),
        ({"training.epochs": ("many",)}, (), "expected int, got many"),
        ({"data": ("a/b", "a-b")}, (), "share a folder"),
        ({"training.epochs": ("1",)}, ("--epochs", "2"), "axis of the grid and fixed for all"),
        ({"method": ("arpl", "arpl:model.head=pooled")}, (), r"stands twice.*Call one METHOD\+WORD"),
        ({"method": ("arpl+cs:model.confusing=true",)}, (), "unknown setting.*model.confusing_"),
        ({"method": ("arpl+cs:seed=1",), "seed": ("0",)}, (), "axis of the grid and fixed for a variant"),
        ({"method": ("arpl+cs",)}, (), "KEY=VALUE;KEY=VALUE, got arpl"),
        ({"method": ("+cs:epochs=1",)}, (), "METHOD or METHOD"),
        ({"method": ("arpl+cs:epochs",)}, (), "METHOD or METHOD"),
        ({"method": ("arpl+cs:method=cac",)}, (), "the method in its name"),
        ({"method": ("arpll+cs:epochs=1",)}, (), "arpl"),
    ],
)
def test_bad_grids_are_refused(axes: dict, words: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Grid("open-set", axes, "smoke", words).cells()
