"""Tables and how numbers are written."""

from __future__ import annotations

import numpy as np
import pytest

from lightwell.core import ConfigError, Estimate, Null, Reference
from lightwell.report import Cell, Table, findings_table, markdown
from lightwell.report.tables import format_interval, format_value, readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-0.5, "-0.500"),
        (0.0, "0.000"),
        (9.9994, "9.999"),
        (12.34, "12.3"),
        (1234567.8, "1,234,568"),
        (np.int64(12000), "12,000"),
        (np.float32(0.25), "0.250"),
        (1e-9, "1.0e-09"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (float("nan"), "not defined"),
        (None, "–"),
        (False, "no"),
        ("a\u202eb", "ab"),
    ],
)
def test_values_are_written_for_a_reader(value: object, text: str) -> None:
    assert format_value(value) == text


def test_an_interval_needs_both_ends() -> None:
    assert format_interval(Estimate("mig", 0.5, 0.4, 0.6)) == "[0.400, 0.600]"
    assert format_interval(Estimate("mig", 0.5, 0.4)) == ""


def test_readable_keeps_the_variant() -> None:
    assert readable("fpr95.unknown_positive.distance") == (
        "False positive rate at 95 % · unknown positive · distance"
    )


def test_the_findings_table_shows_null_and_published_value() -> None:
    estimate = Estimate(
        "auroc.msp", 0.9, 0.8, 0.95, 1500, True, Null("guessing", 0.5), Reference(0.97, "paper")
    )
    table = findings_table([estimate, Estimate("cpu_seconds", 3.0, higher_is_better=False)])
    assert table.rows[0] == (
        "AUROC · msp", 0.9, "[0.800, 0.950]", 1500, "↑ higher", Cell(0.5, "guessing"), Cell(0.97, "paper"),
    )  # fmt: skip
    assert table.rows[1][4:] == ("↓ lower", None, None)
    assert table.numeric == (False, True, False, True, False, True, True)


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Counts\., row 1.*expected 2 cells, got 3"):
        Table(("a", "b"), ((1, 2), (1, 2, 3)), "Counts.")
    with pytest.raises(ConfigError, match="needs columns"):
        Table((), (), "Counts.")


def test_a_column_of_nothing_is_not_numeric() -> None:
    assert Table(("a", "b"), ((None, True),), "").numeric == (False, False)


def test_markdown_cannot_be_broken_by_names() -> None:
    hostile = "a|b\nc `x` <img src=y> *z* [l](javascript:1) \\"
    text = markdown(Table(("name", "n"), ((hostile, Cell(0.5, "of | 3", best=True)),), "Caption"))
    row = text.splitlines()[-1]
    assert len(text.splitlines()) == 5
    assert row.replace("\\|", "").count("|") == 3
    assert "<img" not in row
    assert "](" not in row
    assert "**0.500** of \\| 3" in row
