"""Encoders that tests name as ``frozen_encoders:...``."""

from __future__ import annotations

import torch
from torch import nn


class Noisy(nn.Module):
    """Has what must stay still: batch norm, dropout, weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images).mean(dim=(2, 3))


def noisy() -> nn.Module:
    return Noisy()


def maps() -> nn.Module:
    return nn.Conv2d(1, 6, 3, padding=1)


class Pair(nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, images


def pair() -> nn.Module:
    return Pair()


def picky() -> nn.Module:
    return nn.Linear(3, 3)
