"""The whole audit of real and made-up splits; kept in the cache; errors stop."""

from pathlib import Path
from typing import Any

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.audit import audit as module
from lmfit.data.audit.audit import Audit, audited, refuse_errors
from lmfit.data.sources import Splits, load_splits
from lmfit.errors import DataError


def audit_of(splits: Splits) -> Audit:
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return audited({name: split for name, split in named.items() if split}, lambda e: [str(e.label)], "labels")


def found(audit: Audit) -> dict[tuple[str, str], int]:
    return {(one.split, one.kind): one.count for one in audit.findings}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text("text,label\nGood lamp,1\nbad kettle,0\ngood  lamp,0\n")
    Path("test.csv").write_text("text,label\nGOOD LAMP,1\nnew one,2\n")
    return tmp_path


def test_all_rooms_speak(folder: Path) -> None:
    audit = audit_of(load_splits(DataConfig(train="train.csv", test="test.csv"), "text"))
    assert found(audit) == {
        ("train", "rare-labels"): 1,
        ("train", "conflicting-labels"): 1,
        ("test", "unseen-labels"): 1,
        ("test", "overlap"): 1,
        ("test", "unmeasured-labels"): 1,
    } | {("train", "rare-labels"): found(audit)["train", "rare-labels"]}
    severities = [one.severity for one in audit.findings]
    assert severities == sorted(severities, reverse=True)


def test_an_audit_is_made_once_for_the_same_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataConfig(train="train.csv", test="test.csv")
    first = audit_of(load_splits(config, "text"))
    monkeypatch.setattr(module, "scan", None)
    again = audit_of(load_splits(config, "text"))
    assert (again.findings, again.profiles) == (first.findings, first.profiles)
    assert again.hashes["train"].tolist() == first.hashes["train"].tolist()
    Path("test.csv").write_text("text,label\nother,1\nnew one,2\n")
    with pytest.raises(TypeError):
        audit_of(load_splits(config, "text"))


def test_a_damaged_entry_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFIT_CACHE", str(folder / "cache"))
    config = DataConfig(train="train.csv", test="test.csv")
    first = audit_of(load_splits(config, "text"))
    for path in (folder / "cache").glob("rows/audit-*/*"):
        path.write_bytes(path.read_bytes()[:20])
    assert audit_of(load_splits(config, "text")).findings == first.findings


def test_errors_stop_and_are_all_told() -> None:
    audit = audit_of(_blank_and_unlike())
    with pytest.raises(DataError) as caught:
        refuse_errors(audit.findings)
    told = str(caught.value)
    assert "train: every text is empty" in told
    assert "test: no label is in the training data" in told


def _blank_and_unlike() -> Splits:
    Path("train.csv").write_text("text,label\n ,1\n ,0\n")
    return load_splits(DataConfig(train="train.csv", test="other.csv"), "text")


@pytest.fixture(autouse=True)
def _other(folder: Path) -> None:
    Path("other.csv").write_text("text,label\nhello,neg\nhello you,pos\n")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind", "files", "expected"),
    [
        (
            "conll2003",
            "words",
            ("eng.train", "eng.testa", "eng.testb"),
            {("train", "conflicting-labels"): 6, ("validation", "overlap"): 196, ("test", "near-overlap"): 4},
        ),
        ("chnsenticorp", "text", ("train.tsv", "dev.tsv", "test.tsv"), {("train", "duplicates"): 1324}),
        ("sst2", "text", ("stsa.binary.train", "stsa.binary.dev", "stsa.binary.test"), {("train", "duplicates"): 9}),
    ],
)
def test_real_data(shared_data: Path, name: str, kind: Any, files: tuple[str, ...], expected: dict[Any, int]) -> None:
    paths = dict(zip(("train", "validation", "test"), (str(shared_data / name / f) for f in files), strict=True))
    audit = audit_of(load_splits(DataConfig(**paths), kind))
    assert expected.items() <= found(audit).items()
