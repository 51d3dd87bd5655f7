"""Where nothing was seen the ensemble disagrees, and planners can seek or avoid that."""

import pytest
import torch

from foreworld.planners import (
    Cem,
    DisagreementObjective,
    Ensemble,
    EnsembleConfig,
    WeightedObjective,
)
from foreworld.vocab import rollout

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def knowing(request):
    """A mass that was only ever seen on the left, and an ensemble that learned from that."""
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    spec = spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
    toys = module_from_spec(spec)
    spec.loader.exec_module(toys)
    torch.manual_seed(0)
    model = toys.PointMass()
    ensemble = Ensemble(model, EnsembleConfig(members=3, hidden=32, layers=1))
    optimiser = torch.optim.Adam(ensemble.parameters(), 1e-2)
    first = torch.zeros(32, 6, dtype=torch.bool)
    for _ in range(120):
        action = 2 * torch.rand(32, 6, 2) - 1
        begin = model.initial(32)._replace(position=torch.rand(32, 2) * torch.tensor([-2.0, 1.0]))
        position = rollout(model, begin, action).position
        position = torch.cat([begin.position[:, None], position[:, :-1]], 1)
        loss = ensemble.loss(model, {"position": position, "action": action, "is_first": first})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model, ensemble.eval(), loss.item()


def test_it_agrees_on_what_it_learned_and_not_elsewhere(knowing):
    model, ensemble, loss = knowing
    places = torch.tensor([[-1.0, 0.5], [-0.5, 0.2], [6.0, 0.5], [-1.0, 6.0]])
    said = ensemble.disagreement(places, torch.zeros(4, 2))
    assert loss < 0.1 and said[:2].max() < 0.5 * said[2:].min()
    assert said.shape == (4,) and (said >= 0).all()


def test_planners_seek_it_or_avoid_it(knowing):
    model, ensemble, _ = knowing
    seek = DisagreementObjective(ensemble)
    avoid = WeightedObjective(((-1.0, seek),))
    ends = []
    for objective in (seek, avoid):
        plan = Cem(iterations=3)(model, model.initial(1), objective, seed=0)
        ends.append(rollout(model, model.initial(1), plan.actions).position[0, -1])
    far = [(end - torch.tensor([-1.0, 0.5])).norm() for end in ends]
    assert far[0] > far[1] + 0.5


def test_seams_of_episodes_teach_nothing(knowing):
    model, ensemble, _ = knowing
    position, action = torch.randn(4, 2, 2), torch.zeros(4, 2, 2)
    seam = torch.tensor([[True, True]]).expand(4, 2)
    batch = {"position": position, "action": action, "is_first": seam}
    assert ensemble.loss(model, batch) == 0
    assert ensemble.loss(model, batch | {"is_first": ~seam}) > 0


def test_one_step_is_no_future_to_judge(knowing):
    model, ensemble, _ = knowing
    with pytest.raises(ValueError, match="horizon=2 or more"):
        Cem(horizon=1)(model, model.initial(1), DisagreementObjective(ensemble), seed=0)
