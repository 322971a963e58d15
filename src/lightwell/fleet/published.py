"""Published values, and whether a row of ours was measured as they were."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lightwell.fleet.recipe import flat, unlike_paper

_FILE = Path(__file__).with_name("published.csv")
_SHOWN = 3  # of the settings that differ


@dataclass(frozen=True)
class Published:
    """A published value and how it was measured.

    Attributes
    ----------
    method, measure, data, family : str
        What it is of.
    splits : tuple of str
        The splits it is a mean over.
    network : str
        The body.
    epochs : int
        Length of the training.
    value, std : float
        As shares; the standard deviation over splits is None where it was not given.
    read : bool
        Whether it was read in its source, not recalled from the literature.
    source : str
        Where it is from.
    """

    method: str
    measure: str
    data: str
    family: str
    splits: tuple[str, ...]
    network: str
    epochs: int
    value: float
    std: float | None
    read: bool
    source: str


@dataclass(frozen=True)
class Beside:
    """What stands beside a value of ours.

    Attributes
    ----------
    value, std : float or None
        The published value where ours was measured as it was.
    text : str
        Its source, or why none is comparable.
    """

    value: float | None = None
    std: float | None = None
    text: str = ""


@cache
def published() -> tuple[Published, ...]:
    """Return all published values on record.

    Examples
    --------
    >>> [p.value for p in published() if (p.measure, p.data, p.family) == ("auroc.mls", "svhn", "arpl")][0]
    0.971
    """
    with _FILE.open(newline="", encoding="utf-8") as handle:
        return tuple(_published(row) for row in csv.DictReader(handle))


def _published(row: Mapping[str, str]) -> Published:
    return Published(
        method=row["method"],
        measure=row["measure"],
        data=row["data"],
        family=row["family"],
        splits=tuple(f"{row['family']}/{number}" for number in row["splits"].split()),
        network=row["network"],
        epochs=int(row["epochs"]),
        value=float(row["value"]),
        std=float(row["std"]) if row["std"] else None,
        read=row["read"] == "yes",
        source=row["source"],
    )


def beside(
    method: str, measure: str, data: str, splits: Iterable[str], settings: Mapping[str, Any]
) -> Beside:
    """Return the published value that may stand beside one of ours, or say why none may.

    Parameters
    ----------
    method, measure, data : str
        What ours is of; ``softmax beside difair`` counts as softmax, ``arpl+cs`` as arpl.
    splits : iterable of str
        The splits ours is a mean over.
    settings : mapping
        All settings of ours. They must be those of the preset ``paper``, save for what does not change the
        numbers, and for what is held out for the decision.

    Examples
    --------
    >>> ours = tuple(f"arpl/{i}" for i in range(5))
    >>> beside("softmax", "auroc.mls", "mnist-mini", ours, {}).text
    'not comparable: nothing is published on mnist-mini with these splits'
    """
    named = method.partition(" beside ")[0].partition("+")[0]
    candidates = [p for p in published() if (p.method, p.measure) == (named, measure)]
    if not candidates:
        return Beside(text="none on record")
    ours = frozenset(splits)
    families = {split.partition("/")[0] for split in ours}
    here = [p for p in candidates if p.data == data and {p.family} == families]
    if not here:
        return Beside(text=f"not comparable: nothing is published on {data} with these splits")
    reasons = [_difference(p, ours, settings) for p in here]
    for entry, reason in zip(here, reasons, strict=True):
        if not reason:
            doubt = "" if entry.read else " (recalled, not read there)"
            return Beside(entry.value, entry.std, entry.source + doubt)
    return Beside(text=f"not comparable: {reasons[0]}")


def _difference(entry: Published, splits: frozenset[str], settings: Mapping[str, Any]) -> str:
    """Return what was done otherwise for a published value, or nothing."""
    told = []
    others = unlike_paper(settings, entry.method)
    network, epochs = settings.get("network"), flat(settings).get("training.epochs")
    if network != entry.network:
        others.pop("network", None)
        told.append(f"network {network}, published with {entry.network}")
    if epochs != entry.epochs:
        others.pop("training.epochs", None)
        told.append(f"{epochs} epochs, published with {entry.epochs}")
    if splits != frozenset(entry.splits):
        told.append("other splits than " + ", ".join(entry.splits))
    if others:
        named = ", ".join(f"{name} {values}" for name, values in list(others.items())[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        told.append(f"other settings than the preset paper (in brackets): {named}{more}")
    return "; ".join(told)
