"""Setting examples aside by a hash of their text: the same rows every time, whatever else is in the file."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from heapq import heappush, heapreplace

from lmfit.config.section import Column
from lmfit.data.example import Example
from lmfit.data.normal import normal_form
from lmfit.errors import ConfigError, DataError

SCALE = 2**64

Place = Callable[[Example], int]


def place_by_text(seed: int) -> Place:
    """A function from an example to a whole number in [0, 2**64), spread evenly by a hash of its text.

    Texts that differ only in case, white space, Unicode form or characters that nobody sees have the same place.
    """

    def place(example: Example) -> int:
        return _hash(seed, _text_of(example))

    return place


def place_by_group(seed: int, key: Column) -> Place:
    """As place_by_text, but all examples with the same value in the column `key` have the same place.

    `document` stands for the document of a conll file or of data.columns.
    """

    def place(example: Example) -> int:
        return _hash(seed, group_of(example, key))

    return place


def fold_of(example: Example, folds: int, seed: int, key: Column | None = None) -> int:
    """Which of `folds` parts, counted from 0, an example is in: by a hash of its text, or of its group.

    Independent of the place that decides on validation and test, so that folds stay even within any part. Texts
    with the same normal form share a fold; rows added later move no old ones.
    """
    value = _text_of(example) if key is None else group_of(example, key)
    return _hash(f"fold/{seed}", value) * folds // SCALE


def group_of(example: Example, key: Column) -> str:
    """The value of a column. Raises DataError where the example has no such column."""
    if key == "document" and example.document is not None:
        return example.document
    names = list(example.columns)
    if isinstance(key, int) and -len(names) <= key < len(names):
        return str(example.columns[names[key]])
    if key in example.columns:
        return str(example.columns[str(key)])
    known = ", ".join(names) or "none"
    raise DataError(f"no column `{key}` to split by", where=str(example.origin), fix=f"columns: {known}")


def few_per_class(examples: Iterable[Example], number: int, seed: int) -> tuple[set[int], dict[str, int]]:
    """Positions of `number` examples of each class, those with the lowest places; and the classes that have fewer.

    Raises ConfigError where labels are not single names.
    """
    place = place_by_text(seed)
    lowest: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, example in enumerate(examples):
        label = example.name
        if label is None:
            what = "limit_per_class needs one label name per row"
            raise ConfigError(what, where="data.limit_per_class", fix="use data.limit")
        entry = (-place(example), -position)
        heap = lowest[label]
        if len(heap) < number:
            heappush(heap, entry)
        elif entry > heap[0]:
            heapreplace(heap, entry)
    short = {label: len(heap) for label, heap in lowest.items() if len(heap) < number}
    return {-position for heap in lowest.values() for _, position in heap}, short


def nested_draw(examples: Iterable[Example], number: int, seed: int) -> set[int]:
    """Positions of `number` examples (or all), those with the lowest places; of each class, where rows have one, its
    share. A smaller draw is part of a larger one. Keeps two numbers a row.
    """
    place = place_by_text(seed)
    classes: dict[str | None, list[tuple[int, int]]] = defaultdict(list)
    for position, example in enumerate(examples):
        classes[example.name].append((place(example), position))
    ranked = [
        ((rank + 0.5) / len(held), *entry) for held in classes.values() for rank, entry in enumerate(sorted(held))
    ]
    return {position for *_, position in sorted(ranked)[:number]}


def _text_of(example: Example) -> str:
    return f"{normal_form(example.text)}\n{normal_form(example.text_pair or '')}"


def _hash(seed: int | str, value: str) -> int:
    digest = blake2b(value.encode(), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big")
