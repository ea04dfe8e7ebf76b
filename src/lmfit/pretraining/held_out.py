"""What a model, and the trivial baselines, make of held-out text: losses and hits, summed over documents."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lmfit import console
from lmfit.data.batching import draw_rows, keyed_generator, split_by_tokens
from lmfit.data.collate import IGNORED
from lmfit.data.rows import Row
from lmfit.device import Device
from lmfit.evaluation.language import LanguageSums
from lmfit.pretraining.objective import PretrainObjective, Tensors, cross_entropies
from lmfit.pretraining.rows import PretrainRows

_PIECE = 1 << 22


@dataclass(frozen=True)
class HeldOut:
    """A split to be scored: always the same rows, with the same tokens hidden.

    chosen: numbers of the rows, shortest first; unit: (of each) the document it is part of, counted from 0.
    """

    rows: PretrainRows
    chosen: np.ndarray
    unit: np.ndarray
    documents: int

    @classmethod
    def of(cls, rows: PretrainRows, most_tokens: int, seed: int, name: str) -> "HeldOut":
        """Rows drawn at random until there are `most_tokens`, or all."""
        drawn = draw_rows(keyed_generator(seed, f"held-out rows, {name}"), len(rows), len(rows))
        lengths = rows.lengths[drawn]
        drawn = drawn[: max(1, int((np.cumsum(lengths) <= most_tokens).sum()))]
        drawn = drawn[np.argsort(rows.lengths[drawn], kind="stable")]
        _, unit = np.unique(np.asarray(rows.sequences.document)[drawn], return_inverse=True)
        return cls(rows, drawn, unit, int(unit.max()) + 1)

    def score(self, model: Any, objective: PretrainObjective, device: Device) -> LanguageSums:
        """What the model makes of the rows."""
        sums = LanguageSums.of(self.documents, causal=objective.masking is None)
        model.eval()
        with torch.no_grad():
            for piece, batch in self.batches(objective, device.answer_batch_tokens):
                self._add(sums, piece, batch, model, objective, device)
        return sums

    def batches(self, objective: PretrainObjective, tokens: int) -> Iterator[tuple[np.ndarray, Tensors]]:
        """(places in `chosen`, batch)."""
        places = np.arange(len(self.chosen))
        for piece in split_by_tokens(places, self.rows.lengths[self.chosen], tokens):
            yield piece, objective.collate([self.rows[int(number)] for number in self.chosen[piece]])

    def _add(
        self,
        sums: LanguageSums,
        piece: np.ndarray,
        batch: Tensors,
        model: Any,
        objective: PretrainObjective,
        device: Device,
    ) -> None:
        moved = {name: tensor.to(device.torch_device) for name, tensor in batch.items()}
        with device.autocast():
            answers = objective.forward(model, moved)
        losses = cross_entropies(answers.tokens, moved["gold"]).double().cpu().numpy()
        hits = (answers.tokens.argmax(dim=-1) == moved["gold"]).cpu().numpy()
        units = self.units_of(piece, batch)
        np.add.at(sums.losses, units, losses)
        np.add.at(sums.hits, units, hits)
        np.add.at(sums.tokens, units, 1)
        if answers.pair is not None and "pair_gold" in batch:
            right = answers.pair.argmax(dim=-1).cpu() == batch["pair_gold"]
            add_pairs(sums, self.unit[piece], batch["pair_gold"], right)

    def units_of(self, piece: np.ndarray, batch: Tensors) -> np.ndarray:
        """The document of each predicted token of a batch, (N,)."""
        found: np.ndarray = self.unit[piece][batch["at"].numpy() // batch["input_ids"].shape[1]]
        return found


def add_pairs(sums: LanguageSums, units: np.ndarray, gold: torch.Tensor, right: torch.Tensor) -> None:
    """Count the pairs that are asked, and those judged rightly."""
    asked = (gold != IGNORED).numpy()
    np.add.at(sums.pairs, units[asked], 1)
    np.add.at(sums.pair_hits, units[asked], right.numpy()[asked])


def score_frequencies(held: HeldOut, objective: PretrainObjective, counts: np.ndarray) -> LanguageSums:
    """The baseline: tokens by their frequency in training (plus one), the commonest one guessed; pairs in order."""
    sums = LanguageSums.of(held.documents, causal=objective.masking is None)
    likely = -log_frequencies(counts)
    for piece, batch in held.batches(objective, 1 << 15):
        gold, units = batch["gold"].numpy(), held.units_of(piece, batch)
        np.add.at(sums.losses, units, likely[gold])
        np.add.at(sums.hits, units, gold == counts.argmax())
        np.add.at(sums.tokens, units, 1)
        if "pair_gold" in batch:
            add_pairs(sums, held.unit[piece], batch["pair_gold"], batch["pair_gold"] == 0)
    return sums


def log_frequencies(counts: np.ndarray) -> np.ndarray:
    """The logarithm of each token's share, (V,), every count (V,) one more."""
    found: np.ndarray = np.log((counts + 1) / (counts.sum() + len(counts)))
    return found


