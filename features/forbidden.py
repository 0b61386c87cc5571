"""What may never be a feature, because it is written after, or because of, what is predicted.

The list is of shapes of names. A field called so is dropped wherever a company's own fields come
in; the canonical columns of this kind are read by no feature at all.
"""

from __future__ import annotations

import re

FORBIDDEN: dict[str, str] = {
    r"(cancel|churn|termination|loss|lost|leav|exit)\w*_?(reason|cause|comment|note)": (
        "why an account left is known only once it leaves"
    ),
    r"(^|_)(cancel|terminat|deactivat|unsubscri|left|exit|closed?)[a-z]*(_[a-z]+)*"
    r"_(date|day|at|on|month|flag|time|ts)$": "the day or flag of leaving is the answer itself",
    r"^(is_|has_|was_)?(churn(ed)?|cancell?ed|attrited|terminated|lost|inactive|deactivated)$": (
        "whether an account left is the answer itself"
    ),
    r"churn|attrition": "speaks of churn, as a flag, a date, a score or a label",
    r"(^|_)(account|customer|client|contract|subscription|lifecycle|renewal)_?"
    r"(status|state|stage|outcome|result)$": "a status overwritten in place shows its last value",
    r"^(status|state|outcome|is_active|active)$": (
        "a status overwritten in place shows its last value"
    ),
    r"offboard|data_?export|export_request": "belongs to leaving",
    r"(final|last|closing)_?(invoice|bill)": "the final invoice is written at the end",
    r"(^|_)(csm|risk|renewal|health)_?(note|comment|remark)|(^|_)at_risk": (
        "notes on risk are written once notice is near or given"
    ),
    r"(^|_)(end|ended|expiry|expired)_?(date|on|at)$": (
        "an end date filled in afterwards is the answer itself"
    ),
}
"""Shape of a name (lower case, searched) and why it is refused."""

FORBIDDEN_OF_DEALS: dict[str, str] = {
    r"(^|_)(won|win|closed?|closing|decision)(_won|_lost)?_?(reason|comment|note)"
    r"|(^|_)reason_?(won|win|lost|loss|closed?)": (
        "why a deal was won or lost is known only once it is closed"
    ),
    r"^(is_|has_|was_)?(won|lost|closed|booked|win|loss)(_(won|lost|win|loss))?(_flag)?$"
    r"|(^|_)(opportunity|deal|sales)_?(status|state|stage|outcome|result)$|^result$": (
        "whether the deal was won is the answer itself"
    ),
    r"(^|_)(final|actual|closed?|closing|won|booked|signed)_?"
    r"(amount|value|price|total|revenue|discount|acv|arr|mrr|tcv)": (
        "the final amount is written when the deal is closed"
    ),
    r"e_?sign(ed|ature)?(_|$)|docu_?sign|contract_?sign|(^|_)sign(ed|ature)_?(on|at|date)$": (
        "a contract is signed once the deal is won"
    ),
    r"(^|_)(contract|order|invoice|subscription|po)_?(id|no|nr|number|ref|key)$": (
        "a contract, an order or an invoice exists only once the deal is won"
    ),
    r"(^|_)(win_?)?probability|^win_?(chance|likelihood)$": (
        "a source's own probability is set to 1 or 0 by the close"
    ),
    r"days_?to_?clos|time_?to_?(clos|win)|sales_?cycle": (
        "how long a deal took is known only once it is closed"
    ),
}
"""Shapes that know how a deal ended, besides :data:`FORBIDDEN`."""

OFFBOARDING = "offboard|export|cancel|churn|terminat|clos(e|ing)[ _-]?account|leav(e|ing)|migrat"
"""Topics of tickets that follow the decision to leave."""


def why_forbidden(name: str) -> str | None:
    """Return why a field of that name is no feature; ``None`` when it may be one.

    Examples
    --------
    >>> why_forbidden("Churn-Reason")
    'why an account left is known only once it leaves'
    >>> why_forbidden("employees") is None
    True
    """
    return _why_of(name, FORBIDDEN)


def why_forbidden_of_deals(name: str) -> str | None:
    """Return why a field of a deal is no feature; ``None`` when it may be one.

    Examples
    --------
    >>> why_forbidden_of_deals("Closed Won Reason")
    'why a deal was won or lost is known only once it is closed'
    >>> why_forbidden_of_deals("Region") is None
    True
    """
    return _why_of(name, {**FORBIDDEN_OF_DEALS, **FORBIDDEN})


def _why_of(name: str, shapes: dict[str, str]) -> str | None:
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    plain = plain.strip("_")
    for shape, reason in shapes.items():
        if re.search(shape, plain):
            return reason
    return None
