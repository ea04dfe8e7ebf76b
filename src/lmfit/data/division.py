"""Which part of the training data goes to validation and test: at random, by class, by group, or by date."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lmfit.config.data import SplitConfig
from lmfit.config.section import Column
from lmfit.data.dates import KNOWN, Moment, find_reading, reading, shown
from lmfit.data.example import Example
from lmfit.data.notices import Notices
from lmfit.data.splits import SCALE, Place, group_of, place_by_group, place_by_text
from lmfit.errors import ConfigError, DataError

LARGE_CLASS = 100_000
MOST_MOMENTS = 1_000_000
_UNITS = (1, 60, 3600, 86_400)
_NAMED = 5

Rule = Callable[[Example], str | None]
"""The part that an example belongs to; None: the training data."""


@dataclass(frozen=True)
class Parts:
    """Parts cut by one rule: their shares by name ("test", "validation"), and what they are cut from."""

    shares: Mapping[str, float]
    config: SplitConfig
    whole: Iterable[Example]
    seed: int
    notices: Notices

    def by_place(self, place: int) -> str | None:
        """test: the lowest places, validation: the highest."""
        if place < round(self.shares.get("test", 0) * SCALE):
            return "test"
        return "validation" if place >= SCALE - round(self.shares.get("validation", 0) * SCALE) else None


def divide(parts: Mapping[str, SplitConfig], whole: Iterable[Example], seed: int, notices: Notices) -> Rule:
    """The rule by which examples of `whole` go to the parts. What must be known of all of them is read here.

    Parts cut in the same way never meet; of parts cut in different ways the test part is cut first.
    Raises ConfigError or DataError where the data cannot be cut so.
    """
    ways: dict[SplitConfig, dict[str, float]] = {}
    for name in sorted(parts):
        ways.setdefault(parts[name].model_copy(update={"split": 0.0}), {})[name] = parts[name].split
    rules = [METHODS[way.by](Parts(shares, way, whole, seed, notices)) for way, shares in ways.items()]
    return lambda example: next((part for rule in rules if (part := rule(example)) is not None), None)


def _random(parts: Parts) -> Rule:
    return _placed(parts, place_by_text(parts.seed))


def _group(parts: Parts) -> Rule:
    return _placed(parts, place_by_group(parts.seed, _key(parts)))


def _placed(parts: Parts, place: Place) -> Rule:
    return lambda example: parts.by_place(place(example))


def _stratified(parts: Parts) -> Rule:
    """As at random; then, class by class, the texts next to the border change sides until the share is exact.

    What a text is moved to depends on its place alone, so equal texts with unlike labels stay together. Classes of
    over 100,000 texts need no correction: there chance keeps the share within 1 % of itself.
    """
    place, small = place_by_text(parts.seed), []
    moved: dict[int, str | None] = {}
    for name, places in sorted(_places_by_class(parts, place).items()):
        if places is None:
            continue
        texts = np.unique(np.frombuffer(places, np.uint64))
        sizes = _sizes(parts.shares, len(texts))
        if not all(sizes.values()):
            small.append(f"{name} ({len(texts)})")
        wanted = np.full(len(texts), None, object)
        wanted[: sizes.get("test", 0)] = "test"
        wanted[len(texts) - sizes.get("validation", 0) :] = "validation"
        moved |= {p: w for p, w in zip(map(int, texts), wanted, strict=True) if w != parts.by_place(p)}
    if small:
        more = f" and {len(small) - _NAMED} more" if len(small) > _NAMED else ""
        what = "classes with too few texts for every part stay in train (number of texts)"
        parts.notices.say(f"{what}: {', '.join(small[:_NAMED])}{more}")

    def part(example: Example) -> str | None:
        at = place(example)
        return moved[at] if at in moved else parts.by_place(at)

    return part


def _places_by_class(parts: Parts, place: Place) -> dict[str, "array[int] | None"]:
    """The places of each class, None for a large one."""
    found: dict[str, array[int] | None] = {}
    for example in parts.whole:
        places = found.setdefault(class_of(example, parts.config.key), array("Q"))
        if places is not None:
            places.append(place(example))
            if len(places) > LARGE_CLASS:
                found[class_of(example, parts.config.key)] = None
    return found


def class_of(example: Example, key: Column | None) -> str:
    """The label of an example, or the value of a column. Raises ConfigError where its label is not a single name."""
    if key is not None:
        return group_of(example, key)
    if example.name is None:
        what, fix = "by: stratified needs one label name per row", "name a column by `key`, or use by: random"
        raise ConfigError(what, where="data", fix=fix)
    return example.name


def _sizes(shares: Mapping[str, float], texts: int) -> dict[str, int]:
    """How many texts of a class go to each part: its share, at least one, as long as one is left for training."""
    if texts <= len(shares):
        return dict.fromkeys(shares, 0)
    sizes = {name: max(1, int(share * texts + 0.5)) for name, share in shares.items()}
    while sum(sizes.values()) >= texts:
        sizes[max(sizes, key=lambda name: sizes[name])] -= 1
    return sizes


def _date(parts: Parts) -> Rule:
    """The newest rows to test, the next newest to validation, cut between two dates as near to the shares as they let.

    Rows whose date cannot be read stay in train.
    """
    key = _key(parts)
    read = reading(_reading_of(parts, key))
    rows, counts, unit = 0, Counter[Moment](), 0
    for example in parts.whole:
        rows += 1
        moment = read(group_of(example, key))
        if moment is not None:
            counts[moment - moment % _UNITS[unit]] += 1
            if len(counts) > MOST_MOMENTS and unit + 1 < len(_UNITS):
                unit += 1
                counts = _coarser(counts, _UNITS[unit])
    begins = _begins(counts, {name: share * rows for name, share in parts.shares.items()}, key)
    for name, begin in begins.items():
        parts.notices.say(f"{name}: from {shown(begin)} on")

    def part(example: Example) -> str | None:
        moment = read(group_of(example, key))
        return None if moment is None else next((name for name, begin in begins.items() if moment >= begin), None)

    return part


def _reading_of(parts: Parts, key: Column) -> str:
    """The way in which the dates are written, which is said with the rows that are not written so."""
    ways = KNOWN if parts.config.date_format == "auto" else (parts.config.date_format,)
    found = find_reading(((group_of(example, key), example.origin) for example in parts.whole), str(key), ways)
    parts.notices.say(f"column `{key}`: {found}")
    return found.name


def _coarser(counts: Counter[Moment], unit: int) -> Counter[Moment]:
    coarse = Counter[Moment]()
    for moment, number in counts.items():
        coarse[moment - moment % unit] += number
    return coarse


def _begins(counts: Counter[Moment], sizes: Mapping[str, float], key: Column) -> dict[str, Moment]:
    """The moment at which each part begins, the newest part first. The oldest moment is always left for training."""
    moments = sorted(counts, reverse=True)
    if len(moments) <= len(sizes):
        what = f"column `{key}` holds {len(moments)} different dates, too few to cut by"
        raise DataError(what, fix="use by: random, or another key")
    total = np.cumsum([counts[moment] for moment in moments])
    begins: dict[str, Moment] = {}
    first, wanted = 0, 0.0
    for left, (name, size) in enumerate(sizes.items(), start=1):
        wanted += size
        last = len(moments) - 1 - (len(sizes) - left)
        at = first + int(np.abs(total[first:last] - wanted).argmin())
        begins[name], first = moments[at], at + 1
    return begins


def _key(parts: Parts) -> Column:
    if parts.config.key is None:
        raise ValueError(f"by: {parts.config.by} without a key")
    return parts.config.key


METHODS: Mapping[str, Callable[[Parts], Rule]] = {
    "random": _random,
    "stratified": _stratified,
    "group": _group,
    "date": _date,
}
