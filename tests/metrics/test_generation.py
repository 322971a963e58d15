"""Measures of generated images: by hand, against plain loops and closed forms, and on traps."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.special import rel_entr

from lightwell import data
from lightwell.core import DataError
from lightwell.core.errors import ConfigError
from lightwell.core.files import save_arrays
from lightwell.core.seeds import generator
from lightwell.metrics import distances
from lightwell.metrics import generation as g


@pytest.fixture
def draw() -> np.random.Generator:
    return generator(0, "tests of generation")


def spread(draw: np.random.Generator, rows: int, width: int) -> np.ndarray:
    return draw.normal(size=(rows, width)) @ draw.normal(size=(width, width)) + draw.normal(size=width)


# Fréchet distance


def test_frechet_of_diagonal_gaussians_is_the_closed_form(draw: np.random.Generator) -> None:
    a, b = draw.uniform(0.1, 3, (2, 6))
    means = draw.normal(size=(2, 6))
    found = g.frechet_distance(g.Gaussian(means[0], np.diag(a**2), 9), g.Gaussian(means[1], np.diag(b**2), 9))
    assert found == pytest.approx(np.square(means[0] - means[1]).sum() + np.square(a - b).sum())
    one = [g.Gaussian.of(np.array(x)[:, None]) for x in ([0.0, 2.0], [5.0, 5.0])]  # variances 2 and 0
    assert g.frechet_distance(*one) == pytest.approx(16 + 2)


def test_frechet_equals_scipys_matrix_root(draw: np.random.Generator) -> None:
    x, y = spread(draw, 200, 24), spread(draw, 150, 24)
    c, d = np.cov(x.T), np.cov(y.T)
    root = np.trace(sqrtm(c @ d)).real
    assert g.trace_of_root(c, d) == pytest.approx(root, rel=1e-9)
    whole = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(c) + np.trace(d) - 2 * root
    assert g.frechet_distance(g.Gaussian.of(x), g.Gaussian.of(y)) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("rows", [(200, 200), (10, 200), (200, 10), (10, 12), (2, 2)])
def test_the_trace_of_singular_covariances_is_that_of_their_factors(
    draw: np.random.Generator, rows: tuple[int, int]
) -> None:
    x, y = (np.maximum(spread(draw, n, 40), 0) for n in rows)
    x[:, :3] = 0  # dead units
    factors = [(t - t.mean(0)) / np.sqrt(len(t) - 1) for t in (x, y)]
    nuclear = np.linalg.norm(factors[0] @ factors[1].T, "nuc")
    assert g.trace_of_root(np.cov(x.T), np.cov(y.T)) == pytest.approx(nuclear, rel=1e-7)
    same = g.Gaussian.of(x)
    assert 0 <= g.frechet_distance(same, same) < 1e-9 * np.trace(same.covariance)


def test_trap_statistics_are_of_the_rows_given_whatever_buffer_they_lie_in(
    draw: np.random.Generator, tmp_path: Path
) -> None:
    buffer = np.zeros((1000, 8))
    buffer[:100] = spread(draw, 100, 8)
    part = g.Gaussian.of(buffer[:100])
    assert part.n == 100
    assert g.frechet_distance(part, g.Gaussian.of(buffer[:100].copy())) == pytest.approx(0, abs=1e-9)
    part.save(tmp_path / "statistics.npz")
    again = g.Gaussian.load(tmp_path / "statistics.npz")
    assert (again.mean == part.mean).all()
    assert (again.covariance == part.covariance).all()
    assert again.n == 100


def test_frechet_refuses_what_is_no_statistic(tmp_path: Path) -> None:
    save_arrays(tmp_path / "other.npz", {"mu": np.zeros(2), "sigma": np.eye(3), "n": np.asarray(4)})
    with pytest.raises(DataError, match="holds no Fréchet statistics"):
        g.Gaussian.load(tmp_path / "other.npz")
    with pytest.raises(DataError, match=r"too few rows.*expected at least 2, got 1"):
        g.Gaussian.of([[1.0]])
    with pytest.raises(DataError, match="other features"):
        g.frechet_distance(g.Gaussian.of(np.eye(2)), g.Gaussian.of(np.eye(3)))
    with pytest.raises(DataError, match="no covariance"):
        g.trace_of_root([[1.0, 2.0], [0.0, 1.0]], np.eye(2))
    with pytest.raises(DataError, match="negative eigenvalue"):
        g.trace_of_root([[1.0, 0.0], [0.0, -1.0]], np.eye(2))
    with pytest.raises(DataError, match="differ in size"):
        g.trace_of_root(np.eye(2), np.eye(3))


# Kernel distance


def test_kernel_distance_equals_the_double_loop(draw: np.random.Generator) -> None:
    x, y = spread(draw, 7, 3), spread(draw, 7, 3)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    pairs = [(i, j) for i in range(7) for j in range(7)]
    within = sum(k(t[i], t[j]) for t in (x, y) for i, j in pairs if i != j) / 42
    found = g.kernel_distance(x, y, subsets=3)
    assert found.mean == pytest.approx(within - 2 * sum(k(x[i], y[j]) for i, j in pairs) / 49)
    assert found.std == pytest.approx(0, abs=1e-9 * abs(found.mean))
    assert found.size == 7


def test_kernel_distance_is_unbiased_and_knows_no_order(draw: np.random.Generator) -> None:
    x, y = draw.normal(size=(2, 400, 4))
    same, far = g.kernel_distance(x, y, size=100), g.kernel_distance(x, y + 1, size=100)
    assert abs(same.mean) < same.std < far.mean
    assert g.kernel_distance(x[::-1], draw.permutation(y), size=100) == same
    with pytest.raises(ConfigError, match="too few subsets"):
        g.kernel_distance(x, y, size=1)
    with pytest.raises(DataError, match="differ in width"):
        g.kernel_distance(x, y[:, :2])


# Manifolds


def plain(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage as the papers write them."""

    def radius(points: np.ndarray, i: int) -> float:
        return sorted(np.linalg.norm(points[i] - p) for j, p in enumerate(points) if j != i)[k - 1]

    def within(x: np.ndarray, points: np.ndarray, i: int) -> bool:
        return bool(np.linalg.norm(x - points[i]) <= radius(points, i))

    hits = np.array([[within(y, real, i) for i in range(len(real))] for y in fake])
    back = np.array([[within(x, fake, i) for i in range(len(fake))] for x in real])
    return hits.any(1).mean(), back.any(1).mean(), hits.sum() / (k * len(fake)), hits.any(0).mean()


