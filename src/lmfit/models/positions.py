"""How long an input a model can read."""

from typing import Any


def positions(config: Any) -> int | None:
    """Longest input that the position embeddings allow, special tokens included; None where there is no limit."""
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None or limit <= 0:
        return None
    offset = (
        config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS and config.pad_token_id is not None else 0
    )
    return int(limit) - offset


_OFFSET_POSITIONS = {
    "roberta",
    "xlm-roberta",
    "camembert",
    "xlm-roberta-xl",
    "roberta-prelayernorm",
    "mpnet",
    "longformer",
    "data2vec-text",
    "xmod",
    "luke",
    "ibert",
    "esm",
}
