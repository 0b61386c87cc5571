"""What each kind of request may cost: one row a kind, looked up before anything is done for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from starlette.routing import BaseRoute

from lifecycle.errors import UsageError
from service.strict_json import LARGEST_LINES_BYTES

SMALL_BODY_BYTES = 64_000
SCORING_BODY_BYTES = 5_000_000
INGEST_BODY_BYTES = 16_000_000
"""More than the 1,000 rows that one push may have can fill."""


class Weight(IntEnum):
    """Who gives way to whom when there is more to do than can be done: the highest first."""

    health = 0
    score = 1
    read = 2
    export = 3
    ad_hoc = 4


Pace = Literal["reads", "lists", "writes"]


@dataclass(frozen=True)
class Policy:
    """What one kind of request may cost.

    Attributes
    ----------
    weight
        Its rank when there is too much to do.
    pace
        Which of the key's paces it counts to; ``None``: none.
    body
        Largest body in bytes; 0: none is taken.
    scoring
        Whether the shorter deadline of computed scores applies.
    tagged
        Whether its answer carries an ``ETag``, so that an unchanged one need not be sent again.
    download
        Whether its answer may take minutes to send: only until it begins it holds a place and has
        the usual deadline, and a key has few of them at once.
    """

    weight: Weight
    pace: Pace | None = "reads"
    body: int = 0
    scoring: bool = False
    tagged: bool = False
    download: bool = False


_HEALTH = Policy(Weight.health, None)
_ITEM = Policy(Weight.read)
_LIST = Policy(Weight.read, "lists", tagged=True)
_EXPORT = Policy(Weight.export, "lists", tagged=True)
_WRITE = Policy(Weight.ad_hoc, "writes", SMALL_BODY_BYTES)
_AD_HOC = Policy(Weight.ad_hoc, "lists")

# by method and noun; a slash at the end: something below the noun, such as one account; an asterisk
# stands for what lies between the noun and the last word
POLICIES: dict[tuple[str, str], Policy] = {
    ("GET", "livez"): _HEALTH,
    ("GET", "readyz"): _HEALTH,
    ("GET", "metrics"): _HEALTH,
    ("GET", "scores/"): Policy(Weight.score),
    ("POST", "scores/"): Policy(Weight.score, "reads", SCORING_BODY_BYTES, scoring=True),
    ("POST", "scores/*/jobs"): Policy(Weight.export, "writes", LARGEST_LINES_BYTES),
    ("POST", "scores/*/replay"): Policy(Weight.ad_hoc, "writes", SMALL_BODY_BYTES),
    ("POST", "ingest/"): Policy(Weight.score, "writes", INGEST_BODY_BYTES),
    ("GET", "at-risk"): _LIST,
    ("GET", "at-risk/"): _LIST,
    ("GET", "accounts/"): _ITEM,
    ("GET", "deals"): _LIST,
    ("GET", "deals/"): _ITEM,
    ("GET", "owners/"): _LIST,
    ("GET", "forecasts/"): Policy(Weight.read, tagged=True),
    ("GET", "scenarios"): _LIST,
    ("GET", "scenarios/"): _ITEM,
    ("GET", "accuracy"): _EXPORT,
    ("GET", "backtests"): _EXPORT,
    ("GET", "churn/"): _EXPORT,
    ("GET", "deal_win/"): _EXPORT,
    ("GET", "models"): _LIST,
    ("GET", "openapi.json"): _AD_HOC,
    ("GET", "docs"): _AD_HOC,
    ("GET", "jobs"): _LIST,
    ("GET", "jobs/"): _ITEM,
    ("GET", "jobs/*/result"): Policy(Weight.read, download=True),
    ("POST", "scenarios"): _WRITE,
    ("POST", "scenarios/"): _WRITE,
    ("POST", "exports/"): _WRITE,
    ("POST", "jobs"): _WRITE,
    ("POST", "jobs/"): _WRITE,
    ("POST", "erasures"): _WRITE,
    ("GET", "webhooks"): _LIST,
    ("POST", "webhooks"): _WRITE,
    ("POST", "webhooks/"): _WRITE,
}
UNKNOWN = Policy(Weight.ad_hoc)


def find_policy(method: str, path: str) -> Policy:
    """Return what a request may cost; an unknown path is answered 404, last of all.

    Examples
    --------
    >>> find_policy("GET", "/v1/deals").pace, find_policy("GET", "/v1/deals/O1").pace
    ('lists', 'reads')
    """
    parts = path.split("/", 3)
    place = 2 if len(parts) > 2 and parts[1] == "v1" else 1
    if len(parts) <= place + 1:
        return POLICIES.get((method, parts[-1]), UNKNOWN)
    noun, (between, _, last) = parts[place], parts[-1].rpartition("/")
    found = POLICIES.get((method, f"{noun}/*/{last}")) if between else None
    return found or POLICIES.get((method, f"{noun}/"), UNKNOWN)


def check_policies(routes: Iterable[BaseRoute]) -> None:
    """Refuse an application with a route whose cost nobody has decided.

    Raises
    ------
    UsageError
        The route is named.
    """
    for route in routes:
        path = getattr(route, "path", "")
        for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD"}:
            if find_policy(method, path) is UNKNOWN:
                raise UsageError(
                    f"route {method} {path} has no limits",
                    "a row for its method and noun",
                    "add it to POLICIES in service/limits.py",
                )
