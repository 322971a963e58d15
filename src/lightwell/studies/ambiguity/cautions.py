"""What a reader must know before trusting a run: speckle, an empty band, a collapse, rejection that wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lightwell.core.findings import Findings
from lightwell.explain.patterns import Patterns
from lightwell.models.boundary.gan import collapsed
from lightwell.studies.ambiguity.candidates import PLAIN, Candidate, read, the_pick
from lightwell.studies.ambiguity.eyes import Arrays
from lightwell.studies.ambiguity.parts import whole_batch
from lightwell.studies.ambiguity.patterns import source_of
from lightwell.studies.ambiguity.samples import GENERATORS, REAL
from lightwell.studies.ambiguity.settings import AmbiguitySettings

_COLLAPSED = 0.1
_FEW = 1000  # images of which the spread is measured


def tell(
    folder: Path, study: AmbiguitySettings, sets: Mapping[str, Arrays], found: Findings, patterns: Patterns
) -> list[str]:
    """Return the warnings of a run, each with what was measured and what can be done."""
    return [
        *_of_the_guard(folder, study, found), *_of_collapse(sets), *_of_empty_bands(found, study.band),
        *_of_rejection(found), *_of_patterns(folder, patterns), *_of_rules(study),
    ]  # fmt: skip


def _of_the_guard(folder: Path, study: AmbiguitySettings, found: Findings) -> Iterator[str]:
    pool = read(folder / "tables" / "candidates.csv")
    one = the_pick(pool)
    if not one.holds:
        speckle, null = found["isolated_pixels.gasten"], found["isolated_pixels.rejection"]
        yield (
            f"The realism guard holds for no generator of step 2. The best, {one.rule}, fails by its "
            f"{_failed(one, study)}: it has a score of the discriminator of {one.guard_score:.2f} (least "
            f"{study.least_guard:g}), a Fréchet distance of {one.frechet:.3g}, {one.frechet_share:.0%} of "
            f"the variance (most {study.most_frechet:.0%}), and {speckle.value:.1f} isolated pixels an image "
            f"(plain GAN {null.value:.1f}). This may be speckle, not ambiguity: patterns are those of "
            f"rejection. {_advice(pool, one, study)}"
        )


def _failed(one: Candidate, study: AmbiguitySettings) -> str:
    """Say which half of the guard does not hold; "" where both do."""
    halves = {
        "score": one.guard_score >= study.least_guard,
        "Fréchet distance": one.frechet_share <= study.most_frechet,
    }
    return " and its ".join(half for half, holds in halves.items() if not holds)


def _advice(pool: Sequence[Candidate], one: Candidate, study: AmbiguitySettings) -> str:
    plain = next(other for other in pool if (other.rule, other.start) == (PLAIN, one.start))
    failed = _failed(plain, study)
    if not failed:
        return "Pull less (rules), or train step 1 for longer."
    return (
        f"The plain GAN, and so rejection, fails by its {failed}, too (score {plain.guard_score:.2f}, "
        f"{plain.frechet_share:.0%} of the variance): train step 1 for longer."
    )


def _of_collapse(sets: Mapping[str, Arrays]) -> Iterator[str]:
    real = whole_batch(sets[REAL]["images"][:_FEW])
    for name in GENERATORS:
        spread = collapsed(whole_batch(sets[name]["images"][:_FEW]), real)
        if spread < _COLLAPSED:
            yield (
                f"Mode collapse: images of {name} differ {spread:.1%} as much as real ones. "
                "Lower the learning rate, pull less, or start from an earlier epoch."
            )


def _of_empty_bands(found: Findings, width: float) -> Iterator[str]:
    for name in GENERATORS:
        share = found[f"band_share.{name}"]
        if share.value == 0:
            yield (
                f"The band is empty: of {share.n:,} images of {name} none has an output within {width:g} of "
                "0.5. Draw more samples, widen the band, or pull more."
            )


def _of_rejection(found: Findings) -> Iterator[str]:
    def both(measure: str, suffix: str = "") -> list[float]:
        names = [f"{measure}.{name}{suffix}" for name in ("rejection", "gasten")]
        return [found[name].value for name in names if name in found]

    won = []
    guard, far, share = both("guard_score", ".band"), both("frechet"), both("band_share")
    if len(guard) == 2 and guard[0] >= guard[1]:
        won.append(
            f"in the band its images score {guard[0]:.2f} with the discriminator, GASTeN's {guard[1]:.2f}"
        )
    if far[0] <= far[1]:
        won.append(f"over all images its Fréchet distance is {far[0]:.3g}, GASTeN's {far[1]:.3g}")
    if won:
        yield (
            f"Rejection wins in realism: {'; '.join(won)}. What GASTeN changes is the yield: {share[1]:.1%} "
            f"of its samples lie in the band, {share[0]:.1%} of the plain GAN's."
        )


def _of_patterns(folder: Path, patterns: Patterns) -> Iterator[str]:
    if not patterns.found:
        yield f"Undecided images of {source_of(folder)}: {patterns.verdict}"


def _of_rules(study: AmbiguitySettings) -> Iterator[str]:
    if any(rule.name == "kl" for rule in study.parsed_rules):
        yield "The rule 'kl' is one-sided: it pulls towards p = 1, not to the boundary."
