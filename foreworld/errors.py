"""Errors that teach: one text for an unknown name, one for a missing extra.

raise unknown("planner", "cme", PLANNERS)
ValueError: unknown planner 'cme'; did you mean 'cem'? Valid: cem, icem, mppi
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


def nearest(given: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `given`, or None when nothing is close."""
    close = difflib.get_close_matches(given, list(valid), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown(what: str, given: str, valid: Iterable[str]) -> ValueError:
    """The error for a name not in a list: what was given, the nearest match, what is valid."""
    names = list(valid)
    match = nearest(given, names)
    hint = f"did you mean {match!r}? " if match else ""
    return ValueError(f"unknown {what} {given!r}; {hint}Valid: {', '.join(names) or 'none'}")


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Raises ModuleNotFoundError with the pip command when it is not installed; an import error inside
    the package itself is passed on as it is.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"{module} is not installed; type: pip install 'foreworld[{extra}]'", name=error.name
        ) from None
