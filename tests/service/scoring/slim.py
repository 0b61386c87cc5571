"""Run in a process of its own: the service with nothing but what the slim installation has.

Arguments: the data directory, a key, the names of the distributions. It prints what it found.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

HOUSE = {"lifecycle", "features", "ledger", "models", "service", "truecast"}


class OnlySlim(MetaPathFinder):
    """Refuse every module that no distribution of the slim installation brings."""

    def __init__(self, distributions: set[str]) -> None:
        brought = importlib.metadata.packages_distributions()
        names = {m for m, owners in brought.items() if {_plain(o) for o in owners} & distributions}
        self.allowed = names | HOUSE | set(sys.stdlib_module_names)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        name = fullname.partition(".")[0]
        if name not in self.allowed and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{fullname} is not in the slim installation")


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


async def _post(app: Any, key: str, body: bytes) -> tuple[int, bytes]:
    """Send one request through the application, without any client."""
    given = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    path, sent = "/v1/scores/churn", []
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    scope |= {"http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80)}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def main(folder: str, key: str, distributions: str) -> None:
    unpickled: list[str] = []
    sys.addaudithook(
        lambda event, _: unpickled.append(event) if event == "pickle.find_class" else None
    )
    sys.meta_path.insert(0, OnlySlim(set(json.loads(distributions))))
    began = time.process_time()
    from service.app import create_app
    from service.cli_web import app as _commands  # noqa: F401 - what `truecast serve` imports
    from service.deps import Options

    seconds, mib = time.process_time() - began, _resident_mib()
    app = create_app(f"sqlite:///{folder}/ledger.sqlite", Options(Path(folder)))
    app.state.scorer.keeper.look()  # as the server does when it starts
    question = {"ids": ["C001", "a0000"], "overrides": {}, "reasons": True}
    status, body = asyncio.run(_post(app, key, json.dumps(question).encode()))
    found = {"seconds": seconds, "mib": mib, "status": status, "unpickled": unpickled}
    found |= {"scores": json.loads(body).get("scores", body.decode())}
    found["modules"] = sorted({name.partition(".")[0] for name in sys.modules})
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
