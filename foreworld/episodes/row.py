"""One step as one fixed-size record: all keys of an instant lie side by side on disk.

    row t:  | action | image | reward | is_first | is_last | is_terminal | padding |

A training window reads every key of neighbouring steps, which is one stretch of the file. Rows are
padded to their widest number: PyTorch takes views only at whole multiples of an element's size.
"""

from __future__ import annotations

import numpy as np

from foreworld.vocab import FLAGS, Episode, Spec, Specs

REWARD_AND_FLAGS = {
    "reward": Spec((), "float32", "vector"),
    **{flag: Spec((), "bool", "vector") for flag in FLAGS},
}


def row_specs(specs: Specs) -> dict[str, Spec]:
    """Everything a row holds: the specs' keys in alphabetical order, then reward and flags."""
    return {key: specs[key] for key in sorted(specs)} | REWARD_AND_FLAGS


def row_dtype(specs: Specs) -> np.dtype:
    """The numpy dtype of one row."""
    described = row_specs(specs).items()
    return np.dtype(
        [(k, np.dtype(s.dtype).newbyteorder("<"), s.shape) for k, s in described], align=True
    )


def pack(episode: Episode, dtype: np.dtype) -> np.ndarray:
    """An episode as rows [T]; padding is zero, so that checksums are reproducible."""
    rows = np.zeros(len(episode), dtype)
    for key in dtype.names or ():
        rows[key] = episode[key]
    return rows
