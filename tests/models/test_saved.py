"""A saved model: whole or refused, whatever happens to its files; nothing is ever unpickled."""

from __future__ import annotations

import json
import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

import lightwell
from lightwell.core import DataError, ModelFileError, Representation
from lightwell.core.files import write_manifest
from lightwell.models import saved
from lightwell.models.anchors import Anchors
from lightwell.models.classifiers.softmax import Softmax, SoftmaxSettings
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.models.scorers import SCORERS, make_scorer

FILES = ("README.md", "SHA256SUMS", "config.json", "decision.json", "decision.npz", "model.safetensors")


def known(n=60, seed=0):
    codes = np.abs(np.random.default_rng(seed).normal(0, 1, (n, 4)))
    labels = np.arange(n) % 2
    codes[np.arange(n), 2 * labels] += 6
    logits = codes.reshape(n, 2, 2).sum(axis=2)
    own = {name: codes.sum(axis=1) for name in ("reconstruction", "prototype_distance")}
    return Representation(
        codes, labels, logits.argmax(axis=1), logits, scores=own, class_names=("cat", "dog")
    )


def decision(name="relative_block_sum"):
    scorer = make_scorer(name, Anchors(2, 2, 4.0)).fit(known())
    rule = ConformalRule().fit(scorer.score(known(seed=1)), known(seed=1).predictions, 2)
    return saved.Decision(scorer, rule)


@pytest.fixture
def folder(difair, tmp_path):
    model = difair(Signature(("cat", "dog"), (8, 8, 1), mean=(0.2,), std=(0.4,)), features=2)
    saved.save(model, tmp_path / "model", decision=decision(), card="# Ours\n")
    return tmp_path / "model"


