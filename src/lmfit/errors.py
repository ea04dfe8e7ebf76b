"""Every error a user can meet: what happened, where, and how to fix it.

    LmfitError            exit 1   the run failed (disk full, NaN, a bug)
    +-- InputError        exit 2   something the user gave is wrong; never shown with a traceback
    |   +-- ConfigError            the YAML, an override or an option (holds every problem found)
    |   +-- DataError              a row, a file or a data set
    |   +-- MissingExtra           a feature whose optional dependency is not installed
    +-- VerdictError      exit 3   finished, but the answer is no
    +-- Interrupted       exit 130/143, the state saved
    +-- PeerLost          exit 1   another process of the training is gone

Library code raises; only cli/ prints and exits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Problem:
    """One mistake: `what` is a sentence, `where` is file:line (and key path), `fix` is what to do."""

    what: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.fix:
            lines.append(f"hint: {self.fix}")
        return "\n".join(lines)


class LmfitError(Exception):
    """A failure told in words. `problems` holds at least one entry."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "", problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems) or (Problem(what, where, fix),)
        super().__init__(what)

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)


class InputError(LmfitError):
    """What the user gave is wrong: config, data, option, refused output, unreachable Hub."""

    exit_code = 2


class ConfigError(InputError):
    """One or more mistakes in a config file, an override or an option."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "ConfigError":
        """One error from all the problems found in a config."""
        return cls(problems[0].what, problems=problems)


class DataError(InputError):
    """A row, a file or a data set cannot be used as it is."""


class MissingExtra(InputError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra that is not installed", fix=f'pip install "lmfit-toolkit[{extra}]"')


class VerdictError(LmfitError):
    """The work is done and the answer is no (a requirement was not met)."""

    exit_code = 3


class Interrupted(LmfitError):
    """A signal ended the run: at a step's end, with everything up to there saved, unless `what` says otherwise."""

    def __init__(self, signum: int, *, fix: str, what: str = "interrupted; the state is saved") -> None:
        super().__init__(what, fix=fix)
        self.exit_code = 128 + signum


class PeerLost(LmfitError):
    """Another process of the training is gone, and with it what it was to add."""

    def __init__(self, *, fix: str) -> None:
        what = "another process of the training is gone; what the last checkpoint holds is safe"
        super().__init__(what, fix=f"{fix}; why it went it may have said above")


@contextmanager
def retold(change: Callable[[Problem], Problem]) -> Iterator[None]:
    """Inside the block, each problem of an InputError is told as `change` says it."""
    try:
        yield
    except InputError as error:
        error.problems = tuple(map(change, error.problems))
        raise


def suggestion(name: str, known: Sequence[str]) -> str:
    """`did you mean ...?` when a known name is near, else the list of known names."""
    near = get_close_matches(name.lower(), [k.lower() for k in known], n=1)
    if near:
        original = next(k for k in known if k.lower() == near[0])
        return f"did you mean `{original}`?"
    return f"known: {', '.join(sorted(known))}"
