"""The study ambiguity: the whole chain, stopped and resumed at every stage, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from toy_study import lights, tiny_ambiguity

from lightwell.cli import _tell, main
from lightwell.core.errors import ConfigError, DataError, TrainingDiverged
from lightwell.core.files import load_arrays, read_json
from lightwell.core.findings import Estimate, Findings
from lightwell.metrics.generation import acd, in_band
from lightwell.models import saved
from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.rules import Rule
from lightwell.studies import study
from lightwell.studies.ambiguity import Ambiguity, drawings
from lightwell.studies.ambiguity.candidates import Candidate, control_of, picked, read, the_pick
from lightwell.studies.ambiguity.cautions import _advice, _failed, _of_rejection
from lightwell.studies.ambiguity.parts import parts_of
from lightwell.studies.ambiguity.stored import Stored

STAGES = Ambiguity.stages
WIDE = {"starts": [0, -1]}


class Sums(nn.Module):
    """A classifier of a user's own: one logit, the light on the right less that on the left."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 0.1 * (images[..., 8:].sum(dim=(1, 2, 3)) - images[..., :8].sum(dim=(1, 2, 3)))


class Two(Sums):
    """The same with a logit a class, the second class first."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        z = super().forward(images)
        return torch.stack([-z, z], dim=1) / 2


class Chances(Sums):
    """The same with one probability."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images).sigmoid()


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


def numbers(found: Findings) -> dict[str, float]:
    costs = ("cpu_seconds", "wall_seconds", "peak_memory")
    return {e.name: e.value for e in found if not e.name.startswith(costs)}


@pytest.fixture
def tiny(lights_npz):
    return partial(tiny_ambiguity, lights_npz)


@pytest.fixture
def whole(ambiguity_run):
    return ambiguity_run, Findings.read(ambiguity_run / "findings.json")


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
    assert found["band_share.gasten"].n == len(seen["images"]) == 80
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


def test_stopped_after_each_stage_and_resumed_it_ends_the_same(tmp_path, tiny, whole, no_page):
    folder, chosen = tmp_path / "run", tiny(**WIDE)
    before: dict = {}
    for number, stage in enumerate(STAGES):
        found = chosen(folder, resume=number > 0, until=stage)
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


def test_networks_of_another_run_are_taken_over(tmp_path, tiny, whole):
    chosen = tiny(starts=[-1], rules=["huber:1"], step1_from=str(whole[0]))
    chosen(tmp_path / "a", until="step-2")
    theirs = {(c.rule, c.start, c.epoch): c.acd for c in read(whole[0] / "tables/candidates.csv")}
    ours = read(tmp_path / "a/tables/candidates.csv")
    assert {c.acd for c in ours if c.rule == "huber:1"} == {theirs["huber:1", 2, 1], theirs["huber:1", 2, 2]}
    logs = [(folder / "models/gan/metrics.csv").read_bytes() for folder in (tmp_path / "a", whole[0])]
    assert logs[0] == logs[1]
    with pytest.raises(ConfigError, match="makes other images"):
        replace(chosen, pair="below,left")(tmp_path / "b")
    with pytest.raises(ConfigError, match="no trained GAN"):
        replace(chosen, step1_from=tmp_path)(tmp_path / "c")


def test_a_page_is_drawn_again_without_models(tmp_path, whole):
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy, ignore=shutil.ignore_patterns("*.safetensors", "figures"))
    assert main(["report", str(copy)]) == 0
    drawn = {path.name for path in (copy / "figures").iterdir()}
    assert {"sheet-gasten.png", "sheet-rejection.png", "trade-off.png", "outputs.png"} <= drawn
    assert "realism guard" in (copy / "report.html").read_text(encoding="utf-8")


def test_an_empty_band_is_an_answer(tmp_path, tiny, whole, no_page):
    found = tiny(**WIDE, band=1e-9, step2_from=str(whole[0]))(tmp_path / "run")
    assert found["band_share.gasten"].value == 0
    assert found["patterns"].value == 0
    told = " ".join(found.warnings)
    assert "The band is empty" in told
    assert "No structure found" in told
    (note,) = drawings.prototypes(Stored.read(tmp_path / "run")).blocks
    assert "no image lies in the band" in note.text


def test_a_classifier_of_the_users_own_is_asked_and_left_alone(tmp_path, tiny, whole, no_page):
    asked = tiny(model="test_ambiguity:Sums", others=[])
    asked(tmp_path / "one", until="classifier")
    assert read_json(tmp_path / "one/models/subject.json")["temperature"] > 0
    assert not (tmp_path / "one/models/subject").exists()
    told = [read_json(tmp_path / "one/models/subject.json")]
    for name in ("Two", "Chances"):
        replace(asked, model=f"test_ambiguity:{name}")(tmp_path / name, until="classifier")
        told.append(read_json(tmp_path / name / "models/subject.json"))
    assert [one["outputs"] for one in told] == ["logits", "logits", "probabilities"]
    assert {round(one["temperature"], 3) for one in told} == {round(told[0]["temperature"], 3)}
    shared = {"rules": ["l1:1"], "step1_from": str(whole[0])}
    three = tiny(model="test_ambiguity:Three", others=[], calibrate=False, **shared)
    found = three(tmp_path / "three")
    mass = load_arrays(tmp_path / "three/representation/samples_real.npz")["mass"]
    assert ((mass > 0) & (mass < 1)).all()
    assert found["band_share.gasten"].null.name == "rejection from the plain GAN"  # no control was trained
    with pytest.raises(DataError, match="image"):
        replace(three, image_size=20, step1_from=None)(tmp_path / "size")


