"""YAML syntax errors in words: where it went wrong and what is probably meant."""

import re

import yaml

from lmfit.errors import ConfigError

_FULL_WIDTH_COLON = re.compile(r"\s*-?\s*[\w.]+：")
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_BRACKETS = ("while parsing a flow mapping", "while parsing a flow sequence", "while parsing a flow node")


def syntax_error(error: Exception, text: str, file: str) -> ConfigError:
    """The ConfigError for what PyYAML found in `text`; `where` is file:line:column."""
    if isinstance(error, yaml.MarkedYAMLError):
        line, column, fix = _diagnosis(error, _LINE_BREAK.split(text))
    else:
        line, column = _control_character(text)
        fix = "remove the invisible control character there"
    return ConfigError("this is not valid YAML", where=f"{file}:{line}:{column}", fix=fix)


def _diagnosis(error: yaml.MarkedYAMLError, lines: list[str]) -> tuple[int, int, str]:
    """1-based line and column of the mistake (where the open quote or bracket is, if one is open) and the way out."""
    problem = error.problem_mark or error.context_mark
    line, column = (problem.line, problem.column) if problem else (0, 0)
    for number in range(min(line, len(lines) - 1), max(line - 3, -1), -1):
        indent = re.match(r"[ ]*\t", lines[number])
        if indent:
            return number + 1, indent.end(), "the line is indented with a tab; use blanks"
        colon = _FULL_WIDTH_COLON.match(lines[number])
        if colon:
            return number + 1, colon.end(), "the colon is full-width (：); write `: `, an ASCII colon and a blank"
    context, opened = error.context or "", error.context_mark
    here = lines[line][column:] if line < len(lines) else ""
    if opened and context.endswith("quoted scalar") and "unexpected end" in (error.problem or ""):
        return opened.line + 1, opened.column + 1, "the quote opened here is not closed"
    if opened and context.startswith(_BRACKETS):
        if here.startswith("{") and lines[line][column - 1 : column] == "$":
            return line + 1, column, 'inside brackets put quotes around "${NAME}"'
        return opened.line + 1, opened.column + 1, "the bracket opened here is not closed, or a comma is missing in it"
    return line + 1, column + 1, _hint(error, here)


def _hint(error: yaml.MarkedYAMLError, here: str) -> str:
    context, problem = error.context or "", error.problem or ""
    if "alias" in context or "alias" in problem or here[:1] in tuple("@`%!&|>*"):
        return "put quotes around a value that begins with a sign, such as '*.txt'"
    if "escape" in problem:
        return r"a backslash is special in double quotes; use single quotes: 'C:\data'"
    if "mapping values" in problem:
        return "put quotes around a value that holds `: `; else the keys of a section must start in the same column"
    if "expected key" in problem or "block end" in problem:
        return "the keys of a section must start in the same column, and nothing may follow a closing quote"
    if "single document" in context:
        return "one file holds one config; remove the line `---`"
    if "':'" in problem:
        return "a key needs a colon and a blank: `key: value`"
    return f"the parser says: {problem}"


def _control_character(text: str) -> tuple[int, int]:
    """1-based line and column of the first character that YAML does not allow."""
    bad = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    before = text[: bad.start()] if bad else ""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
