"""Draw the figures of a page of the docs anew, by the commands the page itself names.

``python docs/figures.py open-set`` reads docs/open-set.md: after "The figures of `COMMAND`" every picture up
to the next such sentence is taken from the folder of that run. DATA in a command is the folder that
LIGHTWELL_DATA names. Runs are kept in build/figures: the same command goes on where it was stopped.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
RUNS = DOCS.parent / "build" / "figures"
COMMAND = re.compile(r"The figures of `lightwell ([^`]+)`")
PICTURE = re.compile(r"\((figures/[^)]+)\)")


def sections(page: str) -> list[tuple[list[str], list[Path]]]:
    """Return each command of a page, as words, with the pictures that follow it."""
    _, *parts = COMMAND.split(page)
    return [
        (shlex.split(command), [DOCS / name for name in PICTURE.findall(text)])
        for command, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def draw(words: list[str], pictures: list[Path]) -> None:
    """Run a command, then put the pictures it drew in the place of those the docs have."""
    out = RUNS / re.sub(r"[^a-z0-9]+", "-", " ".join(words))
    words = [os.environ.get("LIGHTWELL_DATA", word) if word == "DATA" else word for word in words]
    resume = [] if words[0] in {"fleet", "search"} else ["--resume"]
    subprocess.run([sys.executable, "-m", "lightwell", *words, "--out", out, *resume], check=True)  # noqa: S603
    for picture in pictures:
        shutil.copyfile(out / "figures" / picture.name, picture)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for command, pictures in sections((DOCS / f"{name}.md").read_text(encoding="utf-8")):
            draw(command, pictures)
