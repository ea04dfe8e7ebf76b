import os
from pathlib import Path

import pytest
import torch

from lmfit.training.checkpoint import Checkpoints, TrainState, is_whole


class Net(torch.nn.Module):
    """Two layers that share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight


def trained(steps: int = 2) -> tuple[Net, torch.optim.AdamW]:
    torch.manual_seed(steps)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, fused=True)
    for _ in range(steps):
        net.second(net.first(torch.ones(2, 3))).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return net, optimizer


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_all_comes_back_and_goes_on_alike(tmp_path: Path) -> None:
    net, optimizer = trained(2)
    state = TrainState(step=2, total_steps=9, best_value=0.1, unlogged_losses=[0.1 + 0.2], scaler={"scale": 2.0})
    Checkpoints(tmp_path, 2).save(net, optimizer, state)
    other, fresh = trained(0)
    assert Checkpoints(tmp_path, 2).restore(other, fresh) == state
    for model, steps in ((net, optimizer), (other, fresh)):
        model.second(model.first(torch.ones(2, 3))).sum().backward()
        steps.step()
    assert equal(net, other)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (1, 2, 30):
        checkpoints.save(*trained(1), TrainState(step=step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000030"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_checkpoint_is_passed_over_and_said(
    file: str, damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, 3)
    checkpoints.save(*trained(1), TrainState(step=1))
    path = checkpoints.save(*trained(2), TrainState(step=2)) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-3]), "gone": b""}[damage])
    if damage == "gone":
        path.unlink()
    net, optimizer = trained(0)
    state = checkpoints.restore(net, optimizer)
    assert state is not None
    assert state.step == 1
    assert equal(net, trained(1)[0])
    assert "step-00000002 is damaged" in capsys.readouterr().err


def test_nothing_to_restore(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none", 2).restore(*trained(0)) is None


def test_a_crash_while_writing_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(*trained(1), TrainState(step=1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(*trained(2), TrainState(step=2))
    state = checkpoints.restore(*trained(0))
    assert state is not None
    assert state.step == 1


def test_what_a_crash_left_is_cleared(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    (tmp_path / ".writing-step-00000007").mkdir()
    checkpoints.save(*trained(1), TrainState(step=9))
    checkpoints.restore(*trained(0))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000009"]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(*trained(1), TrainState(step=1))
    path = checkpoints.save(*trained(2), TrainState(step=1, tokens=7))
    assert is_whole(path)
    net, optimizer = trained(0)
    assert checkpoints.restore(net, optimizer) == TrainState(step=1, tokens=7)
    assert equal(net, trained(2)[0])


@pytest.mark.parametrize("renames", [1, 2])
def test_a_kill_between_the_renames_leaves_a_whole_one(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(*trained(1), TrainState(step=1))
    rename, left = Path.rename, iter(range(renames))

    def until_killed(self: Path, target: Path) -> Path:
        done = rename(self, target)
        if next(left, None) == renames - 1:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", until_killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(*trained(2), TrainState(step=1, tokens=7))
    state = Checkpoints(tmp_path, 2).restore(*trained(0))
    assert state is not None
    assert (state.step, state.tokens) == (1, 0 if renames == 1 else 7)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_conditions_are_those_of_the_newest(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, 2).conditions() is None
    Checkpoints(tmp_path, 2, {"threads": 1}).save(*trained(1), TrainState(step=1))
    later = Checkpoints(tmp_path, 2, {"threads": 2})
    assert later.conditions() == {"threads": 1}
    later.save(*trained(1), TrainState(step=2))
    assert later.conditions() == {"threads": 2}


def test_best_weights_that_a_kept_checkpoint_counts_on_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save_best(trained(1)[0], 1, 0.1)
    checkpoints.save(*trained(1), TrainState(step=2, best_step=1))
    for step in (3, 4):
        checkpoints.save_best(trained(2)[0], step, 0.5)
    assert sorted(path.name for path in tmp_path.glob("best-*")) == ["best-00000001", "best-00000004"]
    checkpoints.save(*trained(1), TrainState(step=5, best_step=4))
    assert [path.name for path in tmp_path.glob("best-*")] == ["best-00000004"]


def test_best_weights(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 1)
    net = trained(0)[0]
    assert not checkpoints.load_best(net, 2)
    checkpoints.save_best(trained(2)[0], 2, 0.5)
    assert not checkpoints.load_best(net, 1)
    assert checkpoints.load_best(net, 2)
    assert equal(net, trained(2)[0])
