"""Every public name is documented in one form: what it does, its parameters, and where it can fail."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import lightwell


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(lightwell.__path__, "lightwell."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def public() -> list[tuple[str, object]]:
    names = {}
    for module in modules():
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == module.__name__
            if own and not name.startswith("_") and (inspect.isclass(thing) or inspect.isfunction(thing)):
                names[f"{module.__name__}.{name}"] = thing
    return sorted(names.items())


PUBLIC = public()


def test_there_is_something_to_check() -> None:
    assert len(PUBLIC) > 100


@pytest.mark.parametrize(("name", "thing"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_public_name_is_documented(name: str, thing: object) -> None:
    text = inspect.getdoc(thing) or ""
    assert text, f"{name} has no docstring"
    assert text.split("\n", maxsplit=1)[0].endswith("."), f"{name}: the first line is not a sentence"


@pytest.mark.parametrize(
    ("name", "thing"),
    [pair for pair in PUBLIC if inspect.isclass(pair[1]) and dataclasses.is_dataclass(pair[1])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_setting_and_field_is_described(name: str, thing: type) -> None:
    text = "\n".join(
        inspect.getdoc(kind) or "" for kind in inspect.getmro(thing)[:-1]
    )  # bases tell of theirs
    for field in dataclasses.fields(thing):
        assert field.name in text, f"{name} does not describe '{field.name}'"
