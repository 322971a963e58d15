"""A frozen encoder that has seen in training what plays unknown: its numbers come with a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_study import KNOWN, run_only, toy, toy_settings

from lightwell.core.files import read_json
from lightwell.models import saved
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature


@pytest.mark.parametrize("first", ["fish", "ant"])
def test_classes_an_encoder_was_trained_on_must_not_play_unknown(tmp_path: Path, first: str) -> None:
    names = [(first, "cat"), KNOWN]
    encoder = ""
    for i, classes in enumerate(names):  # the second sits on the first, and knows no unknown class itself
        saved.save(Softmax(Signature(classes, (8, 8, 1), encoder=encoder)), tmp_path / str(i))
        encoder = str(tmp_path / str(i))
    found = run_only(tmp_path / "run", toy(), **toy_settings(encoder=encoder, train_baseline=False))
    told = [text for text in found.warnings if "classes with the names of unknown ones" in text]
    assert len(told) == (first == "fish")
    assert all("here: fish. Only names can be compared" in text for text in told)
    assert read_json(tmp_path / "run" / "run.json")["warnings"] == found.warnings
