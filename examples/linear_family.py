"""A world model of your own: expect z + A z + B a, then go some way towards what is seen."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.families import codec as parts
from foreworld.families.scales import Scales
from foreworld.vocab import Loss, Spec, WorldModel, map_state, stack_states


@dataclass(frozen=True)
class LinearConfig:
    codec: parts.CodecConfig = parts.CodecConfig(embed=32, hidden=64, channels=8)  # their sizes


class LinearState(NamedTuple):
    latent: Tensor  # [B, embed]
    action: Tensor  # [B, ...]


class Linear(WorldModel):
    Config = LinearConfig

    def __init__(self, specs, config):
        super().__init__()
        self.specs, self.config, self.size = specs, config, config.codec.embed
        self.scales = Scales({**specs, "reward": Spec((), "float32", "vector")})
        self.encoder, self.gain = parts.Encoder(specs, config.codec), nn.Parameter(torch.zeros(()))
        self.drift = nn.Linear(self.size + specs["action"].width, self.size)
        self.predictor = parts.Heads(specs, self.size, config.codec)
        self.heads = self.predictor.names

    def initial(self, batch_size):
        zeros = torch.zeros(batch_size, self.size, device=self.device)
        return LinearState(zeros, parts.zero_action(self.specs["action"], batch_size, self.device))

    def imagine(self, state, action, noise=None):
        moved = torch.cat([state.latent, parts.action_vector(action, self.specs["action"])], -1)
        return LinearState(state.latent + self.drift(moved), torch.zeros_like(action))

    def scan(self, state, batch):
        """The states of all rows, with how far each was from what was expected [B, T]."""
        seen = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        seen = self.encoder(self.scales(seen, seen)).unflatten(0, batch["is_first"].shape)
        states, surprises = [], []
        for t, first in enumerate(batch["is_first"].unbind(1)):
            error = seen[:, t] - self.imagine(state, state.action).latent
            step = torch.where(first[:, None], 0.0, 1 - self.gain.sigmoid()) * error
            state = LinearState(seen[:, t] - step, batch["action"][:, t])
            states.append(state)
            surprises.append(error.square().sum(-1) * ~first)
        return stack_states(states), torch.stack(surprises, 1)

    def observe(self, state, batch):
        return map_state(lambda x: x[:, -1], self.scan(state, batch)[0])

    def predict(self, state, heads=None):
        return self.predictor(state.latent, self.scales, heads)

    def features(self, state):
        return state.latent

    def noise(self, batch_size, horizon, seed):
        return torch.zeros(batch_size, horizon, 0, device=self.device)  # nothing left to chance

    def loss(self, batch):
        self.scales.update(batch)
        begins = nn.functional.pad(batch["is_first"][:, 1:], (1, 0), value=True)
        batch = {**batch, "is_first": begins}  # of what came before a window, nothing is known
        states, surprises = self.scan(self.initial(len(batch["is_first"])), batch)
        said = self.predict(map_state(lambda x: x.flatten(0, 1), states))
        truth = parts.head_targets(batch, self.heads)
        losses = {h: p.loss(truth[h].flatten(0, 1)).view_as(surprises) for h, p in said.items()}
        losses["surprise"] = surprises
        return Loss(losses, map_state(lambda x: x[:, -1].detach(), states))
