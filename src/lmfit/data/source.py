"""A split that can be read again and again, and the steps that are laid over one."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain, islice
from typing import Self

from lmfit import console
from lmfit.data.example import Example
from lmfit.data.notices import Notices
from lmfit.data.scheme import SCHEME_FIX, Scheme, to_iob2
from lmfit.data.splits import few_per_class, nested_draw
from lmfit.data.spool import Spool
from lmfit.errors import DataError

SMALL = 64 * 2**20

Stream = Callable[[Notices], Iterator[Example]]
Step = Callable[[Iterable[Example], Notices], Iterator[Example]]
PartOf = Callable[[Example], str | None]


class Source:
    """Examples in a fixed order.

    files: where they come from. fingerprint: a hash of the contents and of everything that decides how they are read.
    small: whether they are held in memory after `load` (up to SMALL bytes of text), or on disk (data/spool.py).
    """

    def __init__(self, name: str, files: Sequence[str], fingerprint: str, stream: Stream, *, small: bool) -> None:
        self.name = name
        self.files = list(files)
        self.fingerprint = fingerprint
        self._stream = stream
        self._small = small
        self._length: int | None = None

    def __iter__(self) -> Iterator[Example]:
        return self._stream(Notices())

    def __len__(self) -> int:
        if self._length is None:
            self.load(Notices())
        return self._length or 0

    def hold(self, notices: Notices) -> Self:
        """Read a small source into memory now, so that the steps laid over it do not read its files again."""
        return self.load(notices) if self._small else self

    def load(self, notices: Notices) -> Self:
        """Read to the end once: every error is met now, the length is known, and the files are not read again.

        Raises DataError where there is no example at all.
        """
        if self._length:
            return self
        examples = console.progress(self._stream(notices), total=None, what=f"reading {self.name}")
        kept = list(examples) if self._small else Spool(examples)
        self._keep(kept)
        if not len(kept):
            fix = "; ".join(notices.counted)
            raise DataError(f"the {self.name} split has no example", where=", ".join(self.files), fix=fix)
        return self

    def _keep(self, kept: "list[Example] | Spool") -> None:
        self._stream = lambda _: iter(kept)
        self._length = len(kept)

    def parted(self, part_of: PartOf, parts: Mapping[str, tuple[str | None, object]]) -> dict[str, "Source"]:
        """A source for each part, read off these examples in one pass.

        parts: name of the source -> (part, its share in the fingerprint). An example of no part named is left out.
        """
        kept: dict[str | None, list[Example] | Spool] = {
            part: [] if self._small else Spool() for part, _ in parts.values()
        }
        for example in console.progress(self, total=len(self), what=f"parting {self.name}"):
            if (found := kept.get(part_of(example))) is not None:
                found.append(example)
        made: dict[str, Source] = {}
        for name, (part, what) in parts.items():
            digest = fingerprint_of([self.fingerprint, what])
            made[name] = Source(name, self.files, digest, self._stream, small=self._small)
            made[name]._keep(kept[part])
        return made

    def then(self, step: Step, what: object, name: str | None = None) -> "Source":
        """What `step` makes of these examples; `what` is the step's share in the fingerprint."""
        before = self._stream
        digest = fingerprint_of([self.fingerprint, what])
        return Source(
            name or self.name, self.files, digest, lambda notices: step(before(notices), notices), small=self._small
        )


def fingerprint_of(what: object) -> str:
    """A hash of plain values."""
    return sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def checked(examples: Iterable[Example], notices: Notices) -> Iterator[Example]:
    """The examples. A NUL or half a surrogate pair (JSON escapes can hold them) is a DataError, wherever it stands."""
    for example in examples:
        with notices.mistakes:
            texts = list(_texts_of(example))
            joined = "\n".join(texts)
            if not joined.isascii() or "\0" in joined:
                for text in texts:
                    _refuse_unwritable(text, "the text" if text is example.text else "a label or column", example)
            yield example


def _texts_of(example: Example) -> Iterator[str]:
    """Every piece of text that an example holds."""
    yield from (example.text, example.text_pair or "", example.id, example.document or "")
    labels = example.label if isinstance(example.label, tuple) else (example.label,)
    columns = chain.from_iterable(example.columns.items())
    yield from (text for text in chain(labels, example.tags or (), columns) if isinstance(text, str))


def _refuse_unwritable(text: str, called: str, example: Example) -> None:
    if "\0" in text:
        raise DataError(f"a NUL character in {called}", where=str(example.origin), fix="remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"half a surrogate pair at character {error.start} of {called}"
        raise DataError(what, where=str(example.origin), fix="write both halves, or remove it") from error


def first(number: int) -> Step:
    """The first examples."""
    return lambda examples, _: islice(examples, number)


def in_iob2(scheme: Scheme) -> Step:
    """The examples with their tags in IOB2; sentences that break the rules of `scheme` are repaired and counted."""

    def step(examples: Iterable[Example], notices: Notices) -> Iterator[Example]:
        for example in examples:
            with notices.mistakes:
                yield converted(example, notices)

    def converted(example: Example, notices: Notices) -> Example:
        if example.tags is None:
            return example
        try:
            tags, broken = to_iob2(example.tags, scheme)
        except DataError as error:
            problem = error.problems[0]
            raise DataError(problem.what, where=str(example.origin), fix=problem.fix) from error
        if broken:
            what = f"sentences whose tags break the rules of {scheme} (an entity begins where a tag cannot go on)"
            notices.doubt("broken-tags", what, example.origin, f"correct the tags, or {SCHEME_FIX}")
        return replace(example, tags=tags)

    return lambda examples, notices: notices.mistakes.settled(step(examples, notices))


def balanced(source: Source, number: int, seed: int, notices: Notices) -> Source:
    """The source with `number` examples of each class, chosen by hash; a class that has fewer is named in `notices`."""
    kept, short = few_per_class(source, number, seed)
    for label, has in sorted(short.items()):
        notices.say(f"{source.name}: class `{label}` has only {has} of the {number} examples of limit_per_class")

    return source.then(_at(kept), ["limit_per_class", number, seed])


def fewer(source: Source, number: int, seed: int) -> Source:
    """The source with `number` examples, chosen by hash; fewer of them are part of more."""
    return source.then(_at(nested_draw(source, number, seed)), ["limit_train", number, seed])


def _at(kept: set[int]) -> Step:
    """The examples at some positions."""
    return lambda examples, _: (example for position, example in enumerate(examples) if position in kept)
