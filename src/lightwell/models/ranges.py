"""One check for the settings of a method: numbers above 0, numbers from 0, shares."""

from __future__ import annotations

import math
from typing import Any

from lightwell.core.errors import ConfigError


def check_ranges(
    method: str, settings: Any, *, above: str = "", least: str = "", shares: str = "", counts: str = ""
) -> None:
    """Refuse settings out of range; each argument lists names of settings, parted by spaces.

    Parameters
    ----------
    method : str
        What the error calls the settings.
    settings : dataclass
        Where the values are.
    above, least, shares, counts : str
        Settings above 0; of at least 0; in [0, 1]; whole and at least 1.

    Raises
    ------
    ConfigError
        For the first that is.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check_ranges("vae", SimpleNamespace(beta=-1.0), least="beta")
    Traceback (most recent call last):
    lightwell.core.errors.ConfigError: setting is out of range (in vae.beta): expected 0 or more, got -1.0.
    """
    for names, wanted, lowest, highest in (
        (above, "above 0", math.ulp(0.0), math.inf),
        (least, "0 or more", 0, math.inf),
        (shares, "in [0, 1]", 0, 1),
        (counts, "1 or more", 1, math.inf),
    ):
        for name in names.split():
            value = getattr(settings, name)
            if not lowest <= value <= highest:
                raise ConfigError(
                    "setting is out of range", where=f"{method}.{name}", expected=wanted, got=value
                )