def rewritten(folder, **changes):
    """Edit config.json and make the checksums fit, as somebody who means it would."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    write_manifest(folder)
    return config


# Round trips.


def test_round_trip_is_bit_for_bit(tmp_path):
    settings = SoftmaxSettings(features=7, label_smoothing=0.1)
    optimizer = OptimizerSettings(name="adamw", lr=0.003)
    model = Softmax(
        Signature(("cat", "dog"), (8, 8, 3), mean=(0.1,) * 3, std=(0.3,) * 3), settings, optimizer
    )
    saved.save(model, tmp_path)
    loaded = saved.load(tmp_path)
    assert type(loaded) is Softmax
    assert (loaded.signature, loaded.settings) == (model.signature, settings)
    assert loaded.optimizer_settings == optimizer
    assert not any(part.training for part in loaded.modules())
    weights = loaded.state_dict()
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_folder_is_complete_and_plain(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    config = json.loads((folder / "config.json").read_text())
    assert (config["format"], config["lightwell"]) == (2, lightwell.__version__)
    assert config["method"] == "difair"
    assert (folder / "README.md").read_text() == "# Ours\n"


def test_loading_leaves_the_random_state(folder):
    before = torch.get_rng_state()
    saved.load(folder)
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_without_a_card_gets_a_title(tmp_path, difair):
    saved.save(difair(), tmp_path)
    assert (tmp_path / "README.md").read_text().startswith("# A DIFAIR")


@pytest.mark.parametrize("name", SCORERS)
def test_decision_round_trip_is_exact(name, tmp_path, difair):
    before = decision(name)
    saved.save(difair(), tmp_path, decision=before)
    after = saved.load_decision(tmp_path)
    test = known(40, seed=2)
    assert np.array_equal(after.scorer.score(test), before.scorer.score(test))
    assert after.rule.thresholds.tolist() == before.rule.thresholds.tolist()
    assert np.array_equal(after.predict(test), before.predict(test))


def test_settings_of_a_score_come_back(tmp_path, difair):
    scorer = make_scorer("energy", temperature=2.5)
    before = saved.Decision(scorer, decision().rule)
    saved.save(difair(), tmp_path, decision=before)
    assert saved.load_decision(tmp_path).scorer.settings == {"temperature": 2.5}


def test_decision_refuses_with_minus_1():
    codes = np.array([[9.0, 3, 0, 0], [0, 0, 8, 4], [0.1, 0, 0.2, 0]])
    r = Representation(codes, np.array([0, 1, -1]), np.array([0, 1, 1]), class_names=("cat", "dog"))
    assert decision().predict(r).tolist() == [0, 1, -1]


def test_decision_needs_predictions():
    with pytest.raises(DataError, match="no predictions"):
        decision().predict(Representation(np.zeros((1, 4)), np.array([0])))


def test_saving_again_without_a_decision_leaves_none_of_the_old_model(folder, difair):
    saved.save(difair(), folder)
    with pytest.raises(ModelFileError, match="saved without a decision"):
        saved.load_decision(folder)


# Damage.


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"missing.*{name}|no saved model.*{name}"):
        saved.load(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, 0.5, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("bit", [1, 128])
def test_a_flipped_bit_is_noticed(folder, name, where, bit):
    content = bytearray((folder / name).read_bytes())
    content[int(where * len(content)) if where >= 0 else -1] ^= bit
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFileError):
        saved.load(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError):
        saved.load(folder)


@pytest.mark.parametrize("name", ["config.json", "decision.json", "decision.npz", "model.safetensors"])
def test_a_file_without_a_checksum_is_not_trusted(folder, name):
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if name not in line))
    with pytest.raises(ModelFileError, match=f"no checksum .*{name}"):
        saved.load(folder)


def test_an_edited_setting_is_noticed(folder):
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace("0.6", "0.7"))
    with pytest.raises(
        ModelFileError, match=r"damaged or changed .*config\.json.*expected SHA-256 .*Restore it"
    ):
        saved.load(folder)


def test_another_format_is_refused_with_the_version_that_wrote_it(folder):
    rewritten(folder, format=1, lightwell="0.0")
    with pytest.raises(ModelFileError, match=r"another format.*expected 2, got 1.*lightwell 0\.0"):
        saved.load(folder)
    with pytest.raises(ModelFileError, match="another format"):
        saved.load_decision(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "diffair"}, "Did you mean 'difair'"),
        ({"arguments": {}}, "KeyError: 'signature'"),
        ({"arguments": "none"}, "TypeError"),
    ],
)
def test_settings_that_build_no_model_are_refused(folder, changes, words):
    rewritten(folder, **changes)
    with pytest.raises(ModelFileError, match=rf"not usable .*config\.json.*{words}"):
        saved.load(folder)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("settings", "featurs", 3), ("settings", "features", 0), ("signature", "network", "vgg")],
)
def test_unknown_or_impossible_settings_are_refused(folder, part, key, value):
    arguments = json.loads((folder / "config.json").read_text())["arguments"]
    arguments[part][key] = value
    rewritten(folder, arguments=arguments)
    with pytest.raises(ModelFileError, match="settings of the saved model are not usable"):
        saved.load(folder)


def test_weights_of_another_model_are_refused(folder):
    arguments = json.loads((folder / "config.json").read_text())["arguments"]
    arguments["settings"]["features"] = 3
    rewritten(folder, arguments=arguments)
    with pytest.raises(ModelFileError, match="weights do not fit the model"):
        saved.load(folder)


def test_a_config_that_is_no_record_is_refused(folder):
    (folder / "config.json").write_text("[1, 2]")
    write_manifest(folder)
    with pytest.raises(ModelFileError, match="expected a JSON object"):
        saved.load(folder)


def test_a_stored_decision_with_entries_missing_is_refused(folder):
    (folder / "decision.json").write_text(json.dumps({"score": "mos", "anchors": None}))
    write_manifest(folder)
    with pytest.raises(ModelFileError, match=r"not a stored decision.*KeyError"):
        saved.load_decision(folder)


class Harm:
    """A pickle of this writes a file as it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "harm")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "decision.json", "decision.npz"])
def test_nothing_is_unpickled(folder, tmp_path, name):
    trace = tmp_path / "trace"
    (folder / name).write_bytes(pickle.dumps(Harm(trace)))
    write_manifest(folder)
    read = saved.load_decision if name.startswith("decision") else saved.load
    with pytest.raises(ModelFileError, match=r"weights do not fit|not JSON|not a stored decision"):
        read(folder)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Harm(trace)))
    assert trace.exists()  # it would have done harm


def test_a_full_disk_names_the_file_the_room_it_takes_and_the_remedy(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(
            DataError, match=r"model\.safetensors.*too large.*room for [\d,]{5,} bytes, or choose another"
        ):
            saved.save(Softmax(Signature(("cat", "dog"), (8, 8, 1))), folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"holds no saved model .*SHA256SUMS"):
        saved.load(tmp_path)
