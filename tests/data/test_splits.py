from __future__ import annotations

import hashlib

import numpy as np
import pytest

from lightwell.core.errors import ConfigError, DataError
from lightwell.data import Dataset, OpenSetSplit, apply_split, load, open_set_split, split_names
from lightwell.data.class_names import CIFAR10, CIFAR100, CLASS_NAMES
from lightwell.data.readers.tiny_imagenet import wnids


def blank(name: str, class_names=None, each: int = 5) -> Dataset:
    """Return a data set of this name with a few blank images of each class."""
    names = class_names or CLASS_NAMES[name]
    labels = np.repeat(np.arange(len(names)), each)
    return Dataset.from_arrays(np.zeros((len(labels), 2, 2), dtype=np.uint8), labels, names, name)


def test_mnist_tables_as_published():
    mnist = blank("mnist")
    assert open_set_split(mnist, "arpl/0").known == tuple("245983")
    assert open_set_split(mnist, "arpl/0").unknown == tuple("0167")
    assert open_set_split(mnist, "arpl/4").known == tuple("634982")
    assert open_set_split(mnist, "neal/0").unknown == tuple("3678")
    assert open_set_split(mnist, "neal/4").unknown == tuple("4569")
    assert split_names("mnist") == tuple(f"{family}/{i}" for family in ("arpl", "neal") for i in range(5))


def test_svhn_and_cifar10_tables_as_published():
    assert open_set_split(blank("svhn"), "arpl/2").known == tuple("894721")
    cifar = blank("cifar10")
    assert open_set_split(cifar, "arpl/0").known == (
        "airplane",
        "frog",
        "deer",
        "truck",
        "automobile",
        "horse",
    )
    assert open_set_split(cifar, "difair/5").known == ("bird", "cat", "deer", "dog", "frog", "horse")
    assert len(open_set_split(cifar, "difair/6").known) == 5
    assert len(open_set_split(cifar, "difair/7").known) == 6


def test_cifar_plus_keeps_the_two_conventions_apart():
    cifar, vehicles = blank("cifar10"), ("airplane", "automobile", "ship", "truck")
    arpl, difair = (open_set_split(cifar, f"{family}-plus10/0") for family in ("arpl", "difair"))
    assert arpl.known == ("deer", "horse", "truck", "automobile")
    assert difair.known == vehicles
    assert arpl.unknown == difair.unknown
    assert arpl.unknown_dataset == "cifar100"
    assert set(open_set_split(cifar, "arpl-plus10/4").known) == set(vehicles)
    for i in range(5):
        fifty = open_set_split(cifar, f"arpl-plus50/{i}")
        assert fifty.unknown[-10:] == open_set_split(cifar, f"arpl-plus10/{i}").unknown
        assert (len(set(fifty.unknown)), len(fifty.known)) == (50, 4)
        animals_only = "not all animals" not in " ".join(fifty.remarks)
        assert animals_only == (i == 4)
    assert len(open_set_split(cifar, "neal-plus50").unknown) == 50
    assert open_set_split(cifar, "neal-plus10/0").unknown[0] == CIFAR100[31] == "elephant"


def test_toy_splits():
    cifar = blank("cifar10")
    assert open_set_split(cifar, "toy/cat_dog_vs_tiger").unknown == ("tiger",)
    toy = open_set_split(cifar, "toy/automobile_truck_vs_tiger")
    assert (toy.known, toy.unknown) == (("automobile", "truck"), ("tiger", "lion", "leopard"))


def test_published_manifests_never_change():
    digests = {}
    for name in ("mnist", "fashion-mnist", "svhn", "cifar10", "tiny-imagenet"):
        dataset = blank(name, each=1)
        joined = "".join(open_set_split(dataset, split).digest for split in split_names(name))
        digests[name] = (len(split_names(name)), hashlib.sha256(joined.encode()).hexdigest()[:12])
    assert digests == {
        "mnist": (10, "b431fd98fc54"),
        "fashion-mnist": (10, "3427a1999a16"),
        "svhn": (10, "d698c75a0c5b"),
        "cifar10": (42, "7f58e6e047ee"),
        "tiny-imagenet": (15, "ba6aebcf7cc9"),
    }


def test_duplicates_are_flagged_where_they_are_used():
    def flagged(name):
        dataset = blank(name)
        return [s for s in split_names(name) if "same known" in " ".join(open_set_split(dataset, s).remarks)]

    assert flagged("cifar10") == ["arpl/0", "arpl/1"]
    assert flagged("svhn") == ["arpl/0", "arpl/1"]
    assert flagged("mnist") == []
    assert flagged("tiny-imagenet") == []


