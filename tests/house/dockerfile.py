"""A Dockerfile read as data, and its steps carried out in a folder instead of an image."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

# what a folder cannot show: packages of the system, users, owners
SYSTEM_STEPS = ("apt-get ", "groupadd ")
# `pip install` is carried out by uv: the same file, the same hashes, but linked from its cache
FAST_INSTALL = re.compile(r"\bpip install --no-cache-dir\b")
UV = f"{Path(sys.executable).parent}/uv pip install --quiet"
INDEX_SETTINGS = ("UV_", "PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
INSIDE = re.compile(r"(?<![\w./])/(?=(?:opt|app|data)\b)")


@dataclass
class Stage:
    """One `FROM … AS name` with its steps in order: (instruction, rest of the line)."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str | None:
        """Return the argument of the last such step."""
        found = [rest for name, rest in self.steps if name == instruction]
        return found[-1] if found else None


def read_stages(path: Path) -> dict[str, Stage]:
    """Read the stages of a Dockerfile; comments and line continuations are resolved."""
    lines = [one for one in path.read_text().splitlines() if not one.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            current = stages.setdefault(name, Stage(name, base))
        elif instruction and current is not None:
            current.steps.append((instruction, re.sub(r"\s+", " ", rest.strip())))
    return stages


class Sandbox:
    """Carries the steps of stages out below a folder, with nothing of this environment's Python.

    Paths of the image (/app, /opt, /data) become folders of the sandbox. A stage copied from
    another is carried out first; what needs an image (SYSTEM_STEPS) is left out and listed.
    """

    def __init__(self, stages: dict[str, Stage], *, source: Path, folder: Path) -> None:
        self.stages, self.source, self.folder = stages, source, folder
        self.left_out: list[str] = []
        self.environment = {
            "HOME": str(folder / "home"),
            "PATH": f"{folder}/opt/venv/bin:{folder}/python:/usr/bin:/bin",
            "VIRTUAL_ENV": f"{folder}/opt/venv",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            **{
                name: value for name, value in os.environ.items() if name.startswith(INDEX_SETTINGS)
            },
        }
        for name in ("app", "data", "python"):
            (folder / name).mkdir(parents=True)
        (folder / "python" / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")

    def inside(self, text: str) -> str:
        """Point the image's absolute paths into the sandbox."""
        return INSIDE.sub(f"{self.folder}/", text)

    def build(self, target: str) -> None:
        """Carry out a stage after the stages it stands on or copies from."""
        stage = self.stages[target]
        if stage.base in self.stages:
            self.build(stage.base)
        for instruction, rest in stage.steps:
            if instruction == "COPY":
                self._copy(rest)
            elif instruction == "RUN" and rest.startswith(SYSTEM_STEPS):
                self.left_out.append(rest)
            elif instruction == "RUN":
                self.run(["sh", "-euc", FAST_INSTALL.sub(UV, self.inside(rest))])
            elif instruction == "ENV":
                self._set(rest)

    def _copy(self, rest: str) -> None:
        *sources, target = shlex.split(rest)
        if sources[0].startswith("--from="):
            self.build(sources[0].removeprefix("--from="))
            return  # stages share the sandbox, so what was made there is already in place
        for source in sources:
            here, there = self.source / source, self.folder / "app" / target
            if here.is_dir():
                shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                there = there / here.name if target.endswith("/") else there
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, there)

    def _set(self, rest: str) -> None:
        for name, value in (pair.split("=", 1) for pair in shlex.split(rest)):
            if name != "PATH":
                self.environment[name] = self.inside(value)

    def run(self, command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as the image would, in its working folder."""
        run = subprocess.run(
            command, cwd=self.folder / "app", env=self.environment,
            capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert run.returncode == 0 or not check, f"{command}: {run.stdout}{run.stderr}"
        return run

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command that goes on; whoever starts it ends it."""
        return subprocess.Popen(
            command, cwd=self.folder / "app", env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip


def command_of(argument: str) -> list[str]:
    """Read an exec-form argument; a shell form is not JSON and fails here."""
    return [str(one) for one in json.loads(argument)]
