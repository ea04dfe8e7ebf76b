"""CUDA graphs: a micro-batch's forward and backward pass recorded once for its shape, then launched as a whole.

A small batch keeps a GPU busy for less time than Python needs to launch its kernels one by one. Every micro-batch is a
replay, also the first of its shape, so that a resumed run computes what one never interrupted does.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from lmfit.config.training import TrainingConfig
from lmfit.device import Device
from lmfit.tasks.tensors import Tensors
from lmfit.training.distributed import Ranks

WARM_UPS = 2
MOST_RECORDINGS = 64
"""Each takes memory of the GPU: of more shapes than these the one not met for longest is recorded anew."""
LENGTHS_APART = 8
"""Batches are padded to multiples of so many tokens, so that a few graphs serve all of them."""
Backward = Callable[[Tensors, torch.Tensor], torch.Tensor]
"""Adds a micro-batch's share of the gradient to what is there; returns its share of the mean loss."""


class Recording(NamedTuple):
    """A graph, the tensors that it reads, and the loss that it writes."""

    graph: torch.cuda.CUDAGraph
    batch: Tensors
    divisor: torch.Tensor
    loss: torch.Tensor


class Recorder:
    """`backward` as graphs, one for each shape of a batch; they share their memory, since no two run at once.

    Gradients stay where they are: the optimizer must set them to zero, not to None.
    """

    def __init__(self, backward: Backward, model: torch.nn.Module) -> None:
        self.backward, self.model = backward, model
        self._recordings: dict[Any, Recording] = {}
        self._pool: Any = None

    def __call__(self, batch: Tensors, divisor: torch.Tensor) -> torch.Tensor:
        """As `backward`; the loss is overwritten by the next call."""
        shape = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.items())
        recording = self._recordings.pop(shape, None)
        if recording is None:
            if len(self._recordings) >= MOST_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
            recording = self._record(batch, divisor)
        self._recordings[shape] = recording
        for name, tensor in batch.items():
            recording.batch[name].copy_(tensor, non_blocking=True)
        recording.divisor.copy_(divisor, non_blocking=True)
        recording.graph.replay()
        return recording.loss

    def _record(self, batch: Tensors, divisor: torch.Tensor) -> Recording:
        batch, divisor = {name: tensor.clone() for name, tensor in batch.items()}, divisor.clone()
        with self._undone():
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(WARM_UPS):
                    self.backward(batch, divisor)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                loss = self.backward(batch, divisor)
        self._pool = self._pool or graph.pool()
        return Recording(graph, batch, divisor, loss)

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Gradients and random numbers are afterwards what they were before; gradients that were None are zero."""
        before = {p: p.grad.clone() for p in self.model.parameters() if p.grad is not None}
        state = torch.cuda.get_rng_state()
        try:
            yield
        finally:
            torch.cuda.set_rng_state(state)
            with torch.no_grad():
                for parameter in self.model.parameters():
                    if parameter.grad is not None:
                        kept = before.get(parameter)
                        parameter.grad.zero_() if kept is None else parameter.grad.copy_(kept)


def few_shapes(pieces: Iterable[np.ndarray]) -> bool:
    """Whether micro-batches with rows of these lengths, padded, have so few shapes that recording them pays."""
    shapes = {(len(lengths), -(-int(lengths.max()) // LENGTHS_APART)) for lengths in pieces}
    return len(shapes) <= MOST_RECORDINGS


def can_record(config: TrainingConfig, device: Device, ranks: Ranks) -> bool:
    """Whether steps are recorded: one GPU, and nothing that changes from one step to the next but numbers."""
    changing = config.packing == "on" or config.compile or config.gradient_checkpointing or config.unfreeze is not None
    plain = not changing and config.head_first == 0 and device.precision != "fp16"
    return config.cuda_graphs == "auto" and device.kind == "cuda" and ranks.count == 1 and plain
