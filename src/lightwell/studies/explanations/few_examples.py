"""A few examples of any encoder, explained in every way on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.axes import Axis
from lightwell.core.dataset import Dataset
from lightwell.core.files import save_arrays
from lightwell.core.findings import Estimate, Findings
from lightwell.explain.borrowed import borrowed
from lightwell.explain.examples import EXAMPLES, ExampleImportance
from lightwell.explain.features import FEATURES, Attribution, attribute
from lightwell.explain.features.baselines import Baseline
from lightwell.explain.inputs import encode
from lightwell.explain.targets import SelfSimilarity, Target
from lightwell.explain.units import unit_saliency
from lightwell.metrics.agreement import agreements
from lightwell.report import Block, Figure, Note, Page, Section, Table, Text, findings_table
from lightwell.report.figures import attributions
from lightwell.studies.explanations.experiments.examples import ask, ends
from lightwell.studies.explanations.parts import batch
from lightwell.studies.explanations.pictures import agreement_table, neighbour_figure, overlay_figures

_UNITS = 6  # of a code that the page shows
_GUIDE = """
A map says which parts of the input make the code what it is: orange parts speak for it, blue ones against.
It does not say what the code means. Saliency has no sign: it is what a small change would do.

Completeness residual: what the scores fail to add up to, as a part of what they should; above a tenth read
a map as a ranking only. Monte-Carlo error: how much of a map is the chance of its draws.

Trust what methods agree on. Agreement with random scores, and with the maps of other examples (the null), is
what an explanation gets for nothing. Where agreement is no higher than its null, do not tell a story.

An important training example is near in the code, or pulls the same weights: it need not be near to the eye,
nor the cause. Ask another method before you act on it.
"""


@dataclass(frozen=True)
class Asked:
    """What is to be explained, and how.

    Attributes
    ----------
    encoder : callable
        Maps a batch to codes.
    title : str
        What the page calls it.
    rows, corpus : Dataset
        Explained examples; training examples to compare with.
    target : Target
        What is explained.
    methods : tuple of str
        Of ``FEATURES`` and ``EXAMPLES``.
    axes : sequence of Axis
        What columns of the code are called.
    baseline : {"zero", "blur"} or Tensor
        What is compared with.
    seed : int
        Of all draws.
    positions : sequence of int
        What the page calls the explained examples by; their ids by default.
    """

    encoder: nn.Module
    title: str
    rows: Dataset
    corpus: Dataset
    target: Target
    methods: tuple[str, ...]
    axes: Sequence[Axis] = ()
    baseline: Baseline = "zero"
    seed: int = 0
    positions: Sequence[int] = ()


@dataclass
class Explained:
    """The answers.

    Attributes
    ----------
    asked : Asked
        The question.
    maps, examples : dict
        Attributions and example importance by method, ``random`` maps among them.
    units : dict of str to array
        Maps m×H×W by the name of a unit.
    findings : Findings
        Errors and agreements, with warnings.
    """

    asked: Asked
    maps: dict[str, Attribution] = field(default_factory=dict)
    examples: dict[str, ExampleImportance] = field(default_factory=dict)
    units: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def explain_few(asked: Asked) -> Explained:
    """Ask every method; the encoder comes back as it was.

    Raises
    ------
    ConfigError, DataError
        As the methods do.
    """
    done, inputs = Explained(asked), batch(asked.rows)
    for method in (*(m for m in asked.methods if m in FEATURES), "random"):
        done.maps[method] = attribute(
            asked.encoder, inputs, asked.target, method, asked.baseline, seed=asked.seed, ids=asked.rows.ids
        )
    train = batch(asked.corpus)
    for method in (m for m in asked.methods if m in EXAMPLES):
        done.examples[method] = ask(method, asked.encoder, train, inputs)
    done.units = _units(asked, inputs)
    _measure(done)
    return done


def _units(asked: Asked, inputs: Tensor) -> dict[str, NDArray[np.float32]]:
    """Return maps m×H×W of the units that are largest in the explained codes, by name."""
    with borrowed(asked.encoder) as ready:
        codes = encode(ready, inputs, 256).abs().mean(dim=0)
    chosen = sorted(codes.topk(min(_UNITS, len(codes))).indices.tolist())
    names = {
        i: axis.name if axis.width == 1 else f"{axis.name}, {i}" for axis in asked.axes for i in axis.indices
    }
    maps = unit_saliency(asked.encoder, inputs, chosen).sum(axis=2)
    return {names.get(unit, f"unit {unit}"): maps[:, k] for k, unit in enumerate(chosen)}


def _measure(done: Explained) -> None:
    each: list[tuple[str, dict[str, NDArray[Any]]]] = [(m, a.error) for m, a in done.maps.items()]
    each += [(m, one.error) for m, one in done.examples.items()]
    for method, errors in each:
        for name, values in errors.items():
            value = float(np.median(values))
            done.findings.add(Estimate(f"{name}.{method}", value, n=len(values), higher_is_better=False))
    maps = {method: one.pixels for method, one in done.maps.items()}
    scores = {method: one.scores for method, one in done.examples.items()}
    for sets, absolute in ((maps, True), (scores, False)):
        varied = {name: np.asarray(v) for name, v in sets.items() if np.ptp(v) > 0}
        for name in sets.keys() - varied.keys():
            done.findings.warn(
                f"The scores of {name} are all alike: it found nothing, and agrees with nothing."
            )
        if len(varied) > 1:
            found = agreements(varied, absolute=absolute, seed=done.asked.seed)
            if done.asked.rows.n == 1:  # the interval is over examples
                found = [replace(e, low=None, high=None) for e in found]
            done.findings.add(*found)


def write(done: Explained, folder: Path) -> Path:
    """Write ``report.html``, ``findings.json`` and ``explanations.npz``; return the page's path."""
    rows, corpus = done.asked.rows, done.asked.corpus
    arrays: dict[str, NDArray[Any]] = {"ids": np.asarray(rows.ids), "corpus_ids": np.asarray(corpus.ids)}
    arrays |= {f"map.{method}": one.scores for method, one in done.maps.items()}
    arrays |= {f"examples.{method}": one.scores for method, one in done.examples.items()}
    arrays |= {f"unit.{name}": maps for name, maps in done.units.items()}
    save_arrays(folder / "explanations.npz", arrays)
    done.findings.write(folder / "findings.json")
    return page(done).write(folder)


