"""What heads say, against torch.distributions and against what the words promise."""

from __future__ import annotations

import pytest
import torch
from torch import distributions

from foreworld.binned import TwoHot, symexp, symlog
from foreworld.outputs import (
    Bernoulli,
    Categorical,
    Mixture,
    Mse,
    Normal,
    Squashed,
    gumbel_from_normal,
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def noise(*shape):
    return torch.randn(*shape)


def test_symlog_and_symexp_are_inverse():
    x = torch.tensor([-1e6, -3.0, -1e-3, 0.0, 1e-3, 0.5, 40.0, 1e6], dtype=torch.float64)
    torch.testing.assert_close(symexp(symlog(x)), x)
    assert (symlog(x).diff() > 0).all() and symlog(torch.zeros(())) == 0
    torch.testing.assert_close(symlog(torch.tensor(torch.e - 1)), torch.tensor(1.0))


def test_normal_is_torchs_normal():
    mean, std, target = noise(4, 5, 3), noise(4, 5, 3).exp(), noise(4, 5, 3)
    said = Normal(mean, std, event_dims=1)
    expected = -distributions.Independent(distributions.Normal(mean, std), 1).log_prob(target)
    torch.testing.assert_close(said.loss(target), expected)
    scalar = Normal(mean, std, event_dims=0)
    torch.testing.assert_close(
        scalar.loss(target), -distributions.Normal(mean, std).log_prob(target)
    )
    draws = Normal(mean[0, 0], std[0, 0]).sample
    assert torch.equal(draws(torch.zeros(3)), mean[0, 0])
    torch.testing.assert_close(draws(torch.ones(3)), mean[0, 0] + std[0, 0])


def test_mse_sums_events_and_keeps_batches():
    value, target = noise(2, 3, 4, 5), noise(2, 3, 4, 5)
    said = Mse(value, event_dims=2, weight=0.5)
    torch.testing.assert_close(said.loss(target), 0.5 * (value - target).square().sum((-1, -2)))
    assert torch.equal(said.mean, value)
    assert Mse(noise(2, 3), event_dims=0).loss(noise(2, 3)).shape == (2, 3)


def test_bernoulli_is_torchs_bernoulli():
    logit, target = 3 * noise(4, 5), torch.rand(4, 5).round()
    said = Bernoulli(logit)
    torch.testing.assert_close(said.mean, logit.sigmoid())
    torch.testing.assert_close(
        said.loss(target), -distributions.Bernoulli(logits=logit).log_prob(target)
    )
    often = Bernoulli(torch.full((100_000,), 0.85)).sample(noise(100_000))
    assert set(often.tolist()) == {0.0, 1.0}
    assert float(often.mean()) == pytest.approx(float(torch.tensor(0.85).sigmoid()), abs=0.01)


def test_categorical_is_torchs_categorical():
    logits = noise(4, 5, 7)
    target = torch.stack([torch.randint(3, (4, 5)), torch.randint(4, (4, 5))], -1)
    said = Categorical(logits, (3, 4))
    parts = [distributions.Categorical(logits=part) for part in logits.split((3, 4), -1)]
    expected = -sum(part.log_prob(target[..., i]) for i, part in enumerate(parts))
    torch.testing.assert_close(said.loss(target), expected)
    assert torch.equal(said.mean, torch.stack([part.probs.argmax(-1) for part in parts], -1))
    for ours, theirs in zip(said.probabilities, parts, strict=True):
        torch.testing.assert_close(ours, theirs.probs)
    one = Categorical(logits, (7,), scalar=True)
    assert one.mean.shape == one.loss(torch.zeros(4, 5, dtype=torch.long)).shape == (4, 5)


def test_categorical_samples_are_distributed_as_they_say():
    probabilities = torch.tensor([0.6, 0.3, 0.1])
    said = Categorical(probabilities.log().expand(200_000, 3), (3,), scalar=True)
    counts = said.sample(noise(200_000, 3)).bincount(minlength=3) / 200_000
    torch.testing.assert_close(counts, probabilities, atol=0.006, rtol=0)


def test_gumbels_from_normals_are_gumbels():
    drawn = gumbel_from_normal(noise(200_000))
    gumbel = distributions.Gumbel(torch.zeros(()), torch.ones(()))
    levels = torch.linspace(0.02, 0.98, 25)
    torch.testing.assert_close(gumbel.cdf(drawn.quantile(levels)), levels, atol=0.006, rtol=0)
    assert gumbel_from_normal(torch.tensor([-40.0, 0.0, 40.0])).isfinite().all()


def two_hot(x, edges):
    """Weights [..., bins] on the two neighbours of x whose average it is (clipped)."""
    x = x.clamp(edges[0], edges[-1]).unsqueeze(-1)
    return (1 - (x - edges).abs() / (edges[1] - edges[0])).clamp(min=0)


@pytest.mark.parametrize("bins", [255, 256])
def test_the_mean_of_two_hot_is_what_went_in(bins):
    edges = torch.linspace(-20, 20, bins)
    x = torch.tensor([-19.99, -3.3, -1.0, 0.0, 0.05, 2.0, 19.5])
    weights = two_hot(x, edges)
    torch.testing.assert_close((weights * edges).sum(-1), x, atol=1e-4, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(7))
    assert ((weights > 1e-4).sum(-1) <= 2).all()
    outside = two_hot(torch.tensor([-99.0, 99.0]), edges)
    assert outside.argmax(-1).tolist() == [0, bins - 1]


@pytest.mark.parametrize("bins", [255, 256])
def test_two_hot_heads_learn_the_mean(bins):
    # A uniform head says 0 to rounding, though its outermost bins stand for 5e8.
    assert abs(float(TwoHot(torch.zeros(bins)).mean)) < 1e-6
    target = torch.tensor([-40.0, -0.3, 0.0, 0.7, 500.0])
    sure = TwoHot(two_hot(symlog(target), torch.linspace(-20, 20, bins)).clamp(1e-30).log())
    # Between two bins the mean is that of their symexps, a little above what went in.
    torch.testing.assert_close(sure.mean, target, rtol=0.02, atol=0.01)
    wrong = TwoHot(noise(5, bins))
    assert (sure.loss(target) < wrong.loss(target)).all() and wrong.loss(target).shape == (5,)


@pytest.mark.parametrize("bins", [2, 255, 256])
def test_two_hot_loss_is_the_cross_entropy_with_all_weights(bins):
    head = TwoHot(noise(7, bins).requires_grad_())
    target = torch.tensor([-1e30, -40.0, -0.3, 0.0, 0.7, 500.0, 1e30])
    weights = two_hot(symlog(target), torch.linspace(-20, 20, bins))
    expected = -(weights * head.logits.log_softmax(-1)).sum(-1)
    torch.testing.assert_close(head.loss(target), expected, atol=1e-4, rtol=1e-4)
    (gradient,) = torch.autograd.grad(head.loss(target).sum(), head.logits)
    (expected,) = torch.autograd.grad(expected.sum(), head.logits)
    torch.testing.assert_close(gradient, expected, atol=1e-4, rtol=1e-4)


def test_a_tail_makes_far_misses_count_linearly():
    target, zero, one = torch.tensor([1.0, 3.0, 5.0, 9.0]), torch.zeros(4), torch.ones(4)
    plain = Normal(zero, one, 0).loss(target)
    tailed = Normal(zero, one, 0, tail=3.0).loss(target)
    assert torch.equal(plain[:2], tailed[:2])
    torch.testing.assert_close(tailed[3] - tailed[2], torch.tensor(3.0 * 4.0))


def test_a_geometric_mean_lies_among_the_bins():
    bins = torch.linspace(-10, 10, 41)
    sure = torch.full((41,), -60.0)
    sure[23] = 0.0
    said = TwoHot(sure, -10, 10, geometric=True)
    torch.testing.assert_close(said.mean, symexp(bins[23]))
    torn = torch.full((41,), -60.0)
    torn[[20, 26]] = 0.0  # 0 and e^3 - 1: half of the way in symlog is e^1.5 - 1
    torch.testing.assert_close(
        TwoHot(torn, -10, 10, geometric=True).mean, torch.tensor(1.5).expm1()
    )
    torch.testing.assert_close(TwoHot(torn, -10, 10).mean, torch.tensor(3.0).expm1() / 2)
    assert TwoHot(torch.zeros(41), -10, 10, geometric=True).mean.abs() < 1e-6


def test_squashed_is_torch_s_transformed_normal():
    mean, std = noise(6, 2).clamp(-1, 1), noise(6, 2).exp().clamp(max=1)
    centre, reach = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    said = Squashed(Normal(mean, std), centre, reach, (2,))
    theirs = distributions.TransformedDistribution(
        distributions.Independent(distributions.Normal(mean, std), 1),
        [distributions.TanhTransform(), distributions.AffineTransform(centre, reach, event_dim=1)],
    )
    chance = 0.5 * noise(6, 2)
    drawn = said.sample(chance)
    torch.testing.assert_close(drawn, centre + reach * (mean + std * chance).tanh())
    torch.testing.assert_close(said.mean, centre + reach * mean.tanh())
    torch.testing.assert_close(said.loss(drawn), -theirs.log_prob(drawn), rtol=1e-3, atol=1e-3)
    assert said.loss((centre + reach).expand(6, 2)).isfinite().all(), "at a bound"
    scalar = Squashed(Normal(mean[:, :1], std[:, :1]), centre[:1], reach[:1], ())
    assert scalar.mean.shape == scalar.loss(scalar.mean).shape == (6,)


def test_squashed_entropy_is_minus_the_mean_log_probability():
    normal, unit = Normal(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 1.0]])), torch.ones(2)
    said, chance = Squashed(normal, 0 * unit, unit, (2,)), noise(50_000, 1, 2)
    draws = Squashed(Normal(normal.mean.expand(50_000, 1, 2), normal.std), 0 * unit, unit, (2,))
    exact = draws.loss(draws.sample(chance)).mean()
    torch.testing.assert_close(draws.entropy(chance).mean(), exact, rtol=0, atol=0.02)
    assert said.entropy(torch.zeros(1, 2)).shape == (1,)


