"""The report of a run of the study ``explanations``, from what the run stored; no model is needed."""

from __future__ import annotations

from pathlib import Path

from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Text, figures, findings_table
from lightwell.studies.explanations.drawings import SECTIONS
from lightwell.studies.explanations.experiments import EXPERIMENTS
from lightwell.studies.explanations.experiments.features import EARLY
from lightwell.studies.explanations.stored import Stored

_HEADS = {
    "features": ("shift_auc.",),
    "examples": ("similarity_rate.top5.",),
    "pretexts": ("agreement.pearson.",),
    "units": ("unit_overlap.pearson.",),
    "visualisation": (),
    "classifier": ("agreement.pearson.",),
    "trust": ("infidelity.", "randomised_weights."),
    "roar": ("roar_auc.",),
}
_QUIRKS = {
    "anchors": "Gradient SHAP pairs each place with the anchor of another example, as published: "
    "its maps follow other images, and removal curves fall.",
    "squared_shift": "The shift of the code is squared: far moves of few examples rule the mean.",
    "inverse_square": "Nearness is 1/d²: a few near pairs decide correlations.",
    "lissa": "Influence is the published recursion, in which the curvature hardly counts: in effect a plain "
    "product of gradients.",
    "simplex": "SimplEx stops long before it fits, and ranks softly; converged weights are sparse.",
    "raw_inputs": "Encoders trained on pixels 0 to 1 see 0 to 255 when examples are compared.",
}


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    name, found, settings = str(stored.settings["experiment"]), stored.findings, stored.settings
    experiment = EXPERIMENTS[name]
    heads = [e.name for e in found if e.name.startswith(_HEADS[name]) and ".random" not in e.name]
    summary: list[Block] = [Numbers(found, heads[:8])] if _HEADS[name] and heads else []
    summary += [Note("verdict", verdict) for verdict in _verdict(name, stored)]
    summary += [*stored.warnings, *(Note("info", _QUIRKS[quirk]) for quirk in settings["legacy"])]
    asked = "SimCLR, " if settings.get("encoder") == "simclr" else ""  # older runs know autoencoders only
    shown = f"{asked}{settings['network']}, epochs {settings['training']['epochs']}, seed {settings['seed']}"
    return Page(
        title=f"{experiment.title}: {stored.data.get('name', 'data')}",
        lead=experiment.lead,
        facts=stored.facts({"Models": shown, "Runs": str(len(stored.runs))}),
        sections=(
            *SECTIONS[name](stored),
            *_published(stored),
            _training(stored),
            Section("All findings", (findings_table(found),)),
        ),
        summary=tuple(summary),
    )


def _verdict(name: str, stored: Stored) -> list[str]:
    found = stored.findings
    if name == "features":
        areas = {e.name.split(".")[1]: e.value for e in found if e.name.endswith(".early")}
        order = sorted(areas, key=lambda method: -areas[method])
        told = " > ".join(f"{m.replace('_', ' ')} {areas[m]:.3g}" for m in order)
        return [f"Mean shift with up to {EARLY:.0%} of the pixels removed: {told}."]
    if name == "examples":
        rates = {e.name.split(".")[-1]: e.value for e in found if e.name.startswith("similarity_rate.top5.")}
        best = max(rates, key=lambda method: rates[method])
        base = found[f"similarity_rate.top5.{best}"].null
        rate = f"{rates[best]:.0%} of the top 5 % have the class of the explained example"
        return [f"Best is {best.replace('_', ' ')}: {rate} (base rate {base.value if base else 0:.0%})."]
    return []


def _published(stored: Stored) -> list[Section]:
    table = stored.table(
        "published",
        "Means of the reproductions with their standard deviations; FACT, GAR, PAR, LAN: ReScience C 2023.",
    )
    if not table.rows:
        return []
    note = Text(
        "Protocols are the same only where the findings below quote a published value. Theirs: the quirks of "
        "the published code, 60,000 training images, all test images."
    )
    return [Section("What others published", (note, table))]


def _training(stored: Stored) -> Section:
    folders = [log.parent for log in sorted((stored.folder / "models").glob("*_run0/metrics.csv"))]
    logs = {folder: stored.curves("models", folder.name) for folder in folders}
    longest = max((len(logged["epoch"]) for logged in logs.values()), default=0)
    curves: dict[str, list[float]] = {"epoch": [float(n) for n in range(longest)]}
    for folder, logged in logs.items():
        if logged:
            told = folder.name.removesuffix("_run0")
            curves |= {
                f"{told}/{key.rpartition('/')[2]}": values + [float("nan")] * (longest - len(values))
                for key, values in logged.items()
                if key in ("train/reconstruction", "train/cross_entropy", "train/nt_xent")
            }
    if len(curves) < 2:
        return Section("Training", (Note("info", "The logs of the trainings are gone."),))
    figure = Figure(
        "training", figures.training_curves(curves), "The main loss of each model, first run.",
        f"Curves of {len(curves) - 1} models.",
    )  # fmt: skip
    return Section("Training", (figure,))
