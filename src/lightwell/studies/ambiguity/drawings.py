"""The sections of a report on ambiguity."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from lightwell.metrics.generation import confusion_distance, risk_coverage
from lightwell.report import Block, Figure, Note, Numbers, Section, Table, Text, figures, project
from lightwell.report.projection import Method
from lightwell.studies.ambiguity.candidates import PLAIN
from lightwell.studies.ambiguity.samples import GENERATORS
from lightwell.studies.ambiguity.stored import Stored

_SAID = {
    "real": "Real test images",
    "rejection": "Rejection: the plain GAN",
    "latent": "Latent search in the plain GAN",
    "gasten": "GASTeN: the picked generator of step 2",
    "control": "Control: the plain GAN trained on as long",
}
_MEASURES = (
    "band_share", "acd", "frechet", "kid", "precision", "recall", "density", "coverage_of_real",
    "guard_score", "isolated_pixels", "judged_in_pair", "hubris",
)  # fmt: skip
_MAPS: tuple[Method, ...] = ("tsne", "pca", "umap")
_MAPPED = 600  # undecided images on a map


def sheets(stored: Stored) -> Section:
    """Return images of every set by the classifier's output, and the outputs themselves."""
    positive = stored.names[0]
    blocks: list[Block] = []
    for name in (*GENERATORS[::-1], "control", "real"):
        if name in stored.sets:
            seen, share = stored.sets[name], float(stored.band(name).mean())
            drawn = figures.sheet_by_output(seen["images"], seen["p"], positive=positive, width=stored.width)
            caption = f"{_SAID[name]}, by the classifier's output; the band is marked."
            alt = f"{len(seen['p'])} images in ten bins; {share:.1%} in the band."
            blocks.append(Figure(f"sheet_{name}", drawn, caption, alt))
    histograms = figures.output_histograms(stored.outputs, stored.width, positive=positive)
    shares = "; ".join(f"{name} {stored.band(name).mean():.1%}" for name in stored.sets)
    caption = "How sure the classifier is of each set; the band is shaded."
    blocks.append(Figure("outputs", histograms, caption, f"In the band: {shares}."))
    return Section("What leaves it undecided", tuple(blocks))


def generators(stored: Stored) -> Section:
    """Return the measures of every generator, over all its images and in the band."""
    found = stored.findings
    rows = []
    for measure in _MEASURES:
        cells = [
            found[f"{measure}.{name}"].value if f"{measure}.{name}" in found else None for name in GENERATORS
        ]
        controls = [f"{measure}.{name}" for name in ("gasten", "rejection") if f"{measure}.{name}" in found]
        nulls = [found[name].null for name in controls]
        rows.append((measure.replace("_", " "), *cells, *(n.value if n else None for n in nulls)))
    columns = ("measure", *GENERATORS, "control", "real test images")
    rows = [row + (None,) * (len(columns) - len(row)) for row in rows]
    table = Table(columns, tuple(rows), "All fresh samples of each generator.")
    band = [(name, int(stored.band(name).sum()), *_in_band(stored, name)) for name in GENERATORS]
    inside = Table(
        ("in the band", "images", "discriminator's score", "isolated pixels", "judged in the pair"),
        tuple(band), "The images in the band alone, where all generators have the same share.",
    )  # fmt: skip
    return Section("Beside rejection and control", (table, inside))


def _in_band(stored: Stored, name: str) -> list[float | None]:
    keys = [f"{measure}.{name}.band" for measure in ("guard_score", "isolated_pixels", "judged_in_pair")]
    return [stored.findings[key].value if key in stored.findings else None for key in keys]


