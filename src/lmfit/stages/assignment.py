"""splits.json: which rows went to which split, and by what rule."""

from typing import Any

from lmfit.config.data import FoldsConfig, SplitConfig
from lmfit.data.sources import Source
from lmfit.data.splits import place_by_text
from lmfit.stages.prepare import Prepared

MOST_LISTED = 100_000


def assignment(prepared: Prepared) -> dict[str, Any]:
    """By split: rows, files, the rule that cut it off the training data (null: files of its own), and its rows.

    Rows are listed by place (file:line) with the hash of their text, up to 100,000 in a split; beyond that `examples`
    is null and the rule says which they are.
    """
    data = prepared.config.data
    told: dict[str, Any] = {"split_seed": data.split_seed}
    for name, split in prepared.ledger.splits.items():
        rule = getattr(data, name)
        told[name] = {
            "rows": split.rows,
            "files": split.files,
            "rule": rule.model_dump(exclude_none=True) if isinstance(rule, SplitConfig | FoldsConfig) else None,
            "examples": _examples(getattr(prepared.splits, name), data.split_seed, split.rows),
        }
    return told


def _examples(source: Source, seed: int, rows: int) -> dict[str, str] | None:
    if rows > MOST_LISTED:
        return None
    place = place_by_text(seed)
    return {str(example.origin): f"{place(example):016x}" for example in source}
