"""The run folder's files, read without trust: any file or key may be missing, broken or of another type."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Json = Mapping[str, Any]


@dataclass(frozen=True)
class RunFiles:
    """What could be read. `broken` names the files that exist but cannot be read, in whole or in part."""

    folder: Path
    manifest: Json
    metrics: Json
    tables: Json
    ledger: Json
    log: list[Json]
    config: Json
    config_text: str
    broken: tuple[str, ...]
    slices: Json = field(default_factory=dict)
    certificate: Json = field(default_factory=dict)
    evaluations: tuple[tuple[str, Json, Json], ...] = ()
    """Name, evaluation.json and metrics.json of each evaluation on a new file."""
    is_evaluation: bool = False

    @property
    def name(self) -> str:
        """The run's name: that of its folder; of an evaluation: both names."""
        folder = self.folder.resolve()
        return f"{folder.parent.parent.name} · {folder.name}" if self.is_evaluation else folder.name

    def predictions(self, split: str) -> Path:
        """The prediction rows of a split."""
        inside = "predictions.jsonl" if self.is_evaluation else f"predictions/{split}.jsonl"
        return self.folder / inside


def read_run(folder: Path) -> RunFiles:
    """Read all small files of a run folder; predictions are read as a stream later.

    The folder of an evaluation (RUN/evaluations/NAME) is read as a run whose facts are those of RUN.
    """
    broken: list[str] = []
    if (folder / "evaluation.json").is_file():
        return _read_evaluation(folder, broken)
    log = list(json_lines(folder / "log.jsonl"))
    if None in log:
        broken.append("log.jsonl")
    config_text, config = _config(folder / "config.yaml", broken)
    return RunFiles(
        folder=folder,
        manifest=_object(folder / "run.json", broken),
        metrics=_object(folder / "metrics.json", broken),
        tables=_object(folder / "tables.json", broken),
        ledger=_object(folder / "ledger.json", broken),
        log=[line for line in log if line is not None],
        config=config,
        config_text=config_text,
        broken=tuple(broken),
        slices=_object(folder / "slices.json", broken),
        certificate=_object(folder / "certificate.json", broken),
        evaluations=tuple(_evaluations(folder, broken)),
    )


def _read_evaluation(folder: Path, broken: list[str]) -> RunFiles:
    run, own = folder.resolve().parent.parent, _object(folder / "evaluation.json", broken)
    config_text, config = _config(run / "config.yaml", broken)
    name = str(own.get("name"))
    shown: dict[str, Any] = {
        "headline": own.get("headline"),
        "verdict": None,
        "warnings": own.get("warnings"),
        "throughput": None,
        "timing": None,
    }
    shown |= {"data": {name: own.get("data")}, "looks": {"test": own.get("looks")}}
    return RunFiles(
        folder=folder,
        manifest={**_object(run / "run.json", broken), **shown},
        metrics=_object(folder / "metrics.json", broken),
        tables=_object(folder / "tables.json", broken),
        ledger={},
        log=[],
        config=config,
        config_text=config_text,
        broken=tuple(broken),
        slices=_object(folder / "slices.json", broken),
        is_evaluation=True,
    )


def _evaluations(folder: Path, broken: list[str]) -> Iterator[tuple[str, Json, Json]]:
    for path in sorted((folder / "evaluations").glob("[!.]*/evaluation.json")):
        yield path.parent.name, _object(path, broken), _object(path.with_name("metrics.json"), broken)


def model_config(run: RunFiles) -> Json:
    """model/config.json, or nothing where it cannot be read."""
    try:
        return mapping(json.loads((run.folder / "model" / "config.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def loads_in_transformers(run: RunFiles) -> bool:
    """Whether model/ is all that a pipeline of transformers needs: no adapter without its base, no head of ours."""
    facts = mapping(model_config(run).get("lmfit"))
    return facts.get("base") is None and dig(facts, "head", "kind") in (None, "crf")


def json_lines(path: Path) -> Iterator[Json | None]:
    """Yield the objects of a JSON Lines file one by one, None for a line that is not one (an interrupted write)."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            if line.strip():
                yield _parsed(line)


def dig(value: Any, *keys: str) -> Any:
    """The value under nested keys, or None where the path ends early."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def number(value: Any) -> float | None:
    """`value` if it is a finite number, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return None


def mapping(value: Any) -> Json:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """`value` if it is a list; a lone value as a list of one; nothing as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def records(value: Any) -> list[Json]:
    """The mappings in a list of them."""
    return [item for item in items(value) if isinstance(item, Mapping)]


def _object(path: Path, broken: list[str]) -> Json:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        broken.append(path.name)
        return {}
    return value


def _config(path: Path, broken: list[str]) -> tuple[str, Json]:
    if not path.is_file():
        return "", {}
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return text, mapping(yaml.safe_load(text))
    except yaml.YAMLError:
        broken.append(path.name)
        return text, {}


def _parsed(line: str) -> Json | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
