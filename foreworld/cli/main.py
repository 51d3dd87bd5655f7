"""The command `foreworld VERB ...`: finds the verb, reads its arguments, reports its result.

    foreworld train --help
    foreworld info runs/demo --json | jq .step

Exit codes: 0 done, 1 it could not be done, 2 the command was not understood, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from foreworld.errors import nearest, unknown

VERBS = {  # verb: (module, what it does)
    "demo": (
        "foreworld.cli.demo",
        "collect, train, plan and report on a built-in world, in minutes",
    ),
    "worlds": ("foreworld.cli.worlds", "list the worlds, or show what one shows and takes"),
    "models": ("foreworld.cli.models", "list the families of models, or show what one offers"),
    "collect": ("foreworld.cli.collect", "play in a world and write the episodes to a store"),
    "data": ("foreworld.cli.data", "import, export, merge, split and look at logs and datasets"),
    "train": ("foreworld.cli.train", "learn a world model from episodes or from a running world"),
    "evaluate": ("foreworld.cli.evaluate", "let a model act in its world, beside baselines"),
    "trust": ("foreworld.cli.trust", "examine a model: what it can be trusted with, and how far"),
    "compare": ("foreworld.cli.compare", "train several models alike, and show them side by side"),
    "play": ("foreworld.cli.play", "step into a learned world, in a browser"),
    "imagine": ("foreworld.cli.imagine", "roll a model forward and save what it foresees"),
    "export": ("foreworld.cli.export", "write a world to a folder that plays in a browser tab"),
    "runs": ("foreworld.cli.runs", "list the runs of a folder, or show their curves on a page"),
    "info": ("foreworld.cli.info", "say what a run or an episode store holds"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"foreworld {importlib.metadata.version('foreworld')}")
        return 0
    verb, *rest = words
    if verb not in VERBS:
        match = nearest(verb, VERBS)
        hint = f"did you mean {match!r}? " if match else ""
        return _fail(f"unknown command {verb!r}; {hint}See: foreworld --help", 2)
    # Pictures are drawn off screen: otherwise SDL looks for one, and says when there is none.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    # It would swallow a polite request to end: `kill` has to work on whoever draws with pygame.
    os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")
    try:
        return _run(verb, [word for word in rest if word != "--json"], "--json" in rest)
    except _UsageError as error:
        return _fail(f"{error} See: foreworld {verb} --help", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # `foreworld info | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, ImportError, OSError) as error:
        if os.environ.get("FOREWORLD_DEBUG") == "1":
            raise
        return _fail(str(error), 1)


def overview() -> str:
    """The table of verbs, as `foreworld --help` prints it."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}   {about}" for verb, (_, about) in VERBS.items()]
    return "\n".join(
        [
            "usage: foreworld COMMAND [options]",
            "",
            *lines,
            "",
            "foreworld COMMAND --help says more about one of them; --json, after any, prints its",
            "result as JSON on stdout and everything else on stderr.",
        ]
    )


def _run(verb: str, words: list[str], as_json: bool) -> int:
    module = importlib.import_module(VERBS[verb][0])
    if "--help" in words or "-h" in words:
        _help(verb, module, words[:1])
        return 0
    args = _parse(verb, module, words)
    # Whatever libraries print must not get between the result and its reader.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        result = module.run(args)
    if as_json:
        print(json.dumps(_strict(result), default=str))
    return 0


class _UsageError(Exception):
    """The words after the verb were not understood."""


def _help(verb: str, module: Any, words: list[str]) -> None:
    """Of a verb, or of the one that its first word names below it."""
    print(module.__doc__.strip(), end="\n\n")  # tyro would run its examples together
    below = [word for word in words if not word.startswith("-")]
    with contextlib.suppress(SystemExit):
        _tyro(verb, module, [*below, "--help"])
    print("--json prints the result as JSON on stdout, and everything else on stderr.")


def _parse(verb: str, module: Any, words: list[str]) -> Any:
    """The verb's `Args`; tyro's boxes of errors become one line."""
    below = getattr(module, "VERBS", ())  # of a verb with verbs below it
    if below and (not words or words[0] not in below):
        raise _UsageError(f"{unknown(f'foreworld {verb}', words[0] if words else '', below)}.")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return _tyro(verb, module, words)
    except SystemExit:
        raise _UsageError(_one_line(said.getvalue())) from None


def _tyro(verb: str, module: Any, words: list[str]) -> Any:
    import tyro

    return tyro.cli(module.Args, prog=f"foreworld {verb}", description="", args=words)


def _one_line(box: str) -> str:
    """The message in tyro's box of an error, with the flag that it would rather have read.

    The box is drawn in Unicode, or as plain lines under a title where stdout has only ASCII.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    inside = [row.strip("│ ") for row in plain.splitlines() if row[:1] not in ("╭", "╰")]
    parts = [" ".join(part.split()) for part in re.split(r"\n[─-]{9,}\n", "\n".join(inside))]
    message = parts[0 if "│" in plain or len(parts) == 1 else 1].rstrip(".")
    meant = re.search(r"Perhaps you meant: (--[\w.-]+)", " ".join(parts))
    end = f"; did you mean {meant[1]}?" if meant else "."
    return message[:1].lower() + message[1:] + end


def _strict(value: Any) -> Any:
    """NaN and infinities as null: JSON has no word for them, and strict readers stop there."""
    if isinstance(value, Mapping):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fail(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
