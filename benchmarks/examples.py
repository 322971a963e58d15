"""Importance of training examples against the published algorithms, written anew as their slow, plain loops.

The network is the reference's (43,428 weights in the encoder), trained for two checkpoints on the embedded
images. What would take minutes is measured on a few rows and multiplied, and the line says so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import cpu
from lightwell.data import load
from lightwell.data.batches import to_images
from lightwell.explain import examples
from lightwell.models.autoencoders.autoencoder import Autoencoder
from lightwell.models.model import Signature

SIDE = 100  # rows and columns of the gradient methods
TRAIN, TEST = 1000, 350  # of the methods that read codes
FEW, SOME = 2, 10  # rows of LiSSA, and of TracIn's double loop, that are measured
DEPTH, BATCH = 100, 200  # of LiSSA as published


def lines() -> Iterator[str]:
    """Give one line a method."""
    torch.set_num_threads(1)
    data = load("mnist-mini")
    images = to_images(torch.from_numpy(np.array(data.inputs[:6000])))
    model, early = _trained(images[:4000])
    train, test = images[:TRAIN], images[-TEST:]
    yield _tracin(model, early, train[:SIDE], test[:SIDE])
    yield from _influence(model, train[:SIDE], test[:SIDE])
    yield from _simplex(model, train, test[:50])
    yield _knn(model, train, test)


def _trained(images: Tensor) -> tuple[Autoencoder, dict[str, Tensor]]:
    """Return an autoencoder after two rounds, and its weights after one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(Signature((), (28, 28, 1), "mnist28"))
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for epoch in range(2):
            for batch in images.split(50):
                optimizer.zero_grad()
                model.losses(batch)["reconstruction"].backward()
                optimizer.step()
            if epoch == 0:
                early = {name: values.clone() for name, values in model.state_dict().items()}
    return model.eval(), early


def _gradient(model: Autoencoder, batch: Tensor, create_graph: bool = False) -> Tensor:
    loss = model.example_losses(batch).mean()
    grads = torch.autograd.grad(loss, list(model.encoder.parameters()), create_graph=create_graph)
    return torch.cat([g.flatten() for g in grads])


def _keep(model: Autoencoder, gradient: Tensor, path: Path) -> None:
    """Write a gradient as a list with a tensor for each weight."""
    parts = gradient.split([weight.numel() for weight in model.encoder.parameters()])
    torch.save([part.clone() for part in parts], path)


def _pairs(folder: Path, train: int, test: int) -> Tensor:
    """Multiply gradients pair by pair, loading the files of both each time."""
    scores = torch.zeros(test, train)
    for i in range(test):
        for n in range(train):
            # Files of ours, read as published: tensors alone are let in.
            a, b = (torch.load(folder / name, weights_only=True) for name in (f"test{i}", f"train{n}"))
            scores[i, n] = sum((x * y).sum() for x, y in zip(a, b, strict=True))
    return scores


