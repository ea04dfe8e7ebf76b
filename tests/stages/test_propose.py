"""`lmfit init FILE`: what is written can be read, checked and trained on as it stands."""

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.load import load_config
from lmfit.data.sources import load_splits

Command = Callable[..., tuple[int, str, str]]

CHINESE = ["房间很大", "服务太差", "早餐很好", "不值这个价", "位置方便", "隔音不好"]
ENGLISH = ["where is the parcel", "the lamp broke", "I want my money back", "thank you for the kettle"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name: str, header: list[str], rows: Iterator[list[object]], encoding: str = "utf-8", **style: Any) -> Path:
    with open(name, "w", encoding=encoding, newline="") as file:
        csv.writer(file, **style).writerows([header, *rows] if header else rows)
    return Path(name)


def texts(bank: list[str], number: int) -> list[str]:
    draw = random.Random(1)
    return [f"{draw.choice(bank)} {draw.choice(bank)} {i}" for i in range(number)]


def proposed(command: Command, *words: object) -> dict[str, Any]:
    """The keys that `lmfit init` writes for a file."""
    code, _, err = command("init", *words, "-o", "made.yaml")
    assert code == 0, err
    config = load_config("finetune", Path("made.yaml")).config
    return config.model_dump() | {"task": config.task.model_dump()}


class TestTables:
    def test_an_excel_export_in_gb18030(self, command: Command) -> None:
        rows = ([i + 1, text, ("正面", "负面")[i % 2]] for i, text in enumerate(texts(CHINESE, 400)))
        table("评论.csv", ["编号", "评论", "情感"], rows, "gb18030")
        code, out, _ = command("init", "评论.csv")
        text = Path("评论.yaml").read_text(encoding="utf-8")
        assert code == 0
        assert "情感: 2 values: 正面 200, 负面 200" in text
        assert "lmfit check 评论.yaml" in out
        assert "lmfit finetune 评论.yaml" in out
        config = load_config("finetune", Path("评论.yaml")).config
        assert (config.data.encoding, config.model.name) == ("gb18030", "scratch-characters")
        assert config.data.columns == {"text": "评论", "label": "情感", "id": "编号"}
        splits = load_splits(config.data, "text")
        parts = [[example.label for example in split or ()] for split in (splits.validation, splits.test)]
        assert [(part.count("正面"), part.count("负面")) for part in parts] == [(20, 20), (20, 20)]

    def test_semicolons_and_latin_1(self, command: Command) -> None:
        bank = ["die Lieferung kommt nicht an", "das Gerät ist für mich zu groß", "ich möchte es zurückgeben"]
        rows = ([t, ("Lieferung", "Rückgabe")[i % 2]] for i, t in enumerate(texts(bank, 300)))
        table("post.csv", ["Kommentar", "Kategorie"], rows, "latin-1", delimiter=";")
        config = proposed(command, "post.csv")
        assert (config["data"]["delimiter"], config["data"]["encoding"]) == ("semicolon", "cp1252")
        assert config["data"]["columns"] == {"text": "Kommentar", "label": "Kategorie"}
        assert "German" in Path("made.yaml").read_text()

    def test_no_header(self, command: Command) -> None:
        rows = ([text, ("pos", "neg")[i % 2]] for i, text in enumerate(texts(ENGLISH, 60)))
        table("a.tsv", [], rows, delimiter="\t")
        config = proposed(command, "a.tsv")
        assert (config["data"]["header"], config["data"]["columns"]) == (False, {"text": 0, "label": 1})
        assert config["model"]["name"] == "minilm-l6"

    def test_groups_stay_whole(self, command: Command) -> None:
        rows = ([f"K{i % 40}", text, ("a", "b")[i % 3 == 0]] for i, text in enumerate(texts(ENGLISH, 400)))
        table("a.csv", ["customer", "message", "kind"], rows)
        data = load_config("finetune", Path("made.yaml")).config.data if proposed(command, "a.csv") else None
        assert data is not None
        splits = load_splits(data, "text")
        assert splits.test is not None
        assert not {e.document for e in splits.train} & {e.document for e in splits.test}

    def test_several_labels_in_a_field(self, command: Command) -> None:
        labels = ["late", "late; angry", "angry", "broken; late", "broken"]
        rows = ([text, labels[i % 5]] for i, text in enumerate(texts(ENGLISH, 100)))
        table("a.csv", ["text", "topics"], rows)
        config = proposed(command, "a.csv")
        assert (config["task"]["problem"], config["data"]["label_separator"]) == ("multi_label", ";")

    def test_names_that_yaml_would_misread(self, command: Command) -> None:
        rows = ([text, ("no", "null")[i % 2]] for i, text in enumerate(texts(ENGLISH, 60)))
        table("a.csv", ["text: ${HOME} #1", "yes"], rows)
        config = proposed(command, "a.csv", "--label-column", "yes")
        assert config["data"]["columns"] == {"text": "text: ${HOME} #1", "label": "yes"}


