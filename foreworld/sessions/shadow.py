"""The true world beside the dream, in lockstep: what would really have happened.

shadow = Shadow(world, rows, seed=7)
session.begin(shadow.state)                  # after the simulator's first row
node = session.step(action); shadow.follow(session.tree)
atlas.distance(rows.features([session.state]), rows.features([shadow.state]))
session.take_in(shadow.state)                # the dream wakes up
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from foreworld.policies.planned import step_batch
from foreworld.sessions.rows import Rows
from foreworld.sessions.session import KEY
from foreworld.sessions.tree import Node, Tree
from foreworld.vocab import Specs, State, Step

KEPT = 128  # instants of the simulator that are kept


class TrueWorld(Protocol):
    """One simulator that can be put back, as `evaluation.branches.BranchingWorld`."""

    specs: Any

    def reset(self, seed: int) -> Step: ...
    def step(self, action: np.ndarray) -> Step: ...
    def snapshot(self) -> Any: ...
    def restore(self, kept: Any) -> None: ...
    def frames(self) -> np.ndarray: ...
    def close(self) -> None: ...


class Instant(NamedTuple):
    """The true world at one node."""

    row: Step  # arrays [1, ...], without an action
    state: State  # the model's, that has seen everything until here


class Shadow:
    """Follows one tree from one of its roots; raises ValueError for nodes of another root."""

    def __init__(self, world: TrueWorld, rows: Rows, seed: int) -> None:
        self._world, self._rows, self.seed = world, rows, seed
        self._kept: OrderedDict[int, tuple[Any, Instant]] = OrderedDict()
        self._now = self._first()
        self.at: int | None = None  # node; None: at the beginning, before any is known

    @property
    def specs(self) -> Specs:
        return self._world.specs

    @property
    def row(self) -> Step:
        return self._now.row

    @property
    def state(self) -> State:
        """The model's state with its eyes open, [1, ...]."""
        return self._now.state

    @property
    def ended(self) -> bool:
        return bool(self.row["is_last"][0])

    def picture(self, key: str | None) -> np.ndarray | None:
        """What it looks like, uint8 [H, W, C]: the key of the row, or the rendered world."""
        if key is not None and key in self.row:
            return self.row[key][0]
        try:
            return self._world.frames()[0]
        except ValueError:
            return None  # made without pictures

    def follow(self, tree: Tree) -> None:
        """Go to where the tree stands: by one step where that is enough."""
        here = tree.node
        if here.id == self.at:
            return
        if here.parent is not None and here.parent == self.at:
            self._step(here)
            return
        path = tree.path(here.id)
        last = max((n for n, node in enumerate(path) if node.id in self._kept), default=None)
        if last is None:
            self._now, self.at = self._first(), path[0].id
            last = 0
        else:
            kept, self._now = self._kept[path[last].id]
            self._world.restore(kept)
            self.at = path[last].id
        for node in path[last + 1 :]:
            self._step(node)

    def rows(self, path: list[Node]) -> list[Step]:
        """The rows of a path that begins at its root; where one stands does not change."""
        kept = self._world.snapshot(), self._now, self.at
        self._now, self.at, found = self._first(), path[0].id, []
        for node in path:
            if node.id != path[0].id:
                self._step(node)
            found.append(self.row)
        self._world.restore(kept[0])
        self._now, self.at = kept[1:]
        return found

    def close(self) -> None:
        self._world.close()

    def _first(self) -> Instant:
        row = self._world.reset(self.seed)
        model = self._rows.model
        state = self._rows.observe(model.initial(1), step_batch(model, row))
        return Instant(row, state)

    def _step(self, node: Node) -> None:
        self.at = node.id
        if node.action is None or self.ended:
            return
        model, action = self._rows.model, node.action[None]
        row = self._world.step(action)
        chosen = torch.from_numpy(action).to(model.device)
        before = self._now.state._replace(action=chosen)
        self._now = Instant(row, self._rows.observe(before, step_batch(model, row)))
        if node.frame % KEY == 0:
            self._kept[node.id] = self._world.snapshot(), self._now
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
