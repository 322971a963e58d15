"""What a search found: tables, figures, warnings, and the best settings as a file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightwell.core.errors import ConfigError
from lightwell.core.files import write_table, write_text
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.fleet.objective import Search
from lightwell.report import Block, Figure, Note, Numbers, Page, Section, Table, Text, figures

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

_SHOWN = 10  # best trials on the page


def write_results(search: Search, trials: optuna.Study, folder: Path) -> Findings:
    """Write ``report.html``, ``findings.json``, ``best.yaml`` and ``tables/trials.csv``.

    Parameters
    ----------
    search : Search
        What was searched.
    trials : optuna.Study
        Its trials.
    folder : Path
        Where the files go. ``best.yaml`` holds every setting, to be passed with ``--config``.

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
        first = failed[0].user_attrs.get("error", "no reason recorded") if failed else "none was run"
        raise ConfigError("no trial of this search has ended well", where=folder, got=first)
    findings = Findings([_best_estimate(done)], edge_warnings(search, done))
    if failed:
        reason = failed[0].user_attrs.get("error", "no reason recorded")
        findings.warn(f"{len(failed)} of {len(failed) + len(done)} trials failed. The first: {reason}")
    findings.write(folder / "findings.json")
    write_text(folder / "best.yaml", search.settings(done[0].params).to_yaml())
    _write_trials(search, trials.trials, folder / "tables" / "trials.csv")
    _page(search, trials, done, findings).write(folder)
    return findings


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
    values = [t.value for t in done if t.value is not None]
    name = str(done[0].user_attrs.get("finding", "objective"))
    median = Null("median trial", statistics.median(values))
    return Estimate(
        f"best.{name}", values[0], n=len(done[0].user_attrs.get("folds", ())) or None, null=median
    )


def _write_trials(search: Search, trials: Sequence[FrozenTrial], path: Path) -> None:
    names = [dimension.name for dimension in search.dimensions]
    rows: list[list[object]] = []
    for trial in trials:
        params = [trial.params.get(name, "") for name in names]
        folds = " ".join(f"{value:.6g}" for value in trial.user_attrs.get("folds", ()))
        value = "" if trial.value is None else trial.value
        error = trial.user_attrs.get("error", "")
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
        "objective": f"{search.objective} on held-out training images, classes left out played unknown",
        "folds": str(search.n_folds),
        "sampler": search.sampler,
        "seed": str(search.seed),
    }
    return Page(
        title=f"Search over settings of {search.study}",
        lead="Judged by known classes only: no test image and no truly unknown class was used.",
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
        rows.append((f"trial {trial.number}", *(trial.params[n] for n in names), trial.value, std))
    columns = ("trial", *names, search.objective, "std over folds")
    return Table(columns, tuple(rows), f"The best of {len(done)} trials. All are in tables/trials.csv.")


def _figures(search: Search, trials: optuna.Study, done: Sequence[FrozenTrial]) -> tuple[Block, ...]:
    values = np.array([t.value for t in done])
    settings = {d.name: [t.params[d.name] for t in done] for d in search.dimensions}
    best = ", ".join(f"{name} {column[0]}" for name, column in settings.items())
    blocks: list[Block] = [
        Figure(
            "parallel-coordinates",
            figures.parallel_coordinates(settings, values, search.objective),
            "Every trial as a line from its settings to what it reached; the darker, the better.",
            f"The best of {len(done)} trials reached {values[0]:.3f} with {best}.",
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
                figures.heat_map(settings[x], settings[y], values, (x, y, search.objective)),
                f"Mean {search.objective} over the two settings that matter most; in brackets the trials.",
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
