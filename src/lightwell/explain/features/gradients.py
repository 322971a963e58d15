"""Which parts of an input, by the slope of the number: what little changes of each value would do."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.seeds import global_seed, keyed_uniforms
from lightwell.explain.features.question import Answer, Question, RunningMean, keyed_normals

LADDER = (8, 16, 32, 64)


def saliency(question: Question) -> Answer:
    """Return the size of the slope (Simonyan, Vedaldi, Zisserman 2014)."""
    from captum.attr import Saliency

    return Answer(
        Saliency(question.scored).attribute(
            question.leaf(), additional_forward_args=(question.anchors,), abs=True
        )
    )


def input_x_gradient(question: Question) -> Answer:
    """Return the slope times the input (Shrikumar et al. 2016); the baseline does not matter."""
    from captum.attr import InputXGradient

    return Answer(
        InputXGradient(question.scored).attribute(
            question.leaf(), additional_forward_args=(question.anchors,)
        )
    )


def integrated_gradients(question: Question, nodes: int = 50, tolerance: float | None = None) -> Answer:
    """Return the slope along the way from the baseline, integrated (Sundararajan, Taly, Yan 2017).

    Parameters
    ----------
    question : Question
        What is asked.
    nodes : int
        Of the Gauss-Legendre rule, at least 1.
    tolerance : float, optional
        If given, nodes go 8, 16, 32, 64 until the completeness residual of the example is no larger.

    Raises
    ------
    ConfigError
        If there is no node, or the tolerance is not positive.
    """
    from captum.attr import IntegratedGradients

    if nodes < 1 or (tolerance is not None and not tolerance > 0):
        raise ConfigError(
            "setting is out of range",
            where="integrated_gradients",
            expected="nodes of 1 or more, a tolerance above 0",
            got=f"{nodes}, {tolerance}",
        )

    def scores(part: Question, n: int) -> Tensor:
        made: Tensor = IntegratedGradients(part.scored).attribute(
            part.inputs,
            part.baselines,
            additional_forward_args=(part.anchors,),
            n_steps=n,
            internal_batch_size=part.max_rows,
        )
        return made.to(part.inputs)  # the rule's weights are float64

    if tolerance is None:
        return Answer(scores(question, nodes))
    made = torch.empty_like(question.inputs)
    left = torch.arange(len(question), device=made.device)
    for n in LADDER:
        part = question.take(left)
        made[left] = scores(part, n)
        left = left[part.residual(made[left]) > tolerance]
        if not len(left):
            break
    return Answer(made)


def gradient_shap(question: Question, draws: int = 20, legacy_pairing: bool = False) -> Answer:
    """Return the slope at random places on the way from the baseline, averaged (Lundberg, Lee 2017).

    Parameters
    ----------
    question : Question
        What is asked. Each input keeps its own baseline and draws.
    draws : int
        Places an example, at least 2; the published experiments took 5.
    legacy_pairing : bool
        Whether to pair anchors and baselines wrongly, as the published code did
        (:func:`published_gradient_shap`).

    Raises
    ------
    ConfigError
        If there are fewer draws.
    """
    _enough(draws)
    if legacy_pairing:
        return Answer(published_gradient_shap(question, draws))
    along = keyed_uniforms(question.keys, draws, question.seed, "gradient_shap").T[..., None, None, None]
    places = torch.from_numpy(along.copy()).to(question.inputs)
    way = question.inputs - question.baselines
    return _mean_slope(question, draws, lambda draw: question.baselines + places[draw] * way, way)


def published_gradient_shap(question: Question, draws: int) -> Tensor:
    """Return gradient SHAP with the pairing of the published code (Crabbé, van der Schaar 2022).

    For comparison only: captum lays its rows example by example, the published wrapper repeats the anchors
    batch by batch, so that a row meets the anchor of another example; and captum draws a row of the baselines
    at random, so that an image is compared with the blurred copy of another. Both depend on the batch: give
    one published batch at a time, with ``max_rows`` no smaller than it. All draws go through the encoder at
    once, as they did.

    Parameters
    ----------
    question : Question
        One batch.
    draws : int
        Places an example; 5 as published.
    """
    from captum.attr import GradientShap

    def mispaired(rows: Tensor) -> Tensor:
        value: Tensor = question.scored(rows, question.anchors.repeat(len(rows) // len(question), 1))
        return value

    with global_seed(question.seed, "gradient_shap", "legacy"):
        made: Tensor = GradientShap(mispaired).attribute(
            question.leaf(), question.baselines, n_samples=draws, stdevs=0.0
        )
    return made


def smooth_grad(question: Question, draws: int = 20, spread: float = 0.15) -> Answer:
    """Return the slope averaged over noise on the input (Smilkov et al. 2017), captum's noise tunnel.

    Parameters
    ----------
    question : Question
        What is asked; the baseline does not matter.
    draws : int
        Noises an example, at least 2.
    spread : float
        Standard deviation as a part of each input's own range; the paper takes 0.1 to 0.2.

    Raises
    ------
    ConfigError
        If there are fewer draws, or the spread is not positive.
    """
    _enough(draws)
    if not spread > 0:
        raise ConfigError("noise has a spread", where="spread", expected="> 0", got=spread)
    flat = question.inputs.flatten(1)
    width = spread * (flat.amax(dim=1) - flat.amin(dim=1))[:, None, None, None]

    def noisy(draw: int) -> Tensor:
        return question.inputs + width * keyed_normals(question, "smooth_grad", draw)

    return _mean_slope(question, draws, noisy, torch.ones_like(question.inputs))


def _enough(draws: int) -> None:
    if draws < 2:
        raise ConfigError("one draw has no error", where="draws", expected="2 or more", got=draws)


def _mean_slope(question: Question, draws: int, place: Callable[[int], Tensor], factor: Tensor) -> Answer:
    """Return the mean of the slopes at places of each example, times a factor, some draws at a time."""
    from captum.attr import Saliency

    mean, size = RunningMean(), question.copies
    for start in range(0, draws, size):
        some = [place(draw) for draw in range(start, min(start + size, draws))]
        slopes = Saliency(question.scored).attribute(
            torch.cat(some).requires_grad_(),
            additional_forward_args=(question.anchors.repeat(len(some), 1),),
            abs=False,
        )
        mean.add(slopes.unflatten(0, (len(some), len(question))) * factor)
    return mean.answer()


def deep_lift(question: Question) -> Answer:
    """Return contributions by the rescale rule of DeepLift (Shrikumar, Greenside, Kundaje 2017).

    Activations must be modules (``nn.ReLU()``, not a function) for the rule to hold; the completeness
    residual shows where they are not.

    Raises
    ------
    ConfigError
        If the encoder is no module.
    DataError
        If captum cannot follow it.
    """
    from captum.attr import DeepLift

    _network(question, "deep_lift")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting forward, backward hooks")
            made = DeepLift(question.scored).attribute(
                question.leaf(), question.baselines, additional_forward_args=(question.anchors,)
            )
    except (RuntimeError, AssertionError) as error:
        raise DataError(
            "captum's DeepLift cannot follow this encoder",
            got=str(error).split("\n", 1)[0],
            fix="Give each activation a module of its own, or take integrated_gradients.",
        ) from error
    return Answer(made)


def grad_cam(question: Question, layer: str | None = None) -> Answer:
    """Return where the maps of a layer speak for the number (Grad-CAM; Selvaraju et al. 2017).

    Parameters
    ----------
    question : Question
        What is asked; the baseline does not matter.
    layer : str, optional
        Its name in the encoder; the last convolution by default.

    Raises
    ------
    ConfigError
        If the encoder is no module, or has no such layer.
    DataError
        If the code does not pass the layer, or it makes no maps.
    """
    from captum.attr import LayerGradCam

    encoder = _network(question, "grad_cam")
    parts = {name: part for name, part in encoder.named_modules() if name}
    if layer is None:
        last = [name for name, part in parts.items() if isinstance(part, nn.Conv1d | nn.Conv2d)]
        if not last:
            raise ConfigError("this encoder has no convolution", where="layer", fix=f"Layers: {list(parts)}.")
        layer = last[-1]
    if layer not in parts:
        raise ConfigError(
            "no such layer in the encoder", where="layer", got=repr(layer), fix=nearest(layer, parts)
        )
    cam = LayerGradCam(question.scored, parts[layer])
    try:
        maps = cam.attribute(question.leaf(), additional_forward_args=(question.anchors,))
    except AssertionError as error:  # captum's of a layer that was not run
        raise DataError(
            "the code does not pass this layer", where=layer, fix="Name another layer."
        ) from error
    channels, *sides = question.inputs.shape[1:]
    if isinstance(maps, Tensor) and maps.ndim == 3:
        maps = maps[..., None]  # of a series B×C×T
    if not isinstance(maps, Tensor) or maps.ndim != 4 or len(maps) != len(question):
        raise DataError("the layer makes no maps", where=layer, expected="B×C×H×W or B×C×T")
    grown = functional.interpolate(maps, size=sides, mode="bilinear", align_corners=False)
    return Answer((grown / channels).expand_as(question.inputs))


def _network(question: Question, method: str) -> nn.Module:
    encoder = question.scored.encoder
    if not isinstance(encoder, nn.Module):
        raise ConfigError(
            f"{method} looks into the layers of the encoder",
            where="encoder",
            expected="a torch.nn.Module",
            got=type(encoder).__name__,
            fix="Hand in the module, or wrap the function in one; integrated_gradients takes any function.",
        )
    return encoder
