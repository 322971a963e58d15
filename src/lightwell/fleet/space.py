"""What a search may try: a range or a list of values for each setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

import lightwell
from lightwell.core.errors import ConfigError, nearest

PRESETS = Path(lightwell.__file__).parent / "presets" / "search"
_NEAR = 0.05  # of a range: this close to an end is at its edge

Value = float | int | str


@dataclass(frozen=True)
class Dimension:
    """One setting of a search, or several that change together.

    Attributes
    ----------
    name : str
        Dotted name of the setting; any name where the choices carry settings of their own.
    kind : {"choice", "float", "int"}
        A list, or a range of real or whole numbers.
    low, high : float
        Ends of a range, both included.
    log : bool
        Whether a range is logarithmic.
    choices : tuple
        The values of a list.
    bundles : mapping of str to mapping
        For each choice the settings it stands for, where that is not the setting ``name`` itself.

    Examples
    --------
    >>> rate = parse_dimension("optimizer.lr=0.01..0.5:log")
    >>> rate.kind, rate.low, rate.high, rate.log
    ('float', 0.01, 0.5, True)
    >>> parse_dimension("model.features=5,10,20").choices
    (5, 10, 20)
    """

    name: str
    kind: Literal["choice", "float", "int"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Value, ...] = ()
    bundles: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that show whether the setting takes what the search would give it."""
        if self.kind == "choice":
            return self.choices
        return (int(self.low), int(self.high)) if self.kind == "int" else (self.low, self.high)

    def words(self, value: Value) -> list[str]:
        """Return the command-line words of one value."""
        settings = self.bundles.get(str(value), {self.name: value})
        return [f"--{name}={_text(item)}" for name, item in settings.items()]

    def edge(self, value: Value) -> str:
        """Say at which edge of what was searched a value lies; nothing where it does not, or has no order."""
        if self.kind == "choice":
            numbers = [v for v in self.choices if isinstance(v, int | float) and not isinstance(v, bool)]
            if len(numbers) < 3 or len(numbers) < len(self.choices):  # of two values each is an edge
                return ""
            at = (float(value) - min(numbers), max(numbers) - float(value))
            return "smallest" if at[0] == 0 else "largest" if at[1] == 0 else ""
        low, high, here = self.low, self.high, float(value)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        share = (here - low) / (high - low)
        return "smallest" if share <= _NEAR else "largest" if share >= 1 - _NEAR else ""

    def __str__(self) -> str:
        if self.kind == "choice":
            return ", ".join(map(_text, self.choices))
        return f"{_text(self.samples[0])} to {_text(self.samples[1])}" + (", logarithmic" if self.log else "")


def parse_dimension(text: str) -> Dimension:
    """Read one ``KEY=5,10,20``, ``KEY=0.01..0.5`` or ``KEY=0.01..0.5:log``.

    Raises
    ------
    ConfigError
        If it is none of these, or a range is empty or cannot be logarithmic.
    """
    name, equals, rest = text.partition("=")
    name = name.replace("-", "_")
    if not (equals and name and rest):
        raise ConfigError(
            "not a setting to search over",
            where="--space",
            expected="KEY=5,10,20 or KEY=0.01..0.5 or KEY=0.01..0.5:log, or the name of a preset",
            got=text,
        )
    body, _, mode = rest.partition(":")
    if ".." not in body:
        return _choice(name, [_value(word.strip()) for word in rest.split(",")])
    low, _, high = body.partition("..")
    ends = _value(low), _value(high)
    if mode not in ("", "log") or not all(isinstance(end, int | float) for end in ends):
        raise ConfigError("not a range", where=name, expected="LOW..HIGH or LOW..HIGH:log", got=rest)
    return _range(
        name, float(ends[0]), float(ends[1]), mode == "log", whole=all(isinstance(e, int) for e in ends)
    )


def _range(name: str, low: float, high: float, log: bool, *, whole: bool) -> Dimension:
    if not low < high or (log and low <= 0):
        expected = "a smaller end, then a larger" + (", both above 0" if log else "")
        raise ConfigError("not a range", where=name, expected=expected, got=f"{low:g}..{high:g}")
    return Dimension(name, "int" if whole else "float", low, high, log)


def _choice(name: str, values: list[Value], bundles: Mapping[str, Any] | None = None) -> Dimension:
    twice = {str(v) for v in values if values.count(v) > 1}
    if twice or "" in values:
        raise ConfigError("a list to search over holds a value twice or none", where=name, got=values)
    return Dimension(name, "choice", choices=tuple(values), bundles=bundles or {})


def _value(word: str) -> Value:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _text(value: Value) -> str:
    return repr(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class SpaceFile:
    """A search from a YAML file: the space, and settings all trials share.

    Attributes
    ----------
    dimensions : tuple of Dimension
        What is tried.
    words : tuple of str
        Settings all trials share, as on the command line.
    preset : str or None
        The preset they start from.
    sampler : str or None
        How trials are drawn.

    Examples
    --------
    >>> found = read_space("open-set", "tiny-imagenet")
    >>> len(found.dimensions), found.sampler
    (4, 'grid')
    """

    dimensions: tuple[Dimension, ...]
    words: tuple[str, ...]
    preset: str | None
    sampler: str | None


def read_space(study: str, name: str) -> SpaceFile:
    """Read a search preset of a study by name, or a YAML file of the user's own.

    Parameters
    ----------
    study : str
        Name of the study.
    name : str
        Of a preset, or path of a file. Its keys: ``space``, and optionally ``settings``, ``preset`` and
        ``sampler``. In ``space`` a text is read as on the command line, a list is a list of values, and
        a mapping gives named choices of several settings each.

    Raises
    ------
    ConfigError
        If there is no such file, or it is none of this form.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else PRESETS / study / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in (PRESETS / study).glob("*.yaml"))
        raise ConfigError(
            "no such search preset",
            where="--space",
            got=name,
            fix=f"{nearest(name, known)} Or give KEY=VALUES." if known else "Give KEY=VALUES.",
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError("this search preset cannot be read", where=path, got=error) from error
    known_keys = {"space", "settings", "preset", "sampler"}
    if not isinstance(content, dict) or not isinstance(content.get("space"), dict):
        raise ConfigError("a search preset is a mapping with the key 'space'", where=path, got=content)
    for key in content:
        if key not in known_keys:
            raise ConfigError(
                "unknown key of a search preset", where=path, got=key, fix=nearest(key, known_keys)
            )
    shared = content.get("settings") or {}
    return SpaceFile(
        tuple(_from_yaml(key, value) for key, value in content["space"].items()),
        tuple(f"--{key}={_text(value)}" for key, value in shared.items()),
        content.get("preset"),
        content.get("sampler"),
    )


def _from_yaml(name: str, value: Any) -> Dimension:
    if isinstance(value, dict):
        return _choice(name, list(value), value)
    if isinstance(value, list):
        return _choice(name, value)
    return parse_dimension(f"{name}={value}")
