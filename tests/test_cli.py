"""The command line: exit codes, what goes to which stream, and every mistake answered in words."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest

from lightwell.cli import main
from lightwell.data import SOURCES
from lightwell.studies import STUDIES


@pytest.fixture(autouse=True)
def _process_as_it_was():
    """Put back what a command sets up for a whole process."""
    import logging

    level = logging.getLogger("lightwell").level
    yield
    logging.getLogger("lightwell").setLevel(level)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data in sight: neither LIGHTWELL_DATA nor a cache folder, and an empty working folder."""
    monkeypatch.setenv("LIGHTWELL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def call(*words: str) -> int:
    try:
        return main([str(word) for word in words])
    except SystemExit as stop:  # argparse speaks for itself
        return stop.code


def test_help_and_the_list_of_data_answer_without_torch():
    code = (
        "import sys\n"
        "from lightwell.cli import main\n"
        "assert main(['--help']) == main([]) == main(['--version']) == 0\n"
        "for words in (['demo', '--help'], ['data', '--help'], ['report', '--help']):\n"
        "    try:\n"
        "        main(words)\n"
        "    except SystemExit as stop:\n"
        "        assert stop.code == 0\n"
        "assert not {'torch', 'lightning', 'matplotlib', 'sklearn', 'jsonargparse'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name in (*STUDIES, "demo", "data", "report"):
        assert re.search(rf"^  {name} +\w", done.stdout, re.MULTILINE)


def test_help_of_the_demo_names_its_folder(capsys):
    assert call("demo", "--help") == 0
    out = capsys.readouterr().out
    assert "--out OUT" in out
    assert "minutes" in out


def test_help_of_a_study(capsys):
    assert call("open-set", "--help") == 0
    out = capsys.readouterr().out
    assert "usage: lightwell open-set [--preset NAME]" in out
    assert "in the seed" in out


@pytest.mark.parametrize("word", ["--print_config", "--print-config"])
def test_print_config_goes_round(tmp_path, capsys, word):
    assert call("open-set", "--preset", "smoke", "--epochs", "7", "--known", "1,2", word) == 0
    first = capsys.readouterr().out
    (tmp_path / "mine.yaml").write_text(first)
    assert call("open-set", "--config", tmp_path / "mine.yaml", word) == 0
    assert capsys.readouterr().out == first
    assert "epochs: 7" in first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("opn-set", "unknown command: got 'opn-set'. Did you mean 'open-set'"),
        ("--versio", "unknown command"),
        ("open-set --epoch 3", "Did you mean 'epochs'"),
        ("open-set --preset smok", "Did you mean 'smoke'"),
        ("open-set --preset", "expected one argument"),
        ("open-set --figure-format gif", "invalid choice: 'gif'"),
        ("open-set --split arlp/0", "Did you mean 'arpl/0'"),
        ("open-set --split drawn/10/0", "no class is left to be unknown"),
        ("open-set --split drawn/x/0", "not a drawn split"),
        ("open-set --known 3", "too few known classes"),
        ("open-set --known 3,3,4", "a known class is named twice"),
        ("open-set --known 1,2,11", "no class 11"),
        ("open-set --known 1,,2", "no class ''"),
        ("open-set --data minst", "Did you mean 'mnist'"),
        ("open-set --data nowhere/at/all", "no such file or folder"),
        ("open-set --data empty", "no class folders with images"),
        ("open-set --data broken.npz", "damaged, or not an .npz"),
        ("open-set --data notes.txt", "a file of a kind that is not read"),
        ("open-set --data mnist", "`lightwell data fetch mnist` gets them"),
        ("open-set --config one.yaml", "a file of settings is a YAML mapping"),
        ("open-set --preset smoke --calibration 0.01", "too few held-out known images"),
        ("open-set --preset smoke --train-images 5", "no training example"),
        ("open-set --preset smoke --accelerator tpuu", "invalid accelerator name"),
        ("open-set --preset smoke --strategy solo", "invalid strategy name"),
        ("open-set --out notes.txt", "notes.txt"),
        ("report", "the following arguments are required: RUN"),
        ("report nowhere", "this is no run folder"),
        ("report empty", "this is no run folder"),
        ("report empty empty", "this is no run folder"),
        ("data", "required"),
        ("data lst", "invalid choice: 'lst'"),
        ("data fetch", "required: NAME"),
        ("data fetch minst", "Did you mean 'mnist'"),
        ("data check minst", "Did you mean 'mnist'"),
        ("data fetch mnist --mirror ftp://here", "expected an http or https URL"),
        ("data fetch svhn --data-dir notes.txt/x", "notes.txt"),
        ("demo --preset paper", "unrecognized arguments"),
    ],
)
def test_a_mistake_ends_with_code_2_and_a_sentence(nowhere, capsys, words, message):
    (nowhere / "empty").mkdir()
    (nowhere / "one.yaml").write_text("- 1\n")
    (nowhere / "notes.txt").write_text("notes")
    (nowhere / "broken.npz").write_bytes(b"PK\x03\x04 cut off")
    assert call(*words.split()) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert not list(nowhere.rglob("metrics.csv"))


