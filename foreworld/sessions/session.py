"""A running imagination: step it, go back, branch it, begin it anew; the past stays as it was.

    session = Session(Rows(model), seed=7)
    session.begin(state)
    session.step(action)                  # or many at once: advance([...], [...])
    what_if = session.tree.fork(session.tree.here, "left")

No network, no optimiser. A session is a function of its first state, its seed and its actions:
the same again, whatever else is running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from foreworld.sessions.chance import noise_at
from foreworld.sessions.rows import Rows
from foreworld.sessions.tree import Node, Tree
from foreworld.vocab import State

KEY = 32  # every so many frames a state is kept for good
RECENT = 2048  # states kept besides: rewinding among them costs nothing


class Session:
    """A tree of instants with their states. seed: of all chance in it, below 2**64.

    chance: whether what comes is drawn, or what is most likely; it may change on the way.
    """

    def __init__(self, rows: Rows, seed: int, chance: bool = True) -> None:
        self.rows, self.seed, self.chance = rows, seed, chance
        self.tree = Tree()
        self._states: dict[int, State] = {}
        self._recent: deque[int] = deque()

    @property
    def node(self) -> Node:
        return self.tree.node

    @property
    def state(self) -> State:
        """Of the instant one stands in, leaves [1, ...]."""
        return self.state_of(self.tree.here)

    def begin(
        self, state: State, seed: int | None = None, frame: int = 0, observed: bool = True
    ) -> Node:
        """A new root; older ones stay. seed: of chance from there on (None: the session's)."""
        label = "start" if not self.tree.branches else f"start {len(self.tree.branches)}"
        node = self.tree.root(self.seed if seed is None else seed, frame, observed, label)
        self.keep(node, state)
        return node

    def step(self, action: np.ndarray) -> Node:
        """One step with eyes closed."""
        return advance([self], [action])[0]

    def take_in(self, state: State) -> Node:
        """Replace the dream by what was seen at this same instant; the dream before stays."""
        node = self.tree.grow(None, observed=True)
        self.keep(node, state)
        return node

    def rewind(self, steps: int) -> Node:
        """Stand so many frames earlier, at the root at most."""
        wanted = max(0, self.node.frame - steps)
        before = (n for n in self.tree.back(self.tree.here) if n.frame <= wanted)
        last = next(before, None) or self.tree.path(self.tree.here)[0]
        self.tree.rewind(last.id)
        return last

    def state_of(self, id: int) -> State:
        """The state of any node, made again from the last one before it that is kept."""
        missing: list[Node] = []
        for node in self.tree.back(id):
            if node.id in self._states:
                break
            missing.append(node)
        else:
            raise ValueError(f"node {id}: the state of its root is lost")
        state = self._states[node.id]
        for node in reversed(missing):
            assert node.action is not None
            noise = [noise_at(self.rows.model, node.seed, node.frame)] if node.chance else None
            state = self.rows.imagine([state], [node.action], noise)[0]
            self.keep(node, state)
        return state

    def keep(self, node: Node, state: State) -> None:
        """Remember a state; most are forgotten again when newer ones come."""
        self._states[node.id] = state
        if kept_for_good(node):
            return
        self._recent.append(node.id)
        if len(self._recent) > RECENT:
            self._states.pop(self._recent.popleft(), None)


def kept_for_good(node: Node) -> bool:
    return node.given or node.frame % KEY == 0


def advance(sessions: Sequence[Session], actions: Sequence[np.ndarray]) -> list[Node]:
    """One batched step of sessions of one model, each to the bit what it would be alone."""
    nodes: dict[int, Node] = {}
    for chance in (True, False):
        chosen = [n for n, s in enumerate(sessions) if s.chance == chance]
        if chosen:
            some, moves = [sessions[n] for n in chosen], [actions[n] for n in chosen]
            nodes |= zip(chosen, _advance(some, moves, chance), strict=True)
    return [nodes[n] for n in range(len(sessions))]


def _advance(
    sessions: Sequence[Session], actions: Sequence[np.ndarray], chance: bool
) -> list[Node]:
    rows = sessions[0].rows
    spec = rows.specs["action"]
    given = [np.asarray(a, spec.dtype).reshape(spec.shape) for a in actions]
    noises = [noise_at(rows.model, s.node.seed, s.node.frame + 1) for s in sessions]
    done = rows.imagine([s.state for s in sessions], given, noises if chance else None)
    nodes = [s.tree.grow(a, chance=chance) for s, a in zip(sessions, given, strict=True)]
    for session, node, state in zip(sessions, nodes, done, strict=True):
        session.keep(node, state)
    return nodes
