"""Probes: what a pretraining is worth downstream, told by small fine-tunes from it and from what it began with."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.load import LoadedConfig, load_config
from lmfit.config.pretraining import PretrainConfig
from lmfit.config.schema import FinetuneConfig
from lmfit.config.starters import starters
from lmfit.data.batching import key
from lmfit.device import Device, seeded
from lmfit.errors import ConfigError
from lmfit.evaluation.comparison.compare import compare
from lmfit.evaluation.comparison.contenders import contenders
from lmfit.models.load import quiet_transformers
from lmfit.runs import CHILDREN, Run
from lmfit.stages import finetune
from lmfit.stages.corpus import Ready
from lmfit.stages.several import interrupted_as

_RANDOM, _BEFORE = "random", "before"


def load_probes(config: PretrainConfig, model: str = "minilm-l6") -> dict[str, LoadedConfig[FinetuneConfig]]:
    """The fine-tunes by name, with `model` to start from. Raises ConfigError for a config with a mistake."""
    seeds = config.pretraining.probe_seeds
    several = ["seed=null", f"seeds={seeds}"] if len(seeds) > 1 else ["seeds=null", f"seed={seeds[0]}"]
    found: dict[str, LoadedConfig[FinetuneConfig]] = {}
    for told in config.pretraining.probes:
        path = starters().get(told, Path(told))
        name = path.stem
        if name in found:
            raise ConfigError(f"two probes are called {name}", where="pretraining.probes", fix="rename one file")
        found[name] = load_config("finetune", path, [f"model.name={model}", "model.on_unknown=allow", *several])
    return found


def run_probes(run: Run, ready: Ready, model: Any, device: Device) -> list[dict[str, Any]]:
    """Each probe from this run's model, and from the model that it went on from, or random weights where it is new; the
    paired differences.
    """
    if not ready.config.pretraining.probes:
        return []
    rival = _rival(run, ready, model)
    found = []
    for name in load_probes(ready.config):
        sides = [_fine_tuned(run, ready, name, side, device) for side in (_pretrained(run), rival)]
        found.append(_told(name, rival, *sides))
        console.say(found[-1]["sentence"])
    shutil.rmtree(run.path / CHILDREN / _RANDOM, ignore_errors=True)
    return found


@dataclass(frozen=True)
class Side:
    """What a probe starts from. kind: the end of its children's names; told: its name in a sentence."""

    kind: str
    told: str
    start: str
    revision: str | None = None


def _pretrained(run: Run) -> Side:
    return Side("pretrained", "pretrained", str(run.path))


def _rival(run: Run, ready: Ready, model: Any) -> Side:
    """What the pretraining is measured against."""
    if ready.source is not None:
        return Side(_BEFORE, f"from {ready.source.name}", str(ready.config.model.name), ready.commit)
    folder = run.path / CHILDREN / _RANDOM
    _save_random(folder, ready, model)
    return Side(_RANDOM, "from random weights", str(folder))


def _save_random(folder: Path, ready: Ready, model: Any) -> None:
    """The same architecture with other random weights than pretraining began with."""
    with seeded(key(ready.config.seed, "probe")), quiet_transformers():
        type(model)(model.config).save_pretrained(folder)
    ready.tokenizer.save_pretrained(folder)


def _fine_tuned(run: Run, ready: Ready, name: str, side: Side, device: Device) -> Run:
    child = Run(run.path / CHILDREN / f"{name}-{side.kind}")
    begun = (child.path / "run.json").is_file()
    if begun and child.status == "finished":
        return child
    console.say(f"probe {child.path.name}")
    with interrupted_as(run):
        if begun:
            return finetune.resume(child, device=str(device.torch_device))
        loaded = load_probes(ready.config, side.start)[name].having(output=str(child.path))
        if side.revision is not None:
            loaded = loaded.having(model=finetune.pinned(loaded.config, side.revision).model)
        return finetune.run(loaded, device=str(device.torch_device))


def _told(name: str, rival: Side, pretrained: Run, other: Run) -> dict[str, Any]:
    """Both scores, and the difference with its interval over test rows and seeds."""
    found = compare(contenders([other, pretrained]))
    metric = found.leading
    standing = found.standings[metric][1]
    values = [run.metrics[found.split][metric]["value"] for run in (pretrained, other)]
    difference = standing.difference
    shown = f"{difference.value:+.3f}" if difference and difference.value is not None else "not defined"
    if difference and difference.low is not None and difference.high is not None:
        shown += f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    told = f"probe {name}: {found.split} {metric} {values[0]:.3f} pretrained, {values[1]:.3f} {rival.told}"
    return {
        "name": name,
        "split": found.split,
        "metric": metric,
        "pretrained": values[0],
        "against": rival.told,
        "other": values[1],
        "difference": difference.value if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "sentence": f"{told}; difference {shown}",
    }
