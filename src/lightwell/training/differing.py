"""Where two texts of settings differ."""

from __future__ import annotations

from typing import Any

import yaml


def differing(stored: str, asked: str) -> dict[str, tuple[Any, Any]]:
    """Return both values of the settings that differ, by dotted name; None where a text has no such setting.

    Examples
    --------
    >>> differing("training: {epochs: 1}", "training: {epochs: 2}")
    {'training.epochs': (1, 2)}
    """
    first, second = (_flat(yaml.safe_load(text)) for text in (stored, asked))
    names = sorted(first.keys() | second.keys())
    pairs = {name: (first.get(name), second.get(name)) for name in names}
    both = first.keys() & second.keys()
    return {name: pair for name, pair in pairs.items() if name not in both or pair[0] != pair[1]}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {
        inner: leaf
        for key, item in value.items()
        for inner, leaf in _flat(item, f"{name}.{key}" if name else str(key)).items()
    }
