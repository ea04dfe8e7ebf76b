"""Models and data sets of the Hub, from a server in this process; lmfit runs in one of its own, with its own cache."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_server import COMMIT, serve
from lmfit.hub import OFFLINE_FLAGS
from tiny_corpus import write_corpus
from tiny_data import topic_rows

CONFIG = """
task: text-classification
model: {name: org/tiny, on_unknown: allow}
data: {format: hub, name: org/topics}
training: {max_steps: 2, batch_size: 8, precision: fp32}
evaluation: {resamples: 100}
output: run
"""
MANY = """
import sys
from lmfit.cli import main
for words in {runs!r}:
    try:
        main(words)
    except SystemExit as left:
        sys.stderr.write(f"=== {{left.code}}\\n")
"""


@pytest.fixture(scope="module")
def hub(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(tiny("bert"), root / "models" / "org" / "tiny")
    (root / "models" / "org" / "empty").mkdir()
    data = root / "datasets" / "org" / "topics" / "data"
    data.mkdir(parents=True)
    for split, rows in (("train", 32), ("validation", 12), ("test", 12)):
        texts, labels = zip(*topic_rows(rows, rows), strict=True)
        table = pa.table({"text": list(texts), "label": list(labels)})
        pq.write_table(table, data / f"{split}-00000-of-00001.parquet")
    with serve(root) as server:
        yield server


@pytest.fixture
def run_python(hub: tuple[str, list[str]], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Run lmfit in a process whose Hub is the local server; its home stays over the calls of a test."""

    def run(words: list[str] | str, **more: str) -> tuple[int, str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in OFFLINE_FLAGS and not k.lower().endswith("_proxy")}
        env = kept | {"HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", **more}
        start = ["-c", words] if isinstance(words, str) else ["-m", "lmfit", *words]
        done = subprocess.run(
            [sys.executable, *start], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_model_and_a_data_set_of_the_hub(
    run_python: Callable[..., tuple[int, str, str]], hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "hub.yaml").write_text(CONFIG)
    code, _, err = run_python(["finetune", "hub.yaml"], HF_TOKEN="hf_secretsecret")
    assert code == 0, err
    assert "org/tiny (Hub model)" in err
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["model"]["commit"] == COMMIT
    assert [manifest["data"][split]["rows"] for split in ("train", "validation", "test")] == [32, 12, 12]
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"hf_secretsecret" in path.read_bytes()]
    assert holding == []
    before = len(hub[1])
    code, out, err = run_python(["check", "hub.yaml", "--offline"])
    assert code == 0, err
    assert "train: 32 rows" in out
    assert len(hub[1]) == before


def test_refusals_have_their_own_sentences(run_python: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text(CONFIG.replace("format: hub, name: org/topics", "name: sample-intents"))
    (tmp_path / "data.yaml").write_text(CONFIG)
    asked = {
        "model.name=org/login": "the Hub wants a login for the model `org/login`",
        "model.name=org/gated": "without its owner's consent (403)",
        "model.name=org/absent": "the Hub has no model `org/absent` (404)",
        "model.revision=v9": "the model `org/tiny` has no such revision",
        "model.name=org/empty": "cannot load the model `org/empty`",
        "data.name=org/absent": "the Hub has no data set `org/absent` (404)",
        "data.name=org/login": "the Hub wants a login for the data set `org/login`",
    }
    runs = [["check", "data.yaml" if word.startswith("data") else "hub.yaml", word] for word in asked]
    _, _, err = run_python(MANY.format(runs=runs))
    told = err.split("===")
    for (word, sentence), text, after in zip(asked.items(), told, told[1:], strict=False):
        assert sentence in text, (word, text)
        assert after.startswith(" 2\n"), (word, after)
    assert "Traceback" not in err


PRETRAIN = """
model: {name: org/tiny}
data: {train: corpus.txt, documents: blank, held_out: 0.2, duplicates: exact}
pretraining: {objectives: [mlm], max_length: 32}
training: {max_steps: 3, batch_size: 8, checkpoint_every: 1, precision: fp32}
evaluation: {resamples: 100, tokens: 300, pseudo_perplexity: 0}
output: run
"""
STOPPED = """
from lmfit.cli import main
from lmfit.stages import text_training
def stopped(*given):
    raise KeyboardInterrupt
text_training.Save.on_step = stopped
main(["pretrain", "pretrain.yaml"])
"""


@pytest.mark.slow
def test_a_pretraining_goes_on_from_the_commit_that_it_began_with(
    run_python: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Main has moved on when it is resumed: no request is made for it, the commit is asked for by its name."""
    write_corpus(tmp_path / "corpus.txt", count=30)
    (tmp_path / "pretrain.yaml").write_text(PRETRAIN)
    code, _, err = run_python(STOPPED)
    assert code == 130, err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model"]["commit"] == COMMIT
    (refs,) = (tmp_path / "home").rglob("refs/main")
    refs.write_text("f" * 40)
    code, _, err = run_python(["resume", "run", "--offline"])
    assert code == 0, err
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (manifest["status"], manifest["model"]["commit"]) == ("finished", COMMIT)
