"""Figures of sub-class discovery: the right numbers and images on them, empty cells, and what they refuse."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lightwell.core import DataError
from lightwell.report.figures import style
from lightwell.report.figures.gating import expert_confusion, gate_map, gate_profiles, sorted_profile
from lightwell.report.figures.runs import (
    activation_sparsity,
    feature_map_variance,
    run_accuracies,
    weight_distances,
)
from lightwell.report.figures.subclasses import Cell, FineClasses, cells_of, cells_page, misclassified

NAN = float("nan")
HOSTILE = ("$\\frac{1}{0}$", "_<b>שלום\u202e</b> 猫" + "x" * 1000)
# Image i is of one grey, 10 i: a figure shows which image it is.
IMAGES = np.broadcast_to(10 * np.arange(8, dtype=np.uint8)[:, None, None, None], (8, 4, 4, 1)).copy()
COARSE = [0, 0, 0, 0, 0, 1, 1, 1]
GATE = np.array(
    [
        [0.90, 0.05, 0.05],
        [0.50, 0.49, 0.01],
        [0.60, 0.20, 0.20],
        [0.70, 0.15, 0.15],
        [0.10, 0.80, 0.10],
        [0.00, 1.00, 0.00],
        [0.20, 0.60, 0.20],
        [0.10, 0.30, 0.60],
    ]
)


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png", dpi=40)


def texts(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def greys(images: np.ndarray[Any, Any]) -> list[int]:
    return [int(image[0, 0, 0]) // 10 for image in images]


def test_runs_show_each_run_their_mean_and_their_total_variation() -> None:
    values = [[0.2, 0.8, 0.6], [0.4, 0.6, NAN]]
    figure = run_accuracies({"coarse": values}, [0, 1, 2], ["seed 0", "seed 1"], {"coarse": 0.25})
    left, right = figure.axes
    lines = [np.ma.filled(line.get_ydata(), NAN) for line in left.lines]
    np.testing.assert_allclose(lines[0], values[0])
    np.testing.assert_allclose(lines[1], values[1])
    np.testing.assert_allclose(lines[2], [0.3, 0.7, 0.6])
    assert left.lines[2].get_linewidth() > 2 * left.lines[0].get_linewidth()
    assert list(lines[3]) == [0.25, 0.25]
    np.testing.assert_allclose([bar.get_width() for bar in right.patches], [0.8, 0.2])
    assert [to_hex(bar.get_facecolor()) for bar in right.patches] == [style.colour(0), style.colour(1)]
    drawn(figure)


def test_one_run_of_one_epoch_is_drawn() -> None:
    figure = run_accuracies({"coarse": [[0.9]]}, [3], ["seed 0"])
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.0]
    assert figure.axes[0].get_xticks().tolist() == [3]
    drawn(figure)
    drawn(weight_distances({"encoder": [0.0]}, [1]))
    drawn(gate_profiles({"low": [[1.0]]}, [0]))


def test_weights_that_do_not_move_have_no_place_on_a_logarithmic_axis() -> None:
    figure = weight_distances({"gate": [1.0, 0.0, 0.01]}, [1, 2, 3])
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert np.ma.getmaskarray(axes.lines[0].get_ydata()).tolist() == [False, True, False]
    drawn(figure)


def test_sparsity_bars_are_means_of_runs_and_dots_are_runs() -> None:
    shares = {"two": [[0.2, 0.5], [0.4, 0.7]], "three": [[0.1, NAN]]}
    figure = activation_sparsity(shares, ["encoder", "gate"])
    (axes,) = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [0.3, 0.6, 0.1, 0.0])
    (dots,) = axes.collections
    np.testing.assert_allclose(np.asarray(dots.get_offsets())[:, 1], [0.2, 0.5, 0.4, 0.7])
    drawn(figure)


def test_variance_boxes_stand_by_expert_and_coarse_class() -> None:
    layer = {"low": {"0": [1.0, 2.0, 6.0], "1": []}, "high": {"0": [4.0]}}  # fewer experts for "high"
    figure = feature_map_variance({"conv1": layer})
    (axes,) = figure.axes
    medians = sorted(
        (float(np.mean(line.get_xdata())), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_color() == "white"
    )
    np.testing.assert_allclose(medians, [(-0.2, 2.0), (0.2, 4.0)])
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("none", (pytest.approx(0.8), 0))]
    drawn(figure)


def test_profiles_are_sorted_for_each_image_before_they_are_averaged() -> None:
    assert sorted_profile([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3]]).tolist() == pytest.approx([0.75, 0.15, 0.1])
    figure = gate_profiles(
        {"low": [[0.5, 0.3, 0.2], [0.8, 0.2, 0.0]], "high": [[0.6, 0.4], [0.9, 0.1]]}, [0, 5]
    )
    low, high = figure.axes
    bars = [(bar.get_y(), bar.get_height()) for bar in low.patches]
    np.testing.assert_allclose(
        bars, [(0, 0.5), (0, 0.8), (0.5, 0.3), (0.8, 0.2), (0.8, 0.2), (1, 0)], atol=1e-12
    )
    assert len(high.patches) == 4
    assert [axes.lines[0].get_ydata()[0] for axes in (low, high)] == pytest.approx([1 / 3, 1 / 2])
    assert [text.get_text() for text in low.get_xticklabels()] == ["0", "5"]


def test_experts_stand_in_the_order_of_their_classes_and_matched_cells_are_outlined() -> None:
    figure = expert_confusion([[0, 0], [1, 3], [0, 0], [6, 2]], list("abcd"), ["x", "y"], [-1, 1, -1, 0])
    (axes, _) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["d", "b", "a", "c"]
    np.testing.assert_allclose(axes.images[0].get_array()[:3], [[0.75, 0.25], [0.25, 0.75], [0, 0]])
    assert texts(figure)[:4] == ["6\n75 %", "2\n25 %", "1\n25 %", "3\n75 %"]
    assert [box.get_xy() for box in axes.patches] == [(-0.5, -0.5), (0.5, 0.5)]
    # Fewer experts than classes: each still outlines its own column.
    few = expert_confusion([[0, 1, 9], [5, 0, 0]], ["a", "b"], list("xyz"), [2, 0])
    assert [box.get_xy() for box in few.axes[0].patches] == [(-0.5, -0.5), (1.5, 0.5)]


def test_the_gate_map_names_coarse_classes_and_leaves_absent_ones_empty() -> None:
    figure = gate_map([[0.9, NAN, 0.2], [0.1, NAN, 0.8]], ["0", "1"], ["a", "b", "c"], ["low", "low", "high"])
    assert texts(figure) == ["0.90", "", "0.20", "0.10", "", "0.80", "low", "high"]
    assert [text.get_position()[0] for text in figure.axes[0].texts[-2:]] == [0.5, 2.0]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linewidth()] == [1.5]
    many = gate_map(np.full((30, 40), 1 / 30), [str(i) for i in range(30)], [str(i) for i in range(40)])
    assert texts(many) == []


def test_cells_hold_the_surest_and_the_most_doubtful_images() -> None:
    fine = FineClasses([0, 0, 1, 0, 1, 2, 2, 3], ["a", "b", "c", "d"], {(0, 0): 0, (0, 2): 1, (1, 1): 2})
    cells = cells_of(
        IMAGES,
        GATE,
        COARSE,
        ["low", "high"],
        n=2,
        experts=[[0, 1, 2], [1]],
        names={(0, 0): "zeros"},
        fine=fine,
    )
    zeros, one, empty = cells["low"]
    assert [(c.name, c.count) for c in cells["low"]] == [("zeros", 4), ("low / 1", 1), ("low / 2", 0)]
    assert (greys(zeros.prototypes), greys(zeros.borderline), greys(zeros.examples)) == (
        [0, 3],
        [1, 2],
        [0, 3],
    )
    assert (zeros.fine_name, zeros.share) == ("a", 0.75)
    assert (one.fine_name, one.share) == ("", None)  # nothing is matched with it
    assert (empty.share, len(empty.prototypes)) == (None, 0)
    # "high" has one expert; the one it should not have is shown because it got an image.
    assert [(c.name, c.count, c.share) for c in cells["high"]] == [
        ("high / 1", 2, 1.0),
        ("high / 2", 1, None),
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_shows_the_images_of_each_cell_in_its_row(channels: int) -> None:
    images = IMAGES.repeat(channels, axis=-1)
    figure = cells_page(cells_of(images, GATE, COARSE, ["low", "high"], n=2))
    examples, prototypes = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert examples.shape == (3 * 5, 3 * 5, 3)  # three cells, room for three images of four pixels and a gap
    assert [int(prototypes[0, x, 0]) for x in (0, 5, 10)] == [0, 30, 255]
    assert [int(prototypes[5, x, 0]) for x in (0, 5)] == [40, 255]  # a cell of one image
    assert texts(figure) == ["no images"]
    assert [axes.get_title(loc="left") for axes in figure.axes[::3]] == [
        "low: 2 of 3 cells in use, 5 images",
        "high: 2 of 3 cells in use, 3 images",
    ]
    assert figure.axes[0].get_yticklabels()[1].get_text() == "low / 1\n1 image"
    drawn(figure)


def test_a_single_expert_has_borderline_images_too() -> None:
    ((cell,),) = cells_of(IMAGES, np.ones((8, 1)), [0] * 8, ["all"], n=3).values()
    assert (cell.count, greys(cell.examples), len(cell.borderline)) == (8, [0, 4, 7], 3)


def test_errors_are_shown_with_the_most_certain_first() -> None:
    true, called = [0, 1, 0, 1], [0, 0, 1, 0]
    figure = misclassified(IMAGES[:4], true, called, [0.9, 0.6, 0.8, 0.7], list("abcd"), ["low", "high"])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["low → high\nc, p 0.80", "high → low\nd, p 0.70", "high → low\nb, p 0.60"]
    assert [int(axes.images[0].get_array()[0, 0]) for axes in figure.axes] == [20, 30, 10]
    many = misclassified(np.repeat(IMAGES, 8, 0), [0] * 64, [1] * 64, np.ones(64), ["a"] * 64, ["x", "y"])
    assert len(many.axes) == 40
    assert many.get_suptitle().startswith("64 of 64 images")
    none = misclassified(IMAGES[:2], [0, 1], [0, 1], [1, 1], ["a", "b"], ["x", "y"])
    assert [text.get_text() for text in none.texts] == ["None of 2 images is misclassified."]


def test_hostile_names_are_drawn_as_they_stand() -> None:
    a, b = HOSTILE
    cell = Cell(a, 1, IMAGES[:1], IMAGES[:1], IMAGES[:0], b, 0.5)
    for figure in (
        run_accuracies({a: [[0.1, 0.2], [0.3, 0.4]]}, [1, 2], HOSTILE),
        weight_distances({a: [1.0], b: [2.0]}, [1]),
        activation_sparsity({a: [[0.1, 0.2]]}, HOSTILE),
        feature_map_variance({a: {b: {a: [1.0, 2.0]}}}),
        gate_profiles({a: [[1.0]]}, [1]),
        expert_confusion(np.eye(2), HOSTILE, HOSTILE, [0, 1], b),
        gate_map(np.eye(2), HOSTILE, HOSTILE, HOSTILE),
        cells_page({a: [cell]}),
        misclassified(IMAGES[:2], [0, 1], [1, 0], [1, 1], HOSTILE, HOSTILE),
    ):
        drawn(figure)


BAD: dict[str, Callable[[], object]] = {
    "no measure": lambda: run_accuracies({}, [1], ["a"]),
    "a run is missing": lambda: run_accuracies({"coarse": [[0.5]]}, [1], ["a", "b"]),
    "no run": lambda: run_accuracies({"coarse": np.zeros((0, 1))}, [1], []),
    "percent for shares": lambda: run_accuracies({"coarse": [[97.0]]}, [1], ["a"]),
    "epochs out of order": lambda: run_accuracies({"coarse": [[0.1, 0.2]]}, [2, 1], ["a"]),
    "negative distance": lambda: weight_distances({"gate": [-1.0]}, [1]),
    "distance not finite": lambda: weight_distances({"gate": [np.inf]}, [1]),
    "distances too few": lambda: weight_distances({"gate": [1.0]}, [1, 2]),
    "layer without name": lambda: activation_sparsity({"a": [[0.1, 0.2]]}, ["gate"]),
    "negative variance": lambda: feature_map_variance({"a": {"low": {"0": [-1.0]}}}),
    "no layer": lambda: feature_map_variance({}),
    "logits for probabilities": lambda: sorted_profile([[2.0, -1.0]]),
    "no images": lambda: sorted_profile(np.zeros((0, 3))),
    "no profile": lambda: gate_profiles({}, [1]),
    "unsorted profile": lambda: gate_profiles({"low": [[0.2, 0.8]]}, [1]),
    "profile without epoch": lambda: gate_profiles({"low": [[0.8, 0.2]]}, [1, 2]),
    "two experts, one class": lambda: expert_confusion(np.eye(2), ["a", "b"], ["x", "y"], [0, 0]),
    "matched with no class": lambda: expert_confusion(np.eye(2), ["a", "b"], ["x", "y"], [0, 2]),
    "counts without names": lambda: expert_confusion(np.eye(3), ["a", "b"], ["x", "y"], [0, 1]),
    "counts below 0": lambda: expert_confusion(-np.eye(2), ["a", "b"], ["x", "y"], [0, 1]),
    "mean above 1": lambda: gate_map([[1.2]], ["a"], ["x"]),
    "coarse names too few": lambda: gate_map([[0.2, 0.3]], ["a"], ["x", "y"], ["low"]),
    "float images": lambda: cells_of(IMAGES / 255, GATE, COARSE, ["low", "high"]),
    "gate of other images": lambda: cells_of(IMAGES, GATE[:5], COARSE, ["low", "high"]),
    "gate not finite": lambda: cells_of(IMAGES, GATE * NAN, COARSE, ["low", "high"]),
    "coarse class without name": lambda: cells_of(IMAGES, GATE, COARSE, ["low"]),
    "experts of one class only": lambda: cells_of(IMAGES, GATE, COARSE, ["low", "high"], experts=[[0, 1]]),
    "fine labels too few": lambda: cells_of(
        IMAGES, GATE, COARSE, ["a", "b"], fine=FineClasses([0], ["x"], {})
    ),
    "fine class without name": lambda: FineClasses([0], ["x"], {(0, 0): 1}),
    "no cells": lambda: cells_page({}),
    "coarse class without cells": lambda: cells_page({"low": []}),
    "images of two sizes": lambda: cells_page({"low": [Cell("a", 1, IMAGES, IMAGES, IMAGES[:, :2])]}),
    "experts too few": lambda: misclassified(IMAGES[:2], [0, 1], [1, 0], [1, 1], ["a"], ["x", "y"]),
    "predicted without name": lambda: misclassified(IMAGES[:1], [0], [2], [1], ["a"], ["x", "y"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case: str) -> None:
    with pytest.raises(DataError):
        BAD[case]()
