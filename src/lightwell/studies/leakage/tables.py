"""The tables of a leakage run, and the examples that its page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightwell.core.files import write_table
from lightwell.studies.leakage.cases import Case
from lightwell.studies.leakage.measure import TESTS, Gated, Mask

_SHOWN = 10

WHY = ("accepted", "refused by reconstruction", "refused by distance", "refused by both")


def reasons(refused: dict[str, Mask]) -> NDArray[np.int64]:
    """Return for each example its place in ``WHY``: accepted, or which tests refused it.

    Parameters
    ----------
    refused : dict of str to array of bool
        By test; a test that is missing refuses nothing.

    Examples
    --------
    >>> reasons({"distance": np.array([False, True]), "reconstruction": np.array([True, True])}).tolist()
    [1, 3]
    """
    n = len(next(iter(refused.values())))
    first, second = (refused.get(test, np.zeros(n, np.bool_)) for test in TESTS)
    return first * 1 + second * 2


def write(folder: Path, measured: Sequence[Gated], case: Case) -> None:
    """Write ``acceptance.csv``: what each gate lets through of each kind of open test example."""
    gates = list(dict.fromkeys(gate for done in measured for gate in done.accepted if gate != "none"))
    columns = ["method", "kind", "probed for", "n", *gates]
    write_table(folder / "acceptance.csv", columns, _rows(measured, case, gates))


def _rows(measured: Sequence[Gated], case: Case, gates: Sequence[str]) -> Iterator[list[object]]:
    test = case.data.open_test
    names = np.array(test.class_names)[test.labels]
    pairs = sorted(set(zip(names.tolist(), case.kinds.tolist(), strict=True)))
    for done in measured:
        for label, kind in pairs:
            rows = (case.kinds == kind) & (names == label)
            shares = (done.accepted[g]["open_test"][rows].mean() if g in done.accepted else "" for g in gates)
            yield [done.name, kind, label, int(rows.sum()), *(s if s == "" else float(s) for s in shares)]


def shown(names: Sequence[str]) -> str:
    """Return the model whose gate is shown in detail: GlanceNet, or the last.

    Examples
    --------
    >>> shown(["cbnm", "glancenet", "mine"]), shown(["cbnm", "mine"])
    ('glancenet', 'mine')
    """
    return "glancenet" if "glancenet" in names else names[-1]


def examples(measured: Sequence[Gated], case: Case) -> dict[str, NDArray[np.generic]]:
    """Return some open test images of each decision, evenly spaced: ``images``, ``why``, ``kinds``."""
    by_name = {done.name: done for done in measured}
    done = by_name[shown(list(by_name))]
    passed = done.gate.tests(done.views["open_test"])
    why = reasons({test: ~mask for test, mask in passed.items()})
    own = [np.flatnonzero(why == i) for i in range(len(WHY))]
    rows = np.concatenate([each[:: max(len(each) // _SHOWN, 1)][:_SHOWN] for each in own])
    images = np.asarray(case.data.open_test.take(rows).inputs)
    return {"images": images, "why": why[rows], "kinds": case.kinds[rows]}
