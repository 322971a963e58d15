"""What every finished run left in its folder, read back; pages are made of nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lightwell.core.errors import DataError
from lightwell.core.findings import Findings
from lightwell.training.run import read_status


def read_finished(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Findings]:
    """Return ``run.json``, ``config.yaml`` and the findings of a run folder.

    Raises
    ------
    DataError
        If the run has no findings yet.
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
    return status, settings, Findings.read(folder / "findings.json")
