"""A config against its schema: the typed objects, or every mistake in it."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lmfit.catalog import TASK_SETTINGS
from lmfit.config.contradictions import contradictions
from lmfit.config.expect import found
from lmfit.config.keys import Schemas, exists, unknown_key
from lmfit.config.layers import SOURCES, Override
from lmfit.config.names import closest
from lmfit.config.nodes import Mistake, Node, Path, dotted, find, plain, refuse
from lmfit.config.problems import retell
from lmfit.config.schema import SEARCH, STAGE_CONFIGS, TaskSettings
from lmfit.config.section import Section

COMPRESSION = "compression"


def checked(tree: Node, stage: str, given: Sequence[Override], mistakes: list[Mistake]) -> Section | None:
    """The typed config, or None and entries in `mistakes`."""
    if stage == SEARCH:
        return _checked_search(tree, given, mistakes)
    if COMPRESSION in tree.keys and COMPRESSION not in STAGE_CONFIGS[stage].model_fields:
        what = f"{COMPRESSION}: this is for `lmfit compress`, which makes a finished run smaller"
        fix = "lmfit compress RUN --config FILE"
        refuse([*mistakes, Mistake(tree.keys[COMPRESSION].place, what, fix, (COMPRESSION,))])
    return _checked(STAGE_CONFIGS[stage], tree, given, mistakes)


def _checked_search(tree: Node, given: Sequence[Override], mistakes: list[Mistake]) -> Section | None:
    """A search's config: its own section, the rest as the stage has it, and the space against the keys of the stage."""
    from lmfit.config.search import STAGES, searched, searched_stage
    from lmfit.config.spaces import gathered, space_mistakes

    tree = gathered(tree, mistakes)
    named = find(tree, (SEARCH, "stage"))
    stage = searched_stage(tree.keys, None if named is None else named.value)
    if stage not in STAGES:
        what = f"search: trials of `lmfit {stage}` cannot be trained yet; known: {', '.join(STAGES)}"
        refuse([*mistakes, Mistake(tree.keys[SEARCH].place if SEARCH in tree.keys else tree.place, what)])

    def check(varied: Node) -> list[Mistake]:
        found: list[Mistake] = []
        _checked(STAGE_CONFIGS[stage], varied, (), found)
        return found

    config = _checked(searched(stage), tree, given, mistakes)
    schemas: Schemas = {(): STAGE_CONFIGS[stage], ("task",): _task_settings(tree, ("task",), [])}
    told = {mistake.path[:3] for mistake in mistakes}
    mistakes += [mistake for mistake in space_mistakes(tree, stage, schemas, check) if mistake.path not in told]
    return config


def _checked(root: type[Section], tree: Node, given: Sequence[Override], mistakes: list[Mistake]) -> Section | None:
    schemas: dict[Path, type[Section]] = {(): root}
    values: Any = {name: plain(node) for name, node in tree.keys.items()}
    errors: list[ErrorDetails] = []
    for path in _tasks(tree) if "task" in root.model_fields else ():
        schemas[path] = _task_settings(tree, path, mistakes)
        holder = reduce(getitem, path[:-1], values)
        task, wrong = _validated(schemas[path], holder.get(path[-1], {}), path)
        holder[path[-1]] = task or TaskSettings(name="")
        errors += wrong
    config, more = _validated(root, values, ())
    told = {mistake.path for mistake in mistakes if mistake.path}
    retold = [m for m in retell([*errors, *more], tree, schemas) if m.path not in told]
    mistakes += [*retold, *_unknown_removals(given, schemas)]
    mistakes += contradictions(tree, schemas, mistakes)
    return config if isinstance(config, root) else None


def _tasks(tree: Node) -> Iterator[Path]:
    """Where tasks stand: at the top, and in those sources of a transfer that name their own."""
    yield ("task",)
    sources = find(tree, SOURCES)
    for number, source in enumerate(sources.value if sources and isinstance(sources.value, list) else ()):
        if "task" in source.keys and source.keys["task"].value is not None:
            yield (*SOURCES, number, "task")


def _validated(schema: type[Section], values: object, path: Path) -> tuple[Section | None, list[ErrorDetails]]:
    try:
        return schema.model_validate(values), []
    except ValidationError as error:
        return None, [{**details, "loc": (*path, *details["loc"])} for details in error.errors(include_url=False)]


class _AnySettings(TaskSettings):
    """Stands for the settings of a task that is not known; nothing in them is checked."""

    model_config = ConfigDict(extra="allow")
    name: Any = None


def _task_settings(tree: Node, path: Path, mistakes: list[Mistake]) -> type[Section]:
    """The settings class of the task at `path`; an open one and an entry in `mistakes` where the task is unclear."""
    task, name = find(tree, path), find(tree, (*path, "name"))
    if name is not None and isinstance(name.value, str) and name.value in TASK_SETTINGS:
        settings: type[Section] = TASK_SETTINGS.load(name.value)
        return settings
    called = dotted(path)
    fix = f"known: {', '.join(TASK_SETTINGS)}"
    if name is not None:
        shown = name.safe or str(name.value)
        near = closest(shown, TASK_SETTINGS)
        what, fix = f"{called}: there is no task `{shown}`", f"did you mean `{near}`?" if near else fix
    elif task is None or isinstance(task.value, dict):
        what = f"{called}: is missing" if task is None else f"{called}.name: is missing"
    else:
        what = f"{called}: expected a name or a mapping, found {found(task)}"
    mistakes.append(Mistake((name or task or tree).place, what, fix, path))
    return _AnySettings


def _unknown_removals(given: Sequence[Override], schemas: Schemas) -> list[Mistake]:
    """`key=null` for keys that do not exist: nothing is left in the config that would tell."""
    mistakes = []
    for override in given:
        prefixes = [override.path[:end] for end in range(1, len(override.path) + 1)]
        unknown = next((path for path in prefixes if not exists(path, schemas)), None)
        if override.value is None and unknown:
            mistakes.append(Mistake(override.node.start, *unknown_key(unknown, schemas), unknown))
    return mistakes
