"""The study `discovery`: what a run leaves behind, what its numbers are, names, and what it refuses."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from toy_study import numbers

from lightwell.cli import main
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import load_arrays, read_json
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.data import load
from lightwell.metrics.clustering import baseline_clusters
from lightwell.models import saved
from lightwell.report.blocks import figures_of
from lightwell.studies import study
from lightwell.studies.discovery import names
from lightwell.studies.discovery.activations import map_variance, sparsity
from lightwell.studies.discovery.mistakes import mistakes
from lightwell.studies.discovery.parts import parts_of
from lightwell.studies.discovery.watch import Watch
from lightwell.training import Run

FEW = {"train_images": 60, "test_images": 50, "n_resamples": 40}


def run_only(folder, dataset=None, resume=False, **settings) -> Findings:
    """Run a smoke study into a folder and draw no page."""
    chosen = study("discovery").from_preset("smoke", **FEW | settings)
    with Run(folder, chosen.name, seed=chosen.seed, config=chosen.to_yaml(), resume=resume) as run:
        return chosen.run(run, dataset)


def toy(classes: int = 2, n: int = 120, fine: bool = False) -> Dataset:
    """Coarse classes of bright bars, two places each."""
    rng = np.random.default_rng(0)
    places = np.arange(n) % (2 * classes)
    images = rng.integers(0, 90, (n, 8, 8, 1), dtype=np.uint8)
    images[np.arange(n), places] = 250
    factors = {"factors": places[:, None], "factor_names": ("subclass",)} if fine else {}
    return Dataset.from_arrays(images, [f"class {p // 2}" for p in places], name="bars", **factors)


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    """A run from the command line; read it, change nothing."""
    folder = tmp_path_factory.mktemp("discovery") / "run"
    assert main(["discovery", "--preset", "smoke", "--out", str(folder)]) == 0
    return folder


def test_a_run_leaves_what_is_promised(smoke):
    found = Findings.read(smoke / "findings.json")
    for name in (
        *("coarse_accuracy", "coarse_accuracy.worst", "fine_accuracy", "nmi", "ari", "active_experts"),
        *("cluster_accuracy.low", "cluster_accuracy.high", "cluster_accuracy.high.worst"),
        *(f"cluster_accuracy.low.{rival}" for rival in ("kmeans", "gmm", "collapsed")),
        *("gate_information.low", "gate_confidence.high", "restart_agreement", "active_experts.low"),
    ):
        assert found[name].null is not None, name
    assert found["cluster_accuracy.low.matched_random"].value > 0.2
    assert found["cluster_accuracy.low"].n == found["coarse_accuracy.std"].n == 2
    for place in ("restarts/0", "restarts/1"):
        assert (smoke / place / "model" / "model.safetensors").is_file()
        assert Representation.load(smoke / place / "representation" / "train.npz").n == 300
    facts = read_json(smoke / "run.json")["data"]
    assert facts["sizes"] == {"train": 300, "watched": 15, "test": 200}
    assert facts["classes"] == ["low", "high"]
    rows = table(smoke, "epochs")
    assert [(row["epoch"], row["restart"]) for row in rows] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
        ("1", "1"),
    ]
    assert all(float(row["weight_distance.gate"]) > 0 for row in rows)
    assert len(table(smoke, "cells")) == 10
    assert len(table(smoke, "baselines")) == 12
    assert table(smoke, "restarts")[0]["seed"] == "0"
    arrays = load_arrays(smoke / "epochs" / "1.npz")
    assert arrays["train.gate"].shape == (2, 300, 5)
    assert arrays["test.log_probabilities"].shape == (2, 200, 2)
    assert set(arrays["test.target"]) == set(range(10))
    scores = table(smoke, "scores")
    assert len(scores) == 400
    assert sum(float(scores[7][f"gate.{e}"]) for e in range(5)) == pytest.approx(1, abs=1e-5)
    page = (smoke / "report.html").read_text()
    assert "Gaussian mixture" in page
    assert "Warning" in page  # two epochs are not enough for a gate


def test_the_numbers_are_those_of_the_stored_arrays(smoke):
    """An independent reading of what is stored gives the findings."""
    found, arrays = Findings.read(smoke / "findings.json"), load_arrays(smoke / "epochs" / "1.npz")
    fine, coarse = arrays["test.target"].astype(int), arrays["test.coarse"].astype(int)
    np.testing.assert_array_equal(coarse, fine >= 5)
    shares = []
    for place in ("restarts/0", "restarts/1"):
        view = Representation.load(smoke / place / "representation" / "test.npz")
        chosen = view.codes[:, :5].argmax(axis=1)
        low = coarse == 0
        counts = np.zeros((5, 5), int)
        np.add.at(counts, (chosen[low], fine[low]), 1)
        shares.append(counts[linear_sum_assignment(-counts)].sum() / low.sum())
        model = saved.load(smoke / place / "model")
        np.testing.assert_array_equal(view.predictions, view.logits.argmax(axis=1))
        assert model.n_experts == 5
    assert found["cluster_accuracy.low"].value == pytest.approx(np.mean(shares))
    assert found["cluster_accuracy.low.worst"].value == pytest.approx(min(shares))
    assert found["cluster_accuracy.low.std"].value == pytest.approx(np.std(shares, ddof=1))
    last = [float(row["cluster_accuracy.low"]) for row in table(smoke, "epochs")[-2:]]
    assert last == pytest.approx(shares)


def test_names_appear_and_are_kept(smoke, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(smoke, copy)
    shutil.rmtree(copy / "model")  # the page asks no model
    (copy / "figures" / "cells.png").unlink()
    file = copy / "subclasses.yaml"
    assert "low:\n  0: ''" in file.read_text()
    file.write_text("low: {0: open fours}\nhigh: {3: 7, 4: }\n")
    assert main(["report", str(copy)]) == 0
    assert "open fours" in (copy / "report.html").read_text()
    assert (copy / "figures" / "cells.png").is_file()
    given = {(row["coarse class"], row["expert"]): row["name"] for row in table(copy, "cells")}
    assert (given["low", "0"], given["high", "3"], given["high", "4"]) == ("open fours", "7", "")
    names.offer(copy, ("low", "high"), None)
    assert "open fours" in file.read_text()
    for text, told in (
        ("low: [", "cannot be read"),
        ("- low", "names are a mapping"),
        ("low: ones", "names are a mapping"),
        ("lwo: {0: a}", "no such coarse class.*Did you mean 'low'"),
        ("low: {5: a}", "no expert of this number for 'low'.*0, 1, 2, 3, 4"),
        ("low: {0: [a]}", "a name is one text"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=told):
            names.read(copy, ("low", "high"), np.ones((2, 5), bool))
    assert main(["report", str(copy)]) == 2
    assert "a name is one text" in capsys.readouterr().err


def test_stopped_and_resumed_ends_as_if_never_stopped(tmp_path, monkeypatch):
    settings = {"training": {"epochs": 3}, "coarse": ""}
    whole = run_only(tmp_path / "whole", toy(fine=True), **settings)
    watch = Watch.__call__

    def stop(self, module, epoch):
        watch(self, module, epoch)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "__call__", stop)
    with pytest.raises(KeyboardInterrupt):
        run_only(tmp_path / "cut", toy(fine=True), **settings)
    monkeypatch.setattr(Watch, "__call__", watch)
    resumed = run_only(tmp_path / "cut", toy(fine=True), resume=True, **settings)
    assert numbers(resumed) == numbers(whole)
    for name in (
        "tables/epochs.csv",
        "tables/restarts.csv",
        "tables/scores.csv",
        "epochs/1.json",
        "epochs/2.npz",
    ):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    again = run_only(tmp_path / "cut", toy(fine=True), resume=True, **settings)  # models are read back
    assert numbers(again) == numbers(whole)


def test_one_restart_is_the_first_of_several(tmp_path):
    """Members end where a single training ends, and a run of one has no word on stability."""
    one = run_only(tmp_path / "one", toy(fine=True), restarts=1, scores="last")
    run_only(tmp_path / "two", toy(fine=True))
    first, same = (saved.load(tmp_path / name / "model").state_dict() for name in ("one", "two"))
    for key, tensor in first.items():
        torch.testing.assert_close(tensor, same[key], rtol=1e-3, atol=1e-5)
    assert "restart_agreement" not in one
    assert one["fine_accuracy"].n == 24  # test images: an interval of one restart is over them
    assert sorted(p.name for p in (tmp_path / "one" / "epochs").glob("*.npz")) == ["1.npz"]
    assert "raise restarts" in study("discovery").page(tmp_path / "one").summary[1].text


def test_mistakes_of_any_epoch_and_restart(smoke, tmp_path):
    view = Representation.load(smoke / "restarts" / "1" / "representation" / "test.npz")
    wrong = int((view.predictions != view.labels).sum())
    figure = mistakes(smoke, epoch=1, restart=1)
    assert figure.get_suptitle().startswith(f"{wrong} of 200 images misclassified")
    assert figure.get_suptitle() != mistakes(smoke, epoch=0, restart=1).get_suptitle()
    for (epoch, restart, data), told in {
        (2, 0, None): r"no scores of this epoch.*\[0, 1\]",
        (0, 2, None): "no such restart.*0 to 1",
        (0, 0, toy(fine=True)): "not the images of the run",
    }.items():
        with pytest.raises(DataError, match=told):
            mistakes(smoke, epoch, restart, data)


def test_sparsity_of_several_settings(smoke, tmp_path):
    """A layer that one setting lacks has no bar of it."""
    run_only(tmp_path / "deep", toy(fine=True), model={"subclasses": 2, "gate_layers": 3}, restarts=1)
    (figure,) = study("discovery").side_by_side({"2": [smoke, smoke], "3": [tmp_path / "deep"]})
    axes = figure.figure.axes[0]
    layers = [label.get_text() for label in axes.get_xticklabels()]
    assert layers[-2:] == ["gate 1", "gate 2"]
    two, three = ([bar.get_height() for bar in bars] for bars in axes.containers)
    shares = load_arrays(smoke / "representation" / "pictures.npz")["sparsity"]
    assert two == pytest.approx([*shares.mean(axis=0), 0])
    assert three[-1] > 0


def test_without_fine_labels_everything_else_is_reported(tmp_path):
    found = run_only(tmp_path / "run", toy(), model={"subclasses": 2})
    assert "fine_accuracy" not in found
    assert "cluster_accuracy.class_0" not in found
    for name in ("coarse_accuracy", "active_experts", "gate_information.class_1", "restart_agreement"):
        assert found[name].null is not None
    assert set(load_arrays(tmp_path / "run" / "epochs" / "1.npz")["test.target"]) == {-1}
    own = study("discovery").from_preset("smoke", **FEW).data_parts(toy())
    flat = [part.inputs.reshape(part.n, -1) for part in (own.train, own.test)]
    rival = baseline_clusters("kmeans", flat[0], own.train.labels, flat[1], own.test.labels, 2, 0)
    places = [tmp_path / "run" / "restarts" / str(i) for i in (0, 1)]
    views = [Representation.load(place / "representation" / "test.npz") for place in places]
    rows = own.test.labels == 1
    alike = [adjusted_rand_score(rival[rows], view.codes[rows, :2].argmax(axis=1)) for view in views]
    assert found["rival_agreement.class_1.kmeans"].value == pytest.approx(np.mean(alike))
    assert [row["clustering"] for row in table(tmp_path / "run", "baselines")] == [
        "k-means",
        "Gaussian mixture",
    ] * 2
    page = study("discovery").page(tmp_path / "run")
    assert "No fine labels are known" in page.summary[1].text
    drawn = [figure.name for figure in figures_of(page.sections)]
    assert {"cells", "gate_map", "map_of_classes", "map_of_pixels", "epochs"} < set(drawn)
    assert not [name for name in drawn if name.startswith("confusion")]


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"subclasses": [2, 3, 1]}},
        {"model": {"subclasses": 2, "encoders": "separate", "expert": "conv"}, "network": "small"},
        {"model": {"subclasses": 2, "gate_layers": 1, "balance": 0, "consistency": 0}, "network": "mlp"},
    ],
    ids=["different K", "own encoders", "no feature maps"],
)
def test_three_coarse_classes_and_other_networks(tmp_path, settings):
    found = run_only(tmp_path / "run", toy(3, fine=True), **settings)
    assert {f"cluster_accuracy.class_{c}" for c in range(3)} < {e.name for e in found}
    assert np.isfinite([e.value for e in found]).all()
    drawn = [figure.name for figure in figures_of(study("discovery").page(tmp_path / "run").sections)]
    assert ("feature_map_variance" in drawn) == (settings.get("network") != "mlp")


def test_a_batch_without_a_coarse_class_is_no_trouble(tmp_path):
    found = run_only(tmp_path / "run", toy(fine=True), training={"batch_size": 2})
    assert np.isfinite([e.value for e in found]).all()


def test_activations_are_looked_at_where_they_arise(smoke):
    model = saved.load(smoke / "model")
    images = load("mnist-mini").take(range(5))
    first = torch.nn.Sequential(*list(model.encoder.body)[:2])(
        model.standardised(torch.from_numpy(images.inputs).permute(0, 3, 1, 2) / 255)
    )
    assert sparsity(model, images)["encoder.body.1"] == pytest.approx(float((first == 0).float().mean()))
    wanted = first.flatten(2).var(dim=2, correction=0).mean(dim=1).detach().numpy()
    np.testing.assert_allclose(map_variance(model, images)["encoder.body.1"], wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"restarts": 0}, ConfigError, "out of range.*restarts.*1 or more"),
        ({"coarse": "low=0,1"}, ConfigError, "two coarse classes or more"),
        ({"coarse": "low=0,1;high=1,2"}, ConfigError, "named twice"),
        ({"coarse": "low=0,1;high=12"}, DataError, "no class '12'"),
        ({"model": {"subclasses": 500}}, DataError, "fewer images than sub-classes"),
        ({"model": {"subclasses": [2, 3, 4]}}, ConfigError, "a number for each coarse class"),
        ({"model": {"subclases": 3}}, ConfigError, "Did you mean.*subclasses"),
        ({"training": {"clip_gradient": 1}}, ConfigError, "share one gradient norm.*restarts to 1"),
        ({"validation": 0}, ConfigError, "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be(tmp_path, settings, error, told):
    with pytest.raises(error, match=told):
        run_only(tmp_path / "run", **settings)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_data_that_cannot_be():
    own = {"train_images": None, "test_images": None, "image_size": None, "validation": 0.1, "coarse": ""}
    kept = study("discovery").from_preset("smoke", **own)
    one = Dataset.from_arrays(np.zeros((20, 8, 8), np.uint8), [0] * 20, name="one")
    with pytest.raises(DataError, match=r"two coarse classes or more.*Group the classes"):
        parts_of(kept, one)
    series = Dataset.from_arrays(np.zeros((20, 8), np.float32), [0, 1] * 10, name="series")
    with pytest.raises(DataError, match="about images"):
        parts_of(kept, series)
    alike = Dataset.from_arrays(np.zeros((20, 8, 8), np.uint8), ["a b", "a_b"] * 10, name="alike")
    with pytest.raises(DataError, match="cannot be told apart"):
        parts_of(kept, alike)
    own = parts_of(replace(kept, coarse="auto"), toy(fine=True))
    assert own.coarse_names == ("class 0", "class 1")
    assert own.fine_names == ("0", "1", "2", "3")
    assert not {*own.train.ids} & {*own.watched.ids, *own.test.ids}
    with pytest.raises(DataError, match="outside"):
        Dataset.from_arrays(np.full((4, 8, 8, 1), 2.0), [0, 1, 0, 1])
