import re
from pathlib import Path

import pytest
import yaml
from markupsafe import Markup

import lmfit
import lmfit.evaluation.report.words as module
from lmfit.data.audit.audit import ODDITIES
from lmfit.data.audit.shift import SHIFT_WORDS
from lmfit.evaluation.names import METRICS
from lmfit.evaluation.report.words import Words, amount, breakable, count, percent, score, size

SENTENCES = yaml.safe_load(Path(module.__file__).with_name("words.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", SENTENCES)
def test_both_languages_hold_the_same_blanks(key):
    assert set(SENTENCES[key]) == {"en", "zh"}
    english, chinese = (set(re.findall(r"{\w+}", SENTENCES[key][language])) for language in ("en", "zh"))
    assert english == chinese


def test_every_metric_has_a_name_in_both_languages():
    named = {name for name in METRICS if not name.startswith("per_class.")}
    assert named <= {key.removeprefix("metric.") for key in SENTENCES if key.startswith("metric.")}


def test_every_kind_of_finding_has_a_name_in_both_languages():
    source = "".join(path.read_text("utf-8") for path in Path(lmfit.__file__).parent.rglob("*.py"))
    kinds = set(re.findall(r'(?:Finding|doubt|_pairs)\(\s*"([a-z-]+)"', source))
    kinds |= {f"shifted-{part}" for part in SHIFT_WORDS} | {f"{kind}-texts" for kind in ODDITIES}
    beside_a_run = {"new-labels", "labels-gone", "trained-on", "drifted-unknown"}
    assert len(kinds) > 20
    assert kinds - beside_a_run <= {key.removeprefix("finding.") for key in SENTENCES}


def test_every_sentence_is_used():
    folder = Path(module.__file__).parent
    files = [*folder.glob("*.py"), *folder.glob("templates/*.html")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files)
    families = ("metric", "split", "baseline", "status", "timing", "average", "pill", "verdict", "errors", "ledger")
    families += ("fact", "use", "costs", "several", "transfer", "audit", "finding", "robustness", "perturbation")
    families += ("certificate", "search", "trial", "compressed")
    sections = {
        f"{name}.title"
        for name in ("curves", "confusion", "scatter", "warnings", "environment", "config", "labels", "evaluations")
    }
    for key in SENTENCES:
        assert f'"{key}"' in sources or f"'{key}'" in sources or key.split(".")[0] in families or key in sections, key


def test_values_are_escaped_and_code_is_marked():
    words = Words("en")
    assert words("warnings.broken", file="<b>").startswith("&lt;b&gt; cannot")
    assert "<code>evaluation.texts</code>" in words("errors.texts_off")
    assert words("warnings.broken", file=Markup("<i>x</i>")).startswith("<i>x</i>")


def test_an_unknown_language_is_english():
    assert Words("None").plain("page.report") == Words("en").plain("page.report")


def test_names_that_are_not_known_stay_as_they_are():
    assert Words("zh").name("metric", "my_metric") == "my_metric"
    assert Words("en").heading("metric", "my_metric") == "my_metric"
    assert Words("en").heading("metric", "accuracy") == "Accuracy"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (9.97, "10 s"), (59.6, "1 min 00 s"), (452, "7 min 32 s"), (7500, "2 h 05 min"), (None, "–")],
)
def test_durations(seconds, text):
    assert Words("en").duration(seconds) == text


def test_numbers_are_written_short_and_alike():
    assert [score(0.8534), score(-0.02), score(23.456), score(None)] == ["0.853", "−0.020", "23.5", "–"]
    assert [percent(0), percent(0.0012), percent(0.0996), percent(0.5)] == ["0%", "0.1%", "10%", "50%"]
    assert [size(90_800_120), size(12), size(2.5e9)] == ["90.8 MB", "12 B", "2.5 GB"]
    assert [amount(22_568_457), amount(950), count(14041)] == ["22.6 M", "950", "14,041"]


def test_lines_may_break_within_long_names():
    assert breakable("a_b/<c>") == "a_<wbr>b/&lt;c&gt;"
