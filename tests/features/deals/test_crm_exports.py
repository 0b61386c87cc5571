"""One deal's story, as three CRMs write it, is one story."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from features.days import day_number
from features.deals.facts import read_deal_facts, rows_of
from features.deals.reading import OPEN, WON
from lifecycle.history import open_history
from tests.lifecycle.deal_exports import take_example

BORN, MOVED, SOLD = "2024-01-05T09:00:00Z", "2024-02-01T09:00:00Z", "2024-03-01T09:00:00Z"
DAYS = (date(2024, 1, 10), date(2024, 2, 5), date(2024, 3, 5))


def salesforce(folder: Path) -> None:
    header = "Id,OpportunityId,CreatedDate,StageName,Amount,CurrencyIsoCode,CloseDate,"
    header += "ForecastCategory,Opportunity.AccountId,Opportunity.CreatedDate,Opportunity.Type"
    rest = f"a1,{BORN},New Business"
    lines = [
        f"h1,7,{BORN},Discovery,1000,USD,2024-03-31,Pipeline,{rest}",
        f"h2,7,{MOVED},Proposal,1500,USD,2024-06-30,Forecast,{rest}",
        f"h3,7,{SOLD},Closed Won,1500,USD,2024-03-01,Closed,{rest}",
    ]
    take_example(folder, "salesforce_opportunity_history", header, *lines)


def hubspot(folder: Path) -> None:
    lines = [f"7,hs_is_closed_won,true,{SOLD},u1", f"7,hs_is_closed_won,false,{BORN},u1"]
    told = ((BORN, "Discovery", 1000, "2024-03-31"), (MOVED, "Proposal", 1500, "2024-06-30"))
    for at, stage, amount, close in told:
        lines += [f"7,dealstage,{stage},{at},u1", f"7,amount,{amount},{at},u1"]
        lines += [f"7,closedate,{close}T00:00:00Z,{at},u1"]
    take_example(folder, "hubspot_deals", "deal_id,company_id,createdate,dealtype", f"7,,{BORN},")
    header = "deal_id,property,value,timestamp,user_id"
    take_example(folder, "hubspot_deal_history", header, *lines)


def pipedrive(folder: Path) -> None:
    lines = [
        f"1,7,stage_id,,Discovery,u1,{BORN}",
        f"2,7,value,,1000,u1,{BORN}",
        f"3,7,expected_close_date,,2024-03-31,u1,{BORN}",
        f"4,7,stage_id,Discovery,Proposal,u1,{MOVED}",
        f"5,7,value,1000,1500,u1,{MOVED}",
        f"6,7,expected_close_date,2024-03-31,2024-06-30,u1,{MOVED}",
        f"7,7,status,open,won,u1,{SOLD}",
    ]
    header = "id,item_id,field_key,old_value,new_value,user_id,log_time"
    take_example(folder, "pipedrive_deals", "id,org_id,add_time", f"7,,{BORN}", currency="EUR")
    take_example(folder, "pipedrive_deal_flow", header, *lines, currency="EUR")


@pytest.mark.parametrize("crm", [salesforce, hubspot, pipedrive])
def test_every_day_sees_the_deal_as_it_stood(tmp_path, crm):
    crm(tmp_path)
    history = open_history(tmp_path / "lake", zone=ZoneInfo("UTC"))
    facts = read_deal_facts(history.as_of(datetime(2024, 6, 1, tzinfo=UTC)))
    days = np.array([day_number(day) for day in DAYS])
    rows = rows_of(facts, np.zeros(3, np.int64), days)
    assert facts.text("stage", rows).to_pylist()[:2] == ["Discovery", "Proposal"]
    assert facts.at("amount", rows).tolist() == [100_000, 150_000, 150_000]
    close = [day_number(date(2024, 3, 31)), day_number(date(2024, 6, 30))]
    assert facts.at("close_on", rows)[:2].tolist() == close
    outcome = facts.at("outcome", rows)
    assert np.nan_to_num(outcome, nan=OPEN).tolist() == [OPEN, OPEN, WON]
