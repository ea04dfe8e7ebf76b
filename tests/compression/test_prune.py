"""Structured pruning: the cheapest units go, budgets are kept, what is left answers like the parent."""

import copy
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.compression.importance import Curve, curves, widths
from lmfit.compression.latency import measure
from lmfit.compression.prune import full_cost, prune, weight_costs
from lmfit.compression.search import choose_widths
from lmfit.errors import InputError
from lmfit.models.modeling_pruned import blocks_of, widths_of


class _Objective:
    """Tag each token by the parity of its id."""

    def collate(self, rows: Sequence[Any]) -> Any:
        raise NotImplementedError

    def targets(self, batch: Any) -> float:
        return float(batch["attention_mask"].sum())

    def loss(self, logits: torch.Tensor, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum")


def _batches(count: int = 6) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    made = []
    for _ in range(count):
        ids = torch.randint(5, 60, (8, 12), generator=generator)
        mask = torch.ones_like(ids)
        mask[::2, 9:] = 0
        made.append({"input_ids": ids, "attention_mask": mask, "labels": torch.where(mask == 1, ids % 2, -100)})
    return made


def _model(folder: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=2)
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn(parameter.shape))
    return model.eval()


@pytest.mark.parametrize("scores", ["reconstruction", "fisher", "magnitude"])
def test_idle_units_go_first_and_for_free(scores: Any, tiny: Callable[[str], Path]) -> None:
    model = _model(tiny("bert"))
    for block in blocks_of(model):
        idle = slice(block.size, None) if block.part == "heads" else slice(24, None)
        block.reader.weight.data[:, idle] = 0
    before = copy.deepcopy(model)
    batch = _batches(1)[0]
    costs = weight_costs(model)
    cut = prune(model, _Objective(), _batches(), costs=costs, budget=0.5 * full_cost(model, costs), scores=scores)
    assert cut.cost <= cut.budget
    assert cut.loss < 1e-9
    with torch.no_grad():
        seen = batch["attention_mask"].bool()
        torch.testing.assert_close(
            model(batch["input_ids"], batch["attention_mask"]).logits[seen],
            before(batch["input_ids"], batch["attention_mask"]).logits[seen],
            atol=1e-4,
            rtol=1e-4,
        )


@pytest.mark.parametrize("family", ["bert", "distilbert", "deberta-v2"])
def test_refitting_brings_answers_nearer_to_the_parent(family: str, tiny: Callable[[str], Path]) -> None:
    parent = _model(tiny(family))
    costs = weight_costs(parent)
    apart = []
    for refitted in (False, True):
        model = copy.deepcopy(parent)
        prune(model, _Objective(), _batches(), costs=costs, budget=0.4 * full_cost(parent, costs), refitted=refitted)
        batch = _batches(7)[-1]
        with torch.no_grad():
            logits = [m(batch["input_ids"], batch["attention_mask"]).logits for m in (model, parent)]
        apart.append(float((logits[0] - logits[1])[batch["attention_mask"].bool()].square().mean()))
    assert apart[1] < 0.7 * apart[0]
    kept = widths_of(model)
    assert model.config.pruned == kept
    assert sum(kept["neurons"]) < 2 * 64


def test_loss_of_a_curve_is_what_removal_does(tiny: Callable[[str], Path]) -> None:
    """Reconstruction with one output that alone matters: the estimate is half its weighted squared error."""
    model = _model(tiny("bert"))
    found = curves(model, _Objective(), _batches(), "reconstruction")
    for block, curve in zip(blocks_of(model), found, strict=True):
        assert curve.kept == widths(block)
        assert sorted(curve.order) == list(range(block.units))
        assert np.all(np.diff(curve.loss) >= -1e-12)


def test_best_widths_equal_those_of_all_tries() -> None:
    generator = np.random.default_rng(0)
    made, costs = [], []
    for _ in range(4):
        kept = [3, 2, 1, 0]
        made.append(Curve([0, 1, 2], kept, [0.0, *np.cumsum(generator.random(3)).tolist()]))
        costs.append({width: float(width * generator.integers(1, 5)) for width in kept})
    budget = 0.45 * sum(cost[3] for cost in costs)
    tries = product(range(4), repeat=4)
    allowed = [t for t in tries if sum(costs[i][made[i].kept[level]] for i, level in enumerate(t)) <= budget]
    best = min(allowed, key=lambda t: sum(made[i].loss[level] for i, level in enumerate(t)))
    chosen = choose_widths(made, costs, budget)
    loss = sum(curve.loss[curve.kept.index(width)] for curve, width in zip(made, chosen, strict=True))
    assert loss <= sum(made[i].loss[level] for i, level in enumerate(best)) + 1e-9
    assert sum(cost[width] for cost, width in zip(costs, chosen, strict=True)) <= budget


def test_what_cannot_be_reached_is_said(tiny: Callable[[str], Path]) -> None:
    model = _model(tiny("distilbert"))
    with pytest.raises(InputError, match="cannot be reached"):
        prune(model, _Objective(), _batches(1), costs=weight_costs(model), budget=10)
    with pytest.raises(InputError, match="cannot be pruned"):
        weight_costs(_model(tiny("albert")))


def test_latency_table_adds_up(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that charges 3 ms a head, 0.01 ms a neuron and 5 ms besides."""

    def clock(made: dict[Any, Callable[[], Any]], rounds: int) -> dict[Any, float]:
        taken = {key: act() for key, act in made.items()}
        return {key: 5 + 3 * sum(w["heads"]) + 0.01 * sum(w["neurons"]) for key, w in taken.items()}

    monkeypatch.setattr("lmfit.compression.latency._medians", clock)
    model = _model(tiny("bert"))
    table = measure(model, lambda one: lambda: widths_of(one))
    assert table.full == pytest.approx(5 + 3 * 4 + 0.01 * 128)
    assert table.other == pytest.approx(5)
    for block, costs in zip(blocks_of(model), table.blocks, strict=True):
        each = 3 if block.part == "heads" else 0.01
        assert costs == pytest.approx({width: each * width for width in widths(block)})
    assert table.of([1, 64, 0, 8]) == pytest.approx(5 + 3 + 0.72)
