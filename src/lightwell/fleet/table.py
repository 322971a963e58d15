"""One table of a fleet: every measure as mean and spread over splits, each split a mean over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lightwell.core.files import read_json, write_table, write_text
from lightwell.core.findings import Estimate, Findings
from lightwell.fleet.finished import FinishedCell, finished_cells
from lightwell.fleet.latex import latex
from lightwell.fleet.published import beside
from lightwell.fleet.record import read_record
from lightwell.report import Cell, Table, markdown
from lightwell.report.names import clean
from lightwell.report.tables import format_value

# Measures that the table holds; of studies that are not listed it holds all.
MEASURES = {
    "open-set": (
        "accuracy",
        "auroc",
        "oscr",
        "false_refusal",
        "detection",
        "inside_sphere_share",
        "cpu_seconds.training",
    ),
    "concepts": (
        "label_accuracy",
        "linear_probe.label_accuracy",
        "concept_accuracy",
        "concept_rmse",
        "alignment",
        "completeness",
        "explicitness",
        "empty_columns",
        "mig",
        "dci",
        "reconstruction_error",
        "cpu_seconds.training",
    ),
}


@dataclass(frozen=True)
class Row:
    """One measure of one method on one data set and family of splits.

    Attributes
    ----------
    data, family, method : str
        Where it was measured. ``softmax beside difair`` is the baseline trained in the same run.
    variant : str
        Values of further axes of the grid, such as ``training.epochs 5``, and of whatever else parts these
        cells from others of the same name.
    measure : str
        Name of the finding.
    values : mapping of str to tuple of float
        For each split the value of every seed.
    nulls : tuple of float
        Of the same runs: chance or the cheap baseline.
    null_name : str
        What it is.
    higher_is_better : bool or None
        Its direction.
    settings : mapping
        Of one of its cells; they share all that the numbers depend on.

    Examples
    --------
    >>> row = Row("toy", "arpl", "difair", "", "auroc.mos", {"arpl/0": (0.8, 1.0), "arpl/1": (0.7,)})
    >>> round(row.mean, 3), round(row.std, 3), row.n_splits, row.n_seeds
    (0.8, 0.141, 2, '1-2')
    """

    data: str
    family: str
    method: str
    variant: str
    measure: str
    values: Mapping[str, tuple[float, ...]]
    nulls: tuple[float, ...] = ()
    null_name: str = ""
    higher_is_better: bool | None = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def per_split(self) -> dict[str, float]:
        """Mean over the seeds of each split."""
        return {split: statistics.fmean(values) for split, values in sorted(self.values.items())}

    @property
    def mean(self) -> float:
        """Mean over splits."""
        return statistics.fmean(self.per_split.values())

    @property
    def std(self) -> float | None:
        """Standard deviation over splits (divisor n - 1); None of one split."""
        return _std(list(self.per_split.values()))

    @property
    def std_of_seeds(self) -> float | None:
        """Standard deviation over the seeds of a split, pooled; None where no split has two."""
        spreads = [(_std(values), len(values) - 1) for values in self.values.values()]
        pairs = [(s, freedom) for s, freedom in spreads if s is not None]
        freedom = sum(f for _, f in pairs)
        return math.sqrt(sum(s * s * f for s, f in pairs) / freedom) if pairs else None

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return len(self.values)

    @property
    def n_seeds(self) -> str:
        """Number of seeds a split, as a range where splits differ."""
        counts = sorted({len(values) for values in self.values.values()})
        return f"{counts[0]}-{counts[-1]}" if len(counts) > 1 else str(counts[0])

    @property
    def null(self) -> float | None:
        """Mean of the nulls."""
        return statistics.fmean(self.nulls) if self.nulls else None


def _std(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


class _Key(NamedTuple):
    data: str
    family: str
    method: str
    variant: str
    measure: str


def read_rows(folder: Path) -> list[Row]:
    """Read the finished cells of a fleet.

    Parameters
    ----------
    folder : Path
        The fleet's folder, with ``fleet.json`` and ``cells/``.

    Returns
    -------
    list of Row
        By data, family, method and measure, in the order of the grid.

    Raises
    ------
    DataError
        If this is no folder of a fleet, or a cell cannot be read.
    """
    wanted = MEASURES.get(read_record(folder)["study"])
    found: dict[_Key, list[tuple[FinishedCell, Estimate]]] = {}
    for cell in finished_cells(folder):
        data, own = str(cell.settings.get("data", "")), cell.method
        baseline = _baseline(cell.folder)
        for estimate in Findings.read(cell.folder / "findings.json"):
            if wanted and not _is_wanted(estimate.name, wanted):
                continue
            head, _, last = estimate.name.rpartition(".")
            theirs = baseline and last == baseline
            method, measure = (f"{baseline} beside {own}", head) if theirs else (own, estimate.name)
            key = _Key(data, cell.split.partition("/")[0], method, cell.variant, measure)
            found.setdefault(key, []).append((cell, estimate))
    groups = list(dict.fromkeys(key[:-1] for key in found))  # a baseline's numbers stand together
    return [_row(key, found[key]) for key in sorted(found, key=lambda key: groups.index(key[:-1]))]


def _is_wanted(name: str, wanted: Iterable[str]) -> bool:
    return any(name == measure or name.startswith(f"{measure}.") for measure in wanted)


def _baseline(run: Path) -> str:
    """Return the name of the baseline trained beside the method; its findings end in it."""
    config = run / "baseline" / "model" / "config.json"
    return str(read_json(config).get("method")) if config.is_file() else ""


def _row(key: _Key, found: Sequence[tuple[FinishedCell, Estimate]]) -> Row:
    once: dict[tuple[str, object], Estimate] = {}  # one run may lie in two folders: with and without --seeds
    for cell, estimate in found:
        once.setdefault((cell.split, cell.settings.get("seed")), estimate)
    values: dict[str, tuple[float, ...]] = {}
    for (split, _), estimate in once.items():
        values[split] = (*values.get(split, ()), estimate.value)
    nulls = [estimate.null for estimate in once.values() if estimate.null is not None]
    return Row(
        *key,
        values=values,
        nulls=tuple(null.value for null in nulls),
        null_name=nulls[0].name if nulls else "",
        higher_is_better=found[0][1].higher_is_better,
        settings=found[0][0].settings,
    )


def write_tables(folder: Path, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Write ``tables/results.csv`` in full precision, and ``.md`` and ``.tex`` to be read.

    Parameters
    ----------
    folder : Path
        The fleet's folder.
    rows : sequence of Row
        The table.
    notes : sequence of str
        What to know of the splits and settings; written below the table.
    """
    splits = _split_columns(rows)
    columns = ["data", "family", "method", "variant", "measure", "mean", "std over splits", "splits"]
    columns += ["seeds a split", "std over seeds", *splits, "null", "null is"]
    columns += ["published", "published std", "published by, or why not comparable"]
    write_table(folder / "tables" / "results.csv", columns, [_csv_row(row, splits) for row in rows])
    table = readable_table(rows)
    below = "".join(f"\n- {clean(note)}" for note in notes)
    write_text(folder / "tables" / "results.md", f"{markdown(table)}\n{below}\n")
    comments = "".join(f"% {clean(note)}\n" for note in notes)
    write_text(folder / "tables" / "results.tex", f"{latex(table)}\n{comments}")


