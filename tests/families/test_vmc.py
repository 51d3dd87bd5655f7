"""V, M and C: what stands still while another learns, what a temperature does, what M forecasts."""

from dataclasses import replace

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.vmc import PRESETS, Vmc, VmcConfig
from foreworld.outputs import Mixture
from foreworld.vocab import Spec

SPECS = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "place": Spec((2,), "float32", "vector"),
    "action": Spec((), "int64", "discrete", classes=(3,)),
}


def make(**changes):
    torch.manual_seed(0)
    return Vmc(SPECS, replace(from_dict(VmcConfig, PRESETS["debug"]), **changes))


def batch(rows=3, length=6):
    rng = torch.Generator().manual_seed(1)
    flags = torch.zeros(rows, length, dtype=torch.bool)
    first = flags.clone()
    first[:, 0] = True
    return {
        "image": torch.randint(256, (rows, length, 16, 16, 3), generator=rng).to(torch.uint8),
        "place": torch.randn(rows, length, 2, generator=rng),
        "action": torch.randint(3, (rows, length), generator=rng),
        "reward": torch.randn(rows, length, generator=rng),
        "is_first": first,
        "is_last": flags,
        "is_terminal": flags,
    }


def gradients(model, phase):
    for name, parameter in model.named_parameters():
        trains = phase.trains is None or name.split(".")[0] in phase.trains
        parameter.requires_grad_(trains)
    total = torch.stack([x.mean() for x in phase.loss(batch()).losses.values()]).sum()
    total.backward()
    return {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}


def test_v_then_m_then_c():
    model = make(see=0.3, control=0.2)
    vision, memory, controller = model.phases()
    assert [p.share for p in model.phases()] == pytest.approx([0.3, 0.5, 0.2])
    assert vision.length == 1 and controller.trains == ()
    assert gradients(model, vision) == {"encoder", "posterior", "views"}
    model.zero_grad()
    assert gradients(model, memory) == {"cell", "forecast", "outcomes"}


def test_without_control_there_is_no_phase_for_it():
    assert [p.name for p in make().phases()] == ["vision", "memory"]


def test_shares_that_leave_nothing_for_m_are_refused():
    with pytest.raises(ValueError, match=r"see=0\.5, control=0\.5.*as in see=0\.4 control=0\.3"):
        make(see=0.5, control=0.5)


def test_m_is_not_asked_of_what_no_step_led_to():
    model, rows = make().eval(), batch()
    rows["is_first"][0, 3] = rows["is_terminal"][1, 4] = True
    asked = model.loss(rows).losses["memory"] != 0
    wanted = torch.ones(3, 6, dtype=torch.bool)
    wanted[:, 0] = wanted[0, 3] = wanted[1, 4] = False
    assert torch.equal(asked, wanted)


def test_temperature_divides_logits_and_multiplies_variances():
    model = make(mixtures=3)
    size, rows = model.config.latent, 40_000
    rng = torch.Generator().manual_seed(3)
    logits, means = torch.randn(2, 1, size, 3, generator=rng)
    stds = torch.rand(1, size, 3, generator=rng) + 0.2
    noise = model.noise(rows, 1, seed=5)[:, 0]

    def drawn(scaled, temperature, by):
        whole = (logits / scaled, means, stds * scaled**0.5)
        said = Mixture(*(x.expand(rows, -1, -1) for x in whole))
        return said.sample(model.temper(by, temperature))

    for temperature in (0.1, 1.0, 2.5):
        ours, theirs = drawn(1.0, temperature, noise), drawn(temperature, 1.0, noise)
        if temperature == 1:
            assert torch.equal(ours, theirs)
        # Gumbel noise times t chooses as logits over t: so do single draws.
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    wild, tame = (drawn(1.0, t, noise).var(0) for t in (2.5, 0.1))
    assert (wild > tame).all()


def test_cold_dreams_are_the_mode():
    model = make().eval()
    state, action = model.observe(model.initial(3), batch()), torch.ones(3, dtype=torch.long)
    noise = model.temper(model.noise(3, 1, seed=0), 1e-9)[:, 0]
    torch.testing.assert_close(
        model.imagine(state, action, noise).z, model.imagine(state, action).z, atol=1e-3, rtol=1e-3
    )


def test_the_cell_is_for_the_controller_to_see_or_not():
    state = make().initial(2)
    assert make(cell=True).features(state).shape == (2, 8 + 32 + 32)
    assert make(cell=False).features(state).shape == (2, 8 + 32)


def test_the_papers_sizes():
    config = from_dict(VmcConfig, PRESETS["paper"])
    assert (config.latent, config.memory, config.mixtures) == (64, 512, 5)
    assert not config.residual
