import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmfit.config import named
from lmfit.config.load import LoadedConfig, dump, load_config
from lmfit.errors import ConfigError, Problem

BASE = "task: token-classification\ndata: {train: a.conll}\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "c.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(text: str, *overrides: str) -> LoadedConfig:
    return load_config("finetune", write(text), overrides)


def problems(text: str, *overrides: str) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        load(text, *overrides)
    return list(error.value.problems)


def problem(text: str, *overrides: str) -> Problem:
    (only,) = problems(text, *overrides)
    return only


def data_set(monkeypatch: pytest.MonkeyPatch, **section: Any) -> None:
    """Make `packaged` the one data set that comes with lmfit."""

    class Sets(dict[str, str]):
        load = staticmethod(lambda name: section)

    sets = Sets(packaged="")
    monkeypatch.setattr(named, "DATASETS", sets)
    monkeypatch.setattr("lmfit.config.load.DATASETS", sets)


def test_names_stand_for_mappings_with_a_name() -> None:
    config = load("task: token-classification\nmodel: m\ndata: {train: x}").config
    assert (config.task.name, config.model.name) == ("token-classification", "m")


def test_settings_of_the_task_have_their_own_class() -> None:
    config = load("task: {name: token-classification, label_subwords: all}\ndata: {train: x}").config
    assert config.task.label_subwords == "all"


def test_paths_stay_as_written() -> None:
    assert load("task: text-classification\ndata: {train: ../x/*.csv}").config.data.train == "../x/*.csv"


def test_five_mistakes_are_five_entries_with_line_and_fix() -> None:
    text = """\
task: token-clasification
learning_rate: 5e-5
model: {freez: 2}
data:
  train: a.conll
  limit: "3"
training:
  num_train_epochs: 3
"""
    entries = [(p.where, p.what, p.fix) for p in problems(text)]
    assert entries == [
        ("c.yaml:1", "task: there is no task `token-clasification`", "did you mean `token-classification`?"),
        ("c.yaml:2", "learning_rate: there is no key `learning_rate` at the top level", "it belongs under `training`"),
        ("c.yaml:3", "model.freez: there is no key `freez` in `model`", "did you mean `freeze`?"),
        (
            "c.yaml:6",
            'data.limit: expected a whole number (at least 1) or null, found the text "3"',
            "quotes make it text; write 3 without them",
        ),
        (
            "c.yaml:8",
            "training.num_train_epochs: there is no key `num_train_epochs` in `training`",
            "num_train_epochs: Hugging Face's name; here training.epochs",
        ),
    ]


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        (
            "training: {evaluate_every: x}",
            'training.evaluate_every: expected epoch, a whole number or a share, found the text "x"',
            "When to evaluate",
        ),
        (
            "training: {epochs: -1}",
            "training.epochs: expected a number (above 0) or null, found the number -1",
            "Passes",
        ),
        ("training: {precision: bf15}", "expected auto, fp32, bf16 or fp16", "did you mean `bf16`?"),
        ("training: {adam_betas: [1, 2, 3]}", "expected a list of numbers (2 of them), found a list of 3", "AdamW"),
        ("training: {adam_betas: [1, x]}", 'training.adam_betas[1]: expected a number, found the text "x"', "AdamW"),
        ("training: {learning_rate: .inf}", "training.learning_rate: expected a number (above 0)", "Peak"),
        ("training: {batch_size: 1.5}", "expected a whole number (at least 1), found the number 1.5", "Examples"),
        ("training: {budget: soon}", "training.budget: `soon` is no duration", "Wall-clock"),
        ("training: {early_stopping: {patience: 0}}", "training.early_stopping.patience: expected", "Evaluations"),
        ("training: [a]", "training: expected a mapping, found a list of 1", ""),
        ("training:", "training: expected a mapping, found nothing (null)", "remove the line"),
        ("training:\n  epochs：3", 'found the text "epochs：3"', "ASCII colon"),
        ("training: {epochs:3}", "there is no key `epochs:3`", "ASCII colon"),
        ("model: 5", "model: expected a name or a mapping, found the number 5", ""),
        ("model: {name: 5}", "model.name: expected text, found the number 5", 'quotes around it: "5"'),
        ("evaluation: {texts: no}", 'expected true or false, found the text "no"', "write false"),
        ("evaluation: {texts: 'true'}", 'expected true or false, found the text "true"', "without them"),
        (
            "lerning_rate: 1",
            "there is no key `lerning_rate` at the top level",
            "did you mean `training.learning_rate`?",
        ),
        ("Seed: 1", "there is no key `Seed`", "did you mean `seed`?"),
        ("training: {extends: x}", "there is no key `extends`", "top level"),
        ("evaluation: {patience: 1}", "there is no key `patience`", "it belongs under `training.early_stopping`"),
        ("xyzzy: 1", "there is no key `xyzzy`", "known here: task, model"),
    ],
)
def test_one_sentence_for_one_mistake(line: str, what: str, fix: str) -> None:
    entry = problem(BASE + line)
    assert entry.where.startswith("c.yaml:")
    assert what in entry.what
    assert fix in entry.fix


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (
            "{train: [a, 5]}",
            "data.train[1]: expected text or a mapping with path, weight and source, found the number 5",
        ),
        ("{train: [a, {path: b, wieght: 2}]}", "data.train[1].wieght: there is no key `wieght`"),
        ("{train: [a, {path: b, weight: 0}]}", "data.train[1].weight: expected a number (above 0)"),
        ("{train: {file: a}}", "data.train: expected text, a list of texts or mappings with path"),
        ("{train: a, validation: {splt: 0.1}}", "data.validation.splt: there is no key `splt` in `data.validation`"),
        ("{train: a, validation: {by: random}}", "data.validation.split: is missing"),
        ("{train: a, validation: {split: 2}}", "data.validation.split: expected a number (above 0, below 1)"),
        (
            "{train: a, test: 0.1}",
            "data.test: expected text, a list of texts or mappings with path, weight and source, a mapping with split,",
        ),
        ("{train: a, columns: {tokens: 1.5}}", "data.columns.tokens: expected a whole number, text or a list"),
        ("{validation: a}", "data: say what to train on"),
    ],
)
def test_unions_are_told_once_at_the_deepest_place(data: str, what: str) -> None:
    assert what in problem(f"task: token-classification\ndata: {data}").what


