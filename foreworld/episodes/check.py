"""Refuses an episode that would poison training, and says where it is wrong.

ValueError: key 'vector': row 17, component (3,): nan is not finite
ValueError: unknown key 'rewards'; did you mean 'reward'? Valid: action, image, …
"""

from __future__ import annotations

import numpy as np

from foreworld.episodes.row import row_specs
from foreworld.errors import unknown
from foreworld.vocab import Episode, Spec, Specs

TOLERANCE = 1e-3  # of the action's range: rounding is forgiven, other units are not


def check_episode(episode: Episode, specs: Specs) -> None:
    """Raises ValueError naming the key and the row, if `episode` is not what `specs` describe.

    Checked: the same keys, shapes and dtypes; finite floats; classes and actions in range; is_first
    on the first row only, is_last on the last only, is_terminal nowhere else.
    """
    wanted = row_specs(specs)
    _check_keys(set(episode.steps), set(wanted))
    length = len(episode)
    if length == 0:
        raise ValueError("the episode has no rows: the shortest has one")
    for key, spec in wanted.items():
        _check_array(key, episode[key], spec, length)
    _check_flags(episode)


def _check_keys(given: set[str], wanted: set[str]) -> None:
    for key in sorted(given - wanted):
        raise unknown("key", key, sorted(wanted))
    if missing := sorted(wanted - given):
        raise ValueError(f"missing keys {missing}; an episode has exactly {sorted(wanted)}")


def _check_array(key: str, values: np.ndarray, spec: Spec, length: int) -> None:
    if not isinstance(values, np.ndarray) or values.dtype != np.dtype(spec.dtype):
        given = getattr(values, "dtype", type(values).__name__)
        raise ValueError(f"key {key!r}: dtype {given}, the specs say {spec.dtype}")
    if values.shape != (length, *spec.shape):
        wanted = (length, *spec.shape)
        raise ValueError(f"key {key!r}: shape {values.shape}, the specs say {wanted}")
    if values.dtype.kind == "f":
        _refuse(key, values, ~np.isfinite(values), "is not finite")
    if spec.classes is not None:
        out = (values < 0) | (values >= np.array(spec.classes).reshape(spec.shape))
        _refuse(key, values, out, f"is outside its classes {spec.classes}")
    elif key == "action" and spec.low is not None and spec.high is not None:
        # The last row's action is filled with zeros, whatever the bounds.
        _check_bounds(key, values[:-1], spec)


def _check_bounds(key: str, values: np.ndarray, spec: Spec) -> None:
    low, high = (np.asarray(b, np.float64) for b in (spec.low, spec.high))
    low, high = (b.reshape(spec.shape) if b.size > 1 else b for b in (low, high))
    slack = TOLERANCE * (high - low)
    out = (values < low - slack) | (values > high + slack)
    _refuse(key, values, out, f"is outside its bounds [{spec.low}, {spec.high}]")


def _check_flags(episode: Episode) -> None:
    rows = np.arange(len(episode))
    for flag, row in (("is_first", 0), ("is_last", len(episode) - 1)):
        wrong = episode[flag] != (rows == row)
        _refuse(flag, episode[flag], wrong, f"is wrong: row {row} has it set, and no other")
    early = episode["is_terminal"] & ~episode["is_last"]
    _refuse("is_terminal", episode["is_terminal"], early, "is set where is_last is not")


def _refuse(key: str, values: np.ndarray, wrong: np.ndarray, why: str) -> None:
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"row {index[0]}" + (f", component {index[1:]}" if index[1:] else "")
    raise ValueError(f"key {key!r}: {place}: {values[index]} {why}")
