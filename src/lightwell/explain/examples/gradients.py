"""Gradients of a label-free loss, an example a row, with respect to an encoder's weights alone.

Weights outside of the encoder, a decoder's above all, are not what the code is made with: they are held
fixed and do not count (Crabbé and van der Schaar, ICML 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.explain.borrowed import borrowed
from lightwell.explain.examples.result import check_inputs
from lightwell.explain.inputs import readable
from lightwell.models.capabilities import Decodes

Loss = Callable[[nn.Module, Tensor], Tensor]
"""Of a model and inputs (B, ...), the loss of each example (B,)."""

Part = str | Sequence[str] | nn.Module
"""The encoder in a model: names or beginnings of names of its weights, or the submodule itself."""


class Reconstruction:
    """Mean squared difference between each input and what the model makes of it.

    That is ``model.decode(model(inputs))`` where the model decodes, else ``model(inputs)``.

    Examples
    --------
    >>> Reconstruction()(nn.Identity(), torch.rand(2, 1, 4, 4))
    tensor([0., 0.])
    """

    def residuals(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """Return B×M numbers whose sum of squares is the loss: what Gauss-Newton needs of a loss."""
        code = model(inputs.clone())  # a model that begins in place would be compared with its own traces
        made: Any = model.decode(code) if isinstance(model, Decodes) else code
        if not isinstance(made, Tensor) or made.shape != inputs.shape:
            raise DataError(
                "the model does not return reconstructions",
                expected=tuple(inputs.shape),
                got=tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__,
                fix="Give a loss of your own: a function of model and inputs to one number an example.",
            )
        difference = (made - inputs).flatten(1) / inputs[0].numel() ** 0.5
        return cast("Tensor", difference)

    def __call__(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """Return the loss of each example."""
        return self.residuals(model, inputs).square().sum(dim=1)


RECONSTRUCTION = Reconstruction()


def own_loss(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the model's own ``example_losses``, as the autoencoders of this package have.

    Raises
    ------
    DataError
        If it has none.
    """
    losses = getattr(model, "example_losses", None)
    if losses is None:
        raise DataError("the model has no losses of its own", expected="a method example_losses(inputs)")
    return cast("Tensor", losses(inputs))


class _Host(nn.Module):
    """A model that runs a function of itself when called, so that its weights can be swapped for a call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Loss, inputs: Tensor) -> Tensor:
        return function(self.model, inputs)


@dataclass(frozen=True, eq=False)
class EncoderLoss:
    """A loss as a function of the weights of an encoder, laid out as one vector of length P.

    Attributes
    ----------
    host : Module
        Holds the model.
    loss : callable
        The loss an example.
    names : tuple of str
        Weights of the encoder.
    state : dict of str to Tensor
        All weights and buffers of the model, by name.
    loops : bool
        Whether gradients are taken one by one, since the model holds layers that ``vmap`` cannot batch.
    """

    host: _Host
    loss: Loss
    names: tuple[str, ...]
    state: dict[str, Tensor]
    loops: bool

    @property
    def weights(self) -> Tensor:
        """The encoder's weights, shape (P,)."""
        return torch.cat([self.state[name].flatten() for name in self.names])

    def __call__(self, weights: Tensor, inputs: Tensor, function: Loss | None = None) -> Tensor:
        """Return the loss of each example, or another function of model and inputs, at these weights."""
        shapes = [self.state[name].shape for name in self.names]
        parts = torch.split(weights, [shape.numel() for shape in shapes])
        swapped = {name: p.view(shape) for name, p, shape in zip(self.names, parts, shapes, strict=True)}
        state = {f"model.{name}": value for name, value in (self.state | swapped).items()}
        return cast("Tensor", functional_call(self.host, state, (function or self.loss, inputs.clone())))

    def at(self, checkpoint: Mapping[str, Tensor] | nn.Module) -> EncoderLoss:
        """Return the loss at a checkpoint of the same model.

        Raises
        ------
        DataError
            If a weight or buffer is missing or of another shape.
        """
        found = checkpoint.state_dict() if isinstance(checkpoint, nn.Module) else checkpoint
        kept = self.host.model.state_dict().keys() & self.state.keys()
        for name in sorted(kept):
            if name not in found or found[name].shape != self.state[name].shape:
                raise DataError(
                    "a checkpoint is not of this model",
                    where=name,
                    expected=tuple(self.state[name].shape),
                    got=tuple(found[name].shape) if name in found else "nothing",
                )
        return replace(self, state=self.state | {k: found[k].detach().to(self.state[k]) for k in kept})

    def gradients(self, inputs: Tensor) -> Tensor:
        """Return the gradient of each example's loss, shape (B, P)."""
        weights = self.weights
        inputs = inputs.to(weights.device)

        def one(at: Tensor, example: Tensor) -> Tensor:
            return self(at, example[None])[0]

        if not self.loops:
            return cast("Tensor", vmap(grad(one), in_dims=(None, 0))(weights, inputs))
        leaf = weights.requires_grad_()
        return torch.stack([torch.autograd.grad(one(leaf, example), leaf)[0] for example in inputs])


