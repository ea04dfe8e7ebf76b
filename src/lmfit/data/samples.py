"""The bundled samples, as the `data:` sections they stand for. scripts/make_samples.py writes their files.

Each mapping holds keys of `DataConfig`, the `task` it is made for, and `about`, a line for `lmfit list datasets`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "sample_files"


def _files(pattern: str) -> dict[str, str]:
    """The three splits of a sample as absolute paths."""
    return {split: str(FOLDER / pattern.format(split)) for split in ("train", "validation", "test")}


SAMPLE_NER: Mapping[str, Any] = {
    "task": "token-classification",
    "about": "English news with PER, ORG, LOC and MISC names; rows: train 1,200, validation 300, test 300",
    "format": "conll",
    **_files("sample_ner.{}.conll"),
    "columns": {"tokens": 0, "labels": 1},
    "scheme": "IOB2",
}

SAMPLE_INTENTS: Mapping[str, Any] = {
    "task": "text-classification",
    "about": "English requests to an online shop, 8 intents; rows: train 640, validation 160, test 160",
    "format": "csv",
    **_files("sample_intents.{}.csv"),
    "columns": {"text": "text", "label": "intent"},
    "header": True,
}

SAMPLE_HEADLINES: Mapping[str, Any] = {
    "task": "text-classification",
    "about": "English financial headlines, positive, negative or neutral; rows: train 900, validation 200, test 200",
    "format": "csv",
    **_files("sample_headlines.{}.csv"),
    "columns": {"text": "headline", "label": "sentiment"},
    "header": True,
}
