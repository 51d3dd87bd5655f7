"""TD-MPC2's losses by hand, and who is moved by which of them."""

from __future__ import annotations

import pytest
import torch

from foreworld.binned import symlog
from foreworld.config import from_dict
from foreworld.families.tdmpc import PRESETS, Tdmpc, TdmpcConfig, TdmpcState
from foreworld.nn.mlp import SimNorm
from foreworld.vocab import Spec

SPECS = {
    "vector": Spec((3,), "float32", "vector"),
    "action": Spec((2,), "float32", "vector", low=(-1.0, 0.0), high=(1.0, 4.0)),
}
DISCRETE = SPECS | {"action": Spec((), "int64", "discrete", classes=(3,))}


def made(specs=SPECS, **changes):
    torch.manual_seed(0)
    return Tdmpc(specs, from_dict(TdmpcConfig, PRESETS["debug"] | changes))


def window(rows=4, length=4, discrete=False):
    generator = torch.Generator().manual_seed(1)
    flags = torch.zeros(rows, length, dtype=torch.bool)
    action = torch.rand(rows, length, 2, generator=generator)
    return {
        "vector": torch.randn(rows, length, 3, generator=generator),
        "action": (3 * action[..., 0]).long() if discrete else action,
        "reward": torch.rand(rows, length, generator=generator),
        **{k: flags.clone() for k in ("is_first", "is_last", "is_terminal")},
    }


def gradients(model):
    moved = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    return {n for n in moved if any(p.grad.any() for p in getattr(model, n).parameters())}


class Fixed(torch.nn.Module):
    """Stands in for the Q functions: member k is worth `worth[k]` everywhere."""

    def __init__(self, worth, bins=41, span=10.0):
        super().__init__()
        place = (symlog(torch.tensor(worth)) + span) * (bins - 1) / (2 * span)
        low = place.floor().long()
        share = torch.zeros(len(worth), bins)
        share[torch.arange(len(worth)), low] = 1 - (place - low)
        share[torch.arange(len(worth)), low + 1] = place - low
        self.logits = share.log().clamp(min=-60)

    def forward(self, x, chosen=slice(None), still=False):
        logits = self.logits[chosen]
        return logits[:, None].expand(-1, len(x), -1)


def test_a_latent_is_softmaxes_side_by_side():
    x = torch.tensor([[0.0, 3.0, 0.0, 0.0, 2.0, 3.0]]).log().nan_to_num(neginf=-50.0)
    # Three groups of two: (0, 0), (3, 2) and (0, 3) before the softmax, (x[g], x[g + 3]) each.
    expected = torch.tensor([[0.5, 0.6, 0.0, 0.5, 0.4, 1.0]])
    torch.testing.assert_close(SimNorm(2)(x), expected)
    model = made()
    latent = model.observe(model.initial(4), window()).latent
    sums = latent.unflatten(-1, (4, -1)).sum(-2)
    torch.testing.assert_close(sums, torch.ones(4, 8))
    imagined = model.imagine(TdmpcState(latent, latent, latent[:, :2], window()["action"][:, 0]),
                             window()["action"][:, 0]).latent  # fmt: skip
    torch.testing.assert_close(imagined.unflatten(-1, (4, -1)).sum(-2), torch.ones(4, 8))


def test_the_target_is_reward_and_the_lower_of_two_values_where_life_goes_on():
    model, batch = made(members=2, discount=0.9), window(rows=2, length=3)
    model.targets = Fixed([5.0, 2.0])
    batch["reward"] = torch.tensor([[9.0, 1.0, 0.5], [9.0, -1.0, 0.0]])
    batch["is_terminal"][1, 2] = True
    seen = torch.rand(2, 2, 32)
    expected = torch.tensor([[1.0 + 0.9 * 2, 0.5 + 0.9 * 2], [-1.0 + 0.9 * 2, 0.0]])
    torch.testing.assert_close(model._target(batch, seen), expected, atol=1e-4, rtol=1e-4)


def test_a_value_is_the_mean_of_two_q_functions():
    model = made()
    model.values = Fixed([5.0, 2.0, -1.0])
    state = model.observe(model.initial(4), window())
    said = model.predict(state, ["value"])["value"].mean
    torch.testing.assert_close(said, torch.full((4,), 3.5), atol=1e-4, rtol=1e-4)


def with_values(model):
    """At birth all Q functions are flat: nothing could be climbed."""
    torch.nn.init.normal_(model.values.weights[-1])
    return model


@pytest.mark.parametrize("specs", [SPECS, DISCRETE], ids=["continuous", "discrete"])
def test_the_policy_loss_moves_the_policy_alone(specs):
    model = with_values(made(specs))
    losses = model.loss(window(discrete=specs is DISCRETE)).losses
    losses["policy"].sum().backward(retain_graph=True)
    assert gradients(model) == {"policy"}
    model.zero_grad(set_to_none=True)
    sum(x.sum() for k, x in losses.items() if k != "policy").backward()
    assert gradients(model) == {"encoder", "dynamics", "reward", "going_on", "values"}


