import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmfit.config.model import ModelConfig
from lmfit.errors import ConfigError, InputError
from lmfit.models.load import find_model, load_config, load_model, load_tokenizer, mark_words

Tiny = Callable[[str], Path]
LABELS = {"num_labels": 3}


def find(name: object, **more: Any) -> Any:
    return find_model(ModelConfig(name=str(name), **more))


class TestFind:
    def test_a_folder(self, tiny: Tiny) -> None:
        assert find(tiny("bert")).kind == "folder"

    def test_a_folder_wins_over_the_hub(self, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        shutil.copytree(tiny("bert"), "google-bert/bert-base-cased")
        assert find("google-bert/bert-base-cased").kind == "folder"

    def test_a_run(self, trained: Callable[[str], Any]) -> None:
        source = find(trained("token-classification").path)
        assert (source.kind, Path(source.where).name) == ("run", "model")

    def test_a_run_without_a_model_is_to_be_resumed(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"status": "running"}')
        with pytest.raises(InputError, match="lmfit resume"):
            find(tmp_path)

    def test_a_folder_that_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"neither config\.json nor run\.json"):
            find(tmp_path)

    @pytest.mark.parametrize("name", ["minilm", "./absent", "a/b/c", "/absent/model", "~/model"])
    def test_nothing_of_that_name(self, name: str) -> None:
        with pytest.raises(ConfigError, match=r"model\.name"):
            find(name)

    def test_a_near_name_is_suggested(self) -> None:
        with pytest.raises(ConfigError, match="did you mean `minilm-l6`"):
            find("minilml6")

    @pytest.mark.parametrize("name", ["org/model", "hub:org/model", "bert-base-cased"])
    def test_the_hub_offline(self, name: str) -> None:
        with pytest.raises(InputError, match="cannot be reached"):
            find(name)

    def test_code_of_a_folder_is_run_only_when_asked(self, tiny: Tiny) -> None:
        assert find(tiny("bert")).arguments["trust_remote_code"] is False
        assert find(tiny("bert"), trust_remote_code=True).arguments["trust_remote_code"] is True


@pytest.mark.parametrize("family", ["roberta", "modernbert", "bert", "deberta-v2", "xlm-roberta", "albert"])
def test_marked_words_survive_saving(family: str, tiny: Tiny, tmp_path: Path) -> None:
    """What transformers makes of the saved tokenizer equals the words one by one."""
    from transformers import AutoTokenizer

    from lmfit.data.framing import Framer

    tokenizer = load_tokenizer(find(tiny(family)))
    mark_words(tokenizer)
    framer = Framer(tokenizer, 64)
    words = ["Oslo", "kettle", "Lisbon", "Anna"]
    pieces = framer.encode_words([words])[0]
    ids, _ = framer.frame([token for piece in pieces for token in piece])
    shutil.copy(tiny(family) / "config.json", tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)(" ".join(words))["input_ids"] == ids


def test_a_tokenizer_without_a_fast_form_is_refused(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = type("Slow", (), {"is_fast": False})
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *_, **__: slow)
    with pytest.raises(InputError, match="fast"):
        load_tokenizer(find(tiny("bert")))


