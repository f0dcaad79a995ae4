"""Models behind models."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.compiler.nesting import inside_out, reachable, without_cycles

Edges = dict[int, tuple[int, ...]]
GRAPHS = st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3).map(tuple), max_size=8)


def test_what_leads_into_a_circle_stays() -> None:
    """Only the edges of the circle itself go; a way into it and a way out of it remain."""
    assert without_cycles({0: (1,), 1: (2,), 2: (1, 3), 3: ()}) == {0: (1,), 1: (), 2: (3,), 3: ()}


@given(GRAPHS)
def test_no_circle_remains(graph: Edges) -> None:
    """Whatever people write, nothing leads back to itself in the end."""
    acyclic = without_cycles(graph)

    assert not [node for node in acyclic if node in reachable(acyclic, node)]


@given(GRAPHS)
def test_a_graph_without_circles_stays_as_it_is(graph: Edges) -> None:
    """Taking circles out of what has none takes nothing."""
    acyclic = without_cycles(graph)

    assert without_cycles(acyclic) == acyclic


@given(GRAPHS)
def test_inside_out_gives_each_after_what_it_refers_to(graph: Edges) -> None:
    """Every node comes once, and after everything it needs."""
    acyclic = without_cycles(graph)
    order = list(inside_out(acyclic))

    assert sorted(order) == sorted(acyclic)
    assert all(
        order.index(other) < order.index(node) for node in acyclic for other in acyclic[node] if other in acyclic
    )