def trade_off(stored: Stored) -> Section:
    """Return all stored generators by realism and confusion, and the picked one."""
    pool = stored.candidates
    names = [f"{one.rule}, epoch {one.start}+{one.epoch}" for one in pool]
    picked = pool.index(stored.pick)
    drawn = figures.trade_off(
        [one.frechet for one in pool], [one.acd for one in pool], [one.rule for one in pool],
        [one.efficient for one in pool], picked, names, holds=[one.holds for one in pool],
    )  # fmt: skip
    rule = (
        "On the stored noise: of the generators whose realism guard holds (discriminator's score at least "
        f"{stored.settings['least_guard']:g}, Fréchet distance at most "
        f"{stored.settings['most_frechet']:.0%} of the variance of the training images) those "
        "that none beats in Fréchet and confusion distance, and of these the one with the largest share in "
        "the band. Step 1 and control are never picked."
    )
    alt = f"{len(pool)} generators; picked is {names[picked]}."
    figure = Figure("trade_off", drawn, "Realism against confusion. Hollow: the guard does not hold.", alt)
    shown = ("rule", "start", "epoch", "band_share", "acd", "frechet", "guard_score", "isolated_pixels")
    table = Table(
        tuple(name.replace("_", " ") for name in shown),
        tuple(tuple(getattr(one, name) for name in shown) for one in pool),
        f"Every stored generator on the stored noise. '{PLAIN}': the plain GAN along its own training.",
    )
    return Section("Which generator was picked", (Text(rule), figure, table))


def patterns(stored: Stored) -> Section:
    """Return the clusters of the band, and what they are worth."""
    found = stored.patterns
    blocks: list[Block] = [Note("verdict" if found.found else "info", found.verdict)]
    if found.by_k:
        k = [one.k for one in found.by_k]
        chosen = next(
            (one.k for one in found.by_k if one.silhouette == found.scores["silhouette"].value), None
        )
        drawn = figures.stability_by_k(
            k,
            [one.seed_ari for one in found.by_k],
            [one.bootstrap_ari for one in found.by_k],
            [found.stability["seed_ari"].null if one == chosen else np.nan for one in k],
            picked=chosen,
        )
        stability = Figure(
            "stability_by_k",
            drawn,
            "How far clusters come back when they are looked for again.",
            "; ".join(f"{one.k} clusters: {one.stability:.2f}" for one in found.by_k),
        )
        table = Table(
            ("clusters", "stability", "silhouette", "gap to the null"),
            tuple((one.k, one.stability, one.silhouette, one.gap) for one in found.by_k),
            "Stability is the smaller of that between seeds and between bootstraps.",
        )
        rows = {**found.scores, **found.stability}
        judged = Table(
            ("measure", "value", "null", "low", "high"),
            tuple(
                (name.replace("_", " "), one.value, one.null, one.low, one.high) for name, one in rows.items()
            ),
            "The clusters beside a Gaussian of the same mean and covariance that went the same way; low and "
            "high hold 99 % of it.",
        )
        blocks += [judged, stability, table]
    if len(stored.rows):
        images = stored.sets[stored.source]["images"][stored.rows]
        sheet = figures.cluster_sheet(images, found.proposal)
        words = "The clusters" if found.found else "The best clusters, though not accepted"
        counts = ", ".join(map(str, np.bincount(found.proposal[found.proposal >= 0])))
        blocks.append(Figure("clusters", sheet, f"{words}, a row each.", f"Clusters of {counts} images."))
        blocks += _maps(stored)
    return Section(f"Patterns among the undecided images of {stored.source}", tuple(blocks))


