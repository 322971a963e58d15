"""What learns: models that make a representation, and what turns one into a decision.

The table below is the family: a new method is one file and one line here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lightwell.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from lightwell.models.model import Model

METHODS: dict[str, str] = {
    "difair": "lightwell.models.classifiers.difair:Difair",
    "softmax": "lightwell.models.classifiers.softmax:Softmax",
    "cac": "lightwell.models.classifiers.cac:Cac",
    "arpl": "lightwell.models.classifiers.arpl:Arpl",
    "vae": "lightwell.models.concepts.vae:Vae",
    "glancenet": "lightwell.models.concepts.glancenet:GlanceNet",
    "cbnm": "lightwell.models.concepts.concept_bottleneck:Cbnm",
    "clustnet": "lightwell.models.discovery.clustnet:ClustNet",
    "autoencoder": "lightwell.models.autoencoders.autoencoder:Autoencoder",
    "simclr": "lightwell.models.autoencoders.simclr:Simclr",
    "subject": "lightwell.models.boundary.subject:Subject",
    "gan": "lightwell.models.boundary.gan:Gan",
}


def method(name: str) -> type[Model]:
    """Return the model class of a method.

    Parameters
    ----------
    name : str
        A key of ``METHODS``.

    Returns
    -------
    type
        A subclass of :class:`lightwell.models.model.Model`, imported only now.

    Raises
    ------
    ConfigError
        If there is no such method.

    Examples
    --------
    >>> method("difair").info.venue
    'public code'
    """
    if name not in METHODS:
        raise ConfigError("unknown method", got=repr(name), fix=nearest(name, METHODS))
    module, _, attribute = METHODS[name].partition(":")
    found: type[Model] = getattr(importlib.import_module(module), attribute)
    return found