class TestOtherFormats:
    def test_words_with_tags(self, command: Command) -> None:
        Path("ner.txt").write_text("Anna B-PER\nmet O\nKofi B-PER\n\nin O\nOslo B-LOC\n\n" * 40)
        config = proposed(command, "ner.txt")
        assert (config["task"]["name"], config["data"]["format"]) == ("token-classification", "conll")
        assert "labels: entities: PER 80, LOC 40" in Path("made.yaml").read_text()

    def test_json_lines_with_entities(self, command: Command) -> None:
        row = {"note": "Anna met Kofi in town", "entities": [{"start": 0, "end": 4, "label": "PER"}]}
        Path("a.jsonl").write_text("\n".join(json.dumps(row | {"note": row["note"] + f" {i}"}) for i in range(60)))
        config = proposed(command, "a.jsonl")
        assert config["task"]["name"] == "token-classification"
        assert config["data"]["columns"] == {"labels": "entities", "text": "note"}

    def test_a_json_file_with_splits(self, command: Command) -> None:
        pairs = [[text, ("a", "b")[i % 2]] for i, text in enumerate(texts(ENGLISH, 60))]
        Path("a.json").write_text(json.dumps({"train": pairs, "val": pairs[:20], "notes": ["x"]}))
        code, _, err = command("init", "a.json", "-o", "made.yaml")
        data = load_config("finetune", Path("made.yaml")).config.data
        assert (code, data.train, data.validation) == (0, "a.json#train", "a.json#val")
        assert "notes" in err

    def test_lines_with_a_label(self, command: Command) -> None:
        Path("a.txt").write_text("\n".join(f"{t}@{('up', 'down')[i % 2]}" for i, t in enumerate(texts(ENGLISH, 60))))
        data = proposed(command, "a.txt")["data"]
        assert (data["format"], data["delimiter"], data["label_first"]) == ("text", "@", False)


