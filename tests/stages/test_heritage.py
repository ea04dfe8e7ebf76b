"""Which rows of a head are kept: by name, by map, or none."""

from typing import Any

import pytest

from lmfit.config.transfer import TransferSettings
from lmfit.errors import ConfigError
from lmfit.stages.heritage import Learnt, kept_labels

SOURCE = {"model": {"name": "x"}}


class Target:
    name, kind = "text-classification", "single_label"

    def __init__(self, *labels: str) -> None:
        self.labels = list(labels)


def kept(labels: list[str], target: Any, kind: Any = None, **settings: Any) -> list[str] | None:
    learnt = Learnt(target.name, kind or target.kind, labels)
    return kept_labels(TransferSettings(sources=[SOURCE], **settings), learnt, target)


def test_by_name_and_by_map() -> None:
    target = Target("positive", "neutral")
    assert kept(["0", "1"], target, label_map={"1": "positive"}) == ["0", "positive"]
    assert kept(["0", "neutral"], target) == ["0", "neutral"]
    assert kept(["0", "1"], target) is None
    assert kept(["neutral"], target, head="new") is None
    assert kept(["neutral"], target, layers=2) is None


def test_entities_are_mapped_by_type() -> None:
    target = Target("O", "B-PERSON", "I-PERSON")
    target.name, target.kind = "token-classification", "entities"  # type: ignore[misc]
    found = kept(["O", "B-PER", "I-PER", "B-LOC"], target, label_map={"PER": "PERSON"})
    assert found == ["O", "B-PERSON", "I-PERSON", "B-LOC"]
    assert kept(["O", "B-LOC"], target) is None
    with pytest.raises(ConfigError, match="the source has no label `PR`"):
        kept(["O", "B-PER"], target, label_map={"PR": "PERSON"})


def test_mistakes() -> None:
    target = Target("a", "b")
    with pytest.raises(ConfigError, match="no label in common"):
        kept(["c"], target, head="keep")
    with pytest.raises(ConfigError, match="would both be `a`"):
        kept(["a", "c"], target, label_map={"c": "a"})
    with pytest.raises(ConfigError, match="is not of the target's kind"):
        kept(["a"], target, kind="multi_label")
    with pytest.raises(ConfigError, match="no labels to map"):
        kept_labels(TransferSettings(sources=[SOURCE], label_map={"0": "a"}), Learnt("", None, []), target)
