"""lmfit: fine-tune, evaluate and ship language models that fit their market. Nothing heavy is imported until used.

run = lmfit.finetune("configs/quickstart.yaml", seed=1)
model = lmfit.load("runs/quickstart")
model.predict(["Anna Petrov joined Nordwind in Oslo."])
"""

from typing import TYPE_CHECKING, Any

from lmfit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lmfit.inference.predictor import Predictor
    from lmfit.runs import Run

__all__ = ["__version__", "finetune", "load"]


def load(run: "str | Path", *, device: str = "auto", precision: str = "auto") -> "Predictor":
    """The model of a run folder or model folder, ready to `predict` a list of texts (or pairs of texts).

    precision: auto computes coarser where that is faster and cannot change a decision; fp32 never.
    Raises InputError where `run` is none.
    """
    from lmfit.inference.load import load_predictor
    from lmfit.runs import find_run

    return load_predictor(find_run(str(run)), device=device, precision=precision)


def finetune(
    config: "str | Path | Mapping[str, Any]", *, device: str = "auto", overwrite: bool = False, **overrides: Any
) -> "Run":
    """Fine-tune as `lmfit finetune CONFIG key=value ...` does; returns the finished run.

    config: a YAML file or a mapping. overrides: sections or keys, e.g. `training={"epochs": 1}`, `seed=1`; a dotted key
    is written with two underscores, `training__epochs=1`. overwrite: an old run in its place is moved away.
    Raises ConfigError, DataError.
    """
    import json

    from lmfit.config.load import load_config
    from lmfit.stages.finetune import run

    words = [
        f"{key.replace('__', '.')}={json.dumps(value, ensure_ascii=False, default=str)}"
        for key, value in overrides.items()
    ]
    return run(load_config("finetune", config, words), device=device, overwrite=overwrite)
