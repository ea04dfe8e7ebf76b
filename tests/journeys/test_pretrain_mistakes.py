"""Raw text that nothing can be learnt from, and settings that do not fit: told before training, exit code 2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.yaml import dump
from tiny_corpus import documents, pretrain_config, write_corpus

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Callable[..., str]:
    """What is said on stderr to a config over a text; nothing may be left behind."""

    def run(text: str | Path, **sections: Any) -> str:
        path = text if isinstance(text, Path) else tmp_path / "text.txt"
        if not isinstance(text, Path):
            path.write_text(text)
        config = pretrain_config(path, **sections) | {"output": str(tmp_path / "run")}
        (tmp_path / "config.yaml").write_text(dump(config))
        code, out, err = command("pretrain", tmp_path / "config.yaml")
        assert (code, out) == (2, ""), err
        assert "Traceback" not in err
        assert not (tmp_path / "run").exists()
        return err

    return run


def test_no_sentence_boundaries_for_nsp(refused: Callable[..., str]) -> None:
    text = "\n\n".join(document.replace(" .", "") for document in documents(30))
    told = refused(text)
    assert "no sequence holds the beginning of a second sentence, which nsp needs" in told
    assert "objectives=[mlm]" in told


def test_one_document_only(refused: Callable[..., str]) -> None:
    told = refused(" ".join(documents(20)))
    assert "there is one document only in the corpus" in told
    assert "data.documents: line" in told


def test_documents_shorter_than_a_sequence(refused: Callable[..., str], tmp_path: Path) -> None:
    pretraining = {"max_length": 400, "objectives": ["mlm"]}
    told = refused("\n\n".join(documents(60, sentences=1)), model={"positions": 400}, pretraining=pretraining)
    assert "the longest document has" in told
    assert "pretraining.max_length=" in told


def test_nothing_left_after_duplicates(refused: Callable[..., str]) -> None:
    told = refused("\n\n".join(documents(1) * 20))
    assert "of 20 documents 1 are left: duplicates 19" in told


def test_nothing_left_after_filters(refused: Callable[..., str]) -> None:
    told = refused("\n\n".join(["too short"] * 5))
    assert "of 5 documents 0 are left: too short 5" in told


def test_a_vocabulary_larger_than_the_text_supports(refused: Callable[..., str], tmp_path: Path) -> None:
    told = refused(write_corpus(tmp_path / "c.txt"), pretraining={"tokenizer": {"vocabulary": 30_000}})
    assert "pieces, not a vocabulary of 30,000" in told
    assert "pretraining.tokenizer.vocabulary=" in told


def test_a_tokenizer_that_does_not_fit_the_model(
    refused: Callable[..., str], tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "c.txt")
    model = {"name": str(tiny("bert")), "layers": 4, "width": 256, "heads": None, "positions": None}
    tokenizer = {"name": str(tiny("roberta"))}
    told = refused(corpus, model=model, pretraining={"objectives": ["mlm"], "tokenizer": tokenizer})
    assert "pieces and the model a table of" in told


def test_a_model_that_cannot_learn_so(refused: Callable[..., str], tiny: Callable[[str], Path], tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c.txt")
    model = {"name": str(tiny("roberta")), "layers": 4, "width": 256, "heads": None, "positions": None}
    assert "has no head for pairs" in refused(corpus, model=model, pretraining={"tokenizer": {}})
    told = refused(corpus, model=model, pretraining={"objectives": ["clm"], "tokenizer": {}})
    assert "an encoder, which learns by mlm" in told
    told = refused(corpus, model=model, pretraining={"objectives": ["mlm"], "tokenizer": {}, "max_length": 65})
    assert "more than the 64 positions" in told


@pytest.mark.parametrize(
    ("section", "values", "told"),
    [
        ("data", {"train": [{"path": "a", "weight": 0.5}, {"path": "b", "weight": 0.2}]}, "sum to 0.7, not to 1"),
        (
            "data",
            {"train": [{"path": "a", "weight": 0.5}, {"path": "b"}]},
            "some sources have a weight and others none",
        ),
        ("data", {"train": "nowhere.txt"}, "there is no file `nowhere.txt`"),
        ("pretraining", {"objectives": ["mlm", "clm"]}, "clm stands alone"),
        ("pretraining", {"objectives": ["nsp"]}, "nsp and sop stand beside mlm"),
        ("pretraining", {"masking": {"split": [0.5, 0.1, 0.1]}}, "must sum to 1"),
        ("pretraining", {"objectives": ["clm"]}, "clm needs a decoder"),
        ("pretraining", {"probes": ["nowhere.yaml"]}, "nowhere.yaml"),
        ("model", {"width": 30, "heads": 4}, "no multiple of its 4 heads"),
        ("model", {"positions": 16}, "max_length 32 is more than the 16 of model.positions"),
        ("model", {"embedding_width": 16}, "embedding_width: has no effect with model.architecture: bert"),
        ("pretraining", {"objectives": ["mlm", "mlm"]}, "an objective stands there twice"),
        ("pretraining", {"tokenizer": {"name": "minilm-l6", "kind": "bpe"}}, "kind: no effect with name"),
        ("model", {"architecture": "roberta"}, "nsp needs model.architecture: bert"),
        ("training", {"r_drop": 1.0}, "r_drop is for fine-tuning"),
        ("training", {"sharding": "full"}, "sharding: full is for fine-tuning"),
        ("training", {"unfreeze": 1}, "head_first and unfreeze are for fine-tuning"),
        ("data", {"train": ["nowhere.yaml"]}, "nowhere.yaml"),
    ],
)
def test_settings_that_do_not_fit(
    section: str, values: dict[str, Any], told: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert told in refused(write_corpus(tmp_path / "c.txt"), **{section: values})


def test_an_odd_width_of_the_heads_of_modernbert(refused: Callable[..., str], tmp_path: Path) -> None:
    model = {"architecture": "modernbert", "width": 36, "heads": 4}
    told = refused(write_corpus(tmp_path / "c.txt"), model=model, pretraining={"objectives": ["mlm"]})
    assert "a head cannot be 9 (width 36, 4 heads) wide" in told


def test_masking_without_masked_words(refused: Callable[..., str], tmp_path: Path) -> None:
    pretraining = {"objectives": ["clm"], "tokenizer": {"kind": "bpe"}, "masking": {"rate": 0.3}}
    told = refused(write_corpus(tmp_path / "c.txt"), model={"architecture": "gpt2"}, pretraining=pretraining)
    assert "pretraining.masking: has no effect with clm" in told


@pytest.mark.parametrize(("kind", "size"), [("bpe", 261), ("wordpiece", None)])
def test_a_vocabulary_smaller_than_its_characters(
    kind: str, size: int | None, refused: Callable[..., str], tmp_path: Path
) -> None:
    pretraining = {"objectives": ["mlm"], "tokenizer": {"kind": kind, "vocabulary": 64}}
    told = refused(write_corpus(tmp_path / "c.txt"), pretraining=pretraining)
    assert f"special tokens alone are {size or ''}" in told
    assert "pretraining.tokenizer.vocabulary=" in told


def test_a_source_that_is_no_config_of_a_fine_tuning(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("task: text-clasification\ndata: {train: a.csv}\n")
    told = refused(write_corpus(tmp_path / "c.txt"), data={"train": [str(tmp_path / "other.yaml")]})
    assert "did you mean `text-classification`?" in told
    assert "other.yaml:1" in told
