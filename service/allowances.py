"""How often each caller may ask: a bucket of tokens for each pace, and requests at the same time.

A caller is known by a hash of its credentials, before they are looked at: whoever floods is stopped
without a look into the ledger, and memory holds no secret. Wrong keys are counted elsewhere.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from lifecycle.limits import Limits
from service.limits import Pace
from service.problems import Problem

BURST_SECONDS = 2.0
DOWNLOADS_AT_ONCE = 2
DOWNLOAD_RETRY_SECONDS = 5.0


class Allowance:
    """What one caller has left: tokens and the instant they were counted, by pace."""

    __slots__ = ("downloads", "left", "running", "seen")

    def __init__(self, full: dict[Pace, float], now: float) -> None:
        self.left = dict(full)
        self.seen = dict.fromkeys(full, now)
        self.running = self.downloads = 0


class Allowances:
    """The allowances of the callers seen last."""

    def __init__(self, limits: Limits) -> None:
        self._rates: dict[Pace, float] = {
            "reads": limits.reads_per_second,
            "lists": limits.lists_per_second,
            "writes": limits.writes_per_second,
        }
        self._full = {pace: rate * BURST_SECONDS for pace, rate in self._rates.items()}
        self._largest, self._at_once = limits.keys_remembered, limits.requests_per_key
        self._known: OrderedDict[int, Allowance] = OrderedDict()

    def find(self, caller: int, now: float) -> Allowance:
        """Return a caller's allowance; a new one is full.

        Parameters
        ----------
        caller
            Hash of its credentials.
        now
            Seconds of the event loop's clock.
        """
        found = self._known.get(caller)
        if found is None:
            found = self._known[caller] = Allowance(self._full, now)
            if len(self._known) > self._largest:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(caller)
        return found

    def take(self, mine: Allowance, pace: Pace, now: float) -> list[tuple[bytes, bytes]]:
        """Take one request from an allowance; return the headers that tell what is left.

        Raises
        ------
        Problem
            429: the pace is above the allowance, or too many requests run at once.
        """
        rate, full = self._rates[pace], self._full[pace]
        left = min(full, mine.left[pace] + (now - mine.seen[pace]) * rate)
        mine.seen[pace] = now
        if mine.running >= self._at_once:
            mine.left[pace] = left
            raise self._refuse(
                "too-many-at-once", f"at most {self._at_once} requests of one key at once", 1.0
            )
        if left < 1:
            mine.left[pace] = left
            words = f"at most {rate:g} {pace} a second of one key, {full:g} at once"
            raise self._refuse("too-fast", words, (1 - left) / rate)
        mine.left[pace] = left - 1
        return [
            (b"ratelimit-limit", b"%d" % full),
            (b"ratelimit-remaining", b"%d" % (left - 1)),
            (b"ratelimit-reset", b"%d" % math.ceil((full - left + 1) / rate)),
        ]

    def check_download(self, mine: Allowance) -> None:
        """Refuse a caller that fetches as many results as it may: they hold no place meanwhile.

        Raises
        ------
        Problem
            429: too many at once.
        """
        if mine.downloads >= DOWNLOADS_AT_ONCE:
            words = f"at most {DOWNLOADS_AT_ONCE} results fetched by one key at once"
            raise self._refuse("too-many-at-once", words, DOWNLOAD_RETRY_SECONDS)

    def _refuse(self, kind: str, words: str, seconds: float) -> Problem:
        wait = str(max(1, math.ceil(seconds)))
        return Problem(
            429,
            kind,
            f"this key asks too much; expected {words}; ask again after the time in Retry-After",
            headers={"retry-after": wait, "ratelimit-remaining": "0", "ratelimit-reset": wait},
        )
