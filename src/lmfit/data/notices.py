"""What reading chose or met, gathered as sentences; the caller decides where they are shown."""


class Notices:
    """Sentences in the order they came, each once, and counted events with the place of the first one."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}
        self._counts: dict[str, tuple[int, str]] = {}

    def say(self, sentence: str) -> None:
        """Add a sentence, unless it is there already."""
        self._said[sentence] = None

    def count(self, what: str, where: object) -> None:
        """One more of `what` (a plural phrase such as "rows without a text"), met at `where`."""
        number, first = self._counts.get(what, (0, ""))
        self._counts[what] = (number + 1, first or str(where))

    def add(self, other: "Notices") -> None:
        """Take over what `other` gathered."""
        self._said |= other._said
        for what, (number, first) in other._counts.items():
            mine, place = self._counts.get(what, (0, ""))
            self._counts[what] = (mine + number, place or first)

    @property
    def sentences(self) -> list[str]:
        """All sentences; a counted event reads "12 rows without a text, the first at train.csv:17"."""
        counted = [f"{n:,} {what}, the first at {first}" for what, (n, first) in self._counts.items()]
        return [*self._said, *counted]
