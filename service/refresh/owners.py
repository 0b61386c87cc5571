"""Owners' bias as the release of deals measured it, beside the team that each owner is in now."""

from __future__ import annotations

from typing import Any

from ledger.owner_bias import OwnerBiasRow
from ledger.releases import Release
from lifecycle.snapshot import Snapshot

Post = dict[str, str | None]
"""Team and region of an owner."""
NO_POST: Post = {"team": None, "region": None}
_SHARES = ("late_share", "late_low", "late_high")
_COUNTS = ("deals_count", "quarters_count", "won_count")


def build_owner_rows(
    snapshot: Snapshot, release: Release, *, currency: str | None
) -> list[OwnerBiasRow]:
    """Return the ledger's rows of the owners on the release's card; none if it has none.

    A bias rests on whole quarters that had ended: it is measured when the model is trained, with
    the outcomes known then, and not anew every night.

    Parameters
    ----------
    currency
        ISO 4217 of the sums; ``None`` where deals have several currencies.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    posts = read_posts(snapshot)
    return [
        OwnerBiasRow(
            owner_id=one["owner_id"],
            team=posts.get(one["owner_id"], NO_POST)["team"],
            label=one["label"],
            **{name: one[name] for name in ("ratio", "ratio_low", "ratio_high", "p_beyond")},
            beside_others=one.get("beside_others"),
            **{name: int(one[name]) for name in _COUNTS},
            **{name: one.get(name) for name in _SHARES},
            commit_minor=round(one["commit_minor"]),
            won_minor=round(one["won_minor"]),
            currency=currency,
            measured_on=release.as_of,
        )
        for one in release.card.get("owner_bias", [])
    ]


def read_posts(snapshot: Snapshot) -> dict[str, Post]:
    """Return each owner's team and region as of the day; the latest ones of those who left."""
    owners = snapshot.table("owners")
    wanted = owners.select("owner_id", "effective_from", "team", "region")
    rows = snapshot.collect(wanted).to_pylist()

    def begun(row: dict[str, Any]) -> Any:
        return row["effective_from"]

    held = [row for row in rows if row["effective_from"] <= snapshot.day]
    return {
        row["owner_id"]: {"team": row["team"], "region": row["region"]}
        for row in sorted(held, key=begun)
    }