def test_settings_of_another_task_are_recognised() -> None:
    entry = problem("task: {name: token-classification, problem: regression}\ndata: {train: x}")
    assert entry.fix == "it is a setting of `task: text-classification`"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("data: {train: x}", "task: is missing"),
        ("task: {loss: focal}\ndata: {train: x}", "task.name: is missing"),
        ("task: [a]\ndata: {train: x}", "task: expected a name or a mapping, found a list of 1"),
        ("task: token-classification", "data: is missing; expected a name or a mapping"),
    ],
)
def test_missing_parts(text: str, what: str) -> None:
    assert problem(text).what == what


def test_a_file_for_compress_is_told_as_such() -> None:
    told = problem("compression: {quantize: int8}\ntraining: {epochs: 3}\n")
    assert told.where == "c.yaml:1"
    assert told.fix == "lmfit compress RUN --config FILE"


def test_misspelt_required_section_is_one_mistake() -> None:
    assert "`data`" in problem("task: token-classification\ndta: {train: x}").fix


def test_repeated_keys_are_told_with_the_other_mistakes() -> None:
    first, second = problems(BASE + "training: {epochs: 1}\nseed: x\ntraining: {epochs: 2}\n")
    assert (first.where, second.where) == ("c.yaml:4", "c.yaml:5")
    assert "lines 3 and 5" in second.what


def test_contradiction_stands_at_its_section() -> None:
    entry = problem(BASE + "seed: 1\ntraining:\n  epochs: 1\n  max_steps: 5\n")
    told = "training: epochs and max_steps exclude each other; keep one, leave the other out"
    assert (entry.where, entry.what) == ("c.yaml:4", f"{told} (training.epochs=null or training.max_steps=null)")


def test_contradiction_is_told_beside_other_mistakes_of_its_section() -> None:
    entries = problems(BASE + "training:\n  epochs: 1\n  max_steps: 5\n  lr: 3\n")
    assert ["exclude each other" in entry.what for entry in entries] == [True, False]


