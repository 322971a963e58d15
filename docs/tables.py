"""Write the tables of docs/methods.md from the records that the methods carry."""

from __future__ import annotations

import sys
from pathlib import Path

from lightwell.core import MethodInfo
from lightwell.explain.examples import EXAMPLES
from lightwell.explain.features import FEATURES
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
    scores = "Every score is larger for what is more unknown, even where its paper says otherwise."
    labels = (
        "None needs a label; what each costs and how it tells of its error: [explanations](explanations.md)."
    )
    sections = {
        "Models": ("", [method(name).info for name in METHODS]),
        "Unknown scores": (scores, [kind.info for kind in SCORERS.values()]),
        "Feature importance": (labels, [kind.info for kind in FEATURES.values()]),
        "Example importance": (labels, [kind.info for kind in EXAMPLES.values()]),
    }
    parts = (
        "\n\n".join(filter(None, (f"## {title}", note, markdown(rows(records)).strip())))
        for title, (note, records) in sections.items()
    )
    return f"{HEAD}\n" + "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text(encoding="utf-8") != text())
    TARGET.write_text(text(), encoding="utf-8")
