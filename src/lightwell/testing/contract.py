"""What a model promises beside its codes: whose data and state it leaves alone, and what it says of itself.

Each check takes a function that makes a fresh model and raises ``AssertionError`` where it finds the
promise of its name broken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import SkipTest

import numpy as np
import torch
from torch import Tensor

from lightwell.core.dataset import Dataset
from lightwell.core.errors import LightwellError
from lightwell.models.capabilities import Classifies, Decodes, NamesConcepts, ScoresUnknown, ShowsPlaces
from lightwell.models.model import Model, evaluating
from lightwell.models.scorers import make_scorer
from lightwell.testing.codes import TOLERANCE, MakeModel
from lightwell.testing.state import Interruption, content, differences, disturb, forward_calls, observe
from lightwell.testing.suite import attempt, check_record, require
from lightwell.testing.toys import data_for, images_for, seeded, targets_for, training_pass
from lightwell.training.represent import axis_maps, represent


def check_arguments_are_untouched(make_model: MakeModel) -> None:
    """Require that neither encoding nor a training step changes the images and targets handed in."""
    model = seeded(make_model)
    data, images = data_for(model), images_for(model)
    targets = targets_for(model, data)
    given: dict[str, Tensor | np.ndarray[Any, Any]] = {
        "images": images,
        **dict(zip(model.fields, targets, strict=True)),
        "data set's images": np.asarray(data.inputs),
        "data set's labels": data.labels,
    }
    before = {what: content(array) for what, array in given.items()}
    represent(model, data)
    model.training_data(data, seed=0)
    with evaluating(model):
        codes = model(images)
        for _, read in _readings(model):
            read(codes)
        if isinstance(model, ShowsPlaces):
            model.axis_maps(images)
    training_pass(model, images, *targets)
    changed = [what for what, array in given.items() if content(array) != before[what]]
    require(not changed, f"the caller's {' and '.join(changed)} were changed")


def check_codes_given_to_logits_are_untouched(make_model: MakeModel) -> None:
    """Require that reading class scores, concepts or images off codes does not change the codes.

    Raises
    ------
    unittest.SkipTest
        If the model reads nothing off codes.
    """
    model = seeded(make_model)
    if not _readings(model):
        raise SkipTest(f"{model.info.name} reads nothing off codes: nothing was compared")
    with evaluating(model):
        codes = model(images_for(model))
        before = content(codes)
        for name, read in _readings(model):
            read(codes)
            require(content(codes) == before, f"the codes given to {name}() were changed")


def _readings(model: Model) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
    """Return what a model can say of codes, by name."""
    found: list[tuple[str, Callable[[Tensor], Tensor]]] = []
    if isinstance(model, Classifies):
        found.append(("logits", model.logits))
    if isinstance(model, NamesConcepts):
        found.append(("concepts", model.concepts))
    if isinstance(model, Decodes):
        found.append(("decode", model.decode))
    return found


def check_state_is_restored(make_model: MakeModel) -> None:
    """Require modes, hooks, ``requires_grad``, gradients, weights and random state as they were.

    Three ways: through ``represent`` and, where it has any, ``axis_maps`` on a model in a mixed state; called
    directly in evaluation mode; and its losses in evaluation mode, as after each epoch.
    """
    model = seeded(make_model)
    data, images = data_for(model), images_for(model)
    disturb(model)
    with _left_as_found(model, "encoding a data set"):
        represent(model, data, batch_size=4)
        if isinstance(model, ShowsPlaces):
            axis_maps(model, data)
    model.eval()
    with _left_as_found(model, "a call in evaluation mode"):
        codes = model(images)
        for _, read in _readings(model):
            read(codes)
    with _left_as_found(model, "computing the losses in evaluation mode"):
        model.losses(images, *targets_for(model, data))


def check_state_is_restored_after_an_error(make_model: MakeModel) -> None:
    """Require that an error early, midway or late, or a refused image, leaves no trace either."""
    model = seeded(make_model)
    data = data_for(model)
    with forward_calls() as calls:
        represent(model, data)
    require(calls, "no part of the model is called through torch: there is nothing to break off")
    disturb(model)
    for moment in sorted({1, (len(calls) + 1) // 2, len(calls)}):
        with (
            _left_as_found(model, f"an error in {calls[moment - 1]}, part {moment} of {len(calls)},"),
            contextlib.suppress(Interruption),
            forward_calls(moment),
        ):
            represent(model, data)
    pixels = np.pad(data.inputs, ((0, 0), (0, 1), (0, 0), (0, 0)))
    with _left_as_found(model, "a refused image"), contextlib.suppress(LightwellError):
        represent(model, replace(data, inputs=pixels))


@contextlib.contextmanager
def _left_as_found(model: Model, what: str) -> Iterator[None]:
    before = observe(model)
    yield
    changed = differences(before, observe(model))
    require(not changed, f"{what} changes {'; '.join(changed[:6])}")


def check_axes_cover_the_codes(make_model: MakeModel) -> None:
    """Require that each column of the codes belongs to exactly one axis, each axis with its own name."""
    model = seeded(make_model)
    width = represent(model, data_for(model)).codes.shape[1]
    columns = sorted(column for axis in model.axes for column in axis.indices)
    repeated = sorted({c for c in columns if columns.count(c) > 1})
    outside = sorted(set(columns) ^ set(range(width)))
    require(not repeated, f"columns {repeated} belong to more than one axis")
    require(not outside, f"axes and codes ({width} columns) disagree about columns {outside}")
    names = [axis.name for axis in model.axes]
    require(all(names) and len(set(names)) == len(names), f"axes need names of their own: {names}")


def check_info_is_complete(make_model: MakeModel) -> None:
    """Require a whole record, every capability it claims, and every score the model names."""
    model = seeded(make_model)
    check_record(model.info, "encode")
    for name in model.scores:
        scorer = attempt(f"making the score '{name}'", make_scorer, name, model.anchors)
        suits = not isinstance(scorer, LightwellError)
        require(suits, f"the score '{name}' does not suit this model: {scorer}")
    images = images_for(model)
    with evaluating(model):
        codes = model(images)
        _check_capabilities(model, images, codes)


def _check_capabilities(model: Model, images: Tensor, codes: Tensor) -> None:
    claimed = model.info.capabilities
    shapes = {
        "logits": (len(codes), model.n_classes),
        "concepts": (len(codes), model.signature.n_concept_columns),
        "decode": tuple(images.shape),
    }
    made = {name: tuple(read(codes).shape) for name, read in _readings(model)}
    for name in sorted(set(shapes) & set(claimed)):
        found = made.get(name)
        require(found == shapes[name], f"'{name}' is claimed, its shape is {found}, not {shapes[name]}")
    if "axis_maps" in claimed:
        require(isinstance(model, ShowsPlaces), "'axis_maps' is claimed and missing")
        gap = float((model.axis_maps(images).mean(dim=(2, 3)) - codes).abs().max())  # type: ignore[operator]
        require(gap <= TOLERANCE, f"'axis_maps' is claimed, but their means miss the codes by {gap:.2g}")
    if "unknown_score" in claimed:
        for score in _own_scores(model, images, codes):
            usable = tuple(score.shape) == (len(codes),) and bool(torch.isfinite(score).all())
            shape = tuple(score.shape)
            require(usable, f"'unknown_score' must be one finite number an image, its shape is {shape}")


def _own_scores(model: Model, images: Tensor, codes: Tensor) -> list[Tensor]:
    """Return the unknown scores a model makes itself, of images or of codes alone."""
    if isinstance(model, ScoresUnknown):
        return list(model.unknown_scores(images, codes).values())
    score = getattr(model, "unknown_score", None)
    require(callable(score), "'unknown_score' is claimed and missing")
    return [] if score is None else [score(codes)]


def check_losses_are_finite_and_named(make_model: MakeModel) -> None:
    """Require named finite loss terms with finite gradients, for one image and one class too."""
    model = seeded(make_model)
    data = data_for(model)
    batches = {
        "images of all classes": np.arange(data.n),
        "images of one class": np.flatnonzero(data.labels == data.labels[0]),
        "one image": np.array([1]),
    }
    for what, rows in batches.items():
        model.zero_grad()
        terms = training_pass(model, images_for(model)[rows], *targets_for(model, data.take(rows)))
        require(terms, f"there is no loss term on {what}")
        for name, term in terms.items():
            require(str(name).isidentifier(), f"{name!r} is no name for a loss term")
            require(term.ndim == 0, f"the loss term '{name}' has shape {tuple(term.shape)}, not one number")
            require(torch.isfinite(term), f"the loss term '{name}' is {term.item()} on {what}")
        slopes = [p.grad for p in model.parameters() if p.grad is not None]
        require(slopes, f"the loss on {what} moves no weight")
        require(all(torch.isfinite(g).all() for g in slopes), f"a gradient on {what} is not finite")


def check_missing_labels(make_model: MakeModel) -> None:
    """Require that images without a label (-1) are encoded as any other, and never trained on as a class."""
    model = seeded(make_model)
    data = data_for(model)
    partly = data.labels.copy()
    partly[[2, 5]] = -1
    unlabelled = replace(data, labels=partly)
    with_labels, without = represent(model, data), represent(model, unlabelled)
    require(np.array_equal(with_labels.codes, without.codes), "codes depend on whether a label is known")
    require(np.array_equal(without.labels, partly), "a missing label (-1) does not stay -1")
    if "labels" not in model.info.consumes:
        return
    used = attempt("training data with a missing label", model.training_data, unlabelled, 0)
    if isinstance(used, Dataset):
        known = (used.labels >= 0).all()
        require(known, "images with a missing label are neither refused nor left out by training_data()")


def check_training_data_follow_the_seed(make_model: MakeModel) -> None:
    """Require that the training data are a function of data and seed, and hold every image handed in."""
    model = seeded(make_model)
    data = data_for(model)
    before = observe(model)
    first, second = model.training_data(data, seed=3), model.training_data(data, seed=3)
    changed = differences(before, observe(model))
    require(not changed, f"training_data() changes {'; '.join(changed[:6])}")
    same = np.array_equal(first.inputs, second.inputs) and content(first.labels) == content(second.labels)
    require(same, "training_data() differs between two calls with one seed")
    kept = np.array_equal(first.inputs[: data.n], data.inputs)
    require(kept, "training_data() does not begin with the images that were handed in")
