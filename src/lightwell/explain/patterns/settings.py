"""How patterns are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lightwell.core.errors import ConfigError, nearest

Reduction = Literal["pca", "umap", "tsne", "none"]
Clusterer = Literal["gmm", "hdbscan", "kmeans", "ward", "gmm-or-hdbscan"]
Objective = Literal["gap", "silhouette"]


@dataclass(frozen=True)
class PatternSettings:
    """Reduction, clusters, and what they are held against.

    Attributes
    ----------
    reduction : {"pca", "umap", "tsne", "none"}
        What embeddings go through before they are clustered. UMAP needs the extra ``ambiguity``.
    clusterer : {"gmm", "hdbscan", "kmeans", "ward", "gmm-or-hdbscan"}
        ``hdbscan`` finds its own number of clusters and may leave noise out; ``gmm-or-hdbscan`` is the better
        of the two in a search, so it needs trials.
    k_least, k_most : int
        Numbers of clusters that are tried.
    k : int
        Number of clusters, where it is not to be chosen; 0 for the most stable one.
    components : float
        Below 1 the share of variance PCA keeps, else a number of dimensions. For a share UMAP gives 5
        dimensions, and t-SNE 2.
    neighbours, min_dist : int, float
        Of UMAP.
    perplexity : float
        Of t-SNE.
    min_cluster_size : int
        Of HDBSCAN; and with fewer than this many examples a cluster, fewer clusters are tried.
    epsilon : float
        Distance below which HDBSCAN splits no cluster.
    nulls : int
        Structureless replicates, at least 2. Few make the test blunt, above all with UMAP, whose null varies
        much: below 8 little is found.
    seeds, bootstraps : int
        Repeats the stability is measured over, at least 2 each.
    trials : int
        Optuna trials of the search for the settings above; 0 for none. Needs the extra ``ambiguity``.
    objective : {"gap", "silhouette"}
        What the search makes large: the silhouette less that of the null, or the silhouette alone as in the
        paper, which prefers whatever fragments.

    Raises
    ------
    ConfigError
        If a value is unknown or out of range.

    Examples
    --------
    >>> PatternSettings(k_most=15).reduction
    'pca'
    """

    reduction: Reduction = "pca"
    clusterer: Clusterer = "gmm"
    k_least: int = 2
    k_most: int = 8
    k: int = 0
    components: float = 0.9
    neighbours: int = 15
    min_dist: float = 0.1
    perplexity: float = 30.0
    min_cluster_size: int = 5
    epsilon: float = 0.0
    nulls: int = 10
    seeds: int = 5
    bootstraps: int = 10
    trials: int = 0
    objective: Objective = "gap"

    def __post_init__(self) -> None:
        for name, options in (("reduction", Reduction), ("clusterer", Clusterer), ("objective", Objective)):
            check_option(name, getattr(self, name), get_args(options))
        least = {"k_least": 2, "k_most": self.k_least, "k": 0, "neighbours": 2, "min_dist": 0, "epsilon": 0}
        least |= {
            "perplexity": 1,
            "min_cluster_size": 2,
            "nulls": 2,
            "seeds": 2,
            "bootstraps": 2,
            "trials": 0,
        }
        for name, low in least.items():
            if not getattr(self, name) >= low:
                raise _out_of_range(name, f"{low} or more", getattr(self, name))
        if self.k == 1:
            raise _out_of_range("k", "2 or more, or 0 for the most stable number", 1)
        check_components(self.components)
        if self.clusterer == "gmm-or-hdbscan" and not self.trials:
            raise ConfigError(
                "only a search can tell which clusterer is better",
                where="patterns.clusterer",
                expected="trials > 0",
                got=0,
                fix="Set patterns.trials, such as 20, or choose gmm or hdbscan.",
            )


def check_option(name: str, value: str, options: tuple[str, ...]) -> None:
    """Refuse a word that is not among the options (see :class:`PatternSettings`)."""
    if value not in options:
        raise ConfigError(
            "no such way to find patterns", where=f"patterns.{name}", got=repr(value),
            fix=nearest(str(value), options),
        )  # fmt: skip


def check_components(components: float) -> None:
    """Refuse what is neither a share of variance nor a number of dimensions."""
    if not (0 < components < 1 or (components >= 1 and float(components).is_integer())):
        raise _out_of_range("components", "a share in (0, 1) or a whole number >= 1", components)


def _out_of_range(name: str, expected: str, got: object) -> ConfigError:
    return ConfigError("a setting is out of range", where=f"patterns.{name}", expected=expected, got=got)
