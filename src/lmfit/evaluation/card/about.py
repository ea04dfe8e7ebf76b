"""What the card says of the model before any score: where it comes from, what it answers, data and settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lmfit.catalog import TASK_SETTINGS
from lmfit.evaluation.card.markdown import code, plain, table
from lmfit.evaluation.report.facts import ledger
from lmfit.evaluation.report.files import Json, RunFiles, dig, items, mapping, model_config, number
from lmfit.evaluation.report.words import Words, amount, count

MOST_LABELS = 60
MOST_FILES = 5
_ANSWERS = {
    "single_label": "gives a text exactly one of {n} labels",
    "multi_label": "gives a text any number of {n} labels",
    "regression": "gives a text a number",
    "entities": "finds entities of {n} types in a text",
    "tags": "gives each word of a text one of {n} tags",
}
_USES = {
    "single_label": "sorting texts that are like those it was trained on; a text that fits none of its labels gets one "
    "all the same",
    "multi_label": "tagging texts that are like those it was trained on; a label is given where its probability "
    "reaches the threshold",
    "regression": "scoring texts that are like those it was trained on",
    "entities": "finding names and other marked spans in texts that are like those it was trained on",
    "tags": "tagging the words of texts that are like those it was trained on",
}
_SETTINGS = (
    *("batch_size", "batch_tokens", "learning_rate", "head_learning_rate", "layer_decay", "schedule", "warmup"),
    *("weight_decay", "max_grad_norm"),
)
_NOT_TOLD: tuple[object, ...] = (None, "none", False, [], {})


@dataclass(frozen=True)
class About:
    """The parts of the card without scores, each Markdown; empty where there is nothing to tell."""

    labels: str
    answers: str
    use: str
    origin: str
    data: str
    data_table: str
    label_table: str
    settings: str
    versions: str


def about(run: RunFiles, words: Words) -> About:
    """Everything that was known before the model was scored."""
    kind, labels = str(run.manifest.get("kind")), label_names(run)
    answers = _ANSWERS.get(kind, f"was trained for {run.manifest.get('task')}").format(n=count(len(labels)))
    return About(
        labels=_listed(labels),
        answers=answers,
        use=_USES.get(kind, "texts that are like those it was trained on"),
        origin=origin(run),
        data=_data_name(run),
        data_table=_data_table(run, words),
        label_table=_label_table(run, words),
        settings=table(["Setting", "Value"], _settings(run), names=2),
        versions=", ".join(
            f"{plain(name)} {plain(one)}" for name, one in mapping(run.manifest.get("versions")).items()
        ),
    )


def label_names(run: RunFiles) -> list[str]:
    """The labels (of entities: the types), the most frequent in training first; none where answers are numbers."""
    counted = mapping(dig(run.ledger, "splits", "train", "labels"))
    return [] if run.manifest.get("kind") == "regression" else [str(name) for name in counted]


def _listed(labels: list[str]) -> str:
    more = f" and {count(len(labels) - MOST_LABELS)} more" if len(labels) > MOST_LABELS else ""
    return ", ".join(map(code, labels[:MOST_LABELS])) + more


def max_length(run: RunFiles) -> int | None:
    """Tokens that the model reads at once."""
    found = number(dig(model_config(run), "lmfit", "max_length"))
    return None if found is None else round(found)


def origin(run: RunFiles) -> str:
    """What was fine-tuned, never a path: a Hub id, or the last part of a folder's name."""
    model = mapping(run.manifest.get("model"))
    base, name = model.get("base"), PurePath(str(model.get("name"))).name
    if model.get("kind") == "scratch":
        return "trained from scratch, without pretraining"
    if model.get("kind") == "run":
        return f"fine-tuned further from the run {code(name)}" + (f" (of {_linked(base)})" if base else "")
    if base:
        commit = f" at commit {code(model['commit'])}" if model.get("commit") else ""
        return f"fine-tuned from {_linked(base)}{commit}"
    return f"fine-tuned from the local model {code(name)}"


def _linked(base: object) -> str:
    return f"[{plain(base)}](https://huggingface.co/{base})"


def hub_data(run: RunFiles) -> str | None:
    """The id of the data set on the Hub, where the data came from there."""
    data = mapping(run.config.get("data"))
    return str(data["name"]) if data.get("format") == "hub" and data.get("name") else None


