"""An interrupted and resumed training ends as an uninterrupted one, bit for bit: weights, optimiser, log."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys

import pytest
import torch
import toy_training
from toy_training import noisy, toy_model, train

from lightwell.core import ModelFileError
from lightwell.training.checkpoint import SafeCheckpointIO


def stored(folder):
    return SafeCheckpointIO().load_checkpoint(folder / "checkpoints" / "last.ckpt")


def log_of(folder):
    with (folder / "metrics.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        assert float(row.pop("cpu_seconds")) >= 0
    return rows


def flat(value, path=""):
    if isinstance(value, dict):
        return {name: leaf for key in value for name, leaf in flat(value[key], f"{path}/{key}").items()}
    if isinstance(value, list | tuple):
        return flat(dict(enumerate(value)), path)
    return {path: value}


def assert_same_end(first, second):
    """Compare weights, optimiser and schedule of two checkpoints, and the two logs without their times."""
    a, b = stored(first), stored(second)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
        one, other = flat(a[part]), flat(b[part])
        assert one.keys() == other.keys()
        for name, value in one.items():
            same = torch.equal(value, other[name]) if torch.is_tensor(value) else value == other[name]
            assert same, f"{part}{name}"
    assert log_of(first) == log_of(second)


def interrupting(at, how):
    """Return an augmentation that does as ``noisy``, and calls ``how`` at its ``at``-th batch."""
    calls = iter(range(1000))

    def augment(images, chance):
        if next(calls) == at:
            how()
        return noisy(images, chance)

    return augment


def raise_interrupt():
    raise KeyboardInterrupt


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The same short training without any interruption."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder)
    return folder


@pytest.mark.parametrize("batch", [0, 2, 3, 7, 11])
def test_interrupted_anywhere_then_resumed_is_the_same(straight, tmp_path, batch):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, augment=interrupting(batch, raise_interrupt))  # 3 batches an epoch, 4 epochs
    model, rows = train(tmp_path, resume=True)
    assert_same_end(straight, tmp_path)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stored(straight)["state_dict"][name]), name


@pytest.mark.parametrize(
    ("number", "raised", "code"),
    [
        (signal.SIGTERM, SystemExit, 143),
        (signal.SIGHUP, SystemExit, 129),
        (signal.SIGINT, KeyboardInterrupt, None),
    ],
)
def test_a_signal_stops_at_once_and_the_folder_resumes(straight, tmp_path, number, raised, code):
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # `nohup` would have it ignored
    try:
        with pytest.raises(raised) as stopped:
            train(tmp_path, augment=interrupting(7, send(number)))
        assert signal.getsignal(number) is usual
    finally:
        signal.signal(number, before)
    assert getattr(stopped.value, "code", None) == code
    assert stored(tmp_path)["epoch"] == 1, "two epochs were whole when the signal came"
    train(tmp_path, resume=True)
    assert_same_end(straight, tmp_path)


def test_a_signal_in_the_very_last_batch_is_not_lost(tmp_path):
    with pytest.raises(SystemExit):
        train(tmp_path, augment=interrupting(11, send(signal.SIGTERM)))


def test_interrupted_twice(straight, tmp_path):
    for batch in (4, 3):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, augment=interrupting(batch, raise_interrupt), resume=True)
    train(tmp_path, resume=True)
    assert_same_end(straight, tmp_path)


@pytest.mark.parametrize(
    ("network", "kind", "optimizer", "settings"),
    [
        ("vgg32", "softmax", {}, {}),
        ("toy_training:body", "difair", {"decoupled": True, "schedule": "cosine_restarts"}, {}),
        ("toy_training:body", "softmax", {"name": "adamw", "update": "epoch"}, {"clip_gradient": 0.1}),
        ("toy_training:body", "softmax", {}, {"precision": "bf16-mixed", "channels_last": False}),
    ],
)
def test_other_networks_methods_optimisers_and_precisions_resume_too(
    tmp_path, network, kind, optimizer, settings
):
    def model():
        return toy_model(network, kind, **optimizer)

    whole, parted = tmp_path / "whole", tmp_path / "parted"
    train(whole, epochs=2, model=model(), **settings)
    with pytest.raises(KeyboardInterrupt):
        train(parted, epochs=2, model=model(), augment=interrupting(4, raise_interrupt), **settings)
    train(parted, epochs=2, model=model(), resume=True, **settings)
    assert_same_end(whole, parted)


def test_the_seed_decides_and_nothing_else(straight, tmp_path):
    torch.manual_seed(12345)
    train(tmp_path / "again")
    train(tmp_path / "other", seed=1)
    assert_same_end(straight, tmp_path / "again")
    assert log_of(tmp_path / "other") != log_of(straight)


def test_a_finished_training_resumed_does_nothing(straight, tmp_path):
    train(tmp_path)
    before = (tmp_path / "checkpoints" / "last.ckpt").read_bytes()

    def never(images, chance):
        raise AssertionError("a batch was asked for")

    model, rows = train(tmp_path, resume=True, augment=never)
    assert len(rows) == 4
    assert (tmp_path / "checkpoints" / "last.ckpt").read_bytes() == before
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stored(straight)["state_dict"][name]), name


def test_a_moved_folder_resumes(straight, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "here", augment=interrupting(7, raise_interrupt))
    (tmp_path / "here").rename(tmp_path / "there")
    train(tmp_path / "there", resume=True)
    assert_same_end(straight, tmp_path / "there")
    whole = (tmp_path / "there" / "checkpoints" / "last.ckpt").read_bytes()
    assert str(tmp_path).encode() not in whole, "a checkpoint tells nobody where it was made"


def test_without_resume_an_older_checkpoint_is_never_gone_on_from(straight, tmp_path):
    train(tmp_path, seed=9)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, augment=interrupting(1, raise_interrupt))  # within its first epoch
    train(tmp_path, resume=True)
    assert_same_end(straight, tmp_path)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    train(tmp_path, epochs=1)
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match=r"last\.ckpt"):
        train(tmp_path, epochs=2, resume=True)


def kills(folder, rounds, seed, longest):
    script = [sys.executable, toy_training.__file__, str(folder), str(rounds), str(seed), str(longest)]
    done = subprocess.run(script, check=True, capture_output=True, text=True, timeout=300)
    return done.stdout.split("\n")[:-1]


def assert_survives_kills(tmp_path, rounds, seed, longest):
    folder = tmp_path / "killed"
    assert "killed" in kills(folder, rounds, seed, longest)
    if (folder / "checkpoints" / "last.ckpt").exists():
        assert stored(folder)["epoch"] >= 0
    train(folder, epochs=40, resume=True)
    train(tmp_path / "straight", epochs=40)
    assert_same_end(tmp_path / "straight", folder)


def test_kill_minus_nine_then_resume_is_the_same(tmp_path):
    assert_survives_kills(tmp_path, rounds=1, seed=0, longest=0.8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_fifteen_kills_at_random_instants(tmp_path, seed):
    assert_survives_kills(tmp_path, rounds=15, seed=seed, longest=0.2)