def mixture(*lead, numbers=4, parts=3):
    shape = (*lead, numbers, parts)
    return Mixture(noise(*shape), 3 * noise(*shape), (0.3 * noise(*shape)).exp())


def test_mixture_is_torchs_mixture():
    said, target = mixture(6, 5), 2 * noise(6, 5, 4)
    parts = distributions.Normal(said.means, said.stds)
    whole = distributions.MixtureSameFamily(distributions.Categorical(logits=said.logits), parts)
    torch.testing.assert_close(said.loss(target), -whole.log_prob(target).sum(-1))
    torch.testing.assert_close(said.mean, whole.mean)
    assert said.loss(target).shape == (6, 5)


def test_mixture_far_from_every_part_is_a_number():
    said = mixture(2)
    assert said.loss(torch.full((2, 4), 1e4)).isfinite().all()


def test_mixture_draws_what_it_says():
    said, num = mixture(1, numbers=2), 200_000
    many = Mixture(*(x.expand(num, -1, -1) for x in (said.logits, said.means, said.stds)))
    gumbel = gumbel_from_normal(noise(num, 2, 3))
    drawn = many.sample(torch.cat([gumbel, noise(num, 2, 1)], -1).flatten(1))
    weights = said.logits.softmax(-1)
    second = (weights * (said.stds.square() + said.means.square())).sum(-1)
    torch.testing.assert_close(drawn.mean(0, keepdim=True), said.mean, atol=0.05, rtol=0.02)
    torch.testing.assert_close(drawn.square().mean(0, keepdim=True), second, atol=0.1, rtol=0.02)


def test_the_mode_of_a_mixture_is_a_centre():
    said = Mixture(torch.tensor([[0.0, 2.0]]), torch.tensor([[-3.0, 5.0]]), torch.ones(1, 2))
    assert said.mode.tolist() == [5.0]
