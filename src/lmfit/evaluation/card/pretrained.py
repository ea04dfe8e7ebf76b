"""model/README.md of a pretrained model: what it learnt from, how well, three lines to use it."""

from pathlib import Path
from typing import Any

from lmfit.durable import write_text
from lmfit.runs import Run

_CLASSES = {"clm": "AutoModelForCausalLM", "mlm": "AutoModelForMaskedLM"}


def write_pretrained_card(run: Run) -> Path:
    """Write the card into model/; scores are those of held-out documents of the same corpus."""
    manifest, metrics = run.manifest, run.metrics.get("test") or run.metrics.get("validation", {})
    task = str(manifest.get("task"))
    kind = _CLASSES["clm" if task == "clm" else "mlm"]
    files = ", ".join(Path(path).name for path in manifest["data"]["train"]["files"])
    lines = [
        "---\nlibrary_name: transformers\ntags: [lmfit, pretrained]\n---",
        f"# {run.path.resolve().name}",
        f"Pretrained by lmfit ({task}) on {manifest['data']['train']['rows']:,} documents of: {files}. "
        "It has not learnt a task yet.",
        "\n".join(_row(name, entry) for name, entry in metrics.items()),
        f'```python\nfrom transformers import AutoTokenizer, {kind}\n\ntokenizer = AutoTokenizer.from_pretrained(".")\n'
        f'model = {kind}.from_pretrained(".")\n```',
        "```\nlmfit finetune CONFIG model.name=RUN\n```",
    ]
    path = run.model / "README.md"
    write_text(path, "\n\n".join(lines) + "\n")
    return path


def _row(name: str, entry: dict[str, Any]) -> str:
    interval = "" if entry["low"] is None else f" [{entry['low']:.3f}, {entry['high']:.3f}]"
    return f"- {name} on held-out documents: {entry['value']:.3f}{interval}"
