import pytest

from lmfit.data.example import Example, Origin
from lmfit.data.scheme import detect_scheme, scheme_of, to_iob2
from lmfit.errors import DataError

IOB2 = ["B-A", "I-A", "B-A", "O", "B-B"]
SAME_ENTITIES = {
    "IOB1": ["I-A", "I-A", "B-A", "O", "I-B"],
    "IOB2": IOB2,
    "IOE1": ["I-A", "E-A", "I-A", "O", "I-B"],
    "IOE2": ["I-A", "E-A", "E-A", "O", "E-B"],
    "BIOES": ["B-A", "E-A", "S-A", "O", "S-B"],
}


@pytest.mark.parametrize(("scheme", "tags"), SAME_ENTITIES.items())
def test_schemes_are_told_apart_and_mean_the_same(scheme, tags):
    assert detect_scheme([tags]) == scheme
    assert to_iob2(tags, scheme) == (IOB2, 0)


def test_bilou_and_bmes():
    bilou = ["B-A", "I-A", "L-A", "U-B"]
    assert to_iob2(bilou, detect_scheme([bilou])) == (["B-A", "I-A", "I-A", "B-B"], 0)
    bmes = ["B-A", "M-A", "E-A", "S-B"]
    assert detect_scheme([bmes]) == "BMES"
    assert to_iob2(bmes, "BMES") == (["B-A", "I-A", "I-A", "B-B"], 0)


def test_entities_do_not_run_over_sentences():
    assert detect_scheme([["I-A"], ["I-A"], ["B-A", "I-A"], ["B-A"], ["B-A"]]) == "IOB2"


def test_few_errors_do_not_change_the_scheme():
    assert detect_scheme([["B-A"]] * 9 + [["O", "I-A"]]) == "IOB2"


def test_parts_of_speech_are_plain():
    tags = ["NN", "-LRB-", "VBZ", "O"]
    assert detect_scheme([tags]) == "plain"
    assert to_iob2(tags, "plain") == (tags, 0)


def test_tags_without_types():
    assert to_iob2(["B", "I", "O"], detect_scheme([["B", "I", "O"]])) == (["B-ENTITY", "I-ENTITY", "O"], 0)


def test_types_may_hold_hyphens_and_follow_underscores():
    assert to_iob2(["B-A-b", "I-A-b"], "IOB2") == (["B-A-b", "I-A-b"], 0)
    assert to_iob2(["B_A", "I_A"], detect_scheme([["B_A", "I_A"]])) == (["B-A", "I-A"], 0)


@pytest.mark.parametrize(
    ("scheme", "tags", "repaired", "broken"),
    [
        ("IOB2", ["I-A", "I-A"], ["B-A", "I-A"], 1),
        ("IOB2", ["B-A", "I-B"], ["B-A", "B-B"], 1),
        ("IOB1", ["B-A", "O"], ["B-A", "O"], 1),
        ("BIOES", ["B-A", "O", "I-A", "E-A"], ["B-A", "O", "B-A", "I-A"], 2),
        ("BMES", ["S-A", "E-A"], ["B-A", "B-A"], 1),
        ("IOE2", ["I-A", "O"], ["B-A", "O"], 1),
    ],
)
def test_broken_rules_are_repaired_and_counted(scheme, tags, repaired, broken):
    assert to_iob2(tags, scheme) == (repaired, broken)


def test_a_mixture_is_an_error():
    with pytest.raises(DataError, match="but not: PER"):
        detect_scheme([["B-PER", "PER"]])


@pytest.mark.parametrize("tag", ["PER", "X-PER", "S-PER", "b-PER"])
def test_a_tag_of_another_scheme_is_an_error(tag):
    with pytest.raises(DataError, match=f"`{tag}` is no tag of the scheme IOB2"):
        to_iob2(["B-PER", tag], "IOB2")


def test_no_entities_at_all():
    assert detect_scheme([["O", "O"]]) == "IOB2"


def test_an_odd_tag_is_told_with_its_place():
    rows = [Example(Origin("a", 3), "x y", tags=["B-X", "O"]), Example(Origin("a", 7), "z", tags=["Q-X"])]
    with pytest.raises(DataError, match=r"not: Q-X\s+at: a:7"):
        scheme_of(rows)
