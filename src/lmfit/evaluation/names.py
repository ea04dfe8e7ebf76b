"""Every metric's name, direction and meaning, for the config check and `lmfit list metrics`. Nothing heavy here."""

import re
from dataclasses import dataclass
from math import inf
from typing import Literal

from lmfit.errors import ConfigError, suggestion

Kind = Literal["entities", "tags", "single_label", "multi_label", "regression", "language"]
Direction = Literal["higher", "lower"]
Scale = Literal["plain", "share", "jaccard", "centred", "fisher", "log"]


@dataclass(frozen=True)
class Metric:
    """What a metric means, which direction is better, and for which kinds of prediction it is computed.

    bounds: the lowest and the highest value that it can have.
    scale: where its interval is computed (evaluation/intervals.py): as it is; as a share of 1; an F1 as the Jaccard
        share of its hits; a value from -1 to 1 as a share; a correlation by Fisher's z; a perplexity as its logarithm.
    at_end: computed only for the finished model, so it cannot choose between weights.
    """

    sentence: str
    kinds: tuple[Kind, ...]
    better: Direction = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    scale: Scale = "plain"
    at_end: bool = False


HEADLINE: dict[Kind, str] = {
    "entities": "f1",
    "tags": "token.accuracy",
    "single_label": "accuracy",
    "multi_label": "micro_f1",
    "regression": "spearman",
    "language": "loss",
}

_CLASSES: tuple[Kind, ...] = ("entities", "single_label", "multi_label")
_TOKENS: tuple[Kind, ...] = ("entities", "tags")
_LABELS: tuple[Kind, ...] = ("single_label", "multi_label")
_PROBABILITIES: tuple[Kind, ...] = (*_TOKENS, *_LABELS)
_CORRELATION = (-1.0, 1.0)

METRICS: dict[str, Metric] = {
    "f1": Metric(
        "Harmonic mean of entity precision and recall; span and type must both be exact.",
        ("entities",),
        scale="jaccard",
    ),
    "precision": Metric("Share of the predicted entities that are right.", ("entities",), scale="share"),
    "recall": Metric("Share of the gold entities that were found.", ("entities",), scale="share"),
    "token.accuracy": Metric("Share of the words with the right tag, O included.", _TOKENS, scale="share"),
    "token.macro_f1": Metric(
        "Mean over the tags of the F1 of each tag, word by word, O included.", _TOKENS, scale="share"
    ),
    "token.weighted_f1": Metric("The same, each tag weighted by its number of gold words.", _TOKENS, scale="share"),
    "accuracy": Metric("Share of the rows with the right label.", ("single_label",), scale="share"),
    "macro_f1": Metric(
        "Mean of the F1 of each label that occurs in gold or prediction.",
        ("single_label", "multi_label"),
        scale="share",
    ),
    "weighted_f1": Metric(
        "Mean F1 of the labels, each weighted by its number of gold rows.", ("single_label",), scale="share"
    ),
    "mcc": Metric(
        "Matthews correlation of gold and predicted labels: 1 perfect, 0 chance.",
        ("single_label",),
        bounds=_CORRELATION,
        scale="centred",
    ),
    "micro_f1": Metric("F1 over all (row, label) decisions together.", ("multi_label",), scale="jaccard"),
    "subset_accuracy": Metric("Share of the rows whose whole set of labels is right.", ("multi_label",), scale="share"),
    "pearson": Metric(
        "Linear correlation of gold and predicted numbers.", ("regression",), bounds=_CORRELATION, scale="fisher"
    ),
    "spearman": Metric(
        "Rank correlation of gold and predicted numbers.", ("regression",), bounds=_CORRELATION, scale="fisher"
    ),
    "mae": Metric("Mean absolute error, in the unit of the label.", ("regression",), "lower", bounds=(0.0, inf)),
    "loss": Metric(
        "Mean cross entropy of the predicted tokens, in nats: hidden ones (mlm), or each next one (clm).",
        ("language",),
        "lower",
        bounds=(0.0, inf),
    ),
    "perplexity": Metric("exp(loss) of the next tokens (clm).", ("language",), "lower", bounds=(1.0, inf), scale="log"),
    "pseudo_perplexity": Metric(
        "exp of the mean loss of tokens that are hidden one at a time.",
        ("language",),
        "lower",
        bounds=(1.0, inf),
        scale="log",
        at_end=True,
    ),
    "masked_accuracy": Metric("Share of the hidden tokens that are found.", ("language",), scale="share"),
    "nsp_accuracy": Metric(
        "Share of the pairs of segments that are judged rightly (nsp, sop).", ("language",), scale="share"
    ),
    "per_class.NAME.f1": Metric("F1 of one label or entity type.", _CLASSES, scale="jaccard"),
    "per_class.NAME.precision": Metric("Precision of one label or entity type.", _CLASSES, scale="share"),
    "per_class.NAME.recall": Metric("Recall of one label or entity type.", _CLASSES, scale="share"),
    "per_class.NAME.recall@RATE": Metric(
        "Recall of one label where so many false alarms are allowed (evaluation.operating_points).",
        _LABELS,
        scale="share",
        at_end=True,
    ),
    "per_class.NAME.false_alarm_rate@RATE": Metric(
        "Share of the rows without the label that are flagged there.", _LABELS, "lower", scale="share", at_end=True
    ),
    "ece": Metric(
        "Expected calibration error: mean gap of probability and share of hits over 15 bins of equal width.",
        _PROBABILITIES,
        "lower",
        at_end=True,
    ),
    "brier": Metric(
        "Squared error of the probabilities: summed over the labels (0 to 2); several labels: their mean (0 to 1).",
        _PROBABILITIES,
        "lower",
        bounds=(0.0, 2.0),
        at_end=True,
    ),
    "cost": Metric(
        "Expected cost of a row (evaluation.costs).", ("single_label",), "lower", bounds=(0.0, inf), at_end=True
    ),
    "cost.cheapest": Metric(
        "Expected cost of a row where the label of least expected cost is taken.",
        ("single_label",),
        "lower",
        bounds=(0.0, inf),
        at_end=True,
    ),
}


def metric(name: str) -> Metric:
    """Look a metric up; `per_class.<label>.f1` works for any label. Raises ConfigError for an unknown name."""
    plain = re.sub(r"^per_class\..+\.(f1|precision|recall)$", r"per_class.NAME.\1", name, flags=re.DOTALL)
    rated = r"^per_class\..+\.(recall|false_alarm_rate)@[\d.e-]+$"
    known = METRICS.get(re.sub(rated, r"per_class.NAME.\1@RATE", plain, flags=re.DOTALL))
    if known is None:
        raise ConfigError(f"unknown metric `{name}`", fix=suggestion(name, list(METRICS)))
    return known


def operating_names(label: str, rate: float) -> tuple[str, str]:
    """The metrics of an operating point: per_class.<label>.recall@<rate> and its false-alarm rate."""
    return f"per_class.{label}.recall@{rate:g}", f"per_class.{label}.false_alarm_rate@{rate:g}"
