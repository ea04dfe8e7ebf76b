"""Write a model folder that lmfit, `from_pretrained` and `pipeline()` all read."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmfit.data.framing import Framer
from lmfit.durable import publish
from lmfit.models.load import quiet_transformers
from lmfit.version import __version__

LMFIT_KEY = "lmfit"


def save_model(
    folder: Path,
    model: Any,
    framer: Framer,
    task_name: str,
    task_state: dict[str, Any],
    pipeline_options: str,
    calibration: Mapping[str, Any],
) -> None:
    """Weights (safetensors), config with real label names, tokenizer, README; appears whole.

    calibration: what was done to the logits; the weights hold it already, so it is only told.
    """
    temporary = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    facts = {
        "version": __version__,
        "task": task_name,
        "state": task_state,
        "max_length": framer.max_length,
        "overflow": framer.overflow,
        "calibration": calibration,
    }
    setattr(model.config, LMFIT_KEY, facts)
    with quiet_transformers():
        model.save_pretrained(temporary)
        framer.tokenizer.save_pretrained(temporary)
    write_readme(temporary, folder.parent.name, task_name, pipeline_options)
    publish(temporary, folder)


def write_readme(folder: Path, run_name: str, task_name: str, pipeline_options: str) -> None:
    """README.md of a model folder, with snippets that use the model."""
    text = f"""# {run_name}

A model for {task_name}, made with lmfit {__version__}. All scores are in `report.html` of its run folder.

```python
import lmfit
model = lmfit.load("path/to/this/folder")
print(model.predict(["a text"]))
```

```python
from transformers import pipeline
model = pipeline("{task_name}", "path/to/this/folder"{pipeline_options})
print(model("a text"))
```
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
