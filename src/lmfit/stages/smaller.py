"""Steps of `lmfit compress` without training: prune, trim the vocabulary."""

import copy
import json
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from lmfit import console
from lmfit.compression.latency import Latency, measure, torch_runner
from lmfit.compression.pieces import pieces_of
from lmfit.compression.prune import Costs, blocks, full_cost, prune, weight_costs
from lmfit.compression.sparse import zero_smallest, zero_two_of_four, zeros
from lmfit.compression.steps import Work
from lmfit.compression.vocabulary import changed, choose, trim_embeddings, trim_tokenizer
from lmfit.config.sizes import size_bytes
from lmfit.config.smaller import PruneConfig
from lmfit.data.batching import draw_rows, keyed_generator, split_by_tokens
from lmfit.data.framing import Framer
from lmfit.data.rows import Rows
from lmfit.errors import ConfigError
from lmfit.runs import write_json
from lmfit.stages.prepare import tokenised
from lmfit.stages.training import TaskObjective
from lmfit.tasks.base import model_inputs
from lmfit.tasks.tensors import Tensors

BYTES = 4
BATCH_TOKENS = 1024
LOOK_ROUNDS = 5
"""How often each structure is timed to see whether a target can be reached at all."""


def check_pruning(work: Work) -> None:
    """Raises InputError where the encoder cannot be pruned, or not as far as is asked for."""
    settings = work.config.compression.prune
    assert settings is not None
    if settings.pattern != "structured":
        return
    blocks(work.model)
    if settings.size is not None:
        _size_budget(work.model, settings.size)
    if settings.latency_ratio is not None:
        rows = tokenised(work.task, work.framer, work.splits.train)
        runner = torch_runner(_example(work, rows, settings.length or int(np.median(rows.lengths))))
        _reachable(measure(work.model, runner, LOOK_ROUNDS), settings.latency_ratio)


def prune_model(work: Work) -> Work:
    """Cut heads and neurons to the target, and fit what is left to the answers of the model before."""
    settings, started = work.config.compression.prune, time.perf_counter()
    assert settings is not None
    model = copy.deepcopy(work.model)
    if settings.pattern != "structured":
        return _zeroed(work, model, settings)
    blocks(model)
    rows = tokenised(work.task, work.framer, work.splits.train)
    objective, batches = TaskObjective(work.task, work.framer), _batches(work, rows, settings.rows)
    costs, budget, facts = target_of(work, settings, rows)
    parameters = model.num_parameters()
    cut = prune(model, objective, batches, costs=costs, budget=budget, scores=settings.scores, refitted=settings.refit)
    weights = weight_costs(model)
    told = {
        **facts,
        **cut.as_dict,
        "scores": settings.scores,
        "refit": settings.refit,
        "parameters": {"before": parameters, "after": model.num_parameters()},
        "seconds": round(time.perf_counter() - started, 3),
    }
    console.say(f"prune: {_widths(cut.layers)}; {full_cost(model, weights):,.0f} weights left in the layers")
    return replace(work, model=model, facts={**work.facts, "prune": told})


def _zeroed(work: Work, model: Any, settings: PruneConfig) -> Work:
    """Weights set to zero one by one, which makes nothing faster."""
    if settings.pattern == "2:4":
        zero_two_of_four(model)
    else:
        zero_smallest(model, settings.sparsity or 0.0)
    share = zeros(model)
    console.warn(f"{settings.pattern}: {share:.1%} of the layers' weights are zero; a CPU computes no faster with them")
    return replace(work, model=model, facts={**work.facts, "prune": {"pattern": settings.pattern, "zeros": share}})


def _widths(layers: list[dict[str, Any]]) -> str:
    """`heads 12 7 5, neurons 1536 900 32`: what is left of each layer."""
    parts = {part: [str(one["after"]) for one in layers if one["part"] == part] for part in ("heads", "neurons")}
    return ", ".join(f"{part} {' '.join(widths)}" for part, widths in parts.items())


def _batches(work: Work, rows: Rows, count: int) -> list[Tensors]:
    """Batches of `count` training rows drawn by the seed, shortest first, on the device."""
    drawn = draw_rows(keyed_generator(work.config.seed, "pruning rows"), len(rows), count)
    order = drawn[np.argsort(rows.lengths[drawn], kind="stable")]
    collate = TaskObjective(work.task, work.framer).collate
    pieces = split_by_tokens(order, rows.lengths[order], BATCH_TOKENS)
    made = [collate([rows[int(i)] for i in piece]) for piece in pieces]
    return [{name: tensor.to(work.device.torch_device) for name, tensor in batch.items()} for batch in made]


