"""GASTeN: a trained GAN is trained on, so that its images also leave a classifier undecided."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.rules import Rule, Step
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.model import logged_sum
from lightwell.models.ranges import check_ranges

_BAND = 0.1  # of the share that is logged


class Gasten(LightningModule):
    """The second step of GASTeN: a discriminator trained as before, a generator moved by a rule.

    Train it with :func:`lightwell.training.fit`. Both networks get new optimisers. The classifier is asked
    and never changed; it is no part of this module, of its weights or its checkpoints. Logged: the
    discriminator's terms, ``generator`` (the plain loss), ``pull`` (unweighted), ``band_share`` (images with
    p in [0.4, 0.6]) and MGDA's ``gamma``. Since each step is of one network, several processes need the
    strategy ``ddp_find_unused_parameters_true``.

    Parameters
    ----------
    gan : Gan
        Trained in place.
    undecided : Undecided
        The classifier and its two classes.
    rule : Rule
        How the generator is moved.
    lr : float
        Learning rate of both networks, above 0.

    Raises
    ------
    ConfigError
        If the learning rate is out of range.

    References
    ----------
    Cunha, Soares, Restivo and Teixeira, "GASTeN: generative adversarial stress test networks", IDA 2023.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> gan = Gan(Signature((), (28, 28, 1)))
    >>> asked = Undecided(nn.Sequential(nn.Flatten(), nn.Linear(784, 2)), outputs="logits")
    >>> Gasten(gan, asked, Rule.parse("mgda"), lr=1e-3).gan is gan
    True
    """

    fields: tuple[str, ...] = ()

    def __init__(self, gan: Gan, undecided: Undecided, rule: Rule, lr: float) -> None:
        super().__init__()
        self.gan, self.undecided, self.rule, self.lr = gan, undecided, rule, lr
        check_ranges("gasten", self, above="lr")
        self.automatic_optimization = False
        self._clip = math.inf

    def on_fit_start(self) -> None:
        """Take the classifier to the device of the training."""
        self.undecided.to(self.device)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Move the discriminator as :class:`Gan` does, then the generator as the rule says."""
        (images,) = batch
        n = len(images)
        discriminator, generator = cast("list[Any]", self.optimizers())
        with self.toggled_optimizer(discriminator):
            loss = logged_sum(self, self.gan.discriminator_terms(images, self.gan.fakes(n)), n, batch_idx)
            self._move(discriminator, Step(loss))
        if self.gan.batches_done % self.gan.settings.discriminator_steps == 0:
            with self.toggled_optimizer(generator):
                self._play(generator, _Batch(self, n, batch_idx))
        return loss.detach()

    def _play(self, optimizer: Any, batch: _Batch) -> None:
        for step in self.rule.steps(batch):
            self._move(optimizer, step)
            if step.gamma is not None:
                batch.log("gamma", step.gamma)
        batch.finish()

    def _move(self, optimizer: Any, step: Step) -> None:
        optimizer.zero_grad()
        self.manual_backward(step.loss)
        self._clip = step.clip
        optimizer.step()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradient here, where it is the mean of all processes and no longer scaled for 16 bits."""
        if self._clip < math.inf:
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            nn.utils.clip_grad_norm_(weights, self._clip)

    def validation_step(self, batch: tuple[Tensor, ...], _batch_idx: int) -> None:
        """Log the GAN's terms of held-out images."""
        named = {f"validation/{name}": value for name, value in self.gan.losses(*batch).items()}
        self.log_dict(named, on_epoch=True, batch_size=len(batch[0]), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return Adam for discriminator and generator, at a constant rate and with the betas of the GAN."""
        parts = (self.gan.discriminator, self.gan.generator)
        return [torch.optim.Adam(p.parameters(), lr=self.lr, betas=self.gan.settings.betas) for p in parts]


class _Batch:
    """One batch as a rule sees it, a ``Game``; what it computes is logged."""

    def __init__(self, gasten: Gasten, n: int, number: int) -> None:
        self._gasten, self._gan, self._n, self._number = gasten, gasten.gan, n, number
        self.weights: Sequence[nn.Parameter] = list(gasten.gan.generator.parameters())
        # Drawn as Gan.fakes does, so that the rule 'control' is the plain step bit for bit.
        self._noise = torch.randn(max(n, 2), self._gan.settings.noise_size).to(self._gan.input_mean)
        self._images = self._noise
        self._asked = False

    def generate(self) -> Tensor:
        made = self._gan.generate(self._noise)[: self._n]
        self._images = made.detach()
        return made

    def adversarial(self, images: Tensor) -> Tensor:
        return self._checked("generator", self._gan.generator_loss(images))

    def pull(self, images: Tensor) -> Tensor:
        answer = self._gasten.undecided.ask(images)
        self._asked = True
        self.log("band_share", ((answer.p.detach() - 0.5).abs() <= _BAND).float().mean())
        return self._checked("pull", self._gasten.rule.pull(answer).mean())

    def mean(self, values: Tensor) -> Tensor:
        # A clone, since processes may be summed in place.
        return cast("Tensor", self._gasten.trainer.strategy.reduce(values.clone(), reduce_op="mean"))

    def finish(self) -> None:
        """Log the pull of a rule that has none as well, by its last images."""
        if not self._asked:
            with torch.no_grad():
                self.pull(self._images)

    def log(self, name: str, value: Any) -> None:
        log = functools.partial(self._gasten.log, on_step=False, on_epoch=True, sync_dist=True)
        log(f"train/{name}", value, batch_size=self._n)

    def _checked(self, name: str, loss: Tensor) -> Tensor:
        return logged_sum(self._gasten, {name: loss}, self._n, self._number)
