import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.pretraining import CorpusConfig, TokenizerConfig
from lmfit.errors import ConfigError, DataError
from lmfit.pretraining.corpus import Corpus, load_corpus
from lmfit.pretraining.tokenizer import report_on, trained_tokenizer
from tiny_corpus import documents, write_corpus


def corpus(path: Path, **settings: Any) -> Corpus:
    return load_corpus(CorpusConfig(train=str(path), documents="blank", **settings))


def texts(made: Corpus, split: str = "train") -> list[str]:
    return [text for _, piece in made.texts(split) for text in piece]


def test_equal_and_nearly_equal_documents_are_left_out(tmp_path: Path) -> None:
    plain = documents(30, sentences=12)
    words = plain[3].split()
    words[20] = "changed"
    file = tmp_path / "a.txt"
    file.write_text("\n\n".join([*plain, plain[0].upper(), " ".join(words)]))
    near = corpus(file)
    assert near.facts["duplicates"] == {"exact": 1, "near": 1}
    assert corpus(file, duplicates="exact").facts["duplicates"] == {"exact": 1, "near": 0}
    assert corpus(file, duplicates="keep").facts["splits"]["train"] > near.facts["splits"]["train"]
    assert " ".join(words) not in [t for split in ("train", "validation", "test") for t in texts(near, split)]


def test_documents_that_are_added_move_no_others(tmp_path: Path) -> None:
    file = write_corpus(tmp_path / "a.txt", 200)
    before = corpus(file, held_out=0.2, duplicates="exact")
    more = [f"something else {n} was told in the street today by them" for n in range(50)]
    file.write_text(file.read_text() + "\n\n" + "\n\n".join(more))
    after = corpus(file, held_out=0.2, duplicates="exact")
    for split in ("train", "validation", "test"):
        assert set(texts(before, split)) <= set(texts(after, split))
    assert 20 < before.count("validation") + before.count("test") < 60


def test_there_is_always_something_held_out(tmp_path: Path) -> None:
    """Also where all small hashes lie in the test part."""
    file = write_corpus(tmp_path / "a.txt", 8)
    for seed in range(40):
        made = corpus(file, held_out=0.3, split_seed=seed, duplicates="exact")
        assert min(made.facts["splits"].values()) > 0, seed


def test_what_is_said_of_an_equal_file_names_the_one_at_hand(tmp_path: Path) -> None:
    file = write_corpus(tmp_path / "a.txt", 8)
    made = load_corpus(CorpusConfig(train=str(file), duplicates="exact"))
    assert made.notices == [f"{file}: one document between blank lines"]
    copy = tmp_path / "b.txt"
    copy.write_bytes(file.read_bytes())
    again = load_corpus(CorpusConfig(train=str(copy), duplicates="exact"))
    assert again.notices == [f"{copy}: one document between blank lines"]
    assert again.fingerprint == made.fingerprint


def test_overlap_with_an_evaluation_set(tmp_path: Path) -> None:
    plain = documents(20)
    inside = " ".join(plain[4].split()[2:20])
    (tmp_path / "test.tsv").write_text(f"1\t{inside}\n")
    file = tmp_path / "a.txt"
    file.write_text("\n\n".join(plain))
    sets = [str(tmp_path / "test.tsv")]
    assert list(corpus(file, evaluation_sets=sets).facts["overlap"].values()) == [1]
    dropped = corpus(file, evaluation_sets=sets, overlap="drop")
    assert sum(dropped.facts["splits"].values()) == 19


def test_overlap_with_a_table_that_is_no_text(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = documents(20)
    pq.write_table(pa.table({"text": [plain[4], "a short one"]}), tmp_path / "test.parquet")
    (tmp_path / "a.txt").write_text("\n\n".join(plain))
    found = corpus(tmp_path / "a.txt", evaluation_sets=[str(tmp_path / "test.parquet")]).facts["overlap"]
    assert list(found.values()) == [1]


def test_all_documents_overlap(tmp_path: Path) -> None:
    file = write_corpus(tmp_path / "a.txt", 20)
    with pytest.raises(DataError, match=r"of 20 documents 0 are left: overlap with data\.evaluation_sets 20"):
        corpus(file, evaluation_sets=[str(file)], overlap="drop")


def test_a_file_that_two_sources_name_in_two_ways(tmp_path: Path) -> None:
    file = write_corpus(tmp_path / "a.txt", 20)
    other = f"{tmp_path}/./a.txt"
    with pytest.raises(ConfigError, match=rf"`{other}` is named by two sources, once as `{file}`"):
        load_corpus(CorpusConfig(train=[str(file), other]))


def test_pieces_of_texts_are_the_texts(tmp_path: Path) -> None:
    made = corpus(write_corpus(tmp_path / "a.txt", 1200, sentences=2), duplicates="exact")
    whole = texts(made)
    parts = [t for begin in range(0, len(whole), 170) for _, p in made.texts("train", begin, begin + 170) for t in p]
    assert parts == whole


def test_a_vocabulary_follows_from_the_text_alone(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.path[:0] = sys.argv[1:2]\n"
        "from lmfit.config.pretraining import CorpusConfig, TokenizerConfig\n"
        "from lmfit.pretraining.corpus import load_corpus\nfrom lmfit.pretraining.tokenizer import _train\n"
        "made = load_corpus(CorpusConfig(train=sys.argv[2], documents='blank', duplicates='exact'))\n"
        "print(_train(made, TokenizerConfig(vocabulary=200), causal=False).backend_tokenizer.to_str())\n"
    )
    file = write_corpus(tmp_path / "a.txt", 40)
    command = [sys.executable, "-c", program, "tests", str(file)]
    one, other = (
        subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": str(seed)}).stdout
        for seed in (1, 2)
    )
    assert one
    assert one == other


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "characters"])
def test_every_kind_of_tokenizer(kind: Any, tmp_path: Path) -> None:
    made = corpus(write_corpus(tmp_path / "a.txt", 60), held_out=0.2, duplicates="exact")
    size = 320 if kind == "bpe" else 100
    tokenizer = trained_tokenizer(
        made, TokenizerConfig(kind=kind, vocabulary=size, lowercase=kind != "bpe"), causal=False
    )
    assert kind == "characters" or len(tokenizer) == size
    ids = tokenizer("Anna joined Nordwind .")["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    before = tokenizer("Anna", add_special_tokens=False)["input_ids"]
    assert tokenizer("Anna [MASK] Nordwind .")["input_ids"][1:][: len(before) + 1] == [*before, tokenizer.mask_token_id]
    report = report_on(tokenizer, made)
    assert report.fertility >= 1
    assert report.unknown < 0.01
    assert 0 < report.coverage <= 1


def test_han_characters_stand_apart(tmp_path: Path) -> None:
    draw = random.Random(0)
    lines = ["".join(draw.choices("天地玄黄宇宙洪荒日月盈昃辰宿列张", k=30)) for _ in range(60)]
    (tmp_path / "a.txt").write_text("\n\n".join(lines))
    made = corpus(tmp_path / "a.txt", duplicates="exact")
    with pytest.raises(ConfigError, match="the text supports 21 pieces"):
        trained_tokenizer(made, TokenizerConfig(vocabulary=64), causal=False)
    tokenizer = trained_tokenizer(made, TokenizerConfig(kind="characters", vocabulary=64), causal=False)
    assert tokenizer.tokenize("天地X") == ["天", "地", "[UNK]"]
