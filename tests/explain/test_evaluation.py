"""Checks of attributions: worked by hand on linear encoders, against captum, and on what must fail them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lightwell.core import ConfigError, DataError
from lightwell.core.seeds import global_seed
from lightwell.explain.evaluation import (
    Keyed,
    encoder_classifier_agreement,
    infidelity,
    orthogonal_change,
    randomised_weights,
    removal_curves,
    roar,
    sensitivity,
    shift_estimates,
)
from lightwell.explain.targets import Norm, SelfSimilarity, Units

WEIGHT = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, 1.0]])
X = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[4.0, 1.0], [0.5, 2.0]]]])


def linear(inputs: Tensor) -> Tensor:
    return inputs.flatten(1) @ WEIGHT.T


def exact(encoder, inputs: Tensor, target=None) -> Tensor:
    """Input times slope: all there is to say of a linear encoder."""
    asked = target or SelfSimilarity()
    leaf = inputs.clone().requires_grad_()
    codes = encoder(leaf)
    (slope,) = torch.autograd.grad(asked(codes, asked.anchors(codes)).sum(), leaf)
    return slope * inputs


def network(seed: int = 0) -> nn.Sequential:
    with global_seed(seed, "network"):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Dropout(0.5),
            nn.Linear(144, 5),
        )  # fmt: skip


def images(n: int = 7, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, 6, 6, generator=torch.Generator().manual_seed(0))


def test_shuffled_weights_are_judged_where_the_input_is_not_its_baseline() -> None:
    net, x = network().eval(), images(4)
    x[:, :, :, :3] = 0  # black on black: no score under any weights
    whole = randomised_weights(net, exact, x, seed=1)
    live = randomised_weights(net, exact, x, baseline="zero", seed=1)
    right = randomised_weights(net, lambda e, inputs: exact(e, inputs)[..., 3:].repeat(1, 1, 1, 2), x, seed=1)
    assert live == pytest.approx(right)  # the live half twice is the live half
    assert (whole > live).all()


def test_removal_worked_by_hand() -> None:
    # Codes of the first are (7, 10); pixels go in the order of the scores: 4th, 3rd, 2nd, 1st.
    scores = np.array([[[[1, 2], [3, 4]]]])
    curve = removal_curves(linear, X[:1], {"m": scores}, shares=[0, 0.25, 0.5, 1])["m"]
    assert curve.shifts.tolist() == [[0, 16, 52, 149]]
    least = removal_curves(linear, X[:1], {"m": scores}, order="least", shares=[0.25, 0.5])["m"]
    assert least.shifts.tolist() == [[1, 37]]
    back = removal_curves(linear, X[:1], {"m": scores}, order="insertion", shares=[0, 0.5, 1], measure="norm")
    assert back["m"].shifts == pytest.approx(np.sqrt([[149, 37, 0]]))
    fall = removal_curves(linear, X[:1], {"m": scores}, measure=Units((1,)), shares=[0.25, 0.75])["m"]
    assert fall.shifts.tolist() == [[4, 10]]
    filled = removal_curves(linear, X[:1], {"m": scores}, baseline=torch.full((1, 2, 2), 9.0), shares=[0.25])
    assert filled["m"].shifts.tolist() == [[25]]


def test_neither_memory_nor_company_changes_a_curve() -> None:
    net, x = network(), images()
    scores = {"m": torch.randn(x.shape, generator=torch.Generator().manual_seed(1))}
    for measure in ("squared", "cosine", SelfSimilarity()):
        whole = removal_curves(net, x, scores, measure=measure, baseline="blur")
        small = removal_curves(net, x, scores, measure=measure, baseline="blur", max_rows=2)
        alone = removal_curves(net, x[3:4], {"m": scores["m"][3:4]}, measure=measure, baseline="blur")
        for name in ("m", "random"):
            assert small[name].shifts == pytest.approx(whole[name].shifts, abs=1e-6)
            assert alone[name].shifts[0] == pytest.approx(whole[name].shifts[3], abs=1e-6)
    assert net.training


def test_a_good_method_beats_random_and_a_function_serves_as_one() -> None:
    net, x = network(), images(20)
    with torch.no_grad():
        net.eval()
    curves = removal_curves(net, x, {"exact": lambda x: exact(net, x), "flat": torch.zeros_like(x)})
    exact_auc, _, random = shift_estimates(curves)
    assert exact_auc.name == "shift_auc.exact"
    assert exact_auc.null.value == random.value < exact_auc.low < exact_auc.value
    assert exact_auc.higher_is_better
    assert random.null is None
    assert not shift_estimates(removal_curves(net, x, {"flat": x}, order="insertion"))[0].higher_is_better
    assert curves["flat"].error.shape == (7,)
    assert curves["flat"].error[2] == pytest.approx(1.96 * curves["flat"].shifts[:, 2].std(ddof=1) / 20**0.5)


def test_masks_of_roar_find_their_image_by_id_in_any_order() -> None:
    x, ids = images(5), np.array([11, 3, 8, 40, 5])
    scores = torch.rand(x.shape, generator=torch.Generator().manual_seed(2))
    seen: list[tuple[int, Tensor]] = []

    def train(parts: dict[str, Tensor], seed: int) -> float:
        seen.append((seed, parts["train"]))
        return float(parts["train"].sum()) + 100 * seed

    parts = {"train": Keyed(ids[:3], x[:3]), "test": Keyed(ids[3:], x[3:])}
    shuffle = [4, 2, 0, 3, 1]
    curves = [
        roar(parts, {"m": Keyed(ids[order], scores[order])}, train, shares=[0, 0.5, 1], seeds=[0, 7])
        for order in (slice(None), shuffle)
    ]
    assert (curves[0]["m"].scores == curves[1]["m"].scores).all()
    assert curves[0]["m"].scores.shape == (2, 3)
    assert len(seen) == 2 * (2 + 2 * 2 * 2)  # twice: whole images once a seed, two methods at two shares
    half = seen[2][1]
    order = scores[:3].flatten(1).argsort(dim=1, descending=True)[:, :18]
    assert (half == x[:3].flatten(1).scatter(1, order, 0.0).view_as(half)).all()
    assert (curves[0]["random"].scores[:, 1] != curves[0]["m"].scores[:, 1]).all()


def test_sensitivity_of_a_linear_slope_is_none_and_of_a_square_is_known() -> None:
    assert sensitivity(linear, lambda encoder, x: torch.ones_like(x), X).tolist() == [0, 0]
    found = sensitivity(linear, lambda encoder, x: x, X, radius=0.1, draws=50)
    lengths = X.flatten(1).norm(dim=1).numpy()
    assert (found <= 0.1 * 2 / lengths).all()  # at most 0.1 at each of four pixels
    assert (found >= 0.1 / lengths).all()
    alone = sensitivity(linear, lambda encoder, x: x, X[1:], radius=0.1, draws=50)
    assert alone[0] == found[1]


def test_exact_scores_have_no_infidelity() -> None:
    target = Units((0, 1))
    found = infidelity(linear, X, exact(linear, X, target), target)
    assert found.value == pytest.approx(0, abs=1e-9)
    halved = infidelity(linear, X, exact(linear, X, target) / 2, target)
    assert halved.value.min() > 0.1
    assert halved.relative == pytest.approx(0, abs=1e-9)
    nothing = infidelity(linear, X, torch.zeros_like(X), target)
    assert nothing.relative == pytest.approx(1)


def test_infidelity_is_that_of_captum_with_the_same_masks() -> None:
    from captum.metrics import infidelity as of_captum

    net, x, scores = network().eval(), images(4), torch.randn(4, 1, 6, 6)
    masks: list[Tensor] = []

    def record(inputs: Tensor) -> Tensor:
        if len(inputs) == 4 and not torch.equal(inputs, x):
            masks.append((inputs == 0).float())
        return net(inputs)

    found = infidelity(record, x, scores, Units((2,)), draws=25)
    assert len(masks) == 25
    drawn = iter(masks)

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        mask = next(drawn)
        return mask, inputs * (1 - mask)

    with torch.no_grad():
        reference = of_captum(lambda x: net(x)[:, 2], perturb, x, scores, n_perturb_samples=25,
                              max_examples_per_batch=4)  # fmt: skip
    assert found.value == pytest.approx(reference.numpy(), rel=1e-4)
    small = infidelity(net, x, scores, Units((2,)), draws=25, max_rows=3)
    assert small.value == pytest.approx(found.value, rel=1e-4)


def test_shuffled_weights_change_an_explanation_of_them_only() -> None:
    net, x = network().eval(), images()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    of_weights = randomised_weights(net, exact, x)
    of_input = randomised_weights(net, lambda encoder, x: x, x)
    assert of_input == pytest.approx(1)
    assert of_weights.mean() < 0.5
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert randomised_weights(net, lambda encoder, x: torch.zeros_like(x), x).tolist() == [0] * 7


def test_a_turned_code_changes_only_what_does_not_explain_the_whole() -> None:
    net, x = network().eval(), images()
    for target in (SelfSimilarity(), SelfSimilarity("cosine"), Norm()):
        found = orthogonal_change(net, lambda encoder, x, t=target: exact(encoder, x, t), x)
        # The cosine with oneself is at its peak: its slope is rounding alone.
        assert target == SelfSimilarity("cosine") or found.max() < 1e-5
    assert orthogonal_change(net, lambda encoder, x: exact(encoder, x, Units((0,))), x).min() > 0.01


def test_encoder_and_classifier_agree_where_the_head_reads_the_whole_code() -> None:
    def head(inputs: Tensor) -> Tensor:
        codes = linear(inputs)
        return torch.stack([codes.sum(dim=1) - 1e3, codes @ torch.tensor([7.0, 10.0])], dim=1)

    # The logit of class 1 is the self-similarity of the first; the dead pixel of the second is left out.
    x = X.clone()
    x[1, 0, 0, 1] = 0.0
    found = encoder_classifier_agreement(linear, head, exact, x)
    assert found.correlations[0] == pytest.approx(1)
    code = linear(x)[1]
    live = [0, 2, 3]
    maps = [((w @ WEIGHT) * x[1].flatten()).abs()[live] for w in (code, torch.tensor([7.0, 10.0]))]
    assert found.correlations[1] == pytest.approx(np.corrcoef(maps[0], maps[1])[0, 1], abs=1e-6)
    assert found.mean.name == "agreement.pearson.encoder~classifier"
    assert found.mean.value == pytest.approx(found.correlations.mean())
    assert found.mean.null is not None


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: removal_curves(linear, X[0], {}), "no batch of inputs"),
        (lambda: removal_curves(linear, X.byte(), {}), "no batch of inputs"),
        (lambda: removal_curves(linear, X, {"m": X[:1]}), "do not fit"),
        (lambda: removal_curves(linear, X, {"m": X / 0 * 0}), "not finite"),
        (lambda: removal_curves(linear, X, {"random": X}), "random removal is drawn here"),
        (lambda: removal_curves(linear, X, {"m": X}, measure="angle"), "no such measure"),
        (lambda: removal_curves(linear, X, {"m": X}, order="best"), "no such order"),
        (lambda: removal_curves(linear, X, {"m": X}, shares=[1, 0]), "shares rise"),
        (lambda: removal_curves(linear, X, {"m": X}, max_rows=0), "needs a row"),
        (lambda: removal_curves(lambda x: (x, x), X, {"m": X}), "does not return codes"),
        (lambda: Keyed([1, 1], X), "ids of their own"),
        (lambda: Keyed([1], X), "ids of their own"),
        (lambda: roar({"train": Keyed([1, 2], X)}, {"m": Keyed([2, 3], X)}, lambda p, s: 0.0), "has no row"),
        (lambda: roar({}, {}, lambda p, s: 0.0), "nothing to retrain"),
        (lambda: roar({"train": Keyed([1, 2], X)}, {}, lambda p, s: 1 / 0, shares=[0, 2]), "shares rise"),
        (lambda: sensitivity(linear, exact, X, radius=0), "no noise"),
        (lambda: infidelity(linear, X, X, draws=0), "nothing is drawn"),
        (lambda: randomised_weights(linear, exact, X), "no weights"),
        (
            lambda: encoder_classifier_agreement(linear, linear, lambda e, x, t: x * 0, X),
            "no image has two maps",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(work, words: str) -> None:
    with pytest.raises((DataError, ConfigError), match=words):
        work()
