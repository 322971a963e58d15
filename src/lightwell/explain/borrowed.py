"""Somebody else's encoder in our hands: quiet while it is asked, given back as it came."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lightwell.core.errors import ConfigError, DataError
from lightwell.core.seeds import preserved

Encoder = Callable[[Tensor], Tensor]


@contextmanager
def borrowed(encoder: Encoder) -> Iterator[Encoder]:
    """Freeze an encoder and put it into evaluation mode; leave it as it came, after an error too.

    Weights keep their gradients and flags, parts their modes, hooks and attributes, buffers their values, the
    random generators their state. Recurrent layers run without cuDNN, which cannot differentiate them in this
    mode, and nothing is done in place, which would hide what a layer answered.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D; a ``torch.nn.Module``, or a function, whose networks are those that
        :func:`networks_of` finds.

    Yields
    ------
    callable
        The encoder, refusing what is no code in words.

    Raises
    ------
    ConfigError
        If it cannot be called, or has lazy layers that no batch has gone through.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4, 2))
    >>> with borrowed(net) as ask:
    ...     codes = ask(torch.ones(3, 1, 2, 2))
    >>> codes.shape, net.training, all(p.requires_grad for p in net.parameters())
    (torch.Size([3, 2]), True, True)
    """
    if not callable(encoder):
        raise ConfigError("an encoder is called with a batch", expected="a module or function", got=encoder)
    networks = nn.ModuleList(networks_of(encoder))
    if any(torch.nn.parameter.is_lazy(weight) for weight in networks.parameters()):
        raise ConfigError(
            "the encoder has layers without weights yet",
            where=type(encoder).__name__,
            fix="Send a batch through it once: lazy layers learn their sizes from it.",
        )
    parts = list(networks.modules())[1:]
    found = [(part, part.training, _attributes(part)) for part in parts]
    flags = [(weight, weight.requires_grad, weight.grad) for weight in networks.parameters()]
    held = [(buffer, buffer.detach().clone()) for buffer in networks.buffers()]
    try:
        cudnn_off = torch.backends.cudnn.flags(enabled=False)
        with preserved(), torch.inference_mode(False), torch.enable_grad(), cudnn_off:
            networks.eval()
            for part in parts:
                if vars(part).get("inplace"):
                    vars(part)["inplace"] = False
            for weight, _, _ in flags:
                weight.requires_grad_(False)
            yield lambda inputs: as_codes(encoder(inputs), len(inputs))
    finally:
        for part, training, attributes in found:
            part.training = training
            for live, kept in attributes:
                live.clear()
                live.update(kept)
        for weight, flag, gradient in flags:
            weight.requires_grad_(flag)
            weight.grad = gradient
        with torch.no_grad():
            for buffer, value in held:
                buffer.copy_(value)


def _attributes(part: nn.Module) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each dictionary of a module, hooks among them, with a copy of what it holds."""
    own = vars(part)
    return [(one, dict(one)) for one in (own, *own.values()) if isinstance(one, dict)]


def networks_of(encoder: Encoder) -> list[nn.Module]:
    """Return the networks an encoder asks: itself, its object, or those that its function names.

    A network that a function reaches in another way is its owner's to put into evaluation mode.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> networks_of(lambda inputs: (net(inputs), 0)[0]) == networks_of(net.forward) == [net]
    True
    """
    if isinstance(encoder, nn.Module):
        return [encoder]
    if isinstance(encoder, functools.partial):
        return [*networks_of(encoder.func), *_networks([*encoder.args, *encoder.keywords.values()])]
    reached: list[Any] = [getattr(encoder, "__self__", None), *getattr(encoder, "__dict__", {}).values()]
    if inspect.isfunction(encoder):
        named = inspect.getclosurevars(encoder)
        reached += [*named.nonlocals.values(), *named.globals.values(), *(encoder.__defaults__ or ())]
    return _networks(reached)


def _networks(things: list[Any]) -> list[nn.Module]:
    return [thing for thing in things if isinstance(thing, nn.Module)]


def as_codes(made: Any, n: int) -> Tensor:
    """Return codes B×D of what an encoder made; refuse what is none.

    Raises
    ------
    DataError
        If it is a tuple or mapping, has another number of rows, or no row an example.
    """
    if not isinstance(made, Tensor):
        raise DataError(
            "the encoder does not return codes",
            expected="a tensor B×D",
            got=type(made).__name__,
            fix="Wrap it: lambda inputs: encoder(inputs)[0], or whichever part is the code.",
        )
    if made.ndim < 2 or len(made) != n:
        raise DataError(
            "the encoder does not return a code an example", expected=f"{n}×D", got=tuple(made.shape)
        )
    return made if made.ndim == 2 else made.flatten(1)
