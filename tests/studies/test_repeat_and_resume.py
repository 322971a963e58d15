"""The same settings give the same numbers, wherever they come from and however often a run was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from toy_study import KNOWN, numbers, run_only, toy, toy_settings

from lightwell.cli import main
from lightwell.core.errors import LightwellError, TrainingDiverged
from lightwell.core.files import read_json
from lightwell.data import Dataset
from lightwell.studies import study

SLOW_EPOCHS = {"training": {"epochs": 4, "batch_size": 2}}


def weights(folder):
    return [(folder / place / "model.safetensors").read_bytes() for place in ("model", "baseline/model")]


def test_the_same_seed_gives_the_same_findings_and_another_seed_others(tmp_path):
    first = run_only(tmp_path / "a", toy(), **toy_settings())
    again = run_only(tmp_path / "b", toy(), **toy_settings())
    other = run_only(tmp_path / "c", toy(), **toy_settings(seed=1))
    assert numbers(first) == numbers(again)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert numbers(first) != numbers(other)
    assert weights(tmp_path / "a")[0] != weights(tmp_path / "c")[0]


def test_config_yaml_repeats_the_run(tmp_path, toy_npz):
    first = run_only(tmp_path / "a", data=str(toy_npz), **toy_settings(seed=3))
    again = study("open-set").from_preset(str(tmp_path / "a" / "config.yaml"))
    assert again.seed == 3
    second = run_only(tmp_path / "b", **{k: getattr(again, k) for k in vars(again)})
    assert numbers(first) == numbers(second)
    assert (tmp_path / "a" / "config.yaml").read_text() == (tmp_path / "b" / "config.yaml").read_text()


def test_own_arrays_in_three_lines(tmp_path):
    arrays = toy()
    dataset = Dataset.from_arrays(arrays.inputs, arrays.labels, ["cat", "dog", "owl", "fish"], name="pets")
    run = study("open-set").from_preset("smoke", method="softmax", **toy_settings(training={"epochs": 8}))
    findings = run(tmp_path / "pets", dataset=dataset)
    assert findings["accuracy"].value > 0.9
    status = read_json(tmp_path / "pets" / "run.json")
    assert status["data"]["name"] == "pets"
    assert status["data"]["known"] == list(KNOWN)
    assert status["data"]["unknown"] == ["fish"]
    page = (tmp_path / "pets" / "report.html").read_text()
    assert "Open set: pets" in page
    assert "opaque" in page  # softmax: no axis belongs to a class
    assert not (tmp_path / "pets" / "baseline").exists()
    assert not (tmp_path / "pets" / "tables" / "reasons.csv").exists()
    assert "inside_sphere_share" not in findings


def test_a_data_set_of_the_users_comes_out_as_it_went_in(tmp_path):
    dataset = toy()
    inputs, labels = dataset.inputs.copy(), dataset.labels.copy()
    run_only(tmp_path / "a", dataset, **toy_settings())
    assert (dataset.inputs == inputs).all()
    assert (dataset.labels == labels).all()


def test_train_images_takes_from_every_class_where_files_lie_class_by_class(tmp_path):
    by_class = toy().take(toy().labels.argsort(kind="stable"))
    findings = run_only(tmp_path / "a", by_class, **toy_settings(train_images=90))
    sizes = read_json(tmp_path / "a" / "run.json")["data"]["sizes"]
    assert sizes["train"] + sizes["calibration"] == 90
    assert findings["accuracy"].null.value == pytest.approx(1 / 3)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, toy_npz):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run_only(folder, data=str(toy_npz), **toy_settings(**SLOW_EPOCHS))


@pytest.mark.parametrize(
    ("number", "code", "status"),
    [
        (signal.SIGINT, 130, "interrupted"),
        pytest.param(signal.SIGTERM, 143, "interrupted", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, "interrupted", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, "running", marks=pytest.mark.slow),
    ],
    ids=["ctrl-c", "sigterm", "sighup", "kill-9"],
)
def test_stopped_and_resumed_ends_as_if_never_stopped(
    tmp_path, toy_npz, uninterrupted, capsys, number, code, status
):
    whole, findings = uninterrupted
    folder = tmp_path / "stopped"
    words = ["open-set", "--preset", "smoke", "--data", str(toy_npz), "--known", ",".join(KNOWN)]
    words += ["--calibration", "0.25", "--n-resamples", "40", "--epochs", "4", "--batch-size", "2"]
    command = [sys.executable, "-m", "lightwell", *words, "--out", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (folder / "checkpoints" / "last.ckpt").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        told = process.stderr.read()
        assert process.wait(60) == code, told
    assert "Traceback" not in told
    assert read_json(folder / "run.json")["status"] == status
    assert not (folder / "model" / "model.safetensors").exists()
    assert main(["report", str(folder)]) == 2
    assert "no findings yet" in (said := capsys.readouterr().err)
    assert "the status interrupted" in said
    resumed = run_only(folder, data=str(toy_npz), resume=True, **toy_settings(**SLOW_EPOCHS))
    assert numbers(resumed) == numbers(findings)
    assert weights(folder) == weights(whole)
    assert read_json(folder / "run.json")["status"] == "finished"


@pytest.mark.parametrize("method", ["difair", "softmax"])
def test_a_diverging_training_stops_at_once_and_names_term_and_batch(tmp_path, method):
    term = {"difair": "anchor|tuplet", "softmax": "cross_entropy"}[method]
    settings = toy_settings(method=method, optimizer={"lr": 1e9, "warmup": 0}, training={"batch_size": 8})
    with pytest.raises(TrainingDiverged, match=rf"'({term})' is (inf|nan) \(in epoch 0, batch \d\).*lr"):
        run_only(tmp_path / "a", toy(), **settings)
    status = read_json(tmp_path / "a" / "run.json")
    assert status["status"] == "failed"
    assert status["error"].startswith("TrainingDiverged")
    assert not (tmp_path / "a" / "findings.json").exists()


def test_after_a_mistake_in_its_settings_a_folder_takes_the_next_attempt(tmp_path):
    with pytest.raises(LightwellError, match="no class 'cow'"):
        run_only(tmp_path / "a", toy(), **toy_settings(known=["cat", "cow"]))
    assert read_json(tmp_path / "a" / "run.json")["status"] == "failed"
    run_only(tmp_path / "a", toy(), **toy_settings())
    assert read_json(tmp_path / "a" / "run.json")["status"] == "finished"
