"""Findings: numbers with their interval, their null and their direction."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.files import atomic_write

_NAME = re.compile(r"[a-z0-9][a-z0-9_~-]*(\.[^.\s]+)*")


def slug(name: str) -> str:
    """Return a class name as a part of a finding's name: lower case, ``_`` for spaces and dots.

    Names that differ in nothing else become the same.

    Examples
    --------
    >>> f"concept_accuracy.{slug('Mr. X')}"
    'concept_accuracy.mr_x'
    """
    return re.sub(r"[\s._]+", "_", name.lower()).strip("_") or "_"


@dataclass(frozen=True)
class Null:
    """What the same measure gives where there is nothing to find.

    Attributes
    ----------
    name : str
        What it is, in words: ``"chance"``, ``"majority class"``.
    value : float
        Its value, on the measure's scale.
    """

    name: str
    value: float


@dataclass(frozen=True)
class Reference:
    """A published value under the same protocol.

    Attributes
    ----------
    value : float
        The value, on the measure's scale.
    source : str
        Where it was read.
    """

    value: float
    source: str


@dataclass(frozen=True)
class Estimate:
    """One number of a report.

    Attributes
    ----------
    name : str
        Lower case without spaces, dotted from the measure to its variant: ``"auroc.distance"``; class names
        go in through :func:`slug`.
    value : float
        The point estimate.
    low, high : float or None
        Ends of its 95 % interval.
    n : int or None
        How many examples (or runs) it rests on.
    higher_is_better : bool or None
        Its direction; ``None`` where neither end is better.
    null : Null or None
        The chance level or cheap baseline to read it against.
    reference : Reference or None
        The published value, only where the protocol is the same.

    Raises
    ------
    ConfigError
        If the name is not of the form above or the interval is upside down.

    Examples
    --------
    >>> Estimate("accuracy", 0.99, 0.98, 1.0, 1180, True, Null("majority class", 0.19)).value
    0.99
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    higher_is_better: bool | None = True
    null: Null | None = None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name != self.name.lower():
            raise ConfigError(
                "not a name for a finding",
                expected="lower-case words joined by dots",
                got=repr(self.name),
                fix="Class names go in through lightwell.core.slug.",
            )
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ConfigError(
                "interval is upside down", where=self.name, expected="low <= high", got=(self.low, self.high)
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this finding; a value that is not finite becomes null."""
        record: dict[str, Any] = {
            "name": self.name,
            "value": _finite(self.value),
            "low": _finite(self.low),
            "high": _finite(self.high),
            "n": None if self.n is None else int(self.n),
            "higher_is_better": self.higher_is_better,
        }
        if self.null is not None:
            record["null"] = {"name": self.null.name, "value": _finite(self.null.value)}
        if self.reference is not None:
            record["reference"] = {
                "value": _finite(self.reference.value),
                "source": self.reference.source,
            }
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Estimate:
        """Read the JSON object written by :meth:`to_dict`."""
        null, reference = record.get("null"), record.get("reference")
        return cls(
            name=record["name"],
            value=_number(record["value"]),
            low=record.get("low"),
            high=record.get("high"),
            n=record.get("n"),
            higher_is_better=record.get("higher_is_better"),
            null=Null(null["name"], _number(null["value"])) if null else None,
            reference=Reference(_number(reference["value"]), reference["source"]) if reference else None,
        )


class Findings:
    """The numbers of one study, in reading order, each name once, with its warnings.

    Parameters
    ----------
    estimates : iterable of Estimate
        The numbers.
    warnings : iterable of str
        What a reader must know before trusting them: measured value and remedy in words.

    Raises
    ------
    ConfigError
        If two estimates have the same name.

    Examples
    --------
    >>> found = Findings([Estimate("accuracy", 0.99)])
    >>> found.add(Estimate("cpu_seconds", 12.0, higher_is_better=False))
    >>> [e.name for e in found], found["accuracy"].value
    (['accuracy', 'cpu_seconds'], 0.99)
    """

    def __init__(self, estimates: Iterable[Estimate] = (), warnings: Iterable[str] = ()) -> None:
        self._by_name: dict[str, Estimate] = {}
        self.warnings: list[str] = list(warnings)
        for estimate in estimates:
            self.add(estimate)

    def add(self, *estimates: Estimate) -> None:
        """Append estimates; a name that is already there is refused."""
        for estimate in estimates:
            if estimate.name in self._by_name:
                raise ConfigError("a finding of this name exists already", got=estimate.name)
            self._by_name[estimate.name] = estimate

    def warn(self, message: str) -> None:
        """Record what a reader must know before trusting the numbers."""
        self.warnings.append(message)

    def __iter__(self) -> Iterator[Estimate]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Estimate:
        try:
            return self._by_name[name]
        except KeyError:
            raise ConfigError(
                "no finding of this name", got=repr(name), fix=nearest(name, self._by_name)
            ) from None

    def write(self, path: Path) -> None:
        """Write the estimates as a JSON list (warnings belong to the run's status)."""
        with atomic_write(path) as temporary:
            text = json.dumps([e.to_dict() for e in self], indent=1, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Findings:
        """Read a file written by :meth:`write`.

        Raises
        ------
        DataError
            If the file is missing or not such a list.
        """
        try:
            records = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(records, list):
                raise TypeError("not a list")  # noqa: TRY301 - told like the others
            return cls(Estimate.from_dict(record) for record in records)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "these findings cannot be read", where=path, got=f"{type(error).__name__}: {error}"
            ) from error


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
