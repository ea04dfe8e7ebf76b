"""lmfit compress from the command line: the result is a run like any other, and needs no torch."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lmfit.runs import Run

Command = Callable[..., tuple[int, str, str]]
Compressed = Callable[[str], Run]
TASKS = ("token-classification", "text-classification")
ANSWER = """
import sys
import lmfit.cli
try:
    lmfit.cli.main(sys.argv[1:])
finally:
    assert not {"torch", "transformers"} & set(sys.modules), "imported"
"""


@pytest.fixture(scope="module")
def compressed(trained: Callable[[str], Run], tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    """The int8 run of a tiny BERT. Tests must not change its folder."""
    from lmfit.stages import compress, compressible

    @cache
    def make(task: str) -> Run:
        parent, output = trained(task), tmp_path_factory.mktemp("int8") / task
        words = ["compression.quantize=int8", f"output={output}"]
        return compress.run(parent, compressible.load(parent, None, words))

    return make


@pytest.mark.parametrize("task", TASKS)
def test_a_compressed_run_is_a_run(task: str, compressed: Compressed, command: Command) -> None:
    run = compressed(task)
    manifest = run.manifest
    assert (manifest["status"], manifest["stage"], manifest["backend"]) == ("finished", "compress", "onnx")
    assert manifest["export"]["fused_attention"] == manifest["export"]["layers"] == 2
    assert not list(run.model.glob("*.safetensors"))
    assert {"test", "validation", "baseline"} <= set(run.metrics)
    certificate = json.loads((run.path / "certificate.json").read_text())
    assert certificate["child"]["sha256"] == manifest["model"]["sha256"]
    assert certificate["parity"]["label_agreement"] > 0.9
    assert certificate["memory"]["child"]["libraries"] == ["onnxruntime"]
    code, out, err = command("evaluate", run.path)
    assert code == 0, err
    assert "test" in out
    report = (run.path / "report.html").read_text()
    assert "Certificate of compression" in report
    assert "Cost, compression" in report


@pytest.mark.parametrize("task", TASKS)
def test_static_ranges_are_taken_from_rows_of_training(
    task: str, trained: Callable[[str], Run], command: Command, tmp_path: Path
) -> None:
    made, texts = tmp_path / "static", tmp_path / "texts.txt"
    code, _, err = command("compress", trained(task).path, "--quantize", "int8-static", "-o", made)
    assert code == 0, err
    assert Run(made).manifest["quantization"] == "int8-static"
    assert Run(made).manifest["certificate"]["holds"] is None
    texts.write_text("Anna Petrov joined Nordwind in Oslo .\n")
    code, out, err = command("predict", texts, "-r", made)
    assert code == 0, err
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("task", TASKS)
def test_predict_needs_neither_torch_nor_transformers(task: str, compressed: Compressed, tmp_path: Path) -> None:
    run, texts = compressed(task), tmp_path / "texts.txt"
    texts.write_text("Anna Petrov joined Nordwind in Oslo .\nWhere is my order ?\n")
    command = [sys.executable, "-c", ANSWER, "predict", str(texts), "-r", str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    import lmfit

    found = lmfit.load(run.path).predict(["Where is my order ?", "Anna Petrov joined Nordwind in Oslo ."])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{name: row[name] for name in one.row()} for row, one in zip(rows[::-1], found, strict=True)] == [
        json.loads(json.dumps(one.row())) for one in found
    ]


def test_a_new_file_is_evaluated_without_torch(
    compressed: Compressed, tiny_data: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(compressed("token-classification").path, run)
    data = tiny_data["token-classification"]["test"]
    command = [sys.executable, "-c", ANSWER, "evaluate", str(run), "--data", data, "--name", "again"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "again" in done.stdout


@pytest.mark.parametrize("words", [["--prune", "2"], ["--set", "model.name=other"]])
def test_what_is_asked_wrongly_is_told_before_torch_is_loaded(words: list[str], trained: Callable[[str], Run]) -> None:
    asked = ["compress", str(trained(TASKS[1]).path), *words]
    done = subprocess.run([sys.executable, "-c", ANSWER, *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "imported" not in done.stderr


def test_the_certificate_is_repeated(compressed: Compressed, command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(compressed("text-classification").path, run)
    path = run / "certificate.json"
    certificate = json.loads(path.read_text())
    certificate["machine"]["flags"] = ["avx512_vnni"]
    path.write_text(json.dumps(certificate))
    text = tmp_path / "texts.txt"
    text.write_text("Where is my order ?\n")
    _, _, err = command("predict", text, "-r", run)
    assert f"lmfit evaluate {run} --certify" in err
    code, out, err = command("evaluate", run, "--certify")
    assert code == 0, err
    assert "decisions equal" in out
    repeated = json.loads(path.read_text())["repeated"]
    assert repeated[0]["parity"]["largest_logit_difference"] == pytest.approx(
        certificate["parity"]["largest_logit_difference"], rel=1e-3
    )
    assert repeated[0]["metric"]["difference"]["value"] == certificate["metric"]["difference"]["value"]
    _, _, err = command("predict", text, "-r", run)
    assert "--certify" not in err


def test_a_damaged_file_is_refused(compressed: Compressed, command: Command, tmp_path: Path) -> None:
    run, text = tmp_path / "run", tmp_path / "texts.txt"
    shutil.copytree(compressed("text-classification").path, run)
    text.write_text("Where is my order ?\n")
    with open(run / "model" / "model.onnx", "r+b") as file:
        file.seek(1000)
        file.write(b"\0\1\2\3")
    code, _, err = command("predict", text, "-r", run)
    assert code == 2
    assert "model.onnx is not the file that run.json tells of" in err
    code, _, _ = command("predict", text, "-r", run / "model")
    assert code in (0, 2), err
    again = err.rpartition("make it anew: lmfit ")[2].split()
    code, _, err = command(*again[:-1], tmp_path / "new")
    assert code == 0, err
    assert Run(tmp_path / "new").manifest["quantization"] == "int8"


def test_a_damaged_certificate_is_told(compressed: Compressed, command: Command, tmp_path: Path) -> None:
    run, text = tmp_path / "run", tmp_path / "texts.txt"
    shutil.copytree(compressed("text-classification").path, run)
    text.write_text("Where is my order ?\n")
    certificate = json.loads((run / "certificate.json").read_text())
    for changes in ({"machine": None}, {"repeated": [{}]}, {"repeated": 1}, {"child": []}, {"split": "no"}):
        (run / "certificate.json").write_text(json.dumps(certificate | changes))
        code, _, err = command("predict", text, "-r", run)
        assert code == 2, (changes, err)
        assert "certificate.json is damaged" in err


def test_other_labels_than_the_certified_ones_are_refused(
    compressed: Compressed, command: Command, tmp_path: Path
) -> None:
    run, text = tmp_path / "run", tmp_path / "texts.txt"
    shutil.copytree(compressed("text-classification").path, run)
    text.write_text("Where is my order ?\n")
    path = run / "model" / "config.json"
    path.write_text(
        path.read_text().replace("complaint", "c").replace("praise", "complaint").replace('"c"', '"praise"')
    )
    for words in (["predict", text, "-r", run], ["evaluate", run, "--certify"]):
        code, _, err = command(*words)
        assert code == 2
        assert "tokenizer, labels or settings in model/ are others than when the model was certified" in err


def test_answers_of_the_parent_that_are_missed_are_told(
    compressed: Compressed, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)
    run = tmp_path / "run"
    shutil.copytree(compressed("text-classification").path, run)
    (run / "predictions" / "test.parent.jsonl").unlink()
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("targets: {}", "targets: {size_ratio: 90}"))
    code, out, err = command("evaluate", run, "--certify")
    assert "the parent's answers to them are not here" in err
    assert "90 asked for: missed" in out + err
    assert code == 3


@pytest.fixture
def interrupted(compressed: Compressed, trained: Callable[[str], Run], tmp_path: Path) -> Run:
    """A compression that was killed at its end, beside its parent, with the certificate of an earlier part."""
    shutil.copytree(trained("text-classification").path, tmp_path / "parent")
    shutil.copytree(compressed("text-classification").path, tmp_path / "made")
    run = Run(tmp_path / "made")
    run.record(status="interrupted", parent="parent", parent_paths=["../parent", "/nowhere/parent"])
    certificate = json.loads((run.path / "certificate.json").read_text())
    certificate["child"]["sha256"] = "of an earlier part"
    (run.path / "certificate.json").write_text(json.dumps(certificate))
    return run


def test_a_compression_goes_on_from_anywhere(
    interrupted: Run, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.txt").write_text("Where is my order ?\n")
    code, _, err = command("predict", tmp_path / "texts.txt", "-r", interrupted.path)
    assert code == 2
    assert "its model is not certified yet" in err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, err = command("resume", interrupted.path)
    assert code == 0, err
    assert interrupted.status == "finished"
    code, out, err = command("resume", interrupted.path)
    assert code == 0, err
    assert "is finished already" in err
    assert "certificate: " in out
    assert "tokens/s" not in out


def test_a_compression_goes_on_only_with_what_it_began_with(interrupted: Run, command: Command, tmp_path: Path) -> None:
    parent, data = tmp_path / "parent", interrupted.manifest["data"]
    interrupted.record(data=data | {"test": data["test"] | {"sha256": "of other rows"}})
    code, _, err = command("resume", interrupted.path)
    assert code == 2
    assert "the test data has changed since the run began" in err
    with open(parent / "model" / "model.safetensors", "ab") as file:
        file.write(b"0")
    code, _, err = command("resume", interrupted.path)
    assert code == 2
    assert "the run that is compressed has changed since" in err
    parent.rename(tmp_path / "gone")
    code, _, err = command("resume", interrupted.path)
    assert code == 2
    assert f"the run that `{interrupted.path}` was made from is not at `parent`" in err


def test_what_cannot_be_compressed_is_refused_in_words(
    compressed: Compressed,
    trained: Callable[[str], Run],
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, parent, idle = compressed("text-classification"), trained("text-classification"), tmp_path / "idle.yaml"
    idle.write_text("training: {max_steps: 1}\n")
    joint = ["compress", parent.path, "--prune", "0.3", "--set", "compression.joint={}"]
    refused = [
        (["compress", run.path, "--quantize", "int8"], "is compressed to int8 already"),
        (["compress", parent.path], "nothing says how to compress"),
        (["compress", parent.path, "--quantize", "int9"], "int8"),
        (["compress", parent.path / "model", "--quantize", "int8"], "is a model folder"),
        (["compress", parent.path, "--quantize", "int8", "--device", "cuda"], "on the CPU"),
        (["compress", parent.path, "--quantize", "int8", "--set", "model.name=other"], "the model is the run's own"),
        (["compress", parent.path, "--quantize", "int8", "--set", "training.max_steps=1"], "nothing is trained"),
        (["compress", parent.path, "--quantize", "int8", "--set", "data.max_length=16"], "max_length is the run's own"),
        (
            ["compress", parent.path, "--set", 'compression.prune={pattern: "2:4", layers: 1}'],
            "layers: has no effect with compression.prune.pattern: 2:4",
        ),
        (
            ["compress", parent.path, "--distill", "minilm-l6", "--set", "compression.distill.layers=2"],
            "give student or layers",
        ),
        (
            [*joint, "--set", "training.schedule=cosine"],
            "training.schedule has no effect: a joint training has its own",
        ),
        ([*joint, "--set", "training.evaluate_every=2"], "a joint training keeps its last weights"),
        ([*joint, "--set", "compression.joint.quantize=0.2"], "has no effect with compression.quantize"),
        ([*joint, "--set", "compression.prune.length=12"], "prune.length: has no effect without a target of latency"),
        (
            ["compress", parent.path, "--set", "compression.prune={latency_ratio: 1.1, length: 99999}"],
            "tokens at once",
        ),
        (["compress", parent.path, "--config", idle], "has no section compression"),
        (["compress", parent.path, "--quantize", "int8", "-o", parent.path, "--overwrite"], "that is read"),
        (["finetune", run.path / "config.yaml"], "compression"),
        (["predict", "x", "-r", run.path, "--precision", "fp32"], "computes in the precision"),
    ]
    for words, told in refused:
        code, _, err = command(*words)
        assert code == 2, (words, err)
        assert told in err, (words, err)
    monkeypatch.setenv("LMFIT_RUNS", str(tmp_path / "none"))
    code, _, err = command("compress", "--quantize", "int8")
    assert code == 2
    assert "no finished run" in err


def test_on_other_test_rows_the_parent_is_judged_anew(
    trained: Callable[[str], Run], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmfit.stages.certify.footprint", lambda run: None)
    parent, out = trained("text-classification"), tmp_path / "out"
    tested = Path(parent.manifest["data"]["test"]["files"][0])
    lines, other = tested.read_text(encoding="utf-8").splitlines(), tmp_path / f"other{tested.suffix}"
    other.write_text("\n".join(lines[:13]) + "\n", encoding="utf-8")
    code, _, err = command("compress", parent.path, "--quantize", "int8", "-o", out, "--set", f"data.test={other}")
    assert code == 0, err
    metric = json.loads((out / "certificate.json").read_text())["metric"]
    judged = [json.loads(line) for line in (out / "predictions" / "test.parent.jsonl").read_text().splitlines()]
    assert {row["origin"].rpartition(":")[0] for row in judged} == {str(other)}
    assert metric["parent"]["n"] == metric["child"]["n"] == len(judged) == 12


def test_a_missed_limit_is_told_and_the_result_kept(
    trained: Callable[[str], Run], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise is added to what was quantized, so that nothing brings the metric back."""
    import numpy as np
    import onnx

    from lmfit.stages import quantize

    def spoil(source: Path, target: Path, *, keep: object = ()) -> None:
        graph = onnx.load(str(source))
        for tensor in graph.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.ndim == 2 and values.dtype == np.float32:
                noisy = np.random.default_rng(0).normal(size=values.shape).astype(np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(noisy, tensor.name))
        onnx.save(graph, str(target))

    monkeypatch.setattr(quantize, "quantize_int8", spoil)
    out = tmp_path / "spoilt"
    words = ["--quantize", "int8", "-o", out, "--set", "compression.certificate.max_drop=0.01"]
    code, _, err = command("compress", trained("text-classification").path, *words)
    assert code == 3, err
    assert "in fp32" in err
    assert "more than the 0.01 allowed" in err
    assert Run(out).manifest["certificate"]["holds"] is False
    assert Run(out).status == "finished"
