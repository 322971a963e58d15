"""The commands around a run of the study ambiguity, on toy lights that lie in a file."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from toy_study import tiny_ambiguity

from lightwell.cli import main
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import load_arrays, read_json, save_arrays
from lightwell.core.findings import Findings
from lightwell.models import saved
from lightwell.models.load import load_model
from lightwell.studies.ambiguity.commands import export as exporting
from lightwell.studies.ambiguity.commands import retrain as retraining
from lightwell.studies.ambiguity.commands.export import export
from lightwell.studies.ambiguity.commands.labels import Judge, read_labels
from lightwell.studies.ambiguity.commands.retrain import retrain, verdict
from lightwell.studies.ambiguity.commands.retraining import Trial
from lightwell.studies.ambiguity.commands.shared import read_run
from lightwell.studies.ambiguity.stored import Stored


class Halves(nn.Module):
    """Features of a user's own: the light of the left half and of the right one."""

    def forward(self, images):
        return torch.stack([half.sum(dim=(1, 2, 3)) for half in images.split(8, dim=3)], dim=1)


class Narrow(nn.Module):
    """A network for other images."""

    def forward(self, images):
        return images.flatten(1) @ torch.zeros(5, 2)


@pytest.fixture
def chosen(lights_npz):
    return tiny_ambiguity(lights_npz, starts=[0, -1])


@pytest.fixture
def run(ambiguity_run):
    return ambiguity_run


@pytest.fixture(scope="session")
def exported(ambiguity_run, tmp_path_factory):
    return export(ambiguity_run, tmp_path_factory.mktemp("exported") / "ambiguous")


@pytest.fixture
def words(run, lights_npz):
    told = ["--preset", str(run / "config.yaml"), "--data", str(lights_npz)]
    return [*told, "--pos", "right", "--neg", "left"]


