"""A padding token for models that have none (most decoders): made of a token that they have."""

from typing import Any


def with_padding(tokenizer: Any) -> Any:
    """The tokenizer, with a padding token: its own, else that which ends, begins or is unknown, else a new one."""
    if tokenizer.pad_token is None:
        made = tokenizer.eos_token or tokenizer.bos_token or tokenizer.unk_token
        if made is not None:
            tokenizer.pad_token = made
        else:
            tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    return tokenizer


def fit_padding(model: Any, pad_id: int) -> None:
    """Tell a decoder which token is padding; its embeddings grow where that is a new one.

    A decoder's text classifier reads its answer off the last token that is no padding, so the two must agree. Answers
    are no generated text, so nothing is cached. Encoders that know their padding stay as they are.
    """
    config = model.config
    if config.pad_token_id is not None and not hasattr(model, "score"):
        return
    config.pad_token_id = pad_id
    if getattr(config, "use_cache", False):
        config.use_cache = False
    if pad_id >= model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(pad_id + 1)
