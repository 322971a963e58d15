"""Disentanglement: do codes and true factors go together one by one? Codes and factors of any model in."""

from lightwell.metrics.disentanglement.alignment import Alignment, alignment, alignment_estimates
from lightwell.metrics.disentanglement.arrays import Points, Score
from lightwell.metrics.disentanglement.beta_vae import Accuracies, beta_vae
from lightwell.metrics.disentanglement.dci import Dci, dci, dci_estimates
from lightwell.metrics.disentanglement.downstream import Downstream, downstream
from lightwell.metrics.disentanglement.draws import Draws, FactorSampler, Groups, Rows
from lightwell.metrics.disentanglement.explicitness import Explicitness, explicitness
from lightwell.metrics.disentanglement.factor_vae import factor_vae
from lightwell.metrics.disentanglement.infomec import InfoMec, infomec
from lightwell.metrics.disentanglement.information import Med, Mig, med, mig, modularity, mutual_information
from lightwell.metrics.disentanglement.irs import irs
from lightwell.metrics.disentanglement.report import disentanglement, disentanglement_of
from lightwell.metrics.disentanglement.sap import sap_continuous, sap_discrete
from lightwell.metrics.disentanglement.symmetry import Ceilings, dsprites_ceilings
from lightwell.metrics.disentanglement.udr import Udr, udr
from lightwell.metrics.disentanglement.unsupervised import Dependence, dependence

__all__ = [
    "Accuracies",
    "Alignment",
    "Ceilings",
    "Dci",
    "Dependence",
    "Downstream",
    "Draws",
    "Explicitness",
    "FactorSampler",
    "Groups",
    "InfoMec",
    "Med",
    "Mig",
    "Points",
    "Rows",
    "Score",
    "Udr",
    "alignment",
    "alignment_estimates",
    "beta_vae",
    "dci",
    "dci_estimates",
    "dependence",
    "disentanglement",
    "disentanglement_of",
    "downstream",
    "dsprites_ceilings",
    "explicitness",
    "factor_vae",
    "infomec",
    "irs",
    "med",
    "mig",
    "modularity",
    "mutual_information",
    "sap_continuous",
    "sap_discrete",
    "udr",
]
