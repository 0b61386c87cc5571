"""A fitted model's JSON parts: written so that equal models are equal bytes, read or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lifecycle.errors import BundleError, ModelError

TODO = "train again, or roll back to an earlier release"

# all that reading numbers, lists and objects out of somebody else's JSON can raise
_DAMAGE = (
    AttributeError,
    LookupError,
    ModelError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def write_part(kept: Mapping[str, Any]) -> bytes:
    """Return JSON values as the content of a part.

    Examples
    --------
    >>> write_part({"risk": 0.25, "horizon": 90})
    b'{"horizon": 90, "risk": 0.25}'
    """
    return json.dumps(kept, sort_keys=True).encode()


@contextmanager
def read_part(parts: Mapping[str, bytes], name: str) -> Iterator[dict[str, Any]]:
    """Read a JSON part in a ``with`` block that rebuilds the model from it.

    Parameters
    ----------
    parts
        All parts of the model; the block may take others from it.
    name
        Of the part to read. It stands in the error, so that a person knows which file is meant.

    Yields
    ------
    dict
        The part's values, not checked: whatever the block finds wrong with them is refused too.

    Raises
    ------
    BundleError
        The part is missing, is no JSON object, or the block could not use a value of it. One that
        the block itself raised, of a model inside this one, passes as it is.
    """
    try:
        kept = json.loads(parts[name])
        if not isinstance(kept, dict):
            raise TypeError(f"a {type(kept).__name__} where an object should be")
        yield kept
    except BundleError:
        raise
    except _DAMAGE as error:
        raise BundleError(
            f"{name} makes no model: {_tell(error)}", "the parts of a fit", TODO
        ) from error


def _tell(error: Exception) -> str:
    # the text of a KeyError is the key alone
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)
