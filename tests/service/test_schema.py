"""Cases generated from the OpenAPI document; few, beside the hand-written hostile corpus."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.service.conftest import Client, check_answer

# those that take parameters: without any, no wrong case can be made
OPERATIONS = [
    "listAtRisk",
    "listBacktests",
    "listDeals",
    "listModels",
    "listOwnerBias",
    "listScenarios",
    "readAccount",
    "readAccuracy",
    "readChurnTrackRecord",
    "readDeal",
    "readDealScores",
    "readForecast",
    "readForecastChanges",
    "readForecastGap",
    "readScenario",
    "readScores",
]


async def _send(client: Client, case: Any) -> httpx2.Response:
    given = case.as_transport_kwargs(base_url="http://service")
    headers = {**given["headers"], "Authorization": f"Bearer {client.key}"}
    transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport) as sender:
        return await sender.request(
            given["method"], given["url"], params=given.get("params"), headers=headers
        )


def _operation(client: Client, operation_id: str) -> Any:
    document = copy.deepcopy(client.app.openapi())
    for path in document["paths"].values():
        for operation in path.values():
            # keys and cursors have tests of their own: neither can be made up
            operation.pop("security", None)
            given = operation.get("parameters", [])
            operation["parameters"] = [one for one in given if one["name"] != "cursor"]
    return schemathesis.openapi.from_dict(document).find_operation_by_id(operation_id)


@pytest.mark.parametrize("operation_id", OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_cases_are_answered_as_published(
    client: Client, operation_id: str, mode: GenerationMode
) -> None:
    strategy = _operation(client, operation_id).as_strategy(generation_mode=mode)

    @settings(max_examples=25)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(strategy)
        answer = asyncio.run(_send(client, case))
        check_answer(answer)
        case.validate_response(answer)

    check()
