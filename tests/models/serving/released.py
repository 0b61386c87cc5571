"""One fitted model of every class that is ever released, each with a frame it was not fitted on."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from models.base import ScoreModel
from models.baselines import BaseRate, RunRate
from models.calibration import CalibratedLapse, Calibration
from models.churn import LapseModel
from models.clv.combined import CombinedValue
from models.clv.contract.candidates import serve_residual
from models.clv.contract.value import ContractValue
from models.clv.parametric import ParametricLapse
from models.contract.headline import ContractModel
from models.contract.health_score import HealthScore
from models.contract.risk import finish_risk
from models.contract.tables import ContractTable
from models.deals.by_amount import ByAmount
from models.deals.direct import DirectModel
from models.deals.flat import FlatModel
from models.deals.win import DealModel
from tests.models.clv.contract.book import build_book, build_examples, make_world
from tests.models.contract.pastmonths import Book
from tests.models.deals.funnel import Funnel, held_out
from tests.models.deals.test_flat import KNOWN, table
from tests.models.pastdays import Company, monthly

ORDERS = ("base_rate", "overdue_rule", "pace", "blend", "bg_nbd", "run_rate", "combined")
CONTRACTS = ("renewal_table", "health_score", "contract_blend", "contract_value")
DEALS = ("deal_win", "flat")
NAMES = (*ORDERS, *CONTRACTS, *DEALS)

Case = tuple[ScoreModel, pa.Table, int]
"""A model, a frame, and its horizon (days)."""


@cache
def release_cases() -> dict[str, Case]:
    return _orders() | _contracts() | _deals()


def _orders() -> dict[str, Case]:
    company = Company(customers=150)
    frame, lapse = company.frame(670)[0], company.examples(monthly(), lapse=True)
    value = company.examples(monthly())
    platt = Calibration("beta", (0.1, 0.9, 1.2))
    made: dict[str, ScoreModel] = {
        "base_rate": BaseRate().fit(lapse),
        "overdue_rule": LapseModel("overdue_rule").fit(lapse),
        "pace": LapseModel("pace").fit(lapse),
        "blend": CalibratedLapse(LapseModel("blend"), platt).fit(lapse),
        "bg_nbd": ParametricLapse("bg_nbd").fit(lapse),
        "run_rate": RunRate().fit(value),
        "combined": CombinedValue().fit(value),
    }
    return {name: (model, frame, 90) for name, model in made.items()}


def _contracts() -> dict[str, Case]:
    book = Book(accounts=300, days=8)
    examples, frame = book.examples(), book.at(25)[0]
    platt = Calibration("platt", (0.2, 0.95, 0.95))
    heads: dict[str, ScoreModel] = {
        "renewal_table": ContractTable("renewal_table"),
        "health_score": HealthScore(),
        "contract_blend": CalibratedLapse(ContractModel("blend"), platt),
    }
    made: dict[str, Case] = {
        name: (finish_risk(head.fit(examples), examples), frame, 90) for name, head in heads.items()
    }
    world = make_world(0)
    seen = build_examples(world)
    value = serve_residual(ContractValue().fit(seen), seen)
    made["contract_value"] = (value, build_book(world, world.months)[0], 1825)
    return made


def _deals() -> dict[str, Case]:
    flat = FlatModel(KNOWN).fit(table())
    return {"deal_win": fit_deals(), "flat": (flat, table(seed=3).frame, 0)}


@cache
def fit_deals() -> Case:
    inner = CalibratedLapse(DirectModel("blend"), Calibration("platt", (0.1, 0.9, 0.9)))
    deals = DealModel(inner, ByAmount((0.95, -0.1, 0.02, 0.05), 13.0, 0.8))
    return deals.fit(Funnel().examples()), held_out(deals=200)[3], deals.horizon_days
