"""Findings: names, intervals, JSON there and back, numbers that are not finite."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwell.core import ConfigError, DataError, Estimate, Findings, Null, Reference, slug

NAMES = [
    "accuracy",
    "auroc.relative_block_sum",
    "fpr95.unknown_positive.msp",
    "similarity_rate.top5.saliency",
    "agreement.pearson.a~b",
    "cluster_accuracy.große_tiere",
    "dci.exact.disentanglement",
    "cpu_seconds",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_house_are_accepted(name):
    assert Estimate(name, 0.5).name == name


@pytest.mark.parametrize(
    "name", ["", "Accuracy", ".a", "a.", "a..b", "a. b", "_a", "a/b", "-a", "a\n", "a b", "a.b c", "a.B"]
)
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="not a name for a finding"):
        Estimate(name, 0.5)


@given(st.text())
def test_any_class_name_becomes_part_of_a_name(name):
    assert Estimate(f"concept_accuracy.{slug(name)}", 0.5).name.count(".") == 1


@pytest.mark.parametrize(
    ("name", "part"),
    [("cat", "cat"), ("Mr. X", "mr_x"), (" Große  Tiere ", "große_tiere"), ("a.b", "a_b"), ("...", "_"),
     ("has_wing::yes", "has_wing::yes"), ("猫", "猫")],
)  # fmt: skip
def test_slugs_by_hand(name, part):
    assert slug(name) == part


def test_an_interval_upside_down_is_refused():
    with pytest.raises(ConfigError, match=r"upside down \(in accuracy\).*\(0\.6, 0\.4\)"):
        Estimate("accuracy", 0.5, 0.6, 0.4)
    assert Estimate("accuracy", 0.5, 0.5, 0.5).low == 0.5


def test_json_there_and_back(tmp_path):
    found = Findings(
        [
            Estimate("accuracy", 0.99, 0.98, 1.0, 1180, True, Null("majority class", 0.19)),
            Estimate("fpr95.msp", 0.2, higher_is_better=False, reference=Reference(0.25, "paper, table 2")),
            Estimate("active_experts", 3.0, higher_is_better=None),
        ],
        ["a warning"],
    )
    found.write(tmp_path / "f.json")
    back = Findings.read(tmp_path / "f.json")
    assert list(back) == list(found)
    assert back.warnings == [], "warnings belong to the run's status"
    record = json.loads((tmp_path / "f.json").read_text())
    assert record[0] == {
        "name": "accuracy", "value": 0.99, "low": 0.98, "high": 1.0, "n": 1180, "higher_is_better": True,
        "null": {"name": "majority class", "value": 0.19},
    }  # fmt: skip
    assert "null" not in record[1]
    assert record[2]["higher_is_better"] is None


def test_numbers_that_are_not_finite_become_null(tmp_path):
    nan = math.nan
    estimate = Estimate("a", nan, nan, math.inf, 3, None, Null("b", nan), Reference(nan, "c"))
    Findings([estimate]).write(tmp_path / "f.json")
    assert "NaN" not in (tmp_path / "f.json").read_text()
    (back,) = Findings.read(tmp_path / "f.json")
    assert math.isnan(back.value)
    assert (back.low, back.high) == (None, None)
    assert math.isnan(back.null.value)
    assert math.isnan(back.reference.value)


def test_numbers_of_numpy_are_written(tmp_path):
    estimate = Estimate("a", np.float32(0.5), np.float64(0.25), np.float64(0.75), np.int64(7))
    Findings([estimate]).write(tmp_path / "f.json")
    (back,) = Findings.read(tmp_path / "f.json")
    assert (back.value, back.low, back.high, back.n) == (0.5, 0.25, 0.75, 7)


@given(
    value=st.floats(),
    ends=st.none() | st.tuples(st.floats(-9, 0), st.floats(0, 9)),
    n=st.none() | st.integers(0, 10**9),
    better=st.none() | st.booleans(),
    null=st.none() | st.builds(Null, st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_any_estimate_survives_json(value, ends, n, better, null):
    low, high = ends or (None, None)
    first = Estimate("a.b", value, low, high, n, better, null)
    again = Estimate.from_dict(json.loads(json.dumps(first.to_dict(), allow_nan=False)))
    assert again.to_dict() == first.to_dict()
    assert again == first or not math.isfinite(value)


def test_each_name_is_there_once():
    found = Findings([Estimate("a", 1.0)])
    with pytest.raises(ConfigError, match=r"exists already: got a\."):
        found.add(Estimate("b", 2.0), Estimate("a", 3.0))
    assert found["a"].value == 1.0
    with pytest.raises(ConfigError, match="exists already"):
        Findings([Estimate("a", 1.0), Estimate("a", 1.0)])


def test_reading_order_is_kept_and_a_missing_name_names_the_nearest():
    found = Findings(Estimate(name, 0.0) for name in reversed(NAMES))
    assert [e.name for e in found] == list(reversed(NAMES))
    assert len(found) == len(NAMES)
    assert "accuracy" in found
    assert "nothing" not in found
    with pytest.raises(ConfigError, match=r"Did you mean 'accuracy'\?"):
        found["acuracy"]


def test_warnings_are_kept_in_order():
    found = Findings()
    found.warn("first")
    found.warn("second")
    assert found.warnings == ["first", "second"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '["a"]', '[{"name": "a"}]', '[{"name": "a", "value": "x"}]', "5"]
)
def test_what_holds_no_findings_is_refused_by_name(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"f\.json"):
        Findings.read(path)
