"""One label per word: named entities, chunks, parts of speech."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import softmax

from lmfit.catalog import TASK_SETTINGS
from lmfit.config.tasks import TokenClassificationSettings
from lmfit.data.collate import IGNORED, Batch
from lmfit.data.example import Example
from lmfit.data.framing import Framer, Window, cut
from lmfit.data.rows import TOKEN_DTYPE, Row
from lmfit.data.words import split_words
from lmfit.errors import DataError
from lmfit.evaluation.entities import Span, repair_iob2, spans
from lmfit.evaluation.metrics import score_tags
from lmfit.evaluation.names import Kind
from lmfit.evaluation.outcomes import UNKNOWN, Outcome
from lmfit.evaluation.scores import Scores
from lmfit.tasks.base import Encoded, Stats, Task, lead, weigh_labels
from lmfit.tasks.crf import Chain, chain_of, crf_loss, decode_crf
from lmfit.tasks.decoding import ConstrainedDecoder
from lmfit.tasks.predictions import Entity, TagPrediction

if TYPE_CHECKING:
    import torch

    from lmfit.models.crf import Crf
    from lmfit.tasks.tensors import Tensors


class TokenClassification(Task):
    """Tag each word of a text; words are joined to entities where the tags are IOB2."""

    name = "token-classification"
    example_kind: ClassVar[Literal["words", "text"]] = "words"
    auto_class = "AutoModelForTokenClassification"
    padding: ClassVar[Mapping[str, int]] = {"labels": IGNORED, "words": -1}
    pipeline_options = ', aggregation_strategy="first"'

    def __init__(
        self, settings: TokenClassificationSettings, labels: list[str], words: str, weights: list[float] | None = None
    ) -> None:
        self.settings = settings
        self.labels = labels
        self.words = words
        self.entities = _are_iob2(labels)
        self._crf: Crf | None = None
        self._chain: Chain | None = None
        self._decoder = ConstrainedDecoder(labels) if settings.decoding == "constrained" else None
        self._ids = {label: i for i, label in enumerate(labels)}
        self._weights = weights

    @classmethod
    def learn(cls, settings: TokenClassificationSettings, words: str, train: Iterable[Example]) -> Self:
        """Labels of the training data: O first, then B- and I- of each type in alphabetical order; else as they are.

        Raises DataError where there is no tag, or only one.
        """
        counts = Counter(chain.from_iterable(example.tags or () for example in train))
        if not counts:
            raise DataError("no tags in the training data", fix="say which column holds them: data.columns.labels")
        if len(counts) == 1:
            raise DataError(
                f"every word of the training data has the tag `{next(iter(counts))}`",
                fix="say which column holds the tags: data.columns.labels",
            )
        types = sorted({tag[2:] for tag in counts if tag != "O"})
        iob2 = ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
        labels = iob2 if _are_iob2(counts) else sorted(counts)
        return cls(settings, labels, words, weigh_labels(settings, labels, counts))

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The task as stored with a model."""
        return cls(TASK_SETTINGS.load(cls.name)(**state["settings"]), list(state["labels"]), state["words"])

    def state(self) -> dict[str, Any]:
        """Settings, labels and how text becomes words."""
        return {"settings": self.settings.model_dump(), "labels": self.labels, "words": self.words}

    @classmethod
    def foreign_state(cls, architecture: str, labels: list[str], config: Any) -> dict[str, Any] | None:
        """Labels of any ...ForTokenClassification model; raw text is split at Unicode word boundaries."""
        return {"labels": labels, "words": "unicode"} if architecture.endswith("ForTokenClassification") else None

    def attach(self, model: "torch.nn.Module") -> None:
        """The model's CRF, if it has one."""
        self._crf = getattr(model, "crf", None)

    def attach_head(self, arrays: Mapping[str, np.ndarray]) -> None:
        """A CRF's scores."""
        self._chain = Chain.of(arrays)

    @property
    def kind(self) -> Kind:
        """Entities, or plain tags."""
        return "entities" if self.entities else "tags"

    def tokenise(self, examples: Sequence[Example], framer: Framer) -> tuple[list[list[str]], list[list[list[int]]]]:
        """The words of each example, and the token ids of each word."""
        offsets = [e.words if e.words is not None else split_words(e.text, self.words) for e in examples]
        texts = [[e.text[a:b] for a, b in spans] for e, spans in zip(examples, offsets, strict=True)]
        return texts, framer.encode_words(texts)

    def encode(
        self, examples: Sequence[Example], framer: Framer, stats: Stats, tokens: Any = None
    ) -> Iterator[Encoded]:
        """Words to subwords; the label stands on the first subword (or all), long sentences become windows."""
        texts, ids = tokens or self.tokenise(examples, framer)
        for example, words, pieces in zip(examples, texts, ids, strict=True):
            rows = self._rows(example, words, pieces, framer, stats)
            yield Encoded(example, rows)

    def _rows(
        self, example: Example, words: list[str], pieces: list[list[int]], framer: Framer, stats: Stats
    ) -> list[Row]:
        stats.counts.update(examples=1, words=len(words))
        self._note_unknown(example, words, pieces, framer, stats)
        sizes = np.array([len(piece) for piece in pieces], np.int64)
        ids = np.fromiter(chain.from_iterable(pieces), np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])[:-1][sizes > 0]
        visible = np.flatnonzero(sizes > 0)
        first = np.full(len(ids), -1, np.int64)
        first[starts] = visible
        tags = self._tag_ids(example, len(words))
        labels = np.where(first >= 0, tags[first], IGNORED)
        if self.settings.label_subwords == "all" and len(ids):
            labels = self._spread(tags[np.repeat(np.arange(len(sizes)), sizes)], first)
        windows = cut(len(ids), framer.budget(), starts)
        if len(windows) > 1:
            stats.note("windowed", example.origin)
            windows = self._overflow(example, windows, visible[starts >= windows[0].end], framer, stats)
        rows = []
        for window in windows:
            owned = slice(window.owned_begin - window.begin, window.owned_end - window.begin)
            inside = slice(window.begin, window.end)
            only = _only(labels[inside], owned, IGNORED), _only(first[inside], owned, -1)
            rows.append(self._row(framer, ids[inside], *only, example.weight))
        stats.counts["rows"] += len(rows)
        stats.counts["tokens"] += sum(len(row) for row in rows)
        return rows

    @staticmethod
    def _row(framer: Framer, ids: np.ndarray, labels: np.ndarray, words: np.ndarray, weight: float) -> Row:
        framed, _ = framer.frame(ids.tolist())
        inside = slice(framer.lead, framer.lead + len(ids))
        tokens = {"input_ids": np.array(framed, TOKEN_DTYPE)}
        for name, values, blank in (("labels", labels, IGNORED), ("words", words, -1)):
            tokens[name] = np.full(len(framed), blank, TOKEN_DTYPE)
            tokens[name][inside] = values
        return Row(tokens, {"weight": weight})

    @staticmethod
    def _note_unknown(
        example: Example, words: list[str], pieces: list[list[int]], framer: Framer, stats: Stats
    ) -> None:
        for word, piece in zip(words, pieces, strict=True):
            if not piece:
                stats.note("vanished", example.origin, repr(word))
            elif framer.unknown_id in piece:
                stats.note("unknown", example.origin, word)

    def _tag_ids(self, example: Example, count: int) -> np.ndarray:
        if example.tags is None:
            return np.full(count, IGNORED)
        return np.array([self._ids.get(tag, IGNORED) for tag in example.tags], np.int64)

    def _spread(self, labels: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Labels on all subwords: after a word's first subword, B-X goes on as I-X."""
        inside = np.arange(len(self.labels))
        if self.entities:
            inside = np.array([self._ids.get("I-" + label[2:], i) for i, label in enumerate(self.labels)])
        goes_on = (first < 0) & (labels >= 0)
        return np.where(goes_on, inside[labels.clip(min=0)], labels)

    def _overflow(
        self, example: Example, windows: list[Window], beyond: np.ndarray, framer: Framer, stats: Stats
    ) -> list[Window]:
        """The windows to use; `beyond`: the words that begin behind the first one, which a cut loses."""
        if framer.overflow == "error":
            raise DataError(
                f"a sentence is longer than max_length {framer.max_length}",
                where=str(example.origin),
                fix="set data.overflow=window, or raise data.max_length",
            )
        if framer.overflow == "window":
            return windows
        stats.note("truncated", example.origin)
        stats.counts["words_cut"] += len(beyond)
        if len(beyond):
            kept = int(beyond[0])
            stats.counts["entities_cut"] += sum(span.end > kept for span in spans(example.tags or ()))
        return cut(windows[0].end, framer.budget())

    def targets(self, batch: "Tensors") -> float:
        """Labelled subwords, each weighing as its row and its label do."""
        return float(self._target_weights(batch, batch["weight"].double()).sum())

    def _target_weights(self, batch: "Tensors", weights: "torch.Tensor") -> "torch.Tensor":
        """(B, L), in the type of the rows' weights (B,); 0 where there is no label."""
        labelled, weights = batch["labels"] != IGNORED, weights[:, None]
        if self._weights is not None:
            weights = weights * weights.new_tensor(self._weights)[batch["labels"].clamp_min(0)]
        return weights * labelled

    def loss(self, logits: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """Summed over labelled subwords; logits (B, L, C). Of a CRF the negative log-likelihood of the sentences."""
        if self._crf is not None:
            return crf_loss(self._crf, logits, batch)
        from lmfit.tasks.tensors import cross_entropies

        weights = None if self._weights is None else logits.new_tensor(self._weights)
        losses = cross_entropies(logits.flatten(0, 1), batch["labels"].flatten(), self.settings, weights)
        return (batch["weight"][:, None] * losses.view_as(batch["labels"])).sum()

    def divergence(self, first: "torch.Tensor", second: "torch.Tensor", batch: "Tensors") -> "torch.Tensor":
        """Summed over labelled subwords: the mean of both KL divergences."""
        from lmfit.tasks.tensors import symmetric_divergence

        apart = symmetric_divergence(first, second)
        return (self._target_weights(batch, batch["weight"].to(apart.dtype)) * apart).sum()

    def soft_loss(
        self, logits: "torch.Tensor", teacher: "torch.Tensor", batch: "Tensors", temperature: float
    ) -> "torch.Tensor":
        """Summed over labelled subwords: KL divergence at a temperature."""
        from lmfit.tasks.tensors import tempered_divergence

        apart = tempered_divergence(logits, teacher, temperature)
        return (self._target_weights(batch, batch["weight"].to(apart.dtype)) * apart).sum()

    def answers(self, logits: np.ndarray, batch: Batch) -> list[np.ndarray]:
        """Per row: (W, 1 + C), the word's index and its logits, for each word whose first subword is owned."""
        owned = batch["words"] >= 0
        table = np.concatenate([batch["words"][owned][:, None], logits[owned]], axis=1, dtype=np.float32)
        return np.split(table, np.cumsum(owned.sum(axis=1))[:-1])

    def decode(self, encoded: Encoded, answers: Sequence[np.ndarray]) -> TagPrediction:
        """A tag per word, valid IOB2; a word that no subword stands for is O with score 0.

        decoding argmax: the most probable tag of each word, repaired (of a CRF the most probable sequence);
        constrained: the most probable valid sequence.
        """
        example = encoded.example
        offsets = example.words if example.words is not None else split_words(example.text, self.words)
        table = np.concatenate(answers)
        words, (best, probabilities) = table[:, 0].astype(int), self._decided(table[:, 1:])
        of_word = np.zeros((len(offsets), len(self.labels)), np.float32)
        of_word[words] = probabilities
        tags, scores = ["O"] * len(offsets), [0.0] * len(offsets)
        for word, label, score in zip(words, best, probabilities[np.arange(len(best)), best], strict=True):
            tags[word], scores[word] = self.labels[label], float(score)
        return replace(self._prediction(example, offsets, tags, scores), probabilities=of_word)

    def _decided(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tag of each word, (W,), and the probabilities of all of them, (W, C)."""
        chain = self._chain if self._crf is None else chain_of(self._crf)
        if chain is not None:
            return decode_crf(chain, logits, self._decoder)
        probabilities = softmax(logits, axis=1)
        return probabilities.argmax(axis=1) if self._decoder is None else self._decoder.best(
            probabilities
        ), probabilities

    def margin(self, answers: Sequence[np.ndarray]) -> float:
        """Half the least lead of a word's best tag; 0 where the best valid sequence is another one, and for a CRF."""
        if self._crf is not None or self._chain is not None:
            return 0.0
        logits = np.concatenate(answers)[:, 1:]
        if self._decoder is not None and not self._decoder.allows(logits.argmax(axis=1)):
            return 0.0
        return float(lead(logits).min(initial=np.inf) / 2)

    def logits_in(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """Those of each word."""
        return np.concatenate(answers)[:, 1:]

    def decisions(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """The tag of each word."""
        return self._decided(self.logits_in(answers))[0]

    def _prediction(
        self, example: Example, offsets: list[tuple[int, int]], tags: list[str], scores: list[float]
    ) -> TagPrediction:
        if self.entities:
            tags = repair_iob2(tags)
            found = spans(tags)
        else:
            found = [Span(tag, i, i + 1) for i, tag in enumerate(tags)]
        entities = []
        for label, begin, end in found:
            start, stop = offsets[begin][0], offsets[end - 1][1]
            score = fmean(scores[begin:end])
            entities.append(Entity(start, stop, label, score, example.text[start:stop]))
        return TagPrediction(example.text, entities, tags)

    def recall(self, example: Example, row: Mapping[str, Any]) -> TagPrediction:
        """The tags that the entities of a row stand for."""
        offsets = example.words if example.words is not None else split_words(example.text, self.words)
        tags, scores = ["O"] * len(offsets), [0.0] * len(offsets)
        starts = [begin for begin, _ in offsets]
        for entity in row["entities"]:
            begin, end = bisect_left(starts, entity["start"]), bisect_left(starts, entity["end"])
            for word in range(begin, end):
                prefix = "" if not self.entities else "B-" if word == begin else "I-"
                tags[word], scores[word] = prefix + entity["label"], entity["score"]
        return self._prediction(example, offsets, tags, scores)

    def score(self, pairs: Iterable[tuple[Example, TagPrediction]], *, resamples: int, seed: int) -> Scores:
        """Entity and token scores; gold words that were cut count as O in the prediction."""
        gold: list[tuple[str, ...]] = []
        predicted: list[tuple[str, ...]] = []
        documents: list[str | None] = []
        once: dict[tuple[str, ...], tuple[str, ...]] = {}
        for example, prediction in pairs:
            for kept, tags in ((gold, tuple(example.tags or ())), (predicted, tuple(prediction.tags))):
                kept.append(once.setdefault(tags, tags))
            documents.append(example.document)
        return score_tags(gold, predicted, documents, entities=self.entities, resamples=resamples, seed=seed)

    def from_baseline(self, example: Example, predicted: list[str]) -> TagPrediction:
        """Tags to a prediction."""
        return self._prediction(example, example.words or [], predicted, [1.0] * len(predicted))

    def outcome(self, example: Example, prediction: TagPrediction) -> Outcome:
        """One item for each word that the model has seen."""
        gold, predicted = (
            np.array([self._ids.get(tag, UNKNOWN) for tag in tags], np.int64)
            for tags in (example.tags or [], prediction.tags)
        )
        if prediction.probabilities is None:
            return Outcome(gold, predicted, None)
        seen = prediction.probabilities.any(axis=1)
        return Outcome(gold[seen], predicted[seen], prediction.probabilities[seen])

    def gold(self, example: Example) -> list[dict[str, Any]]:
        """Gold entities (plain tags: words) with their offsets."""
        entities = self._prediction(
            example, example.words or [], list(example.tags or []), [1.0] * len(example.tags or [])
        )
        return [{"start": e.start, "end": e.end, "label": e.label} for e in entities.entities]

    def label_counts(self, example: Example) -> Iterable[str]:
        """Entity types, or plain tags."""
        tags = example.tags or []
        return (tag[2:] for tag in tags if tag.startswith("B-")) if self.entities else tags


def _are_iob2(tags: Iterable[str]) -> bool:
    return all(tag == "O" or tag[:2] in ("B-", "I-") for tag in tags)


def _only(array: np.ndarray, owned: slice, blank: int) -> np.ndarray:
    """`array` inside `owned`, `blank` outside."""
    kept = np.full_like(array, blank)
    kept[owned] = array[owned]
    return kept
