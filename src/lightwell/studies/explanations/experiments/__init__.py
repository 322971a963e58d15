"""The experiments of the study: a module each, and a line here.

What each may be called and the methods it compares stand in ``settings.py``.
"""

from __future__ import annotations

from lightwell.studies.explanations.experiments import (
    classifier,
    examples,
    features,
    pretexts,
    roar,
    trust,
    units,
    visualisation,
)
from lightwell.studies.explanations.task import Experiment, one_encoder

EXPERIMENTS: dict[str, Experiment] = {
    "features": Experiment(
        "Consistency of features",
        "If the pixels an attribution ranks first made a code what it is, the code moves far without them: "
        "further than without as many pixels at random.",
        one_encoder, features.measure, features.warnings,
    ),
    "examples": Experiment(
        "Consistency of examples",
        "If a code is built from training examples, those that count most for it should be of its class more "
        "often than the training examples are at large.",
        one_encoder, examples.measure, examples.warnings,
    ),
    "pretexts": Experiment(
        "Agreement of pretexts",
        "Encoders of one shape and one data set, trained for four tasks: do they look at the same pixels, "
        "and build on the same examples?",
        pretexts.models, pretexts.measure,
    ),
    "units": Experiment(
        "Latent saliency",
        "When disentangling is paid for, do the units of a VAE look at different places?",
        units.models, units.measure,
    ),
    "visualisation": Experiment(
        "What units want",
        "The image that each unit of a VAE responds to most, beside the real one it likes best.",
        visualisation.models, visualisation.measure,
    ),
    "classifier": Experiment(
        "Encoder against classifier",
        "Can what matters for a code stand for what matters for the class that is read from it?",
        classifier.models, classifier.measure,
    ),
    "trust": Experiment(
        "Can the maps be trusted?",
        "A map worth its name holds under small noise, foretells what removal does, is lost with the "
        "weights, and stays the same when the code is turned.",
        one_encoder, trust.measure, trust.warnings,
    ),
    "roar": Experiment(
        "Remove and retrain",
        "If the pixels an attribution ranks first carry what is special, an autoencoder trained without them "
        "rebuilds whole examples worse than one trained without as many pixels at random.",
        roar.models, roar.measure, roar.warnings,
    ),
}  # fmt: skip
