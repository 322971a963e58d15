"""What must be the same before and after: everything of a network, and what all code of a process shares."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def observe(module: nn.Module) -> dict[str, object]:
    """Return what a caller can notice of a network, and of the process, by a name for each thing.

    Of every part its mode and hooks; of every parameter its value, gradient and ``requires_grad``; of
    every buffer its value; and the process: see :func:`observe_process`.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 1))
    >>> before = observe(net)
    >>> _ = net[0].eval()
    >>> differences(before, observe(net))
    ["training mode of '0'"]
    """
    seen: dict[str, object] = {}
    for name, part in module.named_modules():
        seen[f"training mode of '{name}'"] = part.training
        for kind in _HOOKS:
            seen[f"{kind.strip('_').replace('_', ' ')} of '{name}'"] = tuple(getattr(part, kind))
    for name, parameter in module.named_parameters():
        seen[f"requires_grad of '{name}'"] = parameter.requires_grad
        seen[f"gradient of '{name}'"] = None if parameter.grad is None else content(parameter.grad)
        seen[f"value of '{name}'"] = content(parameter)
    for name, buffer in module.named_buffers():
        seen[f"value of '{name}'"] = content(buffer)
    return seen | observe_process()


def observe_process() -> dict[str, object]:
    """Return the global random states, thread count and torch-wide switches."""
    kind, keys, *position = np.random.get_state()
    return {
        "the random state of Python": random.getstate(),
        "the random state of NumPy": (kind, np.asarray(keys).tobytes(), *position),
        "the random state of torch": content(torch.get_rng_state()),
        "the number of threads": torch.get_num_threads(),
        "the default dtype": torch.get_default_dtype(),
        "whether gradients are recorded": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def differences(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """Return the names of what changed, came or went between two observations."""
    missing = object()
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name, missing) != after.get(name, missing))


def content(array: Tensor | np.ndarray[Any, Any]) -> tuple[str, tuple[int, ...], str]:
    """Return type, shape and a digest of the bits of a tensor or an array.

    Examples
    --------
    >>> content(torch.zeros(2)) == content(torch.zeros(2)), content(torch.zeros(2)) == content(torch.ones(2))
    (True, False)
    """
    if isinstance(array, Tensor):
        raw = array.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    else:
        raw = np.ascontiguousarray(array)
    return str(array.dtype), tuple(array.shape), hashlib.sha256(raw.tobytes()).hexdigest()


def disturb(module: nn.Module) -> None:
    """Bring a network into a state that nobody restores by luck.

    Modes are mixed, half of the parameters frozen, some have gradients, and the network has a hook.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
    >>> disturb(net)
    >>> [part.training for part in net.modules()]
    [False, True, False]
    """
    for number, part in enumerate(module.modules()):
        part.training = number % 2 == 1
    for number, parameter in enumerate(module.parameters()):
        parameter.requires_grad_(number % 2 == 0)
        parameter.grad = torch.full_like(parameter, number) if number % 3 == 0 else None
    module.register_forward_hook(lambda *_: None)


class Interruption(Exception):  # noqa: N818 - what a user's Ctrl-C is to a network
    """Raised in the midst of a forward pass by :func:`forward_calls`."""


@contextmanager
def forward_calls(interrupt_at: int | None = None) -> Iterator[list[str]]:
    """Note each part of any network as it finishes its forward pass, and break off at one of them.

    Parameters
    ----------
    interrupt_at : int, optional
        Raise :class:`Interruption` when this many parts have finished; never by default.

    Yields
    ------
    list of str
        Class names of the parts, in order.

    Examples
    --------
    >>> with forward_calls() as calls:
    ...     _ = nn.Sequential(nn.ReLU())(torch.zeros(1))
    >>> calls
    ['ReLU', 'Sequential']
    """
    calls: list[str] = []

    def note(part: nn.Module, _arguments: Any, _result: Any) -> None:
        calls.append(type(part).__name__)
        if len(calls) == interrupt_at:
            raise Interruption(f"in {calls[-1]}")

    handle = register_module_forward_hook(note)
    try:
        yield calls
    finally:
        handle.remove()
