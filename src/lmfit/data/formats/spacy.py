"""spaCy's binary corpora (.spacy), read through spaCy, which is imported here only."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lmfit.data.example import Example, Label, Origin
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.stored import StoredFile
from lmfit.errors import ConfigError, DataError, InputError


class SpacyReader(Reader[StoredFile]):
    """Reads one example per document: its tokens and entities, or its text with the categories above 0.5."""

    takes = "binary"

    def __init__(self, options: ReadOptions) -> None:
        if options.columns:
            raise ConfigError(".spacy files have no columns", where="data.columns", fix="take data.columns out")
        self._options = options

    def read(self, file: StoredFile, notices: Notices) -> Iterator[Example]:
        """Yield the documents; the line of an origin is a document's number. Raises InputError without spaCy."""
        make = {"words": self._with_words, "text": self._with_label}[self._options.kind]
        parts: Counter[str] = Counter()
        for number, document in enumerate(_documents(file.path), start=1):
            if not document.text.strip():
                parts["documents without a text"] += 1
                notices.count("documents without a text, left out", f"{file.path}:{number}")
                continue
            parts["rows"] += 1
            with notices.mistakes:
                yield make(document, Origin(file.path, number))
        notices.account(file.path, parts.total(), parts["rows"], parts, unit="documents")

    def _with_words(self, document: Any, origin: Origin) -> Example:
        """Tokens that are blanks are no words."""
        tokens = [token for token in document if not token.is_space]
        words = [(token.idx, token.idx + len(token)) for token in tokens]
        if not self._options.labelled:
            return Example(origin, document.text, words=words)
        if not document.has_annotation("ENT_IOB"):
            fix = "annotate entities, or take the document out"
            raise DataError("a document without entity annotation", where=str(origin), fix=fix)
        tags = [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in tokens]
        return Example(origin, document.text, words=words, tags=tags)

    def _with_label(self, document: Any, origin: Origin) -> Example:
        label: Label = tuple(sorted(name for name, score in document.cats.items() if score > 0.5))
        if not document.cats and self._options.labelled:
            raise DataError("a document without categories", where=str(origin), fix="give doc.cats, or take it out")
        return Example(origin, document.text, label=label if document.cats else None)


def _documents(path: str) -> Iterator[Any]:
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError as error:
        raise InputError("reading .spacy files needs spaCy, which is not installed", fix="pip install spacy") from error
    try:
        corpus = DocBin().from_disk(path)
    except Exception as error:
        raise DataError(f"`{path}` is no corpus of spaCy: {error}", fix="write it by DocBin.to_disk") from error
    yield from corpus.get_docs(spacy.blank("xx").vocab)
