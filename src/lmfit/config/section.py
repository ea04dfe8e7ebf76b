"""What every part of a config is made of."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the config. Unknown keys and wrong types are refused; values cannot change after loading."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class TaskSettings(Section):
    """The `task:` section; each task's settings extend it (lmfit.config.tasks)."""

    heads: ClassVar[tuple[str, ...]] = ("linear",)
    """What model.head may be."""
    pools: ClassVar[bool] = False
    """Whether a text is pooled, so that model.pooling has a meaning."""

    name: str
    """The task, of `lmfit list tasks`."""


Column = int | str
