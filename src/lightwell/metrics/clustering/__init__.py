"""Clusters against classes, against each other and against chance, and the state of the gate that made them.

Cluster numbers mean nothing by themselves: a gate's experts are paired with fine classes by the assignment
that matches most examples (Kuhn, "The Hungarian method for the assignment problem", 1955), within the coarse
classes the gate was *trained* on. Any other grouping scores a perfect gate below 1, because an expert
rightly serves one fine class of each coarse class. The pairing is made on the examples it is scored on, so
chance lies above 1/K: read every accuracy beside :func:`matched_random`.
"""

from lightwell.metrics.clustering.baselines import (
    baseline_clusters,
    collapsed,
    gmm_clusters,
    kmeans_clusters,
    matched_random,
)
from lightwell.metrics.clustering.estimates import clustering_estimates
from lightwell.metrics.clustering.gate import GateState, active_clusters, gate_information, gate_state
from lightwell.metrics.clustering.internal import (
    calinski_harabasz,
    davies_bouldin,
    silhouette,
)
from lightwell.metrics.clustering.matching import (
    Matching,
    cluster_accuracy,
    cluster_scores,
    fine_accuracy,
    fine_predictions,
    matching,
)
from lightwell.metrics.clustering.nulls import matched_gaussian
from lightwell.metrics.clustering.restarts import Agreement, agreement, restart_agreement
from lightwell.metrics.clustering.stability import bootstrap_stability, seed_stability

__all__ = [
    "Agreement",
    "GateState",
    "Matching",
    "active_clusters",
    "agreement",
    "baseline_clusters",
    "bootstrap_stability",
    "calinski_harabasz",
    "cluster_accuracy",
    "cluster_scores",
    "clustering_estimates",
    "collapsed",
    "davies_bouldin",
    "fine_accuracy",
    "fine_predictions",
    "gate_information",
    "gate_state",
    "gmm_clusters",
    "kmeans_clusters",
    "matched_gaussian",
    "matched_random",
    "matching",
    "restart_agreement",
    "seed_stability",
    "silhouette",
]
