"""Worlds that come with the package; importing this module makes them known to gymnasium.

import gymnasium, foreworld.worlds
env = gymnasium.make("foreworld/Tabletop-v0", task="push")
"""

import gymnasium

if "foreworld/Tabletop-v0" not in gymnasium.registry:
    gymnasium.register(
        "foreworld/Tabletop-v0",
        entry_point="foreworld.worlds.tabletop:Tabletop",
        vector_entry_point="foreworld.worlds.tabletop_vector:TabletopVector",
        max_episode_steps=None,  # the world counts its own steps, so that its state is complete
    )
if "foreworld/CartPolePixels-v0" not in gymnasium.registry:
    gymnasium.register(
        "foreworld/CartPolePixels-v0",
        entry_point="foreworld.worlds.cartpole_pixels:CartPolePixels",
        max_episode_steps=500,  # as CartPole-v1
    )
