"""The study leakage: from settings to a page, and what it refuses."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from leakage_splits_of_mine import fine, toy

from lightwell.cli import main
from lightwell.core.errors import ConfigError, DataError, LightwellError
from lightwell.core.files import load_arrays, read_json, write_json
from lightwell.core.findings import Findings
from lightwell.core.representation import Representation
from lightwell.models import saved
from lightwell.studies import study
from lightwell.studies.leakage import LeakageStudy
from lightwell.studies.leakage.cases import by_classes
from lightwell.studies.leakage.measure import PUBLISHED
from lightwell.studies.leakage.tables import reasons
from lightwell.training import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

GATES = {"none", "distance", "strict"}
OWN = {"known": "a,b", "probe": "c|d,e", "training": {"epochs": 3}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of preset smoke on stripes."""
    folder = tmp_path_factory.mktemp("leakage") / "run"
    study("leakage").from_preset("smoke", **OWN)(folder, dataset=toy())
    return folder


def test_every_model_and_gate_has_its_numbers(folder):
    found = Findings.read(folder / "findings.json")
    gates = {"cbnm": GATES, "vae": GATES | {"reconstruction", "both"}}
    gates["glancenet"] = gates["vae"] | {"prototype", "stale"}
    for method, names in gates.items():
        measured = {e.name.split(".")[2] for e in found if e.name.startswith(f"leakage.{method}.")}
        assert measured == names
        bare = found[f"leakage.{method}.none"]
        assert 0 <= bare.low <= bare.value <= bare.high <= 1
        assert bare.null.name == "shuffled labels"
        assert f"coverage.{method}.none" not in found
        assert 0.5 < found[f"concept_accuracy.{method}"].value <= 1
        assert 0 <= found[f"leakage.blind.{method}.strict"].value <= 1
    assert found["concept_accuracy.cbnm.is_a"].value > 0.5
    assert found["coverage.vae.both"].null.value == pytest.approx(0.9)
    assert found["cpu_seconds.training"].value > 0
    assert not any(e.reference for e in found)  # published is another test


def test_stored_views_tell_the_same_as_the_findings(folder):
    found = Findings.read(folder / "findings.json")
    known = Representation.load(folder / "representation/glancenet/validation.npz")
    others = Representation.load(folder / "representation/glancenet/open_test.npz")
    for view, name in ((known, "coverage"), (others, "open_refused")):
        accepted = (view.scores["refused.distance"] == 0) & (view.scores["refused.reconstruction"] == 0)
        assert ((view.scores["gate"] <= 1) == accepted).all()
        value = found[f"{name}.glancenet.both"].value
        assert value == pytest.approx(accepted.mean() if name == "coverage" else 1 - accepted.mean())
    assert set(others.origins.tolist()) == {"c", "d", "e"}
    assert (others.labels == -1).all()
    gate = saved.load_gate(folder / "models/glancenet/model")
    assert (gate.score(others) <= 1).tolist() == (others.scores["gate"] <= 1).tolist()


def test_the_page_needs_no_model(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "models")
    (copy / "report.html").unlink()
    assert main(["report", str(copy)]) == 0
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "Leakage: stripes" in page
    assert "How far a slip lowers the number" in page
    assert {p.stem for p in (copy / "figures").iterdir()} == {
        "leakage",
        "gate-maps",
        "acceptance",
        "examples",
    }


def test_a_resumed_run_goes_on_from_the_models_it_has(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "findings.json").unlink()
    shutil.rmtree(copy / "models" / "glancenet")
    write_json(copy / "run.json", read_json(copy / "run.json") | {"status": "interrupted"})
    again = study("leakage").from_preset("smoke", **OWN)(copy, dataset=toy(), resume=True)
    before = Findings.read(folder / "findings.json")
    values = [
        {e.name: e.value for e in f if "second" not in e.name and "memory" not in e.name}
        for f in (before, again)
    ]
    assert values[0] == pytest.approx(values[1])


