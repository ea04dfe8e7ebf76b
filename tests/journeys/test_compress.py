"""lmfit compress from the command line: the result is a run like any other, and needs no torch."""

import json
from collections.abc import Callable

import pytest

from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]
TASKS = ("token-classification", "text-classification")


@pytest.fixture(scope="module")
def compressed(trained: Callable[[str], Run], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The int8 run of a tiny BERT. Tests must not change its folder."""
    from functools import cache

    from lmfit.stages import compress

    @cache
    def make(task: str) -> Run:
        parent, output = trained(task), tmp_path_factory.mktemp("int8") / task
        words = ["compression.quantize=int8", f"output={output}"]
        return compress.run(parent, compress.load(parent, None, words))

    return make


@pytest.mark.parametrize("task", TASKS)
def test_a_compressed_run_is_a_run(task: str, compressed: Callable[[str], Run], command: Command) -> None:
    run = compressed(task)
    manifest = run.manifest
    assert (manifest["status"], manifest["stage"], manifest["backend"]) == ("finished", "compress", "onnx")
    assert manifest["export"]["fused_attention"] == manifest["export"]["layers"] == 2
    assert not list(run.model.glob("*.safetensors"))
    assert {"test", "validation", "baseline"} <= set(run.metrics)
    certificate = json.loads((run.path / "certificate.json").read_text())
    assert certificate["child"]["sha256"] == manifest["model"]["sha256"]
    assert certificate["parity"]["label_agreement"] > 0.9
    code, out, err = command("evaluate", run.path)
    assert code == 0, err
    assert "test" in out
