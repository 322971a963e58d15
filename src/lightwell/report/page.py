"""A report as an object, and the one HTML file it becomes.

The file loads nothing from outside and runs no script: figures are PNG data addresses, the style sheet is
inline and named by its hash in the content policy, and every text is escaped. It opens from a disk, prints,
follows the reader's light or dark setting, and works with a keyboard.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
import matplotlib.figure

from lightwell.core.errors import ConfigError, nearest
from lightwell.core.files import atomic_write, write_text
from lightwell.report.blocks import Animation, Block, Figure, Section, figures_of
from lightwell.report.names import clean, file_name, shorten
from lightwell.report.tables import format_direction, format_interval, format_value, readable

FORMATS = ("pdf", "svg")
_DPI = 150
_LONG_TABLE = 24  # rows; a longer one starts folded
_LONG_CELL = 160  # characters shown of one cell; the rest is in its title


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes
    ----------
    title : str
        Heading of the page.
    lead : str
        What it says, in one or two sentences.
    facts : mapping of str to str
        What the numbers come from: data, method, seed, versions.
    sections : tuple of Section
        The report, in reading order.
    summary : tuple of Block
        What stands above the first section: three to five key numbers, a verdict, warnings.

    Examples
    --------
    >>> import tempfile
    >>> from lightwell.core import Estimate
    >>> from lightwell.report import Numbers, Text
    >>> page = Page("Demo", "One number.", {"data": "toy"}, (Section("Why", (Text("Because."),)),),
    ...             summary=(Numbers([Estimate("accuracy", 0.99)]),))
    >>> page.write(Path(tempfile.mkdtemp())).name
    'report.html'
    """

    title: str
    lead: str
    facts: Mapping[str, str]
    sections: tuple[Section, ...]
    summary: tuple[Block, ...] = field(default=())

    def write(self, folder: Path, figure_formats: Sequence[str] = ()) -> Path:
        """Write ``report.html``, ``figures/<name>.png`` and, of what moves, ``.gif`` into a folder.

        Parameters
        ----------
        folder : Path
            Made where it is missing.
        figure_formats : sequence of {"pdf", "svg"}
            Further formats of every figure; PNG is always written.

        Returns
        -------
        Path
            The HTML file.

        Raises
        ------
        ConfigError
            If a format is not known; nothing is written then.
        """
        for name in figure_formats:
            if name not in (*FORMATS, "png"):
                raise ConfigError(
                    "unknown figure format",
                    where="figure_formats",
                    got=repr(name),
                    fix=nearest(name, FORMATS),
                )
        blocks = (*figures_of([Section("", self.summary)]), *figures_of(self.sections))
        pictures: dict[int, _Picture] = {}
        taken: list[str] = []
        for block in blocks:
            taken.append(file_name(block.name, taken))
            pictures[id(block)] = _draw(block, Path(folder) / "figures" / taken[-1], figure_formats)
        path = Path(folder) / "report.html"
        write_text(path, self._html(pictures))
        return path

    def _html(self, pictures: Mapping[int, _Picture]) -> str:
        environment = _environment()
        style = environment.get_template("page.css").render()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        return environment.get_template("page.html.jinja").render(
            page=self, pictures=pictures, style_hash=digest, long_table=_LONG_TABLE, long_cell=_LONG_CELL
        )


class _Picture(NamedTuple):
    """A drawn figure: its data address, and its size on the page in CSS pixels (96 an inch)."""

    source: str
    width: int
    height: int


def _draw(block: Figure | Animation, stem: Path, further: Sequence[str]) -> _Picture:
    """Write one figure in every format asked for and return it for the page."""
    if isinstance(block, Animation):
        return _move(block, stem.with_name(f"{stem.name}.gif"))
    for kind in dict.fromkeys(["png", *further]):
        with atomic_write(stem.with_name(f"{stem.name}.{kind}")) as temporary:
            _save(block.figure, temporary, kind)
    encoded = base64.b64encode(stem.with_name(f"{stem.name}.png").read_bytes()).decode()
    width, height = (round(96 * inches) for inches in block.figure.get_size_inches())
    return _Picture(f"data:image/png;base64,{encoded}", width, height)


def _move(block: Animation, path: Path) -> _Picture:
    """Write a moving picture as a GIF and return it for the page."""
    from PIL import Image

    first, *others = (Image.fromarray(frame).quantize(64) for frame in block.frames)
    with atomic_write(path) as temporary:
        first.save(temporary, "GIF", save_all=True, append_images=others, duration=block.milliseconds, loop=0)
    encoded = base64.b64encode(path.read_bytes()).decode()
    return _Picture(f"data:image/gif;base64,{encoded}", *block.size)


def _save(figure: matplotlib.figure.Figure, path: Path, kind: str) -> None:
    # A date inside the file would make two equal runs differ.
    dates: dict[str, dict[str, str | None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    figure.savefig(path, format=kind, dpi=_DPI, facecolor="white", metadata=dates.get(kind))


@cache
def _environment() -> jinja2.Environment:
    """Build the template engine: everything is cleaned and escaped, an unknown variable is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lightwell", "report"),
        autoescape=True,
        finalize=clean,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        address=id,
        clean=clean,
        direction=format_direction,
        interval=format_interval,
        readable=readable,
        shorten=shorten,
        value=format_value,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment
