"""The study explanations: from settings to a page, experiment by experiment, and what it refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from lightwell.cli import main
from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import load_arrays
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.data import load
from lightwell.explain.evaluation import Keyed
from lightwell.metrics.attribution import shift_auc
from lightwell.models import saved
from lightwell.models.autoencoders.autoencoder import AutoencoderSettings
from lightwell.models.model import Signature
from lightwell.studies import study
from lightwell.studies.explanations import Explanations
from lightwell.studies.explanations.experiments.roar import Refill
from lightwell.studies.explanations.experiments.trust import CHECKS
from lightwell.studies.explanations.experiments.trust import warnings as trust_warnings
from lightwell.studies.explanations.over_runs import over_runs
from lightwell.studies.explanations.parts import batch, parts_of
from lightwell.studies.explanations.published import published
from lightwell.studies.explanations.task import Measured
from lightwell.training import Run

PAIRS = {"reconstruction~denoising", "reconstruction~inpainting", "reconstruction~classification",
         "denoising~inpainting", "denoising~classification", "inpainting~classification"}  # fmt: skip


def smoke(experiment: str, **settings):
    return study("explanations").from_preset("smoke", experiment=experiment, **settings)


def beats() -> Dataset:
    """60 heartbeats, half of them with a second peak."""
    draw = np.random.default_rng(0)
    time = np.linspace(0, 1, 140)
    labels = np.arange(60) % 2
    lines = np.exp(-(((time - 0.3) / 0.05) ** 2)) + labels[:, None] * np.exp(-(((time - 0.7) / 0.05) ** 2))
    series = (lines + 0.05 * draw.normal(size=lines.shape)).astype(np.float32)
    return Dataset.from_arrays(series, labels, ["normal", "other"], "beats")


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explanations") / "examples"
    assert main(["explanations", "--preset", "smoke", "--experiment", "examples", "--methods",
                 "tracin,deep_knn", "--out", str(folder)]) == 0  # fmt: skip
    return folder


def test_important_examples_are_measured_against_the_base_rate(examples):
    found = Findings.read(examples / "findings.json")
    for method in ("tracin", "deep_knn", "random"):
        rate = found[f"similarity_rate.top5.{method}"]
        assert rate.null.value == pytest.approx(0.1)  # ten classes, as many of each
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert found[f"similarity_rate.top100.{method}"].value == pytest.approx(0.1)
    steps = sorted((examples / "models/autoencoder_run0/steps").glob("*"))
    assert [path.stem for path in steps] == ["00000", "00001"]


def test_a_stored_run_is_drawn_again_without_models(examples, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(examples, copy)
    for path in (copy / "models").rglob("*.safetensors"):
        path.unlink()
    shutil.rmtree(copy / "figures")
    assert main(["report", str(copy)]) == 0
    assert {"similarity-rates.png", "examples-tracin.png"} <= {p.name for p in (copy / "figures").iterdir()}
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "base rate 10%" in page


def test_agreements_of_pretexts_are_means_over_runs(tmp_path):
    found = smoke("pretexts", runs=2, legacy=["inverse_square", "raw_inputs"])(tmp_path / "run")
    for kind, method in (("pearson", "gradient_shap"), ("spearman", "deep_knn"), ("bounded", "deep_knn")):
        head = f"agreement.{kind}.{method}."
        assert {e.name.removeprefix(head) for e in found if e.name.startswith(head)} == PAIRS
    one = found["agreement.pearson.deep_knn.reconstruction~denoising"]
    rows = (tmp_path / "run/tables/runs.csv").read_text().splitlines()
    values = next(row.split(",")[1:] for row in rows if row.startswith(one.name))
    assert one.value == pytest.approx(np.mean([float(v) for v in values]))
    assert one.n == 2
    assert one.null.name == "other examples"
    assert not any(e.reference for e in found)  # another protocol
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "1/d²" in page
    assert "rank correlations tell of their ties" in page  # black pixels on a black baseline
    weights = [
        tmp_path / f"run/models/{name}_run0/model/model.safetensors" for name in ("denoising", "inpainting")
    ]
    assert weights[0].read_bytes() != weights[1].read_bytes()


def test_removal_curves_of_series_start_at_nothing_removed(tmp_path):
    settings = smoke("features", normal="normal", network="cnn1d", baseline="mean:normal",
                     autoencoder={"loss": "l1", "latents": 3})  # fmt: skip
    parts = settings.data_parts(beats())
    assert set(parts.train.labels) == {0}
    assert set(parts.test.labels) == {1}
    found = settings(tmp_path / "run", dataset=beats())
    kept = load_arrays(tmp_path / "run/representation/run0.npz")
    for name in ("integrated_gradients", "random"):
        curve = kept[f"curve.{name}"]
        assert (curve[:, 0] == 0).all()
        assert found[f"shift_auc.{name}"].value == pytest.approx(shift_auc(kept["shares"], curve).mean())
    assert np.allclose(kept["curve.saliency"][:, -1], kept["curve.random"][:, -1], rtol=1e-4)  # all is gone
    assert found["shift_auc.saliency"].null.value == pytest.approx(found["shift_auc.random"].value)


@pytest.mark.parametrize(
    ("experiment", "names"),
    [
        ("units", {"unit_overlap.pearson.beta5", "unit_overlap.pearson.tc5"}),
        ("visualisation", {"visualised.beta5.unit0", "visualised.beta5.unit2"}),
        ("classifier", {"agreement.pearson.saliency.encoder~classifier"}),
    ],
)
def test_the_other_experiments_have_numbers_and_a_page(tmp_path, experiment, names):
    methods = {"methods": "saliency"} if experiment == "classifier" else {}
    chosen = smoke(experiment, test_images=10, corpus_images=10, betas=[5], **methods)
    found = chosen(tmp_path / "run")
    assert names <= {e.name for e in found}
    assert all(found[name].null is not None for name in names)
    assert list((tmp_path / "run/figures").glob("*.png"))


def test_a_resumed_run_reads_its_models(tmp_path):
    chosen = smoke("classifier", methods="saliency", test_images=10)
    with Run(tmp_path / "run", "explanations", config=chosen.to_yaml()) as run:
        first = chosen.run(run)
    weights = tmp_path / "run/models/classification_run0/model/model.safetensors"
    before = weights.stat().st_mtime_ns, weights.read_bytes()
    with Run(tmp_path / "run", "explanations", config=chosen.to_yaml(), resume=True) as run:
        again = chosen.run(run)
    name = "agreement.pearson.saliency.encoder~classifier"
    assert again[name].value == first[name].value
    assert weights.read_bytes() == before[1]


def test_parts_are_balanced_apart_and_scaled():
    mini = load("mnist-mini")
    sizes = {"corpus_images": 20, "test_images": 30, "seed": 1}
    parts = parts_of(Explanations(train_images=300, image_size=14, **sizes), mini)
    assert np.bincount(parts.corpus.labels).tolist() == [2] * 10
    assert np.bincount(parts.test.labels).tolist() == [3] * 10
    ids = [set(np.asarray(part.ids).tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert not ids[0] & ids[1]
    assert not (ids[0] | ids[1]) & ids[2]
    assert set(np.asarray(parts.corpus.ids).tolist()) <= ids[0]
    assert batch(parts.test).shape == (30, 1, 14, 14)
    assert 0 <= float(batch(parts.test).min()) < float(batch(parts.test).max()) <= 1
    merged = parts_of(Explanations(experiment="examples", normal="3", **sizes), mini)
    assert merged.test.class_names == ("3", "not 3")
    assert np.bincount(merged.corpus.labels).tolist() == [10, 10]


def test_published_values_stand_beside_the_same_protocol_only():
    name = "agreement.pearson.deep_knn.reconstruction~denoising"
    done = [Measured([Estimate(name, v, null=Null("other examples", 0.0))], {}) for v in (0.1, 0.2)]
    paper = study("explanations").from_preset("paper", experiment="pretexts")
    found = over_runs(done, paper)[name]
    assert (found.value, found.n) == (pytest.approx(0.15), 2)
    assert found.reference.value == pytest.approx((0.10 + 0.08 + 0.09 + 0.12) / 4, abs=1e-3)
    for other in ({"legacy": ["inverse_square"]}, {"test_images": 100}, {"data": "fashion-mnist"}):
        changed = study("explanations").from_preset("paper", experiment="pretexts", **other)
        assert over_runs(done, changed)[name].reference is None
    rough = [Estimate("completeness_residual.saliency", v) for v in (0.1, 0.3)]
    features = study("explanations").from_preset("smoke", experiment="features")
    (told,) = over_runs([Measured([one], {}) for one in rough], features).warnings
    assert "miss 20%" in told
    assert len(published()) == len({row[:4] for row in published()})
    # Of the comparison with a classifier half widths of intervals were published, and no deviations.
    assert {row.experiment for row in published() if row.spread is None} == {"classifier"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experiment": "feature"}, "feature"),
        ({"methods": "salience"}, "Did you mean 'saliency'"),
        ({"methods": "saliency,saliency"}, "named once"),
        ({"experiment": "pretexts", "methods": "tracin"}, "no loss without labels"),
        ({"experiment": "units", "methods": "saliency"}, "compares no methods"),
        ({"baseline": "black"}, "no such baseline"),
        ({"betas": [1, 1]}, "each once"),
        ({"runs": 0}, "out of range"),
        ({"legacy": ["anchor"]}, "legacy"),
        ({"experiment": "roar", "encoder": "simclr"}, "models of its own"),
        ({"experiment": "examples", "encoder": "simclr", "methods": "tracin"}, "loss of SimCLR is of pairs"),
        ({"experiment": "roar", "training": {"devices": 2}}, "one process"),
        ({"experiment": "trust", "methods": "deep_knn"}, "no such method here"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        study("explanations").from_preset("smoke", **settings)


def test_data_that_do_not_fit_are_refused_before_training(tmp_path):
    with pytest.raises(DataError, match="no class 'sane'"):
        smoke("features", normal="sane")(tmp_path / "a", dataset=beats())
    with pytest.raises(DataError, match="series"):
        smoke("features", image_size=16)(tmp_path / "b", dataset=beats())
    unlabelled = Dataset.from_arrays(np.zeros((40, 28, 28), np.uint8))
    with pytest.raises(DataError, match="every part needs examples, and each a class"):
        smoke("examples")(tmp_path / "c", dataset=unlabelled)
    assert not (tmp_path / "c/models").exists()


def test_gradient_shap_is_mispaired_only_where_that_is_asked_for():
    torch.manual_seed(0)
    from lightwell.studies.explanations.task import Task

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 4), torch.nn.Tanh())
    maps = []
    for legacy in ((), ("anchors",)):
        chosen = smoke("features", legacy=list(legacy))
        task = Task(chosen, chosen.data_parts(), {}, {}, (), 0)
        found = task.features("gradient_shap", net)
        maps.append(found.scores.ravel())
        whole = task.features("integrated_gradients", net).scores.ravel()
    right, wrong = (np.corrcoef(one, whole)[0, 1] for one in maps)
    assert right > 0.9 > wrong


def test_maps_are_put_through_every_check_beside_random_scores(tmp_path):
    found = smoke("trust", methods="saliency", test_images=10)(tmp_path / "run")
    chance = {check: found[f"{check}.saliency"].null.value for check in CHECKS}
    assert chance["sensitivity"] > 1.2  # two draws are at right angles: √2 of their length
    assert chance["orthogonal_change"] == pytest.approx(2**0.5, abs=0.1)
    assert abs(chance["randomised_weights"]) < 0.1
    assert 0.7 < chance["infidelity"] <= 1
    assert found["orthogonal_change.saliency"].value < 1e-4
    assert found["sensitivity.saliency"].value < chance["sensitivity"]
    kept = load_arrays(tmp_path / "run/representation/run0.npz")
    for area, ends in (("deletion_auc", (0, -1)), ("insertion_auc", (-1, 0))):
        curve = kept[f"{area}.saliency"]
        assert found[f"{area}.saliency"].value == pytest.approx(shift_auc(kept["shares"], curve).mean())
        assert np.allclose(curve[:, ends[0]], 0, atol=1e-5)  # the whole example
        assert np.allclose(curve[:, ends[1]], kept[f"{area}.random"][:, ends[1]], atol=1e-5)  # nothing of it
    assert not np.array_equal(kept["map.saliency"], kept["shuffled.saliency"])
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "drawn anew for every question" in page
    assert (tmp_path / "run/figures/insertion-curves.png").is_file()


def test_a_map_that_fails_a_check_is_named():
    null = Null("random scores", 0.9)
    told = list(
        trust_warnings(
            [Estimate("randomised_weights.a", 0.8, null=null), Estimate("infidelity.b", 0.95, null=null),
             Estimate("orthogonal_change.c", 0.2, null=null), Estimate("deletion_auc.d", 0.5, null=null),
             Estimate("insertion_auc.e", 0.5, null=null), Estimate("sensitivity.f", 0.1, null=null)]
        )
    )  # fmt: skip
    assert [text.partition(":")[0] for text in told] == ["a", "b", "c", "d"]


def test_retraining_rebuilds_whole_examples_from_what_is_left(tmp_path):
    tiny = {"train_images": 60, "test_images": 10, "corpus_images": 10, "training": {"epochs": 1}}
    found = smoke("roar", methods="saliency", **tiny)(tmp_path / "run")
    kept = load_arrays(tmp_path / "run/representation/run0.npz")
    curve, null = kept["curve.saliency"], kept["curve.random"]
    assert curve.shape == (1, 5)
    assert curve[0, 0] == null[0, 0]  # nothing removed, the same weights and order
    assert not np.allclose(curve[0, 1:], null[0, 1:], rtol=1e-6)
    assert found["roar_auc.saliency"].value == pytest.approx(shift_auc(kept["shares"], curve)[0])
    assert found["roar_auc.saliency"].null.value == pytest.approx(found["roar_auc.random"].value)
    assert not list(tmp_path.glob("run/**/roar*/**/*.ckpt"))
    assert (tmp_path / "run/figures/roar.png").is_file()
    torch.manual_seed(0)
    model = Refill(Signature((), (28, 28, 1), "mnist28"), AutoencoderSettings()).eval()
    whole = torch.rand(3, 1, 28, 28)
    model.whole = Keyed([5, 7, 9], whole)
    left = torch.zeros(2, 1, 28, 28)
    rebuilt = model.decode(model(left))
    by_hand = (rebuilt - whole[[2, 0]]).square().mean()
    assert model.losses(left, torch.tensor([9, 5]))["reconstruction"].item() == pytest.approx(by_hand.item())


@pytest.mark.parametrize("experiment", ["features", "examples"])
def test_simclr_stands_in_for_the_autoencoder(tmp_path, experiment):
    chosen = smoke(experiment, encoder="simclr", network="tiny", test_images=10, corpus_images=20,
                   simclr={"hidden": 16, "projection": 8})  # fmt: skip
    assert "tracin" not in chosen.compared
    found = chosen(tmp_path / "run")
    heads = {"features": "shift_auc.saliency", "examples": "similarity_rate.top5.deep_knn"}
    assert found[heads[experiment]].null is not None
    assert saved.load(tmp_path / "run/models/simclr_run0/model").info.name == "simclr"
    assert "train/nt_xent" in (tmp_path / "run/models/simclr_run0/metrics.csv").read_text()
    assert "SimCLR" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_presets_of_colour_images_explain_simclr_where_the_paper_does():
    def of(preset, experiment, data="cifar100"):
        return study("explanations").from_preset(preset, experiment=experiment, data=data)

    for experiment in ("features", "examples"):
        small, paper = of("small", experiment), of("paper", experiment)
        assert (small.encoder, paper.encoder) == ("simclr", "simclr")
        assert (paper.network, paper.optimizer.name, paper.training.batch_size) == ("resnet18", "sgd", 512)
        assert of("paper", experiment, "mnist").encoder == "autoencoder"
    assert of("paper", "pretexts").encoder == "autoencoder"
    assert of("paper", "pretexts").network == "cifar32"


QUIRKS = {
    "anchors": ("features", "gradient_shap", "shift_auc.gradient_shap.early"),
    "squared_shift": ("features", "gradient_shap", "shift_auc.gradient_shap.early"),
    "inverse_square": ("pretexts", "deep_knn", "agreement.pearson.deep_knn.reconstruction~denoising"),
    "raw_inputs": ("pretexts", "deep_knn", "agreement.pearson.deep_knn.reconstruction~denoising"),
    "lissa": ("examples", "influence,gradient_product", "agreement.spearman.influence~gradient_product"),
    "simplex": ("examples", "simplex", "residual.simplex"),
}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    made = {}

    def found(experiment, method, *legacy):
        key = (experiment, method, legacy)
        if key not in made:
            # Influence has no curvature to divide by before something is learned.
            learned = {
                "train_images": 300,
                "training": {"epochs": 5, "batch_size": 30},
                "optimizer": {"lr": 3e-3},
            }
            short = learned if experiment == "examples" else {"train_images": 60, "training": {"epochs": 1}}
            chosen = smoke(experiment, methods=method, legacy=list(legacy), test_images=2, corpus_images=8,
                           **short)  # fmt: skip
            made[key] = chosen(tmp_path_factory.mktemp("quirk") / "run")
        return made[key]

    return found


@pytest.mark.parametrize("quirk", QUIRKS)
def test_each_quirk_changes_its_number(numbers, quirk):
    experiment, method, name = QUIRKS[quirk]
    plain, quirky = (numbers(experiment, method, *legacy)[name].value for legacy in ((), (quirk,)))
    assert quirky != pytest.approx(plain, rel=1e-3)
    if quirk == "lissa":
        assert quirky > 0.99  # a plain product of gradients
    if quirk == "simplex":
        assert quirky > 0.2 > plain
