"""Importance of training examples: hand-worked cases, slow loops, exact solves."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import nn

from lightwell.core.errors import ConfigError, DataError
from lightwell.explain.examples import (
    EXAMPLES,
    Arnoldi,
    ConjugateGradient,
    Reconstruction,
    cosine_knn,
    deep_knn,
    gradient_product,
    importance,
    influence,
    legacy_influence,
    legacy_simplex,
    own_loss,
    simplex,
    tracin,
)
from lightwell.models.autoencoders.autoencoder import Autoencoder, AutoencoderSettings
from lightwell.models.model import Signature


class Tiny(nn.Module):
    """Batch norm and dropout in the encoder, and a decoder whose weights do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 2, 3, 2, 1), nn.BatchNorm2d(2), nn.LeakyReLU(0.3, inplace=True),
            nn.Flatten(), nn.Dropout(), nn.Linear(8, 3),
        )  # fmt: skip
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.Sigmoid(), nn.Unflatten(1, (1, 4, 4)))

    def forward(self, inputs):
        return self.decoder(self.encoder(inputs))


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Tiny()
        made(torch.rand(64, 1, 4, 4))  # moves the running statistics
        return made


@pytest.fixture(scope="module")
def inputs():
    draw = torch.Generator().manual_seed(1)
    return torch.rand(11, 1, 4, 4, generator=draw), torch.rand(5, 1, 4, 4, generator=draw)


def one_by_one(model, inputs):
    """Gradients of the encoder's weights by plain autograd."""
    quiet = copy.deepcopy(model).eval()
    rows = []
    for example in inputs:
        loss = (quiet(example[None]) - example[None]).square().mean()
        grads = torch.autograd.grad(loss, list(quiet.encoder.parameters()))
        rows.append(torch.cat([g.flatten() for g in grads]))
    return torch.stack(rows)


def test_tracin_is_the_sum_of_single_gradient_products(model, inputs):
    train, test = inputs
    later = copy.deepcopy(model)
    with torch.no_grad():
        for values in later.parameters():
            values += 0.1
        later.encoder[1].running_mean += 0.2
    wanted = sum(
        rate * one_by_one(m, test) @ one_by_one(m, train).T for rate, m in ((0.5, model), (2.0, later))
    )
    found = tracin(model, train, test, checkpoints=[model, later.state_dict()], rates=[0.5, 2.0])
    assert found.scores.dtype == np.float32
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    plain = gradient_product(model, train, test).scores
    np.testing.assert_allclose(plain, tracin(model, train, test, checkpoints=[model]).scores)


def test_the_encoder_is_named_by_prefix_module_or_weights(model, inputs):
    wanted = gradient_product(model, *inputs).scores
    for part in (model.encoder, ["encoder.0", "encoder.1", "encoder.5.weight", "encoder.5.bias"]):
        np.testing.assert_array_equal(gradient_product(model, *inputs, part=part).scores, wanted)
    assert not np.allclose(gradient_product(model, *inputs, part=model).scores, wanted)
    with pytest.raises(ConfigError, match="Did you mean 'encoder'"):
        gradient_product(model, *inputs, part="enkoder")
    with pytest.raises(ConfigError, match="no weights in this model"):
        gradient_product(model, *inputs, part=nn.Linear(1, 1))


def dense(function, at):
    """Exact damped-solve ingredients on a tiny encoder, in float64."""
    return torch.autograd.functional.hessian(function, at)


def as_function(model, inputs):
    quiet = copy.deepcopy(model).eval()
    names = [f"encoder.{n}" for n, _ in quiet.encoder.named_parameters()]
    shapes = [quiet.get_parameter(n).shape for n in names]

    def residuals(weights):
        parts = weights.split([s.numel() for s in shapes])
        swapped = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return (torch.func.functional_call(quiet, swapped, (inputs,)) - inputs).flatten(1) / 4

    return residuals, torch.cat([quiet.get_parameter(n).detach().flatten() for n in names])