class TestExports:
    """Formats that know themselves what is text and what is label, and tables that are no text."""

    TEXT = "Anna met Kofi in Oslo"

    def label_studio(self, *results: dict[str, Any]) -> None:
        notes = [{"was_cancelled": False, "result": list(results)}]
        rows = [{"id": i, "data": {"text": f"{self.TEXT} {i}"}, "annotations": notes} for i in range(60)]
        Path("export.json").write_text(json.dumps(rows))

    def test_label_studio_with_spans(self, command: Command) -> None:
        value = {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}
        self.label_studio({"type": "labels", "from_name": "label", "value": value})
        config = proposed(command, "export.json")
        assert (config["task"]["name"], config["data"]["format"]) == ("token-classification", "label-studio")
        assert "labels: entities: PER 60" in Path("made.yaml").read_text()

    def test_label_studio_with_choices(self, command: Command) -> None:
        rows = []
        for i in range(60):
            choice = {"type": "choices", "from_name": "mood", "value": {"choices": [("good", "bad")[i % 2]]}}
            notes = [{"was_cancelled": False, "result": [choice]}]
            rows.append({"id": i, "data": {"text": f"{self.TEXT} {i}"}, "annotations": notes})
        Path("export.json").write_text(json.dumps(rows))
        config = proposed(command, "export.json")
        assert (config["task"]["name"], config["data"]["columns"]) == ("text-classification", {})
        assert len(load_splits(load_config("finetune", Path("made.yaml")).config.data, "text").train) > 30

    def test_spans_that_fit_no_word_are_dropped_on_request(self, command: Command) -> None:
        value = {"start": 4, "end": 5, "text": " ", "labels": ["PER"]}
        good = {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}
        self.label_studio(*({"type": "labels", "from_name": "label", "value": v} for v in (value, good)))
        assert command("init", "export.json")[0] == 2
        assert proposed(command, "export.json", "data.unfit_spans=drop")["data"]["unfit_spans"] == "drop"

    def test_parquet(self, command: Command) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"body": texts(ENGLISH, 60), "intent": ["ask", "tell"] * 30, "score": [i / 60 for i in range(60)]}
        pq.write_table(pa.table(columns), "a.parquet")
        data = proposed(command, "a.parquet")["data"]
        assert (data["format"], data["columns"]) == ("parquet", {"text": "body", "label": "intent"})

    def test_a_folder_per_label(self, command: Command) -> None:
        for i, text in enumerate(texts(CHINESE, 40)):
            folder = Path("reviews") / ("好", "差")[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}.txt").write_text(text)
        config = proposed(command, "reviews")
        assert (config["data"]["format"], config["data"]["train"]) == ("folders", "reviews")
        assert config["model"]["name"] == "scratch-characters"


class TestSplits:
    @pytest.fixture
    def folder(self) -> Path:
        Path("reviews").mkdir()
        for name, number in (("train", 200), ("dev", 40), ("test", 40)):
            rows = ([text, ("pos", "neg")[i % 2]] for i, text in enumerate(texts(ENGLISH, number)))
            table(f"reviews/{name}.csv", ["text", "label"], rows)
        return Path("reviews")

    def test_a_folder(self, folder: Path, command: Command) -> None:
        data = proposed(command, folder)["data"]
        assert [data[split] for split in ("train", "validation", "test")] == [
            "reviews/train.csv",
            "reviews/dev.csv",
            "reviews/test.csv",
        ]

    def test_it_is_named_after_the_folder(self, folder: Path, command: Command) -> None:
        assert command("init", folder / "train.csv")[0] == 0
        assert Path("reviews.yaml").is_file()

    def test_files_beside_it_are_pointed_out(self, folder: Path, command: Command) -> None:
        _, _, err = command("init", folder / "train.csv")
        assert "lmfit init reviews/train.csv --validation reviews/dev.csv --test reviews/test.csv" in err

    def test_a_test_file_without_labels_is_left_out(self, folder: Path, command: Command) -> None:
        table("reviews/test.csv", ["text", "label"], ([text, "-1"] for text in texts(ENGLISH, 40)))
        code, _, err = command("init", folder, "-o", "made.yaml")
        config = load_config("finetune", Path("made.yaml")).config
        assert (code, config.data.test is not None and not isinstance(config.data.test, str)) == (0, True)
        assert "no label of reviews/test.csv is one of the training data" in err

    def test_absolute_paths_become_relative(self, folder: Path, command: Command) -> None:
        assert proposed(command, folder.absolute())["data"]["train"] == "reviews/train.csv"