def test_analogy_and_small_copy_are_remarked():
    assert "analogy" in open_set_split(blank("fashion-mnist"), "neal/1").remarks[0]
    assert "not comparable" in open_set_split(blank("mnist-mini"), "arpl/1").remarks[0]
    assert open_set_split(blank("fashion-mnist"), "arpl/0").known[0] == "Pullover"


def test_tiny_imagenet_names_do_not_depend_on_the_numbering(tiny_imagenet_folder):
    orders = [load("tiny-imagenet", tiny_imagenet_folder, class_order=o) for o in ("wnids", "folder")]
    for name in split_names("tiny-imagenet"):
        first, second = (open_set_split(dataset, name) for dataset in orders)
        assert first == second
        assert (len(first.known), len(first.unknown)) == (20, 180)
    # The list DIFAIR's authors print for their split 0, by name.
    assert open_set_split(orders[0], "difair/0").known == (
        *(
            "jinrikisha",
            "beach wagon",
            "guinea pig",
            "pay-phone",
            "gondola",
            "Christmas stocking",
            "birdhouse",
        ),
        *("teddy", "tractor", "mashed potato", "apron", "brown bear", "neck brace", "chain", "lesser panda"),
        *("binoculars", "trolleybus", "tabby", "reel", "barn"),
    )
    folder_ids = sorted(wnids(CLASS_NAMES["tiny-imagenet"]))
    assert wnids(open_set_split(orders[0], "arpl/0").known)[0] == folder_ids[108]
    data = apply_split(orders[1], open_set_split(orders[1], "arpl/0"))
    assert (data.train.n, data.test.n, data.unknown.n) == (40, 20, 180)


def test_a_subset_of_tiny_imagenet_is_refused_in_words(tiny_subset):
    with pytest.raises(DataError, match=r"lacks 180 of the classes that arpl/0 names.*drawn/"):
        open_set_split(tiny_subset, "arpl/0")
    data = apply_split(tiny_subset, open_set_split(tiny_subset, "drawn/12/0"))
    assert (data.train.n, data.test.n, data.unknown.n) == (2400, 600, 400)


def test_digest_covers_facts_and_not_remarks():
    base = OpenSetSplit("own", "pets", ("a", "b"), ("c",))
    assert base.digest == OpenSetSplit("own", "pets", ("a", "b"), ("c",), None, ("note",)).digest
    others = [
        OpenSetSplit("mine", "pets", ("a", "b"), ("c",)),
        OpenSetSplit("own", "zoo", ("a", "b"), ("c",)),
        OpenSetSplit("own", "pets", ("b", "a"), ("c",)),
        OpenSetSplit("own", "pets", ("a", "b"), ("d",)),
        OpenSetSplit("own", "pets", ("a", "b"), ("c",), "zoo"),
    ]
    assert len({base.digest, *(split.digest for split in others)}) == 6
    assert base.to_dict()["digest"] == base.digest


def test_own_and_drawn_splits():
    mnist = blank("mnist")
    by_name = open_set_split(mnist, known=["2", "4", "5", "9", "8", "3"])
    assert (by_name.name, by_name.known, by_name.unknown) == ("own", tuple("245983"), tuple("0167"))
    cifar = blank("cifar10")
    assert open_set_split(cifar, "cats", known=[3, "5", "ship"]).known == ("cat", "dog", "ship")
    drawn = open_set_split(mnist, "drawn/6/7")
    assert drawn == open_set_split(mnist, "drawn/6/7")
    assert len(drawn.known) == 6
    assert len({open_set_split(mnist, f"drawn/6/{seed}").known for seed in range(10)}) > 5
    assert open_set_split(mnist, "drawn/3/0").known == ("7", "9", "1")


def test_unknown_classes_can_be_chosen():
    toys = open_set_split(
        blank("pets", ("cat", "dog", "owl", "tiger")), known=["dog", "cat"], unknown=["tiger"]
    )
    assert (toys.name, toys.known, toys.unknown) == ("own", ("dog", "cat"), ("tiger",))
    mnist = blank("mnist")
    whole = open_set_split(mnist, known=["1", "2"])
    assert open_set_split(mnist, known=["1", "2"], unknown=whole.unknown).digest == whole.digest
    assert open_set_split(mnist, known=["1", "2"], unknown=["3", 4]).digest != whole.digest
    data = apply_split(mnist, open_set_split(mnist, known=["1", "2"], unknown=["3", 4]))
    assert set(data.train.class_names) == {"1", "2"}
    assert {data.unknown.class_names[label] for label in data.unknown.labels} == {"3", "4"}


