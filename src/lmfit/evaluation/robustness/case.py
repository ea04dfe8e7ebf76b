"""Case: how text looks when nobody presses shift, when somebody shouts, and in a headline."""

from collections.abc import Callable, Sequence
from random import Random

from lmfit.evaluation.robustness.perturbation import WordPerturbation, Words


class Case(WordPerturbation):
    """Every word written by `form`, a method of str."""

    inapplicable = "a script without upper and lower case"

    def __init__(self, name: str, about: str, form: Callable[[str], str]) -> None:
        self.name, self.about, self._form = f"case.{name}", about, form

    def touches(self, text: str) -> bool:
        """Whether a letter has case."""
        return text.lower() != text.upper()

    def changed(self, words: Sequence[str], tags: Sequence[str] | None, random: Random) -> Words:
        """The words in that form."""
        return [self._form(word) for word in words]


def _title(word: str) -> str:
    """The first letter upper case, the others as they are, so that EU stays EU."""
    return word[:1].upper() + word[1:]


CASE = (
    Case("lower", "all letters lower case", str.lower),
    Case("upper", "all letters upper case", str.upper),
    Case("title", "the first letter of each word upper case", _title),
)