def test_a_collapsed_generator_and_one_cluster_are_told(tmp_path, tiny, whole, monkeypatch, no_page):
    monkeypatch.setattr(Gan, "generate", lambda gan, noise: 0.4 + 1e-6 * gan.generator(noise))
    asked = tiny(**WIDE, model="test_ambiguity:Two", others=[], step2_from=str(whole[0]))
    found = asked(tmp_path / "run")
    told = " ".join(found.warnings)
    assert all(f"images of {name} differ 0.0%" in told for name in ("rejection", "latent", "gasten"))
    assert found["band_share.gasten"].value == 1
    assert "all examples are alike" in told
    assert read_json(tmp_path / "run/run.json")["status"] == "finished"


def test_a_diverging_gan_loses_nothing_and_is_resumed_after_mending(tmp_path, tiny, whole, monkeypatch):
    folder, chosen = tmp_path / "run", tiny(**WIDE)
    shutil.copytree(whole[0], folder, ignore=shutil.ignore_patterns("huber-1_*", "tables", "*.html"))
    (folder / "findings.json").unlink()
    kept = {path: path.read_bytes() for path in (folder / "models").rglob("*.safetensors")}
    with monkeypatch.context() as patch:
        patch.setattr(Gan, "generator_loss", lambda gan, fakes: fakes.sum() * torch.nan)
        with pytest.raises(TrainingDiverged, match="generator"):
            chosen(folder, resume=True)
    assert read_json(folder / "run.json")["status"] == "failed"
    assert all(path.read_bytes() == held for path, held in kept.items())
    assert main(["report", str(folder)]) == 2
    chosen(folder, resume=True, until="step-2")
    assert read(folder / "tables/candidates.csv") == read(whole[0] / "tables/candidates.csv")


def test_a_run_of_an_older_layout_is_refused_in_words(tmp_path, whole):
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy, ignore=shutil.ignore_patterns("*.safetensors"))
    table = copy / "tables/candidates.csv"
    table.write_text(table.read_text().replace("frechet_share", "frechet_part"))
    with pytest.raises(DataError, match=r"another version of lightwell.*run the study again"):
        Stored.read(copy)


def test_rejection_that_wins_is_named_plainly():
    def won(guard, far):
        names = ("guard_score.{}.band", "frechet.{}", "band_share.{}")
        pairs = zip(names, (guard, far, (0.03, 0.16)), strict=True)
        found = Findings(
            Estimate(name.format(which), value)
            for name, values in pairs
            for which, value in zip(("rejection", "gasten"), values, strict=True)
        )
        return " ".join(_of_rejection(found))

    both = won((0.2, -0.1), (24, 120))
    assert "score 0.20 with the discriminator, GASTeN's -0.10; over all images its Fréchet" in both
    assert "distance is 24, GASTeN's 120. What GASTeN changes is the yield: 16.0%" in both
    assert "discriminator" not in won((0, 0.1), (24, 120))
    assert won((0, 0.1), (120, 24)) == ""


def test_patterns_are_those_of_rejection_where_no_guard_holds(tmp_path, tiny, whole, no_page):
    shutil.copytree(
        whole[0],
        tmp_path / "run",
        ignore=shutil.ignore_patterns("report.html", "representation", "candidates.csv", "statistics.npz"),
    )
    strict = tiny(**WIDE, least_guard=99)
    (tmp_path / "run/config.yaml").write_text(strict.to_yaml())
    found = strict(tmp_path / "run", resume=True)
    (guard,) = (told for told in found.warnings if "speckle, not ambiguity" in told)
    assert "huber:1, fails by its score and" in guard
    assert "rejection, fails by its score and" in guard
    assert "Pull less" not in guard
    assert Stored.read(tmp_path / "run").source == "rejection"
    assert any("Undecided images of rejection" in told for told in found.warnings)


def test_the_pick_takes_realism_first(tiny):
    def one(rule, share, frechet, guard, distance):
        return Candidate(rule, 5, 1, distance, share, frechet, frechet / 400, guard, 0.0, 0.0, 0.0)

    pool = [one("control", 0.9, 1, 9, 0), one("l1:25", 0.5, 260, -0.8, 0.1), one("l1:1", 0.1, 60, 0, 0.3),
            one("mgda", 0.2, 90, -0.1, 0.2), one("huber:1", 0.15, 95, -0.1, 0.25)]  # fmt: skip
    marked = picked(pool, tiny())
    assert the_pick(marked).rule == "mgda"
    assert [c.efficient for c in marked] == [False, False, True, True, False]
    assert the_pick(picked(pool, tiny(least_guard=10))).rule == "l1:1"  # the best guard of those that pull