@pytest.mark.parametrize(
    ("known", "unknown", "error", "message"),
    [
        (["1", "2"], ["2", "3"], ConfigError, r"both known and unknown.*got 2"),
        (["1", "2"], ["3", "3"], ConfigError, "an unknown class is named twice"),
        (["1", "2"], [], ConfigError, "no class is left to be unknown"),
        (["1", "2"], ["eleven"], DataError, "no class 'eleven'"),
        (None, ["3"], ConfigError, "known ones are not"),
    ],
)
def test_bad_unknown_classes_are_refused(known, unknown, error, message):
    with pytest.raises(error, match=message):
        open_set_split(blank("mnist"), known=known, unknown=unknown)


def test_drawn_splits_do_not_depend_on_the_numbering():
    names = ("owl", "cat", "dog", "ant")
    first = open_set_split(blank("pets", names), "drawn/2/1")
    second = open_set_split(blank("pets", tuple(sorted(names))), "drawn/2/1")
    assert first == second


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("arlp/0", None, r"no split named 'arlp/0'.*Did you mean 'arpl/0'"),
        (None, None, r"no split chosen.*Choose one of: arpl/0"),
        ("drawn/6", None, "not a drawn split"),
        ("drawn/six/0", None, "not a drawn split"),
        ("drawn/10/0", None, "no class is left"),
        ("drawn/1/0", None, "too few known"),
        (None, ["1"], "too few known"),
        (None, ["1", "1", "2"], "named twice"),
        (None, list("0123456789"), r"no class is left.*Leave one"),
        ("arpl/0", ["1", "2"], "either named or listed"),
    ],
)
def test_splits_are_refused_in_words(name, known, message):
    with pytest.raises(ConfigError, match=message):
        open_set_split(blank("mnist"), name, known=known)


def test_other_refusals():
    with pytest.raises(DataError, match="no class 'eleven'"):
        open_set_split(blank("mnist"), known=["1", "eleven"])
    with pytest.raises(DataError, match="no class 11"):
        open_set_split(blank("mnist"), known=["1", "11"])
    with pytest.raises(ConfigError, match="both known and unknown"):
        OpenSetSplit("own", "pets", ("a", "b"), ("b",))
    with pytest.raises(ConfigError, match="unknown class is named twice"):
        OpenSetSplit("own", "pets", ("a", "b"), ("c", "c"))


def test_apply_relabels_known_and_leaves_unknown_as_they_are():
    mini = load("mnist-mini")
    split = open_set_split(mini, "arpl/0")
    data = apply_split(mini, split)
    assert data.train.class_names == data.test.class_names == split.known
    for part in (data.train, data.test):
        original = mini.labels[part.ids]
        assert [split.known[c] for c in part.labels] == [str(c) for c in original]
        assert np.array_equal(part.inputs, mini.inputs[part.ids])
    assert set(data.train.ids) <= set(mini.parts["train"])
    assert set(data.test.ids) | set(data.unknown.ids) == set(mini.parts["test"])
    assert not set(data.test.ids) & set(data.unknown.ids)
    assert data.unknown.class_names == mini.class_names
    assert np.array_equal(data.unknown.labels, mini.labels[data.unknown.ids])
    assert set(data.unknown.labels.tolist()) == {0, 1, 6, 7}


def test_apply_without_parts_cuts_80_20_the_same_way_each_time():
    dataset = blank("pets", ("a", "b", "c"), each=10)
    split = open_set_split(dataset, known=["c", "a"])
    first, second = apply_split(dataset, split), apply_split(dataset, split)
    assert (first.train.n, first.test.n, first.unknown.n) == (16, 4, 2)
    assert np.array_equal(first.train.ids, second.train.ids)
    assert not set(first.train.ids) & set(first.test.ids)


def test_apply_takes_unknown_classes_from_another_data_set(cifar10_folder, cifar100_folder):
    ten, hundred = load("cifar10", cifar10_folder), load("cifar100", cifar100_folder)
    split = open_set_split(ten, "arpl-plus10/0")
    data = apply_split(ten, split, hundred)
    assert {data.unknown.class_names[c] for c in data.unknown.labels} == set(split.unknown)
    assert data.unknown.class_names == CIFAR100
    assert {ten.class_names[c] for c in ten.labels[data.train.ids]} == set(split.known) <= set(CIFAR10)
    with pytest.raises(DataError, match=r"another data set.*load\('cifar100'\)"):
        apply_split(ten, split)
    with pytest.raises(DataError, match="differ in shape"):
        apply_split(ten, split, blank("cifar100"))
    with pytest.raises(DataError, match="no class"):
        apply_split(ten, split, ten)


def test_apply_refuses_classes_without_examples():
    dataset = blank("pets", ("a", "b", "c"), each=10)
    split = open_set_split(dataset, known=["a", "b"])
    with pytest.raises(DataError, match=r"no training example.*got b"):
        apply_split(dataset.where(["a", "c"]), split)
    with pytest.raises(DataError, match="no test example of an unknown class"):
        apply_split(dataset.where(["a", "b"]), split)
