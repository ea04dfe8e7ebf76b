"""What a certificate compares where parent and compressed model do not cut texts alike."""

from typing import Any

import pytest

from lmfit.compression.speed import Times
from lmfit.config.compression import CompressConfig
from lmfit.config.load import load_run_config
from lmfit.data.framing import Framer
from lmfit.data.sources import load_splits
from lmfit.inference.load import load_predictor
from lmfit.runs import Run
from lmfit.stages import certify
from lmfit.stages.certify import Child
from lmfit.stages.compressed import far_apart


@pytest.fixture
def cut_otherwise(trained: Any, tmp_path: Any) -> tuple[Any, Child, CompressConfig]:
    """A model and itself with windows of 8 tokens, so that most texts are cut into more of them."""
    run = trained("text-classification")
    parent, other = (load_predictor(run, device="cpu", precision="fp32") for _ in range(2))
    other.framer = Framer(other.framer.tokenizer, 11, "window")
    config: Any = load_run_config(run).config
    rows = load_splits(config.data, parent.task.example_kind).test
    assert rows is not None
    (tmp_path / "made").mkdir()
    return parent, Child(Run(tmp_path / "made"), other, "test", rows, None, None), config


def _length(predictor: Any, example: Any) -> int:
    (encoded,) = predictor.task.encode([example], predictor.framer, predictor.stats)
    return len(encoded.rows[0])


def test_rows_that_are_cut_otherwise_are_counted(cut_otherwise: tuple[Any, Child, CompressConfig]) -> None:
    parent, child, config = cut_otherwise
    examples = list(child.rows)
    short = [one for one in examples if _length(parent, one) <= 11]
    assert 0 < len(short) < len(examples)
    same = certify._parity(parent, child, examples, config)["parity"]
    assert (same["rows"], same["left_out"]) == (len(short), len(examples) - len(short))
    assert same["largest_logit_difference"] < 1e-4


def test_without_a_row_that_is_cut_alike_drawn_ones_are_compared(
    cut_otherwise: tuple[Any, Child, CompressConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    parent, child, config = cut_otherwise
    examples = [one for one in child.rows if _length(parent, one) > 11]
    told = certify._parity(parent, child, examples, config)
    assert told["parity"]["left_out"] == len(examples)
    assert told["parity"]["rows"] >= len(examples)
    assert told["parity"]["largest_logit_difference"] < 1e-4
    assert "rows of random tokens are compared" in capsys.readouterr().err
    assert (child.run.path / "reference.npz").is_file()


def test_ratios_are_of_calls_side_by_side() -> None:
    slow, quick = Times([], [4.0, 40.0, 4.0, 4.0], []), Times([], [1.0, 10.0, 2.0, 1.0], [])
    assert quick.times_as_fast_as(slow) == (3.5, 4.0)


@pytest.mark.parametrize(("agreement", "told"), [(None, False), (0.95, False), (0.41, True)])
def test_a_model_that_decides_otherwise_is_warned_of(agreement: float | None, told: bool) -> None:
    assert any("of decisions are others than the parent's" in one for one in far_apart(agreement)) is told
