"""The tables of an open-set run: per class, both confusions, reasons, and every decision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import write_table
from lightwell.data import OpenSetData
from lightwell.explain.evidence import REASONS
from lightwell.studies.open_set.measure import Mask, Measured, reasons_of


def write(folder: Path, main: Measured, data: OpenSetData) -> None:
    """Write the tables of the method."""
    test, names, unknown_names = main.test, list(data.split.known), list(data.split.unknown)
    known, refused, predictions = test.known, main.refused, main.predictions
    assert test.origins is not None  # noqa: S101 - represent() always sets them
    write_table(folder / "classes.csv", *_class_rows(main, names))
    counts = _count(test.labels[known], predictions[known], len(names), len(names))
    write_table(folder / "confusion.csv", ["true class", *names], _named(names, counts))
    strangers = np.array([unknown_names.index(o) for o in test.origins[~known].tolist()], dtype=np.int64)
    for table, rows in (("all", np.ones(len(strangers), bool)), ("accepted", ~refused[~known])):
        counts = _count(strangers[rows], predictions[~known][rows], len(unknown_names), len(names))
        file = folder / f"unknown_confusion_{table}.csv"
        write_table(file, ["unknown class", *names], _named(unknown_names, counts))
    reasons = np.full(test.n, "", dtype=np.str_)
    if main.anchors is not None:
        reasons = reasons_of(main)
        write_table(folder / "reasons.csv", *_reason_rows(reasons, known, refused))
    columns = ["id", "true class", "predicted class", main.score_name, "p-value", "decision", "reason"]
    write_table(folder / "decisions.csv", columns, _decision_rows(main, names, reasons))


def _decision_rows(main: Measured, names: list[str], reasons: NDArray[np.str_]) -> Iterable[list[object]]:
    test, values, refused = main.test, main.test.scores[main.score_name], main.refused
    p = main.decision.rule.p_values(values, main.predictions)
    assert test.origins is not None  # noqa: S101 - represent() always sets them
    assert test.ids is not None  # noqa: S101
    for i in range(test.n):
        verdict = ["refused", str(reasons[i])] if refused[i] else ["accepted", ""]
        predicted = names[main.predictions[i]]
        yield [int(test.ids[i]), str(test.origins[i]), predicted, float(values[i]), float(p[i]), *verdict]


def _class_rows(main: Measured, names: list[str]) -> tuple[list[str], list[list[object]]]:
    test, refused = main.test, main.refused
    thresholds = main.decision.rule.thresholds
    columns = ["class", "n", "accuracy", "false refusal", "threshold", "own threshold"]
    rows: list[list[object]] = []
    for c, name in enumerate(names):
        own = test.labels == c
        rows.append(
            [
                name,
                int(own.sum()),
                float(test.correct[own].mean()) if own.any() else "",
                float(refused[own].mean()) if own.any() else "",
                float(thresholds[c]),
                "global" if c in main.decision.rule.fallback else "own",
            ]
        )
    return columns, rows


def _reason_rows(reasons: Any, known: Mask, refused: Mask) -> tuple[list[str], list[list[object]]]:
    columns = ["reason", "unknown refused", "known refused by mistake"]
    return columns, [
        [r, int((reasons[refused & ~known] == r).sum()), int((reasons[refused & known] == r).sum())]
        for r in REASONS
    ]


def _count(rows: Any, columns: Any, n_rows: int, n_columns: int) -> NDArray[np.int64]:
    table = np.zeros((n_rows, n_columns), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _named(names: list[str], counts: NDArray[np.int64]) -> list[list[object]]:
    return [[name, *map(int, row)] for name, row in zip(names, counts, strict=True)]
