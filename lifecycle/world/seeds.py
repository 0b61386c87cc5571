"""Random numbers by entity type: drawing more for one never changes what another draws."""

from __future__ import annotations

import hashlib

import numpy as np


class Streams:
    """A tree of generators that hang on one seed, each by its own name.

    A name's stream depends on the seed and the name alone (not on who asked before), and is the
    same object each time, so that it goes on where it stopped.

    Parameters
    ----------
    seed
        Root of the tree.

    Examples
    --------
    >>> first, second = Streams(1), Streams(1)
    >>> _ = first.rng("tickets").random(100)
    >>> bool(first.rng("usage").random() == second.rng("usage").random())
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._open: dict[str, np.random.Generator] = {}

    def rng(self, name: str) -> np.random.Generator:
        """Return the generator of an entity type, such as ``usage``.

        Parameters
        ----------
        name
            Any text; other texts give independent streams.
        """
        if name not in self._open:
            self._open[name] = np.random.default_rng(self.sequence(name))
        return self._open[name]

    def sequence(self, name: str) -> np.random.SeedSequence:
        """Return the seed sequence of a name, to spawn further ones from."""
        digest = hashlib.sha256(name.encode()).digest()
        key = tuple(int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8, 12))
        return np.random.SeedSequence(entropy=self._seed, spawn_key=key)
