import json

from lmfit.evaluation.report.files import read_run
from lmfit.evaluation.report.tables import confusion, label_table, outside_share, token_table


def run_with(tmp_path, **tables):
    (tmp_path / "tables.json").write_text(json.dumps({"test": tables}), encoding="utf-8")
    return read_run(tmp_path)


def row(label, f1=0.5, support=10):
    return {"label": label, "precision": f1, "recall": f1, "f1": f1, "support": support}


def test_labels_come_weakest_first_and_those_without_support_last(tmp_path):
    rows = [row("good", 0.9), row("unseen", 0.0, support=0), row("weak", 0.2)]
    table = label_table(run_with(tmp_path, per_label={"rows": rows, "averages": {"micro": row("")}}), "test")
    assert [one.label for one in table.rows] == ["weak", "good", "unseen"]
    assert [one.label for one in table.averages] == ["micro"]


def test_share_of_words_outside_any_entity(tmp_path):
    tokens = token_table(run_with(tmp_path, token={"rows": [row("B-PER", support=25), row("O", support=75)]}), "test")
    assert outside_share(tokens) == 0.75


def test_mistakes_are_listed_by_count_with_their_share_of_gold(tmp_path):
    cells = [[0, 0, 8], [0, 1, 2], [1, 0, 5], [1, 1, 5]]
    found = confusion(run_with(tmp_path, confusion={"labels": ["a", "b"], "cells": cells}), "test")
    assert [(pair.gold, pair.predicted, pair.count, pair.share) for pair in found.pairs] == [
        ("b", "a", 5, 0.5),
        ("a", "b", 2, 0.2),
    ]
    assert [[cell.count for cell in cells] for cells in found.rows] == [[8, 2], [5, 5]]


def test_a_large_matrix_keeps_every_count_and_shows_the_most_confused(tmp_path):
    cells = [[index, index, 10] for index in range(151)] + [[7, 9, 4], [150, 3, 2]]
    labels = [f"label {index}" for index in range(151)]
    found = confusion(run_with(tmp_path, confusion={"labels": labels, "cells": cells}), "test")
    assert found.labels[:4] == ["label 7", "label 9", "label 150", "label 3"]
    assert len(found.labels) + found.rest == 151
    assert sum(cell.count for cells in found.rows for cell in cells) == 1516
    assert found.rows[0][1].kind == "differs"
    assert found.rows[-1][-1].kind == "mixed"


def test_cells_outside_the_labels_are_ignored(tmp_path):
    cells = [[0, 5, 3], ["x", 0, 1], [0], [0, 0, 2]]
    found = confusion(run_with(tmp_path, confusion={"labels": ["a"], "cells": cells}), "test")
    assert [[cell.count for cell in row] for row in found.rows] == [[2]]


def test_no_table_gives_none(tmp_path):
    run = read_run(tmp_path)
    assert label_table(run, "test") is None
    assert token_table(run, "test") is None
    assert confusion(run, "test") is None
