from itertools import pairwise

import run_folders as runs

from lmfit.evaluation.report.worst import worst_errors


def worst(tmp_path, rows, kept=50):
    path = tmp_path / "test.jsonl"
    runs.write_lines(path, rows)
    return worst_errors(path, kept)


def span(start, end, label="PER"):
    return {"start": start, "end": end, "label": label}


def test_wrong_labels_are_ranked_by_score_and_right_ones_left_out(tmp_path):
    rows = [
        {"text": "sure and right", "label": "a", "gold": "a", "score": 0.99},
        {"text": "unsure", "label": "a", "gold": "b", "score": 0.4},
        {"text": "sure", "label": "a", "gold": "b", "score": 0.9},
    ]
    found = worst(tmp_path, rows)
    assert [item.texts for item in found.shown] == [["sure"], ["unsure"]]
    assert (found.wrong, found.labelled, found.ranking) == (2, 3, "score")


def test_only_the_worst_are_kept_and_all_are_counted(tmp_path):
    rows = [{"text": str(i), "label": "a", "gold": "b", "score": i / 100} for i in range(100)]
    found = worst(tmp_path, rows, kept=3)
    assert [item.texts[0] for item in found.shown] == ["99", "98", "97"]
    assert found.wrong == 100


def test_texts_are_ranked_by_their_number_of_wrong_entities(tmp_path):
    rows = [
        {"text": "Ann met Bo", "gold": [span(0, 3)], "entities": []},
        {"text": "Ann met Bo", "gold": [span(0, 3), span(8, 10)], "entities": [span(0, 3, "LOC")]},
    ]
    first, second = worst(tmp_path, rows).shown
    assert (first.missed, first.spurious) == (2, 1)
    assert (second.missed, second.spurious) == (1, 0)


def test_marks_tell_right_missed_and_spurious_entities_apart(tmp_path):
    row = {
        "text": "Ann met Bo in Rome",
        "gold": [span(0, 3), span(8, 10)],
        "entities": [span(0, 3), span(14, 18, "LOC")],
    }
    item = worst(tmp_path, [row]).shown[0]
    assert [(piece.text, piece.state) for piece in item.gold_lines[0]] == [
        ("Ann", "right"),
        (" met ", ""),
        ("Bo", "missed"),
        (" in Rome", ""),
    ]
    assert [(piece.text, piece.state) for piece in item.predicted_lines[0] if piece.state] == [
        ("Ann", "right"),
        ("Rome", "spurious"),
    ]


def test_overlapping_entities_get_a_line_each(tmp_path):
    row = {"text": "Bank of Osterby", "gold": [span(0, 15, "ORG"), span(8, 15, "LOC")], "entities": []}
    lines = worst(tmp_path, [row]).shown[0].gold_lines
    assert [[piece.label for piece in line if piece.state] for line in lines] == [["ORG"], ["LOC"]]


def test_an_excerpt_of_a_long_text_holds_the_first_wrong_entity(tmp_path):
    text = "x" * 5000 + " Ann " + "y" * 5000
    item = worst(tmp_path, [{"text": text, "gold": [span(5001, 5004)], "entities": []}]).shown[0]
    assert item.excerpt == (4802, 5401, 10005)
    assert "Ann" in [piece.text for piece in item.gold_lines[0]]


def test_offsets_beyond_the_text_do_no_harm(tmp_path):
    row = {"text": "Ann", "gold": [span(0, 900), span(2, 1), span(-4, 2)], "entities": []}
    assert [piece.text for piece in worst(tmp_path, [row]).shown[0].gold_lines[0]] == ["Ann"]


def test_label_sets_are_ranked_by_their_difference(tmp_path):
    rows = [{"text": "one", "label": ["a"], "gold": ["a", "b"]}, {"text": "three", "label": ["c"], "gold": ["a", "b"]}]
    found = worst(tmp_path, rows)
    assert [item.texts[0] for item in found.shown] == ["three", "one"]
    assert found.ranking == "labels"


def test_numbers_are_ranked_by_distance(tmp_path):
    rows = [{"text": "near", "label": 1.2, "gold": 1.0}, {"text": "far", "text_pair": "b", "label": 0.0, "gold": 4}]
    found = worst(tmp_path, rows)
    assert [item.texts for item in found.shown] == [["far", "b"], ["near"]]
    assert found.ranking == "distance"


def test_points_are_thinned_evenly(tmp_path):
    found = worst(tmp_path, [{"text": "", "label": float(i), "gold": float(i)} for i in range(9001)])
    assert len(found.points) <= 2000
    assert [found.points[0], found.points[-1]] == [(0.0, 0.0), (9000.0, 9000.0)]
    assert len({after[0] - before[0] for before, after in pairwise(found.points)}) == 1


def test_unlabelled_rows_give_nothing(tmp_path):
    assert worst(tmp_path, [{"text": "a", "label": "x"}, {"text": "b", "entities": []}]) is None


def test_rows_without_texts_are_counted_but_not_shown(tmp_path):
    found = worst(tmp_path, [{"label": "a", "gold": "b", "score": 0.5}])
    assert (found.wrong, found.shown, found.without_texts) == (1, [], True)


def test_a_line_cut_short_is_counted(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"text": "a", "label": "x", "gold": "y"}\n{"text": "b", "la', encoding="utf-8")
    found = worst_errors(path)
    assert (found.labelled, found.unreadable) == (1, 1)


def test_no_file_gives_nothing(tmp_path):
    assert worst_errors(tmp_path / "none.jsonl") is None
