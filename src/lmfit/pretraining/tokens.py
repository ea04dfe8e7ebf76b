"""The corpus as token ids on disk, cut into sequences that never cross a document: memory-mapped, resumed by pieces."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from lmfit import console
from lmfit.data.cache import Entry, cache_folder
from lmfit.data.source import fingerprint_of
from lmfit.pretraining.corpus import Corpus
from lmfit.pretraining.sentences import split_sentences
from lmfit.pretraining.store import mapped

FEWEST_TOKENS = 4
_DOCUMENTS_A_PIECE = 4000
_VERSION = 1


@dataclass(frozen=True)
class Sequences:
    """S sequences of T tokens of D documents.

    ids: (T,) token ids without special tokens; begins: (T,) 1 where a sentence begins, or (0,) where that is not
    needed; starts: (S,) first token; lengths: (S,); document, source: (S,) where it comes from.
    name: the cache's, which follows from what they are made of.
    """

    ids: np.ndarray
    begins: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    document: np.ndarray
    source: np.ndarray
    facts: dict[str, Any]
    name: str

    def __len__(self) -> int:
        return len(self.starts)

    def tokens(self, number: int) -> np.ndarray:
        """The ids of a sequence."""
        begin = int(self.starts[number])
        return self.ids[begin : begin + int(self.lengths[number])]

    def sentence_starts(self, number: int) -> np.ndarray:
        """Where sentences begin inside a sequence, its own first token left out."""
        begin = int(self.starts[number])
        return np.flatnonzero(self.begins[begin + 1 : begin + int(self.lengths[number])]) + 1


@dataclass(frozen=True)
class Cut:
    """How documents become sequences: body: most tokens of one; ends: the id around each document (causal models)."""

    body: int
    ends: int | None
    sentences: bool


def tokenised(corpus: Corpus, split: str, tokenizer: Any, cut: Cut) -> Sequences:
    """The sequences of a split, from the cache or tokenised now.

    Pieces of 4,000 documents appear whole one after the other, so that a killed process goes on where it was.
    """
    backend = tokenizer.backend_tokenizer
    used = sha256(backend.to_str().encode()).hexdigest()
    key = fingerprint_of(["tokens", _VERSION, corpus.fingerprint, split, used, [cut.body, cut.ends, cut.sentences]])[
        :32
    ]
    entry = Entry(key, lambda folder: (folder / "meta.json").is_file())
    found = entry.read(read_sequences)
    if found is not None:
        return found
    work = cache_folder() / "unfinished" / key
    pieces = list(_pieces(corpus, split, tokenizer, cut, work))
    made = entry.write(lambda folder: _join(folder, pieces, cut, len(tokenizer)), read_sequences)
    shutil.rmtree(work, ignore_errors=True)
    return made


def _pieces(corpus: Corpus, split: str, tokenizer: Any, cut: Cut, work: Path) -> Iterator[Path]:
    """The files of the pieces; those that are there are not made again."""
    work.mkdir(parents=True, exist_ok=True)
    count = corpus.count(split)
    numbers = range(-(-count // _DOCUMENTS_A_PIECE))
    for number in console.progress(numbers, total=len(numbers), what=f"tokenising {split}"):
        path = work / f"{number:06d}.npz"
        if not path.is_file():
            begin = number * _DOCUMENTS_A_PIECE
            arrays = _tokenise(corpus, split, begin, begin + _DOCUMENTS_A_PIECE, tokenizer, cut)
            temporary = path.with_suffix(".writing.npz")
            np.savez(temporary, allow_pickle=False, **arrays)
            temporary.replace(path)
        yield path


def _tokenise(corpus: Corpus, split: str, begin: int, end: int, tokenizer: Any, cut: Cut) -> dict[str, np.ndarray]:
    ids: list[np.ndarray] = []
    begins: list[np.ndarray] = []
    lengths: list[int] = []
    sources: list[int] = []
    for source, texts in corpus.texts(split, begin, end):
        parts = [split_sentences(text) if cut.sentences else [text] for text in texts]
        flat = [part for document in parts for part in document]
        encoded = iter(tokenizer.backend_tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for document in parts:
            pieces = [piece for _ in document if (piece := next(encoded).ids)]
            if cut.ends is not None:
                pieces = [[cut.ends], *pieces, [cut.ends]]
            whole = np.fromiter((i for piece in pieces for i in piece), np.uint32)
            first = np.zeros(len(whole), np.uint8)
            first[np.cumsum([0, *map(len, pieces)])[:-1]] = 1 if len(whole) else 0
            ids.append(whole)
            begins.append(first)
            lengths.append(len(whole))
            sources.append(source)
    empty = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint8)]
    return {
        "ids": np.concatenate(ids or empty[0]),
        "begins": np.concatenate(begins or empty[1]),
        "lengths": np.array(lengths, np.int64),
        "sources": np.array(sources, np.int64),
    }


def _join(folder: Path, pieces: list[Path], cut: Cut, vocabulary: int) -> None:
    """The flat arrays of all pieces, and the sequences that the documents are cut into."""
    kind = np.uint16 if vocabulary <= 1 << 16 else np.uint32
    names = ("ids", "begins", "starts", "lengths", "document", "source")
    files = {name: open(folder / f"{name}.bin", "wb") for name in names}  # noqa: SIM115
    token = document = longest = left_out = 0
    try:
        for path in pieces:
            with np.load(path) as piece:
                lengths, sources = piece["lengths"], piece["sources"]
                files["ids"].write(piece["ids"].astype(kind).tobytes())
                if cut.sentences:
                    files["begins"].write(piece["begins"].tobytes())
            starts, sizes, owners = cut_documents(lengths, cut.body)
            files["starts"].write((starts + token).tobytes())
            files["lengths"].write(sizes.astype(np.int32).tobytes())
            files["document"].write((owners + document).tobytes())
            files["source"].write(sources[owners].astype(np.int16).tobytes())
            token += int(lengths.sum())
            document += len(lengths)
            longest = max(longest, int(lengths.max(initial=0)))
            left_out += int(lengths.sum() - sizes.sum())
    finally:
        for file in files.values():
            file.close()
    facts = {
        "tokens": token,
        "documents": document,
        "longest": longest,
        "left_out": left_out,
        "wide": kind is np.uint32,
    }
    (folder / "meta.json").write_text(json.dumps(facts))


def cut_documents(lengths: np.ndarray, body: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Documents (D,) to sequences of at most `body` tokens: their first token, their length, their document.

    A document is cut into as few sequences as it takes, of equal length up to one token; those below 4 tokens are left
    out.
    """
    counts = -(-lengths // body)
    owners = np.repeat(np.arange(len(lengths)), counts)
    place = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    total, parts = lengths[owners], counts[owners]
    begin, end = place * total // parts, (place + 1) * total // parts
    starts = (np.cumsum(lengths) - lengths)[owners] + begin
    kept = end - begin >= FEWEST_TOKENS
    return starts[kept], (end - begin)[kept], owners[kept]


def read_sequences(folder: Path) -> Sequences:
    """Memory-map what `tokenised` wrote."""
    facts = json.loads((folder / "meta.json").read_text())
    types = {"begins": np.uint8, "starts": np.int64, "lengths": np.int32, "document": np.int64, "source": np.int16}
    arrays = {name: mapped(folder / f"{name}.bin", dtype) for name, dtype in types.items()}
    ids = mapped(folder / "ids.bin", np.uint32 if facts["wide"] else np.uint16)
    return Sequences(ids, **arrays, facts=facts, name=folder.name)
