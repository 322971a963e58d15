"""Names from data and users, made fit for pages, figures and files."""

from __future__ import annotations

import pytest

from lightwell.report.figures import style
from lightwell.report.names import clean, file_name, shorten


def test_clean_drops_direction_marks_controls_and_surrogates() -> None:
    assert clean("a\u202eb\x00c\u2066d\ufeffe\ud800f\x1b") == "abcdef"


def test_clean_keeps_letters_of_every_script_and_joined_emoji() -> None:
    text = "שלום 猫 می\u200cخواهم 👩\u200d🔬"
    assert clean(text) == text


def test_clean_takes_the_licence_from_markup_objects() -> None:
    from markupsafe import Markup

    assert type(clean(Markup("<b>x</b>"))) is str


@pytest.mark.parametrize("limit", [3, 4, 10, 99])
def test_shorten_never_exceeds_its_limit(limit: int) -> None:
    assert len(shorten("x" * 10_000, limit)) == limit
    assert shorten("ab", limit) == "ab"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\\b", "CON\x00", ".hidden", "x" * 10_000, "🐱", "", "a b\n"]
)
def test_a_file_name_holds_only_harmless_characters(name: str) -> None:
    stem = file_name(name)
    assert 0 < len(stem) <= 60
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not stem.startswith("-")


def test_a_taken_file_name_is_numbered() -> None:
    assert file_name("ROC!", ["roc", "roc-2"]) == "roc-3"


def test_a_label_never_becomes_mathematics_and_never_hides() -> None:
    assert style.label("$x$") == r"\$x\$"
    assert not style.label("_private").startswith("_")
    assert style.label("\u202e\x00") == "(no name)"
    assert style.label("a\nb\tc") == "a b c"


def test_labels_that_look_alike_are_numbered() -> None:
    long = ["x" * 10_000 + end for end in ("", "x", "-b")]
    short = style.labels(long, 12)
    assert len(set(short)) == 3
    assert style.labels(["a", "b"]) == ["a", "b"]
