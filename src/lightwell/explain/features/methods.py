"""The table of methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from lightwell.core.method import MethodInfo
from lightwell.explain.features import gradients, perturbations
from lightwell.explain.features.question import Answer
from lightwell.explain.features.relax import relax

CAPTUM = ("pytorch/captum", "BSD-3-Clause")


@dataclass(frozen=True)
class FeatureMethod:
    """A way to find which parts of an input matter.

    Attributes
    ----------
    info : MethodInfo
        Its record.
    answer : callable
        Maps a question, and options by name, to an answer.
    complete : bool
        Whether its scores should add up to what the number changes from the baseline to the input.
    rows_each : int
        Rows through the encoder that an example takes at the least.
    """

    info: MethodInfo
    answer: Callable[..., Answer]
    complete: bool = False
    rows_each: int = 1

    @property
    def options(self) -> list[str]:
        """Names of its options."""
        return list(inspect.signature(self.answer).parameters)[1:]


def _about(
    name: str,
    title: str,
    source: tuple[str, str, int, str],
    not_for: str,
    code: tuple[str, str] = CAPTUM,
) -> MethodInfo:
    paper, venue, year, arxiv = source
    link = f"https://arxiv.org/abs/{arxiv}"
    return MethodInfo(name, title, paper, venue, year, link, *code, ("images",), ("attribution",), (not_for,))


_SHAP = ("A Unified Approach to Interpreting Model Predictions", "NeurIPS", 2017, "1705.07874")

FEATURES: dict[str, FeatureMethod] = {
    method.info.name: method
    for method in (
        FeatureMethod(
            _about(
                "integrated_gradients", "Slope integrated along the way from a baseline",
                ("Axiomatic Attribution for Deep Networks", "ICML", 2017, "1703.01365"),
                "baselines that hold what is explained: a black pixel on a black baseline has no score",
            ),
            gradients.integrated_gradients, complete=True,
        ),
        FeatureMethod(
            _about("gradient_shap", "Slope at random places on the way from a baseline", _SHAP,
                   "few draws where single pixels matter: look at the Monte-Carlo error"),
            gradients.gradient_shap, complete=True,
        ),
        FeatureMethod(
            _about(
                "saliency", "Size of the slope",
                ("Deep Inside Convolutional Networks", "ICLR Workshop", 2014, "1312.6034"),
                "what a value contributes: it tells what a change of it would do",
            ),
            gradients.saliency,
        ),
        FeatureMethod(
            _about(
                "input_x_gradient", "Slope times input",
                ("Not Just a Black Box", "arXiv", 2016, "1605.01713"),
                "inputs whose 0 is not absence",
            ),
            gradients.input_x_gradient,
        ),
        FeatureMethod(
            _about(
                "deep_lift", "Differences from a baseline, layer by layer",
                ("Learning Important Features Through Propagating Activation Differences", "ICML", 2017,
                 "1704.02685"),
                "activations that are functions, recurrent layers and attention: look at the residual",
            ),
            gradients.deep_lift, complete=True, rows_each=2,
        ),
        FeatureMethod(
            _about(
                "smooth_grad", "Slope averaged over noise on the input",
                ("SmoothGrad: removing noise by adding noise", "arXiv", 2017, "1706.03825"),
                "encoders whose slope is 0 almost everywhere: noise does not wake it",
            ),
            gradients.smooth_grad,
        ),
        FeatureMethod(
            _about(
                "grad_cam", "Maps of a layer, weighted by their mean slope",
                ("Grad-CAM: Visual Explanations from Deep Networks", "ICCV", 2017, "1610.02391"),
                "details: it is as coarse as the maps of the layer",
            ),
            gradients.grad_cam,
        ),
        FeatureMethod(
            _about(
                "occlusion", "Fall of the number under sliding windows",
                ("Visualizing and Understanding Convolutional Networks", "ECCV", 2014, "1311.2901"),
                "evidence that lies in several places at once: hiding one of them changes nothing",
            ),
            perturbations.occlusion,
        ),
        FeatureMethod(
            _about(
                "feature_ablation", "Fall of the number without a patch",
                ("Captum: A unified and generic model interpretability library", "arXiv", 2020, "2009.07896"),
                "large images with small patches: it asks the encoder once a patch",
            ),
            perturbations.feature_ablation,
        ),
        FeatureMethod(
            _about("kernel_shap", "Shapley values of patches, by regression", _SHAP,
                   "many patches: the draws that they need grow with them"),
            perturbations.kernel_shap, complete=True,
        ),
        FeatureMethod(
            _about(
                "relax", "Mean of the number over random views",
                ("RELAX: Representation Learning Explainability", "IJCV", 2023, "2112.10161"),
                "signed evidence: every pixel of a good view is lifted",
                ("Wickstrom/RELAX", "MIT"),
            ),
            relax,
        ),
        FeatureMethod(
            _about(
                "random", "Normal draws, the control",
                ("Sanity Checks for Saliency Maps", "NeurIPS", 2018, "1810.03292"),
                "anything but a comparison",
                ("", "none stated"),
            ),
            perturbations.random_control,
        ),
    )
}  # fmt: skip
