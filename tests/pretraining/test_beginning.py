from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from lmfit.pretraining import beginning as module
from lmfit.pretraining.beginning import begin_with_counts, cooccurrence_embeddings, neighbours, positive_pmi
from lmfit.pretraining.tokens import Sequences


def sequences_of(rows: list[list[int]], gap: int = 0) -> Sequences:
    """Sequences of these ids; `gap` tokens between them belong to none."""
    ids = np.concatenate([[*row, *[0] * gap] for row in rows]).astype(np.uint16)
    lengths = np.array([len(row) for row in rows], np.int32)
    starts = (np.cumsum(lengths + gap) - lengths - gap).astype(np.int64)
    nothing = np.zeros(len(rows), np.int64)
    name = sha256(ids.tobytes() + starts.tobytes()).hexdigest()
    return Sequences(ids, nothing, starts, lengths, nothing, nothing, {"tokens": len(ids)}, name)


def by_hand(rows: list[list[int]]) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for row in rows:
        for i, first in enumerate(row):
            for distance, second in enumerate(row[i + 1 : i + 5], start=1):
                found[first, second] += 1 / distance  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("piece", [1, 50, 1 << 21])
def test_neighbours_are_counted_inside_sequences(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    generator = np.random.default_rng(1)
    rows = [generator.integers(9, size=int(size)).tolist() for size in generator.integers(1, 12, size=30)]
    found = neighbours(sequences_of(rows, gap=2), 9).toarray()
    expected = np.zeros((9, 9))
    for (first, second), count in by_hand(rows).items():
        expected[first, second] = count
    assert np.allclose(found, expected, rtol=1e-6)


def test_of_a_large_corpus_every_second_sequence_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TOKENS", 8)
    found = neighbours(sequences_of([[1, 2], [3, 4], [1, 2], [3, 4], [1, 2], [3, 4]]), 5).toarray()
    assert found[1, 2] == 3
    assert found.sum() == 3


def test_pmi_is_that_of_its_definition_and_never_negative() -> None:
    counts = np.array([[0, 8, 1], [4, 0, 4], [1, 1, 6]], np.float64)
    smoothed = counts.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore"):
        pmi = np.log(counts / counts.sum(axis=1, keepdims=True) / (smoothed / smoothed.sum()))
    found = positive_pmi(module.csr_matrix(counts))
    assert np.allclose(found.toarray(), np.maximum(pmi, 0), atol=1e-6)
    assert found.toarray()[0, 0] == 0


def text_of_two_kinds(count: int) -> list[list[int]]:
    """Tokens 10 to 14 stand between 5 and 6, tokens 15 to 19 between 7 and 8."""
    generator = np.random.default_rng(2)
    return [[5, int(n), 6] if n < 15 else [7, int(n), 8] for n in generator.integers(10, 20, size=count)]


def test_tokens_among_the_same_neighbours_are_near() -> None:
    found = cooccurrence_embeddings(neighbours(sequences_of(text_of_two_kinds(2000)), 20), 4, seed=3)
    assert found.shape == (20, 4)
    unit = found[10:] / np.linalg.norm(found[10:], axis=1, keepdims=True)
    likeness = unit @ unit.T
    assert likeness[:5, :5].min() > 0.95
    assert likeness[:5, 5:].max() < 0.2
    again = cooccurrence_embeddings(neighbours(sequences_of(text_of_two_kinds(2000)), 20), 4, seed=3)
    assert np.array_equal(found, again)


def test_a_model_begins_with_frequencies_and_keeps_random_rows_for_unseen_tokens() -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(1)
    model = BertForMaskedLM(BertConfig(vocab_size=20, **shape))
    before = model.get_input_embeddings().weight.detach().clone()
    begin_with_counts(model, sequences_of(text_of_two_kinds(500)), seed=3)
    after = model.get_input_embeddings().weight.detach()
    unseen, seen = [0, 1, 2, 3, 4, 9], [5, 6, 7, 8, *range(10, 20)]
    assert torch.equal(before[unseen], after[unseen])
    assert not torch.isclose(before[seen][:, :20], after[seen][:, :20]).all(dim=1).any()
    assert torch.equal(before[:, 20:], after[:, 20:])
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    bias = model.get_output_embeddings().bias.detach()
    assert bias.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert bias[0].item() == pytest.approx(np.log(1 / (1500 + 20)), abs=1e-4)
    assert torch.equal(bias, model.cls.predictions.bias)


def test_tokens_that_met_no_others_keep_random_embeddings() -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForMaskedLM(BertConfig(vocab_size=20, **shape))
    before = model.get_input_embeddings().weight.detach().clone()
    text = sequences_of([*text_of_two_kinds(500), *[[3]] * 50])
    begin_with_counts(model, text, seed=3)
    after = model.get_input_embeddings().weight.detach()
    assert torch.equal(before[3], after[3])
    assert not torch.equal(before[10], after[10])


def test_too_little_text_leaves_the_embeddings_random() -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForMaskedLM(BertConfig(vocab_size=20, **shape))
    before = model.get_input_embeddings().weight.detach().clone()
    begin_with_counts(model, sequences_of([[5, 6, 7, 8]]), seed=3)
    assert torch.equal(before, model.get_input_embeddings().weight)
