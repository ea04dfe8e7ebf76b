"""Names that training never saw: does the model know what a name is, or only these names?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from lmfit.data.example import Example
from lmfit.data.normal import digest, normal_form
from lmfit.evaluation.entities import Span, spans
from lmfit.evaluation.robustness.perturbation import Offsets, Perturbation

LEAST_NAMES = 10
MOST_NAMES = 10_000
_TRIES = 20


@dataclass(frozen=True)
class Name:
    """A name as it was written, and where its words stand in it."""

    text: str
    words: tuple[tuple[int, int], ...]


class Names(Perturbation):
    """Each gold entity gets another name of its label that is no entity of the training data; equal ones the same.

    The names come from the held-out data (up to 10,000 a label). A label with fewer than 10 keeps its entities.
    """

    name = "names"
    about = "entities renamed: other names of the held-out data that training never saw"
    inapplicable = f"no label has {LEAST_NAMES} names in the held-out data that training never saw"
    kinds: ClassVar[tuple[str, ...]] = ("entities",)
    needs_training: ClassVar[bool] = True

    def __init__(self, pools: Mapping[str, Sequence[Name]] | None = None, remark: str = "") -> None:
        self._pools, self._remark = pools or {}, remark

    @property
    def remark(self) -> str:
        """Which labels keep their entities."""
        return self._remark

    def fitted(self, train: Iterable[Example], held: Iterable[Example]) -> "Names":
        """With the names of the held-out data that are no entity of the training data, whatever their label there."""
        known = {_key(name) for example in train for _, name in _named(example)}
        pools: dict[str, dict[bytes, Name]] = defaultdict(dict)
        for example in held:
            for span, name in _named(example):
                pool, key = pools[span.label], _key(name)
                if key not in known and len(pool) < MOST_NAMES:
                    pool.setdefault(key, name)
        few = sorted(label for label, pool in pools.items() if len(pool) < LEAST_NAMES)
        enough = {label: tuple(pool.values()) for label, pool in pools.items() if label not in few}
        told = f"fewer than {LEAST_NAMES} unseen names of {', '.join(few)}: these entities stay as they are"
        return Names(enough, told if few and enough else "")

    def fits(self, example: Example) -> bool:
        """Whether there is an entity of a label with names."""
        return any(span.label in self._pools for span in spans(example.tags or ()))

    def change(self, example: Example, random: Random) -> Example:
        """The example with other names; tags are B- and I- again over as many words as each name has."""
        chosen: dict[tuple[str, bytes], Name] = {}
        new: dict[int, tuple[Span, Name]] = {}
        for span, old in _named(example):
            if span.label in self._pools:
                asked = span.label, _key(old)
                if asked not in chosen:
                    chosen[asked] = _another(self._pools[span.label], old, random)
                new[span.start] = span, chosen[asked]
        return _renamed(example, new)


def _another(pool: Sequence[Name], old: Name, random: Random) -> Name:
    key = _key(old)
    return next((n for n in (random.choice(pool) for _ in range(_TRIES)) if _key(n) != key), old)


def _renamed(example: Example, new: Mapping[int, tuple[Span, Name]]) -> Example:
    text, words, tags = "", Offsets(), list[str]()
    old, at, i = example.words or [], 0, 0
    while i < len(old):
        start, end = old[i]
        text += example.text[at:start]
        begin = len(text)
        if i in new:
            (label, _, stop), name = new[i]
            text += name.text
            words += [(begin + a, begin + b) for a, b in name.words]
            tags += [f"B-{label}", *[f"I-{label}"] * (len(name.words) - 1)]
            i, at = stop, old[stop - 1][1]
        else:
            text += example.text[start:end]
            words.append((begin, len(text)))
            tags.append((example.tags or [])[i])
            i, at = i + 1, end
    return replace(example, text=text + example.text[at:], words=words, tags=tags)


def _named(example: Example) -> list[tuple[Span, Name]]:
    """The gold entities with their names."""
    found = []
    for span in spans(example.tags or ()):
        own = (example.words or [])[span.start : span.end]
        first, last = own[0][0], own[-1][1]
        found.append((span, Name(example.text[first:last], tuple((a - first, b - first) for a, b in own))))
    return found


def _key(name: Name) -> bytes:
    return digest(normal_form(name.text))


NAMES = (Names(),)
