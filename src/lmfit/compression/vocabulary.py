"""Vocabulary trimming: the tokens that a task's text needs, a reserve of frequent ones, and all single characters.

Text that consists of kept tokens is tokenised as before (longest match, merges and the most probable path choose among
more candidates, but the same ones win). Other text falls into shorter pieces, down to single characters.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmfit.compression.pieces import Pieces, pieces_of
from lmfit.data.example import Example
from lmfit.data.framing import Framer
from lmfit.errors import InputError, LmfitError
from lmfit.inference.predictor import encode_all
from lmfit.models.load import ModelSource, load_tokenizer
from lmfit.models.positions import positions
from lmfit.tasks.base import Stats, Task

SPECIAL_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "mask_token_id")


@dataclass(frozen=True)
class Trimming:
    """kept: (N,) the old id of each new id, ascending; before: how many ids there were."""

    kept: np.ndarray
    before: int

    @property
    def new(self) -> dict[int, int]:
        """Old id to new id."""
        return {int(old): i for i, old in enumerate(self.kept)}


@dataclass(frozen=True)
class Changed:
    """What trimming does to a split: texts and tokens that are cut otherwise than before, unknown words before, after.

    tokens: share of the old tokens that are gone; longer: tokens after / tokens before.
    """

    texts: float
    tokens: float
    longer: float
    unknown_before: int
    unknown_after: int


def choose(tokenizer: Any, config: Any, used: np.ndarray, reserve: int) -> Trimming:
    """Which ids stay: `used` ones, the `reserve` most frequent, single characters, special tokens, what these need.

    config: of the model. Where positions are counted from the padding id (RoBERTa), that id does not move.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = pieces_of(state["model"])
    special = {*(token["id"] for token in state["added_tokens"]), *tokenizer.all_special_ids, *_unknown(pieces)}
    wanted = {*map(int, used), *pieces.frequent()[:reserve], *pieces.indispensable(), *special}
    if positions(config) != getattr(config, "max_position_embeddings", None):
        wanted |= set(range(config.pad_token_id + 1))
    known = {*pieces.ids.values(), *special}
    kept = np.array(sorted(pieces.closure(wanted & known)), np.int64)
    return Trimming(kept, int(config.vocab_size))


def _unknown(pieces: Pieces) -> set[int]:
    """The id of the unknown piece."""
    if "unk_id" in pieces.state:
        return {pieces.state["unk_id"]} - {None}
    return {pieces.ids[pieces.state["unk_token"]]} if pieces.state.get("unk_token") in pieces.ids else set()


def trim_tokenizer(tokenizer: Any, trimming: Trimming) -> Any:
    """The tokenizer with the kept pieces under their new ids, as it reads itself back from its files."""
    backend = tokenizer.backend_tokenizer
    ids, new = backend.get_vocab(True), trimming.new
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        _rewrite(Path(folder), json.loads(backend.to_str()), new)
        trimmed = load_tokenizer(ModelSource(folder, "folder", folder))
    trimmed.name_or_path = tokenizer.name_or_path
    if trimmed.backend_tokenizer.get_vocab(True) != {piece: new[i] for piece, i in ids.items() if i in new}:
        raise LmfitError("the trimmed tokenizer does not read back as it was written", where=str(type(tokenizer)))
    return trimmed


def _rewrite(folder: Path, state: dict[str, Any], new: Mapping[int, int]) -> None:
    """tokenizer.json and tokenizer_config.json under new ids; files of the old vocabulary go."""
    state["model"] = pieces_of(state["model"]).renumbered(new)
    for token in state["added_tokens"]:
        token["id"] = new[token["id"]]
    if state.get("padding"):
        state["padding"]["pad_id"] = new[state["padding"]["pad_id"]]
    state["post_processor"] = _remap(state["post_processor"], new)
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    if "added_tokens_decoder" in config:
        config["added_tokens_decoder"] = {str(new[int(i)]): t for i, t in config["added_tokens_decoder"].items()}
    for path in folder.iterdir():
        path.unlink()
    for name, content in (("tokenizer.json", state), ("tokenizer_config.json", config)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def _remap(processor: Any, new: Mapping[int, int]) -> Any:
    """A post-processor with its ids exchanged: templates list them, BERT's and RoBERTa's hold [token, id] pairs."""
    if not isinstance(processor, dict):
        return processor
    made = {name: _remap(value, new) for name, value in processor.items()}
    if "processors" in made:
        made["processors"] = [_remap(one, new) for one in processor["processors"]]
    if isinstance(made.get("special_tokens"), dict):
        made["special_tokens"] = {
            name: {**token, "ids": [new[i] for i in token["ids"]]} for name, token in made["special_tokens"].items()
        }
    for name in ("sep", "cls"):
        if isinstance(made.get(name), list):
            made[name] = [made[name][0], new[made[name][1]]]
    return made


@torch.no_grad()
def trim_embeddings(model: Any, trimming: Trimming) -> None:
    """The rows of the kept ids alone, in the new order; the ids in the model's config follow.

    Raises InputError where something else shares the table (the head of a language model).
    """
    if model.get_output_embeddings() is not None:
        raise InputError("the vocabulary of a language model cannot be trimmed: its head answers with it")
    table, new = model.get_input_embeddings(), trimming.new
    padding = None if table.padding_idx is None else new[table.padding_idx]
    rows = table.weight[torch.from_numpy(trimming.kept).to(table.weight.device)].clone()
    make: Any = torch.nn.Embedding.from_pretrained
    trimmed = make(rows, freeze=not table.weight.requires_grad, padding_idx=padding)
    model.set_input_embeddings(trimmed)
    model.config.vocab_size = len(rows)
    for name in SPECIAL_IDS:
        old = getattr(model.config, name, None)
        if isinstance(old, int):
            setattr(model.config, name, new.get(old))


def changed(task: Task, examples: Iterable[Example], before: Framer, after: Framer, trimming: Trimming) -> Changed:
    """How otherwise a split is tokenised; `examples` are read twice."""
    known = np.zeros(trimming.before, bool)
    known[trimming.kept] = True
    old, new = Stats(), Stats()
    texts = other = tokens = gone = 0
    pairs = zip(encode_all(task, examples, before, old), encode_all(task, examples, after, new), strict=True)
    for first, second in pairs:
        ids = [row.tokens["input_ids"] for row in first.rows]
        now = [trimming.kept[row.tokens["input_ids"]] for row in second.rows]
        same = len(ids) == len(now) and all(np.array_equal(a, b) for a, b in zip(ids, now, strict=True))
        texts, other = texts + 1, other + (not same)
        tokens += sum(map(len, ids))
        gone += sum(int((~known[row]).sum()) for row in ids)
    longer = new.counts["tokens"] / max(old.counts["tokens"], 1)
    unknown = old.counts["unknown"], new.counts["unknown"]
    return Changed(other / max(texts, 1), gone / max(tokens, 1), longer, *unknown)
