"""The models a leakage study asks: those it trains, and saved ones of the user's own."""

from __future__ import annotations

from pathlib import Path

from lightwell.core import slug
from lightwell.core.errors import ConfigError, DataError, nearest
from lightwell.core.files import MANIFEST
from lightwell.models import saved
from lightwell.models.model import Model
from lightwell.studies.leakage.cases import Case
from lightwell.studies.writing import model_card
from lightwell.training.run import log

METHODS = {"cbnm": "cbnm", "vae": "glancenet", "glancenet": "glancenet"}
"""What can be trained, and the method of the house that it is; the VAE has no class prior."""


def folders(methods: str) -> dict[str, Path | None]:
    """Return what is measured, by its name in the findings: None to train it, or the folder of a saved model.

    Parameters
    ----------
    methods : str
        Names of ``METHODS`` and folders of saved models, with commas.

    Raises
    ------
    ConfigError
        If there is none, one is unknown, or two have one name.

    Examples
    --------
    >>> folders("cbnm, glancenet")
    {'cbnm': None, 'glancenet': None}
    """
    words = [word for word in (part.strip() for part in methods.split(",")) if word]
    found: dict[str, Path | None] = {}
    for word in words:
        path = Path(word)
        if word in METHODS:
            found[word] = None
        elif (path / MANIFEST).is_file():
            found[slug(path.resolve().parent.name if path.name == "model" else path.name)] = path
        else:
            raise ConfigError(
                "no such method, and no folder of a saved model",
                where="methods",
                got=repr(word),
                fix=nearest(word, METHODS),
            )
    if not words or len(found) < len(words):
        raise ConfigError("methods are named once each, at least one", where="methods", got=repr(methods))
    return found


def loaded(path: Path, case: Case) -> Model:
    """Read a saved model, and refuse one that does not take these images before any training."""
    model = saved.load(path)
    wanted, got = tuple(case.data.train.image_shape), model.signature.image_shape
    if wanted != got:
        raise DataError(
            "this model was made for images of another size", where=path, expected=wanted, got=got,
            fix="Set image_size.",
        )  # fmt: skip
    return model


def seen_before(path: Path | None, case: Case) -> list[str]:
    """Warn where a saved model was trained on classes that are probed for."""
    if path is None:
        return []
    seen = sorted(saved.classes_seen(path) & {*case.kinds.tolist(), *case.data.open_test.class_names})
    if not seen:
        return []
    warning = (
        f"The model in {path.name} was trained on classes that are probed for: {', '.join(seen)}. What a "
        "probe reads of them was taught, and is no leakage. Probe for others."
    )
    log.warning(warning)
    return [warning]


def card(name: str, model: Model, case: Case) -> str:
    """Return the model card."""
    return model_card(
        model,
        f"Trained as '{name}' of the leakage test {case.name}, on {', '.join(case.data.train.class_names)}. "
        "The gate beside it accepts what is like them.",
    )
