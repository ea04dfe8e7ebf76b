"""Does the corpus hold what a model will be judged on? Runs of 13 words, as in Brown et al. 2020 (appendix C)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from lmfit.data.files import expand
from lmfit.data.notices import Notices
from lmfit.data.words import split_words
from lmfit.errors import InputError
from lmfit.pretraining.readers import Part, format_of

RUN = 13
_NO_TEXT = ("parquet", "warc")


@dataclass(frozen=True)
class EvaluationSets:
    """The hashed 13-word runs of the texts that a user names, by file."""

    runs: dict[bytes, str]
    files: Sequence[str]

    def met_in(self, text: str) -> str | None:
        """The first file of which a run stands in `text`."""
        if not self.runs:
            return None
        return next((self.runs[run] for run in _runs(text) if run in self.runs), None)


def read_evaluation_sets(paths: Sequence[str], column: str) -> EvaluationSets:
    """Hash the lines of text files, tables and JSON lines: labels around a text do not hide its words. Files that are
    no text are read as the corpus is (`column`: that of their texts).

    Raises DataError for files that are not there, InputError for one without a run of 13 words.
    """
    runs: dict[bytes, str] = {}
    files = [path for item in paths for path, _ in expand(item)]
    for path in files:
        before = len(runs)
        form = format_of(path)
        part = Part(path, form if form in _NO_TEXT else "text", "line", column, "auto", 0, "")
        for document in part.read(None, Notices()):
            for run in _runs(document.text):
                runs.setdefault(run, path)
        if len(runs) == before:
            raise InputError(f"`{path}` holds no {RUN} words in a row", where="data.evaluation_sets")
    return EvaluationSets(runs, files)


def _runs(text: str) -> Iterator[bytes]:
    words = [text[a:b].lower() for a, b in split_words(text, "unicode") if text[a:b].isalnum()]
    for begin in range(len(words) - RUN + 1):
        yield blake2b(" ".join(words[begin : begin + RUN]).encode("utf-8", "replace"), digest_size=8).digest()
