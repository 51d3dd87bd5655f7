"""One logger, many sinks: scalars at a step go to the console, a JSONL file and trackers.

    with make_logger(["console", "jsonl"], run_dir) as logger:
        logger.scalars(100, {"loss/image": 0.12, "return": 3.5})
    read_jsonl(run_dir / "metrics.jsonl")  # [{"step": 100, "loss/image": 0.12, "return": 3.5}]

Everything for humans goes to stderr, so that stdout stays free for results.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from foreworld.errors import require, unknown

CONSOLE = Console(stderr=True)  # one for lines and bars: two would write over each other


class Sink(Protocol):
    """Where scalars go."""

    def write(self, step: int, scalars: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class Logger:
    """Hands scalars to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = tuple(sinks)

    def scalars(self, step: int, values: Mapping[str, Any]) -> None:
        """Log numbers (Python, NumPy, 0-d tensors) at an environment or gradient step."""
        numbers = {key: _number(key, value) for key, value in values.items()}
        for sink in self.sinks:
            sink.write(int(step), numbers)

    def close(self) -> None:
        for sink in self.sinks:
            sink.close()

    def __enter__(self) -> Logger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_logger(
    names: Sequence[str],
    run_dir: str | Path,
    config: Mapping[str, Any] | None = None,
    after: int | None = None,
) -> Logger:
    """A logger for a run: `names` from `SINKS`, `config` for the trackers that show one.

    after: the step of the checkpoint that is being resumed; metrics written later than that by the
    run that died are dropped. Raises ValueError for an unknown name.
    """
    run_dir = Path(run_dir)
    for name in names:
        if name not in SINKS:
            raise unknown("log sink", name, SINKS)
    return Logger([SINKS[name](run_dir, dict(config or {}), after) for name in names])


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """The records of a JSONL file; a last line that a crash tore off is left out, null is None.

    Raises ValueError for a damaged line before the last.
    """
    *lines, tail = (
        Path(path).read_bytes().split(b"\n")
    )  # a whole file ends in a newline: tail = b""
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError:
            raise ValueError(
                f"{path}, line {number} is not JSON; delete the line to go on"
            ) from None
    return records


@contextmanager
def progress(
    description: str, total: int | None = None, begun: int = 0
) -> Iterator[Callable[..., None]]:
    """A bar with an estimate of the time left; without a terminal, a plain line now and then.

    begun: steps that were done before, and tell nothing of how long the others take.
    Yields `advance(steps=1, note="")`; `note` replaces the text behind the bar.
    """
    show = _bar if CONSOLE.is_terminal else _lines
    with show(description, total, begun) as advance:
        yield advance


@contextmanager
def _bar(description: str, total: int | None, begun: int) -> Iterator[Callable[..., None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=CONSOLE) as bar:
        task = bar.add_task(description, total=total, completed=begun, note="")

        def advance(steps: int = 1, note: str | None = None) -> None:
            bar.update(task, advance=steps)
            if note is not None:
                bar.update(task, note=note)

        yield advance


@contextmanager
def _lines(
    description: str, total: int | None, begun: int, every_s: float = 5.0
) -> Iterator[Callable[..., None]]:
    done, latest, started = begun, "", time.monotonic()
    spoke = started

    def say() -> None:
        elapsed = time.monotonic() - started
        amount = f"{done}/{total}" if total else f"{done}"
        now = done - begun
        left = f", {elapsed / now * (total - done):.0f} s left" if total and now else ""
        line = f"{description}: {amount}, {elapsed:.0f} s{left}  {latest}"
        CONSOLE.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)

    def advance(steps: int = 1, note: str | None = None) -> None:
        nonlocal done, latest, spoke
        done += steps
        latest = latest if note is None else note
        if time.monotonic() - spoke >= every_s:
            spoke = time.monotonic()
            say()

    yield advance
    if spoke > started:  # short work passes in silence
        say()


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        kind = f"{type(value).__name__} of shape {tuple(getattr(value, 'shape', ()))}"
        raise ValueError(f"scalar {key!r} is a {kind}; log one number, such as its mean") from None


