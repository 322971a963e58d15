"""Every disentanglement measure but exact DCI and downstream accuracy, at the reference's sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.dci import CODES, SIZES
from benchmarks.timing import cpu
from lightwell.metrics import disentanglement as d

TRAIN, TEST = 10_000, 5_000
MODELS, POINTS = 10, 1_000  # of UDR


def lines() -> Iterator[str]:
    """Give one line a representation."""
    for name, represent in CODES.items():
        sampler = d.FactorSampler(SIZES, represent)
        train, test = sampler.points(TRAIN, TEST)
        models = [np.random.default_rng(m).permuted(train.codes[:POINTS], axis=1) for m in range(MODELS)]
        work: dict[str, Callable[[], object]] = {
            "MIG": lambda p=train: d.mig(*p),
            "modularity": lambda p=train: d.modularity(*p),
            "MED": lambda p=train: d.med(*p),
            "InfoMEC": lambda p=train: d.infomec(*p),
            "SAP": lambda p=train, q=test: (d.sap_discrete(*p, *q), d.sap_continuous(*p)),
            "IRS": lambda p=train: d.irs(*p),
            "explicitness": lambda p=train, q=test: d.explicitness(*p, *q),
            "BetaVAE": lambda s=sampler: d.beta_vae(*s.pairs(TRAIN, TEST)),
            "FactorVAE": lambda s=sampler: d.factor_vae(*s.votes(TRAIN, TEST)),
            "dependence": lambda p=train: d.dependence(p.codes),
            "UDR": lambda m=models: [d.udr(m, by=by) for by in ("lasso", "spearman")],
            "alignment": lambda p=train: [d.alignment(*p, how) for how in ("lasso", "ols")],
            "linear DCI": lambda p=train, q=test: d.dci(*p, *q, "linear"),
        }
        seconds = {name: cpu(one) for name, one in work.items()}
        slowest = sorted(seconds, key=lambda name: -seconds[name])[:3]
        yield (
            f"disentanglement but exact DCI, {name:<8} {TRAIN:,}/{TEST:,} {sum(seconds.values()):6.2f} CPU-s "
            f"(at most 10), of which {', '.join(f'{one} {seconds[one]:.1f}' for one in slowest)}"
        )
