"""Exports of annotation tools, as these tools write them."""

import json

import pytest

from lmfit.config.data import DataConfig
from lmfit.data.sources import load_splits
from lmfit.errors import ConfigError, DataError

TEXT = "Anna Petrov joined Nordwind."
SPANS = [
    {"start": 0, "end": 11, "text": "Anna Petrov", "labels": ["PER"]},
    {"start": 19, "end": 27, "text": "Nordwind", "labels": ["ORG"]},
]
TAGS = ["B-PER", "I-PER", "O", "B-ORG", "O"]


def task(number, *annotations, **data):
    return {"id": number, "data": {"text": TEXT, **data}, "annotations": list(annotations), "predictions": []}


def annotation(*results, **more):
    return {"id": 1, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "result": list(results), **more}


def marked(value):
    return {"value": value, "id": "x1", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual"}


def chosen(*names, control="sentiment"):
    value = {"choices": list(names)}
    return {"value": value, "id": "x2", "from_name": control, "to_name": "text", "type": "choices"}


def test_label_studio_spans(read):
    said = []
    rows = [
        task(7, annotation(*map(marked, SPANS))),
        task(8),
        task(9, annotation(was_cancelled=True)),
        task(10, annotation(), annotation(*map(marked, SPANS), ground_truth=True)),
        task(11, annotation()),
    ]
    found = read("label-studio", json.dumps(rows, indent=1), kind="words", said=said)
    assert [(e.id, e.tags, e.origin.line) for e in found] == [("7", TAGS, 1), ("10", TAGS, 4), ("11", ["O"] * 5, 5)]
    assert "tasks without an annotation, or skipped by the annotator, left out: 2, first at file:2" in said
    assert any("several annotations" in sentence for sentence in said)


def test_label_studio_relations_and_attributes_are_counted(read):
    said = []
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    read("label-studio", json.dumps([task(1, annotation(marked(SPANS[0]), relation))]), kind="words", said=said)
    assert "results of type `relation`, which this task does not learn from: 1, first at file:1" in said


def test_label_studio_choices(read):
    said = []
    rows = [task(1, annotation(chosen("good"))), task(2, annotation(chosen("bad"))), task(3, annotation())]
    found = read("label-studio", json.dumps(rows), said=said)
    assert [(e.text, e.label) for e in found] == [(TEXT, ("good",)), (TEXT, ("bad",))]
    assert "tasks without a choice in `sentiment`, left out: 1, first at file:3" in said
    assert "file: the label is what was chosen in `sentiment`" in said


def test_label_studio_with_two_questions_needs_a_word(read):
    rows = [task(1, annotation(chosen("good"), chosen("shop", control="topic")))]
    with pytest.raises(ConfigError, match=r"sentiment, topic(.|\n)*columns: \{label: sentiment\}"):
        read("label-studio", json.dumps(rows))
    assert [e.label for e in read("label-studio", json.dumps(rows), columns={"label": "topic"})] == [("shop",)]


def test_label_studio_minimal(read):
    meta = {"id": 3, "annotator": 1, "annotation_id": 5, "lead_time": 3.2}
    rows = [{"text": TEXT, "label": SPANS, **meta}, {"text": "Nobody came.", **meta}]
    found = read("label-studio", json.dumps(rows), kind="words")
    assert [e.tags for e in found] == [TAGS, ["O"] * 3]
    rows = [{"text": TEXT, "sentiment": "good", **meta}, {"text": TEXT, "sentiment": {"choices": ["a", "b"]}, **meta}]
    assert [e.label for e in read("label-studio", json.dumps(rows))] == ["good", ("a", "b")]


def test_label_studio_minimal_with_plain_choices(read):
    meta = {"id": 3, "annotator": 1, "annotation_id": 5, "lead_time": 3.2}
    found = read("label-studio", json.dumps([{"text": TEXT, "sentiment": "good", **meta}]))
    assert [e.label for e in found] == ["good"]


def test_spans_are_no_labels_of_texts(read):
    with pytest.raises(ConfigError, match=r"task: token-classification"):
        read("label-studio", json.dumps([task(1, annotation(marked(SPANS[0])))]))


@pytest.mark.parametrize("result", ["x", [1], [{"type": "choices", "from_name": "sentiment", "value": 3}]])
def test_results_of_another_shape(read, result):
    rows = [task(1, annotation(chosen("a"))), task(2, {"result": result})]
    with pytest.raises(DataError, match=r"not laid out as an export(.|\n)*file:2"):
        read("label-studio", json.dumps(rows))


def test_what_is_no_export_of_label_studio(read):
    with pytest.raises(DataError, match=r"not laid out as an export of Label Studio\s+at: file:1"):
        read("label-studio", json.dumps([{"data": {"text": "a"}, "annotations": [12]}]), kind="words")


def test_unlabelled_tasks_can_be_predicted(read):
    found = read("label-studio", json.dumps([task(1), task(2, annotation(chosen("a")))]), labelled=False)
    assert [e.text for e in found] == [TEXT, TEXT]


def test_prodigy_keeps_accepted_answers_only(read):
    said = []
    spans = [{"start": 0, "end": 11, "token_start": 0, "token_end": 1, "label": "PER"}]
    tokens = [{"text": "Anna", "start": 0, "end": 4, "id": 0, "ws": True}]
    rows = [
        {"text": TEXT, "_input_hash": 1, "tokens": tokens, "spans": spans, "answer": answer}
        for answer in ("accept", "reject", "ignore")
    ]
    lines = "\n".join(map(json.dumps, [*rows, {"text": "None here", "answer": "accept"}]))
    found = read("prodigy", lines, kind="words", said=said)
    assert [e.tags for e in found] == [["B-PER", "I-PER", "O", "O", "O"], ["O", "O"]]
    assert "rows whose answer is `reject`, left out: 1, first at file:2" in said


def test_prodigy_choices(read):
    options = [{"id": "A", "text": "a"}, {"id": "B", "text": "b"}]
    rows = [{"text": TEXT, "options": options, "accept": ["B"], "answer": "accept"}]
    assert [e.label for e in read("prodigy", json.dumps(rows[0]))] == [("B",)]
    assert [e.label for e in read("prodigy", '{"text": "x", "label": "POS", "answer": "accept"}')] == ["POS"]


@pytest.mark.parametrize(
    "labels",
    [
        {"label": [[0, 11, "PER"], [19, 27, "ORG"]]},
        {"labels": [[0, 11, "PER"], [19, 27, "ORG"]]},
        {
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 11},
                {"id": 2, "label": "ORG", "start_offset": 19, "end_offset": 27},
            ],
            "relations": [{"id": 0, "from_id": 1, "to_id": 2, "type": "x"}],
        },
    ],
)
def test_doccano_spans(read, labels):
    assert [e.tags for e in read("doccano", json.dumps({"id": 1, "text": TEXT, **labels}), kind="words")] == [TAGS]


