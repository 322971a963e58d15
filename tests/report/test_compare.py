"""Several runs on one page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lightwell.core import ConfigError, DataError, Estimate, Findings, Null
from lightwell.report import Cell, Note, Page, Table, compare

DATA = {"name": "toy", "fingerprint": "ab", "split": "arpl/0"}


def run(folder: Path, *estimates: Estimate, config: str | None = None, **record: Any) -> Path:
    Findings(estimates).write(folder / "findings.json")
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    if config is not None:
        (folder / "config.yaml").write_text(config, encoding="utf-8")
    return folder


def findings_of(page: Page) -> dict[str, tuple[object, ...]]:
    table = page.sections[0].blocks[0]
    assert isinstance(table, Table)
    return {str(row[0]): row[2:] for row in table.rows}


def best(cells: tuple[object, ...]) -> list[bool]:
    return [isinstance(cell, Cell) and cell.best for cell in cells]


def test_the_best_follows_the_direction(tmp_path: Path) -> None:
    values = {"accuracy": True, "frechet": False, "false_refusal.global": None}
    folders = [
        run(tmp_path / name, *(Estimate(n, v, higher_is_better=d) for n, d in values.items()), data=DATA)
        for name, v in (("a", 0.8), ("b", 0.9), ("c", 0.85))
    ]
    rows = findings_of(compare(folders))
    assert best(rows["Accuracy"]) == [False, True, False]
    assert best(rows["Frechet"]) == [True, False, False]
    assert best(rows["False refusal · global"]) == [False, False, False]


def test_equal_values_are_both_best_and_nan_never_is(tmp_path: Path) -> None:
    nan = float("nan")
    folders = [
        run(tmp_path / name, Estimate("accuracy", a), Estimate("mig", m), data=DATA)
        for name, a, m in (("a", 0.9, nan), ("b", 0.9, 0.2), ("c", 0.1, 0.3))
    ]
    rows = findings_of(compare(folders))
    assert best(rows["Accuracy"]) == [True, True, False]
    assert best(rows["Mig" if "Mig" in rows else "MIG"]) == [False, False, True]


def test_a_finding_of_one_run_has_no_best_and_gaps_are_dashes(tmp_path: Path) -> None:
    folders = [run(tmp_path / "a", Estimate("accuracy", 0.9)), run(tmp_path / "b", Estimate("mig", 0.9))]
    rows = findings_of(compare(folders))
    assert rows["Accuracy"] == (Cell(0.9), None)
    assert rows["MIG"] == (None, Cell(0.9))


def test_cells_carry_interval_and_baseline(tmp_path: Path) -> None:
    estimate = Estimate("accuracy", 0.9, 0.8, 0.95, 10, True, Null("majority", 0.2))
    rows = findings_of(compare([run(tmp_path / name, estimate) for name in "ab"]))
    assert rows["Accuracy"][0] == Cell(0.9, "[0.800, 0.950]; baseline 0.200 (majority)", best=True)


@pytest.mark.parametrize("other", [{"fingerprint": "zz"}, {"split": "arpl/1"}])
def test_runs_on_other_data_are_marked_and_never_best(other: dict[str, str], tmp_path: Path) -> None:
    page = compare(
        [
            run(tmp_path / "a", Estimate("accuracy", 0.7), data=DATA),
            run(tmp_path / "b", Estimate("accuracy", 0.8), data=DATA),
            run(tmp_path / "c", Estimate("accuracy", 0.9), data=DATA | other),
        ]
    )
    assert best(findings_of(page)["Accuracy"]) == [False, True, False]
    table = page.sections[0].blocks[0]
    assert isinstance(table, Table)
    assert table.columns[2:] == ("a", "b", "c (not comparable)")
    assert page.summary == (Note("warning", "Not comparable with a, for another data set or split: c."),)


def test_settings_that_differ_are_listed_by_dotted_key(tmp_path: Path) -> None:
    first = run(tmp_path / "a", Estimate("mig", 1.0), config="model: {name: difair, k: 5}\nseed: 0\n")
    second = run(tmp_path / "b", Estimate("mig", 1.0), config="model: {name: softmax}\nseed: 0\n")
    table = compare([first, second]).sections[2].blocks[0]
    assert isinstance(table, Table)
    assert table.rows == (("model.name", "difair", "softmax"), ("model.k", "5", None))


def test_warnings_of_each_run_are_named(tmp_path: Path) -> None:
    first = run(tmp_path / "a", Estimate("mig", 1.0), warnings=["Anchor 3 is unreached."])
    page = compare([first, run(tmp_path / "b", Estimate("mig", 1.0))])
    assert page.sections[3].blocks == (Note("warning", "a: Anchor 3 is unreached."),)


def test_runs_of_one_name_are_numbered_and_the_page_writes(tmp_path: Path) -> None:
    folders = [run(tmp_path / n, Estimate("mig", 1.0), name="<b>x</b>", seed=3) for n in "ab"]
    page = compare(folders)
    table = page.sections[0].blocks[0]
    assert isinstance(table, Table)
    assert table.columns[2:] == ("<b>x</b> #1", "<b>x</b> #2")
    text = page.write(tmp_path / "out").read_text(encoding="utf-8")
    assert "&lt;b&gt;x&lt;/b&gt; #2" in text
    assert "<b>x" not in text


def test_every_other_file_of_a_run_is_optional(tmp_path: Path) -> None:
    for name in "ab":
        Findings([Estimate("accuracy", 0.5)]).write(tmp_path / name / "findings.json")
    page = compare([tmp_path / "a", tmp_path / "b"])
    assert page.summary == (Note("info", "a does not record its data or split; check it by hand."),)


def test_what_knows_better_than_run_json_gives_the_status(tmp_path: Path) -> None:
    folders = [run(tmp_path / name, Estimate("mig", 1.0), status="running") for name in "ab"]
    rows = [
        compare(folders, *more).sections[1].blocks[0].rows for more in ((), (lambda f: {"status": f.name},))
    ]
    assert [[row[2] for row in table] for table in rows] == [["running"] * 2, ["a", "b"]]


def test_bad_runs_are_refused(tmp_path: Path) -> None:
    good = run(tmp_path / "good", Estimate("mig", 1.0))
    with pytest.raises(ConfigError, match="two or more run folders, got 1"):
        compare([good])
    with pytest.raises(DataError, match="no such run folder"):
        compare([good, tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"findings\.json"):
        compare([good, tmp_path / "empty"])
    bad = run(tmp_path / "bad", Estimate("mig", 1.0), config="a: [")
    with pytest.raises(DataError, match=r"config\.yaml"):
        compare([good, bad])
    (bad / "run.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="expected an object, got list"):
        compare([good, bad])
