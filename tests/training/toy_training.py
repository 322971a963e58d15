"""A training of milliseconds with everything that could break a resume: dropout, batch norm, augmentation.

As a script it trains in child processes and kills them: ``toy_training.py FOLDER ROUNDS SEED LONGEST``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lightwell.core.dataset import Dataset
from lightwell.core.seeds import generator, global_seed
from lightwell.models.classifiers.difair import Difair
from lightwell.models.classifiers.softmax import Softmax, SoftmaxSettings
from lightwell.models.model import Signature
from lightwell.models.optimizer import OptimizerSettings
from lightwell.training import TrainingSettings, fit

CLASSES = ("ant", "bee", "cow")


def body(channels):
    layers = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)
    )
    layers.out_channels = 4
    return layers


def toy_data(n=20, seed=0, size=8):
    draw = generator(seed, "toy")
    labels = np.arange(n) % 3
    images = draw.integers(0, 120, (n, size, size, 1)) + 60 * labels[:, None, None, None]
    return Dataset("toy", images.astype(np.uint8), labels, CLASSES)


def noisy(images, chance):
    return (images + 0.1 * torch.rand(images.shape, generator=chance)).clamp(0, 1)


def toy_model(network="toy_training:body", kind="softmax", **optimizer):
    signature = Signature(CLASSES, (8, 8, 1), network)
    how = OptimizerSettings(**({"lr": 0.05} | optimizer))
    with global_seed(0, "weights"):
        if kind == "difair":
            return Difair(signature, optimizer=how)
        return Softmax(signature, SoftmaxSettings(features=5), how)


def train(folder, *, epochs=4, model=None, resume=False, augment=noisy, n=20, seed=0, **settings):
    model = model or toy_model()
    settings = TrainingSettings(epochs=epochs, batch_size=8, accelerator="cpu", **settings)
    rows = fit(
        model,
        toy_data(n),
        settings,
        Path(folder),
        validation=toy_data(7, seed=1),
        augment=augment,
        seed=seed,
        resume=resume,
    )
    return model, rows


def kill_while_training(folder, rounds, seed, longest, epochs=40):
    """Start the training again and again, each time in a child killed with SIGKILL at a random instant.

    Instants are drawn up to ``longest`` seconds; a whole training takes about 1.3.
    """
    chance = random.Random(seed)
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            train(folder, epochs=epochs, resume=True)
            os._exit(0)
        time.sleep(chance.uniform(longest / 8, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        ended = "killed" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        sys.stdout.write(f"{ended}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    kill_while_training(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
