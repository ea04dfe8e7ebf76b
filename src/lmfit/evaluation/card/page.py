"""The card: every part's view handed to the template, which is Markdown."""

from pathlib import Path
from typing import Any

import jinja2

from lmfit.evaluation.card import measured
from lmfit.evaluation.card.about import about, other_loaders
from lmfit.evaluation.card.limits import limits
from lmfit.evaluation.card.markdown import plain
from lmfit.evaluation.card.metadata import front_matter
from lmfit.evaluation.report.files import RunFiles, dig, loads_in_transformers
from lmfit.evaluation.report.scores import headline
from lmfit.evaluation.report.words import Words


def render(run: RunFiles, where: str) -> str:
    """The whole of README.md; `where` is what its snippets load the model from."""
    words, best = Words("en"), headline(run)
    scores, notes = measured.scores(run, best, words)
    return _template().render(
        front=front_matter(run),
        name=plain(run.name),
        where=where,
        task=run.manifest.get("task"),
        pipeline_options=run.manifest.get("pipeline_options", ""),
        in_transformers=loads_in_transformers(run),
        other_loaders=other_loaders(run),
        lmfit=dig(run.manifest, "versions", "lmfit"),
        verdict=plain(dig(run.manifest, "verdict", "sentence") or ""),
        split=best.split,
        about=about(run, words),
        scores=scores,
        notes=notes,
        limits=limits(run, best, words),
        **_details(run, best, words),
    )


def _details(run: RunFiles, best: Any, words: Words) -> dict[str, str]:
    """What stands below the scores; empty where the run has none of it."""
    texts = dig(run.config, "evaluation", "texts") is not False
    return {
        "per_label": measured.per_label(run, best),
        "calibration": measured.calibrated(run, best, words),
        "operating": measured.operating(run, best),
        "costs": measured.costly(run, best, words),
        "slices": measured.sliced(run, best, words, texts=texts),
        "robustness": measured.robust(run, best),
        "later": measured.later(run, words),
    }


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.jinja")
