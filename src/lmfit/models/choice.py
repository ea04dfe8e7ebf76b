"""Which model to start from for texts of a language: the best that is on this machine, and a better one of the Hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmfit.errors import MissingExtra
from lmfit.hub import hub_file_cached
from lmfit.models.embedded import MINILM_L6
from lmfit.models.scratch import SCRATCH_CHARACTERS

_MULTILINGUAL = "FacebookAI/xlm-roberta-base"
_OF_THE_HUB = {"English": "google-bert/bert-base-uncased", "Chinese": "google-bert/bert-base-chinese"}
_IN_LATIN_LETTERS = ("English", "German", "French", "Spanish", "Italian", "Portuguese", "Dutch", "Latin script", "")
_FEW_ROWS = 3000
_LEAST_STEPS, _MOST_STEPS = 300, 4000
_MOST_EPOCHS = 50
_BATCH = 32


@dataclass(frozen=True)
class ModelChoice:
    """A model's name, why it was taken, what would be better, and the training that suits it."""

    name: str
    why: str
    better: str
    training: Mapping[str, Any]


def choose_model(language: str, rows: int) -> ModelChoice:
    """minilm-l6 for Latin letters, a Hub model that is in the local cache for others, else one from scratch."""
    hub = _OF_THE_HUB.get(language, _MULTILINGUAL)
    latin = language in _IN_LATIN_LETTERS
    if latin and _is_installed():
        english = language in ("English", "")
        why = "on this machine; made for English" + ("" if english else ", so only a makeshift for these texts")
        return ModelChoice(MINILM_L6.name, why, "" if english else _better(hub), _of_pretrained(rows, 1.0e-4))
    if hub_file_cached(hub, "model.safetensors"):
        return ModelChoice(hub, "in the local cache of the Hub", "", _of_pretrained(rows, 3.0e-5))
    why = "random weights, no pretraining: no model for these texts is on this machine"
    training = {"epochs": _epochs_from_scratch(rows), "batch_size": _batch(rows), "learning_rate": 1.0e-3}
    return ModelChoice(SCRATCH_CHARACTERS.name, why, _better(hub), training | {"early_stopping": {"patience": 3}})


def _better(hub: str) -> str:
    return f"better, where the Hub can be reached: model={hub} training.learning_rate=3e-5 training.epochs=null"


def _is_installed() -> bool:
    try:
        return bool(MINILM_L6.where())
    except MissingExtra:
        return False


def _epochs_from_scratch(rows: int) -> int:
    """Ten, more for few rows (300 steps), fewer for many (4,000 steps)."""
    rows = max(1, rows)
    least = min(_MOST_EPOCHS, -(-_LEAST_STEPS * _batch(rows) // rows))
    return max(2, least, min(10, _MOST_STEPS * _BATCH // rows))


def _of_pretrained(rows: int, learning_rate: float) -> dict[str, Any]:
    """Without epochs: the default is three, or as many as give 200 steps."""
    return {"batch_size": _batch(rows), "learning_rate": learning_rate}


def _batch(rows: int) -> int:
    return 16 if rows < _FEW_ROWS else _BATCH
