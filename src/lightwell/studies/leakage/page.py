"""The report of a leakage run, from what the run stored; no model is needed."""

from __future__ import annotations

from pathlib import Path

from lightwell.core.findings import Estimate, Findings
from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Table, Text, findings_table
from lightwell.report.figures.leakage import GateView, decision_bars, decision_sheet, gate_maps, leakage_bars
from lightwell.studies.leakage.measure import STALE
from lightwell.studies.leakage.stored import Stored
from lightwell.studies.leakage.tables import WHY

GATES = {
    "none": "no gate",
    "reconstruction": "gate: reconstruction only",
    "distance": "gate: distance only",
    "both": "gate: both tests",
    "prototype": "both, prototypes as centres",
    "strict": "strict gate",
}
_POLICIES = {"random": "answered at random", "abstain": "left out", "unknown": "answered -1"}
_COLUMNS = {
    "leakage": "leakage",
    "null": "",
    "blind": "leakage.blind",
    "balanced": "leakage.balanced",
    "accepted accuracy": "accepted_accuracy",
    "known kept": "coverage",
    "others refused": "open_refused",
}


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    facts, found, main = stored.data, stored.findings, stored.main
    gate = stored.gate_of(main)
    keys = [f"leakage.{main}.none", *(f"{k}.{main}.{gate}" for k in ("leakage", "coverage", "open_refused"))]
    summary: list[Block] = [Numbers(found, keys), Note("verdict", _verdict(stored)), *stored.warnings]
    sections = [_leakage(stored), _maps(stored), _acceptance(stored)]
    if f"leakage.{main}.{STALE}" in found:
        sections.append(_slip(stored))
    sections += [_concepts(stored)] if any(e.name.startswith("concept_accuracy.") for e in found) else []
    sections.append(Section("All findings", (findings_table(found),)))
    return Page(
        title=f"Leakage: {facts.get('name', 'data')}, {facts.get('test', '')}",
        lead=(
            f"Models that were taught {', '.join(facts.get('concepts', []))} on "
            f"{', '.join(facts.get('known', []))} alone: can {' or '.join(facts.get('probed', []))} "
            "be read off their concepts in what they never saw?"
        ),
        facts=_facts(stored),
        sections=tuple(sections),
        summary=tuple(summary),
    )


def _facts(stored: Stored) -> dict[str, str]:
    gate = stored.settings["gate"]
    own = {
        "Models": stored.recipe,
        "Gate": f"quantile {gate['quantile']:g} (strict {gate['strict']:g}), centres {gate['centres']}, "
        f"error {gate['error']}",
        "Rejected examples": _POLICIES[stored.settings["policy"]],
    }
    return stored.facts(own)


def _verdict(stored: Stored) -> str:
    found, main = stored.findings, stored.main
    gate = stored.gate_of(main)
    bare, gated = found[f"leakage.{main}.none"], found[f"leakage.{main}.{gate}"]
    kept, refused = found[f"coverage.{main}.{gate}"], found[f"open_refused.{main}.{gate}"]
    text = (
        f"Without a gate {bare.value:.1%} leaks from {main}, with it {gated.value:.1%}. The gate keeps "
        f"{kept.value:.0%} of held-out known examples and refuses {refused.value:.0%} of the others."
    )
    blind = f"leakage.blind.{main}.{gate}"
    if blind in found and refused.value < 0.995:
        text += (
            f" What it lets through is no random part of them: {found[blind].value:.1%} can be read from "
            "that alone, without any code."
        )
    return text


def _leakage(stored: Stored) -> Section:
    found = stored.findings
    rows = {
        f"{method}, {words}": found[f"leakage.{method}.{gate}"]
        for method in stored.methods
        for gate, words in GATES.items()
        if f"leakage.{method}.{gate}" in found
    }
    return Section(
        "What leaks",
        (
            Text(
                "A logistic regression reads the label from the codes of the concepts; it is fitted on one "
                "part of the examples of other kinds and scored on another. Leakage is its distance from "
                "guessing, as a share of the way to certainty: 0 where nothing can be read, 1 where "
                "everything can. What a gate refuses is taken away from the probe."
            ),
            Figure(
                "leakage",
                leakage_bars(rows),
                "Leakage with its 95 % interval over test examples. Published values are from the same test "
                "on the full data, with a gate on learned prototypes.",
                "Bars of leakage by model and gate, with null and published value.",
            ),
            Table(
                ("model and gate", *_COLUMNS),
                tuple((words, *_cells(found, one)) for words, one in rows.items()),
                "Blind: what is read without any code, from what was let through alone. Balanced: the probe "
                "weighs classes alike and recalls are averaged. Known kept is over held-out examples of the "
                "classes trained on.",
            ),
        ),
    )


