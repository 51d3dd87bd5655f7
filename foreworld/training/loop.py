"""The training loop: draw a batch, take a gradient step, now and then write things down.

::

    train ─▶ phase after phase: sample ─▶ loss ─▶ backward ─▶ apply_gradients ─▶ log · checkpoint
                                  ▲
                                  └─ grow: called before each draw; collects more where a world runs
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from foreworld.checkpoint import Checkpoint
from foreworld.log import Logger
from foreworld.resume import capture_rng, flatten_optimizer, restore_optimizer, restore_rng
from foreworld.training.budget import Budget
from foreworld.training.device import compile_cells, precision, to_device
from foreworld.training.interrupt import noted_interrupts
from foreworld.training.learner import Arrays, Learner
from foreworld.training.optimiser import (
    OptimiserConfig,
    apply_gradients,
    average_of,
    learning_rate,
    make_optimiser,
)
from foreworld.training.progress import Progress, progress_bar
from foreworld.training.watch import Watch
from foreworld.vocab import Batch, Phase, State, WorldModel

Losses = Mapping[str, Tensor]


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
    settle: int = 0  # updates after all is mastered (--until), while the rate falls to nothing
    log_every: int = 20  # updates between two lines of metrics
    checkpoint_every_s: float = 120.0  # seconds between two checkpoints


class Diverged(ValueError):
    """A loss or gradient was not finite; the last checkpoint is from before that."""


class Trainer:
    """One model being trained: its optimiser, its place in the phases, its averaged copy.

    grow: called with the number of updates before each draw, while the model is in eval mode; may
        return figures to be logged.
    mastered: whether there is nothing left to learn, asked before each update.
    learner: learns beside the model in its last phase, from when there is something to imagine.
    """

    def __init__(
        self,
        model: WorldModel,
        replay: Sampler,
        budget: Budget,
        config: LoopConfig,
        logger: Logger,
        save: Save,
        grow: Callable[[int], Mapping[str, float] | None] | None = None,
        learner: Learner | None = None,
        mastered: Callable[[], bool] = lambda: False,
    ) -> None:
        self.model, self.replay, self.budget, self.config = model, replay, budget, config
        self.logger, self.save, self.grow, self.learner = logger, save, grow, learner
        self.mastered = mastered
        self.phases = model.phases()
        shares = [phase.share for phase in self.phases]
        self._ends = [e / sum(shares) for e in accumulate(shares)]  # of phases, in shares spent
        self.progress = Progress()
        self.collected: Mapping[str, float] = {}  # what `grow` said last
        self.optimiser = self._optimiser()
        self.average = average_of(model, config.optimiser.ema)
        self.watch = Watch(model)
        self.saved_s = time.monotonic()
        self.saved_updates: int | None = None  # None: nothing was saved yet
        compile_cells(model, config.compile)

    def train(self) -> bool:
        """Run every phase to the end of its share of the budget; False: somebody cut it short.

        Once all is mastered nothing is left but to settle, whatever the budget.
        Ctrl-C ends training after the update in progress. A checkpoint is written either way.
        Raises Diverged.
        """
        at = self.progress
        started = self.saved_s = time.monotonic()
        started -= at.elapsed_s
        self.model.train()
        with noted_interrupts() as interrupted, progress_bar(self.budget, at) as show:
            while (spent := self.budget.spent(at.updates, at.elapsed_s)) < 1:
                if at.mastered is None and self.mastered():
                    at.mastered = at.updates
                if interrupted() or not (left := at.rate_left(self.config.settle)):
                    break
                self._enter_phase(spent)
                batch = self._batch()
                with precision(self.model.device, self.config.precision):
                    losses, starts = self.phase.loss(batch)
                    total = torch.stack([loss.mean() for loss in losses.values()]).sum()
                rate = left * self.phase.rate
                lr = rate * learning_rate(
                    self.config.optimiser, at.phase_updates, self._phase_spent(spent)
                )
                norm = self._step(total, lr)
                learned = self._learned(batch, starts, lr)
                at.updates, at.phase_updates = at.updates + 1, at.phase_updates + 1
                at.elapsed_s = time.monotonic() - started
                numbers = {"loss": float(total.detach()), "gradient_norm": float(norm), "lr": lr}
                self._check(losses, learned, numbers)
                if self._due and self.phase.watched:
                    numbers |= self.watch(batch, spent)
                self._write_down(losses, learned, numbers)
                show(at, f"{self.phase.name}, loss {numbers['loss']:.4g}")
            if self.saved_updates != at.updates:
                self._save()
            return not interrupted()

    def _batch(self) -> Batch:
        if self.grow is not None:
            self.model.eval()
            self.collected = self.grow(self.progress.updates) or {}
            self.model.train()
        phase = self.phase
        batch = self.replay.sample(phase.length, phase.keys, phase.times)
        batch = to_device(batch, self.model.device)
        return self.learner.prepare(batch) if self.learner and self._learning else batch

    def _step(self, loss: Tensor, lr: float) -> Tensor:
        """One gradient step; the norm of the gradient, 0 in a phase that is the learner's alone."""
        if self.phase.trains == ():
            return torch.zeros(())
        loss.backward()
        return apply_gradients(self.optimiser, self.config.optimiser, lr)

    @property
    def _learning(self) -> bool:
        """Whether it is the learner's turn, too: phases before the last are not for it."""
        return self.progress.phase + 1 == len(self.phases)

    def _learned(self, batch: Batch, starts: State, lr: float) -> dict[str, Tensor]:
        """What the learner says of its own update."""
        if self.learner is None or not self._learning:
            return {}
        self.model.eval()
        with precision(self.model.device, self.config.precision):
            learned = self.learner.update(
                batch, starts, lr / (self.phase.rate * self.config.optimiser.lr)
            )
        self.model.train()
        return learned

    def _check(self, losses: Losses, learned: Losses, numbers: Mapping[str, float]) -> None:
        """Stop if the update broke the model or what learns beside it."""
        finite = all(bool(v.isfinite().all()) for v in learned.values())
        if not finite or not all(math.isfinite(number) for number in numbers.values()):
            raise Diverged(self._diverged({**losses, **learned}))

    def _write_down(self, losses: Losses, learned: Losses, numbers: Mapping[str, float]) -> None:
        """Average, log, checkpoint."""
        at, config = self.progress, self.config
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self._due:
            values = {f"loss/{k}": v.detach().mean() for k, v in losses.items()}
            rest = {**learned, **self.collected, **numbers, "elapsed_s": at.elapsed_s}
            self.logger.scalars(at.updates, values | rest)
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
        if self.learner is not None:
            learned, described = self.learner.state()
            arrays, documents = arrays | learned, documents | described
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
        if self.learner is not None:
            self.learner.restore(checkpoint)
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
        # There may be none, in a phase that is the learner's alone.
        chosen: dict[float, list[nn.Parameter]] = {1.0: []}
        for name, parameter in self.model.named_parameters():
            part = name.split(".")[0]
            trains = phase.trains is None or part in phase.trains
            parameter.requires_grad_(trains)
            if trains:
                chosen.setdefault(phase.rates.get(part, 1.0), []).append(parameter)
        return make_optimiser(chosen, self.config.optimiser)

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
