"""What the codes of a model promise, whatever the batch they were computed in.

Each check takes a function that makes a fresh model and raises ``AssertionError`` where it finds the
promise of its name broken. The function may draw weights from the global generators, as layers do.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import LightwellError
from lightwell.models import METHODS, saved
from lightwell.models.capabilities import Classifies
from lightwell.models.model import Model, evaluating
from lightwell.testing.state import content, differences, observe_process
from lightwell.testing.suite import attempt, refusal, require
from lightwell.testing.toys import data_for, images_for, seeded, targets_for, training_pass
from lightwell.training.represent import represent

MakeModel = Callable[[], Model]
Array = NDArray[np.floating[Any]]

TOLERANCE = 1e-5
"""Largest difference between codes that should be the same, as a share of the largest code (or of 1)."""


def _codes(model: Model, data: Dataset, batch_size: int = 256) -> Array:
    return represent(model, data, batch_size=batch_size).codes


def _direct(model: Model, images: Tensor) -> Array:
    with evaluating(model):
        return np.asarray(model(images).double().cpu())


def _require_close(found: Array, wanted: Array, what: str, tolerance: float = TOLERANCE) -> None:
    require(found.shape == wanted.shape, f"{what} changes the shape of the codes to {found.shape}")
    if not found.size:
        return
    worst = float(np.abs(found - wanted).max()) / max(1.0, float(np.abs(wanted).max()))
    require(worst <= tolerance, f"{what} changes the codes by {worst:.2g}, allowed is {tolerance:g}")


def check_codes_depend_on_the_image(make_model: MakeModel) -> None:
    """Require that images differ in their finite codes: else the other checks would say nothing."""
    codes = _codes(model := seeded(make_model), data_for(model))
    require(np.isfinite(codes).all(), "codes of ordinary random images are not finite")
    spread = float(np.ptp(codes, axis=0).max())
    require(spread > 10 * TOLERANCE, "all random images have the same code: nothing else can be tested")


def check_batch_size_does_not_matter(make_model: MakeModel) -> None:
    """Require that an image has the same code alone, in a small batch and in a large one."""
    model = seeded(make_model)
    data = data_for(model)
    whole = _codes(model, data)
    for size in (1, 3, 7):
        _require_close(_codes(model, data, size), whole, f"a batch size of {size}")


def check_chunks_do_not_matter(make_model: MakeModel) -> None:
    """Require that a data set has the same codes in pieces, each encoded by a call of its own."""
    model = seeded(make_model)
    data = data_for(model)
    pieces = [_codes(model, data.take(rows)) for rows in np.array_split(np.arange(data.n), [2, 3, 8])]
    _require_close(np.concatenate(pieces), _codes(model, data), "encoding the data set in pieces")


def check_order_does_not_matter(make_model: MakeModel) -> None:
    """Require that an image has the same code wherever it stands, and however often."""
    model = seeded(make_model)
    data = data_for(model)
    rows = np.array([10, 3, 3, 0, 7, 1])
    _require_close(_codes(model, data.take(rows)), _codes(model, data)[rows], "another order")


def check_device_does_not_matter(make_model: MakeModel) -> None:
    """Require that codes of the machine's accelerator are those of the CPU, within 1e-3 (it rounds coarser).

    Raises
    ------
    unittest.SkipTest
        If this machine has none: then the promise is not tested.
    """
    if not torch.accelerator.is_available():
        raise SkipTest("this machine has one device only, the CPU: nothing was compared")
    model = seeded(make_model)
    data = data_for(model)
    on_cpu = _codes(model, data)
    device = torch.accelerator.current_accelerator()
    model.to(device)
    _require_close(_codes(model, data), on_cpu, f"the device {device}", 1e-3)


def check_every_tensor_moves_with_the_model(make_model: MakeModel) -> None:
    """Require that no tensor stays behind when the model moves; tried on torch's ``meta`` device.

    A tensor must be a parameter or a buffer (``register_buffer``), not a plain attribute.
    """
    model = seeded(make_model)
    images = images_for(model)
    wanted = _direct(model, images).shape
    try:
        with evaluating(model.to("meta")):
            codes = model(images.to("meta"))
            if isinstance(model, Classifies):
                model.logits(codes)
    except RuntimeError as error:
        raise AssertionError(
            f"a tensor stays behind when the model moves to another device: {error}"
        ) from error
    require(codes.device.type == "meta", f"codes of a model on another device are on {codes.device}")
    require(tuple(codes.shape) == wanted, f"another device changes the shape of the codes to {codes.shape}")


def check_sizes(make_model: MakeModel) -> None:
    """Require that 0, 1, and a prime number of images that the batch size does not divide are all fine."""
    model = seeded(make_model)
    width = _codes(model, data_for(model)).shape[1]
    for n in (0, 1, 7):
        found = _direct(model, images_for(model, n)).shape
        require(found == (n, width), f"a batch of {n} images has codes of shape {found}")
        r = represent(model, data_for(model, n), batch_size=3)
        require(r.codes.shape == (n, width), f"{n} images have codes of shape {r.codes.shape}")
        require(r.codes.dtype == np.float32, f"codes of {n} images are {r.codes.dtype}, not float32")
        logits = None if r.logits is None else r.logits.shape
        wanted = (n, model.n_classes) if isinstance(model, Classifies) else None
        require(logits == wanted, f"{n} images have logits of shape {logits}")


def check_uint8_data(make_model: MakeModel) -> None:
    """Require that images at rest (uint8, 0 to 255) have the codes of the same images in [0, 1].

    A *batch* of uint8 numbers would be read as images 255 times too bright: it is refused.
    """
    model = seeded(make_model)
    data = data_for(model)
    by_hand = torch.tensor(np.asarray(data.inputs, dtype=np.float32) / 255).permute(0, 3, 1, 2)
    _require_close(_codes(model, data), _direct(model, by_hand), "storing images as uint8")
    refusal("a batch of uint8 images", _direct, model, (by_hand * 255).to(torch.uint8))


def check_float_types(make_model: MakeModel) -> None:
    """Require that float64 and float16 images have the codes of the same values as float32."""
    model = seeded(make_model)
    for dtype in (torch.float64, torch.float16):
        images = images_for(model).to(dtype)
        _require_close(_direct(model, images), _direct(model, images.float()), f"giving images as {dtype}")


def check_nan_is_seen_and_stays_in_its_row(make_model: MakeModel) -> None:
    """Require that a broken image is refused or has a broken code; its neighbours keep theirs."""
    model = seeded(make_model)
    images = images_for(model)
    whole = _direct(model, images)
    images[4, :, 1, -1] = torch.nan
    found = attempt("an image with NaN", _direct, model, images)
    if isinstance(found, LightwellError):
        return
    require(not np.isfinite(found[4]).all(), "an image with NaN has a finite code, as if it were sound")
    others = np.arange(len(whole)) != 4
    require(np.isfinite(found[others]).all(), "NaN in one image spoils the codes of others")
    _require_close(found[others], whole[others], "NaN in another image")


def check_wrong_images_are_refused(make_model: MakeModel) -> None:
    """Require that images of another size or number of channels are refused in words."""
    model = seeded(make_model)
    height, width, channels = model.signature.image_shape
    wrong = {
        "a larger image": (2, channels, height + 1, width),
        "a narrower image": (2, channels, height, width - 1),
        "an image with a channel more": (2, channels + 1, height, width),
        "an image with its channels last": (2, height, width, channels),
        "an image without its batch": (channels, height, width),
    }
    for what, shape in wrong.items():
        error = refusal(what, _direct, model, torch.zeros(shape))
        facts = error.expected is not None and error.got is not None
        require(facts, f"the refusal of {what} does not say what was expected and what came: {error}")


def check_same_seed_same_result(make_model: MakeModel) -> None:
    """Require that one seed gives the same weights, codes, loss terms and gradients, bit for bit."""
    outcomes = []
    for _ in range(2):
        model = seeded(make_model)
        data = data_for(model)
        weights = {name: content(tensor) for name, tensor in model.state_dict().items()}
        codes = content(_codes(model, data))
        terms = training_pass(model, images_for(model), *targets_for(model, data))
        slopes = {n: content(p.grad) for n, p in model.named_parameters() if p.grad is not None}
        outcomes.append((weights, codes, {name: content(term) for name, term in terms.items()}, slopes))
    for what, first, second in zip(("weights", "codes", "loss terms", "gradients"), *outcomes, strict=True):
        require(first == second, f"two models of the same seed differ in their {what}")


def check_saved_and_loaded_codes_are_equal(make_model: MakeModel) -> None:
    """Require that a model written and read by ``models.saved`` gives the same codes, bit for bit.

    Saving changes nothing of it, and loading leaves the global random state alone.
    """
    model = seeded(make_model)
    name = model.info.name
    require(name in METHODS, f"lightwell.models.METHODS does not know '{name}': add 'module:Class' under it")
    data = data_for(model)
    before = _codes(model, data)
    with tempfile.TemporaryDirectory() as folder:
        untouched = copy.deepcopy(model.state_dict())
        saved.save(model, Path(folder))
        process = observe_process()
        loaded = attempt("loading what was just saved", saved.load, Path(folder))
        changed = differences(process, observe_process())
    if isinstance(loaded, LightwellError):
        raise AssertionError(f"what was just saved cannot be loaded: {loaded}")  # noqa: TRY004
    require(not changed, f"loading a model changes {', '.join(changed)}")
    same = all(torch.equal(tensor, untouched[name]) for name, tensor in model.state_dict().items())
    require(same, "saving a model changes its weights")
    require(
        type(loaded) is type(model), f"a saved {type(model).__name__} comes back as {type(loaded).__name__}"
    )
    require(np.array_equal(before, _codes(loaded, data)), "a saved and loaded model gives other codes")
    require(loaded.arguments() == model.arguments(), "a saved and loaded model has other settings")
