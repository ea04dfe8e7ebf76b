"""Whatever is in a file: it is read and its rows add up, or the user is told what is wrong, where, and what to do."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from fuzz_files import Case, cases
from hypothesis import example, given, settings
from pydantic import ValidationError
from refusals import assert_in_words

from lmfit.config.data import DataConfig
from lmfit.config.tasks import TextClassificationSettings
from lmfit.data.audit.audit import audited
from lmfit.data.example import Example
from lmfit.data.sources import Splits, load_splits
from lmfit.errors import InputError
from lmfit.tasks.labels import natural_order, refuse_numbers, survey

SLOW_SECONDS = 20


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def labels_of(example: Example) -> list[str]:
    if example.tags is not None:
        return example.tags
    return [str(label) for label in (example.label if isinstance(example.label, tuple) else (example.label,))]


def examine(splits: Splits) -> None:
    """What training does with the rows before the tokenizer, and the sums that must come out."""
    named = {name: one for name in ("train", "validation", "test") if (one := getattr(splits, name)) is not None}
    if splits.scheme is None:
        problem, counts, _, _ = survey("auto", splits.train)
        sorted(counts, key=natural_order)
        if problem == "single_label":
            refuse_numbers(list(counts), TextClassificationSettings())
    audit = audited(named, labels_of, "fuzz")
    told = [finding.as_dict() for finding in audit.findings], splits.notices, [asdict(a) for a in splits.accounts]
    json.dumps([*told, *map(str, splits.doubts)], ensure_ascii=False).encode()
    for account in splits.accounts:
        assert account.missing == 0, str(account)
        assert min(account.parts.values(), default=0) >= 0, str(account)


def count(splits: Splits) -> int:
    return sum(len(one) for one in (splits.train, splits.validation, splits.test) if one is not None)


def reads_or_refuses(case: Case, folder: Path) -> bool:
    """Whether the case was read."""
    shutil.rmtree(folder / "in", ignore_errors=True)
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / ("in" if case.folder else next(iter(case.files)))
    began = time.monotonic()
    try:
        data = DataConfig(train=str(path), **case.options)
    except ValidationError:
        return False
    read = False
    try:
        splits = load_splits(data, case.kind)  # type: ignore[arg-type]
        examine(splits)
    except InputError as error:
        assert_in_words(error)
    else:
        read = True
        if not {"limit", "limit_per_class"} & case.options.keys():
            rows = sum(account.rows for account in splits.accounts)
            assert rows == count(splits), [str(account) for account in splits.accounts]
    assert time.monotonic() - began < SLOW_SECONDS
    return read


@settings(max_examples=1000)
@example(case=Case("text", {"a.csv": b"text,label\nx,\xc2\xb2\ny,--5\nz,a\n"}))
@example(case=Case("text", {"a.csv": b"text,label\nx,a\ny,b\n"}, {"encoding": "base64"}))
@example(case=Case("text", {"a.csv": b"text,label\n\xc3\xb2,a\ny,b\n"}, {"encoding": "idna"}))
@example(case=Case("text", {"a.jsonl": b'{"text": "x", "label": "\\ud800"}\n{"text": "y", "label": "b"}\n'}))
@example(case=Case("text", {"c.json": b'[{"data": {"text": "x"}, "annotations": []}]'}, {"columns": {"label": []}}))
@given(case=cases)
def test_a_file_is_read_or_refused_in_words(case: Case, folder: Path) -> None:
    reads_or_refuses(case, folder)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(case=cases)
def test_ten_thousand_files(case: Case, folder: Path) -> None:
    reads_or_refuses(case, folder)
