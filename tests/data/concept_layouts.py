"""Synthetic files of data sets with concepts, small, in the official layouts."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from lightwell.data.readers import celeba, mpi3d
from lightwell.data.sprites import GRID, draw_sprites

_COLUMNS = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair
Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup
High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose
Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat
Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
"""
CELEBA_COLUMNS = tuple(_COLUMNS.split())


class Trap:
    """What a pickled ``metadata`` could do to a reader that loads it."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def write_dsprites(path: Path, rows: np.ndarray, **changed: np.ndarray) -> None:
    """Write these images as the official npz does, with a pickled metadata that must not be read."""
    factors = GRID.factors(rows)
    arrays = {
        "metadata": np.array(Trap(), dtype=object),
        "imgs": draw_sprites(rows)[..., 0] // 255,
        "latents_classes": np.insert(factors, 0, 0, axis=1),
        "latents_values": np.insert(factors.astype(float), 0, 1, axis=1),
    }
    np.savez_compressed(path, **(arrays | changed))


def mpi3d_images(name: str = "mpi3d-toy") -> np.ndarray:
    """Return images of one pixel that spell their row in three bytes."""
    rows = np.arange(mpi3d.grid_of(name).n)
    return np.stack([rows >> 16, rows >> 8, rows], axis=1).astype(np.uint8)[:, None, None]


def write_mpi3d(folder: Path, images: np.ndarray, file: str = "mpi3d_toy.npz") -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / file, images=images)
    return folder / file


def write_celeba(folder: Path, n: int, *, as_csv: bool = False, partition: bool = True) -> np.ndarray:
    """Write n faces, the k-th in one grey of k, and return the table of attributes, -1 or 1."""
    table = np.where(np.random.default_rng(0).random((n, 40)) < 0.4, 1, -1)
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{k + 1:06d}.jpg" for k in range(n)]
    for k, name in enumerate(names):
        face = np.full((218, 178, 3), k, np.uint8)
        face[:20] = face[-20:] = 255  # cropped away
        Image.fromarray(face).save(folder / "img_align_celeba" / name, quality=95)
    parts = [[name, str(k % 3)] for k, name in enumerate(names)]
    if as_csv:
        write_csv(folder / "list_attr_celeba.csv", [["image_id", *CELEBA_COLUMNS], *rows_of(names, table)])
        if partition:
            write_csv(folder / "list_eval_partition.csv", [["image_id", "partition"], *parts])
    else:
        lines = [str(n), " ".join(CELEBA_COLUMNS), *("  ".join(row) for row in rows_of(names, table))]
        (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
        if partition:
            (folder / "list_eval_partition.txt").write_text("".join(" ".join(row) + "\n" for row in parts))
    return table


def rows_of(names, table):
    return [[name, *map(str, row)] for name, row in zip(names, table.tolist(), strict=True)]


def write_csv(path, rows):
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)


def cut(path: Path, member: str) -> None:
    """Flip a byte in the middle of a member of an npz."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        middle = info.header_offset + info.compress_size // 2 + 100
    content = bytearray(path.read_bytes())
    content[middle] ^= 0xFF
    path.write_bytes(content)


CELEBA_CHOSEN = [CELEBA_COLUMNS.index(name) for name in celeba.ATTRIBUTES]
