"""Latents against torch.distributions, scales against plain statistics."""

from __future__ import annotations

import pytest
import torch
from torch import distributions

from foreworld.families.latents import CategoricalLatent, GaussianLatent
from foreworld.families.scales import SLOWEST, Scale, Scales, as_float, safe
from foreworld.vocab import Spec


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_gaussian_kl():
    latent = GaussianLatent(3, min_std=0.1)
    p, q = torch.randn(2, 5, latent.parameters)

    def normal(parameters):
        mean = latent.draw(parameters, None)
        return distributions.Normal(mean, latent.draw(parameters, torch.ones(5, 3)) - mean)

    expected = distributions.kl_divergence(normal(p), normal(q)).sum(-1)
    torch.testing.assert_close(latent.kl(p, q), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(latent.kl(p, p), torch.zeros(5))


def test_gaussian_draws():
    latent = GaussianLatent(3, min_std=0.1)
    parameters = torch.randn(1, 6).requires_grad_()
    mean = latent.draw(parameters, None)
    assert torch.equal(mean, parameters[:, :3])
    draws = latent.draw(parameters.expand(100_000, 6), torch.randn(100_000, 3))
    torch.testing.assert_close(draws.mean(0), mean[0], atol=0.03, rtol=0)
    std = latent.draw(parameters, torch.ones(1, 3)) - mean
    torch.testing.assert_close(draws.std(0), std[0], atol=0.03, rtol=0)
    assert (latent.draw(torch.full((6,), -50.0), torch.ones(3)) + 50 > 0.0999).all()
    draws.sum().backward()
    assert parameters.grad is not None and (parameters.grad[0, :3] != 0).all()


@pytest.mark.parametrize("unimix", [0.0, 0.01, 0.5])
def test_categorical_kl(unimix):
    latent = CategoricalLatent(variables=3, classes=4, unimix=unimix)
    p, q = torch.randn(2, 5, latent.parameters)

    def categorical(parameters):
        probs = parameters.unflatten(-1, (3, 4)).softmax(-1)
        return distributions.Categorical(probs=(1 - unimix) * probs + unimix / 4)

    expected = distributions.kl_divergence(categorical(p), categorical(q)).sum(-1)
    torch.testing.assert_close(latent.kl(p, q), expected, atol=1e-5, rtol=1e-4)


def test_unimix_keeps_every_class_possible():
    latent = CategoricalLatent(1, 4, unimix=0.01)
    sure, other = 100 * torch.eye(4)[:2]
    assert float(latent.kl(sure, other)) < 7 < float(CategoricalLatent(1, 4, 0.0).kl(sure, other))


def test_categorical_draws_are_one_hot_and_distributed():
    latent = CategoricalLatent(2, 3, unimix=0.0)
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    parameters = probs.log().flatten().expand(100_000, 6)
    draws = latent.draw(parameters, torch.randn(100_000, 2)).unflatten(-1, (2, 3))
    torch.testing.assert_close(draws.sum(-1), torch.ones(100_000, 2))
    torch.testing.assert_close(draws.amax(-1), torch.ones(100_000, 2))
    torch.testing.assert_close(draws.mean(0), probs, atol=0.01, rtol=0)
    mode = latent.draw(parameters[:1], None).unflatten(-1, (2, 3))
    assert mode.argmax(-1).tolist() == [[0, 2]]


@pytest.mark.parametrize("unimix", [0.0, 0.01])
def test_categorical_draws_have_one_class_however_unlikely_the_noise(unimix):
    latent = CategoricalLatent(4, 32, unimix)
    parameters = 20 * torch.randn(2_000, latent.parameters)
    ends = torch.tensor([-40.0, -6.0, 6.0, 40.0]).expand(2_000, 4)
    for noise in (ends, torch.randn(2_000, 4)):
        draws = latent.draw(parameters, noise).unflatten(-1, (4, 32))
        assert torch.equal(draws.sum(-1), torch.ones(2_000, 4))
        assert torch.equal(draws.amax(-1), torch.ones(2_000, 4))


def test_categorical_draws_are_the_same_with_and_without_a_gradient():
    latent = CategoricalLatent(8, 16, unimix=0.01)
    parameters, noise = torch.randn(50, latent.parameters), torch.randn(50, latent.chance)
    with_gradient = latent.draw(parameters.clone().requires_grad_(), noise)
    assert torch.equal(with_gradient.detach(), latent.draw(parameters, noise))


def test_categorical_gradients_pass_straight_through():
    latent = CategoricalLatent(1, 3, unimix=0.0)
    weights = torch.tensor([1.0, 2.0, 4.0])
    parameters = torch.randn(3).requires_grad_()
    (latent.draw(parameters, torch.randn(1)) * weights).sum().backward()
    plain = parameters.detach().clone().requires_grad_()
    (plain.softmax(-1) * weights).sum().backward()
    torch.testing.assert_close(parameters.grad, plain.grad)


def test_the_first_batch_is_taken_as_it_is():
    scale = Scale(Spec((3,), "float32", "vector"))
    x = 5 + torch.tensor([1.0, 10.0, 0.1]) * torch.randn(16, 8, 3)
    scale.update(x)
    torch.testing.assert_close(scale.mean, x.flatten(0, 1).mean(0))
    torch.testing.assert_close(scale.std, x.flatten(0, 1).std(0, correction=0))
    scaled = scale(x).flatten(0, 1)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(3))


