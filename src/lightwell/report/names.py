"""Names from data and users, made fit to be printed, drawn and used as file names.

Class names are input: they may hold markup, mathematical typesetting, right-to-left marks, control
characters, path separators, or ten thousand letters. Escaping belongs to the place that prints; what happens
here is needed everywhere before it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_SPACES = "\t\n\r\v\f\u2028\u2029"
_JOINERS = "\u200c\u200d"  # needed to spell Persian, and emoji made of several
_DROPPED = {"Cc", "Cf", "Cs"}


def clean(text: object) -> str:
    r"""Return plain text: no control or direction marks, no lone surrogates, every space a blank.

    Parameters
    ----------
    text : object
        Anything; ``str`` is taken of it, so markup objects lose their licence not to be escaped.

    Examples
    --------
    >>> clean("safe\u202egpj.exe\x00\nnext")
    'safegpj.exe next'
    """
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return "".join(plain)
    kept = (" " if c in _SPACES else c for c in plain if c in _SPACES or c in _JOINERS or _printable(c))
    return "".join(kept)


def _printable(character: str) -> bool:
    return unicodedata.category(character) not in _DROPPED


def shorten(text: str, limit: int) -> str:
    """Cut a text to at most ``limit`` >= 3 characters, with the sign of an ellipsis where it was cut.

    Both ends stay, since names of one data set often differ only at the end.

    Examples
    --------
    >>> shorten("golden retriever puppy 17", 12)
    'golden r… 17'
    >>> shorten("cat", 12)
    'cat'
    """
    if len(text) <= limit:
        return text
    tail = limit // 4
    return text[: limit - tail - 1] + "…" + (text[-tail:] if tail else "")


def file_name(text: str, taken: Iterable[str] = ()) -> str:
    """Return a file name stem of a-z, 0-9 and hyphens, at most 60 long, that is not taken yet.

    Examples
    --------
    >>> file_name("../../etc/Passwd & co"), file_name("猫", taken=["figure"])
    ('etc-passwd-co', 'figure-2')
    """
    stem = re.sub(r"[^a-z0-9]+", "-", text[:1000].lower()).strip("-")[:60].strip("-") or "figure"
    used = set(taken)
    candidate, count = stem, 1
    while candidate in used:
        count += 1
        candidate = f"{stem}-{count}"
    return candidate
