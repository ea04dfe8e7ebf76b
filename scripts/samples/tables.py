"""sample-intents and sample-headlines: a text and its label, as CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from random import Random

from samples import template as t
from samples.names import Names

INTENT_ROWS = {"train": 640, "validation": 160, "test": 160}
HEADLINE_ROWS = {"train": 900, "validation": 200, "test": 200}

_OPENINGS = (
    *("Hi, ", "Hello, ", "Good morning. ", "Hi there! ", "Dear team, ", "Sorry to bother you. "),
    *("I have been a customer for years. ", "I already wrote to you yesterday. ", "Quick question: ", "hey "),
)
_CLOSINGS = (
    *(" Thanks!", " Thank you.", " Please help.", " Kind regards, Sam", " Please answer soon.", " This is urgent."),
    *(" I could not find it on your site.", " Nobody picks up the phone.", " thx"),
)


def intents(split: str) -> str:
    """Customer requests, some with a greeting, some carelessly typed."""
    fillers: t.Fillers = {name: t.from_list(words) for name, words in t.word_lists("intents.fillers.yaml").items()} | {
        "n": lambda rng: str(t.between(rng, 2, 30)),
        "number": lambda rng: f"#{t.between(rng, 10000, 99999)}",
        "amount": lambda rng: f"{t.between(rng, 5, 240)} euros",
    }
    templates = t.templates_by_label(f"intents.{split}.yaml")
    return _csv(("text", "intent"), _rows(templates, INTENT_ROWS[split], fillers, as_typed, Random(f"intents {split}")))


def headlines(split: str) -> str:
    """Financial headlines about invented companies."""
    names = Names(split)
    fillers: t.Fillers = (
        {name: t.from_list(words) for name, words in t.word_lists("headlines.fillers.yaml").items()}
        | dict(t.NUMBERS)
        | {slot: names.slots()[slot][1] for slot in ("company", "city", "country")}
    )
    templates = t.templates_by_label(f"headlines.{split}.yaml")
    rows = _rows(templates, HEADLINE_ROWS[split], fillers, _capitalised, Random(f"headlines {split}"))
    return _csv(("headline", "sentiment"), rows)


def as_typed(request: str, rng: Random) -> str:
    """A request as people type it: at times with a greeting, without capitals, or with two letters swapped."""
    if rng.random() < 0.25:
        request = t.pick(rng, _OPENINGS) + request
    if rng.random() < 0.2:
        request += t.pick(rng, _CLOSINGS)
    if rng.random() < 0.15:
        request = request.lower().rstrip(".?!")
    if rng.random() < 0.15:
        request = with_typo(request, rng)
    return request


def with_typo(text: str, rng: Random) -> str:
    """Two neighbouring letters inside one of the longer words change places."""
    words = text.split(" ")
    long_words = [position for position, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long_words:
        return text
    position = t.pick(rng, long_words)
    word = words[position]
    at = t.between(rng, 1, len(word) - 3)
    words[position] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _capitalised(headline: str, _: Random) -> str:
    return headline[0].upper() + headline[1:]


def _rows(
    templates: Mapping[str, Sequence[str]],
    count: int,
    fillers: t.Fillers,
    finish: Callable[[str, Random], str],
    rng: Random,
) -> list[tuple[str, str]]:
    """`count` different texts with their labels in random order; templates take turns, a repeated text is dropped."""
    made: dict[str, str] = {}
    turn = 0
    while len(made) < count:
        label = list(templates)[turn % len(templates)]
        template = templates[label][turn // len(templates) % len(templates[label])]
        made.setdefault(finish(t.fill(t.choose(template, rng), fillers, rng), rng), label)
        turn += 1
    return t.shuffled(rng, list(made.items()))


def _csv(header: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()
