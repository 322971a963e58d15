"""Figures: what is on them, that they are the same each time, and what they refuse."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from lightwell.core import DataError
from lightwell.core.seeds import generator
from lightwell.report import figures
from lightwell.report.figures import Card

NAMES = ("two", "four", "five")
HOSTILE = ("$\\frac{1}{0}$", "<b>שלום\u202e</b> 猫", "_" + "x" * 10_000)


def pixels(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=60)
    return stream.getvalue()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def card(names: tuple[str, ...] = NAMES, *, refused: bool = True) -> Card:
    rng = generator(0, "card")
    code = rng.random((3, 4))
    maps = {name: np.full((2, 2), float(i)) for i, name in enumerate(names)}
    evidence = {"missing own": 6.0, "excess own": 0.0} | {f"foreign: {name}": 1.0 for name in names[1:]}
    image = rng.integers(0, 256, (8, 8, 1)).astype(np.uint8)
    return Card(
        image, names, code, code, evidence, maps, "seven", names[0], 2.8, "relative_block_sum", 0.0123,
        "partial match", f"Half of {names[0]} is missing.", refused,
    )  # fmt: skip


def all_figures(names: tuple[str, ...]) -> dict[str, Callable[[], Figure]]:
    rng = generator(1, "figures")
    codes = rng.random((60, 2))
    labels = np.arange(60) % 4 - 1
    curve = (np.linspace(0, 1, 11), np.linspace(0, 1, 11) ** 0.5)
    log = {
        "epoch": [0, 1, 2],
        f"train/{names[0]}": [3.0, np.nan, 1.0],
        f"validation/{names[0]}": [3.0, 2.0, 1.0],
    }
    images = [rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)] * 3
    weights = rng.normal(size=(3, 2, 4, 3, 3))
    return {
        "confusion": lambda: figures.confusion_matrix(np.arange(9).reshape(3, 3), names, names),
        "similarity": lambda: figures.class_similarity(np.eye(3, 6), names),
        "mean_codes": lambda: figures.mean_codes(np.eye(3).repeat(2, axis=1), 2, names),
        "roc": lambda: figures.roc(dict.fromkeys(names, curve), {names[0]: 0.7}),
        "oscr": lambda: figures.oscr(dict.fromkeys(names, curve)),
        "histograms": lambda: figures.score_histograms(codes[:, 0], labels < 0, names[0], {names[1]: 0.5}),
        "training": lambda: figures.training_curves(log),
        "map": lambda: figures.code_map(
            codes,
            labels,
            names,
            anchors=codes[:3],
            means=codes[3:6],
            refused=codes[:, 0] > 0.8,
            method=names[2],
        ),
        "views": lambda: figures.map_views(codes, labels + 1, (*names, names[0]), 2, anchors=codes[:2]),
        "violins": lambda: figures.class_violins(codes, labels % 3, names, 2, names[:2], [0, 1], names[2]),
        "filters": lambda: figures.class_filters(weights, names),
        "filter_correlation": lambda: figures.filter_correlation(weights, names),
        "patterns": lambda: figures.cluster_patterns(np.eye(3)[:2], [5, 4], names),
        "card": lambda: figures.card_sheet([card(names)]),
        "sheet": lambda: figures.image_sheet(images, names),
    }


@pytest.mark.parametrize("kind", all_figures(NAMES))
def test_every_figure_is_the_same_each_time_and_leaves_settings_alone(kind: str) -> None:
    before = dict(mpl.rcParams)
    first, second = (pixels(all_figures(NAMES)[kind]()) for _ in range(2))
    assert first == second
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("kind", all_figures(HOSTILE))
def test_every_figure_survives_hostile_names(kind: str) -> None:
    # A name read as mathematics would raise, a missing glyph warn, and warnings are errors here.
    assert len(pixels(all_figures(HOSTILE)[kind]())) > 1000


def test_confusion_cells_hold_counts_and_colours_shares_of_rows() -> None:
    figure = figures.confusion_matrix(
        [[1500, 500], [0, 0]], ["a", "b"], ["x", "y"], row_label="unknown class"
    )
    assert texts(figure) == ["1,500", "500", "0", "0"]
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, [[0.75, 0.25], [0, 0]])
    assert figure.axes[0].get_ylabel() == "unknown class"


def test_a_large_confusion_matrix_has_no_cell_text_and_few_names() -> None:
    names = [f"class {i}" for i in range(200)]
    figure = figures.confusion_matrix(np.eye(200), names, names)
    assert texts(figure) == []
    assert len(figure.axes[0].get_xticks()) == 40


def test_similarities_match_scipy() -> None:
    from scipy.spatial.distance import cdist

    means = generator(2, "means").random((3, 5))
    left, right = figures.class_similarity(means, NAMES).axes[:2]
    np.testing.assert_allclose(left.images[0].get_array(), 1 - cdist(means, means, "cosine"), atol=1e-12)
    np.testing.assert_allclose(right.images[0].get_array(), cdist(means, means), atol=1e-12)


def test_a_class_without_activation_has_no_cosine() -> None:
    figure = figures.class_similarity([[0.0, 0.0], [1.0, 0.0]], ["dead", "b"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["", "", "", "1.00"]


def test_mean_codes_outline_the_own_block() -> None:
    figure = figures.mean_codes(np.arange(18.0).reshape(3, 6), 2, NAMES)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == list(NAMES)
    assert [axes.patches[0].get_y() for axes in figure.axes[:3]] == [-0.5, 0.5, 1.5]
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), np.arange(6.0, 12).reshape(3, 2))


def test_many_classes_become_one_matrix_of_block_means() -> None:
    figure = figures.mean_codes(np.eye(30).repeat(2, axis=1), 2, [str(i) for i in range(30)])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), np.eye(30))


def test_curves_name_their_area_and_their_null() -> None:
    curve = ([0.0, 1.0], [0.0, 0.9])
    _, roc = figures.roc({"a": curve, "b": curve}, {"b": 0.75}).axes[0].get_legend_handles_labels()
    assert roc == ["a", "b (AUROC 0.750)", "guessing"]
    oscr = figures.oscr({"a": curve}, {"a": 0.45}).axes[0]
    assert oscr.get_legend_handles_labels()[1] == ["a (OSCR 0.450)", "refusing at random"]
    np.testing.assert_allclose(oscr.lines[-1].get_ydata(), [0, 0.9])


def test_histograms_are_shares_of_each_side() -> None:
    axes = figures.score_histograms([0, 0, 1, 1, 1], [0, 0, 0, 1, 1], "d", {"rule": 0.5}).axes[0]
    heights = [patch.get_data().values.sum() for patch in axes.patches]
    np.testing.assert_allclose(heights, 1)
    assert axes.get_legend_handles_labels()[1] == ["known (n = 3)", "unknown (n = 2)", "rule: 0.5"]


def test_histograms_of_one_side_or_one_value_are_defined() -> None:
    axes = figures.score_histograms([2.0, 2.0], [False, False], "d").axes[0]
    assert axes.get_legend_handles_labels()[1] == ["known (n = 2)"]


def test_training_curves_share_a_panel_by_measure_and_skip_gaps() -> None:
    rows = {"step": [0, 10, 20], "train/loss": [3, np.nan, 1], "loss_own": [1, 1, 1], "empty": [np.nan] * 3}
    figure = figures.training_curves(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "loss own"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), [0, 20])


def test_the_map_splits_unknowns_by_decision_only_where_it_is_known() -> None:
    points, labels = np.zeros((4, 2)), np.array([0, 1, -1, -1])
    plain = figures.code_map(points, labels, ("a", "b")).axes[0].get_legend()
    assert [t.get_text() for t in plain.get_texts()] == ["a", "b", "unknown"]
    split = figures.code_map(points, labels, ("a", "b"), refused=[0, 1, 0, 1], anchors=points[:2]).axes[0]
    entries = [t.get_text() for t in split.get_legend().get_texts()]
    assert entries == ["a", "b", "unknown, refused", "unknown, accepted", "anchor", "refused known"]
    drawn = sum(len(c.get_offsets()) for c in split.collections)
    assert drawn == 4 + 2


def test_ten_thousand_points_are_pixels_in_a_vector_file() -> None:
    rng = generator(3, "map")
    figure = figures.code_map(
        rng.random((10_000, 2)), rng.integers(-1, 30, 10_000), [str(i) for i in range(30)]
    )
    stream = io.BytesIO()
    figure.savefig(stream, format="svg")
    assert stream.tell() < 1_000_000
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "30 known classes"


def test_a_card_tells_decision_evidence_and_place() -> None:
    figure = figures.card_sheet([card()])
    title = figure.subfigs[0].get_suptitle()
    for words in (
        "Refused: partial match",
        "true class seven",
        "predicted two",
        "relative block sum 2.8",
        "p = 0.012",
    ):
        assert words in title
    _, bars, code, _, _, first, second = figure.subfigs[0].axes
    assert [text.get_text() for text in bars.texts] == ["75%", "12%", "12%", "0%"]
    assert len(code.get_yticklabels()) == 3
    assert first.get_title() == "evidence for\ntwo"
    assert second.get_title() == "evidence for\nfive"


def test_a_card_shows_the_six_best_classes_largest_first() -> None:
    names = tuple(f"c{i}" for i in range(9))
    code = np.arange(18.0).reshape(9, 2)
    big = replace(
        card(), class_names=names, code=code, mean_code=code, predicted_name="c8", maps={}, refused=False
    )
    axes = figures.card_sheet([big]).subfigs[0].axes
    assert [text.get_text() for text in axes[2].get_yticklabels()] == ["c8", "c7", "c6", "c5", "c4", "c3"]
    np.testing.assert_array_equal(axes[2].images[0].get_array()[0], [16, 17])


def test_a_sheet_has_one_row_a_card() -> None:
    accepted = replace(card(refused=False), reason="", p_value=None)
    figure = figures.card_sheet([card(), accepted])
    assert len(figure.subfigs) == 2
    assert figure.subfigs[1].get_suptitle().startswith("Accepted   ·")


@pytest.mark.parametrize(
    ("draw", "complaint"),
    [
        (
            lambda: figures.confusion_matrix([[1, 2]], ["a"], ["b"]),
            r"expected shape \(1, 1\).*got shape \(1, 2\)",
        ),
        (lambda: figures.confusion_matrix([[-1]], ["a"], ["b"]), "never negative"),
        (lambda: figures.confusion_matrix(np.zeros((0, 0)), [], []), "not empty"),
        (lambda: figures.class_similarity([[np.nan]], ["a"]), "finite"),
        (lambda: figures.mean_codes(np.eye(2), 3, ["a", "b"]), r"shape \(2, 6\)"),
        (lambda: figures.roc({}), "no curve"),
        (lambda: figures.oscr({"a": ([0, 1], [0])}), "do not belong together"),
        (lambda: figures.roc({"a": ([0, np.nan], [0, 1])}), "finite"),
        (lambda: figures.score_histograms([], [], "d"), "do not belong together"),
        (lambda: figures.score_histograms([np.inf], [True], "d"), "finite"),
        (lambda: figures.training_curves({"epoch": [0]}), "no training curves"),
        (lambda: figures.training_curves({"epoch": [0], "loss": [1, 2]}), "one length"),
        (lambda: figures.code_map([[0, 0, 0]], [0], ["a"]), "do not belong together"),
        (lambda: figures.code_map([[0, np.nan]], [0], ["a"]), "finite"),
        (lambda: figures.code_map([[0, 0]], [1], ["a"]), "no name"),
        (lambda: figures.card_sheet([]), "no card"),
        (lambda: figures.image_sheet([], []), "title"),
        (lambda: replace(card(), image=np.zeros((2, 2))), "not an image"),
        (lambda: replace(card(), code=np.zeros((2, 2))), "do not fit"),
    ],
)
def test_bad_input_is_refused_in_words(draw: Callable[[], object], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        draw()
