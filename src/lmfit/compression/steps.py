"""A model on its way: what each step that changes a PyTorch model is given, and gives back."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lmfit.config.compression import CompressConfig, CompressionConfig
from lmfit.data.framing import Framer
from lmfit.data.sources import Splits
from lmfit.device import Device
from lmfit.inference.predictor import Predictor
from lmfit.runs import Run
from lmfit.tasks.base import Task


@dataclass(frozen=True)
class Work:
    """The model as it is now, on the CPU. facts: what the steps tell of themselves, for run.json and the report.

    original: the run's own model, which is not changed, in fp32 on the CPU. run: where training keeps its state.
    measured: what was measured before anything is done and need not be measured again.
    """

    model: Any
    task: Task
    framer: Framer
    splits: Splits
    config: CompressConfig
    device: Device
    original: Predictor
    run: Run
    facts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)

    def model_on_device(self) -> Any:
        """A copy of the model where the steps compute."""
        return copy.deepcopy(self.model).to(self.device.torch_device)


@dataclass(frozen=True)
class Step:
    """One way to change a model. suffix: what it adds to the run's name.

    check: raises InputError for what cannot be done, before anything is.
    """

    name: str
    suffix: str
    wanted: Callable[[CompressionConfig], bool]
    check: Callable[[Work], None]
    run: Callable[[Work], Work]

    def take(self, work: Work) -> Work:
        """The work after this step; its model is brought back to the CPU."""
        done = self.run(work)
        return replace(done, model=done.model.cpu())
