"""What resuming needs besides weights, as named tensors and JSON: the optimiser and chance.

tensors, document = flatten_optimizer(optimizer)
save_checkpoint(
    path,
    arrays={"model": model.state_dict(), "optimizer": tensors},
    documents={"optimizer": document, "rng": capture_rng()},
)

restore_optimizer(optimizer, checkpoint.arrays["optimizer"], checkpoint.documents["optimizer"])
restore_rng(checkpoint.documents["rng"])
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.errors import unknown

Tensors = dict[str, Tensor]
Generator = torch.Generator | np.random.Generator | random.Random


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[Tensors, Any]:
    """An optimiser's state as named tensors and a JSON document, exact to the bit."""
    return flatten_state(optimizer.state_dict())


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], document: Any
) -> None:
    """Give an optimiser over the same parameters the state that `flatten_optimizer` took."""
    optimizer.load_state_dict(restore_state(tensors, document))


def flatten_state(state: Any) -> tuple[Tensors, Any]:
    """Any nest of dicts, lists, tuples, numbers, texts and tensors as tensors + JSON.

    Works for what `state_dict()` of optimisers, schedulers and scalers returns.
    """
    tensors: Tensors = {}
    return tensors, _pack(state, "", tensors)


def restore_state(tensors: Mapping[str, Tensor], document: Any) -> Any:
    """Inverse of `flatten_state`."""
    if isinstance(document, list):
        return [restore_state(tensors, item) for item in document]
    if not isinstance(document, dict):
        return document
    [(tag, content)] = document.items()
    if tag == "tensor":
        return tensors[content]
    if tag == "tuple":
        return tuple(restore_state(tensors, item) for item in content)
    assert tag == "dict", f"unknown tag {tag!r}"
    return {key: restore_state(tensors, value) for key, value in content}


def _pack(value: Any, name: str, tensors: Tensors) -> Any:
    """JSON for `value`; dicts as pairs, since JSON would turn the parameter numbers into texts."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {
            "dict": [[k, _pack(v, f"{name}.{k}".strip("."), tensors)] for k, v in value.items()]
        }
    if isinstance(value, (list, tuple)):
        items = [_pack(v, f"{name}.{i}".strip("."), tensors) for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"cannot store {name!r}, a {type(value).__name__}, without pickle")


def capture_rng(generators: Mapping[str, Generator] | None = None) -> dict[str, Any]:
    """The state of chance as JSON: PyTorch's (CPU, GPUs), NumPy's, Python's, and `generators`."""
    return {
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        "cuda": [s.numpy().tobytes().hex() for s in _cuda_states()],
        "numpy": _json_ready(np.random.get_state(legacy=False)),
        "python": _json_ready(random.getstate()),
        "generators": {k: _generator_state(g) for k, g in (generators or {}).items()},
    }


def restore_rng(
    state: Mapping[str, Any], generators: Mapping[str, Generator] | None = None
) -> None:
    """Inverse of `capture_rng`; `generators` are set in place.

    Raises ValueError for a generator that was not captured.
    """
    torch.set_rng_state(_bytes_tensor(state["torch"]))
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all([_bytes_tensor(s) for s in state["cuda"]])
    np.random.set_state(_numpy_state(state["numpy"]))
    random.setstate(_python_state(state["python"]))
    for name, generator in (generators or {}).items():
        if name not in state["generators"]:
            raise unknown("generator", name, state["generators"])
        _set_generator(generator, state["generators"][name])


def _cuda_states() -> list[Tensor]:
    # Asking for the state would start CUDA in a process that has not touched it.
    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


def _generator_state(generator: Generator) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy().tobytes().hex()
    if isinstance(generator, random.Random):
        return _json_ready(generator.getstate())
    return _json_ready(generator.bit_generator.state)


def _set_generator(generator: Generator, state: Any) -> None:
    if isinstance(generator, torch.Generator):
        generator.set_state(_bytes_tensor(state))
    elif isinstance(generator, random.Random):
        generator.setstate(_python_state(state))
    else:
        generator.bit_generator.state = _numpy_state(state)


def _bytes_tensor(text: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)


def _json_ready(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _json_ready(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_json_ready(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _numpy_state(state: Any) -> Any:
    """MT19937 and Philox keep arrays in their state."""
    if isinstance(state, Mapping):
        return {k: _numpy_state(v) for k, v in state.items()}
    return np.array(state, dtype=np.uint64) if isinstance(state, list) else state


def _python_state(state: Any) -> tuple[Any, ...]:
    version, internal, gauss = state
    return version, tuple(internal), gauss
