"""Tables of findings, and how a number is written for a reader."""

from __future__ import annotations

import html
import math
import numbers
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lightwell.core.errors import ConfigError
from lightwell.core.findings import Estimate
from lightwell.report.names import clean

# Measures whose name in findings.json is not yet a reader's word.
_WORDS = {
    "accuracy": "Accuracy",
    "acd": "Average confusion distance",
    "ari": "Adjusted Rand index",
    "aupr": "AUPR",
    "auroc": "AUROC",
    "ccr": "Correct classification rate",
    "cpu_seconds": "CPU seconds",
    "dci": "DCI",
    "fpr95": "False positive rate at 95 %",
    "mig": "MIG",
    "nmi": "Normalised mutual information",
    "oscr": "OSCR",
    "peak_memory_mb": "Peak memory (MB)",
    "sap": "SAP",
    "wall_seconds": "Wall seconds",
}


@dataclass(frozen=True)
class Cell:
    """A table cell that says more than its value.

    Attributes
    ----------
    value : object
        What :func:`format_value` writes.
    note : str
        Smaller print after the value, such as an interval.
    best : bool
        Whether it is the best of its row; printed bold.
    """

    value: object
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A plain table.

    Attributes
    ----------
    columns : tuple of str
        Headings.
    rows : tuple of tuple
        Cells: text, numbers, ``None`` or :class:`Cell`; the first of a row is its heading.
    caption : str
        What the table shows, as a sentence.

    Raises
    ------
    ConfigError
        If a row has not one cell a column, or there is no column.

    Examples
    --------
    >>> table = Table(("class", "n"), (("cat", 1200), ("dog", None)), "Examples per class.")
    >>> table.numeric
    (False, True)
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    caption: str

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("a table needs columns", where=self.caption, got="none")
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ConfigError(
                    "a row of this table does not fit its columns",
                    where=f"{self.caption}, row {number}",
                    expected=f"{len(self.columns)} cells",
                    got=len(row),
                )

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers only, and are set flush right."""
        return tuple(
            any(_is_number(row[i]) for row in self.rows)
            and all(_is_number(row[i]) or _is_empty(row[i]) for row in self.rows)
            for i in range(len(self.columns))
        )


def _value(cell: object) -> object:
    return cell.value if isinstance(cell, Cell) else cell


def _is_number(cell: object) -> bool:
    value = _value(cell)
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_empty(cell: object) -> bool:
    return _value(cell) is None


def format_value(value: object) -> str:
    """Write one value for a reader.

    Below ten there are three decimals, below a thousand one; large numbers have a thousands separator, very
    small ones an exponent; what is missing is a dash.

    Examples
    --------
    >>> [format_value(v) for v in (0.98765, 12345, 71.2, 1234.5, 3e-7, None, float("nan"), True, "cat")]
    ['0.988', '12,345', '71.2', '1,234', '3.0e-07', '–', 'not defined', 'yes', 'cat']
    """
    if isinstance(value, Cell):
        return format_value(value.value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    if isinstance(value, numbers.Real):
        return _format_fraction(float(value))
    return clean(value)


def _format_fraction(value: float) -> str:
    if math.isnan(value):
        return "not defined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if 0 < size < 0.0005:
        return f"{value:.1e}"
    decimals = 3 if size < 10 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}"


def format_interval(estimate: Estimate) -> str:
    """Write the 95 % interval of an estimate in brackets, or nothing where it has none.

    Examples
    --------
    >>> format_interval(Estimate("accuracy", 0.99, 0.98, 1.0))
    '[0.980, 1.000]'
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{format_value(estimate.low)}, {format_value(estimate.high)}]"


def format_direction(estimate: Estimate) -> str:
    """Say which end is better, with an arrow that reads without colour.

    Examples
    --------
    >>> format_direction(Estimate("frechet", 3.0, higher_is_better=False))
    '↓ lower'
    """
    if estimate.higher_is_better is None:
        return "–"
    return "↑ higher" if estimate.higher_is_better else "↓ lower"


def readable(name: str) -> str:
    """Turn the name of a finding into a reader's words.

    Examples
    --------
    >>> readable("auroc.relative_block_sum"), readable("inside_sphere_share")
    ('AUROC · relative block sum', 'Inside sphere share')
    """
    head, *variant = clean(name).split(".")
    spaced = head.replace("_", " ")
    first = _WORDS.get(head, spaced[:1].upper() + spaced[1:])
    return " · ".join([first, *(part.replace("_", " ") for part in variant)])


def findings_table(findings: Iterable[Estimate], caption: str = "All findings of this run.") -> Table:
    """Lay out findings, one a row, each with its interval, baseline and published value.

    Parameters
    ----------
    findings : Findings or iterable of Estimate
        The numbers, in reading order.
    caption : str
        What the table shows.

    Examples
    --------
    >>> findings_table([Estimate("accuracy", 0.99, n=1180)]).rows[0][:4]
    ('Accuracy', 0.99, '–', 1180)
    """
    columns = ("finding", "value", "95 % interval", "n", "better", "baseline", "published")
    return Table(columns, tuple(_finding_row(e) for e in findings), caption)


def _finding_row(estimate: Estimate) -> tuple[object, ...]:
    null, reference = estimate.null, estimate.reference
    return (
        readable(estimate.name),
        estimate.value,
        format_interval(estimate) or "–",
        estimate.n,
        format_direction(estimate),
        Cell(null.value, null.name) if null else None,
        Cell(reference.value, reference.source) if reference else None,
    )


def markdown(table: Table) -> str:
    r"""Write a table in Markdown; names cannot break out of their cell.

    Parameters
    ----------
    table : Table
        What to write.

    Returns
    -------
    str
        Lines of a table in GitHub's dialect, the caption first.

    Examples
    --------
    >>> print(markdown(Table(("class", "n"), (("a|b", 1200),), "Examples.")))
    Examples.
    <BLANKLINE>
    | class | n |
    |:---|---:|
    | a\|b | 1,200 |
    """
    rule = "|" + "|".join("---:" if flush_right else ":---" for flush_right in table.numeric) + "|"
    lines = [_escape(table.caption), "", _line(table.columns), rule, *(_line(row) for row in table.rows)]
    return "\n".join(lines)


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(_markdown_cell(cell) for cell in cells) + " |"


def _markdown_cell(cell: object) -> str:
    text = _escape(format_value(cell))
    if not isinstance(cell, Cell):
        return text
    strong = f"**{text}**" if cell.best else text
    return f"{strong} {_escape(cell.note)}" if cell.note else strong


def _escape(text: str) -> str:
    marked = re.sub(r"([\\`*_|])", r"\\\1", html.escape(clean(text), quote=False))
    return marked.replace("](", "]\\(")
