"""Figures of the closer analyses: map views, violins, filters, borrowed patterns, a second mean code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from lightwell.core import DataError
from lightwell.core.seeds import generator
from lightwell.report import figures
from lightwell.report.figures import style

NAMES = ("two", "four", "five")
WEIGHTS = generator(0, "weights").normal(size=(3, 2, 4, 3, 3))
GROUPS = np.arange(60) % 5
CODES = generator(0, "codes").random((60, 2))


def test_each_view_shows_its_classes_in_the_same_places() -> None:
    names = (*NAMES, "zero", "one")
    figure = figures.map_views(CODES, GROUPS, names, 3, anchors=CODES[:3], means=CODES[3:6])
    shown = [tuple(text.get_text() for text in axes.texts) for axes in figure.axes]
    assert shown == [names[:3], names, names[3:]]
    points = [sum(len(c.get_offsets()) for c in axes.collections) - 6 for axes in figure.axes]
    assert points == [36, 60, 24]
    middle = {t.get_text(): t.get_position() for t in figure.axes[1].texts}
    assert all(middle[t.get_text()] == t.get_position() for i in (0, 2) for t in figure.axes[i].texts)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_violins_colour_the_class_itself_and_mark_the_median() -> None:
    values = np.arange(12.0)[:, None]
    figure = figures.class_violins(values, np.arange(12) // 4, NAMES, 2, ["axis"], [1], "evidence")
    (axes,) = figure.axes
    faces = [to_hex(body.get_facecolor()[0]) for body in axes.collections]
    assert faces == ["#a9cfe8", style.ACCEPTED, style.UNKNOWN]
    assert [line.get_ydata()[0] for line in axes.lines] == [1.5, 5.5, 9.5]


def test_violins_pass_over_absent_classes_and_values_that_do_not_vary() -> None:
    figure = figures.class_violins(np.ones((4, 1)), [0, 0, 2, 2], NAMES, 2, ["axis"], [0], "evidence")
    (axes,) = figure.axes
    assert not axes.collections
    assert [text.get_text() for text in axes.get_xticklabels()] == ["two", "five"]


def test_crowds_of_classes_stay_readable() -> None:
    groups = np.repeat(np.arange(50), 3)
    values = np.tile(groups[:, None] / 10.0, (1, 20)) + np.tile([0, 0.01, 0.02], 50)[:, None]
    names = [f"class {i}" for i in range(50)]
    figure = figures.class_violins(values, groups, names, 20, names[:20], range(20), "evidence")
    drawn = [axes for axes in figure.axes if axes.collections]
    assert len(drawn) == 12
    assert drawn[0].get_xticklabels()[0].get_text().endswith("49")
    assert len(drawn[0].get_xticklabels()) == 30


def test_every_dimension_stands_beside_the_others_of_its_block() -> None:
    blocks = np.arange(6.0)[:, None, None] + 10 * np.arange(4).reshape(2, 2)  # two classes of two features
    figure = figures.dimension_violins(blocks, np.arange(6) // 2, NAMES)
    first, second = figure.axes
    assert [text.get_text() for text in second.get_xticklabels()] == list(NAMES)
    medians = [line.get_ydata()[0] for line in second.lines]
    assert medians == [20.5, 30.5, 22.5, 32.5, 24.5, 34.5]  # class by class, in it dimension by dimension
    faces = [to_hex(body.get_facecolor()[0]) for body in first.collections]
    assert faces == [style.ACCEPTED] * 2 + ["#a9cfe8"] * 2 + [style.UNKNOWN] * 2


def test_of_many_classes_a_block_shows_its_own_and_those_with_most_evidence() -> None:
    groups = np.repeat(np.arange(30), 2)
    blocks = np.tile((groups + np.tile([0, 0.1], 30))[:, None, None], (1, 2, 2))
    figure = figures.dimension_violins(blocks, groups, [f"class {i}" for i in range(30)])
    shown = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert shown == ["class 0", *(f"class {i}" for i in range(11, 30))]


def test_filters_are_drawn_by_mean_and_norm_and_correlations_are_numpys() -> None:
    figure = figures.class_filters(WEIGHTS, NAMES)
    assert np.allclose(figure.axes[3].images[0].get_array(), WEIGHTS[1, 1].mean(axis=0))
    norms = figure.subfigs[1].axes[3].images[0]
    assert np.allclose(norms.get_array(), np.sqrt((WEIGHTS[1, 1] ** 2).sum(axis=0)))
    assert norms.get_clim()[0] == 0
    drawn = figures.filter_correlation(WEIGHTS, NAMES).axes[0]
    assert np.allclose(drawn.images[0].get_array(), np.corrcoef(WEIGHTS.reshape(6, -1)))
    assert [patch.get_xy() for patch in drawn.patches] == [(-0.5, -0.5), (1.5, 1.5), (3.5, 3.5)]
    constant = np.ones((3, 2, 4, 3, 3))
    assert np.isnan(
        np.ma.filled(figures.filter_correlation(constant, NAMES).axes[0].images[0].get_array(), np.nan)
    ).all()


def test_a_card_shows_the_mean_of_the_true_class_on_the_same_scale() -> None:
    code = np.full((3, 4), 2.0)
    plain = figures.Card(
        np.zeros((4, 4, 1), np.uint8), NAMES, code, code, {"own, missing": 1.0}, {}, "seven", "two", 1.0,
        "distance", None, "", "Half of two is missing.", False,
    )  # fmt: skip
    with_mean = replace(plain, true_mean_code=np.full((3, 4), 5.0))
    axes = figures.card_sheet([with_mean]).subfigs[0].axes
    titles = [a.get_title() for a in axes]
    assert titles[1] == "share of the squared\ndistance to the anchor"
    assert titles[4] == "mean of\nthe true class"
    assert {a.images[0].get_clim() for a in axes[2:5]} == {(0.0, 5.0)}
    assert not figures.card_sheet([plain]).subfigs[0].axes[4].images
    with pytest.raises(DataError, match="do not fit its classes"):
        replace(plain, true_mean_code=np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: figures.class_filters(WEIGHTS, NAMES[:2]), "not filters by class"),
        (lambda: figures.filter_correlation(np.full_like(WEIGHTS, np.nan), NAMES), "finite numbers"),
        (lambda: figures.cluster_patterns(np.eye(3), [1, 2], NAMES), "do not fit their clusters"),
        (lambda: figures.cluster_patterns(2 * np.eye(3), [1, 2, 3], NAMES), r"lies in \[0, 1\]"),
        (lambda: figures.map_views(CODES, GROUPS[:5], NAMES, 2), "do not belong together"),
        (lambda: figures.map_views(CODES, GROUPS, NAMES, 2), "has no name"),
        (lambda: figures.class_violins(CODES, GROUPS, NAMES, 2, ["a", "b"], [0, 1], ""), "has no name"),
        (lambda: figures.class_violins(CODES, GROUPS, NAMES, 2, ["a"], [0], ""), "do not belong together"),
        (lambda: figures.dimension_violins(CODES, GROUPS, NAMES), "do not belong together"),
        (lambda: figures.class_violins(CODES * np.inf, GROUPS, NAMES, 2, ["a", "b"], [0, 1], ""), "finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, words: str) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=words):
        draw()
