"""Adapters: what is trained, exact resume, merged and apart, in peft's own eyes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import lmfit
from lmfit.config.load import load_config
from lmfit.config.model import LoraConfig, ModelConfig
from lmfit.device import seeded
from lmfit.errors import ConfigError, MissingExtra
from lmfit.models.freeze import encoder_of
from lmfit.models.load import find_model, load_model
from lmfit.models.lora import adapt, merge
from lmfit.runs import Run
from lmfit.stages import pretrain
from lmfit.training.checkpoint import weights
from lmfit.training.trainer import StepResult, Trainer
from tiny_corpus import pretrain_config, write_corpus

Config = Callable[..., dict[str, Any]]
Command = Callable[..., tuple[int, str, str]]
LORA = {"rank": 4, "alpha": 8.0, "dropout": 0.1}
TRAINING = {"max_steps": 8, "batch_size": 16, "learning_rate": 1e-2, "evaluate_every": 4, "checkpoint_every": 4}
TEXTS = ["the lamp broke after two days", "where is my order", "I love this kettle , quick and quiet"]


def classifier(folder: Path, labels: int = 3) -> Any:
    with seeded(1):
        return load_model(find_model(ModelConfig(name=str(folder))), CLASSES, {"num_labels": labels})[0].eval()


CLASSES = "AutoModelForSequenceClassification"


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
class TestModel:
    def test_only_adapters_and_head_are_trained(self, tiny: Callable[[str], Path], family: str) -> None:
        model = classifier(tiny(family))
        ids = torch.randint(5, 40, (2, 9))
        before = model(ids).logits
        count = adapt(model, LoraConfig(**LORA))
        encoder = {id(p) for name, p in encoder_of(model).named_parameters() if "pooler" not in name}
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == (".lora_" in name or id(parameter) not in encoder)
        assert count == sum(p.numel() for p in model.parameters() if p.requires_grad)
        assert torch.equal(model(ids).logits, before)
        assert set(weights(model)) == {n for n, p in model.named_parameters() if p.requires_grad}

    def test_merged_logits_are_equal(self, tiny: Callable[[str], Path], family: str) -> None:
        model = classifier(tiny(family))
        names = [name for name, _ in model.named_parameters()]
        adapt(model, LoraConfig(**LORA))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".lora_" in name:
                    parameter.normal_(std=0.3)
        ids = torch.randint(5, 40, (2, 9))
        apart = model.eval()(ids).logits
        held = merge(model)
        assert held
        assert torch.allclose(model(ids).logits, apart, atol=1e-4)
        assert [name for name, _ in model.named_parameters()] == names


class TestRuns:
    @pytest.fixture(scope="class")
    @staticmethod
    def run(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
        folder = str(tmp_path_factory.mktemp("lora") / "run")
        return lmfit.finetune(
            tiny_config("text-classification", model={"lora": LORA}, training=TRAINING, output=folder)
        )

    def test_model_is_an_ordinary_folder(self, run: Run) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        assert not (run.model / "adapter_config.json").exists()
        plain = AutoModelForSequenceClassification.from_pretrained(run.model).eval()
        batch = AutoTokenizer.from_pretrained(run.model)(TEXTS, padding=True, return_tensors="pt")
        scores = torch.softmax(plain(**batch).logits, dim=-1).max(dim=-1).values
        answers = lmfit.load(run.path).predict(TEXTS)
        assert [one.score for one in answers] == pytest.approx(scores.tolist(), abs=1e-5)
        assert run.metrics["validation"]["accuracy"]["value"] > 0.4

    def test_checkpoints_hold_what_is_trained(self, run: Run) -> None:
        held = load_file(run.path / "checkpoints" / "step-00000008" / "model.safetensors")
        assert all(".lora_" in name or name.startswith(("classifier", "bert.pooler")) for name in held)
        assert any(".lora_B." in name for name in held)

    def test_killed_and_resumed_is_identical(
        self, run: Run, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        step = Trainer.step

        def failing(self: Trainer, number: int) -> StepResult:
            if number == 6:
                raise RuntimeError("killed")
            return step(self, number)

        config = tiny_config(
            "text-classification", model={"lora": LORA}, training=TRAINING, output=str(tmp_path / "cut")
        )
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "step", failing)
            with pytest.raises(RuntimeError):
                lmfit.finetune(config)
        from lmfit.stages.finetune import resume

        cut = resume(Run(tmp_path / "cut"))
        name = "model/model.safetensors"
        assert (cut.path / name).read_bytes() == (run.path / name).read_bytes()

    def test_goes_with_the_options_of_training(self, tiny_config: Config, tmp_path: Path) -> None:
        options = {"layer_decay": 0.9, "ema": 0.9, "gradient_checkpointing": True, "r_drop": 0.5, "precision": "bf16"}
        model = {"lora": {"rank": 2, "target_modules": ["query", "value"]}, "freeze": 1}
        made = tiny_config(
            "token-classification", model=model, training=TRAINING | options, output=str(tmp_path / "run")
        )
        run = lmfit.finetune(made)
        held = load_file(run.path / "checkpoints" / "step-00000008" / "model.safetensors")
        moved = {name: bool(held[name].any()) for name in held if ".lora_B" in name}
        assert moved
        assert all("attention.self" in name and has == ("layer.1." in name) for name, has in moved.items())
        assert lmfit.load(run.path).predict(TEXTS)


class TestApart:
    @pytest.fixture(scope="class")
    @staticmethod
    def run(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
        folder = str(tmp_path_factory.mktemp("apart") / "run")
        model = {"lora": LORA | {"merge": False}}
        return lmfit.finetune(tiny_config("text-classification", model=model, training=TRAINING, output=folder))

    def test_pretraining_goes_on_from_it(self, run: Run, tmp_path: Path) -> None:
        """Its adapters are merged, its head is left aside."""
        config = pretrain_config(write_corpus(tmp_path / "news.txt"), training={"max_steps": 1})
        config |= {"model": {"name": str(run.path)}, "output": str(tmp_path / "run")}
        config["pretraining"] = {"objectives": ["mlm"], "max_length": 32}
        made = pretrain.run(load_config("pretrain", config))
        assert made.manifest["model"]["language_model_head"] == "new, its decoder tied to the embeddings"

    def test_lmfit_loads_it_with_equal_answers(self, run: Run) -> None:
        assert not (run.model / "model.safetensors").exists()
        rows = [json.loads(line) for line in run.predictions("test").read_text().splitlines()]
        answers = lmfit.load(run.path).predict([row["text"] for row in rows])
        assert [one.scores for one in answers] == [row["scores"] for row in rows]

    def test_peft_loads_it_with_equal_answers(self, run: Run, tiny: Callable[[str], Path]) -> None:
        from peft import PeftModel
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

        config = AutoConfig.from_pretrained(run.model)
        base = AutoModelForSequenceClassification.from_pretrained(
            tiny("bert"), num_labels=config.num_labels, id2label=config.id2label, label2id=config.label2id
        )
        model = PeftModel.from_pretrained(base, str(run.model)).eval()
        batch = AutoTokenizer.from_pretrained(run.model)(TEXTS, padding=True, return_tensors="pt")
        scores = torch.softmax(model(**batch).logits, dim=-1).max(dim=-1).values
        answers = lmfit.load(run.path).predict(TEXTS)
        assert [one.score for one in answers] == pytest.approx(scores.tolist(), abs=1e-5)

    def test_a_run_goes_on_from_it(self, run: Run, tiny_config: Config, tmp_path: Path) -> None:
        made = tiny_config("text-classification", model={"name": str(run.path)}, output=str(tmp_path / "more"))
        more = lmfit.finetune(made)
        assert (more.model / "model.safetensors").is_file()


class TestRefused:
    def test_unknown_modules(self, tiny_config: Config, tmp_path: Path) -> None:
        made = tiny_config(
            "text-classification", model={"lora": {"target_modules": ["qery"]}}, output=str(tmp_path / "run")
        )
        with pytest.raises(ConfigError, match="no linear module") as refused:
            lmfit.finetune(made)
        assert "query" in str(refused.value)

    @pytest.mark.parametrize(
        ("sections", "told"),
        [
            ({"model": {"lora": {}, "freeze": "encoder"}}, "leaves nothing of it to train"),
            ({"model": {"lora": {}}, "training": {"adversarial": "fgm"}}, "model.lora leaves them none"),
            ({"model": {"lora": {"rank": 0}}}, "at least 1"),
        ],
    )
    def test_contradictions(self, tiny_config: Config, sections: dict[str, Any], told: str) -> None:
        with pytest.raises(ConfigError) as refused:
            load_config("finetune", tiny_config("text-classification", **sections))
        assert told in str(refused.value)

    def test_without_peft(self, tiny_config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(__import__("sys").modules, "peft", None)
        made = tiny_config("text-classification", model={"lora": {}}, output=str(tmp_path / "run"))
        with pytest.raises(MissingExtra, match="lora needs an extra"):
            lmfit.finetune(made)
