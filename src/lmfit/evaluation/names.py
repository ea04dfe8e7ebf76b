"""Every metric's name, direction and meaning, for the config check and `lmfit list metrics`. Nothing heavy here."""

import re
from dataclasses import dataclass
from math import inf
from typing import Literal

from lmfit.errors import ConfigError, suggestion

Kind = Literal["entities", "tags", "single_label", "multi_label", "regression"]
Direction = Literal["higher", "lower"]
Share = Literal["items", "f1"]


@dataclass(frozen=True)
class Metric:
    """What a metric means, which direction is better, and for which kinds of prediction it is computed.

    share: "items" where it is a share s of items that are right, "f1" where it is 2s / (1 + s) of the share s of hits
        among the items in gold or prediction; None for means over classes, correlations and errors.
    bounds: the lowest and the highest value that it can have.
    """

    sentence: str
    kinds: tuple[Kind, ...]
    better: Direction = "higher"
    share: Share | None = None
    bounds: tuple[float, float] = (0.0, 1.0)


HEADLINE: dict[Kind, str] = {
    "entities": "f1",
    "tags": "token.accuracy",
    "single_label": "accuracy",
    "multi_label": "micro_f1",
    "regression": "spearman",
}

_CLASSES: tuple[Kind, ...] = ("entities", "single_label", "multi_label")
_TOKENS: tuple[Kind, ...] = ("entities", "tags")
_CORRELATION = (-1.0, 1.0)

METRICS: dict[str, Metric] = {
    "f1": Metric(
        "Harmonic mean of entity precision and recall; span and type must both be exact.", ("entities",), share="f1"
    ),
    "precision": Metric("Share of the predicted entities that are right.", ("entities",), share="items"),
    "recall": Metric("Share of the gold entities that were found.", ("entities",), share="items"),
    "token.accuracy": Metric("Share of the words with the right tag, O included.", _TOKENS, share="items"),
    "token.macro_f1": Metric("Mean over the tags of the F1 of each tag, word by word, O included.", _TOKENS),
    "token.weighted_f1": Metric("The same, each tag weighted by its number of gold words.", _TOKENS),
    "accuracy": Metric("Share of the rows with the right label.", ("single_label",), share="items"),
    "macro_f1": Metric(
        "Mean of the F1 of each label that occurs in gold or prediction.", ("single_label", "multi_label")
    ),
    "weighted_f1": Metric("Mean F1 of the labels, each weighted by its number of gold rows.", ("single_label",)),
    "mcc": Metric(
        "Matthews correlation of gold and predicted labels: 1 perfect, 0 chance.",
        ("single_label",),
        bounds=_CORRELATION,
    ),
    "micro_f1": Metric("F1 over all (row, label) decisions together.", ("multi_label",), share="f1"),
    "subset_accuracy": Metric("Share of the rows whose whole set of labels is right.", ("multi_label",), share="items"),
    "pearson": Metric("Linear correlation of gold and predicted numbers.", ("regression",), bounds=_CORRELATION),
    "spearman": Metric("Rank correlation of gold and predicted numbers.", ("regression",), bounds=_CORRELATION),
    "mae": Metric("Mean absolute error, in the unit of the label.", ("regression",), "lower", bounds=(0.0, inf)),
    "per_class.NAME.f1": Metric("F1 of one label or entity type.", _CLASSES, share="f1"),
    "per_class.NAME.precision": Metric("Precision of one label or entity type.", _CLASSES, share="items"),
    "per_class.NAME.recall": Metric("Recall of one label or entity type.", _CLASSES, share="items"),
}


def metric(name: str) -> Metric:
    """Look a metric up; `per_class.<label>.f1` works for any label. Raises ConfigError for an unknown name."""
    known = METRICS.get(re.sub(r"^per_class\..+\.(f1|precision|recall)$", r"per_class.NAME.\1", name, flags=re.DOTALL))
    if known is None:
        raise ConfigError(f"unknown metric `{name}`", fix=suggestion(name, list(METRICS)))
    return known
