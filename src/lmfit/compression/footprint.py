"""What a process takes that loads a model and answers once: seconds from its start, and most memory.

`python -m lmfit.compression.footprint RUN` prints it as JSON; `footprint` asks a fresh process.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_TEXT = "A parcel from Lisbon never came."


def footprint(run: Path) -> dict[str, Any] | None:
    """What a fresh process takes to answer one text, None if it fails.

    {"seconds", "cpu_seconds", "peak_bytes", "libraries": those of torch, transformers, onnxruntime that it imported}
    """
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
    from lmfit.inference.load import load_predictor
    from lmfit.runs import Run

    model = load_predictor(Run(Path(run)), device="cpu", unfinished=True)
    pairs = getattr(model.task, "pairs", None)
    model.predict([(_TEXT, _TEXT) if pairs else _TEXT])
    told = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time(), 3),
        "peak_bytes": peak_bytes(),
        "libraries": [name for name in ("torch", "transformers", "onnxruntime") if name in sys.modules],
    }
    sys.stdout.write(json.dumps(told))


def peak_bytes() -> int:
    """Most memory of this program; what getrusage tells holds that of the process that started it, too."""
    try:
        with open("/proc/self/status") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    _main(sys.argv[1])