@pytest.mark.parametrize("k", [1, 3])
def test_manifold_measures_equal_the_plain_loops_in_blocks_of_any_size(
    draw: np.random.Generator, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fake = draw.normal(size=(19, 3)), draw.normal(size=(12, 3)) * 1.5
    real[1] = real[0]
    wanted = plain(real, fake, k)
    for most in (1, 50, 10_000):
        monkeypatch.setattr(distances, "_MOST", most)
        found = (*g.precision_recall(real, fake, k), *g.density_coverage(real, fake, k))
        assert found == pytest.approx(wanted)


def test_manifold_measures_of_the_same_and_of_far_sets(draw: np.random.Generator) -> None:
    x = draw.normal(size=(30, 4))
    assert g.precision_recall(x, x[::-1]) == (1, 1)
    assert g.density_coverage(x, x).coverage == 1
    assert (*g.precision_recall(x, x + 99), *g.density_coverage(x, x + 99)) == (0, 0, 0, 0)
    with pytest.raises(DataError, match=r"in fake.*at least 4, got 3"):
        g.precision_recall(x, x[:3])
    with pytest.raises(ConfigError, match="needs a neighbour"):
        g.density_coverage(x, x, k=0)


# Ambiguity


def test_trap_errors_on_both_sides_do_not_cancel() -> None:
    assert g.acd([0.1, 0.9]) == pytest.approx(0.4)
    assert g.confusion_distance([0.1, 0.5]).tolist() == pytest.approx([0.4, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_belong_to_the_band(dtype: type) -> None:
    p = np.array([0.3999, 0.4, 0.5, 0.6, 0.6001], dtype)
    assert g.in_band(p).tolist() == [False, True, True, True, False]
    assert g.band_share(p) == 0.6
    assert g.in_band(p, width=0).tolist() == [False, False, True, False, False]


def test_the_band_of_a_linear_head_is_a_slab() -> None:
    z = np.linspace(-1, 1, 2001)
    assert (g.in_band(1 / (1 + np.exp(-z))) == (np.abs(z) <= log(0.6 / 0.4))).all()


def test_hubris_of_known_answers() -> None:
    assert g.hubris(np.full(3, 0.5)) == 0
    assert g.hubris([0, 1, 1]) == pytest.approx(1 - exp(-log(2) / (log(2) - 0.5)))
    even = np.linspace(0, 1, 20_001)
    assert g.hubris(even) == pytest.approx(1 - exp(-1), abs=1e-3)
    p = np.array([0.2, 0.7, 1.0])
    divergence = (rel_entr(p, 0.5) + rel_entr(1 - p, 0.5)).mean()
    reference = (rel_entr(even, 0.5) + rel_entr(1 - even, 0.5)).mean()  # as the method is published
    assert g.hubris(p) == pytest.approx(1 - exp(-divergence / reference), abs=1e-3)


@pytest.mark.parametrize(
    ("work", "error", "words"),
    [
        (lambda: g.acd([0.5, 1.2]), DataError, "not probabilities.*Pass the sigmoid"),
        (lambda: g.acd([]), DataError, "nothing to measure"),
        (lambda: g.hubris([np.nan]), DataError, "not a finite number"),
        (lambda: g.in_band([0.5], 0.6), ConfigError, "width.*0 .. 0.5"),
    ],
)
def test_what_is_no_probability_is_refused(work: Callable[[], object], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        work()


# Speckle


def test_a_lone_dot_counts_and_a_stroke_does_not() -> None:
    images = np.zeros((6, 9, 9, 1), np.uint8)
    images[0, 4, 4] = images[0, 0, 8] = 255  # two dots, one in the corner
    images[1, 4, 1:8] = 255  # a stroke
    images[2, 4:6, 4:6] = 200  # a blot
    images[3, 4, 4] = 47  # too faint
    images[4] = 200
    images[4, 4, 4] = 248  # a dot on a bright ground
    images[5] = 255
    images[5, 4, 4] = 0  # a dark dot
    assert g.isolated_pixels(images).tolist() == [2, 0, 0, 0, 1, 0]
    colour = np.zeros((1, 5, 5, 3), np.uint8)
    colour[0, 2, 2, 1:] = 255
    assert g.isolated_pixels(colour).tolist() == [1]


def test_real_digits_are_free_of_speckle_and_dots_are_seen(draw: np.random.Generator) -> None:
    digits = np.asarray(data.load("mnist-mini").inputs[:2000])
    clean = g.isolated_pixels(digits)
    assert 0.02 < clean.mean() < 0.1
    speckled = digits.copy()
    rows = np.arange(len(digits))
    for _ in range(8):
        speckled[rows, draw.integers(0, 28, len(rows)), draw.integers(0, 28, len(rows))] = 255
    assert g.isolated_pixels(speckled).mean() > clean.mean() + 4
    assert g.high_frequency_share(speckled).mean() > 1.3 * g.high_frequency_share(digits).mean()


def test_high_frequencies_by_hand() -> None:
    column = np.arange(16)
    waves = [np.cos(2 * np.pi * column / length) for length in (2, 8)]
    slow_and_fast = np.stack([waves[0] + waves[1], waves[1], 0 * waves[0]])
    images = np.rint(60 * slow_and_fast + 128).astype(np.uint8)[:, :, None, None].repeat(16, axis=2)
    # Amplitudes are equal, but a wave of two pixels has twice the power of a sampled longer one.
    assert g.high_frequency_share(images) == pytest.approx([2 / 3, 0, 0], abs=5e-3)
    assert g.high_frequency_share(images.repeat(3, axis=3)) == pytest.approx([2 / 3, 0, 0], abs=5e-3)


@pytest.mark.parametrize("measure", [g.isolated_pixels, g.high_frequency_share])
@pytest.mark.parametrize(
    "images", [np.zeros((2, 4, 4, 1)), np.zeros((4, 4, 1), np.uint8), np.zeros((0, 4, 4, 1))]
)
def test_images_are_at_rest(measure: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> None:
    with pytest.raises(DataError, match="not images at rest"):
        measure(images)


# Picking and refusing


def test_the_front_equals_the_double_loop(draw: np.random.Generator) -> None:
    costs = draw.integers(0, 6, (60, 3))

    def beats(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(all(a <= b) and any(a < b))

    assert g.efficient(costs).tolist() == [not any(beats(a, b) for a in costs) for b in costs]
    assert g.efficient(np.zeros((0, 2))).tolist() == []
    assert g.efficient([[1, 1], [1, 1]]).tolist() == [True, True]


def test_the_pick_is_realistic_first_then_efficient_then_undecided() -> None:
    acd, frechet = [0.30, 0.30, 0.10, 0.12, 0.43], [90, 120, 140, 264, 20]
    share, guard = [0.15, 0.18, 0.12, 0.44, 0.04], [-0.1, -0.1, -0.2, -0.8, 0.0]
    found = g.pick(acd, frechet, share, guard)
    assert (found.index, found.holds) == (0, True)  # 1 is beaten by 0, 3 is not realistic
    assert found.efficient.tolist() == [True, False, True, False, True]
    assert g.pick(acd, frechet, share, guard, most=1000, least=-1).index == 0  # 3 is beaten by 2
    fails = g.pick(acd, frechet, share, guard, least=0.5)
    assert (fails.index, fails.holds, fails.efficient.any()) == (4, False, False)
    assert g.pick([0.2, 0.3], [50, 40], [0.2, 0.2], [0, 0]).index == 1  # a tie: the smaller distance
    with pytest.raises(DataError, match="frechet"):
        g.pick([0.1], [np.nan], [0.1], [0.1])
    with pytest.raises(DataError, match="differ in length"):
        g.pick([0.1], [1, 2], [0.1], [0.1])


def test_the_reject_curve_by_hand_and_its_null() -> None:
    found = g.risk_coverage([0.1, 0.5, 0.3, 0.3], [True, False, True, False])
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.risk == pytest.approx([0, 0.25, 1 / 3, 0.5])  # of the two equals half is wrong
    assert found.thresholds.tolist() == [0.5, 0.3, 0.3, 0.1]
    assert found.area == pytest.approx(found.risk.mean())
    assert found.null == 0.5
    blind = g.risk_coverage(np.zeros(9), np.arange(9) < 4)
    assert blind.risk == pytest.approx(np.full(9, 4 / 9))


def test_the_reject_curve_is_the_mean_over_orders_of_equals(draw: np.random.Generator) -> None:
    sure, wrong = draw.integers(0, 5, 40) / 10, draw.random(40) < 0.3
    risks = []
    for _ in range(2000):
        order = np.lexsort((draw.random(40), -sure))
        risks.append(wrong[order].cumsum() / np.arange(1, 41))
    found = g.risk_coverage(sure, wrong)
    assert found.risk == pytest.approx(np.mean(risks, axis=0), abs=0.05)
    back = g.risk_coverage(sure[::-1], wrong[::-1])
    assert (back.risk == found.risk).all()
    with pytest.raises(DataError, match="holds booleans"):
        g.risk_coverage([0.1], [1])
