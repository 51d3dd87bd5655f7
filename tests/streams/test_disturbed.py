"""Streams made worse on purpose: each does what its dial says, and forgets at every reset."""

from __future__ import annotations

import numpy as np
import pytest

from foreworld.episodes.check import check_episode
from foreworld.policies.random import RandomPolicy
from foreworld.streams import GymStream, collect
from foreworld.streams.disturbed import DISTURBANCES, disturbed, rest
from foreworld.vocab import CONTROL, Spec, observation_keys

STRENGTH = {"noise": 0.1, "dropped_frames": 0.4, "dropped_modality": 0.5, "delay": 2}
STRENGTH["distractor"] = 0.25
ALL = pytest.mark.parametrize("name", DISTURBANCES)


def counting(counter, num_envs: int = 4, length: int = 5) -> GymStream:
    return GymStream(lambda: counter(length), num_envs)


def rows(stream, steps: int = 14, seed: int | None = None) -> list[dict]:
    policy = RandomPolicy(stream.specs["action"])
    step, carry = stream.reset(seed), policy.init(stream.num_envs)
    seen = [step]
    for _ in range(steps):
        carry, action = policy.act(carry, step)
        step = stream.step(action)
        seen.append(step)
    return seen


def same(a: list[dict], b: list[dict]) -> bool:
    return all(np.array_equal(x[k], y[k]) for x, y in zip(a, b, strict=True) for k in x)


@ALL
def test_none_of_it_is_the_stream_itself(name, counter):
    stream = counting(counter)
    assert disturbed(stream, name, 0) is stream


@ALL
def test_seeds_decide(name, counter):
    def disturb(seed: int, reset: int | None = None) -> list[dict]:
        return rows(disturbed(counting(counter), name, STRENGTH[name], seed), seed=reset)

    plain = rows(counting(counter))
    assert same(disturb(1), disturb(1)) and same(disturb(1, 3), disturb(1, 3))
    assert not same(disturb(1), plain)
    assert same(disturb(1), disturb(2)) == (name == "delay"), "nothing about a delay is random"


@ALL
def test_everything_that_counts_stays_true(name, counter):
    stream = disturbed(counting(counter), name, STRENGTH[name])
    plain = counting(counter)
    hidden = [k for k, s in stream.specs.items() if not s.observed]
    assert hidden == ["twice"]
    for given, true in zip(rows(stream), rows(plain), strict=True):
        for key in (*hidden, *CONTROL[1:]):
            assert np.array_equal(given[key], true[key])
    for episode in collect(stream, RandomPolicy(stream.specs["action"]), episodes=6):
        check_episode(episode, stream.specs)


@ALL
def test_a_reset_begins_anew(name, counter):
    stream = disturbed(counting(counter), name, STRENGTH[name])
    one = rows(stream, seed=5)
    rows(stream, steps=3)
    assert same(one, rows(stream, seed=5))


def test_noise_is_as_strong_as_it_says(counter):
    stream = disturbed(GymStream("foreworld/Rooms-v0", 8), "noise", 0.1)
    plain = GymStream("foreworld/Rooms-v0", 8)
    noisy, true = stream.reset(), plain.reset()
    middle = (true["image"] > 90) & (true["image"] < 165)
    difference = noisy["image"].astype(float) - true["image"]
    assert difference[middle].std() == pytest.approx(25.5, rel=0.1)
    assert np.array_equal(noisy["goal"], true["goal"]), "a goal is no sensor"
    vectors = disturbed(counting(counter, 200), "noise", 0.01).reset()["count"]
    assert (vectors - (0, 5)).std() == pytest.approx(101 * 0.01, rel=0.2), "of its range"


def test_dropped_frames_show_the_one_before_of_the_same_episode(counter):
    stream, plain = disturbed(counting(counter, 50), "dropped_frames", 0.4), counting(counter, 50)
    shown = expected = None
    held = total = 0
    for given, true in zip(rows(stream), rows(plain), strict=True):
        first = given["is_first"]
        assert np.array_equal(given["count"][first], true["count"][first])
        if shown is not None:
            kept = (given["count"] == shown).all(1) & ~first
            fresh = (given["count"] == true["count"]).all(1)
            assert (kept | fresh).all()
            held, total = held + int(kept.sum()), total + int((~first).sum())
            assert np.array_equal(given["eye"][kept], expected[kept]), "all keys together"
        shown, expected = given["count"], given["eye"]
    assert held / total == pytest.approx(0.4, abs=0.07)


def test_a_dropped_modality_is_blank_for_an_episode(counter):
    stream = disturbed(counting(counter, 60), "dropped_modality", 0.5)
    keys = observation_keys(stream.specs)
    seen = dict.fromkeys(keys, 0)
    whole = 0
    for episode in collect(stream, RandomPolicy(stream.specs["action"]), episodes=120):
        # Each of these is not zero after the first step of this world.
        blank = [k for k in keys if not episode[k][1:].any()]
        assert len(blank) <= 1
        assert all(episode[k][2:].any(-1).all() for k in ("count", "word") if k not in blank)
        whole += not blank
        for key in blank:
            assert not episode[key].any()
            seen[key] += 1
    assert whole / 120 == pytest.approx(0.5, abs=0.15) and min(seen.values()) > 3


def test_actions_arrive_late_and_not_from_another_episode(counter):
    stream = disturbed(counting(counter, 3), "delay", 2)
    chosen = []
    step = stream.reset()
    for t in range(16):
        since = t % 6  # this world counts to 5, and is then reset
        assert bool(step["is_first"][0]) == (since == 0)
        # What the world remembers of an action is its class, counted from 0 by the stream.
        expected = 0 if since == 0 else 1 if since <= 2 else chosen[t - 3] + 1
        assert (step["body/last"] == expected).all(), (t, step["body/last"])
        chosen.append(1 + t % 3)
        step = stream.step(np.full(3, chosen[-1]))
    assert rest(Spec((2,), "float32", "vector", (-1.0, 0.0), (1.0, 4.0))).tolist() == [0, 2]
    assert rest(Spec((), "int64", "discrete", classes=(4,))) == 0


def test_the_television_covers_its_share_and_stays_in_its_place():
    stream, plain = (GymStream("foreworld/Rooms-v0", 3) for _ in range(2))
    stream = disturbed(stream, "distractor", 0.25)
    seen, true = rows(stream, 4), rows(plain, 4)
    covered = [(a["image"] != b["image"]).any(-1) for a, b in zip(seen, true, strict=True)]
    where = np.any(covered, 0)
    assert (where.sum((1, 2)) == 32 * 32).all()
    assert all((c.sum((1, 2)) > 1000).all() for c in covered)
    assert not np.array_equal(where[0], where[1]), "elsewhere in each world"
    assert not np.array_equal(seen[1]["image"][covered[1]], seen[2]["image"][covered[1]])


def test_wrong_words_are_explained(counter):
    with pytest.raises(ValueError, match="did you mean 'noise'"):
        disturbed(counting(counter), "nose", 0.1)
    for name, strength in (("noise", -0.1), ("dropped_frames", 1.5), ("delay", 0.5)):
        with pytest.raises(ValueError, match=f"strength={strength} of {name}"):
            disturbed(counting(counter), name, strength)
    with pytest.raises(ValueError, match="nothing to disturb: this world shows vector"):
        disturbed(GymStream("CartPole-v1"), "distractor", 0.1)
    stream = disturbed(counting(counter), "noise", 0.1)
    stream.reset()
    assert stream.frames().shape == (4, 80, 100, 3)
    stream.close()
