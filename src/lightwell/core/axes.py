"""An axis: a named block of dimensions of a representation, and what it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lightwell.core.errors import ConfigError

AxisKind = Literal["class", "concept", "expert", "latent", "opaque"]


@dataclass(frozen=True)
class Axis:
    """A named block of dimensions.

    Attributes
    ----------
    name : str
        What users call it, such as a class name.
    kind : {"class", "concept", "expert", "latent", "opaque"}
        What sort of thing it stands for.
    indices : tuple of int
        Columns of the codes that belong to it, each >= 0 and listed once.
    meaning : str
        One sentence for a reader.

    Raises
    ------
    ConfigError
        If the kind is unknown or the indices are empty, negative or repeated.

    Examples
    --------
    >>> Axis("seven", "class", (5, 6, 7), "evidence for the digit 7").width
    3
    """

    name: str
    kind: AxisKind
    indices: tuple[int, ...]
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(AxisKind):
            raise ConfigError(
                "unknown kind of axis", where=self.name, expected=get_args(AxisKind), got=self.kind
            )
        usable = bool(self.indices) and min(self.indices) >= 0
        if not usable or len(set(self.indices)) != len(self.indices):
            raise ConfigError(
                "an axis needs columns of its own",
                where=self.name,
                expected="distinct indices >= 0",
                got=self.indices,
            )

    @property
    def width(self) -> int:
        """Number of dimensions it owns."""
        return len(self.indices)
