"""How the columns of a log become the keys of our episodes: names, kinds, units, one clock.

    mapping = usual(source)                  # guessed from names; `save(mapping, file)`, and edit
    {"keys": {
       "front":  {"columns": ["observation.images.front"], "kind": "image", "image_size": 64},
       "state":  {"columns": ["observation.state"], "given": "deg", "unit": "rad"},
       "action": {"columns": ["action[0:6]", "gripper"]},
       "reward": {"columns": ["next.reward"], "resample": "sum"}},
     "fps": 10.0, "tolerance": 0.05, "holes": "split"}

`action`, `reward` and `is_terminal` mean what they mean everywhere here; every other key is an
observation. A log without actions has no key `action`: its episodes have actions of no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from foreworld import config
from foreworld.data.recording import Feature
from foreworld.disk import write_json
from foreworld.errors import unknown
from foreworld.streams.images import shrunk_shape
from foreworld.vocab import Spec

Way = Literal["previous", "nearest", "linear", "sum", "any"]
Bound = float | tuple[float, ...] | None
TASK = "task"  # the column that a recording's instruction is told as
NO_ACTION = Spec((0,), "float32", "vector")
UNITS = {  # what one of them is in a unit of the same quantity
    "deg": ("rad", np.pi / 180), "rad": ("rad", 1.0), "rev": ("rad", 2 * np.pi),
    "m": ("m", 1.0), "cm": ("m", 1e-2), "mm": ("m", 1e-3), "inch": ("m", 0.0254),
    "s": ("s", 1.0), "ms": ("s", 1e-3), "us": ("s", 1e-6), "ns": ("s", 1e-9),
    "deg/s": ("rad/s", np.pi / 180), "rad/s": ("rad/s", 1.0), "rpm": ("rad/s", np.pi / 30),
    "m/s": ("m/s", 1.0), "mm/s": ("m/s", 1e-3), "cm/s": ("m/s", 1e-2), "km/h": ("m/s", 1 / 3.6),
    "kg": ("kg", 1.0), "g": ("kg", 1e-3), "%": ("", 1e-2), "": ("", 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """Where one key comes from, and what is done to it.

    A number becomes (number in the unit `given`, as the unit `unit`) * scale + offset. Depth
    becomes an image of bytes, `low` 0 and `high` 255, both in the source's unit.
    """

    columns: tuple[str, ...]  # laid side by side; "arm[0:6]" takes some numbers of one
    kind: Literal["image", "vector", "discrete", "text"] = "vector"
    unit: str | None = None  # of the key
    given: str | None = None  # unit of the columns; None: the one that the source says
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    names: tuple[str, ...] | None = None  # of the numbers; None: the source's
    low: Bound = None  # None: the source's; of an action, measured where that says nothing
    high: Bound = None
    classes: tuple[int, ...] | None = None  # of a discrete key; None: the source's
    shape: tuple[int, ...] | None = None  # None: as it comes
    dtype: str | None = None  # None: float32; of discrete keys, int64
    image_size: int | None = 64  # larger pictures are shrunk to this many pixels a side
    text_bytes: int | None = None  # room for a text; None: for the longest one
    observed: bool = True  # False: a target that models predict and never see
    record: bool = False  # True: kept, and not for models
    resample: Way = "previous"  # how a value for an instant is found: see alignment.py
    missing: Literal["flag", "drop", "refuse"] = "flag"  # a recording without it: see `PRESENT`


@dataclass(frozen=True)
class Mapping:
    """Rules by key, and the clock that all of them are brought to."""

    keys: dict[str, Rule]
    fps: float | None = None  # rows a second; None: the source's
    # Seconds that a value may be old; None: half a row where all columns share one clock that is
    # kept, else one and a half rows of the slower one.
    tolerance: float | None = None
    holes: Literal["split", "drop"] = "split"  # a recording that lacks rows: parts of it, or none
    # After the last row of a log whose rewards follow its actions: "repeat" its observation, so
    # that the last reward and the end have a row; or "keep" to what was seen, and lose them.
    ending: Literal["keep", "repeat"] = "keep"
    shortest: int = 2  # rows below which an episode is left out

    def __post_init__(self) -> None:
        if not any(key not in ("action", "reward", "is_terminal") for key in self.keys):
            raise ValueError("the mapping has no observation: name a column for one in its `keys`")
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"fps={self.fps}: rows a second, above 0")
        if self.tolerance is not None and not self.tolerance >= 0:
            raise ValueError(f"tolerance={self.tolerance}: seconds, 0 or more")
        if self.shortest < 1:
            raise ValueError(f"shortest={self.shortest}: rows, at least 1")


def save(mapping: Mapping, path: str | Path) -> None:
    """Write a mapping as JSON, to be edited; what is at its default is left out."""
    write_json(path, to_json(mapping))


def load(path: str | Path) -> Mapping:
    """Read a mapping. Raises ValueError naming the file and the key that is wrong."""
    if not Path(path).is_file():
        raise ValueError(
            f"there is no mapping file {path}; `foreworld data inspect DATASET --mapping {path}` "
            "writes the usual one, to be edited"
        )
    return config.load(Mapping, path)


def to_json(mapping: Mapping) -> dict:
    """Plain data without what is at its default."""
    data = config.to_dict(mapping)
    usual = config.to_dict(Rule(()))
    for key, rule in data["keys"].items():
        data["keys"][key] = {k: v for k, v in rule.items() if k == "columns" or v != usual[k]}
    return data


@dataclass(frozen=True)
class Part:
    """Some numbers of one column, or the column as it is."""

    column: str
    feature: Feature
    numbers: slice | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """What is taken of values [n, *shape], [n, numbers]."""
        return values.reshape(len(values), -1)[:, self.numbers or slice(None)]

    @property
    def chosen(self) -> range:
        """Which of the column's numbers."""
        width = int(np.prod(self.feature.shape, dtype=int))
        return range(width)[self.numbers or slice(None)]


