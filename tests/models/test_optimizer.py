"""Schedules at the published moments, and decoupled weight decay step by step."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lightwell.core import ConfigError
from lightwell.models.classifiers.softmax import Softmax
from lightwell.models.model import Signature
from lightwell.models.optimizer import DecoupledSGD, OptimizerSettings, build_optimizer, learning_rate

PAPER = OptimizerSettings(lr=0.3, schedule="cosine_restarts", warmup=10, restarts=2, update="epoch")


def rate(epoch, settings=PAPER, epochs=600):
    return learning_rate(settings, epoch, epochs)


# The schedule of the paper: 600 epochs, lr 0.3.


def test_warmup_is_a_line_to_the_cosine_value_at_its_end():
    end = 3e-4 + (0.3 - 3e-4) * (1 + math.cos(math.pi * 10 / 200)) / 2
    assert end == pytest.approx(0.298155, abs=1e-6)
    assert rate(0) == pytest.approx(3.0e-4)
    assert rate(10) == pytest.approx(end)
    assert rate(5) == pytest.approx((3.0e-4 + end) / 2)
    assert rate(10 - 1e-9) == pytest.approx(end)


def test_restarts_are_at_200_and_400():
    # The seed's code runs one epoch late (201, 401); that slip is not kept.
    assert [rate(e) for e in (200, 400)] == pytest.approx([0.3, 0.3])
    assert max(rate(e) for e in (199, 399)) < 4e-4
    assert rate(100) == rate(300) == rate(500) == pytest.approx((0.3 + 3e-4) / 2)


def test_floor_is_a_share_of_the_peak():
    # The seed's code falls to lr · lr · 1e-3 = 9e-5; that slip is not kept either.
    assert rate(600) == pytest.approx(3e-4)
    assert min(rate(e / 10) for e in range(6001)) == pytest.approx(3e-4)


def test_rate_never_rises_but_at_restarts():
    rates = [rate(e) for e in range(10, 601)]
    rises = [e for e, (a, b) in enumerate(pairwise(rates), start=11) if b > a]
    assert rises == [200, 400]


# The other schedules.


def test_the_end_is_a_line_to_the_floor():
    settings = OptimizerSettings(lr=1.0, schedule="linear_end", warmup=0.1, floor=0.0, end_share=0.2)
    found = [rate(e, settings, 100) for e in (0, 5, 10, 50, 80, 90, 100)]
    assert found == pytest.approx([0, 0.5, 1, 1, 1, 0.5, 0])


def test_a_log_warmup_rises_by_equal_factors():
    # GlanceNets: five epochs of logspace(1e-7, 1e-3, 5), then the rate itself.
    settings = OptimizerSettings(
        lr=1e-3, schedule="constant", warmup=4, warmup_shape="log", floor=1e-4, update="epoch"
    )
    assert [rate(e, settings) for e in range(6)] == pytest.approx([1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-3])
    with pytest.raises(ConfigError, match=r"optimizer.floor\): .*above 0 for a log warm-up, got 0"):
        OptimizerSettings(warmup_shape="log", floor=0)


def test_exponential_decay_is_a_drop_each_epoch():
    settings = OptimizerSettings(
        lr=1.0, schedule="drop", drop_epoch=1, drop_factor=0.8, drops=99, warmup=0, update="epoch"
    )
    assert [rate(e, settings) for e in range(4)] == pytest.approx([1, 0.8, 0.64, 0.512])


def test_one_cosine():
    settings = OptimizerSettings(lr=1.0, schedule="cosine", warmup=0, floor=0)
    found = [rate(e, settings, 8) for e in (0, 2, 4, 6, 8)]
    assert found == pytest.approx([1, 0.853553, 0.5, 0.146447, 0], abs=1e-6)


def test_warmup_below_1_is_a_share_of_the_training():
    share = OptimizerSettings(lr=0.2, schedule="cosine", warmup=0.25)
    whole = OptimizerSettings(lr=0.2, schedule="cosine", warmup=5)
    assert [rate(e, share, 20) for e in range(21)] == [rate(e, whole, 20) for e in range(21)]


def test_constant_and_drop():
    constant = OptimizerSettings(lr=0.1, schedule="constant", warmup=0)
    assert {rate(e, constant) for e in range(600)} == {0.1}
    drop = OptimizerSettings(lr=0.1, schedule="drop", warmup=0, drop_epoch=50)
    assert [rate(e, drop) for e in (0, 49, 50, 599)] == pytest.approx([0.1, 0.1, 0.001, 0.001])


def test_drop_in_steps():
    steps = OptimizerSettings(lr=0.1, schedule="drop", warmup=0, drop_epoch=30, drop_factor=0.1, drops=3)
    found = [rate(e, steps) for e in (0, 29, 30, 60, 89, 90, 119, 120, 500)]
    assert found == pytest.approx([0.1, 0.1, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-4])


# Weight decay.


def one_weight(value=1.0):
    return nn.Parameter(torch.tensor([value], dtype=torch.float64))


def test_decoupled_steps_by_hand():
    weight = one_weight()
    optimizer = DecoupledSGD([weight], lr=0.1, momentum=0.9, weight_decay=0.01)
    weight.grad = torch.tensor([0.5], dtype=torch.float64)
    optimizer.step()
    # w ← 1 · (1 − 0.1 · 0.01), v ← 0.5, w ← w − 0.1 · v
    assert weight.item() == pytest.approx(0.999 - 0.05, abs=1e-12)
    optimizer.step()
    # w ← 0.949 · 0.999, v ← 0.9 · 0.5 + 0.5, w ← w − 0.1 · v
    assert weight.item() == pytest.approx(0.949 * 0.999 - 0.095, abs=1e-12)


def test_coupled_decay_enters_the_momentum():
    weight = one_weight()
    optimizer = build_optimizer(OptimizerSettings(lr=0.1, weight_decay=0.01), [weight])
    weight.grad = torch.tensor([0.5], dtype=torch.float64)
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 0.1 * (0.5 + 0.01), abs=1e-12)


def test_without_decay_it_is_sgd_bit_for_bit():
    start = torch.randn(20, generator=torch.Generator().manual_seed(0))
    weights = [nn.Parameter(start.clone()) for _ in range(2)]
    optimizers = [
        DecoupledSGD([weights[0]], lr=0.1, momentum=0.9),
        torch.optim.SGD([weights[1]], lr=0.1, momentum=0.9),
    ]
    for step in range(5):
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = torch.sin(start * step)
            optimizer.step()
    assert torch.equal(*weights)


def test_a_weight_without_gradient_stays():
    moving, frozen = one_weight(), one_weight()
    optimizer = DecoupledSGD([moving, frozen], lr=0.1, weight_decay=0.5)
    moving.grad = torch.zeros_like(moving)
    optimizer.step()
    assert (moving.item(), frozen.item()) == (0.95, 1.0)


def test_closure_sees_the_weights_before_they_shrink():
    weight = one_weight()
    optimizer = DecoupledSGD([weight], lr=0.1, weight_decay=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (3 * weight).sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 3.0
    assert weight.item() == pytest.approx(0.95 - 0.3)


def test_decay_follows_the_learning_rate_and_survives_a_resume():
    weight = one_weight()
    optimizer = DecoupledSGD([weight], lr=0.1, weight_decay=0.5)
    resumed = DecoupledSGD([weight], lr=9.0)
    resumed.load_state_dict(optimizer.state_dict())
    resumed.param_groups[0]["lr"] = 0.2
    weight.grad = torch.zeros_like(weight)
    resumed.step()
    assert weight.item() == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"name": "sgd"}, torch.optim.SGD),
        ({"name": "sgd", "decoupled": True}, DecoupledSGD),
        ({"name": "adam"}, torch.optim.Adam),
        ({"name": "adamw"}, torch.optim.AdamW),
    ],
)
def test_settings_choose_the_optimizer(settings, kind):
    optimizer = build_optimizer(OptimizerSettings(lr=0.02, weight_decay=0.003, **settings), [one_weight()])
    group = optimizer.param_groups[0]
    assert type(optimizer) is kind
    assert group["lr"] == 0.02
    assert group.get("decoupled_decay", group["weight_decay"]) == 0.003
    if settings["name"] == "sgd":
        assert (group["momentum"], group["nesterov"]) == (0.9, False)


@pytest.mark.parametrize("update", ["step", "epoch"])
def test_a_model_follows_the_schedule_step_by_step(update):
    settings = OptimizerSettings(lr=0.4, schedule="cosine", warmup=1, update=update)
    model = Softmax(Signature(("a", "b"), (8, 8, 1)), optimizer=settings)
    trainer = SimpleNamespace(max_epochs=4, estimated_stepping_batches=20)
    model.trainer = trainer
    configured = model.configure_optimizers()
    schedule = configured["lr_scheduler"]["scheduler"]
    for step in range(20):
        moment = step / 5 if update == "step" else step // 5
        assert schedule.get_last_lr() == pytest.approx([learning_rate(settings, moment, 4)])
        configured["optimizer"].step()
        schedule.step()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", 0),
        ("momentum", 1),
        ("weight_decay", -1),
        ("warmup", -1),
        ("restarts", -1),
        ("floor", 2),
        ("drop_epoch", 0),
        ("drop_factor", 0),
        ("drops", -1),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(
        ConfigError, match=rf"out of range \(in optimizer\.{name}\): expected .*, got {value}"
    ):
        OptimizerSettings(**{name: value})
