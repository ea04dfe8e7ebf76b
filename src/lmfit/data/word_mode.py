"""How the raw texts of a data set become words (`words: auto`): decided once, for all its files and splits."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from lmfit.data.columns import TARGET
from lmfit.data.example import Example
from lmfit.data.formats.base import ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.words import detect_mode
from lmfit.errors import DataError

_SAMPLE = 1000


def with_words(
    options: ReadOptions, training: Callable[[ReadOptions], Iterable[Example]], notices: Notices
) -> ReadOptions:
    """The options with `words` decided on the first training examples, which `training` reads without their labels.

    Mistakes in them are left to the reading that follows, which tells them all.
    """
    if options.kind != "words" or options.words != "auto":
        return options
    columns = {role: column for role, column in options.columns.items() if role != TARGET["words"]}
    examples: list[Example] = []
    with suppress(DataError):
        examples.extend(islice(training(replace(options, columns=columns, labelled=False)), _SAMPLE))
    mode = detect_mode(examples)
    if any(example.words is None for example in examples):
        notices.say(f"texts cut into words by {mode} (data.words)")
    return replace(options, words=mode)
