"""Files: whole or absent, also after kill -9 and on a full disk; checksums, tables, arrays."""

from __future__ import annotations

import csv
import errno
import os
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

from lightwell.core import DataError, ModelFileError
from lightwell.core.files import (
    MANIFEST,
    atomic_write,
    check_manifest,
    load_arrays,
    read_json,
    save_arrays,
    sha256,
    write_json,
    write_manifest,
    write_table,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "deep" / "er" / "a.txt"
    write_text(target, "one")
    write_text(target, "zwei ü")
    assert target.read_text(encoding="utf-8") == "zwei ü"
    assert names(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_after_an_exception_the_old_file_stands(tmp_path, error):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def work():
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        work()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_permissions_are_those_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027, "the umask itself is left alone"
    finally:
        os.umask(before)


def test_file_and_folder_are_flushed_around_the_rename(tmp_path, monkeypatch):
    done = []
    real_replace, real_sync = type(tmp_path).replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("flush"), real_sync(fd))[1])
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda a, b: (done.append("rename"), real_replace(a, b))[1]
    )
    write_text(tmp_path / "a.txt", "x")
    assert done == ["flush", "rename", "flush"]


def test_writers_at_once_leave_one_whole_file(tmp_path):
    target = tmp_path / "a.txt"
    texts = [str(i) * 20_000 for i in range(8)]

    def work(text):
        for _ in range(10):
            write_text(target, text)

    workers = [threading.Thread(target=work, args=(text,)) for text in texts]
    for worker in workers:
        worker.start()
    seen = set()
    while any(worker.is_alive() for worker in workers):
        if target.exists():
            seen.add(target.read_text())
    for worker in workers:
        worker.join()
    assert seen <= set(texts)
    assert target.read_text() in texts
    assert names(tmp_path) == ["a.txt"]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from lightwell.core.files import write_text
