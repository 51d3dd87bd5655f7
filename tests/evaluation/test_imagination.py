"""Open-loop skill: 1 for a model that knows the world, 0 for one that copies, less when wrong."""

import numpy as np
import pytest
import torch

from foreworld.evaluation.imagination import measure_imagination
from foreworld.evaluation.windows import believe, foretell, held_out_windows
from foreworld.vocab import Episode


def values(intervals):
    return [i.value for i in intervals]


def test_a_perfect_model_has_skill_one(episodes, dot_model):
    result = measure_imagination(dot_model(), episodes, context=4, horizon=8)
    for key in ("image", "position", "reward"):
        assert values(result.curves[key].skill) == pytest.approx([1.0] * 8, abs=1e-3)
    assert values(result.curves["image"].whole) == pytest.approx([1.0] * 8, abs=1e-3)
    assert result.curves["image"].error[-1] < 0.01 < result.curves["image"].copy_error[-1]
    assert (result.episodes, result.windows, result.skipped) == (12, 48, 0)


def test_a_model_that_changes_nothing_has_skill_zero(episodes, dot_model):
    result = measure_imagination(dot_model(gain=0.0), episodes, context=4, horizon=8)
    for key in ("image", "position"):
        assert values(result.curves[key].skill) == pytest.approx([0.0] * 8, abs=1e-3)


def test_the_average_picture_beats_a_copy_where_things_changed_and_nowhere_else(
    episodes, dot_model
):
    curve = measure_imagination(dot_model(), episodes, context=4, horizon=8).curves["image"]
    assert 0.1 < curve.average[-1].value < 0.9 < curve.skill[-1].value
    assert curve.average[0].value < curve.average[-1].value, "a copy is good for a short while"


def test_a_model_that_goes_the_wrong_way_is_worse_than_copying(episodes, dot_model):
    result = measure_imagination(dot_model(gain=-1.0), episodes, context=4, horizon=8)
    assert max(values(result.curves["position"].skill)) < -2.5
    assert result.curves["position"].skill[0].high < 0


def test_strangers_actions_cost_skill_only_where_actions_are_heeded(episodes, dot_model):
    heeds = measure_imagination(dot_model(), episodes, context=4, horizon=8).curves["image"]
    assert heeds.shuffled[-1].high < heeds.skill[-1].low
    ignores = measure_imagination(dot_model(gain=0.0), episodes, context=4, horizon=8)
    curve = ignores.curves["image"]
    assert values(curve.shuffled) == values(curve.skill)


def test_futures_are_aligned_with_the_recorded_rows(episodes, dot_model):
    """The first imagined row is the row after the last one seen; one action off loses skill."""
    windows = held_out_windows(episodes, context=4, horizon=6, per_episode=2)
    model = dot_model()
    state = believe(model, windows.seen)
    future = windows.future("position")
    right = foretell(model, state, windows.actions, ["position"])["position"]
    assert torch.allclose(right, future, atol=1e-5)
    late = foretell(model, state, windows.batch["action"][:, 4:], ["position"])["position"]
    assert not torch.allclose(late, future, atol=1e-2)


def test_windows_begin_a_belief_and_skip_what_is_too_short(episodes):
    short = Episode({k: v[:6] for k, v in episodes[0].steps.items()})
    windows = held_out_windows([short, *episodes], context=3, horizon=9, per_episode=2)
    assert windows.skipped == 1 and windows.episodes == 12
    assert windows.batch["is_first"][:, 0].all()
    assert not episodes[1]["is_first"][1:].any()  # the episode itself was not written to
    with pytest.raises(ValueError, match=r"longest of 21 steps.*need 40"):
        held_out_windows(episodes, context=10, horizon=30)


def test_one_episode_has_no_strangers(episodes, dot_model):
    result = measure_imagination(dot_model(), episodes[:1], context=4, horizon=3)
    assert result.curves["image"].shuffled is None
    low = result.curves["image"].skill[0].low
    assert np.isnan(low), "one episode says nothing about the next"
    assert result.to_json()["curves"]["image"]["skill"][0]["low"] is None


def test_a_chunk_of_rows_changes_nothing(episodes, dot_model):
    windows, model = held_out_windows(episodes, 4, 5), dot_model(0.7)
    state = believe(model, windows.seen)
    whole = foretell(model, state, windows.actions, ["position"], rows=10**6)["position"]
    assert torch.equal(
        whole, foretell(model, state, windows.actions, ["position"], rows=7)["position"]
    )
