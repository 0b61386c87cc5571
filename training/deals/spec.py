"""The deal models as the rest of training sees them: what they say, of whom, and where they end."""

from __future__ import annotations

from dataclasses import replace

from features.deal_columns import DEAL_COLUMNS
from models.deals.ladder import DEAL_CANDIDATES
from training.deals.gate import RULE
from training.deals.past import HORIZON_DAYS
from training.specs import Spec, as_it_is

CARD_KEYS = (
    "measures", "warnings", "ladder", "hygiene", "never_scored", "time_honest", "audit",
    "pooled_auc", "unanswered", "amount",
)  # fmt: skip
"""What a card of deals tells beside those of other models."""

DEAL_WIN = Spec(
    name="deal_win",
    unit="probability",
    route="deals",
    meaning="probability that the open deal is won before its fiscal quarter ends",
    target=as_it_is,
    candidates=DEAL_CANDIDATES,
    rule=RULE,
    horizons=(HORIZON_DAYS,),
    population="deals open on the day, new business and expansion; renewals are left out",
    limits=(
        "It knows what the sales system had on record by the day; not what was said in meetings "
        "nobody wrote down.",
        "Deals opened and closed within a day, or between two weekly looks, are never scored.",
        "A deal won counts on the day it was won, even where that was told later.",
        "A reason says what moved the score, not what would change the customer's mind.",
    ),
    columns=DEAL_COLUMNS,
    finds_leaks=True,
)
FLAT_WIN = replace(
    DEAL_WIN,
    meaning="probability that the deal is won in the end, by what was known when it was created",
    population="deals of a table without history",
    limits=(
        "No history: nothing is said of quarters, close dates or slipping.",
        "Only fields declared known at creation are read.",
        "A reason says what moved the score, not what would change the customer's mind.",
    ),
    columns=(),
)
