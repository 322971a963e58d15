"""The log of a training: one row an epoch in ``metrics.csv``, right after a resume too."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lightwell.core.files import write_table


def read_history(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``metrics.csv`` by column."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


class History(Callback):
    """Collects what the model logs and rewrites ``metrics.csv`` after each epoch.

    The rows travel in the checkpoint, so that a resumed training has each epoch once.

    Parameters
    ----------
    path : Path
        The CSV file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._started = time.process_time()
        self._earlier = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of this sitting."""
        del trainer, pl_module
        self._started = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Append one row and rewrite the file."""
        del pl_module
        row = {"epoch": float(trainer.current_epoch), "step": float(trainer.global_step)}
        row["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        row["cpu_seconds"] = self._earlier + time.process_time() - self._started
        row |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append(row)
        if trainer.is_global_zero:
            columns = list(dict.fromkeys(name for r in self.rows for name in r))
            write_table(self.path, columns, [[r.get(c, "") for c in columns] for r in self.rows])

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of a checkpoint."""
        self.rows = [dict(row) for row in state_dict["rows"]]
        self._earlier = self.rows[-1]["cpu_seconds"] if self.rows else 0.0