def count_tokens(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    """How often each token occurs, (V,), without reading the corpus into memory."""
    counts = np.zeros(vocabulary, np.int64)
    for begin in range(0, len(ids), _PIECE):
        counts += np.bincount(ids[begin : begin + _PIECE], minlength=vocabulary)
    return counts


def add_pseudo_perplexity(
    held: HeldOut, sums: LanguageSums, model: Any, objective: PretrainObjective, device: Device, most: int
) -> None:
    """Hide each token of `most` rows by itself (Salazar et al. 2020), and add what the model makes of it."""
    assert objective.masking is not None
    model.eval()
    step = max(1, len(held.chosen) // max(1, most))
    places = range(0, len(held.chosen), step)[:most]
    for place in console.progress(places, total=len(places), what="pseudo-perplexity"):
        losses = _one_by_one(held.rows[int(held.chosen[place])], model, objective, device)
        sums.pseudo_losses[held.unit[place]] += losses.sum()
        sums.pseudo_tokens[held.unit[place]] += len(losses)


def _one_by_one(row: Row, model: Any, objective: PretrainObjective, device: Device) -> np.ndarray:
    """The loss of each token of a row that is no special token, hidden by itself."""
    assert objective.masking is not None
    vocabulary = objective.masking.vocabulary
    ids = row.tokens["input_ids"]
    places = np.flatnonzero(~vocabulary.special[ids])
    found: list[np.ndarray] = []
    size = max(1, device.answer_batch_tokens // len(ids))
    for begin in range(0, len(places), size):
        found.append(_hidden_at(ids, places[begin : begin + size], row, vocabulary.mask, model, objective, device))
    return np.concatenate(found) if found else np.zeros(0)


def _hidden_at(
    ids: np.ndarray,
    places: np.ndarray,
    row: Row,
    mask: int,
    model: Any,
    objective: PretrainObjective,
    device: Device,
) -> np.ndarray:
    count = len(places)
    inputs = np.tile(ids, (count, 1))
    inputs[np.arange(count), places] = mask
    batch = {"input_ids": inputs, "attention_mask": np.ones_like(inputs), "at": np.arange(count) * len(ids) + places}
    if "token_type_ids" in row.tokens:
        batch["token_type_ids"] = np.tile(row.tokens["token_type_ids"], (count, 1))
    moved = {name: torch.from_numpy(array).to(device.torch_device) for name, array in batch.items()}
    gold = torch.from_numpy(ids[places]).to(device.torch_device)
    with torch.no_grad(), device.autocast():
        answers = objective.forward(model, moved)
    losses: np.ndarray = cross_entropies(answers.tokens, gold).double().cpu().numpy()
    return losses


def metrics_of(sums: LanguageSums) -> dict[str, float]:
    """The metrics without intervals, for the log."""
    return {name: float(value[0]) for name, value in sums.scores(np.ones((1, sums.count))).items()}


def document_rows(held: HeldOut, sums: LanguageSums) -> list[dict[str, Any]]:
    """The sums of each document as prediction rows, so that runs can be compared on the same documents."""
    document = np.asarray(held.rows.sequences.document)[held.chosen]
    names = {int(unit): int(number) for unit, number in zip(held.unit, document, strict=True)}
    return [{"id": str(names[unit]), **row} for unit, row in enumerate(sums.rows())]
