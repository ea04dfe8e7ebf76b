from lmfit.data.propose.evidence import MOST_VALUES, Column, survey


def column(*values: object) -> Column:
    made = Column("c")
    for value in values:
        made.add(value)
    return made


def test_few_values_are_counted() -> None:
    assert column("正面", "负面", "正面", "正面", " ").seen == "2 values: 正面 3, 负面 1, empty in 1"


def test_many_values_are_measured() -> None:
    assert column("a", "bb", "ccc").seen == "3 distinct of 3, 1 to 3 characters"


def test_numbers_have_a_range() -> None:
    assert column("0.5", "5", "-1,5").seen == "3 distinct numbers of 3, -1.5 to 5"


def test_nothing_at_all() -> None:
    assert column("", None).seen == "always empty"


def test_entities_are_counted_by_label() -> None:
    found = column([{"start": 0, "end": 1, "label": "PER"}], [[0, 1, "LOC"]], [])
    assert found.seen == "entities: LOC 1, PER 1"


def test_a_list_in_a_field_is_read_as_json() -> None:
    assert column('["late", "angry"]', '["late"]').items.counts == {"late": 2, "angry": 1}


def test_values_are_let_go_where_they_are_too_many() -> None:
    found = column(*map(str, range(MOST_VALUES + 1)))
    assert (found.tally.whole, len(found.tally.counts), found.distinct) == (False, 0, MOST_VALUES + 1)


def test_a_column_that_comes_late_was_empty_before() -> None:
    first, second = survey([{"a": "x"}, {"a": "y", "b": "z"}, {"a": "z"}], None)
    assert (first.rows, second.rows, second.empty) == (3, 3, 2)


def test_only_the_first_rows() -> None:
    assert survey(({"a": str(i)} for i in range(10)), 3)[0].rows == 3
