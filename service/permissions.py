"""Who may do and see what, as data: ``permissions.json`` beside this file, read and checked here.

A role is a named set of scopes; whether it sees all rows or only those of a book; and which kinds
of fields it sees. What is not written there is not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lifecycle.errors import UsageError

FILE = Path(__file__).with_name("permissions.json")


class Role(BaseModel):
    """What one role may do and see.

    Attributes
    ----------
    about
        In words.
    book
        Whether it sees only the rows of a book: without one it sees none.
    scopes
        Names of what it may do.
    fields
        Kinds of fields that it sees; members of other kinds are empty in its answers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    book: bool
    scopes: tuple[str, ...]
    fields: tuple[str, ...]


class Document(BaseModel):
    """The whole file: public paths, scopes in words, kinds of fields, and roles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public: tuple[str, ...]
    scopes: dict[str, str]
    fields: dict[str, tuple[str, ...]]
    roles: dict[str, Role]


@dataclass(frozen=True)
class Permissions:
    """The checked file, and what follows from it."""

    document: Document

    @property
    def roles(self) -> Mapping[str, Role]:
        """Every role by name."""
        return self.document.roles

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Every scope that there is."""
        return frozenset(self.document.scopes)

    def is_public(self, path: str) -> bool:
        """Say whether a path may be served to anybody: it, or a folder above it, is listed."""
        return any(path == one or path.startswith(f"{one}/") for one in self.document.public)

    def withheld(self, role: str) -> frozenset[str]:
        """Return the names of the members that a role does not see; an unknown role sees none."""
        seen = self.roles[role].fields if role in self.roles else ()
        kinds = self.document.fields
        return frozenset(name for kind in kinds if kind not in seen for name in kinds[kind])

    def check_role(self, role: str) -> Role:
        """Return a role by its name.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        if role not in self.roles:
            raise UsageError(f"role {role[:40]!r}", f"one of {', '.join(self.roles)}", "correct it")
        return self.roles[role]


def read_permissions(text: str) -> Permissions:
    """Read and check the text of a permissions file.

    Raises
    ------
    UsageError
        It is malformed, or a role names a scope or a kind of fields that is not declared.
    """
    try:
        document = Document.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        told = " ".join(str(error).split())
        raise UsageError(
            f"permissions.json cannot be read: {told}"[:400], "its published form", "correct it"
        ) from error
    for name, role in document.roles.items():
        _check_known(name, role.scopes, document.scopes, what="scope")
        _check_known(name, role.fields, document.fields, what="kind of fields")
    return Permissions(document)


@lru_cache(maxsize=1)
def load_permissions() -> Permissions:
    """Return the permissions of this installation, read once.

    Raises
    ------
    UsageError
        The file is malformed, or names what is not declared.
    """
    return read_permissions(FILE.read_text("utf-8"))


def _check_known(
    role: str, named: tuple[str, ...], declared: Mapping[str, Any], *, what: str
) -> None:
    unknown = sorted(set(named) - set(declared))
    if unknown or len(set(named)) != len(named):
        raise UsageError(
            f"role {role} names the {what} {', '.join(unknown) or 'twice'}",
            f"each once, of {', '.join(declared)}",
            "correct permissions.json",
        )
