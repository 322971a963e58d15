"""The report of a run of the study ``ambiguity``, from what the run stored; no model is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightwell.report import Block, Figure, Note, Numbers, Page, Section, figures, findings_table
from lightwell.studies.ambiguity import drawings
from lightwell.studies.ambiguity.networks import place
from lightwell.studies.ambiguity.stored import Stored

_HEADS = (
    "band_share.gasten", "frechet.gasten", "guard_score.gasten", "band_share.rejection", "frechet.rejection",
    "silhouette_gap", "stability_ari.bootstrap",
)  # fmt: skip


def build(folder: Path) -> Page:
    """Return the report of a run folder."""
    stored = Stored.read(Path(folder))
    found, (positive, negative), pick = stored.findings, stored.names, stored.pick
    subject = stored.settings["model"] or "{architecture}, {filters} filters".format(
        **stored.settings["subject"]
    )
    facts = {
        "Pair": f"{positive} (positive) against {negative}",
        "Classifier": f"{subject}, accuracy {found['accuracy'].value:.3f}",
        "Picked": f"{pick.rule}, epoch {pick.start} of step 1 and {pick.epoch} of step 2",
        "Seed": str(stored.settings["seed"]),
    }
    summary: list[Block] = [
        Numbers(found, [name for name in _HEADS if name in found]),
        Note("verdict", _verdict(stored)),
        *stored.warnings,
    ]
    return Page(
        title=f"Where a classifier cannot decide: {stored.data['name']}, {positive} or {negative}",
        lead=(
            "Generated images on which the classifier is undecided, whether they are realistic, what they "
            "have in common, and whether that is more than what any cloud of points falls into."
        ),
        facts=stored.facts(facts),
        sections=(
            drawings.sheets(stored), drawings.generators(stored), drawings.trade_off(stored),
            drawings.patterns(stored), drawings.prototypes(stored), drawings.elsewhere(stored),
            _training(stored), Section("All findings", (findings_table(found),)),
        ),
        summary=tuple(summary),
    )  # fmt: skip


def _verdict(stored: Stored) -> str:
    found = stored.findings
    share = found["band_share.gasten"]
    null = f"{share.null.name}: {share.null.value:.1%}" if share.null else ""
    guard = "holds" if stored.source == "gasten" else "does not hold"
    structure = f"{stored.patterns.k} patterns" if stored.patterns.found else "no structure"
    return (
        f"{share.value:.1%} of the picked generator's images lie in the band ({null}); its "
        f"realism guard {guard}. Among the undecided images of {stored.source}: {structure}."
    )


def _training(stored: Stored) -> Section:
    """Return the logs of step 1 and of the picked rule."""
    pick = stored.pick
    blocks: list[Block] = []
    for name, network in (("step 1", "gan"), ("step 2", place(pick.rule, pick.start))):
        if (stored.folder / "models" / network / "metrics.csv").is_file():
            curves = stored.curves("models", network)
            drawn = figures.training_curves({key: np.asarray(values) for key, values in curves.items()})
            said = "the plain GAN" if name == "step 1" else f"the rule {pick.rule}"
            blocks.append(
                Figure(
                    f"training_{name.replace(' ', '_')}", drawn, f"What {said} logged.", f"Terms of {name}."
                )
            )
    return Section("Training", tuple(blocks) or (Note("info", "The logs of the trainings are gone."),))
