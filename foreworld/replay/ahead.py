"""The batch after this one, read while this one is learned from.

replay = Ahead(Replay(store))
batch = replay.sample()        # was being read already
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from foreworld.replay.replay import Replay
from foreworld.vocab import Batch

Asked = tuple[int | None, tuple[str, ...] | None, int]


class Ahead:
    """Gives the batches of a `Replay`, in its order; one of them is always on its way.

    For stores that stay as they are: what is appended is drawn from one batch later. What hides is
    the disk, where a store is larger than memory, and the copying.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self._reader = ThreadPoolExecutor(1, "ahead")
        self._before = replay.state()  # the generator's, when the coming batch was not yet drawn
        self._coming: tuple[Asked, Future[Batch]] | None = None

    def sample(
        self, length: int | None = None, keys: Sequence[str] | None = None, times: int = 1
    ) -> Batch:
        """As that of `Replay`; another question than the last one is answered from the start."""
        asked = (length, None if keys is None else tuple(keys), times)
        if self._coming is None or self._coming[0] != asked:
            self._turn_back()
            self._ask(asked)
        assert self._coming is not None
        try:
            batch = self._coming[1].result()
        except BaseException:
            self._turn_back()
            raise
        self._ask(asked)
        return batch

    def state(self) -> dict[str, Any]:
        """That of the generator: the batches that `sample` has not given yet follow."""
        return dict(self._before)

    def restore(self, state: Mapping[str, Any]) -> None:
        self._turn_back()
        self.replay.restore(state)
        self._before = self.replay.state()

    def _ask(self, asked: Asked) -> None:
        self._before = self.replay.state()
        self._coming = (asked, self._reader.submit(self.replay.sample, *asked))

    def _turn_back(self) -> None:
        """As if the coming batch had not been asked for."""
        if self._coming is not None:
            self._coming[1].exception()  # waits
            self._coming = None
            self.replay.restore(self._before)
