"""Figures that several experiments, and the command ``explain``, have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightwell.core.findings import Findings
from lightwell.report import Figure
from lightwell.report.figures import attributions
from lightwell.report.figures.examples import Sample, example_sheet

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


def overlay_figures(
    inputs: NDArray[Any], maps: Arrays, titles: Sequence[str], caption: str, name: str = "maps"
) -> list[Figure]:
    """Return maps on their examples: one figure of images, or one a method of series.

    Parameters
    ----------
    inputs : array
        Images uint8 m×H×W×C, or series float m×T×C.
    maps : mapping of str to array
        m×H×W (of series m×T×1), by method.
    titles : sequence of str
        One an example.
    caption, name : str
        Of the figure.
    """
    if inputs.dtype == np.uint8:
        alt = f"{len(inputs)} images, and on each the maps of {', '.join(maps)}."
        return [Figure(name, attributions.overlays(inputs, maps, titles), caption, alt)]
    lines = inputs.mean(axis=2)
    return [
        Figure(
            f"{name}_{method}", attributions.series(lines, found[..., 0], titles),
            f"{method.replace('_', ' ')}. {caption}", f"{len(lines)} series coloured by importance.",
        )
        for method, found in maps.items()
    ]  # fmt: skip


class Beside(NamedTuple):
    """Training examples beside explained ones.

    Attributes
    ----------
    inputs : array
        m×k×H×W×C of uint8, or series m×k×T×C.
    words : array of str, shape (m, k)
        What is written above each.
    """

    inputs: NDArray[Any]
    words: NDArray[np.str_]

    def rows(self) -> list[list[Sample]]:
        """Return what a sheet draws."""
        pairs = zip(self.inputs, self.words, strict=True)
        return [samples(inputs, [str(word) for word in words]) for inputs, words in pairs]


def samples(inputs: NDArray[Any], words: Sequence[str]) -> list[Sample]:
    """Return images uint8 m×H×W×C, or series m×T×C, as a sheet draws them, with a word each."""
    drawn = inputs if inputs.dtype == np.uint8 else inputs.mean(axis=2)
    return [Sample(one, word) for one, word in zip(drawn, words, strict=True)]


def neighbour_figure(
    inputs: NDArray[Any], titles: Sequence[str], most: Beside, least: Beside, method: str
) -> Figure:
    """Return explained examples, each beside the training examples that count most and least for it.

    Parameters
    ----------
    inputs : array
        Explained, m×H×W×C or m×T×C.
    titles : sequence of str
        One an explained example.
    most, least : Beside
        The training examples.
    method : str
        Its name.
    """
    plain = method.replace("_", " ")
    return Figure(
        f"examples_{method}",
        example_sheet(samples(inputs, titles), most.rows(), least.rows()),
        f"{plain}: the training examples that count most and least for each explained one, with their class "
        "and score. Scores are comparable along a row only.",
        f"{len(inputs)} explained examples by {plain}.",
    )


def agreement_table(found: Findings, prefix: str, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the agreements ``<prefix>.<a>~<b>`` as a symmetric table, and half their intervals; else NaN."""
    by_name = {e.name: e for e in found}
    values, errors = np.full((2, len(names), len(names)), np.nan)
    np.fill_diagonal(values, 1)
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        if one := by_name.get(f"{prefix}.{first}~{second}"):
            values[i, j] = values[j, i] = one.value
            if one.low is not None and one.high is not None:
                errors[i, j] = errors[j, i] = (one.high - one.low) / 2
    return values, errors
