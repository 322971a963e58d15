"""Studies: a question asked end to end.

The table below lists them with what ``lightwell --help`` says of each. A study is imported only when it
is asked for, so that the command line answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lightwell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from lightwell.studies.contract import Study

STUDIES: dict[str, tuple[str, str]] = {
    "open-set": (
        "lightwell.studies.open_set:OpenSet",
        "train on some classes, refuse the others, and say why each example was refused",
    ),
    "concepts": (
        "lightwell.studies.concepts:Concepts",
        "train latents that are named concepts; say how well they align, predict and rebuild",
    ),
    "leakage": (
        "lightwell.studies.leakage:LeakageStudy",
        "train on some things, then read others off the concepts: what leaks, gated or not",
    ),
    "discovery": (
        "lightwell.studies.discovery:Discovery",
        "find the sub-classes behind coarse labels; say how many, how stable, how well they match",
    ),
    "explanations": (
        "lightwell.studies.explanations:Explanations",
        "explain encoders without labels; measure what the explanations are worth",
    ),
    "ambiguity": (
        "lightwell.studies.ambiguity:Ambiguity",
        "make images a classifier cannot decide; say what they have in common",
    ),
}


def study(name: str) -> type[Study]:
    """Return the class of a study.

    Raises
    ------
    ConfigError
        If there is no such study.

    Examples
    --------
    >>> study("open-set").name
    'open-set'
    """
    if name not in STUDIES:
        raise ConfigError("unknown study", got=repr(name), fix=nearest(name, STUDIES))
    module, _, attribute = STUDIES[name][0].partition(":")
    found: type[Study] = getattr(importlib.import_module(module), attribute)
    return found
