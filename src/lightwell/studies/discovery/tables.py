"""The tables of a run of the study ``discovery``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lightwell.core.files import write_table
from lightwell.core.findings import Estimate, Findings, slug
from lightwell.metrics.clustering import Agreement
from lightwell.studies.discovery.findings import is_rival
from lightwell.studies.discovery.measure import Measured
from lightwell.studies.discovery.stored import Stored

CLUSTERINGS = {
    "": "experts (mean of the restarts)",
    ".worst": "experts, worst restart",
    ".matched_random": "random clusters",
    ".collapsed": "one single cluster",
    ".kmeans": "k-means",
    ".gmm": "Gaussian mixture",
}
RIVALS = (".kmeans", ".gmm", ".matched_random")


def write_epochs(path: Path, epochs: Sequence[dict[str, Any]]) -> None:
    """Write every number of every restart after each epoch."""
    rows = [(n, i, row) for n, epoch in enumerate(epochs) for i, row in enumerate(epoch["restarts"])]
    columns = list(dict.fromkeys(name for _, _, row in rows for name in row))
    cells = [[n, i, *(row.get(name, "") for name in columns)] for n, i, row in rows]
    write_table(path, ["epoch", "restart", *columns], cells)


def write_restarts(
    path: Path, done: Measured, each: Sequence[Sequence[Estimate]], agreement: Agreement | None
) -> None:
    """Write the numbers of each restart, with the label-free ones by which one might be chosen."""
    names = [e.name for e in each[0] if not is_rival(e.name)]
    rows = []
    for i, seed in enumerate(done.seeds):
        alike = "" if agreement is None else float(agreement.mean_ari[i])
        values = [e.value for e in each[i] if not is_rival(e.name)]
        rows.append([i, seed, *values, alike, *done.criteria[i].values()])
    write_table(path, ["restart", "seed", *names, "agreement", *done.criteria[0]], rows)


def write_baselines(path: Path, found: Findings, coarse_names: Sequence[str]) -> None:
    """Write how the experts do beside cheap clusterings; without fine labels, how alike they are."""
    known = "fine_accuracy" in found
    measure, said = ("cluster_accuracy", "accuracy") if known else ("rival_agreement", "adjusted Rand index")
    rows = []
    for coarse in coarse_names:
        for ending, what in CLUSTERINGS.items():
            name = f"{measure}.{slug(coarse)}{ending}"
            if name in found:
                e = found[name]
                rows.append([coarse, what, e.value, *("" if v is None else v for v in (e.low, e.high, e.n))])
    write_table(path, ["coarse class", "clustering", said, "low", "high", "n"], rows)


def write_cells(stored: Stored) -> None:
    """Write what each expert of the shown restart holds, with the names given so far."""
    write_table(stored.folder / "tables" / "cells.csv", CELL_COLUMNS, cell_rows(stored))


CELL_COLUMNS = ("coarse class", "expert", "name", "images", "share of class", "confidence", "fine class",
                "purity")  # fmt: skip


def cell_rows(stored: Stored) -> list[list[Any]]:
    """Return a row for each cell of the shown restart."""
    rows = []
    for c, coarse in enumerate(stored.coarse_names):
        inside = stored.test.labels == c
        for k in np.flatnonzero(stored.exists[c]).tolist():
            mine = inside & (stored.experts == k)
            sure = float(stored.gate[mine, k].mean()) if mine.any() else None
            share = float(mine.sum() / inside.sum()) if inside.any() else None
            fine, pure = stored.match(c, k)
            row = [coarse, k, stored.given.get((c, k), ""), int(mine.sum()), share, sure, fine, pure]
            rows.append(["" if cell is None else cell for cell in row])
    return rows
