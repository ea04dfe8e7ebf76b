"""A comparison on the command line and as a file."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lmfit.runs import Run

MakeRun = Callable[..., Run]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def two(make_run: MakeRun) -> None:
    """Runs `a<b>` (40 of 100 right) and `b|c` (90)."""
    for name, right in (("a<b>", 40), ("b|c", 90)):
        rows = [
            {"id": str(i), "text": f"标题 {i}", "gold": "x", "label": "x" if i < right else "y"} for i in range(100)
        ]
        make_run(name, rows, seed=right)


@pytest.mark.usefixtures("two")
class TestCommand:
    def test_a_table_with_verdicts(self, command: Command) -> None:
        code, out, _ = command("compare", "runs/a<b>", "runs/b|c")
        assert code == 0
        assert re.search(
            r"^b\|c +0\.900 \[0\.826, 0\.945\] +<0\.001 +better by 0\.500 \[0\.4\d\d, 0\.\d+\]$", out, re.M
        )
        assert re.search(r"^a<b> +91\.6 MB +22\.7 M +32\.9 s +4,229 tokens/s$", out, re.M)
        assert re.search(r"^run +seed\na<b> +40\nb\|c +90$", out, re.M)

    def test_json_holds_everything(self, command: Command) -> None:
        code, out, _ = command("compare", "a<b>", "b|c", "--json")
        found: dict[str, Any] = json.loads(out)
        assert code == 0
        assert (found["reference"], found["rows"], found["tests"], found["metric"]) == ("a<b>", 100, 1, "accuracy")
        told = found["runs"][1]["metrics"]["accuracy"]
        assert (told["verdict"], told["value"]) == ("better", 0.9)
        assert told["difference"]["value"] == pytest.approx(0.5)
        assert found["differs"] == {"seed": {"a<b>": "40", "b|c": "90"}}

    def test_a_requirement_that_does_not_hold_exits_with_3(self, command: Command) -> None:
        assert command("compare", "a<b>", "b|c", "--require", "not-worse:0.01")[0] == 0
        code, out, err = command("compare", "b|c", "a<b>", "--require", "not-worse:0.01")
        assert (code, "worse by 0.500" in out) == (3, True)
        assert "of `a<b>` it may be worse by" in err

    def test_a_page_without_scripts_that_escapes_names(self, command: Command, tmp_path: Path) -> None:
        assert command("compare", "a<b>", "b|c", "-o", tmp_path / "c.html")[0] == 0
        page = (tmp_path / "c.html").read_text(encoding="utf-8")
        HTMLParser().feed(page)
        assert "a&lt;b&gt;" in page
        assert "a<b>" not in page
        assert page.count("<svg") == 3
        assert "better by 0.500" in page
        assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)

    def test_markdown_keeps_its_columns(self, command: Command, tmp_path: Path) -> None:
        assert command("compare", "a<b>", "b|c", "-o", tmp_path / "c.md")[0] == 0
        rows = [line for line in (tmp_path / "c.md").read_text(encoding="utf-8").splitlines() if "b\\|c |" in line]
        assert rows[0].startswith("| b\\|c | 0.900 [")

    def test_another_suffix_is_refused_before_anything_is_read(self, command: Command) -> None:
        code, out, err = command("compare", "nothing", "none", "-o", "c.pdf")
        assert (code, out) == (2, "")
        assert "cannot be written as `.pdf`" in err

    def test_a_name_that_is_no_run(self, command: Command) -> None:
        code, _, err = command("compare", "a<b>", "b|d")
        assert code == 2
        assert "did you mean `b|c`?" in err

    def test_torch_is_not_imported(self) -> None:
        words = (
            "import sys\nfrom lmfit.cli import main\n"
            "try: main(['compare', 'a<b>', 'b|c'])\nfinally: print('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.rstrip().endswith("False"), done.stderr
