"""A grid of runs of one study: axes, and the cells they span."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lightwell.core.errors import ConfigError, nearest
from lightwell.data import split_names
from lightwell.fleet.variants import Variant
from lightwell.studies import study as find_study
from lightwell.studies.configure import parse

# Axes whose values say by themselves what they are; others are named in a label.
_SPEAKING = ("data", "split", "method")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError("a seed is a whole number", where="seed", got=text) from None


_CHEAP: dict[str, Callable[[str], object]] = {"split": str, "seed": _whole}


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes
    ----------
    study : str
        Name of the study.
    label : str
        Name of its folder.
    axes : mapping of str to str
        Where it stands in the grid.
    config : str
        Every setting as YAML.
    """

    study: str
    label: str
    axes: Mapping[str, str]
    config: str


@dataclass(frozen=True)
class Grid:
    """The runs of one study over every combination of some settings' values.

    Attributes
    ----------
    study : str
        Name of the study.
    axes : mapping of str to tuple of str
        Values of each setting, as on the command line. Of ``split``, the name of a family (``arpl``,
        ``neal``, ...) stands for all its splits of the data set, and ``all`` for ``arpl``. Of ``method``,
        a value may be a :class:`~lightwell.fleet.variants.Variant`, whose settings override the shared ones.
    preset : str
        Where all runs start from; by default the study's ``default_preset``.
    words : tuple of str
        Settings all runs share, as on the command line.

    Raises
    ------
    ConfigError
        If an axis has no value or one twice, or is also among the shared settings or those of a variant.

    Examples
    --------
    >>> grid = Grid("open-set", {"split": ("all",), "seed": ("0", "1")}, preset="smoke")
    >>> cells = grid.cells()
    >>> len(cells), cells[-1].label
    (10, 'arpl-4_seed1')
    """

    study: str
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    preset: str = ""
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.preset:
            object.__setattr__(self, "preset", find_study(self.study).default_preset)
        for name, values in self.axes.items():
            if not values or "" in values:
                raise ConfigError("an axis of the grid has no value", where=name, got=values)
            named = [v.name for v in self._variants()] if name == "method" else list(values)
            twice = sorted({value for value in named if named.count(value) > 1})
            if twice:
                raise ConfigError(
                    "a value stands twice on an axis",
                    where=name,
                    got=", ".join(twice),
                    fix="Call one METHOD+WORD." if name == "method" else None,
                )
            if any(_same(name, other) for other in self._shared()):
                raise ConfigError(
                    "a setting is an axis of the grid and fixed for all runs", where=name, fix="Give it once."
                )
            for variant in self._variants():
                if any(_same(name, key) for key, _ in variant.settings):
                    raise ConfigError(
                        "a setting is an axis of the grid and fixed for a variant",
                        where=name,
                        got=variant.name,
                        fix="Give it once.",
                    )

    def _variants(self) -> list[Variant]:
        return [Variant.parse(text) for text in self.axes.get("method", ())]

    def _shared(self) -> list[str]:
        words = [word for word in self.words if word.startswith("--")]
        return [word[2:].partition("=")[0].replace("-", "_") for word in words]

    def of_every_method(self) -> list[str]:
        """Return settings of methods that go to several of them, where they may mean different things.

        Examples
        --------
        >>> Grid("open-set", {"method": ("difair", "cac")}, words=("--model.anchor=5",)).of_every_method()
        ['model.anchor']
        """
        kind, methods = find_study(self.study), {variant.method for variant in self._variants()}
        if len(methods) < 2:
            return []
        own = {f.name for name in methods for f in fields(kind.parts({"method": name})["model"])}
        own |= {f"model.{name}" for name in own}
        return [key for key in (*self._shared(), *self.axes) if key in own - {f.name for f in fields(kind)}]

    def points(self) -> Iterator[dict[str, str]]:
        """Yield the values of each run, families of splits spelled out."""
        shared = ""
        if "split" in self.axes and "data" not in self.axes:
            shared = str(getattr(self._settings({}), "data", ""))
        axes = dict(self.axes)
        if "method" in axes:
            axes["method"] = tuple(variant.name for variant in self._variants())
        for values in itertools.product(*axes.values()):
            point = dict(zip(axes, values, strict=True))
            if "split" not in point:
                yield point
                continue
            for split in family_splits(point.get("data", shared), point["split"]):
                yield point | {"split": split}

    def _settings(self, point: Mapping[str, str]) -> Any:
        return parse(find_study(self.study), self._argv(point), preset=self.preset)

    def _argv(self, point: Mapping[str, str]) -> list[str]:
        variant = next((v for v in self._variants() if v.name == point.get("method")), Variant(""))
        values = {**point, "method": variant.method} if variant.name else point
        return [*self.words, *(f"--{name}={value}" for name, value in values.items()), *variant.words]

    def cells(self) -> list[Cell]:
        """Return every run with all its settings, checked.

        Raises
        ------
        ConfigError
            If a setting is unknown or a value does not fit; nothing has been started then.
        """
        cells: dict[str, Cell] = {}
        parsed: dict[tuple[str, ...], Any] = {}
        for point in self.points():
            label = label_of(point)
            if label in cells:
                raise ConfigError(
                    "two runs of the grid would share a folder",
                    where=label,
                    got=f"{dict(cells[label].axes)} and {point}",
                    fix="Rename one of the values.",
                )
            # Reading settings is slow, and no other setting depends on the split or the seed.
            rest = tuple(value for name, value in point.items() if name not in _CHEAP)
            if rest not in parsed:
                parsed[rest] = self._settings(point)
            cheap = {name: kind(point[name]) for name, kind in _CHEAP.items() if name in point}
            cells[label] = Cell(self.study, label, point, replace(parsed[rest], **cheap).to_yaml())
        return list(cells.values())


def _same(first: str, second: str) -> bool:
    """Say whether two names may be of one setting, the group left out in one."""
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")


def family_splits(data: str, split: str) -> list[str]:
    """Return the splits that a word stands for: itself, or all of a family.

    Parameters
    ----------
    data : str
        Name of the data set.
    split : str
        A split, a family such as ``arpl``, or ``all`` for the family ``arpl``.

    Raises
    ------
    ConfigError
        If the data set has no such family or split.

    Examples
    --------
    >>> family_splits("svhn", "neal")[:2], family_splits("svhn", "drawn/5/0")
    (['neal/0', 'neal/1'], ['drawn/5/0'])
    """
    known = split_names(data)
    if split in known or split.startswith("drawn/"):
        return [split]
    family = "arpl" if split == "all" else split
    found = [name for name in known if name.startswith(f"{family}/")]
    if not found:
        families = {name.partition("/")[0] for name in known}
        raise ConfigError(
            "this data set has no such split",
            where=data,
            got=split,
            fix=nearest(split, [*families, *known[:1]]) if known else "Use drawn/<known classes>/<seed>.",
        )
    return found


def label_of(point: Mapping[str, str]) -> str:
    """Return the folder name of a run: readable and safe.

    Examples
    --------
    >>> label_of({"data": "mnist-mini", "split": "arpl/0", "seed": "2", "training.epochs": "5"})
    'mnist-mini_arpl-0_seed2_epochs5'
    """
    words = []
    for name, value in point.items():
        plain = value.replace("/", "-")
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "-.+") else "-" for c in plain)
        safe = safe.strip(".")[:60]
        if safe != plain:
            safe += "-" + hashlib.sha256(value.encode()).hexdigest()[:6]
        words.append(safe if name in _SPEAKING else name.rpartition(".")[2] + safe)
    return "_".join(words) or "only"
