"""Build, train, score and save what `lmfit pretrain` makes."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from lmfit import console
from lmfit.data.batching import key
from lmfit.device import Device, seeded
from lmfit.durable import publish, write_text
from lmfit.evaluation.language import score_language
from lmfit.evaluation.scores import Scores
from lmfit.models.by_layer import can_compile, checkpointed, compiled
from lmfit.models.load import quiet_transformers
from lmfit.models.plain import LMFIT_KEY
from lmfit.models.positions import positions
from lmfit.models.quick_dropout import quick_dropout
from lmfit.models.shared_cast import shared_cast
from lmfit.pretraining.architecture import continued_model, dropout_at, new_model
from lmfit.pretraining.beginning import begin_with_counts
from lmfit.pretraining.held_out import (
    HeldOut,
    add_pseudo_perplexity,
    count_tokens,
    document_rows,
    metrics_of,
    score_frequencies,
)
from lmfit.runs import Run, write_json
from lmfit.stages.calling import Call, call_others, shared_out
from lmfit.stages.corpus import Ready, TextMaterial
from lmfit.stages.judge import Judge
from lmfit.stages.scoring import write_scores
from lmfit.stages.versions import versions
from lmfit.training.budget import Budget
from lmfit.training.checkpoint import Checkpoints, TrainState
from lmfit.training.distributed import COMPANY
from lmfit.training.guards import Finite, Halved, Room
from lmfit.training.hooks import KeepBest, Lead, Log, Progress, Save, StopOnSignal
from lmfit.training.memory import limit_bytes
from lmfit.training.trainer import Hook, Trainer
from lmfit.version import __version__

HEADLINE = "loss"
BASELINE = "token_frequency"


def build(run: Run, ready: Ready, device: Device) -> Any:
    """The model on the device; its new weights follow from the seed alone. What was made of its heads is said."""
    config = ready.config
    with seeded(key(config.seed, "model")):
        if ready.source is None:
            model = new_model(config.model, ready.tokenizer, config.pretraining.max_length, ready.weights)
            if config.pretraining.beginning == "counts":
                console.say(
                    "model: begins with what is counted in the text: which tokens stand together, and how often"
                )
                begin_with_counts(model, ready.rows["train"].sequences, config.seed)
        else:
            model, told = continued_model(ready.source, ready.weights)
            console.say(f"model: {ready.source}; language-model head: {told}")
            run.record(model=run.manifest["model"] | {"language_model_head": told})
    return model.to(device.torch_device)


def pretrain(
    run: Run, ready: Ready, model: Any, device: Device, checkpoints: Checkpoints, more_hooks: Sequence[Hook] = ()
) -> TrainState:
    """Train with all hooks; afterwards the model holds the weights of the lowest held-out loss.

    more_hooks: what else is to happen, once a step is judged.
    """
    config = ready.config
    log = Log(run.path / "log.jsonl", config.training.log_every)
    hooks: list[Hook] = [Room(keeps_best=True), Progress()]
    hooks += [Finite(run.path, log, config.training.on_nan, _describe(ready)), log, Halved(run.record)]
    if config.training.budget is not None:
        hooks.insert(0, Budget(config.training.budget))
    stop = StopOnSignal(str(run.path))
    hooks += [_keep_best(ready, model, device, log), *more_hooks, Save(config.training.checkpoint_every)]
    hooks += [stop, Lead()]
    if shared := shared_out(config.training, device.processes):
        console.say(shared)
    call = Call(ready.material, model, device, training_form, text_trainer)
    call_others(call)
    return call.lead(checkpoints, hooks)


def text_trainer(
    ready: TextMaterial, model: Any, device: Device, checkpoints: Checkpoints, hooks: Sequence[Hook] = ()
) -> Trainer:
    """The trainer that the config asks for."""
    config, ranks = ready.config, COMPANY.ranks()
    return Trainer(
        model,
        ready.objective("train"),
        ready.rows["train"],
        config.training,
        device=device,
        seed=config.seed,
        checkpoints=checkpoints,
        hooks=hooks,
        memory_limit=limit_bytes(config.device.memory_limit) // ranks.local_count,
        ranks=ranks,
        plan=ready.plan(),
    )


def _keep_best(ready: Ready, model: Any, device: Device, log: Log) -> KeepBest:
    """Judge the weights on held-out documents, always the same tokens hidden."""
    config, objective = ready.config, ready.objective("held out")
    held = HeldOut.of(ready.rows["validation"], config.evaluation.tokens, config.seed, "validation")
    return KeepBest(
        lambda: metrics_of(held.score(model, objective, device)),
        log,
        metric=HEADLINE,
        higher_is_better=False,
        every=config.training.evaluate_every,
        patience=config.training.early_stopping,
    )


@contextmanager
def training_form(ready: TextMaterial, model: Any, device: Device) -> Iterator[None]:
    """The model in the form that is trained; afterwards it is as any loader expects it."""
    training, dropout = ready.config.training, ready.config.pretraining.dropout
    with ExitStack() as forms:
        forms.enter_context(dropout_at(model, dropout))
        if training.compile and can_compile(device):
            forms.enter_context(compiled(model))
        else:
            forms.enter_context(shared_cast(model))
            if device.kind == "cpu" and dropout:
                forms.enter_context(quick_dropout(model))
        if training.gradient_checkpointing:
            forms.enter_context(checkpointed(model))
        yield


def _describe(ready: Ready) -> Any:
    """Which documents rows are part of."""
    document = ready.rows["train"].sequences.document

    def describe(numbers: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        count = len(document)
        return {
            n: {"origin": f"training document {int(document[n % count]) + 1}", "epoch": n // count} for n in numbers
        }

    return describe


def score_text(run: Run, ready: Ready, model: Any, device: Device) -> dict[str, Any]:
    """Held-out loss and the rest, beside token frequencies; predictions/ holds the sums of each document."""
    started = time.perf_counter()
    config = ready.config
    objective, judge = ready.objective("held out"), Judge(config.evaluation.resamples, config.seed, texts=False)
    counts = count_tokens(ready.rows["train"].sequences.ids, len(ready.tokenizer))
    scores: dict[str, Scores] = {}
    frequent: dict[str, Scores] = {}
    tokens = 0
    for split in ready.scored:
        held = HeldOut.of(ready.rows[split], config.evaluation.tokens, config.seed, split)
        sums = held.score(model, objective, device)
        tokens += int(ready.rows[split].lengths[held.chosen].sum())
        if split == "test" and objective.masking is not None and config.evaluation.pseudo_perplexity:
            add_pseudo_perplexity(held, sums, model, objective, device, config.evaluation.pseudo_perplexity)
        scores[split] = score_language(sums, resamples=judge.resamples, seed=judge.seed)
        beside = score_frequencies(held, objective, counts)
        frequent[split] = score_language(beside, resamples=judge.resamples, seed=judge.seed)
        lines = (json.dumps(row) + "\n" for row in document_rows(held, sums))
        run.predictions(split).parent.mkdir(exist_ok=True)
        write_text(run.predictions(split), "".join(lines))
    facts = write_scores(run, scores, {BASELINE: frequent}, judge)
    seconds = time.perf_counter() - started
    return {"evaluate_seconds": seconds, "predict_rate": tokens / max(seconds, 1e-9), **facts}


def save_pretrained(run: Run, ready: Ready, model: Any) -> None:
    """model/ in Hugging Face format, with its tokenizer, which knows the longest input; appears whole."""
    temporary = run.model.with_name(f".writing-{run.model.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    facts = {"version": __version__, "pretrained": ready.weights, "max_length": ready.config.pretraining.max_length}
    setattr(model.config, LMFIT_KEY, facts)
    ready.tokenizer.model_max_length = positions(model.config) or ready.tokenizer.model_max_length
    with quiet_transformers():
        model.save_pretrained(temporary)
        ready.tokenizer.save_pretrained(temporary)
    publish(temporary, run.model)


def record_pretraining(run: Run, stage: str, ready: Ready, device: Device, exactness: str, **remarks: Any) -> None:
    """What is known before training: ledger.json and run.json."""
    config, source = ready.config, ready.source
    write_json(run.path / "ledger.json", ready.ledger())
    name = source.name if source else f"{config.model.architecture}, new"
    run.record(
        status="running",
        error=None,
        memory=None,
        stage=stage,
        task="+".join(ready.weights),
        kind="language",
        backend="pytorch",
        exactness=exactness,
        seed=config.seed,
        device=device.describe(),
        precision=device.precision,
        versions=versions(),
        data=ready.fingerprints,
        model={"name": name, "kind": source.kind if source else "new", "commit": ready.commit},
        parent=source.name if source and source.kind == "run" else None,
        warnings=list(ready.warnings),
        timing={"prepare_seconds": round(ready.seconds, 3)},
        **remarks,
    )