def _cells(found: Findings, one: Estimate) -> list[float | None]:
    name = one.name.removeprefix("leakage.")
    keys = [f"{measure}.{name}" for measure in _COLUMNS.values()]
    cells = [found[key].value if key in found else None for key in keys]
    return [cells[0], one.null.value if one.null else None, *cells[2:]]


def _maps(stored: Stored) -> Section:
    facts = stored.data
    names = list(facts.get("probed", []))
    views = [_gate_view(stored, method) for method in stored.methods]
    columns = [*facts.get("concepts", []), "code 1", "code 2"]
    return Section(
        "Where the others lie",
        (
            Text(
                "Each dot is an example, at its codes of two concepts. What is refused is grey. What passes "
                "lies near the known examples and, where the gate also looks at reconstruction, is rebuilt "
                "as well as they are."
            ),
            Figure(
                "gate_maps",
                gate_maps(views, names, (f"code of '{columns[0]}'", f"code of '{columns[1]}'")),
                "Held-out known examples in black, others in grey where refused and in colour where accepted."
                + ("" if len(views[0].radii) else " The first two of several concepts are shown."),
                "Scatter plots of codes on two concepts with the regions the gate accepts.",
            ),
        ),
    )


def _gate_view(stored: Stored, method: str) -> GateView:
    known, others = stored.view(method, "validation").codes, stored.view(method, "open_test").codes
    gate = stored.array(method, "gate.npz")
    balls = slice(None if known.shape[1] == 2 else 0)  # of more dimensions they are no circles
    return GateView(
        f"{method}, {GATES[stored.gate_of(method)]}",
        known[:, :2],
        others[:, :2],
        stored.array("probed.npz")["labels"],
        stored.why(method) == 0,
        gate["centres"][balls, :2],
        gate["radii"][balls],
    )


def _acceptance(stored: Stored) -> Section:
    main = stored.main
    why = stored.why(main)
    origins = stored.view(main, "open_test").origins
    assert origins is not None  # noqa: S101 - stored views hold them
    names, shares = stored.data.get("probed", []), {}
    labels = stored.array("probed.npz")["labels"]
    for label, kind in sorted(set(zip(labels.tolist(), origins.tolist(), strict=True))):
        own = why[(labels == label) & (origins == kind)]
        words = kind if kind == names[label] else f"{kind} ({names[label]})"
        shares[words] = [float((own == i).mean()) for i in range(len(WHY))]
    known = stored.why(main, "validation") == 0
    sheet = stored.array("examples.npz")
    rows = {
        words: (sheet["images"][sheet["why"] == i], sheet["kinds"][sheet["why"] == i].tolist())
        for i, words in enumerate(WHY)
        if (sheet["why"] == i).any()
    }
    return Section(
        "What was refused and why",
        (
            Figure(
                "acceptance",
                decision_bars(shares, WHY, float(known.mean())),
                f"Decisions of the gate of {main} on each kind of test example. A gate that lets through "
                "some kinds and not others tells of the label by that alone, whatever the concepts hold.",
                "Stacked bars of decisions for each kind of example.",
            ),
            Figure(
                "examples",
                decision_sheet(rows),
                f"Test examples of each decision of the gate of {main}, with their kind.",
                "Rows of small images: accepted, and refused by each test.",
            ),
        ),
    )


def _slip(stored: Stored) -> Section:
    found, main = stored.findings, stored.main
    name = f"leakage.{main}.prototype" if f"leakage.{main}.prototype" in found else f"leakage.{main}.both"
    right, stale = found[name], found[f"leakage.{main}.{STALE}"]
    text = (
        "The published gate measures distances from learned prototypes, and its notebook checks the "
        "reconstruction of test examples with errors that belong to training examples. With that slip "
        f"this model and gate measure {stale.value:.1%}; with each error where it belongs, {right.value:.1%}."
    )
    if right.reference is not None:
        text += f" Published is {right.reference.value:.1%}."
    how = (
        "Row i of the open test half is judged by the error of row i of the open training half instead of "
        "its own; the distance test is right in both. The slip refuses without regard to the image, and so "
        "hides what passes. It is shown to explain a number, not to be used."
    )
    return Section(
        "How far a slip lowers the number",
        (Text(f"{text}\n\n{how}"), Numbers(found, [right.name, stale.name])),
    )


def _concepts(stored: Stored) -> Section:
    found = stored.findings
    columns = ("concept_accuracy", "leakage.ctl", "leakage.icl")
    rows = tuple(
        (method, *(found[key].value if key in found else None for key in (f"{c}.{method}" for c in columns)))
        for method in stored.methods
    )
    caption = (
        "On held-out known examples. CTL: what a concept tells of the label beyond its true value. ICL: what "
        "pairs of concepts tell of each other beyond the true ones. Both are 0 where nothing more is told."
    )
    return Section(
        "The concepts on what they were taught", (Table(("model", "accuracy", "CTL", "ICL"), rows, caption),)
    )
