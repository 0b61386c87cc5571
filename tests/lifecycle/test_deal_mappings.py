"""The shipped mapping files take in exports of CRMs, of an event log and of a flat table."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.lifecycle.deal_exports import columns_of, take_example
from tests.lifecycle.exports import stored

FIELD_HISTORY = (
    "Id,OpportunityId,Field,DataType,OldValue,NewValue,CreatedDate,CreatedById,IsDeleted,"
    "Opportunity.CurrencyIsoCode"
)


def test_salesforce_history_is_the_deal_version_by_version(tmp_path):
    header = "Id,OpportunityId,CreatedDate,StageName,Amount,CurrencyIsoCode,CloseDate,"
    header += "ForecastCategory,Opportunity.AccountId,Opportunity.CreatedDate,Opportunity.Type"
    born = "2024-01-05T09:00:00.000+0000"
    first = f"h1,d1,{born},Discovery,1000.00,USD,2024-03-31,Pipeline,a1,{born},Existing Business"
    last = first.replace(born, "2024-02-20T10:00:00.000Z", 1).replace("h1", "h2")
    last = last.replace("Discovery", "Closed Won").replace("Pipeline", "Closed")
    take_example(tmp_path, "salesforce_opportunity_history", header, first, last)
    rows = stored(tmp_path, "opportunities")
    assert columns_of(rows, "stage", "outcome", "category", "kind") == [
        ("Discovery", "open", "pipeline", "expansion"),
        ("Closed Won", "won", "closed", "expansion"),
    ]
    assert rows[0]["created_at"] == rows[0]["known_at"] == datetime(2024, 1, 5, 9, tzinfo=UTC)


def test_salesforce_field_history_puts_each_value_into_the_columns_of_its_type(tmp_path):
    when = "2024-01-0{}T09:00:00.000Z,u1,false,USD"
    lines = [
        "c1,d1,StageName,DynamicEnum,Discovery,Proposal," + when.format(1),
        "c2,d1,Amount,Double,1000,1500.5," + when.format(2),
        "c3,d1,CloseDate,DateOnly,2024-03-31,2024-06-30," + when.format(3),
        "c4,d1,Owner,EntityId,u1,u2," + when.format(4),
        "c5,d1,Owner,Text,Ann Lee,Bo Ray," + when.format(5),
        f"c6,d1,NextStep,Text,,{'x' * 250}," + when.format(6),
    ]
    take_example(tmp_path, "salesforce_opportunity_field_history", FIELD_HISTORY, *lines)
    names = ("field", "text_after", "amount_after_minor", "close_after_on")
    assert columns_of(stored(tmp_path, "opportunity_changes"), *names) == [
        ("stage", "Proposal", None, None),
        ("amount", None, 150050, None),
        ("close_on", None, None, date(2024, 6, 30)),
        ("owner", "u2", None, None),
        ("other", None, None, None),
        ("next_step", None, None, None),
    ]


def test_a_change_of_a_deal_in_another_currency_is_refused_like_the_deal(tmp_path):
    line = "c{},d1,Amount,Double,1,2,2024-01-05T09:00:00Z,u1,false,{}"
    lines = [line.format(1, "USD"), line.format(2, "EUR")]
    report = take_example(tmp_path, "salesforce_opportunity_field_history", FIELD_HISTORY, *lines)
    assert report.quarantined == {"currency_foreign": 1}


def test_salesforce_categories_are_ours_on_both_sides(tmp_path):
    line = (
        "c1,d1,ForecastCategoryName,DynamicEnum,Best Case,Commit,2024-01-05T09:00:00Z,u1,false,USD"
    )
    take_example(tmp_path, "salesforce_opportunity_field_history", FIELD_HISTORY, line)
    (row,) = stored(tmp_path, "opportunity_changes")
    assert (row["field"], row["text_before"], row["text_after"]) == (
        "category",
        "best_case",
        "commit",
    )


def test_salesforce_opportunities_bring_only_what_stands_from_the_first_day(tmp_path):
    header = "Id,AccountId,CreatedDate,Type,LeadSource,StageName,IsWon"
    line = "d1,,2024-01-05T09:00:00Z,Renewal,Web,Closed Won,true"
    take_example(tmp_path, "salesforce_opportunities", header, line)
    (row,) = stored(tmp_path, "opportunities")
    assert (row["kind"], row["account_id"], row["source"]) == ("renewal", None, "Web")
    assert row["stage"] is row["outcome"] is None
    assert (row["known_at"], row["known_source"]) == (row["created_at"], "assumed")


def test_hubspot_property_history_is_one_row_per_value(tmp_path):
    at = "2024-01-05T09:00:00.000Z"
    lines = [
        f"7,dealstage,qualifiedtobuy,{at},u1",
        f"7,amount,2500.00,{at},u1",
        f"7,closedate,1711929600000,{at},u1",
        f"7,hs_manual_forecast_category,BEST_CASE,{at},u1",
        "7,hs_is_closed_lost,true,1709251200000,",
        "7,hs_is_closed_lost,false,1709337600000,u1",
    ]
    header = "deal_id,property,value,timestamp,user_id"
    take_example(tmp_path, "hubspot_deal_history", header, *lines)
    rows = sorted(stored(tmp_path, "opportunity_changes"), key=lambda row: row["changed_at"])
    assert sorted(columns_of(rows[:4], "field", "text_after"), key=str) == [
        ("amount", None), ("category", "best_case"), ("close_on", None), ("stage", "qualifiedtobuy")
    ]  # fmt: skip
    assert columns_of(rows[4:], "field", "text_after") == [("outcome", "lost"), ("outcome", "open")]
    assert {row["close_after_on"] for row in rows} == {None, date(2024, 4, 1)}


def test_hubspot_deals_bring_only_what_stands_from_the_first_day(tmp_path):
    header = "deal_id,company_id,createdate,dealtype,dealstage"
    line = "7,c1,2024-01-05T09:00:00.000Z,existingbusiness,closedwon"
    take_example(tmp_path, "hubspot_deals", header, line)
    (row,) = stored(tmp_path, "opportunities")
    assert (row["kind"], row["stage"], row["known_at"]) == ("expansion", None, row["created_at"])


def test_pipedrive_updates_become_typed_changes(tmp_path):
    lines = [
        "1,7,stage_id,3,4,u1,2024-01-05 09:00:00",
        "2,7,value,900,1000,u1,2024-01-06 09:00:00",
        "3,7,next_activity_date,,2024-02-01,u1,2024-01-07 09:00:00",
        "4,7,status,open,deleted,u1,2024-01-08 09:00:00",
        "5,7,lost_reason,,too dear,u1,2024-01-08 09:00:00",
    ]
    header = "id,item_id,field_key,old_value,new_value,user_id,log_time"
    take_example(tmp_path, "pipedrive_deal_flow", header, *lines, currency="EUR")
    take_example(tmp_path, "pipedrive_deals", "id,org_id,add_time", "7,,2024-01-04 09:00:00")
    names = ("field", "text_after", "amount_after_minor", "close_after_on")
    assert columns_of(stored(tmp_path, "opportunity_changes"), *names) == [
        ("stage", "4", None, None),
        ("amount", None, 100000, None),
        ("next_step", None, None, date(2024, 2, 1)),
        ("outcome", "lost", None, None),
        ("other", None, None, None),
    ]


def test_an_event_log_becomes_deals_their_stages_and_the_work_on_them(tmp_path):
    header = "case_id,seq,activity,lifecycle,timestamp,resource"
    at = "2012-01-0{}T09:00:00Z,112"
    lines = [
        "9,0,A_SUBMITTED,COMPLETE," + at.format(1),
        "9,1,W_Nabellen offertes,START," + at.format(2),
        "9,2,W_Nabellen offertes,COMPLETE," + at.format(3),
        "9,3,A_APPROVED,COMPLETE," + at.format(4),
    ]
    case = "9,2012-01-01T10:00:00+01:00,5000"
    take_example(tmp_path, "bpic2012_cases", "case_id,REG_DATE,AMOUNT_REQ", case, currency="EUR")
    reports = [take_example(tmp_path, f"bpic2012_{part}", header, *lines) for part in
               ("events", "work")]  # fmt: skip
    assert [report.notes["not_kept"] for report in reports] == [2, 3]
    changes = stored(tmp_path, "opportunity_changes")
    assert columns_of(changes, "field", "text_after") == [
        ("stage", "A_SUBMITTED"),
        ("outcome", "won"),
    ]
    assert columns_of(stored(tmp_path, "activities"), "activity_id", "kind") == [("9:2", "call")]


def test_a_flat_table_is_taken_in_by_its_mapping_file_alone(tmp_path):
    header = "Opportunity Number,Opportunity Result,Region,Supplies Subgroup,Supplies Group,"
    header += "Route To Market,Opportunity Amount USD,Client Size By Revenue,"
    header += "Client Size By Employee Count,Revenue From Client Past Two Years,Competitor Type,"
    header += "Deal Size Category,Sales Stage Change Count"
    lines = ["1,Won,North,Rims,Cars,Phone,100,1,2,0,None,1,4", "2,Loss,,,,,,,,,,,"]
    take_example(tmp_path, "ibm_win_loss", header, *lines)
    deals = stored(tmp_path, "opportunities")
    assert columns_of(deals, "outcome", "created_at") == [("won", None), ("lost", None)]
    fields = {row["name"]: row for row in stored(tmp_path, "attributes")}
    assert len(fields) == 11
    assert fields["Competitor Type"]["text"] == "None"
    assert fields["Opportunity Amount USD"]["known"] == "created"
    assert fields["Sales Stage Change Count"]["known"] == "unknown"


def test_the_end_of_a_deal_is_known_on_its_close_and_not_before(tmp_path):
    header = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date"
    header += ",close_value"
    lines = [
        "M1,Ann Lee,GTXPro,Acme Corp,Won,2017-01-05,2017-03-01,1054",
        "M2,Bo Ray,MG Plus,,Lost,2017-01-06,2017-03-02,0",
        "M3,Bo Ray,MG Plus,,Prospecting,,,",
    ]
    for part in ("engaged", "closed"):
        take_example(tmp_path, f"maven_{part}", header, *lines)
    names = ("opportunity_id", "outcome", "amount_minor", "product_id", "owner_id")
    assert columns_of(stored(tmp_path, "opportunities"), *names) == [
        ("M1", "open", None, "GTX_Pro", "Ann_Lee"),
        ("M1", "won", 105400, "GTX_Pro", "Ann_Lee"),
        ("M2", "open", None, "MG_Plus", "Bo_Ray"),
        ("M2", "lost", None, "MG_Plus", "Bo_Ray"),
    ]
    assert stored(tmp_path, "opportunities")[1]["known_at"] == datetime(2017, 3, 1, tzinfo=UTC)


def test_undated_tables_beside_the_deals_are_known_before_the_first(tmp_path):
    header = "account,sector,year_established,revenue,employees,office_location,subsidiary_of"
    take_example(tmp_path, "maven_accounts", header, "Acme Corp,technolgy,1996,11.5,20,Kenya,")
    take_example(tmp_path, "maven_owners", "sales_agent,manager,regional_office", "Ann,Bo Ray,East")
    take_example(tmp_path, "maven_products", "product,series,sales_price", "GTX Pro,GTX,4821")
    (account,) = stored(tmp_path, "accounts")
    assert (account["account_id"], account["industry"]) == ("Acme_Corp", "technology")
    assert account["known_at"] == datetime(2016, 10, 1, tzinfo=UTC)
    assert account["known_source"] == "assumed"
    assert stored(tmp_path, "owners")[0]["manager_id"] == "Bo_Ray"
    assert stored(tmp_path, "products")[0]["list_price_minor"] == 482100


def test_a_renamed_stage_has_a_row_for_each_of_its_names(tmp_path):
    header = "pipeline,stage_there,from,until,stage,position,probability,won,lost"
    lines = [
        "sales,Evaluation,2023-01-01,2024-01-01,evaluation,2,0.4,no,no",
        "sales,Technical Check,2024-01-01,,evaluation,2,0.4,no,no",
    ]
    take_example(tmp_path, "stages", header, *lines)
    names = ("source_stage", "stage", "effective_to")
    rows = sorted(columns_of(stored(tmp_path, "stage_maps"), *names))
    assert rows == [
        ("Evaluation", "evaluation", date(2024, 1, 1)),
        ("Technical Check", "evaluation", None),
    ]
