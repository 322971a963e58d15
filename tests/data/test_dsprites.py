"""dSprites against pixel counts, a naive drawing and real frames; its labels, variants and files."""

from __future__ import annotations

import time

import numpy as np
import pytest
from concept_layouts import cut, write_dsprites
from matplotlib.path import Path as Outline
from PIL import Image

from lightwell.core import Concept, ConfigError, DataError
from lightwell.data import leakage_split, load
from lightwell.data.dsprites import dsprites, dsprites_label
from lightwell.data.sprites import GRID, draw_sprites, packed_sprites

SOME = np.random.default_rng(0).integers(0, GRID.n, 200)
RIGHT_HEART = """0 -5.10 .37 -6.18 .93 -7.25 1.62 -8.04 2.44 -8.69 3.32 -9.12 4.24 -9.34 5.13 -9.32 6.01 -9.16
6.83 -8.83 7.53 -8.32 8.19 -7.74 8.74 -7.04 9.16 -6.27 9.43 -5.43 9.61 -4.58 9.59 -3.69 9.46 -2.83 9.22 -2.00
8.46 -.51 7.56 .75 6.63 1.82 5.67 2.76 4.74 3.65 3.78 4.55 3.28 5.03 2.75 5.55 2.18 6.13 1.56 6.87 .86 7.80
0 9.25"""


@pytest.fixture(scope="module")
def whole():
    return load("dsprites")