def test_noise_is_that_of_a_run(run, tmp_path, capsys):
    size = str(load_arrays(run / "noise.npz")["z"].shape[1])
    assert main(["ambiguity", "noise", "--nz", "40", "--z-dim", size, "--out", str(tmp_path)]) == 0
    ours, theirs = load_arrays(tmp_path / f"z_40_{size}/noise.npz"), load_arrays(run / "noise.npz")
    assert np.array_equal(ours["z"], theirs["z"])
    assert ours["seed"] == theirs["seed"]
    told = read_json(tmp_path / f"z_40_{size}/noise.json")
    assert told == {"seed": 0, "n_z": 40, "z_dim": int(size)}
    assert main(["ambiguity", "noise", "--nz", "0", "--out", str(tmp_path / "none")]) == 2
    assert "nz" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_classifiers_are_those_of_a_run_and_say_how_good_they_are(run, words, tmp_path, capsys):
    call = ["ambiguity", "classifier", *words, "--nf", "1,4", "--out", str(tmp_path)]
    assert main(call) == 0
    folder = tmp_path / "cnn-4-4.0"
    weights = [(one / "model/model.safetensors").read_bytes() for one in (folder, run / "models/subject")]
    assert weights[0] == weights[1]
    told, arrays = read_json(folder / "classifier.json"), load_arrays(folder / "outputs.npz")
    _, _, parts = read_run(run)
    model = load_model(str(folder))
    images = torch.from_numpy(np.array(parts.test.inputs[:])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        z = model.logits(model(images)).diff(dim=1)[:, 0].double()
    truth = torch.from_numpy(parts.test.labels.copy()).double()
    assert arrays["p.test"] == pytest.approx(z.sigmoid().numpy(), abs=1e-6)
    entropy = nn.functional.binary_cross_entropy_with_logits(z, truth).item()
    assert told["test"]["loss"] == pytest.approx(entropy, rel=1e-4)
    assert told["test"]["accuracy"] == ((z > 0) == (truth == 1)).double().mean().item()
    assert told["test"]["acd"] == pytest.approx((z.sigmoid() - 0.5).abs().mean().item(), abs=1e-6)
    assert told["train"]["n"] == len(arrays["p.train"]) == 80
    assert (folder / "outputs.png").read_bytes()[:4] == b"\x89PNG"
    assert "accuracy" in (folder / "model/README.md").read_text(encoding="utf-8")
    assert (tmp_path / "cnn-1-4.0/model").is_dir()
    capsys.readouterr()
    assert main(call) == 2
    assert "there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--nf", "1,x"], "with commas"),
        (["--nf", "2,2"], "with commas"),
        (["--nf", "0"], "1 or more"),
        (["--epochs", "0"], "epochs"),
        (["--pos", "up"], "no class 'up'"),
        (["--neg", "right"], "twice"),
    ],
)
def test_a_classifier_that_cannot_be_is_refused_before_work(words, tmp_path, capsys, more, message):
    out = tmp_path / "none"
    assert main(["ambiguity", "classifier", *words, *more, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert main(["ambiguity", "classifier", "--pos", "7"]) == 2


def test_statistics_of_a_pair_are_in_the_features_of_the_judge(run, words, chosen, tmp_path, capsys):
    assert main(["ambiguity", "statistics", *words, "--out", str(tmp_path)]) == 0
    weights = [
        (one / "model/model.safetensors").read_bytes() for one in (tmp_path / "judge", run / "models/judge")
    ]
    assert weights[0] == weights[1]
    found = load_arrays(tmp_path / "lights_rightvleft.npz")
    _, _, parts = read_run(run)
    images = np.concatenate([np.array(part.inputs[:]) for part in (parts.train, parts.validation)])
    with torch.no_grad():
        codes = saved.load(tmp_path / "judge/model").eval()(
            torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        )
    assert found["n"] == 96
    assert found["mu"] == pytest.approx(codes.double().mean(dim=0).numpy(), abs=1e-5)
    assert found["sigma"] == pytest.approx(np.cov(codes.double().numpy().T), abs=1e-5)
    assert main(["ambiguity", "statistics", *words, "--out", str(tmp_path), "--seed", "1"]) == 2
    assert "another seed" in capsys.readouterr().err


def test_statistics_of_every_pair_in_features_of_a_users_own(words, tmp_path, capsys):
    own = ["--features", "test_ambiguity_commands:Halves", "--out", str(tmp_path)]
    assert main(["ambiguity", "statistics", *words[:4], *own]) == 0
    told = read_json(tmp_path / "statistics.json")
    assert set(told["files"]) == {
        "lights_rightvleft.npz",
        "lights_belowvleft.npz",
        "lights_belowvright.npz",
    }
    assert told["dimensions"] == 2
    mean = load_arrays(tmp_path / "lights_belowvleft.npz")["mu"]
    assert mean[0] > 1.2 * mean[1]
    own[1] = "test_ambiguity_commands:Narrow"
    assert main(["ambiguity", "statistics", *words, *own[:2], "--out", str(tmp_path / "b")]) == 2
    assert "--image-size" in capsys.readouterr().err


def rows_of(table):
    with table.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def write_rows(table, rows):
    with table.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_band_is_exported_whole_and_filled_labels_are_safe(run, tmp_path, capsys, monkeypatch):
    out = tmp_path / "ambiguous"
    assert main(["ambiguity", "export", str(run), "--out", str(out)]) == 0
    assert f"lightwell ambiguity retrain {run} --labels" in capsys.readouterr().out
    stored, _, _ = read_run(run)
    seen, rows = stored.sets[stored.source], rows_of(out / "labels.csv")
    assert len(rows) == len(stored.rows) == len(list(out.glob("*.png"))) > 10
    for row, at in zip(rows, stored.rows, strict=True):
        with Image.open(out / row["file"]) as image:
            assert np.array_equal(np.asarray(image), seen["images"][at, ..., 0])
        assert float(row["p"]) == pytest.approx(seen["p"][at], abs=1e-4)
        assert float(row["p.nf1"]) == pytest.approx(seen["p.nf1"][at], abs=1e-4)
        assert set(row["nearest_real"].split()) <= {"left", "right"}
    assert sum(row["prototype"] == "1" for row in rows) == len(stored.prototypes["rows"])
    assert {int(row["cluster"]) for row in rows} == set(stored.patterns.labels.tolist())
    before = sorted(tmp_path.iterdir())

    def fail(*_):
        raise DataError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "write_table", fail)
        with pytest.raises(DataError, match="no room"):
            export(run, out)
    assert sorted(tmp_path.iterdir()) == before
    assert export(run, out) == out  # nothing was filled in
    rows[0]["label"] = "left"
    write_rows(out / "labels.csv", rows)
    assert main(["ambiguity", "export", str(run), "--out", str(out)]) == 2
    assert "1 filled in" in capsys.readouterr().err
    assert rows_of(out / "labels.csv")[0]["label"] == "left"
    (tmp_path / "mine").mkdir()
    for name in ("labels.csv", "holiday.png"):
        (tmp_path / "mine" / name).write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        export(run, tmp_path / "mine")
    assert len(list((tmp_path / "mine").iterdir())) == 2
    with pytest.raises(ConfigError, match="holds no run"):
        export(tmp_path)


def test_retraining_stands_beside_plain_images_and_nothing(run, tmp_path, capsys, monkeypatch):
    out, held, few = tmp_path / "again", read_run(run), np.ones(80, bool)
    few[:2] = False  # the band of these lights holds all samples
    monkeypatch.setattr(retraining, "read_run", lambda *_: held)
    monkeypatch.setattr(Stored, "band", lambda *_: few)
    assert main(["ambiguity", "retrain", str(run), "--seeds", "2", "--out", str(out)]) == 0
    told, printed = read_json(out / "retrain.json"), capsys.readouterr().out
    assert told["labeller"] == "judge"
    assert "The judge of the run was the labeller" in printed
    assert "The judge of the run was the labeller" in (out / "report.html").read_text(encoding="utf-8")
    arms = [(one["arm"], one["seed"]) for one in told["trials"]]
    assert [arm for arm, _ in arms] == ["before", *["nothing added", "plain added", "ambiguous added"] * 2]
    assert arms[1][1] == arms[2][1] == arms[3][1] != arms[4][1]
    stored, _, parts = held
    before = told["trials"][0]
    assert before["accuracy.test"] == stored.findings["accuracy"].value
    assert before["acd.test"] == pytest.approx(stored.findings["acd.rejection"].null.value)
    assert before["still_undecided"] == 1
    assert sum(told["added"]["ambiguous added"]) == len(stored.rows)
    assert sum(told["added"]["plain added"]) == 2
    assert f"Only 2 images of {stored.source} are decided, {len(stored.rows)} undecided" in printed
    share = [one["band_share.synthetic"] for one in told["trials"] if one["arm"] == "plain added"]
    found = {one["name"]: one for one in told["findings"]}
    assert found["band_share.synthetic"]["null"]["value"] == pytest.approx(np.mean(share))
    assert found["band_share.synthetic"]["n"] == 2
    assert parts.train.n == 80


def test_the_verdict_needs_ranges_apart():
    def trials(plain, own):
        arms = {"before": [0.3], "nothing added": [0.2, 0.2], "plain added": plain, "ambiguous added": own}
        return [
            Trial(arm, seed, {"band_share.synthetic": share}, np.zeros(1))
            for arm, shares in arms.items()
            for seed, share in enumerate(shares)
        ]

    assert "did more" in verdict(trials([0.3, 0.2, 0.3], [0.1, 0.1, 0.19]))
    assert "did less" in verdict(trials([0.1, 0.1, 0.1], [0.2, 0.11, 0.3]))
    mixed = verdict(trials([0.1, 0.2, 0.15], [0.19, 0.1, 0.1]))
    assert "did no more" in mixed
    assert "30.0% of fresh synthetic images before, 13.0% with the undecided" in mixed
    assert "nothing follows" in verdict(trials([0.2], [0.1]))


def test_labels_of_a_human_are_used_as_they_are(run, tmp_path, no_page):
    stored, _, parts = read_run(run)
    table = export(run, tmp_path / "ambiguous") / "labels.csv"
    rows = rows_of(table)
    judge = saved.load(run / "models/judge/model").eval()
    images = torch.from_numpy(stored.sets[stored.source]["images"][stored.rows]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        scores = judge.logits(judge(images))
    said = (scores[:, parts.columns[0]] >= scores[:, parts.columns[1]]).tolist()
    for row, right in zip(rows, said, strict=True):
        row["label"] = "right" if right else "left"
    write_rows(table, rows)
    assert np.array_equal(read_labels(table, stored).rows, stored.rows)
    assert read_labels(table, stored).labels.tolist() == said
    assert Judge(stored, parts).labels(stored.sets[stored.source]["images"][stored.rows]).tolist() == said
    rows[0]["label"], rows[1]["label"] = "neither", ""
    rows[2]["label"] = "left" if said[2] else "right"
    write_rows(table, rows)
    found = retrain(run, table, seeds=1, out=tmp_path / "other")
    told = read_json(tmp_path / "other/retrain.json")
    assert stored.band(stored.source).all()  # so that no plain image is left to stand beside
    assert [one["arm"] for one in told["trials"]] == ["before", "nothing added", "ambiguous added"]
    assert {one.null.name for one in found} == {"nothing added"}
    assert "No image is decided" in told["notes"][0]
    assert told["labeller"] == "human"
    assert told["left_out"] == 2
    assert told["judge_agrees"] == pytest.approx(1 - 1 / (len(rows) - 2))
    assert sum(told["added"]["ambiguous added"]) == len(rows) - 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": "up"}, "line 2.*right, left, neither"),
        ({"file": "99999.png", "label": "left"}, "not one of the run's undecided"),
        ({"p": "0.0001", "label": "left"}, "export again"),
        ({"p": "", "label": "left"}, "export again"),
        ({"twice": True, "label": "left"}, "labelled twice"),
        ({}, "no label is filled in"),
        ({"columns": ["file", "label"]}, "columns file, p and label"),
        (None, "cannot be read"),
    ],
)
def test_labels_that_do_not_fit_are_refused(run, exported, tmp_path, changed, message):
    table = tmp_path / "labels.csv"
    if changed is not None:
        rows = rows_of(exported / "labels.csv")
        rows[0] |= {key: value for key, value in changed.items() if key in rows[0]}
        rows = rows + rows[:1] if "twice" in changed else rows
        columns = changed.get("columns", list(rows[0]))
        write_rows(table, [{key: row[key] for key in columns} for row in rows])
    with pytest.raises(DataError, match=message):
        retrain(run, table, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_retrained_is_refused(run, chosen, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    theirs = replace(chosen, model="test_ambiguity_commands:Halves")
    (copy / "config.yaml").write_text(theirs.to_yaml(), encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be trained again here"):
        retrain(copy, seeds=1)
    assert main(["ambiguity", "export", str(copy)]) == 0
    told = capsys.readouterr().out
    assert "ambiguity retrain" not in told
    assert "classifier's own training" in told
    shutil.rmtree(copy / "ambiguous")
    (copy / "config.yaml").write_text(replace(chosen, seed=5).to_yaml(), encoding="utf-8")
    with pytest.raises(ConfigError, match="not those of the run"):
        export(copy)
    assert main(["ambiguity", "retrain", str(run), "--seeds", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="holds a run"):
        retrain(run, out=run)
    shutil.copyfile(run / "findings.json", copy / "kept.json")
    (copy / "findings.json").unlink()
    with pytest.raises(DataError, match="no findings yet"):
        retrain(copy)
    assert len(Findings.read(copy / "kept.json")) > 20


def test_an_empty_band_and_rows_of_other_samples_are_refused_in_words(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    path = copy / "representation/patterns.npz"
    save_arrays(path, {name: array[:0] for name, array in load_arrays(path).items()})
    for command in (export, retrain):
        with pytest.raises(
            DataError, match="no image lies in the band of rejection, since the guard held for no"
        ):
            command(copy)
    assert not (copy / "ambiguous").exists()
    arrays = load_arrays(run / "representation/patterns.npz")
    save_arrays(path, arrays | {"rows": arrays["rows"][::-1] * 0})
    with pytest.raises(DataError, match="do not belong together"):
        export(copy)
