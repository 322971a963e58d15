"""What a discovery is trained, watched and measured on."""

from __future__ import annotations

from dataclasses import dataclass

from lightwell.core.dataset import Dataset
from lightwell.core.errors import DataError
from lightwell.core.findings import slug
from lightwell.data import SOURCES
from lightwell.data.coarse import coarsen, fine_labels
from lightwell.data.resize import resized
from lightwell.studies.discovery.settings import DiscoverySettings
from lightwell.studies.parting import drawn, load_at, train_and_test

_HALVES = ("low", "high")


@dataclass(frozen=True)
class Parts:
    """Three disjoint parts of one data set.

    Attributes
    ----------
    train : Dataset
        Trained on; labels are coarse.
    watched : Dataset
        Tells how the gate is doing, never trained on.
    test : Dataset
        Measured on.
    fine_names : tuple of str
        Names of the fine classes by their number; empty where none are known.
    """

    train: Dataset
    watched: Dataset
    test: Dataset
    fine_names: tuple[str, ...]

    @property
    def coarse_names(self) -> tuple[str, ...]:
        """Names of the coarse classes."""
        return self.train.class_names


def with_coarse(whole: Dataset, coarse: str) -> tuple[Dataset, tuple[str, ...]]:
    """Return a data set with coarse labels, and the names of its fine classes.

    Parameters
    ----------
    whole : Dataset
        As it was loaded.
    coarse : str
        The setting.
    """
    if coarse == "auto":
        halves = whole.name in SOURCES and whole.n_classes == 10
        groups = (whole.class_names[:5], whole.class_names[5:])
        joined = coarsen(whole, dict(zip(_HALVES, groups, strict=True))) if halves else whole
    else:
        joined = coarsen(whole, coarse) if coarse else whole
    fine = fine_labels(joined)
    if fine is None:
        return joined, ()
    own = fine_labels(whole) is None  # then the numbers are those of the classes as loaded
    return joined, whole.class_names if own else tuple(map(str, range(int(fine.max(initial=0)) + 1)))


def parts_of(settings: DiscoverySettings, dataset: Dataset | None = None) -> Parts:
    """Part a data set, officially where it has parts for training and test, else at random.

    Parameters
    ----------
    settings : DiscoverySettings
        The settings.
    dataset : Dataset, optional
        Images with classes, in place of those that the settings name.

    Raises
    ------
    DataError
        If it has no images, there are not two coarse classes, or one has no training image.
    """
    size, seed, validation = settings.image_size, settings.seed, settings.validation
    whole = load_at(settings.data, settings.data_dir, size) if dataset is None else dataset
    if not whole.is_images:
        raise DataError("this study is about images", where=whole.name, got="series")
    joined, fine_names = with_coarse(whole, settings.coarse)
    train, test = train_and_test(joined, seed)
    # Watched images come on top of those to train on, as long as there are more.
    wanted = None if settings.train_images is None else round(settings.train_images * (1 + validation))
    train, test = drawn(train, wanted, seed), drawn(test, settings.test_images, seed)
    share = validation / (1 + validation)
    train, watched = train.split(1 - share, share, seed=seed, stratify=False)
    if size is not None:
        train, watched, test = (resized(part, size) for part in (train, watched, test))
    parts = Parts(train, watched, test, fine_names)
    _check(parts)
    return parts


def _check(parts: Parts) -> None:
    """Refuse what cannot be trained on or tested, before anything is trained."""
    train = parts.train
    if train.n_classes < 2:
        raise DataError(
            "discovery needs two coarse classes or more: with one there is nothing to tell apart",
            where=train.name,
            got=train.class_names,
            fix="Group the classes with coarse, such as 'low=0,1;high=2,3'.",
        )
    if len(set(map(slug, train.class_names))) < train.n_classes:
        raise DataError(
            "coarse classes cannot be told apart in the names of findings",
            where=train.name,
            expected="names that differ in more than case, spaces, dots and underscores",
            got=train.class_names,
        )
    for name, part in (("training", train), ("watched", parts.watched), ("test", parts.test)):
        counts = part.class_counts
        if not part.n or (part.labels < 0).any() or (part is train and not all(counts.values())):
            raise DataError(
                f"the {name} images do not do: some are needed, of known classes, to train on of each",
                where=train.name,
                got=f"{counts} and {int((part.labels < 0).sum())} of no class",
            )
