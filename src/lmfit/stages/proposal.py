"""The page that `lmfit init FILE` writes: the config's values, and the evidence that stands beside them."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from lmfit.config.nodes import Path
from lmfit.config.variables import escape
from lmfit.config.yaml import inline
from lmfit.data.propose.evidence import Column, values
from lmfit.data.propose.look import Look
from lmfit.data.propose.roles import LEAST_GROUPS, Roles, problem_of
from lmfit.models.choice import ModelChoice, choose_model

_FEW_ROWS = 300
_DOCUMENTS = 20
_PROBLEMS = {"single_label": "one label", "multi_label": "several labels", "regression": "a number"}
_NO_COLUMN = ("words", "text")


class Page:
    """What is proposed for a file.

    files: split -> file; reading: keys of the `data` section that say how the files are read.
    """

    def __init__(self, look: Look, roles: Roles, files: Mapping[str, str], reading: Mapping[str, Any]) -> None:
        self.look, self.roles, self.files, self.reading = look, roles, files, reading
        self.tagged = "labels" in roles.chosen
        self.target = roles.chosen["labels" if self.tagged else "label"]
        self.text = roles.chosen.get("text") or roles.chosen["tokens"]
        self.problem, self.separator = ("", None) if self.tagged else problem_of(self.target)

    @property
    def extent(self) -> str:
        """How much was read."""
        rows = f"{self.look.rows:,} rows"
        return f"{rows}, all of them" if self.look.whole else f"the first {rows}; the file has more"

    @cached_property
    def language(self) -> str:
        """Language or script of the texts."""
        return (self.text.letters if self.text.characters else self.text.item_letters).language

    @cached_property
    def model(self) -> ModelChoice:
        """The model to start from."""
        return choose_model(self.language, self.look.rows)

    @property
    def task(self) -> str:
        """The task's name."""
        return "token-classification" if self.tagged else "text-classification"

    @property
    def config(self) -> dict[str, Any]:
        """The config, with nothing but what was found out."""
        settings = {} if self.problem in ("", "single_label") else {"problem": self.problem}
        made: dict[str, Any] = {
            "task": {"name": self.task, **settings} if settings else self.task,
            "model": self.model.name,
            "data": self._data(),
            "training": dict(self.model.training),
        }
        return made | ({"evaluation": {"language": "zh"}} if self.language == "Chinese" else {})

    def _data(self) -> dict[str, Any]:
        share = self._share()
        files = {split: escape(file) for split, file in self.files.items()}
        splits = {split: files.get(split, share) for split in ("train", "validation", "test")}
        known = {key: value for key, value in self.reading.items() if key != "format"}
        columns = {"columns": self._columns()} if self._columns() else {}
        separator = {"label_separator": self.separator} if self.separator else {}
        return {"format": self.reading.get("format", "auto"), **splits, **known, **columns, **separator}

    def _share(self) -> dict[str, Any]:
        """What is split off the training data: a tenth, a fifth of few rows; by group or by class where there are."""
        share: dict[str, Any] = {"split": 0.1 if self.look.rows >= _FEW_ROWS else 0.2}
        group = self.roles.chosen.get("document")
        if self.look.documents >= _DOCUMENTS or (group is not None and group.distinct >= LEAST_GROUPS):
            return share | {"by": "group", "key": "document"}
        by_class = self.problem == "single_label" and not self.target.kinds["list"]
        return share | ({"by": "stratified"} if by_class else {})

    def _columns(self) -> dict[str, Any]:
        if self.look.kind in _NO_COLUMN:
            return dict(self.look.columns_asked)
        named = self.look.named
        return {role: escape(c.name) if named else int(c.name) for role, c in self.roles.chosen.items()}

    @property
    def notes(self) -> dict[Path, list[str]]:
        """The evidence by the key that it stands beside."""
        model, look = self.model, self.look
        notes: dict[Path, list[str]] = {
            ("task",): [self._about_labels()],
            ("model",): [f"{self.language or 'no letters'}: {model.why}", *([model.better] if model.better else [])],
            ("data",): look.notices,
            ("data", "train"): [self.extent],
        }
        for split in ("validation", "test"):
            if split not in self.files:
                notes["data", split] = [self._about_share()]
        notes |= {("data", "columns", role): [c.seen] for role, c in self.roles.chosen.items() if look.kind == "record"}
        if self.roles.unused:
            notes["data", "columns"] = [self._about_unused(column) for column in self.roles.unused]
        if look.kind != "record":
            notes["data", "train"].append(f"texts: {self.text.seen}")
        if self.language == "Chinese":
            notes["evaluation",] = ["the report in Chinese, as the texts are; or en"]
        return notes

    def _about_labels(self) -> str:
        """`情感: 3 values: ... (one label)`."""
        kind = f" ({_PROBLEMS[self.problem]})" if self.problem else ""
        if self.separator is None:
            return f"{self.target.name}: {self.target.seen}{kind}"
        counts = self.target.parts[self.separator].counts
        return f"{self.target.name}: {len(counts)} labels between {self.separator!r}: {values(counts)}{kind}"

    def _about_unused(self, column: Column) -> str:
        """An unused column; what is sorted by date is best tested on its newest rows."""
        dated = column.mostly("date") and not column.empty
        newest = f"; the newest rows as test: {{split: 0.1, by: date, key: {inline(column.name)}}}" if dated else ""
        return f"not used: {column.name}: {column.seen}{newest}"

    def _about_share(self) -> str:
        group = self.roles.chosen.get("document")
        if "key" in self._share():
            what = f"rows with the same {group.name}" if group else "sentences of a document"
            return f"no file: taken from the training data; {what} stay on one side"
        each = "the same share of each class, " if "by" in self._share() else ""
        return f"no file: rows of the training data, {each}chosen by a hash of their text"

    @property
    def lines(self) -> list[str]:
        """What was guessed, in a few lines."""
        reading = ", ".join(f"{key} {inline(value)}" for key, value in self.reading.items())
        chosen = self.roles.chosen.items()
        roles = [f"{role}: " + (f"{c.name}; " if c.name != role else "") + c.seen for role, c in chosen]
        better = [f"  {self.model.better}"] if self.model.better else []
        return [
            f"{self.files['train']}: {self.extent}; {reading}",
            f"task: {self.task}; {self._about_labels()}",
            *roles,
            f"language: {self.language or 'no letters'}",
            f"model: {self.model.name} ({self.model.why})",
            *better,
        ]
