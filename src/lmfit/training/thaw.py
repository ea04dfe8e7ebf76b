"""Weights that begin to learn later: a head first, then the encoder's layers from the top (Howard & Ruder 2018)."""

import math

import torch

from lmfit.training.hooks import QuietHook
from lmfit.training.optim import depths_of, head_of
from lmfit.training.trainer import StepResult, Trainer

_HEAD = -1


class Thaw(QuietHook):
    """Which weights learn is a function of the step alone: only the head in the first `head_first` steps, then what
    lies above the layers, and with each epoch `layers` layers more (None: all). Weights that wait keep their moments.
    """

    def __init__(self, head_first: int, layers: int | None) -> None:
        self.head_first, self.layers = head_first, layers
        self._depths: list[tuple[torch.nn.Parameter, int]] = []

    def on_start(self, trainer: Trainer) -> None:
        """Find the depth of all that is trained at all."""
        depths, head = depths_of(trainer.model), head_of(trainer.model)
        trained = [p for p in trainer.model.parameters() if p.requires_grad]
        self._depths = [(p, _HEAD if id(p) in head else depths.get(id(p), 0)) for p in trained]
        self._set(trainer)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """Ready for the next step."""
        self._set(trainer)

    def on_end(self, trainer: Trainer) -> None:
        """All of it may learn again."""
        for parameter, _ in self._depths:
            parameter.requires_grad_(True)

    def _set(self, trainer: Trainer) -> None:
        reach = self.reach(trainer.state.step, trainer.plan.locate(trainer.state.step)[0])
        for parameter, depth in self._depths:
            parameter.requires_grad_(depth <= reach)

    def reach(self, step: int, epoch: int) -> float:
        """The depth down to which weights learn: -1 the head, 0 what lies above the layers, 1 the last layer, ..."""
        if step < self.head_first:
            return _HEAD
        return math.inf if self.layers is None else self.layers * epoch
