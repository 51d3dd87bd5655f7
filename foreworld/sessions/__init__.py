"""A world model that is running: something to act in, without the world.

env = ImaginedEnv(model, StoreStarts(model, store), horizon=100)

session = Session(Rows(model), seed=7)      # or with a past: branch, rewind, snapshot, compare
session.begin(state)
session.step(action)
"""

from foreworld.sessions.imagined import ImaginedEnv, ImaginedVectorEnv, StoreStarts
from foreworld.sessions.rows import Rows
from foreworld.sessions.session import Session, advance

__all__ = ["ImaginedEnv", "ImaginedVectorEnv", "Rows", "Session", "StoreStarts", "advance"]