@contextmanager
def encoder_loss(
    model: nn.Module, loss: Loss, part: Part, train: Tensor, test: Tensor, max_rows: int
) -> Iterator[EncoderLoss]:
    """Borrow a model as the loss of its encoder's weights; refuse what cannot be differentiated an example.

    Parameters
    ----------
    model : Module
        In evaluation mode inside the block, as it came after it.
    loss, part
        See :data:`Loss` and :data:`Part`.
    train, test : Tensor
        Checked, and the loss with them.
    max_rows : int
        Checked.

    Yields
    ------
    EncoderLoss

    Raises
    ------
    ConfigError
        If the model has no such part.
    DataError
        If the inputs are unusable, or the loss is not one number an example, depends on the other examples
        of a batch, or draws random numbers.
    """
    check_inputs(train, test, max_rows)
    if not isinstance(model, nn.Module):
        raise DataError("gradients need a module", expected="torch.nn.Module", got=type(model).__name__)
    with borrowed(model), _plain_kernels() if _recurrent(model) else nullcontext():
        state = {k: v.detach() for k, v in (*model.named_parameters(), *model.named_buffers())}
        ready = EncoderLoss(_Host(model), loss, _names(model, part), state, loops=True)
        few = train[: min(4, max(2, max_rows))]  # a single one would not show what the others do to it
        _check_loss(ready, few.to(ready.weights.device))
        yield replace(ready, loops=_recurrent(model) or not _batches(ready, train[:1]))


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Do without oneDNN, whose recurrent layers have no second derivative."""
    before = torch.backends.mkldnn.set_flags(False)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(before[0])  # type: ignore[no-untyped-call]


def _recurrent(model: nn.Module) -> bool:
    """Say whether a model holds layers whose fused kernels know neither vmap nor second derivatives."""
    return any(isinstance(layer, nn.RNNBase) for layer in model.modules())


def _batches(ready: EncoderLoss, inputs: Tensor) -> bool:
    try:
        replace(ready, loops=False).gradients(inputs)
    except RuntimeError:  # what vmap says of data-dependent control flow and of functions without a rule
        return False
    return True


def _names(model: nn.Module, part: Part) -> tuple[str, ...]:
    everything = dict(model.named_parameters(remove_duplicate=False))
    if isinstance(part, nn.Module):
        wanted = {id(weight) for weight in part.parameters()}
    else:
        wanted = set()
        for prefix in (part,) if isinstance(part, str) else part:
            found = {id(w) for n, w in everything.items() if n == prefix or n.startswith(f"{prefix}.")}
            if not found:
                raise ConfigError(
                    "the model has no such part",
                    where="part",
                    got=repr(prefix),
                    fix=nearest(prefix, {n.split(".")[0] for n in everything}),
                )
            wanted |= found
    names = tuple(name for name, weight in model.named_parameters() if id(weight) in wanted)
    if not names:
        raise ConfigError(
            "the part has no weights in this model", where="part", fix="Name the encoder of this model."
        )
    return names


def _check_loss(ready: EncoderLoss, inputs: Tensor) -> None:
    before = torch.get_rng_state()
    with torch.no_grad():
        with readable(inputs):
            together: Any = ready(ready.weights, inputs)
        if not isinstance(together, Tensor) or together.shape != (len(inputs),):
            raise DataError(
                "the loss is not one number an example",
                expected=f"shape ({len(inputs)},)",
                got=tuple(together.shape) if isinstance(together, Tensor) else type(together).__name__,
                fix="Leave the mean over the batch out of it.",
            )
        if not torch.equal(before, torch.get_rng_state()):
            raise DataError(
                "the loss draws random numbers",
                fix="Leave noise, masks and sampling out of it: explain the loss of clean examples.",
            )
        apart = torch.cat([ready(ready.weights, one[None]) for one in inputs])
    if not together.isfinite().all():
        raise DataError("the loss is not a finite number", got=together.tolist())
    if not torch.allclose(together, apart, rtol=1e-3, atol=1e-9):
        raise DataError(
            "the loss of an example depends on the others of its batch",
            fix="Such losses (contrastive ones) have no gradient an example: "
            "use simplex, deep_knn or cosine_knn, which read codes.",
        )
