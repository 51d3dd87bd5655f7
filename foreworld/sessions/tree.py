"""The past of a session: instants that share what came before, and branches that end in them.

    0 ── 1 ── 2 ── 3 ── 4          branch 0
              └─── 5 ── 6          branch 1, forked at 2: nothing was copied

Nodes are never changed. States of a few are kept, and made again for the others, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MOST_NODES = 200_000  # of a session: more than two hours of play


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One instant. action: what led here; None for a root, and where truth was taken in."""

    id: int
    parent: int | None
    frame: int  # steps since its root
    seed: int  # of chance from here on
    action: np.ndarray | None
    observed: bool  # its state comes from what was seen, not from a dream
    chance: bool = True  # whether it was drawn; False: the most likely instant

    @property
    def given(self) -> bool:
        """Its state does not follow from the one before."""
        return self.action is None


@dataclass
class Branch:
    number: int
    label: str
    parent: int | None  # branch
    fork: int | None  # node at which it left its parent; None for a root
    first: int  # node
    head: int  # node


class Tree:
    """Nodes by id and branches by number; `here` is where one stands."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}
        self.branches: list[Branch] = []
        self.observed: list[int] = []  # nodes at which truth was taken in
        self.here = 0
        self.branch = 0

    @property
    def node(self) -> Node:
        return self.nodes[self.here]

    def find(self, id: int) -> Node:
        """Raises ValueError for a node that is not there."""
        if id not in self.nodes:
            raise ValueError(f"no node {id}: there are 0 to {len(self.nodes) - 1}")
        return self.nodes[id]

    def root(self, seed: int, frame: int, observed: bool, label: str) -> Node:
        """A new past, and a branch of its own to stand on."""
        node = self._add(Node(len(self.nodes), None, frame, seed, None, observed))
        self.branches.append(Branch(len(self.branches), label, None, None, node.id, node.id))
        self.branch = len(self.branches) - 1
        return node

    def grow(self, action: np.ndarray | None, observed: bool = False, chance: bool = True) -> Node:
        """The instant after `here`; where that is no end of its branch, a new branch begins."""
        here = self.node
        if self.branches[self.branch].head != here.id:
            self.fork(here.id, "")
        frame = here.frame + (action is not None)
        node = Node(len(self.nodes), here.id, frame, here.seed, action, observed, chance)
        self._add(node)
        branch = self.branches[self.branch]
        if branch.first == branch.fork:  # it was empty until now
            branch.first = node.id
        branch.head = node.id
        return node

    def fork(self, id: int, label: str) -> Branch:
        """A new branch that ends, so far, in an old node; one stands there. O(1)."""
        parent = self.branch if self.here == id else self.branch_of(id)
        branch = Branch(len(self.branches), label, parent, id, id, id)
        self.branches.append(branch)
        self.branch, self.here = branch.number, id
        return branch

    def rewind(self, id: int) -> None:
        """Stand in an old node, on the branch it belongs to."""
        node = self.find(id)
        if id not in (n.id for n in self.back(self.branches[self.branch].head)):
            self.branch = self.branch_of(id)
        self.here = node.id

    def goto(self, number: int) -> None:
        """Stand at the end of a branch. Raises ValueError for one that is not there."""
        if number >= len(self.branches):
            raise ValueError(f"no branch {number}: there are 0 to {len(self.branches) - 1}")
        self.branch, self.here = number, self.branches[number].head

    def back(self, id: int) -> Iterator[Node]:
        """A node, and those before it, to its root."""
        at: int | None = id
        while at is not None:
            node = self.nodes[at]
            yield node
            at = node.parent

    def path(self, id: int) -> list[Node]:
        """From the root to a node, both included."""
        return list(self.back(id))[::-1]

    def branch_of(self, id: int) -> int:
        """The first branch that a node lies on."""
        for branch in self.branches:
            if any(node.id == id for node in self.back(branch.head)):
                return branch.number
        raise ValueError(f"node {id} lies on no branch")

    def ancestor(self, ids: list[int]) -> Node:
        """The last node that all have in common. Raises ValueError where they have none."""
        shared = set.intersection(*({n.id for n in self.back(i)} for i in ids))
        if not shared:
            raise ValueError("these branches have no common past: compare branches of one root")
        return self.nodes[max(shared)]

    def add(self, node: Node) -> None:
        """A node as it was kept; those before it are there."""
        self.nodes[node.id] = node
        if node.observed:
            self.observed.append(node.id)

    def _add(self, node: Node) -> Node:
        if len(self.nodes) >= MOST_NODES:
            raise ValueError(
                f"this session has {MOST_NODES:,} instants: take a snapshot, and begin anew from it"
            )
        self.add(node)
        self.here = node.id
        return node
