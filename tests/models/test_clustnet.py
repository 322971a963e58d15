"""ClustNet: its terms worked by hand, what each setting changes, what rests, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import generator, global_seed
from lightwell.models import saved
from lightwell.models.discovery.clustnet import ClustNet
from lightwell.models.discovery.settings import ClustNetSettings
from lightwell.models.model import Signature, evaluating
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training import TrainingSettings, fit

NAMES = ("low", "high")
LABELS = torch.tensor([0, 0, 0, 1, 1, 1])
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def net(names=NAMES, optimizer=None, seed=0, **settings):
    with global_seed(seed, "weights"):
        return ClustNet(Signature(names, (8, 8, 1), "tiny"), ClustNetSettings(**settings), optimizer)


def data(n=32, names=NAMES):
    labels = np.arange(n) % len(names)
    images = generator(0, "toy").integers(0, 100, (n, 8, 8, 1)) + 80 * labels[:, None, None, None]
    return Dataset("toy", images.astype(np.uint8), labels, names)


def train(model, folder, epochs=1, train=None, **settings):
    settings = TrainingSettings(**{"epochs": epochs, "batch_size": 8, "accelerator": "cpu"} | settings)
    return fit(model, train or data(), settings, folder)


def saying(model, scores, opinions):
    """Let the network's scores and opinions be given."""
    model.scores_and_opinions = lambda _: (torch.tensor(scores), torch.tensor(opinions))
    return model


def test_terms_by_hand():
    """Two images, one a class, two experts; the first is drawn for both."""
    model = net(subclasses=2, balance=3.0, entropy=0.5, z_loss=0.1, consistency=2.0)
    model.train()
    ln3 = math.log(3)  # the gate says 3 : 1
    saying(model, [[ln3, 0.0], [ln3, 0.0]], [[[2.0, 0.0], [9.0, 9.0]]] * 2)
    model.gate_scores = lambda _: torch.tensor([[0.0, 0.0]] * 2)
    terms = model.losses(IMAGES[:2], torch.tensor([0, 1]), IMAGES[:2], torch.tensor([[0.9, 0.1]] * 2))
    entropy = math.log(4) - 0.75 * ln3
    one = math.log(1 + math.exp(-2))  # error of the first image; of the second 2 more
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {
            "coarse": one + 1,
            "balance": 3 * (math.log(2) - entropy),
            "entropy": 0.5 * entropy,
            "consistency": 2 * math.log(2),
            "z_loss": 0.1 * math.log(4) ** 2,
        },
        rel=1e-5,
    )


def test_balance_is_of_each_class_or_of_all_and_against_the_expected_sizes():
    """Each class uses one expert: a fault within the classes, none over all of them."""
    sure = torch.eye(2)[[0, 0, 0, 1, 1, 1]]
    assert net(subclasses=2)._imbalance(sure, LABELS).item() == pytest.approx(math.log(2), rel=1e-4)
    assert net(subclasses=2, balance_over="all")._imbalance(sure, LABELS).item() == pytest.approx(0, abs=1e-4)
    sized = net(subclasses=2, sizes=((3, 1), (1, 1)))  # they need not sum to 1
    use = torch.tensor([[0.75, 0.25]] * 3 + [[0.5, 0.5]] * 3)
    assert sized._imbalance(use, LABELS).item() == pytest.approx(0, abs=1e-4)


def test_more_balance_means_more_even_use():
    def evenness(weight):
        model = net(subclasses=4, balance=weight, entropy=0.0, consistency=0.0)
        model.gate[-1].bias.data[0] = 3.0  # nearly all go to the first expert
        steps = torch.optim.Adam(model.parameters(), 0.01)
        draw = torch.Generator().manual_seed(0)
        for _ in range(30):
            steps.zero_grad()
            terms = model.losses(IMAGES, LABELS, None, model.draws(6, draw))
            sum(terms.values()).backward()
            steps.step()
        use = model.gate_of(model(IMAGES)).mean(dim=0)
        return -(use * use.log()).sum().item()

    evenness = [evenness(weight) for weight in (0.0, 0.3, 3.0)]
    assert evenness == sorted(evenness)
    assert evenness[2] > evenness[0] + 0.2


