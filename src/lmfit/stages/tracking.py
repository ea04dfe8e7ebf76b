"""What trackers are told of a run, and when it is over."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lmfit.errors import Interrupted
from lmfit.runs import CHILDREN, Run
from lmfit.stages.prepare import Prepared
from lmfit.tracking.base import Tracked
from lmfit.tracking.trackers import Trackers


@contextmanager
def tracked(run: Run, prepared: Prepared) -> Iterator[Trackers]:
    """The trackers that the config asks for, open; closed with how the block ended."""
    trackers = Trackers(prepared.config.trackers, describe(run))
    try:
        yield trackers
    except (Interrupted, KeyboardInterrupt):
        trackers.close("interrupted")
        raise
    except BaseException:
        trackers.close("failed")
        raise
    trackers.close("finished")


def describe(run: Run) -> Tracked:
    """The run as trackers see it. Its config is that of config.yaml, where secrets stay `${NAME}`."""
    manifest, path = run.manifest, run.path.resolve()
    is_child = path.parent.name == CHILDREN
    top = path.parent.parent if is_child else path
    params = dict(_flat(yaml.safe_load(run.config.read_text(encoding="utf-8"))))
    names = ("task", "precision", "exactness", "note")
    tags = {f"lmfit.{name}": str(manifest[name]) for name in names if manifest.get(name)}
    tags |= {f"version.{name}": str(value) for name, value in manifest["versions"].items()}
    name = f"{top.name}/{path.name}" if is_child else path.name
    return Tracked(run.path, name, _experiment(top), params, tags | {"lmfit.device": manifest["device"]["name"]})


def _experiment(folder: Path) -> str:
    """What the run is compared with: runs NAME, NAME-2, NAME-3 of one config are the experiment NAME."""
    stem, _, number = folder.name.rpartition("-")
    return stem if number.isdigit() and stem and folder.with_name(stem).is_dir() else folder.name


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
