from collections import Counter

import numpy as np
import pytest

from lmfit.data import batching
from lmfit.data.batching import BatchPlan, key, keyed_generator, scramble, split_by_tokens

LENGTHS = np.random.default_rng(0).lognormal(3.0, 0.6, 5000).astype(int).clip(3, 256)


@pytest.fixture(params=["in memory", "large"], autouse=True)
def _both_kinds_of_epoch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "large":
        monkeypatch.setattr(batching, "LARGE", 0)


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 4097])
def test_scrambling_is_a_permutation(count: int) -> None:
    keys = keyed_generator(1, "a").integers(2**63, size=4, dtype=np.uint64)
    found = scramble(np.arange(count, dtype=np.uint64), count, keys)
    assert sorted(found.tolist()) == list(range(count))
    if count > 100:
        assert abs(np.corrcoef(found.astype(float), np.arange(count))[0, 1]) < 0.1


@pytest.mark.parametrize("options", [{"batch_size": 32}, {"batch_tokens": 1024}])
def test_every_row_once_per_epoch(options: dict[str, int]) -> None:
    plan = BatchPlan(LENGTHS, 7, **options)
    for epoch in range(2):
        assert Counter(np.concatenate(plan.epoch(epoch)).tolist()) == Counter(range(len(LENGTHS)))


@pytest.mark.parametrize("options", [{"batch_size": 32}, {"batch_tokens": 1024}])
def test_little_padding(options: dict[str, int]) -> None:
    batches = BatchPlan(LENGTHS, 7, **options).epoch(0)
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
    assert padded / LENGTHS.sum() < 1.1


@pytest.mark.parametrize("options", [{"batch_size": 32}, {"batch_tokens": 1024}])
def test_a_step_does_not_depend_on_what_was_asked_before(options: dict[str, int]) -> None:
    forward, backward = BatchPlan(LENGTHS, 7, **options), BatchPlan(LENGTHS, 7, **options)
    steps = 3 * forward.steps_per_epoch
    late = {step: backward.batch(step) for step in reversed(range(0, steps, 17))}
    assert all(np.array_equal(forward.batch(step), batch) for step, batch in sorted(late.items()))


def test_epochs_and_seeds_differ() -> None:
    plan = BatchPlan(LENGTHS, 7)
    assert not np.array_equal(plan.batch(0), plan.batch(plan.steps_per_epoch))
    assert not np.array_equal(plan.batch(0), BatchPlan(LENGTHS, 8).batch(0))


def test_batches_are_not_ordered_by_length() -> None:
    means = [LENGTHS[batch].mean() for batch in BatchPlan(LENGTHS, 7).epoch(0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_batch_size_is_kept_up_to_the_rest() -> None:
    sizes = Counter(len(batch) for batch in BatchPlan(LENGTHS[:70], 7, batch_size=32).epoch(0))
    assert sizes == {32: 2, 6: 1}


def test_batch_tokens_are_respected() -> None:
    lengths = np.append(LENGTHS, 3000)
    for batch in BatchPlan(lengths, 7, batch_tokens=1024).epoch(1):
        assert len(batch) * lengths[batch].max() <= 1024 or len(batch) == 1


def test_fewer_rows_than_a_batch() -> None:
    plan = BatchPlan(np.array([5, 3]), 7, batch_size=32)
    assert plan.steps_per_epoch == 1
    assert plan.batch(4).tolist() == [1, 0]


def test_locate_counts_steps_over_epochs() -> None:
    plan = BatchPlan(LENGTHS, 7, batch_tokens=1024)
    first, second = len(plan.epoch(0)), len(plan.epoch(1))
    assert plan.locate(first - 1) == (0, first - 1)
    assert plan.locate(first) == (1, 0)
    assert plan.locate(first + second + 2) == (2, 2)


def test_locating_a_late_step_makes_each_epoch_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Counter[int] = Counter()
    make = BatchPlan._make_epoch

    def counted(self: BatchPlan, number: int) -> list[np.ndarray]:
        made[number] += 1
        return make(self, number)

    monkeypatch.setattr(BatchPlan, "_make_epoch", counted)
    plan = BatchPlan(LENGTHS[:200], 7, batch_tokens=512)
    for step in range(6 * plan.steps_per_epoch):
        plan.batch(step)
    assert max(made.values()) <= 2


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        BatchPlan(np.array([], int), 7)


def test_split_by_tokens_keeps_order_and_isolates_giants() -> None:
    pieces = split_by_tokens(np.arange(5), np.array([2, 2, 3, 9, 40]), 9)
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3], [4]]
    assert split_by_tokens(np.array([], int), np.array([], int), 9) == []


def test_keys_depend_on_all_parts() -> None:
    keys = {key(1, "a", 2), key(1, "b", 2), key(2, "a", 2), key(1, "a", 3), key(1, "a"), key(12, "a")}
    assert len(keys) == 6
    assert all(0 <= k < 2**63 for k in keys)
    assert keyed_generator(1, "a").random() == keyed_generator(1, "a").random()
