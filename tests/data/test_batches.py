"""Batches: order and augmentation as functions of (seed, epoch, batch), shares of processes, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightwell.core import ConfigError, DataError
from lightwell.core.dataset import Dataset
from lightwell.data.batches import Batches, Together, to_images


def numbered(n, shape=(4, 4, 1)):
    """Return a data set whose every pixel and label tell the row."""
    rows = np.arange(n)
    images = np.broadcast_to(rows.astype(np.uint8)[:, None, None, None], (n, *shape)).copy()
    return Dataset("numbered", images, rows, tuple(f"c{row}" for row in rows))


def rows_of(batches):
    return [labels.tolist() for _, labels in batches]


def flat(batches):
    return [row for rows in rows_of(batches) for row in rows]


def drawn(images, chance):
    return images + torch.rand(images.shape, generator=chance)


def test_images_and_labels_stay_together_and_are_scaled():
    for images, labels in Batches(numbered(10), 4, shuffle=True):
        assert images.dtype == torch.float32
        assert torch.equal((images * 255).round().amax((1, 2, 3)).long(), labels)
        assert torch.equal(images.amin((1, 2, 3)), images.amax((1, 2, 3)))


def test_order_without_shuffling_is_that_of_the_rows_and_the_last_batch_is_smaller():
    batches = Batches(numbered(7), 3)
    assert rows_of(batches) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(batches) == 3
    assert rows_of(batches) == rows_of(batches), "a second pass is the same"


def test_order_is_a_function_of_seed_and_epoch_alone():
    def order(seed, epoch, batch_size=5, augment=None):
        return flat(Batches(numbered(40), batch_size, seed=seed, epoch=epoch, shuffle=True, augment=augment))

    torch.manual_seed(1)
    first = order(0, 3)
    torch.manual_seed(2)
    assert order(0, 3) == order(0, 3, batch_size=7) == order(0, 3, augment=drawn) == first
    assert sorted(first) == list(range(40))
    others = [order(0, 4), order(1, 3), list(range(40))]
    assert all(first != other for other in others)


def test_augmentation_is_a_function_of_seed_epoch_and_batch():
    def images(seed=0, epoch=0):
        return [x for x, _ in Batches(numbered(8), 4, seed=seed, epoch=epoch, augment=drawn)]

    first = images()
    assert all(map(torch.equal, first, images()))
    plain = [x for x, _ in Batches(numbered(8), 4)]
    noise = [a - b for a, b in zip(first, plain, strict=True)]
    assert not torch.allclose(noise[0], noise[1]), "each batch has numbers of its own"
    assert not torch.equal(first[0], images(seed=1)[0])
    assert not torch.equal(first[0], images(epoch=1)[0])


def test_a_later_batch_needs_no_earlier_one():
    whole = list(Batches(numbered(12), 4, seed=2, epoch=5, shuffle=True, augment=drawn))
    walk = iter(Batches(numbered(12), 4, seed=2, epoch=5, shuffle=True, augment=lambda x, _: x))
    next(walk)
    labels = next(walk)[1]
    assert torch.equal(labels, whole[1][1])


def test_the_global_random_state_is_not_touched():
    before = torch.get_rng_state()
    list(Batches(numbered(9), 2, shuffle=True, augment=drawn))
    assert torch.equal(torch.get_rng_state(), before)


@given(st.integers(1, 50), st.integers(1, 7), st.integers(1, 9), st.booleans())
def test_shares_are_equal_in_length_cover_all_rows_and_wrap(n, world, batch_size, shuffle):
    shares = [
        Batches(numbered(n), batch_size, seed=1, shuffle=shuffle, share=(rank, world))
        for rank in range(world)
    ]
    rows = [flat(share) for share in shares]
    length = -(-n // world)
    assert {len(share) for share in rows} == {length}
    assert {len(share) for share in shares} == {-(-length // batch_size)} == {len(rows_of(s)) for s in shares}
    seen = [rows[i % world][i // world] for i in range(length * world)]  # dealt out one by one
    whole = flat(Batches(numbered(n), 1, seed=1, shuffle=shuffle))
    assert seen == [whole[i % n] for i in range(length * world)], "the end goes on from the start"


def test_ranks_augment_differently():
    first, second = (
        next(iter(Batches(numbered(1), 1, augment=drawn, share=(rank, 2))))[0] for rank in (0, 1)
    )
    assert not torch.equal(first, second)


def test_the_data_set_is_shared_and_never_changed():
    data = numbered(6)
    batches = Batches(data, 2, shuffle=True, augment=lambda images, _: images.mul_(0))
    assert batches._inputs.data_ptr() == data.inputs.ctypes.data
    assert batches._targets[0].data_ptr() == data.labels.ctypes.data
    for images, labels in batches:
        images.fill_(9)
        labels.fill_(9)
    assert data.labels.tolist() == list(range(6))
    assert np.array_equal(data.inputs, numbered(6).inputs)


def test_strided_arrays_are_accepted():
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)[::-1, :, ::-1]
    data = Dataset("reversed", images, np.array([0, 1]), ("a", "b"))
    (batch, _labels), *_ = Batches(data, 2)
    assert np.array_equal((batch * 255).round().byte().permute(0, 2, 3, 1).numpy(), images)


def test_images_are_channels_last_in_memory():
    images, _ = next(iter(Batches(numbered(4, (5, 6, 3)), 4)))
    assert images.shape == (4, 3, 5, 6)
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_one_is_refused(size):
    with pytest.raises(ConfigError, match=f"batch_size.*got {size}"):
        Batches(numbered(3), size)


def test_an_empty_set_is_refused_by_name():
    with pytest.raises(DataError, match=r"numbered.*0 examples"):
        Batches(numbered(3).take([]), 2)


@pytest.mark.parametrize(
    "inputs", [torch.zeros(2, 3, 3, 1), torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, 3)]
)
def test_what_is_no_image_at_rest_is_refused(inputs):
    with pytest.raises(DataError, match=r"expected uint8, B×H×W×C, or float32, B×T×C"):
        to_images(inputs)


def test_a_batch_brings_the_arrays_that_are_asked_for():
    data = replace(numbered(6), concepts=np.eye(6, 2, dtype=np.float32), concept_names=("a", "b"))
    _, concepts, labels = next(iter(Batches(data, 4, fields=("concepts", "labels"))))
    assert concepts.tolist() == data.concepts[:4].tolist()
    assert labels.tolist() == data.labels[:4].tolist()
    with pytest.raises(DataError, match="this data set has no factors"):
        Batches(data, 4, fields=("factors",))


def test_series_come_channels_first_one_pixel_wide_and_unchanged():
    series = np.arange(24, dtype=np.float32).reshape(2, 4, 3) - 5
    ((batch, _labels),) = Batches(Dataset.from_arrays(series, ["a", "b"]), 2)
    assert batch.shape == (2, 3, 4, 1)
    assert np.array_equal(batch[:, :, :, 0].numpy(), series.transpose(0, 2, 1))


def test_two_views_bring_the_images_as_they_are_and_their_copies_last():
    data = numbered(5)
    batches = Batches(data, 5, augment=lambda images, generator: images + 1, two_views=True)
    ((images, _labels, views),) = batches
    assert torch.equal(views, images + 1)
    ((plain, _),) = Batches(data, 5)
    assert torch.equal(images, plain)


def test_members_draw_what_each_would_draw_alone():
    data = numbered(7)
    alone = [Batches(data, 3, seed=seed, shuffle=True) for seed in (4, 9)]
    for number, (images, labels) in enumerate(Together(alone)):
        for member, batches in enumerate(alone):
            wanted = list(batches)[number]
            assert torch.equal(images[member], wanted[0])
            assert torch.equal(labels[member], wanted[1])
