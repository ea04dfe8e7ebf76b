"""What was typed, in the words of the stages."""

from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.errors import InputError


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def overrides(
    words: list[str] | None,
    sets: list[str] | None,
    output: Path | None = None,
    seed: int | None = None,
    seeds: str | None = None,
    *,
    several: bool = True,
) -> list[str]:
    """All overrides in one list; options stand for the keys of their names, --seed and --seeds for each other's.

    several: whether the stage has a key `seeds`.
    """
    if seed is not None and seeds is not None:
        raise InputError("--seed and --seeds exclude each other", where="--seeds", fix="keep one of them")
    given = [*(words or []), *(sets or [])]
    given += [] if output is None else [f"output={quoted(str(output))}"]
    given += [] if seed is None else [*(["seeds=null"] if several else []), f"seed={seed}"]
    return given + ([] if seeds is None else ["seed=null", f"seeds=[{seeds.strip('[]')}]"])


def remarks(note: str | None, tags: list[str] | None) -> dict[str, Any]:
    """What --note and --tag put into run.json."""
    given: dict[str, Any] = {} if note is None else {"note": note}
    return given | ({"tags": list(dict.fromkeys(tags))} if tags else {})


def _is_pretrained(run: Any) -> bool:
    return bool(run.manifest.get("kind") == "language")


def quoted(text: str) -> str:
    """`text` as a YAML string."""
    import json

    return json.dumps(text, ensure_ascii=False)


def trimming(config: Path | None) -> list[str]:
    """--trim-vocabulary as an override; none where the config file says how to trim."""
    from lmfit.config.stage import keys_of

    section = None if config is None else keys_of(config).get("compression")
    said = section.get("trim_vocabulary") if isinstance(section, dict) else None
    return ["compression.trim_vocabulary={}"] if said is None else []


def choose_run(name: str | None, stages: tuple[str, ...], *, backend: str | None = None, where: str = "RUN") -> Any:
    """The run asked for, or the newest finished one (of a backend), which is said.

    where: the argument or option that names it. Raises InputError for a model without a task.
    """
    from lmfit.runs import find_run

    chosen = find_run(name, stages, backend=backend, where=where)
    if (chosen.path / "run.json").is_file() and _is_pretrained(chosen) and "pretrain" not in stages:
        fix = f"fine-tune it first: lmfit finetune CONFIG model.name={chosen.path}"
        raise InputError(f"`{chosen.path}` is pretrained and has not learnt a task yet", where=where, fix=fix)
    if name is None:
        console.say(f"run: {chosen.path}")
    return chosen