def _published_tracin(
    model: Autoencoder, states: list[dict[str, Tensor]], train: Tensor, test: Tensor
) -> tuple[Tensor, float]:
    """Return the first rows, and the CPU seconds of all."""
    total, seconds = torch.zeros(SOME, len(train)), 0.0
    now = {name: values.clone() for name, values in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as name:
        for state in states:
            model.load_state_dict(state)
            for kind, inputs in (("train", train), ("test", test)):
                for i, example in enumerate(inputs):
                    start = time.process_time()
                    gradient = _gradient(model, example[None], create_graph=True).detach()
                    _keep(model, gradient, Path(name) / f"{kind}{i}")
                    seconds += time.process_time() - start
            start = time.process_time()
            total += _pairs(Path(name), len(train), SOME)
            seconds += (time.process_time() - start) * len(test) / SOME
    model.load_state_dict(now)
    return total, seconds


def _tracin(model: Autoencoder, early: dict[str, Tensor], train: Tensor, test: Tensor) -> str:
    states = [early, {name: values.clone() for name, values in model.state_dict().items()}]
    ours: list[np.ndarray] = []
    examples.gradient_product(model, train[:SIDE], test[:SIDE])  # warm
    fast = cpu(lambda: ours.append(examples.tracin(model, train, test, checkpoints=states).scores))
    theirs, slow = _published_tracin(model, states, train, test)
    gap = np.abs(ours[0][:SOME] - theirs.numpy()).max() / np.abs(ours[0]).max()
    return (
        f"TracIn {SIDE}x{SIDE}, 2 checkpoints  {fast:7.2f} CPU-s, a file a gradient {slow:6.1f} "
        f"(pairs: {SOME} of {SIDE} rows), ratio {slow / fast:5.0f} (at least 100), "
        f"values within {gap:.0e} (at most 1e-05)"
    )


def _lissa(model: Autoencoder, train: Tensor, example: Tensor) -> Tensor:
    """Run the recursion for one training example, with a batch of its own at every step."""
    weights = list(model.encoder.parameters())
    start = now = _gradient(model, example[None])
    draw = torch.Generator().manual_seed(0)
    for _ in range(DEPTH):
        batch = train[torch.randint(len(train), (BATCH,), generator=draw)]
        slope = _gradient(model, batch, create_graph=True)
        bent = torch.autograd.grad(slope @ now, weights)
        now = start + (1 - 1e-3) * now - torch.cat([b.flatten() for b in bent]) / 1000
    return now / (1000 * len(train))


def _influence(model: Autoencoder, train: Tensor, test: Tensor) -> Iterator[str]:
    each = cpu(lambda: [_lissa(model, train, example) for example in train[:FEW]]) / FEW
    with tempfile.TemporaryDirectory() as name:
        for i in range(SIDE):
            for kind, inputs in (("train", train), ("test", test)):
                _keep(model, _gradient(model, inputs[i][None]), Path(name) / f"{kind}{i}")
        slow = SIDE * each + cpu(lambda: _pairs(Path(name), SIDE, FEW)) / FEW * SIDE
    found: list[examples.ExampleImportance] = []
    fast = cpu(lambda: found.append(examples.influence(model, train, test)))
    exact = examples.influence(model, train, test[:FEW], solver=examples.ConjugateGradient(1e-4)).scores
    alike = min(np.corrcoef(a, b)[0, 1] for a, b in zip(found[0].scores, exact, strict=False))
    yield (
        f"influence {SIDE}x{SIDE}, low rank      {fast:7.2f} CPU-s, LiSSA {slow:8.0f} "
        f"(measured: {FEW} of {SIDE} rows), ratio {slow / fast:5.0f} (at least 50), median residual "
        f"{np.median(found[0].error['residual']):.3f}, correlation with the exact solve {alike:.4f}"
    )


def _published_simplex(codes: Tensor, targets: Tensor) -> Tensor:
    logits = torch.zeros(len(targets), len(codes), requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=1e-3)
    for _ in range(1000):
        optimizer.zero_grad()
        mixture = torch.einsum("tn,nd->td", logits.softmax(dim=1), codes)
        ((mixture - targets) ** 2).sum().backward()
        optimizer.step()
    return logits.detach().softmax(dim=1)


def _simplex(model: Autoencoder, train: Tensor, test: Tensor) -> Iterator[str]:
    with torch.no_grad():
        codes, targets = model(train), model(test)
    left: list[float] = []

    def ours(**options: int) -> None:
        found = torch.from_numpy(examples.simplex(nn.Identity(), codes, targets, **options).scores)
        left.append(_missed(found, codes, targets))

    ours()  # warm
    fast, few = cpu(ours), cpu(lambda: ours(keep=5))
    slow = cpu(lambda: left.append(_missed(_published_simplex(codes, targets), codes, targets)))
    yield (
        f"SimplEx {len(test)}x{len(train)}               {fast:7.3f} CPU-s, 1000 steps of Adam {slow:6.2f}, "
        f"ratio {slow / fast:5.1f} (at least 10), residual {left[1]:.4f} against {left[3]:.3f} (at most 1/5)"
    )
    yield f"SimplEx, 5 examples each         {few:7.3f} CPU-s, residual {left[2]:.4f}"


def _missed(weights: Tensor, codes: Tensor, targets: Tensor) -> float:
    return float((weights @ codes - targets).norm() / targets.norm())


def _published_knn(model: nn.Module, train: Tensor, test: Tensor) -> Tensor:
    """Encode one by one, and compare by differences."""
    with torch.no_grad():
        a, b = (
            torch.cat([model(x) for (x,) in DataLoader(TensorDataset(inputs), batch_size=1)])
            for inputs in (train, test)
        )
    return torch.stack([1 / ((one[None] - a) ** 2).sum(dim=1) for one in b])


def _knn(model: Autoencoder, train: Tensor, test: Tensor) -> str:
    ours: list[np.ndarray] = []

    def find() -> None:
        ours.append(examples.deep_knn(model, train, test, kernel="inverse_square").scores)

    find()  # warm
    fast = cpu(find)
    theirs: list[Tensor] = []
    slow = cpu(lambda: theirs.append(_published_knn(model, train, test)))
    gap = np.median(np.abs(ours[0] / theirs[0].numpy() - 1))
    return (
        f"deep kNN {TEST}x{TRAIN}             {fast:7.3f} CPU-s, one by one {slow:6.2f}, "
        f"ratio {slow / fast:5.1f} (at least 4), median difference {gap:.0e}"
    )
