"""Frozen dataclasses as configs: to plain data and back, overridden by text, compared, saved.

    config = override(Config(), ["rssm.deter=512", "lr=3e-4"])
    save(config, "config.json")
    assert load(Config, "config.json") == config
    diff(Config(), config)  # {"rssm.deter": (256, 512), "lr": (0.001, 0.0003)}

Fields may be bool, int, float, str, Path, None, Literal, tuple, dict with str keys, a union of
these, or another dataclass.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from foreworld.disk import write_json
from foreworld.errors import nearest

C = TypeVar("C")
WORDS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def to_dict(config: Any) -> dict[str, Any]:
    """Plain data, ready for JSON: dataclasses become dicts, tuples lists, paths strings."""
    return {f.name: _plain(getattr(config, f.name)) for f in fields(config)}


def from_dict(cls: type[C], data: Mapping[str, Any]) -> C:
    """The config of class `cls` that `data` describes; absent keys keep their defaults.

    Raises ValueError for an unknown key (with the nearest valid one) and for a value of the wrong
    type (with the key and the type it should have).
    """
    return _from_mapping(cls, data, where="")


def override(config: C, assignments: Sequence[str]) -> C:
    """A copy of `config` with `"dotted.key=value"` texts applied in order, parsed by annotation.

    Tuples are written `1,2,3`, None is `none`, dicts and whole dataclasses are JSON; one entry of a
    dict is a dotted key. Whether they fit together is asked last. Raises ValueError as `from_dict`.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"cannot read {assignment!r}: write key=value, as in lr=3e-4")
        config = _assign(type(config), config, key.strip().split("."), text.strip(), config)
    return _validated(config)


def diff(a: Any, b: Any) -> dict[str, tuple[Any, Any]]:
    """What differs, as {dotted key: (value in a, value in b)}; None where a key is absent."""
    left, right = flatten(to_dict(a)), flatten(to_dict(b))
    keys = [*left, *(k for k in right if k not in left)]
    absent = object()
    changed = [k for k in keys if left.get(k, absent) != right.get(k, absent)]
    return {k: (left.get(k), right.get(k)) for k in changed}


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one: {"rssm": {"deter": 256}} -> {"rssm.deter": 256}."""
    flat = {}
    for key, value in data.items():
        nested = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def save(config: Any, path: str | Path) -> None:
    """Write a config as JSON, whole or not at all."""
    write_json(path, to_dict(config))


def load(cls: type[C], path: str | Path) -> C:
    """Read what `save` wrote. Raises ValueError like `from_dict`, naming the file."""
    try:
        return from_dict(cls, json.loads(Path(path).read_text()))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cast(Any, cls)) if f.init}


def _from_mapping(cls: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise _wrong(where or "config", data, f"a mapping of {cls.__name__}'s keys")
    hints = _hints(cls)
    for key in data:
        if key not in hints:
            raise _unknown_key(f"{where}.{key}".lstrip("."), [_join(where, k) for k in hints])
    return cls(**{k: _check(hints[k], v, _join(where, k)) for k, v in data.items()})


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _assign(kind: Any, node: Any, path: list[str], text: str, root: Any, where: str = "") -> Any:
    """`node` with the value at `path` replaced by what `text` says."""
    if not path:
        return _parse(kind, text, where)
    key, *rest = path
    here = _join(where, key)
    if is_dataclass(node):
        hints = _hints(type(node))
        if key not in hints:
            raise _unknown_key(here, list(flatten(to_dict(root))))
        value = _assign(hints[key], getattr(node, key), rest, text, root, here)
        changed = copy.copy(node)  # `replace` would validate what is only half changed
        vars(changed)[key] = value
        return changed
    if isinstance(node, Mapping):
        kinds = get_args(_option(kind, dict)) or (str, Any)
        return {**node, key: _assign(kinds[1], node.get(key), rest, text, root, here)}
    raise ValueError(f"{where} is {node!r} and has no key {key!r}; give {where} whole, as JSON")


def _validated(config: Any) -> Any:
    """The same config, its parts first, through every `__post_init__`."""
    return replace(config, **{k: _validated(v) for k, v in vars(config).items() if is_dataclass(v)})


def _option(kind: Any, origin: type) -> Any:
    """The member of a union whose origin is `origin` (or the annotation itself)."""
    return next((k for k in _options(kind) if get_origin(k) is origin), kind)


def _options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _parse(kind: Any, text: str, where: str) -> Any:
    """The value that `text` says, of the annotated type; in a union, text is the last resort."""
    options = sorted(_options(kind), key=lambda k: (k is str, k is not NoneType))
    for option in options:
        try:
            return _check(option, _read(option, text, where), where)
        except ValueError:
            if len(options) == 1 or is_dataclass(option):
                raise
    raise _wrong(where, text, _name(kind))


def _read(kind: Any, text: str, where: str) -> Any:
    """Text as plain data that `_check` can judge; what cannot be read stays text."""
    origin = get_origin(kind)
    if kind is NoneType:
        return None if text.lower() in ("none", "null") else text
    if kind is bool:
        return WORDS.get(text.lower(), text)
    if kind in (int, float):
        return _number(kind, text)
    if origin is Literal:
        return next((option for option in get_args(kind) if str(option) == text), text)
    if kind is tuple or origin is tuple:
        return _read_tuple(get_args(kind), text, where)
    if kind in (dict, Any) or origin is dict or is_dataclass(kind):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _number(kind: type, text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    if kind is float:
        return number
    try:
        return int(text)
    except ValueError:  # steps=1e6 says a whole number too
        return int(number) if number.is_integer() else number


def _read_tuple(kinds: tuple[Any, ...], text: str, where: str) -> list[Any]:
    inner = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    parts = [part.strip().strip("\"'") for part in inner.split(",") if part.strip()]
    kinds = _each(kinds, len(parts))
    if len(kinds) != len(parts):
        return parts  # `_check` says how many there should be
    pairs = enumerate(zip(kinds, parts, strict=True))
    return [_parse(kind, part, f"{where}[{i}]") for i, (kind, part) in pairs]


def _each(kinds: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """One annotation an item: of `tuple[X, ...]`, of `tuple[X, Y]`, of a bare `tuple`."""
    if not kinds:
        return (Any,) * number
    return (kinds[0],) * number if kinds[-1] is Ellipsis else kinds


def _check(kind: Any, value: Any, where: str) -> Any:
    """`value` as an instance of the annotation `kind`, or ValueError with the key `where`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _check_union(args, value, where, kind)
    if is_dataclass(kind):
        whole = isinstance(value, cast(type, kind))
        return value if whole else _from_mapping(cast(type, kind), value, where)
    if origin is Literal:
        return _check_literal(args, value, where)
    if kind is tuple or origin is tuple:
        return _check_tuple(args, value, where, kind)
    if kind is dict or origin is dict:
        return _check_dict(args, value, where, kind)
    return _check_leaf(kind, value, where)


