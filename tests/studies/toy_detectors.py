"""Detectors of other libraries, in the shape of pytorch-ood's: what a user may name with `--detectors`."""

from __future__ import annotations

import torch
from torch.nn import functional


class MaxLogit:
    def __init__(self, model):
        self.model = model

    def fit(self, loader):
        return self

    def predict(self, images):
        return -self.model(images).max(dim=1).values


class Inverted(MaxLogit):
    def predict(self, images):
        return -super().predict(images)


class LogitMeans(MaxLogit):
    """Learns from the loader, twice over, and draws a global random number."""

    def fit(self, loader):
        pairs = [(self.model(images).detach(), labels) for _ in range(2) for images, labels in loader]
        logits, labels = (torch.cat(part) for part in zip(*pairs, strict=True))
        self.means = torch.stack([logits[labels == c].mean(dim=0) for c in range(logits.shape[1])])
        self.noise = torch.rand(()) * 1e-6

    def predict(self, images):
        return torch.cdist(self.model(images), self.means).min(dim=1).values + self.noise


class ODIN(MaxLogit):
    """Needs gradients of images and weights, and is rude to all it gets."""

    def __init__(self, model):
        assert not model.training
        assert torch.is_grad_enabled()
        super().__init__(model)

    def predict(self, images):
        torch.set_grad_enabled(True)
        logits = self.model.eval()(images.requires_grad_())
        functional.cross_entropy(logits, logits.argmax(dim=1)).backward()
        moved = images.detach() - 0.01 * images.grad.sign()
        scores = 1 - torch.softmax(self.model(moved), dim=1).max(dim=1).values
        torch.set_grad_enabled(False)
        for weight in self.model.parameters():
            weight += weight.grad
        self.model.train().register_forward_hook(lambda *_: None)
        return scores.tolist()


class Breaks(ODIN):
    def predict(self, images):
        super().predict(images)
        raise ZeroDivisionError("in code of others")


class TwoColumns(MaxLogit):
    def predict(self, images):
        return self.model(images)[:, :2]


class NotANumber(MaxLogit):
    def predict(self, images):
        return super().predict(images) * torch.nan


class OnDevice(MaxLogit):
    """Keeps counts of its fit as a tensor, and insists on a batch where the network is."""

    def fit(self, loader):
        weight = next(self.model.parameters())
        self.counts = torch.zeros(3, device=weight.device)
        for images, labels in loader:
            assert images.device == labels.device == weight.device
            self.counts += torch.bincount(labels, minlength=3)
        self.calls = 0

    def predict(self, images):
        weight = next(self.model.parameters())
        assert isinstance(images, torch.Tensor)
        assert (images.device, images.dtype, images.ndim) == (weight.device, torch.float32, 4)
        assert 0 <= images.min() <= images.max() <= 1
        self.calls += 1
        return torch.full((len(images),), float(self.counts.sum())) + self.calls


class TooFew(MaxLogit):
    def predict(self, images):
        return super().predict(images)[1:]


class NoFit:
    def __init__(self, model):
        pass

    def predict(self, images):
        return images.sum(dim=(1, 2, 3))


NUMBER = 3
