"""What a tokenizer's pieces are made of, for each kind of vocabulary; all of it reads tokenizer.json, no more."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lmfit.errors import InputError

_CONTROL = re.compile(r"[\[<].*[\]>]")
BLANK = "▁"

State = Mapping[str, Any]
"""The `model` part of a tokenizer.json."""


class Pieces:
    """A WordPiece vocabulary: longest match first, so pieces that stand in no text can go without any effect on it.

    ids: piece to id. `units` says of what a piece is made when nothing longer is left: its single characters.
    """

    def __init__(self, state: State) -> None:
        self.state, self.ids = state, _ids(state)

    def units(self, piece: str) -> list[str]:
        """The smallest pieces that spell `piece`; itself, where it is one."""
        prefix = self.state.get("continuing_subword_prefix") or ""
        inside = piece.startswith(prefix) and len(piece) > len(prefix)
        characters = piece.removeprefix(prefix) if inside else piece
        return [prefix + c if prefix and (inside or i) else c for i, c in enumerate(characters)]

    def indispensable(self) -> set[int]:
        """Ids of single characters, of bytes, and of pieces that no single characters could spell."""
        return {i for piece, i in self.ids.items() if self._stays(piece)}

    def _stays(self, piece: str) -> bool:
        units = self.units(piece)
        return units == [piece] or not all(unit in self.ids for unit in units)

    def frequent(self) -> list[int]:
        """Ids of longer pieces, the most frequent first: by rank, as trainers order them."""
        return sorted(
            i for piece, i in self.ids.items() if len(self.units(piece)) > 1 and not _CONTROL.fullmatch(piece)
        )

    def closure(self, ids: Iterable[int]) -> set[int]:
        """`ids` and what they need to come about."""
        return set(ids)

    def renumbered(self, new: Mapping[int, int]) -> dict[str, Any]:
        """The state with these old ids alone, under their new numbers."""
        vocabulary = {piece: new[i] for piece, i in self.ids.items() if i in new}
        return {**self.state, "vocab": dict(sorted(vocabulary.items(), key=lambda item: item[1]))}


class BytePairs(Pieces):
    """A BPE vocabulary: a piece comes about by merges, so what they merge must stay, too."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in state["merges"]]
        self.prefix = state.get("continuing_subword_prefix") or ""

    def units(self, piece: str) -> list[str]:
        """Its characters; the last one with the mark for a word's end, where the vocabulary has one."""
        end = self.state.get("end_of_word_suffix") or ""
        if end and piece.endswith(end) and len(piece) > len(end):
            *before, last = super().units(piece.removesuffix(end))
            return [*before, last + end]
        return super().units(piece)

    def _result(self, merge: Sequence[str]) -> str:
        return merge[0] + merge[1].removeprefix(self.prefix)

    def closure(self, ids: Iterable[int]) -> set[int]:
        """With both parts of each merge that leads to one of them: then their texts are merged as before."""
        parts: dict[int, set[int]] = {}
        for merge in self.merges:
            if all(part in self.ids for part in (*merge, self._result(merge))):
                parts.setdefault(self.ids[self._result(merge)], set()).update(self.ids[part] for part in merge)
        found: set[int] = set()
        waiting = list(ids)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(parts.get(one, ()))
        return found

    def renumbered(self, new: Mapping[int, int]) -> dict[str, Any]:
        """Merges of pieces that are gone are gone, too; the others keep their order."""
        left = {piece for piece, i in self.ids.items() if i in new}
        merges = [list(m) for m in self.merges if left.issuperset((*m, self._result(m)))]
        return {**super().renumbered(new), "merges": merges}


class Unigrams(Pieces):
    """A Unigram vocabulary (Kudo 2018): the most probable pieces win, so the less probable can go without effect."""

    def units(self, piece: str) -> list[str]:
        """Its characters; where a blank alone is no piece, it stays with the character behind it."""
        if BLANK not in self.ids and piece.startswith(BLANK) and len(piece) > 1:
            return [piece[:2], *piece[2:]]
        return list(piece)

    def frequent(self) -> list[int]:
        """By probability."""
        scores = [score for _, score in self.state["vocab"]]
        return sorted(super().frequent(), key=lambda i: -scores[i])

    def renumbered(self, new: Mapping[int, int]) -> dict[str, Any]:
        """The pieces with their scores, in the new order; the id of the unknown piece follows."""
        unknown = self.state.get("unk_id")
        left = [entry for i, entry in enumerate(self.state["vocab"]) if i in new]
        return {**self.state, "vocab": left, "unk_id": None if unknown is None else new[unknown]}


KINDS: Mapping[str, type[Pieces]] = {"WordPiece": Pieces, "BPE": BytePairs, "Unigram": Unigrams}


def pieces_of(state: State) -> Pieces:
    """The vocabulary of a tokenizer.json's `model` part. Raises InputError for kinds that cannot be trimmed."""
    if state["type"] not in KINDS:
        what = f"a vocabulary of the kind {state['type']} cannot be trimmed"
        raise InputError(what, fix=f"kinds that can: {', '.join(KINDS)}")
    return KINDS[state["type"]](state)


def _ids(state: State) -> dict[str, int]:
    if isinstance(state["vocab"], list):
        return {piece: i for i, (piece, _) in enumerate(state["vocab"])}
    return dict(state["vocab"])
