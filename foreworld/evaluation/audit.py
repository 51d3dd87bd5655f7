"""Is the examination itself sound? An alarm here voids whatever else was measured.

overlap      held-out episodes that are training episodes too, by a hash of what they hold
solved       starts of the exam that are solved before anything is done
alignment    one step on, the actions as recorded explain best: no shift of them explains better
selection    the checkpoint was not picked by the episodes that it is examined on
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from foreworld.evaluation.intervals import Interval, bootstrap_mean, wilson
from foreworld.evaluation.metric import Metric, Reading
from foreworld.evaluation.rulers import Sitting, rulers_of
from foreworld.evaluation.subject import NO_ACTIONS, Subject
from foreworld.evaluation.windows import Windows, believe, held_out_windows
from foreworld.vocab import Episode

SHIFTS = (-2, -1, 0, 1, 2)
NEAR = 2  # imagined steps: further on, the sum of many actions hides a shift
MARGIN = 1.2  # how much worse a model that listens is with actions one step off
SUCCESS = "success"

OVERLAP = Metric(
    "audit.overlap",
    "share of held-out episodes that are training episodes too",
    "",
    0.0,
    1.0,
    0.0,
    ("leaked_split",),
)
SOLVED = Metric(
    "audit.solved", "share of starts that are solved already", "", 0.0, 1.0, 0.05, ("leaked_split",)
)
ALIGNMENT = Metric(
    "audit.alignment",
    "error under the shift of actions that explains best, beside that without a shift",
    "",
    1.0,
    0.0,
    0.1,
    ("off_by_one",),
)
SELECTION = Metric(
    "audit.selection", "checkpoint picked by the episodes it is examined on", "", 0.0, 1.0, 0.5
)
METRICS = (OVERLAP, SOLVED, ALIGNMENT, SELECTION)


def read(subject: Subject) -> list[Reading]:
    """What the protocol was goes into the details of the first reading."""
    return [_overlap(subject), _solved(subject), _alignment(subject), _selection(subject)]


def _overlap(subject: Subject) -> Reading:
    if not subject.training:
        return Reading(OVERLAP, reason="the training episodes are not at hand")
    keys = shared_keys([*subject.training, *subject.held_out])
    known = {fingerprint(episode, keys) for episode in subject.training}
    twice = [i for i, e in enumerate(subject.held_out) if fingerprint(e, keys) in known]
    details = {"episodes": twice, "protocol": _protocol(subject)}
    return Reading(OVERLAP, wilson(len(twice), len(subject.held_out)), details=details)


def shared_keys(episodes: Iterable[Episode]) -> list[str]:
    """What all of them hold."""
    return sorted(set.intersection(*(set(e.steps) for e in episodes)))


def fingerprint(episode: Episode, keys: Iterable[str]) -> str:
    """A hash of what an episode holds under `keys`, sorted; the same life gives the same one."""
    digest = hashlib.blake2b(digest_size=16)
    for key in keys:
        values = np.ascontiguousarray(episode[key])
        digest.update(f"{key} {values.dtype} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _protocol(subject: Subject) -> dict[str, Any]:
    """The constants that are hidden in most published numbers."""
    world = subject.world
    return {
        **vars(subject.protocol),
        "held-out episodes": len(subject.held_out),
        "training episodes": len(subject.training),
        "frame skip": getattr(world, "frame_skip", None),
        "rate in Hz": subject.rate_hz,
    }


def _solved(subject: Subject) -> Reading:
    """Of held-out episodes, and of the starts in the world that policies are compared on."""
    p = subject.protocol
    rows = [np.asarray(e[SUCCESS][0]) for e in subject.held_out if SUCCESS in e.steps]
    if subject.make_stream is not None:
        stream = subject.make_stream(p.episodes, p.seed)
        try:
            first: Mapping[str, Any] = stream.reset()
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        rows += list(first.get(SUCCESS, ()))
    if not rows:
        return Reading(SOLVED, reason=f"the world has no flag {SUCCESS!r}")
    solved = [bool(np.max(row) > 0) for row in rows]
    return Reading(SOLVED, wilson(sum(solved), len(solved)))


def _alignment(subject: Subject) -> Reading:
    if not subject.acts:
        return Reading(ALIGNMENT, reason=NO_ACTIONS)
    p, margin = subject.protocol, max(SHIFTS)
    length = p.context + NEAR
    try:
        windows = held_out_windows(
            subject.held_out, p.context + margin, NEAR + margin, p.per_episode, p.seed
        )
    except ValueError as error:
        return Reading(ALIGNMENT, reason=str(error))
    errors = {s: _errors(subject, windows, s, margin, length) for s in SHIFTS}
    shares = {s: _share(e, errors[0]) for s, e in errors.items()}
    best = min(SHIFTS, key=lambda s: (shares[s].mean(), s != 0))
    total = {s: float(e.sum()) for s, e in errors.items()}
    details = {
        "error by shift": {str(s): t for s, t in total.items()},
        "best shift": best,
        "the model listens": min(total[-1], total[1]) > MARGIN * total[0],
    }
    by_episode = shares[best].reshape(windows.episodes, -1).mean(1)
    return Reading(ALIGNMENT, bootstrap_mean(by_episode, p.seed), details=details)


def _share(error: np.ndarray, unshifted: np.ndarray) -> np.ndarray:
    """2 e / (e + e0) of each window: 1 where both err alike. Bounded: one collision is one."""
    both = error + unshifted
    return np.divide(2 * error, both, out=np.ones_like(both), where=both > 0)


def _errors(subject: Subject, windows: Windows, shift: int, margin: int, length: int) -> np.ndarray:
    """Per window [M], where row t is told the action of row t + shift, before and after closing
    the eyes alike.
    """
    rows = {k: v[:, margin : margin + length].clone() for k, v in windows.batch.items()}
    rows["action"] = windows.batch["action"][:, margin + shift : margin + shift + length]
    rows["is_first"][:, 0] = True
    moved = Windows(rows, subject.protocol.context, windows.episodes, windows.skipped)
    state = believe(subject.model, moved.seen)
    sitting = Sitting(subject.model, moved, state, rulers_of(subject.model, rows))
    guesses = sitting.imagine(moved.actions, sitting.chief)
    return sitting.errors(guesses, sitting.chief).sum(1).numpy()


def _selection(subject: Subject) -> Reading:
    """Where a run notes by what it picked its checkpoint (`selected_on` of its world's notes)."""
    said = getattr(subject.world, "selected_on", None)
    if said is None:
        reason = "nothing says that a checkpoint was picked: the newest one is examined"
        return Reading(SELECTION, reason=reason)
    rate = float(said == "test")
    return Reading(SELECTION, Interval(rate, rate, rate, 1), details={"selected on": said})
