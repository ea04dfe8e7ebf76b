"""The comparison itself: the same rows, paired differences, corrected p-values, and a verdict on each run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lmfit.errors import InputError, suggestion
from lmfit.evaluation.comparison.answers import read_answers, score
from lmfit.evaluation.comparison.contenders import Contender, choose_split
from lmfit.evaluation.comparison.rows import aligned
from lmfit.evaluation.comparison.sameness import Sameness, first_different_step, sameness
from lmfit.evaluation.comparison.settings import differing, is_repetition
from lmfit.evaluation.comparison.standings import Entrant, Standing, family, rank
from lmfit.evaluation.names import HEADLINE, Kind, metric
from lmfit.evaluation.pairs import sample

RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """Everything that is shown: one standing per run and metric, and what differs between the runs.

    tests: how many comparisons the p-values are corrected for.  same: how equal the runs with equal answers are.
    apart: where the logs first differ of runs that repeat the reference (one config, seed, data) and answer otherwise.
    """

    split: str
    rows: int
    resampled: str
    reference: int
    chosen: str
    tests: int
    runs: list[Contender]
    standings: dict[str, list[Standing]]
    same: dict[int, Sameness]
    apart: dict[int, str]
    settings: dict[str, list[str]]

    @property
    def leading(self) -> str:
        """The metric that decides a requirement."""
        return next(iter(self.standings))


def compare(
    runs: Sequence[Contender],
    *,
    against: str = "first",
    metrics: Sequence[str] = (),
    split: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare finished runs on the rows of a split. against: `first`, `best` (by the first metric) or a run's name.

    Raises InputError where the rows differ, or where there are fewer than two runs.
    """
    if len(runs) < 2:
        raise InputError("there is nothing to compare: fewer than two runs", fix="lmfit compare runs/a runs/b")
    split = choose_split(runs, split)
    kind = _common_kind(runs, split)
    names = list(dict.fromkeys(metrics)) or [HEADLINE[kind]]
    entrants = _read(runs, split, kind)
    _check_metrics(names, entrants)
    sampled = sample(names, [[s.units for s in e.scores] for e in entrants], RESAMPLES, seed)
    reference = _reference(against, runs, [s[names[0]].mean for s in sampled], names[0])
    standings = {name: rank(name, entrants, [s[name] for s in sampled], reference, against) for name in names}
    return Comparison(
        split=split,
        rows=len(entrants[0].answers[0]),
        resampled=entrants[0].scores[0].resampled,
        reference=reference,
        chosen=against,
        tests=family(len(runs), against),
        runs=list(runs),
        standings=standings,
        same=_same(entrants, reference),
        apart=_apart(entrants, reference),
        settings=differing(runs),
    )


def _common_kind(runs: Sequence[Contender], split: str) -> Kind:
    kinds = {run.name: run.kind(split) for run in runs}
    if missed := [name for name, kind in kinds.items() if kind is None]:
        what = f"there are no {split} scores of {', '.join(missed)}"
        raise InputError(what, where=f"metrics.json of {missed[0]}", fix="leave it out, or --split validation")
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise InputError(f"the runs predict different things ({told})", fix="compare runs of one task")
    kind = kinds[runs[0].name]
    assert kind is not None
    return kind


def _read(runs: Sequence[Contender], split: str, kind: Kind) -> list[Entrant]:
    files = [(run.name, read_answers(path, kind)) for run in runs for path in run.files(split)]
    answers = iter(aligned(files))
    documents = files[0][1].documents
    found = []
    for run in runs:
        own = [replace(next(answers), documents=documents) for _ in run.seeds]
        found.append(Entrant(run, own, [score(kind, one) for one in own]))
    return found


def _check_metrics(names: Sequence[str], entrants: Sequence[Entrant]) -> None:
    for name in names:
        metric(name)
        lacking = next((e for e in entrants for s in e.scores if name not in s.metrics), None)
        if lacking:
            known = sorted(lacking.scores[0].metrics)
            what = f"`{name}` cannot be computed from the predictions of `{lacking.run.name}`"
            raise InputError(what, where="--metric", fix=suggestion(name, known))


def _reference(against: str, runs: Sequence[Contender], values: Sequence[float], name: str) -> int:
    if against == "first":
        return 0
    if against == "best":
        sign = 1 if metric(name).better == "higher" else -1
        return max(range(len(runs)), key=lambda i: sign * values[i])
    known = [run.name for run in runs]
    named = [i for i, run in enumerate(runs) if against in (run.name, str(run.run.path), run.run.path.name)]
    if len(named) != 1:
        raise InputError(
            f"`{against}` is none of the runs", where="--against", fix=suggestion(against, ["first", "best", *known])
        )
    return named[0]


def _same(entrants: Sequence[Entrant], reference: int) -> dict[int, Sameness]:
    """How equal the runs of one seed with equal answers are to the reference."""
    other = entrants[reference]
    return {
        i: sameness(e.run.run, other.run.run, written=e.answers[0].written == other.answers[0].written)
        for i, e in enumerate(entrants)
        if i != reference
        and len(e.scores) == len(other.scores) == 1
        and e.answers[0].predicted == other.answers[0].predicted
    }


def _apart(entrants: Sequence[Entrant], reference: int) -> dict[int, str]:
    """Where the repetitions of the reference that answer otherwise leave its log."""
    other, found = entrants[reference], {}
    for i, entrant in enumerate(entrants):
        alike = entrant.answers[0].predicted == other.answers[0].predicted
        if i != reference and not alike and is_repetition(entrant.run, other.run):
            step = first_different_step(entrant.run.run.path / "log.jsonl", other.run.run.path / "log.jsonl")
            found[i] = f"first differ at {step}" if step else "are equal"
    return found