class TestWeights:
    @pytest.fixture
    def broken(self, tiny: Tiny, tmp_path: Path) -> Callable[..., Path]:
        """A copy of the tiny BERT without some weights, or with another config."""

        def make(without: str = "", **config: Any) -> Path:
            from safetensors.torch import load_file, save_file

            folder = tmp_path / "broken"
            shutil.copytree(tiny("bert"), folder)
            held = load_file(folder / "model.safetensors")
            kept = {name: tensor for name, tensor in held.items() if not without or without not in name}
            save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
            told = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(told | config))
            return folder

        return make

    def test_a_new_head_is_fine(self, tiny: Tiny) -> None:
        model, new_head = load_model(find(tiny("bert")), "AutoModelForTokenClassification", LABELS)
        assert (model.num_labels, new_head) == (3, True)

    def test_a_trained_head_is_not_new(self, trained: Callable[[str], Any]) -> None:
        assert not load_model(find(trained("token-classification").path), "AutoModelForTokenClassification", {})[1]

    def test_a_missing_pooler_is_fine(self, broken: Callable[..., Path]) -> None:
        model, new_head = load_model(find(broken("pooler")), "AutoModelForSequenceClassification", LABELS)
        assert (model.num_labels, new_head) == (3, True)

    def test_missing_layers_are_not(self, broken: Callable[..., Path]) -> None:
        with pytest.raises(InputError, match=r"missing or of another size: bert\.encoder\.layer\.1"):
            load_model(find(broken("layer.1.")), "AutoModelForTokenClassification", LABELS)

    def test_layers_that_the_config_does_not_have_are_not_dropped(self, broken: Callable[..., Path]) -> None:
        with pytest.raises(
            InputError, match=r"16 weights of layers that its config\.json does not have: encoder\.layer"
        ):
            load_model(find(broken(num_hidden_layers=1)), "AutoModelForTokenClassification", LABELS)

    def test_weights_without_a_place_in_the_encoder_are_told(
        self, broken: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        from safetensors.torch import load_file, save_file

        folder = broken()
        held = load_file(folder / "model.safetensors")
        one = held["embeddings.word_embeddings.weight"][:1].clone()
        heads = ("cls.predictions.bias", "lm_head.weight", "bert.pooler.extra", "bert.embeddings.position_ids")
        save_file(held | {head: one.clone() for head in heads}, folder / "model.safetensors", metadata={"format": "pt"})
        load_model(find(folder), "AutoModelForTokenClassification", LABELS)
        assert capsys.readouterr().err == ""
        strange = {f"encoder.layer.{i}.adapter.weight": one.clone() for i in range(2)}
        save_file(held | strange, folder / "model.safetensors", metadata={"format": "pt"})
        load_model(find(folder), "AutoModelForTokenClassification", LABELS)
        assert "2 weights of `" in (told := capsys.readouterr().err)
        assert "encoder.layer.*.adapter.weight" in told

    def test_other_sizes_are_not(self, broken: Callable[..., Path]) -> None:
        with pytest.raises(InputError, match="word_embeddings"):
            load_model(find(broken(vocab_size=99)), "AutoModelForTokenClassification", LABELS)

    def test_a_missing_head_is_not_where_none_is_to_be_made(self, tiny: Tiny) -> None:
        with pytest.raises(InputError, match=r"classifier\.bias"):
            load_model(find(tiny("bert")), "AutoModelForTokenClassification", {})

    def test_damaged_files_are_told_in_one_sentence(self, tiny: Tiny, tmp_path: Path) -> None:
        shutil.copytree(tiny("bert"), tmp_path / "cut")
        whole = (tmp_path / "cut/model.safetensors").read_bytes()
        (tmp_path / "cut/model.safetensors").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="cannot load the model"):
            load_model(find(tmp_path / "cut"), "AutoModelForTokenClassification", LABELS)

    @pytest.mark.parametrize("content", ["{", ""])
    def test_a_damaged_tokenizer_is_told(self, content: str, tiny: Tiny, tmp_path: Path) -> None:
        shutil.copytree(tiny("bert"), tmp_path / "cut")
        (tmp_path / "cut/tokenizer.json").write_text(content)
        with pytest.raises(InputError, match="cannot load the tokenizer"):
            load_tokenizer(find(tmp_path / "cut"))

    @pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_type": "nothing-known"}'])
    def test_a_damaged_config_is_told(self, content: str, tiny: Tiny, tmp_path: Path) -> None:
        shutil.copytree(tiny("bert"), tmp_path / "cut")
        (tmp_path / "cut/config.json").write_text(content)
        with pytest.raises(InputError, match="cannot load the model"):
            load_config(find(tmp_path / "cut"))
