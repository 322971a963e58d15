"""Write the tables of docs/methods.md from the records that the methods carry."""

from __future__ import annotations

import sys
from pathlib import Path

from lightwell.core import MethodInfo
from lightwell.models import METHODS, method
from lightwell.models.scorers import SCORERS
from lightwell.report import Table, markdown

TARGET = Path(__file__).parent / "methods.md"
HEAD = """# Methods

Made by `make docs` from the record each method carries; do not edit by hand.
"""


def rows(records: list[MethodInfo]) -> Table:
    """Return one row a method."""
    return Table(
        ("name", "what", "source", "reference code (licence)", "not for"),
        tuple(
            (
                info.name,
                info.title,
                f"{info.paper}, {info.venue} {info.year}, {info.link}",
                f"{info.reference_code} ({info.reference_licence})" if info.reference_code else "none",
                "; ".join(info.not_for),
            )
            for info in records
        ),
        "",
    )


def text() -> str:
    """Return the whole page."""
    models = markdown(rows([method(name).info for name in METHODS]))
    scores = markdown(rows([kind.info for kind in SCORERS.values()]))
    note = "Every score is larger for what is more unknown, even where its paper says otherwise."
    return f"{HEAD}\n## Models\n\n{models.strip()}\n\n## Unknown scores\n\n{note}\n\n{scores.strip()}\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text(encoding="utf-8") != text())
    TARGET.write_text(text(), encoding="utf-8")
