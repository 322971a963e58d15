"""The augmentation of a batch as its settings describe it: moves, light, crop, flip, and all together."""

from __future__ import annotations

import collections
import inspect
from dataclasses import fields

import pytest
import torch

from lightwell.core.errors import ConfigError, DataError
from lightwell.data.augment import AugmentSettings, make_augment

torch.set_num_threads(1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 7, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=generator(9))


def centre_of_mass(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each image, in pixels (x, y)."""
    mass = images.sum((1, 2, 3))
    places = torch.arange(images.shape[3], dtype=torch.float32)
    return (images.sum((1, 2)) @ places) / mass, (images.sum((1, 3)) @ places) / mass


def test_shift_moves_by_up_to_its_limit():
    images = torch.zeros(2000, 1, 21, 21)
    images[:, :, 10, 10] = 1
    x, y = centre_of_mass(make_augment(AugmentSettings(shift_pixels=2))(images, generator()))
    for moved in (x - 10, y - 10):
        assert float(moved.abs().max()) <= 2 + 1e-4
        assert float(moved.min()) < -1.9
        assert float(moved.max()) > 1.9
        assert float(moved.mean()) == pytest.approx(0, abs=0.1)


def test_rotate_turns_about_the_centre_by_up_to_its_limit():
    images = torch.zeros(2000, 1, 41, 41)
    images[:, :, 20, 35] = 1
    x, y = centre_of_mass(make_augment(AugmentSettings(rotate_degrees=10))(images, generator()))
    angle = torch.rad2deg(torch.atan2(y - 20, x - 20))
    assert 9.5 < float(angle.abs().max()) < 10.5
    assert float(angle.mean()) == pytest.approx(0, abs=0.4)
    torch.testing.assert_close(torch.hypot(x - 20, y - 20), torch.full((2000,), 15.0), atol=0.3, rtol=0)


def test_scale_enlarges_and_shrinks_about_the_centre():
    images = torch.zeros(2000, 1, 41, 41)
    images[:, :, 11:30, 11:30] = 1
    changed = make_augment(AugmentSettings(scale=0.1))(images, generator())
    side = changed.sum((1, 2, 3)).sqrt() / 19
    assert 0.89 < float(side.min()) < 0.92
    assert 1.08 < float(side.max()) < 1.11
    torch.testing.assert_close(changed, changed.flip(2), atol=1e-4, rtol=0)


def test_affine_leaves_black_behind_on_a_wide_image_too():
    changed = make_augment(AugmentSettings(shift_pixels=3))(torch.ones(50, 2, 8, 20), generator())
    assert float(changed.amin((1, 2, 3)).max()) < 1
    assert float(changed.amax((1, 2, 3)).min()) == pytest.approx(1)


def test_contrast_turns_about_each_channels_mean():
    images = 0.5 + 0.2 * (batch(2000, 2, 4) - 0.5)
    changed = make_augment(AugmentSettings(contrast=0.5))(images, generator())
    torch.testing.assert_close(changed.mean((2, 3)), images.mean((2, 3)))
    ratio = changed.std((2, 3)) / images.std((2, 3))
    torch.testing.assert_close(ratio[:, 0], ratio[:, 1])
    assert 0.5 - 1e-3 < float(ratio.min()) < 0.51
    assert 1.49 < float(ratio.max()) < 1.5 + 1e-3


def test_brightness_adds_one_number_an_image():
    changed = (
        make_augment(AugmentSettings(brightness=0.5))(torch.full((2000, 3, 2, 2), 0.5), generator()) - 0.5
    )
    assert float(changed.flatten(1).std(1).max()) < 1e-6
    assert float(changed.min()) < -0.49
    assert float(changed.max()) > 0.49


def test_crop_is_a_window_of_the_padded_image():
    images = batch(200, 2, 6)
    changed = make_augment(AugmentSettings(pad_crop=2))(images, generator())
    padded = torch.nn.functional.pad(images, [2, 2, 2, 2])
    corners = collections.Counter()
    for image, window in zip(padded, changed, strict=True):
        hits = [
            (x, y) for y in range(5) for x in range(5) if torch.equal(image[:, y : y + 6, x : x + 6], window)
        ]
        assert len(hits) == 1
        corners[hits[0]] += 1
    assert len(corners) == 25


def test_flip_mirrors_every_second_image_left_to_right():
    images = batch(1000, 1, 5)
    changed = make_augment(AugmentSettings(flip=True))(images, generator())
    mirrored = (changed == images.flip(3)).flatten(1).all(1)
    untouched = (changed == images).flatten(1).all(1)
    assert bool((mirrored ^ untouched).all())
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.05)


EVERYTHING = AugmentSettings(
    rotate_degrees=10,
    shift_pixels=2,
    scale=0.1,
    contrast=0.5,
    brightness=0.5,
    randaugment_operations=2,
    pad_crop=4,
    flip=True,
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_shape_type_and_range_are_kept(n, channels, dtype):
    images = batch(n, channels).to(dtype)
    before, state = images.clone(), torch.get_rng_state()
    changed = make_augment(EVERYTHING)(images, generator())
    assert (changed.shape, changed.dtype, changed.device) == (images.shape, dtype, images.device)
    assert ((changed >= 0) & (changed <= 1)).all()
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_state_of_the_generator_decides_and_moves_on():
    augment, draws = make_augment(EVERYTHING), generator(1)
    first = augment(batch(64), draws)
    assert torch.equal(first, augment(batch(64), generator(1)))
    assert not torch.equal(first, augment(batch(64), draws))


def test_memory_layout_does_not_change_the_images():
    augment = make_augment(EVERYTHING)
    images = batch(32).to(memory_format=torch.channels_last)
    torch.testing.assert_close(augment(images, generator()), augment(batch(32), generator()))


@pytest.mark.parametrize("settings", [{}, {"randaugment_magnitude": 9, "randaugment_scale": 30}])
def test_what_changes_nothing_gives_the_batch_itself_and_draws_nothing(settings):
    images, draws = batch(), generator()
    assert AugmentSettings(**settings).changes_nothing
    assert make_augment(AugmentSettings(**settings))(images, draws) is images
    assert torch.equal(draws.get_state(), generator().get_state())


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 32, 32), torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(5)]
)
def test_what_is_no_batch_is_refused(images):
    with pytest.raises(DataError, match="floating point B×C×H×W"):
        make_augment(EVERYTHING)(images, generator())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rotate_degrees": -1}, r"rotate_degrees.*\[0, 180\].*got -1"),
        ({"rotate_degrees": float("nan")}, "rotate_degrees"),
        ({"shift_pixels": float("inf")}, "shift_pixels"),
        ({"scale": 1.0}, r"scale.*\[0, 0.9\]"),
        ({"contrast": 1.5}, "contrast"),
        ({"brightness": -0.5}, "brightness"),
        ({"brightness": "bright"}, "brightness.*number.*got bright"),
        ({"randaugment_operations": 1.5}, "randaugment_operations.*whole number"),
        ({"randaugment_operations": True}, "randaugment_operations.*whole number"),
        ({"randaugment_magnitude": 11}, r"randaugment_magnitude.*\[0, 10\].*randaugment_scale"),
        ({"randaugment_magnitude": 31, "randaugment_scale": 30}, r"\[0, 30\]"),
        ({"randaugment_scale": 20}, "randaugment_scale.*10 .DIFAIR. or 30"),
        ({"randaugment_without": ("Rotation",)}, "Did you mean 'Rotate'"),
        ({"pad_crop": -4}, "pad_crop"),
        ({"pad_crop": 4.0}, "pad_crop.*whole number"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        AugmentSettings(**settings)


def test_every_setting_is_documented_with_the_seeds_name_or_its_absence():
    text = inspect.getdoc(AugmentSettings)
    for field in fields(AugmentSettings):
        described = text.split(f"\n{field.name} : ")[1].split("\nRaises")[0]
        entry = described.split(" : ")[0]
        assert "seed" in entry or "DIFAIR" in entry, field.name
