"""Published values, and whether a row of ours was measured as they were."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Protocol:
    """What a published value and ours must share, besides data and splits.

    Attributes
    ----------
    network : str
        The body.
    epochs : int
        Length of the training.
    whole : bool
        Whether all training images were offered; the share that ``calibration`` holds out is not counted
        here.
    encoder : str
        What stood frozen in place of the body; nothing published was measured so.
    """

    network: str
    epochs: int
    whole: bool
    encoder: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Protocol:
        """Read it from a run's settings."""
        epochs = (settings.get("training") or {}).get("epochs", 0)
        whole, encoder = settings.get("train_images") is None, str(settings.get("encoder") or "")
        return cls(str(settings.get("network", "")), int(epochs), whole, encoder)

    @classmethod
    def common(cls, protocols: Sequence[Protocol]) -> Protocol:
        """Return the protocol of several runs; one that matches nothing where they differ."""
        return (
            protocols[0] if len(set(protocols)) == 1 else cls("several networks or lengths", 0, whole=False)
        )


@dataclass(frozen=True)
class Published:
    """A published value and how it was measured.

    Attributes
    ----------
    method, measure, data, family : str
        What it is of.
    splits : tuple of str
        The splits it is a mean over.
    network, epochs
        As of :class:`Protocol`.
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
        The published value where the protocol is the same.
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


def beside(method: str, measure: str, data: str, splits: Iterable[str], protocol: Protocol) -> Beside:
    """Return the published value that may stand beside one of ours, or say why none may.

    Parameters
    ----------
    method, measure, data : str
        What ours is of; ``softmax beside difair`` counts as softmax.
    splits : iterable of str
        The splits ours is a mean over.
    protocol : Protocol
        How ours was measured.

    Examples
    --------
    >>> ours = tuple(f"arpl/{i}" for i in range(5))
    >>> beside("softmax", "auroc.mls", "svhn", ours, Protocol("vgg32", 600, whole=True)).value
    0.971
    >>> beside("softmax", "auroc.mls", "mnist-mini", ours, Protocol("vgg32", 600, whole=True)).text
    'not comparable: nothing is published on mnist-mini with these splits'
    """
    named = method.partition(" beside ")[0]
    candidates = [p for p in published() if (p.method, p.measure) == (named, measure)]
    if not candidates:
        return Beside(text="none on record")
    ours = frozenset(splits)
    families = {split.partition("/")[0] for split in ours}
    here = [p for p in candidates if p.data == data and {p.family} == families]
    if not here:
        return Beside(text=f"not comparable: nothing is published on {data} with these splits")
    reasons = [_difference(p, ours, protocol) for p in here]
    for entry, reason in zip(here, reasons, strict=True):
        if not reason:
            doubt = "" if entry.read else " (recalled, not read there)"
            return Beside(entry.value, entry.std, entry.source + doubt)
    return Beside(text=f"not comparable: {reasons[0]}")


def _difference(entry: Published, splits: frozenset[str], protocol: Protocol) -> str:
    """Return what was done otherwise for a published value, or nothing."""
    told = []
    if protocol.encoder:
        told.append(f"the frozen encoder {protocol.encoder}, published with {entry.network} trained")
    elif protocol.network != entry.network:
        told.append(f"network {protocol.network}, published with {entry.network}")
    if protocol.epochs != entry.epochs:
        told.append(f"{protocol.epochs} epochs, published with {entry.epochs}")
    if not protocol.whole:
        told.append("not all training images")
    if splits != frozenset(entry.splits):
        told.append("other splits than " + ", ".join(entry.splits))
    return "; ".join(told)
