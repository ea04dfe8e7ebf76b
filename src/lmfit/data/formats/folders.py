"""A folder per label, one text per .txt file."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lmfit.data.encoding import inspect
from lmfit.data.example import Example, Origin
from lmfit.data.formats.base import Reader, ReadOptions
from lmfit.data.notices import Notices
from lmfit.data.records import clean_label, doubt_blank
from lmfit.data.stored import StoredFile, files_below
from lmfit.errors import ConfigError, DataError


class FoldersReader(Reader[StoredFile]):
    """Reads DATA/LABEL/.../NAME.txt: the label is the name of the folder below the one that was given.

    Blank lines and blanks at the end of a text are taken off. Unlabelled input may lie in the folder itself.
    """

    takes = "folder"

    def __init__(self, options: ReadOptions) -> None:
        if options.kind != "text":
            raise ConfigError("folders hold texts with a label, not tagged words", where="data.format")
        if options.columns:
            fix = "take data.columns out: the folder's name is the label, the file is the text"
            raise ConfigError("folders have no columns", where="data.columns", fix=fix)
        self._options = options

    def read(self, file: StoredFile, notices: Notices) -> Iterator[Example]:
        """Yield one example per file, label by label; files that are no .txt are counted and left out."""
        root = Path(file.path)
        if not root.is_dir():
            fix = "name the folder that holds a folder per label, or correct data.format"
            raise DataError(f"`{file.path}` is no folder", fix=fix)
        parts: Counter[str] = Counter()
        files = list(files_below(file.path))
        for path in files:
            inside = path.relative_to(root)
            if path.suffix.lower() != ".txt":
                parts["files that do not end in .txt"] += 1
                notices.count("files left out, for they do not end in .txt", path)
            elif len(inside.parts) == 1 and self._options.labelled:
                parts["texts in no label's folder"] += 1
                notices.count("texts left out, for they lie in no label's folder", path)
            else:
                parts["rows"] += 1
                with notices.mistakes:
                    yield self._example(path, inside, file.encoding, notices)
        notices.account(file.path, len(files), parts["rows"], parts, unit="files")

    def _example(self, path: Path, inside: Path, encoding: str, notices: Notices) -> Example:
        origin = Origin(str(path), 1)
        text = "".join(inspect(str(path), encoding=encoding, notices=notices).lines()).rstrip()
        if not text:
            doubt_blank(origin, notices)
        label = clean_label(inside.parts[0], origin, notices) if len(inside.parts) > 1 else None
        columns = {"file": str(inside), "text": text} if self._options.keep_columns else {}
        return Example(origin, text, label=label, id=str(inside), columns=columns)