class TestOptions:
    @pytest.fixture
    def file(self) -> Path:
        rows = ([text, f"{text}!", ("a", "b")[i % 2], i % 5] for i, text in enumerate(texts(ENGLISH, 100)))
        return table("a.csv", ["title", "reply", "topic", "stars"], rows)

    def test_columns_that_are_given(self, file: Path, command: Command) -> None:
        given = ("--text-column", "reply", "--pair-column", "title", "--label-column", "stars")
        assert proposed(command, file, *given)["data"]["columns"] == {
            "text": "reply",
            "text_pair": "title",
            "label": "stars",
        }

    def test_doubts_are_told_and_written(self, file: Path, command: Command) -> None:
        _, _, err = command("init", file)
        assert "other columns could be the label" in err
        assert "# In doubt: other columns could be the label" in Path("a.yaml").read_text().replace("\n# ", " # ")

    def test_keys_are_overridden(self, file: Path, command: Command) -> None:
        config = proposed(command, file, "training.epochs=1", "data.limit=50")
        assert (config["training"]["epochs"], config["data"]["limit"]) == (1, 50)

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["a.csv", "training.epoch=1"], "at: override training.epoch=1"),
            (["a.csv", "--task", "token-classification"], "not for token-classification"),
            (["a.csv", "--text-column", "absent"], "no column `absent`"),
            (["b.csv"], "there is no file `b.csv`"),
            (["empty.csv"], "is empty"),
            (["head.csv"], "no row of data"),
            (["prose.txt"], "neither columns nor a label"),
            (["quickstart", "--task", "text-classification"], "about a data file"),
            (["."], "no file of `.` is named as training data"),
        ],
    )
    def test_mistakes(self, file: Path, command: Command, words: list[str], told: str) -> None:
        Path("empty.csv").touch()
        Path("head.csv").write_text("text,label\n")
        Path("prose.txt").write_text("\n".join(f"{text}." for text in ("one", "two", "three", "four")))
        code, out, err = command("init", *words)
        assert (code, out) == (2, "")
        assert told in err
        assert "Traceback" not in err
        assert not list(Path().glob("*.yaml"))

    def test_no_label_shows_every_column(self, command: Command) -> None:
        table("a.csv", ["id", "text"], ([i, text] for i, text in enumerate(texts(ENGLISH, 50))))
        code, _, err = command("init", "a.csv")
        assert code == 2
        assert "id: 50 distinct whole numbers of 50, 0 to 49" in err
        assert "--label-column" in err

    def test_an_old_config_is_not_overwritten(self, file: Path, command: Command) -> None:
        Path("a.yaml").write_text("mine")
        code, _, err = command("init", file)
        assert (code, Path("a.yaml").read_text()) == (2, "mine")
        assert "exists already" in err

    def test_to_stdout(self, file: Path, command: Command) -> None:
        code, out, _ = command("init", file, "-o", "-")
        assert (code, out.startswith("# Proposed by `lmfit init a.csv`")) == (0, True)
        assert not list(Path().glob("*.yaml"))

    def test_a_starter_wins_over_a_bare_name(self, command: Command) -> None:
        Path("quickstart").mkdir()
        code, out, err = command("init", "quickstart")
        assert (code, "sample-ner" in out) == (0, True)
        assert "./quickstart" in err


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "task", "data"),
    [
        ("chnsenticorp", "auto", {"format": "tsv", "columns": {"text": "text_a", "label": "label"}}),
        (
            "financial_phrasebank/Sentences_AllAgree.txt",
            "auto",
            {"format": "text", "delimiter": "@", "label_first": False, "encoding": "cp1252"},
        ),
        ("gold_news", "auto", {"delimiter": "tab", "columns": {"text": "News", "label": "Price Sentiment"}}),
        (
            "mrpc",
            "auto",
            {"format": "tsv", "columns": {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"}},
        ),
        ("stsb", "regression", {"quoting": "none", "columns": {"text": 5, "text_pair": 6, "label": 4}}),
        ("clinc150/data_full.json", "auto", {"format": "json", "columns": {"text": "text", "label": "label"}}),
        ("resume_ner_zh", "token-classification", {"format": "conll"}),
        ("tnews", "auto", {"header": False, "columns": {"text": 0, "label": 1}}),
        ("bitext_intent", "auto", {"columns": {"text": "utterance", "label": "intent"}}),
        ("rte", "auto", {"columns": {"text": "sentence1", "text_pair": "sentence2", "label": "label", "id": "idx"}}),
    ],
)
def test_real_data(shared_data: Path, command: Command, source: str, task: str, data: dict[str, Any]) -> None:
    config = proposed(command, shared_data / source)
    told = config["task"].get("problem", config["task"]["name"])
    assert told == task
    assert {key: config["data"][key] for key in data} == data
