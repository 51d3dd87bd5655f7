"""What each group of measurements says of a model that knows, of a blind and of a late one."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from foreworld.evaluation import (
    accuracy,
    audit,
    controllability,
    cost,
    interventions,
    long_dreams,
)
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.systematic import systematic_error
from foreworld.streams import GymStream, collect
from foreworld.vocab import Episode

GROUPS = (audit, accuracy, controllability, interventions, long_dreams)


@pytest.fixture(scope="module")
def subject(dot_env, dot_model):
    from foreworld.policies import RandomPolicy

    stream = GymStream(dot_env, num_envs=12)
    every = list(collect(stream, RandomPolicy(stream.specs["action"], 0), episodes=24))
    return Subject(
        dot_model(),
        every[:12],
        every[12:],
        lambda num, seed: GymStream(dot_env, num, seed),
        lambda: BranchingWorld(dot_env(max_steps=200)),
        protocol=Protocol(context=3, horizon=8, starts=6, episodes=6, stretch=60),
    )


def readings(group, subject, model=None, **changes):
    found = group.read(replace(subject, **({"model": model} if model else {}), **changes))
    assert [r.metric for r in found] == list(group.METRICS)
    for reading in found:
        json.dumps(reading.to_json(), allow_nan=False)
    return {r.metric.name.split(".")[1]: r for r in found}


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.__name__.split(".")[-1])
def test_who_knows_the_world_raises_no_alarm_and_is_read_twice_alike(group, subject):
    found = readings(group, subject)
    assert not [name for name, r in found.items() if r.alarm]
    assert any(r.value is not None for r in found.values())
    again = readings(group, subject)
    assert {k: r.to_json() for k, r in found.items()} == {k: r.to_json() for k, r in again.items()}


def test_who_does_not_listen_is_found_out(subject, dot_model):
    blind = dot_model(gain=0.0)
    assert {"vectors", "images", "guesses", "horizon"} <= alarms(accuracy, subject, blind)
    assert {"response", "psnr", "recovery"} <= alarms(controllability, subject, blind)
    assert {"difference", "reward"} <= alarms(interventions, subject, blind)
    assert not alarms(audit, subject, blind), "the protocol is sound all the same"
    found = readings(controllability, subject, blind)["response"]
    assert found.value.value == 0 and found.details["shuffled error / own error"] == 1


def alarms(group, subject, model):
    return {name for name, r in readings(group, subject, model).items() if r.alarm}


@pytest.fixture(scope="module")
def late_model(dot_model):
    class Late(dot_model):
        """Every action acts one step late."""

        def observe(self, state, batch):
            now = super().observe(state, batch)
            rows = batch["action"]
            before = rows[:, -2] if rows.shape[1] > 1 else state.action
            return now._replace(action=before)

        def imagine(self, state, action, noise=None):
            return super().imagine(state, state.action, noise)._replace(action=action)

    return Late


def test_a_shift_of_actions_is_found_by_the_shift_that_explains_it(subject, late_model):
    found = readings(audit, subject, late_model())["alignment"]
    assert found.alarm and abs(found.details["best shift"]) == 1
    assert readings(audit, subject)["alignment"].details["the model listens"]
    assert {"response", "recovery"} <= alarms(controllability, subject, late_model())
    assert "difference" in alarms(interventions, subject, late_model())


def test_a_leak_and_solved_starts_void_the_rest(subject, dot_env):
    leaked = replace(subject, training=[*subject.training, subject.held_out[3]])
    found = readings(audit, leaked)
    assert found["overlap"].alarm and found["overlap"].details["episodes"] == [3]
    assert found["overlap"].details["protocol"]["held-out episodes"] == 12
    assert readings(audit, subject, training=())["overlap"].reason
    solved = tuple(range(subject.protocol.seed, subject.protocol.seed + 5))
    stream = lambda num, seed: GymStream(lambda: dot_env(solved=solved), num, seed)  # noqa: E731
    assert readings(audit, subject, make_stream=stream)["solved"].alarm
    logged = readings(audit, subject, make_stream=None)["solved"]
    assert logged.value.n == 12 and logged.value.value == 0


def test_fingerprints_are_of_what_is_there():
    one = Episode({"is_first": np.array([True, False]), "x": np.array([1.0, 2.0])})
    same = Episode({"x": np.array([1.0, 2.0]), "is_first": np.array([True, False])})
    other = Episode({**one.steps, "x": np.array([1.0, 2.5])})
    keys = audit.shared_keys([one, same])
    assert audit.fingerprint(one, keys) == audit.fingerprint(same, keys)
    assert audit.fingerprint(one, keys) != audit.fingerprint(other, keys)


def test_the_trust_horizon_is_the_step_from_which_copying_is_as_good():
    copied = np.full((1, 8), 1.0)
    ours = np.array([[0.1, 2.0, 0.1, 0.5, 1.5, 1.5, 1.5, 0.1]])
    times, failed = accuracy.failures(ours, copied, 1e-4)
    assert (times.tolist(), failed.tolist()) == ([5], [True]), "one bad step is no failure"
    times, failed = accuracy.failures(ours * 0, copied * 0, 1e-4)
    assert (times.tolist(), failed.tolist()) == ([8], [False]), "where nothing happens, none fails"
    assert accuracy.trusted(np.array([1.0, 0.8, 0.5, 0.4])) == 3


def test_horizons_are_told_in_steps_and_seconds(subject):
    found = readings(accuracy, subject, rate_hz=4.0)["horizon"]
    assert (found.details["steps"], found.details["seconds"]) == (8, 2.0)
    assert found.details["at least"] and found.details["survival"] == [1.0] * 8


def test_baselines_stand_beside_every_head(subject):
    skill = readings(accuracy, subject)["vectors"].details["skill against"]["position"]
    assert set(skill) == {"copy", "velocity", "marginal", "nearest"}
    without = readings(accuracy, subject, training=())["vectors"].details["skill against"]
    assert set(without["position"]) == {"copy", "velocity", "marginal"}


def test_what_no_snapshot_can_tell_is_not_available(subject):
    found = readings(interventions, subject, branching=None)
    assert {r.reason for r in found.values()} == {"the world cannot be put back to a snapshot"}
    assert readings(controllability, subject, branching=None)["noop_drift"].reason


class Sliding:
    """Mixed into a model: everything slides to one side, and at last out of the picture."""

    def imagine(self, state, action, noise=None):
        after = super().imagine(state, action, noise)
        return after._replace(position=state.position + 0.1 * action + 0.03)


class Leaping:
    """Mixed into a model: it may be elsewhere all of a sudden."""

    def imagine(self, state, action, noise=None):
        after = super().imagine(state, action, noise)
        far = (after.position * 1e4).long().sum(-1, keepdim=True) % 3 == 0
        return after._replace(position=torch.where(far, 1 - after.position, after.position))


def test_slides_and_leaps_are_found_when_nothing_is_done(subject, dot_model):
    sliding = type("SlidingDot", (Sliding, dot_model), {})()
    assert "noop_drift" in alarms(controllability, subject, sliding)
    assert {"bias", "stability"} <= alarms(long_dreams, subject, sliding)
    leaping = type("LeapingDot", (Leaping, dot_model), {})()
    assert "noop_jumps" in alarms(controllability, subject, leaping)
    assert "noop_jumps" not in alarms(controllability, subject, sliding)


def test_a_number_that_never_changed_may_be_told_a_little_off():
    rows = torch.stack([torch.linspace(0, 1, 12), torch.full((12,), 0.02)], -1).reshape(3, 4, 2)
    sitting = SimpleNamespace(windows=SimpleNamespace(batch={"facts": rows}))
    seen = rows + torch.tensor([0.5, 1e-3])
    dream = long_dreams.Dream(torch.zeros(3, 4, 5), {"facts": seen})
    rulers = [SimpleNamespace(head="facts")]
    assert long_dreams._stability(sitting, dream, rulers).value.value == 1
    gone = long_dreams.Dream(torch.zeros(3, 4, 5), {"facts": seen + 5})
    assert long_dreams._stability(sitting, gone, rulers).value.value == 0


def test_dreams_that_end_alike_are_found(subject, dot_model):
    class Sinking(dot_model):
        def imagine(self, state, action, noise=None):
            after = super().imagine(state, action, noise)
            return after._replace(position=0.8 * after.position)

    found = readings(long_dreams, subject, Sinking())
    assert found["attractor"].alarm and found["norm"].alarm


def test_systematic_errors_are_those_that_do_not_average_out():
    rng = np.random.default_rng(0)
    chance = rng.standard_normal((400, 3))
    assert systematic_error(chance).value < 0.1
    shifted = chance + np.array([0.6, 0.0, 0.0])
    assert systematic_error(shifted).value == pytest.approx(0.6 / np.sqrt(3), abs=0.1)


def test_costs_are_positive_and_a_session_has_a_size(subject):
    found = readings(cost, subject)
    assert found["state"].value.value == 2 * 2 * 4  # position and action, float32
    for verb in ("observe", "imagine", "predict"):
        interval = found[verb].value
        assert 0 < interval.low <= interval.value <= interval.high
