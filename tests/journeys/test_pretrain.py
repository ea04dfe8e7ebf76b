"""From raw text to a model that learns tasks: made, killed and resumed to the bit, loaded, fine-tuned, refused."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmfit
from interruptions import Killed, killed, outcome
from lmfit.config.load import load_config
from lmfit.config.yaml import dump
from lmfit.runs import Run
from lmfit.stages import pretrain
from lmfit.training.trainer import StepResult, Trainer
from tiny_corpus import pretrain_config, write_corpus

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "news.txt")


@pytest.fixture(scope="module")
def straight(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("straight")
    return pretrained(pretrain_config(corpus, output=str(folder / "run")))


def pretrained(config: dict[str, Any]) -> Run:
    return pretrain.run(load_config("pretrain", config))


def test_a_run_like_any_other(straight: Run, command: Command) -> None:
    manifest = straight.manifest
    assert (manifest["stage"], manifest["status"], manifest["kind"]) == ("pretrain", "finished", "language")
    for name in ("loss", "masked_accuracy", "nsp_accuracy", "pseudo_perplexity"):
        entry = straight.metrics["test"][name]
        assert entry["low"] is None or entry["low"] <= entry["value"] <= entry["high"]
    assert straight.metrics["baseline"]["token_frequency"]["test"]["loss"]["value"] > 0
    assert "<svg" in (straight.path / "report.html").read_text()
    code, out, _ = command("runs", straight.path)
    assert code == 0
    assert "pretrain" in out


def test_transformers_loads_it(straight: Run) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer, BertForPreTraining

    model, found = BertForPreTraining.from_pretrained(straight.model, output_loading_info=True)
    assert not found["missing_keys"]
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    masked, found = AutoModelForMaskedLM.from_pretrained(straight.model, output_loading_info=True)
    assert not found["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(straight.model)
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 64
    inputs = tokenizer("Anna Petrov joined [MASK] in Oslo .", return_tensors="pt")
    assert masked(**inputs).logits.shape == (*inputs["input_ids"].shape, len(tokenizer))


def test_it_is_a_start_for_fine_tuning(straight: Run, tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    config = tiny_config("text-classification", model={"name": str(straight.path)}, output=str(tmp_path / "tuned"))
    tuned = lmfit.finetune(config)
    assert tuned.manifest["parent"] == str(straight.path)
    assert tuned.manifest["status"] == "finished"


@pytest.mark.parametrize("kept", [[4, 8], []])
def test_after_a_kill(kept: list[int], straight: Run, tmp_path: Path, command: Command) -> None:
    run = killed(straight, tmp_path / "moved", kept)
    assert command("resume", run.path)[0] == 0
    assert outcome(run) == outcome(straight)


def test_after_a_signal(straight: Run, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Trainer.step

    def interrupted(self: Trainer, number: int) -> StepResult:
        result = work(self, number)
        if number + 1 == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(Trainer, "step", interrupted)
    text = straight.config.read_text().replace("output: null", f"output: {tmp_path / 'run'}")
    (tmp_path / "same.yaml").write_text(text)
    code, out, err = command("pretrain", tmp_path / "same.yaml")
    assert (code, out) == (143, "")
    assert f"lmfit resume {tmp_path / 'run'}" in err
    monkeypatch.setattr(Trainer, "step", work)
    assert command("resume", tmp_path / "run")[0] == 0
    assert outcome(Run(tmp_path / "run")) == outcome(straight)


@pytest.mark.parametrize("name", ["predict", "evaluate"])
def test_it_has_no_task_yet(name: str, straight: Run, tmp_path: Path, command: Command) -> None:
    (tmp_path / "texts.txt").write_text("Anna joined Nordwind .\n")
    words = [tmp_path / "texts.txt", "--run", straight.path] if name == "predict" else [straight.path]
    code, out, err = command(name, *words)
    assert (code, out) == (2, "")
    assert "has not learnt a task yet" in err
    assert "lmfit finetune CONFIG" in err


def test_compare_takes_two_of_them(straight: Run, corpus: Path, tmp_path: Path, command: Command) -> None:
    other = pretrained(pretrain_config(corpus, training={"max_steps": 3}, output=str(tmp_path / "short")))
    code, out, _ = command("compare", straight.path, other.path, "--json")
    assert code == 0
    assert json.loads(out)


def test_the_resolved_config_runs_again(straight: Run) -> None:
    again = load_config("pretrain", straight.config)
    assert dump(again.resolved()) == straight.config.read_text()


@pytest.mark.parametrize(
    ("model", "pretraining", "auto"),
    [
        ({}, {"objectives": ["mlm", "sop"]}, "BertForPreTraining"),
        ({"architecture": "roberta"}, {"objectives": ["mlm"], "tokenizer": {"kind": "bpe", "vocabulary": 320}}, ""),
        ({"architecture": "electra", "embedding_width": 16}, {"objectives": ["mlm"]}, ""),
        ({"architecture": "modernbert"}, {"objectives": ["mlm"], "masking": {"unit": "span"}}, ""),
        (
            {"architecture": "gpt2"},
            {"objectives": ["clm"], "tokenizer": {"kind": "bpe", "vocabulary": 320}},
            "AutoModelForCausalLM",
        ),
    ],
)
def test_architectures(
    model: dict[str, Any], pretraining: dict[str, Any], auto: str, corpus: Path, tmp_path: Path
) -> None:
    import transformers

    training = {"max_steps": 2, "optimizer": "muon", "muon_learning_rate": 0.01}
    config = pretrain_config(corpus, model=model, pretraining=pretraining, training=training)
    run = pretrained(config | {"output": str(tmp_path / "run")})
    loaded, found = getattr(transformers, auto or "AutoModelForMaskedLM").from_pretrained(
        run.model, output_loading_info=True
    )
    assert not found["missing_keys"]
    assert "loss" in run.metrics["test"]
    assert ("perplexity" in run.metrics["test"]) == ("clm" in pretraining["objectives"])
    assert loaded.config.vocab_size == len(transformers.AutoTokenizer.from_pretrained(run.model))


def test_probes_compare_with_random_weights(
    corpus: Path, tiny_config: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "topics.yaml").write_text(dump(tiny_config("text-classification", training={"max_steps": 2})))
    probes = {"objectives": ["mlm"], "probes": [str(tmp_path / "topics.yaml")], "probe_seeds": [1, 2]}
    config = pretrain_config(corpus, pretraining=probes, training={"max_steps": 3})
    run = pretrained(config | {"output": str(tmp_path / "run")})
    (probe,) = run.manifest["probes"]
    assert (probe["name"], probe["metric"]) == ("topics", "accuracy")
    assert probe["difference"] == pytest.approx(probe["pretrained"] - probe["other"])
    assert probe["low"] <= probe["difference"] <= probe["high"]
    children = [child.name for child in (run.path / "children").iterdir()]
    assert sorted(children) == ["topics-pretrained", "topics-random"]
    assert "topics" in (run.path / "report.html").read_text()
    code, out, _ = command("resume", run.path)
    assert code == 0
    assert probe["sentence"] in out


def test_killed_while_a_probe_begins(
    corpus: Path, tiny_config: Callable[..., Any], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "topics.yaml").write_text(dump(tiny_config("text-classification", training={"max_steps": 2})))
    probes = {"objectives": ["mlm"], "probes": [str(tmp_path / "topics.yaml")], "probe_seeds": [1]}
    config = pretrain_config(corpus, pretraining=probes, training={"max_steps": 3})
    record = Run.record

    def ended(self: Run, **facts: Any) -> None:
        if self.path.parent.name == "children":
            raise Killed
        record(self, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "record", ended)
        with pytest.raises(Killed):
            pretrained(config | {"output": str(tmp_path / "run")})
    assert (tmp_path / "run" / "children" / "topics-pretrained" / "config.yaml").is_file()
    assert command("resume", tmp_path / "run")[0] == 0
    assert len(Run(tmp_path / "run").manifest["probes"]) == 1


def test_it_goes_on_from_an_encoder_without_a_head(corpus: Path, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    config = pretrain_config(corpus)
    config |= {"model": {"name": str(tiny("bert"))}, "output": str(tmp_path / "run")}
    config["pretraining"] = {"objectives": ["mlm"], "max_length": 32}
    run = pretrained(config)
    assert run.manifest["model"]["language_model_head"] == "new, its decoder tied to the embeddings"
    assert "new, its decoder tied to the embeddings" in (run.path / "report.html").read_text()
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(run.model)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_what_is_new_of_a_masked_model_that_learns_about_pairs(corpus: Path, tmp_path: Path) -> None:
    config = pretrain_config(corpus, pretraining={"objectives": ["mlm"]}, training={"max_steps": 1})
    first = pretrained(config | {"output": str(tmp_path / "first")})
    config |= {"model": {"name": str(first.path)}, "output": str(tmp_path / "run")}
    config["pretraining"] = {"objectives": ["mlm", "nsp"], "max_length": 32}
    told = "as it was pretrained; pooler: new; head for pairs of segments: new"
    assert pretrained(config).manifest["model"]["language_model_head"] == told


def test_check_reads_the_corpus_and_its_probes(
    corpus: Path, tiny_config: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "topics.yaml").write_text(dump(tiny_config("text-classification")))
    made = pretrain_config(corpus, pretraining={"probes": [str(tmp_path / "topics.yaml")]})
    (tmp_path / "p.yaml").write_text(dump(made))
    code, out, _ = command("check", tmp_path / "p.yaml")
    assert code == 0
    assert "training tokens in" in out
    assert "probe topics: " in out
    assert f"next: lmfit pretrain {tmp_path / 'p.yaml'}" in out
    assert command("check", tmp_path / "p.yaml", "--label-errors")[0] == 2
    search = made | {"search": {"space": {"model.layers": [1, 2]}}}
    (tmp_path / "s.yaml").write_text(dump(search))
    code, out, _ = command("check", tmp_path / "s.yaml")
    assert code == 0
    assert f"next: lmfit search {tmp_path / 's.yaml'}" in out


def test_the_training_rows_of_a_config_alone(
    tiny_config: Callable[..., Any], tiny_data: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The texts that a fine-tuning trains on, without those that it holds out."""
    from lmfit.pretraining.corpus import load_corpus
    from lmfit.stages.prepare import prepare

    data = {"validation": {"split": 0.2}, "test": {"split": 0.2}}
    (tmp_path / "topics.yaml").write_text(dump(tiny_config("text-classification", data=data)))
    config = pretrain_config(tmp_path)
    config["data"] = {"train": [str(tmp_path / "topics.yaml")], "duplicates": "keep", "filters": {"min_words": 0}}
    corpus = load_corpus(load_config("pretrain", config).config.data)
    splits = prepare(load_config("finetune", tmp_path / "topics.yaml").config).splits
    read = {text for split in ("train", "validation", "test") for _, texts in corpus.texts(split) for text in texts}
    assert read == {example.text for example in splits.train}
    assert not read & {example.text for held in (splits.validation, splits.test) for example in held or ()}
