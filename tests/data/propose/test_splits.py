from pathlib import Path

import pytest

from lmfit.data.propose.splits import files_of_folder, parts_by_split, siblings, split_of
from lmfit.errors import DataError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.csv", "train"),
        ("msr_paraphrase_train.txt", "train"),
        ("sts-dev.csv", "validation"),
        ("eng.testa", "validation"),
        ("eng.testb", "test"),
        ("oos_val", "validation"),
        ("训练集.csv", "train"),
        ("contest.csv", None),
        ("trainers.csv", None),
    ],
)
def test_split_of_a_name(name: str, split: str | None) -> None:
    assert split_of(name) == split


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("x")
    return folder


class TestFolder:
    def test_files_by_their_names(self, tmp_path: Path) -> None:
        make(tmp_path, "README.md", "labels.txt", "train.tsv", "dev.tsv", "test.tsv", ".train.swp")
        found = {split: Path(file).name for split, file in files_of_folder(tmp_path).items()}
        assert found == {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}

    def test_one_file_alone(self, tmp_path: Path) -> None:
        assert files_of_folder(make(tmp_path, "README.md", "all.csv")) == {"train": str(tmp_path / "all.csv")}

    def test_two_files_of_one_split(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"several files could be the train split: train\.csv, train\.tsv"):
            files_of_folder(make(tmp_path, "train.csv", "train.tsv"))

    def test_no_training_data(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no file of .* is named as training data"):
            files_of_folder(make(tmp_path, "a.csv", "b.csv"))

    def test_files_beside_a_training_file(self, tmp_path: Path) -> None:
        make(tmp_path, "train.csv", "dev.csv", "test.jsonl")
        assert siblings(tmp_path / "train.csv") == {"validation": str(tmp_path / "dev.csv")}


def test_parts_of_a_json_file() -> None:
    found = parts_by_split("f.json", ["oos_val", "val", "train", "oos_test", "test", "oos_train"])
    assert found == {
        "train": "f.json#train+oos_train",
        "validation": "f.json#val+oos_val",
        "test": "f.json#test+oos_test",
    }
