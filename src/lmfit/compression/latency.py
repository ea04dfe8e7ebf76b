"""A table of milliseconds per structure, measured on this machine: pruning then buys real time (Kurtic et al. 2023)."""

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lmfit.compression.importance import widths
from lmfit.models.modeling_pruned import Block, blocks_of, layers_of
from lmfit.models.pruned import note_widths

Runner = Callable[[Any], Callable[[], object]]
"""Makes of a model a function that answers one batch with it, in the form that will serve."""

POINTS = 6
ROUNDS = 15


@dataclass(frozen=True)
class Latency:
    """blocks: of each block, width -> milliseconds; other: milliseconds of all that cannot be pruned."""

    blocks: list[dict[int, float]]
    other: float
    full: float

    def of(self, chosen: Sequence[int]) -> float:
        """Milliseconds of a model whose blocks have these widths."""
        return self.other + sum(table[width] for table, width in zip(self.blocks, chosen, strict=True))


def torch_runner(batch: dict[str, torch.Tensor]) -> Runner:
    """The model in PyTorch on one batch of inputs."""

    def runner(model: Any) -> Callable[[], object]:
        model.eval()

        def answer() -> object:
            with torch.inference_mode():
                return model(**batch)

        return answer

    return runner


def measure(model: Any, runner: Runner, rounds: int = ROUNDS) -> Latency:
    """Time single layers with some heads and no neurons, and the other way round; between widths it is interpolated.

    All variants are timed in turn, `rounds` times, and the median is taken: what else the machine does meets all alike.
    Layers of equal width share their table.
    """
    blocks = blocks_of(model)
    wanted: dict[tuple[str, int], list[int]] = {}
    for block in blocks:
        wanted.setdefault((block.part, block.units), _points(block))
    least = {block.part: block.least for block in blocks}
    variants = {(0, part, units, width) for (part, units), points in wanted.items() for width in points}
    made = {key: runner(_one_layer(model, key[1], key[2], key[3], least)) for key in sorted(variants)}
    nothing = (1, "", 0, 0)
    made[nothing] = runner(_one_layer(model, "", 0, 0, least))
    full = (2, "", 0, 0)
    made[full] = runner(copy.deepcopy(model))
    times = _medians(made, rounds)
    tables = {}
    for (part, units), points in wanted.items():
        above = np.maximum.accumulate([max(0.0, times[0, part, units, width] - times[nothing]) for width in points])
        tables[part, units] = (points, above)
    found = []
    for block in blocks:
        points, above = tables[block.part, block.units]
        found.append({width: float(np.interp(width, points, above)) for width in widths(block)})
    layers = sum(table[block.units] for table, block in zip(found, blocks, strict=True))
    return Latency(found, max(0.0, times[full] - layers), times[full])


def _points(block: Block) -> list[int]:
    """Widths to measure, ascending."""
    known = widths(block)
    chosen = {known[round(i * (len(known) - 1) / (POINTS - 1))] for i in range(POINTS)}
    return sorted(chosen)


def _one_layer(model: Any, part: str, units: int, width: int, least: dict[str, int]) -> Any:
    """The model with one layer alone: `width` of what `units` there are of one part, the least of the other."""
    made = copy.deepcopy(model)
    layers = layers_of(made)
    index = next((b.index for b in blocks_of(made) if b.part == part and b.units == units), 0)
    for other in reversed([i for i in range(len(layers)) if i != index]):
        del layers[other]
    for block in blocks_of(made):
        block.keep(range(width if block.part == part else least[block.part]))
    note_widths(made)
    return made


def milliseconds(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of some calls."""
    return _medians({"": act}, rounds)[""]


def _medians(made: dict[Any, Callable[[], object]], rounds: int) -> dict[Any, float]:
    """Milliseconds of each function, all called in turn; the first two calls are not counted."""
    taken: dict[Any, list[float]] = {key: [] for key in made}
    for number in range(rounds + 2):
        for key, act in made.items():
            started = time.perf_counter()
            act()
            if number >= 2:
                taken[key].append((time.perf_counter() - started) * 1000)
    return {key: statistics.median(values) for key, values in taken.items()}
