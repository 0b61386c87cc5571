"""The courier: sends what webhooks are told, beside the jobs, in a thread of the worker.

Whatever a receiver does, slow, silent or gone, only its own deliveries wait.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from ledger.engine import Ledger
from ledger.pepper import load_pepper
from ledger.runs import RunKind, read_current_run
from ledger.webhook_deliveries import Delivery, Sent, drop_old, note_sent, take_delivery
from ledger.webhook_events import fill_open, tell_stale
from ledger.webhooks import STALE, Webhook, derive_secret, find_listeners
from lifecycle.errors import TruecastError
from service.shapes import is_stale
from service.webhook_address import Reach
from service.worker.clock import SteadyClock
from service.worker.posting import post

LOG = logging.getLogger("truecast.webhooks")
LOOK_SECONDS = 1.0
ROUND = timedelta(hours=1)
STOP_SECONDS = 12.0
SPOKEN: tuple[RunKind, ...] = ("scores", "forecast", "deals")


class Courier:
    """Sends deliveries that are due, until it is told to stop.

    Parameters
    ----------
    ledger
        Where they are.
    data_dir
        Folder of the pepper, from which the secrets follow.
    reach
        Where they may be sent.
    stale_after_days
        From what age (days) data are stale, which is told too; ``None``: that is not looked at.
    """

    def __init__(
        self,
        ledger: Ledger,
        data_dir: Path,
        *,
        reach: Reach,
        stale_after_days: int | None = None,
        clock: SteadyClock | None = None,
    ) -> None:
        self._ledger, self._data_dir, self._reach = ledger, data_dir, reach
        self._stale_after_days, self._clock = stale_after_days, clock or SteadyClock()
        self._stopping = threading.Event()
        self._next_round = self._clock.seconds()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Send in a thread of its own meanwhile."""
        thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(STOP_SECONDS)

    def look(self) -> int:
        """Send what is due; return how many tries were made.

        After a failure the same receiver's other deliveries wait for the next look.
        """
        if self._clock.seconds() >= self._next_round:
            self._next_round = self._clock.seconds() + ROUND.total_seconds()
            self._note_stale()
            drop_old(self._ledger, now=self._clock.now())
        fill_open(self._ledger)
        failed: set[str] = set()
        count = 0
        while not self._stopping.is_set():
            found = take_delivery(self._ledger, now=self._clock.now(), but=failed)
            if found is None:
                break
            count += 1
            if self.send(*found).reason is not None:
                failed.add(found[0].webhook_id)
        return count

    def send(self, webhook: Webhook, taken: Delivery) -> Sent:
        """Make one try of a delivery that was taken, and keep how it ended."""
        pepper = load_pepper(self._data_dir, create=False)
        at = int(self._clock.now().timestamp())
        secret = derive_secret(pepper, webhook.webhook_id)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "truecast-webhooks",
            "Truecast-Event": taken.event,
            "Truecast-Delivery": taken.delivery_id,
            "Truecast-Signature": sign(secret, taken.body, at=at),
        }
        sent = post(webhook.url, taken.body.encode(), headers, reach=self._reach)
        state = note_sent(self._ledger, taken, sent, now=self._clock.now())
        told = f": {sent.reason}" if sent.reason else ""
        LOG.info("delivery %s, try %d, %s%s", taken.delivery_id, taken.tries, state, told)
        return sent

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except TruecastError as error:
                LOG.warning("%s", error)
            except Exception as error:
                LOG.error("the courier failed: %s", type(error).__name__)
            self._stopping.wait(LOOK_SECONDS)

    def _note_stale(self) -> None:
        limit, now = self._stale_after_days, self._clock.now()
        with self._ledger.reading() as connection:
            if limit is None or not find_listeners(connection, STALE):
                return
        for kind in SPOKEN:
            run = read_current_run(self._ledger, kind)
            if run is None or not is_stale(
                run.as_of, run.data_as_of, stale_after_days=limit, now=now
            ):
                continue
            days = {"as_of": run.as_of.isoformat(), "data_as_of": run.data_as_of.isoformat()}
            told = {**days, "stale_after_days": limit}
            with self._ledger.writing() as connection:
                tell_stale(connection, kind, run.run_id, told=told, now=now)


def sign(secret: str, body: str, *, at: int) -> str:
    """Return what proves that a body is ours and was sent at ``at`` (seconds since 1970, UTC).

    Examples
    --------
    >>> sign("whsec_x", "{}", at=1)[:12]
    't=1,v1=36ee2'
    """
    told = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256)
    return f"t={at},v1={told.hexdigest()}"
