"""Rows to padded arrays."""

from collections.abc import Mapping, Sequence

import numpy as np

from lmfit.data.rows import Row

Batch = dict[str, np.ndarray]

IGNORED = -100


def pad(rows: Sequence[Row], padding: Mapping[str, int], length: int = 0) -> Batch:
    """Right-pad the token arrays of rows to (B, L) int64 and stack their values to (B, ...) float32.

    `padding` maps a token array's name to its padding value; `attention_mask` (B, L) is added. L: `length` or more.
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(length, lengths.max())) < lengths[:, None]
    batch: Batch = {"attention_mask": mask.astype(np.int64)}
    for name in rows[0].tokens:
        array = np.full(mask.shape, padding.get(name, 0), np.int64)
        array[mask] = np.concatenate([np.asarray(row.tokens[name]) for row in rows])
        batch[name] = array
    for name in rows[0].values:
        batch[name] = np.array([row.values[name] for row in rows], np.float32)
    return batch
