"""sample-ner: sentences with people, organisations, places and other names, in two columns (word, IOB2 tag)."""

import re
from collections.abc import Iterator
from random import Random

from samples.names import Names
from samples.template import NUMBERS, SLOT, choose, fill, from_list, lines, shuffled, word_lists

ROWS = {"train": 1200, "validation": 300, "test": 300}
Sentence = list[tuple[str, str]]

_FILLERS = {name: from_list(words) for name, words in word_lists("fillers.yaml").items()} | dict(NUMBERS)
_VOWEL_SOUND = re.compile(r"(?!uni|uk|ug|uru|eu|one)[aeiou]|8|11\b|18\b", re.IGNORECASE)


def text(split: str) -> str:
    """The file of one split."""
    return "".join("".join(f"{word} {tag}\n" for word, tag in sentence) + "\n" for sentence in sentences(split))


def sentences(split: str) -> list[Sentence]:
    """The sentences of one split: patterns take turns, a repeated one is dropped, in random order."""
    rng = Random(f"sample-ner {split}")
    names, patterns = Names(split), lines(f"ner.{split}.txt")
    made: dict[str, Sentence] = {}
    position = 0
    while len(made) < ROWS[split]:
        sentence = build(patterns[position % len(patterns)], names, rng)
        made.setdefault(" ".join(word for word, _ in sentence), sentence)
        position += 1
    return shuffled(rng, list(made.values()))


def build(pattern: str, names: Names, rng: Random) -> Sentence:
    """One tagged sentence. A pattern in capitals gives a sentence in capitals."""
    sentence = list(_tagged(fill(choose(pattern, rng), _FILLERS, rng), names, rng))
    if SLOT.sub("", pattern).isupper():
        return [(word.upper(), tag) for word, tag in sentence]
    word, tag = sentence[0]
    return with_articles([(word[0].upper() + word[1:], tag), *sentence[1:]])


def _tagged(template: str, names: Names, rng: Random) -> Iterator[tuple[str, str]]:
    slots = names.slots()
    used: set[str] = set()
    for piece in template.split():
        if not (slot := SLOT.fullmatch(piece)):
            yield piece, "O"
            continue
        kind, make = slots[slot[1]]
        name = make(rng)
        while name in used:
            name = make(rng)
        used.add(name)
        if name.startswith("the "):
            yield "the", "O"
        for position, word in enumerate(name.removeprefix("the ").split()):
            yield word, ("B-" if position == 0 else "I-") + kind


def with_articles(sentence: Sentence) -> Sentence:
    """`a` becomes `an` before a vowel sound."""
    following = [word for word, _ in sentence[1:]] + [""]
    return [
        (word + "n" if word in ("a", "A") and _VOWEL_SOUND.match(after) else word, tag)
        for (word, tag), after in zip(sentence, following, strict=True)
    ]
