"""The images that any restart misclassified after any epoch, from the scores kept in ``epochs/``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.files import load_arrays
from lightwell.report.figures.subclasses import misclassified
from lightwell.studies.discovery.study import Discovery


def mistakes(folder: Path | str, epoch: int, restart: int = 0, dataset: Dataset | None = None) -> Figure:
    """Draw the test images whose coarse class a restart told wrongly after an epoch, surest first.

    Parameters
    ----------
    folder : Path or str
        A run folder.
    epoch, restart : int
        From 0. With ``scores: last`` only the last epoch is there.
    dataset : Dataset, optional
        What the run was given; without it the images are loaded as its settings say.

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`lightwell.report.figures.subclasses.misclassified` draws it.

    Raises
    ------
    DataError
        If the scores of this epoch were not kept, there is no such restart, or the images are others.
    """
    folder = Path(folder)
    path = folder / "epochs" / f"{epoch}.npz"
    if not path.is_file():
        kept = sorted(int(file.stem) for file in path.parent.glob("*.npz"))
        raise DataError("no scores of this epoch", where=path.parent, expected=kept, got=epoch)
    arrays = load_arrays(path)
    log_probabilities, gate = arrays["test.log_probabilities"], arrays["test.gate"]
    if not 0 <= restart < len(gate):
        raise DataError("no such restart", where=path, expected=f"0 to {len(gate) - 1}", got=restart)
    study = Discovery.from_preset(str(folder / "config.yaml"))
    parts = study.data_parts(dataset)
    if not np.array_equal(np.asarray(parts.test.ids), arrays["test.ids"]):
        raise DataError("these are not the images of the run", where=path, got=parts.test.name)
    said = log_probabilities[restart].argmax(axis=1)
    sure = np.exp(log_probabilities[restart].max(axis=1).astype(np.float64))
    names, experts = parts.coarse_names, gate[restart].argmax(axis=1)
    cells = [f"{names[c]} / {k}" for c, k in zip(said, experts, strict=True)]
    return misclassified(np.asarray(parts.test.inputs[:]), parts.test.labels, said, sure, cells, names)
