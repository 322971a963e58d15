"""Synthetic files in the official layouts: small, with the true formats to the byte."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightwell.data import Dataset, load
from lightwell.data.class_names import CIFAR10, CIFAR100, TINY_IMAGENET

sys.path.insert(0, str(Path(__file__).parent))  # for concept_layouts

PER_BATCH = 40
REAL = Path(os.environ.get("LIGHTWELL_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def _text(value: str) -> bytes:
    raw = value.encode("latin1")
    return b"U" + bytes([len(raw)]) + raw


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def python2_batch(pixels: np.ndarray, label_key: str, labels: list[int]) -> bytes:
    """Return a batch as Python 2 and a NumPy of 2009 pickled it, opcode by opcode."""
    raw = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + _int(len(pixels))
        + _int(pixels.shape[1])
        + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T"
        + struct.pack("<I", len(raw))
        + raw
        + b"tb"
    )
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + b"".join(_text(f"image_{i}.png") for i in range(len(labels))) + b"e"
    items = [("data", array), (label_key, listed), ("filenames", names), ("batch_label", _text("batch"))]
    return b"\x80\x02}(" + b"".join(_text(key) + value for key, value in items) + b"u."


def planes(images: np.ndarray) -> np.ndarray:
    """Return images as CIFAR stores them: one row an image, plane by plane."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def noise(n: int, seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def cifar10_images() -> tuple[np.ndarray, np.ndarray]:
    """Return 6 batches of images with labels: of CIFAR-10 where the real file is here, else noise."""
    n = 6 * PER_BATCH
    path = REAL / "cifar10_exact_4k.npz"
    if not path.is_file():
        return noise(n, 0), np.arange(n) % 10
    with np.load(path) as real:
        rows = np.concatenate([np.flatnonzero(real["y_train"] == c)[: n // 10] for c in range(10)])
        rows = rows.reshape(10, -1).T.ravel()
        return real["x_train"][rows], real["y_train"][rows].astype(int)


@pytest.fixture(scope="session")
def cifar10_folder(tmp_path_factory) -> Path:
    """A data folder with cifar-10-batches-py, 240 images."""
    root = tmp_path_factory.mktemp("cifar10")
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    images, labels = cifar10_images()
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        rows = slice(i * PER_BATCH, (i + 1) * PER_BATCH)
        batch = python2_batch(planes(images[rows]), "labels", labels[rows].tolist())
        (folder / name).write_bytes(batch)
    meta = {"label_names": list(CIFAR10), "num_cases_per_batch": PER_BATCH, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return root


@pytest.fixture(scope="session")
def cifar100_folder(tmp_path_factory) -> Path:
    """A data folder with cifar-100-python: noise, 200 train and 100 test images."""
    root = tmp_path_factory.mktemp("cifar100")
    folder = root / "cifar-100-python"
    folder.mkdir()
    for name, n, seed in (("train", 200, 1), ("test", 100, 2)):
        labels = (np.arange(n) % 100).tolist()
        (folder / name).write_bytes(python2_batch(planes(noise(n, seed)), "fine_labels", labels))
    meta = {"fine_label_names": list(CIFAR100)}
    (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    return root


@pytest.fixture(scope="session")
def svhn_folder(tmp_path_factory) -> Path:
    """A data folder with the two SVHN files: noise, 60 and 40 images, labels 1 .. 10."""
    import scipy.io

    root = tmp_path_factory.mktemp("svhn")
    for name, n, seed in (("train", 60, 3), ("test", 40, 4)):
        pixels = noise(n, seed).transpose(1, 2, 3, 0)
        codes = (np.arange(n) % 10 + 1).astype(np.uint8)[:, None]
        scipy.io.savemat(root / f"{name}_32x32.mat", {"X": pixels, "y": codes}, do_compression=True)
    return root


@pytest.fixture(scope="session")
def tiny_subset(shared_data) -> Dataset:
    """20 real classes of Tiny ImageNet, read from their zip."""
    return load("tiny-imagenet", shared_data / "tiny_imagenet_20.zip")


def jpeg(seed: int, mode: str = "RGB", size: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(1, seed, size)[0]).convert(mode).save(buffer, "JPEG")
    return buffer.getvalue()


def write_tiny_imagenet(root: Path, wnids: list[str], n_train: int, n_val: int) -> None:
    """Write the official tree of Tiny ImageNet with these classes; the first image is grey."""
    pool = [jpeg(seed) for seed in range(4)]
    grey = jpeg(9, "L")
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("\n".join(wnids) + "\n")
    lines = [f"{wnid}\t{TINY_IMAGENET[wnid]}, another name\n" for wnid in sorted(wnids)]
    (root / "words.txt").write_text("n00001740\tentity\n" + "".join(lines))
    notes = []
    for c, wnid in enumerate(wnids):
        (root / "train" / wnid / "images").mkdir(parents=True)
        boxes = "".join(f"{wnid}_{k}.JPEG\t0\t0\t63\t63\n" for k in range(n_train))
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text(boxes)
        for k in range(n_train):
            content = grey if c == k == 0 else pool[(c + k) % 4]
            (root / "train" / wnid / "images" / f"{wnid}_{k}.JPEG").write_bytes(content)
        for k in range(n_val):
            name = f"val_{c * n_val + k}.JPEG"
            (root / "val" / "images" / name).write_bytes(pool[(c + k + 1) % 4])
            notes.append(f"{name}\t{wnid}\t0\t0\t63\t63\n")
    (root / "val" / "val_annotations.txt").write_text("".join(notes))


@pytest.fixture(scope="session")
def tiny_imagenet_folder(tmp_path_factory) -> Path:
    """A data folder with tiny-imagenet-200: all 200 classes, noise, 2 + 1 images a class."""
    root = tmp_path_factory.mktemp("tiny")
    write_tiny_imagenet(root / "tiny-imagenet-200", list(TINY_IMAGENET), 2, 1)
    return root
