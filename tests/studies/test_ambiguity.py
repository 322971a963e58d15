"""The study ambiguity: the whole chain, stopped and resumed at every stage, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.cli import main
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import load_arrays, read_json
from lightwell.core.findings import Findings
from lightwell.metrics.generation import acd, in_band
from lightwell.models import saved
from lightwell.models.boundary.rules import Rule
from lightwell.studies import study
from lightwell.studies.ambiguity import Ambiguity
from lightwell.studies.ambiguity.candidates import Candidate, control_of, picked, read, the_pick
from lightwell.studies.ambiguity.parts import parts_of

STAGES = Ambiguity.stages
WIDE = {"starts": [0, -1], "rules": ["control", "huber:1"], "band": 0.4}


class Sums(nn.Module):
    """A classifier of a user's own: one logit, the light on the right less that on the left."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 0.2 * (images[..., 8:].sum(dim=(1, 2, 3)) - images[..., :8].sum(dim=(1, 2, 3)))


class Three(nn.Module):
    """Another one: probabilities of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(256, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(images.flatten(1)).softmax(dim=1)


def tell(words: list[str]) -> int:
    """A command of a study."""
    print(*words)  # noqa: T201
    return 3


def toy() -> Dataset:
    """180 images of 16 × 16: light on the left, light on the right, light below."""
    draw = np.random.default_rng(0)
    labels = np.arange(180) % 3
    images = draw.integers(0, 60, (180, 16, 16, 1))
    places = (np.s_[:, :8], np.s_[:, 8:], np.s_[8:, :])
    for image, label in zip(images, labels, strict=True):
        image[places[label]] += draw.integers(90, 180)
    return Dataset.from_arrays(images.astype(np.uint8), labels, ["left", "right", "below"], "lights")


def tiny(**settings) -> Ambiguity:
    own = {"pair": "right,left", "noise": 40, "samples": 60, "latent_samples": 12, "latent_steps": 3}
    short = {"subject_training": {"epochs": 4, "batch_size": 16}, "judge_training": {"epochs": 1},
             "step1": {"epochs": 2, "batch_size": 32}, "step2": {"epochs": 2, "batch_size": 32}}  # fmt: skip
    return study("ambiguity").from_preset("smoke", **{**own, **short, **settings})


def numbers(found: Findings) -> dict[str, float]:
    costs = ("cpu_seconds", "wall_seconds", "peak_memory")
    return {e.name: e.value for e in found if not e.name.startswith(costs)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ambiguity") / "whole"
    return folder, tiny(**WIDE)(folder, dataset=toy())


def test_every_measure_stands_beside_its_null(whole):
    folder, found = whole
    for name in ("rejection", "latent", "gasten"):
        for measure in ("acd", "band_share", "frechet", "guard_score", "kid", "precision", "recall",
                        "density", "coverage_of_real", "isolated_pixels", "hubris"):  # fmt: skip
            assert found[f"{measure}.{name}"].null is not None
    nulled = ("silhouette", "stability", "davies", "calinski", "prototype", "shared", "accuracy", "reject")
    assert all(e.null is not None for e in found if e.name.startswith(nulled))
    seen = load_arrays(folder / "representation/samples_gasten.npz")
    control = load_arrays(folder / "representation/samples_control.npz")
    assert found["acd.gasten"].value == pytest.approx(acd(seen["p"]))
    assert found["acd.gasten"].null.value == pytest.approx(acd(control["p"]))
    assert found["band_share.gasten"].n == len(seen["images"]) == 60
    assert len(seen["embedding"]) == in_band(seen["p"], 0.4).sum() > 10
    assert read_json(folder / "run.json")["status"] == "finished"


def test_candidates_are_all_networks_on_one_noise_and_the_pick_pulls(whole):
    folder, _ = whole
    found = read(folder / "tables/candidates.csv")
    assert [(c.rule, c.start, c.epoch) for c in found] == [
        *(("step 1", epoch, 0) for epoch in (0, 1, 2)),
        *((rule, start, epoch) for start in (0, 2) for rule in ("control", "huber:1") for epoch in (1, 2)),
    ]
    one = the_pick(found)
    assert one.rule == "huber:1"
    control = control_of(found, one)
    assert (control.rule, control.start, control.epoch) == ("control", one.start, one.epoch)
    z = load_arrays(folder / "noise.npz")["z"]
    gan = saved.load(folder / f"models/gasten/huber-1_{one.start:02}/epochs/{one.epoch:02}")
    assert z.shape == (40, gan.settings.noise_size)
    assert len(load_arrays(folder / "statistics.npz")["mu"]) == 64


def test_stopped_after_each_stage_and_resumed_it_redoes_nothing_and_ends_the_same(tmp_path, whole):
    folder, chosen = tmp_path / "run", tiny(**WIDE)
    before: dict = {}
    for number, stage in enumerate(STAGES):
        found = chosen(folder, dataset=toy(), resume=number > 0, until=stage)
        assert (folder / "findings.json").is_file() == (folder / "report.html").is_file() == (stage == "page")
        after = {
            path.relative_to(folder): path.stat().st_mtime_ns
            for path in folder.rglob("*")
            if path.suffix in (".npz", ".safetensors", ".json", ".csv") and path.parent != folder
        }
        assert len(after) > len(before) or stage == "page"
        assert all(after[path] == when for path, when in before.items())
        before = after
    assert numbers(found) == pytest.approx(numbers(whole[1]), rel=0, abs=0, nan_ok=True)
    for path in ("models/gan/epochs/02", "models/gasten/huber-1_02/epochs/02"):
        weights = [(one / path / "model.safetensors").read_bytes() for one in (folder, whole[0])]
        assert weights[0] == weights[1]


def test_networks_of_another_run_are_taken_over(tmp_path, whole):
    chosen = tiny(starts=[-1], rules=["huber:1"], step1_from=str(whole[0]))
    chosen(tmp_path / "a", dataset=toy(), until="step-2")
    theirs = {(c.rule, c.start, c.epoch): c.acd for c in read(whole[0] / "tables/candidates.csv")}
    ours = read(tmp_path / "a/tables/candidates.csv")
    assert {c.acd for c in ours if c.rule == "huber:1"} == {theirs["huber:1", 2, 1], theirs["huber:1", 2, 2]}
    logs = [(folder / "models/gan/metrics.csv").read_bytes() for folder in (tmp_path / "a", whole[0])]
    assert logs[0] == logs[1]
    with pytest.raises(ConfigError, match="makes other images"):
        replace(chosen, pair="below,left")(tmp_path / "b", dataset=toy())
    with pytest.raises(ConfigError, match="no trained GAN"):
        replace(chosen, step1_from=tmp_path)(tmp_path / "c", dataset=toy())


def test_a_page_is_drawn_again_without_models(tmp_path, whole):
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy, ignore=shutil.ignore_patterns("*.safetensors", "figures"))
    assert main(["report", str(copy)]) == 0
    drawn = {path.name for path in (copy / "figures").iterdir()}
    assert {"sheet-gasten.png", "sheet-rejection.png", "trade-off.png", "outputs.png"} <= drawn
    assert "realism guard" in (copy / "report.html").read_text(encoding="utf-8")


def test_an_empty_band_is_an_answer(tmp_path):
    found = tiny(band=1e-9, rules=["alternating:1"])(tmp_path / "run", dataset=toy())
    assert found["band_share.gasten"].value == 0
    assert found["patterns"].value == 0
    told = " ".join(found.warnings)
    assert "The band is empty" in told
    assert "No structure found" in told
    assert "no image lies in the band" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_a_classifier_of_the_users_own_is_asked_and_left_alone(tmp_path):
    asked = tiny(model="test_ambiguity:Sums", others=[])
    asked(tmp_path / "one", dataset=toy(), until="classifier")
    assert read_json(tmp_path / "one/models/subject.json")["temperature"] > 0
    assert not (tmp_path / "one/models/subject").exists()
    three = tiny(model="test_ambiguity:Three", others=[], calibrate=False, rules=["l1:1"])
    found = three(tmp_path / "three", dataset=toy())
    mass = load_arrays(tmp_path / "three/representation/samples_real.npz")["mass"]
    assert ((mass > 0) & (mass < 1)).all()
    assert found["band_share.gasten"].null.name == "rejection from the plain GAN"  # no control was trained
    with pytest.raises(DataError, match="image"):
        replace(three, image_size=20)(tmp_path / "size", dataset=toy())


def test_a_guard_that_does_not_hold_is_told_and_patterns_are_those_of_rejection(tmp_path, whole):
    shutil.copytree(
        whole[0],
        tmp_path / "run",
        ignore=shutil.ignore_patterns("report.html", "representation", "candidates.csv", "statistics.npz"),
    )
    strict = tiny(**WIDE, least_guard=99)
    (tmp_path / "run/config.yaml").write_text(strict.to_yaml())
    found = strict(tmp_path / "run", dataset=toy(), resume=True)
    assert any("speckle, not ambiguity" in told for told in found.warnings)
    assert "undecided images of rejection" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_the_pick_takes_realism_first():
    def one(rule, share, frechet, guard, distance):
        return Candidate(rule, 5, 1, distance, share, frechet, frechet / 400, guard, 0.0, 0.0, 0.0)

    pool = [one("control", 0.9, 1, 9, 0), one("l1:25", 0.5, 260, -0.8, 0.1), one("l1:1", 0.1, 60, 0, 0.3),
            one("mgda", 0.2, 90, -0.1, 0.2), one("huber:1", 0.15, 95, -0.1, 0.25)]  # fmt: skip
    marked = picked(pool, tiny())
    assert the_pick(marked).rule == "mgda"
    assert [c.efficient for c in marked] == [False, False, True, True, False]
    assert the_pick(picked(pool, tiny(least_guard=10))).rule == "l1:1"  # the best guard of those that pull


def test_parts_hold_the_pair_alone():
    parts = parts_of(toy(), "right,left", None, 0)
    assert parts.names == ("right", "left")
    assert parts.columns == (1, 0)
    assert (parts.every.n, parts.train.n, parts.validation.n, parts.test.n) == (144, 80, 16, 24)
    right = toy().take(np.asarray(parts.train.ids)[parts.train.labels == 1])
    assert set(right.labels) == {1}
    assert parts_of(toy(), "1,0", None, 0).names == ("right", "left")
    ids = [set(np.asarray(part.ids).tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert len(set.union(*ids)) == sum(map(len, ids))


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        ("right", ConfigError, "two classes"),
        ("right,right", ConfigError, "twice"),
        ("right,up", DataError, "no class 'up'"),
        ("right,empty", DataError, "has no images"),
    ],
)
def test_a_pair_that_is_not_there_is_refused(tmp_path, pair, error, message):
    data = replace(toy(), class_names=("left", "right", "below", "empty"))
    with pytest.raises(error, match=message):
        tiny(pair=pair)(tmp_path / "run", dataset=data)
    assert not (tmp_path / "run/models").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": ["control"]}, "a rule that pulls"),
        ({"rules": ["l1:1", "l1:1.0"]}, "each once"),
        ({"rules": ["gauss:1"]}, "unknown rule"),
        ({"starts": [3]}, "0 to 2 or -1"),
        ({"starts": []}, "0 to 2 or -1"),
        ({"band": 0.5}, "out of range"),
        ({"others": [0]}, "1 or more"),
        ({"step1": {"devices": 2}}, "one process"),
        ({"samples": 1}, "out of range"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**settings)


def test_an_unknown_stage_is_refused_and_a_study_without_any_says_so(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'step-1'"):
        tiny()(tmp_path / "a", until="step1")
    with pytest.raises(ConfigError, match="has none"):
        study("open-set").from_preset("smoke")(tmp_path / "b", until="page")
    assert not (tmp_path / "a").exists()


def test_a_study_may_have_commands_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr(Ambiguity, "commands", {"tell": "test_ambiguity:tell"})
    assert main(["ambiguity", "tell", "me", "--more"]) == 3
    assert capsys.readouterr().out == "me --more\n"
    assert main(["ambiguity", "--help"]) == 0
    assert "lightwell ambiguity {tell} [--help]" in capsys.readouterr().out


def test_one_sided_rules_are_told():
    chosen = tiny(rules=["kl:1"])
    assert chosen.parsed_rules[0].name == "kl"
    with pytest.warns(UserWarning, match="towards p = 1"):
        Rule.parse("kl:1")


def test_a_stage_is_named_on_the_command_line(tmp_path, capsys):
    data = toy()
    np.savez(tmp_path / "lights.npz", inputs=data.inputs, labels=data.labels, class_names=data.class_names)
    words = ["ambiguity", "--preset", "smoke", "--data", str(tmp_path / "lights.npz"), "--pair", "right,left"]
    words += ["--calibrate", "false", "--out", str(tmp_path / "run"), "--until", "classifier"]
    assert main(words) == 0
    assert (tmp_path / "run/models/other_1/model/model.safetensors").is_file()
    assert not (tmp_path / "run/models/judge").exists()
    assert not capsys.readouterr().out  # there is no page to name yet
    assert main(["report", str(tmp_path / "run")]) == 2
    assert "no findings yet" in capsys.readouterr().err


@pytest.mark.slow
def test_the_smoke_preset_runs_from_the_command_line(tmp_path):
    words = ["ambiguity", "--preset", "smoke", "--out", str(tmp_path / "run")]
    assert main([*words, "--until", "judge"]) == 0
    assert not (tmp_path / "run/report.html").exists()
    assert main([*words, "--resume"]) == 0
    assert (tmp_path / "run/report.html").is_file()
