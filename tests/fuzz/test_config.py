"""Whatever is in a config or an override: it loads to what it says and back, or every mistake is told in words."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from refusals import assert_in_words

from lmfit.config.load import load_config
from lmfit.config.schema import FinetuneConfig
from lmfit.errors import InputError


@dataclass(frozen=True)
class Case:
    """The text of a config, words after it, and files beside it."""

    text: str
    overrides: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module", autouse=True)
def _folder() -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as made:
        os.chdir(made)
        yield
        os.chdir(before)


SOUND: list[dict[str, Any]] = [
    {"task": "text-classification", "model": "minilm-l6", "data": "sample-intents"},
    {
        "task": {"name": "token-classification", "class_weights": "balanced"},
        "model": {"name": "bert", "freeze": "embeddings"},
        "data": {"train": ["a.conll", "b.conll"], "validation": {"split": 0.1}, "columns": {"tokens": 0, "labels": -1}},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": "5e-5", "warmup": 0.1, "evaluate_every": "epoch"},
        "seed": 3,
        "output": "runs/x",
    },
    {
        "task": "text-classification",
        "model": {"name": "m", "revision": "main"},
        "data": {
            "format": "csv", "train": "a.csv", "columns": {"text": ["a", "b"], "label": 1}, "header": True,
            "validation": {"split": 0.2, "by": "group", "key": "id"}, "limit": 5,
        },
        "training": {"max_steps": 10, "early_stopping": {"patience": 2}, "best_metric": "macro_f1"},
        "evaluation": {"resamples": 100, "slices": ["length"], "costs": {"a": {"b": 2}}},
        "seeds": [1, 2, 3],
    },
    {
        "task": "text-classification",
        "model": "m",
        "data": {"format": "hub", "name": "a/b", "subset": "c", "train": "train"},
        "training": {"budget": "30m"},
    },
]  # fmt: skip
KEYS = [
    *FinetuneConfig.model_fields, "name", "train", "epochs", "num_train_epochs", "lr", "split", "by", "key", "extends",
    "<<",
    "", "a.b", "学习率", "epochs：", "1", "null", "true", "~", "${X}", "x" * 300, "columns", "format", "path", "weight",
    "0",
]  # fmt: skip
WORDS = [
    "", "~", "null", "true", "no", "1", "-1", "0", "1e3", "1e999", "-.inf", ".nan", "0x" + "f" * 4000, "0o17",
    "9" * 5000,
    "2024-01-01", "12:30", "1_000", "08", "${HOME}", "${X}", "${X:-3}", "${", "$${", "a: b", "a:b", "a #b", "*a",
    "&a b", "!!int x",
    "!!python/object:os.system x", "!x y", "'", '"', "'x'", '"x"', r'"\x00"', r'"\ud800"', '"\\', "[", "]", "[1, 2",
    "{a: b}",
    "{a, b}", "[]", "{}", "[[[]]]", "|", ">", "- a", "? a", "%YAML 1.1", "---", "...", "@x", "`x", "学习：率", "１２",
    "\u2028",
    "\ufeff", "\x85", "\x07", "\x00", "\t", "a\tb", "x" * 300, "/" + "x" * 5000, "a\\b", "sample-ner", "hub", "csv",
    "auto", "..", ".",
    "/", "a.yaml", "parent.yaml", "random", "date", "epoch", "[1, 1]", "{split: 0.1}", "{folds: 3}", "{folds: 1e9}",
    "0.5", "1.0",
]  # fmt: skip
NOISE = ["\t", "  ", "\n", "：", "，", "“", "”", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "---\n", "# ", "- ", ": ",
"\u3000",
         "!!set ", "\r", "\ufeff", "\x00", "\u2028", "'", '"', "|", ">", "%", "@", "? ", "\\", "${X}", "=", "e",
         "9" * 30, "-", "."]  # fmt: skip


def written(value: Any, depth: int = 0) -> str:
    """Block YAML of a tree whose scalars stand as they are."""
    indent = "  " * depth
    if isinstance(value, dict) and value:
        return "\n" + "\n".join(f"{indent}{key}: {written(child, depth + 1)}" for key, child in value.items())
    if isinstance(value, list) and value:
        return "\n" + "\n".join(f"{indent}- {written(child, depth + 1)}" for child in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


words = st.sampled_from(WORDS)
trees = st.recursive(
    words | st.text(max_size=6) | st.floats().map(repr) | st.integers().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def paths_of(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [(*path, key) for key, _ in items] + [p for key, child in items for p in paths_of(child, (*path, key))]


def changed(tree: Any, path: tuple[Any, ...], change: Any) -> Any:
    """A copy with another value or key (change: (key, value)) at a place."""
    if not isinstance(tree, dict):
        copy = list(tree)
        copy[path[0]] = change[1] if len(path) == 1 else changed(copy[path[0]], path[1:], change)
        return copy
    if len(path) > 1:
        return {**tree, path[0]: changed(tree[path[0]], path[1:], change)}
    key, value = change
    return {**{k: v for k, v in tree.items() if k != path[0]}, key or path[0]: value}


@st.composite
def configs(draw: st.DrawFn) -> str:
    """A sound config after some changes to its tree and to its text."""
    tree = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.just(0) | st.integers(1, 3))):
        path = draw(st.sampled_from(paths_of(tree)))
        key = draw(st.none() | st.none() | st.sampled_from(KEYS))
        old = tree
        for part in path:
            old = old[part]
        tree = changed(tree, path, (key, draw(st.just(old) if key else trees)))
        if not paths_of(tree):
            break
    text = written(tree).lstrip("\n") + "\n"
    for _ in range(draw(st.just(0) | st.integers(1, 3))):
        at = draw(st.integers(0, 1000)) * len(text) // 1000
        kind = draw(st.sampled_from(["insert", "cut", "double", "line"]))
        lines = text.splitlines(keepends=True)
        if kind == "insert":
            text = text[:at] + draw(st.sampled_from(NOISE)) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 20)) :]
        elif kind == "double":
            text = text[:at] + text[max(0, at - 30) :]
        elif lines:
            text += draw(st.sampled_from(lines))
    return text


PLACES = [
    "task", "task.name", "model", "model.name", "model.freeze", "data", "data.name", "data.train", "data.format",
    "data.columns", "data.columns.text", "data.validation", "data.validation.split", "data.limit", "training",
    "training.epochs", "training.learning_rate", "training.warmup", "training.batch_size", "training.evaluate_every",
    "training.budget", "evaluation", "evaluation.costs", "evaluation.costs.a.b", "seed", "seeds", "output", "extends",
    "a", "a.b", ".",
]  # fmt: skip
overrides = st.builds("{}={}".format, st.sampled_from(PLACES), words | st.text(max_size=6)) | words
cases = st.builds(
    Case,
    configs() | configs() | trees.map(written) | st.text(max_size=40),
    st.just(()) | st.lists(overrides, max_size=3).map(tuple),
    st.just({}) | st.fixed_dictionaries({"parent.yaml": configs(), "datasets/m.yaml": configs()}),
)


def loads_or_refuses(case: Case) -> bool:
    """Whether the case loaded; what it loads to must load again to the same."""
    for name, text in {**case.files, "c.yaml": case.text}.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        loaded = load_config("finetune", "c.yaml", case.overrides)
    except InputError as error:
        assert_in_words(error)
        return False
    text = loaded.dump()
    text.encode()
    Path("again.yaml").write_text(text, encoding="utf-8")
    again = load_config("finetune", "again.yaml")
    assert again.dump() == text
    return True


@pytest.mark.parametrize("tree", SOUND)
def test_what_is_changed_was_sound(tree: dict[str, Any]) -> None:
    assert loads_or_refuses(Case(written(tree).lstrip("\n")))


@settings(max_examples=1000)
@example(case=Case("task: text-classification\nmodel: m\ndata: {train: '${'}\n"))
@example(case=Case("task: text-classification\nmodel: m\ndata: {name: {}}\n"))
@example(case=Case(f"task: text-classification\nmodel: m\ndata: 0x{'f' * 4000}\n"))
@example(case=Case('task: text-classification\nmodel: m\ndata: {train: "\\0"}\n', ('model.name="\\ud800"',)))
@given(case=cases)
def test_a_config_loads_or_is_refused_in_words(case: Case) -> None:
    loads_or_refuses(case)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(case=cases)
def test_ten_thousand_configs(case: Case) -> None:
    loads_or_refuses(case)
