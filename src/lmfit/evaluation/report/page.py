"""The page: every section's view handed to the templates, which escape whatever they print."""

from pathlib import Path
from typing import Any

import jinja2

from lmfit.evaluation.report.certificate import certificate
from lmfit.evaluation.report.compression import ablation, front
from lmfit.evaluation.report.curves import curves, scatter_chart
from lmfit.evaluation.report.facts import environment, findings, ledger, warnings
from lmfit.evaluation.report.files import RunFiles, dig, loads_in_transformers
from lmfit.evaluation.report.judgement import calibration, costs, evaluations, looks, operating_points, slices
from lmfit.evaluation.report.probes import probes
from lmfit.evaluation.report.robustness import robustness
from lmfit.evaluation.report.scores import headline, score_table
from lmfit.evaluation.report.search import search
from lmfit.evaluation.report.several import children, seed_note
from lmfit.evaluation.report.summary import summary
from lmfit.evaluation.report.tables import confusion, label_table, outside_share, token_table
from lmfit.evaluation.report.transfer import transfer
from lmfit.evaluation.report.words import Words, breakable, count, percent, score
from lmfit.evaluation.report.worst import worst_errors

_SECTIONS = (
    *("search", "transfer", "several", "certificate", "front", "ablation", "probes", "curves"),
    *("scores", "labels", "confusion", "scatter"),
    *("calibration", "operating", "costs", "slices", "robustness", "evaluations", "errors"),
    *("ledger", "audit", "warnings", "use", "environment", "config"),
)
_SHOWN_WITH = {
    "certificate": ("certificate",),
    "front": ("front",),
    "ablation": ("ablation",),
    "curves": ("curves", "trained"),
    "search": ("search",),
    "transfer": ("transfer",),
    "several": ("children",),
    "probes": ("probes",),
    "slices": ("slices",),
    "robustness": ("robustness",),
    "calibration": ("calibration",),
    "operating": ("operating",),
    "costs": ("costs",),
    "evaluations": ("evaluations",),
    "labels": ("labels", "tokens"),
    "confusion": ("confusion",),
    "scatter": ("scatter",),
    "errors": ("errors", "texts_off"),
    "ledger": ("ledger",),
    "audit": ("findings",),
    "use": ("snippets",),
}
_MOST_ROWS, _OPEN_ROWS = 1000, 25
_UNPRINTABLE = {code: "�" for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: "�"}


def render(run: RunFiles) -> str:
    """The whole of report.html."""
    words = Words(str(dig(run.config, "evaluation", "language")))
    views = _views(run, words)
    sections = [name for name in _SECTIONS if any(views[part] for part in _SHOWN_WITH.get(name, ("summary",)))]
    page = templates(words).get_template("report.html").render(name=run.name, sections=sections, **views)
    return printable(page)


def printable(page: str) -> str:
    """The page without control characters and lone surrogates."""
    return page.translate(_UNPRINTABLE).encode(errors="replace").decode()


def _views(run: RunFiles, words: Words) -> dict[str, Any]:
    """What the templates show; None where the run has nothing to show."""
    best = headline(run)
    tokens = token_table(run, best.split)
    errors = worst_errors(run.predictions(best.split))
    language = run.manifest.get("kind") == "language"
    return {
        "split": words.name("split", best.split),
        "summary": summary(run, best, words),
        "search": search(run, words),
        "transfer": transfer(run, words),
        "children": children(run, best, words),
        "certificate": certificate(run, words),
        "front": front(run, words),
        "ablation": ablation(run, words),
        "seed_note": seed_note(run, best, words),
        "probes": probes(run, words),
        "curves": curves(run, best.metric, words),
        "scores": score_table(run, best, words),
        "trained": not (run.is_evaluation or run.certificate),
        "looks": looks(run, words),
        "slices": slices(run, best.split, words),
        "calibration": calibration(run, best.split, words),
        "operating": operating_points(run, best.split),
        "costs": costs(run, best.split, words),
        "robustness": robustness(run, best.split, words),
        "evaluations": evaluations(run, words),
        "labels": label_table(run, best.split),
        "tokens": tokens,
        "outside_share": outside_share(tokens),
        "confusion": confusion(run, best.split),
        "scatter": scatter_chart(errors, words),
        "errors": None if language else errors,
        "texts_off": not language and dig(run.config, "evaluation", "texts") is False,
        "language": language,
        "ledger": ledger(run, words),
        "findings": findings(run, words),
        "warnings": warnings(run, words),
        "snippets": _snippets(run) if run.manifest.get("status") == "finished" else {},
        "environment": environment(run, words),
        "config": run.config_text,
    }


def templates(words: Words) -> jinja2.Environment:
    """The templates of this folder; what they print is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=words, open_rows=_OPEN_ROWS, most_rows=_MOST_ROWS)
    environment.filters.update(score=score, count=count, percent=percent, breakable=breakable)
    return environment


def _snippets(run: RunFiles) -> dict[str, str]:
    """Commands that use the model, by kind; they are run in the run's folder and so survive its being moved."""
    if run.manifest.get("kind") == "language":
        return {"command": "lmfit finetune CONFIG model.name=."}
    found = {
        "command": "lmfit predict texts.txt --run .",
        "python": 'import lmfit\n\nmodel = lmfit.load(".")\nmodel.predict(["..."])',
    }
    task = run.manifest.get("task")
    plain = run.manifest.get("backend", "pytorch") == "pytorch" and loads_in_transformers(run)
    if isinstance(task, str) and plain:
        call = f'model = pipeline("{task}", "./model"{run.manifest.get("pipeline_options", "")})'
        found["transformers"] = f'from transformers import pipeline\n\n{call}\nmodel("...")'
    return found
