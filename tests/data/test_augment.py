"""Augmentation: each operation against Pillow or by hand, then the batch as a whole."""

from __future__ import annotations

import collections
import inspect
from dataclasses import fields

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from lightwell.core.errors import ConfigError, DataError
from lightwell.data.augment import OPERATIONS, AugmentSettings, make_augment, operations
from lightwell.data.augment.settings import OPERATION_NAMES

torch.set_num_threads(1)

ONE_LEVEL = 1 / 255


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(channels: int, size: tuple[int, int] = (24, 31)) -> np.ndarray:
    """uint8 N×H×W×C: noise, few levels, a dark photograph-like ramp, one colour, black with one white dot."""
    rng = np.random.default_rng(5)
    shape = (*size, channels)
    ramp = np.add.outer(np.arange(size[0]) * 2, np.arange(size[1]))[..., None] + np.arange(channels) * 20
    dot = np.zeros(shape, np.uint8)
    dot[3, 4] = 255
    images = [
        rng.integers(0, 256, shape),
        rng.integers(0, 5, shape) * 50,
        ramp + rng.integers(0, 9, shape),
        np.full(shape, 77),
        dot,
    ]
    return np.stack(images).astype(np.uint8)


def tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def with_pillow(images: np.ndarray, change) -> torch.Tensor:
    """The same through Pillow, one image at a time."""
    results = []
    for image in images:
        picture = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
        results.append(np.asarray(change(picture)).reshape(image.shape))
    return tensor(np.stack(results))


def batch(n: int = 7, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=generator(9))


# --- against Pillow ------------------------------------------------------------------------------------

both = pytest.mark.parametrize("channels", [1, 3])
factors = pytest.mark.parametrize("factor", [0.0, 0.64, 1.0, 1.18, 1.9])


@both
@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_is_pillows(channels, bits):
    images = pictures(channels)
    expected = with_pillow(images, lambda picture: ImageOps.posterize(picture, bits))
    assert torch.equal(operations.posterize(tensor(images), bits), expected)


@both
@pytest.mark.parametrize("threshold", [0, 1, 128, 153, 256])
def test_solarize_is_pillows(channels, threshold):
    images = pictures(channels)
    expected = with_pillow(images, lambda picture: ImageOps.solarize(picture, threshold))
    torch.testing.assert_close(operations.solarize(tensor(images), threshold), expected)


@both
def test_invert_is_pillows(channels):
    images = pictures(channels)
    torch.testing.assert_close(operations.invert(tensor(images)), with_pillow(images, ImageOps.invert))


@both
@pytest.mark.parametrize("size", [(24, 31), (64, 64), (5, 5)])
def test_equalize_is_pillows_exactly(channels, size):
    images = pictures(channels, size)
    assert torch.equal(operations.equalize(tensor(images)), with_pillow(images, ImageOps.equalize))


@both
def test_autocontrast_is_pillows_within_a_level(channels):
    images = pictures(channels)
    expected = with_pillow(images, ImageOps.autocontrast)
    torch.testing.assert_close(
        operations.autocontrast(tensor(images)), expected, rtol=0, atol=1.01 * ONE_LEVEL
    )


@both
@factors
@pytest.mark.parametrize(
    ("ours", "pillows"),
    [
        (operations.color, ImageEnhance.Color),
        (operations.contrast, ImageEnhance.Contrast),
        (operations.brightness, ImageEnhance.Brightness),
        (operations.sharpness, ImageEnhance.Sharpness),
    ],
)
def test_enhancements_are_pillows_within_its_rounding(channels, factor, ours, pillows):
    images = pictures(channels)
    expected = with_pillow(images, lambda picture: pillows(picture).enhance(factor))
    # Pillow rounds the image it blends with (half a level), extrapolates that error, and truncates.
    tolerance = (1 + 0.6 * abs(1 - factor)) * ONE_LEVEL
    torch.testing.assert_close(ours(tensor(images), factor).clamp(0, 1), expected, rtol=0, atol=tolerance)


def test_solarize_add_by_hand():
    images = torch.tensor([0, 100, 127, 128, 255]).view(1, 1, 1, 5) / 255
    changed = operations.solarize_add(images, 110) * 255
    assert changed.round().flatten().tolist() == [110, 210, 237, 128, 255]


def test_solarize_add_stops_at_white():
    assert float(operations.solarize_add(torch.full((1, 1, 1, 1), 0.4), 250)) == 1


