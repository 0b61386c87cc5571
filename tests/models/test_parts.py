"""Whatever is wrong with a model's part is one kind of error, which names the part."""

from __future__ import annotations

import pytest

from lifecycle.errors import BundleError, ModelError
from models.parts import TODO, read_part, write_part


def rebuild(parts: dict[str, bytes]) -> tuple[int, list[str]]:
    with read_part(parts, "rule.json") as kept:
        return int(kept["days"]), list(kept["words"].keys())


def test_what_was_written_is_read():
    assert rebuild({"rule.json": write_part({"words": {"b": 1}, "days": 90})}) == (90, ["b"])


def test_equal_values_are_equal_bytes():
    assert write_part({"a": 1, "b": [0.1]}) == write_part({"b": [0.1], "a": 1})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "there is no 'rule.json'"),
        (b'{"days": 90', "delimiter"),
        (b"\xff\xfe\xfd", "decode"),
        (b"[90]", "a list where an object should be"),
        (b'{"words": {}}', "there is no 'days'"),
        (b'{"days": "soon", "words": {}}', "soon"),
        (b'{"days": null, "words": {}}', "NoneType"),
        (b'{"days": 1e999, "words": {}}', "infinity"),
        (b'{"days": 90, "words": []}', "'list' object has no attribute"),
    ],
)
def test_a_damaged_part_is_refused_by_name(content, found):
    with pytest.raises(BundleError) as caught:
        rebuild({} if content is None else {"rule.json": content})
    said = str(caught.value)
    assert said.startswith("rule.json makes no model: ")
    assert found in said
    assert f"expected the parts of a fit; to do: {TODO}" in said


def test_a_setting_the_model_refuses_is_a_damaged_part():
    said = r"rule\.json makes no model: kind 'x'; expected 'y'"
    with pytest.raises(BundleError, match=said), read_part({"rule.json": b"{}"}, "rule.json"):
        raise ModelError("kind 'x'", "'y'")


def test_the_error_of_a_model_inside_passes_as_it_is():
    inner = BundleError("inner.json makes no model")
    with pytest.raises(BundleError) as caught, read_part({"rule.json": b"{}"}, "rule.json"):
        raise inner
    assert caught.value is inner
