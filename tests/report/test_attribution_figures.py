"""Figures of attributions and examples: the right numbers on them, hostile names, and what they refuse."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from lightwell.core import DataError
from lightwell.report.figures.attributions import agreement_matrix, overlays, series, shift_curves
from lightwell.report.figures.examples import Sample, example_sheet, pixels, unit_sheet

HOSTILE = ("$\\frac{1}{0}$", "_<b>שלום\u202e</b> 猫" + "x" * 1000)
IMAGES = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
NAN = float("nan")


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_overlays_are_symmetric_about_zero_on_a_grey_image() -> None:
    maps = np.zeros((2, 4, 5))
    maps[0, 0, 0], maps[0, 1, 1] = -4, 2
    figure = overlays(IMAGES, {HOSTILE[0]: maps, "all zero": np.zeros((2, 4, 5))}, HOSTILE)
    colour, grey = figure.axes[0], figure.axes[1]
    assert colour.images[0].get_array().shape == (4, 5, 3)
    below, above = grey.images
    assert below.get_array().tolist() == np.rint(IMAGES[0].mean(axis=2)).astype(int).tolist()
    assert (above.norm.vmin, above.norm.vmax) == (-1, 1)
    assert (above.get_array()[0, 0], above.get_array()[1, 1], above.get_array()[3, 3]) == (-1, 0.5, 0)
    assert above.cmap(0.5)[3] == pytest.approx(0, abs=0.02)  # nothing is transparent
    assert not figure.axes[5].images[1].get_array().any()
    drawn(figure)


def test_one_pixel_does_not_hide_the_others() -> None:
    maps = np.ones((1, 10, 10))
    maps[0, 0, 0] = 1000
    figure = overlays(np.zeros((1, 10, 10, 1), np.uint8), {"m": maps})
    assert (figure.axes[1].images[1].get_array() == 1).all()


def test_a_series_is_coloured_by_its_steps() -> None:
    figure = series([[0.0, 1.0, 0.0], [1.0, 1.0, 2.0], [0.0, 0.0, 0.0]], [[0, 2, -1], [0, 0, 0], [1, 1, 1]],
                    ["a", *HOSTILE])  # fmt: skip
    first, second = figure.axes[0].collections[0], figure.axes[1].collections[0]
    assert first.get_array().tolist() == [0.5, 0.25]
    assert (first.norm.vmin, first.norm.vmax) == (-1, 1)
    assert [piece.tolist() for piece in first.get_segments()] == [[[0, 0], [1, 1]], [[1, 1], [2, 0]]]
    assert second.get_array().tolist() == [0, 0]
    drawn(figure)


def test_curves_have_bands_and_the_null_is_quiet() -> None:
    figure = shift_curves(
        {"saliency": ([0, 0.5, 1], [0, 2, 3], [0, 0.5, NAN]), "random": ([0, 1], [0, 3], [0, 0]),
         HOSTILE[1]: ([0, 1], [0, 3], [0, 0])}, "1 - cosine", "put back",
    )  # fmt: skip
    (axes,) = figure.axes
    assert axes.lines[0].get_xdata().tolist() == [0, 50, 100]
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[band[:, 0] == 50][:, 1].min(), band[:, 1].max()) == (0, 1.5, 3)
    assert axes.lines[1].get_linestyle() == "--"
    assert axes.lines[1].get_marker() == ""
    assert axes.get_xlabel() == "share of pixels put back, %"
    drawn(figure)


def test_agreements_are_written_with_their_errors() -> None:
    figure = agreement_matrix([[1, -0.4], [NAN, 1]], HOSTILE, [[0, 0.1], [NAN, 0]])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", "-0.40\n± 0.10", "", "1.00"]
    assert figure.axes[0].images[0].norm.vmin == -1
    drawn(figure)


def test_an_example_sheet_puts_each_example_in_its_place() -> None:
    def sample(i: int) -> Sample:
        return Sample(np.full((4, 4, 1), i, np.uint8), str(i))

    figure = example_sheet(
        [sample(1), sample(2)],
        [[sample(11), sample(12)], [sample(21), sample(22)]],
        [[sample(19)], [sample(29)]],
    )
    shown = [(int(axes.images[0].get_array()[0, 0]), axes.get_title()) for axes in figure.axes if axes.images]
    assert shown == [(i, str(i)) for i in (1, 11, 12, 19, 2, 21, 22, 29)]
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["explained", "most important", "least important"]
    drawn(figure)
    line = Sample(np.array([0.0, 1.0, 0.5]), HOSTILE[1])
    drawn(example_sheet([line], [[line]], [[]]))


def test_a_unit_sheet_names_its_rows() -> None:
    image = Sample(np.zeros((4, 4, 3), np.uint8), "2.5")
    figure = unit_sheet(["unit 0", HOSTILE[0]], [[image, image]] * 2, [image] * 2, "activation")
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names[0] == "unit 0"
    assert len(names) == 2
    assert [axes.get_title() for axes in figure.axes if axes.images] == ["2.5"] * 6
    drawn(figure)


def test_a_batch_becomes_images() -> None:
    batch = np.array([[[[0.0, 0.5]], [[1.0, 2.0]], [[-1.0, 0.2]]]])
    assert pixels(batch).tolist() == [[[[0, 255, 0], [128, 255, 51]]]]


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: overlays(IMAGES / 255, {"m": np.zeros((2, 4, 5))}), "not images"),
        (lambda: overlays(IMAGES, {"m": np.zeros((2, 5, 4))}), "do not belong together"),
        (lambda: overlays(IMAGES, {"m": np.full((2, 4, 5), NAN)}), "finite"),
        (lambda: overlays(IMAGES, {}), "missing"),
        (lambda: overlays(IMAGES, {"m": np.zeros((2, 4, 5))}, ["a"]), "missing"),
        (lambda: series([[1.0, 2.0]], [[1.0]], ["a"]), "do not belong together"),
        (lambda: series([[1.0, 2.0]], [[1.0, 1.0]], []), "no series"),
        (lambda: shift_curves({}), "no curve"),
        (lambda: shift_curves({"m": ([0, 1], [0], [0])}), "do not belong together"),
        (lambda: shift_curves({"m": ([0, 1], [0, 1], [0])}), "do not belong together"),
        (lambda: agreement_matrix([[1, 2], [2, 1]], ["a", "b"]), "no agreements"),
        (lambda: agreement_matrix([[1, 0]], ["a", "b"]), "no agreements"),
        (lambda: example_sheet([], [], []), "do not make rows"),
        (lambda: example_sheet([Sample(IMAGES[0])], [[]], []), "do not make rows"),
        (lambda: unit_sheet(["a", "b"], [[Sample(IMAGES[0])]], [Sample(IMAGES[0])]), "needs a name"),
        (lambda: pixels(np.zeros((2, 3))), "no batch"),
    ],
)
def test_what_cannot_be_drawn_is_refused(work, words: str) -> None:
    with pytest.raises(DataError, match=words):
        work()
