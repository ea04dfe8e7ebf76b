"""Labels: spelt in several ways, rare, unknown to the training data, never measured."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from lmfit.data.audit.scan import Profile
from lmfit.data.findings import SHOWN_PLACES, Finding
from lmfit.data.normal import normal_form

FEW_ROWS, TOO_FEW_ROWS = 5, 2
_SHOWN = 5
_WHOLE = re.compile(r"([+-]?\d+)\.0+")

LabelPlaces = Mapping[str, Mapping[str, list[str]]]


def find_label_doubts(profiles: Mapping[str, Profile], places: LabelPlaces) -> list[Finding]:
    """All findings about labels. places: split -> label -> where it first stands."""
    found = [*find_variants(profiles, places), *find_rare(profiles["train"], places["train"])]
    for name, profile in profiles.items():
        if name != "train":
            found += find_unseen(name, profile, profiles["train"], places[name])
    return found


def find_variants(profiles: Mapping[str, Profile], places: LabelPlaces) -> list[Finding]:
    """Labels of all splits that differ in nothing but case, blanks, full-width forms or a .0 at their end."""
    groups: dict[str, set[str]] = defaultdict(set)
    for profile in profiles.values():
        for label in profile.labels:
            groups[_WHOLE.sub(r"\1", normal_form(label))].add(label)
    alike = [sorted(group) for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    told = "; ".join(" and ".join(_counted(label, profiles) for label in group) for group in alike[:_SHOWN])
    what = f"{_of('label', len(alike))} written in several ways: {told}{_more(alike)}"
    where = [
        place for name in profiles for group in alike for label in group[1:] for place in places[name].get(label, [])
    ]
    fix = "they count as different labels; write each in one way"
    return [Finding("label-variants", "warning", what, "", len(where), tuple(where[:SHOWN_PLACES]), fix)]


def find_rare(train: Profile, places: Mapping[str, list[str]]) -> list[Finding]:
    """Labels with fewer than 2, and with fewer than 5 training rows."""
    found = []
    for least, most in ((1, TOO_FEW_ROWS), (TOO_FEW_ROWS, FEW_ROWS)):
        rare = [label for label, count in train.labels.items() if least <= count < most]
        if not rare:
            continue
        held = "one training example" if most == TOO_FEW_ROWS else f"fewer than {FEW_ROWS} training examples"
        what = f"{_of('label', len(rare))} with {held}: {_listed(rare, train)}"
        where = tuple(place for label in rare for place in places.get(label, ()))
        fix = "label more of them, or join them to another label"
        found.append(Finding("rare-labels", "warning", what, "train", len(rare), where[:SHOWN_PLACES], fix))
    return found


def find_unseen(name: str, split: Profile, train: Profile, places: Mapping[str, list[str]]) -> list[Finding]:
    """Labels of a split that train does not have (an error where it has none of them), and those only train has."""
    unseen = [label for label in split.labels if label not in train.labels]
    missing = [label for label in train.labels if label not in split.labels]
    found = []
    if unseen:
        none = split.rows and len(unseen) == len(split.labels)
        what = f"{_of('label', len(unseen))} not in the training data and can never be right: {_listed(unseen, split)}"
        what = f"no label is in the training data, so nothing can be right: {_listed(unseen, split)}" if none else what
        where = tuple(place for label in unseen for place in places.get(label, ()))[:SHOWN_PLACES]
        count = sum(split.labels[label] for label in unseen)
        fix = f"training has {_listed(list(train.labels), train)}; correct the labels of {name}"
        fix = fix if none else f"add training rows with these labels, or take the rows out of {name}"
        found.append(Finding("unseen-labels", "error" if none else "warning", what, name, count, where, fix))
    if missing and split.labels:
        what = (
            f"{_of('label', len(missing))} of the training data not in it, so never measured: {_listed(missing, train)}"
        )
        found.append(Finding("unmeasured-labels", "notice", what, name, len(missing)))
    return found


def _counted(label: str, profiles: Mapping[str, Profile]) -> str:
    held = ", ".join(f"{name} {p.labels[label]:,}" for name, p in profiles.items() if label in p.labels)
    return f"`{label}` ({held})"


def _listed(labels: Iterable[str], profile: Profile) -> str:
    names = list(labels)
    return ", ".join(f"{label} ({profile.labels[label]:,})" for label in names[:_SHOWN]) + _more(names)


def _more(items: list[str] | list[list[str]]) -> str:
    return f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""


def _of(what: str, count: int) -> str:
    return f"1 {what} is" if count == 1 else f"{count:,} {what}s are"
