"""Steps of `lmfit compress` without training: prune, trim the vocabulary."""

import copy
import json
import time
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np

from lmfit import console
from lmfit.compression.depth import fewer_layers
from lmfit.compression.importance import Scores
from lmfit.compression.pieces import pieces_of
from lmfit.compression.prune import Costs, Cut, blocks, full_cost, least_cost, prune, weight_costs
from lmfit.compression.sparse import zero_smallest, zero_two_of_four, zeros
from lmfit.compression.steps import Work
from lmfit.compression.vocabulary import changed, choose, trim_embeddings, trim_tokenizer
from lmfit.config.sizes import size_bytes
from lmfit.config.smaller import LEARNT, PruneConfig
from lmfit.data.batching import draw_rows, keyed_generator, split_by_tokens
from lmfit.data.framing import Framer
from lmfit.errors import ConfigError
from lmfit.models.modeling_pruned import layers_of
from lmfit.stages.milliseconds import TARGET, timed
from lmfit.stages.prepare import tokenised
from lmfit.stages.retaining import check_retaining, cut_retaining
from lmfit.stages.training import TaskObjective
from lmfit.tasks.tensors import Tensors

BYTES = 4
BATCH_TOKENS = 1024


def check_pruning(work: Work) -> None:
    """Raises InputError where the encoder cannot be pruned, or not as far as is asked for."""
    settings = work.config.compression.prune
    assert settings is not None
    if settings.pattern != "structured":
        return
    blocks(work.model)
    if settings.layers is not None:
        _check_layers(settings.layers, len(layers_of(work.model)))
    elif settings.size is not None:
        _size_budget(work.model, settings.size)
    elif settings.latency_ratio is not None or TARGET in work.config.compression.targets:
        _check_length(settings.length, work.framer.max_length)
        timed(work).budget(work, settings.latency_ratio)
    elif settings.sparsity is not None:
        _check_sparsity(work.model, settings.sparsity)
    else:
        check_retaining(work)


def _check_length(length: int | None, most: int) -> None:
    """Raises ConfigError where the row that latency is measured with is longer than the model takes."""
    if length is not None and length > most:
        what = f"the run takes at most {most} tokens at once"
        raise ConfigError(what, where="compression.prune.length", fix=f"length={most} or less; null: the rows' median")


def _check_sparsity(model: Any, sparsity: float) -> None:
    """Raises ConfigError where more weights are to go than can."""
    costs = weight_costs(model)
    most = 1 - least_cost(costs) / full_cost(model, costs)
    if sparsity > most:
        what = f"a sparsity of {sparsity:g} cannot be reached: biases stay"
        raise ConfigError(what, where="compression.prune.sparsity", fix=f"{np.floor(most * 1e4) / 1e4:g} or less")


def _check_layers(count: int, depth: int) -> None:
    """Raises ConfigError where there are not more layers than are to stay."""
    if count >= depth:
        what = f"{console.counted(count, 'layer')} shall stay, and there are {depth}"
        raise ConfigError(what, where="compression.prune.layers", fix=f"{depth - 1} or less")


def prune_model(work: Work) -> Work:
    """Cut heads and neurons to the target, and fit what is left to the answers of the model before."""
    started = time.perf_counter()
    pruned = _pruned(work)
    told = {**pruned.facts["prune"], "seconds": round(time.perf_counter() - started, 3)}
    return replace(pruned, facts={**pruned.facts, "prune": told})


def _pruned(work: Work) -> Work:
    settings = work.config.compression.prune
    assert settings is not None
    if settings.pattern != "structured":
        return _zeroed(work, copy.deepcopy(work.model), settings)
    objective, batches = TaskObjective(work.task, work.framer), calibration(work, settings.rows)
    parameters = work.model.num_parameters()
    work, shallow = _fewer_layers(work, settings, objective, batches)
    if settings.layers is not None and not _has_target(work, settings):
        told = {**shallow, "parameters": {"before": parameters, "after": work.model.num_parameters()}}
        return replace(work, facts={**work.facts, "prune": told})
    model, cut, facts = _cut(work, settings, objective, batches)
    weights = weight_costs(model)
    told = {
        **shallow,
        **facts,
        **cut.as_dict,
        "scores": settings.scores,
        "refit": settings.refit,
        "parameters": {"before": parameters, "after": model.num_parameters()},
    }
    console.say(f"prune: {_widths(cut.layers)}; {full_cost(model, weights):,.0f} weights left in the layers")
    return replace(work, model=model, facts={**work.facts, "prune": told})


def _fewer_layers(
    work: Work, settings: PruneConfig, objective: TaskObjective, batches: list[Tensors]
) -> tuple[Work, dict[str, Any]]:
    """The work with as many layers as are to stay, and what to tell of those that went."""
    if settings.layers is None:
        return work, {}
    model, gone = fewer_layers(work.model_on_device(), objective, batches, settings.layers)
    console.say(f"prune: layers {', '.join(str(one['layer']) for one in gone)} (from 0) are gone")
    return replace(work, model=model.cpu(), measured={}), {"layers_gone": gone}


def _cut(
    work: Work, settings: PruneConfig, objective: TaskObjective, batches: list[Tensors]
) -> tuple[Any, Cut, dict[str, Any]]:
    """The pruned model, what became of its blocks, and what to tell of the target."""
    scores, refitted = judged_by(settings), settings.refit
    if not _has_target(work, settings):
        return cut_retaining(work, objective, batches, scores, refitted=refitted)
    costs, budget, facts = target_of(work, settings)
    model = work.model_on_device()
    return model, prune(model, objective, batches, costs=costs, budget=budget, scores=scores, refitted=refitted), facts


def judged_by(settings: PruneConfig) -> Scores:
    """How units are judged where nothing learns it."""
    assert settings.scores not in LEARNT
    return cast(Scores, settings.scores)


def _has_target(work: Work, settings: PruneConfig) -> bool:
    """Whether it is said how many heads and neurons go, or how fast the rest must be."""
    own = (settings.sparsity, settings.size, settings.latency_ratio)
    return own != (None, None, None) or TARGET in work.config.compression.targets


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


def calibration(work: Work, count: int) -> list[Tensors]:
    """Batches of `count` training rows drawn by the seed, shortest first, on the device."""
    rows = tokenised(work.task, work.framer, work.splits.train)
    drawn = draw_rows(keyed_generator(work.config.seed, "pruning rows"), len(rows), count)
    order = drawn[np.argsort(rows.lengths[drawn], kind="stable")]
    collate = TaskObjective(work.task, work.framer).collate
    pieces = split_by_tokens(order, rows.lengths[order], BATCH_TOKENS)
    made = [collate([rows[int(i)] for i in piece]) for piece in pieces]
    return [{name: tensor.to(work.device.torch_device) for name, tensor in batch.items()} for batch in made]


def target_of(work: Work, settings: PruneConfig) -> tuple[Costs, float, dict[str, Any]]:
    """What each width costs, the budget, and what to tell of both. Raises ConfigError where it cannot be reached."""
    if settings.sparsity is None and settings.size is None:
        found = timed(work)
        return found.table.blocks, found.budget(work, settings.latency_ratio), {"latency": found.told()}
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
    least = least_cost(costs)
    if budget < least:
        what = f"{size} cannot be reached: without its layers' heads and neurons the model has "
        what += f"{(rest + least) * BYTES / 1e6:.1f} MB"
        fix = "a larger size; --trim-vocabulary and --quantize int8 make the embeddings smaller"
        raise ConfigError(what, where="compression.prune.size", fix=fix)
    return budget


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
