"""What a tracker is told, and what it must do. Users' texts never come here."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from lmfit.errors import MissingExtra

Outcome = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True)
class Tracked:
    """The run that is tracked: its folder, its name, what it is compared with, its config (flat) and its versions."""

    folder: Path
    name: str
    experiment: str
    params: Mapping[str, str]
    tags: Mapping[str, str]


class Tracker(ABC):
    """One place where numbers go. It may raise whatever it likes: the trackers of a run are guarded.

    name: as in a config. module: what must be installed for it. extra: the extra of lmfit-toolkit that brings it.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    extra: ClassVar[str] = "tracking"

    @classmethod
    def check(cls) -> None:
        """Raises MissingExtra where it is not installed."""
        if find_spec(cls.module) is None:
            raise MissingExtra(f"tracking with {cls.name}", cls.extra)

    @abstractmethod
    def open(self, tracked: Tracked) -> str:
        """Begin, or go on where the run was tracked before. Returns where to look, in words."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a step by name, such as train/loss. A resumed run tells some steps once more, all equal."""

    @abstractmethod
    def close(self, outcome: Outcome) -> None:
        """The run is over."""
