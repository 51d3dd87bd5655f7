"""The picture by which a world is known: its own, or an instant that it learned from."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image

from foreworld.episodes import EpisodeStore
from foreworld.studio.pictures import rgb
from foreworld.studio.stage import Offer


@lru_cache(maxsize=256)
def portrait(offer: Offer) -> bytes | None:
    """PNG; None where the run has no picture.png, and no episodes with pictures."""
    own = offer.path / "picture.png"
    if own.is_file():
        return own.read_bytes()
    if offer.episodes is None or not (offer.episodes / "manifest.json").is_file():
        return None
    store = EpisodeStore.open(offer.episodes)
    key = next((k for k, spec in store.specs.items() if spec.kind == "image"), None)
    if key is None or not len(store):
        return None
    steps = store.column(int(store.ids[0]), key)
    file = io.BytesIO()
    Image.fromarray(rgb(steps[len(steps) // 2])).save(file, "PNG")
    return file.getvalue()