def named_data(run: RunFiles) -> str | None:
    """The name of the data set in lmfit's catalogue, where it has one."""
    name = dig(run.config, "data", "name")
    return str(name) if name and not hub_data(run) else None


def _data_name(run: RunFiles) -> str:
    if found := hub_data(run):
        return f"The Hub data set [{plain(found)}](https://huggingface.co/datasets/{found})."
    if found := named_data(run):
        return f"The data set {code(found)} of lmfit's catalogue."
    return "Local files; only their names are told here."


def _data_table(run: RunFiles, words: Words) -> str:
    found = ledger(run, words)
    rows = [[plain(name), _files(files), count(rows)] for name, rows, files in (found.splits if found else [])]
    return table(["Split", "Files", "Rows"], rows, names=2)


def _files(files: list[str]) -> str:
    names = list(dict.fromkeys(PurePath(file).name for file in files))
    more = f" and {count(len(names) - MOST_FILES)} more" if len(names) > MOST_FILES else ""
    return ", ".join(code(name) for name in names[:MOST_FILES]) + more


def _label_table(run: RunFiles, words: Words) -> str:
    found = ledger(run, words)
    if found is None or not found.labels or run.manifest.get("kind") == "regression":
        return ""
    heads = ["Label", *(plain(name) for name, _, _ in found.splits)]
    shown = [[code(one.label), *map(count, one.counts)] for one in found.labels[:MOST_LABELS]]
    if left := found.labels[MOST_LABELS:]:
        shown.append(
            [
                f"{count(len(left))} rarer labels",
                *(count(sum(part)) for part in zip(*(one.counts for one in left), strict=True)),
            ]
        )
    return table(heads, shown)


def _settings(run: RunFiles) -> Iterator[list[str]]:
    """The settings that a reader asks for first; all of them are in the run's config.yaml."""
    manifest, training = run.manifest, mapping(run.config.get("training"))
    steps, best = number(manifest.get("steps")), number(manifest.get("best_step"))
    yield ["optimizer steps", count(steps) + (f" (kept: step {count(best)})" if best != steps else "")]
    yield from ([plain(name.replace("_", " ")), _value(training[name])] for name in _SETTINGS if _told(training, name))
    yield from ([plain(name.replace("_", " ")), _value(value)] for name, value in _task_settings(run).items())
    yield ["parameters", amount(number(dig(manifest, "model", "parameters")))]
    yield ["precision", plain(manifest.get("precision"))]
    yield ["seed", _value(manifest.get("seeds") or manifest.get("seed"))]
    yield ["longest input", f"{count(max_length(run))} tokens"]
    device = mapping(manifest.get("device"))
    yield ["device", plain(f"{device.get('name')} ({device.get('kind')})")]
    yield ["training time", Words("en").duration(number(dig(manifest, "timing", "train_seconds")))]


def _task_settings(run: RunFiles) -> Json:
    """The settings of the task that are not the defaults."""
    task = mapping(run.config.get("task"))
    name = task.get("name")
    usual = TASK_SETTINGS.load(str(name))(name=name).model_dump() if name in TASK_SETTINGS else {}
    return {key: value for key, value in task.items() if key != "name" and usual.get(key) != value}


def _told(section: Json, name: str) -> bool:
    return section.get(name) not in _NOT_TOLD and not (name == "layer_decay" and section[name] == 1)


def _value(value: Any) -> str:
    return plain(", ".join(str(one) for one in items(value)))


def other_loaders(run: RunFiles) -> str:
    """What tools other than lmfit can do with the folder, where that is less than all."""
    facts = mapping(model_config(run).get("lmfit"))
    if facts.get("base") is not None:
        base = plain(str(dig(facts, "base", "name")))
        return (
            f"The folder holds an adapter and a head; their base is {base}. `peft` loads them onto it: "
            "`PeftModel.from_pretrained(base_model_with_as_many_labels, folder)`."
        )
    kind = dig(facts, "head", "kind")
    if kind == "crf":
        return (
            "Other loaders answer by each word's own scores: the transitions between tags (head.safetensors) are "
            "known to lmfit alone, and their answers can differ from the scores below."
        )
    if kind is not None:
        return (
            "`AutoModel.from_pretrained` loads the encoder. The head is in head.safetensors and known to lmfit alone; "
            "other loaders would draw a new, untrained one."
        )
    return ""