def test_images_that_cannot_be_read_are_named(nowhere, capsys):
    from PIL import Image

    for name in ("cat", "dog", "owl"):
        (nowhere / "pets" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(nowhere / "pets" / name / "0.png")
    (nowhere / "pets" / "dog" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert call("open-set", "--data", "pets", "--known", "cat,dog") == 2
    assert "dog/1.png" in capsys.readouterr().err


def test_the_list_of_data(capsys):
    assert call("data", "list") == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out] == list(SOURCES)


def test_check_says_what_is_there_what_is_missing_and_what_is_damaged(nowhere, capsys):
    (nowhere / "train_32x32.mat").write_bytes(b"not the official file")
    (nowhere / "test_32x32.mat").write_bytes(b"neither")
    assert call("data", "check", "svhn", "--data-dir", ".") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["svhn", "damaged", "train_32x32.mat"],
        ["svhn", "damaged", "test_32x32.mat"],
        ["svhn", "missing", "extra_32x32.mat"],
    ]
    assert "not needed" in lines[2]
    assert call("data", "check", "cifar10") == 1
    assert "`lightwell data fetch cifar10` gets it" in capsys.readouterr().out
    assert call("data", "check") == 0  # asked for nothing in particular: an overview
    assert "mnist-mini" in capsys.readouterr().out
    assert call("data", "check", "mnist-mini") == 0


def test_official_files_are_found_whole(shared_data, capsys):
    assert call("data", "check", "mnist", "fashion-mnist", "--data-dir", shared_data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all(line.split()[1] == "ok" for line in lines)


def test_what_ships_in_the_package_need_not_be_fetched(capsys):
    assert call("data", "fetch", "mnist-mini") == 0
    assert "in the package" in capsys.readouterr().out


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interruption_has_the_exit_code_of_its_signal(nowhere, monkeypatch, error, code):
    from lightwell.studies.open_set import OpenSet

    def stopped(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(OpenSet, "run", stopped)
    assert call("open-set", "--preset", "smoke", "--out", "run") == code
    assert '"interrupted"' in (nowhere / "run" / "run.json").read_text()


def test_sigterm_becomes_an_orderly_exit(nowhere, monkeypatch):
    import os
    import signal

    from lightwell.studies.open_set import OpenSet

    monkeypatch.setattr(OpenSet, "run", lambda *_a, **_k: os.kill(os.getpid(), signal.SIGTERM))
    assert call("open-set", "--preset", "smoke", "--out", "run") == 143


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m lightwell data list | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_torchvision_stays_out():
    found = importlib.util.find_spec("torchvision")
    assert found is None, (
        "torchvision is installed: beside a torch built for CPU only it breaks `import lightning`, and "
        "nothing here needs it. Take it out of this environment."
    )
