"""What a page is made of. A block holds content; how it looks is decided where the page is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray

from lightwell.core.errors import ConfigError
from lightwell.core.findings import Estimate, Findings
from lightwell.report.tables import Table

NoteKind = Literal["warning", "verdict", "info"]


@dataclass(frozen=True)
class Figure:
    """A drawing with the words a reader needs who cannot see it.

    Attributes
    ----------
    name : str
        Becomes its file name, made safe.
    figure : matplotlib.figure.Figure
        The drawing.
    caption : str
        What it shows and how to read it.
    alt : str
        What a reader who does not see it should know; never empty.

    Raises
    ------
    ConfigError
        If the name or the alternative text is empty.

    Examples
    --------
    >>> drawing = matplotlib.figure.Figure(figsize=(1, 1))
    >>> Figure("roc", drawing, "ROC of the distance.", "The curve lies near the upper left corner.").name
    'roc'
    """

    name: str
    figure: matplotlib.figure.Figure
    caption: str
    alt: str

    def __post_init__(self) -> None:
        for entry in ("name", "alt"):
            if not getattr(self, entry).strip():
                raise ConfigError(
                    f"a figure of a report needs '{entry}'", where=self.name or self.caption, got="nothing"
                )


@dataclass(frozen=True)
class Animation:
    """A moving picture, written as an endless GIF.

    Attributes
    ----------
    name, caption, alt : str
        As of a :class:`Figure`.
    frames : tuple of array of uint8, each of shape (height, width, 3)
        One or more, of one size.
    milliseconds : int
        How long each is shown.

    Raises
    ------
    ConfigError
        If the name, the alternative text or the frames are empty.

    Examples
    --------
    >>> Animation("walk", (np.zeros((4, 6, 3), np.uint8),) * 2, "A walk.", "A dot goes right.").size
    (6, 4)
    """

    name: str
    frames: tuple[NDArray[np.uint8], ...]
    caption: str
    alt: str
    milliseconds: int = 100

    def __post_init__(self) -> None:
        if not (self.name.strip() and self.alt.strip() and self.frames):
            raise ConfigError(
                "a moving picture needs a name, frames and 'alt'", where=self.name or self.caption
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width, _ = self.frames[0].shape
        return width, height


@dataclass(frozen=True)
class Text:
    r"""Plain paragraphs. Markup in it is shown, not obeyed.

    Attributes
    ----------
    text : str
        Paragraphs, parted by blank lines.

    Examples
    --------
    >>> Text("One.\n\nTwo.").paragraphs
    ('One.', 'Two.')
    """

    text: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The paragraphs, without empty ones."""
        return tuple(p.strip() for p in re.split(r"\n\s*\n", self.text) if p.strip())


@dataclass(frozen=True)
class Note:
    """A remark that stands out: a warning, a verdict, or something to know.

    Attributes
    ----------
    kind : {"warning", "verdict", "info"}
        Printed as a word before the text, so that it reads without colour.
    text : str
        The remark.

    Raises
    ------
    ConfigError
        If the kind is none of these.

    Examples
    --------
    >>> Note("warning", "Anchor 3 is unreached.").kind
    'warning'
    """

    kind: NoteKind
    text: str

    def __post_init__(self) -> None:
        if self.kind not in get_args(NoteKind):
            raise ConfigError(
                "unknown kind of note", where="Note.kind", expected=get_args(NoteKind), got=self.kind
            )


@dataclass(frozen=True)
class Numbers:
    """Key numbers side by side, each with its interval, n, direction, baseline and published value.

    Attributes
    ----------
    findings : Findings or sequence of Estimate
        Where the numbers come from.
    names : sequence of str, optional
        Which to show, in this order; all where it is left out.

    Raises
    ------
    ConfigError
        If a name is not among the findings.

    Examples
    --------
    >>> [e.name for e in Numbers([Estimate("accuracy", 0.9), Estimate("mig", 0.1)], ["mig"]).estimates]
    ['mig']
    """

    findings: Findings | Sequence[Estimate]
    names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        self._chosen()

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The numbers to show, in order."""
        return self._chosen()

    def _chosen(self) -> tuple[Estimate, ...]:
        findings = Findings(self.findings)
        return tuple(findings if self.names is None else (findings[name] for name in self.names))


Block: TypeAlias = Table | Figure | Animation | Text | Note | Numbers


@dataclass(frozen=True)
class Section:
    """Blocks under one heading.

    Attributes
    ----------
    title : str
        The heading.
    blocks : tuple of Block
        What stands below it, in order.

    Examples
    --------
    >>> len(Section("Refusals", (Text("One."), Text("Two."))).blocks)
    2
    """

    title: str
    blocks: tuple[Block, ...]


def figures_of(sections: Iterable[Section]) -> list[Figure | Animation]:
    """Return the figures of these sections, moving ones too, in reading order."""
    return [
        block for section in sections for block in section.blocks if isinstance(block, Figure | Animation)
    ]
