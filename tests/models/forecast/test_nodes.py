import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.nodes import TOTAL, build_nodes, common_names, dimension_of

word = st.sampled_from(["a", "b", "c", None])


@given(st.lists(st.tuples(word, word, st.integers(-(10**9), 10**9)), min_size=1, max_size=30))
def test_every_dimension_adds_up_to_the_total(rows):
    segment, owner, value = zip(*rows, strict=True)
    nodes = build_nodes({"segment": segment, "owner": owner})
    found = nodes.sum(np.array(value, dtype=float))
    for dimension in ("segment", "owner"):
        mine = [dimension_of(name) == dimension for name in nodes.names]
        assert found[mine].sum() == pytest.approx(found[0], abs=1e-6)


def test_a_unit_that_says_nothing_is_unassigned():
    nodes = build_nodes({"segment": ["a", None]})
    assert nodes.names == (TOTAL, "segment=a", "segment=unassigned")


def test_draws_are_summed_column_by_column():
    nodes = build_nodes({"segment": ["b", "a", "b"]})
    found = nodes.sum(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))
    assert found.tolist() == [[7.0, 70.0], [2.0, 20.0], [5.0, 50.0]]


def test_a_name_that_another_tree_lacks_counts_as_unassigned():
    among = (TOTAL, "segment=a", "segment=unassigned")
    nodes = build_nodes({"segment": ["a", "new"]}, among=among)
    assert nodes.sum(np.ones(2)).tolist() == [2.0, 1.0, 1.0]


def test_a_unit_without_any_place_is_refused():
    with pytest.raises(ValueError, match="unassigned"):
        build_nodes({"segment": ["new"]}, among=(TOTAL, "segment=a"))


def test_nodes_of_no_unit_are_the_total_alone():
    assert build_nodes({"segment": []}).sum(np.zeros((0, 3))).tolist() == [[0.0, 0.0, 0.0]]


def test_names_of_several_trees_come_in_one_order():
    found = common_names(("total", "owner=x", "segment=b"), ("total", "segment=a"))
    assert found == ("total", "segment=a", "segment=b", "owner=x")
