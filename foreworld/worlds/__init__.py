"""Worlds that come with the package; importing this module makes them known to gymnasium.

import gymnasium, foreworld.worlds
env = gymnasium.make("foreworld/Tabletop-v0", task="push")
"""

import gymnasium

WORLDS = {  # id -> (the single world, many of them)
    "foreworld/Bounce-v0": ("bounce:Bounce", "bounce:BounceVector"),
    "foreworld/Gallery-v0": ("gallery:Gallery", "gallery:GalleryVector"),
    "foreworld/Rooms-v0": ("rooms:Rooms", "rooms_vector:RoomsVector"),
    "foreworld/Tabletop-v0": ("tabletop:Tabletop", "tabletop_vector:TabletopVector"),
}

for env_id, (single, many) in WORLDS.items():
    if env_id not in gymnasium.registry:
        gymnasium.register(
            env_id,
            entry_point=f"foreworld.worlds.{single}",
            vector_entry_point=f"foreworld.worlds.{many}",
            max_episode_steps=None,  # worlds count their own steps, so that their state is complete
        )
if "foreworld/CartPolePixels-v0" not in gymnasium.registry:
    gymnasium.register(
        "foreworld/CartPolePixels-v0",
        entry_point="foreworld.worlds.cartpole_pixels:CartPolePixels",
        max_episode_steps=500,  # as CartPole-v1
    )
if "foreworld/Board-v0" not in gymnasium.registry:
    gymnasium.register("foreworld/Board-v0", entry_point="foreworld.worlds.board:Board")