def _check_union(args: tuple[Any, ...], value: Any, where: str, kind: Any) -> Any:
    nested = [k for k in args if is_dataclass(k)]
    if isinstance(value, Mapping) and len(nested) == 1:
        return _check(nested[0], value, where)  # its error says more than ours would
    for option in args:
        try:
            return _check(option, value, where)
        except ValueError:
            continue
    raise _wrong(where, value, _name(kind))


def _check_literal(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value in args:
        return args[args.index(value)]
    match = nearest(str(value), map(str, args))
    hint = f"; did you mean {match!r}?" if match else ""
    raise ValueError(f"{where} is {value!r}{hint} Valid: {', '.join(map(repr, args))}")


def _check_tuple(args: tuple[Any, ...], value: Any, where: str, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _wrong(where, value, _name(kind))
    kinds = _each(args, len(value))
    if len(kinds) != len(value):
        raise _wrong(where, value, f"{_name(kind)}, {len(kinds)} values")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_check(item, v, f"{where}[{i}]") for i, (item, v) in pairs)


def _check_dict(args: tuple[Any, ...], value: Any, where: str, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(where, value, _name(kind))
    item = args[1] if args else Any
    return {str(k): _check(item, v, f"{where}.{k}") for k, v in value.items()}


def _check_leaf(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Path) and isinstance(value, (str, Path)):
        return kind(value)
    # bool is a subclass of int, and True is nobody's number of layers.
    if (
        isinstance(kind, type)
        and isinstance(value, kind)
        and (kind is bool or type(value) is not bool)
    ):
        return value
    raise _wrong(where, value, _name(kind))


def _name(kind: Any) -> str:
    plain = isinstance(kind, type) and get_origin(kind) is None
    return kind.__name__ if plain else str(kind).replace("typing.", "")


def _wrong(where: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"{where} is {value!r} ({type(value).__name__}); it takes {wanted}")


def _unknown_key(key: str, valid: list[str]) -> ValueError:
    leaf = key.split(".")[-1]
    match = next((k for k in valid if k.split(".")[-1] == leaf), None) or nearest(key, valid)
    hint = f"did you mean {match!r}? " if match else ""
    return ValueError(f"unknown key {key!r}; {hint}Valid: {', '.join(valid)}")
