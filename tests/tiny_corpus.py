"""A few documents of made-up news for tiny language models."""

import random
from pathlib import Path

_WHO = ["Anna Petrov", "Kofi Mensah", "Maria Silva", "the board", "a courier", "nobody"]
_DID = ["joined", "left", "called", "thanked", "warned", "met"]
_WHOM = ["Nordwind", "Halden Bank", "the agency", "a friend", "the workers", "the mayor"]
_WHERE = ["in Oslo", "in Lisbon", "near Porto", "by the sea", "on Monday", "last spring"]
_COLOURS = ["amber", "beige", "coral", "denim", "ebony", "fawn", "gold", "hazel", "ivory", "jade", "khaki", "lilac"]


def documents(count: int, sentences: int = 6, seed: int = 0) -> list[str]:
    """Documents of short sentences; each names colours of its own, so that no two are nearly equal."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        colours = draw.choices(_COLOURS, k=3)
        lines = []
        for i in range(sentences):
            words = [draw.choice(_WHO), draw.choice(_DID), draw.choice(_WHOM), draw.choice(_WHERE)]
            lines.append(f"{' '.join(words)} with {colours[i % 3]} and {draw.choice(_COLOURS)} paint {number + i} .")
        made.append(" ".join(lines))
    return made


def write_corpus(path: Path, count: int = 60, sentences: int = 6, seed: int = 0) -> Path:
    """Documents between blank lines."""
    path.write_text("\n\n".join(documents(count, sentences, seed)) + "\n")
    return path


def pretrain_config(corpus: Path, **sections: dict[str, object]) -> dict[str, object]:
    """A config that pretrains a tiny BERT; sections are merged into it."""
    made: dict[str, dict[str, object]] = {
        "model": {"layers": 1, "width": 32, "heads": 2, "positions": 64},
        "data": {"train": str(corpus), "documents": "blank", "held_out": 0.2, "duplicates": "exact"},
        "pretraining": {"objectives": ["mlm", "nsp"], "max_length": 32, "tokenizer": {"vocabulary": 128}},
        "training": {
            "max_steps": 12,
            "batch_size": 8,
            "checkpoint_every": 4,
            "evaluate_every": 3,
            "log_every": 5,
            "keep": 3,
            "precision": "fp32",
        },
        "evaluation": {"resamples": 100, "tokens": 600, "pseudo_perplexity": 2},
    }
    for name, value in sections.items():
        made[name] = {**made.get(name, {}), **value} if isinstance(value, dict) else value
    return dict(made)
