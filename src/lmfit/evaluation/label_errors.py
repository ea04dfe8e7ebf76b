"""Which labels are most likely wrong? Said by what the other rows teach, without any pretrained model.

Texts: confident learning (Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels", sections 3 and 4) on cross-validated probabilities of TF-IDF with logistic regression. Words: how often a word
beside these neighbours has another label in the other rows.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmfit import console
from lmfit.data.example import Example, Examples
from lmfit.data.normal import digest, normal_text
from lmfit.errors import ConfigError
from lmfit.evaluation.names import Kind
from lmfit.evaluation.tfidf import TfidfFeatures, classifier, draw

FOLDS = 5
LEAST_ROWS = 5
_LEAST_SEEN = 3
_BATCH = 4096
_EDGE = "\0"


@dataclass(frozen=True)
class Suspect:
    """A label that is likely wrong. margin: how much more the likely label is believed, 0 to 1; word: of a text."""

    file: str
    line: int
    given: str
    likely: str
    margin: float
    word: str
    text: str


@dataclass(frozen=True)
class Suspects:
    """Suspected label errors, most likely first; `judged` rows of `rows` could be judged."""

    found: list[Suspect]
    judged: int
    rows: int


def find_label_errors(kind: Kind, train: Examples) -> Suspects:
    """Suspected label errors of the training data. Raises ConfigError for kinds without a label per text or word."""
    if kind not in _FINDERS:
        what = f"label errors are looked for in single labels and in tags of words, not in {kind} data"
        raise ConfigError(what, where="--label-errors", fix="leave it out")
    return _FINDERS[kind](train)


def confident_errors(probabilities: NDArray[np.float64], given: NDArray[np.int64]) -> tuple[Any, Any, Any]:
    """(rows, likely labels, margins) of suspected errors, most likely first.

    probabilities: (R, C), each row's from a model that did not see it; given: (R,). A row counts as another class where
    its probability reaches the mean that rows labelled so have, and is the highest of those that do.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(given)), given]
    sums = np.bincount(given, own, classes), np.bincount(given, minlength=classes)
    thresholds = np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1), np.inf)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = reached.argmax(axis=1)
    rows = np.flatnonzero((reached.max(axis=1) > 0) & (likely != given))
    margins = reached[rows, likely[rows]] - own[rows]
    order = np.argsort(-margins, kind="stable")
    return rows[order], likely[rows][order], margins[order]


def _find_in_texts(train: Examples) -> Suspects:
    total = sum(1 for _ in train)
    counts = Counter(_label(example) for example in train)
    names = sorted(label for label, count in counts.items() if count >= LEAST_ROWS)
    ids = {name: i for i, name in enumerate(names)}
    examples = [example for example in draw(train, max(1, len(names))) if _label(example) in ids]
    given = np.array([ids[_label(example)] for example in examples], np.int64)
    if len(names) < 2:
        return Suspects([], 0, total)
    found = confident_errors(_cross_validated(examples, given, len(names)), given)
    suspects = [
        _suspect(examples[row], names[given[row]], names[likely], margin)
        for row, likely, margin in zip(*found, strict=True)
    ]
    return Suspects(suspects, len(examples), total)


def _label(example: Example) -> str:
    return example.name or str(example.label)


def _cross_validated(examples: Sequence[Example], given: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(R, C): each row's probabilities from the rows of other folds; equal texts are in the same fold."""
    folds = np.array([int.from_bytes(digest(normal_text(example))) % FOLDS for example in examples])
    found = np.zeros((len(examples), classes))
    for fold in console.progress(range(FOLDS), total=FOLDS, what="cross-validating"):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not len(outside) or len(np.unique(given[inside])) < 2:
            continue
        learnt = [examples[int(i)] for i in inside]
        features = TfidfFeatures(learnt, classes)
        model = classifier().fit(features(learnt), given[inside])
        for begin in range(0, len(outside), _BATCH):
            rows = outside[begin : begin + _BATCH]
            found[np.ix_(rows, model.classes_)] = model.predict_proba(features([examples[int(i)] for i in rows]))
    return found


def _find_in_words(train: Examples, *, label_of: Callable[[str], str]) -> Suspects:
    """Words whose label differs from what the word, with the word before and the word after, has in other rows."""
    examples = draw(train, 1)
    everywhere = _count(examples, label_of)
    found: list[Suspect] = []
    judged = 0
    for example in examples:
        here = _count([example], label_of)
        words = list(zip(_contexts(example), example.words or (), map(label_of, example.tags or ()), strict=True))
        beliefs = [_believed(contexts, label, everywhere, here) for contexts, _, label in words]
        judged += sum(belief is not None for belief in beliefs)
        answers = [
            (belief[0] if belief else label, label) for belief, (_, _, label) in zip(beliefs, words, strict=True)
        ]
        for (likely, label), run in groupby(range(len(words)), key=answers.__getitem__):
            places = list(run)
            if likely != label and _is_whole(example.tags or (), places):
                margin = max(belief[1] for belief in map(beliefs.__getitem__, places) if belief)
                text = example.text[words[places[0]][1][0] : words[places[-1]][1][1]]
                found.append(_suspect(example, label, likely, margin, text))
    found.sort(key=lambda suspect: -suspect.margin)
    return Suspects(found, judged, sum(len(example.words or ()) for example in examples))


def _count(examples: Sequence[Example], label_of: Callable[[str], str]) -> Mapping[tuple[str, ...], Counter[str]]:
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for example in examples:
        for contexts, tag in zip(_contexts(example), example.tags or (), strict=True):
            for context in contexts:
                counts[context][label_of(tag)] += 1
    return counts


def _contexts(example: Example) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Each word alone, after the one before it, and before the one after it."""
    words = [example.text[start:end] for start, end in example.words or ()]
    for before, word, after in zip([_EDGE, *words], words, [*words[1:], _EDGE], strict=False):
        yield (word,), (before, word, ""), ("", word, after)


def _believed(
    contexts: Sequence[tuple[str, ...]],
    label: str,
    everywhere: Mapping[tuple[str, ...], Counter[str]],
    here: Mapping[tuple[str, ...], Counter[str]],
) -> tuple[str, float] | None:
    """The label that other rows give a word, and by how much more than `label`; None where they say too little."""
    shares: dict[str, float] = defaultdict(float)
    for context in contexts:
        others = everywhere[context] - here[context]
        seen = others.total()
        if seen >= _LEAST_SEEN:
            for name, count in others.items():
                shares[name] += count / (seen + 2) / len(contexts)
    if not shares:
        return None
    likely = min(shares, key=lambda name: (-shares[name], name))
    return likely, shares[likely] - shares[label]


def _is_whole(tags: Sequence[str], places: Sequence[int]) -> bool:
    """Whether words are an entity from end to end; "of the" inside a name is no suspect, however often it is O."""
    after = places[-1] + 1
    return not tags[places[0]].startswith("I-") and not (after < len(tags) and tags[after].startswith("I-"))


def _suspect(example: Example, given: str, likely: str, margin: float, word: str = "") -> Suspect:
    text = example.text if example.text_pair is None else f"{example.text} / {example.text_pair}"
    return Suspect(example.origin.file, example.origin.line, given, likely, round(float(margin), 4), word, text)


_FINDERS: Mapping[Kind, Callable[[Examples], Suspects]] = {
    "single_label": _find_in_texts,
    "entities": partial(_find_in_words, label_of=lambda tag: tag[2:] or "O"),
    "tags": partial(_find_in_words, label_of=lambda tag: tag),
}
