"""Writers of small data on disk: CIFAR-10's binary layout, class folders, a CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_cifar10_binary(folder: Path, images: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    """Write cifar-10-batches-bin: a record is a label and three planes, six batches in order."""
    folder.mkdir(parents=True)
    records = np.concatenate([labels[:, None], images.transpose(0, 3, 1, 2).reshape(len(images), -1)], axis=1)
    batches = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for name, rows in zip(batches, np.split(records.astype(np.uint8), 6), strict=True):
        (folder / name).write_bytes(rows.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n")


def class_folders(
    root: Path, names: list[str], n: int = 40, sizes: tuple[int, ...] = (10,), mode: str = "RGB"
) -> Path:
    """Write n small pictures into a folder a class; sizes take turns."""
    rng = np.random.default_rng(len(names))
    for c, name in enumerate(names):
        folder = root / name
        folder.mkdir(parents=True)
        for i in range(n):
            size = sizes[i % len(sizes)]
            pixels = rng.integers(0, 90, (size, size, 3), dtype=np.uint8)
            pixels[c % size] = 250
            Image.fromarray(pixels).convert(mode).save(folder / f"{i}.png")
    return root


def write_csv(folder: Path, n_train: int) -> Path:
    """List the pictures of class folders; the first of each class are for training."""
    lines = ["file,label,part"]
    for path in sorted(folder.glob("*/*.png")):
        part = "train" if int(path.stem) < n_train else "test"
        lines.append(f"{path.relative_to(folder).as_posix()},{path.parent.name},{part}")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return folder / "list.csv"
