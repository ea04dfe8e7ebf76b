"""Micro-batches that fit: foreseen on a CPU, found out on a GPU. What does not fit is halved; the step stays whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import nnls

from lmfit import console
from lmfit.config.sizes import shown_size, size_bytes
from lmfit.data.batching import draw_rows, keyed_generator
from lmfit.device import (
    memory_in_use,
    memory_total_bytes,
    peak_memory_bytes,
    ran_out_of_memory,
    release_memory,
    seeded,
)
from lmfit.errors import LmfitError
from lmfit.training.replicas import here

if TYPE_CHECKING:
    from lmfit.training.trainer import Trainer

PROBED_LENGTHS = (16, 64, 256)
LOOKED_AT = 2048
TRANSIENT = 2
FIRST_CORRECTION, MOST_CORRECTION = 1.25, 2.0


@dataclass(frozen=True)
class Growth:
    """Bytes that a forward pass of B rows of L tokens adds until its backward pass: fixed + B (a L + b L^2)."""

    fixed: float
    per_token: float
    per_pair: float

    def bytes(self, rows: int, length: int) -> float:
        """For a micro-batch of `rows` x `length` padded tokens."""
        return self.fixed + rows * (self.per_token * length + self.per_pair * length**2)


class Memory:
    """Keeps the micro-batches of a trainer within the memory of its device.

    limit: bytes that the process may take, where a CPU computes. What a micro-batch needs is foreseen from a few probes
    and corrected by what steps were seen to take; a GPU's allocator says by itself when it has no more.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._growth: Growth | None = None
        self._correction = FIRST_CORRECTION

    def gradients(self, trainer: "Trainer", number: int) -> tuple[float, int]:
        """`trainer.gradients`, begun again with half the micro-batch where memory runs out.

        Raises LmfitError where a single row does not fit.
        """
        foreseen = self.limit is not None and trainer.device.kind == "cpu"
        while True:
            expected = self._make_room(trainer, number) if foreseen else 0.0
            before, highest = (memory_in_use().total, peak_memory_bytes(trainer.device)) if foreseen else (0, 0)
            try:
                found = trainer.gradients(number)
                break
            except RuntimeError as error:
                if not ran_out_of_memory(error):
                    raise
            trainer.stop_recording()
            trainer.clear_gradient()
            release_memory(trainer.device)
            halve(trainer, number, "out of memory")
        if foreseen:
            self._correct(expected, before, highest, peak_memory_bytes(trainer.device))
        return found

    def needed(self, trainer: "Trainer", number: int) -> float:
        """Bytes that step `number` adds at its peak: activations and gradients, or gradients and optimizer state."""
        if self._growth is None:
            self._growth = probe(trainer)
        gradients = float(sum(p.nbytes for p in trainer.placement.trained.parameters() if p.requires_grad))
        moments = 0 if trainer.optimizer.state else 2 * gradients
        largest = max((self._growth.bytes(rows, length) for rows, length in shapes(trainer, number)), default=0.0)
        return gradients + max(self._correction * largest, moments)

    def _make_room(self, trainer: "Trainer", number: int) -> float:
        """Halve micro-batches until the step keeps to the limit on all ranks; returns what it is expected to add."""
        limit, halved = self.limit or 0, ""
        while trainer.ranks.any((needed := self.needed(trainer, number)) + memory_in_use().private > limit):
            release_memory(trainer.device)
            used = memory_in_use().private
            if not trainer.ranks.any(needed + used > limit):
                break
            told = f"{shown_size(used)} in use and {shown_size(needed)} for the next step pass the limit of "
            halved = f"memory: {told}{shown_size(limit)} (device.memory_limit)"
            halve(trainer, number, halved, quiet=True)
        if halved:
            console.warn(f"{halved}; {sentence(trainer)}")
        return needed

    def _correct(self, expected: float, before: int, highest: int, now: int) -> None:
        """Learn from a step that took more than was ever taken, and more than expected."""
        if now > highest and now - before > expected:
            self._correction = min(MOST_CORRECTION, self._correction * (now - before) / expected)


