import numpy as np

from lmfit.data.batching import keyed_generator
from lmfit.data.mixing import MixedPlan, MixedRows
from lmfit.data.rows import Rows


def rows(count: int, first: int) -> Rows:
    lengths = np.arange(count) % 5 + 1
    ids = np.arange(first, first + lengths.sum())
    return Rows(np.cumsum(lengths) - lengths, lengths, {"input_ids": ids}, {"target": np.arange(count)}, {})


MIXED = MixedRows([rows(10, 0), rows(7, 1000)])


def test_each_row_tells_its_task():
    assert len(MIXED) == 17
    assert (MIXED[9].values, MIXED[10].values) == ({"target": 9, "task": 0}, {"target": 0, "task": 1})
    assert MIXED[10].tokens["input_ids"][0] == 1000
    assert MIXED.distinct("input_ids").max() == 1000 + MIXED.parts[1].lengths.sum() - 1


def test_an_epoch_is_all_of_the_first_and_the_next_ones_of_the_other():
    plan = MixedPlan(MIXED, [0.5], 3, batch_size=4, batch_tokens=None)
    epochs = [np.sort(np.concatenate(list(plan.epoch(number)))) for number in range(7)]
    assert all((epoch[:10] == np.arange(10)).all() and len(epoch) == 15 for epoch in epochs)
    others = np.concatenate([epoch[10:] for epoch in epochs]) - 10
    assert np.bincount(others, minlength=7).tolist() == [5] * 7
    again = MixedPlan(MIXED, [0.5], 3, batch_size=4, batch_tokens=None)
    assert all((a == b).all() for a, b in zip(again.epoch(6), plan.epoch(6), strict=True))


def test_more_than_all_of_the_other():
    plan = MixedPlan(MIXED, [2.0], 3, batch_size=4, batch_tokens=None)
    counts = np.bincount(plan.order(0, keyed_generator(1, "x")), minlength=17)
    assert counts[:10].tolist() == [1] * 10
    assert counts[10:].sum() == 20
    assert set(counts[10:]) == {2, 3}
