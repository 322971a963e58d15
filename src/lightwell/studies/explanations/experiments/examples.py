"""Consistency of examples: whether the training examples a code is built from are of the same class."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lightwell.core.dataset import Dataset
from lightwell.core.findings import Estimate
from lightwell.core.seeds import generator
from lightwell.explain.examples import EXAMPLES, RECONSTRUCTION, ExampleImportance, importance, own_loss
from lightwell.metrics.agreement import agreements
from lightwell.metrics.attribution import similarity_estimates, similarity_rates
from lightwell.studies.explanations.parts import batch
from lightwell.studies.explanations.pictures import Beside
from lightwell.studies.explanations.task import Measured, Task, encoder_part, errors, few

MOST, LEAST = 5, 3  # training examples beside each explained one
_LEGACY = {"influence": ("lissa", "legacy_influence"), "simplex": ("simplex", "legacy_simplex")}
_ROUGH, _PUBLISHED_BATCH = 0.5, 300


def measure(task: Task) -> Measured:
    """Ask each method, and compare classes."""
    model, parts = task.model, task.parts
    train, test = batch(parts.corpus), task.inputs
    (steps,) = task.steps.values()
    found = {m: ask(m, model, train, test, task.study.legacy, steps) for m in task.methods}
    random = generator(task.seed, "random examples").random((parts.test.n, parts.corpus.n))
    scores = {method: one.scores for method, one in found.items()} | {"random": random}
    estimates: list[Estimate] = []
    arrays: dict[str, Any] = task.pictured() | {"corpus_n": np.array(parts.corpus.n)}
    for method, table in scores.items():
        rates = similarity_rates(table, parts.test.labels, parts.corpus.labels)
        estimates += similarity_estimates(rates, method, seed=task.seed)
        arrays |= {f"top.{method}": rates.top, f"bottom.{method}": rates.bottom}
        arrays |= {"shares": rates.shares, "base": rates.base}
    for method, one in found.items():
        estimates += errors(method, one.error)
        for end, chosen in ends(few(one.scores), parts.corpus).items():
            arrays |= {f"{end}.inputs.{method}": chosen.inputs, f"{end}.words.{method}": chosen.words}
    pairs = combinations(found.items(), 2)
    estimates += [_agreement(*first, *second, task.seed) for first, second in pairs]
    return Measured(estimates, arrays)


def _agreement(a: str, first: ExampleImportance, b: str, second: ExampleImportance, seed: int) -> Estimate:
    """Return how far two methods rank alike, NaN where one ranks nothing."""
    sets = {a: first.scores, b: second.scores}
    if any(len(np.unique(scores)) == 1 for scores in sets.values()):
        return Estimate(f"agreement.spearman.{a}~{b}", float("nan"), higher_is_better=None)
    return agreements(sets, "spearman", seed=seed)[0]


def ask(
    method: str,
    model: nn.Module,
    train: Tensor,
    test: Tensor,
    legacy: tuple[str, ...] = (),
    steps: list[dict[str, Tensor]] | None = None,
) -> ExampleImportance:
    """Return the scores of one method, in its published form where that is among the quirks asked for.

    Parameters
    ----------
    method : str
        In ``EXAMPLES``.
    model : Module
        An encoder; methods that read gradients take how badly it rebuilds an example.
    train, test : Tensor
        Training examples, and examples to explain.
    legacy : tuple of str
        Quirks.
    steps : list of dict, optional
        Weights along the training, for TracIn.
    """
    quirk, published = _LEGACY.get(method, ("", ""))
    name = published if quirk in legacy else method
    options: dict[str, Any] = {}
    if EXAMPLES[name].reads == "gradients":
        squared = getattr(getattr(model, "settings", None), "loss", "mse") == "mse"
        options = {"loss": RECONSTRUCTION if squared else own_loss, "part": encoder_part(model)}
        if name == "influence" and not squared:  # Gauss-Newton is for squares
            options["curvature"] = "hessian"
    if name == "legacy_influence":  # its draws with replacement need no more than there are
        options["batch_size"] = min(_PUBLISHED_BATCH, len(train))
    if name == "tracin":
        options["checkpoints"] = steps or [model]
    if name == "deep_knn" and "inverse_square" in legacy:
        options["kernel"] = "inverse_square"
    return importance(name, model, train, test, **options)


def ends(scores: NDArray[np.float32], corpus: Dataset) -> dict[str, Beside]:
    """Return the ``most`` and ``least`` important examples of a corpus, a row an explained one.

    Parameters
    ----------
    scores : array, shape (m, n)
        Importance.
    corpus : Dataset
        The n training examples.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    n_most = min(MOST, corpus.n)
    found = {}
    for end, chosen in {
        "most": order[:, :n_most],
        "least": order[:, ::-1][:, : min(LEAST, corpus.n)],
    }.items():
        near = corpus.take(chosen.ravel())
        values = np.take_along_axis(scores, chosen, axis=1).ravel()
        names = [*near.class_names, "no class"]
        words = [f"{names[label]}, {value:.2g}" for label, value in zip(near.labels, values, strict=True)]
        inputs = np.array(near.inputs[:]).reshape(*chosen.shape, *near.inputs.shape[1:])
        found[end] = Beside(inputs, np.array(words).reshape(chosen.shape))
    return found


def warnings(estimates: Iterable[Estimate]) -> list[str]:
    """Return where a method has not solved its problem."""
    return [
        f"{e.name.partition('.')[2]} is not solved: its residual is {e.value:.2f} (median; 0 is exact)."
        for e in estimates
        if e.name.startswith("residual.") and e.value > _ROUGH
    ]