def page(done: Explained) -> Page:
    """Return the page."""
    asked = done.asked
    names = [*asked.rows.class_names, "no class"]
    called = asked.positions or np.asarray(asked.rows.ids).tolist()
    titles = [f"{i}: {names[c]}" for i, c in zip(called, asked.rows.labels, strict=True)]
    inputs = np.array(asked.rows.inputs[:])
    maps = overlay_figures(
        inputs, {method: one.pixels for method, one in done.maps.items()}, titles,
        f"What makes '{asked.target.name}' of each example what it is. The random scores mean nothing: what "
        "looks like them means nothing either.",
    )  # fmt: skip
    units = overlay_figures(
        inputs, done.units, titles,
        "The slope of single units, those largest in these codes: what a little more of a pixel would do.",
        "units",
    )  # fmt: skip
    return Page(
        title=f"Explained: {asked.title}",
        lead=f"{len(titles)} examples of {asked.rows.name}, without labels, asked of the encoder alone.",
        facts={
            "Target": asked.target.name,
            "Compared with": f"{asked.corpus.n:,} training examples",
            "Labels": "shown for the reader, never used",
        },
        sections=(
            Section("Which parts of the input", (*maps, _errors(done))),
            Section("Which training examples", tuple(_examples(done, inputs, titles))),
            Section("What single units see", tuple(units)),
            Section("Do the methods agree", tuple(_agreement(done))),
            Section("How to read this", (Text(_GUIDE),)),
            Section("All findings", (findings_table(done.findings),)),
        ),
        summary=tuple(Note("warning", text) for text in done.findings.warnings),
    )


def _errors(done: Explained) -> Table:
    kinds = ("completeness_residual", "monte_carlo_error")
    rows = [
        (method, *(float(np.median(one.error[k])) if k in one.error else None for k in kinds), one.seconds)
        for method, one in done.maps.items()
    ]
    columns = ("method", "completeness residual", "Monte-Carlo error", "seconds")
    return Table(columns, tuple(rows), "How far each method is off (median of the examples).")


def _examples(done: Explained, inputs: NDArray[Any], titles: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    if done.examples and done.asked.target.name != SelfSimilarity().name:
        target = done.asked.target.name
        blocks.append(
            Note("info", f"These are of the whole code, not of '{target}': examples have no target.")
        )
    for method, one in done.examples.items():
        found = ends(one.scores, done.asked.corpus)
        blocks.append(neighbour_figure(inputs, titles, found["most"], found["least"], method))
        if one.error:
            told = "; ".join(f"{name} {np.median(v):.3g}" for name, v in one.error.items())
            blocks.append(Text(f"Errors of {method.replace('_', ' ')} (median): {told}."))
    return blocks or [Note("info", "No method of example importance was asked for.")]


def _agreement(done: Explained) -> list[Block]:
    blocks: list[Block] = []
    prefix = "agreement.pearson"
    for what, sets in (("parts", done.maps), ("examples", done.examples)):
        names = list(sets)
        pairs = {f"{prefix}.{a}~{b}" for a, b in combinations(names, 2)}
        nulls = [e.null.value for e in done.findings if e.name in pairs and e.null]
        if len(names) > 1:
            caption = f"Pearson's correlation of the scores of {what} between methods."
            if nulls:
                caption += " With other examples' scores in place of their own (the null) it is "
                caption += f"{min(nulls):.2f} to {max(nulls):.2f}."
            table, _ = agreement_table(done.findings, prefix, names)
            drawn = attributions.agreement_matrix(table, names)
            blocks.append(Figure(f"agreement_of_{what}", drawn, caption, f"Matrix of {len(names)} methods."))
    return blocks or [Note("info", "Two methods or more are needed to compare.")]
