"""The keys of a config: their types by path, and what to say about a key that does not exist."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from lmfit.catalog import TASK_SETTINGS
from lmfit.config import foreign
from lmfit.config.expect import is_section, members
from lmfit.config.names import closest, listed
from lmfit.config.nodes import Path, dotted
from lmfit.config.section import Section

Schemas = Mapping[Path, type[Section]]
"""The class of the whole config under (), and of sections whose class the config decides, under their path."""


def fields_of(annotation: Any) -> dict[str, FieldInfo]:
    """The keys that a value of this type may have, over all sections of a union."""
    return {name: info for kind in members(annotation) if is_section(kind) for name, info in kind.model_fields.items()}


def type_at(path: Path, schemas: Schemas) -> tuple[Any, Sequence[Any], str]:
    """Type, bounds and sentence of the key at `path`; inside a list or mapping, the sentence of its key."""
    annotation: Any = schemas[()]
    bounds: Sequence[Any] = ()
    sentence = ""
    for depth, part in enumerate(path, start=1):
        field = fields_of(annotation).get(str(part))
        if field is not None:
            annotation, bounds, sentence = field.annotation, field.metadata, field.description or ""
        else:
            annotation, bounds = _element(annotation, part), ()
            if get_origin(annotation) is Annotated:
                annotation, *bounds = get_args(annotation)
        annotation = schemas.get(path[:depth], annotation)
    return annotation, bounds, sentence


def _element(annotation: Any, part: str | int) -> Any:
    """The type of a list's items (for an index) or of a mapping's values (for a name)."""
    container = list if isinstance(part, int) else dict
    return next((get_args(kind)[-1] for kind in members(annotation) if get_origin(kind) is container), Any)


def exists(path: Path, schemas: Schemas) -> bool:
    """Whether the config knows a key at `path`."""
    parent = type_at(path[:-1], schemas)[0]
    return str(path[-1]) in fields_of(parent) or _element(parent, path[-1]) is not Any


def key_paths(schemas: Schemas, path: Path = ()) -> Iterator[Path]:
    """The path of every key, parents first."""
    for name in fields_of(type_at(path, schemas)[0]):
        yield (*path, name)
        yield from key_paths(schemas, (*path, name))


COLON = "write `key: value` with an ASCII colon and a blank after it"


def unknown_key(path: Path, schemas: Schemas) -> tuple[str, str]:
    """What to say of a key that does not exist: the sentence and the way out."""
    parent, name = path[:-1], str(path[-1])
    here = list(fields_of(type_at(parent, schemas)[0]))
    what = f"{dotted(path)}: there is no key `{name}` {f'in `{dotted(parent)}`' if parent else 'at the top level'}"
    everywhere = list(key_paths(schemas))
    same = [other for other in everywhere if other[-1] == name]
    if ":" in name or "：" in name:
        return what, COLON
    if name == "extends":
        return what, "`extends` stands at the top level of a file"
    if same:
        return what, f"it belongs {_under(same)}"
    if advice := foreign.advice(name):
        return what, advice
    if near := closest(name, here):
        return what, f"did you mean `{near}`?"
    if tasks := [task for task in TASK_SETTINGS if name in TASK_SETTINGS.load(task).model_fields]:
        return what, f"it is a setting of {listed(f'`task: {task}`' for task in tasks)}"
    if near := closest(name, [str(other[-1]) for other in everywhere]):
        return what, f"did you mean {listed(f'`{dotted(other)}`' for other in everywhere if other[-1] == near)}?"
    return what, f"known here: {', '.join(here)}"


def _under(paths: Sequence[Path]) -> str:
    parents = [path[:-1] for path in paths]
    names = [f"`{dotted(parent)}`" for parent in parents if parent]
    return f"under {listed(names)}" if names else "at the top level"
