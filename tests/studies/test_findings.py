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
from lightwell.models.model import Signature
from lightwell.studies.open_set import findings, measure, page
from lightwell.training import represent


def test_class_blocks_without_a_radius_have_all_numbers_but_those_of_the_sphere() -> None:
    data = apply_split(toy(), open_set_split(toy(), known=KNOWN))
    torch.manual_seed(0)
    model = Difair(Signature(data.train.class_names, (8, 8, 1)))
    train, held_out = data.train.split(0.5, 0.5)
    test = Representation.join(represent(model, data.test), represent(model, data.unknown, known=False))
    views = {"train": represent(model, train), "calibration": represent(model, held_out), "test": test}
    options = measure.Options(None, 0.1, 40, 0)
    whole = measure.measure(model, views, options)
    names = [
        {e.name for e in findings.collect([done], data, options)}
        for done in (whole, replace(whole, radius=None))
    ]
    of_the_sphere = {"inside_sphere_share", "inside_sphere_share.unknown"}
    assert names[0] - names[1] == of_the_sphere | {"false_refusal.radius", "detection.radius"}
    assert {"differentiation.partly_on", "detection.global_distance"} <= names[1]


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
