import numpy as np
import pytest

from lmfit.config.pretraining import MaskingConfig
from lmfit.pretraining.keyed import Keyed
from lmfit.pretraining.masking import Masking, Vocabulary

SIZE, MASK = 50, 4
SPECIAL = np.arange(SIZE) < 5
CONTINUES = np.arange(SIZE) >= 40
VOCABULARY = Vocabulary(SIZE, MASK, SPECIAL, CONTINUES)


def rows(count: int = 40, width: int = 32) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    ids = draw.integers(5, SIZE, size=(count, width))
    ids[:, 0] = 2
    real = np.arange(width) < draw.integers(8, width + 1, size=count)[:, None]
    return np.where(real, ids, 0), real


def hidden(unit: str, rate: float = 0.2, split: list[float] | None = None, seed: int = 1) -> tuple[np.ndarray, ...]:
    ids, real = rows()
    config = MaskingConfig(rate=rate, unit=unit, split=split or [0.8, 0.1, 0.1])
    return ids, real, *Masking(config, VOCABULARY, seed, "train").hide(ids, real, np.arange(len(ids)))


def test_exactly_the_rate_of_single_tokens_and_never_a_special_one() -> None:
    ids, real, replaced, chosen = hidden("token")
    wanted = np.maximum(1, np.rint(0.2 * (real.sum(axis=1) - 1)))
    assert (chosen.sum(axis=1) == wanted).all()
    assert not chosen[:, 0].any()
    assert not (chosen & ~real).any()
    assert (replaced[~chosen] == ids[~chosen]).all()


def test_the_split_is_followed() -> None:
    ids, _, replaced, chosen = hidden("token", rate=0.9)
    masked = (replaced == MASK)[chosen].mean()
    kept = (replaced == ids)[chosen].mean()
    assert masked == pytest.approx(0.8, abs=0.04)
    assert kept == pytest.approx(0.1, abs=0.04)
    *_, all_masked, chosen = hidden("token", split=[1.0, 0.0, 0.0])
    assert (all_masked[chosen] == MASK).all()
    assert not SPECIAL[replaced[chosen & (replaced != MASK)]].any()


@pytest.mark.parametrize("unit", ["word", "span"])
def test_words_are_hidden_whole(unit: str) -> None:
    ids, real, _, chosen = hidden(unit)
    inner = real[:, 1:] & CONTINUES[ids[:, 1:]] & ~SPECIAL[ids[:, :-1]]
    assert (chosen[:, 1:][inner] == chosen[:, :-1][inner]).all()


def test_spans_are_longer_than_words() -> None:
    def runs(unit: str) -> float:
        *_, chosen = hidden(unit)
        starts = chosen & ~np.c_[np.zeros(len(chosen), bool), chosen[:, :-1]]
        return float(chosen.sum() / starts.sum())

    assert runs("span") > 1.3 * runs("word") > 1.3 * runs("token") - 0.5


def test_a_mask_depends_on_seed_and_row_alone() -> None:
    ids, real, replaced, _ = hidden("span")
    masking = Masking(MaskingConfig(rate=0.2, unit="span"), VOCABULARY, 1, "train")
    numbers = np.array([7, 3])
    alone, _ = masking.hide(ids[numbers][:, :32], real[numbers], numbers)
    assert (alone == replaced[numbers]).all()
    assert (masking.hide(ids, real, np.arange(40) + 40)[0] != replaced).any()
    assert (hidden("span", seed=2)[2] != replaced).any()


def test_keyed_numbers_are_uniform_and_independent() -> None:
    draws = Keyed(3, "x").uniform(np.arange(2000), 20)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.05
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.05
