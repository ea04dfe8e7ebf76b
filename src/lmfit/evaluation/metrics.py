"""Scores of a split with 95 % intervals: one function per kind of prediction.

In each of them `documents` names the document of each row (or None); the bootstrap then resamples documents.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain

import numpy as np
from scipy.sparse import hstack

from lmfit.errors import DataError, LmfitError
from lmfit.evaluation.counts import (
    ClassSums,
    CountUnits,
    class_table,
    confusion,
    count_pairs,
    count_sets,
    macro,
    matthews,
    per_class,
    weighted,
)
from lmfit.evaluation.entities import Span, spans
from lmfit.evaluation.intervals import Estimate, FloatArray, Grouping, IntArray, Support, group_rows
from lmfit.evaluation.numbers import NumberUnits
from lmfit.evaluation.scores import Counted, Scores

Documents = Sequence[str | None] | None
Tags = Sequence[Sequence[str]]
Spans = Sequence[Sequence[Span]]
TagOrder = Callable[[str], tuple[bool, str, str]]


def score_tags(
    gold: Tags,
    predicted: Tags,
    documents: Documents = None,
    *,
    entities: bool = True,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Scores of one tag per word: entities (micro, strict as seqeval's) and words; words alone for plain tags.

    Predicted tags are scored as they are; `entities.repair_iob2` makes them valid. Raises ValueError where gold and
    predicted tags of a sentence differ in number.
    """
    if [len(row) for row in gold] != [len(row) for row in predicted]:
        raise ValueError("gold and predicted tags differ in number")
    group = group_rows(documents, len(gold), "sentences")
    words = _count_words(gold, predicted, group, _iob2_order if entities else _plain_order)
    counted = _with_entities(words, gold, predicted) if entities else words
    return counted.scores(resamples, seed)


def score_spans(
    gold: Spans, predicted: Spans, documents: Documents = None, *, resamples: int = 1000, seed: int = 0
) -> Scores:
    """Scores of entities alone (micro, strict), for rows whose words are not known; offsets of any kind."""
    group = group_rows(documents, len(gold), "sentences")
    types = sorted({span.label for row in chain(gold, predicted) for span in row})
    return _count_entities(gold, predicted, types, group).scores(resamples, seed)


