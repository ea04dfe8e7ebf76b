"""Ranks: equal work, equal mathematics, agreement."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmfit.config.load import load_config
from lmfit.data.batching import BatchPlan
from lmfit.data.rows import Rows
from lmfit.device import Device
from lmfit.errors import InputError, LmfitError
from lmfit.stages.prepare import Material, prepare
from lmfit.stages.training import TaskObjective
from lmfit.training.checkpoint import Checkpoints
from lmfit.training.distributed import ALONE, COMPANY, Ranks
from lmfit.training.r_drop import RDrop
from lmfit.training.trainer import Trainer
from lmfit.training.transfer import receive, send
from two_ranks import on_ranks

CPU = Device("cpu", None, "cpu", "fp32", 1)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"micro_batch_size": 3},
    "unequal": {"batch_size": 31, "micro_batch_size": 5},
    "idle": {"batch_size": 1},
    "attacked": {"adversarial": "fgm"},
    "twice": {"r_drop": 1.0},
}
SHARDED = ("plain", "unequal", "idle", "attacked")


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_ranks_get_equal_work(count: int) -> None:
    lengths = np.random.default_rng(1).integers(3, 120, 2000)
    plan = BatchPlan(lengths, 1, batch_size=32)
    padded = []
    for batch in plan.epoch(0):
        dealt = Ranks(0, count).dealt(batch)
        assert sorted(np.concatenate(dealt)) == sorted(batch)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
        real = [lengths[rows].sum() for rows in dealt]
        assert max(real) - min(real) <= lengths[batch].max()
        padded.append([len(rows) * lengths[rows].max() for rows in dealt])
    assert np.mean(np.max(padded, 1) / np.mean(padded, 1)) < 1.05


def gradients(material: Material, source: str, ranks: Ranks, folder: Path, settings: dict[str, Any]) -> Any:
    """Loss and gradients of the second step, in float64 and without dropout."""
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, material.task.auto_class).from_pretrained(
        source,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        dtype=torch.float64,
        **material.task.model_settings(),
    )
    training = material.config.training.model_copy(update={"batch_size": 32, **settings})
    objective: Any = TaskObjective(material.task, material.framer)
    if training.r_drop:
        objective = RDrop(objective, training.r_drop)
    trainer = Trainer(
        model, objective, material.rows, training, device=CPU, seed=1, checkpoints=Checkpoints(folder, 1), ranks=ranks
    )
    loss, tokens = trainer.gradients(1)
    trained = trainer.placement.trained.parameters()
    found = [p.grad for p in trained if p.grad is not None]
    return loss, tokens, [g.full_tensor() if hasattr(g, "full_tensor") else g for g in found]


def test_two_ranks_give_the_gradient_of_one(tiny_config: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = load_config("finetune", tiny_config("token-classification", task={"class_weights": "balanced"})).config
    prepared = prepare(config)

    def work(ranks: Callable[[], Ranks]) -> list[Any]:
        given = (prepared.material, prepared.source.where, ranks(), tmp_path)
        found = [gradients(*given, settings) for settings in VARIANTS.values()]
        return found + [gradients(*given, {**VARIANTS[name], "sharding": "full"}) for name in SHARDED]

    alone = work(lambda: ALONE)
    for found in on_ranks(2, tmp_path, work, COMPANY.ranks):
        for name, one, two in zip([*VARIANTS, *SHARDED], alone, found, strict=True):
            assert one[0] == pytest.approx(two[0], rel=1e-10), name
            assert one[1] == two[1]
            assert max(float(g.abs().max()) for g in one[2]) > 1e-4
            for a, b in zip(one[2], two[2], strict=True):
                assert torch.allclose(a, b, rtol=0, atol=1e-10), name


def rows_in(path: Path) -> Rows:
    tokens = {"input_ids": np.memmap(path, dtype=np.int32, mode="r")}
    return Rows(np.array([0, 2]), np.array([2, 3]), tokens, {}, {})


def meet(folder: Path) -> dict[str, Any]:
    """What two ranks say to each other."""
    ranks = COMPANY.ranks()
    found: dict[str, Any] = {}
    for name in ("there", "elsewhere"):
        if ranks.rank == 0:
            tied = torch.nn.Linear(2, 2, bias=False)
            twice = torch.nn.Sequential(tied, torch.nn.Linear(2, 2))
            twice[1].weight = tied.weight
            rows = rows_in(folder / f"{name}.bin")
            ranks.sum(0)
            send(ranks, (twice, rows))
        else:
            ranks.sum(0)
            if name == "elsewhere":
                (folder / "elsewhere.bin").unlink()
            twice, rows = receive(ranks)
            found[name] = [list(row.tokens["input_ids"]) for row in map(rows.__getitem__, range(2))]
            found["tied"] = twice[0].weight is twice[1].weight and twice[0].weight.requires_grad
    for name, error in (("short", torch.OutOfMemoryError("x")), ("wrong", InputError("a fault")), ("none", None)):
        try:
            with ranks.agreed():
                if ranks.rank == 1 and error is not None:
                    raise error
        except Exception as caught:
            found[name] = (type(caught), str(caught))
    ranks.signal = 15 if ranks.rank else 0
    found["sum"] = ranks.sum(ranks.rank + 0.5)
    found["signal"] = ranks.signal
    return found


def test_ranks_hand_over_and_agree(tmp_path: Path) -> None:
    for name in ("there", "elsewhere"):
        np.arange(5, dtype=np.int32).tofile(tmp_path / f"{name}.bin")
    leader, other = on_ranks(2, tmp_path, meet, tmp_path)
    assert other["there"] == [[0, 1], [2, 3, 4]]
    assert other["tied"]
    for found in (leader, other):
        assert found["short"][0] is torch.OutOfMemoryError
        assert found["wrong"] == (InputError, "error: process 1 of 2: a fault")
        assert "none" not in found
        assert (found["sum"], found["signal"]) == (2.0, 15)


def test_alone_nothing_is_exchanged() -> None:
    with pytest.raises(LmfitError, match="mine"), ALONE.agreed():
        raise LmfitError("mine")
    assert ALONE.sum(0.1) == 0.1
    assert ALONE.place == ()
