"""What was told arrives at least once, signed, however receivers behave and whoever is killed."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger import webhook_deliveries
from ledger.engine import Ledger
from ledger.pepper import load_pepper
from ledger.webhook_deliveries import MOST_TRIES, WAITS, Delivery, read_delivery
from ledger.webhooks import derive_secret
from service.worker import posting
from service.worker.courier import Courier
from tests.service.webhooks.receiver import HERE, Receiver, listen, open_courier, tell
from tests.service.worker.trials import ROOT, HandClock

VICTIM = """
import sys
from pathlib import Path
from ledger.engine import attach_ledger
from service.webhook_address import Reach
from service.worker.courier import Courier
ledger = attach_ledger(sys.argv[1])
Courier(ledger, Path(sys.argv[2]), reach=Reach(http=True, private=True)).look()
"""


def found(ledger: Ledger, delivery_id: str) -> Delivery:
    one = read_delivery(ledger, delivery_id)
    assert one is not None
    return one


def load_snippet(folder: Path) -> ModuleType:
    """The lines by which docs/api.md lets a receiver verify, as a module."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = re.search(r"```python\n(import hashlib.*?)```", page, re.DOTALL)
    assert shown is not None
    file = folder / "verify.py"
    file.write_text(shown[1])
    spec = importlib.util.spec_from_file_location("verify", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documented_lines_verify_what_is_sent(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    webhook = listen(ledger, f"{receiver.url}/hook?a=1")
    delivery_id = tell(ledger, webhook)
    assert Courier(ledger, tmp_path, reach=HERE).look() == 1
    assert found(ledger, delivery_id).state == "delivered"
    got, is_ours = receiver.got[0], load_snippet(tmp_path).is_ours
    assert (got.path, got.delivery_id, got.headers["Truecast-Event"]) == (
        "/hook?a=1", delivery_id, "test",
    )  # fmt: skip
    secret = derive_secret(load_pepper(tmp_path), webhook.webhook_id)
    signature = got.headers["Truecast-Signature"]
    assert is_ours(secret, signature, got.body)
    assert not is_ours(secret, signature, got.body + b" ")
    assert not is_ours(derive_secret(load_pepper(tmp_path), "other"), signature, got.body)
    assert not is_ours(secret, re.sub(r"t=\d+", "t=1000", signature), got.body)


def test_a_failed_try_is_made_again_after_a_minute_with_the_same_text(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    hand, receiver.answers = HandClock(), [500]
    courier = open_courier(ledger, tmp_path, hand)
    delivery_id = tell(ledger, listen(ledger, receiver.url))
    assert (courier.look(), courier.look()) == (1, 0)
    kept = found(ledger, delivery_id)
    assert (kept.state, kept.tries, kept.status, kept.reason) == (
        "waiting", 1, 500, "answered 500",
    )  # fmt: skip
    hand.pass_seconds(61)
    courier.look()
    assert found(ledger, delivery_id).state == "delivered"
    assert receiver.got[0].body == receiver.got[1].body
    assert {got.delivery_id for got in receiver.got} == {delivery_id}


def test_after_eight_tries_over_two_days_a_delivery_is_dead_and_says_why(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    hand, receiver.answers = HandClock(), [503] * 20
    courier = open_courier(ledger, tmp_path, hand)
    delivery_id = tell(ledger, listen(ledger, receiver.url))
    for wait in WAITS:
        courier.look()
        hand.pass_seconds(wait.total_seconds() - 1)
        assert courier.look() == 0
        hand.pass_seconds(2)
    assert courier.look() == 1
    dead = found(ledger, delivery_id)
    assert (dead.state, dead.tries, dead.reason) == ("dead", MOST_TRIES, "answered 503")
    hand.pass_seconds(1e6)
    assert courier.look() == 0


def hang(handler: Any) -> None:
    time.sleep(2)


def drip(handler: Any) -> None:
    """Answer a header line every tenth of a second: no single wait is long."""
    try:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
        for number in range(30):
            handler.wfile.write(f"X-{number}: 1\r\n".encode())
            time.sleep(0.1)
    except OSError:
        pass


@pytest.mark.parametrize("slow", [hang, drip])
def test_a_receiver_that_is_too_slow_is_given_up_and_tried_again(
    ledger: Ledger, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch,
    slow: Callable[[Any], None],
) -> None:  # fmt: skip
    monkeypatch.setattr(posting, "LONGEST_SECONDS", 0.4)
    hand, receiver.answers = HandClock(), [slow]
    courier = open_courier(ledger, tmp_path, hand)
    delivery_id = tell(ledger, listen(ledger, receiver.url))
    began = time.monotonic()
    courier.look()
    assert time.monotonic() - began < 1.5
    assert "no answer" in (found(ledger, delivery_id).reason or "")
    hand.pass_seconds(61)
    courier.look()
    assert found(ledger, delivery_id).state == "delivered"


def test_a_redirect_is_not_followed(ledger: Ledger, tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [302]
    delivery_id = tell(ledger, listen(ledger, receiver.url))
    open_courier(ledger, tmp_path, HandClock()).look()
    assert len(receiver.got) == 1
    assert "redirects are not followed" in (found(ledger, delivery_id).reason or "")


def test_deliveries_go_oldest_first_and_a_failed_one_holds_up_no_other_receiver(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    hand, receiver.answers = HandClock(), [500]
    bad, good = listen(ledger, f"{receiver.url}/bad"), listen(ledger, f"{receiver.url}/good")
    told = [tell(ledger, one) for one in (bad, bad, good, good)]
    courier = open_courier(ledger, tmp_path, hand)
    courier.look()
    assert [got.delivery_id for got in receiver.got] == [told[0], told[2], told[3]]
    courier.look()  # the bad one's second does not wait for the first
    assert receiver.got[-1].delivery_id == told[1]


def test_two_couriers_send_each_delivery_once(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    webhook = listen(ledger, receiver.url)
    told = [tell(ledger, webhook) for _ in range(5)]
    both = [open_courier(ledger, tmp_path, HandClock()) for _ in range(2)]
    receiver.answers = [lambda handler: (both[1].look(), handler.send_response(200),
                                         handler.end_headers())]  # fmt: skip
    both[0].look()
    assert sorted(got.delivery_id for got in receiver.got) == sorted(told)


def check_killed(ledger: Ledger, folder: Path, receiver: Receiver) -> None:
    """Kill the sender when it has sent and has not heard yet; whoever comes next sends again."""
    delivery_id = tell(ledger, listen(ledger, receiver.url))
    url = ledger.engine.url.render_as_string(hide_password=False)
    words = [sys.executable, "-c", VICTIM, url, str(folder)]
    victim = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)
    receiver.answers = [lambda _: os.kill(victim.pid, signal.SIGKILL)]
    assert victim.wait(60) == -signal.SIGKILL
    hand = HandClock(webhook_deliveries.read_delivery(ledger, delivery_id).created_at)  # type: ignore[union-attr]
    courier = open_courier(ledger, folder, hand)
    assert courier.look() == 0  # it may still be under way
    hand.pass_seconds(200)
    courier.look()
    assert [got.delivery_id for got in receiver.got] == [delivery_id, delivery_id]
    assert found(ledger, delivery_id).state == "delivered"


def test_killed_between_sending_and_noting_it_is_sent_again_under_the_same_id(
    ledger: Ledger, tmp_path: Path, receiver: Receiver
) -> None:
    check_killed(ledger, tmp_path, receiver)


def test_the_planted_fault_is_caught(
    ledger: Ledger, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = "from ledger import webhook_deliveries as d\nfrom ledger.webhook_deliveries import Sent"
    first = "took = d.take_delivery\ndef take(ledger, **given):\n    got = took(ledger, **given)\n"
    first += (
        "    got and d.note_sent(ledger, got[1], Sent(200), now=given['now'])\n    return got\n"
    )
    fault = f"{noted}\n{first}import service.worker.courier as c\nc.take_delivery = take\n"
    monkeypatch.setitem(globals(), "VICTIM", fault + VICTIM)  # noted before it is sent
    with pytest.raises(AssertionError):
        check_killed(ledger, tmp_path, receiver)
