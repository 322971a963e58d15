"""The suite for unknown scores.

Each check takes a function that makes a fresh, unfitted scorer and raises ``AssertionError`` where it finds
the promise of its name broken. Examples are made for the scorer's own geometry (its ``anchors``).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import SkipTest

import numpy as np

from lightwell.core.errors import DataError, LightwellError, NotFittedError
from lightwell.core.representation import Floats, Representation
from lightwell.models.decisions.rejection import ConformalRule
from lightwell.models.saved import Decision
from lightwell.models.scorers import SCORERS, Scorer
from lightwell.testing.state import content, differences, observe_process
from lightwell.testing.suite import Check, attempt, check_record, named, refusal, require, run
from lightwell.testing.toys import known_examples, unknown_examples

MakeScorer = Callable[[], Scorer]


def _fitted(make_scorer: MakeScorer) -> tuple[Scorer, Representation]:
    """Return a scorer fitted on known examples, and other examples, known and unknown in turn."""
    scorer = make_scorer()
    scorer.fit(_training_examples(scorer))
    both = Representation.join(known_examples(scorer.anchors), unknown_examples(scorer.anchors))
    return scorer, both.take(np.arange(both.n).reshape(2, -1).T.ravel())


def _training_examples(scorer: Scorer) -> Representation:
    """Return twelve clear examples of each class: scores that learn a spread need some."""
    n_classes = len(known_examples(scorer.anchors, 1).class_names)
    return known_examples(scorer.anchors, 12 * n_classes, seed=5)


def _first_differing(found: Floats, wanted: Floats) -> str:
    rows = np.flatnonzero(found != wanted)
    return f"example {rows[0]} has {float(found[rows[0]])!r} in place of {float(wanted[rows[0]])!r}"


def _require_equal(found: Floats, wanted: Floats, what: str) -> None:
    require(found.shape == wanted.shape, f"{what} changes the shape of the scores to {found.shape}")
    if not np.array_equal(found, wanted):
        raise AssertionError(f"{what} changes scores: {_first_differing(found, wanted)}")


def check_larger_is_more_unknown(make_scorer: MakeScorer) -> None:
    """Require that examples without evidence for any class all score higher than clear examples.

    Raises
    ------
    unittest.SkipTest
        If the score says of itself that it does not see missing evidence.
    """
    scorer, examples = _fitted(make_scorer)
    if not scorer.sees_missing_evidence:
        raise SkipTest(f"{scorer.info.name} says that it does not see missing evidence: nothing was compared")
    scores = scorer.score(examples)
    known, unknown = scores[examples.known], scores[~examples.known]
    require(
        known.max() < unknown.min(),
        f"clear known examples score up to {known.max():.4g}, unknown ones from {unknown.min():.4g}: "
        "a larger score must be more unknown",
    )


def check_batch_size_does_not_matter(make_scorer: MakeScorer) -> None:
    """Require that an example has exactly the same score alone, in pieces of a data set and in the whole."""
    scorer, examples = _fitted(make_scorer)
    whole = scorer.score(examples)
    for size in (1, 3, 7):
        cuts = np.split(np.arange(examples.n), np.arange(size, examples.n, size))
        pieces = np.concatenate([scorer.score(examples.take(rows)) for rows in cuts])
        _require_equal(pieces, whole, f"scoring {size} at a time")


def check_chunks_do_not_matter(make_scorer: MakeScorer) -> None:
    """Require exactly the same scores of many examples, of which a part is read at a time, as of few.

    This is where the last bits of a matrix product would show.
    """
    scorer, examples = _fitted(make_scorer)
    few = scorer.score(examples)
    rows = np.arange(50_021)[::-1] % examples.n
    _require_equal(scorer.score(examples.take(rows)), few[rows], f"scoring {len(rows)} examples at once")


def check_order_does_not_matter(make_scorer: MakeScorer) -> None:
    """Require that an example has exactly the same score wherever it stands, in any memory order."""
    scorer, examples = _fitted(make_scorer)
    whole = scorer.score(examples)
    rows = np.r_[np.arange(examples.n)[::-1], 3, 3]
    _require_equal(scorer.score(examples.take(rows)), whole[rows], "another order")
    logits = None if examples.logits is None else np.asfortranarray(examples.logits)
    turned = replace(examples, codes=np.asfortranarray(examples.codes), logits=logits)
    _require_equal(scorer.score(turned), whole, "another memory order (columns first)")


def check_arguments_are_untouched(make_scorer: MakeScorer) -> None:
    """Require that neither fitting nor scoring changes the arrays handed in, or the random state."""
    scorer = make_scorer()
    known, examples = known_examples(scorer.anchors), unknown_examples(scorer.anchors)
    given = {
        f"{name} of the {part} examples": getattr(r, name)
        for part, r in (("known", known), ("scored", examples))
        for name in ("codes", "logits", "labels", "predictions")
    }
    before, process = {what: content(array) for what, array in given.items()}, observe_process()
    scorer.fit(known).score(examples)
    changed = [what for what, array in given.items() if content(array) != before[what]]
    changed += differences(process, observe_process())
    require(not changed, f"{', '.join(changed)} changed")


def check_nan_is_refused_naming_the_example(make_scorer: MakeScorer) -> None:
    """Require that NaN and infinity are refused by the number of the example, and never learnt from."""
    for bad in (np.nan, np.inf):
        scorer, examples = _fitted(make_scorer)
        error = refusal(f"an example that holds {bad}", scorer.score, _broken(examples, 17, bad))
        require(re.search(r"\b17\b", str(error)), f"the refusal of {bad} does not name example 17: {error}")
        again = make_scorer()
        spoilt = _broken(known_examples(again.anchors), 5, bad)
        if not isinstance(attempt(f"fitting on {bad}", again.fit, spoilt), LightwellError):
            require(np.isfinite(again.score(examples)).all(), f"fitting learns {bad} from a broken example")


def _broken(examples: Representation, row: int, value: float) -> Representation:
    """Return the examples with this value in one row, and a later one, of all that can be scored."""
    codes, logits = examples.codes.copy(), np.array(examples.logits)
    for array in (codes, logits):
        array[[row, row + 2], -1] = value
    scores = {name: values.copy() for name, values in examples.scores.items()}
    for values in scores.values():
        values[[row, row + 2]] = value
    return replace(examples, codes=codes, logits=logits, scores=scores)


def check_number_types(make_scorer: MakeScorer) -> None:
    """Require that floats of any width and integers of the same value have exactly the same scores."""
    scorer, examples = _fitted(make_scorer)

    def as_type(dtype: str) -> Representation:
        codes = np.rint(examples.codes).astype(dtype)
        return replace(examples, codes=codes, logits=np.rint(np.array(examples.logits)).astype(dtype))

    wanted = scorer.score(as_type("float64"))
    for dtype in ("float16", "float32", "int64", "uint8"):
        found = scorer.score(as_type(dtype))
        require(found.dtype == np.float64, f"scores of {dtype} are {found.dtype}, not float64")
        _require_equal(found, wanted, f"the type {dtype}")


def check_sizes(make_scorer: MakeScorer) -> None:
    """Require that 0, 1 and a prime number of examples have as many finite scores."""
    scorer, examples = _fitted(make_scorer)
    for n in (0, 1, 7):
        scores = scorer.score(examples.take(np.arange(n)))
        require(scores.shape == (n,), f"{n} examples have scores of shape {scores.shape}")
        require(np.isfinite(scores).all(), f"a score of {n} ordinary examples is not finite")


def check_stored_and_read_scores_are_equal(make_scorer: MakeScorer) -> None:
    """Require that a decision made with it scores and refuses the same when written and read again."""
    scorer, examples = _fitted(make_scorer)
    name = scorer.info.name
    require(name in SCORERS, f"lightwell.models.scorers.SCORERS does not know '{name}': add the class")
    known = known_examples(scorer.anchors, 40)
    classes = np.array(known.predictions)
    rule = ConformalRule().fit(scorer.score(known), classes, len(known.class_names))
    decision = Decision(scorer, rule)
    with tempfile.TemporaryDirectory() as folder:
        decision.save(Path(folder))
        back = Decision.load(Path(folder))
    require(type(back.scorer) is type(scorer), f"'{name}' comes back as {type(back.scorer).__name__}")
    _require_equal(back.scorer.score(examples), scorer.score(examples), "storing the score")
    same = np.array_equal(back.predict(examples), decision.predict(examples))
    require(same, "storing the score changes what is refused")


def check_not_fitted_is_an_error(make_scorer: MakeScorer) -> None:
    """Require a ``NotFittedError`` before ``fit``, unless fitting teaches the scorer nothing."""
    scorer, examples = _fitted(make_scorer)
    fresh = attempt("scoring before fit", make_scorer().score, examples)
    if isinstance(fresh, LightwellError):
        require(isinstance(fresh, NotFittedError), f"scoring before fit is no NotFittedError: {fresh}")
    else:
        _require_equal(fresh, scorer.score(examples), "fit was not asked for, and it")


def check_same_fit_same_result(make_scorer: MakeScorer) -> None:
    """Require that two fits on the same examples give exactly the same, and ``fit`` the scorer itself."""
    scorer, examples = _fitted(make_scorer)
    once = scorer.score(examples)
    require(scorer.fit(_training_examples(scorer)) is scorer, "fit does not return the scorer")
    _require_equal(scorer.score(examples), once, "fitting a second time")
    _require_equal(_fitted(make_scorer)[0].score(examples), once, "a second scorer with the same fit")


def check_a_class_never_predicted_right(make_scorer: MakeScorer) -> None:
    """Require finite scores after a fit in which one class was always taken for another."""
    scorer, examples = _fitted(make_scorer)
    known = known_examples(scorer.anchors)
    classes = np.array(known.predictions)
    again = make_scorer()
    again.fit(replace(known, predictions=np.where(classes == 0, classes.max(), classes)))
    require(np.isfinite(again.score(examples)).all(), "a class never predicted right makes scores not finite")


def check_too_little_to_fit_is_refused_in_words(make_scorer: MakeScorer) -> None:
    """Require that a fit on no example, one class only or no label works, or is refused in words."""
    _, examples = _fitted(make_scorer)
    known = known_examples(make_scorer().anchors)
    for what, few in {
        "no example": known.take(np.arange(0)),
        "one class only": known.take(known.labels == 0),
        "no label": replace(known, labels=np.full(known.n, -1)),
    }.items():
        scorer = make_scorer()
        if not isinstance(attempt(f"fitting on {what}", scorer.fit, few), LightwellError):
            require(np.isfinite(scorer.score(examples)).all(), f"fitting on {what} makes scores not finite")


def check_unsuitable_examples_are_refused(make_scorer: MakeScorer) -> None:
    """Require that missing logits or codes of another width are a ``DataError``, or do not matter."""
    scorer, examples = _fitted(make_scorer)
    whole = scorer.score(examples)
    wider = np.concatenate([examples.codes, np.ones((examples.n, 1))], axis=1)
    for what, other in {
        "an example without logits": replace(examples, logits=None),
        "a code with a column more": replace(examples, codes=wider),
    }.items():
        found = attempt(what, scorer.score, other)
        if isinstance(found, LightwellError):
            require(isinstance(found, DataError), f"the refusal of {what} is no DataError: {found}")
        else:
            require(found.shape == whole.shape, f"{what} changes the shape of the scores")


def check_info_is_complete(make_scorer: MakeScorer) -> None:
    """Require a whole record, which says whether the score reads codes, logits or a model's own scores."""
    info = make_scorer().info
    check_record(info, "unknown_score")
    known = {"codes", "logits", "scores"}
    require(set(info.consumes) & known, f"{info.name} says neither 'codes' nor 'logits' nor 'scores'")