def test_misspelt_key_causes_no_contradiction() -> None:
    assert "`train`" in problem("task: token-classification\ndata: {trian: x}").fix


def test_config_from_python_is_checked_alike() -> None:
    with pytest.raises(ConfigError) as error:
        load_config("finetune", {"task": "token-classification", "data": {"train": Path("x")}, "sed": 1})
    assert error.value.problems[0].fix == "did you mean `seed`?"
    with pytest.raises(ConfigError, match="SimpleNamespace"):
        load_config("finetune", {"task": SimpleNamespace()})


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "words"])
def test_file_that_is_no_mapping(text: str) -> None:
    assert problem(text).where == "c.yaml:1"


# extends


def test_parent_is_merged_and_lists_are_replaced() -> None:
    write("task: token-classification\ndata: {train: [a, b], limit: 5}\nseed: 1\n", "base/base.yaml")
    config = load("extends: base/base.yaml\ndata: {train: [c]}\n").config
    assert (config.data.train, config.data.limit, config.seed) == (["c"], 5, 1)


def test_parent_is_relative_to_the_file_that_names_it() -> None:
    write("task: token-classification\n", "shared/top.yaml")
    write("extends: top.yaml\ndata: {train: x}\n", "shared/base.yaml")
    assert load("extends: shared/base.yaml\n").config.data.train == "x"


def test_mistakes_of_a_parent_keep_its_lines() -> None:
    write(BASE + "seed: x\n", "base.yaml")
    first, second = problems("extends: base.yaml\nmodel: {freez: 1}\n")
    assert {first.where, second.where} == {"base.yaml:3", "c.yaml:2"}


@pytest.mark.parametrize(
    ("parent", "what"),
    [("c.yaml", "circle"), ("bse.yaml", "no file"), ("[a.yaml, b.yaml]", "one file"), ("${NOPE}", "NOPE is not set")],
)
def test_unusable_parents_are_told_at_their_line(parent: str, what: str) -> None:
    write("extends: c.yaml\n", "base.yaml")
    entry = next(p for p in problems(f"seed: 1\nextends: {parent}\n{BASE}"))
    assert what in entry.what
    assert entry.where.startswith("c.yaml:2")


# environment


def test_variables_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/d")
    config = load("task: token-classification\ndata: {train: '${DATA}/${SET:-a}.conll', test: '$${DATA}'}\n").config
    assert (config.data.train, config.data.test) == ("/d/a.conll", "${DATA}")


def test_unquoted_variable_has_the_type_of_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "5")
    assert load(BASE + "seed: ${N}\n").config.seed == 5
    assert 'found the text "5"' in problem(BASE + 'seed: "${N}"\n').what


def test_missing_variable_is_one_mistake_with_its_line() -> None:
    entry = problem(BASE + "seed: ${NOPE}\n")
    assert (entry.where, entry.what) == ("c.yaml:3", "seed: the environment variable NOPE is not set")


def test_variable_of_a_value_that_is_overridden_is_not_needed() -> None:
    assert load("task: token-classification\ndata: {train: '${NOPE}'}", "data.train=x").config.data.train == "x"


def test_secrets_are_written_back_as_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HOST", "h$${x}")
    loaded = load(BASE + "output: 'https://${HF_TOKEN}@${HOST}/$${y}'\n")
    assert loaded.config.output == "https://hf_secret@h$${x}/${y}"
    assert "hf_secret" not in loaded.dump()
    assert loaded.resolved()["output"] == "https://${HF_TOKEN}@h$$${x}/$${y}"
    assert load(loaded.dump()).config == loaded.config


