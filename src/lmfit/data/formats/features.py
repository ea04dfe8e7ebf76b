"""What the values of a Hugging Face data set stand for: class numbers are names."""

from collections.abc import Callable, Sequence
from typing import Any

Decoder = Callable[[Any], Any]


def decoder(feature: Any) -> Decoder:
    """What turns a stored value into one to read: class numbers into names, also inside lists."""
    names: Sequence[str] | None = getattr(feature, "names", None)
    inner = getattr(feature, "feature", None)
    if names is not None:
        return lambda value: names[value] if isinstance(value, int) and value >= 0 else None
    if inner is not None and not isinstance(inner, dict):
        decode = decoder(inner)
        return lambda values: None if values is None else [decode(value) for value in values]
    return lambda value: value