target, chance = Path(sys.argv[1]), random.Random(0)
whole = {letter * 300_000 for letter in "ab"}
write_text(target, "a" * 300_000)
for _ in range(60):
    child = os.fork()
    if child == 0:
        while True:
            for text in whole:
                write_text(target, text)
    time.sleep(chance.uniform(0.001, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert target.read_text() in whole
print(len(list(target.parent.glob(".*.tmp"))))
"""


def test_sixty_kills_at_random_instants_never_leave_half_a_file(tmp_path):
    words = [sys.executable, "-c", KILLED, str(tmp_path / "a.txt")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "some kills came in the midst of a write, or this test shows nothing"


LIMITED = """
import resource, sys
from pathlib import Path
from lightwell.core import DataError
from lightwell.core.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
target = Path(sys.argv[1])
write_text(target, "old")
try:
    write_text(target, "x" * 5000)
except DataError as error:
    print(error)
print(target.read_text(), len(list(target.parent.iterdir())))
"""


def test_a_size_limit_of_the_system_is_told_and_the_old_file_stands(tmp_path):
    words = [sys.executable, "-c", LIMITED, str(tmp_path / "a.txt")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    message, rest = done.stdout.strip().split("\n")
    assert "a.txt" in message
    assert "File too large" in message
    assert rest == "old 1"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_that_refuses_is_told_in_words(tmp_path, monkeypatch, number):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DataError, match=r"a\.txt.*Make room, or choose another folder") as told:
        write_text(target, "new")
    monkeypatch.undo()
    assert os.strerror(number) in str(told.value)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_that_is_no_refusal_passes_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.txt"):
        (tmp_path / "missing").read_text()


def test_a_folder_or_file_in_the_way_is_told(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "folder", tmp_path / "file" / "a.txt"):
        with pytest.raises(DataError, match="cannot be written"):
            write_text(path, "x")
    assert names(tmp_path) == ["file", "folder"]


def test_json_comes_back_and_nan_is_refused(tmp_path):
    record = {"a": [1, 2.5, None, True], "ü": "x"}
    write_json(tmp_path / "a.json", record)
    assert read_json(tmp_path / "a.json") == record
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == record


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", None])
def test_what_is_no_json_is_refused_by_name(tmp_path, content):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_a_table_is_parseable_and_runs_nothing_in_a_spreadsheet(tmp_path):
    cells = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "plain", "", 'a "b", c\nd', -1.5, None, "ü"]
    write_table(tmp_path / "t.csv", ["=head", "b"], [[cell, 1] for cell in cells])
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    assert header == ["'=head", "b"]
    assert [row[0] for row in rows] == [
        "'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx", "plain", "", 'a "b", c\nd', "-1.5", "", "ü",
    ]  # fmt: skip


def test_arrays_come_back(tmp_path):
    arrays = {
        "codes": np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32),
        "names": np.array(["a", "größer"]),
        "empty": np.zeros((0, 4), np.int64),
        "score.msp": np.array(2.5),
    }
    save_arrays(tmp_path / "a.npz", arrays)
    back = load_arrays(tmp_path / "a.npz")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array)


@pytest.mark.parametrize(
    "array", [np.array([{}, 1], dtype=object), np.zeros(2, dtype=[("a", "i4"), ("b", "O")])]
)
def test_objects_are_never_saved(tmp_path, array):
    with pytest.raises(DataError, match=r"a\.npz:bad"):
        save_arrays(tmp_path / "a.npz", {"good": np.ones(2), "bad": array})
    assert names(tmp_path) == []


class Payload:
    """Would leave a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def test_objects_in_a_file_of_others_are_never_unpickled(tmp_path):
    mark = tmp_path / "ran"
    np.savez(tmp_path / "a.npz", x=np.array([Payload(mark)], dtype=object))
    with pytest.raises(DataError, match=r"a\.npz"):
        load_arrays(tmp_path / "a.npz")
    assert not mark.exists()


def test_damaged_arrays_are_refused_wherever_they_are_damaged(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"a": np.arange(40.0), "b": np.array(["x", "yy"])}
    save_arrays(path, arrays)
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cannot be read"):
            load_arrays(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            back = load_arrays(path)
        except DataError:
            continue
        # What is not noticed is outside the arrays: time stamps and names, which readers ask for.
        assert all(np.array_equal(back[name], arrays[name]) for name in back if name in arrays), place


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04K\x01.", b"PK\x05\x06" + b"\0" * 10])
def test_other_files_are_no_arrays(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_arrays(tmp_path / "a.npz")


def test_a_single_array_and_a_zip_of_something_else_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    with pytest.raises(DataError, match="cannot be read"):
        load_arrays(tmp_path / "zip.npz")
    with (tmp_path / "a.npz").open("wb") as handle:
        np.save(handle, np.ones(3))
    with pytest.raises(DataError, match="cannot be read"):
        load_arrays(tmp_path / "a.npz")
    with pytest.raises(DataError, match="cannot be read"):
        load_arrays(tmp_path / "missing.npz")


@pytest.fixture
def model_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "sub" / "b c.txt").write_text("text")
    write_manifest(tmp_path)
    return tmp_path


def test_a_manifest_is_what_sha256sum_writes(model_folder):
    check_manifest(model_folder)
    write_manifest(model_folder)  # a second time: it does not list itself
    lines = (model_folder / MANIFEST).read_text().splitlines()
    assert [line[64:] for line in lines] == ["  a.bin", "  sub/b c.txt"]
    assert lines[0][:64] == sha256(model_folder / "a.bin")
    assert lines[1][:64] == "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"


def test_a_flipped_bit_a_cut_and_a_missing_file_are_told_by_name(model_folder):
    file = model_folder / "a.bin"
    whole = file.read_bytes()
    file.write_bytes(b"\x01" + whole[1:])
    with pytest.raises(ModelFileError, match=r"damaged or changed.*a\.bin.*expected SHA-256"):
        check_manifest(model_folder)
    file.write_bytes(whole[:-1])
    with pytest.raises(ModelFileError, match=r"a\.bin.*255 bytes"):
        check_manifest(model_folder)
    file.unlink()
    with pytest.raises(ModelFileError, match=r"missing.*a\.bin"):
        check_manifest(model_folder)


@pytest.mark.parametrize("keep", [0, 10, 64, 66, -1])
def test_a_cut_manifest_is_refused(model_folder, keep):
    manifest = model_folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match="cut off"):
        check_manifest(model_folder)


def test_a_folder_without_manifest_and_one_of_noise_are_refused(model_folder):
    (model_folder / MANIFEST).write_bytes(b"\xff\xfe\0\n")
    with pytest.raises(ModelFileError):
        check_manifest(model_folder)
    (model_folder / MANIFEST).unlink()
    with pytest.raises(ModelFileError, match="holds no saved model"):
        check_manifest(model_folder)