def scorer_checks() -> list[tuple[str, Check[Scorer]]]:
    """Return every check of an unknown score with its name, for ``pytest.mark.parametrize``.

    Returns
    -------
    list of (str, callable)
        Each takes a function that makes a fresh scorer, and raises ``AssertionError`` where the promise of
        its name is broken.

    Examples
    --------
    >>> scorer_checks()[0][0]
    'larger_is_more_unknown'
    """
    return named(
        check_larger_is_more_unknown,
        check_batch_size_does_not_matter,
        check_chunks_do_not_matter,
        check_order_does_not_matter,
        check_arguments_are_untouched,
        check_nan_is_refused_naming_the_example,
        check_number_types,
        check_sizes,
        check_stored_and_read_scores_are_equal,
        check_not_fitted_is_an_error,
        check_same_fit_same_result,
        check_a_class_never_predicted_right,
        check_too_little_to_fit_is_refused_in_words,
        check_unsuitable_examples_are_refused,
        check_info_is_complete,
    )


def check_scorer(make_scorer: MakeScorer) -> dict[str, str]:
    """Run every check on an unknown score of your own (see :func:`lightwell.testing.suite.run`).

    Parameters
    ----------
    make_scorer : callable
        Returns a fresh, unfitted :class:`lightwell.models.scorers.Scorer` each time.

    Examples
    --------
    >>> from lightwell.models.scorers import MaxLogit
    >>> set(check_scorer(MaxLogit).values())
    {'passed'}
    """
    return run(scorer_checks(), make_scorer)
