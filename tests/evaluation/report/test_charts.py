import re

import pytest

from lmfit.evaluation.report.charts import (
    Interval,
    axis,
    element,
    interval_bar,
    line_chart,
    scatter,
    thinned,
    tick_label,
    ticks,
)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.75, 0.853), (0, 1e-4), (-1.3, 6.2), (0.3, 0.3), (0, 0), (1e6, 3e6)]
)
def test_ticks_cover_the_range_in_few_steps(low, high):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 12


@pytest.mark.parametrize(
    ("value", "label"), [(0.25, "0.25"), (5e-5, "5e-5"), (1200, "1,200"), (-2, "−2"), (0, "0"), (1.5e-7, "1.5e-7")]
)
def test_tick_labels_are_short(value, label):
    assert tick_label(value) == label


def test_bar_and_whisker_stand_where_their_values_are():
    drawing = interval_bar(Interval(0.5, 0.4, 0.75, own=True), 0.0, 1.0, "a")
    assert 'width="50.00%"' in drawing
    assert 'x1="40.00%" x2="75.00%"' in drawing


def test_a_negative_value_is_drawn_leftward_from_zero():
    drawing = interval_bar(Interval(-0.5, None, None), -1.0, 1.0, "a")
    assert '<rect class="other" x="25.00%" width="25.00%"' in drawing
    assert "whisker" not in drawing


def test_an_axis_has_no_tick_beyond_its_ends():
    assert re.findall(r">([^<>]+)</text>", axis(-0.4, 1.0)) == ["0", "0.5", "1"]


def test_attributes_and_text_are_escaped():
    assert element("text", "<b>", title='"') == '<text title="&#34;">&lt;b&gt;</text>'


def test_many_points_are_thinned_to_their_means():
    points = thinned([(step, 2.0) for step in range(10_000)])
    assert len(points) <= 400
    assert {value for _, value in points} == {2.0}


def test_a_lone_point_is_visible():
    assert "<circle" in line_chart([(10, 1.0)], "a", 20)


def test_a_line_stays_within_its_box():
    path = re.search(' d="M([^"]+)"', line_chart([(0, 5.0), (50, -3.0), (100, 5.0)], "a", 100))[1]
    places = [tuple(map(float, point.split())) for point in path.split("L")]
    assert all(0 <= x <= 1000 and 0 <= y <= 170 for x, y in places)


def test_equal_gold_and_predicted_values_lie_on_the_line():
    path = re.search(' d="([^"]+)" class="points"', scatter([(0, 0), (3, 3), (5, 5)], "a"))[1]
    places = re.findall(r"M([\d.]+) ([\d.]+)h0", path)
    assert all(float(x) - 40 == pytest.approx(370 - float(y)) for x, y in places)
