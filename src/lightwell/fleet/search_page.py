"""What a search found: tables, figures, warnings, and the best settings as a file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightwell.core.errors import ConfigError
from lightwell.core.files import read_json, write_table, write_text
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.fleet.objective import Search
from lightwell.fleet.trials import RECORD, load_trials, mean
from lightwell.metrics import inverted
from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Table, Text, figures

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

_SHOWN = 10  # best trials on the page


def write_results(
    search: Search, trials: optuna.Study, folder: Path, figure_formats: Sequence[str] = ()
) -> Findings:
    """Write ``report.html``, ``findings.json``, ``best.yaml`` and ``tables/trials.csv``.

    Parameters
    ----------
    search : Search
        What was searched.
    trials : optuna.Study
        Its trials.
    folder : Path
        Where the files go. ``best.yaml`` holds every setting, to be passed with ``--config``.
    figure_formats : sequence of str
        Besides PNG: ``"pdf"``, ``"svg"``.

    Returns
    -------
    Findings
        The best value with the median trial beside it, and warnings.

    Raises
    ------
    ConfigError
        If no trial has ended well.
    """
    done = finished(trials)
    failed = [t for t in trials.trials if t.state.is_finished() and t.value is None]
    if not done:
        first = _reason(failed[0]) if failed else "none was run"
        raise ConfigError("no trial of this search has ended well", where=folder, got=first)
    best = _best_estimate(done)
    findings = Findings([best], edge_warnings(search, done))
    if best.name.startswith("best.auroc.") and (suspect := inverted(best.value)):
        findings.warn(f"The best trial: {suspect}")
    if failed:
        first = _reason(failed[0])
        findings.warn(f"{len(failed)} of {len(failed) + len(done)} trials failed. The first: {first}")
    findings.warnings += [f"The best trial, {said}" for said in done[0].user_attrs.get("warnings", ())]
    findings.write(folder / "findings.json")
    write_text(folder / "best.yaml", search.settings(done[0].params).to_yaml())
    _write_trials(search, trials.trials, folder / "tables" / "trials.csv")
    _page(search, trials, done, findings).write(folder, figure_formats)
    return findings


def rewrite(folder: Path, figure_formats: Sequence[str] = ()) -> Path:
    """Write the results of a search again, from its trials.

    Returns
    -------
    Path
        Its page.

    Raises
    ------
    ConfigError
        If no trial has ended well, or the trials are in a database with a password, which no file holds.
    """
    record = read_json(folder / RECORD)
    if "***" in record["storage"]:
        raise ConfigError(
            "the trials are in a database whose password is in no file", where=record["storage"],
            fix="Repeat the search command: with all trials done it writes the page.",
        )  # fmt: skip
    search = Search.from_json(record["search"])
    write_results(search, load_trials(folder, record["storage"] or None), folder, figure_formats)
    return folder / "report.html"


def finished(trials: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended well, the best first; of equals, the earliest."""
    return sorted(
        (t for t in trials.trials if t.value is not None), key=lambda t: (-(t.value or 0.0), t.number)
    )


def edge_warnings(search: Search, done: Sequence[FrozenTrial]) -> list[str]:
    """Say which values of the best trial lie on the edge of what was searched."""
    warnings = []
    for dimension in search.dimensions:
        value = done[0].params[dimension.name]
        edge = dimension.edge(value)
        if edge:
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            warnings.append(
                f"The best {dimension.name}, {text}, is at the {edge} searched ({dimension}): "
                "the optimum may lie beyond. Widen the space on that side."
            )
    return warnings


def _best_estimate(done: Sequence[FrozenTrial]) -> Estimate:
    facts = done[0].user_attrs
    median = Null("median trial", statistics.median(map(_reached, done)))
    larger = facts.get("larger_is_better", True)
    return Estimate(
        f"best.{facts['finding']}", _reached(done[0]), n=len(facts["folds"]), null=median,
        higher_is_better=larger,
    )  # fmt: skip


def _reached(trial: FrozenTrial) -> float:
    """Return the mean over the folds; what Optuna has of it is turned where smaller is better."""
    return mean(trial.user_attrs["folds"])


def _reason(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get("error", "interrupted or killed before its end"))


