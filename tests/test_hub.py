import socket
from collections.abc import Iterator

import pytest

from lmfit import hub
from lmfit.errors import InputError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (
        *hub.OFFLINE_FLAGS,
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    for flag in hub.OFFLINE_FLAGS:
        monkeypatch.setenv(flag, "0")
    hub.is_offline.cache_clear()
    yield
    hub.is_offline.cache_clear()


@pytest.fixture
def port() -> Iterator[int]:
    """A local port that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_endpoint_that_answers(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    assert not hub.is_offline()


def test_one_that_does_not_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    assert hub.is_offline()
    assert hub.is_offline()
    assert capsys.readouterr().err.count("offline") == 1


def test_the_proxy_is_tried_where_there_is_one(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://nowhere.invalid")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    assert not hub.is_offline()


def test_a_proxy_of_another_scheme_is_not_asked(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert hub.is_offline()


def test_no_proxy_is_respected(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert not hub.is_offline()


def test_errors_of_other_kinds_keep_their_first_line() -> None:
    with pytest.raises(InputError, match="cannot load the model `x`: bad header"), hub.explain_hub_errors("x", "model"):
        raise ValueError("bad header\nand more")


def test_a_sentence_is_not_cut_behind_its_colon() -> None:
    with (
        pytest.raises(InputError, match=r"from one of: \(1\) a file, \(2\) a name"),
        hub.explain_hub_errors("x", "model"),
    ):
        raise ValueError("cannot be made from one of:\n (1) a file,\n (2) a name")


def test_a_hub_in_trouble_is_to_be_tried_again() -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    error = OSError("We couldn't connect")
    error.__cause__ = LocalEntryNotFoundError("no connection")
    with (
        pytest.raises(InputError, match="the Hub refused the model `x`") as caught,
        hub.explain_hub_errors("x", "model"),
    ):
        raise error
    assert "try again later" in str(caught.value)
