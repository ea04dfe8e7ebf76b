"""Outcomes on disk: whatever is computed piece by piece equals what is computed of all at once."""

from pathlib import Path

import numpy as np
import pytest

from lmfit.evaluation import outcomes as module
from lmfit.evaluation.calibration import calibration_scores, honest_ece, reliability, tempered
from lmfit.evaluation.costs import cheapest, cost_matrix, cost_table
from lmfit.evaluation.outcomes import Gathering, Outcome, Outcomes, join

LABELS = ["a", "b", "c", "d"]


def drawn(several: bool, documents: bool) -> Outcomes:
    generator = np.random.default_rng(3)
    rows = []
    for _ in range(400):
        items = int(generator.integers(1, 4)) if documents else 1
        if several:
            p = generator.random((items, 4))
            rows.append(Outcome(generator.random((items, 4)) < p, p > 0.5, p))
        else:
            p = generator.dirichlet(np.ones(4), items)
            rows.append(Outcome(generator.integers(-1, 4, items), p.argmax(axis=1), p))
    names = [f"doc {i // 7}" for i in range(400)] if documents else [None] * 400
    return join(rows, LABELS, names, "rows")


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("documents", [False, True])
def test_pieces_give_the_numbers_of_the_whole(several: bool, documents: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = drawn(several, documents)

    def numbers() -> list[float]:
        found = [honest_ece(made, 0)]
        for one in (made, made.with_probabilities(lambda p: tempered(p, 0.7, several=several))):
            for estimate, n in calibration_scores(one, 100, 0).values():
                found += [estimate.value or 0, estimate.low or 0, estimate.high or 0, n]
            found += [value for row in reliability(one) for value in row.values()]
        return found

    whole = numbers()
    monkeypatch.setattr(module, "_PIECE", 37)
    assert len(list(made.pieces())) > 40
    assert numbers() == pytest.approx(whole, rel=1e-12)


def test_calibration_by_the_textbook() -> None:
    made = drawn(several=False, documents=False)
    p, gold = np.array(made.certain), np.array(made.gold)
    sure, hit = p.max(axis=1), p.argmax(axis=1) == gold
    place = np.minimum((sure * 15).astype(int), 14)
    gaps = [abs(hit[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    truth = np.where(gold[:, None] >= 0, np.arange(4) == gold[:, None], False)
    found = calibration_scores(made, 0, 0)
    assert found["ece"][0].value == pytest.approx(sum(gaps), rel=1e-12)
    squares = ((p - truth) ** 2).sum(axis=1) + (gold < 0)
    assert found["brier"][0].value == pytest.approx(squares.mean(), rel=1e-12)
    assert [row["count"] for row in reliability(made)] == np.unique(place, return_counts=True)[1].tolist()


def test_cheapest_decisions_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 37)
    made, costs = drawn(several=False, documents=False), {"a": {"b": 9.0}}
    table = cost_table(made, {}, costs, resamples=50, seed=0)
    decisions = cheapest(np.array(made.certain), cost_matrix(LABELS, costs))
    assert table["changed"] == (decisions != made.predicted).sum()


def test_nothing_is_kept_in_memory_and_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_WAITING", 10)
    gathered = Gathering(LABELS)
    for i in range(25):
        gathered.append(Outcome(np.array([i % 4]), np.array([0]), np.full((1, 4), 0.25)))
        assert len(gathered._waiting) < 10
    found = gathered.joined([None] * 25, "rows")
    assert found is not None
    assert isinstance(found.certain, np.memmap)
    assert (len(found.gold), found.certain.shape) == (25, (25, 4))
    assert list(tmp_path.iterdir()) == []


def test_answers_without_classes_or_probabilities() -> None:
    gathered = Gathering(LABELS)
    assert gathered.joined([], "rows") is None
    gathered.append(Outcome(np.array([1]), np.array([1]), None))
    found = gathered.joined([None], "rows")
    assert found is not None
    assert found.probabilities is None
    with pytest.raises(ValueError, match="without probabilities"):
        next(iter(found.pieces())).certain  # noqa: B018
    gathered.append(None)
    assert gathered.joined([None, None], "rows") is None
