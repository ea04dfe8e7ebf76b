"""Shared fixtures. No test reaches the network: the offline flags are set before anything is imported."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

os.environ.update(
    OMP_NUM_THREADS="1",
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)
sys.path.insert(0, str(Path(__file__).parent))

SHARED_DATA = Path(os.environ.get("LMFIT_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the token cache of the tests away from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMFIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets (../shared/data) are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random encoder of a family (see tiny_models.FAMILIES), made once."""
    from tiny_models import make_encoder

    return cache(lambda family: make_encoder(family, tmp_path_factory.mktemp(family) / family))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The `data` section of a small data set for each task."""
    from tiny_data import write_conll, write_topics

    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": (96, 1), "validation": (24, 2), "test": (24, 3)}
    words = {split: str(write_conll(folder / f"{split}.conll", *size)) for split, size in sizes.items()}
    texts = {split: str(write_topics(folder / f"{split}.csv", *size)) for split, size in sizes.items()}
    return {"token-classification": words, "text-classification": texts}


@pytest.fixture(scope="session")
def tiny_config(tiny: Callable[[str], Path], tiny_data: dict[str, dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A config that fine-tunes a tiny encoder: `tiny_config(task, family, section={...}, output=...)`."""

    def config(task: str, family: str = "bert", /, **sections: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "task": {"name": task},
            "model": {"name": str(tiny(family)), "on_unknown": "allow"},
            "data": dict(tiny_data[task]),
            "training": {"max_steps": 2, "batch_size": 8, "learning_rate": 1e-3, "precision": "fp32"},
            "evaluation": {"resamples": 100},
        }
        for name, value in sections.items():
            merged = isinstance(value, dict) and name in made
            made[name] = {**made[name], **value} if merged else value
        return made

    return config


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_config: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """The finished run of a tiny BERT that has learnt a task, trained once. Tests must not change its folder."""

    @cache
    def run(task: str) -> Any:
        import lmfit

        output = str(tmp_path_factory.mktemp("runs") / task)
        training = {"max_steps": 60, "batch_size": 16, "learning_rate": 3e-3, "evaluate_every": 30, "log_every": 5}
        return lmfit.finetune(tiny_config(task, output=output, training=training))

    return run


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: `command("predict", ...)` gives exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        from lmfit import console
        from lmfit.cli import main

        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as left:
                main([str(argument) for argument in arguments])
        finally:
            console.set_quiet(False)
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run