def parts_of(key: str, rule: Rule, features: MappingOf[str, Feature]) -> list[Part]:
    """What a rule takes. Raises ValueError for a column that is not there."""
    try:
        return [_part(text, features) for text in rule.columns]
    except ValueError as error:
        raise ValueError(f"keys.{key}: {error}") from None


def _part(text: str, features: MappingOf[str, Feature]) -> Part:
    """Reads "name" or "name[a:b]"."""
    if text in features:
        return Part(text, features[text])
    found = re.fullmatch(r"(.+)\[(\d*):(\d*)\]", text)
    if not found or found[1] not in features:
        raise unknown("column", found[1] if found else text, features)
    low, high = (int(end) if end else None for end in found.groups()[1:])
    taken = Part(found[1], features[found[1]], slice(low, high))
    width = int(np.prod(taken.feature.shape, dtype=int))
    if not taken.chosen or (high or 0) > width:
        raise ValueError(f"{text!r} takes what is not there: {found[1]} has {width} numbers")
    return taken


def spec_of(key: str, rule: Rule, features: MappingOf[str, Feature]) -> Spec:
    """What a key is. Raises ValueError naming it where rule and columns do not go together.

    Until they are measured, a text has room for one byte, a choice one class, an action no bounds.
    """
    parts = parts_of(key, rule, features)
    try:
        if not parts:
            raise ValueError("columns is empty: name one")
        if key in ("is_first", "is_last"):
            raise ValueError("where episodes begin and end is told by the source, not by a column")
        whole = rule.kind in ("image", "text")
        make = _whole_spec if whole else _number_spec
        return replace(make(rule, parts), observed=rule.observed, record=rule.record)
    except ValueError as error:
        raise ValueError(f"keys.{key}: {error}") from None


