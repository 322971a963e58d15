"""The study `concepts`: what a run leaves behind, what its numbers are, and what it refuses."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy_study import numbers

from lightwell.cli import main
from lightwell.core.concepts import Concept
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import load_arrays, read_json
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.data import load
from lightwell.fleet.along import curves
from lightwell.fleet.table import Row
from lightwell.models import saved
from lightwell.studies import study
from lightwell.studies.concepts.measure import encode
from lightwell.studies.concepts.pictures import contributions, traversal_values
from lightwell.training import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

FEW = {"train_images": 80, "test_images": 60, "dci": "none", "training": {"batch_size": 40}}


def run_only(folder, dataset=None, resume=False, **settings) -> Findings:
    """Run a smoke study into a folder and draw no page."""
    chosen = study("concepts").from_preset("smoke", **FEW | settings)
    with Run(folder, chosen.name, seed=chosen.seed, config=chosen.to_yaml(), resume=resume) as run:
        return chosen.run(run, dataset)


@pytest.fixture(scope="module")
def sprites() -> Dataset:
    return load("dsprites", n=200)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    """A run from the command line; read it, change nothing."""
    folder = tmp_path_factory.mktemp("concepts") / "run"
    words = ["--preset", "smoke", "--train_images", "300", "--test_images", "250", "--supervision", "0.5"]
    assert main(["concepts", *words, "--out", str(folder)]) == 0
    return folder


def test_a_run_leaves_what_is_promised(smoke):
    found = Findings.read(smoke / "findings.json")
    for name in (
        *("label_accuracy", "linear_probe.label_accuracy", "concept_accuracy", "concept_accuracy.shape"),
        *(
            "concept_rmse.posx",
            "alignment.lasso",
            "alignment.ols",
            "completeness.lasso",
            "explicitness.lasso",
        ),
        *("mig", "sap.discrete", "dci.fast.disentanglement", "coverage.gate", "reconstruction_error"),
        *("alignment.ols.columns", "empty_columns.lasso"),
    ):
        assert found[name].null is not None, name
    assert found["label_accuracy"].low < found["label_accuracy"].value < found["label_accuracy"].high
    assert found["explicitness.ceiling"].value == pytest.approx(0.944, abs=1e-3)
    assert found["label_accuracy.ceiling"].value == pytest.approx(0.9325, abs=1e-3)
    assert found["concept_rmse.orientation.floor"].value == pytest.approx(0.2165, abs=1e-3)
    facts = read_json(smoke / "run.json")["data"]
    assert facts["sizes"]["train"] + facts["sizes"]["validation"] == 300
    assert 0.4 < facts["sizes"]["annotated"] / facts["sizes"]["train"] < 0.6
    arrays = load_arrays(smoke / "representation" / "arrays.npz")
    assert set(arrays) == {"epoch", "codes", "factors", "y_true", "y_pred", "accepted"}
    test = Representation.load(smoke / "representation" / "test.npz")
    np.testing.assert_allclose(test.concepts, 1 / (1 + np.exp(-test.codes[:, :7])), rtol=1e-5)
    np.testing.assert_array_equal(arrays["accepted"], saved.load_gate(smoke / "model").accept(test))
    assert found["label_accuracy"].value == (arrays["y_true"] == arrays["y_pred"]).mean()


def test_the_page_draws_from_arrays_alone(smoke, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy)
    shutil.rmtree(copy / "model")
    shutil.rmtree(copy / "figures")
    assert main(["report", str(copy)]) == 0
    page = (copy / "report.html").read_text()
    assert page.count("data:image/gif;base64,") == 1
    assert "shape=heart" not in page.split("<main")[0]
    with Image.open(copy / "figures" / "traversals-moving.gif") as moving:
        assert moving.n_frames == 20
    with (copy / "tables" / "importance_ols.csv").open() as handle:
        assert [row[0] for row in csv.reader(handle)][1:] == ["shape", "scale", "orientation", "posX", "posY"]
    for name in ("reconstructions", "traversals", "prototypes", "explanations", "importance-lasso"):
        assert (copy / "figures" / f"{name}.png").is_file(), name


def test_the_numbers_are_those_of_the_arrays(smoke):
    """An independent reading of the stored arrays gives the findings."""
    found = Findings.read(smoke / "findings.json")
    test = Representation.load(smoke / "representation" / "test.npz")
    whole = load("dsprites", n=550)
    rows = np.searchsorted(whole.ids, test.ids)
    truth = whole.concepts[rows]
    shape = (test.concepts[:, :3].argmax(axis=1) == truth[:, :3].argmax(axis=1)).mean()
    assert found["concept_accuracy.shape"].value == pytest.approx(shape)
    rmse = np.sqrt(np.square(test.concepts[:, 5] - truth[:, 5]).mean())
    assert found["concept_rmse.posx"].value == pytest.approx(rmse, rel=1e-5)
    sides = [(test.concepts[:, c] > 0.5) == (truth[:, c] > 0.5) for c in range(3, 7)]
    assert found["concept_accuracy"].value == pytest.approx(np.mean([shape, *np.mean(sides, axis=1)]))
    model = saved.load(smoke / "model")
    images = torch.from_numpy(load_arrays(smoke / "representation" / "pictures.npz")["inputs"]) / 255
    rebuilt = model.decode(model(images.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
    error = (rebuilt - images).square().detach()
    assert found["reconstruction_error"].value == pytest.approx(float(error.mean()), rel=0.1)


def test_a_finished_run_is_left_and_another_data_set_is_not_resumed(tmp_path, sprites):
    first = run_only(tmp_path / "run", sprites)
    again = run_only(tmp_path / "run", sprites, resume=True)
    assert numbers(first) == numbers(again)
    with pytest.raises(ConfigError, match="the data differ"):
        run_only(tmp_path / "run", load("dsprites-balanced", n=200), resume=True)
    renamed = replace(
        sprites, concept_groups=(Concept("form", "categorical", 3), *sprites.concept_groups[1:])
    )
    with pytest.raises(ConfigError, match="the data differ"):
        run_only(tmp_path / "run", renamed, resume=True)


@pytest.mark.parametrize("method", ["cbnm", "vae"])
def test_other_methods_are_measured_as_far_as_they_go(tmp_path, sprites, method):
    found = run_only(tmp_path / "run", sprites, method=method)
    assert "alignment.lasso" in found
    assert "mig" not in found  # 40 orientations in 60 test images
    assert any("Raise test_images to" in warning for warning in found.warnings)
    assert ("concept_accuracy.shape" in found) == ("label_accuracy" in found) == (method == "cbnm")
    assert ("reconstruction_error" in found) == (method == "vae")
    study("concepts").page(tmp_path / "run").write(tmp_path / "page")
    assert (tmp_path / "page" / "report.html").is_file()


def test_binary_concepts_official_parts_and_unannotated_test_images(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (120, 2)).astype(np.float32)
    images = (truth[:, :1, None] * 200 + truth[:, 1:, None] * 50).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    truth[100] = np.nan
    parts = {"train": np.arange(80), "val": np.arange(80, 95), "test": np.arange(95, 120)}
    mine = Dataset.from_arrays(
        images, ["ab"[int(v)] for v in np.nan_to_num(truth[:, 0])], name="mine",
        concepts=truth, concept_names=["Is Big", "left"], parts=parts,
    )  # fmt: skip
    found = run_only(tmp_path / "run", mine, method="cbnm", image_size=32)
    assert found["concept_accuracy.is_big"].n == 24
    assert found["label_accuracy"].n == 25
    assert read_json(tmp_path / "run" / "run.json")["data"]["sizes"]["validation"] == 15
    assert "mig" in found  # binary concepts serve as factors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"supervision": 0}, "supervision.*above 0"),
        ({"supervision": 1e-9}, "no training example is annotated"),
        ({"method": "difair"}, "method"),
        ({"traversal": "zigzag"}, "traversal"),
        ({"n_resamples": 3}, "40 or more"),
        ({"model": {"latents": 5}}, "too few latents"),
    ],
)
def test_bad_settings_are_refused_before_training(tmp_path, sprites, settings, message):
    with pytest.raises((ConfigError, DataError), match=message):
        run_only(tmp_path / "run", sprites, **settings)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_data_that_cannot_be_used_are_refused_before_training(tmp_path, sprites):
    plain = Dataset.from_arrays(sprites.inputs[:40], [0, 1] * 20, name="plain")
    series = Dataset.from_arrays(np.zeros((8, 9, 1), np.float32), ["a", "b"] * 4, name="beats")
    for data, message in (
        (plain, "declares no concepts"),
        (series, "about images"),
        (replace(sprites, labels=np.zeros(200, np.int64)), "two classes or more"),
        (replace(sprites, labels=np.full(200, -1)), "two classes or more"),
    ):
        with pytest.raises(DataError, match=message):
            run_only(tmp_path / "run", data)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_paper_presets_run_an_epoch_on_files_in_the_official_layout(tmp_path):
    from concept_layouts import write_celeba

    write_celeba(tmp_path / "celeba", 250)
    chosen = study("concepts").from_preset(
        "paper", data="celeba", data_dir=tmp_path, method="cbnm", dci="none", network="shallow-linear",
        training={"epochs": 1},
    )  # fmt: skip
    assert (chosen.optimizer.floor, chosen.model.concept_weight, chosen.training.patience) == (1e-3, 7000, 10)
    found = chosen(tmp_path / "run")
    assert "concept_accuracy.bald" in found


def test_presets_of_every_method_and_data_set_can_be_read():
    for method in ("glancenet", "cbnm", "vae"):
        for preset, data in (("small", "dsprites"), ("paper", "mpi3d-toy"), ("paper", "celeba")):
            made = study("concepts").from_preset(preset, method=method, data=data)
            assert (made.method, made.data) == (method, data)
    assert made.label.startswith("celeba_vae_supervision1_seed0_")
    assert study("concepts").from_preset("small", seed=2).label == "dsprites_glancenet_supervision1_seed2"
    paper = study("concepts").from_preset("paper", data="mpi3d-toy")
    assert (paper.model.label_weight, paper.network, paper.optimizer.lr) == (1000, "padless64", 0.001)


def test_traversals_take_the_values_of_their_mode():
    codes = np.array([[0.0, 1.0], [4.0, 1.0]])
    np.testing.assert_allclose(
        traversal_values(codes, "fitted", 3)[0], [2 - 2 * 1.644854, 2, 2 + 2 * 1.644854], rtol=1e-5
    )
    np.testing.assert_allclose(traversal_values(codes, "gaussian", 3)[1], [-1.644854, 0, 1.644854], atol=1e-5)
    np.testing.assert_allclose(traversal_values(codes, "interval", 3), [[-2, 0, 2]] * 2)
    np.testing.assert_allclose(traversal_values(codes, "std", 3), [[-2, 2, 6], [1, 1, 1]])
    np.testing.assert_allclose(traversal_values(codes, "minmax", 3), [[0, 2, 4], [1, 1, 1]])


def test_contributions_of_a_linear_classifier_are_weight_times_activation(smoke):
    model = saved.load(smoke / "model")
    codes = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    with torch.inference_mode():
        shares, scores = contributions(model, codes)
    weight, bias = (p.detach().numpy() for p in (model.classifier.weight, model.classifier.bias))
    best = scores.argmax(axis=1)
    np.testing.assert_allclose(shares, weight[best] * np.tanh(codes / 2), atol=1e-5)
    np.testing.assert_allclose(shares.sum(axis=1) + bias[best], scores.max(axis=1), atol=1e-5)


def test_an_unused_latent_and_an_untaught_concept_are_told(smoke):
    warnings = " ".join(read_json(smoke / "run.json")["warnings"])
    assert "no better than by a constant" in warnings
    assert "supervision" in warnings


def test_encode_measures_the_divergence_of_each_latent(sprites):
    chosen = study("concepts").from_preset("smoke", **FEW)
    parts = chosen.data_parts(sprites)
    from lightwell.models import method
    from lightwell.studies.learning import signature_of

    model = method("vae")(signature_of(parts.train, "light32", standardise=False))
    with torch.no_grad():
        model.encoder.to_latents.bias += torch.linspace(-1, 1, 20)
    done = encode(model, parts, 0.95)
    with torch.no_grad():
        model.eval()
        images = torch.from_numpy(parts.test.inputs[:]).permute(0, 3, 1, 2) / 255
        q = model.posterior(images)
        gauss = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(gauss(q.mean, (q.log_variance / 2).exp()), gauss(0.0, 1.0))
    np.testing.assert_allclose(done.kl, kl.mean(dim=0), atol=1e-6)


def test_a_grid_over_supervision_becomes_curves():
    rows = [
        Row(
            "dsprites",
            "seed",
            "cbnm",
            f"supervision {x:g}",
            "label_accuracy",
            {"seed/0": (y,), "seed/1": (y + 0.1,)},
        )
        for x, y in ((1.0, 0.8), (0.01, 0.5))
    ]
    (figure,) = curves(rows, {"supervision": ["1", "0.01"], "seed": ["0", "1"], "method": ["cbnm"]})
    (line,) = figure.figure.axes[0].lines[:1]
    np.testing.assert_allclose(line.get_xydata(), [[0.01, 0.55], [1, 0.85]])
    assert figure.figure.axes[0].get_xscale() == "log"


OFFICIAL = {
    "dsprites": {},
    "mpi3d-toy": {
        "train_images": 120,
        "test_images": 40,
        "image_size": 64,
    },  # the file has one pixel an image
    "celeba": {"training.batch_size": 40},
}


@pytest.mark.parametrize(
    ("data", "method"),
    [
        ("dsprites", "cbnm"),
        ("mpi3d-toy", "cbnm"),
        pytest.param("celeba", "cbnm", marks=pytest.mark.slow),
        *(pytest.param(d, m, marks=pytest.mark.slow) for d in OFFICIAL for m in ("glancenet", "vae")),
    ],
)
def test_published_networks_train_an_epoch_on_files_in_the_official_layout(tmp_path, data, method):
    from concept_layouts import mpi3d_images, write_celeba, write_dsprites, write_mpi3d

    if data == "dsprites":
        rows = np.sort(np.random.default_rng(0).choice(737_280, 150, replace=False))
        write_dsprites(tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz", rows)
    elif data == "mpi3d-toy":
        write_mpi3d(tmp_path, mpi3d_images())
    else:
        write_celeba(tmp_path / "celeba", 120)
    chosen = study("concepts").from_preset(
        "paper", data=data, data_dir=tmp_path, method=method, **{"training.epochs": 1} | OFFICIAL[data],
        dci="none", n_resamples=40,
    )  # fmt: skip
    with Run(tmp_path / "run", chosen.name, seed=0, config=chosen.to_yaml()) as run:
        found = chosen.run(run)
    assert ("label_accuracy" in found) == (method != "vae")
    assert ("reconstruction_error" in found) == (method != "cbnm")
