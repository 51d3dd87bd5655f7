"""One session as it is played: whose hand is on it, at what speed, and what runs beside it."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from foreworld.errors import unknown
from foreworld.sessions.chance import seed_at
from foreworld.sessions.session import Session
from foreworld.sessions.shadow import Shadow
from foreworld.sessions.tree import MOST_NODES, Node
from foreworld.studio.stage import HUMAN, Stage

WORLD_SEEDS = 2**31  # some simulators take no larger ones


class Audience(Protocol):
    """Whoever watches a player."""

    def tell(self, message: dict[str, Any]) -> None: ...
    def show(self, frame: bytes) -> None: ...


class Player:
    """Everything here belongs to the stepping thread, but `down`, `held` and `heard`: latched."""

    def __init__(self, id: str, stage: Stage, session: Session) -> None:
        self.id, self.stage, self.session = id, stage, session
        self.audience: Audience | None = None
        self.shadow: Shadow | None = None
        self._truth_root = -1  # the root that the truth follows
        self.roots: dict[int, dict[str, Any]] = {}  # how each root was begun
        self.paused, self.speed, self.policy, self.raw = True, 1.0, HUMAN, False
        images = stage.rows.images
        self.view = "image" if "image" in images else images[0] if images else None
        self.recording: dict[str, Any] | None = None  # source and first node
        self.down: list[str] = []
        self.held: np.ndarray | None = None
        self.heard = 0  # seq of the last hand
        self.applied = 0
        self.unsaved: list[Node] = []
        self.next_at, self.late, self.dropped = 0.0, 0, 0
        self.spread = math.nan
        self._coming: tuple[int, list[np.ndarray]] = (-1, [])  # node, actions to follow from there
        self._observed: tuple[int, int] = (-1, 0)  # node, steps since truth was taken in

    # What happens

    def choose(self) -> np.ndarray:
        """The next action. Raises ValueError where there cannot be one."""
        if len(self.session.tree.nodes) >= MOST_NODES:
            raise ValueError(
                f"this session has {MOST_NODES:,} instants: take a snapshot, begin anew from it"
            )
        self.applied = self.heard
        if self.policy == HUMAN:
            if self.held is not None:
                return self.held
            return self.stage.keymap.action(self.down, self.before)
        node = self.session.node
        at, coming = self._coming
        if at != node.id or not coming:
            steering = self.stage.steerings[self.policy]
            coming = steering(self.session.state, seed_at(node.seed, node.frame, 1 << 32))
        self._coming = (node.id, coming)
        return coming[0]

    def moved(self, node: Node) -> None:
        """After a step of the session."""
        at, coming = self._coming
        self._coming = (node.id, coming[1:]) if at == node.parent else (-1, [])
        self.unsaved.append(node)
        self.follow()

    def follow(self) -> None:
        """Bring the truth to where the session stands, or let it go where there is none."""
        if self.shadow is None:
            return
        tree = self.session.tree
        if tree.node.parent == self.shadow.at or self._own_root() == self._truth_root:
            self.shadow.follow(tree)
        else:
            self.detach()

    def attach(self) -> None:
        """Run the simulator along. Raises ValueError where it cannot."""
        root = self.session.tree.nodes[self._own_root()]
        if self.stage.truth is None:
            raise ValueError(
                "this world has no simulator that can be put back to an earlier instant"
            )
        if self.roots[root.id]["from"] != "world":
            raise ValueError(
                'the simulator can only follow what began in it: reset with {"from": "world"} first'
            )
        self.detach()
        self._truth_root = root.id
        self.shadow = Shadow(self.stage.truth(), self.stage.rows, root.seed % WORLD_SEEDS)
        self.shadow.follow(self.session.tree)

    def detach(self) -> None:
        if self.shadow is not None:
            self.shadow.close()
        self.shadow = None

    def plan_anew(self) -> None:
        """Forget what was to come: somebody else acts now."""
        self._coming = (-1, [])

    # What is the case

    @property
    def before(self) -> np.ndarray:
        """The action that led here, or the one nearest to nothing."""
        for node in self.session.tree.back(self.session.tree.here):
            if node.action is not None:
                return node.action
        spec, rest = self.stage.rows.specs["action"], self.stage.keymap.rest
        return np.zeros(spec.shape, spec.dtype) if rest is None else rest

    @property
    def since_observed(self) -> int:
        """Steps since truth was taken in; each is asked for once, so the way back is short."""
        tree = self.session.tree
        node, steps = tree.node, 0
        for past in tree.back(node.id):
            if past.id == self._observed[0]:
                steps += self._observed[1]
                break
            if past.observed:
                break
            steps += past.action is not None
        self._observed = (node.id, steps)
        return steps

    def action(self, given: Any) -> np.ndarray:
        """A client's action in the world's units. Raises ValueError where it does not fit."""
        spec = self.stage.rows.specs["action"]
        array = np.asarray(given, np.float64)
        if array.size != max(1, math.prod(spec.shape)):
            raise ValueError(f"the action has {array.size} numbers; this world takes {spec.shape}")
        array = array.reshape(spec.shape)
        if spec.classes:
            classes = np.reshape(spec.classes, spec.shape)
            if (array != np.floor(array)).any() or (array < 0).any() or (array >= classes).any():
                raise ValueError(f"the action {given} is outside its classes {spec.classes}")
        elif spec.low is not None and spec.high is not None:
            low, high = (
                np.reshape(b, spec.shape) if np.size(b) > 1 else b for b in (spec.low, spec.high)
            )
            array = array.clip(low, high)
        return array.astype(spec.dtype)

    def set_policy(self, name: str) -> None:
        if name not in self.stage.policies:
            raise unknown("policy", name, self.stage.policies)
        self.policy = name
        self.plan_anew()

    def set_view(self, name: str) -> None:
        if name not in self.stage.rows.images:
            raise unknown("picture", name, self.stage.rows.images)
        self.view = name

    def note(self) -> dict[str, Any]:
        """What has to be known to go on, besides the session itself."""
        return {
            "roots": {str(k): v for k, v in self.roots.items()},
            "truth": self.shadow is not None,
            "chance": self.session.chance,
            "speed": self.speed,
            "policy": self.policy,
            "view": self.view,
            "recording": self.recording,
        }

    def recall(self, note: dict[str, Any]) -> None:
        """Be as the note says; paused."""
        self.roots = {int(k): v for k, v in note["roots"].items()}
        self.speed, self.recording = note["speed"], note["recording"]
        self.session.chance = note["chance"]
        self.policy = note["policy"] if note["policy"] in self.stage.policies else HUMAN
        self.view = note["view"] if note["view"] in self.stage.rows.images else self.view
        if note["truth"] and self.stage.truth is not None:
            self.attach()

    def _own_root(self) -> int:
        return self.session.tree.path(self.session.tree.here)[0].id
