"""What differs between runs: keys of their configs, and of what they were made from and with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lmfit.evaluation.comparison.contenders import Contender
from lmfit.runs import Run

_ABSENT = "-"
_VERSIONS = ("lmfit", "torch", "transformers")


def differing(runs: Sequence[Contender]) -> dict[str, list[str]]:
    """Key -> its value in each run, for keys that are not equal in all; as JSON, `-` where absent or null.

    What some runs have switched off and others do not know is no difference.
    """
    trees = [flat(_config(run.run)) | _made_of(run.manifest) for run in runs]
    keys = dict.fromkeys(key for one in trees for key in one)
    told = [key for key in keys if all(key in one for one in trees) or any(not _is_off(one.get(key)) for one in trees)]
    table = {key: [_shown(one.get(key)) for one in trees] for key in told}
    return {key: values for key, values in table.items() if len(set(values)) > 1}


def is_repetition(run: Contender, other: Contender) -> bool:
    """Whether two runs have one config, one seed and the same data, so that they should be identical."""
    config = _config(run.run)
    alike = bool(config) and config == _config(other.run) and len(run.seeds) == len(other.seeds) == 1
    return alike and _contents(run) == _contents(other)


def _contents(run: Contender) -> dict[str, str]:
    return {split: entry.get("sha256", "") for split, entry in run.manifest.get("data", {}).items()}


def _config(run: Run) -> dict[str, Any]:
    import yaml

    tree = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    return tree if isinstance(tree, dict) else {}


def flat(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A tree of settings by dotted key; an empty mapping is a value."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, Mapping) and value else {f"{path}{name}": value}
    return found


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Key -> `old -> new` of the settings that differ; nothing where the old ones are not known."""
    if not before:
        return {}
    old, new = flat(before), flat(now)
    keys = dict.fromkeys([*old, *new])
    return {key: f"{old.get(key)} -> {new.get(key)}" for key in keys if old.get(key) != new.get(key)}


def _made_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What decides results besides the config: the content of the data, the machine, the libraries."""
    data, versions = manifest.get("data", {}), manifest.get("versions", {})
    facts = {f"{split} data (sha256)": entry.get("sha256", "")[:8] for split, entry in data.items()}
    facts |= {name: versions[name] for name in _VERSIONS if name in versions}
    return facts | {"device": manifest.get("device", {}).get("name", _ABSENT)}


def _is_off(value: Any) -> bool:
    return value is None or value is False or value in ([], {})


def _shown(value: Any) -> str:
    if value is None:
        return _ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
