"""Checkpoints without pickles: tensors in safetensors, everything else as JSON in its header."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lightwell.core.errors import ModelFileError
from lightwell.core.files import write_bytes

# Marks of the JSON skeleton: {"t": key of a tensor}, {"d": [[key, value], ...]}, {"l": [...]}, {"u": [...]}.


class SafeCheckpointIO(CheckpointIO):
    """Writes Lightning's checkpoint dictionary as one safetensors file, atomically.

    Only tensors and plain JSON values are kept; anything else is refused, so nothing is ever pickled.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint, whole or not at all.

        Raises
        ------
        ModelFileError
            If it holds anything but tensors and plain values.
        DataError
            If the file cannot be written; an earlier one stays as it was.
        """
        del storage_options
        tensors: dict[str, Tensor] = {}
        skeleton = json.dumps(_strip(checkpoint, tensors, ""))
        record = {"skeleton": skeleton, "sha256": _digest(skeleton, tensors)}
        write_bytes(Path(path), save(tensors, metadata=record))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises
        ------
        ModelFileError
            If the file is damaged or not one of ours.
        """
        del map_location, weights_only
        try:
            with safe_open(path, framework="pt") as file:
                record = file.metadata() or {}
                # Cloned, since the file's own tensors lie on its pages and it is about to be replaced.
                tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
            if record["sha256"] != _digest(record["skeleton"], tensors):
                raise ValueError("a checksum that does not fit")  # noqa: TRY301 - told like the others
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise ModelFileError(
                "this checkpoint cannot be read", where=path, got=error, fix="Start again without it."
            ) from error
        whole = _restore(json.loads(record["skeleton"]), tensors)
        assert isinstance(whole, dict)  # noqa: S101 - the skeleton's root is one by construction
        return whole

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _strip(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Return the JSON skeleton of a value, its tensors put aside under their path."""
    if isinstance(value, Tensor):
        key = f"{len(tensors)}{path}"  # the number keeps {"a/b": ...} apart from {"a": {"b": ...}}
        tensors[key] = value.detach().cpu().contiguous().clone()
        return {"t": key}
    if isinstance(value, dict):
        return {"d": [[_plain(k, path), _strip(v, tensors, f"{path}/{k}")] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [_strip(v, tensors, f"{path}/{i}") for i, v in enumerate(value)]
        return {"l" if isinstance(value, list) else "u": items}
    return _plain(value, path)


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ModelFileError(
        "a checkpoint keeps only tensors and plain values", where=path, got=type(value).__name__
    )


def _restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((mark, content),) = value.items()
    if mark == "t":
        return tensors[content]
    if mark == "d":
        return {key: _restore(item, tensors) for key, item in content}
    items = [_restore(item, tensors) for item in content]
    return items if mark == "l" else tuple(items)


def _digest(skeleton: str, tensors: dict[str, Tensor]) -> str:
    """Return a SHA-256 of everything a checkpoint holds; safetensors itself has no checksum."""
    digest = hashlib.sha256(skeleton.encode())
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
