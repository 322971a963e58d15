"""RandAugment: what a magnitude does to an operation, which operations are drawn and for which image."""

from __future__ import annotations

import collections

import pytest
import torch

from lightwell.data.augment import OPERATIONS, AugmentSettings, make_augment, operations
from lightwell.data.augment.settings import OPERATION_NAMES

torch.set_num_threads(1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 7, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=generator(9))


@pytest.mark.parametrize(
    ("scale", "magnitude", "half"),
    [(10, 6, 24), (10, 9, 36), (30, 6, 4), (30, 9, 6), (30, 30, 20), (10, 0, 0)],
)
def test_cutout_square(scale, magnitude, half):
    settings = AugmentSettings(randaugment_magnitude=magnitude, randaugment_scale=scale)
    covered = OPERATIONS["Cutout"](torch.zeros(200, 1, 101, 101), settings, generator()) > 0
    assert int(covered.flatten(1).sum(1).max()) == (2 * half) ** 2


def test_cutout_of_the_reference_covers_most_of_a_small_image():
    covered = OPERATIONS["Cutout"](torch.zeros(20_000, 1, 32, 32), AugmentSettings(), generator()) > 0
    share = covered.float().mean((1, 2, 3))
    assert float(share.mean()) == pytest.approx(0.88, abs=0.01)
    assert float((share == 1).float().mean()) == pytest.approx((17 / 32) ** 2, abs=0.01)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Posterize", lambda x: operations.posterize(x, 2)),
        ("Solarize", lambda x: operations.solarize(x, 153)),
        ("SolarizeAdd", lambda x: operations.solarize_add(x, 66)),
        ("Color", lambda x: operations.color(x, 1.18)),
        ("Contrast", lambda x: operations.contrast(x, 1.18)),
        ("Brightness", lambda x: operations.brightness(x, 1.18)),
        ("Sharpness", lambda x: operations.sharpness(x, 1.18)),
    ],
)
@pytest.mark.parametrize(("magnitude", "scale"), [(6, 10), (18, 30)])
def test_strengths_at_six_tenths(name, same, magnitude, scale):
    settings = AugmentSettings(randaugment_magnitude=magnitude, randaugment_scale=scale)
    torch.testing.assert_close(OPERATIONS[name](batch(), settings, generator()), same(batch()))


def test_posterize_keeps_a_bit_at_the_weakest_magnitudes():
    settings = AugmentSettings(randaugment_magnitude=6, randaugment_scale=30)
    images = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert (OPERATIONS["Posterize"](images, settings, generator()) * 255).flatten().tolist() == [0, 128]


@pytest.mark.parametrize("name", OPERATION_NAMES)
@pytest.mark.parametrize("shape", [(0, 3, 32, 32), (1, 1, 2, 1), (7, 3, 5, 8), (2, 5, 32, 32)])
def test_an_operation_keeps_shape_and_its_argument_and_the_global_generator(name, shape):
    images = torch.rand(shape, generator=generator())
    before, state = images.clone(), torch.get_rng_state()
    changed = make_augment(only(name))(images, generator())
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert torch.isfinite(changed).all()
    assert ((changed >= 0) & (changed <= 1)).all()
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


def only(name: str) -> AugmentSettings:
    rest = tuple(other for other in OPERATION_NAMES if other != name)
    return AugmentSettings(randaugment_operations=1, randaugment_without=rest)


def test_the_table_has_the_sixteen_names():
    assert tuple(OPERATIONS) == OPERATION_NAMES
    assert len(OPERATION_NAMES) == 16


@pytest.mark.parametrize("n_without", [0, 3, 15, 16])
def test_what_is_not_excluded_is_drawn_evenly_and_reaches_the_image_that_drew_it(monkeypatch, n_without):
    seen = collections.Counter()

    def marked(name, value):
        def change(images, settings, generator):
            seen[name] += len(images)
            return torch.full_like(images, value)

        return change

    table = {name: marked(name, (i + 1) / 32) for i, name in enumerate(OPERATION_NAMES)}
    monkeypatch.setattr("lightwell.data.augment.randaugment.OPERATIONS", table)
    settings = AugmentSettings(randaugment_operations=1, randaugment_without=OPERATION_NAMES[:n_without])
    changed = make_augment(settings)(torch.zeros(3400, 1, 1, 1), generator()).flatten()
    found = collections.Counter((changed * 32).round().int().tolist())
    assert {OPERATION_NAMES[i - 1]: n for i, n in found.items() if i} == dict(seen)
    assert set(found) == {0, *range(n_without + 1, 17)}  # 0: the identity
    expected = 3400 / len(found)
    assert all(abs(n - expected) < 4 * expected**0.5 for n in found.values())


def test_several_operations_follow_one_another():
    changed = make_augment(
        AugmentSettings(randaugment_operations=20, randaugment_without=OPERATION_NAMES[:2])
    )(batch(), generator())
    assert (changed != batch()).flatten(1).any(1).all()
