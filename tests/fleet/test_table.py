"""The table of a fleet against numbers worked by hand, and its three forms."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import pytest
import yaml

from lightwell.core.errors import DataError
from lightwell.core.files import write_json
from lightwell.fleet.latex import escaped, latex
from lightwell.fleet.page import remarks, write_results
from lightwell.fleet.published import beside, published
from lightwell.fleet.table import read_rows, readable_table
from lightwell.report import Table
from lightwell.studies import study

FIVE = tuple(f"arpl/{i}" for i in range(5))


def paper(data: str, method: str, **settings: object) -> dict:
    return yaml.safe_load(
        study("open-set").from_preset("paper", data=data, method=method, **settings).to_yaml()
    )


def rows_by_measure(folder: Path) -> dict:
    return {(row.method, row.measure): row for row in read_rows(folder)}


def test_each_split_is_averaged_over_seeds_first(fleet_folder) -> None:
    # Unequal seeds: the mean over splits is (0.8 + 0.6) / 2 = 0.7, not the mean of the three runs, 0.7333.
    fleet_folder.add("arpl/0", 0, {"auroc.mos": 0.7})
    fleet_folder.add("arpl/0", 1, {"auroc.mos": 0.9})
    fleet_folder.add("arpl/1", 0, {"auroc.mos": 0.6})
    row = rows_by_measure(fleet_folder.folder)["difair", "auroc.mos"]
    assert row.per_split == pytest.approx({"arpl/0": 0.8, "arpl/1": 0.6})
    assert row.mean == pytest.approx(0.7)
    assert row.std == pytest.approx(math.sqrt(0.02))  # ((0.1)² + (0.1)²) / (2 - 1)
    assert row.std_of_seeds == pytest.approx(math.sqrt(0.02))  # of 0.7 and 0.9
    assert (row.n_splits, row.n_seeds, row.null, row.null_name) == (2, "1-2", 0.5, "chance")


def test_a_run_in_two_folders_counts_once(fleet_folder) -> None:
    for seed, value in ((0, 0.7), (0, 0.7), (1, 0.9)):
        fleet_folder.add("arpl/0", seed, {"auroc.mos": value})  # such as with and without --seeds
    fleet_folder.add("arpl/1", 0, {"auroc.mos": 0.6})
    (row,) = read_rows(fleet_folder.folder)
    assert dict(row.values) == {"arpl/0": (0.7, 0.9), "arpl/1": (0.6,)}
    assert len(row.nulls) == 3


def test_one_split_has_no_spread(fleet_folder) -> None:
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.9})
    row = rows_by_measure(fleet_folder.folder)["difair", "accuracy"]
    assert row.std is None
    assert row.std_of_seeds is None


def test_only_finished_cells_and_wanted_measures_count(fleet_folder) -> None:
    fleet_folder.add(
        "arpl/0", 0, {"accuracy": 0.9, "openness": 0.1, "cpu_seconds.training": 3, "cpu_seconds": 4}
    )
    fleet_folder.add("arpl/1", 0, {"accuracy": 0.1}, status="failed")
    found = rows_by_measure(fleet_folder.folder)
    assert set(found) == {("difair", "accuracy"), ("difair", "cpu_seconds.training")}
    assert found["difair", "accuracy"].mean == 0.9


def test_numbers_of_the_baseline_are_its_own(fleet_folder) -> None:
    values = {"accuracy": 0.9, "accuracy.softmax": 0.8, "auroc.knn": 0.7, "auroc.knn.softmax": 0.6}
    place = fleet_folder.add("arpl/0", 0, values)
    write_json(place / "baseline" / "model" / "config.json", {"method": "softmax"})
    found = rows_by_measure(fleet_folder.folder)
    assert found["softmax beside difair", "accuracy"].mean == 0.8
    assert found["softmax beside difair", "auroc.knn"].mean == 0.6
    assert found["difair", "accuracy"].mean == 0.9
    assert found["difair", "auroc.knn"].mean == 0.7
    assert len(found) == 4


def test_families_data_and_further_axes_are_kept_apart(fleet_folder) -> None:
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.9})
    fleet_folder.add("neal/0", 0, {"accuracy": 0.7})
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.5}, data="other")
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.3}, axes={"training.epochs": "5"})
    rows = read_rows(fleet_folder.folder)
    assert [(r.data, r.family, r.variant, r.mean) for r in rows] == [
        ("toy", "arpl", "training.epochs 18", 0.9),
        ("toy", "neal", "training.epochs 18", 0.7),
        ("other", "arpl", "training.epochs 18", 0.5),
        ("toy", "arpl", "training.epochs 5", 0.3),
    ]


def test_cells_of_other_settings_are_no_one_row(fleet_folder) -> None:
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.9})
    fleet_folder.add("arpl/0", 1, {"accuracy": 0.7}, training={"epochs": 18, "threads": 2}, map="pca")
    fleet_folder.add("arpl/1", 0, {"accuracy": 0.5}, training={"epochs": 5})
    fleet_folder.add("arpl/1", 0, {"accuracy": 0.4}, method="cac", training={"epochs": 5})
    rows = read_rows(fleet_folder.folder)
    assert [(r.method, r.variant, r.mean) for r in rows] == [
        ("difair", "training.epochs 18", pytest.approx(0.8)),  # where it ran changes no number
        ("difair", "training.epochs 5", 0.5),
        ("cac", "", 0.4),
    ]
    for key in "abcd":
        fleet_folder.add("arpl/2", 0, {"accuracy": 0.3}, training={"epochs": 1}, **dict.fromkeys("abcd", key))
    names = [row.variant for row in read_rows(fleet_folder.folder) if row.method == "difair"]
    assert len(set(names)) == len(names) == 6  # by a hash, where too much differs to be told
    assert names[0].startswith("training.epochs 18, a null, b null, 2 more ")


def test_a_variant_is_a_row_under_its_own_name(fleet_folder) -> None:
    place = fleet_folder.add(
        "arpl/0", 0, {"accuracy": 0.9, "accuracy.softmax": 0.8}, axes={"method": "difair+x"}
    )
    write_json(place / "baseline" / "model" / "config.json", {"method": "softmax"})
    assert [row.method for row in read_rows(fleet_folder.folder)] == ["difair+x", "softmax beside difair+x"]


def test_files_hold_the_same_numbers(fleet_folder) -> None:
    for split, value in (("arpl/0", 0.25), ("arpl/1", 0.75)):
        fleet_folder.add(split, 0, {"auroc.mos": value}, data="=cmd|a_b&c")
    rows = write_results(fleet_folder.folder)
    assert len(rows) == 1
    tables = fleet_folder.folder / "tables"
    with (tables / "results.csv").open(newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert row["data"] == "'=cmd|a_b&c"  # no spreadsheet runs it
    assert float(row["mean"]) == 0.5
    assert float(row["std over splits"]) == pytest.approx(math.sqrt(0.125))
    assert (row["split 0"], row["split 1"], row["null"]) == ("0.25", "0.75", "0.5")
    assert (row["published"], row["published by, or why not comparable"]) == (
        "",
        "not comparable: nothing is published on =cmd|a_b&c with these splits",
    )
    markdown = (tables / "results.md").read_text()
    assert r"=cmd\|a\_b&amp;c" in markdown
    assert "0.500 ± 0.354" in markdown
    tex = (tables / "results.tex").read_text()
    assert r"=cmd\textbar{}a\_b\&c" in tex
    assert r"0.500 $\pm$ 0.354" in tex
    page = (fleet_folder.folder / "report.html").read_text()
    assert "0.500 ± 0.354" in page
    assert (fleet_folder.folder / "figures" / "spread-cmd-a-b-c-arpl.png").is_file()


def test_latex_escapes_every_sign_it_gives_a_meaning() -> None:
    assert escaped("&%$#_{}") == r"\&\%\$\#\_\{\}"
    assert escaped("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    text = latex(Table(("a", "b"), (("[x]", "*"),), "50 %\n\\end{document}"))
    assert "{[}x] & {*} \\\\" in text
    caption = text.splitlines()[0]
    assert caption == r"% 50 % \end{document}"  # stays on the line of its comment
    body = re.findall(r"\\begin\{tabular\}\{(l+)\}", text)
    assert body == ["ll"]


def test_published_values_need_the_whole_recipe() -> None:
    ours = paper("cifar10", "softmax", calibration=0.2, seed=3, split="arpl/1", false_refusal=0.1)
    ours["training"] |= {"devices": 1, "accelerator": "cpu", "threads": 2, "logger": ["wandb"]}
    assert beside("softmax", "auroc.mls", "cifar10", FIVE, ours).value == 0.936
    beside_difair = paper("cifar10", "difair")
    stands = beside("softmax beside difair", "auroc.msp", "cifar10", FIVE, beside_difair)
    assert stands.text.endswith("not read there)")
    cac = beside("softmax beside cac", "auroc.msp", "cifar10", FIVE, paper("cifar10", "cac"))
    assert cac.text.startswith("not comparable: 200 epochs, published with 600; other settings")
    for changed, reason in (
        ({"baseline_lr": 0.2}, "optimizer.lr 0.2 (0.1)"),
        ({"image_size": 64}, "image_size 64 (32)"),
        ({"augment": ours["augment"] | {"flip": False}}, "augment.flip false (true)"),
        ({"model": ours["model"] | {"smoothing": 0.3}}, "model.smoothing 0.3 ("),
        ({"encoder": "mine:encoder"}, "encoder mine:encoder ()"),
        ({"train_images": 9000}, "train_images 9000 (null)"),
        ({"training": ours["training"] | {"devices": 2}}, "training.devices 2 (1)"),  # a larger batch
    ):
        other = beside("softmax", "auroc.mls", "cifar10", FIVE, ours | changed)
        assert other.value is None
        assert reason in other.text
    small = beside(
        "softmax", "auroc.mls", "cifar10", FIVE, ours | {"network": "small", "training": {"epochs": 18}}
    )
    assert "network small, published with vgg32; 18 epochs, published with 600; other" in small.text
    assert "more" in small.text
    assert "other splits" in beside("softmax", "auroc.mls", "cifar10", FIVE[:2], ours).text
    assert beside("softmax", "auroc.mls", "cifar10", [f"neal/{i}" for i in range(5)], ours).value is None


def test_a_variant_is_comparable_only_with_the_published_settings() -> None:
    ours = paper("cifar10", "arpl")
    assert beside("arpl+same", "oscr.mls", "cifar10", FIVE, ours).value == 0.866
    cs = ours | {"model": ours["model"] | {"confusing_samples": True}}
    assert "model.confusing_samples true (false)" in beside("arpl+cs", "oscr.mls", "cifar10", FIVE, cs).text


def test_a_published_length_that_is_not_the_presets_is_not_enough() -> None:
    ours = paper("cifar10", "softmax", training={"epochs": 100})
    (text,) = {beside("softmax", m, "cifar10", FIVE, ours).text for m in ("oscr.msp",)}
    assert (
        text
        == "not comparable: other settings than the preset paper (in brackets): training.epochs 100 (600)"
    )


@pytest.mark.parametrize("data", ["mnist-mini", "fashion-mnist"])
def test_look_alike_data_sets_are_never_comparable(data: str) -> None:
    settings = {method: paper(data, method) for method in {entry.method for entry in published()}}
    for entry in published():
        stands = beside(entry.method, entry.measure, data, entry.splits, settings[entry.method])
        assert stands.value is None
        assert stands.text.startswith("not comparable")


def test_published_values_are_shares_with_a_source() -> None:
    assert len(published()) > 30
    for entry in published():
        assert 0.5 < entry.value < 1
        assert entry.source
        assert len(entry.splits) in (1, 5)


def test_the_readable_table_shows_what_is_published(fleet_folder) -> None:
    settings = paper("cifar10", "softmax")
    del settings["split"], settings["seed"]
    for split in FIVE:
        remarks_of = ("The same classes as arpl/1.",) if split == FIVE[0] else ()
        fleet_folder.add(split, 0, {"auroc.mls": 0.93}, remarks=remarks_of, **settings)
    table = readable_table(read_rows(fleet_folder.folder))
    assert table.rows[0][-1].value == 0.936
    write_results(fleet_folder.folder)
    for name in ("report.html", "tables/results.md", "tables/results.tex"):
        assert "cifar10 arpl/0: The same classes as arpl/1." in (fleet_folder.folder / name).read_text()


def test_a_remark_is_told_once_with_all_its_splits() -> None:
    one = {"data": {"name": "d", "split": "arpl/0", "remarks": ["R."]}}
    two = {"data": {"name": "d", "split": "arpl/1", "remarks": ["R."]}}
    assert remarks({"a": one, "b": two, "c": {}}) == ["d arpl/0, d arpl/1: R."]


def test_a_value_that_is_not_defined_stays_visible(fleet_folder) -> None:
    fleet_folder.add("arpl/0", 0, {"auroc.mos": math.nan})
    fleet_folder.add("arpl/1", 0, {"auroc.mos": 0.5})
    rows = write_results(fleet_folder.folder)
    assert math.isnan(rows[0].mean)
    assert "not defined" in (fleet_folder.folder / "tables" / "results.md").read_text()


def test_a_folder_that_is_no_fleet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fleet\.json"):
        read_rows(tmp_path)


def test_nothing_is_written_of_nothing(fleet_folder) -> None:
    fleet_folder.add("arpl/0", 0, {"accuracy": 0.9}, status="running")
    assert write_results(fleet_folder.folder) == []
    assert not (fleet_folder.folder / "tables").exists()


def test_finished_runs_of_one_setting_are_handed_to_the_study_together(fleet_folder, monkeypatch) -> None:
    seen: dict = {}
    monkeypatch.setattr(study("open-set"), "side_by_side", lambda runs: seen.update(runs) or [])
    for layers, seed, status in (("2", 0, "finished"), ("3", 0, "failed"), ("2", 1, "finished")):
        axes = {"model.gate_layers": layers}
        fleet_folder.add("arpl/0", seed, {"accuracy": 0.5}, axes=axes, status=status)
    write_results(fleet_folder.folder)
    assert {name: [path.name for path in of] for name, of in seen.items()} == {
        "split arpl/0, model.gate_layers 2": ["cell0", "cell2"]
    }
