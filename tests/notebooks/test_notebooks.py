"""The notebooks run from top to bottom, are small, and show nothing of the machine they were made on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "notebooks"
NAMES = ("ambiguity", "benchmark", "concepts", "discovery", "explanations", "instance", "leakage", "search")


def read(name: str):
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(ROOT / f"{name}.ipynb", as_version=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
# Jupyter's own: it announces that the kernel of this very test is not encrypted.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning", "ignore::ResourceWarning")
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path) -> None:
    nbclient = pytest.importorskip("nbclient")
    if name == "search":
        pytest.importorskip("optuna")
    notebook = read(name)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == list(
        range(1, 1 + sum(cell.cell_type == "code" for cell in notebook.cells))
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_with_its_outputs_small_and_without_paths(name: str) -> None:
    path = ROOT / f"{name}.ipynb"
    assert path.stat().st_size < 500_000
    notebook = read(name)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    texts = [output.get("text", "") + str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert not any(re.search(r"(/[\w.-]+){2,}|[A-Z]:\\", text) for text in texts)
