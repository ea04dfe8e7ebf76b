import pytest

from lmfit.errors import MissingExtra
from lmfit.models import choice
from lmfit.models.choice import choose_model


@pytest.mark.parametrize(
    ("language", "name", "better"),
    [
        ("English", "minilm-l6", ""),
        ("German", "minilm-l6", "xlm-roberta-base"),
        ("Chinese", "scratch-characters", "bert-base-chinese"),
        ("Arabic script", "scratch-characters", "xlm-roberta-base"),
    ],
)
def test_what_is_on_this_machine(language: str, name: str, better: str) -> None:
    chosen = choose_model(language, 5000)
    assert chosen.name == name
    assert better in chosen.better if better else not chosen.better


def test_a_model_in_the_local_cache_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "hub_file_cached", lambda name, file: name == "google-bert/bert-base-chinese")
    assert choose_model("Chinese", 5000).name == "google-bert/bert-base-chinese"


def test_without_the_embedded_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise MissingExtra("the embedded model", "embedded")

    monkeypatch.setattr(choice.MINILM_L6.__class__, "where", lambda _: missing())
    assert choose_model("English", 5000).name == "scratch-characters"


@pytest.mark.parametrize(("rows", "epochs"), [(1, 50), (200, 24), (5000, 10), (50_000, 2)])
def test_epochs_from_scratch_follow_the_rows(rows: int, epochs: int) -> None:
    assert choose_model("Chinese", rows).training["epochs"] == epochs
