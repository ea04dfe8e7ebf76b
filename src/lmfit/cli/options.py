"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(help="A YAML file.", metavar="CONFIG")]
Words = Annotated[list[str] | None, typer.Argument(help="Overrides: key.path=value.", metavar="[KEY=VALUE]...")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="An override, the same as a KEY=VALUE word.", metavar="KEY=VALUE")
]
RunName = Annotated[
    str | None, typer.Option("--run", "-r", help="A run or model folder; default: the newest finished run.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Where the result goes.")]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Seeds = Annotated[
    str | None, typer.Option("--seeds", help="Train once with each, e.g. 1,2,3: mean, spread, both in one interval.")
]
Note = Annotated[str | None, typer.Option("--note", help="A remark, shown by lmfit runs; '' takes it away.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find runs by; repeatable.", metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notices, no progress; warnings and errors stay.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not even try to reach the Hub.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Move an old run of that name to NAME.old-1.")]
Require = Annotated[
    list[str] | None, typer.Option("--require", help="Exit 3 unless it holds, e.g. 'test.f1.low>=0.88'.")
]
