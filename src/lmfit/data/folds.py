"""The folds of a cross-validation: which rows are in each, and the sources of its two sides."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from lmfit.config.data import FoldsConfig
from lmfit.data.division import class_of
from lmfit.data.example import Example
from lmfit.data.notices import Notices
from lmfit.data.source import Source
from lmfit.data.splits import fold_of, place_by_text
from lmfit.errors import DataError

FoldNumber = Callable[[Example], int]
"""The fold of an example, counted from 1."""


def take_fold(found: dict[str, Source], folds: FoldsConfig, seed: int, notices: Notices) -> None:
    """Take the fold that `folds` names off the training data, as validation data; nothing where it names none.

    Raises DataError where a fold has no row.
    """
    train = found["train"].load(notices)
    number = fold_number(train, folds, seed)
    if folds.fold is None:
        sizes = Counter(map(number, train))
        empty = [fold for fold in range(1, folds.folds + 1) if not sizes[fold]]
        if empty:
            what = f"{len(empty)} of {folds.folds} folds have no row: {', '.join(map(str, empty[:5]))}"
            raise DataError(what, where="data.validation.folds", fix="take fewer folds")
        notices.say(f"folds: {folds.folds}, of {', '.join(f'{sizes[fold]:,}' for fold in sorted(sizes)[:10])} rows")
    elif folds.fold:
        found["train"], found["validation"] = sides(train, folds, number)


def sides(whole: Source, folds: FoldsConfig, number: FoldNumber) -> tuple[Source, Source]:
    """Training and validation data of the fold `folds.fold`."""
    what = folds.model_dump()

    def part_of(example: Example) -> str | None:
        return "validation" if number(example) == folds.fold else None

    made = whole.parted(part_of, {"train": (None, ["not in", what]), "validation": ("validation", ["in", what])})
    return made["train"], made["validation"]


def fold_number(examples: Iterable[Example], folds: FoldsConfig, seed: int) -> FoldNumber:
    """How to tell the fold of each of `examples` (read once where they are to be stratified)."""
    if folds.by == "stratified":
        return _stratified(examples, folds, seed)
    return lambda example: 1 + fold_of(example, folds.folds, seed, folds.key)


def _stratified(examples: Iterable[Example], folds: FoldsConfig, seed: int) -> FoldNumber:
    """Deal the texts of each class out in the order of their hashes, going on where the class before it ended.

    Equal texts share a fold, that of their first label. Raises ConfigError where labels are not single names.
    """
    place = place_by_text(seed)
    classes: dict[str, set[int]] = defaultdict(set)
    seen: set[int] = set()
    for example in examples:
        label, text = class_of(example, folds.key), place(example)
        if text not in seen:
            seen.add(text)
            classes[label].add(text)
    dealt = (text for label in sorted(classes) for text in sorted(classes[label]))
    fold = {text: 1 + position % folds.folds for position, text in enumerate(dealt)}
    return lambda example: fold[place(example)]
