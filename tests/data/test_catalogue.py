from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lightwell.core.errors import ConfigError, DataError
from lightwell.data import SOURCES, load
from lightwell.data.class_names import CIFAR10, CIFAR100, FASHION, TINY_IMAGENET


def test_mnist_mini_never_changes():
    mini = load("mnist-mini")
    assert (mini.n, mini.image_shape, mini.inputs.dtype) == (10_000, (28, 28, 1), np.uint8)
    assert mini.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    rows = {part: np.asarray(index, dtype="<i8") for part, index in mini.parts.items()}
    digests = {part: hashlib.sha256(index.tobytes()).hexdigest()[:16] for part, index in rows.items()}
    assert digests == {"train": "4a4abee65025f302", "test": "8c6f0f022ea9ec9a"}
    assert np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(10_000))
    for name, count in mini.class_counts.items():
        assert abs(mini.part("test").class_counts[name] - count / 5) <= 1


def test_official_mnist_is_read_to_the_byte(shared_data):
    mnist = load("mnist", shared_data)
    assert {part: len(rows) for part, rows in mnist.parts.items()} == {"train": 60_000, "test": 10_000}
    assert mnist.part("train").labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    raw = gzip.decompress((shared_data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    test = mnist.part("test")
    assert test.inputs.tobytes() == raw[16:]
    assert test.fingerprint == load("mnist-mini").fingerprint


def test_fashion_mnist_has_its_own_names_and_is_not_taken_for_mnist(shared_data, tmp_path):
    fashion = load("fashion-mnist", shared_data)
    assert fashion.class_names == FASHION
    assert fashion.part("train").labels[:5].tolist() == [9, 0, 0, 3, 0]
    with pytest.raises(DataError, match="these are the files of fashion-mnist, not of mnist"):
        load("mnist", shared_data / "fashion-mnist")


@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist", "."])
@pytest.mark.parametrize("style", ["plain", "dot"])
def test_mnist_is_found_in_every_usual_folder_and_spelling(shared_data, tmp_path, folder, style):
    target = tmp_path / folder
    target.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for kind, header in (("images-idx3", (3, 4, 28, 28)), ("labels-idx1", (1, 4))):
            content = bytes((0, 0, 8, header[0])) + b"".join(n.to_bytes(4, "big") for n in header[1:])
            content += bytes(int(np.prod(header[1:])))
            name = f"{part}-{kind.replace('-', '.') if style == 'dot' else kind}-ubyte"
            (target / name).write_bytes(content)
    assert load("mnist", tmp_path).n == 8


def test_cifar10_python_version(cifar10_folder, shared_data):
    cifar = load("cifar10", cifar10_folder)
    assert {part: len(rows) for part, rows in cifar.parts.items()} == {"train": 200, "test": 40}
    assert (cifar.class_names, cifar.image_shape) == (CIFAR10, (32, 32, 3))
    # Independent reference: the same pixels as stored in channels-last arrays.
    with np.load(shared_data / "cifar10_exact_4k.npz") as real:
        row = np.flatnonzero(real["y_train"] == 0)[0]
        assert np.array_equal(cifar.inputs[0], real["x_train"][row])
    assert cifar.labels[:10].tolist() == list(range(10))


def test_cifar10_binary_version_archive_and_folder_itself_agree(cifar10_folder, tmp_path):
    cifar = load("cifar10", cifar10_folder)
    assert load("cifar10", cifar10_folder / "cifar-10-batches-py").fingerprint == cifar.fingerprint
    binary = tmp_path / "binary" / "cifar-10-batches-bin"
    binary.mkdir(parents=True)
    table = np.concatenate(
        [cifar.labels[:, None].astype(np.uint8), cifar.inputs.transpose(0, 3, 1, 2).reshape(240, 3072)],
        axis=1,
    )
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        (binary / f"{name}.bin").write_bytes(table[i * 40 : (i + 1) * 40].tobytes())
    assert load("cifar10", tmp_path / "binary").fingerprint == cifar.fingerprint
    shutil.make_archive(str(tmp_path / "cifar-10-python"), "gztar", cifar10_folder, "cifar-10-batches-py")
    before = sorted(tmp_path.rglob("*"))
    packed = load("cifar10", tmp_path)
    assert packed.fingerprint == cifar.fingerprint
    assert sorted(tmp_path.rglob("*")) == before


def test_cifar100_has_fine_labels_in_both_versions(cifar100_folder, tmp_path):
    cifar = load("cifar100", cifar100_folder)
    assert cifar.class_names == CIFAR100
    assert cifar.part("test").labels.tolist() == list(range(100))
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for part in ("train", "test"):
        piece = cifar.part(part)
        pixels = piece.inputs.transpose(0, 3, 1, 2).reshape(piece.n, 3072)
        codes = np.stack([np.full(piece.n, 19), piece.labels], axis=1).astype(np.uint8)
        (folder / f"{part}.bin").write_bytes(np.concatenate([codes, pixels], axis=1).tobytes())
    assert load("cifar100", tmp_path).fingerprint == cifar.fingerprint


def test_svhn_ten_is_zero_and_samples_come_first(svhn_folder):
    svhn = load("svhn", svhn_folder)
    assert svhn.part("test").labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    drawn = np.random.default_rng(3).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(svhn.part("train").inputs, drawn)


def test_tiny_imagenet_real_subset_agrees_with_independently_decoded_arrays(shared_data, tiny_subset):
    tiny = tiny_subset
    assert {part: len(rows) for part, rows in tiny.parts.items()} == {"train": 4000, "val": 1000}
    with np.load(shared_data / "tiny_imagenet_20.npz") as real:
        names = [name.split(",")[0] for name in real["class_names"]]
        wnids = real["wnids"].tolist()
        pictures = {pixels.tobytes() for pixels in real["x_train"]}
        first = real["x_train"][real["y_train"] == 7]
    assert tiny.class_names == tuple(names)
    assert [TINY_IMAGENET[wnid] for wnid in wnids] == names
    train = tiny.part("train")
    ours = {pixels.tobytes() for pixels in train.inputs}
    assert pictures <= ours
    golden = {pixels.tobytes() for pixels in train.where([names[7]]).inputs}
    assert {pixels.tobytes() for pixels in first} <= golden


def test_tiny_imagenet_orders_give_the_same_names_to_the_same_images(tiny_imagenet_folder):
    by_wnids = load("tiny-imagenet", tiny_imagenet_folder)
    by_folder = load("tiny-imagenet", tiny_imagenet_folder, class_order="folder")
    assert by_wnids.class_names == tuple(TINY_IMAGENET.values())
    assert by_folder.class_names == tuple(TINY_IMAGENET[wnid] for wnid in sorted(TINY_IMAGENET))
    assert by_folder.class_names.index("reel") == 139
    names = [[d.class_names[c] for c in d.labels] for d in (by_wnids, by_folder)]
    assert names[0] == names[1]
    assert np.array_equal(by_wnids.inputs, by_folder.inputs)
    assert by_wnids.image_shape == (64, 64, 3)
    grey = by_wnids.part("train").where(["Egyptian cat"]).inputs[0]
    assert np.array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("inner", ["images", ""])
def test_tiny_imagenet_with_rearranged_val(tiny_imagenet_folder, tmp_path, inner):
    official = load("tiny-imagenet", tiny_imagenet_folder)
    root = tmp_path / "tiny-imagenet-200"
    shutil.copytree(tiny_imagenet_folder / "tiny-imagenet-200", root)
    for line in (root / "val" / "val_annotations.txt").read_text().splitlines():
        name, wnid = line.split("\t")[:2]
        (root / "val" / wnid / inner).mkdir(parents=True)
        (root / "val" / "images" / name).rename(root / "val" / wnid / inner / name)
    (root / "val" / "images").rmdir()
    moved = load("tiny-imagenet", tmp_path)
    assert moved.part("val").class_counts == official.part("val").class_counts
    key = [
        sorted((x.tobytes(), int(c)) for x, c in zip(d.inputs, d.labels, strict=True))
        for d in (moved, official)
    ]
    assert key[0] == key[1]


def write_image(path, colour, size=(6, 5), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def test_folder_of_class_folders(tmp_path):
    write_image(tmp_path / "b" / "deep" / "1.png", (1, 2, 3))
    write_image(tmp_path / "a" / "1.png", 9, mode="L")
    write_image(tmp_path / "a" / ".hidden" / "x.png", 9)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    dataset = load(str(tmp_path))
    assert (dataset.class_names, dataset.labels.tolist()) == (("a", "b"), [0, 1])
    assert dataset.inputs.shape == (2, 5, 6, 3)
    assert dataset.inputs[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]
    assert dict(dataset.parts) == {}


def test_folder_with_parts_and_only_grey_images(tmp_path):
    for part, digit in (("train", "10"), ("train", "9"), ("test", "9")):
        write_image(tmp_path / part / digit / "x.png", int(digit), mode="L")
    dataset = load(str(tmp_path))
    assert dataset.class_names == ("9", "10")
    assert dataset.image_shape == (5, 6, 1)
    assert dataset.part("test").labels.tolist() == [0]
    assert dataset.part("train").inputs[:, 0, 0, 0].tolist() == [10, 9]


def test_first_image_of_another_size_is_named_and_resizing_is_offered(tmp_path):
    write_image(tmp_path / "a" / "1.png", (0, 0, 0))
    write_image(tmp_path / "b" / "2.png", (0, 0, 0), size=(7, 5))
    with pytest.raises(
        DataError, match=r"b/2.png, image 1.*expected 5 x 6 as a/1.png, got 5 x 7.*image_size"
    ):
        load(str(tmp_path))
    assert load(str(tmp_path), image_size=8).image_shape == (8, 8, 3)
    with pytest.raises(ConfigError, match="image_size does not apply"):
        load("mnist-mini", image_size=8)


def test_csv_lists_files_labels_and_parts(tmp_path):
    for i in range(3):
        write_image(tmp_path / "images" / f"{i}.png", (i, i, i))
    table = tmp_path / "list.csv"
    table.write_text("file,label,part\nimages/2.png,dog,test\nimages/0.png,cat,train\nimages/1.png,,train\n")
    dataset = load(str(table))
    assert (dataset.name, dataset.class_names) == ("list", ("cat", "dog"))
    assert dataset.part("train").labels.tolist() == [0, -1]
    assert dataset.part("test").inputs[0, 0, 0].tolist() == [2, 2, 2]


def test_npz_conventions(tmp_path, shared_data):
    ecg = load(str(shared_data / "ecg5000.npz"))
    assert (ecg.class_names, ecg.inputs.shape, ecg.inputs.dtype) == (
        tuple("12345"),
        (5000, 140, 1),
        np.float32,
    )
    assert list(ecg.part("train").class_counts.values()) == [292, 177, 10, 19, 2]
    path = tmp_path / "mine.npz"
    np.savez(
        path,
        inputs=np.zeros((2, 4, 4), np.uint8),
        labels=["x", "w"],
        factors=np.eye(2),
        factor_names=["a", "b"],
    )
    mine = load(str(path))
    assert (mine.name, mine.class_names, mine.labels.tolist()) == ("mine", ("w", "x"), [1, 0])
    assert mine.factor_names == ("a", "b")
    np.savez(path, inputs=np.zeros((2, 4, 4), np.uint8))
    assert load(str(path)).labels.tolist() == [-1, -1]
    np.savez(path, inputs=np.zeros((2, 4, 4), np.uint8), labels=[1, 0], class_names=["one", "two"])
    assert load(str(path)).class_names == ("one", "two")


def test_data_folders_are_tried_in_order(cifar10_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTWELL_DATA", str(cifar10_folder))
    assert load("cifar10").n == 240
    with pytest.raises(DataError, match=r"no files of CIFAR-10 found.*lightwell data fetch cifar10"):
        load("cifar10", tmp_path)
    monkeypatch.setenv("LIGHTWELL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="cache"):
        load("cifar10")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minst-mini", "Did you mean 'mnist-mini'"),
        ("cifar-10", "Did you mean 'cifar10'"),
        ("no/such/folder", "no such file or folder"),
        ("missing.npz", "no such file or folder"),
    ],
)
def test_mistyped_names(name, message):
    with pytest.raises(DataError, match=message):
        load(name)


def test_unknown_class_order_and_kind_of_file(tmp_path):
    with pytest.raises(ConfigError, match="'wnids' or 'folder'"):
        load("mnist-mini", class_order="alphabetical")
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(DataError, match="a kind that is not read"):
        load(str(tmp_path / "x.txt"))
    with pytest.raises(DataError, match="no class folders with images"):
        load(str(tmp_path))


def test_sources_state_facts_of_each_entry():
    assert set(SOURCES) == {
        "mnist-mini",
        "mnist",
        "fashion-mnist",
        "cifar10",
        "cifar100",
        "svhn",
        "tiny-imagenet",
        *(f"dsprites{variant}" for variant in ("", "-balanced", "-colour", "-noisy", "-scream")),
        *(f"mpi3d-{kind}" for kind in ("toy", "realistic", "real", "complex")),
        "celeba",
        "ecg5000",
    }
    for source in SOURCES.values():
        assert source.licence
        assert source.citation
        assert source.n_classes in {2, 4, 5, 10, 100, 200}
        assert all(file.digest or file.optional or not file.url for file in source.files)
        assert all(file.url.endswith(file.name) or "by hand" in source.remark for file in source.files)


def test_importing_the_room_is_light():
    heavy = ("torch", "scipy", "PIL", "pooch")
    code = f"import sys, lightwell.data; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
