"""The published open-set splits of each data set, from label codes to class names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightwell.data import split_tables as tables
from lightwell.data.class_names import CIFAR10, CIFAR100, CLASS_NAMES, TINY_IMAGENET


@dataclass(frozen=True)
class Published:
    """One row of a published table, in class names.

    Attributes
    ----------
    known : tuple of str
        In the order of the list, which is the model's numbering.
    unknown : tuple of str or None
        CIFAR-100 classes; None for the remaining classes of the same data set.
    remarks : tuple of str
        What to know before comparing numbers.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()


_MINI = (
    "MNIST's class list on the 10,000 images of mnist-mini: not comparable with published MNIST numbers.",
)
_FASHION = ("MNIST's list of label codes, by analogy: nobody published it for Fashion-MNIST.",)
_ARPL_PLUS = ("Known classes differ by split, as in ARPL's code; Neal, CAC and DIFAIR use four vehicles.",)
_DIFAIR_PLUS = ("ARPL's unknown classes with four vehicles known, as in DIFAIR's code.",)
_NEAL_PLUS50 = ("One fixed set of unknown classes for all five trials.",)
_DIFAIR_TEN = ("A split of DIFAIR's code beyond the five that others use.",)
_NO_ANIMALS = "The unknown classes are not all animals, although papers describe them so: "
_NOT_ANIMALS = ("bicycle", "motorcycle", "tank", "rocket", "lawn_mower")
_FOLDER_ORDER = ("Label codes read in folder order, as in ARPL's, Vaze's and CAC's code.",)
_WNIDS_ORDER = (
    "ARPL's label codes read in wnids.txt order, as in DIFAIR's code: not the classes of arpl's split.",
)


def published(dataset_name: str) -> dict[str, Published]:
    """Return the published splits of a data set by name; none for one that is not in the catalogue.

    Examples
    --------
    >>> published("svhn")["arpl/0"].known
    ('5', '3', '7', '2', '8', '6')
    """
    makers: dict[str, Callable[[], dict[str, Published]]] = {
        "mnist": lambda: _ten("mnist", tables.ARPL_MNIST),
        "mnist-mini": lambda: _ten("mnist-mini", tables.ARPL_MNIST, _MINI),
        "fashion-mnist": lambda: _ten("fashion-mnist", tables.ARPL_MNIST, _FASHION),
        "svhn": lambda: _ten("svhn", tables.ARPL_SVHN),
        "cifar10": _cifar10,
        "tiny-imagenet": _tiny_imagenet,
    }
    return makers[dataset_name]() if dataset_name in makers else {}


def _named(codes: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[code] for code in codes)


def _family(
    family: str, rows: tables.Codes, names: Sequence[str], remarks: tuple[str, ...] = ()
) -> dict[str, Published]:
    return {f"{family}/{i}": Published(_named(row, names), None, remarks) for i, row in enumerate(rows)}


def _ten(dataset_name: str, arpl: tables.Codes, remarks: tuple[str, ...] = ()) -> dict[str, Published]:
    names = CLASS_NAMES[dataset_name]
    return _family("arpl", arpl, names, remarks) | _family("neal", tables.NEAL_TEN, names, remarks)


def _cifar10() -> dict[str, Published]:
    difair = {
        f"difair/{i}": Published(_named(codes, CIFAR10), None, _DIFAIR_TEN)
        for i, codes in tables.DIFAIR_CIFAR10.items()
    }
    vehicles = (tables.VEHICLES,) * 5
    return (
        _ten("cifar10", tables.ARPL_CIFAR10)
        | difair
        | _plus("arpl-plus10", tables.ARPL_PLUS_KNOWN, tables.ARPL_PLUS10, _ARPL_PLUS)
        | _plus("arpl-plus50", tables.ARPL_PLUS_KNOWN, tables.ARPL_PLUS50, _ARPL_PLUS)
        | _plus("difair-plus10", vehicles, tables.ARPL_PLUS10, _DIFAIR_PLUS)
        | _plus("difair-plus50", vehicles, tables.ARPL_PLUS50, _DIFAIR_PLUS)
        | _plus("neal-plus10", vehicles, tables.NEAL_PLUS10)
        | {"neal-plus50": _plus_row(tables.VEHICLES, tables.NEAL_PLUS50, _NEAL_PLUS50)}
        | {f"toy/{name}": _plus_row(*codes) for name, codes in tables.TOY_CIFAR10.items()}
    )


def _plus(
    family: str, known: tables.Codes, unknown: tables.Codes, remarks: tuple[str, ...] = ()
) -> dict[str, Published]:
    pairs = enumerate(zip(known, unknown, strict=True))
    return {f"{family}/{i}": _plus_row(ours, theirs, remarks) for i, (ours, theirs) in pairs}


def _plus_row(known: Sequence[int], unknown: Sequence[int], remarks: tuple[str, ...] = ()) -> Published:
    """Return a row whose unknown classes are of CIFAR-100."""
    names = _named(unknown, CIFAR100)
    others = [name for name in _NOT_ANIMALS if name in names]
    if others:
        remarks = (*remarks, f"{_NO_ANIMALS}{', '.join(others)}.")
    return Published(_named(known, CIFAR10), names, remarks)


def _tiny_imagenet() -> dict[str, Published]:
    by_wnids = tuple(TINY_IMAGENET.values())
    by_folder = tuple(TINY_IMAGENET[wnid] for wnid in sorted(TINY_IMAGENET))
    return (
        _family("arpl", tables.ARPL_TINY_IMAGENET, by_folder, _FOLDER_ORDER)
        | _family("neal", tables.NEAL_TINY_IMAGENET, by_folder, _FOLDER_ORDER)
        | _family("difair", tables.ARPL_TINY_IMAGENET, by_wnids, _WNIDS_ORDER)
    )