class ConsoleSink:
    """One line of scalars every few seconds; the last one always."""

    def __init__(self, every_s: float = 5.0, console: Console = CONSOLE) -> None:
        self.every_s, self.console = every_s, console
        self.printed_s = -math.inf
        self.waiting: tuple[int, Mapping[str, float]] | None = None

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        self.waiting = (step, scalars)
        if time.monotonic() - self.printed_s >= self.every_s:
            self._flush()

    def close(self) -> None:
        if self.waiting:
            self._flush()

    def _flush(self) -> None:
        assert self.waiting is not None
        step, scalars = self.waiting
        line = Text(f"step {step:>8,}", style="bold")
        for key, value in scalars.items():
            line.append(f"  {key} ", style="dim not bold").append(f"{value:.4g}", style="not bold")
        self.console.print(line, soft_wrap=True)
        self.printed_s, self.waiting = time.monotonic(), None


class JsonlSink:
    """One JSON object a line, appended; a crash can tear the last line only, and opening drops it.

    NaN and infinities are written as null: JSON has no word for them.
    """

    def __init__(self, path: Path, after: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _forget(path, after)
        self.file = path.open("a", encoding="utf-8")

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        record = {k: v if math.isfinite(v) else None for k, v in scalars.items()}
        self.file.write(json.dumps({"step": step, "time": round(time.time(), 3), **record}) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def _forget(path: Path, after: int | None) -> None:
    """Cut a torn last line off, and everything from the first record later than step `after`."""
    keep = 0
    for line in path.read_bytes().splitlines(keepends=True):
        torn = not line.endswith(b"\n")
        if torn or (after is not None and json.loads(line)["step"] > after):
            break
        keep += len(line)
    with path.open("r+b") as file:
        file.truncate(keep)


class TensorBoardSink:
    """Event files for TensorBoard under `run_dir/tensorboard`."""

    def __init__(self, run_dir: Path, after: int | None = None) -> None:
        require("tensorboard", "tensorboard")
        module = require("torch.utils.tensorboard", "tensorboard")
        purge = None if after is None else after + 1
        self.writer = module.SummaryWriter(str(run_dir / "tensorboard"), purge_step=purge)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        for key, value in scalars.items():
            self.writer.add_scalar(key, value, step)

    def close(self) -> None:
        self.writer.close()


class WandbSink:
    """A Weights & Biases run, or a trackio run: trackio speaks the same three words."""

    def __init__(self, module: str, run_dir: Path, config: dict[str, Any]) -> None:
        self.tracker = require(module, module)
        self.tracker.init(project="foreworld", name=run_dir.name, config=config)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        self.tracker.log(dict(scalars), step=step)

    def close(self) -> None:
        self.tracker.finish()


class MlflowSink:
    """An MLflow run; the config becomes its parameters."""

    def __init__(self, run_dir: Path, config: dict[str, Any]) -> None:
        self.mlflow = require("mlflow", "mlflow")
        self.mlflow.set_experiment("foreworld")
        self.mlflow.start_run(run_name=run_dir.name)
        self.mlflow.log_params(config)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        self.mlflow.log_metrics(dict(scalars), step=step)

    def close(self) -> None:
        self.mlflow.end_run()


SINKS: dict[str, Callable[[Path, dict[str, Any], int | None], Sink]] = {
    "console": lambda run_dir, config, after: ConsoleSink(),
    "jsonl": lambda run_dir, config, after: JsonlSink(run_dir / "metrics.jsonl", after),
    "tensorboard": lambda run_dir, config, after: TensorBoardSink(run_dir, after),
    "trackio": lambda run_dir, config, after: WandbSink("trackio", run_dir, config),
    "wandb": lambda run_dir, config, after: WandbSink("wandb", run_dir, config),
    "mlflow": lambda run_dir, config, after: MlflowSink(run_dir, config),
}
