"""The readers on published data sets, whose counts are known."""

from collections import Counter

import pytest

from lmfit.config.data import DataConfig
from lmfit.config.load import load_config
from lmfit.config.starters import starters
from lmfit.data.sources import load_splits

pytestmark = pytest.mark.data


ROWS = {
    "banking77": (8_996, 1_007, 3_080),
    "bitext": (6_480, 810, 810),
    "chnsenticorp": (9_600, 1_200, 1_200),
    "clinc150": (15_100, 3_100, 5_500),
    "financial_phrasebank": (3_399, 517, 930),
    "gold_news": (7_397, 1_063, 2_110),
    "mrpc": (3_649, 427, 1_725),
    "resume_ner_zh": (3_821, 463, 477),
    "sst2": (6_920, 872, 1_821),
    "stsb": (5_749, 1_500, 1_379),
    "tnews": (48_069, 5_291, 10_000),
}


@pytest.mark.parametrize("name", ROWS)
def test_shipped_configs_use_every_row(shared_data, monkeypatch, name):
    monkeypatch.setenv("LMFIT_DATA", str(shared_data))
    config = load_config("finetune", str(starters()[name])).config
    splits = load_splits(config.data, "words" if config.task.name == "token-classification" else "text")
    assert tuple(len(split) for split in (splits.train, splits.validation, splits.test)) == ROWS[name]


def load(folder, kind, train, validation=None, test=None, **keys):
    files = {"train": train, "validation": validation, "test": test}
    paths = {split: str(folder / name) for split, name in files.items() if name}
    splits = load_splits(DataConfig(**paths, **keys), kind)
    return splits, [len(s) for s in (splits.train, splits.validation, splits.test) if s is not None]


def entities(source):
    return Counter(tag[2:] for example in source for tag in example.tags if tag.startswith("B-"))


def test_conll2003(shared_data):
    splits, sizes = load(shared_data / "conll2003", "words", "eng.train", "eng.testa", "eng.testb")
    assert sizes == [14041, 3250, 3453]
    assert splits.scheme == "IOB1"
    assert entities(splits.train) == {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}
    assert len({example.document for example in splits.train}) == 946


def test_conll2000(shared_data):
    splits, sizes = load(shared_data / "conll2000_chunk", "words", "train.txt", test="test.txt")
    assert (sizes, splits.scheme) == ([8936, 2012], "IOB2")


def test_resume_ner(shared_data):
    names = [f"{part}.char.bmes" for part in ("train", "dev", "test")]
    splits, sizes = load(shared_data / "resume_ner_zh", "words", *names)
    assert (sizes, splits.scheme) == ([3821, 463, 477], "BMES")
    assert all(" " not in example.text for example in splits.train)


def test_sst2(shared_data):
    names = [f"stsa.binary.{part}" for part in ("train", "dev", "test")]
    assert load(shared_data / "sst2", "text", *names)[1] == [6920, 872, 1821]


def test_banking77(shared_data):
    splits, sizes = load(shared_data / "banking77", "text", "train.csv", test="test.csv")
    assert sizes == [10003, 3080]
    assert len({example.label for example in splits.train}) == 77


def test_clinc150(shared_data):
    names = [f"data_full.json#{part}+oos_{part}" for part in ("train", "val", "test")]
    assert load(shared_data / "clinc150", "text", *names)[1] == [15100, 3100, 5500]


def test_mrpc_with_bare_quotes(shared_data):
    columns = {"label": "Quality", "text": "#1 String", "text_pair": "#2 String"}
    names = [f"msr_paraphrase_{part}.txt" for part in ("train", "test")]
    splits, sizes = load(shared_data / "mrpc", "text", names[0], test=names[1], columns=columns)
    assert sizes == [4076, 1725]
    assert Counter(example.label for example in splits.train)["1"] == 2753


def test_stsb_with_further_columns(shared_data):
    names = [f"sts-{part}.csv" for part in ("train", "dev", "test")]
    splits, sizes = load(shared_data / "stsb", "text", *names, columns={"label": 4, "text": 5, "text_pair": 6})
    assert sizes == [5749, 1500, 1379]
    assert any(notice.startswith("rows with more or fewer columns") for notice in splits.notices)


def test_chinese_tables(shared_data):
    assert load(shared_data / "chnsenticorp", "text", "train.tsv", "dev.tsv", "test.tsv")[1] == [9600, 1200, 1200]
    assert load(shared_data / "tnews", "text", "dev.tsv")[1] == [10000]


def test_latin_1_texts(shared_data):
    phrases = {"delimiter": "@", "label_first": False}
    splits, sizes = load(shared_data / "financial_phrasebank", "text", "Sentences_50Agree.txt", **phrases)
    assert sizes == [4846]
    assert {example.label for example in splits.train} == {"positive", "negative", "neutral"}
    assert load(shared_data / "mr", "text", "rt-polarity.all")[1] == [10662]


def test_gold_news_quoted_between_tabs(shared_data):
    columns = {"text": "News", "label": "Price Sentiment"}
    splits, sizes = load(shared_data / "gold_news", "text", "gold-dataset-sinha-khandait.csv", columns=columns)
    assert sizes == [10570]
    labels = Counter(example.label for example in splits.train)
    assert labels == {"positive": 4412, "negative": 3814, "none": 1968, "neutral": 376}
