"""The training loop: draw a batch, take a gradient step, now and then write things down.

::

    train ─▶ phase after phase: sample ─▶ loss ─▶ backward ─▶ apply_gradients ─▶ log · checkpoint
                                  ▲
                                  └─ grow: called before each draw; collects more where a world runs
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from foreworld.checkpoint import Checkpoint
from foreworld.log import Logger, progress
from foreworld.resume import capture_rng, flatten_optimizer, restore_optimizer, restore_rng
from foreworld.training.budget import Budget
from foreworld.training.interrupt import noted_interrupts
from foreworld.training.optimiser import (
    OptimiserConfig,
    apply_gradients,
    learning_rate,
    make_optimiser,
)
from foreworld.training.watch import Watch
from foreworld.vocab import Batch, Phase, WorldModel

Arrays = dict[str, dict[str, Tensor]]


class Sampler(Protocol):
    """Where batches come from; `Replay` is one. Its state lets a resumed run draw the same ones.

    length: of the windows, None the usual; the number of steps in a batch stays the same, or is
    `times` as large. keys: to read, None all.
    """

    def sample(
        self, length: int | None = None, keys: Sequence[str] | None = None, times: int = 1
    ) -> Batch: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


class Save(Protocol):
    """Writes a checkpoint of what `Trainer.state` gives."""

    def __call__(self, arrays: Arrays, documents: dict[str, Any], step: int) -> object: ...


@dataclass(frozen=True)
class LoopConfig:
    batch_size: int = 32  # windows in a batch
    length: int = 8  # steps in a window
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)  # how weights move
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on CUDA
    compile: Literal["auto", "on", "off"] = "auto"  # auto: the family's inner cells, on CUDA
    log_every: int = 20  # updates between two lines of metrics
    checkpoint_every_s: float = 120.0  # seconds between two checkpoints


class Diverged(ValueError):
    """A loss or gradient was not finite; the last checkpoint is from before that."""


@dataclass
class Progress:
    """Where training stands; written into every checkpoint."""

    phase: int = 0
    updates: int = 0  # in all phases so far
    elapsed_s: float = 0.0
    phase_updates: int = 0  # of these in this phase


class Trainer:
    """One model being trained: its optimiser, its place in the phases, its averaged copy.

    grow: called with the number of updates before each draw, while the model is in eval mode.
    """

    def __init__(
        self,
        model: WorldModel,
        replay: Sampler,
        budget: Budget,
        config: LoopConfig,
        logger: Logger,
        save: Save,
        grow: Callable[[int], None] | None = None,
    ) -> None:
        self.model, self.replay, self.budget, self.config = model, replay, budget, config
        self.logger, self.save, self.grow = logger, save, grow
        self.phases = model.phases()
        shares = [phase.share for phase in self.phases]
        self._ends = [e / sum(shares) for e in accumulate(shares)]  # of phases, in shares spent
        self.progress = Progress()
        self.optimiser = self._optimiser()
        self.average = average_of(model, config.optimiser.ema)
        self.watch = Watch(model)
        self.saved_s = time.monotonic()
        self.saved_updates: int | None = None  # None: nothing was saved yet
        compile_cells(model, config.compile)

    def train(self) -> bool:
        """Run every phase to the end of its share of the budget; False: somebody cut it short.

        Ctrl-C ends training after the update in progress. A checkpoint is written either way.
        Raises Diverged.
        """
        at = self.progress
        started = self.saved_s = time.monotonic()
        started -= at.elapsed_s
        self.model.train()
        with noted_interrupts() as interrupted, progress_bar(self.budget) as show:
            while (spent := self.budget.spent(at.updates, at.elapsed_s)) < 1 and not interrupted():
                self._enter_phase(spent)
                batch = self._batch()
                with self._autocast():
                    losses = self.phase.loss(batch).losses
                    total = torch.stack([loss.mean() for loss in losses.values()]).sum()
                total.backward()
                lr = self.phase.rate * learning_rate(
                    self.config.optimiser, at.phase_updates, self._phase_spent(spent)
                )
                norm = apply_gradients(self.optimiser, self.config.optimiser, lr)
                at.updates, at.phase_updates = at.updates + 1, at.phase_updates + 1
                at.elapsed_s = time.monotonic() - started
                numbers = {"loss": float(total.detach()), "gradient_norm": float(norm), "lr": lr}
                self._check(losses, numbers)
                if self._due and self.phase.watched:
                    numbers |= self.watch(batch, spent)
                self._write_down(losses, numbers)
                show(at, f"{self.phase.name}, loss {numbers['loss']:.4g}")
            if self.saved_updates != at.updates:
                self._save()
            return not interrupted()

    def _batch(self) -> Batch:
        if self.grow is not None:
            self.model.eval()
            self.grow(self.progress.updates)
            self.model.train()
        phase = self.phase
        batch = self.replay.sample(phase.length, phase.keys, phase.times)
        return to_device(batch, self.model.device)

    def _check(self, losses: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Stop if the update broke the model."""
        if not all(math.isfinite(number) for number in numbers.values()):
            raise Diverged(self._diverged(losses))

    def _write_down(self, losses: Mapping[str, Tensor], numbers: dict[str, float]) -> None:
        """Average, log, checkpoint."""
        at, config = self.progress, self.config
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self._due:
            values: dict[str, Any] = {f"loss/{k}": v.detach().mean() for k, v in losses.items()}
            self.logger.scalars(at.updates, values | numbers | {"elapsed_s": at.elapsed_s})
        if time.monotonic() - self.saved_s > config.checkpoint_every_s:
            self._save()

    @property
    def _due(self) -> bool:
        """Whether the numbers of this update are logged."""
        return self.progress.updates % self.config.log_every == 0 or self.progress.updates == 1

    # -- resuming ----------------------------------------------------------------------------------

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Groups of arrays and JSON documents from which `restore` continues exactly."""
        tensors, document = flatten_optimizer(self.optimiser)
        arrays = {"model": self.model.state_dict(), "optimizer": tensors}
        if self.average is not None:
            arrays["average"] = self.average.module.state_dict()
        documents = {
            "progress": dict(vars(self.progress)),
            "optimizer": document,
            "rng": capture_rng(),
            "replay": self.replay.state(),
        }
        return arrays, documents

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `checkpoint` was written: on a CPU, bit for bit as if without a break.

        A budget larger than the one it was made with goes on in the last phase.
        """
        arrays, documents = checkpoint.arrays, checkpoint.documents
        self.model.load_state_dict(arrays["model"])
        self.progress = Progress(**documents["progress"])
        self.optimiser = self._optimiser()
        restore_optimizer(self.optimiser, arrays["optimizer"], documents["optimizer"])
        if self.average is not None:
            self.average.module.load_state_dict(arrays.get("average", arrays["model"]))
            self.average.n_averaged.fill_(self.progress.updates)
        self.saved_updates = self.progress.updates
        self.replay.restore(documents["replay"])
        restore_rng(documents["rng"])

    # -- parts -------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        return self.phases[self.progress.phase]

    def _enter_phase(self, spent: float) -> None:
        """Begin the next phase, with an optimiser of its own, where this one's share is used up."""
        at = self.progress
        while at.phase + 1 < len(self.phases) and spent >= self._ends[at.phase] - 1e-9:
            at.phase, at.phase_updates = at.phase + 1, 0
            self.optimiser = self._optimiser()

    def _phase_spent(self, spent: float) -> float:
        """Share of the current phase's part of the budget that is used, from 0 to 1."""
        first, end = [0.0, *self._ends][self.progress.phase : self.progress.phase + 2]
        return (spent - first) / (end - first)

    def _optimiser(self) -> torch.optim.AdamW:
        """Over what the current phase trains; the rest of the model is frozen."""
        phase = self.phase
        chosen: list[nn.Parameter] = []
        for name, parameter in self.model.named_parameters():
            trains = phase.trains is None or name.split(".")[0] in phase.trains
            parameter.requires_grad_(trains)
            if trains:
                chosen.append(parameter)
        return make_optimiser(chosen, self.config.optimiser)

    def _autocast(self) -> AbstractContextManager[Any]:
        kind, wanted = self.model.device.type, self.config.precision
        if wanted == "float32" or (wanted == "auto" and kind != "cuda"):
            return nullcontext()
        return torch.autocast(kind, torch.bfloat16)

    def _save(self) -> None:
        at = self.progress.updates
        self.save(*self.state(), at)
        self.saved_s, self.saved_updates = time.monotonic(), at

    def _diverged(self, losses: Mapping[str, Tensor]) -> str:
        broken = [k for k, v in losses.items() if not bool(torch.isfinite(v).all())]
        if self.saved_updates is None:
            remedy = "nothing was saved yet: begin again with a lower --train optimiser.lr"
        else:
            remedy = (
                f"the checkpoint of update {self.saved_updates} is good: go on from it with "
                "--resume and a lower --train optimiser.lr"
            )
        what = f"{', '.join(broken) or 'the gradient'} is not finite"
        return f"update {self.progress.updates}: {what}; {remedy}"


@contextmanager
def progress_bar(budget: Budget) -> Iterator[Callable[[Progress, str], None]]:
    """A bar in updates where those are limited, else in seconds; yields `show(progress, note)`."""
    total = budget.updates or math.ceil(budget.seconds or 0)
    with progress("training", total) as advance:
        shown = 0

        def show(at: Progress, note: str) -> None:
            nonlocal shown
            done = min(total, at.updates if budget.updates else int(at.elapsed_s))
            advance(done - shown, f"update {at.updates:,}, {note}")
            shown = done

        yield show


def average_of(model: WorldModel, decay: float | None) -> AveragedModel | None:
    """A copy that follows the weights slowly; None where none is wanted."""
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copy a batch to where the model is."""
    return {k: v.to(device, non_blocking=True) for k, v in batch.items()}


def compile_cells(model: WorldModel, wanted: str) -> None:
    """Compile the family's inner cells in place; whole steps take minutes on a CPU: never tried."""
    if wanted == "on" or (wanted == "auto" and model.device.type == "cuda"):
        for cell in model.cells():
            cell.compile()
