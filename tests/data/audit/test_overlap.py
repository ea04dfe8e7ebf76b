"""Duplicates, conflicting labels and overlaps, exact and near."""

from collections.abc import Sequence

import pytest

from lmfit.data.audit.overlap import find_duplicates, find_near, find_overlaps
from lmfit.data.audit.scan import Scan, scan
from lmfit.data.example import Example, Origin
from lmfit.data.findings import Finding
from lmfit.data.normal import normal_form

Rows = Sequence[tuple[str, str]]
LONG = "The parcel was sent on Monday morning and it has not yet reached my house in the harbour street"


def examples(file: str, rows: Rows) -> list[Example]:
    return [Example(Origin(file, line), text, label=label) for line, (text, label) in enumerate(rows, start=1)]


def scanned(file: str, rows: Rows, width: int | None = None) -> Scan:
    return scan(examples(file, rows), lambda e: [str(e.label)], sketched=True, width=width)


def near(train: Rows, test: Rows) -> list[Finding]:
    scans = {"train": scanned("a", train)}
    scans["test"] = scanned("b", test, scans["train"].width)
    _, exact = find_overlaps(scans)
    return find_near("test", scans, {"train": examples("a", train), "test": examples("b", test)}, exact["test"])


def test_a_text_with_two_labels_is_a_warning_with_both_places() -> None:
    (found,) = find_duplicates("train", scanned("a", [("Hello", "x"), ("other", "x"), ("hello ", "y")]))
    assert (found.kind, found.severity, found.count, found.places) == (
        "conflicting-labels",
        "warning",
        1,
        ("a:3 = a:1",),
    )


def test_copies_are_noted_with_three_places() -> None:
    (found,) = find_duplicates("train", scanned("a", [("one", "x")] * 6))
    assert (found.kind, found.severity, found.count) == ("duplicates", "notice", 5)
    assert found.sentence.endswith("(a:2 = a:1; a:3 = a:1; a:4 = a:1; ...)")


def test_texts_that_differ_are_nothing() -> None:
    assert find_duplicates("train", scanned("a", [("one", "x"), ("two", "x")])) == []


@pytest.mark.parametrize(
    "text",
    [
        "two words",
        "Two  Words ",
        "ＴＷＯ ｗｏｒｄｓ",
        "two wo\u200brds",
        "\ufefftwo words",
        "two\u00a0words",
        "two wor\u00adds",
    ],
)
def test_equal_but_for_case_blanks_width_and_unseen_characters(text: str) -> None:
    scans = {"train": scanned("a", [("x", "x"), ("Two words", "x")]), "test": scanned("b", [("new", "x"), (text, "y")])}
    (found,), in_train = find_overlaps(scans)
    assert (found.kind, found.split, found.places) == ("overlap", "test", ("b:2 = a:2",))
    assert "1 of 2, 1 of them with another label" in found.what
    assert in_train["test"].tolist() == [False, True]


def test_accents_tell_texts_apart() -> None:
    assert normal_form("resume") != normal_form("résumé")


def test_validation_and_test_are_compared_too() -> None:
    splits = {name: scanned(name, [(f"{name} alone", "x"), *shared]) for name, shared in _SHARED.items()}
    (found,), _ = find_overlaps(splits)
    assert (found.split, found.what.split(":")[0]) == ("test", "texts that are in the validation data too")


_SHARED: dict[str, Rows] = {"train": [], "validation": [("both", "x")], "test": [("both", "x")]}


def test_pairs_must_agree_on_both_sides() -> None:
    pair = Example(Origin("a", 1), "p", "q", label="x")
    other = Example(Origin("b", 1), "p", "r", label="x")
    scans = {name: scan([e], lambda e: [], sketched=False) for name, e in (("train", pair), ("test", other))}
    assert find_overlaps(scans)[0] == []


def test_an_edited_copy_is_nearly_in_train() -> None:
    (found,) = near(
        [("nothing of the kind at all, a text about lamps and kettles", "x"), (LONG, "x")],
        [
            ("entirely different words stand here, none of which are shared", "x"),
            (LONG.replace("Monday", "Friday"), "x"),
        ],
    )
    assert (found.kind, found.count, found.places) == ("near-overlap", 1, ("b:2 = a:2",))


def test_half_a_text_is_not_near() -> None:
    assert near([(LONG, "x")], [(LONG[:50] + " " + LONG[50:][::-1], "x")]) == []


def test_an_exact_copy_is_not_told_as_near() -> None:
    assert near([(LONG, "x")], [(LONG.upper(), "x")]) == []


def test_short_texts_are_not_judged_near() -> None:
    assert near([("where is my card?", "x")], [("where is my cards?", "x")]) == []


def test_one_changed_sign_in_a_chinese_text_is_near() -> None:
    text = "这次的价格比以前贵一点但是还是客户来住的首选环境非常好服务也好其他都赞"
    assert near([(text, "x")], [(text.replace("贵", "高"), "x")])[0].places == ("b:1 = a:1",)


def test_many_near_rows_are_all_found() -> None:
    train = [(f"{LONG} number {n * 7919} and then {n * 104729} more of them", "x") for n in range(300)]
    test = [(text + " please", "x") for text, _ in train[:200]]
    assert near(train, test)[0].count == 200