@pytest.mark.parametrize("kind", ["gauss_newton", "hessian"])
@pytest.mark.parametrize("solver", [Arnoldi(rank=200), ConjugateGradient(1e-9)])
def test_influence_is_the_exact_damped_solve(model, inputs, kind, solver):
    train, test = (x.double() for x in inputs)
    twin = copy.deepcopy(model).double()
    residuals, at = as_function(twin, train)
    if kind == "hessian":
        curvature = dense(lambda w: residuals(w).square().sum() / len(train), at)
    else:
        jacobian = torch.autograd.functional.jacobian(residuals, at).flatten(0, 1)
        curvature = 2 * jacobian.T @ jacobian / len(train)
    values, vectors = torch.linalg.eigh(curvature)
    damping = 0.05
    if isinstance(solver, Arnoldi):  # negative directions count as flat
        curvature = (vectors * values.clamp(min=0)) @ vectors.T
    else:
        assert values[0] > -damping
    solved = torch.linalg.solve(curvature + damping * torch.eye(len(at)), one_by_one(twin, test).T).T
    wanted = solved @ one_by_one(twin, train).T / len(train)
    found = influence(twin, train, test, damping=damping, curvature=kind, solver=solver)
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-5, atol=1e-6 * float(wanted.abs().max()))
    if not (kind == "hessian" and isinstance(solver, Arnoldi)):
        assert found.error["residual"].max() < 1e-8


def test_influence_reports_how_far_it_got(model, inputs):
    rough, fine = (
        influence(model, *inputs, damping=1e-3, solver=Arnoldi(r)).error["residual"] for r in (2, 60)
    )
    assert (fine < rough).all()
    assert fine.max() < 1e-2 < rough.min()
    with pytest.raises(DataError, match="curvature is not positive"):
        influence(model, *inputs, damping=1e-9, curvature="hessian", solver=ConjugateGradient(1e-9))
    with pytest.raises(ConfigError, match="needs a damping"):
        influence(model, *inputs, damping=0)
    with pytest.raises(ConfigError, match="residuals"):
        influence(model, *inputs, lambda m, x: Reconstruction()(m, x))


def test_the_published_influence_is_the_recursion_and_little_but_a_gradient_product(model, inputs):
    train, test = (x.double() for x in inputs)
    twin = copy.deepcopy(model).double()
    residuals, at = as_function(twin, train)
    h = dense(lambda w: residuals(w).square().sum() / len(train), at)
    g = one_by_one(twin, train)
    v = g
    for _ in range(2):
        v = g + (1 - 1e-3) * v - v @ h / 1000
    wanted = one_by_one(twin, test) @ v.T / (1000 * len(train))
    # A batch of many draws is the whole set but for chance, and the curvature is divided by a thousand.
    found = legacy_influence(twin, train, test, depth=2, batch_size=1500)
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    plain = gradient_product(model, *inputs).scores
    published = legacy_influence(model, *inputs, depth=8, batch_size=20).scores
    assert np.corrcoef(published.ravel(), plain.ravel())[0, 1] > 0.999


def exact_mixture(points, target):
    """Least squares on the simplex, by nonnegative least squares with a heavy row for the sum."""
    heavy = 1e5
    weights, _ = scipy.optimize.nnls(
        np.vstack([points.T, np.full(len(points), heavy)]), np.append(target, heavy)
    )
    return weights


def test_simplex_finds_the_nearest_mixture_and_certifies_it():
    draw = np.random.default_rng(0)
    points = draw.normal(size=(30, 3)).astype(np.float32)
    targets = np.vstack([points[:2], 3 * draw.normal(size=(6, 3)), 0.2 * draw.normal(size=(6, 3))])
    train, test = torch.from_numpy(points), torch.from_numpy(targets.astype(np.float32))
    found = simplex(lambda x: x, train, test, tolerance=1e-9)
    spread = np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean())
    best = np.array([np.linalg.norm(exact_mixture(points, t) @ points - t) for t in targets])
    np.testing.assert_allclose(found.error["residual"] * spread, best, atol=1e-4)
    np.testing.assert_allclose(found.scores.sum(axis=1), 1, atol=1e-6)
    assert found.scores.min() >= 0
    assert found.error["gap"].max() <= 1e-8
    outside = best > 1e-3  # there the mixture of points in general position is the only one
    assert outside.sum() >= 4
    wanted = np.array([exact_mixture(points, t) for t in targets])
    np.testing.assert_allclose(found.scores[outside], wanted[outside], atol=1e-3)
    # The certificate bounds what is left, however early the search stops.
    early = simplex(lambda x: x, train, test, steps=3)
    half = 0.5 * np.square(early.error["residual"])
    assert (half - early.error["gap"] <= 0.5 * np.square(best / spread) + 1e-9).all()


