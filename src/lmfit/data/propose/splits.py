"""Which files of a folder, or which lists of a JSON file, are for training, validation and test: by their names."""

import re
from collections.abc import Iterable
from pathlib import Path

from lmfit.data.files import split_suffix
from lmfit.data.format_choice import refuse_unreadable
from lmfit.errors import DataError

_SPLITS = {
    "train": re.compile(r"train(ing)?|训练集?"),
    "validation": re.compile(r"valid(ation)?|val|dev(elopment)?|testa|验证集?"),
    "test": re.compile(r"test|testb|测试集?"),
}
_PARTS = re.compile(r"[^\W\d_]+")
_NO_DATA = ("readme", "license", "licence", "copying", "labels", "label", "classes", "class", "vocab")
_NO_DATA_SUFFIXES = (".md", ".yaml", ".yml", ".py", ".html", ".pdf", ".log")


def split_of(name: str) -> str | None:
    """train, validation or test where a word of the name says so: `eng.testa`, `msr_paraphrase_train.txt`."""
    for word in map(str.lower, _PARTS.findall(name.replace("_", " "))):
        for split, pattern in _SPLITS.items():
            if pattern.fullmatch(word):
                return split
    return None


def files_of_folder(folder: Path) -> dict[str, str]:
    """split -> file or folder. A folder with one data file has that for training; one of folders, or of texts with
    their annotations beside them, is itself the training data.

    Raises DataError where the names do not tell, or tell two files of one split.
    """
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() or _may_hold_data(path)]
    found: dict[str, list[Path]] = {}
    for path in inside:
        split = split_of(path.name)
        if split is not None and not path.name.startswith("."):
            found.setdefault(split, []).append(path)
    files = [path for path in inside if path.is_file()]
    if not found and len(files) == 1:
        return {"train": str(files[0])}
    if "train" not in found and (inside != files or any(path.suffix == ".ann" for path in files)):
        return {"train": str(folder)}
    listing = ", ".join(path.name for path in files[:10]) or "no data file"
    fix = f"name the file: lmfit init {folder / 'FILE'} --validation FILE --test FILE (there: {listing})"
    if "train" not in found:
        refuse_unreadable(str(folder))
        raise DataError(f"no file of `{folder}` is named as training data", where=str(folder), fix=fix)
    if twice := next((split for split, paths in found.items() if len(paths) > 1), None):
        names = ", ".join(path.name for path in found[twice])
        raise DataError(f"several files could be the {twice} split: {names}", where=str(folder), fix=fix)
    return {split: str(found[split][0]) for split in _SPLITS if split in found}


def parts_by_split(file: str, parts: Iterable[str]) -> dict[str, str]:
    """split -> `FILE#part+part` for the lists of a JSON file. Raises DataError where no name says train."""
    found: dict[str, list[str]] = {}
    for part in sorted(parts, key=len):
        split = split_of(part)
        if split is not None:
            found.setdefault(split, []).append(part)
    if "train" not in found:
        what = f"the lists of `{file}` are not named as training data: {', '.join(parts)}"
        raise DataError(what, where=file, fix=f"name one: lmfit init '{file}#PART'")
    return {split: f"{file}#{'+'.join(found[split])}" for split in _SPLITS if split in found}


def siblings(path: Path) -> dict[str, str]:
    """The other splits that lie beside a training file, by the same name and suffix but for the split's word."""
    if split_of(path.name) != "train":
        return {}
    found: dict[str, str] = {}
    for other in sorted(path.parent.iterdir()):
        split = split_of(other.name)
        if split not in (None, "train") and other.is_file() and split_suffix(str(other)) == split_suffix(str(path)):
            found.setdefault(str(split), str(other))
    return found


def _may_hold_data(path: Path) -> bool:
    hidden = path.name.startswith(".")
    stem = path.name.partition(".")[0].lower()
    return not hidden and path.suffix.lower() not in _NO_DATA_SUFFIXES and stem not in _NO_DATA
