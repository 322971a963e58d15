"""Unknown scores of other libraries: measured like our own, refused in words, and no trace left behind."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_detectors
from toy_study import KNOWN, run_only, toy, toy_settings

from lightwell.core import ConfigError, DataError
from lightwell.core.files import read_json
from lightwell.data.batches import to_images
from lightwell.metrics import auroc
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature
from lightwell.studies.open_set import detectors, page
from lightwell.studies.open_set.stored import Stored
from lightwell.training import represent

MEASURES = ("auroc", "oscr", "fpr95.unknown_positive", "aupr_out", "detection_accuracy", "auroc.one_to_one")


def trained() -> Softmax:
    torch.manual_seed(0)
    return Softmax(Signature(KNOWN, (8, 8, 1)))


def scored(name: str, model: Softmax, seed: int = 0) -> dict[str, np.ndarray]:
    whole = toy(600)
    factories = detectors.imported(name)
    parts = {"test": [whole.take(range(300)), whole.take(range(300, 600))]}
    return detectors.scores(factories, model, whole.take(whole.labels < 3), parts, seed)["test"]


def state(model: Softmax) -> tuple:
    hooks = [len(part._forward_hooks) for part in model.modules()]
    modes = [part.training for part in model.modules()]
    grads = [weight.grad for weight in model.parameters()]
    weights = torch.cat([t.flatten().float() for t in model.state_dict().values()]).tolist()
    return hooks, modes, grads, weights, torch.get_rng_state().tolist(), torch.is_grad_enabled()


def test_scores_are_those_of_the_logits_in_the_order_of_the_images():
    model = trained()
    found = scored("toy_detectors:MaxLogit,toy_detectors:LogitMeans", model)
    view = represent(model, toy(600))
    assert found["max_logit"] == pytest.approx(-view.logits.max(axis=1), abs=1e-5)
    known = toy(600).where(["cat", "dog", "fish"])
    logits = represent(model, known).logits
    means = np.stack([logits[known.labels == c].mean(axis=0) for c in range(3)])
    distances = np.linalg.norm(view.logits[:, None] - means, axis=2).min(axis=1)
    assert found["logit_means"] == pytest.approx(distances, abs=1e-4)


def test_a_detector_keeps_what_it_learned_and_gets_batches_on_the_device_of_the_network():
    found = scored("toy_detectors:OnDevice", trained())["on_device"]
    known = len(toy(600).where(["cat", "dog", "fish"]))
    assert found.tolist() == [known + 1] * 256 + [known + 2] * 44 + [known + 3] * 256 + [known + 4] * 44


def test_odin_gets_its_gradients_and_agrees_with_the_formula():
    model = trained()
    images = to_images(torch.from_numpy(toy(600).inputs.copy())).requires_grad_()
    model.eval()
    logits = model.logits(model(images))
    torch.nn.functional.cross_entropy(logits, logits.argmax(dim=1)).backward()
    moved = images.detach() - 0.01 * images.grad.sign()
    wanted = 1 - torch.softmax(model.logits(model(moved)), dim=1).max(dim=1).values
    first = scored("toy_detectors:ODIN", model.train())["odin"][:256]  # it spoils its copy after one batch
    assert first == pytest.approx(wanted.detach().numpy()[:256], abs=1e-5)


@pytest.mark.parametrize("name", ["ODIN", "Breaks", "LogitMeans", "NotANumber"])
def test_the_model_and_the_random_state_come_back_as_they_were_after_an_error_too(name):
    model = trained().train()
    before = state(model)
    if name in ("Breaks", "NotANumber"):
        with pytest.raises(DataError):
            scored(f"toy_detectors:{name}", model)
    else:
        scored(f"toy_detectors:{name}", model)
    assert state(model) == before


def test_no_detector_sees_what_another_did_and_the_seed_decides():
    model = trained()
    both = scored("toy_detectors:ODIN,toy_detectors:LogitMeans", model)
    alone = scored("toy_detectors:LogitMeans", model)
    assert (both["logit_means"] == alone["logit_means"]).all()
    assert (scored("toy_detectors:LogitMeans", model, seed=1)["logit_means"] != alone["logit_means"]).any()


def test_names_are_lower_case_and_distinct():
    named = detectors.imported(
        " toy_detectors:ODIN, toy_detectors:MaxLogit,toy_detectors:MaxLogit,", taken={"max_logit_2", "odin"}
    )
    assert list(named) == ["odin_2", "max_logit", "max_logit_3"]
    assert named["max_logit_3"] is toy_detectors.MaxLogit
    assert detectors.imported("") == {}


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("NoFit", ConfigError, r"no detector: it has no fit \(in no_fit\)"),
        ("TwoColumns", DataError, r"a score an image \(in two_columns\).*\(256,\).*got shape \(256, 2\)"),
        ("TooFew", DataError, r"a score an image \(in too_few\).*got shape \(255,\)"),
        ("NotANumber", DataError, r"in not_a_number\).*256 finite numbers.*got nan"),
        ("Breaks", DataError, r"broke off \(ZeroDivisionError: in code of others\) \(in breaks\).*--resume"),
    ],
)
def test_a_bad_detector_is_named(name, error, told):
    with pytest.raises(error, match=told):
        scored(f"toy_detectors:{name}", trained())


def test_a_model_without_logits_is_refused():
    with pytest.raises(ConfigError, match="ask for logits, and this model has none"):
        detectors.Logits(torch.nn.Identity())


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("no_such_module:X", "cannot import the module of the detector"),
        ("toy_detectors:MaxLogits", "no function 'MaxLogits'.*MaxLogit"),
        ("toy_detectors:NUMBER", "no function 'NUMBER'"),
        ("toy_detectors:MaxLogit,ODIN", "cannot import the module of the detector"),
    ],
)
def test_what_cannot_be_imported_or_called_is_refused_before_training(tmp_path: Path, names, told):
    with pytest.raises(ConfigError, match=told):
        run_only(tmp_path / "run", toy(), **toy_settings(detectors=names))
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_a_run_measures_shows_and_warns_of_foreign_scores(tmp_path: Path):
    names = "toy_detectors:MaxLogit,toy_detectors:Inverted"
    settings = toy_settings(detectors=names, method="softmax", epochs=8, lr=0.05)
    found = run_only(tmp_path / "run", toy(), **settings)
    for measure in MEASURES:
        assert found[f"{measure}.max_logit"].low is not None
    stored = Stored.read(tmp_path / "run")
    test = stored.test
    assert stored.detectors == ["max_logit", "inverted"]
    assert test.scores["max_logit"] == pytest.approx(test.scores["mls"], abs=1e-4)
    assert found["auroc.inverted"].value == auroc(test.scores["inverted"], ~test.known)
    assert found["auroc.inverted"].value == pytest.approx(1 - found["auroc.max_logit"].value, abs=1e-9)
    warned = [text for text in read_json(tmp_path / "run" / "run.json")["warnings"] if "below chance" in text]
    assert [text.partition(":")[0] for text in warned] == ["inverted"]
    assert stored.score == "msp"
    with (tmp_path / "run" / "tables" / "decisions.csv").open() as file:
        assert "inverted" not in next(csv.reader(file))
    sections = {section.title: section.blocks for section in page.build(tmp_path / "run").sections}
    rows = {row[0] for row in sections["Against plain softmax"][0].rows}
    assert {"max logit", "inverted", "MLS"} <= rows
    legend = sections["How well unknown classes are refused"][1].figure.axes[0].get_legend().get_texts()
    assert {"max logit", "inverted"} <= {text.get_text().partition(" (")[0] for text in legend}


def test_a_run_stopped_by_a_detector_resumes_without_training_again(tmp_path: Path, monkeypatch):
    settings = toy_settings(detectors="toy_detectors:NotANumber", train_baseline=False)
    with pytest.raises(DataError, match="not_a_number"):
        run_only(tmp_path / "run", toy(), **settings)
    log = (tmp_path / "run" / "metrics.csv").read_bytes()
    monkeypatch.setattr(toy_detectors.NotANumber, "predict", toy_detectors.MaxLogit.predict)
    monkeypatch.setattr("lightwell.studies.learning.fit", None)  # not called
    found = run_only(tmp_path / "run", toy(), resume=True, **settings)
    assert found["auroc.not_a_number"].n > 0
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == log