def test_a_sparse_mixture_keeps_few_examples_and_says_what_it_costs():
    draw = torch.Generator().manual_seed(2)
    train, test = torch.randn(200, 6, generator=draw), 0.3 * torch.randn(9, 6, generator=draw)
    gaps = []
    for keep in (1, 3, 7):
        found = simplex(lambda x: x, train, test, keep=keep)
        assert ((found.scores > 0).sum(axis=1) <= keep).all()
        np.testing.assert_allclose(found.scores.sum(axis=1), 1, atol=1e-6)
        gaps.append(found.error["gap"].mean())
    assert gaps[0] > gaps[1] > gaps[2] > 0
    nearest = torch.cdist(test, train).argmin(dim=1).numpy()
    np.testing.assert_array_equal(simplex(lambda x: x, train, test, keep=1).scores.argmax(axis=1), nearest)


def test_the_published_simplex_does_not_fit():
    draw = torch.Generator().manual_seed(3)
    train, test = torch.randn(100, 4, generator=draw), torch.randn(5, 4, generator=draw)
    published, found = (f(lambda x: x, train, test) for f in (legacy_simplex, simplex))
    np.testing.assert_allclose(published.scores.sum(axis=1), 1, atol=1e-5)
    assert (published.error["residual"] > 5 * found.error["residual"]).all()
    # The first step of Adam is its rate, against the sign of the slope.
    slope = -2 * (test - train.mean(dim=0)) @ (train - train.mean(dim=0)).T / len(train)
    wanted = (-1e-3 * slope.sign()).softmax(dim=1)
    once = legacy_simplex(lambda x: x, train, test, steps=1)
    np.testing.assert_allclose(once.scores, wanted, rtol=1e-5)


