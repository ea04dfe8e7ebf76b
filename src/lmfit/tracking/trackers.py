"""All trackers of a run: told together, guarded one by one. What fails is said once and then left out."""

import re
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any

from lmfit import console
from lmfit.catalog import TRACKERS
from lmfit.tracking.base import Outcome, Tracked, Tracker

_LONGEST = 200
_PASSWORD = re.compile(r"//[^/@\s]+@")


def check_trackers(names: Sequence[str]) -> None:
    """Raises MissingExtra for a tracker that is not installed."""
    for name in names:
        TRACKERS.load(name).check()


class Trackers:
    """The trackers of a run; training knows them as something that takes the lines of its log."""

    def __init__(self, names: Sequence[str], tracked: Tracked) -> None:
        self._held: list[Tracker] = [TRACKERS.load(name)() for name in names]
        self._guarded(lambda tracker: console.say(f"tracking: {tracker.open(tracked)}"))

    def line(self, line: Mapping[str, Any]) -> None:
        """A line of log.jsonl: a logging step, an evaluation, or a step that taught nothing (not told)."""
        found = line.get("evaluation")
        if found is not None:
            self.log(line["step"], {f"{found['split']}/{k}": v for k, v in found.items() if k != "split"})
            return
        if "loss" not in line:
            return
        names = ("epoch", "loss", "learning_rate", "grad_norm")
        speed = {"train/tokens_per_second": line["time"]["tokens_per_second"]}
        self.log(line["step"], {f"train/{name}": line[name] for name in names} | speed)

    def scores(self, step: int, split: str, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """The final scores of a split with the ends of their intervals; those of single labels stay in the report."""
        values = {
            f"{split}/{name}" + ("" if part == "value" else f".{part}"): entry[part]
            for name, entry in metrics.items()
            for part in ("value", "low", "high")
            if not name.startswith("per_class.")
        }
        self.log(step, values)

    def log(self, step: int, values: Mapping[str, float | None]) -> None:
        """Numbers of a step; what is not defined is left out."""
        known = {name: float(value) for name, value in values.items() if value is not None}
        self._guarded(lambda tracker: tracker.log(step, known))

    def close(self, outcome: Outcome) -> None:
        """The run is over."""
        self._guarded(lambda tracker: tracker.close(outcome))

    def _guarded(self, tell: Callable[[Tracker], object]) -> None:
        for tracker in list(self._held):
            try:
                tell(tracker)
            except Exception as error:
                self._held.remove(tracker)
                told = (str(error).strip().splitlines() or [""])[0]
                cause = shorten(_PASSWORD.sub("//***@", f"{type(error).__name__}: {told}"), _LONGEST)
                console.warn(f"tracking with {tracker.name} stops here ({cause}); training goes on")
