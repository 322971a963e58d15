"""The open-set gate: thresholds worked by hand, policies, refusals, and the file beside the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightwell.core import ConfigError, DataError, ModelFileError, NotFittedError, Representation
from lightwell.models import saved
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.decisions.gate import OpenSetGate
from lightwell.models.model import Signature


def of(codes, labels, errors=None, predictions=None):
    return Representation(
        np.asarray(codes, np.float32),
        np.asarray(labels),
        predictions=None if predictions is None else np.asarray(predictions),
        scores={} if errors is None else {"reconstruction": np.asarray(errors, float)},
        class_names=("a", "b"),
    )


# Class means 2 and 20; distances 2, 1, 0, 1, 2 of the first, 4, 2, 0, 2, 4 of the second.
KNOWN = of([[0], [1], [2], [3], [4], [16], [18], [20], [22], [24]], [0] * 5 + [1] * 5, range(1, 11))
NEW = of([[2.5], [10.0], [23.0], [2.0]], [0, -1, 1, -1], [3, 3, 3, 50], [0, 0, 1, 1])


def test_thresholds_by_hand():
    gate = OpenSetGate(quantile=0.6).fit(KNOWN)  # the smallest value that 60 % are at most
    assert gate.state["centres"].tolist() == [[2], [20]]
    assert gate.state["radii"].tolist() == [2, 4]
    assert gate.state["error"].tolist() == [7]
    assert gate.tests(NEW)["distance"].tolist() == [True, False, True, True]
    assert gate.tests(NEW)["reconstruction"].tolist() == [True, True, True, False]
    assert gate.accept(NEW).tolist() == [True, False, True, False]
    assert gate.score(NEW).tolist() == [3 / 7, min(8 / 2, 10 / 4), 3 / 4, 50 / 7]


@pytest.mark.parametrize("quantile", [0.5, 0.8, 0.95, 1.0])
def test_each_test_keeps_the_share_it_promises(quantile):
    chance = np.random.default_rng(0)
    labels = np.arange(400) % 2
    known = of(chance.normal(size=(400, 3)) + labels[:, None], labels, chance.exponential(size=400))
    gate = OpenSetGate(quantile=quantile).fit(known)
    tests = gate.tests(known)
    assert quantile <= tests["reconstruction"].mean() <= quantile + 0.01
    assert quantile <= tests["distance"].mean()
    assert 2 * quantile - 1 <= gate.accept(known).mean()


def test_other_centres_and_columns():
    known = of([[0, 9], [2, 9], [10, 0], [12, 0]], [0, 0, 1, 1])
    gate = OpenSetGate(1.0, error="", dims=(0,)).fit(known, centres=np.array([[0.0], [12.0]]))
    assert gate.state["radii"].tolist() == [2, 2]
    assert gate.accept(of([[1, 700], [6, 9]], [0, 0])).tolist() == [True, False]


def test_policies():
    gate = OpenSetGate(quantile=0.6).fit(KNOWN)
    assert gate.answer(NEW).codes.ravel().tolist() == [2.5, 23.0]
    assert gate.answer(NEW, "unknown").predictions.tolist() == [0, -1, 1, -1]
    many = NEW.take(np.ones(4000, int))
    drawn = gate.answer(replace(many, ids=np.arange(4000)), "random", seed=1)
    assert set(drawn.predictions) == {0, 1}
    assert drawn.predictions.mean() == pytest.approx(0.5, abs=0.03)
    half = gate.answer(replace(many, ids=np.arange(4000)).take(np.arange(2000, 4000)), "random", seed=1)
    assert np.array_equal(half.predictions, drawn.predictions[2000:])


def test_summary():
    found = OpenSetGate(quantile=0.6).fit(KNOWN).summary(NEW)
    assert found == {
        "coverage": 0.5,
        "rejected.distance": 0.25,
        "rejected.reconstruction": 0.25,
        "accepted_accuracy": 1.0,
    }


def test_it_is_kept_beside_the_model(tmp_path):
    gate = OpenSetGate(0.6, dims=(0,)).fit(KNOWN)
    model = Softmax(Signature(("a", "b"), (8, 8, 1)))
    saved.save(model, tmp_path, gate=gate)
    back = saved.load_gate(tmp_path)
    assert (back.quantile, back.error, back.dims) == (0.6, "reconstruction", (0,))
    assert np.array_equal(back.score(NEW), gate.score(NEW))
    with pytest.raises(ModelFileError, match="without a decision"):
        saved.load_decision(tmp_path)
    saved.save(model, tmp_path)
    with pytest.raises(ModelFileError, match="without a gate"):
        saved.load_gate(tmp_path)


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match=r"gate.quantile\): expected in \(0, 1\], got 0"):
        OpenSetGate(quantile=0)
    with pytest.raises(NotFittedError, match="not fitted"):
        OpenSetGate().accept(NEW)
    with pytest.raises(DataError, match=r"no such reconstruction error .*error=\"\""):
        OpenSetGate().fit(of([[0], [1]], [0, 1]))
    with pytest.raises(DataError, match=r"no training example of a class .*\[1\]"):
        OpenSetGate(error="").fit(of([[0], [1]], [0, 0]))
    with pytest.raises(DataError, match=r"not finite .*codes, example 1"):
        OpenSetGate(error="").fit(of([[0], [np.nan]], [0, 1]))
    with pytest.raises(DataError, match=r"do not fit the gate: expected \(n, 1\), got \(1, 2\)"):
        OpenSetGate(error="").fit(KNOWN).accept(of([[0, 1]], [0]))
