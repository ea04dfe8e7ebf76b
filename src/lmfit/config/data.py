"""The `data:` section."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lmfit.catalog import FORMATS
from lmfit.config.choice import OneOf
from lmfit.config.section import Column, Section


class SplitConfig(Section):
    """A part split off the training data, by a column or by a hash of the text, so that equal texts fall on one side.

    Rows added later move no old ones where a hash decides (stratified: at most a few next to the border).
    """

    split: float = Field(gt=0, lt=1)
    """Share of the training rows, e.g. 0.1."""
    by: Literal["random", "stratified", "group", "date"] = "random"
    """random; stratified: the same share of each class; group: whole groups of rows; date: the newest rows."""
    key: Column | None = None
    """The column that holds the group or the date; stratified: a column that stands for the label."""
    date_format: str = "auto"
    """How dates are written, e.g. "%d.%m.%y"; auto: found out on the whole column, and said."""

    @model_validator(mode="after")
    def _needs_key(self) -> "SplitConfig":
        if self.by in ("group", "date") and self.key is None:
            raise ValueError(f"by: {self.by} needs key: the column that holds the {self.by}")
        return self


class FileConfig(Section):
    """One of several files of a split, with what its rows weigh and where they come from."""

    path: str
    """A path or a glob; with `format: hub` a split name."""
    weight: float = Field(default=1.0, gt=0)
    """What each row of the file weighs in the training loss (others: 1); scores do not weigh rows."""
    source: str | None = None
    """A name for where the rows come from, kept with each row."""


Files = str | list[str | FileConfig]


class FoldsConfig(Section):
    """Cross-validation: each fold of the training data is once the validation data; then one model on all rows."""

    folds: int = Field(ge=2, le=1000)
    """How many parts."""
    by: Literal["random", "group", "stratified"] = "random"
    """random: by a hash of the text; group: rows with the same `key` share a fold; stratified: each class evenly."""
    key: Column | None = None
    """The column that holds the group; stratified: a column that stands for the label."""
    fold: int | None = Field(default=None, ge=0)
    """Train one model alone, with this fold (from 1) as validation data, or on all rows (0); null: all in turn."""

    @model_validator(mode="after")
    def _group_needs_key(self) -> "FoldsConfig":
        if self.by == "group" and self.key is None:
            raise ValueError("by: group needs key: the column that holds the group")
        if self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} does not exist")
        return self


class DataConfig(Section):
    """Where the labelled data is and how to read it."""

    name: str | None = None
    """A name of `lmfit list datasets`, or with `format: hub` a Hub data set id."""
    format: Annotated[str, OneOf(FORMATS, "auto")] = "auto"
    """File format, of `lmfit list formats`; auto: by suffix or contents, and what was chosen is said."""
    train: Files | None = None
    """Training file: a path, a glob or a list of them, also of {path, weight, source}; with `format: hub` a split."""
    validation: Files | SplitConfig | FoldsConfig | None = None
    """Validation file, or {split: 0.1} to split it off the training data, or {folds: 5} for cross-validation."""
    test: Files | SplitConfig | None = None
    """Test file, or {split: 0.1} to split it off the training data."""
    columns: dict[str, Column | list[Column]] = Field(default_factory=dict)
    """Where tokens, labels, text, text_pair, label, id, document stand: name, position (-1: last) or a list of them."""
    header: Literal["auto"] | bool = "auto"
    """Whether the first row of a table names its columns."""
    delimiter: str = "auto"
    """What separates columns (csv, tsv) or the label from the text (text); auto is found out and said."""
    quoting: Literal["auto", "standard", "none"] = "auto"
    """Whether double quotes enclose fields of a table; auto: standard for csv, none for tsv."""
    sheet: Column | None = None
    """Sheet of an .xlsx file: its name, or its position from 0; null: the first one."""
    encoding: str = "auto"
    """Text encoding; auto: UTF-8, else what the bytes show, and it is said."""
    label_first: bool = True
    """Text format: the label stands before the text (true) or after it (false)."""
    label_separator: str | None = None
    """Multi-label tables: what separates the labels in one field."""
    unfit_spans: Literal["stop", "drop"] = "stop"
    """Marked spans that no tag per word can hold (they overlap, lie outside, have gaps): an error, or left out."""
    scheme: Literal["auto", "IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BMES", "plain"] = "auto"
    """Tagging scheme, normalised to IOB2; plain: tags without prefixes (parts of speech)."""
    words: Literal["auto", "whitespace", "unicode", "characters"] = "auto"
    """How raw text becomes words; auto: characters for Han text, else unicode. Stored with the model."""
    max_length: int | None = Field(default=None, ge=8)
    """Longest model input in tokens; null: 256, or the model's positions where they are fewer."""
    overflow: Literal["window", "truncate", "error"] = "window"
    """What becomes of longer inputs: overlapping windows whose answers are joined, a cut, or an error."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first n examples of each split, test too: for a quick try, whose scores compare with no other."""
    limit_per_class: int | None = Field(default=None, ge=1)
    """Use only n training examples of each class (chosen by hash); text classification only."""
    limit_train: int | None = Field(default=None, ge=2)
    """Use only n training examples, chosen by hash, of each class its share; fewer are part of more."""
    split_seed: int = 0
    """Changes which rows `split` takes; independent of `seed`."""
    revision: str | None = None
    """Branch, tag or commit of a Hub data set."""
    subset: str | None = None
    """Configuration name of a Hub data set that has several."""

    @model_validator(mode="after")
    def _something_to_read(self) -> "DataConfig":
        if self.name is None and self.train is None:
            raise ValueError("say what to train on: data.train: FILE, or data: NAME of `lmfit list datasets`")
        if self.format == "hub" and self.name is None:
            raise ValueError("format: hub needs name: the id of the data set on the Hub")
        for name in ("validation", "test"):
            files = getattr(self, name)
            given = files if isinstance(files, list) else []
            if any(isinstance(file, FileConfig) and file.weight != 1 for file in given):
                raise ValueError(f"weight acts on training rows only; take it out of {name}")
        return self