@pytest.mark.parametrize("line", ["training: {budget: '${MY_KEY}'}", "seed: '${MY_KEY}'", "task: '${MY_KEY}'"])
def test_secrets_do_not_show_in_errors(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hidden")
    text = "\n".join(map(str, problems("data: {train: x}\n" + line)))
    assert "${MY_KEY}" in text
    assert "hidden" not in text


# overrides


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("training.learning_rate=1e-3", "training.learning_rate", 1e-3),
        ("data.columns={tokens: 0, labels: -1}", "data.columns", {"tokens": 0, "labels": -1}),
        ("data.columns.labels=2", "data.columns", {"tokens": 1, "labels": 2}),
        ("data.limit=null", "data.limit", None),
        ("training.epochs=null", "training.epochs", None),
        ("data.train=[b, c]", "data.train", ["b", "c"]),
        ("data={train: z}", "data.limit", None),
        ("model=other", "model.name", "other"),
        ("model.name=name=x", "model.name", "name=x"),
        ("data.delimiter=|", "data.delimiter", "|"),
        ("data.delimiter=,", "data.delimiter", ","),
        ("output=名前😀", "output", "名前😀"),
        ("training=null", "training.epochs", None),
    ],
)
def test_override_replaces_a_whole_key(word: str, path: str, value: object) -> None:
    text = "task: token-classification\ndata: {train: a, limit: 5, columns: {tokens: 1}}\ntraining: {epochs: 1}\n"
    result: Any = load(text, word).config
    for name in path.split("."):
        result = getattr(result, name)
    assert result == value


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("training.lr=1", "training.learning_rate"),
        ("training.lr=null", "training.learning_rate"),
        ("trainng.epochs=1", "did you mean `training`?"),
        ("trainng.epochs=null", "did you mean `training`?"),
        ("training.epochs", "key.path=value"),
        ("training.epochs=", "null"),
        ("training.epochs='1'", "without them"),
        ("data.train=a #1", "quotes"),
        ("data={train: a", "bracket"),
        ("data.train.x=1", "data.train=..."),
        ("extends=x", "file"),
        ("data.name=other", "data=other"),
    ],
)
def test_override_is_checked_like_the_file(word: str, fix: str) -> None:
    entry = problems(BASE, word)[0]
    assert entry.where == f"override {word}"
    assert fix in entry.fix


@pytest.mark.parametrize("words", [("seed=1", "seed=2"), ("data.limit=3", "data={train: x}")])
def test_override_that_a_later_one_hides_is_refused(words: tuple[str, str]) -> None:
    assert problem(BASE, *words).where == f"override {words[0]}"


# named data sets


def test_packaged_data_set_is_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    data_set(monkeypatch, task="token-classification", about="x", train="/p/t", columns={"tokens": 0}, limit=5)
    config = load("data: packaged").config
    assert (config.task.name, config.data.name, config.data.train) == ("token-classification", "packaged", "/p/t")
    config = load("data: packaged", "data.limit=7", "data.columns.labels=1").config
    assert (config.data.limit, config.data.columns) == (7, {"tokens": 0, "labels": 1})
    assert load("data: packaged", "data.limit=null").config.data.limit is None
    assert load("data: {name: packaged, columns: {tokens: 2}}").config.data.columns == {"tokens": 2}


def test_given_task_wins_over_that_of_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    data_set(monkeypatch, task="token-classification", train="x")
    assert load("task: text-classification\ndata: packaged").config.task.name == "text-classification"
    assert load("task: {loss: focal}\ndata: packaged").config.task.loss == "focal"


def test_resolved_config_holds_no_paths_of_packaged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    data_set(monkeypatch, task="token-classification", train="/p/t", header=True)
    loaded = load("data: packaged", "data.header=null")
    assert "/p/t" not in loaded.dump()
    assert load(loaded.dump()).config == loaded.config


def test_data_set_of_the_users_own() -> None:
    write("format: conll\ntrain: t.conll\nlimt: 5\n", "datasets/mine.yaml")
    entry = problem("task: token-classification\ndata: mine")
    assert (entry.where, entry.fix) == ("datasets/mine.yaml:3", "did you mean `limit`?")
    write("format: conll\ntrain: ${T:-t.conll}\n", "datasets/mine.yaml")
    write("name: mine\nlimit: 5\n", "datasets/few.yaml")
    data = load("task: token-classification\ndata: few").config.data
    assert (data.name, data.format, data.train, data.limit) == ("few", "conll", "t.conll", 5)