def _maps(stored: Stored) -> list[Block]:
    """Return maps of test set, undecided images and prototypes in one space."""
    real, seen, found = stored.sets["real"], stored.sets[stored.source], stored.patterns
    places = np.flatnonzero(np.isin(stored.rows, stored.prototypes["rows"]))
    few = np.linspace(0, len(stored.rows) - 1, min(len(stored.rows), _MAPPED)).astype(int)
    shown = np.unique(np.concatenate([few, places]))
    blocks: list[Block] = []
    # UMAP compiles itself for half a minute at its first call, which a run that reduces by it has paid.
    umap = stored.patterns.settings.reduction == "umap" and find_spec("umap") is not None
    for method in _MAPS if umap else _MAPS[:2]:
        xy, more, title = project(real["embedding"], seen["embedding"][shown], method, 0)
        at = np.searchsorted(shown, places)
        points = {
            "test set": (xy, real["labels"]), "ambiguous": (more, found.labels[shown]),
            "prototypes": (more[at], found.labels[places]),
        }  # fmt: skip
        drawn = figures.pattern_maps(points, list(stored.names[::-1]), title)
        fitted = "of both together" if method == "tsne" else "fitted on the test set"
        caption = f"The classifier's embedding, {title} {fitted}. Undecided images lie between the classes."
        blocks.append(
            Figure(f"map_{method}", drawn, caption, f"{len(xy)} test images, {len(shown)} undecided.")
        )
    return blocks


def prototypes(stored: Stored) -> Section:
    """Return the prototypes with their neighbours, attributions and outputs, and what they are worth."""
    kept = stored.prototypes
    if not len(kept["rows"]):
        return Section("Prototypes", (Note("info", "There is none: no image lies in the band."),))
    seen, (positive, negative) = stored.sets[stored.source], stored.names
    outputs = {"this classifier": seen["p"][kept["rows"]]}
    outputs |= {name: seen[f"p.{name}"][kept["rows"]] for name in stored.others}
    near = {f"nearest {positive}": kept["real.1"], f"nearest {negative}": kept["real.0"]}
    maps = {
        f"for {positive}, against {negative}": kept["map.log_odds"],
        "for its embedding": kept["map.embedding"],
    }
    drawn = figures.prototype_strip(
        seen["images"][kept["rows"]],
        outputs,
        neighbours=near,
        maps=maps,
        positive=positive,
        width=stored.width,
    )
    caption = (
        "The medoid of each cluster, the nearest real training images of both classes, what speaks for the "
        "positive class (orange) and against it (blue), what makes its embedding what it is, and the outputs "
        "of this and of other classifiers."
    )
    alt = f"{len(kept['rows'])} prototypes; outputs {np.round(outputs['this classifier'], 2).tolist()}."
    names = [e.name for e in stored.findings if e.name.startswith("prototype_")]
    blocks: list[Block] = [Figure("prototypes", drawn, caption, alt), Numbers(stored.findings, names)]
    worst = kept["criticisms"]
    if (worst >= 0).any():
        rows, owner = worst[worst >= 0], np.nonzero(worst >= 0)[0]
        sheet = figures.cluster_sheet(seen["images"][rows], owner)
        blocks.append(
            Figure(
                "criticisms",
                sheet,
                "Criticisms: images that its prototype speaks for least.",
                f"{len(rows)} images.",
            )
        )
    return Section("Prototypes", tuple(blocks))


def elsewhere(stored: Stored) -> Section:
    """Return whether other classifiers are undecided too, and what refusing buys."""
    names = [e.name for e in stored.findings if e.name.startswith("shared_band.")]
    blocks: list[Block] = [
        Text(
            "An image in the band that other classifiers decide is ambiguous for this one alone; one that "
            "they leave undecided too is a case for a human."
        )
    ]
    if names:
        blocks.append(Numbers(stored.findings, names))
    real = stored.sets["real"]
    wrong = (real["p"] >= 0.5) != (real["labels"] == 1)
    curve = risk_coverage(confusion_distance(real["p"]), wrong)
    drawn = figures.reject_option(
        curve.coverage, {"this classifier": curve.risk, "random": np.full(len(wrong), curve.null)}
    )
    caption = "Errors on test images among those it answers, the undecided refused first."
    blocks.append(Figure("reject_option", drawn, caption, f"{curve.null:.1%} errors when all are answered."))
    return Section("For this model, or for everyone", tuple(blocks))
