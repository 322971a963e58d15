"""Somebody else's encoder in our hands: quiet while it is asked, given back as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lightwell.core.errors import DataError
from lightwell.core.seeds import preserved

Encoder = Callable[[Tensor], Tensor]


@contextmanager
def borrowed(encoder: Encoder) -> Iterator[Encoder]:
    """Freeze an encoder and put it into evaluation mode; leave it as it came, after an error too.

    Weights keep their gradients and flags, parts their modes and hooks, buffers their values, the random
    generators their state. Recurrent layers run without cuDNN, which cannot differentiate them in this mode.

    Parameters
    ----------
    encoder : callable
        Maps a batch to codes B×D; a ``torch.nn.Module`` or any function.

    Yields
    ------
    callable
        The encoder, refusing what is no code in words.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4, 2))
    >>> with borrowed(net) as ask:
    ...     codes = ask(torch.ones(3, 1, 2, 2))
    >>> codes.shape, net.training, all(p.requires_grad for p in net.parameters())
    (torch.Size([3, 2]), True, True)
    """
    if not isinstance(encoder, nn.Module):
        with preserved(), torch.backends.cudnn.flags(enabled=False), torch.enable_grad():
            yield lambda inputs: as_codes(encoder(inputs), len(inputs))
        return
    modes = [(part, part.training) for part in encoder.modules()]
    flags = [(weight, weight.requires_grad, weight.grad) for weight in encoder.parameters()]
    hooks = [(part, dict(part._forward_hooks), dict(part._forward_pre_hooks)) for part in encoder.modules()]
    held = {name: buffer.detach().clone() for name, buffer in encoder.named_buffers()}
    try:
        with preserved(), torch.backends.cudnn.flags(enabled=False), torch.enable_grad():
            encoder.eval()
            for weight, _, _ in flags:
                weight.requires_grad_(False)
            yield lambda inputs: as_codes(encoder(inputs), len(inputs))
    finally:
        for part, training in modes:
            part.training = training
        for weight, flag, gradient in flags:
            weight.requires_grad_(flag)
            weight.grad = gradient
        for part, after, before in hooks:
            for live, kept in ((part._forward_hooks, after), (part._forward_pre_hooks, before)):
                live.clear()
                live.update(kept)
        with torch.no_grad():
            for name, buffer in encoder.named_buffers():
                buffer.copy_(held[name])


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
