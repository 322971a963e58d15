"""Random numbers by name: a generator per call, the global state left as it was found."""

from __future__ import annotations

import contextlib
import hashlib
import random
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_GOLDEN = 0x9E3779B97F4A7C15


def derive(seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**63) for one purpose, independent of all other purposes.

    Parameters
    ----------
    seed : int
        The seed of the run.
    *purpose : str or int
        What the numbers are for, such as ``"split", 3``.

    Examples
    --------
    >>> derive(0, "split") == derive(0, "split"), derive(0, "split") == derive(0, "weights")
    (True, False)
    """
    words = (str(word) if isinstance(word, str) else int(word) for word in purpose)  # NumPy's write otherwise
    digest = hashlib.sha256(repr((int(seed), *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a NumPy generator for one purpose (see :func:`derive`)."""
    return np.random.default_rng(derive(seed, *purpose))


def keyed_words(keys: NDArray[np.int64], count: int, seed: int, *purpose: str | int) -> NDArray[np.uint64]:
    """Return 64 random bits a word, which depend on seed, purpose, key and column alone.

    What is drawn for an example this way is the same in every batch, order and subset (SplitMix64 as a
    hash; Steele, Lea, Flood, OOPSLA 2014).

    Parameters
    ----------
    keys : array of int64, shape (n,)
        Such as the ids of examples.
    count : int
        Words a key.
    seed, purpose
        See :func:`derive`.

    Returns
    -------
    array of uint64, shape (n, count)

    Examples
    --------
    >>> both, one = (keyed_words(np.array(keys), 2, 0, "noise") for keys in ([4, 7], [7]))
    >>> bool((both[1:] == one).all())
    True
    """
    start = _mixed(keys.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(derive(seed, *purpose)))
    return _mixed(start[:, np.newaxis] + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the words after the finalizer of SplitMix64, which sends distinct ones to distinct ones."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def keyed_uniforms(
    keys: NDArray[np.int64], count: int, seed: int, *purpose: str | int
) -> NDArray[np.float64]:
    """Return numbers in [0, 1), shape (n, count), in the manner of :func:`keyed_words`."""
    words = keyed_words(keys, count, seed, *purpose) >> np.uint64(11)
    return np.asarray(words * 2.0**-53, dtype=np.float64)


def torch_generator(seed: int, *purpose: str | int, device: str = "cpu") -> torch.Generator:
    """Return a torch generator for one purpose (see :func:`derive`)."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


@contextlib.contextmanager
def global_seed(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators inside the block, restore them after.

    For code of others that takes no generator, such as layers that draw their own weights.

    Examples
    --------
    >>> before = np.random.get_state()[1][0]
    >>> with global_seed(0, "weights"):
    ...     _ = np.random.rand()
    >>> bool(np.random.get_state()[1][0] == before)
    True
    """
    with preserved():
        value = derive(seed, *purpose)
        random.seed(value)
        np.random.seed(value % 2**32)
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(value)
        yield


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Restore the global random state of Python, NumPy and torch after the block, errors included."""
    torch = sys.modules.get("torch")
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    torch_state = torch.get_rng_state() if torch else None
    cuda_states = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if torch and torch_state is not None:
            torch.set_rng_state(torch_state)
            if cuda_states is not None:
                torch.cuda.set_rng_state_all(cuda_states)
