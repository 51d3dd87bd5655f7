"""What a model is worth: to a planner, as a judge of policies, and whether it knows its limits."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from foreworld.evaluation import abstention, planning_gain, ranking, robustness
from foreworld.evaluation.abstention import Strange, auroc, compare, false_alarms, frames_until
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.played import NEAR, play_list, play_plans, play_policy, set_stage
from foreworld.evaluation.ranking import error, mmrv, pearson, spearman, spoiled
from foreworld.evaluation.robustness import Errors, Kept, mean_kept, open_loop
from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.variants import actions_for, factors_of, shifted, watch
from foreworld.evaluation.yardstick import EXECUTED, EXPERT, SIMULATOR, yardstick
from foreworld.outputs import Mse
from foreworld.policies import ConstantPolicy
from foreworld.run import World, make_stream
from foreworld.streams import GymStream
from foreworld.streams.registry import find_spec, make_env
from foreworld.vocab import Spec

FEW = Protocol(context=3, horizon=8, episodes=3)
BOUNCE = World("foreworld/Bounce-v0", {"image_size": 16}, image_size=None)


@pytest.fixture(scope="module")
def dots(dot_env, dot_model):
    """The dot world, which can be put back but is no function and has no script."""

    def subject(gain: float = 1.0, known: bool = True) -> Subject:
        return Subject(
            dot_model(gain),
            [],
            make_stream=partial(GymStream, lambda: dot_env(max_steps=40)),
            branching=(lambda: BranchingWorld(dot_env(max_steps=40))) if known else None,
            protocol=FEW,
        )

    return subject


class ActionBlind(SimulatorModel):
    def imagine(self, state, action, noise=None):
        return super().imagine(state, torch.zeros_like(action), noise)


class RewardHacked(SimulatorModel):
    def predict(self, state, heads=None):
        said = super().predict(state, heads)
        return {k: Mse(p.mean + 1, 0) if k == "reward" else p for k, p in said.items()}


def bounce(model=SimulatorModel) -> Subject:
    def branching() -> BranchingWorld:
        return BranchingWorld(make_env(find_spec(BOUNCE.env), BOUNCE.env_kwargs), image_size=None)

    make = partial(make_stream, BOUNCE)
    worn = model(branching().simulator.world, make(1, 0).specs)
    return Subject(worn, [], make_stream=make, branching=branching, world=BOUNCE, protocol=FEW)


def values(readings) -> dict[str, float]:
    return {r.metric.name: r.value.value for r in readings if r.value is not None}


def alarms(readings) -> set[str]:
    return {r.metric.name for r in readings if r.alarm}


def test_the_simulator_worn_as_a_model_is_perfect_in_use():
    subject = bounce()
    gain, ranks = planning_gain.read(subject), ranking.read(subject)
    assert not alarms([*gain, *ranks])
    assert values(gain) == pytest.approx({"use.planning_gain": 1.0, "use.optimism": 0.0}, abs=0.001)
    assert values(ranks)["use.ranking"] == 1.0 and values(ranks)["use.rank_violation"] == 0.0
    assert gain[0].details["reference"] == SIMULATOR and len(ranks[0].details["policies"]) == 10
    again = [r.to_json() for r in ranking.read(subject)]
    assert again == [r.to_json() for r in ranks], "twice the same, to the last digit"


def test_who_does_not_listen_neither_plans_nor_ranks():
    subject = bounce(ActionBlind)
    gain, ranks = planning_gain.read(subject), ranking.read(subject)
    assert "use.planning_gain" in alarms(gain) and values(gain)["use.planning_gain"] < 0.5
    assert {"use.ranking", "use.return_correlation", "use.rank_violation"} <= alarms(ranks)
    assert values(ranks)["use.ranking"] == 0.0, "all futures are alike: no order at all"


def test_promises_that_are_not_kept_are_optimism():
    subject = bounce(RewardHacked)
    readings = planning_gain.read(subject)
    assert alarms(readings) == {"use.optimism"}, "the same plans, at a higher price"
    assert values(readings)["use.optimism"] > 1
    assert alarms(ranking.read(subject)) == {"use.return_error"}, "the order is right"


def test_a_world_that_is_no_function_is_planned_in_by_doing(dots):
    readings = planning_gain.read(dots())
    assert readings[0].details["reference"] == EXECUTED
    assert values(readings) == pytest.approx(
        {"use.planning_gain": 1.0, "use.optimism": 0.0}, abs=0.02
    )
    wrong = planning_gain.read(dots(gain=-1.0))
    assert alarms(wrong) == {"use.planning_gain", "use.optimism"}
    assert values(wrong)["use.planning_gain"] < 0


def test_what_cannot_be_measured_says_why(dots, dot_model):
    unknown = planning_gain.read(dots(known=False))
    assert all("cannot be put back" in r.reason for r in unknown)
    assert values(ranking.read(dots(known=False)))["use.ranking"] == pytest.approx(1.0, abs=0.05)
    logged = Subject(dot_model(), [])
    for file in (planning_gain, ranking, robustness, abstention):
        readings = file.read(logged)
        assert [r.metric for r in readings] == list(file.METRICS)
        assert all(r.reason and "no world" in r.reason for r in readings)


def test_who_has_a_script_is_the_measure_of_a_world_that_it_knows(dot_model):
    world = World("foreworld/Rooms-v0", {"image_size": 16})
    stage = set_stage(partial(make_stream, world), 2, 3, 6, seed=0)
    best = yardstick(Subject(dot_model(), [], protocol=FEW), stage, NEAR)
    assert best.how == EXPERT and best.played.rewards.shape == (2, 6)
    stage.close()


def test_everybody_begins_alike_and_the_clock_is_known(dots):
    subject = dots()
    stage = set_stage(subject.make_stream, 3, 4, 100, seed=5)
    assert stage.steps == 37, "40 steps, 3 of them before it counts"
    right = ConstantPolicy(np.array([1.0, 0.0], np.float32))
    one, two = play_policy(stage, right), play_plans(stage, subject.model, NEAR, "reward")
    assert all(torch.equal(one.seen[key], two.seen[key]) for key in one.seen)
    assert np.array_equal(play_list(stage, one.actions).rewards, one.rewards)
    with pytest.raises(ValueError, match="clock ends episodes within the first 50 rows"):
        set_stage(subject.make_stream, 3, 50, 10, seed=5)


def test_order_of_policies():
    real = np.array([0.0, 1.0, 2.0, 3.0])
    assert spearman(real**3, real) == pytest.approx(1.0)
    assert spearman(-real, real) == pytest.approx(-1.0)
    assert 0.9 < pearson(real**3, real) < 1.0
    assert spearman(np.full(4, 7.0), real) == 0.0 == pearson(np.full(4, 7.0), real)
    assert mmrv(real + 5, real) == 0.0 and mmrv(-real, real) == pytest.approx(2.5 / 3)
    swapped = np.array([0.0, 2.0, 1.0, 3.0])
    assert mmrv(swapped, real) == pytest.approx((1 + 1) / 4 / 3), "two policies, one apart"
    assert error(real + 3, real, unit=3.0) == pytest.approx(1.0)
    ties = np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 2.0]])
    assert spearman(ties, ties) == pytest.approx([1.0, 1.0]), "over any leading dimensions"


def test_ten_graded_lists_of_actions():
    continuous = Spec((2,), "float32", "vector", -1.0, 1.0)
    best = np.full((3, 5, 2), 0.5, np.float32)
    lists = spoiled(continuous, best)
    assert len(lists) == 10 and all(a.shape == best.shape for a in lists.values())
    assert np.array_equal(lists["0% chance"], best) and np.array_equal(lists["opposite"], -best)
    kept = [float((lists[f"{share}% chance"] == 0.5).mean()) for share in (0, 50, 100)]
    assert kept[0] == 1.0 > kept[1] > kept[2] == 0.0
    discrete = Spec((), "int64", "discrete", classes=(4,))
    lists = spoiled(discrete, np.full((3, 5), 3))
    assert len(lists) == 10 and (lists["opposite"] == 1).all()
    assert all(a.min() >= 0 and a.max() < 4 for a in lists.values())


def test_surprise_tells_strange_from_usual():
    usual, strange = np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.5, 4.0, 5.0, 6.0])
    assert auroc(usual, strange) == pytest.approx(15 / 16) and auroc(usual, usual) == 0.5
    assert false_alarms(usual, strange) == 0.25 and false_alarms(usual, usual) == 1.0
    over_time = np.array([[0.0, 9.0, 9.0], [0.0, 0.0, 0.0]])
    assert frames_until(over_time, 5.0).tolist() == [2, 4], "never counts as after the last"


def test_only_what_misleads_a_model_has_to_surprise_it():
    rng = np.random.default_rng(0)
    usual, odd = rng.normal(size=(12, 19)), rng.normal(3, 1, (12, 19))
    readings = compare(usual, {"speed": Strange(odd, 0.3), "hue": Strange(usual, 1.0)}, seed=0)
    assert not alarms(readings) and readings[0].details["counted"] == ["speed"]
    assert values(readings)["abstention.auroc"] == 1.0
    unmoved = compare(usual, {"speed": Strange(rng.normal(size=(12, 19)), 0.3)}, seed=0)
    assert "abstention.auroc" in alarms(unmoved), "wrong, and not surprised"
    calm = compare(usual, {"hue": Strange(odd, 1.0)}, seed=0)
    assert all("nothing to abstain from" in r.reason for r in calm)


def test_kept_skill_is_relative_to_what_there_was():
    calm = Errors(np.full(4, 0.2), np.ones(4))  # skill .8
    half = Errors(np.full(4, 0.6), np.ones(4))  # skill .4
    assert mean_kept([Kept(half, calm)], 0).value == pytest.approx(0.5)
    assert mean_kept([Kept(half, calm), Kept(calm, calm)], 0).value == pytest.approx(0.75)
    gone = Errors(np.full(4, 3.0), np.ones(4))
    assert mean_kept([Kept(gone, calm)], 0).value == 0.0, "worse than nothing is nothing"


def test_disturbed_senses_cost_who_reads_them(dots, dot_model):
    """The dot model reads places off what it sees; noise on them moves where it thinks it is."""
    readings = {r.metric.name: r for r in robustness.read(dots())}
    sensors = readings["robustness.sensors"]
    kept = {name: k["value"] for name, k in sensors.details["kept"].items()}
    assert kept["noise 0.05"] > kept["noise 0.2"] and 0 < sensors.value.value < 1
    assert sensors.details["worst"] in kept and set(sensors.details["delay"]) == {
        "delay 1",
        "delay 2",
        "delay 4",
    }
    assert "no factors" in readings["robustness.factors"].reason
    blind = robustness.read(dots(gain=0.0))
    assert all("nothing to lose" in r.reason or "no factors" in r.reason for r in blind)


def test_the_features_of_a_model_without_heads_are_judged(dots):
    subject = dots()
    subject.model.heads = ()
    make = subject.make_stream
    actions = actions_for(make(1, 0).specs["action"], 4, 11)
    batch = watch(make(4, 0), actions, 0)
    ours, copied = open_loop(subject.model, batch, batch, 3)
    assert ours == pytest.approx(np.zeros(4), abs=1e-6) and (copied > 0.01).all()
    surprise = abstention.losses(subject.model, batch)
    assert surprise.shape == (4, 10, 1) and surprise.max() < 1e-4


def test_factors_of_a_world_lie_beyond_training():
    subject = bounce()
    table = factors_of(subject)
    assert {"speed", "hue"} <= set(table)
    make = shifted(subject, {"size": "test"})
    assert make(2, 0).specs.keys() == subject.make_stream(2, 0).specs.keys()
    actions = actions_for(make(1, 0).specs["action"], 2, 4)
    there, here = watch(make(2, 3), actions, 3), watch(subject.make_stream(2, 3), actions, 3)
    assert not torch.equal(there["image"], here["image"])
    assert torch.equal(there["action"], here["action"])
    assert factors_of(replace(subject, world=None)) == {}


def test_the_simulator_loses_nothing_and_has_nothing_to_abstain_from(monkeypatch):
    """Two factors stand for all: looks, and how things move."""
    for file in (robustness, abstention):
        monkeypatch.setattr(file, "EPISODES", 3)
        full = file.single_shifts
        monkeypatch.setattr(
            file,
            "single_shifts",
            lambda s, full=full: {k: v for k, v in full(s).items() if k in ("hue", "speed")},
        )
    monkeypatch.setattr(robustness, "paired_shifts", lambda s: {})
    subject = bounce()
    readings = robustness.read(subject)
    assert not alarms(readings)
    assert values(readings) == pytest.approx(
        {f"robustness.{name}": 1.0 for name in ("sensors", "factors", "pairs")}, abs=0.02
    )
    assert all("nothing to abstain from" in r.reason for r in abstention.read(subject))
