"""A world model that is running: something to act in, without the world.

env = ImaginedEnv(model, StoreStarts(model, store), horizon=100)
"""

from foreworld.sessions.imagined import ImaginedEnv, ImaginedVectorEnv, StoreStarts

__all__ = ["ImaginedEnv", "ImaginedVectorEnv", "StoreStarts"]
