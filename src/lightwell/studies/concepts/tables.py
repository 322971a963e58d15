"""The tables of a run of the study ``concepts``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightwell.core.concepts import concept_columns
from lightwell.core.files import write_table
from lightwell.core.findings import Findings, slug
from lightwell.studies.concepts.findings import Importance
from lightwell.studies.concepts.measure import Measured
from lightwell.studies.concepts.parts import Parts


def write(folder: Path, found: Findings, importance: Importance, done: Measured, parts: Parts) -> None:
    """Write ``concepts.csv``, ``latents.csv`` and ``importance_*.csv``."""
    _write_concepts(folder / "concepts.csv", found, parts)
    rows = [
        [name, None if done.kl is None else float(done.kl[i]), float(done.test.codes[:, i].mean()),
         float(done.test.codes[:, i].std())]
        for i, name in enumerate(done.latent_names)
    ]  # fmt: skip
    columns = ["latent", "KL divergence", "mean", "deviation"]
    write_table(folder / "latents.csv", columns, [_written(row) for row in rows])
    for name, table in importance.tables.items():
        lines = [[code, *row] for code, row in zip(importance.codes, table.tolist(), strict=True)]
        write_table(folder / f"importance_{name}.csv", ["code", *importance.factors], lines)


def write_findings(path: Path, found: Findings) -> None:
    """Write all findings as a table."""
    rows = [
        [e.name, e.value, e.low, e.high, e.n, e.null and e.null.value, e.null and e.null.name] for e in found
    ]
    header = ["metric", "value", "low", "high", "n", "null", "null is"]
    write_table(path, header, [_written(row) for row in rows])


def _write_concepts(path: Path, found: Findings, parts: Parts) -> None:
    train, rows = parts.train, list[list[object]]()
    for concept in train.concept_groups:
        columns = concept_columns(train.concept_groups)[concept.name]
        annotated = int((~np.isnan(np.asarray(train.concepts)[:, columns.start])).sum())
        measure = "concept_rmse" if concept.kind == "continuous" else "concept_accuracy"
        name = f"{measure}.{slug(concept.name)}"
        told = [[e.value, e.null.value] for e in found if e.name == name and e.null is not None]
        numbers = told[0] if told else ["", ""]  # a model that names nothing has none
        rows.append([concept.name, concept.kind, concept.size, annotated, measure, *numbers])
    header = ["concept", "kind", "columns", "annotated training images", "measure", "value", "null"]
    write_table(path, header, rows)


def _written(row: Sequence[object]) -> list[object]:
    return ["" if cell is None else cell for cell in row]
