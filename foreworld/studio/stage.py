"""Everything one needs to play a world: its model, who can act, the truth, what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foreworld.episodes import EpisodeStore
from foreworld.sessions.atlas import Atlas
from foreworld.sessions.rows import Rows
from foreworld.sessions.shadow import TrueWorld
from foreworld.sessions.steering import Planned, Steering
from foreworld.studio.keymap import Keymap

HUMAN = "human"


@dataclass(frozen=True)
class Offer:
    """A world that can be played, before it is opened."""

    name: str
    title: str
    path: Path
    env: str | None
    family: str
    source: str = "run"  # or gallery
    about: str = ""
    episodes: Path | None = None  # what it learned from, where that is still there
    light: str | None = None  # of the trust report, for play
    horizon: int | None = None  # imagined steps for which play is to be believed


@dataclass(frozen=True, eq=False)
class Stage:
    """truth: makes the simulator, None where there is none. describe: notes in a folder of
    episodes of the true world how they were made.
    """

    offer: Offer
    rows: Rows
    model_hash: str
    keymap: Keymap
    atlas: Atlas | None
    store: EpisodeStore | None
    truth: Callable[[], TrueWorld] | None
    steerings: Mapping[str, Steering]
    planner: tuple[str, Planned] | None
    trust: Mapping[str, Any] | None  # the report's verdicts
    step: int
    describe: Callable[[Path], None] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the truth: the size of its picture

    @property
    def policies(self) -> list[str]:
        return [HUMAN, *self.steerings]

    @property
    def horizon(self) -> int | None:
        """Imagined steps for which play is to be believed."""
        play = (self.trust or {}).get("play")
        return None if play is None else play["horizon"]


Open = Callable[[Offer], Stage]


class Theatre:
    """The worlds on offer; each is opened when it is first played."""

    def __init__(self, offers: list[Offer], open_: Open) -> None:
        self.offers = {offer.name: offer for offer in offers}
        self._open = open_
        self._stages: dict[str, Stage] = {}

    def stage(self, name: str | None) -> Stage:
        """By name; None: the first. Raises ValueError for a name that is not on offer."""
        from foreworld.errors import unknown

        chosen = next(iter(self.offers), None) if name is None else name
        if chosen is None or chosen not in self.offers:
            raise unknown("world", str(chosen), self.offers)
        if chosen not in self._stages:
            self._stages[chosen] = self._open(self.offers[chosen])
        return self._stages[chosen]
