"""The suite for generators of images: what :class:`lightwell.models.capabilities.Generates` promises.

Each check takes a function that makes a fresh generator, the same at every call, and raises
``AssertionError`` where it finds the promise of its name broken. A generator whose attributes are networks
must give them back as they came.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lightwell.core.seeds import global_seed
from lightwell.models.capabilities import Generates
from lightwell.testing.state import content, differences, disturb, observe, observe_process
from lightwell.testing.suite import Check, named, refusal, require, run

TOLERANCE = 1e-5  # of a pixel, between images that should be the same: sums of other batches round otherwise

MakeGenerator = Callable[[], Generates]


def _require_close(found: Tensor, wanted: Tensor, what: str) -> None:
    require(found.shape == wanted.shape, f"{what} changes the shape of the images to {tuple(found.shape)}")
    gap = float((found - wanted).abs().max().detach())
    require(gap <= TOLERANCE, f"{what} changes a pixel by {gap:.2g}")


def check_images_are_usable(make: MakeGenerator) -> None:
    """Require float32 images n×C×H×W in [0, 1] without a graph, that differ, for 1 and for 7."""
    generator = make()
    for n in (1, 7):
        images = generator.sample(n, 0)
        require(images.ndim == 4 and len(images) == n, f"{n} images have the shape {tuple(images.shape)}")
        require(images.dtype == torch.float32, f"images are {images.dtype}, not float32")
        require(not images.requires_grad and not images.is_inference(), "images cannot be worked on freely")
        inside = torch.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
        require(inside, "pixels are not all in [0, 1]")
    require(all((a != b).any() for a, b in pairwise(images)), "images of one call are all alike")


def check_images_follow_from_the_seed(make: MakeGenerator) -> None:
    """Require the same images of one seed, whatever was drawn elsewhere, and others of another."""
    generator = make()
    wanted = content(generator.sample(5, 3))
    with global_seed(9, "elsewhere"):
        require(content(generator.sample(5, 3)) == wanted, "a second call of the same seed differs")
    require(content(generator.sample(5, 4)) != wanted, "another seed has the same images")


def check_number_does_not_matter(make: MakeGenerator) -> None:
    """Require that the first images of a seed are the same for any number of them."""
    generator = make()
    _require_close(generator.sample(3, 0), generator.sample(7, 0)[:3], "asking for fewer")


def check_chunks_do_not_matter(make: MakeGenerator) -> None:
    """Require the same images made one, two or many at a time."""
    generator = make()
    whole = generator.sample(7, 0)
    for rows in (1, 2, 100):
        _require_close(generator.sample(7, 0, max_rows=rows), whole, f"making {rows} at a time")


def check_networks_come_back_as_they_came(make: MakeGenerator) -> None:
    """Require modes, weights, gradients, flags, hooks, and the process as before."""
    generator: Any = make()
    parts = [generator] if isinstance(generator, nn.Module) else list(vars(generator).values())
    networks = [part for part in parts if isinstance(part, nn.Module)]
    for network in networks:
        disturb(network)
    before = [observe_process(), *map(observe, networks)]
    generator.sample(3, 0, max_rows=2)
    for seen, now in zip(before, [observe_process(), *map(observe, networks)], strict=True):
        changed = differences(seen, now)
        require(not changed, f"making images changes {'; '.join(changed[:6])}")


def check_impossible_numbers_are_refused(make: MakeGenerator) -> None:
    """Require a refusal in words of no image, and of none at a time."""
    refusal("no image", make().sample, 0, 0)
    refusal("none at a time", make().sample, 2, 0, 0)


def generator_checks() -> list[tuple[str, Check[Generates]]]:
    """Return every check of a generator with its name, for ``pytest.mark.parametrize``.

    Examples
    --------
    >>> generator_checks()[0][0]
    'images_are_usable'
    """
    return named(
        check_images_are_usable,
        check_images_follow_from_the_seed,
        check_number_does_not_matter,
        check_chunks_do_not_matter,
        check_networks_come_back_as_they_came,
        check_impossible_numbers_are_refused,
    )


def check_generator(make_generator: MakeGenerator) -> dict[str, str]:
    """Run every check on a generator of your own (see :func:`lightwell.testing.suite.run`).

    Parameters
    ----------
    make_generator : callable
        Returns a fresh generator with the same weights each time, whose images of two seeds differ.

    Examples
    --------
    >>> from lightwell.models.boundary.gan import Gan
    >>> from lightwell.models.model import Signature
    >>> set(check_generator(lambda: Gan(Signature((), (16, 16, 1)))).values())
    {'passed'}
    """
    return run(generator_checks(), make_generator)