def test_cutout_by_hand():
    images = torch.zeros(2, 3, 5, 6)
    changed = operations.cutout(images, torch.tensor([3, 0]), torch.tensor([2, 4]), half=1)
    grey = torch.tensor(128 / 255)
    expected = torch.zeros(2, 3, 5, 6)
    expected[0, :, 1:3, 2:4] = grey
    expected[1, :, 3:5, :1] = grey
    assert torch.equal(changed, expected)


def test_cutout_of_half_zero_changes_nothing():
    images = batch()
    middle = torch.full((7,), 16)
    assert torch.equal(operations.cutout(images, middle, middle, half=0), images)


# --- geometry ------------------------------------------------------------------------------------------


def chosen(name: str, way: int, magnitude: float = 6.0, scale: int = 10, images=None) -> torch.Tensor:
    """Run a coin-tossing operation on one image with the coin that falls the wanted way."""
    settings = AugmentSettings(randaugment_magnitude=magnitude, randaugment_scale=scale)
    for seed in range(50):
        if int(torch.randint(2, (1,), generator=generator(seed))) == (0 if way == 1 else 1):
            return OPERATIONS[name](images, settings, generator(seed))
    raise AssertionError("no seed gives that side of the coin")


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("name", "coefficients"),
    [
        ("ShearX", lambda v: (1, 0.3 * 0.6 * v, 0, 0, 1, 0)),
        ("ShearY", lambda v: (1, 0, 0, 0.3 * 0.6 * v, 1, 0)),
        ("TranslateX", lambda v: (1, 0, 6 * v, 0, 1, 0)),
        ("TranslateY", lambda v: (1, 0, 0, 0, 1, 6 * v)),
    ],
)
def test_shear_and_translate_are_pillows_where_it_does_not_fill(name, coefficients, way):
    magnitude = 6.0 if name.startswith("Shear") else 0.6
    # No pixel of the pictures is 0, so black marks what Pillow filled.
    images = pictures(3)[:3] // 2 + 64
    expected = with_pillow(
        images, lambda picture: picture.transform(picture.size, Image.Transform.AFFINE, coefficients(way))
    )
    changed = torch.cat([chosen(name, way, magnitude, images=image[None]) for image in tensor(images)])
    kept = expected > 0
    assert 0.5 < float(kept.float().mean()) < 1
    torch.testing.assert_close(changed[kept], expected[kept])
    assert float(changed.min()) >= 64 / 255, "uncovered pixels are mirrored, not black"


@pytest.mark.parametrize("way", [1, -1])
def test_rotate_is_pillows_where_it_does_not_fill(way):
    images = pictures(3, (32, 32))[:3] // 2 + 64
    # Pillow turns counter-clockwise by a positive angle; reading through +18 degrees turns the image so.
    expected = with_pillow(images, lambda picture: picture.rotate(18 * way))
    changed = torch.cat([chosen("Rotate", way, images=image[None]) for image in tensor(images)])
    kept = expected > 0
    same = (changed[kept] - expected[kept]).abs() < 1e-6
    assert float(kept.float().mean()) > 0.8
    assert float(same.float().mean()) > 0.99, "all but pixels that lie on the border between two"
    assert float(changed.min()) >= 64 / 255


def test_uncovered_pixels_are_mirrored_about_the_edge():
    row = torch.tensor([1.0, 2, 3, 4]).view(1, 1, 1, 4) / 4
    shifted = [(chosen("TranslateX", way, 0.2, images=row) * 4).flatten().tolist() for way in (1, -1)]
    assert shifted == [[3, 4, 4, 3], [2, 1, 1, 2]]


def test_a_shift_wider_than_the_image_mirrors_again():
    row = torch.tensor([1.0, 2, 3, 4]).view(1, 1, 1, 4) / 4
    # 60 pixels of 4 are 15 widths: an odd number of mirrors.
    assert (chosen("TranslateX", 1, 6, images=row) * 4).flatten().tolist() == [4, 3, 2, 1]


# --- magnitudes ----------------------------------------------------------------------------------------


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


def test_colour_of_a_grey_image_is_itself():
    images = batch(channels=1)
    assert operations.color(images, 1.9) is images


