import subprocess
import sys

import pytest

from lmfit.errors import ConfigError
from lmfit.evaluation.names import HEADLINE, METRICS, metric


def test_every_headline_is_a_metric_of_its_kind() -> None:
    assert all(kind in METRICS[name].kinds for kind, name in HEADLINE.items())


def test_an_error_is_better_lower_and_a_score_higher() -> None:
    assert (metric("mae").better, metric("f1").better) == ("lower", "higher")


@pytest.mark.parametrize(
    "name", ["per_class.PER.recall", "per_class.card lost?.f1", "per_class.a.b.f1", "per_class.\n.f1"]
)
def test_any_label_has_its_own_metrics(name: str) -> None:
    assert metric(name).better == "higher"


@pytest.mark.parametrize("name", ["macro-f1", "per_class.PER.support", "per_class..f1"])
def test_an_unknown_metric_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown metric"):
        metric(name)


def test_the_table_of_names_imports_nothing_heavy() -> None:
    code = """
import sys, lmfit.evaluation.names, lmfit.evaluation.entities
sys.exit(bool({"numpy", "torch"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
