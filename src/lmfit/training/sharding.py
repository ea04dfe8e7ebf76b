"""A model shared out over the ranks (FSDP2): each keeps a part of weights, gradients and optimizer state.

Parts are gathered layer by layer when they are needed (Rajbhandari et al. 2020, "ZeRO", stage 3). Rank 0 keeps the
model whole besides, to evaluate and save it: 4 bytes a parameter, where its part of the training takes 16 / ranks.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from lmfit.device import Device
from lmfit.errors import ConfigError
from lmfit.models.freeze import layers_of
from lmfit.training.checkpoint import Checkpoints, TrainState
from lmfit.training.distributed import Ranks
from lmfit.training.ema import AVERAGE
from lmfit.training.parts import read_parts, write_parts
from lmfit.training.replicas import Replicas

COLLECT, SAVE = "collect", "save"


class Shards(Replicas):
    """The model in parts. Only rank 0 holds it whole, too, as `model`, which is filled when it is needed.

    FSDP averages gradients over the ranks; the factor makes it a sum.
    """

    scales_late = False

    def __init__(self, model: Any, ranks: Ranks, device: Device) -> None:
        if device.precision == "fp16":
            fix = "use training.precision=bf16 or fp32"
            raise ConfigError("fp16 scales losses by what one rank sees", where="training.sharding", fix=fix)
        self.model = model if ranks.rank == 0 else None
        parts = copy.deepcopy(model) if ranks.rank == 0 else model
        mesh = init_device_mesh(device.kind, (ranks.count,))
        for layer in layers_of(parts):
            fully_shard(layer, mesh=mesh)
        super().__init__(fully_shard(parts, mesh=mesh), ranks)
        self.factor = float(ranks.count)

    def gradient(self, backward: Callable[[], float]) -> float:
        """As for replicas; FSDP sums during the backward pass. A rank that fails in between ends the training."""
        return self.ranks.sum(backward() / self.factor)

    @contextmanager
    def judged(self, optimizer: torch.optim.Optimizer, *, average: bool = True) -> Iterator[None]:
        """Rank 0: inside the block the whole model holds the weights that are judged."""
        self.ranks.tell((COLLECT, average))
        self._collect(optimizer, average=average)
        yield

    def settle(self, optimizer: torch.optim.Optimizer) -> None:
        """All ranks, after training."""
        self._collect(optimizer, average=True)

    def save(self, checkpoints: Checkpoints, optimizer: torch.optim.Optimizer, state: TrainState) -> Path:
        """Rank 0: have each rank write its part into a checkpoint."""

        def write(folder: Path) -> None:
            self.ranks.tell((SAVE, folder))
            write_parts(folder, self.trained, optimizer)

        return checkpoints.save_as(write, state)

    def restore(self, checkpoints: Checkpoints, optimizer: torch.optim.Optimizer) -> TrainState | None:
        """Each rank reads its parts of the newest whole checkpoint, whatever number of ranks has written it."""
        if self.ranks.rank == 0:
            found = checkpoints.newest()
            self.ranks.tell(found)
        else:
            found = self.ranks.hear()
        if found is None:
            return None
        folder, state = found
        read_parts(folder, self.trained, optimizer)
        return state

    def serve(self, order: Any, optimizer: torch.optim.Optimizer) -> None:
        """Other ranks: give the weights, or write a part."""
        what, which = order
        if what == COLLECT:
            self._collect(optimizer, average=which)
        else:
            write_parts(which, self.trained, optimizer)

    def _collect(self, optimizer: torch.optim.Optimizer, *, average: bool) -> None:
        """The whole weights, or their average where one is kept and asked for, into the model of rank 0."""
        held = dict(self.model.named_parameters()) if self.model is not None else {}
        with torch.no_grad():
            for name, part in self.trained.named_parameters():
                kept = optimizer.state.get(part, {}) if average else {}
                whole = kept.get(AVERAGE, part).full_tensor()
                if held:
                    held[name].copy_(whole)
