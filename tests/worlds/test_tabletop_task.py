"""Instructions, rewards and factors: what is asked for, how it is scored, what varies."""

from __future__ import annotations

import numpy as np
import pytest

from foreworld.worlds.factors import sample_factors
from foreworld.worlds.tabletop import Tabletop
from foreworld.worlds.tabletop_expert import PlayPolicy
from foreworld.worlds.tabletop_factors import FACTORS
from foreworld.worlds.tabletop_reward import FALLEN_REWARD, reward_of, success_of
from foreworld.worlds.tabletop_task import TASKS, Task, parse, phrases
from foreworld.worlds.tabletop_things import INDEX


def test_every_phrase_means_its_task():
    said = [(text, task) for task in TASKS for p in ("train", "test") for text in phrases(task, p)]
    assert len(said) > 1000
    for text, task in said:
        assert parse(text) == task, text


def test_no_phrase_is_held_out_and_trained_on():
    train, test = ({t for task in TASKS for t in phrases(task, p)} for p in ("train", "test"))
    assert not train & test


def test_words_of_both_phrasings_mix():
    assert parse("Shove the mug over to the green cross!") == Task("push", "cup", "green_mark")
    assert parse("keep the glass on the table").kind == "keep"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "push the cup",
        "push the blue cup onto the red mark",
        "put the box next to the cube",
        "move to the ball",
        "push the cup onto the mark",
    ],
)
def test_other_sentences_are_refused(text):
    with pytest.raises(ValueError, match="(?i)valid|name two things"):
        parse(text)


def facts_of(**values: float) -> np.ndarray:
    facts = np.zeros(len(INDEX), np.float32)
    for name in ("cup", "box", "ball"):
        facts[INDEX[f"{name}_on_table"]], facts[INDEX[f"{name}_radius"]] = 1.0, 0.05
    for name, value in values.items():
        facts[INDEX[name]] = value
    return facts


def test_rewards_by_hand():
    move, push = parse("move to the red mark"), parse("push the cup onto the red mark")
    assert reward_of(move, facts_of(pusher_x=0.4)) == pytest.approx(0.6)
    assert reward_of(move, facts_of()) == pytest.approx(1.5)
    behind = facts_of(pusher_x=0.385, cup_x=0.3)  # touching, in line with the mark
    assert reward_of(push, behind) == pytest.approx(0.7)
    in_front = facts_of(pusher_x=0.215, cup_x=0.3)
    assert reward_of(push, in_front) == pytest.approx(0.5)
    assert reward_of(push, facts_of(cup_on_table=0.0)) == FALLEN_REWARD


def test_success_radii():
    move, push = parse("move to the red mark"), parse("push the cup onto the red mark")
    beside = parse("put the box next to the ball")
    for task, name, radius in ((move, "pusher", 0.05), (push, "cup", 0.06), (beside, "box", 0.14)):
        assert success_of(task, facts_of(**{f"{name}_x": radius - 0.001}))
        assert not success_of(task, facts_of(**{f"{name}_x": radius + 0.001}))


def test_rewards_of_many_are_rewards_of_each():
    rng = np.random.default_rng(0)
    facts = rng.uniform(-0.5, 0.5, (5, 7, len(INDEX))).astype(np.float32)
    for task in TASKS:
        for kind in ("dense", "sparse"):
            together = reward_of(task, facts, kind)
            assert together.shape == (5, 7)
            assert together[3, 2] == reward_of(task, facts[3, 2], kind)


def test_the_world_pays_what_the_facts_say():
    for kind in ("move", "push", "next_to", "keep"):
        env = Tabletop(task=kind)
        policy = PlayPolicy(3)
        env.reset(seed=4)
        for _ in range(40):
            reward, terminated, _, info = env.advance(policy.act(env))
            assert reward == reward_of(env.task, info["facts"])
            assert terminated == (reward == FALLEN_REWARD)
            if kind != "keep":
                assert info["success"] == success_of(env.task, info["facts"])


def test_train_and_test_factors_are_disjoint():
    for name, factor in FACTORS.items():
        low, high = factor.train
        assert all(b < low or a > high for a, b in factor.test), name
        assert low <= factor.default <= high or factor.optional, name


def test_factors_are_sampled_where_they_should_be():
    for seed in range(50):
        train, test = (
            sample_factors(FACTORS, np.random.default_rng(seed), split)
            for split in ("train", "test")
        )
        for name, factor in FACTORS.items():
            if not factor.optional:
                assert factor.train[0] <= train[name] <= factor.train[1]
                assert any(a <= test[name] <= b for a, b in factor.test)
    assert train["cloth"] == test["cloth"] == 0.0


def test_factors_change_what_they_name():
    def frame(**factors: float) -> np.ndarray:
        return Tabletop(task="push", factors=factors).reset(seed=0)[0]["image"].astype(int)

    plain = frame()
    visible = [n for n in FACTORS if n not in ("friction", "mass")]
    for name in visible:
        changed = frame(**{name: FACTORS[name].test[0][0]})
        assert np.abs(changed - plain).max() > 8, name
    for name in ("friction", "mass"):
        assert np.array_equal(frame(**{name: FACTORS[name].test[0][0]}), plain), name
