"""Files that are truncated, damaged, swapped, or made to do harm: one clear error, nothing written."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightwell.core.errors import DataError
from lightwell.data import load
from lightwell.data.readers import cifar, idx, images, svhn, trees


def idx_bytes(*shape: int, fill: int = 0, extra: bytes = b"") -> bytes:
    header = bytes((0, 0, 8, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape)
    return header + bytes([fill]) * int(np.prod(shape)) + extra


@pytest.fixture
def mnist_folder(tmp_path) -> Path:
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(6, 28, 28), mtime=0))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(6))
    assert load("mnist", tmp_path).n == 12
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_written(request, tmp_path):
    """Check after each test that nothing escaped from an archive and no temporary file is left."""
    marker = tmp_path.parent / "escaped.txt"
    yield
    assert not marker.exists()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-labels-idx1-ubyte", idx_bytes(5), "not of one part.*expected 6 labels, got 5"),
        ("train-labels-idx1-ubyte", idx_bytes(6, fill=10), r"not one of the ten classes.*got 10 at row 0"),
        ("train-labels-idx1-ubyte", idx_bytes(6, 28, 28), "an images file.*swapped"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx_bytes(6), mtime=0), "a labels file"),
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(idx_bytes(6, 28, 28)[:-1], mtime=0),
            "damaged or incomplete.*4703",
        ),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx_bytes(6, 28, 28) + b"x", mtime=0), "got more"),
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(idx_bytes(6, 28, 28), mtime=0)[:-9],
            "damaged or incomplete",
        ),
        ("train-images-idx3-ubyte.gz", b"not gzip at all", "damaged or incomplete.*BadGzipFile"),
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(idx_bytes(6, 28, 28)[:9], mtime=0),
            "a header of 16 bytes",
        ),
        ("train-labels-idx1-ubyte", b"", "not the IDX file"),
    ],
)
def test_idx_faults_name_the_file(mnist_folder, file, content, message):
    (mnist_folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load("mnist", mnist_folder)
    assert file in str(caught.value)


def test_flipped_bit_in_gzip_is_noticed(mnist_folder):
    path = mnist_folder / "train-images-idx3-ubyte.gz"
    content = bytearray(gzip.compress(np.random.default_rng(0).bytes(16 + 6 * 784)))
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    with pytest.raises(DataError):
        load("mnist", mnist_folder)


def test_missing_file_is_named(mnist_folder):
    (mnist_folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*lightwell data fetch mnist"):
        load("mnist", mnist_folder)


def test_gzip_bomb_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">4I", 2051, 1_000_000, 28, 28) + bytes(1000)))
    with pytest.raises(DataError, match=r"would unpack to far more.*784000000 bytes"):
        idx.read_idx(path, idx.IMAGES)


def test_gzip_bomb_behind_a_small_header_is_not_unfolded(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">4I", 2051, 1, 28, 28) + bytes(50_000_000)))
    with pytest.raises(DataError, match="got more"):
        idx.read_idx(path, idx.IMAGES)


class Evil:
    def __reduce__(self):
        return os.system, ("touch escaped.txt",)


class EvilBuiltin:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("evil", [Evil(), EvilBuiltin(), np.zeros(3).dtype, Path("x")])
def test_pickle_that_names_anything_else_is_not_run(cifar10_folder, tmp_path, protocol, evil, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(cifar10_folder, tmp_path / "data")
    batch = tmp_path / "data" / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(pickle.dumps({"data": evil, "labels": []}, protocol=protocol))
    with pytest.raises(DataError):
        load("cifar10", tmp_path / "data")
    assert not (tmp_path / "escaped.txt").exists()


def test_pickle_error_names_what_it_would_have_run():
    with pytest.raises(DataError, match=r"was not run.*system"):
        cifar.restricted_load(pickle.dumps(Evil(), protocol=2), "batch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"\x80\x02}q\x01(U\x04data", "damaged"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "memo index"),
        (b"\x80\x02c_codecs\nencode\nU\x01xU\x03bz2\x86R.", "encoded as 'bz2'"),
        (b"\x80\x02cnumpy\ndtype\nU\x01OK\x00K\x01\x87R.", "dtype 'O'"),
        (pickle.dumps(np.zeros(3, dtype=object), protocol=2), "dtype"),
        (pickle.dumps([1, 2], protocol=2)[:-3], "damaged"),
    ],
)
def test_damaged_and_crafted_pickles(content, message):
    with pytest.raises(DataError, match=message):
        cifar.restricted_load(content, "batch")


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1, 2], "not a CIFAR batch"),
        ({"data": 3, "labels": [1]}, "not a batch of this data set"),
        ({"data": np.zeros((2, 3072), np.uint8), "fine_labels": [1, 2]}, "not a batch of this data set"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "do not fit"),
        ({"data": np.zeros((2, 3071), np.uint8), "labels": [1, 2]}, "do not fit"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "not one of the classes"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, "2"]}, "not whole numbers"),
    ],
)
def test_batches_that_are_not_batches(cifar10_folder, tmp_path, batch, message):
    shutil.copytree(cifar10_folder, tmp_path / "data")
    (tmp_path / "data" / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(DataError, match=message) as caught:
        load("cifar10", tmp_path / "data")
    assert "test_batch" in str(caught.value)


def test_cifar_faults_of_folder_and_binary_version(cifar10_folder, tmp_path):
    shutil.copytree(cifar10_folder, tmp_path / "data")
    (tmp_path / "data" / "cifar-10-batches-py" / "data_batch_2").unlink()
    with pytest.raises(DataError, match=r"files are missing.*expected data_batch_2"):
        load("cifar10", tmp_path / "data")
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name in ("train.bin", "test.bin"):
        (folder / name).write_bytes(bytes(3074 * 2))
    (folder / "test.bin").write_bytes(bytes(3073))
    with pytest.raises(DataError, match="whole records of 3074 bytes, got 3073"):
        load("cifar100", tmp_path)


def tar_with(path: Path, name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"x") -> None:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = (
            kind,
            len(content) if kind == tarfile.REGTYPE else 0,
            "/etc/passwd",
        )
        archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../escaped.txt", "/escaped.txt", "a/../../escaped.txt", "C:\\escaped.txt"])
def test_archives_that_lead_outside_are_refused(tmp_path, name):
    tar_with(tmp_path / "cifar-10-python.tar.gz", name)
    with pytest.raises(DataError, match="leads out of it"):
        load("cifar10", tmp_path)
    with zipfile.ZipFile(tmp_path / "tiny-imagenet-200.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(DataError, match="leads out of it"):
        load("tiny-imagenet", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    tar_with(tmp_path / "cifar-10-python.tar.gz", "data_batch_1", kind)
    with pytest.raises(DataError, match="a link or a device"):
        load("cifar10", tmp_path)


def test_tar_bomb_and_truncated_tar(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    tar_with(path, "data_batch_1", content=bytes(80 * 1024**2))
    with pytest.raises(DataError, match="would unpack to far more"):
        load("cifar10", tmp_path)
    tar_with(path, "data_batch_1", content=os.urandom(100_000))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(DataError, match="damaged or incomplete"):
        load("cifar10", tmp_path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="damaged or incomplete"):
        load("cifar10", tmp_path)


def test_zip_bomb_and_truncated_zip(tmp_path):
    path = tmp_path / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny-imagenet-200/wnids.txt", bytes(80 * 1024**2))
    with pytest.raises(DataError, match="would unpack to far more"):
        load("tiny-imagenet", tmp_path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("wnids.txt", os.urandom(1000))
    content = path.read_bytes()
    path.write_bytes(content[:900])
    with pytest.raises(DataError, match="damaged or incomplete"):
        load("tiny-imagenet", tmp_path)
    path.write_bytes(content[:300] + b"\0\0\0\0" + content[304:])
    with pytest.raises(DataError, match="damaged or incomplete"):
        load("tiny-imagenet", tmp_path)


def test_trees_hold_files_to_their_limit(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    tree = trees.open_tree(tmp_path)
    assert tree.read("a", 11) == bytes(11)
    with pytest.raises(DataError, match="larger than its format allows"):
        tree.read("a", 10)
    with pytest.raises(DataError, match="cannot be read"):
        tree.read("b", 10)


def test_svhn_faults(svhn_folder, tmp_path):
    import scipy.io

    good = (svhn_folder / "train_32x32.mat").read_bytes()
    path = tmp_path / "train_32x32.mat"
    for content in (good[:5000], good[:200], b"", b"MATLAB 5.0 MAT-file" + bytes(300)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"train_32x32\.mat"):
            svhn.read_mat(path)
    pixels, codes = np.zeros((32, 32, 3, 4), np.uint8), np.ones((4, 1), np.uint8)
    faults = [
        ({"X": pixels, "y": codes[:3]}, "not a file of SVHN"),
        ({"X": pixels}, "not a file of SVHN"),
        ({"X": pixels.transpose(3, 0, 1, 2), "y": codes}, "not a file of SVHN"),
        ({"X": pixels, "y": codes * 11}, r"y in 11 \.\. 11"),
        ({"X": pixels, "y": codes * 0}, r"y in 0 \.\. 0"),
        ({"X": pixels.astype(float), "y": codes}, "X of float64"),
    ]
    for content, message in faults:
        scipy.io.savemat(path, content)
        with pytest.raises(DataError, match=message):
            svhn.read_mat(path)
    with pytest.raises(DataError, match=r"files are missing.*expected test_32x32.mat"):
        svhn.read(tmp_path)


@pytest.fixture
def tiny(tmp_path, tiny_imagenet_folder) -> Path:
    """A copy that may be damaged."""
    shutil.copytree(tiny_imagenet_folder, tmp_path / "data")
    return tmp_path / "data" / "tiny-imagenet-200"


def test_tiny_imagenet_faults(tiny):
    notes = tiny / "val" / "val_annotations.txt"
    original = notes.read_text()
    notes.write_text(original.replace("n02124075", "n99999999"))
    with pytest.raises(DataError, match=r"wnids.txt does not list.*n99999999"):
        load("tiny-imagenet", tiny)
    notes.write_text(original.split("\n", 1)[1])
    with pytest.raises(DataError, match=r"disagree.*val_0.JPEG is in one of them only"):
        load("tiny-imagenet", tiny)
    notes.write_text("val_0.JPEG\n" + original)
    with pytest.raises(DataError, match="line 1"):
        load("tiny-imagenet", tiny)
    notes.write_text(original)
    image = tiny / "train" / "n02124075" / "images" / "n02124075_1.JPEG"
    image.write_bytes(image.read_bytes()[:400])
    with pytest.raises(DataError, match=r"n02124075_1.JPEG, image \d+"):
        load("tiny-imagenet", tiny)
    (tiny / "wnids.txt").write_text("n02124075\nn02124075\n")
    with pytest.raises(DataError, match="each class once"):
        load("tiny-imagenet", tiny)


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose header promises this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"<svg/>",
        png_of(10_000, 7_000),
        png_of(12_000, 9_000),
        png_of(50_000, 50_000),
        png_of(20, 20),
    ],
)
def test_images_that_cannot_be_read_are_named(content):
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DataError, match=r"this image cannot be read.*a/b\.png"):
        images.decode(content, "a/b.png")
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n../x.png,a\n", r"lie in its folder.*row 2"),
        ("file,label\n/etc/x.png,a\n", "lie in its folder"),
        ("file,label\nC:\\x.png,a\n", "lie in its folder"),
        ("file,label\n,a\n", "lie in its folder"),
        ("file,label\nmissing.png,a\n", "missing.png"),
        ("path,class\nx.png,a\n", "lacks a column"),
        ("", "lacks a column"),
        ("file,label\n", "lists no file"),
        ('file,label\n"x.png,a\n', "cannot be read as a CSV"),
    ],
)
def test_csv_faults(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(str(path))


def write_npz(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_npz_faults(tmp_path):
    path = tmp_path / "mine.npz"
    images_, labels = np.zeros((4, 5, 5), np.uint8), np.zeros(4, int)
    faults = [
        ({"inputs.npy": npy(np.array([Evil()], dtype=object))}, "unpickled"),
        ({"inputs.npy": npy(np.zeros(80 * 1024**2, np.uint8))}, "would unpack to far more"),
        (
            {"inputs.npy": npy(images_).replace(b"(4, 5, 5), } ", b"(90, 5, 5), }")},
            "declares more than it holds",
        ),
        ({"inputs.npy": b"no array"}, "damaged"),
        ({"pictures.npy": npy(images_)}, "lacks an array.*x_train"),
        ({"x_train.npy": npy(images_)}, "expected y_train"),
        ({"inputs.npy": npy(images_), "labels.npy": npy(labels[:3])}, "not one label an example"),
        (
            {"x_train.npy": npy(images_), "y_train.npy": npy(labels)}
            | {"x_test.npy": npy(images_[:, :4]), "y_test.npy": npy(labels)},
            "different shapes",
        ),
    ]
    for members, message in faults:
        write_npz(path, members)
        with pytest.raises(DataError, match=message):
            load(str(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"damaged, or not an \.npz"):
        load(str(path))
