"""Several runs on one page: what each found, how their settings differ, and which may be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import read_json
from lightwell.core.findings import Estimate, Findings
from lightwell.report.blocks import Block, Note, Section, Text
from lightwell.report.names import clean, shorten
from lightwell.report.page import Page
from lightwell.report.tables import Cell, Table, format_direction, format_interval, format_value, readable


@dataclass(frozen=True)
class _Run:
    label: str
    findings: Findings
    record: Mapping[str, Any]
    settings: Mapping[str, str]

    @property
    def data(self) -> Mapping[str, Any]:
        data = self.record.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def basis(self) -> tuple[object, object]:
        """What has to be equal before two runs may be compared."""
        return self.data.get("fingerprint"), self.data.get("split")

    @property
    def warnings(self) -> list[str]:
        listed = self.record.get("warnings")
        return [str(entry) for entry in listed] if isinstance(listed, list) else []


def compare(runs: Sequence[Path], status: Callable[[Path], object] | None = None) -> Page:
    """Put the findings of several run folders on one page.

    Parameters
    ----------
    runs : sequence of Path
        At least two run folders. ``findings.json`` is needed; ``run.json`` and ``config.yaml`` are read where
        they are present.
    status : callable, optional
        Takes a run folder and returns its status; by default what ``run.json`` says is believed.

    Returns
    -------
    Page
        The best value of a finding is bold where it has a direction, among the runs whose data and split are
        those of the first; other runs are marked "not comparable".

    Raises
    ------
    ConfigError
        If there are fewer than two runs.
    DataError
        If a run folder cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from lightwell.core import Estimate, Findings
    >>> folders = [Path(tempfile.mkdtemp()) / name for name in ("a", "b")]
    >>> for folder, value in zip(folders, (0.8, 0.9), strict=True):
    ...     Findings([Estimate("accuracy", value)]).write(folder / "findings.json")
    >>> compare(folders).sections[0].blocks[0].rows[0][3]
    Cell(value=0.9, note='', best=True)
    """
    if len(runs) < 2:
        raise ConfigError("a comparison needs runs", expected="two or more run folders", got=len(runs))
    read = _distinct([_read(Path(folder), status) for folder in runs])
    usable = [run.basis == read[0].basis for run in read]
    names = [
        run.label if fits else f"{run.label} (not comparable)" for run, fits in zip(read, usable, strict=True)
    ]
    findings = Section("Findings", (_findings(read, usable, names),))
    settings = Section("Settings that differ", (_settings(read, names),))
    return Page(
        title="Comparison of runs",
        lead=f"{len(read)} runs side by side, each number with its 95 % interval and its baseline.",
        facts={"runs": format_value(len(read)), "comparable with the first": format_value(sum(usable) - 1)},
        sections=(
            findings,
            Section("Runs", (_runs(read, names),)),
            settings,
            Section("Warnings", _warnings(read)),
        ),
        summary=_remarks(read, usable),
    )


def _read(folder: Path, status: Callable[[Path], object] | None) -> _Run:
    if not folder.is_dir():
        raise DataError("there is no such run folder", where=folder, expected="a folder with findings.json")
    findings = Findings.read(folder / "findings.json")
    file = folder / "run.json"
    record = {} if not file.exists() else status(folder) if status else read_json(file)
    if not isinstance(record, dict):
        raise DataError(
            "this is not the status of a run", where=file, expected="an object", got=type(record).__name__
        )
    name = record.get("name") or folder.resolve().name
    return _Run(clean(name), findings, record, _read_settings(folder / "config.yaml"))


def _read_settings(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError("these settings cannot be read", where=path, got=error) from error
    return _flat(settings) if isinstance(settings, dict) else {}


def _flat(settings: Mapping[Any, Any], prefix: str = "") -> dict[str, str]:
    """Turn nested settings into dotted keys."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


def _distinct(runs: list[_Run]) -> list[_Run]:
    """Shorten long names of runs, and number those that are then the same."""
    labels = [shorten(run.label, 40) for run in runs]
    seen: dict[str, int] = {}
    distinct = []
    for run, label in zip(runs, labels, strict=True):
        seen[label] = seen.get(label, 0) + 1
        text = f"{label} #{seen[label]}" if labels.count(label) > 1 else label
        distinct.append(_Run(text, run.findings, run.record, run.settings))
    return distinct


def _findings(runs: list[_Run], usable: list[bool], names: list[str]) -> Table:
    keys = dict.fromkeys(estimate.name for run in runs for estimate in run.findings)
    rows = tuple(_finding_row(key, runs, usable) for key in keys)
    caption = "Every finding of every run; bold is the best of the comparable runs, if it has a better end."
    return Table(("finding", "better", *names), rows, caption)


def _finding_row(key: str, runs: list[_Run], usable: list[bool]) -> tuple[object, ...]:
    found = [next((e for e in run.findings if e.name == key), None) for run in runs]
    best = _best([estimate if fits else None for estimate, fits in zip(found, usable, strict=True)])
    cells = [
        None if e is None else Cell(e.value, _small_print(e), fits and e.value == best)
        for e, fits in zip(found, usable, strict=True)
    ]
    direction = next(format_direction(e) for e in found if e is not None)
    return (readable(key), direction, *cells)


def _best(found: Sequence[Estimate | None]) -> float | None:
    """Return the best value, where the runs agree which end is better and there is a choice."""
    present = [e for e in found if e is not None and e.value == e.value]
    directions = {e.higher_is_better for e in present}
    if len(present) < 2 or len(directions) != 1 or None in directions:
        return None
    values = [e.value for e in present]
    return max(values) if directions == {True} else min(values)


def _small_print(estimate: Estimate) -> str:
    null = f"baseline {format_value(estimate.null.value)} ({estimate.null.name})" if estimate.null else ""
    return "; ".join(part for part in (format_interval(estimate), null) if part)


def _runs(runs: list[_Run], names: list[str]) -> Table:
    columns = ("run", "study", "status", "data", "split", "seed", "CPU seconds", "peak memory (MB)")
    rows = []
    for run, name in zip(runs, names, strict=True):
        given = [run.record.get(key) for key in ("study", "status")]
        data = [run.data.get(key) for key in ("name", "split")]
        costs = [run.record.get(key) for key in ("seed", "cpu_seconds", "peak_memory_mb")]
        rows.append((name, *given, *data, *costs))
    return Table(columns, tuple(rows), "What each run was; a dash is what its folder does not say.")


def _settings(runs: list[_Run], names: list[str]) -> Block:
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    differing = [key for key in keys if len({run.settings.get(key) for run in runs}) > 1]
    if not differing:
        return Text("The runs have the same settings.")
    rows = tuple((key, *(run.settings.get(key) for run in runs)) for key in differing)
    return Table(
        ("setting", *names), rows, "Settings with more than one value; the others are the same in every run."
    )


def _warnings(runs: list[_Run]) -> tuple[Block, ...]:
    notes = tuple(Note("warning", f"{run.label}: {warning}") for run in runs for warning in run.warnings)
    return notes or (Text("No run has a warning."),)


def _remarks(runs: list[_Run], usable: list[bool]) -> tuple[Block, ...]:
    """Say what keeps the runs from being compared."""
    strangers = [run.label for run, fits in zip(runs, usable, strict=True) if not fits]
    notes: list[Block] = []
    if strangers:
        text = f"Not comparable with {runs[0].label}, for another data set or split: {', '.join(strangers)}."
        notes.append(Note("warning", text))
    if None in runs[0].basis:
        notes.append(Note("info", f"{runs[0].label} does not record its data or split; check it by hand."))
    return tuple(notes)