def test_a_run_that_failed_after_training_keeps_its_settings(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    write_json(copy / "run.json", read_json(copy / "run.json") | {"status": "failed"})
    with pytest.raises(ConfigError, match="settings differ"):
        study("leakage").from_preset("smoke", **OWN, seed=1)(copy, dataset=toy(), resume=True)
    rows = (copy / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["model", *np.repeat(["cbnm", "vae", "glancenet"], 3)]


def test_a_saved_model_is_gated_by_distance(folder, tmp_path):
    mine = folder / "models" / "cbnm" / "model"
    settings = OWN | {"methods": str(mine), "policy": "abstain"}
    found = study("leakage").from_preset("smoke", **settings)(tmp_path / "run", dataset=toy())
    assert {e.name.split(".")[2] for e in found if e.name.startswith("leakage.cbnm.")} == GATES
    assert not found.warnings
    assert not (tmp_path / "run" / "models").exists()
    settings["probe"] = "a|c"
    settings["known"] = "d,e"
    warned = study("leakage").from_preset("smoke", **settings)(tmp_path / "seen", dataset=toy())
    assert "trained on classes that are probed for: a" in warned.warnings[0]


def test_parity_of_embedded_digits_has_the_published_values_beside():
    case = LeakageStudy().case()
    even = case.data.open_test.labels == 0
    assert set(case.kinds[even].tolist()) == {"0", "2", "6", "8"}
    assert PUBLISHED["mnist-parity"]["cbnm.none"] == pytest.approx(2 * (0.64004 - 0.5), abs=1e-3)
    assert PUBLISHED["dsprites-corners"]["glancenet.none"] == pytest.approx(2 * (0.991 - 0.5), abs=1e-3)


def test_classes_are_parted_as_named():
    split = by_classes(toy(), "a,b", "c|d,e")
    assert split.train.n + split.open_train.n == 240  # four fifths
    assert split.open_test.class_names == ("c", "d+e")
    assert np.bincount(split.open_test.labels).tolist() == [12, 24]
    assert np.asarray(split.train.concepts).tolist() == np.eye(2)[split.train.labels].tolist()


def test_reasons_name_the_tests_that_refused():
    refused = {"reconstruction": np.array([0, 1, 0, 1], bool), "distance": np.array([0, 0, 1, 1], bool)}
    assert reasons(refused).tolist() == [0, 1, 2, 3]
    assert reasons({"distance": refused["distance"]}).tolist() == [0, 0, 2, 2]


def test_what_the_page_shows_is_stored(folder):
    sheet = load_arrays(folder / "representation" / "examples.npz")
    assert sheet["images"].shape[1:] == (12, 12, 1)
    assert len(sheet["images"]) == len(sheet["why"]) == len(sheet["kinds"])
    rows = (folder / "tables" / "acceptance.csv").read_text().splitlines()
    assert rows[0] == "method,kind,probed for,n,distance,strict,reconstruction,both,prototype,stale"
    assert len(rows) == 1 + 3 * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"known": "a,b", "probe": "b|c"}, "a class is named twice"),
        ({"known": "a,b", "probe": "c,d"}, "two groups to tell apart"),
        ({"known": "a", "probe": "c|d"}, "two classes to train on"),
        ({"known": "a,b", "probe": "c|owl"}, "owl"),
        ({"test": "leakage_splits_of_mine:overlapping"}, "both trained on and probed for"),
        ({"test": "leakage_splits_of_mine:one_class"}, "a probe needs the same classes"),
        ({"test": "leakage_splits_of_mine:nothing"}, "no LeakageData"),
        ({"test": "mnist-parity"}, "mnist-parity is about digits"),
    ],
)
def test_data_of_which_nothing_can_be_measured_are_refused_before_training(settings, message, tmp_path):
    with pytest.raises(LightwellError, match=message):
        study("leakage").from_preset("smoke", **settings)(tmp_path / "run", dataset=toy())
    assert not (tmp_path / "run" / "models").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": "cbnm,vae", "gate": {"centres": "prototype"}}, "none of these models has prototypes"),
        ({"methods": "cbnm,cbnm"}, "named once each"),
        ({"methods": ""}, "named once each"),
        ({"methods": "cbmn"}, "Did you mean 'cbnm'"),
        ({"test": "mnist-party"}, "Did you mean 'mnist-parity'"),
        ({"gate": {"quantile": 1.5}}, r"in \(0, 1\]"),
        ({"n_resamples": 3}, "40 or more"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        study("leakage").from_preset("smoke", **settings)


def test_a_saved_model_of_other_images_is_refused(folder, tmp_path):
    settings = {"methods": f"cbnm,{folder / 'models' / 'vae' / 'model'}"}
    with pytest.raises(DataError, match="another size"):
        study("leakage").from_preset("smoke", **settings)(tmp_path / "run")
    assert not (tmp_path / "run" / "models").exists()


def test_a_test_of_ones_own_by_name():
    case = LeakageStudy(test="leakage_splits_of_mine:fine").case()
    assert case.data.open_test.fingerprint == fine().open_test.fingerprint
    assert set(case.kinds.tolist()) == {"c", "d+e"}


@pytest.mark.parametrize("data", ["mnist-mini", "dsprites"])
@pytest.mark.parametrize("preset", ["small", "smoke", "paper"])
def test_presets_name_their_test(preset, data):
    settings = study("leakage").from_preset(preset, data=data)
    assert settings.test == ("dsprites-corners" if data == "dsprites" else "mnist-parity")
    assert settings.vae.class_prior is False
    assert settings.label.startswith(f"{data}_{settings.test}_seed0")


def write_digits(folder):
    """Write the four official files: each digit a bright column of its own, on noise."""
    draw = np.random.default_rng(0)
    for part, n in (("train", 400), ("t10k", 300)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = draw.integers(0, 60, (n, 28, 28), dtype=np.uint8)
        images[np.arange(n), :, 2 * labels + 3] = 250
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">4i", 0x803, n, 28, 28) + images.tobytes()
        )
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, n) + labels.tobytes())


def write_sprites(folder):
    """Write the official file with sprites at the centre and in both corners only."""
    from concept_layouts import write_dsprites

    from lightwell.data.sprites import GRID

    places = GRID.factors()[:, 3:]
    draw = np.random.default_rng(0)
    centre = np.flatnonzero(np.isin(places, (15, 16)).all(axis=1))
    corners = [np.flatnonzero(inside.all(axis=1)) for inside in (places <= 7, places >= 24)]
    rows = [draw.choice(centre, 100, False), *(draw.choice(corner, 30, False) for corner in corners)]
    name = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    write_dsprites(folder / name, np.sort(np.concatenate(rows)))


@pytest.mark.parametrize(
    ("data", "write", "settings"),
    [
        ("mnist", write_digits, {}),
        pytest.param("dsprites", write_sprites, {"n_open": 60}, marks=pytest.mark.slow),
    ],
)
def test_published_networks_train_an_epoch_on_files_in_the_official_layout(tmp_path, data, write, settings):
    write(tmp_path)
    chosen = study("leakage").from_preset(
        "paper", data=data, data_dir=tmp_path, n_resamples=40, **{"training.epochs": 1} | settings
    )
    with Run(tmp_path / "run", chosen.name, seed=0, config=chosen.to_yaml()) as run:
        found = chosen.run(run)
    for method in ("cbnm", "vae", "glancenet"):
        assert 0 <= found[f"leakage.{method}.none"].value <= 1
    assert 0 <= found["coverage.glancenet.both"].value <= 1