def naive(factors):
    """Ask of every pixel centre whether it lies inside, in the coordinates of the shape."""
    shape, scale, orientation, x, y = factors
    size, angle = 0.5 + scale / 10, 2 * np.pi * orientation / 39
    down, right = np.mgrid[0:64, 0:64] + 0.5
    dx, dy = right - 16 - 32 * x / 31, down - 16 - 32 * y / 31
    u = (dx * np.cos(angle) - dy * np.sin(angle)) / size
    v = (dx * np.sin(angle) + dy * np.cos(angle)) / size
    if shape == 0:
        return (abs(u) <= 9.6) & (abs(v) <= 9.6)
    if shape == 1:
        return (u / 12.77) ** 2 + (v / 7.21) ** 2 <= 1
    half = np.array(RIGHT_HEART.split(), dtype=float).reshape(-1, 2)
    outline = Outline(np.concatenate([half, half[::-1] * (-1, 1)]))
    return outline.contains_points(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(64, 64)


def test_pixel_counts_are_those_of_the_original_images():
    counts = {
        0: [100, 144, 196, 256, 324, 400],
        1: [76, 104, 144, 184, 228, 288],
        2: [58, 84, 108, 140, 182, 222],
    }
    for shape, expected in counts.items():
        rows = GRID.rows([[shape, scale, 0, 0, 0] for scale in range(6)])
        assert np.bitwise_count(packed_sprites(rows)).sum(axis=1).tolist() == expected


def test_drawing_agrees_with_asking_every_pixel():
    images = draw_sprites(SOME)
    for image, factors in zip(images, GRID.factors(SOME), strict=True):
        assert np.array_equal(image[..., 0] > 0, naive(factors)), factors


def test_the_whole_set_is_fast_small_and_in_the_official_order(whole):
    start = time.process_time()
    masks = packed_sprites()
    assert time.process_time() - start < 5
    assert masks.nbytes < 500e6
    assert np.array_equal(masks[SOME], packed_sprites(SOME))
    official = GRID.factors(SOME) @ (245_760, 40_960, 1024, 32, 1)
    assert np.array_equal(official, SOME)
    assert np.array_equal(whole.inputs[SOME], draw_sprites(SOME))


def count(masks):
    return np.bitwise_count(masks).sum(axis=-1, dtype=np.int64)


def test_agrees_with_the_real_frames(whole, shared_data):
    frames = np.load(shared_data / "dsprites_reference_frames.npz")["imgs"]
    bits = np.packbits(frames, axis=2, bitorder="little").view("<u8")[..., 0]
    masks = whole.inputs.store.reshape(3, -1, 64)
    shapes = np.repeat([2, 1, 0], [192, 64, 64])
    left, top = np.uint64(2**32 - 1), slice(None, 32)
    halves = [np.stack([count(m), count(m & left), count(m[..., top])]) for m in (masks, bits)]
    wrong = []
    for i, shape in enumerate(shapes):
        near = (abs(halves[0][:, shape] - halves[1][:, i, None]) <= 4).all(
            axis=0
        )  # no other differs by 4 or less
        wrong.append(int(count(masks[shape][near] ^ bits[i]).min()))
    assert wrong.count(0) >= 270  # 276 were measured
    assert max(wrong) <= 4
    assert sum(wrong) / frames.sum() <= 0.001


def test_factors_and_concepts(whole):
    assert whole.n == GRID.n
    assert whole.factors[[0, -1]].tolist() == [[0] * 5, [2, 5, 39, 31, 31]]
    assert whole.concepts[-1].tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert whole.concept_groups[:2] == (Concept("shape", "categorical", 3), Concept("scale", "continuous"))


def test_the_two_labels(whole):
    shapes = whole.factors[:, 0]
    shares = [whole.labels[shapes == s].mean() for s in range(3)]
    assert np.allclose(shares, [0.013, 0.5, 0.987], atol=5e-4)
    assert whole.labels.mean() == 0.5
    balanced = dsprites_label(whole.factors, balanced=True)
    assert [balanced[shapes == s].mean() for s in range(3)] == [0.5] * 3
    values = whole.factors / (1, 5, 39, 31, 31)
    weights = (-0.55329954, -0.3754565, 0.46785691, 0.37617377, 0.4387428)
    assert np.array_equal(whole.labels, (values - values.mean(axis=0)) @ weights < 0)
    drawn = load("dsprites-balanced", n=50)
    assert np.array_equal(drawn.labels, balanced[drawn.ids])
    assert np.array_equal(drawn.inputs[:], whole.inputs[drawn.ids])
    assert np.array_equal(drawn.factors, whole.factors[drawn.ids])


@pytest.mark.parametrize("variant", ["colour", "noisy", "scream"])
def test_an_image_of_a_variant_depends_on_nothing_but_itself(variant, whole, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "scream.png")
    path = tmp_path / "scream.png" if variant == "scream" else None
    data = load(f"dsprites-{variant}", path, n=20)
    rows = [17, 3, 5]
    images, sprite = data.inputs[rows], whole.inputs[data.ids[rows]][..., 0] > 0
    assert images.shape == (3, 64, 64, 3)
    assert np.array_equal(data.take(rows[::-1]).inputs[:], images[::-1])
    assert np.array_equal(data.inputs[rows[1]], images[1])
    alone = dsprites(f"dsprites-{variant}", path, data.ids[rows[1:2]])
    assert np.array_equal(alone.inputs[0], images[1])
    for image, on in zip(images, sprite, strict=True):
        if variant == "colour":
            assert not image[~on].any()
            assert (image[on] == image[on][0]).all()
            assert image[on].min() >= 127
        elif variant == "noisy":
            assert (image[on] == 255).all()
            assert 100 < image[~on].mean() < 155
    assert not np.array_equal(images[0][~sprite[0]][:99], images[1][~sprite[1]][:99]) or variant == "colour"


def test_a_scream_shows_its_picture_inverted_on_the_sprite(whole, tmp_path):
    Image.fromarray(np.full((100, 90, 3), 200, np.uint8)).save(tmp_path / "flat.png")
    data = load("dsprites-scream", tmp_path / "flat.png", n=1)
    image, on = data.inputs[0], whole.inputs[data.ids[0], :, :, 0] > 0
    assert (image[~on] == image[~on][0]).all()
    assert (image[on] == 255 - image[~on][0]).all()
    assert (abs(2 * image[~on][0].astype(int) - 200 - 127) <= 128).all()


def test_the_official_file_is_read_and_its_metadata_is_not(tmp_path):
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    write_dsprites(path, SOME)
    for place in (path, tmp_path):
        data = load("dsprites", place)
        assert np.array_equal(data.inputs[:], draw_sprites(SOME))
        assert np.array_equal(data.factors, GRID.factors(SOME))
    assert load("dsprites-noisy", path).image_shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"imgs": np.full((200, 64, 64), 2, np.uint8)}, r"not the official dSprites.*imgs.*expected 0 and 1"),
        ({"imgs": np.zeros((200, 32, 32), np.uint8)}, r"uint8, shape \(200, 64, 64\)"),
        ({"imgs": np.zeros((199, 64, 64), np.uint8)}, r"shape \(200, 64, 64\)"),
        ({"imgs": np.array([None])}, "Python objects"),
        ({"latents_classes": np.full((200, 6), 50)}, "no class indices"),
        ({"latents_classes": np.zeros((200, 5), int)}, "latents_classes"),
        ({"latents_classes": np.zeros((800_000, 6), int)}, "larger than it can be"),
    ],
)
def test_files_that_are_not_the_official_one_are_refused(tmp_path, changed, message):
    write_dsprites(tmp_path / "x.npz", SOME, **changed)
    with pytest.raises(DataError, match=message):
        load("dsprites", tmp_path / "x.npz")


