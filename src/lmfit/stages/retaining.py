"""How much can go before a metric falls below what must be retained: a search over shares, without training."""

import copy
from collections.abc import Sequence
from itertools import islice
from typing import Any

from lmfit import console
from lmfit.compression.importance import Scores, curves
from lmfit.compression.prune import Cut, cut_to, full_cost, least_cost, weight_costs
from lmfit.compression.prune import blocks as blocks_of
from lmfit.compression.refit import refit
from lmfit.compression.steps import Work
from lmfit.config.compression import RETAINED
from lmfit.errors import ConfigError, VerdictError
from lmfit.inference.backends import TorchBackend
from lmfit.inference.predictor import Predictor
from lmfit.stages.judge import Judge
from lmfit.stages.targets import retained
from lmfit.stages.training import TaskObjective
from lmfit.tasks.tensors import Tensors

ROUNDS, MOST_EXAMPLES = 5, 1000


def check_retaining(work: Work) -> None:
    """Raises ConfigError without validation rows, on which the search looks."""
    if work.splits.validation is None:
        what = "how much can go is found out on validation data, and there is none"
        raise ConfigError(what, where="compression.targets", fix="set data.validation={split: 0.1}, or prune.sparsity")


def cut_retaining(
    work: Work, objective: TaskObjective, batches: Sequence[Tensors], scores: Scores, *, refitted: bool
) -> tuple[Any, Cut, dict[str, Any]]:
    """The model without the largest share of heads and neurons, in 32nds, that leaves what `targets` retain.

    The metrics are those of at most 1,000 validation rows. Raises VerdictError where not even a 32nd can go.
    """
    parent = work.model_on_device()
    least, costs = curves(parent, objective, batches, scores), weight_costs(parent)
    full, before = full_cost(parent, costs), _scores(work, parent)
    low, high, best, tried = 0.0, 1.0, None, []
    for _ in range(ROUNDS):
        share = (low + high) / 2
        model = copy.deepcopy(parent)
        cut = cut_to(model, blocks_of(model), least, costs, max(full * (1 - share), least_cost(costs)))
        if refitted:
            refit(model, parent, batches)
        found = retained(_wanted(work), _scores(work, model), before)
        kept = all(value is not None and value >= _wanted(work)[name] for name, value in found.items())
        console.say(f"prune: {share:.1%} gone: {', '.join(f'{name} {value}' for name, value in found.items())}")
        tried.append({"share": share, **found})
        low, high, best = (share, high, (model, cut)) if kept else (low, share, best)
    if best is None:
        what = f"no {1 / 2**ROUNDS:.1%} of heads and neurons can go: {tried[-1]} on validation"
        raise VerdictError(what, where="compression.targets", fix="ask for less to be retained, or train: --distill")
    return *best, {"searched": tried}


def _wanted(work: Work) -> dict[str, float]:
    targets = work.config.compression.targets
    return {name: value for name, value in targets.items() if name.endswith(RETAINED)}


def _scores(work: Work, model: Any) -> Any:
    rows = work.splits.validation
    assert rows is not None
    predictor = Predictor(TorchBackend(model, work.device), work.task, work.framer)
    judge = Judge(resamples=0, seed=work.config.seed, texts=False)
    chosen = list(islice(rows, 0, None, -(-len(rows) // MOST_EXAMPLES)))
    return judge.score(predictor, chosen, total=len(chosen), out=None)