def _csv_row(row: Row, splits: Sequence[str]) -> list[object]:
    stands = beside(row.method, row.measure, row.data, row.values, row.settings)
    numbers = [row.mean, row.std, row.n_splits, row.n_seeds, row.std_of_seeds]
    per_split = [row.per_split.get(_full(row, split)) for split in splits]
    cells = [row.data, row.family, row.method, row.variant, row.measure, *numbers, *per_split]
    cells += [row.null, row.null_name, stands.value, stands.std, stands.text]
    return ["" if cell is None else cell for cell in cells]


def readable_table(rows: Sequence[Row], caption: str = "") -> Table:
    """Return the rows as a table to be read, with published values beside them.

    Parameters
    ----------
    rows : sequence of Row
        What to show.
    caption : str
        What it is; by default how to read it.
    """
    splits = _split_columns(rows)
    variants = any(row.variant for row in rows)
    columns = ["data", "splits", "method", *["variant"] * variants, "measure", "mean ± std", "n"]
    columns += [*splits, "null", "published"]
    lines = []
    for row in rows:
        stands = beside(row.method, row.measure, row.data, row.values, row.settings)
        spread = f"{format_value(row.mean)} ± {format_value(row.std)}"
        known = [row.data, row.family, row.method, *[row.variant] * variants, row.measure]
        n = f"{row.n_splits} × {row.n_seeds}"
        per_split = [row.per_split.get(_full(row, split)) for split in splits]
        null = None if row.null is None else Cell(row.null, row.null_name)
        published = stands.text if stands.value is None else Cell(stands.value, stands.text)
        lines.append((*known, spread, n, *per_split, null, published))
    said = caption or (
        "Mean and standard deviation (n - 1) over splits, each split a mean over seeds; n is splits × seeds."
    )
    return Table(tuple(columns), tuple(lines), said)


def _split_columns(rows: Sequence[Row]) -> list[str]:
    """Return what follows the family in the names of the splits; families share the columns."""
    names = {split.partition("/")[2] for row in rows for split in row.values}
    return [f"split {name}".strip() for name in sorted(names)]


def _full(row: Row, column: str) -> str:
    number = column.removeprefix("split").strip()
    return f"{row.family}/{number}" if number else row.family
