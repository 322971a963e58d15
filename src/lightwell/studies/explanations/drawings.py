"""The sections of a report on explanations, an experiment a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.explain.evaluation import RemovalCurve
from lightwell.report import Block, Figure, Numbers, Section, Table, figures
from lightwell.report.figures import attributions
from lightwell.report.figures.examples import pixels, unit_sheet
from lightwell.studies.explanations.experiments.trust import CHECKS
from lightwell.studies.explanations.pictures import (
    Beside,
    agreement_table,
    neighbour_figure,
    overlay_figures,
    samples,
)
from lightwell.studies.explanations.stored import Stored

_PRETEXTS = ["reconstruction", "denoising", "inpainting", "classification"]
_KINDS = {
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's rank correlation",
    "bounded": "Pearson's correlation of scores through a bounded kernel, s / (median + s)",
}


_CHECKS_SAID = (
    "Medians over examples; 0 is best. Sensitivity: largest change of a map under small noise, as a part of "
    "its length. Infidelity: what the scores of removed pixels leave unexplained of the effect, after the "
    "best scale; 1 tells nothing. Randomised weights: correlation with the map after the weights are "
    "shuffled, on pixels other than the baseline. Orthogonal change: change of the map when the code is "
    "turned. Random scores are drawn anew for every question."
)


def features(stored: Stored) -> list[Section]:
    """Return the removal curves and the maps."""
    curves, shares = _curves(stored, "curve."), stored.runs[0]["shares"]
    squared = "squared_shift" in stored.settings["legacy"]
    measure = "squared shift of the code" if squared else "shift of the code"
    shown = Figure(
        "removal_curves",
        attributions.shift_curves(curves, measure),
        "How far codes move as the pixels that each method ranks first are removed. Bands: 95 % intervals "
        "of the mean over examples and runs. Methods that find more lie higher on the left.",
        "; ".join(f"{name}: {mean[2]:.3g} at {shares[2]:.0%}" for name, (_, mean, _) in curves.items()),
    )
    maps = overlay_figures(
        stored.runs[0]["inputs"], stored.those("map."), stored.titles,
        "What makes the code of each example what it is; first run. Orange speaks for it, blue against.",
    )  # fmt: skip
    return [Section("What removal does", (shown, *_errors(stored))), Section("The maps", tuple(maps))]


def _errors(stored: Stored) -> list[Block]:
    names = [e.name for e in stored.findings if e.name.startswith(("completeness", "monte_carlo"))]
    return [Numbers(stored.findings, names)] if names else []


def examples(stored: Stored) -> list[Section]:
    """Return the similarity rates and the most important examples."""
    shares, base = stored.runs[0]["shares"], float(stored.pooled("base").mean())
    panels: dict[str, Any] = {"most important": {}, "least important": {}}
    for panel, end in zip(panels, ("top", "bottom"), strict=True):
        for name in stored.those(f"{end}."):
            rates = np.stack([run[f"{end}.{name}"].mean(axis=1) for run in stored.runs])
            spread = rates.std(axis=0, ddof=1) if len(rates) > 1 else [None] * len(shares)
            panels[panel][name] = list(zip(100 * shares, rates.mean(axis=0), spread, strict=True))
    rates_figure = Figure(
        "similarity_rates",
        figures.along(panels, "share of the training examples, %", "share of the same class"),
        "Share of the most (least) important training examples that have the class of the explained one. "
        f"At 100 % all are counted: {base:.3f}, the base rate. Bars: standard deviation over runs.",
        f"Curves of {len(panels['most important'])} methods that meet at {base:.3f}.",
    )
    first = stored.runs[0]
    sheets = [
        neighbour_figure(
            first["inputs"], stored.titles,
            Beside(first[f"most.inputs.{name}"], first[f"most.words.{name}"]),
            Beside(first[f"least.inputs.{name}"], first[f"least.words.{name}"]),
            name,
        )
        for name in stored.those("most.inputs.")
    ]  # fmt: skip
    residuals = [e.name for e in stored.findings if e.name.startswith(("residual.", "gap."))]
    blocks: list[Block] = [rates_figure]
    blocks += [Numbers(stored.findings, residuals)] if residuals else []
    return [
        Section("Are they of the same class", tuple(blocks)),
        *_of_methods(stored),
        Section("Who they are", tuple(sheets)),
    ]


def _of_methods(stored: Stored) -> list[Section]:
    names = list(stored.those("most.inputs."))
    pair = f"agreement.spearman.{names[0]}~{names[-1]}"
    if pair not in stored.findings:  # a single method, or a run of before
        return []
    values, errors = agreement_table(stored.findings, "agreement.spearman", names)
    drawn = attributions.agreement_matrix(values, names, errors)
    caption = "Spearman's rank correlation of the scores of two methods; ± half the 95 % interval."
    figure = Figure("agreement_of_methods", drawn, caption, f"Matrix of {len(names)} methods.")
    return [Section("Do the methods agree", (figure,))]


def pretexts(stored: Stored) -> list[Section]:
    """Return a matrix for each method and correlation, and the maps."""
    methods = list(dict.fromkeys(e.name.split(".")[2] for e in stored.findings if "~" in e.name))
    sections = []
    for method in methods:
        blocks: list[Block] = []
        for kind, words in _KINDS.items():
            if f"agreement.{kind}.{method}.reconstruction~denoising" not in stored.findings:
                continue
            values, errors = agreement_table(stored.findings, f"agreement.{kind}.{method}", _PRETEXTS)
            above = values[np.triu_indices(4, 1)]
            blocks.append(
                Figure(
                    f"agreement_{kind}_{method}",
                    attributions.agreement_matrix(values, _PRETEXTS, errors),
                    f"{words} of {method.replace('_', ' ')} between encoders; ± half the 95 % interval.",
                    f"Agreements from {above.min():.2f} to {above.max():.2f}.",
                )
            )
        maps = stored.those(f"map.{method}.")
        if maps:
            blocks += overlay_figures(
                stored.runs[0]["inputs"], maps, stored.titles,
                f"{method.replace('_', ' ')} of each encoder, first run.", f"maps_{method}",
            )  # fmt: skip
        sections.append(Section(f"By {method.replace('_', ' ')}", tuple(blocks)))
    return sections


def units(stored: Stored) -> list[Section]:
    """Return the overlap of each VAE's units, and their maps."""
    names = list(stored.those("map."))
    measures = ("pearson", "spearman", "cosine", "entropy", "active_units")
    rows = []
    for name in names:
        null = stored.findings[f"unit_overlap.pearson.{name}"].null
        values = [stored.findings[f"unit_overlap.{m}.{name}"].value for m in measures]
        rows.append((name, *values, None if null is None else null.value))
    table = Table(
        ("model", *(m.replace("_", " ") for m in measures), "Pearson, other examples"), tuple(rows),
        "Overlap of the maps of a model's units. Low: they look at different places.",
    )  # fmt: skip
    maps: list[Block] = []
    for name in names:
        each = stored.those("map.")[name]
        by_unit = {f"unit {u}": each[:, u] for u in range(min(each.shape[1], 8))}
        caption = f"{name}: what each unit responds to, times the size of the unit; first run."
        maps += overlay_figures(stored.runs[0]["inputs"], by_unit, stored.titles, caption, f"units_{name}")
    return [Section("Do units look at different places", (table,)), Section("The maps", tuple(maps))]


