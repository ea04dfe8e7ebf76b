"""Models pushed to a Hub in this process by the real client, and loaded back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_server import WRITER, serve
from lmfit.hub import OFFLINE_FLAGS
from lmfit.runs import Run
from tiny_data import topic_rows

Publish = Callable[..., tuple[int, str, str]]
TEXTS = [text for text, _ in topic_rows(8, 5)]
PIPELINE = """
import json, sys
from transformers import pipeline
model = pipeline("text-classification", "team/topics")
print(json.dumps([model(text)[0] for text in json.loads(sys.argv[1])]))
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    (tmp_path / "hub").mkdir()
    with serve(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def run(trained: Callable[[str], Run], tmp_path: Path) -> Run:
    """A copy of a trained run, without its checkpoints."""
    ignore = shutil.ignore_patterns("checkpoints", ".lock")
    return Run(Path(shutil.copytree(trained("text-classification").path, tmp_path / "runs" / "topics", ignore=ignore)))


@pytest.fixture
def call(hub: tuple[str, list[str]], tmp_path: Path) -> Publish:
    """Run lmfit (or Python: `code=`) in a process whose Hub is the local server."""

    def call(*words: object, code: str = "", **more: str) -> tuple[int, str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in OFFLINE_FLAGS and not k.lower().endswith("_proxy")}
        env = {"HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": WRITER}
        start = ["-c", code] if code else ["-m", "lmfit"]
        done = subprocess.run(
            [sys.executable, *start, *map(str, words)],
            env={name: value for name, value in (kept | env | more).items() if value},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_what_is_pushed_comes_back_with_equal_answers(
    call: Publish, command: Publish, run: Run, hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    (run.model / "notes.txt").write_text("a secret of ours")
    code, out, err = call("publish", "team/topics", "--private", "--message", "First one")
    assert code == 0, err
    assert err.startswith("run: runs/topics\npublishing runs/topics/model to team/topics (")
    assert "model.safetensors  " in err
    assert "left out: notes.txt" in err
    assert "(private, main)" in out
    assert "lmfit predict INPUT --run hub:team/topics" in out
    there = tmp_path / "hub" / "models" / "team" / "topics"
    assert (there / ".message").read_text() == "First one"
    pushed = {path.name for path in there.iterdir() if not path.name.startswith(".")}
    assert pushed == {path.name for path in run.model.iterdir()} - {"notes.txt"}
    card = (there / "README.md").read_text()
    assert 'lmfit.load("hub:team/topics")' in card
    assert 'pipeline("text-classification", "team/topics")' in card
    assert "path/to/this/folder" not in card
    assert "while this line fits" not in card
    assert WRITER not in out + err

    (tmp_path / "in.txt").write_text("\n".join(TEXTS))
    answers = [
        command("predict", tmp_path / "in.txt", "--run", run.path),
        call("predict", "in.txt", "--run", "hub:team/topics"),
    ]
    assert [code for code, *_ in answers] == [0, 0], answers
    assert answers[0][1] == answers[1][1] != ""
    code, out, err = call(json.dumps(TEXTS), code=PIPELINE)
    assert code == 0, err
    rows = [json.loads(line) for line in answers[0][1].splitlines()]
    for one, row in zip(json.loads(out), rows, strict=True):
        assert one["label"] == row["label"]
        assert one["score"] == pytest.approx(row["score"], abs=1e-5)


def test_again_on_a_branch_with_json(call: Publish, run: Run, hub: tuple[str, list[str]], tmp_path: Path) -> None:
    assert call("publish", run.path, "team/topics")[0] == 0
    uploads = hub[1].count("PUT large")
    code, out, err = call("publish", run.path, "team/topics", "--revision", "v2", "--json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    assert told["revision"] == "v2"
    assert told["private"] is False
    assert told["bytes"] == sum(one["bytes"] for one in told["files"])
    assert hub[1].count("PUT large") == uploads, "what the Hub has is not sent again"
    assert (tmp_path / "hub" / "models" / "team" / "topics@v2" / "config.json").is_file()


def test_refusals_have_their_own_sentences(call: Publish, run: Run) -> None:
    code, _, err = call("publish", run.path, "team/topics", HF_TOKEN="")
    assert (code, "the Hub wants a login (401)" in err, "HF_TOKEN" in err) == (2, True, True), err
    code, _, err = call("publish", run.path, "team/topics", HF_TOKEN="hf_mistyped")
    assert (code, "does not accept the token (401)" in err, "hf_mistyped" in err) == (2, True, False), err
    code, _, err = call("publish", run.path, "closed/topics")
    assert (code, "your token may not write there (403)" in err) == (2, True), err
    code, _, err = call("publish", run.path, "team/topics", HF_ENDPOINT="http://127.0.0.1:9")
    assert (code, "cannot be reached" in err, "HF_ENDPOINT" in err) == (2, True, True), err
    assert call("publish", run.path, "team/open")[0] == 0
    code, _, err = call("publish", run.path, "team/open", "--private")
    assert (code, "exists and everybody can read it" in err) == (2, True), err


class TestBeforeAnyRequest:
    @pytest.mark.parametrize("name", ["topics", "a/b/c", "team/", "team/..", "-team/x--y", "team/a b"])
    def test_bad_names(self, name: str, command: Publish, run: Run) -> None:
        code, _, err = command("publish", run.path, "--", name)
        assert code == 2
        assert "org/name" in err

    def test_an_unfinished_run(self, command: Publish, run: Run) -> None:
        run.record(status="interrupted")
        code, _, err = command("publish", run.path, "team/topics")
        assert (code, "only finished runs" in err, "lmfit resume" in err) == (2, True, True)

    def test_a_model_folder_without_a_card(self, command: Publish, tiny: Callable[[str], Path]) -> None:
        code, _, err = command("publish", tiny("bert"), "team/topics")
        assert (code, "has no card" in err) == (2, True)

    def test_offline(self, command: Publish, run: Run) -> None:
        code, _, err = command("publish", run.path, "team/topics", "--offline")
        assert (code, "leave out --offline" in err) == (2, True)

    def test_a_card_edited_by_hand_is_kept_and_one_that_is_gone_comes_back(self, command: Publish, run: Run) -> None:
        path = run.model / "README.md"
        before = path.read_text()
        path.write_text(before + "\nOurs.\n")
        command("publish", run.path, "team/topics", "--offline")
        assert path.read_text().endswith("Ours.\n")
        path.unlink()
        command("publish", run.path, "team/topics", "--offline")
        assert path.read_text() == before.replace("# text-classification", "# topics") or "# topics" in path.read_text()
