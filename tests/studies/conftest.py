"""One smoke run that many tests read, toy data on disk, and the official layouts built in tests/data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from lightwell.cli import main
from lightwell.report import Page

sys.path.insert(0, str(Path(__file__).parent))

import official_layouts
import toy_study

_spec = importlib.util.spec_from_file_location(
    "official_files", Path(__file__).parents[1] / "data/conftest.py"
)
official_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official_files)
cifar10_folder = official_files.cifar10_folder
cifar100_folder = official_files.cifar100_folder
svhn_folder = official_files.svhn_folder


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory) -> Path:
    """Folder of `lightwell open-set --preset smoke` on the embedded digits; read it, change nothing."""
    folder = tmp_path_factory.mktemp("smoke") / "first"
    assert main(["open-set", "--preset", "smoke", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def toy_npz(tmp_path_factory) -> Path:
    """The toy data set as a file of a user's own."""
    path = tmp_path_factory.mktemp("toy") / "toy.npz"
    toy = toy_study.toy()
    names = np.array(toy.class_names)
    np.savez(path, inputs=toy.inputs, labels=toy.labels, class_names=names)
    return path


@pytest.fixture(scope="session")
def lights_npz(tmp_path_factory) -> Path:
    """The lights as a file of a user's own."""
    path, lights = tmp_path_factory.mktemp("lights") / "lights.npz", toy_study.lights()
    names = np.array(lights.class_names)
    np.savez(path, inputs=lights.inputs, labels=lights.labels, class_names=names)
    return path


def _write_no_page(page: Page, folder: Path, *_: object) -> Path:
    path = Path(folder) / "report.html"
    path.write_text(page.title, encoding="utf-8")
    return path


@pytest.fixture
def no_page(monkeypatch) -> None:
    """Pages are built and not drawn, which takes most of the time of a small run."""
    monkeypatch.setattr(Page, "write", _write_no_page)


@pytest.fixture(scope="session")
def ambiguity_run(lights_npz, tmp_path_factory) -> Path:
    """Folder of a run of the study ambiguity on the lights; read it, change nothing."""
    folder = tmp_path_factory.mktemp("ambiguity") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Page, "write", _write_no_page)
        toy_study.tiny_ambiguity(lights_npz, starts=[0, -1])(folder)
    return folder


@pytest.fixture(scope="session")
def cifar10_binary(tmp_path_factory) -> Path:
    """The images of `cifar10_folder` in the official binary layout."""
    root = tmp_path_factory.mktemp("cifar10-binary")
    images, labels = official_files.cifar10_images()
    folder = root / "cifar-10-batches-bin"
    official_layouts.write_cifar10_binary(folder, images, labels, list(official_files.CIFAR10))
    return root


@pytest.fixture(autouse=True)
def _process_as_it_was():
    """Put back what a command sets up for a whole process."""
    import logging

    level = logging.getLogger("lightwell").level
    yield
    logging.getLogger("lightwell").setLevel(level)
