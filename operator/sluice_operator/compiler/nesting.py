"""Models behind models: in which order to compile them, and which references lead back to where they began."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

MAX_NESTING: Final = 8  # the data plane follows no further, see its ``resolve``
MAX_NESTED_LEAVES: Final = 64  # a plan names them all: 16 targets of 16 targets of … would be one request's undoing

_Node = TypeVar("_Node")
Graph = Mapping[_Node, tuple[_Node, ...]]  # who refers to whom; a node referred to need not be a key


def reachable(graph: Graph[_Node], start: _Node) -> frozenset[_Node]:
    """Everything that *start* refers to, through however many; itself only if it is on a cycle."""
    seen: set[_Node] = set()
    waiting = [*graph.get(start, ())]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return frozenset(seen)


def without_cycles(graph: Graph[_Node]) -> dict[_Node, tuple[_Node, ...]]:
    """*graph* less every edge that is part of a cycle.  Which ones go does not depend on any order."""
    beyond = {node: reachable(graph, node) for node, edges in graph.items() if edges}
    return {
        node: tuple(other for other in edges if node not in beyond.get(other, frozenset()))
        for node, edges in graph.items()
    }


def inside_out(acyclic: Graph[_Node]) -> Iterator[_Node]:
    """The keys of a graph without cycles, each after everything it refers to."""
    done: set[_Node] = set()
    for root in acyclic:
        path = [root]
        while path:
            node = path[-1]
            open_ = [other for other in acyclic[node] if other not in done and other in acyclic]
            if open_:
                path.append(open_[0])
                continue
            path.pop()
            if node not in done:
                done.add(node)
                yield node
