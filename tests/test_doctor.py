"""What `lmfit doctor` tells of the machine."""

import tomllib
from pathlib import Path

from lmfit.doctor import examine

FOR_DEVELOPERS = {"bench", "dev"}


def test_all_extras_of_the_package_are_told() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = {part.partition(":")[0] for part in examine()["extras"].split(", ")}
    assert told == project["optional-dependencies"].keys() - FOR_DEVELOPERS
