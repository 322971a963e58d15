"""The manifest of an open-set split: which classes a model learns, and which it must refuse."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from lightwell.core.errors import ConfigError


@dataclass(frozen=True)
class OpenSetSplit:
    """Classes a model learns, and classes it must refuse.

    Attributes
    ----------
    name : str
        Family and number, such as ``"arpl/0"``.
    dataset : str
        Name of the data set it is for.
    known : tuple of str
        Class names, at least two; their order is the model's numbering.
    unknown : tuple of str
        Class names, at least one.
    unknown_dataset : str or None
        Name of the data set the unknown classes are of; None where it is the same.
    remarks : tuple of str
        What to know before comparing numbers.

    Raises
    ------
    ConfigError
        If there are fewer than two known classes or no unknown one, or a class is named twice.

    Examples
    --------
    >>> OpenSetSplit("own", "pets", ("cat", "dog"), ("fish",)).digest[:8]
    'e78b8fd2'
    """

    name: str
    dataset: str
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    unknown_dataset: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"split {self.name}"
        for word, names in (("a known", self.known), ("an unknown", self.unknown)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ConfigError(f"{word} class is named twice", where=where, got=", ".join(twice))
        both = set(self.known) & set(self.unknown) if self.unknown_dataset is None else set()
        if both:
            raise ConfigError(
                "a class cannot be both known and unknown", where=where, got=", ".join(sorted(both))
            )
        if len(self.known) < 2:
            raise ConfigError(
                "too few known classes", where=where, expected="at least 2", got=len(self.known)
            )
        if not self.unknown:
            raise ConfigError(
                "no class is left to be unknown",
                where=where,
                expected="at least 1",
                fix="Leave one or more classes out of the known ones.",
            )

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the remarks: equal where and only where the split is the same."""
        facts = [self.name, self.dataset, self.known, self.unknown, self.unknown_dataset]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as a JSON object."""
        return {
            "name": self.name,
            "dataset": self.dataset,
            "known": list(self.known),
            "unknown": list(self.unknown),
            "unknown_dataset": self.unknown_dataset,
            "remarks": list(self.remarks),
            "digest": self.digest,
        }