def _whole_spec(rule: Rule, parts: list[Part]) -> Spec:
    told = [part.feature for part in parts]
    fitting = ("image", "depth") if rule.kind == "image" else ("text",)
    if len(told) != 1 or told[0].content not in fitting:
        raise ValueError(f"kind {rule.kind!r} takes one column of {' or '.join(fitting)}")
    if rule.kind == "text":
        return Spec((rule.text_bytes or 1,), "uint8", "text")
    if told[0].content == "depth" and rule.high is None and told[0].high is None:
        raise ValueError("how far does depth reach? Say `high`, as in 4.0")
    height, width, channels = told[0].shape
    return Spec((*shrunk_shape(height, width, rule.image_size), channels), "uint8", "image")


def _number_spec(rule: Rule, parts: list[Part]) -> Spec:
    if any(part.feature.content == "text" for part in parts):
        raise ValueError(f"kind {rule.kind!r} takes numbers, not text")
    shape = _shape(rule, parts)
    if rule.kind == "discrete":
        classes = rule.classes or _classes(parts, int(np.prod(shape, dtype=int)))
        flat = () if shape == (1,) and rule.shape is None else shape
        return Spec(flat, rule.dtype or "int64", "discrete", classes=classes)
    low, high = (_bound(rule, parts, which) for which in ("low", "high"))
    unit = rule.unit or rule.given or parts[0].feature.unit
    dtype, names = rule.dtype or "float32", rule.names or _names(parts)
    return Spec(shape, dtype, "vector", low=low, high=high, unit=unit, names=names)


def _shape(rule: Rule, parts: list[Part]) -> tuple[int, ...]:
    shape = parts[0].feature.shape
    if len(parts) > 1 or parts[0].numbers is not None:
        shape = (sum(len(part.chosen) for part in parts),)
    if rule.shape is None:
        return shape
    if np.prod(rule.shape, dtype=int) != np.prod(shape, dtype=int):
        raise ValueError(f"shape {rule.shape} does not hold the numbers of {shape}")
    return rule.shape


def _classes(parts: list[Part], width: int) -> tuple[int, ...]:
    if len(parts) == 1 and parts[0].feature.classes is not None:
        return (parts[0].feature.classes,) * width
    return (1,) * width


def _names(parts: list[Part]) -> tuple[str, ...] | None:
    if any(part.feature.names is None for part in parts):
        return None
    return tuple((part.feature.names or ())[n] for part in parts for n in part.chosen)


def _bound(rule: Rule, parts: list[Part], which: str) -> Bound:
    """The rule's own bound, in the key's unit, or the source's one, converted."""
    if getattr(rule, which) is not None:
        return getattr(rule, which)
    bounds = [getattr(part.feature, which) for part in parts]
    if any(bound is None for bound in bounds) or np.any(np.ravel(rule.scale) < 0):
        return None
    wide = [
        np.broadcast_to(np.ravel(bound), np.prod(part.feature.shape, dtype=int))[list(part.chosen)]
        for part, bound in zip(parts, bounds, strict=True)
    ]
    flat = convert(np.concatenate(wide)[None], rule, parts)[0]
    return float(flat[0]) if np.ptp(flat) == 0 else tuple(map(float, flat))


def convert(values: np.ndarray, rule: Rule, parts: list[Part]) -> np.ndarray:
    """Numbers [n, width] in the key's unit, float64. Raises ValueError for units that differ."""
    factor = _factor(rule, parts[0].feature.unit)
    return values.astype(np.float64) * factor * np.array(rule.scale) + np.array(rule.offset)


def _factor(rule: Rule, told: str | None) -> float:
    """What a number in the columns' unit is in the key's; 1 where the rule names no unit."""
    given = rule.given or told
    if rule.unit is None or given is None or given == rule.unit:
        return 1.0
    for unit in (given, rule.unit):
        if unit not in UNITS:
            raise unknown("unit", unit, UNITS)
    (have, a), (want, b) = UNITS[given], UNITS[rule.unit]
    if have != want:
        raise ValueError(f"{given} cannot become {rule.unit}")
    return a / b
