"""The released models that a web process speaks with: the ledger says which, disk gives the bytes.

A bundle is checked against the ledger's digest before anything parses it, and parsed first in a
child process (`models.bundle`). Only then does it take the place of the one before, at once for all
later requests. If it is refused, the one before goes on speaking, and `troubles` says why.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ledger.engine import Ledger
from ledger.releases import Release, count_promotions, read_champions, read_recent_digests
from lifecycle.errors import BundleError, TruecastError
from models.base import ScoreModel
from models.bundle import load_bundle
from models.classes import load_class
from models.serving.checks import find_words
from service.logs import tell

LOG = logging.getLogger("truecast.bundles")
MODELS = frozenset(("churn", "clv", "deal_win"))
POLL_SECONDS = 2.0
RETRY_SECONDS = 30.0
KEPT_COPIES = 3
COPIES = "serving"

Key = tuple[str, str, int]
"""Model, route and horizon (days): each has one champion."""


@dataclass(frozen=True)
class Champion:
    """A released model, ready to speak.

    Attributes
    ----------
    words
        By text feature, the only values that the model knows (`models.serving.checks`).
    """

    release: Release
    model: ScoreModel
    words: Mapping[str, frozenset[str]]


class Keeper:
    """Keep the champions of the ledger loaded.

    Parameters
    ----------
    data_dir
        Holds the released bundles, and this process's own copies of the last three.
    ledger
        Gives the open ledger, or raises while there is none.
    """

    def __init__(self, data_dir: Path, ledger: Callable[[], Ledger]) -> None:
        self._bundles, self._copies = data_dir / "bundles", data_dir / COPIES
        self._ledger = ledger
        self._champions: Mapping[Key, Champion] = {}
        self._troubles: Mapping[Key, str] = {}
        # what has passed once: a rollback parses nothing
        self._known: dict[str, Champion] = {}
        self._seen, self._tried_at = -1, 0.0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def has_looked(self) -> bool:
        """Whether the ledger was read at least once."""
        return self._seen >= 0

    @property
    def champions(self) -> Mapping[Key, Champion]:
        """Those who speak now; a later change makes another mapping, never alters this one."""
        return self._champions

    @property
    def troubles(self) -> list[str]:
        """Why a champion of the ledger does not speak, one line each."""
        return [
            f"{model} ({route}, {horizon} days): {why}"
            for (model, route, horizon), why in sorted(self._troubles.items())
        ]

    def start(self) -> None:
        """Look now, and every two seconds in a thread until `stop`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="bundles", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def look(self) -> None:
        """Load what was promoted since the last look; without a change one statement is all.

        Raises
        ------
        LedgerError
            The ledger cannot be read; who spoke before speaks on.
        """
        with self._lock:
            ledger = self._ledger()
            count = count_promotions(ledger)
            due = bool(self._troubles) and time.monotonic() - self._tried_at > RETRY_SECONDS
            if count == self._seen and not due:
                return
            self._take_all(ledger)
            # only now: a look that failed half-way is done again
            self._seen = count

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except TruecastError as error:
                LOG.debug("champions not read: %s", error)
            except Exception as error:
                # nobody would look again: the next rollback must be heard, whatever this was
                LOG.error("looking for champions failed: %s", type(error).__name__)
            if self._stop.wait(POLL_SECONDS):
                return

    def _take_all(self, ledger: Ledger) -> None:
        self._tried_at = time.monotonic()
        wanted = [one for one in read_champions(ledger) if one.model in MODELS and one.digest]
        kept: dict[Key, Champion] = {}
        troubles: dict[Key, str] = {}
        for release in wanted:
            key = (release.model, release.route, release.horizon_days)
            before = self._champions.get(key)
            try:
                kept[key] = self._take(release)
            except BundleError as error:
                told = {"model": release.model, "version": release.version, "why": str(error)}
                tell(LOG, "bundle.refused", level=logging.ERROR, **told)
                troubles[key] = str(error)
                if before is not None:
                    kept[key] = before
        self._champions, self._troubles = kept, troubles
        self._prune(ledger)

    def _take(self, release: Release) -> Champion:
        known = self._known.get(release.digest)
        if known is not None:
            return Champion(release, known.model, known.words)
        own = self._copies / release.digest
        try:
            meta, parts = load_bundle(self._bundles, release.digest)
        except BundleError:
            if not own.is_dir():
                raise
            meta, parts = load_bundle(self._copies, release.digest)
        model: ScoreModel = load_class(str(meta["model_class"])).from_parts(parts)
        if not own.is_dir():
            self._copy(release.digest)
        tell(LOG, "bundle.speaks", model=release.model, version=release.version)
        made = self._known[release.digest] = Champion(release, model, find_words(parts))
        return made

    def _copy(self, digest: str) -> None:
        """Keep a copy of a bundle that has passed; where disk refuses, go on without one."""
        with suppress(OSError):
            self._copies.mkdir(mode=0o700, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=".copying-", dir=self._copies))
            try:
                shutil.copytree(self._bundles / digest, scratch / digest)
                (scratch / digest).rename(self._copies / digest)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _prune(self, ledger: Ledger) -> None:
        """Forget all but the last three releases that spoke, of each model, route and horizon."""
        wanted = read_recent_digests(ledger, KEPT_COPIES)
        self._known = {name: one for name, one in self._known.items() if name in wanted}
        if not self._copies.is_dir():
            return
        with suppress(OSError):
            for one in self._copies.iterdir():
                if one.name not in wanted and not one.name.startswith("."):
                    shutil.rmtree(one, ignore_errors=True)