def test_the_guard_names_the_half_that_fails_and_blames_the_plain_gan(tiny):
    def one(rule, score, share):
        return Candidate(rule, 5, 1, 0.3, 0.1, 9.0, share, score, 0.0, 0.0, 0.0)

    good, strict = one("step 1", 0.0, 0.1), tiny(least_guard=-0.3, most_frechet=0.4)
    pulled = one("l1:25", -0.9, 0.6)
    assert _failed(pulled, strict) == "score and its Fréchet distance"
    assert _failed(one("l1:25", 0, 0.6), strict) == "Fréchet distance"
    assert _failed(good, strict) == ""
    assert "Pull less" in _advice([good, pulled], pulled, strict)
    told = _advice([one("step 1", 0, 0.6), pulled], pulled, strict)
    assert "fails by its Fréchet distance, too" in told
    assert "train step 1 for longer" in told


def test_a_model_that_does_not_know_the_pair_names_its_classes(tmp_path, tiny, whole):
    theirs = tiny(model=str(whole[0] / "models/subject"), pair="below,left")
    with pytest.raises(ConfigError, match=r"two of its classes: left, right, got below.*--pair"):
        theirs(tmp_path / "run")


def test_every_setting_has_a_help_text(capsys):
    assert main(["ambiguity", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for said in ("Epochs of step 2 between", "Steps of the latent search", "most Fréchet distance",
                 "whose plain GAN is taken", "all of whose networks"):  # fmt: skip
        assert said in text


def test_numbers_that_are_none_are_no_headlines(tmp_path, capsys):
    _tell(tmp_path, Findings([Estimate("accuracy", 0.5), Estimate("silhouette_gap", float("nan"))]))
    assert "silhouette" not in capsys.readouterr().out


def test_parts_hold_the_pair_alone():
    parts = parts_of(Ambiguity(pair="right,left"), lights())
    assert parts.names == ("right", "left")
    assert parts.columns == (1, 0)
    assert (parts.every.n, parts.train.n, parts.validation.n, parts.test.n) == (144, 80, 16, 24)
    right = lights().take(np.asarray(parts.train.ids)[parts.train.labels == 1])
    assert set(right.labels) == {1}
    assert parts_of(Ambiguity(pair="1,0"), lights()).names == ("right", "left")
    ids = [set(np.asarray(part.ids).tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_class_names_may_hold_commas():
    data = replace(lights(), class_names=("left", "up, or right", "below"))
    assert parts_of(Ambiguity(pair="up, or right,left"), data).names == ("up, or right", "left")
    assert parts_of(Ambiguity(pair="0, up, or right"), data).columns == (0, 1)
    with pytest.raises(ConfigError, match="two classes"):
        parts_of(Ambiguity(pair="up,right,left"), data)


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        ("right", ConfigError, "two classes"),
        ("right,right", ConfigError, "twice"),
        ("right,up", DataError, "no class 'up'"),
        ("right,empty", DataError, "has no images"),
    ],
)
def test_a_pair_that_is_not_there_is_refused(tmp_path, tiny, pair, error, message):
    data = replace(lights(), class_names=("left", "right", "below", "empty"))
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
def test_settings_that_cannot_be_are_refused(tiny, settings, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**settings)


def test_an_unknown_stage_is_refused_and_a_study_without_any_says_so(tmp_path, tiny):
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


def test_one_sided_rules_are_told(tiny):
    chosen = tiny(rules=["kl:1"])
    assert chosen.parsed_rules[0].name == "kl"
    with pytest.warns(UserWarning, match="towards p = 1"):
        Rule.parse("kl:1")


def test_a_stage_is_named_on_the_command_line(tmp_path, lights_npz, capsys):
    words = ["ambiguity", "--preset", "smoke", "--data", str(lights_npz), "--pair", "right,left"]
    words += ["--calibrate", "false", "--out", str(tmp_path / "run"), "--until", "classifier"]
    assert main(words) == 0
    assert (tmp_path / "run/models/other_1/model/model.safetensors").is_file()
    assert not (tmp_path / "run/models/judge").exists()
    (line,) = capsys.readouterr().out.splitlines()  # there is no page to name yet
    assert line.startswith(f"stopped after classifier in {tmp_path / 'run'}")
    assert "--resume" in line
    assert main(["report", str(tmp_path / "run")]) == 2
    assert "no findings yet" in capsys.readouterr().err


@pytest.mark.slow
def test_the_smoke_preset_runs_from_the_command_line(tmp_path):
    words = ["ambiguity", "--preset", "smoke", "--out", str(tmp_path / "run")]
    assert main([*words, "--until", "judge"]) == 0
    assert not (tmp_path / "run/report.html").exists()
    assert main([*words, "--resume"]) == 0
    assert (tmp_path / "run/report.html").is_file()
