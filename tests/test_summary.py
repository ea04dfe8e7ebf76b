import pytest

from lmfit.errors import ConfigError, VerdictError
from lmfit.summary import check_requirements, metric_lines, parse_requirements

METRICS = {
    "test": {
        "f1": {"value": 0.9, "low": 0.88, "high": 0.92, "n": 40, "better": "higher"},
        "token.accuracy": {"value": 0.97, "low": None, "high": None, "n": 400, "better": "higher"},
        "mae": {"value": None, "low": None, "high": None, "n": 0, "note": "no rows"},
        "per_class.PER.f1": {"value": 0.5, "low": None, "high": None, "n": 3, "better": "higher"},
    }
}


@pytest.mark.parametrize(
    "word",
    [
        "test.f1>=0.9",
        "test.f1.low>=0.88",
        "test.f1.high < 0.93",
        " test.f1.value > 0.89 ",
        "test.token.accuracy<=1",
        "test.per_class.PER.f1>=0.5",
    ],
)
def test_requirements_that_hold(word: str) -> None:
    check_requirements(METRICS, parse_requirements([word]))


@pytest.mark.parametrize("word", ["test.f1>0.9", "test.f1.low>=0.89", "test.mae<=3"])
def test_requirements_that_do_not(word: str) -> None:
    with pytest.raises(VerdictError, match="found"):
        check_requirements(METRICS, parse_requirements([word]))


@pytest.mark.parametrize("word", ["", "f1>=0.9", "test.f1", "test.f1>=high", "test.f1=0.9", ">=0.9", "test.f7>=0.9"])
def test_requirements_that_cannot_be_read(word: str) -> None:
    with pytest.raises(ConfigError):
        parse_requirements([word])


def test_what_was_not_measured_is_told() -> None:
    with pytest.raises(ConfigError, match=r"validation\.f1"):
        check_requirements(METRICS, parse_requirements(["validation.f1>=0.1"]))


def test_metric_lines_leave_classes_out() -> None:
    lines = metric_lines(METRICS)
    assert lines[0] == "test         f1              0.9000  [0.8800, 0.9200]  n=40"
    assert lines[2].endswith("not defined (no rows)")
    assert len(lines) == 3
