r"""Tables for a paper."""

from __future__ import annotations

from lightwell.report import Table
from lightwell.report.names import clean
from lightwell.report.tables import Cell, format_value

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # the line break before it would take it for its argument, and a star too
    "*": "{*}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": r"--",
    "…": r"\ldots{}",
    "∞": r"$\infty$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


def escaped(text: str) -> str:
    r"""Return a text that LaTeX prints as it stands.

    Examples
    --------
    >>> print(escaped("50 % of {a_b} ~ 0.9 ± 0.1"))
    50 \% of \{a\_b\} \textasciitilde{} 0.9 $\pm$ 0.1
    """
    return "".join(_SIGNS.get(c, c) for c in clean(text))


def latex(table: Table) -> str:
    r"""Write a table as a LaTeX ``tabular``; it needs the package ``booktabs``.

    Parameters
    ----------
    table : Table
        What to write.

    Returns
    -------
    str
        The ``tabular``, with the caption and the package as comments.

    Examples
    --------
    >>> print(latex(Table(("class", "n"), (("a_b", 1200),), "Examples.")))
    % Examples.
    % \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    class & n \\
    \midrule
    a\_b & 1,200 \\
    \bottomrule
    \end{tabular}
    """
    form = "".join("r" if flush_right else "l" for flush_right in table.numeric)
    rows = [_line(row) for row in table.rows]
    return "\n".join(
        [
            f"% {clean(table.caption)}",
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{form}}}",
            r"\toprule",
            _line(table.columns),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _line(cells: tuple[object, ...]) -> str:
    return " & ".join(_cell(cell) for cell in cells) + r" \\"


def _cell(cell: object) -> str:
    text = escaped(format_value(cell))
    return f"{text} ({escaped(cell.note)})" if isinstance(cell, Cell) and cell.note else text