def visualisation(stored: Stored) -> list[Section]:
    """Return what each unit wants, beside the real example it likes best."""
    blocks: list[Block] = []
    for name, made in stored.those("made.").items():
        best, values = stored.runs[0][f"best.{name}"], stored.runs[0][f"values.{name}"]
        reals = [f"{value:.2f}" for value in stored.runs[0][f"best_values.{name}"]]
        words = [[f"{value:.2f}" for value in row] for row in values]
        drawn = unit_sheet(
            [f"unit {u}" for u in range(len(made))],
            [samples(_at_rest(row), told) for row, told in zip(made, words, strict=True)],
            samples(_at_rest(best), reals),
        )
        caption = f"{name}: what was found for each unit from several starts, beside the best real example; "
        caption += "above each the unit's response; first run."
        blocks.append(Figure(f"visualised_{name}", drawn, caption, f"{len(made)} units, a row each."))
    return [Section("What each unit responds to most", tuple(blocks))]


def _at_rest(batch: NDArray[Any]) -> NDArray[Any]:
    """Return a batch m×C×H×W as images at rest, or series B×C×T×1 as m×T×C."""
    if batch.shape[3] == 1 < batch.shape[2]:
        return batch[..., 0].transpose(0, 2, 1)
    return pixels(batch)


