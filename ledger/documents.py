"""JSON kept in text columns: finite numbers only, compact, read back as it was written."""

from __future__ import annotations

import json
from typing import Any

from lifecycle.errors import RowsError


def dump_document(value: Any, owner: str) -> str:
    """Write a value as compact JSON text.

    Parameters
    ----------
    value
        Anything JSON knows; numbers must be finite.
    owner
        Named in the error, for example ``"the reasons of account A1"``.

    Raises
    ------
    RowsError
        A number is NaN or infinite, or a value is not JSON.

    Examples
    --------
    >>> dump_document({"a": 1}, "an example")
    '{"a":1}'
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise RowsError(
            f"{owner} cannot be kept as JSON ({error})",
            "finite numbers, text, lists and mappings",
            "correct what computes the value",
        ) from error


def parse_document(text: str | None) -> Any:
    """Read what `dump_document` wrote; ``None`` stays ``None``."""
    return None if text is None else json.loads(text)
