"""Short names for what commands take; strings only, so that listing them imports nothing.

resolve(FAMILIES, "rssm")                   # the class foreworld.families.rssm.Rssm
resolve(FAMILIES, "my_pkg.model:MyModel")   # any class of yours
resolve(FAMILIES, "./my_model.py:MyModel")
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from foreworld.errors import unknown
from foreworld.reference import locate

FAMILIES = {
    "rssm": "foreworld.families.rssm:Rssm",
    "jepa": "foreworld.families.jepa:Jepa",
    "slots": "foreworld.families.slots:Slots",
    "tdmpc": "foreworld.families.tdmpc:Tdmpc",
    "muzero": "foreworld.families.muzero:Muzero",
    "vmc": "foreworld.families.vmc:Vmc",
    "tssm": "foreworld.families.tssm:Tssm",
    "genie": "foreworld.families.genie:Genie",
}

PLANNERS = {
    "cem": "foreworld.planners.cem:Cem",
    "gradient": "foreworld.planners.gradient:Gradient",
    "icem": "foreworld.planners.icem:Icem",
    "mcts": "foreworld.planners.mcts:Mcts",
    "mppi": "foreworld.planners.mppi:Mppi",
}

POLICIES = {  # built as (action spec, seed); the last three know the tabletop only
    "random": "foreworld.policies.random:RandomPolicy",
    "noop": "foreworld.policies.constant:NoopPolicy",
    "wander": "foreworld.policies.wander:WanderPolicy",
    "expert": "foreworld.policies.scripted:ExpertPolicy",
    "noisy": "foreworld.policies.scripted:NoisyExpertPolicy",
    "play": "foreworld.policies.scripted:PlayPolicy",
    "mixed": "foreworld.policies.scripted:MixedPolicy",
}

LEARNERS = {  # of policies; built as (model, its `Config`)
    "actor_critic": "foreworld.training.actor_critic:ActorCriticLearner",
    "search": "foreworld.training.search:SearchLearner",
    "evolution": "foreworld.training.evolution:EvolutionLearner",
}

WORLDS = {  # names of Gymnasium ids; any other id works as it is
    "bounce": "foreworld/Bounce-v0",
    "gallery": "foreworld/Gallery-v0",
    "rooms": "foreworld/Rooms-v0",
    "tabletop": "foreworld/Tabletop-v0",
    "board": "foreworld/Board-v0",
    "cartpole_pixels": "foreworld/CartPolePixels-v0",
}

WORLD_KINDS = {  # kinds of Gymnasium ids: an example, the extra that brings them (None: the base)
    "foreworld": ("foreworld/Tabletop-v0", None),
    "classic control": ("CartPole-v1", "classic"),
    "MiniGrid": ("MiniGrid-Empty-5x5-v0", "minigrid"),
    "BabyAI": ("BabyAI-GoToObj-v0", "minigrid"),
    "MuJoCo": ("HalfCheetah-v5", "mujoco"),
    "dm_control": ("dm_control/cartpole-swingup-v0", "dmc"),
    "Atari": ("ALE/Pong-v5", "atari"),
    "PushT": ("gym_pusht/PushT-v0", "pusht"),
    "board games": ("foreworld/Board-v0", "boards"),
    "Box2D": ("CarRacing-v3", "box2d"),
    "VizDoom": ("VizdoomTakeCover-v1", "doom"),
}


def resolve(table: Mapping[str, str], name: str) -> Any:
    """The class that a catalog name, `module:Class` or `file.py:Class` names.

    Raises ValueError with the nearest match and the valid names.
    """
    if name in table:
        return locate(table[name])
    if ":" in name:
        return locate(name)
    raise ValueError(
        f"{unknown('name', name, table)}, or any package.module:Class or file.py:Class"
    )


def beside(found: type, name: str) -> Any:
    """What a class's module keeps under a name, as families their PRESETS and RECIPES."""
    return getattr(sys.modules[found.__module__], name, {})


def world_id(name: str) -> str:
    """The Gymnasium id behind a short name; an id is its own."""
    return WORLDS.get(name, name)
