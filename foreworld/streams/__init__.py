"""Worlds as streams of steps: any Gymnasium environment in, rows of N parallel worlds out.

stream = GymStream("CartPole-v1", num_envs=4, pixels=True)
for episode in collect(stream, policy, episodes=10):
    store.append(episode)
"""

from foreworld.streams.collect import EpisodeFold, collect
from foreworld.streams.gym_stream import GymStream
from foreworld.streams.spaces import action_spec, env_actions, observation_leaves

__all__ = [
    "EpisodeFold",
    "GymStream",
    "action_spec",
    "collect",
    "env_actions",
    "observation_leaves",
]
