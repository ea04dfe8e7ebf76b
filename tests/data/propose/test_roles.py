from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import pytest

from lmfit.data.propose.evidence import survey
from lmfit.data.propose.roles import Roles, guess_roles, problem_of
from lmfit.errors import DataError

TEXTS = [f"the parcel number {i} has not come yet and nobody answers" for i in range(60)]
CHINESE = [f"第{i}间酒店环境不错但是房间太小" for i in range(60)]


def take(values: Sequence[Any], number: int = 60) -> list[Any]:
    return list(islice(cycle(values), number))


def roles(columns: Mapping[str, Sequence[Any]], *, asked: Mapping[str, str] | None = None, named: bool = True) -> Roles:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return guess_roles(survey(rows, None), asked or {}, "file.csv", named=named)


def chosen(columns: Mapping[str, Sequence[Any]], **more: Any) -> dict[str, str]:
    return {role: column.name for role, column in roles(columns, **more).chosen.items()}


class TestColumns:
    def test_chinese_names(self) -> None:
        found = chosen({"编号": range(60), "评论": CHINESE, "情感": take(["正面", "负面"])})
        assert found == {"text": "评论", "label": "情感", "id": "编号"}

    def test_names_that_say_nothing(self) -> None:
        assert chosen({"x": take(["a", "b"]), "y": TEXTS}) == {"text": "y", "label": "x"}

    def test_addresses_and_dates_are_neither_text_nor_label(self) -> None:
        dates = take(["2024-01-02", "2024-01-03"])
        addresses = [f"https://example.org/a/very/long/address/of/an/article/{i}" for i in range(60)]
        assert chosen({"date": dates, "url": addresses, "news": TEXTS, "kind": take("ab")}) == {
            "text": "news",
            "label": "kind",
        }

    @pytest.mark.parametrize(
        "columns",
        [
            {"title": take(["a", "b"]), "paragraphs": [[{"context": "x", "qas": []}]] * 60},
            {"title": take(["a", "b"]), "context": TEXTS, "question": TEXTS, "answers": [{"text": ["x"]}] * 60},
        ],
    )
    def test_questions_about_a_text_are_told(self, columns: Mapping[str, Sequence[Any]]) -> None:
        with pytest.raises(DataError, match="question answering is no task here"):
            roles(columns)

    def test_a_pair_by_its_names(self) -> None:
        columns = {"Quality": take("01"), "#1 String": TEXTS, "#2 String": TEXTS[::-1]}
        assert chosen(columns) == {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"}

    def test_a_pair_without_names_is_of_like_length(self) -> None:
        columns = {"0": TEXTS, "1": [text[::-1] for text in TEXTS], "2": take("01")}
        assert chosen(columns, named=False) == {"text": "0", "text_pair": "1", "label": "2"}

    def test_a_title_and_a_body_are_no_pair_and_it_is_said(self) -> None:
        found = roles({"title": [t[:30] + t[-5:] for t in TEXTS], "body": TEXTS, "label": take("ab")})
        assert found.chosen["text"].name == "body"
        assert "text_pair" not in found.chosen
        assert any("also text: title" in doubt for doubt in found.doubts)

    def test_of_a_pair_the_score_with_a_fraction_is_the_label(self) -> None:
        columns = {"0": take("abc"), "1": take(["1.5", "2.75", "4.0"]), "2": TEXTS, "3": TEXTS[::-1]}
        found = roles(columns, named=False)
        assert (found.chosen["label"].name, problem_of(found.chosen["label"])) == ("1", ("regression", None))
        assert any("other columns could be the label: 0" in doubt for doubt in found.doubts)

    def test_of_well_known_names_words_go_before_numbers(self) -> None:
        assert chosen({"body": TEXTS, "score": take(["0.1", "0.9"]), "intent": take("ab")})["label"] == "intent"

    def test_a_label_that_is_empty_somewhere_is_not_taken(self) -> None:
        columns = {"text": TEXTS, "type": take(["a", "b", ""]), "kind": take(["x", "y"])}
        assert chosen(columns)["label"] == "kind"

    def test_rows_that_belong_together(self) -> None:
        customers = take([f"K{i}" for i in range(12)])
        found = chosen({"user_id": customers, "text": TEXTS, "label": take("ab")})
        assert found["document"] == "user_id"

    def test_few_groups_are_no_groups(self) -> None:
        assert "document" not in chosen({"user_id": take("uv"), "text": TEXTS, "label": take("ab")})

    def test_columns_that_are_asked_for(self) -> None:
        columns = {"text": TEXTS, "title": CHINESE, "label": take("ab"), "kind": take("xy")}
        found = chosen(columns, asked={"text": "title", "label": "-1"})
        assert (found["text"], found["label"]) == ("title", "kind")

    def test_a_column_that_is_not_there(self) -> None:
        with pytest.raises(DataError, match="no column `lable`"):
            roles({"text": TEXTS, "label": take("ab")}, asked={"label": "lable"})

    def test_no_label_tells_what_was_seen(self) -> None:
        with pytest.raises(DataError) as caught:
            roles({"id": range(60), "text": TEXTS})
        told = str(caught.value)
        assert "text: the text; 60 distinct of 60" in told
        assert "id: 60 distinct whole numbers of 60, 0 to 59" in told
        assert "--label-column" in told


class TestTagged:
    def test_texts_with_entities(self) -> None:
        entities = [[{"start": 4, "end": 10, "label": "THING"}], []] * 30
        assert chosen({"text": TEXTS, "entities": entities}) == {"labels": "entities", "text": "text"}

    def test_words_with_tags(self) -> None:
        words = [text.split() for text in TEXTS]
        assert chosen({"tokens": words, "ner_tags": [["O"] * len(w) for w in words]}) == {
            "tokens": "tokens",
            "labels": "ner_tags",
        }

    def test_lists_of_objects_are_no_labels(self) -> None:
        turns = take([[{"speaker": "a", "said": "x"}], []])
        with pytest.raises(DataError, match="no column looks like a label"):
            roles({"text": TEXTS, "turns": turns})

    def test_lists_of_one_are_single_labels(self) -> None:
        found = roles({"body": TEXTS, "tags": take([["late"], ["angry"]])})
        assert problem_of(found.chosen["label"]) == ("single_label", None)

    def test_tags_of_a_whole_text_are_several_labels(self) -> None:
        found = roles({"body": TEXTS, "tags": take([["late"], ["late", "angry"]])})
        assert problem_of(found.chosen["label"]) == ("multi_label", None)


class TestProblem:
    @pytest.mark.parametrize(
        ("values", "problem"),
        [
            (["a", "b"], ("single_label", None)),
            (["1", "2", "3", "4", "5"], ("single_label", None)),
            ([str(i) for i in range(30)], ("regression", None)),
            (["0.5", "1"], ("regression", None)),
            (["a; b", "a", "b", "b; c", "c", "c; a"], ("multi_label", ";")),
            (["Sci, Tech", "World"], ("single_label", None)),
        ],
    )
    def test_by_the_values(self, values: list[str], problem: tuple[str, str | None]) -> None:
        found = roles({"text": TEXTS * 2, "label": take(values, 120)})
        assert problem_of(found.chosen["label"]) == problem
