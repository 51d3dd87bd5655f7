"""Windows of stored episodes as training batches.

replay = Replay(store, ids=train_ids, batch_size=16, length=32)
batch = replay.sample()          # {"image": [16, 32, 64, 64, 3], "action": ..., ...}
"""

from foreworld.replay.ahead import Ahead
from foreworld.replay.replay import Replay

__all__ = ["Ahead", "Replay"]
