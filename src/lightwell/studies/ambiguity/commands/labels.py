"""Who says what an undecided image is: a human by a table, or the judge of the run."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import DataError
from lightwell.models import saved
from lightwell.models.boundary.undecided import Undecided
from lightwell.studies.ambiguity.commands.export import NEITHER, file_of
from lightwell.studies.ambiguity.commands.shared import outputs_of
from lightwell.studies.ambiguity.parts import Images, Parts
from lightwell.studies.ambiguity.stored import Stored

Ints = NDArray[np.int64]

_ROUNDED = 1e-3  # a spreadsheet may have rounded the outputs


@dataclass(frozen=True)
class Labelled:
    """Labels of undecided images.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Rows of the run's samples.
    labels : array of int, shape (n,)
        1 the positive class, 0 the negative one.
    left_out : int
        Rows of the table without a label, or with neither class.
    """

    rows: Ints
    labels: Ints
    left_out: int = 0


class Judge:
    """The judge of a run, asked which of the two classes an image is.

    Parameters
    ----------
    stored : Stored
        The run.
    parts : Parts
        Its data.
    """

    def __init__(self, stored: Stored, parts: Parts) -> None:
        self._asked = Undecided(saved.load(stored.folder / "models" / "judge" / "model"), parts.columns)

    def labels(self, images: Images) -> Ints:
        """Return 1 or 0 for each image."""
        return (outputs_of(self._asked, images) >= 0.5).astype(np.int64)


def read_labels(path: Path, stored: Stored) -> Labelled:
    """Read the labels that were filled into ``labels.csv``.

    Raises
    ------
    DataError
        If it is no such table, names an image that is not in the band of this run or one twice, a label is
        neither a class of the pair nor ``neither``, or none is filled in.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            table = list(csv.DictReader(handle))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError("this table cannot be read", where=path, got=error) from error
    if not table or not {"file", "p", "label"} <= set(table[0]):
        raise DataError(
            "this is no table of labels", where=path, expected="columns file, p and label, with commas",
            got=", ".join(map(str, table[0])) if table else "no rows",
        )  # fmt: skip
    positive, negative = stored.names
    codes = {"": -1, NEITHER: -1, positive: 1, negative: 0}
    outputs = stored.outputs[stored.source]
    known = {file_of(row): row for row in stored.rows.tolist()}
    found: dict[int, int] = {}
    for number, line in enumerate(table, start=2):
        label = (line["label"] or "").strip().removeprefix("'")
        row = _row_of(line, known, outputs, f"{path}, line {number}")
        if label not in codes:
            raise DataError(
                "no such label", where=f"{path}, line {number}", got=repr(label),
                expected=f"{positive}, {negative}, {NEITHER}, or nothing",
            )  # fmt: skip
        if row in found:
            raise DataError("an image is labelled twice", where=f"{path}, line {number}", got=line["file"])
        found[row] = codes[label]
    used = {row: code for row, code in found.items() if code >= 0}
    if not used:
        raise DataError("no label is filled in", where=path, expected=f"{positive} or {negative}")
    rows, labels = (np.array(list(values), np.int64) for values in (used.keys(), used.values()))
    return Labelled(rows, labels, len(found) - len(used))


def _row_of(line: Mapping[str, Any], known: Mapping[str, int], p: NDArray[Any], where: str) -> int:
    try:
        row = known[line["file"].strip()]
        same = abs(float(line["p"]) - p[row]) <= _ROUNDED
    except (AttributeError, KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise DataError(
            "this image is not one of the run's undecided ones", where=where, got=line["file"],
            fix="The labels are of another run, or its samples were drawn anew: export again.",
        )  # fmt: skip
    return row
