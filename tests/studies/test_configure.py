"""Settings from presets, files, words and mappings; mistakes name what was meant."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

import pytest
import yaml

from lightwell.cli import main
from lightwell.core.errors import ConfigError
from lightwell.data import split_names
from lightwell.fleet.grid import Grid
from lightwell.fleet.objective import Search
from lightwell.fleet.space import parse_dimension
from lightwell.models import METHODS, method
from lightwell.studies import STUDIES, study
from lightwell.studies.configure import help_text, make_parser, parse, preset_files, presets

OPEN_SET = study("open-set")
SCORED = sorted(name for name in METHODS if method(name).scores)


def words(text: str, preset: str = "smoke"):
    return parse(OPEN_SET, text.split(), preset=preset)


@pytest.mark.parametrize("preset", presets(OPEN_SET))
@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("data", ["mnist", "svhn", "tiny-imagenet", "my/own.npz"])
def test_every_preset_suits_every_method_and_data_set(preset, name, data):
    chosen = parse(OPEN_SET, ["--method", name, "--data", data], preset=preset)
    assert isinstance(chosen.model, method(name).Settings)


@pytest.mark.parametrize("preset", presets(OPEN_SET))
@pytest.mark.parametrize("name", SCORED)
def test_settings_written_and_read_are_the_same_settings(preset, name, tmp_path):
    chosen = parse(OPEN_SET, ["--method", name, "--data", "svhn", "--known", "1,2"], preset=preset)
    file = tmp_path / "config.yaml"
    file.write_text(chosen.to_yaml())
    for again in (words(f"--config {file}", "small"), OPEN_SET.from_preset(str(file))):
        assert again == chosen
        assert again.to_yaml() == chosen.to_yaml()


@pytest.mark.parametrize("name", ["vae", "cbnm"])
def test_a_method_without_unknown_scores_is_refused(name):
    with pytest.raises(ConfigError, match=rf"no unknown scores.*expected difair or .*glancenet, got {name}"):
        words(f"--method {name}")


def test_the_paper_preset_is_the_seeds_recipe():
    chosen = words("--data tiny-imagenet", "paper")
    assert (chosen.network, chosen.image_size, chosen.training.epochs) == ("vgg32", 64, 600)
    assert (chosen.optimizer.lr, chosen.baseline_lr, chosen.model.features) == (0.5, 0.01, 5)
    assert words("--data svhn", "paper").augment.randaugment_without == ("Rotate", "TranslateX", "TranslateY")
    assert words("--data mnist", "paper").augment.flip is False
    assert words("--method softmax", "paper").model.head == words("", "paper").baseline.head == "linear"


def test_a_preset_is_its_file_then_the_methods_then_the_data_sets():
    files = preset_files(OPEN_SET, "paper", "difair", "mnist")
    assert [path.name for path in files] == ["paper.yaml", "paper-difair.yaml", "paper-mnist.yaml"]
    assert {"paper", "small", "smoke"} <= set(presets(OPEN_SET))


def test_every_split_of_the_embedded_digits_is_a_setting():
    names = split_names("mnist-mini")
    assert set(names) == {f"{family}/{i}" for family in ("arpl", "neal") for i in range(5)}
    for name in names:
        assert words(f"--split {name}").split == name


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("--epochs 3", lambda s: s.training.epochs == 3),
        ("--training.epochs=3", lambda s: s.training.epochs == 3),
        ("--devices 2 --strategy ddp", lambda s: (s.training.devices, s.training.strategy) == (2, "ddp")),
        ("--batch-size 7", lambda s: s.training.batch_size == 7),
        ("--n-resamples 41", lambda s: s.n_resamples == 41),
        ("--data-dir /somewhere", lambda s: str(s.data_dir) == "/somewhere"),
        ("--known 2,4", lambda s: s.known == ("2", "4")),
        ("--known [2,4]", lambda s: s.known == ("2", "4")),
        ("--known 2,4 --unknown 1,7", lambda s: (s.known, s.unknown) == (("2", "4"), ("1", "7"))),
        (
            "--neighbours 7 --openmax-alpha 2",
            lambda s: (s.scoring.of("knn"), s.scoring.openmax_alpha) == ({"k": 7}, 2),
        ),
        ("--known=cat", lambda s: s.known == ("cat",)),
        ("--logger tensorboard", lambda s: s.training.logger == ("tensorboard",)),
        ("--logger=tensorboard,wandb", lambda s: s.training.logger == ("tensorboard", "wandb")),
        ("--logger [mlflow]", lambda s: s.training.logger == ("mlflow",)),
        ("--randaugment-without Rotate", lambda s: s.augment.randaugment_without == ("Rotate",)),
        ("--model.features 3", lambda s: (s.model.features, s.baseline.features) == (3, 30)),
        ("--lr 1e-2", lambda s: s.optimizer.lr == 0.01),
        ("--train-images null", lambda s: s.train_images is None),
    ],
)
def test_words_become_settings(text, read):
    assert read(words(text))


def test_class_names_may_hold_spaces():
    chosen = parse(OPEN_SET, ["--known", "golden retriever, sports car ,alp"], preset="smoke")
    assert chosen.known == ("golden retriever", "sports car", "alp")


def test_a_group_may_come_as_a_mapping():
    assert parse(OPEN_SET, ["--model", "{features: 3}"], preset="smoke").model.features == 3
    chosen = OPEN_SET.from_preset("smoke", training={"epochs": 9}, model={"features": 3}, known=["a", "b"])
    assert (chosen.training.epochs, chosen.model.features, chosen.known) == (9, 3, ("a", "b"))
    assert chosen.training.batch_size == 64  # the rest of the preset stays


def test_settings_written_before_a_group_existed_are_read(tmp_path):
    chosen, file = words("--known 1,2"), tmp_path / "config.yaml"
    older = yaml.safe_load(chosen.to_yaml())
    del older["scoring"], older["unknown"]
    file.write_text(yaml.safe_dump(older))
    assert words(f"--config {file}") == chosen


def test_what_comes_later_wins(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("training:\n  epochs: 5\nseed: 7\n")
    chosen = words(f"--epochs 2 --config {file} --seed 8")
    assert (chosen.training.epochs, chosen.seed, chosen.n_resamples) == (5, 8, 50)
    assert words("", str(file)).seed == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--epoch 3", r"unknown setting: got 'epoch'. Did you mean 'epochs'"),
        ("--trainig.epochs 3", r"Did you mean 'training.epochs'"),
        ("--model.feature 3", r"Did you mean 'model.features'"),
        ("--no-flip", r"Did you mean 'flip'"),
        ("--zzz 3", r"unknown setting: got 'zzz'. --help lists all settings"),
        ("zzz", r"unknown setting: got 'zzz'"),
        ("--features 3", r"could mean two settings.*baseline.features or model.features"),
        ("--method softmax --model.anchor 3", r"unknown setting: got 'model.anchor'"),
        ("--epochs three", r"does not fit \(in training.epochs\): expected int, got three"),
        ("--image-size big", r"does not fit \(in image_size\): expected int, null, got big"),
        ("--map tsn", r"does not fit \(in map\): expected 'auto', 'tsne', 'pca', 'pacmap', 'umap', got tsn"),
        ("--logger foo", r"in training.logger\): expected 'tensorboard', 'wandb', 'mlflow', got foo"),
        ("--flip maybe", r"in augment.flip\): expected bool, got maybe"),
        ("--lr nan", r"in optimizer.lr\): expected float, got nan"),
        ("--epochs", r"training.epochs: expected one argument"),
        ("--config", r"--config: expected one argument"),
        ("--epochs 0", r"in training.epochs\): expected 1 or more, got 0"),
        ("--lr -1", r"in optimizer.lr\): expected above 0, got -1"),
        ("--anchor -1", r"anchor\): expected above 0, got -1"),
        ("--data=", r"no data set is named \(in data\).*data list"),
        ("--radius-ratio 5", r"in difair.radius_ratio\): expected above 0 and below 1, got 5"),
        ("--calibration 1", r"in calibration\): expected between 0 and 1, got 1"),
        ("--false-refusal 5", r"in false_refusal\)"),
        ("--n-resamples 39", r"in n_resamples\): expected 40 or more, got 39"),
        ("--train-images 1", r"in train_images\): expected 2 or more"),
        ("--neighbours 0", r"in scoring.neighbours\): expected a whole number of at least 1, got 0"),
        ("--openmax-tail 1", r"in scoring.openmax_tail\): expected a whole number of at least 2, got 1"),
        ("--openmax-alpha 2.5", r"in scoring.openmax_alpha\): expected int, got 2.5"),
        ("--energy-temperature 0", r"in scoring.energy_temperature\): expected a number above 0, got 0"),
        ("--unknown 1,2", r"known ones are not \(in unknown\): got 1,2. List the known classes too"),
        ("--image-size 3", r"in image_size\): expected 4 or more"),
        ("--method difar", r"unknown method: got 'difar'. Did you mean 'difair'"),
        ("--score cac", r"no such score \(in score\): expected mahalanobis or"),
        ("--config nowhere.yaml", r"cannot be read \(in nowhere.yaml\)"),
    ],
)
def test_a_mistake_is_refused_and_names_what_was_meant(text, message):
    with pytest.raises(ConfigError, match=message):
        words(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- 1\n- 2\n", "is a YAML mapping .*got list"),
        ("", "is a YAML mapping .*got NoneType"),
        ("a: [1\n", "cannot be read"),
        ("epoch: 3\n", "unknown setting: got 'epoch'. Did you mean 'epochs'"),
        ("training:\n  epoch: 3\n", "got 'training.epoch'. Did you mean 'training.epochs'"),
        ("training:\n  epochs: many\n", r"in training.epochs\): expected int, got many"),
        ("!!python/object/apply:os.system ['true']\n", "cannot be read"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_a_bad_file_of_settings_is_refused(tmp_path, content, message):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content.encode("latin1"))
    for use in (lambda: words(f"--config {file}"), lambda: words("", str(file))):
        with pytest.raises(ConfigError, match=re.compile(message, re.DOTALL)):
            use()


def test_unknown_presets_and_settings_from_python():
    with pytest.raises(ConfigError, match=r"unknown preset: got 'smok'. Did you mean 'smoke'"):
        OPEN_SET.from_preset("smok")
    with pytest.raises(ConfigError, match=r"cannot be read \(in nowhere.yaml\)"):
        OPEN_SET.from_preset("nowhere.yaml")
    with pytest.raises(ConfigError, match="Did you mean 'seed'"):
        OPEN_SET.from_preset("smoke", sed=3)
    with pytest.raises(ConfigError, match="Did you mean 'features'"):
        OPEN_SET(model={"feature": 3})
    with pytest.raises(ConfigError, match=r"unknown study.*Did you mean 'open-set'"):
        study("openset")


def _dotted(kind, prefix=""):
    for field in fields(kind):
        inner = OPEN_SET.parts({}).get(field.name) or field.default_factory
        if is_dataclass(inner):
            yield from _dotted(inner, f"{field.name}.")
        else:
            yield prefix + field.name


def test_help_tells_every_setting_with_its_meaning_and_the_seeds_name():
    parser = make_parser(OPEN_SET, {"method": "difair"})
    told = {action.dest: action.help for action in parser._actions}
    for key in _dotted(OPEN_SET):
        assert told.get(key), key
    text = " ".join(help_text(OPEN_SET, []).split())
    for name in ("split_train_val", "osr_score", "data_augmentation", "dataset", "config", "batch_size"):
        assert f"``{name}``" in text
    assert f"{', '.join(presets(OPEN_SET))}, or a YAML file" in text
    assert "--resume" in text
    assert "--model.anchor" in text
    assert "--model.anchor" not in help_text(OPEN_SET, ["--method", "softmax"])


def test_the_table_of_studies_leads_to_studies():
    for name in STUDIES:
        assert study(name).name == name
        assert study(name).title


class Quick(OPEN_SET):
    default_preset = "smoke"


def test_a_study_may_start_from_a_preset_of_another_name(monkeypatch, capsys):
    assert parse(Quick, []) == Quick.from_preset() == Quick.from_preset("smoke")
    assert Quick.from_preset("smoke", seed=2).label == "mnist-mini_arpl-0_difair_seed2"
    assert re.fullmatch(r".*_seed0_[0-9a-f]{6}", Quick.from_preset("small").label)
    assert "(default: smoke)" in help_text(Quick, [])
    monkeypatch.setitem(STUDIES, "open-set", (f"{__name__}:Quick", "quick"))
    assert main(["open-set", "--print_config"]) == 0
    assert capsys.readouterr().out == Quick.from_preset("smoke").to_yaml()
    assert Grid("open-set").preset == "smoke"
    assert yaml.safe_load(Grid("open-set").cells()[0].config)["training"]["epochs"] == 1
    search = Search("open-set", (parse_dimension("model.features=2,5"),))
    assert (search.preset, search.settings({}).training.epochs) == ("smoke", 1)


def test_yaml_keeps_names_of_any_script():
    chosen = OPEN_SET.from_preset("smoke", known=["Füchse", "🦉", "=x", "007", "yes"])
    assert yaml.safe_load(chosen.to_yaml())["known"] == ["Füchse", "🦉", "=x", "007", "yes"]
    assert chosen.known == ("Füchse", "🦉", "=x", "007", "yes")


def test_the_default_folder_is_one_word_of_data_classes_method_and_seed():
    assert words("--seed 3", "small").label == "mnist-mini_arpl-0_difair_seed3"
    assert words("--method cac --data mnist", "small").label == "mnist_arpl-0_cac_seed0"
    odd = OPEN_SET.from_preset("smoke", data="../my data/x y.npz", known=["a/b", "../c"])
    assert re.fullmatch(r"[\w-]+", odd.label)
    assert len(OPEN_SET.from_preset("smoke", known=["x" * 90, "y" * 90]).label) <= 130


def test_runs_of_other_settings_get_other_folders_and_seeds_of_one_recipe_share_the_hash():
    texts = [
        "", "--epochs 5", "--epochs 6", "--encoder a/model", "--encoder b/model", "--data a/x.npz",
        "--data b/x.npz", "--known a/b,c", "--known a-b,c", f"--known {'x' * 90},y", f"--known {'x' * 90},z",
    ]  # fmt: skip
    labels = [words(text, "small").label for text in texts] + [words("").label, words("", "paper").label]
    assert len(set(labels)) == len(labels)
    assert re.fullmatch(r"mnist-mini_arpl-0_difair_seed0_[0-9a-f]{6}", labels[1])
    assert words("--epochs 5 --seed 8", "small").label == labels[1].replace("seed0", "seed8")
