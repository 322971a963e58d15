"""The models a leakage study asks: saved ones of the user's own, and what a card tells of a trained one."""

from __future__ import annotations

from pathlib import Path

from lightwell.core.errors import DataError
from lightwell.models import saved
from lightwell.models.model import Model
from lightwell.studies.leakage.cases import Case
from lightwell.studies.writing import model_card
from lightwell.training.run import log


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