def test_scales_come_to_rest():
    scale = Scale(Spec((), "float32", "vector"))
    for _ in range(300):
        scale.update(3 + 2 * torch.randn(4, 8))
    assert float(scale.mean) == pytest.approx(3, abs=0.2)
    assert float(scale.std) == pytest.approx(2, abs=0.2)
    scale.count.fill_(1e6)
    before = scale.mean.clone()
    scale.update(torch.full((4, 8), 1000.0))
    assert float(scale.mean - before) == pytest.approx(SLOWEST * 997, rel=0.01)


def test_numbers_that_never_change_are_one_unit_wide():
    scale = Scale(Spec((2,), "float32", "vector"))
    x = torch.stack([torch.full((4, 8), 7.0), torch.randn(4, 8)], -1)
    scale.update(x)
    assert scale.varies.tolist() == [False, True] and float(scale.std[0]) == 1
    assert not scale(x)[..., 0].any() and scale(x).isfinite().all()


def test_images_have_one_deviation_and_a_mean_per_pixel():
    scale = Scale(Spec((4, 4, 3), "uint8", "image"))
    x = torch.randint(0, 256, (8, 8, 4, 4, 3), dtype=torch.uint8)
    scale.update(x)
    torch.testing.assert_close(scale.mean, (x.float() / 255).flatten(0, 1).mean(0))
    assert scale.std.shape == () and float(scale(x).std()) == pytest.approx(1, abs=0.01)


def test_scales_leave_other_kinds_alone_and_know_odd_names():
    specs = {
        "eye/left.raw": Spec((4,), "float32", "vector"),
        "room": Spec((), "int64", "discrete", classes=(3,)),
    }
    scales = Scales(specs)
    batch = {"eye/left.raw": torch.randn(2, 3, 4), "room": torch.ones(2, 3, dtype=torch.long)}
    scales.update(batch)
    assert scales.get("room") is None and scales.get("eye/left.raw") is scales["eye/left.raw"]
    assert scales(batch, ["room"])["room"] is batch["room"]
    assert safe("forward") not in ("forward", "keys") and "." not in safe("a.b")


def test_bytes_become_shares():
    assert as_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
    assert as_float(torch.tensor([3.0], dtype=torch.float64)).dtype == torch.float32


def test_other_widths_and_missing_statistics_are_errors():
    """A statistic that is missing or too narrow must not be skipped or stretched."""
    scales = Scales(
        {
            "arm": Spec((4,), "float32", "vector"),
            "mode": Spec((), "int64", "discrete", classes=(3,)),
        }
    )
    arm, mode = torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long)
    assert scales({"arm": arm, "mode": mode}, ["arm", "mode"])["mode"] is mode
    with pytest.raises(ValueError, match=r"\(2, 3, 1\) for statistics of \(4,\)"):
        scales({"arm": arm[..., :1]}, ["arm"])
    with pytest.raises(ValueError, match=r"for statistics of \(4,\)"):
        scales.update({"arm": arm[..., :1]})
    with pytest.raises(ValueError, match="no statistics of key 'hand'"):
        scales({"hand": arm}, ["hand"])
