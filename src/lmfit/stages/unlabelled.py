"""Texts without labels as more data for distillation: the run that is compressed labels them."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from lmfit import console
from lmfit.compression.steps import Work
from lmfit.compression.teacher import hash_of_weights
from lmfit.data.example import Example
from lmfit.data.rows import Row, Rows, cached_rows
from lmfit.data.sources import read_input
from lmfit.errors import InputError
from lmfit.inference.predictor import encode_all
from lmfit.stages.prepare import rows_key, tokenised
from lmfit.tasks.base import Stats

WHERE = "compression.distill.text"


def check_texts(files: Sequence[str], work: Work) -> None:
    """Raises InputError for a file that cannot be read, or holds no text."""
    for file in files:
        if next(_texts([file], work), None) is None:
            raise InputError(f"`{file}` holds no text", where=WHERE, fix="take it out")


def rows_of(work: Work, files: Sequence[str]) -> Rows:
    """The training rows and behind them those of unlabelled files, with the run's own answers as labels; cached."""
    if not files:
        return tokenised(work.task, work.framer, work.splits.train)
    digest, count = sha256(), 0
    for example in _texts(files, work):
        digest.update(f"{example.text}\0{example.text_pair}\n".encode(errors="surrogatepass"))
        count += 1
    teacher: Any = work.original.backend
    key = rows_key(work.task, work.framer, work.splits.train)
    key |= {"texts": digest.hexdigest(), "teacher": hash_of_weights(teacher.model).hexdigest()}
    stats = Stats()

    def rows() -> Iterator[Row]:
        for examples in (work.splits.train, _labelled(files, work, count)):
            for encoded in encode_all(work.task, examples, work.framer, stats):
                yield from encoded.rows

    found = cached_rows(key, rows(), stats.as_dict)
    console.say(f"distil: {count:,} texts without labels beside {len(work.splits.train):,} labelled ones")
    return found


def _texts(files: Sequence[str], work: Work) -> Iterator[Example]:
    """The examples of the files that have a text."""
    for file in files:
        try:
            yield from (one for one in read_input(file, work.task.example_kind) if one.text.strip())
        except InputError as error:
            raise InputError(f"`{file}`: {str(error).splitlines()[0]}", where=WHERE) from None


def _labelled(files: Sequence[str], work: Work, count: int) -> Iterator[Example]:
    answered = console.progress(work.original.stream(_texts(files, work)), total=count, what="labelling texts")
    for example, prediction in answered:
        yield prediction.labelling(example)