def test_doccano_labels(read):
    assert [e.label for e in read("doccano", '{"id": 1, "text": "x", "label": ["a"], "Comments": []}')] == [("a",)]


def test_spans_tell_the_tool_by_the_first_row(read):
    said = []
    rows = [{"text": TEXT, "entities": [[0, 11, "PER"], [19, 27, "ORG"]]}]
    assert [e.tags for e in read("spans", json.dumps(rows), kind="words")] == [TAGS]
    assert [e.tags for e in read("spans", json.dumps(rows[0]), kind="words")] == [TAGS]
    assert len(read("spans", json.dumps([task(1, annotation(marked(SPANS[0])))]), kind="words", said=said)) == 1
    assert "file: an export of label-studio" in said


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.json", json.dumps([task(1, annotation(*map(marked, SPANS)))]), "label-studio"),
        ("a.json", json.dumps([task(1, annotation(*map(marked, SPANS)))], indent=2), "label-studio"),
        (
            "a.jsonl",
            json.dumps({"text": TEXT, "answer": "accept", "spans": [{"start": 0, "end": 4, "label": "P"}]}),
            "prodigy",
        ),
    ],
)
def test_exports_are_known_by_their_keys(write, name, content, form):
    splits = load_splits(DataConfig(train=write(name, content)), "words")
    assert len(splits.train) == 1
    assert any(f"{name}: read as {form}" in notice for notice in splits.notices)


def test_offsets_outside_name_the_way_out(read):
    with pytest.raises(DataError, match=r"data\.unfit_spans: drop"):
        read("spans", json.dumps({"text": TEXT, "entities": [[0, 99, "PER"]]}), kind="words")


def test_a_broken_list_names_the_line(read):
    with pytest.raises(DataError, match="file:3"):
        read("spans", '[\n{"text": "a", "entities": []},\n{"text": "a" "entities": []}\n]', kind="words")


def test_an_object_in_a_list_of_texts(read):
    with pytest.raises(DataError, match=r"no JSON object\s+at: file:2"):
        read("spans", '[{"text": "a", "entities": []}, "b"]', kind="words")
