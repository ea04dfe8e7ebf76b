"""The proof of the statistics in short: a few cells of scripts/benchmarks/coverage.py, within wide bounds."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TRIALS = 300


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def shares(module: ModuleType, what: str, setting: str, n: int, level: float) -> dict[str, float]:
    """The share of the trials in which lmfit's interval covers, or its test gives an alarm, by metric."""
    kind, judged = module.SETTINGS[setting], getattr(module, what)
    generator = module.np.random.default_rng([n, int(1000 * level)])
    drawn = (kind.draw(generator, n, level, 1 + (what == "alarmed")) for _ in range(TRIALS))
    found = module.np.mean(
        [[ours for ours, _ in judged(list(kind.metrics), one, generator, 300)] for one in drawn], axis=0
    )
    return dict(zip(kind.metrics, found.tolist(), strict=True))


@pytest.mark.parametrize(
    ("setting", "n", "level"),
    [
        ("even", 50, 0.95),
        ("even", 100, 0.99),
        ("rare", 300, 0.8),
        ("f1", 50, 0.8),
        ("f1", 300, 0.99),
        ("bounded", 50, 0.8),
    ],
)
def test_intervals_cover_the_truth(coverage: ModuleType, setting: str, n: int, level: float) -> None:
    for metric, share in shares(coverage, "covered", setting, n, level).items():
        assert 0.91 <= share <= 0.985, metric


@pytest.mark.parametrize(("setting", "n", "level"), [("even", 300, 0.8), ("f1", 100, 0.9), ("bounded", 50, 0.8)])
def test_equal_models_are_seldom_called_different(coverage: ModuleType, setting: str, n: int, level: float) -> None:
    for metric, share in shares(coverage, "alarmed", setting, n, level).items():
        assert 0.02 <= share <= 0.085, metric
