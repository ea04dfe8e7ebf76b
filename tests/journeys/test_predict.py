"""From input of every kind to predictions of every kind, through the command line and from Python."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lmfit
import lmfit.errors
from lmfit.data.example import Example, Origin
from lmfit.inference.predictor import CHUNK_EXAMPLES, Predictor
from lmfit.runs import Run
from tiny_data import write_jsonl

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ner(trained: Callable[[str], Run]) -> Path:
    return trained("token-classification").path


@pytest.fixture
def topics(trained: Callable[[str], Run]) -> Path:
    return trained("text-classification").path


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class TestInput:
    """What is told of the input before the first answer."""

    def test_all_bad_rows_are_told_and_nothing_is_written(self, topics: Path, tmp_path: Path, command: Command) -> None:
        file, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
        file.write_text("text,day\nfine,1\ntoo,many,fields\nfine too,2\none\n")
        for to in ((), ("-o", out)):
            code, written, err = command("predict", file, "--run", topics, *to)
            assert (code, written) == (2, "")
            assert f"{file}:3" in err
            assert f"{file}:5" in err
            assert not out.exists()

    def test_blank_lines_are_told_wherever_they_stand(self, topics: Path, tmp_path: Path, command: Command) -> None:
        file = tmp_path / "in.csv"
        file.write_text("text,day\n" + "fine,1\n" * 3000 + "\n\nlast,2\n")
        code, out, err = command("predict", file, "--run", topics)
        assert (code, len(out.splitlines())) == (0, 3001)
        assert f"blank lines passed over: 2, first at {file}:3002" in err

    def test_empty_lines_of_text_are_answered_and_told(self, topics: Path, tmp_path: Path, command: Command) -> None:
        file = tmp_path / "in.txt"
        file.write_text("fine\n\n \nbad\n")
        code, out, err = command("predict", file, "--run", topics)
        assert (code, len(out.splitlines())) == (0, 4)
        assert f"rows with an empty text: 2, first at {file}:2" in err

    def test_hints_name_the_options_of_the_command(self, topics: Path, tmp_path: Path, command: Command) -> None:
        file = tmp_path / "in.csv"
        file.write_text("body_of_it,day_of_it\nfine,1\n")
        code, _, err = command("predict", file, "--run", topics)
        assert code == 2
        assert "--text-column" in err
        assert "data.columns" not in err
        file.write_text("review,comment\nfine,1\n")
        _, _, err = command("predict", file, "--run", topics)
        assert "hint: say which: --text-column comment" in err

    def test_a_nested_key_is_named_with_its_path(self, topics: Path, tmp_path: Path, command: Command) -> None:
        file = tmp_path / "in.jsonl"
        file.write_text('{"data": {"text": "fine"}, "n": 1}\n')
        code, out, _ = command("predict", file, "--run", topics, "--text-column", "data.text")
        assert code == 0
        (row,) = rows_of(out)
        assert (row["text"], row["data"], row["n"]) == ("fine", {"text": "fine"}, 1)
        assert "data.text" not in row


class TestCommand:
    def test_lines_of_text(self, ner: Path, tmp_path: Path, command: Command) -> None:
        (tmp_path / "in.txt").write_text("Anna Petrov joined Nordwind .\nIt came from Oslo.\n")
        code, out, _ = command("predict", tmp_path / "in.txt", "--run", ner)
        first, second = rows_of(out)
        assert code == 0
        assert [(e["text"], e["label"]) for e in first["entities"]] == [("Anna Petrov", "PER"), ("Nordwind", "ORG")]
        assert second == {
            "id": "2",
            "text": "It came from Oslo.",
            "entities": [
                {"start": 13, "end": 17, "label": "LOC", "score": second["entities"][0]["score"], "text": "Oslo"}
            ],
        }

    def test_python_gives_the_same(self, ner: Path, tmp_path: Path, command: Command) -> None:
        texts = ["Anna Petrov joined Nordwind .", "It came from Oslo."]
        (tmp_path / "in.txt").write_text("\n".join(texts))
        rows = rows_of(command("predict", tmp_path / "in.txt", "--run", ner)[1])
        assert [p.row() for p in lmfit.load(ner).predict(texts)] == [
            {k: r[k] for k in ("text", "entities")} for r in rows
        ]

    def test_csv_keeps_every_column_and_adds_two(self, topics: Path, tmp_path: Path, command: Command) -> None:
        (tmp_path / "in.csv").write_text('nr,text,note\n007,"I love it, quick",NA\n8,"nobody\nanswers",\n')
        code, out, err = command("predict", tmp_path / "in.csv", "--run", topics, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert code == 0, err
        assert list(rows[0]) == ["nr", "text", "note", "prediction", "score"]
        assert [row["nr"] for row in rows] == ["007", "8"]
        assert [row["note"] for row in rows] == ["NA", ""]
        assert rows[1]["text"] == "nobody\nanswers"
        assert [row["prediction"] for row in rows] == ["praise", "complaint"]
        assert all(0 < float(row["score"]) <= 1 for row in rows)

    def test_json_lines_keep_columns_and_ids(self, topics: Path, tmp_path: Path, command: Command) -> None:
        rows: list[dict[str, Any]] = [
            {"id": "x9", "text": "very bad", "meta": {"a": [1, None]}},
            {"id": "x10", "text": "中"},
        ]
        out = rows_of(command("predict", write_jsonl(tmp_path / "in.jsonl", rows), "-r", topics)[1])
        assert [row["id"] for row in out] == ["x9", "x10"]
        assert out[0]["meta"] == {"a": [1, None]}
        assert set(out[1]) == {"id", "text", "label", "score", "scores"}

    def test_rows_that_get_a_number_beside_given_ids_are_told(
        self, topics: Path, tmp_path: Path, command: Command
    ) -> None:
        rows = [{"id": "2", "text": "very bad"}, {"text": "fine"}, {"text": "good"}]
        _, out, err = command("predict", write_jsonl(tmp_path / "in.jsonl", rows), "-r", topics)
        assert [row["id"] for row in rows_of(out)] == ["2", "2", "3"]
        assert "2 of 3 rows have no id" in err
        assert "no id" not in command("predict", write_jsonl(tmp_path / "in.jsonl", rows[1:]), "-r", topics)[2]

    def test_a_column_that_is_replaced_is_told(self, topics: Path, tmp_path: Path, command: Command) -> None:
        rows: list[dict[str, Any]] = [{"text": "very bad", "label": "gold"}]
        _, out, err = command("predict", write_jsonl(tmp_path / "in.jsonl", rows), "-r", topics)
        assert rows_of(out)[0]["label"] == "complaint"
        assert "replaces input columns: label" in err

    def test_parquet(self, topics: Path, tmp_path: Path, command: Command) -> None:
        import pyarrow.parquet as pq

        (tmp_path / "in.csv").write_text("nr,text\n1,very bad\n2,I love it\n")
        code, out, _ = command("predict", tmp_path / "in.csv", "-r", topics, "-o", tmp_path / "out.parquet", "--json")
        assert code == 0
        assert json.loads(out)["rows"] == 2
        table = pq.read_table(tmp_path / "out.parquet").to_pydict()
        assert list(table) == ["nr", "text", "prediction", "score"]
        assert table["prediction"] == ["complaint", "praise"]

    def test_parquet_when_the_first_rows_hold_nothing(
        self, ner: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pyarrow.parquet as pq

        from lmfit.stages import writers

        monkeypatch.setattr(writers, "PARQUET_ROWS", 2)
        rows = [{"text": "it is quick", "note": None}] * 3 + [{"text": "Anna Petrov joined Nordwind", "note": "n"}]
        source = write_jsonl(tmp_path / "in.jsonl", rows)
        code, _, err = command("predict", source, "-r", ner, "-o", tmp_path / "out.parquet")
        assert code == 0, err
        table = pq.read_table(tmp_path / "out.parquet").to_pydict()
        assert table["score"][:3] == [None] * 3
        assert table["score"][3] > 0
        assert table["note"] == [None, None, None, "n"]

    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_a_new_column_in_a_later_row_is_refused(
        self, form: str, topics: Path, tmp_path: Path, command: Command
    ) -> None:
        source = write_jsonl(tmp_path / "in.jsonl", [{"text": "a"}, {"text": "b", "extra": 1}])
        code, _, err = command("predict", source, "-r", topics, "-o", tmp_path / f"out.{form}")
        assert code == 2
        assert "extra" in err
        assert "in.jsonl:2" in err
        assert not list(tmp_path.glob("*out*"))

    @pytest.mark.parametrize("name", ["out.tsv", "out", "out.xlsx"])
    def test_an_output_that_tells_no_format_is_refused(
        self, name: str, topics: Path, tmp_path: Path, command: Command
    ) -> None:
        (tmp_path / "in.txt").write_text("a\n")
        code, _, err = command("predict", tmp_path / "in.txt", "-r", topics, "-o", tmp_path / name)
        assert code == 2
        assert "--format" in err

    def test_the_input_is_never_overwritten(self, topics: Path, tmp_path: Path, command: Command) -> None:
        source = write_jsonl(tmp_path / "in.jsonl", [{"text": "a"}])
        before = source.read_bytes()
        code, _, err = command("predict", source, "-r", topics, "-o", source)
        assert code == 2
        assert "is the input" in err
        assert source.read_bytes() == before

    def test_a_file_of_the_run_is_never_overwritten(self, topics: Path, tmp_path: Path, command: Command) -> None:
        (tmp_path / "in.txt").write_text("a\n")
        own = Run(topics).predictions("test")
        before = own.read_bytes()
        code, _, err = command("predict", tmp_path / "in.txt", "-r", topics, "-o", own)
        assert code == 2
        assert "is a file in the folder of the run" in err
        assert own.read_bytes() == before

    def test_a_dash_as_output_is_stdout(
        self, topics: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "in.txt").write_text("very bad\n")
        _, out, _ = command("predict", "in.txt", "-r", topics, "-o", "-")
        assert len(rows_of(out)) == 1
        assert os.listdir(tmp_path) == ["in.txt"]

    def test_standard_input(self, topics: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"very bad\nI love it")))
        _, out, _ = command("predict", "-", "-r", topics)
        assert [row["label"] for row in rows_of(out)] == ["complaint", "praise"]

    def test_predictions_are_training_data(
        self, ner: Path, tiny_config: Callable[..., Any], tmp_path: Path, command: Command
    ) -> None:
        (tmp_path / "in.txt").write_text("Anna Petrov joined Nordwind .\nIt came from Oslo.\n" * 4)
        assert command("predict", tmp_path / "in.txt", "-r", ner, "-o", tmp_path / "made.jsonl")[0] == 0
        data = {"train": str(tmp_path / "made.jsonl"), "validation": None, "test": None}
        run = lmfit.finetune(tiny_config("token-classification", data=data, output=str(tmp_path / "next")))
        assert json.loads((run.path / "ledger.json").read_text())["splits"]["train"]["labels"]["LOC"] == 4

    def test_head_ends_it_quietly(self, topics: Path, tmp_path: Path) -> None:
        (tmp_path / "in.txt").write_text("very bad\n" * 1500)
        line = f"{sys.executable} -m lmfit predict in.txt -r {topics} | head -1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 1
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr


ODD = [
    "",
    " \t ",
    "😀 Anna Petrov joined 👩‍👩‍👧 Nordwind",
    "مرحبا Oslo مرحبا",
    "中国 Anna Petrov joined",
    "e\u0301 Lisbon\u200b !",
    "x" * 3000,
    "A parcel from Lisbon never came . " * 40 + "Oslo",
]


class TestPython:
    def test_offsets_count_code_points_in_odd_texts(self, ner: Path) -> None:
        for text, prediction in zip(ODD, lmfit.load(ner).predict(ODD), strict=True):
            assert prediction.text == text
            assert all(text[e.start : e.end] == e.text for e in prediction.entities)
        found = [[e.text for e in p.entities] for p in lmfit.load(ner).predict(ODD)]
        assert found[0] == found[1] == []
        assert "Nordwind" in found[2]
        assert "Oslo" in found[3]
        assert found[7].count("Lisbon") == 40

    def test_long_texts_are_answered_to_the_end(self, ner: Path) -> None:
        text = "It came from Oslo . " * 5000
        (prediction,) = lmfit.load(ner).predict([text])
        assert len(prediction.entities) == 5000

    def test_a_line_of_a_megabyte(self, topics: Path) -> None:
        (prediction,) = lmfit.load(topics).predict(["very bad " * 120_000])
        assert prediction.label == "complaint"

    @pytest.mark.parametrize(("precision", "tolerance"), [("auto", 0.02), ("fp32", 1e-5)])
    def test_order_and_batches_do_not_change_answers(self, topics: Path, precision: str, tolerance: float) -> None:
        model = lmfit.load(topics, precision=precision)
        texts = [f"{'quick ' * (i % 23)}lamp {i}" for i in range(200)]
        together = model.predict(texts)
        assert [p.text for p in together] == texts
        for text, prediction in list(zip(texts, together, strict=True))[::37]:
            (alone,) = model.predict([text])
            assert alone.label == prediction.label
            assert alone.scores == pytest.approx(prediction.scores, abs=tolerance)

    def test_a_stream_is_read_chunk_by_chunk(self, topics: Path) -> None:
        read = 0

        def endless() -> Iterator[Example]:
            nonlocal read
            while True:
                read += 1
                yield Example(Origin("endless", read), "lamp")

        first, _ = next(iter(lmfit.load(topics).stream(endless())))
        assert first.origin.line == 1
        assert read <= CHUNK_EXAMPLES

    def test_any_iterable_of_texts(self, topics: Path) -> None:
        model = lmfit.load(topics)
        assert [p.text for p in model.predict(text for text in ("a", "b"))] == ["a", "b"]
        assert model.predict([]) == []

    @pytest.mark.parametrize(
        "texts", ["one text", [None], [1.5], [("a", "b", "c")], [("a", None)], ["nul \0"], ["\ud800"]]
    )
    def test_what_is_no_text_is_refused(self, texts: Any, topics: Path) -> None:
        with pytest.raises(lmfit.errors.InputError):
            lmfit.load(topics).predict(texts)

    def test_the_model_folder_is_enough(self, topics: Path, ner: Path) -> None:
        for run in (topics, ner):
            assert lmfit.load(run / "model").predict(["very bad"]) == lmfit.load(run).predict(["very bad"])

    def test_a_foreign_model_without_lmfits_facts(self, topics: Path, tmp_path: Path) -> None:
        import shutil

        shutil.copytree(topics / "model", tmp_path / "foreign")
        config = json.loads((tmp_path / "foreign/config.json").read_text())
        del config["lmfit"]
        (tmp_path / "foreign/config.json").write_text(json.dumps(config))
        assert lmfit.load(tmp_path / "foreign").predict(["very bad"])[0].label == "complaint"

    def test_an_encoder_alone_is_refused(self, tiny: Callable[[str], Path]) -> None:
        with pytest.raises(lmfit.errors.InputError, match="fine-tune it first"):
            lmfit.load(tiny("bert"))

    def test_truncation_is_told(self, tiny_config: Callable[..., Any], tmp_path: Path, command: Command) -> None:
        data = {"max_length": 16, "overflow": "truncate", "validation": None, "test": None}
        lmfit.finetune(tiny_config("text-classification", data=data, output=str(tmp_path / "run")))
        (tmp_path / "in.txt").write_text("lamp\n" + "kettle " * 50 + "\n")
        _, _, err = command("predict", tmp_path / "in.txt", "-r", tmp_path / "run")
        assert "1 rows are longer" in err


def test_loading_twice_gives_equal_answers(ner: Path) -> None:
    model: Predictor = lmfit.load(ner)
    assert model.predict(ODD) == lmfit.load(ner).predict(ODD)
