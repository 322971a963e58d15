"""Several models of one kind trained in one process, as if each were alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from lightwell.core.errors import ConfigError
from lightwell.core.seeds import derive
from lightwell.models.discovery.clustnet import ClustNet, rest
from lightwell.models.model import logged_sum, scheduled


class Members(LightningModule):
    """Models that differ in their seed alone, their weights stacked: one step moves them all.

    Each member has its own weights, order of images, augmentation and draws, and ends where it would have
    ended in a training of its own with its seed, up to rounding. Two things are shared: the random numbers of
    a body's dropout, and the limit of a clipped gradient. What is logged is the mean over the members.

    Parameters
    ----------
    models : sequence of ClustNet
        Of the same signature and settings, two or more; they are left as they are.
    seeds : sequence of int
        What each training would have been called with.

    Raises
    ------
    ConfigError
        If numbers of models and seeds differ, or there are fewer than two.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> members = Members([ClustNet(Signature(("a", "b"), (8, 8, 1), "tiny")) for _ in range(3)], (0, 1, 2))
    >>> len(members.models())
    3
    """

    two_views = True
    fields = ClustNet.fields

    def __init__(self, models: Sequence[ClustNet], seeds: Sequence[int]) -> None:
        if len(models) != len(seeds) or len(models) < 2:
            raise ConfigError(
                "members need a seed each, two or more", got=f"{len(models)} models, {len(seeds)} seeds"
            )
        super().__init__()
        self.seeds = tuple(seeds)
        self._base = [copy.deepcopy(models[0])]  # in a list: its weights are not weights of this module
        weights, buffers = stack_module_state(list(models))
        self._names = {name: name.replace(".", "__") for name in (*weights, *buffers)}
        for name, tensor in weights.items():
            self.register_parameter(self._names[name], nn.Parameter(tensor.detach().clone()))
        for name, tensor in buffers.items():
            self.register_buffer(self._names[name], tensor.clone())
        self._weights = tuple(weights)

    @property
    def base(self) -> ClustNet:
        """A model of their kind, in their mode and training; its own weights mean nothing."""
        model = self._base[0]  # Lightning does not see it, and sets neither
        model.trainer = self._trainer
        return model if model.training == self.training else model.train(self.training)

    def models(self) -> list[ClustNet]:
        """Return the members as models of their own, weights copied, without a trainer."""
        self._base[0].trainer = None
        made = [copy.deepcopy(self._base[0]) for _ in self.seeds]
        for number, model in enumerate(made):
            model.load_state_dict({name: tensor[number] for name, tensor in self._stacked().items()})
        return made

    def _stacked(self) -> Mapping[str, Tensor]:
        return {name: getattr(self, own) for name, own in self._names.items()}

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Return the sum of all members' losses, so that each has the gradient of its own."""
        n, step = batch[0].shape[1], (self.trainer.global_step, self.trainer.global_rank)
        draws = [
            self.base.draws(n, torch.Generator().manual_seed(derive(seed, "step", *step)))
            for seed in self.seeds
        ]
        images, labels = batch[:2]
        view = batch[2] if len(batch) > 2 else None
        dims = (0, 0, 0, None if view is None else 0, 0)
        terms = self._each("losses", dims, images, labels, view, torch.stack(draws).to(images.device))
        mean = {name: term.mean() for name, term in terms.items()}
        return logged_sum(self, mean, n, batch_idx) * len(self.seeds)

    def validation_step(self, batch: tuple[Tensor, ...], _batch_idx: int) -> None:
        """Log the mean terms and measures of held-out images."""
        dims = (0, None, None)
        found = self._each("losses", dims, *batch) | self._each("measures", dims, *batch)
        named = {f"validation/{name}": value.mean() for name, value in found.items()}
        self.log_dict(named, on_epoch=True, batch_size=len(batch[0]), sync_dist=True)

    def _each(self, name: str, dims: tuple[int | None, ...], *args: Tensor | None) -> dict[str, Tensor]:
        """Call a method of each member; dims tell which arguments are stacked."""
        call = _Call(self.base, name)

        def one(state: dict[str, Tensor], *own: Tensor | None) -> dict[str, Tensor]:
            found: dict[str, Tensor] = functional_call(call, state, own)
            return found

        state = {f"model.{key}": tensor for key, tensor in self._stacked().items()}
        found: dict[str, Tensor] = torch.vmap(one, in_dims=dims, randomness="different")(state, *args)
        return found

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the members: its rules work number by number."""
        return scheduled(self, self.base.optimizer_settings, list(self.parameters()))

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let weights that rest keep what they are."""
        del optimizer
        weights = ((name, getattr(self, self._names[name])) for name in self._weights)
        rest(weights, self.base.resting)


class _Call(nn.Module):
    """A method of a model in place of ``forward``, which is what can be called with weights handed in."""

    def __init__(self, model: ClustNet, name: str) -> None:
        super().__init__()
        self.model, self._name = model, name

    def forward(self, *args: Tensor | None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = getattr(self.model, self._name)(*args)
        return found
