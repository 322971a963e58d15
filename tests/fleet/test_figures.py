"""The figures of a fleet and a search: what they show of hand-made numbers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core.errors import DataError
from lightwell.report.figures import heat_map, importance, parallel_coordinates, spread


def texts(axes: object) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_spread_draws_every_split_at_its_value_and_the_mean_between() -> None:
    axes = spread({"a": {"arpl/0": 0.6, "arpl/1": 0.8}, "b": {"arpl/0": 0.9}}, "AUROC", {"a": 0.5}).axes[0]
    drawn = {(line.get_marker(), float(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in axes.lines}
    assert {("o", 0.6, 0), ("s", 0.8, 0), ("o", 0.9, 1), ("x", 0.5, 0)} <= drawn
    assert ("|", pytest.approx(0.7), 0) in [d for d in drawn if d[0] == "|"]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(bars) == 1  # one split has no spread
    assert np.ptp(bars[0].get_xdata()) == pytest.approx(2 * np.std([0.6, 0.8], ddof=1))


def test_heat_map_shows_means_and_counts() -> None:
    figure = heat_map([1, 1, 2], ["a", "a", "b"], [0.2, 0.4, 0.6], ("k", "loss", "AUROC"))
    assert sorted(texts(figure.axes[0])) == ["0.300\n(2)", "0.600"]
    rows = np.asarray(figure.axes[0].images[0].get_array().filled(np.nan))
    np.testing.assert_allclose(rows, [[0.3, np.nan], [np.nan, 0.6]])


def test_heat_map_bins_a_continuous_setting() -> None:
    x = np.geomspace(0.001, 1, 30).tolist()
    axes = heat_map(x, [1] * 30, np.linspace(0, 1, 30), ("lr", "k", "AUROC")).axes[0]
    assert len(axes.get_xticklabels()) == 6
    assert sum(int(t.split("(")[1].rstrip(")")) for t in texts(axes)) == 30


def test_parallel_coordinates_place_numbers_by_size_and_words_by_name() -> None:
    settings = {"k": [5, 20, 10], "lr": [0.001, 1.0, 0.1], "loss": ["soft", "hard", "soft"]}
    axes = parallel_coordinates(settings, [0.1, 0.3, 0.2], "AUROC").axes[0]
    lines = sorted(
        (line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 4), key=lambda y: y[3]
    )
    np.testing.assert_allclose([y[0] for y in lines], [0, 1 / 3, 1])
    np.testing.assert_allclose([y[1] for y in lines], [0, 2 / 3, 1])  # logarithmic
    np.testing.assert_allclose([y[2] for y in lines], [0.75, 0.75, 0.25])
    assert {"0.001", "0.1", "hard", "soft", "20"} <= set(texts(axes))


def test_equal_trials_can_be_drawn() -> None:
    figure = parallel_coordinates({"k": [1, 1]}, [0.5, 0.5], "AUROC")
    figure.canvas.draw()
    heat_map([1, 1], [2, 2], [0.5, 0.5], ("a", "b", "c")).canvas.draw()


def test_importance_is_sorted() -> None:
    axes = importance({"b": 0.2, "$a$": 0.8}, "fANOVA").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [r"\$a\$", "b"]
    assert texts(axes) == ["0.80", "0.20"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: spread({}, "AUROC"),
        lambda: spread({"a": {}}, "AUROC"),
        lambda: spread({"a": {"arpl/0": float("nan")}}, "AUROC"),
        lambda: importance({}, "fANOVA"),
        lambda: parallel_coordinates({"k": [1]}, [0.1, 0.2], "AUROC"),
        lambda: parallel_coordinates({}, [], "AUROC"),
        lambda: heat_map([1], [2], [float("inf")], ("a", "b", "c")),
    ],
)
def test_nothing_and_nonsense_are_refused(draw) -> None:
    with pytest.raises(DataError):
        draw()
