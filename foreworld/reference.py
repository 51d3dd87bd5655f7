"""A reference is a text that names an object: `package.module:Name`, or `folder/file.py:Name`.

assert locate("collections:OrderedDict") is OrderedDict
assert reference(OrderedDict) == "collections:OrderedDict"
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

from foreworld.errors import unknown


def locate(path: str) -> Any:
    """The object that `package.module:Name` or `folder/file.py:Name` names.

    Raises ValueError that says which part does not exist. Errors inside the module pass through.
    """
    where, colon, name = path.rpartition(":")
    if not colon or not name.isidentifier():
        raise ValueError(f"cannot read {path!r}: write package.module:Name or file.py:Name")
    module = _from_file(Path(where)) if where.endswith(".py") else _from_package(where)
    if not hasattr(module, name):
        raise unknown(f"name in {where}", name, [n for n in vars(module) if not n.startswith("_")])
    return getattr(module, name)


def _from_package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"there is no module {error.name!r} (looked for {name})") from None


def _from_file(path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    name = _module_name(path)
    if name not in sys.modules:  # twice the same class must be the same class
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def reference(thing: type) -> str:
    """The text that `locate` turns back into a class; the absolute path if it came from a file."""
    module = sys.modules[thing.__module__]
    file = Path(module.__file__ or "") if hasattr(module, "__file__") else Path()
    loaded_by_path = module.__name__ == _module_name(file)
    return f"{file if loaded_by_path else module.__name__}:{thing.__name__}"


def _module_name(path: Path) -> str:
    return f"{path.stem}_{zlib.crc32(str(path).encode()):08x}"