def test_what_is_seen_later_is_a_target_and_teaches_no_encoder():
    model, batch = made(), window()
    batch["vector"].requires_grad_()
    model.eval().loss(batch).losses["consistency"].sum().backward()
    moved = batch["vector"].grad.abs().sum((0, 2))
    assert moved[0] > 0 and not moved[1:].any()


def test_the_policy_climbs_the_values():
    """Q functions that like the first number high: so does the policy after some steps."""
    model, batch = made(entropy=0.0), window(rows=16)

    class Likes(torch.nn.Module):
        def forward(self, x, chosen=None, still=False):
            bins = torch.linspace(-1, 1, 41)
            return (4 * x[:, 32:33] * bins).expand(2, -1, -1)

    model.values = model.targets = Likes()
    optimiser = torch.optim.Adam(model.policy.parameters(), lr=1e-2)
    state = model.observe(model.initial(16), batch)
    before = model.predict(state, ["policy"])["policy"].mean
    for _ in range(30):
        optimiser.zero_grad()
        model._regret(model._imagined(batch)).mean().backward()
        optimiser.step()
    after = model.predict(state, ["policy"])["policy"].mean
    assert (after[:, 0] > 0.9).all() and before[:, 0].abs().max() < 0.5
    assert (after[:, 1] > 0).all() and (after[:, 1] < 4).all(), "in the world's units"


def test_targets_follow_once_an_update_and_only_in_training():
    model, batch = made(target_rate=0.25), window()
    ahead = model.values.weights[0]
    with torch.no_grad():
        ahead += 1.0
    before = model.targets.weights[0].clone()
    model.eval().loss(batch)
    assert torch.equal(model.targets.weights[0], before)
    model.train().loss(batch)
    torch.testing.assert_close(model.targets.weights[0], before.lerp(ahead, 0.25))
    assert all(not n.startswith("targets") for n in model.phases()[0].trains)


def test_losses_weigh_steps_by_rho_up_to_the_seam():
    model, batch = made(rho=0.5, consistency=1.0), window()
    batch["is_first"][1, 2] = True
    shown = model.eval()._imagined(batch)
    torch.testing.assert_close(shown.weight[0], torch.tensor([1.0, 0.5, 0.25, 0.125]))
    torch.testing.assert_close(shown.weight[1], torch.tensor([1.0, 0.5, 0.0, 0.0]))
    miss = (shown.latents - shown.seen).square().mean(-1)
    losses = model.loss(batch).losses
    expected = torch.stack([miss[0, 1] + miss[0, 2] / 2 + miss[0, 3] / 4, miss[1, 1]]) / 3
    torch.testing.assert_close(losses["consistency"][:2], expected)
    after = {k: v.clone() for k, v in batch.items()}
    after["vector"][1, 2:] += 7.0
    after["reward"][1, 2:] -= 3.0
    moved = model.loss(after).losses
    for name in ("consistency", "reward", "continue"):
        assert torch.equal(moved[name], losses[name]), name


def test_rewards_are_of_the_state_before_and_the_action_there():
    model, batch = made(), window()
    torch.nn.init.normal_(model.reward[-1].weight)
    state = model.observe(model.initial(4), {k: v[:, :2] for k, v in batch.items()})
    said = model.predict(state, ["reward"])["reward"].mean
    start = model.observe(model.initial(4), {k: v[:, :1] for k, v in batch.items()})
    imagined = model.imagine(start, batch["action"][:, 0])
    torch.testing.assert_close(model.predict(imagined, ["reward"])["reward"].mean, said)
    other = model.imagine(start, batch["action"][:, 0] + 0.5)
    assert not torch.allclose(model.predict(other, ["reward"])["reward"].mean, said)


def test_discounts_follow_from_the_length_of_episodes():
    assert TdmpcConfig(discount=0.9).gamma == 0.9
    lengths = {25: 0.95, 500: 0.99, 250: 0.98, 1000: 0.995, 100_000: 0.995}
    for length, gamma in lengths.items():
        assert TdmpcConfig(episode_length=length).gamma == pytest.approx(gamma)
    assert made(episode_length=250).discount == pytest.approx(0.98)


def test_worlds_without_ends_need_no_head_for_them():
    model, batch = made(ends=0.0), window()
    assert model.heads == ("reward", "value", "policy")
    assert set(model.loss(batch).losses) == {"consistency", "reward", "value", "policy"}


def test_the_encoder_learns_more_slowly():
    [phase] = made(horizon=5).phases()
    assert phase.rates == {"encoder": 0.3} and phase.length == 6


def test_the_paper_s_size():
    model = Tdmpc(SPECS, from_dict(TdmpcConfig, PRESETS["base"]))
    learned = [p for n, p in model.named_parameters() if not n.startswith("targets")]
    assert 4.5e6 < sum(p.numel() for p in learned) < 5.8e6


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="latent=30 is no multiple of simplex=4"):
        TdmpcConfig(latent=30, simplex=4)
    unbounded = SPECS | {"action": Spec((2,), "float32", "vector")}
    with pytest.raises(ValueError, match="give the action Spec both"):
        made(unbounded)
