"""The study on official files of every data set and on data of a user's own."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from official_layouts import class_folders, write_csv
from toy_study import KNOWN, run_only, toy, toy_settings

from lightwell.cli import main
from lightwell.core.errors import ConfigError, DataError
from lightwell.core.files import read_json
from lightwell.core.findings import Findings

SMALL = {"calibration": 0.4, "n_resamples": 40}


def facts(folder):
    return read_json(folder / "run.json")["data"]


def test_cifar10_gives_the_same_numbers_from_both_official_layouts(tmp_path, cifar10_folder, cifar10_binary):
    from toy_study import numbers

    first = run_only(tmp_path / "py", data="cifar10", data_dir=cifar10_folder, **SMALL)
    second = run_only(tmp_path / "bin", data="cifar10", data_dir=cifar10_binary, **SMALL)
    assert numbers(first) == numbers(second)
    assert facts(tmp_path / "py")["fingerprint"] == facts(tmp_path / "bin")["fingerprint"]
    assert len(facts(tmp_path / "py")["known"]) == 6


def test_cifar_plus_takes_its_unknown_classes_from_cifar100(tmp_path, cifar10_folder, cifar100_folder):
    both = tmp_path / "both"
    shutil.copytree(cifar10_folder, both)
    shutil.copytree(cifar100_folder, both, dirs_exist_ok=True)
    run_only(tmp_path / "run", data="cifar10", data_dir=both, split="difair-plus10/0", **SMALL)
    told = facts(tmp_path / "run")
    assert told["known"] == ["airplane", "automobile", "ship", "truck"]
    assert len(told["unknown"]) == 10
    assert told["sizes"]["unknown test"] == 10  # one test image a class of the 100
    assert any("four vehicles" in remark for remark in told["remarks"])
    with pytest.raises(DataError, match="no files of CIFAR-100 found"):
        run_only(tmp_path / "no", data="cifar10", data_dir=cifar10_folder, split="difair-plus10/0", **SMALL)


def test_svhn(tmp_path, svhn_folder):
    run_only(tmp_path / "run", data="svhn", data_dir=svhn_folder, calibration=0.6, n_resamples=40)
    assert facts(tmp_path / "run")["known"] == ["5", "3", "7", "2", "8", "6"]


def test_a_folder_of_class_folders_with_images_of_any_size(tmp_path):
    folder = class_folders(tmp_path / "pets", [*KNOWN, "fish"], sizes=(9, 14))
    with pytest.raises(DataError, match=r"first that differs.*1\.png.*Give image_size"):
        run_only(tmp_path / "a", data=str(folder), **toy_settings())
    found = run_only(tmp_path / "b", data=str(folder), **toy_settings(image_size=12))
    assert found["accuracy"].n == facts(tmp_path / "b")["sizes"]["known test"] == 24
    assert facts(tmp_path / "b")["unknown"] == ["fish"]


def test_a_csv_with_parts(tmp_path):
    folder = class_folders(tmp_path / "pets", [*KNOWN, "fish"])
    run_only(tmp_path / "run", data=str(write_csv(folder, n_train=30)), **toy_settings())
    sizes = facts(tmp_path / "run")["sizes"]
    assert (sizes["train"] + sizes["calibration"], sizes["known test"], sizes["unknown test"]) == (90, 30, 10)


def test_grey_and_colour_are_brought_together(tmp_path):
    folder = class_folders(tmp_path / "pets", ["cat", "dog"])
    class_folders(folder, ["owl", "fish"], mode="L")
    run_only(tmp_path / "run", data=str(folder), **toy_settings())
    stored = np.load(tmp_path / "run" / "representation" / "cards.npz")
    assert stored["images"].shape[-1] == 3


def test_arrays_are_resized_too_and_a_drawn_split_needs_no_names(tmp_path, toy_npz):
    run_only(tmp_path / "run", data=str(toy_npz), split="drawn/3/0", image_size=12, calibration=0.25)
    assert np.load(tmp_path / "run" / "representation" / "cards.npz")["images"].shape[1:3] == (12, 12)


def test_examples_without_a_label_are_left_out(tmp_path):
    from dataclasses import replace

    labels = toy().labels.copy()
    labels[::6] = -1
    run_only(tmp_path / "run", replace(toy(), labels=labels), **toy_settings())
    assert sum(facts(tmp_path / "run")["sizes"].values()) < (labels >= 0).sum()


def test_a_network_of_the_users_own(tmp_path):
    run_only(tmp_path / "run", toy(), **toy_settings(network="toy_study:body"))
    assert read_json(tmp_path / "run" / "model" / "config.json")["arguments"]["signature"]["network"] == (
        "toy_study:body"
    )


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("smal", "Did you mean 'small'"),
        ("nowhere:body", "cannot import the module"),
        ("toy_study:bodi", "Did you mean 'body'"),
        ("toy_study:KNOWN", "no function 'KNOWN'"),
        ("toy_study:stubborn", r"the function of the body fails \(TypeError"),
        ("toy_study:flat", "no feature maps"),
        ("toy_study:flat_and_sure", r"does not take images of 8 x 8.*out_channels"),
        ("toy_study:boastful", "does not take images of 8 x 8.*to have 9 channels"),
        ("toy_study:hungry", "does not take images of 8 x 8"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_before_training(tmp_path, network, message):
    with pytest.raises(ConfigError, match=message):
        run_only(tmp_path / "run", toy(), **toy_settings(network=network))
    assert not (tmp_path / "run" / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"known": ["cat"]}, "too few known classes"),
        ({"known": [*KNOWN, "fish"]}, "no class is left to be unknown"),
        ({"known": ["cat", "cat", "dog"]}, "named twice"),
        ({"known": ["cat", "dgo"]}, "Did you mean 'dog'"),
        ({"known": None, "split": "arpl/0"}, "no split named 'arpl/0' of toy.*list the known classes"),
        ({"calibration": 0.05}, r"too few held-out .*at least 19 images for false_refusal 0.05, got 6|7"),
        ({"calibration": 0.05, "false_refusal": 0.001}, "at least 999"),
        ({"calibration": 0.999}, "none left to train on.*cat"),
        ({"train_images": 2}, "none left to train on|too few held-out"),
    ],
)
def test_what_cannot_work_is_refused_before_training(tmp_path, settings, message):
    with pytest.raises((ConfigError, DataError), match=message):
        run_only(tmp_path / "run", toy(), **toy_settings() | settings)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_data_without_labels_or_images_are_refused(tmp_path):
    from lightwell.data import Dataset

    images = Dataset.from_arrays(toy().inputs, name="nameless")
    with pytest.raises(DataError, match=r"has no labels \(in nameless\)"):
        run_only(tmp_path / "a", images, **toy_settings())
    series = Dataset.from_arrays(np.zeros((40, 9, 1), np.float32), ["a", "b"] * 20, name="beats")
    with pytest.raises(DataError, match=r"about images \(in beats\)"):
        run_only(tmp_path / "b", series, **toy_settings())


def test_a_map_that_needs_a_missing_package_is_refused_before_training(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigError, match=r"pip install 'lightwell\[maps\]'"):
        run_only(tmp_path / "run", toy(), **toy_settings(map="umap"))
    assert not (tmp_path / "run" / "metrics.csv").exists()


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a\"b'c & <b>",
    "\u202eevil\u202c",
    "🦉 owl",
    "=cmd()",
    "x..%2f\\y",
    "1e5",
]


def test_hostile_class_names_come_out_harmless(tmp_path):
    data = class_folders(tmp_path / "<u>data", HOSTILE, n=30)
    folder = tmp_path / "run"
    words = ["--data", str(data), "--split", "drawn/5/2", "--calibration", "0.4", "--n-resamples", "40"]
    assert main(["open-set", "--preset", "smoke", *words, "--out", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<u>data" not in page
    assert "&amp; &lt;b&gt;" in page
    assert "c & <b>" not in page
    assert "&#39;=cmd()" not in page.replace("&#39;=cmd()&#39;", "")  # the guard of the CSV is not shown
    assert {p.parent.name for p in folder.rglob("*.csv")} == {"run", "tables", "baseline"}
    for path in (folder / "tables").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as handle:
            cells = [cell for row in csv.reader(handle) for cell in row]
        assert not [c for c in cells if c[:1] in "=+@\t\r" and c]
    with (folder / "tables" / "decisions.csv").open(newline="", encoding="utf-8") as handle:
        named = {row["true class"].removeprefix("'") for row in csv.DictReader(handle)}
    assert named == set(HOSTILE)
    assert set(facts(folder)["known"] + facts(folder)["unknown"]) == set(HOSTILE)


def cli(folder, *words):
    assert main(["open-set", "--preset", "smoke", *map(str, words), "--out", str(folder)]) == 0
    found = Findings.read(folder / "findings.json")
    assert (folder / "report.html").stat().st_size > 100_000
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_full_official_digits_and_clothes(tmp_path, shared_data, name):
    found = cli(tmp_path / "run", "--data", name, "--data-dir", shared_data)
    assert found["accuracy"].n + found["detection.per_class"].n == 10_000
    assert found["auroc.msp.softmax"].n == 10_000


@pytest.mark.slow
def test_tiny_imagenet_in_its_official_tree(tmp_path, shared_data, capsys):
    data = ["--data", "tiny-imagenet", "--data-dir", shared_data / "tiny_imagenet_20.zip"]
    assert main(["open-set", "--preset", "smoke", *map(str, data), "--out", str(tmp_path / "no")]) == 2
    assert "lacks 180 of the classes that arpl/0 names" in capsys.readouterr().err
    found = cli(tmp_path / "run", *data, "--split", "drawn/8/0", "--train-images", 1000)
    assert (found["accuracy"].n, found["detection.per_class"].n) == (400, 600)


@pytest.mark.slow
def test_the_network_of_the_seed_and_its_preset(tmp_path):
    few = ["--train-images", "300", "--calibration", "0.2", "--n-resamples", "40"]
    cli(tmp_path / "vgg", "--network", "vgg32", "--image-size", "32", *few)
    paper = tmp_path / "paper"
    assert main(["open-set", "--preset", "paper", "--epochs", "1", *few, "--out", str(paper)]) == 0
    assert read_json(paper / "model" / "config.json")["arguments"]["signature"]["image_shape"] == [32, 32, 1]


@pytest.mark.slow
def test_figures_in_formats_for_print(tmp_path, toy_npz):
    words = ["--data", toy_npz, "--split", "drawn/3/0", "--calibration", "0.25"]
    cli(tmp_path / "run", *words, "--figure-format", "pdf", "--figure-format", "svg")
    figures = tmp_path / "run" / "figures"
    drawn = {kind: {path.stem for path in figures.glob(f"*.{kind}")} for kind in ("png", "pdf", "svg")}
    assert drawn["pdf"] == drawn["svg"] == drawn["png"]
    assert len(drawn["png"]) == 19
    assert {"map", "cards-refused", "violins", "filters", "training-difair"} <= drawn["png"]
