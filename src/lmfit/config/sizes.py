"""Sizes of memory and files as people write them."""

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def size_bytes(size: str) -> int:
    """Bytes of a size such as 500 MB, 6GB or 4GiB (1024^3 each). Raises ValueError for anything else."""
    match = _SIZE.fullmatch(size.strip())
    if not match:
        raise ValueError(f"`{size}` is no size; write 500 MB or 6GB")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()])


def shown_size(size: float) -> str:
    """A number of bytes in words: `42.5 MB`, `1.2 GB`."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
