"""Packed images against the array they stand for, in a data set and in batches."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from lightwell.core import Dataset, PackedImages
from lightwell.core.packed import bits_to_images
from lightwell.core.seeds import keyed_uniforms, keyed_words
from lightwell.data.batches import Batches
from lightwell.data.resize import resized

BITS = np.random.default_rng(0).random((30, 64, 64)) < 0.3
MASKS = (BITS * (1 << np.arange(64, dtype=np.uint64))).sum(axis=2, dtype=np.uint64).astype("<u8")
DENSE = (BITS * 255).astype(np.uint8)[..., None]


def packed():
    return PackedImages(MASKS, (64, 64, 1), (("bits", bits_to_images),))


def pair():
    labels = np.arange(30) % 3
    return [Dataset.from_arrays(inputs, labels) for inputs in (DENSE, packed())]


@pytest.mark.parametrize(
    "key", [4, -1, slice(3, 9, 2), [5, 1, 5], np.arange(30) % 4 == 0, (slice(None), 0), (2, 3, 4, 0), []]
)
def test_indexes_as_the_array_it_stands_for(key):
    key = np.array(key, dtype=int) if isinstance(key, list) else key
    assert np.array_equal(packed()[key], DENSE[key])
    assert packed()[key].dtype == np.uint8


def test_looks_like_the_array_it_stands_for():
    images = packed()
    assert (images.shape, images.dtype, images.ndim, len(images)) == (DENSE.shape, np.uint8, 4, 30)
    assert np.array_equal(np.asarray(images), DENSE)
    assert all(np.array_equal(a, b) for a, b in zip(images, DENSE, strict=True))
    assert images.nbytes < DENSE.nbytes / 7
    with pytest.raises(IndexError):
        images[30]


def test_a_data_set_of_packed_images_behaves_as_its_dense_twin():
    dense, lazy = pair()
    assert (lazy.n, lazy.image_shape, lazy.is_images) == (30, (64, 64, 1), True)
    for a, b in zip(dense.split(0.7, 0.3, seed=2), lazy.split(0.7, 0.3, seed=2), strict=True):
        assert isinstance(b.inputs, PackedImages)
        assert b.inputs.store is lazy.inputs.store
        assert np.array_equal(a.take([3, -1]).inputs, b.take([3, -1]).inputs[:])
    for a, b in zip(Batches(dense, 8, shuffle=True), Batches(lazy, 8, shuffle=True), strict=True):
        assert all(map(torch.equal, a, b))


def test_fingerprints_follow_the_images_that_are_meant():
    lazy = pair()[1]
    assert lazy.take([1, 2]).fingerprint == lazy.take([1, 2]).fingerprint
    changed = MASKS.copy()
    changed[1, 5] ^= np.uint64(1)
    prints = {
        lazy.fingerprint,
        lazy.take([1, 2]).fingerprint,
        lazy.take([2, 1]).fingerprint,
        resized(lazy, 32).fingerprint,
        Dataset.from_arrays(PackedImages(changed, (64, 64, 1)), lazy.labels).take([1, 2]).fingerprint,
    }
    assert len(prints) == 5
    for twin in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(resized(lazy, 32)))):
        assert len(twin) == 30


@pytest.mark.parametrize("size", [32, 16, 40])
def test_resized_packed_images_are_those_of_the_dense_twin(size):
    dense, lazy = (resized(data, size) for data in pair())
    assert isinstance(lazy.inputs, PackedImages)
    assert lazy.image_shape == (size, size, 1)
    assert np.array_equal(np.asarray(lazy.inputs), dense.inputs)
    if size == 32:
        means = DENSE.reshape(30, 32, 2, 32, 2).mean(axis=(2, 4))
        assert np.abs(dense.inputs[..., 0] - means).max() <= 0.5


def test_keyed_numbers_depend_on_their_key_alone_and_look_uniform():
    keys = np.random.default_rng(0).permutation(50_000)
    drawn = keyed_uniforms(keys, 2, 5, "test")
    assert np.array_equal(drawn[:10], keyed_uniforms(keys[:10], 2, 5, "test"))
    assert 0 <= drawn.min() < drawn.max() < 1
    counts = np.histogram2d(*drawn.T, bins=10, range=[[0, 1], [0, 1]])[0]
    assert ((counts - 500) ** 2 / 500).sum() < 160  # chi-square, 99 degrees of freedom
    neighbours = keyed_uniforms(np.arange(50_000), 1, 5, "test")[:, 0]
    assert abs(np.corrcoef(neighbours[1:], neighbours[:-1])[0, 1]) < 0.02
    assert not np.array_equal(keyed_words(keys, 1, 5, "test"), keyed_words(keys, 1, 6, "test"))
