"""What the documents say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_readme_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


@pytest.mark.parametrize(
    ("name", "made"), [("explanations", {"near", "maps"}), ("ambiguity", {"findings", "pulled", "shown"})]
)
def test_examples_of_a_study_run(
    name: str, made: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile("\n".join(blocks), f"{name}.md", "exec"), scope)
    assert made <= scope.keys()


def test_example_runs(tmp_path: Path) -> None:
    script = ROOT / "examples" / "own_network.py"
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "runs" / "own-network" / "report.html").is_file()


def test_table_of_methods_is_made_from_the_records() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "tables.py", "--check"], check=False)
    assert made.returncode == 0, "run `make docs` and commit docs/methods.md"


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(
            f"docs/{name}.md"
            for name in (
                "open-set",
                "concepts",
                "leakage",
                "discovery",
                "explanations",
                "ambiguity",
                "fleets",
                "data",
            )
        ),
    ],
)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    for link in links:
        assert ((ROOT / name).parent / link).exists(), f"{name} links to {link}"
