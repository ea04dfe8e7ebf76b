"""What new weights know before the first step: how often each token stands, and beside which others.

Both are counted, not trained: a pass over the corpus instead of the thousands of steps in which a masked language model
learns little else.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack

from lmfit.data.cache import Entry
from lmfit.data.source import fingerprint_of
from lmfit.pretraining.held_out import count_tokens, log_frequencies
from lmfit.pretraining.tokens import Sequences

WINDOW = 4
"""Tokens to either side that count as neighbours; one at distance d weighs 1 / d."""
_FILE = "counts.npz"
_VERSION = 1
_SMOOTHING = 0.75
_FEWEST = 10
_NO_SPREAD = 1e-6
_CONSTANTS = [WINDOW, _SMOOTHING, _FEWEST]
_MOST_TOKENS = 50_000_000
_PIECE = 1 << 21


def begin_with_counts(model: Any, sequences: Sequences, seed: int) -> None:
    """Give a new model its tokens' frequencies as biases of the output, and embeddings by co-occurrence.

    The embeddings are as large as the random ones were; tokens that hardly meet others keep those.
    """
    table = model.get_input_embeddings().weight
    vocabulary, width = table.shape
    counts = count_tokens(sequences.ids, vocabulary)
    known, found = counted(sequences, vocabulary, width, seed)
    with torch.no_grad():
        if len(known) > 1:
            found -= found.mean(axis=0)
            found *= float(table.std()) / max(float(found.std()), _NO_SPREAD)
            table[torch.from_numpy(known), : found.shape[1]] = torch.from_numpy(found).to(table)
        output = model.get_output_embeddings()
        if output is not None and output.bias is not None:
            output.bias.copy_(torch.from_numpy(log_frequencies(counts)))


def counted(sequences: Sequences, vocabulary: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that often meet others, (K,), and their embeddings (K, W): from the cache, or counted now."""
    name = fingerprint_of(["counts", _VERSION, _CONSTANTS, sequences.name, vocabulary, width, seed])[:32]
    entry = Entry(name, lambda folder: (folder / _FILE).is_file())

    def write(folder: Path) -> None:
        pairs = neighbours(sequences, vocabulary)
        met = np.asarray(pairs.sum(axis=0)).ravel() + np.asarray(pairs.sum(axis=1)).ravel()
        known = np.flatnonzero(met >= _FEWEST)
        found = cooccurrence_embeddings(pairs, width, seed)[known] if len(known) > 1 else np.zeros((0, width))
        np.savez(folder / _FILE, known=known, found=found)

    return entry.read(_read) or entry.write(write, _read)


def _read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / _FILE) as file:
        return file["known"], file["found"]


def cooccurrence_embeddings(counts: csr_matrix, width: int, seed: int) -> np.ndarray:
    """Embeddings (V, W), W = min(width, V), of V tokens that follow each other as `counts` (V, V) says.

    The square roots of the singular values times the left singular vectors of the positive pointwise mutual information
    with followers beside that with predecessors, contexts smoothed by the power 0.75 (Levy, Goldberg & Dagan 2015).
    Computed in one thread, so that they follow from the seed alone.
    """
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    sides = hstack([positive_pmi(counts), positive_pmi(counts.T.tocsr())], format="csr")
    width = min(width, counts.shape[0])
    with threadpool_limits(1):
        left, values, _ = randomized_svd(sides, width, n_oversamples=32, n_iter=2, random_state=seed)
    found: np.ndarray = (left * np.sqrt(values)).astype(np.float32)
    return found


def positive_pmi(counts: csr_matrix) -> csr_matrix:
    """max(0, log p(j | i) / p(j)) where i and j meet, (V, V); p(j) is that of the counts to the power of 0.75."""
    row = np.asarray(counts.sum(axis=1)).ravel()
    column = np.asarray(counts.sum(axis=0)).ravel() ** _SMOOTHING
    found = counts.tocoo()
    share = found.data * column.sum() / (row[found.row] * column[found.col])
    kept = share > 1
    places = (found.row[kept], found.col[kept])
    return csr_matrix((np.log(share[kept]).astype(np.float32), places), shape=counts.shape)


def neighbours(sequences: Sequences, vocabulary: int) -> csr_matrix:
    """How often token j follows token i within WINDOW tokens of one sequence, each time by 1 / distance: (V, V).

    Of a large corpus as many sequences as have 50 million tokens, spread evenly.
    """
    found = csr_matrix((vocabulary, vocabulary), dtype=np.float32)
    for ids, owner in _pieces(sequences):
        found = found + sum(_at(distance, ids, owner, found.shape) for distance in range(1, WINDOW + 1))
    return found


def _at(distance: int, ids: np.ndarray, owner: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """Pairs of tokens (N,) at a distance, where both have one owner (N,): each weighs 1 / distance."""
    together = owner[distance:] == owner[:-distance]
    first, second = ids[:-distance][together], ids[distance:][together]
    weights = np.full(len(first), 1 / distance, np.float32)
    return csr_matrix((weights, (first, second)), shape=shape)


def _pieces(sequences: Sequences) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The token ids of some sequences and the number of the sequence of each, (N,) both."""
    every = max(1, -(-int(sequences.facts["tokens"]) // _MOST_TOKENS))
    starts, lengths = np.asarray(sequences.starts[::every]), np.asarray(sequences.lengths[::every], np.int64)
    ends = np.cumsum(lengths)
    shift = starts - (ends - lengths)
    edges = np.unique([0, *np.flatnonzero(np.diff(ends // _PIECE)) + 1, len(ends)])
    for begin, end in pairwise(edges):
        part = lengths[begin:end]
        places = np.arange(ends[begin] - lengths[begin], ends[end - 1]) + np.repeat(shift[begin:end], part)
        yield np.asarray(sequences.ids[places], np.int64), np.repeat(np.arange(begin, end), part)
