"""Numbers of an open-set run that depend on what a model has, and the words of its verdict."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from toy_study import KNOWN, toy

from lightwell.core.findings import Estimate, Findings
from lightwell.core.representation import Representation
from lightwell.data import apply_split, open_set_split
from lightwell.models.classifiers.difair import Difair
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature
from lightwell.models.scorers import make_scorer
from lightwell.studies.open_set import OpenSet, findings, page
from lightwell.studies.open_set.measure import measure
from lightwell.training import represent


def test_class_blocks_without_a_radius_have_all_numbers_but_those_of_the_sphere() -> None:
    data = apply_split(toy(), open_set_split(toy(), known=KNOWN))
    torch.manual_seed(0)
    model = Difair(Signature(data.train.class_names, (8, 8, 1)))
    train, held_out = data.train.split(0.5, 0.5)
    test = Representation.join(represent(model, data.test), represent(model, data.unknown, known=False))
    views = {"train": represent(model, train), "calibration": represent(model, held_out), "test": test}
    settings = OpenSet.from_preset("smoke", false_refusal=0.1, n_resamples=40)
    whole = measure(model, views, settings)
    names = [
        {e.name for e in findings.collect([done], data, settings)}
        for done in (whole, replace(whole, radius=None))
    ]
    of_the_sphere = {"inside_sphere_share", "inside_sphere_share.unknown"}
    assert names[0] - names[1] == of_the_sphere | {"false_refusal.radius", "detection.radius"}
    assert {"differentiation.partly_on", "detection.global_distance"} <= names[1]


def test_scores_are_made_with_the_settings_of_the_study() -> None:
    data = apply_split(toy(), open_set_split(toy(), known=KNOWN))
    torch.manual_seed(0)
    model = Softmax(Signature(data.train.class_names, (8, 8, 1)))
    train, held_out = data.train.split(0.5, 0.5)
    views = {"train": represent(model, train), "calibration": represent(model, held_out)}
    scoring = {"energy_temperature": 2.0, "neighbours": 3, "openmax_tail": 5, "openmax_alpha": 1}
    settings = OpenSet.from_preset("smoke", false_refusal=0.1, scoring=scoring)
    found = measure(model, {**views, "test": views["calibration"]}, settings).test.scores
    wanted = {"energy": {"temperature": 2.0}, "knn": {"k": 3}, "openmax": {"tail": 5, "alpha": 1}, "msp": {}}
    for name, own in wanted.items():
        scorer = make_scorer(name, **own).fit(views["train"])
        assert (found[name] == scorer.score(views["calibration"])).all()
        assert (
            not own
            or (found[name] != make_scorer(name).fit(views["train"]).score(views["calibration"])).any()
        )


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([(0.02, 0.01, 0.03), (0.05, 0.04, 0.06)], "AUROC of distance is 2.0 points above MSP"),
        (
            [(0.02, 0.01, 0.03), (-0.05, -0.06, -0.04)],
            "MLS does better than distance: its AUROC is 5.0 points",
        ),
        ([(0.004, -0.002, 0.01), (0.05, 0.04, 0.06)], "cannot be told from MSP (+0.4 points)"),
        ([], ""),
    ],
)
def test_the_verdict_is_that_of_the_paired_difference_to_the_better_score_of_the_baseline(
    gaps, words
) -> None:
    found = Findings(
        Estimate(f"auroc_difference.distance.{name}", *gap)
        for name, gap in zip(("msp", "mls"), gaps, strict=False)
    )
    told = page._against_baseline(SimpleNamespace(findings=found, score="distance"))
    assert words in told
    assert bool(told) == bool(gaps)
    if "above" in told:
        assert (
            "interval of the difference, distance minus MSP on the same test images, is +1.0 to +3.0" in told
        )
