"""The conformance suite: what every model, unknown score, explainer and generator promises, as checks.

On your own, in a test file::

    import pytest
    from lightwell.testing import model_checks

    @pytest.mark.parametrize(("name", "check"), model_checks())
    def test_conformance(name, check):
        check(lambda: MyModel(MY_SIGNATURE))

or in one go, ``check_model(lambda: MyModel(MY_SIGNATURE))``. A check that this machine cannot carry out
(such as device independence without a second device) raises ``unittest.SkipTest``, which pytest shows as
skipped; it never passes silently.
"""

from lightwell.testing.explainers import check_explainer, explainer_checks
from lightwell.testing.generators import check_generator, generator_checks
from lightwell.testing.models import check_model, model_checks
from lightwell.testing.scorers import check_scorer, scorer_checks

__all__ = [
    "check_explainer",
    "check_generator",
    "check_model",
    "check_scorer",
    "explainer_checks",
    "generator_checks",
    "model_checks",
    "scorer_checks",
]