def test_damaged_and_missing_files_are_refused(tmp_path):
    write_dsprites(tmp_path / "x.npz", SOME)
    cut(tmp_path / "x.npz", "imgs.npy")
    with pytest.raises(DataError, match="damaged"):
        load("dsprites", tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", imgs=np.zeros(3))
    with pytest.raises(DataError, match=r"lacks an array.*latents_classes"):
        load("dsprites", tmp_path / "y.npz")
    with pytest.raises(DataError, match=r"no files of dSprites.*dsprites_ndarray.*Drawn from its geometry"):
        load("dsprites", tmp_path)
    with pytest.raises(ConfigError, match="needs a picture"):
        load("dsprites-scream")
    with pytest.raises(DataError, match="no such file"):
        load("dsprites-scream", tmp_path)
    with pytest.raises(ConfigError, match=r"n does not apply.*1 \.\. 737280"):
        load("dsprites", n=0)
    with pytest.raises(ConfigError, match="n does not apply"):
        load("mnist-mini", n=3)


def test_the_corners_hold_what_the_centre_never_shows(whole):
    test = leakage_split("dsprites-corners", whole, n_open=1000, seed=4)
    assert (test.train.n, test.validation.n) == (2304, 576)
    assert (test.open_train.n, test.open_test.n) == (800, 200)
    for part in (test.train, test.validation):
        assert np.isin(part.factors[:, 3:], (15, 16)).all()
        assert np.array_equal(part.labels, part.factors[:, 0])
        assert part.concept_names == ("shape=square", "shape=ellipse", "shape=heart", "scale", "orientation")
    for part in (test.open_train, test.open_test):
        places = part.factors[:, 3:]
        assert np.array_equal(part.labels, (places >= 24).all(axis=1))
        assert ((places <= 7).all(axis=1) | (places >= 24).all(axis=1)).all()
    ids = np.concatenate([p.ids for p in (test.train, test.validation, test.open_train, test.open_test)])
    assert len(set(ids.tolist())) == 3880
    again, other = (leakage_split("dsprites-corners", whole, n_open=1000, seed=s) for s in (4, 5))
    assert np.array_equal(again.open_test.ids, test.open_test.ids)
    assert not np.array_equal(other.open_test.ids, test.open_test.ids)


def test_leakage_tests_refuse_the_wrong_data(whole):
    with pytest.raises(ConfigError, match="Did you mean 'mnist-parity'"):
        leakage_split("mnist-party")
    with pytest.raises(DataError, match=r"about dSprites.*no factors"):
        leakage_split("dsprites-corners", load("mnist-mini"))
    with pytest.raises(DataError, match="about digits"):
        leakage_split("mnist-parity", whole)
    with pytest.raises(DataError, match=r"2 \.\. 92160 in the corners"):
        leakage_split("dsprites-corners", whole, n_open=100_000)


def test_parity_is_of_digits_that_were_never_trained_on():
    mini = load("mnist-mini")
    test = leakage_split("mnist-parity", mini)
    digit = mini.labels
    for part, official in ((test.train, "train"), (test.validation, "test")):
        assert np.array_equal(digit[part.ids], part.labels + 4)
        assert np.array_equal(part.concepts, np.eye(2)[part.labels])
        assert set(part.ids) == set(mini.parts[official][np.isin(digit[mini.parts[official]], (4, 5))])
    for part in (test.open_train, test.open_test):
        assert not np.isin(digit[part.ids], (4, 5)).any()
        assert np.array_equal(part.labels, digit[part.ids] % 2)
        assert not part.concepts.any()
    assert sum(p.n for p in (test.train, test.validation, test.open_train, test.open_test)) == mini.n
