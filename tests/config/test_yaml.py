import math
from pathlib import Path

import pytest

from lmfit.config.nodes import Mistake, plain
from lmfit.config.yaml import dump, parse, read_text
from lmfit.errors import ConfigError


def read(text: str) -> object:
    mistakes: list[Mistake] = []
    node = parse(text, "c.yaml", mistakes)
    assert not mistakes
    return plain(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("5e-5", 5e-5),
        (".5", 0.5),
        ("-.5e+2", -50.0),
        ("1.", 1.0),
        ("+12", 12),
        ("0", 0),
        ("0o17", 15),
        ("0x1f", 31),
        ("-.inf", -math.inf),
        ("null", None),
        ("~", None),
        ("", None),
        ("True", True),
        ("false", False),
    ],
)
def test_core_schema_scalars(text: str, value: object) -> None:
    result = read(f"k: {text}")
    assert result == {"k": value}
    assert type(result["k"]) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "NA",
        "12:30",
        "2024-01-01",
        "1_000",
        "0777",
        "007.5",
        "1e",
        "0b1",
        ".",
        "nUll",
        "=",
        "inf",
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    assert read(f"k: {text}") == {"k": text}


def test_quotes_make_text() -> None:
    assert read("a: '3'\nb: \"true\"\nc: !!str 5") == {"a": "3", "b": "true", "c": "5"}


def test_keys_are_text() -> None:
    assert read("{0: a, true: b, 1.0: c}") == {"0": "a", "true": "b", "1.0": "c"}


def test_aliases_are_copies() -> None:
    assert read("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


def test_every_key_and_value_knows_its_line() -> None:
    node = parse("a: 1\nb:\n  c:\n    - x\n    - y\n", "c.yaml", [])
    c = node.keys["b"].keys["c"]
    assert (node.keys["b"].place.line, c.place.line, c.start.line, c.value[1].place.line) == (2, 3, 4, 5)


def test_repeated_key_names_both_lines() -> None:
    mistakes: list[Mistake] = []
    parse("a: 1\nb: 2\na: 3\n", "c.yaml", mistakes)
    (mistake,) = mistakes
    assert mistake.place.line == 3
    assert "`a`" in mistake.what
    assert "lines 1 and 3" in mistake.what


@pytest.mark.parametrize("text", ["a: !foo x", "a: !!python/object:os.system {}", "? [a]\n: b", "<<: {a: 1}", "a: |"])
def test_what_a_config_cannot_use_is_a_mistake(text: str) -> None:
    mistakes: list[Mistake] = []
    parse(text, "c.yaml", mistakes)
    assert len(mistakes) == 1


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("a:\n\tb: 1", "c.yaml:2:1", "tab"),
        ("a:\n  b: 1\n \t c: 1", "c.yaml:3:2", "tab"),
        ("task：x\ndata: y", "c.yaml:1:5", "full-width"),
        ("a: 1\nb: 'x\nc: 2\n", "c.yaml:2:4", "quote opened here"),
        ("a: {b: 1\nc: 2", "c.yaml:1:4", "bracket opened here"),
        ("a: [1, 2\nb: 3", "c.yaml:1:4", "bracket opened here"),
        ("a: *.txt", "c.yaml:1:5", "quotes"),
        ("a: @x", "c.yaml:1:4", "quotes"),
        ("a: b: c", "c.yaml:1:5", "quotes"),
        ('a: "C:\\data"', "c.yaml:1:7", "single quotes"),
        ("a:\n  b: 1\n c: 2", "c.yaml:3:2", "same column"),
        ("a: 1\nb", "c.yaml:3:1", "colon"),
        ("a: {b: ${N}}", "c.yaml:1:8", 'around "${NAME}"'),
        ("a: 1\n---\nb: 2", "c.yaml:2:1", "one config"),
        ("a: 1\nb: x\x00y", "c.yaml:2:5", "control character"),
    ],
)
def test_syntax_errors_are_located_and_explained(text: str, where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "c.yaml", [])
    (problem,) = error.value.problems
    assert problem.where == where
    assert hint in problem.fix


def test_recursive_alias_is_refused() -> None:
    with pytest.raises(ConfigError, match="alias"):
        parse("a: &x [*x]", "c.yaml", [])


def test_multiplying_aliases_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    with pytest.raises(ConfigError, match="aliases"):
        parse("\n".join(lines), "c.yaml", [])


def test_deep_nesting_is_refused_without_a_crash() -> None:
    with pytest.raises(ConfigError, match="deeply"):
        parse("[" * 200_000, "c.yaml", [])


def test_config_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes("a: 1\nb: Müller\n".encode("latin-1"))
    with pytest.raises(ConfigError) as error:
        read_text(file)
    assert error.value.problems[0].where == f"{file}:2"


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbftask: x")
    assert read(read_text(tmp_path / "c.yaml")) == {"task": "x"}


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "ner.yaml").touch()
    for wrong in ("nerr.yaml", "ner", "ner.yml"):
        with pytest.raises(ConfigError) as error:
            read_text(tmp_path / wrong)
        assert str(tmp_path / "ner.yaml") in error.value.problems[0].fix


def test_folder_given_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError) as error:
        read_text(tmp_path)
    assert "folder" in error.value.problems[0].what
    assert "config.yaml" in error.value.problems[0].fix


@pytest.mark.parametrize(
    "value",
    [
        "1e-3",
        "no",
        "null",
        "",
        " x ",
        "12:30",
        "0o17",
        "a: b",
        "x #y",
        "a\nb",
        "${X}",
        "名前",
        "😀",
        "'",
        '"',
        "\x85",
        "*",
        "{",
        1e-8,
        3,
        True,
        None,
    ],
)
def test_dump_reads_back(value: object) -> None:
    config = {"a": value, "b": {"c": value, "d": [value, {"e": value}], "f": {}}}
    assert read(dump(config)) == config
