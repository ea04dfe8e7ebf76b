import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lmfit.config.model import ModelConfig
from lmfit.errors import InputError
from lmfit.models.damaged import check_tokenizer, check_vocabulary, check_weights
from lmfit.models.load import find_model, load_config, load_model, load_tokenizer

Tiny = Callable[[str], Path]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 90287188\n"


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy of the tiny BERT."""
    return Path(shutil.copytree(tiny("bert"), tmp_path / "model"))


def shards(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2])):
        save_file({name: weights[name] for name in names}, folder / f"part-{number}.safetensors", {"format": "pt"})
    table = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(sorted(weights))}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": table}))
    (folder / "model.safetensors").unlink()


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(POINTER)


def cut(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1])


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def a_shard_less(folder: Path) -> None:
    shards(folder)
    (folder / "part-1.safetensors").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def header(content: bytes) -> Callable[[Path], Any]:
    made = len(content).to_bytes(8, "little") + content
    return lambda folder: (folder / "model.safetensors").write_bytes(made)


def told(folder: Path) -> str:
    """What is said of a model that cannot be loaded, in one line each: sentence, place, hint."""
    with pytest.raises(InputError) as caught:
        load_model(find_model(ModelConfig(name=str(folder))), "AutoModel", {})
    said = str(caught.value)
    assert len(said.splitlines()) == 3
    assert f"at: {folder}" in said
    return said


def test_whole_folders_pass(folder: Path) -> None:
    check_weights(folder, "model")
    shards(folder)
    check_weights(folder, "model")
    load_model(find_model(ModelConfig(name=str(folder))), "AutoModel", {})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (pointer, r"pointer of git-lfs[\s\S]*git lfs pull"),
        (cut, r"model\.safetensors is cut off[\s\S]*copy the folder again"),
        (header(b""), "is cut off or damaged"),
        (header(b"[]"), "is cut off or damaged"),
        (header(b'{"a": {"data_offsets": 3}}'), "is cut off or damaged"),
        (pickled, r"pickled \(pytorch_model\.bin\)[\s\S]*save_pretrained"),
        (a_shard_less, r"1 of 2 files of weights are missing: part-1\.safetensors"),
        (no_weights, r"holds no weights \(model\.safetensors\)"),
    ],
)
def test_weights(damage: Callable[[Path], Any], words: str, folder: Path) -> None:
    import re

    damage(folder)
    assert re.search(words, told(folder))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "config.json is no JSON"),
        ("[]", "config.json holds no JSON object"),
        ('{"model_type": "nothing-known"}', "no architecture `nothing-known`"),
        ('{"model_type": "own", "auto_map": {"AutoConfig": "a.B"}}', "code in a model's folder is not run"),
    ],
)
def test_configs(content: str, words: str, folder: Path) -> None:
    (folder / "config.json").write_text(content)
    assert words in told(folder)


def test_code_is_asked_for_where_it_is_trusted(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "absent.B"}}')
    with pytest.raises(InputError, match=r"absent\.py"):
        load_config(find_model(ModelConfig(name=str(folder), trust_remote_code=True)))


def test_a_folder_without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"the folder holds none \(tokenizer\.json"):
        load_tokenizer(find_model(ModelConfig(name=str(folder))))
    (folder / "vocab.txt").touch()
    check_tokenizer(folder, "model")


def test_more_tokens_than_embeddings() -> None:
    def tokenizer(*ids: int) -> Any:
        return SimpleNamespace(get_vocab=lambda: {str(i): i for i in ids}, pad_token_id=4)

    config = SimpleNamespace(vocab_size=3)
    check_vocabulary(tokenizer(0, 2), config, "model")
    check_vocabulary(tokenizer(0, 4), config, "model")
    check_vocabulary(tokenizer(9), SimpleNamespace(), "model")
    with pytest.raises(InputError, match="has 4 tokens, its embedding table 3 rows"):
        check_vocabulary(tokenizer(3, 1), config, "model")


def test_all_is_told_before_training(
    folder: Path, tiny_config: Callable[..., dict[str, Any]], tmp_path: Path, command: Callable[..., Any]
) -> None:
    from lmfit.config.yaml import dump

    def said() -> str:
        made = tiny_config("text-classification", model={"name": str(folder)}, output=str(tmp_path / "run"))
        (tmp_path / "config.yaml").write_text(dump(made))
        code, out, err = command("finetune", tmp_path / "config.yaml")
        assert (code, out, (tmp_path / "run").exists()) == (2, "", False)
        return str(err)

    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["zebra"] = len(tokenizer["model"]["vocab"]) + 5
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "its embedding table" in said()
    (folder / "tokenizer.json").unlink()
    assert "the folder holds none" in said()
    cut(folder)
    assert "is cut off" in said()
