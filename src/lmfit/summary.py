"""What a finished stage says: at most eight lines. And requirements on metrics (`--require`)."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmfit.config.durations import shown_seconds
from lmfit.errors import ConfigError, VerdictError, suggestion
from lmfit.evaluation.names import metric
from lmfit.runs import BESIDE, COMPRESSING, GAIN, Run, read_json
from lmfit.stages.looks import looks_told

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FROM_SCRATCH = " It was trained from scratch, without pretraining."
_REQUIREMENT = re.compile(r"\s*(.+?)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Requirement:
    """`test.f1.low>=0.88`: split, metric, part (value, low or high), operator, bound; gain: of a transfer's gain in it
    (`test.f1.gain.low>=0`).
    """

    text: str
    split: str
    metric: str
    part: str
    sign: str
    bound: float
    gain: bool = False


def parse_requirements(words: Sequence[str], splits: Sequence[str] = ()) -> list[Requirement]:
    """Read `--require` options. Raises ConfigError for one that cannot be read, or names no metric or no split."""
    requirements = [_parse(word) for word in words]
    for requirement in requirements:
        if splits and requirement.split not in splits:
            what = f"`{requirement.text}`: there is no split `{requirement.split}`"
            raise ConfigError(what, where="--require", fix=suggestion(requirement.split, splits))
    return requirements


def _parse(word: str) -> Requirement:
    match = _REQUIREMENT.fullmatch(word)
    try:
        path, sign, bound = match.groups() if match else ("", "", "")
        split, _, rest = path.partition(".")
        name, _, part = rest.rpartition(".") if rest.endswith((".value", ".low", ".high")) else (rest, "", "value")
        if not (split and name):
            raise ValueError
        gain = name.endswith(f".{GAIN}")
        requirement = Requirement(word, split, name.removesuffix(f".{GAIN}"), part, sign, float(bound), gain)
    except ValueError:
        raise ConfigError(
            f"cannot read the requirement `{word}`", where="--require", fix="write e.g. 'test.f1.low>=0.88'"
        ) from None
    metric(requirement.metric)
    return requirement


def check_requirements(metrics: Mapping[str, Any], requirements: Sequence[Requirement]) -> None:
    """Raises VerdictError (exit code 3) where one does not hold, ConfigError where it names what was not measured."""
    for requirement in requirements:
        held = (metrics.get(GAIN, {}) if requirement.gain else metrics).get(requirement.split)
        if held is None or requirement.metric not in held:
            known = [f"{split}.{name}" for split, entries in metrics.items() if split not in BESIDE for name in entries]
            name = f"{requirement.split}.{requirement.metric}"
            raise ConfigError(f"`{name}` was not measured", where="--require", fix=suggestion(name, known))
        found = held[requirement.metric][requirement.part]
        if found is None or not _OPERATORS[requirement.sign](found, requirement.bound):
            told = "not defined" if found is None else f"{found:.4f}"
            raise VerdictError(f"required {requirement.text}, found {told}", where="--require")


def check_certificate(verdict: Mapping[str, Any]) -> None:
    """Raises VerdictError (exit code 3) where a certificate says that its limits are not kept."""
    if verdict["holds"] is False:
        what = "; ".join(verdict.get("missed") or [verdict["sentence"]])
        raise VerdictError(what, where="compression.certificate", fix="the result is kept, and marked")


def compressed_lines(run: Run) -> list[str]:
    """Verdict, what stayed in fp32, time, certificate, report, next command."""
    manifest = run.manifest
    certificate = read_json(run.path / "certificate.json", "compressed run")
    same, child = certificate["parity"], certificate["speed"]["child"]
    kept, timing = manifest.get("kept_in_fp32") or [], manifest["timing"]
    spent = {"training": timing["train_seconds"], "compression": sum(timing.get(part, 0.0) for part in COMPRESSING)}
    spent |= {"scoring": timing["evaluate_seconds"], "certificate": timing.get("certificate_seconds", 0.0)}
    left = f"; {same['left_out']:,} others are cut into other windows" if same.get("left_out") else ""
    times = ", ".join(f"{shown_seconds(seconds)} {what}" for what, seconds in spent.items() if seconds)
    agreement = "" if same["label_agreement"] is None else f", {same['label_agreement']:.2%} of decisions equal"
    return [
        manifest["verdict"]["sentence"],
        *([] if certificate["verdict"]["holds"] is None else [certificate["verdict"]["sentence"]]),
        *([f"kept in fp32, since int8 lost too much: {', '.join(kept)}"] if kept else []),
        f"answers: logits differ by {same['mean_logit_difference']:.3f} on average, "
        f"{same['largest_logit_difference']:.3f} at most{agreement} ({same['rows']:,} rows{left})",
        f"speed: {child['latency_ms']['p50']:.1f} ms a row, {child['rows_per_second']:,.0f} rows/s in batches of 32, "
        f"{child['threads']} threads; model: {certificate['size']['child_bytes'] / 1e6:.1f} MB",
        f"{f'time: {times}; ' if times else ''}certificate: {run.path / 'certificate.json'}",
        f"report: {run.path / 'report.html'}",
        f"next: lmfit predict INPUT --run {run.path}",
    ]


def finished_lines(run: Run) -> list[str]:
    """Verdict, headline, baseline, time, warnings, report, next command."""
    manifest = run.manifest
    timing, size = manifest["timing"], manifest["model"]
    seconds, processes = timing["train_seconds"], manifest["device"].get("processes", 1)
    together = f" by {processes} processes" if processes > 1 else ""
    lines = [
        manifest["verdict"]["sentence"] + (_FROM_SCRATCH if size.get("kind") == "scratch" else ""),
        f"time: {shown_seconds(seconds)} training{together} "
        f"({manifest['throughput']['tokens_per_second']:,.0f} tokens/s), "
        f"{shown_seconds(timing['evaluate_seconds'])} evaluation; model: {size['parameters'] / 1e6:.1f} M parameters, "
        f"{size['bytes'] / 1e6:.0f} MB",
    ]
    pretrained = manifest.get("kind") == "language"
    if not pretrained or "search" in manifest:
        lines.append(_several(manifest, run.metrics))
    lines += [probe["sentence"] for probe in manifest.get("probes") or ()]
    if manifest.get("stopped"):
        lines.append(f"stopped early: {manifest['stopped']}; kept the weights of step {manifest['best_step']:,}")
    if manifest.get("warnings"):
        count = len(manifest["warnings"])
        lines.append(f"warnings: {count} (shown above and in the report)")
    if sentence := looks_told(manifest.get("looks", {}).get("test", {}), "test"):
        lines.append(sentence)
    lines.append(f"report: {run.path / 'report.html'}")
    go_on = f"finetune CONFIG model.name={run.path}" if pretrained else f"predict INPUT --run {run.path}"
    lines.append(f"next: lmfit {go_on}{_again(run)}")
    return lines


def _again(run: Run) -> str:
    """What to do with the best settings of a search."""
    best = run.path / "best.yaml"
    if not best.is_file():
        return ""
    stage = run.manifest["search"].get("stage", "finetune")
    told = {
        "finetune": f"the best settings with seeds: lmfit finetune {best} --seeds 1,2,3",
        "transfer": f"what transfer is worth with the best settings: lmfit transfer {best}",
        "pretrain": f"the best settings for longer: lmfit pretrain {best} training.max_steps=N",
    }
    return f"; {told[stage]}"


def _several(manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """How far seeds or folds lie apart, if that was measured; what a transfer was worth; a search's best trial."""
    if sentence := manifest.get("transfer", {}).get("sentence"):
        return f"{sentence} model/ is that of {manifest['several']['chosen']}."
    several, headline = manifest.get("several"), manifest.get("headline") or {}
    if not several:
        return "seed variation was not measured; --seeds 1,2,3 measures it"
    if several["by"] == "trials":
        return _search(manifest)
    split = "validation" if several["by"] == "folds" else headline.get("split", "")
    entry = metrics.get(split, {}).get(headline.get("metric"), {})
    spread = entry.get("spread") or {"sd": None}
    told = [] if spread["sd"] is None else [f"{spread['min']:.3f} to {spread['max']:.3f}, sd {spread['sd']:.3f}"]
    if several["by"] == "folds":
        together = [f"{headline['metric']} {_entry(entry)}"] if entry else []
        kept = f"model/ is trained on all rows for {several['epochs']:.2f} epochs, the mean of the folds' best"
        return f"folds: {'; '.join([*together, *told, kept])}"
    why = f"best by validation {several['chosen_by']}" if several["chosen_by"] else "the first; no validation data"
    kept = f"model/ is that of {several['chosen']} ({why})"
    return f"seeds: {'; '.join([*told, kept])}"


def _search(manifest: Mapping[str, Any]) -> str:
    """The best of the trials."""
    found = manifest["search"]
    states, best = [trial["state"] for trial in found["trials"]], found["best"]
    counted = f"{len(states)} trials, {states.count('pruned')} ended early, {states.count('failed')} failed"
    values = ", ".join(f"{key}={_value(value)}" for key, value in best["values"].items())
    return f"search: {counted}; best {best['name']}: validation {found['metric']} {best['value']:.4f} with {values}"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def metric_lines(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line per metric, per-class ones left to the report."""
    lines = []
    for split, entries in metrics.items():
        shown = {name: entry for name, entry in entries.items() if not name.startswith("per_class.")}
        width = max(map(len, shown), default=0)
        lines += [f"{split:<12} {name:<{width}}  {_entry(entry)}" for name, entry in shown.items()]
    return lines


def _entry(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return f"not defined ({entry.get('note', 'no reason given')})"
    interval = "" if entry["low"] is None else f"  [{entry['low']:.4f}, {entry['high']:.4f}]"
    return f"{entry['value']:.4f}{interval}  n={entry['n']:,}"
