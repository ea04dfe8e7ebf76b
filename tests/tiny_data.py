"""Small labelled files for tiny models: names in sentences, requests by topic."""

import csv
import itertools
import json
import random
from pathlib import Path

PEOPLE = ["Anna Petrov", "Kofi Mensah", "Maria Silva", "Halden", "Petrov"]
PLACES = ["Oslo", "Lisbon", "Porto", "Accra"]
FIRMS = ["Nordwind", "Halden Bank"]
PATTERNS = [
    "{PER} joined {ORG} in {LOC} .",
    "The board of {ORG} met in {LOC} on Monday .",
    "{PER} flew from {LOC} to {LOC} .",
    "A parcel from {LOC} never came .",
    "It should be here by now .",
]
TOPICS = {
    "praise": ["I love this kettle", "it is quick and quiet", "I love the lamp", "quick and very quiet"],
    "complaint": ["The lamp broke after two days", "very bad", "nobody answers", "the kettle broke , very bad"],
    "order": ["Where is my order", "Please cancel the order", "send the money back", "the order never came"],
}

Tagged = list[tuple[str, str]]


def tagged_sentence(generator: random.Random) -> Tagged:
    """One sentence as (word, tag) in IOB2."""
    words: Tagged = []
    names = {"PER": PEOPLE, "LOC": PLACES, "ORG": FIRMS}
    for part in generator.choice(PATTERNS).split():
        kind = part.strip("{}")
        if kind == part:
            words.append((part, "O"))
        else:
            name = generator.choice(names[kind]).split()
            words += [(word, f"{'I' if i else 'B'}-{kind}") for i, word in enumerate(name)]
    return words


def write_conll(path: Path, rows: int, seed: int) -> Path:
    """A two-column file of tagged sentences."""
    generator = random.Random(seed)
    sentences = [tagged_sentence(generator) for _ in range(rows)]
    path.write_text("\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences))
    return path


def topic_rows(rows: int, seed: int) -> list[tuple[str, str]]:
    """(text, topic), topics in turn."""
    generator = random.Random(seed)
    labels = itertools.islice(itertools.cycle(TOPICS), rows)
    return [(" , ".join(generator.sample(TOPICS[label], 2)), label) for label in labels]


def write_topics(path: Path, rows: int, seed: int) -> Path:
    """A CSV file with the columns text and label."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(topic_rows(rows, seed))
    return path


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
