"""How much one company's service takes on: every limit that an operator may set."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field


def count_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Limits(BaseModel):
    """Limits of one web process.

    Attributes
    ----------
    reads_per_second, lists_per_second, writes_per_second
        Requests a second of one key: reads by id and scores; lists, exports and forecasts;
        requests with an effect. Twice as many may come at once.
    requests_per_key
        Requests of one key that are worked on or wait at the same time.
    keys_remembered
        Keys whose pace is known; of more, the one longest unseen is forgotten.
    running, waiting
        Requests that are worked on, and that wait for one of those; twice the cores unless set.
    queue_ms
        How long a request waits at most (milliseconds) before 503.
    request_seconds, scoring_seconds
        When a request is ended with 503; the second for scores that are computed.
    drain_seconds, shutdown_seconds
        After a signal to stop: how long ``/readyz`` says 503 while requests are still taken, and
        how long those that run may then take.
    connections
        Open connections; those beyond are answered 503 and closed.
    allowed_hosts
        ``Host`` headers that are served (without port); empty: any.
    behind_tls
        Whether callers come through TLS: answers then tell browsers to keep to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads_per_second: float = Field(default=25, gt=0)
    lists_per_second: float = Field(default=5, gt=0)
    writes_per_second: float = Field(default=10, gt=0)
    requests_per_key: int = Field(default=8, ge=1)
    keys_remembered: int = Field(default=4_096, ge=1)
    running: int = Field(default_factory=lambda: 2 * count_cores(), ge=1)
    waiting: int = Field(default=16, ge=0)
    queue_ms: float = Field(default=250, gt=0)
    request_seconds: float = Field(default=10, gt=0)
    scoring_seconds: float = Field(default=2, gt=0)
    drain_seconds: float = Field(default=5, ge=0)
    shutdown_seconds: int = Field(default=25, ge=1)
    connections: int = Field(default=512, ge=1)
    allowed_hosts: tuple[str, ...] = ()
    behind_tls: bool = False


# for callers in the same process, such as tests: nobody's pace is watched
NO_PACE = Limits(
    reads_per_second=1e9,
    lists_per_second=1e9,
    writes_per_second=1e9,
    requests_per_key=1_000_000,
)
