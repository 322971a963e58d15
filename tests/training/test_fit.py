"""fit: divergence, what it leaves behind, what it refuses, precisions, trackers, the log."""

from __future__ import annotations

import csv
import errno
import importlib.util
import logging
import os
import random
import signal
import threading
import warnings

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from toy_training import noisy, toy_data, toy_model, train

from lightwell.core import ConfigError, DataError, LightwellError, TrainingDiverged
from lightwell.models.classifiers.softmax import Softmax
from lightwell.training import TrainingSettings, fit
from lightwell.training.checkpoint import SafeCheckpointIO
from lightwell.training.loggers import make_loggers
from lightwell.training.machine import threads


class Breaking(Softmax):
    """A softmax classifier with a second term that misbehaves at one training step."""

    def losses(self, images, labels):
        terms = super().losses(images, labels)
        weight = self.head.linear.weight
        extra = (weight - weight.detach()).sum()  # 0, with gradient 1
        if self.training and self.global_step == self.broken_at:
            extra = extra.sqrt() if self.only_gradient else extra + float("nan")
        return terms | {"extra": extra * 1e-6}


def breaking(at, only_gradient=False):
    model = toy_model()
    model.__class__ = Breaking
    model.broken_at, model.only_gradient = at, only_gradient
    return model


class Plain(LightningModule):
    """A user's own module, which does not look at its loss."""

    def __init__(self, poison=1.0):
        super().__init__()
        self.layer = torch.nn.Linear(64, 3)
        self.poison = poison

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = torch.nn.functional.cross_entropy(self.layer(images.flatten(1)), labels)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss * (self.poison if self.global_step == 4 else 1.0)

    def validation_step(self, batch, batch_idx):
        self.log("right", (self.layer(batch[0].flatten(1)).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def checkpoint(folder):
    return folder / "checkpoints" / "last.ckpt"


def all_finite(folder):
    weights = SafeCheckpointIO().load_checkpoint(checkpoint(folder))["state_dict"]
    return all(torch.isfinite(tensor.float()).all() for tensor in weights.values())


def test_a_loss_that_is_not_finite_stops_in_its_step_and_names_term_and_batch(tmp_path):
    train(tmp_path, epochs=2, model=breaking(at=7))
    before = checkpoint(tmp_path).read_bytes()
    with pytest.raises(TrainingDiverged, match=r"'extra' is nan.*epoch 2, batch 1"):
        train(tmp_path, epochs=4, model=breaking(at=7), resume=True)
    assert checkpoint(tmp_path).read_bytes() == before
    with (tmp_path / "metrics.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 2


def test_a_gradient_that_is_not_finite_never_reaches_a_checkpoint(tmp_path):
    # The last batch of the third epoch: its loss is finite, the weights after it are not.
    with pytest.raises(TrainingDiverged, match=r"weights 'head.linear.weight'.*epoch 2, batch 2"):
        train(tmp_path, model=breaking(at=8, only_gradient=True))
    assert all_finite(tmp_path)
    assert SafeCheckpointIO().load_checkpoint(checkpoint(tmp_path))["global_step"] == 6


def test_a_gradient_that_is_not_finite_stops_one_step_later(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"epoch 1, batch 1"):
        train(tmp_path, model=breaking(at=3, only_gradient=True))
    assert all_finite(tmp_path)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_the_loss_of_a_users_own_module_is_watched_too(tmp_path, poison):
    with pytest.raises(TrainingDiverged, match=r"the loss is (nan|inf).*epoch 1, batch 1"):
        train(tmp_path, model=Plain(poison))
    assert all_finite(tmp_path)


def test_a_users_own_module_trains(tmp_path):
    model, rows = train(tmp_path, model=Plain(), epochs=2)
    assert isinstance(model, Plain)
    assert [sorted(row) for row in rows] == [
        ["cpu_seconds", "epoch", "learning_rate", "loss", "right", "step"]
    ] * 2


def state_of_the_process():
    names = ("lightning.pytorch", "lightning.fabric", "lightning", "lightwell", None)
    return {
        "python": random.getstate(),
        "numpy": [part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()],
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "signals": {
            n: signal.getsignal(n) for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
        },
        "logging": [(logging.getLogger(n).level, logging.getLogger(n).propagate) for n in names],
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
    }


def stop_with(error):
    def augment(images, chance):
        raise error

    return augment


@pytest.mark.parametrize("error", [None, ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_the_process_is_as_found_after_success_error_and_interrupt(tmp_path, error):
    torch.manual_seed(5)
    before = state_of_the_process()
    if error is None:
        train(tmp_path, threads=2)
    else:
        with pytest.raises(type(error)):
            train(tmp_path, augment=stop_with(error), threads=2)
    after = state_of_the_process()
    for name, value in before.items():
        assert after[name] == value, name


def test_ctrl_c_is_a_keyboard_interrupt_and_the_next_one_works(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, augment=stop_with(KeyboardInterrupt()))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_exit_of_the_users_own_stays_one(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path, augment=stop_with(SystemExit(1)))
    assert stopped.value.code == 1


def test_a_handler_of_the_users_own_is_asked_and_stays(tmp_path):
    seen = []

    def mine(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with pytest.raises(SystemExit):
            train(tmp_path, augment=lambda images, chance: (os.kill(os.getpid(), signal.SIGTERM), images)[1])
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
    assert set(seen) == {signal.SIGTERM}


def test_it_trains_in_a_thread_as_well(tmp_path):
    ends = []

    def work():
        ends.append(train(tmp_path / "thread", epochs=1)[1])

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    (rows,) = ends
    _, here = train(tmp_path / "here", epochs=1)
    assert rows[0]["train/cross_entropy"] == here[0]["train/cross_entropy"]


@pytest.mark.parametrize("error", [None, ValueError("broken")])
def test_the_model_keeps_mode_and_hooks_and_loses_gradients_and_trainer(tmp_path, error):
    model = toy_model()
    model.body[0][1].eval()  # frozen statistics, a habit of fine-tuning
    model.register_forward_hook(lambda *_: None)
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()
    ]
    modes = [part.training for part in model.modules()]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in eval mode.*")  # Lightning tells, rightly
        if error is None:
            train(tmp_path, model=model)
        else:
            with pytest.raises(ValueError, match="broken"):
                train(tmp_path, model=model, augment=stop_with(error))
    assert [part.training for part in model.modules()] == modes
    assert hooks == [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()
    ]
    assert all(weight.grad is None for weight in model.parameters())
    assert all(tensor.is_contiguous() for tensor in model.state_dict().values())
    assert model._trainer is None


def test_a_model_in_another_memory_layout_keeps_it(tmp_path):
    model = toy_model().to(memory_format=torch.channels_last)
    before = [weight.stride() for weight in model.parameters()]
    train(tmp_path, model=model, epochs=1)
    assert [weight.stride() for weight in model.parameters()] == before


def test_interrupted_while_validating_the_model_is_back_in_training_mode(tmp_path):
    model = toy_model()
    model.validation_step = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, model=model)
    assert all(part.training for part in model.modules())


class Stale(Softmax):
    """Its criterion falls for three epochs, and then never again."""

    criterion = "error"

    def measures(self, images, labels):
        return {"error": torch.tensor(1.0 / min(self.current_epoch + 1, 3))}


def stale():
    model = toy_model()
    model.__class__ = Stale
    return model


def test_it_stops_when_the_criterion_stands_still(tmp_path):
    settings = {"patience": 2, "epochs": 9}
    _, rows = train(tmp_path, model=stale(), **settings)
    assert len(rows) == 5
    _, again = train(tmp_path, model=stale(), resume=True, **settings)
    assert again == rows  # it had stopped: resuming adds nothing


def test_patience_without_a_criterion_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing tells .*training.patience\).*got Softmax"):
        train(tmp_path, patience=3)
    with pytest.raises(ConfigError, match="Stale without held-out images"):
        fit(stale(), toy_data(), TrainingSettings(patience=3), tmp_path)


def test_dataset_arrays_are_untouched(tmp_path):
    data = toy_data()
    before = data.inputs.copy(), data.labels.copy()
    fit(toy_model(), data, TrainingSettings(epochs=1, accelerator="cpu"), tmp_path, augment=noisy)
    assert np.array_equal(data.inputs, before[0])
    assert np.array_equal(data.labels, before[1])


def test_the_log_has_each_epoch_once_and_is_a_table(tmp_path):
    _, rows = train(tmp_path, epochs=2)
    _, rows = train(tmp_path, epochs=5, resume=True)
    with (tmp_path / "metrics.csv").open(newline="") as handle:
        table = list(csv.DictReader(handle))
    assert [float(row["epoch"]) for row in table] == [0, 1, 2, 3, 4]
    assert [float(row["step"]) for row in table] == [3, 6, 9, 12, 15]
    spent = [float(row["cpu_seconds"]) for row in table]
    assert spent == sorted(spent), "the second sitting goes on counting where the first stopped"
    assert [{k: float(v) for k, v in row.items()} for row in table] == rows
    assert {"train/cross_entropy", "validation/cross_entropy", "validation/accuracy"} <= table[0].keys()


def test_without_validation_only_training_is_logged(tmp_path):
    rows = fit(toy_model(), toy_data(), TrainingSettings(epochs=2, accelerator="cpu"), tmp_path)
    assert not [name for name in rows[0] if name.startswith("validation")]


def test_nothing_to_train_on_is_refused(tmp_path):
    empty = toy_data().take([])
    with pytest.raises(DataError, match="nothing to make batches of"):
        fit(toy_model(), empty, TrainingSettings(epochs=1, accelerator="cpu"), tmp_path)


def test_an_example_without_class_is_refused_before_any_work(tmp_path):
    data = toy_data()
    labels = data.labels.copy()
    labels[3] = -1
    unlabelled = type(data)("toy", data.inputs, labels, data.class_names)
    with pytest.raises(DataError, match=r"has no class.*1 labels of -1"):
        fit(toy_model(), unlabelled, TrainingSettings(epochs=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("devices", 0),
        ("threads", 0),
        ("clip_gradient", -1.0),
        ("clip_gradient", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigError, match=f"training.{name}"):
        TrainingSettings(**{name: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_machine_that_cannot_is_told_as_a_setting(tmp_path):
    with pytest.raises(ConfigError, match="do not work here"):
        fit(toy_model(), toy_data(), TrainingSettings(accelerator="gpu"), tmp_path)


@pytest.mark.parametrize(
    "settings", [{"precision": "bf16-mixed"}, {"clip_gradient": 0.5}, {"channels_last": False}]
)
def test_precision_clipping_and_layout_are_accepted(tmp_path, settings):
    model, rows = train(tmp_path, epochs=1, **settings)
    assert np.isfinite(rows[0]["train/cross_entropy"])
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


def test_clipping_bounds_the_step(tmp_path):
    start, plain = toy_model(), {"momentum": 0.0, "weight_decay": 0.0}
    model, _ = train(tmp_path, epochs=1, n=8, clip_gradient=1e-4, model=toy_model(**plain))
    with torch.no_grad():
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        moved = sum(((a - b) ** 2).sum() for a, b in pairs).sqrt().item()
    assert 0 < moved <= 0.05 * 1e-4 * 1.01  # one step, of at most the peak rate times the norm


def test_threads_are_set_inside_and_put_back():
    def now():
        return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")

    def fail_inside():
        with threads(2):
            assert now() == (2, "2")
            raise ValueError("x")

    before = now()
    with pytest.raises(ValueError, match="x"):
        fail_inside()
    with threads(None):
        assert now() == before
    assert now() == before


def test_a_full_disk_says_so_and_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    train(tmp_path, epochs=1)
    before = checkpoint(tmp_path).read_bytes()
    real = type(tmp_path).write_bytes

    def full(self, data):
        real(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(LightwellError, match=r"last.ckpt.*No space left.*Make room"):
        train(tmp_path, epochs=3, resume=True)
    monkeypatch.undo()
    assert checkpoint(tmp_path).read_bytes() == before
    assert [p.name for p in checkpoint(tmp_path).parent.iterdir()] == ["last.ckpt"]
    _, rows = train(tmp_path, epochs=3, resume=True)
    assert len(rows) == 3


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboard")
    train(tmp_path, epochs=2, logger=("tensorboard",))
    (events,) = (tmp_path / "tensorboard").glob("events.out.tfevents.*")
    assert b"train/cross_entropy" in events.read_bytes()


@pytest.mark.parametrize(("name", "module"), [("wandb", "wandb"), ("mlflow", "mlflow")])
def test_a_tracker_that_is_not_installed_names_its_extra(tmp_path, name, module):
    if importlib.util.find_spec(module):
        pytest.skip(f"{module} is installed here")
    with pytest.raises(ConfigError, match=rf"pip install 'lightwell\[{name}\]'"):
        train(tmp_path, logger=(name,))


def test_an_unknown_tracker_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown tracker.*got clearml"):
        make_loggers(["clearml"], tmp_path)
