"""Errors, axes, method records and seeds."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
import torch

from lightwell.core import (
    Axis,
    ConfigError,
    DataError,
    LightwellError,
    MethodInfo,
    ModelFileError,
    NotFittedError,
    TrainingDiverged,
)
from lightwell.core.errors import nearest
from lightwell.core.seeds import derive, generator, global_seed, preserved, torch_generator


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "it broke."),
        ({"where": "a.csv"}, "it broke (in a.csv)."),
        ({"expected": 3}, "it broke: expected 3."),
        ({"got": 0}, "it broke: got 0."),
        ({"expected": "x", "got": ""}, "it broke: expected x, got ."),
        ({"fix": "Mend it."}, "it broke. Mend it."),
        (
            {"where": "f", "expected": 1, "got": 2, "fix": "Mend it."},
            "it broke (in f): expected 1, got 2. Mend it.",
        ),
    ],
)
def test_an_error_is_one_sentence_and_keeps_its_parts(parts, sentence):
    error = LightwellError("it broke", **parts)
    assert str(error) == sentence
    assert error.what == "it broke"
    for name in ("where", "expected", "got", "fix"):
        assert getattr(error, name) == parts.get(name)


@pytest.mark.parametrize("kind", [ConfigError, DataError, ModelFileError, NotFittedError, TrainingDiverged])
def test_every_error_is_caught_by_the_base(kind):
    with pytest.raises(LightwellError, match="x"):
        raise kind("x", where="y")
    assert not issubclass(kind, ValueError | OSError)


def test_an_error_of_another_process_says_the_same():
    error = ConfigError("it broke", where="f", expected=1, got=2, fix="Mend it.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.where, again.fix) == (ConfigError, str(error), "f", "Mend it.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sofmax", "Did you mean 'softmax'?"),
        ("zzz", "Choose one of: difair, softmax."),
        ("", "Choose one of: difair, softmax."),
    ],
)
def test_the_nearest_name(name, said):
    assert nearest(name, iter(["softmax", "difair"])) == said


def test_an_axis_knows_its_width():
    axis = Axis("seven", "class", (5, 6, 7), "evidence for 7")
    assert (axis.width, axis.meaning) == (3, "evidence for 7")
    assert axis == Axis("seven", "class", (5, 6, 7), "evidence for 7")


@pytest.mark.parametrize("indices", [(), (-1, 0), (1, 1), (0, 2, 0)])
def test_an_axis_needs_columns_of_its_own(indices):
    with pytest.raises(ConfigError, match=r"columns of its own \(in a\)"):
        Axis("a", "latent", indices)


def test_an_axis_of_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match=r"unknown kind.*'opaque'.*got klass"):
        Axis("a", "klass", (0,))


RECORD = {
    "name": "msp",
    "title": "Maximum softmax probability",
    "paper": "A baseline",
    "venue": "ICLR",
    "year": 2017,
    "link": "https://openreview.net/forum?id=Hkg4TI9xl",
    "reference_code": "",
    "reference_licence": "none stated",
    "consumes": ("logits",),
    "capabilities": ("unknown_score",),
    "not_for": ("uncalibrated logits",),
}


def test_a_method_needs_its_record():
    assert MethodInfo(**RECORD).year == 2017
    assert {field.name for field in fields(MethodInfo)} == set(RECORD)


@pytest.mark.parametrize(
    "entry", ["name", "title", "paper", "venue", "link", "consumes", "capabilities", "not_for"]
)
def test_an_empty_entry_of_the_record_is_refused(entry):
    empty = () if isinstance(RECORD[entry], tuple) else ""
    with pytest.raises(ConfigError, match=f"needs '{entry}'"):
        MethodInfo(**RECORD | {entry: empty})


def test_seeds_never_change_between_versions():
    # Published runs name a seed; were these to change, nobody could repeat them.
    assert derive(0) == 5254295370254170289
    assert derive(0, "split") == 5861598955000012809
    assert derive(7, "step", 120, 0) == 501756891864310375
    assert generator(0, "split").integers(0, 1000, 4).tolist() == [43, 91, 413, 890]


def test_purposes_are_independent_and_order_counts():
    seeds = [
        derive(s, *p) for s in (0, 1) for p in ((), ("a",), ("b",), ("a", 1), (1, "a"), ("1",), (1,), ("a1",))
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_numbers_and_words_of_numpy_mean_the_same():
    assert derive(np.int64(3), np.str_("step"), np.int32(4)) == derive(3, "step", 4)


def test_generators_repeat_and_differ_by_purpose():
    assert np.array_equal(generator(1, "a").random(3), generator(1, "a").random(3))
    assert not np.array_equal(generator(1, "a").random(3), generator(1, "b").random(3))
    draw = torch.rand(3, generator=torch_generator(1, "a"))
    assert torch.equal(draw, torch.rand(3, generator=torch_generator(1, "a")))


def global_state():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def draw_everywhere():
    return random.random(), np.random.rand(), torch.rand(1).item()


@pytest.mark.parametrize("error", [None, ValueError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("block", [preserved, lambda: global_seed(3, "weights")])
def test_the_global_state_comes_back(block, error):
    def work():
        with block():
            draw_everywhere()
            torch.manual_seed(99)
            if error is not None:
                raise error

    before = global_state()
    if error is None:
        work()
    else:
        with pytest.raises(type(error)):
            work()
    assert global_state() == before


def test_a_global_seed_decides_what_is_drawn():
    def drawn(*seed):
        with global_seed(*seed):
            return draw_everywhere()

    draw_everywhere()
    first = drawn(3, "weights")
    draw_everywhere()
    assert drawn(3, "weights") == first
    others = drawn(3, "order"), drawn(4, "weights")
    assert all(a != b for other in others for a, b in zip(first, other, strict=True))


def test_the_words_of_the_house_do_not_import_torch():
    code = "import sys, lightwell.core, lightwell.core.seeds; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
