"""Figures of where a classifier cannot decide: the right images and numbers on them, and what they refuse."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lightwell.core import DataError
from lightwell.report import figures
from lightwell.report.figures import style
from lightwell.report.figures.attributions import overlays

NAN = float("nan")
HOSTILE = ("$\\frac{1}{0}$", "_<b>שלום\u202e</b> 猫" + "x" * 1000)
# Image i is of one grey, 10 i: a figure shows which image it is.
IMAGES = np.broadcast_to(10 * np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 6, 6, 1)).copy()


def drawn(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=40)
    return stream.getvalue()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].get_legend().get_texts()]


def greys(picture: np.ndarray[Any, Any]) -> list[int]:
    """Return the images on a picture; white and the margins apart."""
    return sorted({int(value) // 10 for value in np.unique(picture) if value != 255})


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_stands_in_the_bin_of_its_output(channels: int) -> None:
    p = [0.0, 0.05, 0.1, 0.41, 0.45, 0.5, 0.6, 1.0]  # an edge belongs to the bin above it, 1 to the last
    figure = figures.sheet_by_output(IMAGES[:8].repeat(channels, axis=3), p, positive="7")
    (axes,) = figure.axes
    bins = np.split(axes.images[0].get_array(), 10, axis=1)
    assert [greys(picture) for picture in bins] == [[0, 1], [2], [], [], [3, 4], [5], [6], [], [], [7]]
    assert [text.partition("\n")[0] for text in texts(figure)] == [
        "2", "1", "none", "none", "2", "1", "1", "none", "none", "1",
    ]  # fmt: skip
    assert axes.get_title(loc="left") == "8 images, 50 % in the band 0.4 to 0.6"
    assert axes.get_xlabel() == "probability of 7"
    drawn(figure)


def test_a_full_bin_shows_images_evenly_by_their_output() -> None:
    p = 0.9 + np.arange(20)[::-1] / 1000
    figure = figures.sheet_by_output(IMAGES, p, per_bin=3, bins=2)
    right = np.split(figure.axes[0].images[0].get_array(), 2, axis=1)[1]
    assert [int(right[0, x, 0]) // 10 for x in (1, 8, 15)] == [19, 9, 0]
    assert texts(figure) == ["none", "20\n100 %"]


def test_histograms_hold_shares_and_shade_the_band() -> None:
    figure = figures.output_histograms({"rejection": [0.0, 0.01, 0.5, 1.0], "empty": []}, 0.2, positive="7")
    axes, empty = figure.axes
    stairs = axes.patches[1].get_data()
    assert (stairs.values[0], stairs.values[10], stairs.values[19]) == (0.5, 0.25, 0.25)
    assert len(stairs.values) == 20
    assert (stairs.values[1:10] == stairs.baseline).all()
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((0.3, 0.7))
    assert axes.get_title(loc="left") == "rejection\n4 images, 25 % in the band"
    assert empty.get_title(loc="left") == "empty\nno images"
    assert figure.get_supxlabel() == "probability of 7; shaded: the band 0.3 to 0.7"
    drawn(figure)


def test_the_front_joins_what_no_candidate_beats() -> None:
    frechet, acd = [20, 50, 90, 60, NAN, 300], [0.4, 0.2, 0.1, 0.3, 0.2, 0.35]
    groups = ["control", "l1:5", "l1:25", "l1:5", "mgda", "l1:25"]
    # Efficient in a third measure is not enough to be on the front of these two.
    efficient = [True, True, True, False, True, True]
    figure = figures.trade_off(frechet, acd, groups, efficient, 1, list("abcdef"), holds=[1, 1, 0, 1, 1, 0])
    (axes,) = figure.axes
    front = next(line for line in axes.lines if line.get_drawstyle() == "steps-post")
    assert front.get_xydata().tolist() == [[20, 0.4], [50, 0.2], [90, 0.1]]
    ring = axes.lines[-1]
    assert (ring.get_xydata().tolist(), ring.get_markersize()) == ([[50, 0.2]], 16)
    hollow = [line.get_xydata() for line in axes.lines[:-2] if line.get_markerfacecolor() == "none"]
    assert np.concatenate(hollow).tolist() == [[90, 0.1], [300, 0.35]]
    assert texts(figure) == ["1", "2", "3", "not drawn: 1 candidate without a number"]
    assert legend(figure) == [
        "control", "l1:5", "l1:25", "mgda", "Pareto front", "picked", "hollow: guard does not hold",
        "1: b", "2: a", "3: c",
    ]  # fmt: skip
    drawn(figure)
    wide = figures.trade_off([1, 1000], [0.4, 0.1], ["a", "b"], [True, True])
    assert (axes.get_xscale(), wide.axes[0].get_xscale()) == ("linear", "log")
    drawn(wide)
    drawn(figures.trade_off([NAN], [NAN], ["diverged"], [True], 0, ["a"]))


def test_refusing_at_random_is_the_quiet_null() -> None:
    figure = figures.reject_option([0, 0.5, 1], {"random": [NAN, 0.1, 0.1], "cnn": [NAN, 0, 0.1]})
    null, curve = figure.axes[0].lines
    assert to_hex(null.get_color()) == style.UNKNOWN
    assert curve.get_xdata().tolist() == [0, 50, 100]
    np.testing.assert_allclose(curve.get_ydata(), [NAN, 0, 10])
    assert legend(figure) == ["refusing at random", "cnn"]
    drawn(figure)


def test_a_prototype_stands_above_what_belongs_to_it() -> None:
    image, near = IMAGES[1:3], IMAGES[3:5]
    maps = np.zeros((2, 6, 6))
    maps[0, 0, 0], maps[1, 5, 5] = -1, 1
    figure = figures.prototype_strip(
        image, {"cnn": [0.6, 0.95], "mlp": [0.1, 0.5]}, {"nearest 7": near}, {"logit": maps}, positive="7"
    )
    axes = figure.axes[0]
    picture = axes.images[0].get_array()  # an image and its margin: 7 pixels
    assert [int(picture[y, x, 0]) for y in (0, 7) for x in (0, 7)] == [10, 20, 30, 40]
    same = overlays(image, {"logit": maps}).axes[1]
    colour = np.rint(255 * np.array(same.images[1].cmap(0.0)[:3]))
    assert picture[14, 0].tolist() == colour.tolist()  # against: the blue of the map, opaque
    assert picture[14, 1].tolist() == [round(255 - 0.35 * 245)] * 3  # nothing: the faint image
    assert picture[19, 12, 0] > picture[19, 12, 2]  # for: orange
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "prototype", "nearest 7", "logit", "p: cnn", "p: mlp",
    ]  # fmt: skip
    assert texts(figure) == ["0.60", "0.95", "0.10", "0.50"]
    framed = [to_hex(box.get_edgecolor(), keep_alpha=True) == style.INK + "ff" for box in axes.patches]
    assert framed == [True, False, False, True]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cluster 1", "cluster 2"]
    assert figure.get_supxlabel() == "p: probability of 7; framed: within 0.1 of 0.5"
    drawn(figure)


def test_many_prototypes_begin_new_rows() -> None:
    images = IMAGES[:15].repeat(3, axis=3)
    figure = figures.prototype_strip(images, {"cnn": np.arange(15) / 15})
    assert [len(axes.patches) for axes in figure.axes] == [8, 7]
    assert figure.axes[1].get_xticklabels()[0].get_text() == "cluster 9"
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    drawn(figure)
    drawn(figures.prototype_strip(images[:1], {}))


@pytest.mark.parametrize("clusters", [1, 15])
def test_names_of_rows_are_not_cut_off(clusters: int) -> None:
    labels = np.arange(20 * clusters) % (clusters + 1) - 1
    figure = figures.cluster_sheet(np.repeat(IMAGES, clusters, axis=0), labels)
    drawn(figure)
    for text in figure.axes[0].get_yticklabels():
        assert text.get_window_extent().x0 >= 0


def test_each_cluster_has_its_row_and_noise_the_last() -> None:
    labels = [0, 0, 2, 2, 2, 2, 2, -1]
    figure = figures.cluster_sheet(IMAGES[:8], labels, per_row=3)
    (axes,) = figure.axes
    rows = np.split(axes.images[0].get_array(), 4, axis=0)
    assert [greys(row) for row in rows] == [[0, 1], [], [2, 4, 6], [7]]
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "cluster 1 (n = 2)", "cluster 2 (n = 0)", "cluster 3 (n = 5)", "noise (n = 1)",
    ]  # fmt: skip


def test_maps_show_classes_clusters_and_prototypes() -> None:
    points = {
        "test set": ([[0, 0], [4, 4], [4, 5]], [0, 1, 1]),
        "ambiguous": ([[2, 2], [3, 2], [2, 3], [9, 9]], [0, 0, 1, -1]),
        "prototypes": ([[2, 2], [2, 3]], [0, 1]),
    }
    figure = figures.pattern_maps(points, ["1", "7"], "PCA")
    left, right = figure.axes
    assert [c.get_offsets().tolist() for c in left.collections] == [[[0, 0]], [[4, 4], [4, 5]]]
    assert [c.get_offsets().tolist() for c in right.collections] == [[[2, 2], [3, 2]], [[2, 3]], [[9, 9]]]
    assert legend(figure) == ["1", "7", "prototype, by its cluster"]
    assert legend(figure, 1) == ["cluster 1 (n = 2)", "cluster 2 (n = 1)", "noise (n = 1)", "test set"]
    for axes in (left, right):
        assert [(text.get_text(), *text.get_position()) for text in axes.texts] == [("1", 2, 2), ("2", 2, 3)]
    drawn(figure)
    drawn(figures.pattern_maps({"ambiguous": ([], []), "prototypes": ([], [])}, []))
    drawn(figures.pattern_maps({"test set": ([[0, 0]], [0]), "ambiguous": ([], [])}, ["1"]))


def test_stability_stands_beside_the_null() -> None:
    figure = figures.stability_by_k([3, 2], [0.5, 0.9], [NAN, NAN], [0.6, 0.6], 2)
    seeds, _, null, picked = figure.axes[0].lines
    assert seeds.get_xydata().tolist() == [[2, 0.9], [3, 0.5]]
    assert to_hex(null.get_color()) == style.UNKNOWN
    assert picked.get_xdata() == [2, 2]
    drawn(figure)
    drawn(figures.stability_by_k([2], [-0.1], [NAN]))


def hostile() -> dict[str, Callable[[], Figure]]:
    a, b = HOSTILE
    image, xy = IMAGES[:2], [[0.0, 0.0], [1.0, 1.0]]
    return {
        "sheet": lambda: figures.sheet_by_output(image, [0.2, 0.5], positive=b),
        "histograms": lambda: figures.output_histograms({a: [0.5], b: [0.1]}, positive=a),
        "trade-off": lambda: figures.trade_off([1, 2], [0.2, 0.1], HOSTILE, [True, True], 0, HOSTILE),
        "reject": lambda: figures.reject_option([0.5, 1], {a: [0, 0], b: [0, 0.1]}),
        "strip": lambda: figures.prototype_strip(
            image, {a: [0.1, 0.5], b: [0, 1]}, {a: image}, {b: np.zeros((2, 6, 6))}, HOSTILE, positive=b
        ),
        "maps": lambda: figures.pattern_maps({"test set": (xy, [0, 1])}, HOSTILE, b),
        "no images": lambda: figures.sheet_by_output(IMAGES[:0], []),
        "no images by cluster": lambda: figures.cluster_sheet(IMAGES[:0], []),
        "no prototypes": lambda: figures.prototype_strip(IMAGES[:0], {"cnn": []}),
    }


@pytest.mark.parametrize("kind", hostile())
def test_hostile_names_and_nothing_at_all_are_drawn_the_same_each_time(kind: str) -> None:
    # A name read as mathematics would raise, a missing glyph warn, and warnings are errors here.
    assert drawn(hostile()[kind]()) == drawn(hostile()[kind]())


BAD: dict[str, tuple[str, Callable[[], object]]] = {
    "float images": ("not images", lambda: figures.sheet_by_output(IMAGES / 255, np.zeros(20))),
    "channels first": ("not images", lambda: figures.sheet_by_output(IMAGES.transpose(0, 3, 1, 2), [0] * 20)),
    "an output is missing": ("needs an output", lambda: figures.sheet_by_output(IMAGES, [0.5])),
    "logits": ("not outputs", lambda: figures.sheet_by_output(IMAGES[:1], [3.0])),
    "not a number": ("not outputs", lambda: figures.output_histograms({"a": [NAN]})),
    "two columns": ("not outputs", lambda: figures.output_histograms({"a": [[0.5, 0.5]]})),
    "no bins": ("no sheet", lambda: figures.sheet_by_output(IMAGES[:1], [0.5], bins=0)),
    "no outputs": ("no outputs", lambda: figures.output_histograms({})),
    "no candidate": ("not candidates", lambda: figures.trade_off([], [], [], [])),
    "a group is missing": ("do not belong", lambda: figures.trade_off([1, 2], [1, 2], ["a"], [True])),
    "picked is none of them": ("not candidates", lambda: figures.trade_off([1], [1], ["a"], [True], 1)),
    "no curve": ("no reject-option", lambda: figures.reject_option([0, 1], {})),
    "coverage in percent": ("no reject-option", lambda: figures.reject_option([50], {"a": [0.1]})),
    "errors in percent": ("not error rates", lambda: figures.reject_option([0.5], {"a": [10]})),
    "errors too few": ("not error rates", lambda: figures.reject_option([0.5, 1], {"a": [0.1]})),
    "a p is missing": ("needs an output", lambda: figures.prototype_strip(IMAGES[:2], {"cnn": [0.5]})),
    "a title is missing": ("needs a title", lambda: figures.prototype_strip(IMAGES[:2], {}, titles=["a"])),
    "a neighbour is missing": (
        "needs a neighbour", lambda: figures.prototype_strip(IMAGES[:2], {}, {"7": IMAGES[:1]}),
    ),
    "a map of another size": (
        "do not fit", lambda: figures.prototype_strip(IMAGES[:2], {}, {}, {"m": np.zeros((2, 5, 6))}),
    ),
    "no room in a row": ("room", lambda: figures.cluster_sheet(IMAGES[:1], [0], per_row=0)),
    "float labels": ("needs a label", lambda: figures.cluster_sheet(IMAGES[:1], [0.5])),
    "labels below -1": ("needs a label", lambda: figures.cluster_sheet(IMAGES[:1], [-2])),
    "labels too few": ("needs a label", lambda: figures.cluster_sheet(IMAGES[:2], [0])),
    "a set of another name": ("no map", lambda: figures.pattern_maps({"tset set": ([], [])}, [])),
    "prototypes alone": ("no map", lambda: figures.pattern_maps({"prototypes": ([], [])}, [])),
    "three dimensions": ("no points", lambda: figures.pattern_maps({"ambiguous": ([[1, 2, 3]], [0])}, [])),
    "a class without a name": ("no name", lambda: figures.pattern_maps({"test set": ([[0, 0]], [1])}, ["1"])),
    "no k": ("do not fit", lambda: figures.stability_by_k([], [], [])),
    "a stability is missing": ("do not fit", lambda: figures.stability_by_k([2, 3], [0.5], [0.5, 0.6])),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_drawn_is_refused(case: str) -> None:
    words, work = BAD[case]
    with pytest.raises(DataError, match=words):
        work()
