"""SubclassDiscovery: scikit-learn's own checks, images and vectors, what it returns and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lightwell.core.errors import ConfigError, DataError
from lightwell.data.augment import AugmentSettings
from lightwell.metrics.clustering import cluster_accuracy
from lightwell.studies.discovery import Discovery
from lightwell.studies.discovery import estimator as estimator_module
from lightwell.studies.discovery.estimator import SubclassDiscovery

SMALL = {"n_subclasses": 2, "epochs": 1}
REASON = "float32: the last bits depend on the batch, and 1e-7 is allowed"
BY_DESIGN = dict.fromkeys(
    ("check_methods_subset_invariance", "check_methods_sample_order_invariance"), REASON
)


@parametrize_with_checks([SubclassDiscovery(**SMALL)], expected_failed_checks=lambda _: BY_DESIGN)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_defaults_are_those_of_the_preset():
    preset, ours = Discovery.from_preset(), SubclassDiscovery()
    assert preset.optimizer == estimator_module._OPTIMIZER
    assert preset.training == estimator_module._TRAINING
    assert (ours.epochs, ours.batch_size, ours.lr) == (preset.training.epochs, 64, preset.optimizer.lr)
    model = preset.model
    assert (ours.n_subclasses, ours.gate) == (model.subclasses, model.gate)
    assert (ours.balance, ours.entropy, ours.consistency) == (model.balance, model.entropy, model.consistency)
    images = np.zeros((20, 28, 28), np.uint8)
    network = SubclassDiscovery(**SMALL).fit(images, [0, 1] * 10).model_.signature.network
    assert network == preset.network


def blobs(n):
    """Six groups far apart, three behind each of two coarse labels."""
    X, fine = make_blobs(n, 4, centers=6, cluster_std=0.5, center_box=(-10, 10), random_state=3)
    return X, fine, np.array(["pass", "fail"])[fine % 2]


def test_groups_behind_coarse_labels_are_found():
    X, fine, coarse = blobs(200)
    found = SubclassDiscovery(3, epochs=20, batch_size=32, lr=5e-3, restarts=3).fit(X, coarse)
    labels = (coarse == "pass").astype(int)  # in sorted order: fail, pass
    for match in cluster_accuracy(fine, labels, found.predict_expert(X)).values():
        assert match.accuracy > 0.95
    assert found.agreement_.shape == (3, 3)
    assert (found.predict_coarse(X) == coarse).mean() > 0.98


def test_what_it_says_fits_together():
    X, _, coarse = blobs(60)
    found = SubclassDiscovery((1, 3), epochs=2).fit(X, coarse)
    assert found.classes_.tolist() == ["fail", "pass"]
    assert found.subclasses_.tolist() == [0, 3, 4, 5]
    shares, subclasses = found.predict_proba(X), found.predict(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert subclasses.tolist() == found.subclasses_[shares.argmax(axis=1)].tolist()
    assert found.predict_coarse(X).tolist() == found.classes_[subclasses // 3].tolist()
    assert found.predict_expert(X).tolist() == (subclasses % 3).tolist()
    assert found.transform(X).shape == (60, 32)
    assert found.get_feature_names_out()[:2].tolist() == ["subclassdiscovery0", "subclassdiscovery1"]
    even = SubclassDiscovery(2, epochs=2).fit(X, coarse)
    codes = estimator_module._mapped(even.model_, X[:, None].astype(np.float32), even.model_)
    assert even.predict_expert(X).tolist() == even.model_.experts_of(codes).tolist()
    assert even.predict_coarse(X).tolist() == even.classes_[even.model_.logits(codes).argmax(1)].tolist()
    again = make_pipeline(StandardScaler(), SubclassDiscovery(2, epochs=1)).fit(X, coarse)
    assert set(again.predict(X)) <= {0, 1, 2, 3}


def test_images_may_be_bytes_or_shares_with_or_without_channels():
    images, digits = load_digits(return_X_y=True)
    shares = (images.reshape(-1, 8, 8) / 16)[:120]
    coarse = digits[:120] < 5
    asked = SubclassDiscovery(**SMALL, augment=AugmentSettings(shift_pixels=1))
    given = (np.rint(shares * 255).astype(np.uint8), shares, shares[..., None].astype(np.float32))
    found = [asked.fit(X, coarse).predict_proba(X) for X in given]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert asked.n_features_in_ == 64
    assert asked.classes_.tolist() == [False, True]


def test_a_constant_feature_is_no_trouble_and_a_seed_fixes_all():
    X, _, coarse = blobs(40)
    X[:, 1] = 1e6 + 0.1
    runs = [SubclassDiscovery(**SMALL, random_state=seed).fit(X, coarse) for seed in (0, 0, 1)]
    first, same, other = (run.predict_proba(X) for run in runs)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(runs[0].transform(X)).max() < 100
    searched = SubclassDiscovery(np.int64(2), epochs=1, restarts=np.int64(1)).fit(X, coarse)
    np.testing.assert_array_equal(searched.predict_proba(X), first)


@pytest.mark.parametrize(
    ("X", "y", "settings", "error", "said"),
    [
        (np.full((8, 4, 4), 200.0), [0, 1] * 4, {}, DataError, r"\.astype\(np\.uint8\)"),
        (np.full((8, 4, 4), np.nan), [0, 1] * 4, {}, DataError, "NaN"),
        (np.zeros((8, 3, 5, 5), np.uint8), [0, 1] * 4, {}, DataError, "transpose"),
        (np.zeros((8, 3)), [0] * 8, {}, ConfigError, "two coarse classes"),
        (np.zeros((8, 3)), [0, 1] * 4, {"n_subclasses": 5}, DataError, "fewer images than sub-classes"),
        (np.zeros((8, 3)), [0, 1] * 4, {"n_subclasses": (2, 2, 2)}, ConfigError, "2 numbers"),
        (np.zeros((8, 3)), [0, 1] * 4, {"gate": "gumbl"}, ConfigError, "gumbel"),
        (np.zeros((8, 3)), [0, 1] * 4, {"restarts": 0}, ConfigError, "restarts"),
        (np.zeros((8, 3)), [0, 1] * 4, {"augment": AugmentSettings()}, ConfigError, "vectors"),
        (np.zeros((8, 3)), [0, 1] * 3, {}, ValueError, "inconsistent"),
        (np.full((8, 3), np.inf), [0, 1] * 4, {}, ValueError, "infinity"),
    ],
)
def test_what_cannot_be_used_is_refused(X, y, settings, error, said):
    with pytest.raises(error, match=said):
        SubclassDiscovery(**SMALL | settings).fit(X, y)


def test_examples_of_another_form_are_refused():
    images = np.zeros((8, 4, 6), np.uint8)
    found = SubclassDiscovery(**SMALL).fit(images, [0, 1] * 4)
    with pytest.raises(DataError, match="another form"):
        found.predict(images.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="24 features"):
        found.predict(images[:, :3])
