import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from lmfit.evaluation.entities import Span, repair_iob2, spans


@pytest.mark.parametrize(
    ("tags", "repaired"),
    [
        (["I-PER", "I-PER"], ["B-PER", "I-PER"]),
        (["B-PER", "I-LOC"], ["B-PER", "B-LOC"]),
        (["O", "I-LOC", "O", "I-LOC"], ["O", "B-LOC", "O", "B-LOC"]),
        (["B-PER", "B-PER", "I-PER"], ["B-PER", "B-PER", "I-PER"]),
        ([], []),
    ],
)
def test_a_stray_inside_tag_begins_an_entity(tags: list[str], repaired: list[str]) -> None:
    assert repair_iob2(tags) == repaired


def test_spans_are_half_open_and_touching_entities_stay_apart() -> None:
    assert spans(["B-A", "I-A", "B-A", "O", "B-B"]) == [Span("A", 0, 2), Span("A", 2, 3), Span("B", 4, 5)]


def test_a_type_may_hold_hyphens() -> None:
    assert spans(["B-ORG-x", "I-ORG-x"]) == [Span("ORG-x", 0, 2)]


def test_spans_agree_with_seqeval_strict_even_on_invalid_sequences() -> None:
    draw = random.Random(1)
    tags = [draw.choices(["O", "B-A", "I-A", "B-B", "I-B"], k=draw.randrange(12)) for _ in range(500)]
    strict = [{e.to_tuple()[1:] for e in row} for row in Entities(tags, IOB2).entities]
    assert [{(s.label, s.start, s.end) for s in spans(row)} for row in tags] == strict


def test_repaired_sequences_hold_the_entities_of_the_lenient_reading() -> None:
    draw = random.Random(2)
    for _ in range(300):
        tags = draw.choices(["O", "B-A", "I-A", "B-B", "I-B"], k=draw.randrange(12))
        lenient = [(label, start, end + 1) for label, start, end in get_entities(tags)]
        assert [tuple(span) for span in spans(repair_iob2(tags))] == lenient
