"""lmfit publish: the model folder of a run, with its card, to a repository of the Hub. Nothing else of the run."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.sizes import shown_size
from lmfit.errors import InputError
from lmfit.evaluation.card import CARD, has_card, published, write_card
from lmfit.hub import explain_refused_writing, need_hub
from lmfit.runs import Run

_OF_A_MODEL = (
    *("README.md", "LICENSE*", "NOTICE*", "config.json", "generation_config.json", "*.py"),
    *("*.safetensors", "*.safetensors.index.json", "*.onnx", "*.onnx_data"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"),
    *("vocab.txt", "vocab.json", "merges.txt", "*.model", "*.spm", "tekken.json"),
)


@dataclass(frozen=True)
class Wish:
    """Where to publish, and how. revision: a branch, made where there is none; None: main. message: of the commit."""

    repository: str
    private: bool = False
    revision: str | None = None
    message: str | None = None


def run(chosen: Run, wish: Wish) -> dict[str, Any]:
    """Publish the model of a finished run (or a model folder with a card). What was uploaded, and where it is now.

    Raises InputError: a bad repository name, a run that is not finished, no card, a Hub out of reach, a refusal.
    """
    check_name(wish.repository)
    folder = model_folder(chosen)
    files, others = _sorted(folder)
    need_hub("publishing")
    size = sum(path.stat().st_size for path in files)
    console.say(f"publishing {folder} to {wish.repository} ({shown_size(size)}, {len(files)} files)")
    for path in files:
        console.say(f"  {path.relative_to(folder)}  {shown_size(path.stat().st_size)}")
    if others:
        console.say(f"  not part of a model, so left out: {', '.join(others)}")
    with explain_refused_writing(wish.repository):
        made = _pushed(wish, folder, files, chosen.path.resolve().name)
    told = [{"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size} for path in files]
    return {"run": str(chosen.path), "repository": wish.repository, **made, "bytes": size, "files": told}


def check_name(repository: str) -> None:
    """Raises InputError where it is not `org/name` as the Hub allows it."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    fix = "write org/name, of letters, digits, - _ and . (96 at most)"
    if repository.count("/") != 1:
        raise InputError(f"`{repository}` names no repository of the Hub", where="ORG/NAME", fix=fix)
    try:
        validate_repo_id(repository)
    except HFValidationError:
        raise InputError(f"`{repository}` cannot name a repository of the Hub", where="ORG/NAME", fix=fix) from None


def model_folder(chosen: Run) -> Path:
    """The folder to publish, with a card that is up to date. Raises InputError where there is none."""
    if (chosen.path / "run.json").is_file():
        if chosen.status != "finished":
            fix = f"finish it first: lmfit resume {chosen.path}"
            raise InputError(f"the run `{chosen.path}` is {chosen.status}; only finished runs are published", fix=fix)
        folder = chosen.model
        if (folder / "config.json").is_file():
            write_card(chosen.path)
    else:
        folder = chosen.path
    if not (folder / "config.json").is_file():
        raise InputError(f"there is no model in `{folder}`", where=str(folder / "config.json"), fix="name another run")
    if not has_card(folder):
        fix = "begin it with metadata (--- license: ... ---)" if (folder / CARD).is_file() else "write one"
        fix += f", or take {CARD} away: for a run lmfit writes it" if chosen.path != folder else ""
        raise InputError("the model has no card, and nobody could know what it is", where=str(folder / CARD), fix=fix)
    return folder


def _sorted(folder: Path) -> tuple[list[Path], list[str]]:
    """The files of a model, and the names of those in its folder that are none; hidden ones count as none."""
    files: list[Path] = []
    others: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if any(fnmatch(path.name, pattern) for pattern in _OF_A_MODEL) and not name.startswith("."):
            files.append(path)
        else:
            others.append(name)
    return files, others


def _pushed(wish: Wish, folder: Path, files: list[Path], run_name: str) -> dict[str, Any]:
    """Make the repository (and the branch) where there is none, and commit all files at once."""
    from huggingface_hub import HfApi

    api = HfApi()
    with _quiet_bars():
        made = api.create_repo(wish.repository, private=wish.private or None, exist_ok=True)
        hidden = bool(api.model_info(wish.repository).private)
        if wish.private and not hidden:
            fix = "make it private in its settings on the Hub, or take another name"
            raise InputError(f"`{wish.repository}` exists and everybody can read it", where="--private", fix=fix)
        if wish.revision is not None:
            api.create_branch(wish.repository, branch=wish.revision, exist_ok=True)
        message = wish.message or f"Model of the lmfit run {run_name}"
        done = api.create_commit(
            wish.repository,
            list(_additions(wish, folder, files)),
            commit_message=message,
            revision=wish.revision,
        )
    return {"url": str(made), "private": hidden, "revision": wish.revision or "main", "commit": done.oid}


def _additions(wish: Wish, folder: Path, files: list[Path]) -> Iterator[Any]:
    from huggingface_hub import CommitOperationAdd

    for path in files:
        name = path.relative_to(folder).as_posix()
        content: Any = path
        if name == CARD:
            content = published(path.read_text(encoding="utf-8"), wish.repository).encode()
        yield CommitOperationAdd(name, content)


class _quiet_bars:
    """The Hub's own progress bars only where a bar can be seen."""

    def __enter__(self) -> None:
        from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars

        self._before = are_progress_bars_disabled()
        if not console.shows_bars():
            disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        from huggingface_hub.utils import enable_progress_bars

        if not self._before:
            enable_progress_bars()