def test_memory_is_a_moving_average_that_leaves_the_gradient_as_strong():
    model, plain = net(subclasses=2, balance_memory=0.75), net(subclasses=2)
    model.train()
    shares = torch.tensor([[1.0, 0.0]], requires_grad=True)
    term = model._imbalance(shares, torch.tensor([1]))
    assert model.usage.tolist() == [[0.5, 0.5], [0.625, 0.375]]  # a class that is not there keeps its own
    assert term.item() == pytest.approx(0.625 * math.log(1.25) + 0.375 * math.log(0.75), rel=1e-4)
    slope = torch.autograd.grad(term, shares)[0][0]
    at = torch.tensor([[0.625, 0.375]], requires_grad=True)
    same = torch.autograd.grad(plain._imbalance(at, torch.tensor([1])), at)[0][0]
    torch.testing.assert_close(slope, same)
    kept = model.usage.clone()
    model.eval().losses(IMAGES, LABELS)
    assert torch.equal(model.usage, kept)


@pytest.mark.parametrize("gate", ["sample", "gumbel", "reinmax", "argmax", "soft"])
@pytest.mark.parametrize("labels", [[0], [1, 1, 1]], ids=["one image", "one class"])
def test_small_batches_and_missing_classes_are_no_trouble(gate, labels):
    model = net(gate=gate, balance_memory=0.5, z_loss=0.1)
    view = IMAGES[: len(labels)].flip(3)
    terms = model.losses(IMAGES[: len(labels)], torch.tensor(labels), view)
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_experts_learn_what_they_are_sent_and_the_gate_learns_of_all():
    model = net(subclasses=3, balance=0.0, entropy=0.0, consistency=0.0)
    noise = torch.full((6, 3), 1e-12)
    noise[:, 1] = 0.9999
    model.losses(IMAGES, LABELS, None, noise)["coarse"].backward()
    reached = model.experts[-1].bias.grad.abs().sum(dim=1)
    assert reached[1] > 0
    assert reached[0] == reached[2] == 0  # each has a bias of its own
    assert (model.gate[-1].bias.grad != 0).all()


def test_evaluation_takes_the_largest_and_draws_nothing():
    model = net(subclasses=3, training_mode="separated").eval()
    first, second = model.losses(IMAGES, LABELS), model.losses(IMAGES, LABELS)
    assert {name: term.item() for name, term in first.items()} == {n: t.item() for n, t in second.items()}
    codes = model(IMAGES)
    scores, opinions = model.scores_and_opinions(IMAGES)
    for row, expert in enumerate(model.experts_of(codes)):
        assert expert == scores[row].argmax()
        assert torch.equal(model.logits(codes)[row], opinions[row, expert])


def test_separated_training_names_the_best_expert_or_any_even_the_last():
    model = net(subclasses=(2, 4), training_mode="separated")
    opinions = torch.zeros(20_000, 4, 2)
    opinions[:, 1, :] = torch.tensor([5.0, -5.0])  # the second expert is right about the first class
    labels = torch.arange(20_000) % 2
    noise = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    named = model._named(opinions, labels, noise)  # outside of a training: the best in a tenth of cases
    shares = [torch.bincount(named[labels == c], minlength=4) / 10_000 for c in (0, 1)]
    assert shares[0].tolist() == pytest.approx([0.45, 0.55, 0, 0], abs=0.02)
    assert shares[1].tolist() == pytest.approx([0.325, 0.225, 0.225, 0.225], abs=0.02)
    terms = model.losses(IMAGES, LABELS, None, noise[:6])
    gate = torch.autograd.grad(terms["coarse"], model.gate[-1].weight, allow_unused=True, retain_graph=True)
    assert gate[0] is None  # the coarse error teaches experts and encoder alone
    assert torch.autograd.grad(terms["naming"], model.gate[-1].weight)[0].abs().sum() > 0


def test_an_expert_without_a_sub_class_hardly_speaks_for_that_class():
    model = net(subclasses=(1, 3)).eval()
    assert model.layout.exists.tolist() == [[True, False, False], [True, True, True]]
    _, opinions = model.scores_and_opinions(IMAGES)
    assert opinions.softmax(dim=2)[:, 1:, 0].max() < 1e-3
    use = torch.tensor([[0.0, 1.0, 0.0]])
    assert model._imbalance(use, torch.tensor([0])) > 10  # and sending its images there is costly


