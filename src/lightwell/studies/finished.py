"""What every finished run left in its folder, read back; pages are made of nothing else."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from lightwell.core.errors import DataError
from lightwell.core.findings import Findings
from lightwell.report import Figure, Note, Table, figures
from lightwell.training.history import read_history
from lightwell.training.run import read_status

_NO_CURVES = ("step", "cpu_seconds", "learning_rate")


@dataclass(frozen=True)
class Finished:
    """What a finished run left in its folder; a study adds fields for what it alone keeps.

    Attributes
    ----------
    folder : Path
        The run folder.
    status, settings : dict
        Contents of ``run.json`` and ``config.yaml``.
    findings : Findings
        The numbers.
    """

    folder: Path
    status: dict[str, Any]
    settings: dict[str, Any]
    findings: Findings

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run folder.

        Raises
        ------
        DataError
            If the run has no findings yet, or another version of lightwell wrote it in another layout.
        """
        status = read_status(folder)
        if not (folder / "findings.json").is_file():
            raise DataError(
                "this run has no findings yet",
                where=folder,
                got=f"the status {status.get('status')}",
                fix="Let it finish; if none is at work on it, run the same command with --resume.",
            )
        settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        findings = Findings.read(folder / "findings.json")
        try:
            kept = cls._kept(folder)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(
                f"this run lacks what its page is made of ({type(error).__name__}: {error})",
                where=folder,
                fix="Where another version of lightwell wrote it, run the study again.",
            ) from error
        return cls(folder, status, settings, findings, **kept)

    @classmethod
    def _kept(cls, folder: Path) -> dict[str, Any]:
        """Return the fields that the study adds."""
        del folder
        return {}

    @property
    def data(self) -> dict[str, Any]:
        """Facts about the data, as the run recorded them."""
        return dict(self.status.get("data", {}))

    @property
    def warnings(self) -> list[Note]:
        """The warnings of the run."""
        return [Note("warning", text) for text in self.status.get("warnings", [])]

    @property
    def recipe(self) -> str:
        """What was trained, on which body, how long and from which seed."""
        told = self.settings
        return (
            f"{told.get('method') or told['methods']} on {told.get('encoder') or told['network']}, "
            f"epochs {told['training']['epochs']}, seed {told['seed']}"
        )

    def facts(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the facts at the head of a page: the data, those of the study, the software."""
        sizes = (f"{count:,} {part.replace('_', ' ')}" for part, count in self.data.get("sizes", {}).items())
        versions = (f"{name} {version}" for name, version in self.status.get("versions", {}).items())
        data = f"{self.data.get('name')} ({', '.join(sizes)})"
        return {"Data": data, **own, "Software": ", ".join(versions)}

    def table(self, name: str, caption: str) -> Table:
        """Return a table the run wrote: a name a row, then numbers as numbers."""
        with (self.folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
            header, *rows = list(csv.reader(handle))
        cells = ((_name(row[0]), *(_number(cell) for cell in row[1:])) for row in rows)
        return Table(tuple(header), tuple(cells), caption)

    def curves(self, *path: str) -> dict[str, list[float]]:
        """Return what a training logged, by name: of the run itself, or of a folder in it."""
        rows = read_history(self.folder.joinpath(*path, "metrics.csv"))
        return {key: [float(row[key]) for row in rows] for key in rows[0] if key not in _NO_CURVES}

    def training(self, caption: str, of: str = "", *path: str) -> Figure:
        """Return the curves of a training by name: of the run itself, or of a folder in it."""
        name, said = (f"training_{of}", f" of {of}") if of else ("training", "")
        drawn = figures.training_curves(self.curves(*path))
        return Figure(name, drawn, caption, f"Curves of the loss terms{said} by epoch.")


def _name(cell: str) -> str:
    """Return a name as it was, without the guard that keeps a spreadsheet from running it as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r") else cell


def _number(cell: str) -> object:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(cell)
    return cell or None