def _write_trials(search: Search, trials: Sequence[FrozenTrial], path: Path) -> None:
    names = [dimension.name for dimension in search.dimensions]
    rows: list[list[object]] = []
    for trial in trials:
        params = [trial.params.get(name, "") for name in names]
        folds = " ".join(f"{value:.6g}" for value in trial.user_attrs.get("folds", ()))
        value = "" if trial.value is None else _reached(trial)
        error = _reason(trial) if trial.state.name == "FAIL" else ""
        rows.append([trial.number, trial.state.name.lower(), *params, value, folds, error])
    write_table(path, ["trial", "state", *names, search.objective, "folds", "error"], rows)


def _page(search: Search, trials: optuna.Study, done: Sequence[FrozenTrial], findings: Findings) -> Page:
    notes = tuple(Note("warning", warning) for warning in findings.warnings)
    said = (
        f"{len(done)} trials. The best of many is better than it will be again: repeat it before quoting it."
    )
    space = tuple((d.name, str(d)) for d in search.dimensions)
    facts = {
        "study": search.study,
        "preset": search.preset,
        "objective": f"{search.objective} on held-out training examples",
        "folds": str(search.n_folds),
        "sampler": search.sampler,
        "seed": str(search.seed),
    }
    return Page(
        title=f"Search over settings of {search.study}",
        lead="Judged by training examples alone, some held out of each training: no test image and no class "
        "that is unknown in the end was used.",
        facts=facts,
        sections=(
            Section("Best trials", (_best_table(search, done),)),
            Section("Space", (Table(("setting", "searched"), space, "What was tried."),)),
            Section("Which settings matter", _figures(search, trials, done)),
        ),
        summary=(Numbers(findings), Note("info", said), *notes),
    )


def _best_table(search: Search, done: Sequence[FrozenTrial]) -> Table:
    names = [dimension.name for dimension in search.dimensions]
    rows = []
    for trial in done[:_SHOWN]:
        folds = trial.user_attrs.get("folds", [])
        std = statistics.stdev(folds) if len(folds) > 1 else None
        rows.append((f"trial {trial.number}", *(trial.params[n] for n in names), _reached(trial), std))
    columns = ("trial", *names, search.objective, "std over folds")
    return Table(columns, tuple(rows), f"The best of {len(done)} trials. All are in tables/trials.csv.")


def _figures(search: Search, trials: optuna.Study, done: Sequence[FrozenTrial]) -> tuple[Block, ...]:
    values = np.array([t.value for t in done])
    larger = done[0].user_attrs.get("larger_is_better", True)
    measure = search.objective if larger else f"minus {search.objective}"
    settings = {d.name: [t.params[d.name] for t in done] for d in search.dimensions}
    best = ", ".join(f"{name} {column[0]}" for name, column in settings.items())
    blocks: list[Block] = [
        Figure(
            "parallel-coordinates",
            figures.parallel_coordinates(settings, values, measure),
            "Every trial as a line from its settings to what it reached; the darker, the better.",
            f"The best of {len(done)} trials reached {_reached(done[0]):.3f} with {best}.",
        )
    ]
    shares = importances(trials, search)
    if not shares:
        return (*blocks, Text("Too few different trials to say which settings matter."))
    ranked = sorted(shares, key=lambda name: shares[name], reverse=True)
    blocks.append(
        Figure(
            "importance",
            figures.importance(shares, "fANOVA"),
            "Share of the differences between trials that each setting explains alone.",
            f"{ranked[0]} matters most, with a share of {shares[ranked[0]]:.2f}.",
        )
    )
    if len(ranked) > 1:
        x, y = ranked[:2]
        blocks.append(
            Figure(
                "heat-map",
                figures.heat_map(settings[x], settings[y], values, (x, y, measure)),
                f"Mean {measure} over the two settings that matter most; in brackets the trials.",
                f"The best trial has {x} {settings[x][0]} and {y} {settings[y][0]}.",
            )
        )
    return tuple(blocks)


def importances(trials: optuna.Study, search: Search) -> dict[str, float]:
    """Return the share of each setting in the variance between trials, by fANOVA.

    Empty where that cannot be told: fewer than four trials, or all alike.
    """
    done = finished(trials)
    if len(done) < 4 or len({t.value for t in done}) < 2:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    evaluator = FanovaImportanceEvaluator(seed=search.seed)
    return {name: float(share) for name, share in get_param_importances(trials, evaluator=evaluator).items()}
