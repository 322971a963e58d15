"""The command explain: a page for our models and for a foreign one, and every mistake answered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lightwell.cli import main
from lightwell.core.concepts import Concept
from lightwell.core.files import load_arrays
from lightwell.core.findings import Findings
from lightwell.core.seeds import global_seed
from lightwell.models import METHODS, method, saved
from lightwell.models.load import load_model
from lightwell.models.model import Signature
from lightwell.studies.explanations.few_examples import Asked, explain_few, page

CONCEPTS = (Concept("shape", "categorical", 3), Concept("striped", "binary"))


class Foreign(nn.Module):
    """Somebody's encoder, in training mode, with batch norm, dropout and steps in place."""

    def __init__(self) -> None:
        super().__init__()
        layers = (nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout())
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 6))

    def forward(self, images):
        return self.net(images)


class Pair(Foreign):
    """Returns a tuple."""

    def forward(self, images):
        return self.net(images), 0


def broken() -> nn.Module:
    raise RuntimeError("out of order")


def number() -> int:
    return 3


@pytest.fixture(autouse=True)
def _here(monkeypatch, request):
    monkeypatch.syspath_prepend(str(request.path.parent))


def call(out, *words: str, model: str = "test_explain_command:Foreign", data: str = "mnist-mini") -> int:
    return main(
        ["explain", "--model", model, "--data", data, "--train-examples", "12", "--out", str(out), *words]
    )


def test_a_foreign_module_gets_a_page(tmp_path, capsys):
    assert (
        call(
            tmp_path / "out", "--rows", "0,5,9", "--methods", "integrated_gradients,saliency,deep_knn,simplex"
        )
        == 0
    )
    told = capsys.readouterr().out
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    for text in (
        "Completeness residual",
        "Monte-Carlo",
        "Which training examples",
        "unit 0",
        "How to read this",
    ):
        assert text in page
    found = Findings.read(tmp_path / "out/findings.json")
    assert found["completeness_residual.integrated_gradients"].value < 0.2
    agreement = found["agreement.pearson.integrated_gradients~saliency"]
    assert agreement.value > abs(found["agreement.pearson.integrated_gradients~random"].value)
    assert "agreement.pearson.deep_knn~simplex" in found
    assert "report: " in told
    kept = load_arrays(tmp_path / "out/explanations.npz")
    assert kept["map.saliency"].shape == (3, 1, 28, 28)
    assert kept["examples.deep_knn"].shape == (3, 12)
    assert not set(kept["ids"]) & set(kept["corpus_ids"])


@pytest.mark.parametrize("name", METHODS)
def test_every_model_of_the_package_is_explained(name, tmp_path, toy_rows):
    kind = method(name)
    signature = Signature(("a", "b"), (32, 32, 1), "light32", concepts=CONCEPTS)
    with global_seed(0, "toy"):
        model = kind(signature)
    saved.save(model, tmp_path / "run/model")
    encoder = load_model(str(tmp_path / "run"))
    methods = ("saliency", "deep_knn")
    from lightwell.explain.targets import target_named

    asked = Asked(
        encoder,
        name,
        toy_rows.take([0, 1]),
        toy_rows.take([2, 3, 4]),
        target_named("self"),
        methods,
        model.axes,
    )
    done = explain_few(asked)
    assert set(done.maps) == {"saliency", "random"}
    assert np.ptp(done.maps["saliency"].scores) > 0
    assert done.examples["deep_knn"].scores.shape == (2, 3)
    assert done.units
    assert all(not hook for part in encoder.modules() for hook in (part._forward_hooks, part._backward_hooks))


@pytest.fixture(scope="module")
def toy_rows():
    from lightwell.core.dataset import Dataset

    draw = np.random.default_rng(0)
    return Dataset.from_arrays(draw.integers(0, 256, (5, 32, 32), dtype=np.uint8), [0, 1, 0, 1, 0])


def test_axes_are_targets_and_a_run_of_several_models_is_asked_back(tmp_path, capsys):
    with global_seed(0, "toy"):
        model = method("autoencoder")(Signature((), (28, 28, 1), "mnist28"))
    for name in ("one", "two"):
        saved.save(model, tmp_path / "run" / name / "model")
    assert call(tmp_path / "out", model=str(tmp_path / "run")) == 2
    assert "holds several models" in capsys.readouterr().err
    words = ("--rows", "3", "--methods", "saliency,gradient_product", "--target", "axis:latent 1")
    assert call(tmp_path / "out", *words, model=str(tmp_path / "run/one")) == 0
    told = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "latent 1" in told
    assert "of the whole code, not of" in told  # example importance


@pytest.mark.parametrize(
    ("words", "model", "message"),
    [
        ((), "nowhere", "no such folder"),
        ((), "test_explain_command:Foreing", "Did you mean 'Foreign'"),
        ((), "test_explain_command:broken", "out of order"),
        ((), "test_explain_command:number", "this is no model"),
        ((), "test_explain_command:Pair", "does not return codes"),
        (("--methods", "salience"), "", "Did you mean 'saliency'"),
        (("--methods", "tracin"), "", "along a training"),
        (("--methods", "gradient_product"), "", "does not return reconstructions"),
        (("--target", "unit:99"), "", "no such unit"),
        (("--target", "axis:seven"), "", "names no axes"),
        (("--rows", "0,2000"), "", "no such rows"),
        (("--rows", "one"), "", "no such rows"),
        (("--image-size", "20"), "", "cannot read the inputs"),
        (("--data", "minst"), "", "Did you mean 'mnist'"),
        (("--train-examples", "1"), "", "too few training examples"),
    ],
)
def test_a_mistake_ends_with_code_2_and_a_sentence(tmp_path, capsys, words, model, message):
    assert call(tmp_path / "out", *words, model=model or "test_explain_command:Foreign") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_inputs_of_another_size_than_the_models_are_refused_with_the_remedy(tmp_path, capsys):
    with global_seed(0, "toy"):
        saved.save(method("vae")(Signature((), (32, 32, 1), "light32")), tmp_path / "vae")
    assert call(tmp_path / "out", model=str(tmp_path / "vae")) == 2
    assert "--image-size 32" in capsys.readouterr().err
    assert call(tmp_path / "out", "--image-size", "32", "--rows", "0", "--methods", "saliency",
                model=str(tmp_path / "vae")) == 0  # fmt: skip


def test_a_run_is_not_overwritten_and_the_users_module_comes_back(tmp_path, capsys):
    (tmp_path / "run.json").write_text("{}")
    assert call(tmp_path) == 2
    assert "holds a run" in capsys.readouterr().err
    net = load_model("test_explain_command:Foreign")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    from lightwell.data import load
    from lightwell.explain.targets import SelfSimilarity

    rows = load("mnist-mini").part("test").take([0, 1, 2])
    explain_few(Asked(net, "mine", rows, rows, SelfSimilarity(), ("saliency", "cosine_knn")))
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_the_page_calls_examples_by_the_positions_that_were_asked_for(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        "lightwell.studies.explanations.command.write", lambda done, _: asked.append(done) or tmp_path
    )
    call(tmp_path / "out", "--rows", "4,0", "--methods", "saliency")
    (done,) = asked
    assert done.asked.positions == [4, 0]
    assert np.asarray(done.asked.rows.ids).tolist() != [4, 0]  # the test part begins elsewhere
    drawn = page(done).sections[0].blocks[0].figure
    assert drawn.axes[0].get_ylabel().startswith("4: ")
    assert "of the whole code" not in str(page(done).sections[1])  # no target was asked for
