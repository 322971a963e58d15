"""Bodies by name: the one way from a word in the settings to a network that makes feature maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from lightwell.core import seeds
from lightwell.core.errors import ConfigError, nearest
from lightwell.core.imports import import_named
from lightwell.nets.convnets import Body, check_count, small, tiny, vgg32
from lightwell.nets.encoders import CONVOLUTIONAL, DENSE, convolutional, dense
from lightwell.nets.pairs import MIRRORED, paired_body
from lightwell.nets.resnet import resnet8, resnet18

_BODIES: dict[str, Callable[[int], Body]] = {
    "small": small,
    "tiny": tiny,
    "vgg32": vgg32,
    "resnet8": resnet8,
    "resnet18": resnet18,
}


def build(name: str, in_channels: int, size: tuple[int, int] | None = None) -> Body:
    """Build a body by name.

    Weights are drawn from torch's global generator while the layers are made: wrap the call in
    :func:`lightwell.core.seeds.global_seed`.

    Parameters
    ----------
    name : str
        ``"vgg32"``, ``"small"``, ``"tiny"``, ``"resnet8"``, ``"resnet18"``, an encoder of
        :mod:`lightwell.nets.encoders` such as ``"light32"`` or of :mod:`lightwell.nets.pairs` such as
        ``"mnist28"``, or ``"module:function"`` of your own. Your function is called with the
        number of channels and returns a ``torch.nn.Module`` from B×C×H×W to B×C'×h×w. C' is its attribute
        ``out_channels`` where it has one; otherwise two black images of 64×64 pixels are sent through.
    in_channels : int
        Channels of the images, >= 1.
    size : tuple of int, optional
        Height and width of the images, which bodies with linear layers need.

    Returns
    -------
    Body
        The body; one of your own lies in it unchanged, as its only layer.

    Raises
    ------
    ConfigError
        If the name is unknown, or what it names is no such function.

    Examples
    --------
    >>> build("small", 1).out_channels
    64
    >>> build("smal", 1)
    Traceback (most recent call last):
    lightwell.core.errors.ConfigError: no such body (in body): got 'smal'. Did you mean 'small'?
    """
    check_count("in_channels", in_channels)
    if name in _BODIES:
        return _BODIES[name](in_channels)
    if name in CONVOLUTIONAL:
        return convolutional(name, in_channels)
    if name in DENSE:
        return dense(name, in_channels, size)
    if name in MIRRORED:
        return paired_body(name, in_channels, size)
    if ":" not in name:
        options = [*_BODIES, *CONVOLUTIONAL, *DENSE, *MIRRORED, "module:function of your own"]
        raise ConfigError("no such body", where="body", got=repr(name), fix=nearest(name, options))
    function = import_named(name, "body")
    try:
        module = function(in_channels)
    except Exception as error:
        raise ConfigError(
            f"the function of the body fails ({type(error).__name__}: {error})",
            where=name,
            expected="a function of the number of channels",
        ) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(
            "the function does not return a network",
            where=name,
            expected="a torch.nn.Module",
            got=repr(module),
        )
    if isinstance(module, Body):
        return module
    channels = getattr(module, "out_channels", None)
    if channels is None:
        channels = _probe(name, module, in_channels)
    check_count(f"out_channels of {name}", channels)
    return Body(module, out_channels=channels)


def _probe(name: str, module: nn.Module, in_channels: int) -> int:
    """Count the maps that two black images give, and leave the module and the random state as they were."""
    expected = "feature maps of shape B×C'×h×w from B×C×H×W"
    modes = [(part, part.training) for part in module.modules()]
    try:
        with seeds.preserved(), torch.no_grad():
            maps = module.eval()(torch.zeros(2, in_channels, 64, 64))
    except Exception as error:
        raise ConfigError(
            f"the body fails on two black images of {in_channels}×64×64 ({type(error).__name__}: {error})",
            where=name,
            expected=expected,
            fix="Mend it, or give it an integer attribute 'out_channels' to skip this trial.",
        ) from error
    finally:
        for part, training in modes:
            part.training = training
    if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or len(maps) != 2:
        got = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ConfigError("the body makes no feature maps", where=name, expected=expected, got=got)
    return maps.shape[1]