def target_of(work: Work, settings: PruneConfig, rows: Rows) -> tuple[Costs, float, dict[str, Any]]:
    """What each width costs, the budget, and what to tell of both. Raises ConfigError where it cannot be reached."""
    if settings.latency_ratio is not None:
        length = settings.length or int(np.median(rows.lengths))
        table = _table(work, rows, length)
        _reachable(table, settings.latency_ratio)
        told = {"length": length, "milliseconds": round(table.full, 4), "other_milliseconds": round(table.other, 4)}
        return table.blocks, table.full / settings.latency_ratio - table.other, {"latency": told}
    costs = weight_costs(work.model)
    full = full_cost(work.model, costs)
    if settings.sparsity is not None:
        return costs, full * (1 - settings.sparsity), {"sparsity": settings.sparsity}
    assert settings.size is not None
    return costs, _size_budget(work.model, settings.size), {"size": settings.size}


def _size_budget(model: Any, size: str) -> float:
    """Weights that the layers' heads and neurons may have. Raises ConfigError where all the others are too many."""
    costs = weight_costs(model)
    rest = model.num_parameters() - full_cost(model, costs)
    budget: float = size_bytes(size) / BYTES - rest
    least = sum(min(cost.values()) for cost in costs)
    if budget < least:
        what = f"{size} cannot be reached: without its layers' heads and neurons the model has "
        what += f"{(rest + least) * BYTES / 1e6:.1f} MB"
        fix = "a larger size; --trim-vocabulary and --quantize int8 make the embeddings smaller"
        raise ConfigError(what, where="compression.prune.size", fix=fix)
    return budget


def _table(work: Work, rows: Rows, length: int) -> Latency:
    """Measured, and kept in the run: a resumed run must cut alike."""
    path = work.run.path / "latency.json"
    if path.is_file():
        kept = json.loads(path.read_text())
        return Latency([{int(w): ms for w, ms in one.items()} for one in kept["blocks"]], kept["other"], kept["full"])
    table = measure(work.model, torch_runner(_example(work, rows, length)))
    write_json(path, asdict(table))
    return table


def _reachable(table: Latency, ratio: float) -> None:
    """Raises ConfigError where even without all heads and neurons the model is slower than asked for."""
    most = table.full / (table.other + sum(min(costs.values()) for costs in table.blocks))
    if ratio > most:
        what = f"latency_ratio {ratio:g} cannot be reached by pruning: at most {most:.2f} is left to gain here"
        fix = f"ask for {most * 0.95:.2f} or less, or take a student with fewer layers (--distill)"
        raise ConfigError(what, where="compression.prune.latency_ratio", fix=fix)


def _example(work: Work, rows: Rows, length: int) -> Tensors:
    """Model inputs of one row of `length` tokens, filled with those of the training data."""
    row = TaskObjective(work.task, work.framer).collate([rows[int(np.argmax(rows.lengths))]])
    inputs = model_inputs(row)
    return {name: tensor.repeat(1, -(-length // tensor.shape[1]))[:, :length] for name, tensor in inputs.items()}


def check_vocabulary(work: Work) -> None:
    """Raises InputError for tokenizers and models whose vocabulary cannot be trimmed."""
    pieces_of(json.loads(work.framer.backend.to_str())["model"])


def trim_vocabulary(work: Work) -> Work:
    """Keep the tokens of the training and validation text, frequent ones and characters; tell what that changes."""
    settings, started = work.config.compression.trim_vocabulary, time.perf_counter()
    assert settings is not None
    splits = [split for split in (work.splits.train, work.splits.validation) if split is not None]
    used = np.concatenate([tokenised(work.task, work.framer, split).distinct("input_ids") for split in splits])
    trimming = choose(work.framer.tokenizer, work.model.config, used, settings.reserve)
    framer = Framer(trim_tokenizer(work.framer.tokenizer, trimming), work.framer.max_length, work.framer.overflow)
    model = copy.deepcopy(work.model)
    trim_embeddings(model, trimming)
    held = {name: split for name in ("validation", "test") if (split := getattr(work.splits, name)) is not None}
    told = {name: asdict(changed(work.task, split, work.framer, framer, trimming)) for name, split in held.items()}
    before, after = trimming.before, len(trimming.kept)
    width = model.get_input_embeddings().weight.shape[1]
    facts = {
        "tokens": {"before": before, "after": after},
        "reserve": settings.reserve,
        "saved_bytes_fp32": (before - after) * width * BYTES,
        "changed": told,
        "seconds": round(time.perf_counter() - started, 3),
    }
    console.say(f"vocabulary: {after:,} of {before:,} tokens kept{_told(told)}")
    return replace(work, model=model, framer=framer, facts={**work.facts, "trim_vocabulary": facts})


def _told(changes: dict[str, dict[str, Any]]) -> str:
    last = list(changes.items())[-1:]
    return "".join(f"; {one['texts']:.1%} of {name} texts are cut otherwise" for name, one in last)
