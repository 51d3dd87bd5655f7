"""Which key does what, made from the actions of a world; with better names where they are known.

keys = keymap("MiniGrid-Empty-5x5-v0", specs["action"])
keys.action(["arrowleft"], before)     # what a hand on these keys wants
keys.to_json()                         # for the page
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foreworld.vocab import Spec

# What the classes of a discrete action are called, by the beginning of a Gymnasium id.
CLASSES = {
    "CartPole-": ("left", "right"),
    "foreworld/CartPolePixels-": ("left", "right"),
    "MountainCar-": ("left", "nothing", "right"),
    "Acrobot-": ("left", "nothing", "right"),
    "LunarLander-": ("nothing", "left engine", "up", "right engine"),
    "MiniGrid-": ("left", "right", "up", "pick up", "drop", "toggle", "nothing"),
    "BabyAI-": ("left", "right", "up", "pick up", "drop", "toggle", "nothing"),
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking-": ("up", "right", "down", "left"),
}
# What the numbers of a continuous action are called below and above the middle of their range.
ENDS = {
    "foreworld/Gallery-": (("down", "up"), ("right", "left")),  # forward; turning to the left
    "foreworld/": (("left", "right"), ("down", "up")),
    "gym_pusht/": (("left", "right"), ("up", "down")),
    "Pendulum-": (("right", "left"),),  # positive is counter-clockwise
}
KEYS = {
    "left": ("arrowleft", "a"),
    "right": ("arrowright", "d"),
    "up": ("arrowup", "w"),
    "down": ("arrowdown", "s"),
    "left engine": ("arrowleft", "a"),
    "right engine": ("arrowright", "d"),
    "pick up": ("e",),
    "drop": ("q",),
    "toggle": ("x",),
}
PAIRS = (("left", "right"), ("down", "up"))  # for numbers without a name
MORE = (("j", "l"), ("k", "i"), ("f", "g"), ("c", "v"), ("n", "m"), ("t", "y"), ("1", "2"))
ONES = "1234567890ertyuiopfghjklcvbnm"  # for classes without a name
WIDE = 1.0  # of an unbounded number


@dataclass(frozen=True)
class Key:
    keys: tuple[str, ...]
    label: str
    part: int
    value: float


@dataclass(frozen=True, eq=False)
class Keymap:
    """rest: the action [...] while no key is down; None: the last one goes on."""

    spec: Spec
    keys: tuple[Key, ...]
    names: tuple[Any, ...]  # of each number, or of each class of each component
    rest: np.ndarray | None

    def action(self, down: Sequence[str], before: np.ndarray) -> np.ndarray:
        """What keys that are down want, in the order they went down; unknown ones want nothing."""
        wanted = [k for name in down for k in self.keys if name in k.keys]
        if not wanted:
            return before if self.rest is None else self.rest
        spec = self.spec
        start = before if self.rest is None else self.rest
        flat = np.array(start, np.float64).reshape(-1).copy()
        if spec.classes:
            for key in wanted:
                flat[key.part] = key.value
        else:
            low, high = bounds(spec)
            middle = (low + high) / 2
            flat[:] = middle
            for key in wanted:
                flat[key.part] += key.value - middle[key.part]
            flat = flat.clip(low, high)
        return flat.reshape(spec.shape).astype(spec.dtype)

    def to_json(self) -> list[dict[str, Any]]:
        return [{**vars(key), "keys": list(key.keys)} for key in self.keys]


def keymap(env: str | None, spec: Spec) -> Keymap:
    """The keys for the actions of a world, by its Gymnasium id."""
    return _of_classes(env or "", spec) if spec.classes else _of_numbers(env or "", spec)


def bounds(spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest [width] that keys reach."""
    low, high = (
        np.broadcast_to(np.ravel(end if bound is None else bound), spec.width).astype(np.float64)
        for end, bound in ((-WIDE, spec.low), (WIDE, spec.high))
    )
    return low, high


def _of_classes(env: str, spec: Spec) -> Keymap:
    assert spec.classes is not None
    known = _known(CLASSES, env)
    keys: list[Key] = []
    names: list[tuple[str, ...]] = []
    free = [c for c in ONES if known is None or not any(c in v for v in KEYS.values())]
    for part, count in enumerate(spec.classes):
        called = known if known is not None and len(known) == count else None
        names.append(called or tuple(f"action {n}" for n in range(count)))
        for value, name in enumerate(names[-1]):
            if name == "nothing":
                continue
            pressed = KEYS.get(name) or ((free.pop(0),) if free else ())
            if pressed:
                keys.append(Key(tuple(pressed), name, part, float(value)))
    still = [n.index("nothing") if "nothing" in n else None for n in names]
    rest = None
    if None not in still:
        rest = np.array(still).reshape(spec.shape).astype(spec.dtype)
    return Keymap(spec, tuple(keys), tuple(names), rest)


def _of_numbers(env: str, spec: Spec) -> Keymap:
    known = _known(ENDS, env) or PAIRS
    low, high = bounds(spec)
    names = spec.names or (("x", "y") if spec.width == 2 else tuple(map(str, range(spec.width))))
    keys: list[Key] = []
    for part in range(spec.width):
        if part < len(known):
            for end, value in zip(known[part], (low[part], high[part]), strict=True):
                keys.append(Key(KEYS[end], end, part, float(value)))
        elif part - len(known) < len(MORE):
            pair = MORE[part - len(known)]
            for key, sign, value in zip(pair, "-+", (low[part], high[part]), strict=True):
                keys.append(Key((key,), f"{names[part]} {sign}", part, float(value)))
    middle = np.clip(0.0, low, high)  # nothing, where nothing is allowed
    return Keymap(spec, tuple(keys), tuple(names), middle.reshape(spec.shape).astype(spec.dtype))


def _known(table: dict[str, Any], env: str) -> Any:
    found = [start for start in table if env.startswith(start)]
    return table[max(found, key=len)] if found else None
