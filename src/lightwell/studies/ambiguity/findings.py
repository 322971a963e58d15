"""The findings of the study ``ambiguity``, from what its stages stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from lightwell.core.files import load_arrays
from lightwell.core.findings import Estimate, Findings, Null
from lightwell.explain.patterns import AgainstNull, Patterns
from lightwell.metrics import share_estimate
from lightwell.metrics.generation import Gaussian, confusion_distance, in_band, risk_coverage
from lightwell.studies.ambiguity.cautions import tell
from lightwell.studies.ambiguity.estimates import Reference, beside, measured, realism, rows_of
from lightwell.studies.ambiguity.eyes import Arrays
from lightwell.studies.ambiguity.patterns import read_patterns, source_of
from lightwell.studies.ambiguity.samples import GENERATORS, REAL, band_of, read_samples
from lightwell.studies.ambiguity.settings import AmbiguitySettings

_WORDS = {
    REAL: "real test images",
    "rejection": "rejection from the plain GAN",
    "control": "control: trained on without a pull",
}


def collect(folder: Path, study: AmbiguitySettings) -> Findings:
    """Return the findings of a run, each beside its null, and what a reader must know before."""
    sets, width = read_samples(folder), study.band
    reference = Reference(
        load_arrays(folder / "representation" / "reference.npz")["features"],
        Gaussian.load(folder / "statistics.npz"),
    )
    each = {name: measured(name, seen, reference, width, study.seed) for name, seen in sets.items()}
    found = Findings(_classifier(sets[REAL]))
    nulls = {
        "rejection": REAL,
        "latent": "rejection",
        "gasten": "control" if "control" in sets else "rejection",
    }
    for name in GENERATORS:
        null, n = nulls[name], len(sets[name]["p"])
        base = each[null]
        if len(sets[null]["p"]) > n:  # distances fall, and recall rises, with the number of images alone
            base = measured(null, rows_of(sets[null], np.arange(n)), reference, width, study.seed)
        found.add(*beside(each[name], base, _WORDS[null]))
    found.add(*_in_the_band(sets, width, study.seed))
    source = source_of(folder)
    found.add(*_shared(source, sets[source], width))
    patterns, _ = read_patterns(folder)
    found.add(*_of_patterns(patterns), *_of_prototypes(folder))
    found.warnings += tell(folder, study, sets, found, patterns)
    return found


def _classifier(real: Arrays) -> Iterator[Estimate]:
    """Yield the accuracy on the pair, and what refusing the undecided buys."""
    right = (real["p"] >= 0.5) == (real["labels"] == 1)
    majority = max(float(real["labels"].mean()), 1 - float(real["labels"].mean()))
    yield share_estimate("accuracy", right, null=Null("majority class", majority))
    curve = risk_coverage(confusion_distance(real["p"]), ~right)
    null = Null("refusing at random", curve.null)
    yield Estimate("reject_option.area", curve.area, n=len(right), higher_is_better=False, null=null)


def _in_the_band(sets: Mapping[str, Arrays], width: float, seed: int) -> Iterator[Estimate]:
    """Yield how real the images in the band alone are: there every generator has the same share."""
    kept = {name: rows_of(seen, band_of(seen, width)) for name, seen in sets.items()}
    kept[REAL] = dict(sets[REAL])
    real = realism(REAL, kept[REAL], seed)
    base, words = real, _WORDS[REAL]
    for name in GENERATORS:
        if len(kept[name]["p"]):
            own = realism(f"{name}.band", kept[name], seed)
            yield from beside(own, base, words)
            if name == "rejection":
                base, words = own, "rejection, in the band"


def _shared(source: str, seen: Arrays, width: float) -> Iterator[Estimate]:
    """Yield the share of the band that another classifier finds undecided, too."""
    rows = band_of(seen, width)
    for name in (key for key in seen if key.startswith("p.")):
        theirs = in_band(seen[name], width)
        if rows.any():
            null = Null(f"its band share of all images of {source}", float(theirs.mean()))
            other = name.removeprefix("p.")
            yield share_estimate(f"shared_band.{other}", theirs[rows], null=null, higher_is_better=None)


def _of_patterns(patterns: Patterns) -> Iterator[Estimate]:
    """Yield what the clusters are worth against structureless data."""
    yield Estimate(
        "patterns", patterns.k if patterns.found else 0, n=len(patterns.labels), higher_is_better=None
    )
    named = {
        **patterns.scores,
        **{f"stability_ari.{key.removesuffix('_ari')}": v for key, v in patterns.stability.items()},
    }
    for name, one in named.items():
        better = name != "davies_bouldin"
        null = Null("structureless data, the same pipeline", one.null)
        yield Estimate(name, one.value, n=len(patterns.labels), higher_is_better=better, null=null)
        if name == "silhouette":
            yield _gap(one, len(patterns.labels))


def _gap(one: AgainstNull, n: int) -> Estimate:
    null = Null("upper end of the null's 99 %", one.high - one.null)
    return Estimate("silhouette_gap", one.value - one.null, n=n, null=null)


def _of_prototypes(folder: Path) -> Iterator[Estimate]:
    """Yield how well prototypes cover the band and how they differ, beside as many drawn otherwise."""
    kept = load_arrays(folder / "representation" / "prototypes.npz")
    for measure in ("coverage", "diversity", "cosine_diversity"):
        if not np.isfinite(kept.get(f"{measure}.own", np.nan)):  # of one prototype there is no diversity
            continue
        chosen, drawn, real = (float(kept[f"{measure}.{name}"]) for name in ("own", "random", "real"))
        name = f"prototype_{measure}"
        yield Estimate(name, chosen, n=len(kept["rows"]), null=Null("as many at random", drawn))
        yield Estimate(
            f"{name}.nearest_real", real, n=len(kept["rows"]), null=Null("as many at random", drawn)
        )