def test_name_for_a_hub_data_set_becomes_its_id() -> None:
    write("format: hub\nname: org/set\n", "datasets/mine.yaml")
    loaded = load("task: token-classification\ndata: mine")
    assert (loaded.config.data.format, loaded.config.data.name) == ("hub", "org/set")
    assert load(loaded.dump()).config == loaded.config


@pytest.mark.parametrize(
    ("data", "fix"),
    [
        ("sample-nerr", "did you mean `sample-ner`?"),
        ("mines", "did you mean `mine`?"),
        ("org/set", "{format: hub, name: org/set}"),
        ("c.yaml", "{train: c.yaml}"),
    ],
)
def test_unknown_data_set(data: str, fix: str) -> None:
    write("train: x", "datasets/mine.yaml")
    assert fix in problems(f"task: token-classification\ndata: {data}")[0].fix


def test_data_set_that_stands_for_itself() -> None:
    write("name: a\n", "datasets/a.yaml")
    assert "there is no data set `a`" in problems("task: token-classification\ndata: a")[0].what


def test_hub_names_are_not_looked_up() -> None:
    assert load("task: token-classification\ndata: {format: hub, name: sample-ner}").config.data.train is None


# resolved


@pytest.mark.parametrize(
    "more",
    [
        "",
        "training: {batch_tokens: 8192, budget: 1h30m, early_stopping: {patience: 3}}",
        "model: {name: 'no', revision: '1e3', freeze: 2}",
        "evaluation: {language: zh}\noutput: 'a: b #c ${HOME:-x}'",
    ],
)
def test_resolved_config_loads_to_the_same(more: str) -> None:
    text = "task: {name: text-classification, class_weights: {0: 1, 'no': 2.5}}\n"
    text += "data: {train: [a, '*.csv'], validation: {split: 0.1, by: group, key: -1}, columns: {text: [a, b]}}\n"
    loaded = load(text + more)
    assert load(dump(loaded.resolved())).config == loaded.config
    assert load_config("finetune", loaded.resolved()).config == loaded.config
    assert load(loaded.dump()).dump() == loaded.dump()


def test_resolved_config_holds_every_default() -> None:
    resolved = load(BASE).resolved()
    assert resolved["training"]["learning_rate"] == 5e-5
    assert resolved["task"] | {"label_subwords": "first"} == resolved["task"]
    assert next(iter(resolved["task"])) == "name"


def test_names_of_runs() -> None:
    assert load_config("finetune", write(BASE, "configs/ner.small.yaml")).name == "ner.small"
    assert load_config("finetune", {"task": "token-classification", "data": {"train": "x"}}).name == "run"
    config = write(BASE, "runs/mine-2/config.yaml")
    assert load_config("finetune", config).name == "config"
    write("{}", "runs/mine-2/run.json")
    Path("runs/latest").symlink_to("mine-2")
    assert load_config("finetune", "runs/latest/config.yaml").name == "mine-2"


def test_run_needs_the_file_of_its_data_set_no_longer() -> None:
    mine = write("train: t.csv\ncolumns: {text: body, label: kind}\n", "datasets/mine.yaml")
    loaded = load("task: text-classification\ndata: mine")
    mine.unlink()
    run = write(loaded.dump(), "runs/a/config.yaml")
    write("{}", "runs/a/run.json")
    assert load_config("finetune", run).config == loaded.config
    with pytest.raises(ConfigError, match="no data set"):
        load_config("finetune", run, ["data=other"])


def test_errors_come_without_torch() -> None:
    write(BASE + "sed: 1\n")
    program = (
        "import sys\nfrom lmfit.config.load import load_config\n"
        "try: load_config('finetune', 'c.yaml')\n"
        "except Exception as error: print(error)\n"
        "print([m for m in ('torch', 'transformers', 'numpy', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "did you mean `seed`?" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_error_answers_within_a_second_of_cpu_time() -> None:
    """The least of three tries: what else the machine does makes the others longer."""
    write(BASE + "sed: 1\n")
    program = (
        "import time\nfrom lmfit.config.load import load_config\n"
        "try: load_config('finetune', 'c.yaml')\n"
        "except Exception: print(time.process_time())"
    )
    run = partial(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert min(float(run().stdout) for _ in range(3)) < 1
