"""`--require not-worse:0.005`: no run may be worse than the reference by more than a margin (non-inferiority)."""

from collections.abc import Sequence

from lmfit.errors import InputError, VerdictError
from lmfit.evaluation.comparison.compare import Comparison
from lmfit.evaluation.comparison.standings import gain


def parse_margin(require: Sequence[str]) -> float | None:
    """The margin of `--require not-worse:0.005`. Raises InputError for anything else."""
    margin = None
    for word in require:
        kind, _, amount = word.partition(":")
        try:
            margin = float(amount)
        except ValueError:
            margin = -1.0
        if kind != "not-worse" or not margin >= 0:
            raise InputError(
                f"cannot read the requirement `{word}`", where="--require", fix="write e.g. not-worse:0.005"
            )
    return margin


def check_margin(comparison: Comparison, margin: float | None) -> None:
    """Raises VerdictError (exit code 3) where a run may be worse than the reference by more than `margin`."""
    if margin is None:
        return
    name = comparison.leading
    for run, standing in zip(comparison.runs, comparison.standings[name], strict=True):
        if standing.difference is None or standing.outcome == "identical":
            continue
        low, _ = gain(name, standing.difference)
        if low is None or low < -margin:
            found = "there is no interval" if low is None else f"it may be worse by {-low:.4f}"
            what = f"required not-worse:{margin:g} in {name}; of `{run.name}` {found}"
            raise VerdictError(what, where="--require")