@pytest.mark.parametrize("expert", ["linear", "mlp", "conv"])
@pytest.mark.parametrize("encoders", ["shared", "separate"])
def test_every_expert_of_every_kind_learns(expert, encoders, tmp_path):
    model = net(("a", "b", "c"), subclasses=(2, 3, 2), expert=expert, encoders=encoders, gate_layers=1)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    train(model, tmp_path, train=data(names=("a", "b", "c")))
    still = [name for name, weight in model.named_parameters() if torch.equal(weight, before[name])]
    # A convolutional expert reads the map, and leaves the layer to the latents to the gate.
    unused = "to_latents" if expert == "conv" and encoders == "separate" else "-"
    assert [name for name in still if unused not in name] == []
    assert model(IMAGES).shape == (6, 3 + 3 * 3)
    with evaluating(model):
        wanted = model(IMAGES)
    saved.save(model, tmp_path / "model")
    loaded = saved.load(tmp_path / "model")
    with evaluating(loaded):
        assert torch.equal(loaded(IMAGES), wanted)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("encoders", ["shared", "separate"])
def test_what_rests_stays_bit_for_bit(name, encoders, tmp_path):
    model = net(optimizer=OptimizerSettings(name, lr=0.05), alternate=2, encoders=encoders)
    seen = []

    def moved(optimizer, before={}):  # noqa: B006 - what it was at the last step
        now = {n: weight.detach().clone() for n, weight in model.named_parameters()}
        seen.append({n.split(".")[0] for n in now if n in before and not torch.equal(now[n], before[n])})
        before.update(now)

    model.on_train_batch_start = lambda *_: moved(None)
    model.on_train_end = lambda: moved(None)
    train(model, tmp_path, epochs=2)  # four batches each
    first = {"gate", "encoder"}
    then = {"experts", "encoder"} if encoders == "shared" else {"experts", "expert_encoders"}
    assert seen[1:] == [first, first, then, then] * 2


def test_pretraining_rebuilds_and_nothing_else(tmp_path):
    model = net(pretrain=0.5, alternate=1, encoders="separate", optimizer=OptimizerSettings("adam", lr=0.01))
    before = {n: weight.clone() for n, weight in model.named_parameters()}
    moved = []

    def watch(model, epoch):
        moved.append({n.split(".")[0] for n, w in model.named_parameters() if not torch.equal(w, before[n])})
        before.update({n: weight.clone() for n, weight in model.named_parameters()})

    settings = TrainingSettings(epochs=4, batch_size=8, accelerator="cpu")
    rows = fit(model, data(), settings, tmp_path, each_epoch=watch)
    assert moved[:2] == [{"encoder", "decoder"}] * 2
    assert moved[2] == moved[3] == {"encoder", "gate", "experts", "expert_encoders"}
    assert rows[1]["train/rebuilding"] < rows[0]["train/rebuilding"]


def test_the_temperature_moves_by_equal_factors(monkeypatch):
    model = net(gate="gumbel", temperature=2.0, temperature_end=0.5)
    found = []
    for progress in (0.0, 0.5, 1.0):
        monkeypatch.setattr(ClustNet, "progress", progress)
        found.append(model._temperature)
    assert found == pytest.approx([2.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"subclasses": 1}, "2 or more"),
        ({"subclasses": (2, 2, 2)}, "2 numbers"),
        ({"subclasses": 2, "sizes": ((1, 1), (1, 1, 1))}, "rows of 2 and 2"),
        ({"subclasses": 2, "sizes": ((1, 0), (1, 1))}, "above 0"),
        ({"temperature": 0}, "temperature"),
        ({"balance_memory": 1.0}, "below 1"),
        ({"pretrain": -0.1}, "below 1"),
        ({"gate": "noisy"}, "gumbel"),
        ({"gate_layers": 0}, "gate_layers"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        net(**settings)


def test_too_few_classes_or_images_are_refused():
    with pytest.raises(ConfigError, match="two coarse classes"):
        net(("all",))
    with pytest.raises(DataError, match="'high' has fewer images than sub-classes"):
        net(subclasses=4).training_data(data(7), 0)
    unlabelled = Dataset("toy", np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, -1, 0]), NAMES)
    with pytest.raises(DataError, match="without a label"):
        net().training_data(unlabelled, 0)
