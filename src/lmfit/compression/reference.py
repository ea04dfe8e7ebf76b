"""Examples as a compressed model sees them, with what its parent answers: all that parity and speed are measured on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lmfit.data.batching import draw_rows, keyed_generator
from lmfit.data.example import Example
from lmfit.data.rows import Row
from lmfit.errors import InputError
from lmfit.inference.answers import Answerer, Answers
from lmfit.inference.predictor import Predictor
from lmfit.tasks.base import Encoded, Stats

FILE = "reference.npz"
MOST = 512


@dataclass(frozen=True)
class Reference:
    """rows: of each example, as the compressed model is given them. answers: the parent's for the same examples.

    decided: what these decide; None for numbers.
    """

    rows: list[list[Row]]
    answers: list[Answers]
    decided: list[np.ndarray] | None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def flat(self) -> list[Row]:
        """All rows."""
        return [row for rows in self.rows for row in rows]

    def save(self, path: Path) -> None:
        """Write it for `read_reference`: token ids and numbers, no text."""
        rows = self.flat
        arrays: dict[str, Any] = {
            "lengths": np.array([len(row) for row in rows]),
            "counts": np.array([len(rows) for rows in self.rows]),
            **{
                f"token.{name}": np.concatenate([np.asarray(row.tokens[name]) for row in rows])
                for name in rows[0].tokens
            },
        }
        flat = [answer for answers in self.answers for answer in answers]
        width = flat[0].shape[-1]
        arrays["answers"] = np.concatenate([answer.reshape(-1, width) for answer in flat])
        arrays["items"] = np.array([0 if answer.ndim == 1 else len(answer) for answer in flat])
        if self.decided is not None:
            arrays["decided"] = np.concatenate(self.decided)
            arrays["decisions"] = np.array([len(one) for one in self.decided])
        np.savez_compressed(path, **arrays)


def choose(examples: Sequence[Example], seed: int) -> list[Example]:
    """At most 512 of the examples."""
    chosen = draw_rows(keyed_generator(seed, "certificate rows"), len(examples), MOST)
    return [examples[int(i)] for i in np.sort(chosen)]


def make_reference(parent: Predictor, child: Predictor, examples: Sequence[Example]) -> Reference:
    """What `parent` answers in full precision to the examples that both cut into as many windows."""
    ours = list(child.task.encode(examples, child.framer, Stats()))
    theirs = list(parent.task.encode(examples, parent.framer, Stats()))
    answers = Answerer(parent.backend, parent.task, parent.framer, quick=False).answers(theirs)
    alike = [i for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if len(one.rows) == len(other.rows)]
    decided = [parent.task.decisions(answers[i]) for i in alike]
    known = [one for one in decided if one is not None]
    rows = [ours[i].rows for i in alike]
    return Reference(rows, [answers[i] for i in alike], known if len(known) == len(alike) else None)


def drawn(given: Sequence[Sequence[Row]], parent: Predictor, child: Predictor, seed: int) -> Reference:
    """Rows of each example as long as the given ones, of tokens drawn at random, with what `parent` answers to them.

    They tell nothing of the texts; special tokens keep their places. The child's vocabulary is part of the parent's.
    """
    pieces, theirs = child.framer.backend.get_vocab(True), parent.framer.backend.get_vocab(True)
    special = {child.framer.pad_id, *child.framer.backend.get_added_tokens_decoder()}
    plain = np.array(sorted(i for i in pieces.values() if i not in special))
    of_parent = np.zeros(max(pieces.values()) + 1, np.int64)
    for piece, i in pieces.items():
        of_parent[i] = theirs[piece]
    generator = keyed_generator(seed, "tokens of the reference")

    def other(row: Row) -> Row:
        ids = np.asarray(row.tokens["input_ids"])
        new = np.where(np.isin(ids, list(special)), ids, generator.choice(plain, len(ids)))
        return Row({**row.tokens, "input_ids": new.astype(np.int32)}, row.values)

    def as_parent(row: Row) -> Row:
        return Row({**row.tokens, "input_ids": of_parent[row.tokens["input_ids"]]}, row.values)

    rows = [[other(row) for row in each] for each in given]
    nothing: Any = None
    asked = [Encoded(nothing, [as_parent(row) for row in each]) for each in rows]
    answers = Answerer(parent.backend, parent.task, parent.framer, quick=False).answers(asked)
    decided = [one for answer in answers if (one := parent.task.decisions(answer)) is not None]
    return Reference(rows, answers, decided if len(decided) == len(answers) else None)


def read_reference(path: Path) -> Reference:
    """What `Reference.save` wrote. Raises InputError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        ends = np.cumsum(arrays["lengths"])[:-1]
        names = [name for name in arrays if name.startswith("token.")]
        tokens = {name.removeprefix("token."): np.split(arrays[name], ends) for name in names}
        every = [Row({name: pieces[i] for name, pieces in tokens.items()}) for i in range(len(arrays["lengths"]))]
        if arrays["counts"].sum() != len(every) or any(len(t) != arrays["lengths"].sum() for t in _tokens(arrays)):
            raise ValueError("its rows are not as long as it says")
        items = arrays["items"]
        pieces = np.split(arrays["answers"], np.cumsum(np.where(items == 0, 1, items))[:-1])
        answers = [piece[0] if count == 0 else piece for piece, count in zip(pieces, items, strict=True)]
        decided = np.split(arrays["decided"], np.cumsum(arrays["decisions"])[:-1]) if "decided" in arrays else None
        return Reference(_grouped(every, arrays["counts"]), _grouped(answers, arrays["counts"]), decided)
    except (OSError, ValueError, KeyError, IndexError, BadZipFile) as error:
        what = f"the rows that the certificate rests on cannot be read: {error}"
        raise InputError(what, where=str(path), fix="copy the run again, or make it anew: lmfit compress") from None


def _tokens(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [values for name, values in arrays.items() if name.startswith("token.")]


def _grouped(values: Sequence[Any], counts: np.ndarray) -> list[list[Any]]:
    ends = np.cumsum(counts)
    return [list(values[end - count : end]) for end, count in zip(ends, counts, strict=True)]


def answer(child: Predictor, reference: Reference) -> list[Answers]:
    """What the compressed model answers now."""
    nothing: Any = None
    encoded = [Encoded(nothing, rows) for rows in reference.rows]
    return Answerer(child.backend, child.task, child.framer, quick=False).answers(encoded)
