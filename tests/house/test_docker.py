"""The images: linted, without root, pinned, and built for real in a folder."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.dockerfile import Sandbox, Stage, command_of, read_stages
from tests.house.sources import ROOT

TARGETS = ("serve", "train")
ABSENT = (
    "mlflow", "pandas", "sklearn", "ibis", "duckdb", "deltalake", "pyarrow", "pandera",
    "statsforecast", "joblib", "cloudpickle", "skops", "training",
)  # fmt: skip


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_stages(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def image(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Build the serve target in a folder; its 33 packages are installed for real."""
    folder = tmp_path_factory.mktemp("image")
    sandbox = Sandbox(stages, source=ROOT, folder=folder / "root")
    sandbox.build("serve")
    yield sandbox
    shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _is_healthy(image: Sandbox, check: list[str]) -> bool:
    for _ in range(60):
        if image.run(check, check=False).returncode == 0:
            return True
        time.sleep(0.25)
    return False


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_in_particular(target: str, stages: dict[str, Stage]) -> None:
    assert stages[target].last("USER") == "10001:10001"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_starts_without_a_shell(target: str, stages: dict[str, Stage]) -> None:
    for instruction in ("CMD", "ENTRYPOINT"):
        if argument := stages[target].last(instruction):
            assert command_of(argument)


def test_the_web_image_is_asked_for_its_health(stages: dict[str, Stage]) -> None:
    check = stages["serve"].last("HEALTHCHECK") or ""
    assert "/livez" in " ".join(command_of(check.partition("CMD ")[2]))


PLANTED = {
    "shell": "CMD python -m truecast serve",
    "root": "USER root",
    "latest": "FROM python:latest",
    "moved": "RUN cd /tmp && sudo ls",
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_planted_fault_is_caught(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(f"FROM python:3.11-slim AS serve\n{PLANTED[fault]}\n")
    program = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([program, path], capture_output=True, text=True)
    assert run.returncode == 1


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_says_how_its_health_is_asked(target: str, stages: dict[str, Stage]) -> None:
    assert stages[target].last("HEALTHCHECK")


def test_the_base_is_pinned_by_tag_with_its_digest_an_argument(stages: dict[str, Stage]) -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_TAG=3\.\d+-slim-\w+$", text, re.MULTILINE)
    assert stages["base"].base == "python:${PYTHON_TAG}${PYTHON_DIGEST}"


def test_every_install_is_locked_by_hash(stages: dict[str, Stage]) -> None:
    runs = [rest for one in stages.values() for name, rest in one.steps if name == "RUN"]
    installs = [rest for rest in runs if "pip install" in rest]
    assert len(installs) == 2
    assert all("--require-hashes -r requirements/" in rest for rest in installs)


def test_every_copied_path_passes_the_ignore_file(stages: dict[str, Stage]) -> None:
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copies = [rest for one in stages.values() for name, rest in one.steps if name == "COPY"]
    assert {rest.split()[0] for rest in copies if not rest.startswith("--from")} == allowed


def test_compose_publishes_on_the_loopback_only() -> None:
    ports = re.findall(r'^ +- "(.+:\d+:\d+)"$', (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert ports == ["127.0.0.1:8000:8000"]


def test_the_web_image_builds_with_only_system_steps_left_out(image: Sandbox) -> None:
    assert [one.split()[0] for one in image.left_out[:2]] == ["apt-get", "groupadd"]
    assert "truecast" in image.run(["python", "-m", "truecast", "--help"]).stdout.lower()


def test_the_web_image_has_nothing_that_trains(image: Sandbox) -> None:
    code = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert image.run(["python", "-c", code, *ABSENT]).stdout.strip() == "[]"


def test_the_web_image_holds_all_its_service_needs(image: Sandbox) -> None:
    code = "import service.app, service.cli_web, sys; print('lightgbm' in sys.modules)"
    assert image.run(["python", "-W", "error", "-c", code]).returncode == 0


def test_the_web_image_starts_and_is_healthy(image: Sandbox, stages: dict[str, Stage]) -> None:
    port = str(_free_port())
    start = [one.replace("8000", port) for one in command_of(stages["serve"].last("CMD") or "")]
    start = [one.replace("0.0.0.0", "127.0.0.1") for one in start]
    check = (stages["serve"].last("HEALTHCHECK") or "").partition("CMD ")[2]
    # it refuses to start where nobody could sign in
    image.run(["python", "-m", "truecast", "keys", "create", "--role", "reader"])
    server = image.start(start)
    try:
        assert _is_healthy(image, command_of(check.replace("8000", port)))
    finally:
        server.terminate()
        server.communicate(timeout=20)
