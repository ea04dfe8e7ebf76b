"""What a process takes that loads a model and answers once: seconds from its start, and most memory.

`python -m lmfit.compression.footprint RUN` prints it as JSON; `footprint` asks a fresh process.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_TEXT = "A parcel from Lisbon never came."


def footprint(run: Path) -> dict[str, Any] | None:
    """{"seconds", "peak_bytes", "libraries"} of a fresh process that answers one text; None where it could not."""
    command = [sys.executable, "-m", __name__, str(run)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=False
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return found


def _main(run: str) -> None:
    started = time.perf_counter()
    import resource

    from lmfit.inference.load import load_predictor
    from lmfit.runs import Run

    model = load_predictor(Run(Path(run)), device="cpu")
    pairs = getattr(model.task, "pairs", None)
    model.predict([(_TEXT, _TEXT) if pairs else _TEXT])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    heavy = [name for name in ("torch", "transformers", "onnxruntime") if name in sys.modules]
    seconds = round(time.perf_counter() - started, 3)
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_bytes": peak, "libraries": heavy}))


if __name__ == "__main__":
    _main(sys.argv[1])
