"""Guesses a mapping from the names that people give to columns; printed, so that it can be edited.

observation.images.front ─▶ front     next.reward ─▶ reward
observation.state        ─▶ state     next.done   ─▶ is_terminal
action, action.gripper   ─▶ action    task        ─▶ instruction
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from pathlib import Path

from foreworld import config
from foreworld.data.mapping import TASK, Mapping, Rule
from foreworld.data.recording import Feature, Source

KEPT = "foreworld.json"  # beside a dataset that we wrote: the mapping that brings it back
PREFIXES = ("observation.images.", "observation.", "observations.", "obs.", "images.")
REWARDS = ("next.reward", "reward", "rewards")
ENDS = ("is_terminal", "terminal", "terminals", "terminated", "terminations", "next.terminated")
DONES = ("next.done", "done", "dones")
SUCCESSES = ("next.success", "success", "is_success")
BOOKKEEPING = (
    *("timestamp", "frame_index", "episode_index", "index", "task_index", "discount"),
    *("is_first", "is_last", "next.truncated", "truncated", "truncations", "timeouts"),
)
WORDS = ("instruction", "language", "mission", "task")
DEPTH_M = 10.0  # how far depth reaches where nobody says


def usual(source: Source) -> Mapping:
    """The mapping that `source` most likely wants; of a dataset that we wrote, the exact one.

    Raises ValueError where nothing in it looks like an observation.
    """
    known = getattr(source, "mapping", None) or _kept(source.path)
    if known is not None:
        return known
    features = {_plain(name): name for name in source.features}
    keys: dict[str, Rule] = {}
    for plain, name in features.items():
        if not _special(plain):
            rule = _observation(name, source.features[name])
            if rule is not None:
                keys[_key(plain, keys)] = rule
    instruction = _instruction(source, features)
    keys |= {"instruction": instruction} if instruction else {}
    keys |= _actions(source.features, features)
    keys |= _outcomes(features)
    if not any(key not in ("action", "reward", "is_terminal") for key in keys):
        raise ValueError(f"{source.path} has no column to see; there are: {', '.join(features)}")
    used = [source.features[c] for r in keys.values() for c in r.columns if c in source.features]
    later = any(feature.moment == "after" for feature in used)
    return Mapping(keys, ending="repeat" if later else "keep")


def _kept(path: Path) -> Mapping | None:
    """What the exporter noted beside a dataset."""
    file = (path if path.is_dir() else path.parent) / KEPT
    if not file.is_file():
        return None
    try:
        return config.from_dict(Mapping, json.loads(file.read_text())["mapping"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}); delete it, or give a --mapping") from None


def _plain(name: str) -> str:
    return name.lower().replace("/", ".")


def _special(plain: str) -> bool:
    first = plain.split(".")[0]
    other = {*REWARDS, *ENDS, *DONES, *SUCCESSES, *BOOKKEEPING}
    return plain in other or first in ("action", "actions") or plain == TASK


def _observation(name: str, feature: Feature) -> Rule | None:
    if feature.content == "image":
        return Rule((name,), "image")
    if feature.content == "depth":
        low, high = feature.low, feature.high if feature.high is not None else DEPTH_M
        return Rule((name,), "image", low=low, high=high)
    if feature.content == "text":
        return None  # the instruction is looked for by name
    if feature.classes is not None and feature.dtype != "bool":
        return Rule((name,), "discrete")
    return Rule((name,))


def _key(plain: str, taken: Iterable[str]) -> str:
    """The name without what all names begin with, unless another key has it."""
    short = next((plain.removeprefix(p) for p in PREFIXES if plain.startswith(p)), plain)
    return plain if short in taken or short in ("action", "reward") else short


def _instruction(source: Source, features: MappingOf[str, str]) -> Rule | None:
    if len(source) and source[0].task is not None:
        return Rule((TASK,), "text")
    for plain, name in features.items():
        text = source.features[name].content == "text"
        if text and any(word in plain for word in WORDS):
            return Rule((name,), "text")
    return None


def _actions(described: MappingOf[str, Feature], features: MappingOf[str, str]) -> dict[str, Rule]:
    """All of the columns named action, side by side; one of whole numbers is a choice."""
    names = [
        name
        for plain, name in features.items()
        if plain.split(".")[0] in ("action", "actions") and described[name].content == "number"
    ]
    if not names:
        return {}
    only = described[names[0]]
    whole = only.dtype.startswith(("int", "uint")) and only.shape in ((), (1,))
    chosen = len(names) == 1 and (only.classes is not None or whole)
    return {"action": Rule(tuple(names), "discrete" if chosen else "vector")}


def _outcomes(features: MappingOf[str, str]) -> dict[str, Rule]:
    """Reward, the end that the world made, and success: whichever are told."""

    def first(names: Iterable[str]) -> str | None:
        return next((features[name] for name in names if name in features), None)

    reward, end, success = first(REWARDS), first(ENDS), first(SUCCESSES)
    end = end or first(DONES) or success
    keys = {}
    if reward:
        keys["reward"] = Rule((reward,), shape=(), resample="sum")
    if end:
        keys["is_terminal"] = Rule((end,), resample="any")
    if success:
        keys["success"] = Rule((success,), shape=(), observed=False, resample="any")
    return keys