def score_labels(
    gold: Sequence[str],
    predicted: Sequence[str],
    labels: Iterable[str],
    documents: Documents = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Scores of one label per row. `labels` are the model's; others that occur in gold or prediction are added."""
    names = list(dict.fromkeys([*labels, *gold, *predicted]))
    group = group_rows(documents, len(gold), "rows")
    gold_ids, predicted_ids = _ids(gold, names), _ids(predicted, names)
    counts = count_pairs(gold_ids, predicted_ids, group.unit_of_row, (group.count, len(names)))
    units = CountUnits(counts, partial(_label_metrics, names))
    total = ClassSums.split(units.total())
    rows, plain = len(gold), group.name == "rows"
    support = {"accuracy": Support(rows, rows if plain else None), "weighted_f1": Support(rows)}
    support |= dict.fromkeys(("macro_f1", "mcc"), Support(rows, effective=balanced(total)))
    support |= _class_support(total, names, plain=plain)
    tables = {"per_label": class_table(total, names), "confusion": confusion(gold_ids, predicted_ids, names)}
    why = "gold or prediction holds a single label; mcc is then 0 by convention"
    one_label = bool(gold) and 1 in (len(set(gold)), len(set(predicted)))
    settled = {"mcc": Estimate(0.0, note=why)} if one_label else {}
    return Counted("single_label", group, units, support, tables, settled).scores(resamples, seed)


def score_multi_label(
    gold: Sequence[Collection[str]],
    predicted: Sequence[Collection[str]],
    labels: Iterable[str],
    documents: Documents = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Scores of a set of labels per row. `labels` are the model's; others in gold or prediction are added."""
    names = list(dict.fromkeys([*labels, *(label for row in (*gold, *predicted) for label in row)]))
    group = group_rows(documents, len(gold), "rows")
    gold_sets, predicted_sets = [set(row) for row in gold], [set(row) for row in predicted]
    class_of = {name: i for i, name in enumerate(names)}.__getitem__
    counts = count_sets(gold_sets, predicted_sets, class_of, group.unit_of_row, (group.count, len(names)))
    right = np.array([g == p for g, p in zip(gold_sets, predicted_sets, strict=True)], dtype=np.int64)
    whole_rows = count_pairs(np.ones_like(right), right, group.unit_of_row, (group.count, 2))
    units = CountUnits(hstack([counts, whole_rows], format="csr"), partial(_multi_label_metrics, names))
    total = ClassSums.split(units.total()[:, : 3 * len(names)])
    rows, plain = len(gold), group.name == "rows"
    support = {"micro_f1": Support(sum(map(len, gold_sets))), "macro_f1": Support(rows, effective=balanced(total))}
    support |= {"subset_accuracy": Support(rows, rows if plain else None)} | _class_support(total, names, plain=plain)
    tables = {"per_label": class_table(total, names)}
    return Counted("multi_label", group, units, support, tables).scores(resamples, seed)


def score_numbers(
    gold: Sequence[float],
    predicted: Sequence[float],
    documents: Documents = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Scores of one number per row. Numbers that are not finite raise DataError (gold) or LmfitError (predicted)."""
    true, found = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if true.shape != found.shape:
        raise ValueError("gold and predicted numbers differ in number")
    if not np.isfinite(true).all():
        raise DataError(f"the gold number of row {int(np.argmin(np.isfinite(true))) + 1} is not finite")
    if not np.isfinite(found).all():
        raise LmfitError(f"the number predicted for row {int(np.argmin(np.isfinite(found))) + 1} is not finite")
    group = group_rows(documents, len(true), "rows")
    units = NumberUnits(true, found, group.unit_of_row, group.count)
    support = dict.fromkeys(("spearman", "pearson", "mae"), Support(len(true)))
    constant = [name for name, v in (("gold", true), ("predicted", found)) if len(v) and np.ptp(v) == 0]
    why = f"undefined: all {' and all '.join(constant)} numbers are equal"
    settled = dict.fromkeys(("spearman", "pearson"), Estimate(None, note=why)) if constant else {}
    return Counted("regression", group, units, support, {}, settled).scores(resamples, seed)


def _count_words(gold: Tags, predicted: Tags, group: Grouping, order: TagOrder) -> Counted[CountUnits]:
    tags = sorted({tag for row in chain(gold, predicted) for tag in row}, key=order)
    gold_ids, predicted_ids = (_ids(chain.from_iterable(rows), tags) for rows in (gold, predicted))
    unit_of_word = np.repeat(group.unit_of_row, [len(row) for row in gold])
    counts = count_pairs(gold_ids, predicted_ids, unit_of_word, (group.count, len(tags)))
    units = CountUnits(counts, _word_metrics)
    total, every = ClassSums.split(units.total()), len(gold_ids)
    support = dict.fromkeys(("token.accuracy", "token.weighted_f1"), Support(every))
    support["token.macro_f1"] = Support(every, effective=balanced(total))
    tables = {
        "token": class_table(total, tags),
        "confusion": confusion(gold_ids, predicted_ids, tags),
    }
    return Counted("tags", group, units, support, tables)


def _with_entities(words: Counted[CountUnits], gold: Tags, predicted: Tags) -> Counted[CountUnits]:
    types = sorted({tag[2:] for row in chain(gold, predicted) for tag in row if tag.startswith("B-")})
    found = _count_entities(map(spans, gold), map(spans, predicted), types, words.group)
    counts, width = hstack([found.units.counts, words.units.counts], format="csr"), found.units.width

    def metrics(sums: FloatArray) -> dict[str, FloatArray]:
        return found.units.formula(sums[:, :width]) | words.units.formula(sums[:, width:])

    support, tables = found.support | words.support, found.tables | words.tables
    return Counted("entities", words.group, CountUnits(counts, metrics), support, tables)


def _count_entities(
    gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]], types: Sequence[str], group: Grouping
) -> Counted[CountUnits]:
    class_of = {label: i for i, label in enumerate(types)}
    shape = (group.count, len(types))
    counts = count_sets(gold, predicted, lambda s: class_of[s.label], group.unit_of_row, shape)
    units = CountUnits(counts, partial(_entity_metrics, types))
    total = ClassSums.split(units.total())
    found = Support(int(total.gold.sum()))
    support = {"f1": found, "precision": Support(int(total.predicted.sum())), "recall": found}
    support |= _class_support(total, types, plain=False)
    return Counted("entities", group, units, support, {"per_label": class_table(total, types)})


def _ids(items: Iterable[str], names: Sequence[str]) -> IntArray:
    index = {name: i for i, name in enumerate(names)}
    return np.fromiter((index[item] for item in items), np.int64)


def _iob2_order(tag: str) -> tuple[bool, str, str]:
    """By type, B before I, O last."""
    return tag == "O", tag[2:], tag


def _plain_order(tag: str) -> tuple[bool, str, str]:
    return False, "", tag


def _class_support(total: ClassSums, labels: Sequence[str], *, plain: bool) -> dict[str, Support]:
    """What the metrics of each class rest on; `plain`: no unit has two items, so that each is a plain proportion."""
    items = {"f1": total.gold, "precision": total.predicted, "recall": total.gold}
    trials = items | {"f1": total.predicted + total.gold - total.hits}
    return {
        f"per_class.{label}.{part}": Support(int(n[0, c]), int(trials[part][0, c]) if plain else None)
        for c, label in enumerate(labels)
        for part, n in items.items()
    }


def balanced(total: ClassSums) -> int:
    """How many items a mean over classes is worth: C times the harmonic mean of the classes' gold items."""
    gold = total.gold[total.gold > 0]
    return int(len(gold) ** 2 / (1 / gold).sum()) if len(gold) else 0


def _word_metrics(sums: FloatArray) -> dict[str, FloatArray]:
    words = ClassSums.split(sums)
    return {
        "token.accuracy": words.total().recall[:, 0],
        "token.macro_f1": macro(words.f1),
        "token.weighted_f1": weighted(words.f1, words.gold),
    }


def _entity_metrics(types: Sequence[str], sums: FloatArray) -> dict[str, FloatArray]:
    entities = ClassSums.split(sums)
    total = entities.total()
    micro = {"f1": total.f1[:, 0], "precision": total.precision[:, 0], "recall": total.recall[:, 0]}
    return micro | per_class(entities, types)


def _label_metrics(labels: Sequence[str], sums: FloatArray) -> dict[str, FloatArray]:
    classes = ClassSums.split(sums)
    overall = {
        "accuracy": classes.total().recall[:, 0],
        "macro_f1": macro(classes.f1),
        "weighted_f1": weighted(classes.f1, classes.gold),
        "mcc": matthews(classes),
    }
    return overall | per_class(classes, labels)


def _multi_label_metrics(labels: Sequence[str], sums: FloatArray) -> dict[str, FloatArray]:
    classes, rows = ClassSums.split(sums[:, : 3 * len(labels)]), ClassSums.split(sums[:, 3 * len(labels) :])
    overall = {
        "micro_f1": classes.total().f1[:, 0],
        "macro_f1": macro(classes.f1),
        "subset_accuracy": rows.total().recall[:, 0],
    }
    return overall | per_class(classes, labels)