def classifier(stored: Stored) -> list[Section]:
    """Return the spread of the agreements over images, and the maps side by side."""
    rows = []
    for name in stored.those("agreement."):
        each = stored.pooled(f"agreement.{name}")
        low, middle, high = np.nanquantile(each, (0.1, 0.5, 0.9))
        found = stored.findings[f"agreement.pearson.{name}.encoder~classifier"]
        rows.append((name, found.value, found.null.value if found.null else None, low, middle, high))
    table = Table(
        ("method", "mean", "the mean map", "10 %", "median", "90 %"), tuple(rows),
        "Correlation of what matters for the code and for the predicted class, image by image.",
    )  # fmt: skip
    maps = overlay_figures(
        stored.runs[0]["inputs"], stored.those("map."), stored.titles,
        "Each method asked about the code (encoder) and about the predicted class (classifier); first run.",
    )  # fmt: skip
    return [Section("Do they agree", (table,)), Section("The maps", tuple(maps))]


def trust(stored: Stored) -> list[Section]:
    """Return what the checks found, the curves, and the maps beside those of shuffled weights."""
    methods = list(stored.those("map."))
    found = [[stored.findings[f"{check}.{method}"] for check in CHECKS] for method in methods]
    rows = [(method, *(e.value for e in own)) for method, own in zip(methods, found, strict=True)]
    chance = (e.null.value if e.null else None for e in found[0])
    table = Table(
        ("method", *(check.replace("_", " ") for check in CHECKS)), (*rows, ("random scores", *chance)),
        _CHECKS_SAID,
    )  # fmt: skip
    blocks: list[Block] = [table]
    for area, change, good in (("deletion_auc", "removed", "higher"), ("insertion_auc", "put back", "lower")):
        curves = _curves(stored, f"{area}.")
        drawn = attributions.shift_curves(curves, "1 - cosine with the whole's code", change)
        caption = f"Distance of the code from that of the whole example as pixels are {change}, the most "
        caption += (
            f"important first; {good} is better. Bands: 95 % intervals of the mean over examples and runs."
        )
        alt = f"Curves of {len(curves)} methods."
        blocks.append(Figure(area.replace("auc", "curves"), drawn, caption, alt))
    beside: dict[str, NDArray[Any]] = {}
    for method in methods:
        beside |= {
            method: stored.those("map.")[method],
            f"shuffled {method}": stored.those("shuffled.")[method],
        }
    maps = overlay_figures(
        stored.runs[0]["inputs"], beside, stored.titles,
        "Each method asked about the encoder, and about a copy of it with shuffled weights; first run. A map "
        "that stays is of the input, not of what was learned.",
    )  # fmt: skip
    return [Section("The checks", tuple(blocks)), Section("Without the weights", tuple(maps))]


def roar(stored: Stored) -> list[Section]:
    """Return the error after training without what was called important, and the maps."""
    curves = _curves(stored, "curve.")
    drawn = attributions.shift_curves(curves, "error of rebuilding the whole")
    caption = (
        "Error on held-out examples of autoencoders that were trained to rebuild whole examples from what "
    )
    caption += (
        "is left, one training a point and run; 0 is a whole input. Higher: more was lost that nothing else "
    )
    caption += "tells. Bands: 95 % intervals over runs."
    figure = Figure("roar", drawn, caption, f"Curves of {len(curves)} methods.")
    maps = overlay_figures(
        stored.runs[0]["inputs"], stored.those("map."), stored.titles, "What was removed by; first run."
    )
    return [Section("What retraining cannot mend", (figure,)), Section("The maps", tuple(maps))]


def _curves(stored: Stored, prefix: str) -> dict[str, tuple[Any, Any, Any]]:
    """Return shares, means and half intervals over all rows of each curve whose name begins so."""
    shares = stored.runs[0]["shares"]
    found = {name: RemovalCurve(shares, stored.pooled(prefix + name)) for name in stored.those(prefix)}
    return {name: (shares, curve.mean, curve.error) for name, curve in found.items()}


SECTIONS: dict[str, Callable[[Stored], list[Section]]] = {
    draw.__name__: draw
    for draw in (features, examples, pretexts, units, visualisation, classifier, trust, roar)
}
