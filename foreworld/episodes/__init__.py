"""Episodes on disk: checked when they come in, safe from crashes, read through memory maps.

store = EpisodeStore.create("data/cartpole", stream.specs)
id = store.append(episode)
EpisodeStore.open("data/cartpole")[id]["image"]      # [T, 64, 64, 3], not read until touched
"""

from foreworld.episodes.check import check_episode
from foreworld.episodes.each import Each
from foreworld.episodes.row import row_specs
from foreworld.episodes.split import split_ids
from foreworld.episodes.statistics import Counts, Moments, Statistics, statistics
from foreworld.episodes.store import EpisodeStore

__all__ = [
    "Counts",
    "Each",
    "EpisodeStore",
    "Moments",
    "Statistics",
    "check_episode",
    "row_specs",
    "split_ids",
    "statistics",
]
