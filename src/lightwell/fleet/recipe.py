"""What of a run's settings its numbers depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from lightwell.studies import study

# Where a run is computed, over what it is repeated, and what is only drawn or added beside.
_ELSEWHERE = {"accelerator", "strategy", "threads", "channels_last", "logger", "data_dir"}
_ELSEWHERE |= {"seed", "split", "map", "n_resamples", "train_baseline"}
# What changes a decision, or the images left for it, but not what a published rank measure is of.
_DECISION = ("calibration", "false_refusal", "score", "scoring", "detectors", "baseline", "baseline_lr")


def recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name, without the seed, the split, and where and how fast they are computed.

    Examples
    --------
    >>> recipe({"seed": 1, "training": {"epochs": 3, "threads": 1}})
    {'training.epochs': 3}
    """
    return {name: value for name, value in flat(settings).items() if name.split(".")[-1] not in _ELSEWHERE}


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = flat(value) if isinstance(value, Mapping) else None
        found |= {key: value} if inner is None else {f"{key}.{name}": leaf for name, leaf in inner.items()}
    return found


def text(value: Any) -> str:
    """Return a value as it is written on the command line."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def unlike_paper(settings: Mapping[str, Any], method: str) -> dict[str, str]:
    """Return what a run of ``open-set`` did otherwise than the preset ``paper`` of its data and a method.

    Parameters
    ----------
    settings : mapping
        All settings of the run.
    method : str
        Which of its models is meant: its method, or the softmax classifier beside.

    Returns
    -------
    dict of str to str
        By the setting's name its value and, in brackets, that of the preset.
    """
    ours, theirs = _of(settings, method), _paper(str(settings.get("data", "")), method)
    names = [name for name in {**theirs, **ours} if ours.get(name) != theirs.get(name)]
    return {name: f"{text(ours.get(name))} ({text(theirs.get(name))})" for name in names}


@cache
def _paper(data: str, method: str) -> dict[str, Any]:
    settings = study("open-set").from_preset("paper", data=data, method=method).to_yaml()
    return _of(yaml.safe_load(settings), method)


def _of(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return the recipe of one of the two models that a run trains."""
    own = dict(settings)
    if method != own.get("method"):
        own |= {"method": method, "model": own.get("baseline") or {}}
    if method == "softmax" and own.get("baseline_lr") is not None:
        own["optimizer"] = {**own.get("optimizer", {}), "lr": own["baseline_lr"]}
    return recipe({key: value for key, value in own.items() if key not in _DECISION})
