"""Flags that say which world, and how it is seen; verbs that make worlds take them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from foreworld.run import World

Words = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
TABLETOP = "foreworld/Tabletop-v0"
ROOMS = "foreworld/Rooms-v0"
BOUNCE = "foreworld/Bounce-v0"
GALLERY = "foreworld/Gallery-v0"
USUAL = {TABLETOP: "mixed", ROOMS: "wander", BOUNCE: "wander", GALLERY: "wander"}
EXPERTS = (TABLETOP, ROOMS, BOUNCE)  # worlds that the scripted expert knows


@dataclass(frozen=True)
class WorldArgs:
    env: Words = ()  # constructor argument of the world, key=value; may be given again
    pixels: bool = False  # see the rendered picture in place of the observation
    image_size: int = 64  # larger pictures are shrunk to this many pixels a side
    frame_skip: int = 1  # times each action is given
    fast_pictures: bool = False  # MuJoCo: drawn at that size, no shadows; pixels not as published


def make_world(name: str, args: WorldArgs) -> World:
    """The world of a catalog name or Gymnasium id, as the flags want it."""
    from foreworld import catalog
    from foreworld.run import World

    keywords = read_keywords(args.env)
    return World(
        catalog.world_id(name),
        keywords,
        args.image_size,
        args.frame_skip,
        args.pixels,
        args.fast_pictures,
    )


def usual_policy(world: World) -> str:
    """Who collects where nobody was named: who gets about in that world; elsewhere chance."""
    return USUAL.get(world.env, "random")


def read_keywords(assignments: Sequence[str]) -> dict[str, Any]:
    """Texts key=value as a dict; values are JSON where they can be read as such."""
    keywords = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(
                f"cannot read --env {assignment}: write key=value, as in --env task=push"
            )
        try:
            keywords[key] = json.loads(text)
        except ValueError:
            keywords[key] = text
    return keywords
