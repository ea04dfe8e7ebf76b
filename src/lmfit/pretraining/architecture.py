"""The model that is pretrained: a new one of some architecture and size, or one to go on with."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lmfit.config.pretraining import PretrainModelConfig
from lmfit.errors import ConfigError
from lmfit.models.load import ModelSource, load_config, load_language_model
from lmfit.models.positions import positions
from lmfit.pretraining.masking import Vocabulary
from lmfit.pretraining.rows import Frame

USUAL_POSITIONS = 512
_WORD_MARKS = ("##", "Ġ", "▁")
_DECODERS = ("CausalLM", "LMHeadModel")


def auto_class(weights: Mapping[str, float]) -> str:
    """Which transformers class has the heads for these objectives."""
    if "clm" in weights:
        return "AutoModelForCausalLM"
    return "AutoModelForPreTraining" if weights.keys() & {"nsp", "sop"} else "AutoModelForMaskedLM"


def new_model(config: PretrainModelConfig, tokenizer: Any, max_length: int, weights: Mapping[str, float]) -> Any:
    """A model with random weights, drawn from torch's generator."""
    import transformers

    made = _CONFIGS[config.architecture](config, tokenizer, config.positions or max(USUAL_POSITIONS, max_length))
    return getattr(transformers, auto_class(weights)).from_config(made, dtype=torch.float32)


def continued_model(source: ModelSource, weights: Mapping[str, float]) -> tuple[Any, str]:
    """A pretrained model with the heads that the objectives need, and which of them had to be made."""
    model, new = load_language_model(source, auto_class(weights))
    pooler, pairs = ({name for name in new if part in name} for part in ("pooler", "seq_relationship"))
    told = ["new, its decoder tied to the embeddings" if new - pooler - pairs else "as it was pretrained"]
    told += ["pooler: new"] if pooler else []
    return model, "; ".join([*told, *(["head for pairs of segments: new"] if pairs else [])])


def refuse_unfit(source: ModelSource, weights: Mapping[str, float]) -> Any:
    """The model's config. Raises ConfigError where it has no head for the objectives, and cannot have one."""
    config = load_config(source)
    architecture = (config.architectures or [""])[0]
    decodes = architecture.endswith(_DECODERS) or config.model_type == "gpt2"
    if ("clm" in weights) != decodes:
        told = "a decoder, which learns by clm" if decodes else "an encoder, which learns by mlm"
        raise ConfigError(f"`{source.name}` is {told}", where="pretraining.objectives", fix="objectives or model.name")
    if weights.keys() & {"nsp", "sop"} and config.model_type != "bert":
        what = f"`{source.name}` ({config.model_type}) has no head for pairs of segments"
        raise ConfigError(what, where="pretraining.objectives", fix="pretraining.objectives=[mlm]")
    return config


def check_tokenizer(tokenizer: Any, model_config: Any, weights: Mapping[str, float], where: str) -> None:
    """Raises ConfigError where tokenizer and model, or tokenizer and objective, do not fit."""
    if model_config is not None and len(tokenizer) > model_config.vocab_size:
        what = f"the tokenizer has {len(tokenizer):,} pieces and the model a table of {model_config.vocab_size:,}"
        raise ConfigError(what, where=where, fix="leave pretraining.tokenizer.name out: the model brings its own")
    missing = [name for name in _NEEDED["clm" if "clm" in weights else "mlm"] if getattr(tokenizer, name) is None]
    if missing:
        what = f"the tokenizer has no {', '.join(missing)}"
        raise ConfigError(what, where=where, fix="take another one, or have one trained (leave the name out)")


_NEEDED = {"mlm": ("mask_token", "cls_token", "sep_token", "pad_token"), "clm": ("eos_token",)}


def check_positions(config: Any, max_length: int, name: str) -> None:
    """Raises ConfigError where sequences are longer than the model's positions."""
    most = positions(config)
    if most is not None and max_length > most:
        what = f"max_length {max_length} is more than the {most} positions of `{name}`"
        raise ConfigError(what, where="pretraining.max_length", fix=f"pretraining.max_length={most}")


def frame_of(tokenizer: Any, weights: Mapping[str, float]) -> Frame:
    """What stands around a row."""
    return Frame(None, None) if "clm" in weights else Frame(tokenizer.cls_token_id, tokenizer.sep_token_id)


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    """What masking knows of a tokenizer: WordPiece marks what goes on with a word, others mark what begins one."""
    size = len(tokenizer)
    pieces = tokenizer.convert_ids_to_tokens(list(range(size)))
    special = np.zeros(size, bool)
    special[tokenizer.all_special_ids] = True
    mark = next((mark for mark in _WORD_MARKS if sum(piece.startswith(mark) for piece in pieces) > 1), "")
    begins = np.array([piece.startswith(mark) for piece in pieces])
    continues = begins if mark == "##" else ~begins
    return Vocabulary(size, tokenizer.mask_token_id, special, continues & ~special)


@contextmanager
def dropout_at(model: Any, rate: float) -> Iterator[None]:
    """Inside the block every dropout of the model has this rate."""
    modules = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    before = [module.p for module in modules]
    for module in modules:
        module.p = rate
    try:
        yield
    finally:
        for module, p in zip(modules, before, strict=True):
            module.p = p


def _bert(config: PretrainModelConfig, tokenizer: Any, most: int) -> Any:
    from transformers import BertConfig

    return BertConfig(**_shape(config), max_position_embeddings=most, **_ids(tokenizer))


def _roberta(config: PretrainModelConfig, tokenizer: Any, most: int) -> Any:
    from transformers import RobertaConfig

    ids = _ids(tokenizer)
    ends = {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    more = most + ids["pad_token_id"] + 1
    return RobertaConfig(**_shape(config), max_position_embeddings=more, type_vocab_size=1, **ids, **ends)


def _electra(config: PretrainModelConfig, tokenizer: Any, most: int) -> Any:
    from transformers import ElectraConfig

    table = config.embedding_width or config.width
    return ElectraConfig(**_shape(config), embedding_size=table, max_position_embeddings=most, **_ids(tokenizer))


def _modernbert(config: PretrainModelConfig, tokenizer: Any, most: int) -> Any:
    from transformers import ModernBertConfig

    ends = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    same = {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    return ModernBertConfig(**_shape(config), max_position_embeddings=most, **_ids(tokenizer), **ends, **same)


def _gpt2(config: PretrainModelConfig, tokenizer: Any, most: int) -> Any:
    from transformers import GPT2Config

    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    shape = _shape(config)
    return GPT2Config(
        n_embd=shape["hidden_size"],
        n_layer=shape["num_hidden_layers"],
        n_head=shape["num_attention_heads"],
        n_inner=shape["intermediate_size"],
        n_positions=most,
        **_ids(tokenizer),
        **ends,
    )


_CONFIGS: Mapping[str, Callable[[PretrainModelConfig, Any, int], Any]] = {
    "bert": _bert,
    "electra": _electra,
    "gpt2": _gpt2,
    "modernbert": _modernbert,
    "roberta": _roberta,
}


def _shape(config: PretrainModelConfig) -> dict[str, int]:
    return {
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.head_count,
        "intermediate_size": config.feed_forward or 4 * config.width,
    }


def _ids(tokenizer: Any) -> dict[str, int]:
    return {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
