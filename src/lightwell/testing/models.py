"""The suite for models: everything in ``codes`` and ``contract``, by name or in one go."""

from __future__ import annotations

from lightwell.models.model import Model
from lightwell.testing import codes, contract
from lightwell.testing.codes import MakeModel
from lightwell.testing.suite import Check, named, run


def model_checks() -> list[tuple[str, Check[Model]]]:
    """Return every check of a model with its name, for ``pytest.mark.parametrize``.

    Returns
    -------
    list of (str, callable)
        Each takes a function that makes a fresh model, and raises ``AssertionError`` where the promise of
        its name is broken, or ``unittest.SkipTest`` where this machine cannot tell.

    Examples
    --------
    >>> model_checks()[1][0]
    'batch_size_does_not_matter'
    """
    return named(
        codes.check_codes_depend_on_the_image,
        codes.check_batch_size_does_not_matter,
        codes.check_chunks_do_not_matter,
        codes.check_order_does_not_matter,
        codes.check_device_does_not_matter,
        codes.check_every_tensor_moves_with_the_model,
        codes.check_sizes,
        codes.check_uint8_data,
        codes.check_float_types,
        codes.check_nan_is_seen_and_stays_in_its_row,
        codes.check_wrong_images_are_refused,
        codes.check_same_seed_same_result,
        codes.check_saved_and_loaded_codes_are_equal,
        contract.check_arguments_are_untouched,
        contract.check_codes_given_to_logits_are_untouched,
        contract.check_state_is_restored,
        contract.check_state_is_restored_after_an_error,
        contract.check_axes_cover_the_codes,
        contract.check_info_is_complete,
        contract.check_losses_are_finite_and_named,
        contract.check_missing_labels,
        contract.check_training_data_follow_the_seed,
    )


def check_model(make_model: MakeModel) -> dict[str, str]:
    """Run every check on a model of your own (see :func:`lightwell.testing.suite.run`).

    Parameters
    ----------
    make_model : callable
        Returns a fresh untrained :class:`lightwell.models.model.Model` each time. It may draw weights from
        the global generators, which are seeded for it and put back. Small images (8×8) are quick.

    Examples
    --------
    >>> from lightwell.models.model import Signature
    >>> from lightwell.models.classifiers.softmax import Softmax
    >>> outcome = check_model(lambda: Softmax(Signature(("cat", "dog"), (8, 8, 1))))
    >>> outcome["state_is_restored_after_an_error"]
    'passed'
    """
    return run(model_checks(), make_model)