def test_neighbours_by_brute_force():
    draw = np.random.default_rng(4)
    a, b = draw.normal(size=(13, 3)), draw.normal(size=(4, 3))
    d = np.linalg.norm(b[:, None] - a[None], axis=2)
    among = np.linalg.norm(a[:, None] - a[None], axis=2)[np.triu_indices(13, 1)]
    wanted = {
        "inverse_square": (1 / d**2, 0),
        "gaussian": (np.exp(-(d**2) / (2 * np.sort(among)[(len(among) - 1) // 2] ** 2)), 0),
        "negative_distance": (-d, -d.max(axis=1, keepdims=True)),
        "cosine": (b @ a.T / np.linalg.norm(b, axis=1)[:, None] / np.linalg.norm(a, axis=1), -1),
    }
    train, test = torch.from_numpy(a), torch.from_numpy(b)
    for kernel, (scores, least) in wanted.items():
        found = deep_knn(lambda x: x, train, test, kernel=kernel)
        np.testing.assert_allclose(found.scores, scores, rtol=1e-5)
        order = np.argsort(-scores, axis=1)[:, :3]
        near = np.zeros_like(scores, dtype=bool)
        np.put_along_axis(near, order, True, axis=1)
        few = deep_knn(lambda x: x, train, test, kernel=kernel, k=3).scores
        np.testing.assert_allclose(few, np.where(near, scores, least), rtol=1e-5)
    np.testing.assert_allclose(cosine_knn(lambda x: x, train, test).scores, wanted["cosine"][0], rtol=1e-5)


def test_duplicates_and_the_example_itself_are_equals_and_finite():
    draw = torch.Generator().manual_seed(5)
    train = torch.randn(8, 3, generator=draw)
    train[5] = train[2]
    for kernel in ("inverse_square", "gaussian", "negative_distance", "cosine"):
        scores = deep_knn(lambda x: x, train, train[2:3], kernel=kernel, k=1).scores[0]
        assert set(np.flatnonzero(scores >= scores.max() * (1 - 1e-6))) == {2, 5}
    weights = simplex(lambda x: x, train, train[2:3]).scores[0]
    np.testing.assert_allclose(weights[5], weights[2], rtol=1e-6)
    assert weights[2] + weights[5] > 0.99
    np.testing.assert_allclose(
        simplex(lambda x: x, torch.ones(4, 2), torch.rand(1, 2)).scores, 0.25, rtol=1e-6
    )
    zero = deep_knn(lambda x: x, torch.zeros(2, 2), torch.zeros(1, 2), kernel="inverse_square").scores
    assert np.isfinite(zero).all()
    with pytest.raises(DataError, match="do not differ"):
        deep_knn(lambda x: x, torch.ones(3, 2), torch.ones(1, 2))


OPTIONS = {
    "tracin": lambda model: {"checkpoints": [model]},
    "influence": lambda model: {"damping": 0.1, "solver": Arnoldi(20)},
    "legacy_influence": lambda model: {"depth": 2, "batch_size": 8},
    "legacy_simplex": lambda model: {"steps": 20},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_neither_batch_nor_chunk_nor_order_changes_an_answer_and_the_model_comes_back(model, inputs, name):
    train, test = inputs
    test = torch.cat([test, train[:1]])
    model.train()
    subject = model if EXAMPLES[name].reads == "gradients" else model.encoder
    options = OPTIONS.get(name, lambda _: {})(model)
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    whole = importance(name, subject, train, test, test_ids=np.arange(6) + 100, **options)
    assert whole.scores.shape == (6, 11)
    assert whole.method == name
    assert whole.test_ids.tolist() == [100, 101, 102, 103, 104, 105]
    scale = np.abs(whole.scores).max()

    def same(scores, wanted):
        np.testing.assert_allclose(scores, wanted, rtol=2e-6, atol=1e-6 * scale)

    same(importance(name, subject, train, test, max_rows=4, **options).scores, whole.scores)
    single = [importance(name, subject, train, one[None], **options).scores[0] for one in test]
    same(np.stack(single), whole.scores)
    if name != "legacy_influence":  # its random batches go by position
        turned = importance(name, subject, train.flip(0), test.flip(0), **options).scores
        same(turned[::-1, ::-1], whole.scores)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(part.training for part in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_recurrent_encoders_and_losses_of_their_own():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        beats = Autoencoder(Signature((), (6, 1, 1), "lstm"), AutoencoderSettings(latents=2, loss="l1"))
        inputs = torch.randn(5, 1, 6, 1)
    found = gradient_product(beats, inputs[:3], inputs[3:], own_loss)
    rows = []
    for example in inputs:
        loss = (beats.decode(beats(example[None])) - example[None]).abs().mean()
        grads = torch.autograd.grad(loss, list(beats.encoder.parameters()))
        rows.append(torch.cat([g.flatten() for g in grads]))
    wanted = torch.stack(rows[3:]) @ torch.stack(rows[:3]).T
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    solved = [
        influence(beats, inputs[:3], inputs[3:], damping=0.1, solver=s)
        for s in (Arnoldi(60), ConjugateGradient(1e-5))
    ]
    assert max(s.error["residual"].max() for s in solved) < 1e-3
    np.testing.assert_allclose(
        solved[0].scores, solved[1].scores, rtol=1e-2, atol=1e-4 * np.abs(solved[1].scores).max()
    )
    with pytest.raises(DataError, match="no losses of its own"):
        gradient_product(nn.Linear(2, 2), torch.rand(2, 2), torch.rand(1, 2), own_loss, part="weight")


class Stubborn(nn.Module):
    """Asks for a number in its forward, which vmap refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 2)

    def forward(self, x):
        made = self.encoder(x)
        return made if float(made.sum()) > 1e9 else made.tanh()


def test_what_vmap_refuses_is_done_one_by_one():
    model, x = Stubborn(), torch.rand(4, 2)
    found = gradient_product(model, x[:3], x[3:])
    loss = [(model(one[None]) - one[None]).square().mean() for one in x]
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(one, list(model.parameters()))]) for one in loss
    ]
    np.testing.assert_allclose(found.scores[0], torch.stack(rows[:3]) @ rows[3], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda m, x: (m(x) - x).square().mean(), "not one number an example"),
        (lambda m, x: (m(x + torch.randn_like(x)) - x).square().flatten(1).mean(1), "draws random numbers"),
        (lambda m, x: (m(x) - m(x).mean(0)).flatten(1).square().sum(1), "depends on the others"),
        (lambda m, x: m(x).flatten(1).sum(1) * torch.nan, "not a finite number"),
        (lambda m, x: Reconstruction()(m.encoder, x), "does not return reconstructions"),
    ],
)
def test_losses_without_a_gradient_an_example_are_refused(model, inputs, loss, said):
    model.train()
    with pytest.raises(DataError, match=said):
        gradient_product(model, *inputs, loss)
    assert model.training


def test_bad_input_is_refused_in_words(model, inputs):
    train, test = inputs
    with pytest.raises(DataError, match="not of this model"):
        tracin(model, train, test, checkpoints=[{"encoder.0.weight": torch.zeros(1)}])
    for checkpoints, rates in (([], None), ([model], [1.0, 2.0])):
        with pytest.raises(ConfigError, match="a rate for each"):
            tracin(model, train, test, checkpoints=checkpoints, rates=rates)
    for a, b, said in (
        (train, test[:, :, :3], "differ in shape"),
        (train, (255 * test).to(torch.uint8), "to_images"),
        (train[:0], test, "no examples"),
        (train * torch.nan, test, "not finite"),
    ):
        with pytest.raises(DataError, match=said):
            simplex(model.encoder, a, b)
        with pytest.raises(DataError, match=said):
            gradient_product(model, a, b)
    with pytest.raises(ConfigError, match="Did you mean 'simplex'"):
        importance("simplx", model, train, test)
    with pytest.raises(ConfigError, match="Did you mean 'kernel'"):
        importance("deep_knn", model.encoder, train, test, kernal="cosine")
    for bad in ({"k": 12}, {"k": 0}, {"kernel": "cubic"}):
        with pytest.raises(ConfigError, match="no such neighbours"):
            deep_knn(model.encoder, train, test, **bad)
    with pytest.raises(ConfigError, match="keep >= 1"):
        simplex(model.encoder, train, test, keep=0)
    with pytest.raises(DataError, match="not one id"):
        importance("cosine_knn", model.encoder, train, test, train_ids=[1])
    with pytest.raises(DataError, match="does not return codes"):
        deep_knn(lambda x: (x, x), train, test)
    with pytest.raises(DataError, match="example 2 of test"):
        simplex(model.encoder, train, test.index_fill(0, torch.tensor([2]), torch.nan))
    for work in (lambda x: deep_knn(model.encoder, x, x), lambda x: gradient_product(model, x, x)):
        with pytest.raises(DataError, match=r"cannot read the inputs .*1, 9, 9.*RuntimeError"):
            work(torch.rand(3, 1, 9, 9))


class Halves(nn.Module):
    """Begins by writing into what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 2)

    def forward(self, x):
        return self.encoder(x.mul_(0.5))


def test_examples_survive_an_encoder_that_writes_into_them():
    model, x = Halves(), torch.rand(4, 2)
    kept = x.clone()
    codes = deep_knn(model, x[:3], x[3:], kernel="negative_distance").scores
    distances = torch.cdist(model(kept[3:].clone()), model(kept[:3].clone()))
    np.testing.assert_allclose(codes, -distances.detach(), rtol=1e-5)
    found = gradient_product(model, x[:3], x[3:]).scores
    assert torch.equal(x, kept)
    loss = [(model(one[None].clone()) - one[None]).square().mean() for one in kept]
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(one, list(model.parameters()))]) for one in loss
    ]
    np.testing.assert_allclose(found[0], torch.stack(rows[:3]) @ rows[3], rtol=1e-5)