# --- each operation on any batch -----------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATION_NAMES)
@pytest.mark.parametrize(("n", "channels"), [(0, 3), (1, 1), (7, 3), (7, 1), (2, 5)])
@pytest.mark.parametrize("size", [(32, 32), (2, 1), (5, 8)])
def test_an_operation_keeps_shape_and_its_argument_and_the_global_generator(name, n, channels, size):
    images = torch.rand(n, channels, *size, generator=generator())
    before, state = images.clone(), torch.get_rng_state()
    changed = make_augment(only(name))(images, generator())
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert torch.isfinite(changed).all()
    assert ((changed >= 0) & (changed <= 1)).all()
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


def only(name: str, **others) -> AugmentSettings:
    rest = tuple(other for other in OPERATION_NAMES if other != name)
    return AugmentSettings(randaugment_operations=1, randaugment_without=rest, **others)


# --- drawing -------------------------------------------------------------------------------------------


def test_the_table_has_the_sixteen_names():
    assert tuple(OPERATIONS) == OPERATION_NAMES
    assert len(OPERATION_NAMES) == 16


def test_operations_and_identity_are_drawn_evenly():
    changed = make_augment(only("Invert"))(torch.zeros(4000, 1, 2, 2), generator()).mean((1, 2, 3))
    assert set(changed.tolist()) == {0.0, 1.0}
    assert float(changed.mean()) == pytest.approx(0.5, abs=0.03)


def test_every_operation_is_drawn_and_reaches_the_image_that_drew_it(monkeypatch):
    seen = collections.Counter()

    def marked(name, value):
        def change(images, settings, generator):
            seen[name] += len(images)
            return torch.full_like(images, value)

        return change

    names = list(OPERATION_NAMES)
    monkeypatch.setattr(
        "lightwell.data.augment.randaugment.OPERATIONS",
        {name: marked(name, (i + 1) / 32) for i, name in enumerate(names)},
    )
    settings = AugmentSettings(randaugment_operations=1)
    changed = make_augment(settings)(torch.zeros(3400, 1, 1, 1), generator()).flatten()
    found = collections.Counter((changed * 32).round().int().tolist())
    assert {names[i - 1]: n for i, n in found.items() if i} == dict(seen)
    assert all(140 < n < 260 for n in found.values())
    assert set(found) == set(range(17))


def test_what_is_excluded_is_never_drawn(monkeypatch):
    without = ("Rotate", "TranslateX", "TranslateY")

    def forbidden(*_):
        raise AssertionError("an excluded operation was drawn")

    monkeypatch.setattr(
        "lightwell.data.augment.randaugment.OPERATIONS", OPERATIONS | dict.fromkeys(without, forbidden)
    )
    settings = AugmentSettings(randaugment_operations=3, randaugment_without=without)
    assert make_augment(settings)(batch(300), generator()).shape == (300, 3, 32, 32)


def test_without_any_operation_only_the_identity_is_left():
    settings = AugmentSettings(randaugment_operations=2, randaugment_without=OPERATION_NAMES)
    assert torch.equal(make_augment(settings)(batch(), generator()), batch())


def test_several_operations_follow_one_another():
    changed = make_augment(
        AugmentSettings(randaugment_operations=20, randaugment_without=OPERATION_NAMES[:2])
    )(batch(), generator())
    assert (changed != batch()).flatten(1).any(1).all()


# --- affine, contrast, brightness, crop, flip ----------------------------------------------------------


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


# --- the whole -----------------------------------------------------------------------------------------

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


def test_the_same_generator_state_gives_the_same_images():
    augment = make_augment(EVERYTHING)
    first, second = augment(batch(64), generator(1)), augment(batch(64), generator(1))
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(batch(64), generator(2)))


def test_the_generator_moves_on():
    augment, draws = make_augment(EVERYTHING), generator(1)
    assert not torch.equal(augment(batch(64), draws), augment(batch(64), draws))


def test_memory_layout_does_not_change_the_images():
    augment = make_augment(EVERYTHING)
    images = batch(32).to(memory_format=torch.channels_last)
    torch.testing.assert_close(augment(images, generator()), augment(batch(32), generator()))


def test_the_default_gives_the_batch_itself_and_draws_nothing():
    images, draws = batch(), generator()
    assert make_augment(AugmentSettings())(images, draws) is images
    assert torch.equal(draws.get_state(), generator().get_state())


def test_magnitude_alone_changes_nothing():
    assert AugmentSettings(randaugment_magnitude=9, randaugment_scale=30).changes_nothing


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
