"""The predictions of a run on one split, as its file holds them, and which rows they are about."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

from lmfit.errors import InputError
from lmfit.evaluation.entities import Span
from lmfit.evaluation.language import LanguageSums, score_language
from lmfit.evaluation.metrics import score_labels, score_multi_label, score_numbers, score_spans, score_tags
from lmfit.evaluation.names import Kind
from lmfit.evaluation.scores import Scores

_SHOWN_TEXT = 60


@dataclass(frozen=True)
class Answers:
    """Gold and predicted answers of each row, in the order of the file.

    names: the row's id, else None where its line number stands for it.  places: where it was read.
    texts: what was predicted for, None where the run keeps no texts.
    probabilities: all that was written about the row besides; equal where the models are.
    """

    names: list[str | None]
    places: list[str]
    texts: list[str | None]
    documents: list[str | None]
    gold: list[Any]
    predicted: list[Any]
    written: list[bytes]

    def __len__(self) -> int:
        return len(self.gold)

    def keys(self, *, texts: bool) -> list[bytes]:
        """What each row is known by: id, text and gold; without texts the id or line. Repeated rows are numbered."""
        found: list[bytes] = []
        seen: Counter[bytes] = Counter()
        for name, place, text, gold in zip(self.names, self.places, self.texts, self.gold, strict=True):
            line = None if texts else place.rpartition(":")[2]
            key = _digest([name or line, text if texts else None, gold])
            found.append(key + seen[key].to_bytes(4, "big"))
            seen[key] += 1
        return found

    def take(self, order: Sequence[int]) -> "Answers":
        """The rows in another order."""
        return Answers(*([column[i] for i in order] for column in vars(self).values()))

    def row(self, index: int) -> str:
        """A row in words: where it was read, its text and gold."""
        text = self.texts[index]
        shown = "" if text is None else f" {text[:_SHOWN_TEXT]!r}{'...' if len(text) > _SHOWN_TEXT else ''}"
        return f"{self.places[index]}{shown}"


def read_answers(path: Path, kind: Kind) -> Answers:
    """Read a predictions file. Raises InputError where a line cannot be read, naming it."""
    answers = Answers([], [], [], [], [], [], [])
    read = _READERS[kind]
    for line, row in _rows(path):
        try:
            gold, predicted = read(row)
            place = str(row.get("origin", row["id"]))
            name = None if place.rpartition(":")[2] == row["id"] else str(row["id"])
        except (KeyError, TypeError, ValueError):
            raise InputError("this is no prediction with its gold answer", where=f"{path}:{line}") from None
        pair = row.get("text_pair")
        answers.names.append(name)
        answers.places.append(place)
        answers.texts.append(row.get("text") if pair is None else f"{row['text']} | {pair}")
        answers.documents.append(row.get("document"))
        answers.gold.append(gold)
        answers.predicted.append(predicted)
        answers.written.append(_digest({name: v for name, v in row.items() if name != "origin"}))
    return answers


def score(kind: Kind, answers: Answers) -> Scores:
    """What the answers are worth, without intervals."""
    scores: Scores = _SCORERS[kind](answers.gold, answers.predicted, answers.documents)
    return scores


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with open(path, encoding="utf-8", newline="\n") as file:
        for line, text in zip(count(1), file, strict=False):
            try:
                row = json.loads(text)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise InputError("this line is no JSON object", where=f"{path}:{line}", fix="evaluate the run again")
            yield line, row


def _digest(value: Any) -> bytes:
    return blake2b(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"), digest_size=16).digest()


def _spans(entities: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(e["label"], e["start"], e["end"]) for e in entities)


def _tags(words: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(word["label"] for word in words)


def _number(value: Any) -> float:
    return float(value)


_READERS: dict[Kind, Callable[[Mapping[str, Any]], tuple[Any, Any]]] = {
    "entities": lambda row: (_spans(row["gold"]), _spans(row["entities"])),
    "tags": lambda row: (_tags(row["gold"]), _tags(row["entities"])),
    "single_label": lambda row: (str(row["gold"]), str(row["label"])),
    "multi_label": lambda row: (tuple(sorted(row["gold"])), tuple(sorted(row["label"]))),
    "regression": lambda row: (_number(row["gold"]), _number(row["label"])),
    "language": lambda row: (tuple(row["gold"]), (bool(row["causal"]), *row["sums"])),
}

_SCORERS: dict[Kind, Callable[..., Scores]] = {
    "entities": lambda gold, predicted, documents: score_spans(gold, predicted, documents, resamples=0),
    "tags": lambda gold, predicted, documents: score_tags(gold, predicted, documents, entities=False, resamples=0),
    "single_label": lambda gold, predicted, documents: score_labels(gold, predicted, (), documents, resamples=0),
    "multi_label": lambda gold, predicted, documents: score_multi_label(gold, predicted, (), documents, resamples=0),
    "regression": lambda gold, predicted, documents: score_numbers(gold, predicted, documents, resamples=0),
    "language": lambda gold, predicted, documents: score_language(LanguageSums.from_rows(gold, predicted), resamples=0),
}
