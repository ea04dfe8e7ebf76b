"""What reading chose or met, gathered as sentences; the caller decides where they are shown."""

_MOST_FILES = 3


class Notices:
    """Sentences in the order they came, each once with the files it is about, and counted events."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, None]] = {}
        self._counts: dict[str, tuple[int, str]] = {}

    def say(self, sentence: str, file: str = "") -> None:
        """Add a sentence; about a file where one is named. Files with the same sentence share it."""
        about = self._said.setdefault(sentence, {})
        if file:
            about[file] = None

    def count(self, what: str, where: object) -> None:
        """One more of `what` (such as "rows without a text"), met at `where`."""
        number, first = self._counts.get(what, (0, str(where)))
        self._counts[what] = (number + 1, first)

    @property
    def counted(self) -> list[str]:
        """The counted events only."""
        return [f"{what}: {n:,}, first at {first}" for what, (n, first) in self._counts.items()]

    @property
    def sentences(self) -> list[str]:
        """All sentences; a counted event reads "rows without a text: 12, first at train.csv:17"."""
        said = [f"{_listed(list(about))}: {sentence}" if about else sentence for sentence, about in self._said.items()]
        return said + self.counted


def _listed(files: list[str]) -> str:
    more = len(files) - _MOST_FILES
    return ", ".join(files[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")
