"""Checkpoints: what goes in comes out, damage is told, nothing is pickled."""

from __future__ import annotations

import math
import pickletools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightwell.core import DataError, ModelFileError
from lightwell.training.checkpoint import SafeCheckpointIO


def round_trip(value, path):
    reader = SafeCheckpointIO()
    reader.save_checkpoint(value, path)
    return reader.load_checkpoint(path)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_every_kind_of_value_comes_back(tmp_path):
    weights = torch.arange(12.0).reshape(3, 4)
    whole = {
        "state": {0: {"momentum": weights, "step": torch.tensor(3.0)}, 1: {}},
        "shared": [weights, weights[1:], weights.T, weights[:, ::2]],
        "tuple": (1, (2.5, None), [], ()),
        "flags": [True, False, None, "text", "", -3, 1e-300],
        None: {"": "empty key", True: "a key that is no text"},
        "kinds": [
            torch.tensor([True, False]),
            torch.zeros(0, 3),
            torch.ones(2, dtype=torch.bfloat16),
            torch.tensor(2**62),
            torch.tensor([float("nan"), float("inf")]).nan_to_num(7.0),
            torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last),
        ],
        "a/b": torch.tensor(1),
        "a": {"b": torch.tensor(2)},
        1: torch.tensor(3),
        "1": torch.tensor(4),
    }
    assert same(round_trip(whole, tmp_path / "x.ckpt"), whole)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.builds(torch.full, st.lists(st.integers(0, 3), max_size=3).map(tuple), st.integers(-5, 5)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(-3, 3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=3), values, max_size=4))
def test_any_nesting_comes_back(tmp_path, value):
    assert same(round_trip(value, tmp_path / "x.ckpt"), value)


def test_numbers_that_are_not_finite_come_back(tmp_path):
    back = round_trip({"rows": [math.nan, math.inf], "t": torch.tensor([math.nan])}, tmp_path / "x.ckpt")
    assert math.isnan(back["rows"][0])
    assert back["rows"][1] == math.inf
    assert torch.isnan(back["t"]).all()


def test_what_is_loaded_does_not_hang_on_the_file(tmp_path):
    path = tmp_path / "x.ckpt"
    back = round_trip({"t": torch.arange(1000.0)}, path)
    path.write_bytes(b"\0" * path.stat().st_size)  # in place, unlike our own writing
    assert torch.equal(back["t"], torch.arange(1000.0))


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", len, 1j, torch.nn.Linear(1, 1), {(1, 2): 3}])
def test_objects_are_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(ModelFileError, match=r"only tensors and plain values.*/deep/0"):
        SafeCheckpointIO().save_checkpoint({"deep": [value]}, tmp_path / "x.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_earlier_checkpoint(tmp_path):
    path = tmp_path / "x.ckpt"
    SafeCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises(ModelFileError):
        SafeCheckpointIO().save_checkpoint({"epoch": object()}, path)
    assert SafeCheckpointIO().load_checkpoint(path) == {"epoch": 1}


def test_nothing_is_pickled(tmp_path):
    path = tmp_path / "x.ckpt"
    SafeCheckpointIO().save_checkpoint({"weights": torch.ones(3), "rows": [{"epoch": 1.0}]}, path)
    whole = path.read_bytes()
    assert whole[:2] != b"PK", "no zip of torch.save"
    assert whole[8:9] == b"{", "a length and a JSON header: safetensors"
    with pytest.raises(ValueError, match=r".*"):
        list(pickletools.genops(whole))


def test_every_cut_is_noticed(tmp_path):
    path = tmp_path / "x.ckpt"
    SafeCheckpointIO().save_checkpoint({"w": torch.arange(6.0), "epoch": 3}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"x\.ckpt.*Start again without it"):
            SafeCheckpointIO().load_checkpoint(path)


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "x.ckpt"
    value = {"w": torch.arange(6.0), "epoch": 3, "name": "n"}
    SafeCheckpointIO().save_checkpoint(value, path)
    whole = bytearray(path.read_bytes())
    noticed = 0
    for place in range(len(whole)):
        whole[place] ^= 1 << place % 7
        path.write_bytes(whole)
        whole[place] ^= 1 << place % 7
        try:
            back = SafeCheckpointIO().load_checkpoint(path)
        except ModelFileError:
            noticed += 1
        else:
            assert same(back, value), f"byte {place}"  # padding of the header, for instance
    assert noticed > 0.9 * len(whole)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"PK\x03\x04", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="cannot be read"):
        SafeCheckpointIO().load_checkpoint(path)


def test_a_missing_file_is_refused_and_removing_one_is_not(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be read"):
        SafeCheckpointIO().load_checkpoint(tmp_path / "none.ckpt")
    SafeCheckpointIO().remove_checkpoint(tmp_path / "none.ckpt")


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        SafeCheckpointIO().save_checkpoint({}, tmp_path / "file" / "x.ckpt")
