"""Operations of augmentation: each against Pillow, or worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from lightwell.data.augment import OPERATIONS, AugmentSettings, operations

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


@pytest.mark.parametrize(
    ("addition", "expected"), [(110, [110, 210, 237, 128, 255]), (250, [250, 255, 255, 128, 255])]
)
def test_solarize_add_by_hand(addition, expected):
    images = torch.tensor([0, 100, 127, 128, 255]).view(1, 1, 1, 5) / 255
    assert (operations.solarize_add(images, addition) * 255).round().flatten().tolist() == expected


def test_cutout_by_hand():
    images = torch.zeros(2, 3, 5, 6)
    changed = operations.cutout(images, torch.tensor([3, 0]), torch.tensor([2, 4]), half=1)
    grey = torch.tensor(128 / 255)
    expected = torch.zeros(2, 3, 5, 6)
    expected[0, :, 1:3, 2:4] = grey
    expected[1, :, 3:5, :1] = grey
    assert torch.equal(changed, expected)


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
