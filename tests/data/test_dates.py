import pytest

from lmfit.data.dates import find_reading, reading, shown
from lmfit.errors import DataError


def found(*dates):
    return find_reading([(text, f"a:{i}") for i, text in enumerate(dates, start=1)], "day")


@pytest.mark.parametrize(
    ("text", "way", "moment"),
    [
        ("2024-02-29", "year-month-day", "2024-02-29"),
        ("2024-02-29T23:30:00Z", "year-month-day", "2024-02-29 23:30:00"),
        ("2024-02-29 23:30:00.123+02:00", "year-month-day", "2024-02-29 21:30:00"),
        ("2024年2月9日", "year-month-day", "2024-02-09"),
        ("20240229", "yearmonthday", "2024-02-29"),
        ("29/2/2024 11:05 PM", "day/month/year", "2024-02-29 23:05:00"),
        ("2-29-2024", "month/day/year", "2024-02-29"),
        ("Thu, 29 Feb 2024 10:00:00 +0000", "day month year", "2024-02-29 10:00:00"),
        ("February 29, 2024", "month day, year", "2024-02-29"),
        ("2024-02", "year-month", "2024-02-01"),
        ("2024", "year", "2024-01-01"),
        ("1709164800", "Unix seconds", "2024-02-29"),
        ("1709164800123", "Unix milliseconds", "2024-02-29"),
    ],
)
def test_common_ways_of_writing_dates(text, way, moment):
    assert found(text).name == way
    assert shown(reading(way)(text)) == moment


@pytest.mark.parametrize(
    "text", ["2023-02-29", "0201-04-27", "2024-13-01", "2024-00-10", "2024-01-01 25:00", "soon", ""]
)
def test_what_is_no_date_is_not_read(text):
    assert all(reading(way)(text) is None for way in ("year-month-day", "day/month/year", "year-month", "year"))


def test_day_and_month_are_told_apart_by_the_whole_column():
    assert found("01/02/2020", "03/04/2020", "28-01-2020").name == "day/month/year"
    assert found("01/02/2020", "03/04/2020", "01/28/2020").name == "month/day/year"


def test_ambiguous_dates_are_an_error_with_both_readings():
    with pytest.raises(
        DataError, match=r"day/month/year and as month/day/year, e.g. `01/02/2020` \(a:1\)(.|\n)*%m/%d/%Y"
    ):
        found("01/02/2020", "03/04/2020")


def test_a_mixture_of_both_is_an_error():
    with pytest.raises(DataError, match="mixes day/month/year"):
        found(*["28/01/2020"] * 2, "01/28/2020", *["01/02/2020"] * 97)


def test_a_column_without_dates():
    with pytest.raises(DataError, match=r"at best 1 of 2 rows(.|\n)*`soon` \(a:2\)"):
        found("2020-01-01", "soon")
