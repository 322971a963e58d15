"""What a method is, where it comes from, and what it should not be used for."""

from __future__ import annotations

from dataclasses import dataclass

from lightwell.core.errors import ConfigError


@dataclass(frozen=True)
class MethodInfo:
    """The record every method carries; documentation and reports are made from it.

    Attributes
    ----------
    name : str
        The word used on the command line.
    title : str
        One line for a reader.
    paper, venue, link : str
        The source of the method.
    year : int
        Year of that source.
    reference_code : str
        The authors' code, or ``""`` where there is none.
    reference_licence : str
        Its licence, ``"none stated"`` where it has none.
    consumes : tuple of str
        What it needs: ``"images"``, ``"labels"``, ``"codes"``, ``"logits"``, ...
    capabilities : tuple of str
        What it can do: ``"encode"``, ``"logits"``, ``"unknown_score"``, ``"axes"``, ...
    not_for : tuple of str
        When not to use it. At least one entry: every method has limits.

    Raises
    ------
    ConfigError
        If a required entry is empty.

    Examples
    --------
    >>> MethodInfo("msp", "Maximum softmax probability", "A baseline for ...", "ICLR", 2017,
    ...            "https://openreview.net/forum?id=Hkg4TI9xl", "", "none stated",
    ...            ("logits",), ("unknown_score",), ("uncalibrated logits",)).name
    'msp'
    """

    name: str
    title: str
    paper: str
    venue: str
    year: int
    link: str
    reference_code: str
    reference_licence: str
    consumes: tuple[str, ...]
    capabilities: tuple[str, ...]
    not_for: tuple[str, ...]

    def __post_init__(self) -> None:
        for entry in ("name", "title", "paper", "venue", "link", "consumes", "capabilities", "not_for"):
            if not getattr(self, entry):
                raise ConfigError(
                    f"a method's record needs '{entry}'", where=self.name or "MethodInfo", got="nothing"
                )
