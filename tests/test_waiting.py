"""OpenMP's threads are told how to wait, unless the user has told them."""

import os

import pytest

from lmfit.waiting import SPINS, SPINS_WHERE_BUSY, wait_politely


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    return monkeypatch


@pytest.mark.parametrize(("load", "spins"), [(0.3, SPINS), (3.5, SPINS_WHERE_BUSY)])
def test_sooner_where_busy(environment: pytest.MonkeyPatch, load: float, spins: int) -> None:
    environment.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    wait_politely()
    assert os.environ["GOMP_SPINCOUNT"] == str(spins)


@pytest.mark.parametrize("given", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}])
def test_the_users_setting_stands(environment: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    environment.setattr(os, "environ", dict(given))
    wait_politely()
    assert {name: value for name, value in os.environ.items() if "OMP" in name} == given
