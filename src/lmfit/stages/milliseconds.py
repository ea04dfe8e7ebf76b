"""How long answering takes by structure, measured here in the form that is shipped: in PyTorch, or in ONNX Runtime."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from lmfit import console
from lmfit.compression.export import export
from lmfit.compression.latency import Latency, Runner, measure, milliseconds, torch_runner
from lmfit.compression.quiet import quiet
from lmfit.compression.steps import Work
from lmfit.config.compression import CompressionConfig
from lmfit.data.framing import Framer
from lmfit.data.rows import Rows
from lmfit.errors import ConfigError
from lmfit.inference.onnx import open_session, run_session
from lmfit.runs import write_json
from lmfit.stages.distil import student_of
from lmfit.stages.prepare import tokenised
from lmfit.stages.quantize import maker, source_graph
from lmfit.stages.training import TaskObjective
from lmfit.tasks.base import model_inputs
from lmfit.tasks.tensors import Tensors

FILE = "latency.json"
TARGET = "latency_ratio"
LEAST_TOKENS = 64
NOISE, MARGIN = 1.1, 1.05
"""What a target may lie beyond what was measured before it is refused; how far beyond a target is aimed."""


@dataclass(frozen=True)
class Timed:
    """table: of the model that is to be pruned, in the form that is shipped; parent: the run's own, in PyTorch.

    length: tokens of the row that was answered; all in milliseconds.
    """

    table: Latency
    parent: float
    length: int
    form: str

    @property
    def least(self) -> float:
        """What is left with all that can go gone."""
        return self.table.other + sum(min(costs.values()) for costs in self.table.blocks)

    def budget(self, work: Work, ratio: float | None) -> float:
        """Milliseconds that the blocks may take. ratio: against the same form unpruned; None: as `targets` say.

        Raises ConfigError where even without all heads and neurons the model is slower than asked for.
        """
        if ratio is not None:
            _reachable(self.table.full / self.least, ratio, f"compression.prune.{TARGET}", " by pruning")
            return self.table.full / ratio - self.table.other
        aim = work.config.compression.targets[TARGET]
        _reachable(self.parent / self.least, aim, f"compression.targets.{TARGET}")
        return max(self.least, self.parent / (aim * MARGIN)) - self.table.other

    def told(self) -> dict[str, Any]:
        """For run.json."""
        names = {"milliseconds": self.table.full, "other_milliseconds": self.table.other, "parent": self.parent}
        return {"length": self.length, "form": self.form, **{name: round(ms, 4) for name, ms in names.items()}}


def timed(work: Work) -> Timed:
    """The table of the work's model: measured once, and kept in the run, since a resumed one must cut alike."""
    path, form = work.run.path / FILE, work.config.compression.quantize or "pytorch"
    if path.is_file() and work.run.is_locked():
        kept = json.loads(path.read_text())
        blocks = [{int(width): ms for width, ms in one.items()} for one in kept["table"]["blocks"]]
        work.measured["timed"] = Timed(**kept | {"table": Latency(**kept["table"] | {"blocks": blocks})})
    if "timed" not in work.measured:
        console.say(f"latency: timing heads and neurons ({form}) on this machine")
        inputs = _inputs(work)
        parent = _of_parent(work, inputs)
        table = measure(few_tokens(work.model, work.framer), runner(work, inputs))
        work.measured["timed"] = Timed(table, parent, inputs["input_ids"].shape[1], form)
    found: Timed = work.measured["timed"]
    if path.parent.is_dir():
        write_json(path, asdict(found))
    return found


def _of_parent(work: Work, inputs: Tensors) -> float:
    """Milliseconds of the run's own model, in PyTorch."""
    parent: Any = work.original.backend
    return milliseconds(torch_runner(inputs)(few_tokens(parent.model, work.framer)))


def check_speed(work: Work, model: Any) -> None:
    """Raises ConfigError where `model`, shipped as it is, would answer more slowly than `targets` ask for."""
    inputs = _inputs(work)
    parent = _of_parent(work, inputs)
    shipped = milliseconds(runner(work, inputs)(few_tokens(model, work.framer)))
    aim = work.config.compression.targets[TARGET]
    if aim > NOISE * parent / shipped:
        _reachable(parent / shipped, aim, f"compression.targets.{TARGET}")


def _reachable(most: float, ratio: float, where: str, by: str = "") -> None:
    """Raises ConfigError where a ratio is beyond the most there is."""
    if ratio > most:
        what = f"{TARGET} {ratio:g} cannot be reached{by}: at most {most:.2f} is to be gained here"
        fix = f"ask for {most * 0.95:.2f} or less, prune or quantize (more), or take a student with fewer layers"
        raise ConfigError(what, where=where, fix=fix)


def runner(work: Work, inputs: Tensors) -> Runner:
    """Answers one batch in the form that is shipped."""
    settings = work.config.compression
    return torch_runner(inputs) if settings.quantize is None else _onnx_runner(work.framer, inputs, settings)


def _onnx_runner(framer: Framer, inputs: Tensors, settings: CompressionConfig) -> Runner:
    """The model exported, fused, quantized and loaded as the whole one will be."""
    assert settings.quantize is not None
    how = settings.quantize
    batch = {name: tensor.numpy() for name, tensor in inputs.items()}

    def made(model: Any) -> Callable[[], object]:
        with TemporaryDirectory(prefix="lmfit-") as folder:
            target = Path(folder) / "shipped.onnx"
            exported = source_graph(model, framer, Path(folder), settings)
            with quiet():
                maker(exported.path, target, how, [batch])([])
            session = open_session(target)
        return lambda: run_session(session, batch)

    return made


def check_export(work: Work) -> None:
    """Raises InputError where the model (or a student by name) cannot be exported: before it is trained, not after."""
    distill = work.config.compression.distill
    by_name = distill is not None and distill.student is not None
    model = student_of(work, work.model, distill) if distill is not None and by_name else work.model
    with TemporaryDirectory(prefix="lmfit-") as folder:
        export(few_tokens(model, work.framer), work.framer, Path(folder), attention=False)


def few_tokens(model: Any, framer: Framer) -> Any:
    """A copy with a short table of tokens: what looking one up takes does not hang on how many there are."""
    table = model.get_input_embeddings()
    count = max(LEAST_TOKENS, framer.pad_id + 1)
    kept = table.weight.detach()[:count].clone()
    short = torch.nn.Embedding(len(kept), kept.shape[1], table.padding_idx, _weight=kept)
    made = copy.deepcopy(model, {id(table): short})
    made.config.vocab_size = len(kept)
    return made.eval()


def _inputs(work: Work) -> Tensors:
    """Model inputs of one row of the training rows' median length (or that of the config)."""
    rows: Rows = tokenised(work.task, work.framer, work.splits.train)
    prune = work.config.compression.prune
    length = (prune.length if prune else None) or int(np.median(rows.lengths))
    row = TaskObjective(work.task, work.framer).collate([rows[int(np.argmax(rows.lengths))]])
    inputs = model_inputs(row)
    ids = inputs["input_ids"]
    inputs["input_ids"] = ids.clamp(max=max(LEAST_TOKENS, work.framer.pad_id + 1) - 1)
    return {name: tensor.repeat(1, -(-length // tensor.shape[1]))[:, :length] for name, tensor in inputs.items()}
