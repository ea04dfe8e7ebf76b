"""Probes are files, or starters by their names from any folder."""

from pathlib import Path
from typing import Any

import pytest

from lmfit.config.load import load_config
from lmfit.errors import ConfigError
from lmfit.stages.probes import load_probes


def _config(*probes: str) -> Any:
    settings = {"objectives": ["mlm"], "probes": list(probes), "probe_seeds": [1]}
    return load_config("pretrain", {"data": {"train": "a.txt"}, "pretraining": settings}).config


def test_a_starter_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONLL2003", str(tmp_path))
    found = load_probes(_config("probe_conll2003"), "runs/new")
    assert found["probe_conll2003"].config.model.name == "runs/new"


def test_what_is_neither_a_file_nor_a_starter_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="probe_nothing"):
        load_probes(_config("probe_nothing"))
