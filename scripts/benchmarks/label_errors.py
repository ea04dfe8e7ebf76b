"""Plant wrong labels in a data set and see how many `lmfit check --label-errors` finds.

    python scripts/benchmarks/label_errors.py ../shared/data

Of BANKING77 and SST-2, 5 % of the training rows get another label, drawn evenly; of CoNLL-2003, 5 % of the entities get
another type or none. Prints a Markdown table, means over draws: precision among the 50 most likely and among as many as
were planted, recall of all suspects. A label that was wrong before counts as a false alarm.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from lmfit.config.data import DataConfig
from lmfit.data.example import Example
from lmfit.data.sources import load_splits
from lmfit.evaluation.entities import spans
from lmfit.evaluation.label_errors import Suspects, find_label_errors

SHARE = 0.05
Place = tuple[str, int, str]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    sets: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("BANKING77", "text", "banking77/train.csv", {}),
        ("SST-2", "text", "sst2/stsa.binary.train", {"format": "text"}),
        ("CoNLL-2003", "words", "conll2003/eng.train", {"format": "conll"}),
    ]
    heads = "data", "planted", "suspects", "precision of 50", "precision of as many as planted", "recall", "seconds"
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|")
    for name, kind, file, keys in sets:
        examples = list(load_splits(DataConfig(train=str(options.data / file), **keys), kind).train)
        rows = [measure(examples, kind, seed) for seed in range(options.draws)]
        planted, suspects, *shares, seconds = (mean(column) for column in zip(*rows, strict=True))
        told = " | ".join(f"{share:.2f}" for share in shares)
        print(f"| {name} | {planted:,.0f} | {suspects:,.0f} | {told} | {seconds:.0f} |", flush=True)


def measure(examples: Sequence[Example], kind: str, seed: int) -> tuple[float, ...]:
    """Planted, suspects, precision of 50, precision of as many as planted, recall, seconds of one draw."""
    changed, planted = (plant_tags if kind == "words" else plant_labels)(examples, random.Random(seed))
    started = time.process_time()
    suspects = find_label_errors("entities" if kind == "words" else "single_label", changed)
    seconds = time.process_time() - started
    right = hits(suspects, planted)
    found = len({place for hit in right for place in hit})
    first = [bool(hit) for hit in right]
    return len(planted), len(right), mean(first[:50]), mean(first[: len(planted)]), found / len(planted), seconds


def plant_labels(examples: Sequence[Example], generator: random.Random) -> tuple[list[Example], list[Place]]:
    """The examples, 5 % of them with another label, and where these are."""
    labels = sorted({str(example.label) for example in examples})
    changed, planted = [], []
    for example in examples:
        if generator.random() < SHARE:
            example = replace(example, label=generator.choice([label for label in labels if label != example.label]))
            planted.append((example.origin.file, example.origin.line, ""))
        changed.append(example)
    return changed, planted


def plant_tags(examples: Sequence[Example], generator: random.Random) -> tuple[list[Example], list[Place]]:
    """The examples, 5 % of their entities with another type or none, and where these are."""
    types = sorted({tag[2:] for example in examples for tag in example.tags or () if tag != "O"})
    changed, planted = [], []
    for example in examples:
        tags, words = list(example.tags or ()), example.words or []
        for span in spans(tags):
            if generator.random() < SHARE:
                other = generator.choice(["O", *(name for name in types if name != span.label)])
                for i in range(span.start, span.end):
                    tags[i] = "O" if other == "O" else f"{tags[i][:2]}{other}"
                text = example.text[words[span.start][0] : words[span.end - 1][1]]
                planted.append((example.origin.file, example.origin.line, text))
        changed.append(replace(example, tags=tags))
    return changed, planted


def hits(suspects: Suspects, planted: Sequence[Place]) -> list[list[Place]]:
    """For each suspect the planted errors that it touches."""
    by_row: dict[tuple[str, int], list[Place]] = {}
    for place in planted:
        by_row.setdefault(place[:2], []).append(place)
    return [
        [place for place in by_row.get((one.file, one.line), []) if one.word in place[2] or place[2] in one.word]
        for one in suspects.found
    ]


if __name__ == "__main__":
    main()
