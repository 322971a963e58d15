"""MPI3D and CelebA in their official layouts, and the clusters that name their classes."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from concept_layouts import CELEBA_CHOSEN, cut, mpi3d_images, write_celeba, write_mpi3d

from lightwell.core import Concept, DataError, PackedImages
from lightwell.data import fetch, load
from lightwell.data.kmodes import k_modes, nearest_mode
from lightwell.data.mapped import mapped_array
from lightwell.data.readers.celeba import ATTRIBUTES


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi3d")
    write_mpi3d(folder, mpi3d_images())
    return folder


def row_of(images):
    return images.reshape(-1, 3).astype(int) @ (1 << 16, 1 << 8, 1)


def test_mpi3d_is_mapped_from_a_copy_made_once_and_coded_by_its_factors(toy_folder):
    data = load("mpi3d-toy", toy_folder)
    rows = np.array([1_036_799, 0, 518_400, 7])
    assert isinstance(data.inputs.store, np.memmap)
    assert np.array_equal(row_of(data.inputs[rows]), rows)
    assert np.array_equal(row_of(data.take(rows).inputs[:]), rows)
    copied = toy_folder / "mpi3d_toy.npy"
    before = copied.stat().st_mtime_ns
    data = load("mpi3d-toy", toy_folder)
    assert copied.stat().st_mtime_ns == before
    assert sorted(p.name for p in toy_folder.iterdir()) == ["mpi3d_toy.npy", "mpi3d_toy.npz"]
    radix = (172_800, 28_800, 14_400, 4800, 1600, 40, 1)
    assert np.array_equal(data.factors @ radix, data.ids)
    assert data.concepts.shape == (1_036_800, 21)
    assert data.concepts[-1].nonzero()[0].tolist() == [5, 11, 12, 15, 18, 19, 20]
    assert data.concept_groups[2] == Concept("object_size", "binary")
    shares = np.bincount(data.labels) / data.n
    assert np.allclose(
        shares, [0.170, 0.139, 0.139, 0.151, 0.102, 0.079, 0.045, 0.051, 0.069, 0.056], atol=6e-4
    )


def test_a_part_of_mpi3d_is_drawn_without_a_copy(tmp_path):
    write_mpi3d(tmp_path, mpi3d_images())
    data = load("mpi3d-toy", tmp_path, n=500)
    assert isinstance(data.inputs, np.ndarray)
    assert np.array_equal(row_of(data.inputs), data.ids)
    assert len(set(data.ids.tolist())) == 500
    assert np.array_equal(load("mpi3d-toy", tmp_path, n=500).ids, data.ids)
    assert [p.name for p in tmp_path.iterdir()] == ["mpi3d_toy.npz"]


def test_the_complex_set_has_factors_of_its_own(tmp_path):
    write_mpi3d(tmp_path / "mpi3d", mpi3d_images("mpi3d-complex"), "real3d_complicated_shapes_ordered.npz")
    data = load("mpi3d-complex", tmp_path, n=300)
    assert np.array_equal(row_of(data.inputs), data.ids)
    assert data.class_names == ("mug", "ball", "banana", "cup")
    assert np.array_equal(data.labels, data.ids // 28_800 % 4)
    assert data.concepts.shape == (300, 17)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros((9, 1, 1, 3), np.uint8),
            r"not the official MPI3D.*expected uint8, shape \(1036800, 64, 64, 3\)",
        ),
        (np.zeros((1_036_800, 1, 1, 3), np.int8), "not the official MPI3D"),
        (np.zeros((1_036_800, 1, 1), np.uint8), "not the official MPI3D"),
    ],
)
def test_other_files_are_not_mpi3d(tmp_path, images, message):
    write_mpi3d(tmp_path, images)
    with pytest.raises(DataError, match=message):
        load("mpi3d-toy", tmp_path)


def test_a_damaged_file_leaves_no_copy(tmp_path):
    cut(write_mpi3d(tmp_path, mpi3d_images()), "images.npy")
    with pytest.raises(DataError, match="damaged"):
        load("mpi3d-toy", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mpi3d_toy.npz"]
    (tmp_path / "mpi3d_toy.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"damaged, or not an \.npz"):
        load("mpi3d-toy", tmp_path)


def test_a_copy_cut_short_or_older_than_its_source_is_made_anew(tmp_path):
    source, copied = tmp_path / "x.npz", tmp_path / "x.npy"
    source.touch()
    ones, twos = (np.full((50, 4), k, np.uint8) for k in (1, 2))
    assert np.array_equal(mapped_array(source, "x", (50, 4), [ones[:20], ones[20:]]), ones)
    assert np.array_equal(mapped_array(source, "x", (50, 4), [twos]), ones), "made once"
    copied.write_bytes(copied.read_bytes()[:200])
    assert np.array_equal(mapped_array(source, "x", (50, 4), [twos]), twos)
    assert np.array_equal(mapped_array(source, "x", (25, 4), [ones[:25]]), ones[:25])
    later = copied.stat().st_mtime + 5
    os.utime(source, (later, later))
    assert np.array_equal(mapped_array(source, "x", (25, 4), [twos[:25]]), twos[:25])
    with pytest.raises(DataError, match="changed while it was written"):
        mapped_array(source, "y", (50, 4), [ones[:20]])


@pytest.mark.parametrize("as_csv", [False, True])
def test_celeba_keeps_hair_or_baldness_and_crops_the_centre(tmp_path, as_csv):
    table = write_celeba(tmp_path, 120, as_csv=as_csv)[:, CELEBA_CHOSEN] > 0
    data = load("celeba", tmp_path)
    bald, hair = table[:, 0], table[:, [1, 2, 3, 5]].any(axis=1)
    kept = np.flatnonzero(bald ^ hair)
    assert 20 < len(kept) < 120
    assert np.array_equal(data.concepts, table[kept])
    assert data.concept_groups == tuple(Concept(name, "binary") for name in ATTRIBUTES)
    assert isinstance(data.inputs, PackedImages)
    greys = np.asarray(data.inputs).astype(int)
    assert greys.shape == (len(kept), 64, 64, 3)
    assert (abs(greys - kept[:, None, None, None]) <= 2).all(), "the white bands are cropped away"
    assert {part: rows.tolist() for part, rows in data.parts.items()} == {
        part: np.flatnonzero(kept % 3 == i).tolist() for i, part in enumerate(("train", "val", "test"))
    }
    assert set(data.labels) == {0, 1, 2, 3}


def test_celeba_is_decoded_once(tmp_path):
    write_celeba(tmp_path, 40, partition=False)
    first = load("celeba", tmp_path)
    assert first.parts == {}
    for image in (tmp_path / "img_align_celeba").iterdir():
        image.unlink()
    assert load("celeba", tmp_path).fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: f.write_text(f.read_text().rsplit("\n", 3)[0] + "\n"),
            "cut off.*expected 40 faces, got 38",
        ),
        (
            lambda f: f.write_text(f.read_text().replace("000002.jpg", "../x.jpg")),
            "row of this table is damaged",
        ),
        (lambda f: f.write_text(f.read_text().replace("000002.jpg", "000001.jpg")), "listed twice"),
        (lambda f: f.write_text(f.read_text().replace("Bald", "Bold")), "lacks an attribute.*Bald"),
        (lambda f: f.write_text(f.read_text().replace("-1", "7")), "attributes are 1 or -1"),
        (lambda f: f.write_bytes(b"\xff\x00\n" * 50), "this table is cut off|damaged"),
        (lambda f: f.write_text(""), "lacks an attribute"),
    ],
)
def test_a_damaged_table_of_celeba_is_refused(tmp_path, spoil, message):
    write_celeba(tmp_path, 40)
    spoil(tmp_path / "list_attr_celeba.txt")
    with pytest.raises(DataError, match=message):
        load("celeba", tmp_path)


def test_missing_and_damaged_faces_are_named_and_nothing_is_kept(tmp_path):
    write_celeba(tmp_path, 40)
    faces = sorted((tmp_path / "img_align_celeba").iterdir())
    for face in faces:
        face.write_bytes(face.read_bytes()[:300])
    with pytest.raises(DataError, match=r"image cannot be read.*0000\d\d.jpg"):
        load("celeba", tmp_path)
    for face in faces:
        face.unlink()
    with pytest.raises(DataError, match=r"0000\d\d.jpg"):
        load("celeba", tmp_path)
    assert not list(tmp_path.glob("*.npy"))
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 5\n")
    with pytest.raises(DataError, match="by hand"):
        fetch("celeba", tmp_path / "elsewhere")


def test_k_modes_finds_planted_modes_and_the_best_of_few_rows():
    planted = np.array([[0, 1, 2, 0, 1, 2], [2, 2, 0, 1, 0, 0], [1, 0, 1, 2, 2, 1]])
    rng = np.random.default_rng(0)
    owner = rng.choice(3, 300, p=[0.2, 0.5, 0.3])
    rows = planted[owner]
    flipped = rng.random(rows.shape) < 0.1
    rows = np.where(flipped, rng.integers(0, 3, rows.shape), rows)
    assert k_modes(rows, 3).tolist() == planted[[1, 2, 0]].tolist()
    assert (nearest_mode(rows, planted) == owner).mean() > 0.97
    small = rng.integers(0, 2, (25, 4))
    cube = np.array(list(itertools.product((0, 1), repeat=4)))
    best = min(cost(small, [a, b]) for a, b in itertools.combinations(cube, 2))
    assert cost(small, k_modes(small, 2, n_init=30)) == best
    assert nearest_mode([[0, 1]], [[0, 0], [1, 1]]).tolist() == [0]
    with pytest.raises(DataError, match="too few distinct rows"):
        k_modes([[1, 1]] * 9, 2)


def cost(rows, modes):
    return sum(min((row != mode).sum() for mode in modes) for row in rows)
