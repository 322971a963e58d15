"""TracIn without labels: what a step on one example does to the loss of another, along the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lightwell.core.errors import ConfigError
from lightwell.explain.examples.gradients import RECONSTRUCTION, EncoderLoss, Loss, Part, encoder_loss
from lightwell.explain.examples.result import ExampleImportance


def tracin(
    model: nn.Module,
    train: Tensor,
    test: Tensor,
    loss: Loss = RECONSTRUCTION,
    *,
    checkpoints: Sequence[Mapping[str, Tensor] | nn.Module],
    rates: Sequence[float] | None = None,
    part: Part = "encoder",
    max_rows: int = 512,
) -> ExampleImportance:
    """Sum over checkpoints the products of per-example gradients of the encoder's weights.

    ``scores[i, n] = sum_t rates[t] * <grad L(test_i; t), grad L(train_n; t)>`` (Pruthi et al., NeurIPS 2020;
    without labels Crabbé and van der Schaar, ICML 2022).

    Parameters
    ----------
    model : Module
        The model, whose own weights count only if it is among the checkpoints.
    train, test : Tensor
        Training examples N×... and examples to explain T×....
    loss : callable
        Of model and inputs, one number an example; the reconstruction error by default.
    checkpoints : sequence of state dicts or modules
        The model at some steps of its training.
    rates : sequence of float, optional
        Learning rate at each checkpoint; 1 each by default, as in the published code.
    part : str, sequence of str or Module
        Which weights are the encoder's, by the beginning of their names or as the submodule.
    max_rows : int
        Examples whose gradients are held at once; twice as many rows of P numbers are the memory needed.

    Returns
    -------
    ExampleImportance

    Raises
    ------
    ConfigError
        If there is no checkpoint, not a rate each, or no such part.
    DataError
        If inputs, loss or a checkpoint do not fit.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 1, bias=False))
    >>> _ = nn.init.constant_(model[0].weight, 2.0)
    >>> tracin(model, torch.ones(2, 1), torch.ones(1, 1), checkpoints=[model], part=model[0]).scores
    array([[4., 4.]], dtype=float32)
    """
    weights = [1.0] * len(checkpoints) if rates is None else list(rates)
    if not checkpoints or len(weights) != len(checkpoints):
        raise ConfigError(
            "TracIn needs checkpoints, and a rate for each",
            expected="as many rates as checkpoints, at least one",
            got=f"{len(checkpoints)} checkpoints, {len(weights)} rates",
        )
    with encoder_loss(model, loss, part, train, test, max_rows) as ready:
        steps = [ready.at(checkpoint) for checkpoint in checkpoints]
        parts = (
            rate * products(step, train, test, max_rows) for rate, step in zip(weights, steps, strict=True)
        )
        scores = torch.stack(list(parts)).sum(dim=0)
    return ExampleImportance(scores.float().numpy(), "tracin")


def gradient_product(
    model: nn.Module,
    train: Tensor,
    test: Tensor,
    loss: Loss = RECONSTRUCTION,
    *,
    part: Part = "encoder",
    max_rows: int = 512,
) -> ExampleImportance:
    """Multiply the gradients of test and training examples at the trained weights alone.

    The parameters are those of :func:`tracin`. It is what the published influence functions amount to.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(1, 1))
    >>> gradient_product(model, torch.ones(2, 1), torch.ones(1, 1), part="0").scores.shape
    (1, 2)
    """
    found = tracin(model, train, test, loss, checkpoints=[model], part=part, max_rows=max_rows)
    return replace(found, method="gradient_product")


def products(
    ready: EncoderLoss,
    train: Tensor,
    test: Tensor,
    max_rows: int,
    solve: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the products (T, N) of the gradients of test, solved for first if asked, and of train."""
    rows = []
    for some in torch.split(test, max_rows):
        left = ready.gradients(some)
        left = solve(left) if solve else left
        rows.append(torch.cat([left @ ready.gradients(few).T for few in torch.split(train, max_rows)], dim=1))
    return torch.cat(rows).detach().cpu()
