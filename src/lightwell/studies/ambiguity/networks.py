"""Every network of the study: trained once, stored, and read back where a resumed run has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

import torch
from lightning.pytorch import LightningModule
from torch import nn

from lightwell.core.dataset import Dataset
from lightwell.core.errors import ConfigError
from lightwell.core.files import MANIFEST, read_json, save_arrays, write_json
from lightwell.core.seeds import derive, preserved
from lightwell.metrics.generation import Gaussian
from lightwell.models import saved
from lightwell.models.boundary.gan import Gan
from lightwell.models.boundary.gasten import Gasten
from lightwell.models.boundary.undecided import Undecided
from lightwell.models.load import load_model
from lightwell.models.model import Model, Signature, evaluating
from lightwell.studies.ambiguity.eyes import Eyes, features_of
from lightwell.studies.ambiguity.parts import Parts, whole_batch
from lightwell.studies.ambiguity.recipes import judge_recipe, subject_recipe, subject_signature
from lightwell.studies.ambiguity.settings import AmbiguitySettings
from lightwell.studies.learning import Recipe, signature_of
from lightwell.studies.writing import join_metrics, model_card
from lightwell.training import Run, fit
from lightwell.training.run import log


class Networks:
    """The networks of one run.

    Parameters
    ----------
    study : AmbiguitySettings
        The settings.
    parts : Parts
        The data.
    run : Run
        The open run.
    """

    def __init__(self, study: AmbiguitySettings, parts: Parts, run: Run) -> None:
        self.study, self.parts, self.run = study, parts, run
        self.folder = run.path("models")
        self._pair = signature_of(parts.train, "", standardise=False)
        if not run.resume:
            shutil.rmtree(self.folder, ignore_errors=True)  # of an attempt that failed
        self._borrow()

    def classifier(self) -> Undecided:
        """Return the classifier under test, calibrated on the images that were only watched."""
        study, note = self.study, self.folder / "subject.json"
        if study.model:
            model, pair = load_model(study.model), None
        else:
            model, pair = self._subject("subject", study.subject.filters), (1, 0)
        whole = self.parts.validation
        images = whole_batch(whole.inputs[:])
        asked = Undecided(model, pair or self._columns(model, images[:2]), study.outputs)
        asked.probe(images)
        if self.run.resume and note.is_file():
            kept = read_json(note)
            return Undecided(model, asked.pair, kept["outputs"], kept["temperature"])
        truth = torch.from_numpy(whole.labels.copy())
        if study.calibrate:
            asked = asked.calibrated(images, truth)
        right = ((asked.predict(images).p >= 0.5) == (truth == 1)).float().mean().item()
        log.info(
            "classifier: returns %s, temperature %.3g, accuracy %.3f on %d watched images of the pair",
            asked.outputs, asked.temperature, right, whole.n,
        )  # fmt: skip
        write_json(note, {"outputs": asked.outputs, "temperature": asked.temperature})
        self._join()
        return asked

    def others(self) -> dict[str, Undecided]:
        """Return classifiers of other capacity, by name; what they find undecided is compared."""
        found = {}
        for filters in self.study.others:
            name = f"nf{filters}"
            found[name] = Undecided(self._subject(f"other_{filters}", filters), (1, 0))
        self._join()
        return found

    def eyes(self, undecided: Undecided, others: Mapping[str, Undecided]) -> Eyes:
        """Return all that looks at images, with the judge, whose features realism is measured in.

        The judge is trained on all classes, and no generator ever sees it.
        """
        train, path = self.parts.every, self.run.path("statistics.npz")
        signature = signature_of(train, self.study.judge_network)
        judge = self._trained("judge", judge_recipe(self.study), signature, train, None)
        if not (self.run.resume and path.is_file()):
            features = features_of(judge, self.parts.train.inputs[:])
            save_arrays(self.run.path("representation", "reference.npz"), {"features": features})
            Gaussian.of(features).save(path)
        self._join()
        return Eyes(undecided, others, judge, Gaussian.load(path), self.parts.columns)

    def step_one(self) -> None:
        """Train the plain GAN, weights kept along the way."""
        study, folder = self.study, self.folder / "gan"
        if self._has(folder / "model"):
            self._check_starts()
            return
        seed = derive(study.seed, "gan") % 2**31
        recipe = Recipe("gan", study.gan, study.optimizer, study.step1, seed=seed)
        kept = study.kept(study.step1.epochs, study.step1_every) | set(study.start_epochs)
        if 0 in kept and not self._has(folder / "epochs" / "00"):
            saved.save(recipe.untrained(self._pair), folder / "epochs" / "00")
        self._trained("gan", recipe, self._pair, self.parts.train, None, _keeper(folder / "epochs", kept))
        self._join()

    def _check_starts(self) -> None:
        held = self.epochs("gan")
        for start in self.study.start_epochs:
            if start not in held:
                raise ConfigError(
                    "the stored GAN has no weights of this epoch", where="starts", got=start,
                    expected=", ".join(map(str, held)),
                )  # fmt: skip

    def step_two(self, undecided: Undecided) -> None:
        """Train a copy of the GAN on, for every start and rule."""
        study = self.study
        kept = study.kept(study.step2.epochs, study.step2_every)
        for start in study.start_epochs:
            for rule in study.parsed_rules:
                folder = self.folder / place(str(rule), start)
                if self._has(folder / "epochs" / f"{study.step2.epochs:02}"):
                    continue
                gan = self.gan(start).train()
                # All rules see the same images and noise in the same order: they differ by the rule alone.
                seed = derive(study.seed, "step 2", start) % 2**31
                fit(
                    Gasten(gan, undecided, rule, study.step2_lr), self.parts.train, study.step2, folder,
                    seed=seed, resume=self.run.resume, each_epoch=_keeper(folder / "epochs", kept, gan),
                )  # fmt: skip
                self._join()
                log.info("trained: %s from epoch %d", rule, start)

    def gan(self, epoch: int) -> Gan:
        """Return the plain GAN as it was after an epoch."""
        return stored_gan(self.folder, "gan", epoch)

    def gasten(self, rule: str, start: int, epoch: int) -> Gan:
        """Return a GAN as it was after an epoch of step 2."""
        return stored_gan(self.folder, place(rule, start), epoch)

    def epochs(self, network: str) -> list[int]:
        """Return the epochs of a training after which weights are stored."""
        return sorted(int(kept.name) for kept in (self.folder / network / "epochs").glob("[0-9]*"))

    @property
    def trainings(self) -> list[Path]:
        """Every log of a training so far."""
        return sorted(self.folder.rglob("metrics.csv"))

    def _subject(self, name: str, filters: int) -> Model:
        recipe, train = subject_recipe(self.study, filters, name), self.parts.train
        return self._trained(name, recipe, subject_signature(train), train, self.parts.validation)

    def _trained(
        self,
        name: str,
        recipe: Recipe,
        signature: Signature,
        train: Dataset,
        validation: Dataset | None,
        each_epoch: Callable[[LightningModule, int], None] | None = None,
    ) -> Model:
        folder = self.folder / name
        if self._has(folder / "model"):
            return saved.load(folder / "model")
        model = recipe.model(signature, train, validation, folder, self.run, each_epoch)
        said = f"Trained as '{name}' on {train.n:,} images of {train.name}, seed {self.study.seed}."
        saved.save(model, folder / "model", card=model_card(model, said))
        log.info("trained: %s", name)
        return model.eval()

    def _columns(self, model: nn.Module, images: torch.Tensor) -> tuple[int, int]:
        """Return where a classifier of the user's own keeps the two classes."""
        positive, negative = self.parts.names
        if isinstance(model, Model):
            names = model.signature.class_names
            for name in (positive, negative):
                if name not in names:
                    raise ConfigError(
                        "this model does not know a class of the pair", where=self.study.model, got=name,
                        expected=f"two of its classes: {', '.join(names)}",
                        fix="Name two of them with --pair.",
                    )  # fmt: skip
            return names.index(positive), names.index(negative)
        Undecided(model, outputs="logits").probe(images)  # says in words what does not fit
        with preserved(), evaluating(model):
            outputs = model(images)
        return self.parts.columns if outputs.ndim == 2 and outputs.shape[1] > 2 else (1, 0)

    def _borrow(self) -> None:
        """Copy networks of another run, where the settings ask for that and they are not here yet."""
        for setting, inner in (("step2_from", ""), ("step1_from", "gan")):
            source, target = getattr(self.study, setting), self.folder / inner
            if source is None or target.is_dir():
                continue
            held = Path(source) / "models" / inner
            if not (Path(source) / "models" / "gan" / "model" / MANIFEST).is_file():
                raise ConfigError(
                    "this run has no trained GAN", where=setting, got=source, expected="a run of this study"
                )
            half = self.run.path("borrowing")  # whole or not at all, whenever the run is killed
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(held, half)
            target.parent.mkdir(parents=True, exist_ok=True)
            half.rename(target)
            known = saved.load(self.folder / "gan" / "model").signature
            if known.class_names != self._pair.class_names or known.image_shape != self._pair.image_shape:
                shutil.rmtree(target)
                raise ConfigError(
                    "the stored GAN makes other images", where=setting, expected=self._pair.class_names,
                    got=f"{known.class_names}, {known.image_shape}",
                )  # fmt: skip

    def _has(self, folder: Path) -> bool:
        borrowed = self.study.step1_from or self.study.step2_from
        return bool(self.run.resume or borrowed) and (folder / MANIFEST).is_file()

    def _join(self) -> None:
        join_metrics(self.run.path("metrics.csv"), self.trainings)


def place(rule: str, start: int) -> str:
    """Return the folder of a rule from a start, within ``models``.

    Examples
    --------
    >>> place("alternating:1", 5)
    'gasten/alternating-1_05'
    """
    return f"gasten/{rule.replace(':', '-')}_{start:02}"


def stored_gan(models: Path, network: str, epoch: int) -> Gan:
    """Return a GAN as it was after an epoch: the network is ``gan``, or a :func:`place` of step 2."""
    return cast("Gan", saved.load(models / network / "epochs" / f"{epoch:02}"))


def _keeper(
    folder: Path, kept: Iterable[int], gan: Gan | None = None
) -> Callable[[LightningModule, int], None]:
    wanted = set(kept)

    def keep(model: LightningModule, epoch: int) -> None:
        if epoch + 1 in wanted:
            saved.save(gan or cast("Model", model), folder / f"{epoch + 1:02}")

    return keep
