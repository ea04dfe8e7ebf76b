from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmfit.config.pretraining import CorpusConfig, TokenizerConfig
from lmfit.pretraining import tokens as module
from lmfit.pretraining.corpus import load_corpus
from lmfit.pretraining.rows import Frame, PretrainPlan, PretrainRows
from lmfit.pretraining.sentences import split_sentences
from lmfit.pretraining.tokenizer import trained_tokenizer
from lmfit.pretraining.tokens import Cut, Sequences, cut_documents, tokenised
from tiny_corpus import write_corpus

CUT = Cut(20, None, sentences=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Sequences]:
    path = write_corpus(tmp_path_factory.mktemp("corpus") / "news.txt", 40)
    corpus = load_corpus(CorpusConfig(train=str(path), held_out=0.2, duplicates="exact"))
    tokenizer = trained_tokenizer(corpus, TokenizerConfig(vocabulary=128), causal=False)
    return corpus, tokenizer, tokenised(corpus, "train", tokenizer, CUT)


def test_documents_are_cut_evenly_and_completely() -> None:
    lengths = np.array([5, 41, 3, 40])
    starts, sizes, owners = cut_documents(lengths, 20)
    assert sizes.tolist() == [5, 13, 14, 14, 20, 20]
    assert owners.tolist() == [0, 1, 1, 1, 3, 3]
    assert starts.tolist() == [0, 5, 18, 32, 49, 69]


def test_the_tokens_are_those_of_the_texts(made: Any) -> None:
    corpus, tokenizer, sequences = made
    texts = [text for _, piece in corpus.texts("train") for text in piece]
    assert sequences.facts["documents"] == len(texts)
    first = np.concatenate([sequences.tokens(i) for i in np.flatnonzero(sequences.document == 0)])
    assert first.tolist() == tokenizer(texts[0], add_special_tokens=False)["input_ids"]
    assert sequences.lengths.max() <= 20
    assert isinstance(sequences.ids, np.memmap)
    begins = sequences.begins[: len(first)]
    assert begins.sum() == len(split_sentences(texts[0]))


def test_a_killed_tokenising_goes_on(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, tokenizer, sequences = made
    monkeypatch.setenv("LMFIT_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_DOCUMENTS_A_PIECE", 10)
    work, done = module._tokenise, []

    def killed(*arguments: Any) -> Any:
        done.append(arguments[2])
        if len(done) == 3:
            raise KeyboardInterrupt
        return work(*arguments)

    monkeypatch.setattr(module, "_tokenise", killed)
    with pytest.raises(KeyboardInterrupt):
        tokenised(corpus, "train", tokenizer, CUT)
    monkeypatch.setattr(module, "_tokenise", lambda *arguments: done.append(arguments[2]) or work(*arguments))
    again = tokenised(corpus, "train", tokenizer, CUT)
    assert done == [0, 10, 20, 20, 30]
    assert (again.ids == sequences.ids).all()
    assert (again.starts == sequences.starts).all()
    assert not (tmp_path / "unfinished").exists() or not list((tmp_path / "unfinished").iterdir())


def test_half_of_the_pairs_are_from_another_document(made: Any) -> None:
    _, _, sequences = made
    rows = PretrainRows(sequences, Frame(2, 3), "nsp", 1, "train")
    pairs = []
    for number in range(len(rows)):
        row = rows[number]
        ids, types, tokens = row.tokens["input_ids"], row.tokens["token_type_ids"], sequences.tokens(number)
        assert (ids[0], ids[-1]) == (2, 3)
        assert len(ids) <= rows.lengths[number]
        first, second = ids[1 : int((types == 0).sum()) - 1], ids[types == 1][:-1]
        assert (tokens[: len(first)] == first).all()
        if row.values["pair"] == 0:
            assert (np.concatenate([first, second]) == tokens).all()
        pairs.append(row.values["pair"])
    asked = [pair for pair in pairs if pair >= 0]
    assert len(asked) > 100
    assert 0.4 < sum(asked) / len(asked) < 0.6
    assert (rows[0].tokens["input_ids"] == rows[0].tokens["input_ids"]).all()


def test_an_epoch_takes_each_sequence_once_and_a_mixture_its_shares(made: Any) -> None:
    _, _, sequences = made
    rows = PretrainRows(sequences, Frame(2, 3), None, 1, "train")
    plan = PretrainPlan(rows, 1, batch_size=8, batch_tokens=None)
    steps = plan.steps_of_epochs(1)
    assert sorted(np.concatenate([plan.batch(s) for s in range(steps)])) == list(range(len(rows)))
    assert (plan.batch(steps) >= len(rows)).all()
    halves = np.arange(len(rows)) % 4 == 0
    mixed = Sequences(**{**vars(sequences), "source": halves.astype(np.int16)})
    plan = PretrainPlan(
        PretrainRows(mixed, Frame(2, 3), None, 1, "t"), 1, batch_size=8, batch_tokens=None, shares=(0.5, 0.5)
    )
    taken = np.concatenate(list(plan.epoch(0)))
    assert halves[taken].mean() == pytest.approx(0.5, abs=0.02)


def test_a_ramp_joins_more_and_more_small_batches(made: Any) -> None:
    _, _, sequences = made
    rows = PretrainRows(sequences, Frame(2, 3), None, 1, "train")
    plan = PretrainPlan(rows, 1, batch_size=16, batch_tokens=None, ramp=(0.25, 6))
    sizes = [len(plan.batch(step)) for step in range(8)]
    assert sizes[0] == 4
    assert sizes[6:] == [16, 16]
    assert sizes == sorted(sizes)
    taken = np.concatenate([plan.batch(step) for step in range(plan.steps_of_epochs(1))])
    assert set(range(len(rows))) <= set(taken.tolist())
    assert len(taken) - len(rows) < 16