def limit_bytes(setting: float | str) -> int:
    """The limit in bytes: of a size, or of a share of what the machine or its cgroup has."""
    return size_bytes(setting) if isinstance(setting, str) else int(setting * memory_total_bytes())


def shapes(trainer: "Trainer", number: int) -> list[tuple[int, int]]:
    """Rows and padded length of each micro-batch of a step, of this rank."""
    return [(len(piece), int(trainer.plan.lengths_of(piece).max())) for piece in trainer.pieces(number)]


def halve(trainer: "Trainer", number: int, why: str, *, quiet: bool = False) -> None:
    """Bring micro-batches down to half the padded tokens of the largest one of step `number` on any rank, for good.

    Raises LmfitError where that one is a single row.
    """
    pieces = [piece for rows in trainer.ranks.dealt(trainer.plan.batch(number)) for piece in trainer.cut(rows)]
    shapes = [(len(piece), int(trainer.plan.lengths_of(piece).max())) for piece in pieces]
    rows, length = max(shapes, key=lambda shape: shape[0] * shape[1])
    if rows == 1:
        fix = f"lower data.max_length below {length}, freeze layers (model.freeze) or take a smaller model"
        more = ", or raise device.memory_limit" if trainer.device.kind == "cpu" else ""
        where = f"step {number + 1:,}: a single row of {length:,} tokens"
        raise LmfitError(f"{why}; a micro-batch of one row cannot be halved", where=where, fix=fix + more)
    trainer.state.micro_batch_tokens = rows // 2 * length
    if not quiet:
        console.warn(f"{why} with {rows:,} rows of {length:,} tokens; {sentence(trainer)}")


def fitting_size(trainer: "Trainer") -> int:
    """The rows that fit into one forward pass at any length, as far as is known."""
    return max(1, (trainer.state.micro_batch_tokens or 0) // int(trainer.plan.lengths.max()))


def sentence(trainer: "Trainer") -> str:
    """What was done about it, and which setting does without it."""
    return (
        f"forward passes take at most {trainer.state.micro_batch_tokens:,} tokens from here, the batch stays whole "
        f"(exactness: rounding); training.micro_batch_size={fitting_size(trainer)} fits from the start"
    )


def probe(trainer: "Trainer") -> Growth:
    """Measure the growth on single short rows and a pair, whose forward passes are computed and thrown away.

    Counted are the tensors kept for the backward pass, and the largest of them twice more: its gradients.
    """
    found = draw_rows(keyed_generator(trainer.seed, "memory"), len(trainer.rows), LOOKED_AT)
    lengths = np.asarray(trainer.plan.lengths[found])
    nearest = [int(found[np.abs(lengths - length).argmin()]) for length in PROBED_LENGTHS]
    tried = [_kept(trainer, [trainer.rows[i] for i in rows]) for rows in ([nearest[0]] * 2, *([i] for i in nearest))]
    terms = [[1, rows * length, rows * length**2] for rows, length, _ in tried]
    known = 3 if len({length for _, length, _ in tried}) > 2 else 2
    weighed, _ = nnls(np.array(terms, np.float64)[:, :known], np.array([kept for *_, kept in tried], np.float64))
    return Growth(*map(float, weighed), *[0.0] * (3 - known))


def _kept(trainer: "Trainer", rows: Sequence[Any]) -> tuple[int, int, int]:
    """Rows, padded length, and bytes kept for the backward pass by their forward pass, weights left out."""
    weights = {here(parameter).untyped_storage().data_ptr() for parameter in trainer.placement.trained.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    batch = trainer.objective.collate(rows)
    batch = {name: tensor.to(trainer.device.torch_device) for name, tensor in batch.items()}
    trainer.placement.trained.train()
    with seeded(0), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        with trainer.device.autocast():
            logits = trainer.objective.forward(trainer.placement.trained, batch)
        loss = trainer.objective.loss(logits, batch)
        total = sum(kept.values()) + TRANSIENT * max(kept.values(), default=0)
        del logits, loss
    count, length = batch["attention_mask"].shape
    return count, length, total
