"""ECG5000: one data set from all official forms, and files that are not what they should be."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from lightwell.core.errors import DataError
from lightwell.data import load
from lightwell.data.readers import ecg5000

NAMES = ("normal", "R-on-T PVC", "PVC", "supraventricular", "unclassified")


def beats(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((n, 140)).astype(np.float32), np.arange(n) % 5 + 1


def written(series: np.ndarray, labels: np.ndarray, form: str) -> str:
    """Return a file as the archive writes that form."""
    if form == ".txt":
        rows = [[f"{v:16.7e}" for v in (label, *row)] for label, row in zip(labels, series, strict=True)]
        return "".join("".join(row) + "\n" for row in rows)
    texts = [[f"{v:.9g}" for v in row] for row in series]
    if form == ".tsv":
        return "".join("\t".join([str(c), *t]) + "\n" for c, t in zip(labels, texts, strict=True))
    joined = [",".join(t) for t in texts]
    if form == ".ts":
        head = "# a remark\n@problemName ECG5000\n@univariate true\n@classLabel true 1 2 3 4 5\n"
        return head + "@data\n" + "".join(f"{t}:{c}\n" for c, t in zip(labels, joined, strict=True))
    head = (
        "@relation ECG5000\n" + "".join(f"@attribute att{i} numeric\n" for i in range(140)) + "% a remark\n"
    )
    head += "@attribute target {1,2,3,4,5}\n\n@DATA\n"
    return head + "".join(f"{t},{c}\n" for c, t in zip(labels, joined, strict=True))


def write_parts(folder, form):
    for part, n, seed in (("TRAIN", 6, 0), ("TEST", 11, 1)):
        (folder / f"ECG5000_{part}{form}").write_text(written(*beats(n, seed), form))


@pytest.mark.parametrize("form", ecg5000.FORMS)
def test_every_form_in_a_folder_and_in_a_zip_is_the_same_data_set(tmp_path, form):
    (tmp_path / "a").mkdir()
    write_parts(tmp_path / "a", form)
    (tmp_path / "b").mkdir()
    with zipfile.ZipFile(tmp_path / "b" / "ECG5000.zip", "w") as archive:
        for path in (tmp_path / "a").iterdir():
            archive.write(path, f"ECG5000/{path.name}")
            archive.writestr(f"__MACOSX/ECG5000/._{path.name}", b"\x00\x05")
    (x_train, y_train), (x_test, y_test) = beats(6, 0), beats(11, 1)
    for where in (tmp_path / "a", tmp_path / "b", tmp_path / "a" / f"ECG5000_TEST{form}"):
        data = load("ecg5000", where)
        assert (data.inputs.shape, data.inputs.dtype, data.class_names) == ((17, 140, 1), np.float32, NAMES)
        assert np.allclose(data.inputs[..., 0], np.concatenate([x_train, x_test]), rtol=1e-6)
        assert np.array_equal(data.labels, np.concatenate([y_train, y_test]) - 1)
        assert data.part("test").labels.tolist() == (y_test - 1).tolist()


def test_the_official_files(shared_data):
    text, arrays = load("ecg5000", shared_data), load("ecg5000", shared_data / "ecg5000.npz")
    assert text.fingerprint == arrays.fingerprint
    assert list(text.class_counts.values()) == [2919, 1767, 96, 194, 24]
    assert list(text.part("train").class_counts.values()) == [292, 177, 10, 19, 2]
    train = text.part("train").inputs[..., 0].astype(float)
    assert np.abs(train.mean(axis=1)).max() < 1e-6
    assert np.allclose(train.std(axis=1, ddof=1), 1, atol=1e-6)  # standardised in the archive


def line(label="1", n=140, value="0.5"):
    return " ".join([label, *[value] * n]) + "\n"


@pytest.mark.parametrize(
    ("content", "form", "words"),
    [
        (line() + line(n=139), ".txt", "line 2.*expected 140 numbers and a label, got 140 fields"),
        (line(n=200_000), ".txt", "line 1.*expected 140 numbers"),
        (line() + line(value="x"), ".tsv", "line 2.*expected numbers.*'x'"),
        (line() + line(value="nan"), ".txt", "expected finite numbers, got others in series 1"),
        (line("6"), ".txt", r"labels in 1 \.\. 5, got 6.0 of series 0"),
        (line("1.5"), ".txt", r"labels in 1 \.\. 5"),
        ("", ".txt", "n >= 1"),
        (line(), ".ts", "a line '@data'"),
        ("@data\n" + ",".join(["1"] * 141) + "\n", ".ts", "line 2.*a label, got 1 fields"),
        ("@data\n" + "1:" + ",".join(["1"] * 140) + ":1\n", ".ts", "line 2"),
        ("@data\n" + ",".join(["?"] * 140) + ",1\n", ".arff", "expected numbers"),
        ("@data\n", ".arff", "n >= 1"),
        ("\ufeff\u00e9" * 3, ".txt", "a label, got 1 fields"),
    ],
)
def test_damaged_texts_are_refused_with_the_line(content, form, words):
    with pytest.raises(DataError, match=words) as caught:
        ecg5000.parse(content.encode(), form, "some.file")
    assert "some.file" in str(caught.value)


def test_other_bytes_and_missing_or_huge_files_are_refused(tmp_path):
    write_parts(tmp_path, ".txt")
    test = tmp_path / "ECG5000_TEST.txt"
    test.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match=r"ECG5000_TEST\.txt.*expected a text file"):
        load("ecg5000", tmp_path)
    test.write_bytes(b" " * (16 * 1024**2 + 1))
    with pytest.raises(DataError, match="larger than its format allows"):
        load("ecg5000", tmp_path)
    test.rename(tmp_path / "ECG5000_TEST.ts")  # the two parts are never taken from two forms
    with pytest.raises(DataError, match=r"files are missing.*got ECG5000_TEST\.ts, ECG5000_TRAIN\.txt"):
        load("ecg5000", tmp_path)
    with pytest.raises(DataError, match=r"ECG5000\.zip.*timeseriesclassification\.com.*No licence"):
        load("ecg5000", tmp_path / "elsewhere")


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_arrays_that_are_not_ecg5000(tmp_path):
    x, y = beats(5, 0)
    path = tmp_path / "mine.npz"
    for arrays, words in [
        ({"x_train": x, "y_train": y, "x_test": x}, "lacks an array.*expected y_test"),
        ({"x_train": x[:, :139], "y_train": y, "x_test": x, "y_test": y}, r"series \(n, 140\)"),
        ({"x_train": x, "y_train": y[:4], "x_test": x, "y_test": y}, r"series \(n, 140\)"),
        ({"x_train": x, "y_train": y - 1, "x_test": x, "y_test": y}, r"train.*labels in 1 \.\. 5, got 0"),
        ({"x_train": x, "y_train": y, "x_test": x.astype(int), "y_test": y}, "real numbers"),
        ({"x_train": x, "y_train": y.astype(str), "x_test": x, "y_test": y}, "labels of integers"),
    ]:
        with pytest.raises(DataError, match=words):
            load("ecg5000", npz(path, **arrays))
    with zipfile.ZipFile(path, "w") as archive:
        buffer = io.BytesIO()
        np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
        archive.writestr("x_train.npy", buffer.getvalue())
    with pytest.raises(DataError, match="unpickled"):
        load("ecg5000", path)


def test_a_zip_that_leads_outside_or_is_cut_is_refused(tmp_path):
    path = tmp_path / "ECG5000.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../ECG5000_TRAIN.txt", line())
    with pytest.raises(DataError, match="leads out of it"):
        load("ecg5000", tmp_path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="damaged or incomplete"):
        load("ecg5000", tmp_path)
