"""All names that YAML may use, in one place: name -> "module:attribute", imported on first use."""

from collections.abc import Mapping

from lmfit.registry import Registry

TASK_SETTINGS = Registry(
    "task settings",
    {
        "text-classification": "lmfit.config.tasks:TextClassificationSettings",
        "token-classification": "lmfit.config.tasks:TokenClassificationSettings",
    },
)

TASKS = Registry(
    "task",
    {
        "text-classification": "lmfit.tasks.text_classification:TextClassification",
        "token-classification": "lmfit.tasks.token_classification:TokenClassification",
    },
)

FORMATS = Registry(
    "format",
    {
        "brat": "lmfit.data.formats.brat:BratReader",
        "conll": "lmfit.data.formats.conll:ConllReader",
        "csv": "lmfit.data.formats.table:TableReader",
        "doccano": "lmfit.data.formats.annotated:AnnotatedReader",
        "folders": "lmfit.data.formats.folders:FoldersReader",
        "hub": "lmfit.data.formats.hub:HubReader",
        "json": "lmfit.data.formats.json:JsonReader",
        "jsonl": "lmfit.data.formats.jsonl:JsonlReader",
        "label-studio": "lmfit.data.formats.annotated:AnnotatedReader",
        "parquet": "lmfit.data.formats.parquet:ParquetReader",
        "prodigy": "lmfit.data.formats.annotated:AnnotatedReader",
        "spacy": "lmfit.data.formats.spacy:SpacyReader",
        "spans": "lmfit.data.formats.annotated:AnnotatedReader",
        "text": "lmfit.data.formats.text:TextReader",
        "tsv": "lmfit.data.formats.table:TableReader",
        "xlsx": "lmfit.data.formats.xlsx:XlsxReader",
    },
)

FORMAT_ABOUTS: Mapping[str, str] = {
    "brat": "standoff annotation: .ann beside .txt; a file or a folder",
    "conll": "one word a line with its tag, a blank line between sentences",
    "csv": "a table with commas, semicolons or bars between columns",
    "doccano": "export of doccano, one JSON object a line",
    "folders": "a folder per label with one .txt file per text",
    "hub": "a data set of the Hugging Face Hub: data.name",
    "json": "a list of objects, or an object with such lists (FILE#KEY)",
    "jsonl": "one JSON object a line: text and label, tokens and tags, or text and entities",
    "label-studio": "export of Label Studio: JSON or JSON-MIN, spans or choices",
    "parquet": "a table with typed columns; lists are words and tags",
    "prodigy": "export of Prodigy, one JSON object a line; accepted answers only",
    "spacy": "spaCy's binary corpus (needs spaCy)",
    "spans": "text with character offsets: JSON lines or a list, of whatever tool",
    "text": "a label and a text a line",
    "tsv": "a table with tabs between columns",
    "xlsx": "an Excel sheet (data.sheet)",
}
"""A sentence for each shipped format, kept here so that listing them imports no reader."""

CORPUS_FORMATS = Registry(
    "corpus format",
    {
        "config": "lmfit.pretraining.readers:read_training_rows",
        "conll": "lmfit.pretraining.readers:read_tagged",
        "csv": "lmfit.pretraining.readers:read_records",
        "hub": "lmfit.pretraining.readers:read_hub",
        "jsonl": "lmfit.pretraining.readers:read_records",
        "parquet": "lmfit.pretraining.readers:read_records",
        "text": "lmfit.pretraining.readers:read_text",
        "tsv": "lmfit.pretraining.readers:read_records",
        "warc": "lmfit.pretraining.archives:read_warc",
        "wikipedia": "lmfit.pretraining.archives:read_wikipedia",
    },
)
"""Where raw text for `lmfit pretrain` comes from."""

SUFFIXES = Registry(
    "suffix",
    {
        ".ann": "brat",
        ".bio": "conll",
        ".bioes": "conll",
        ".bmes": "conll",
        ".conll": "conll",
        ".conllu": "conll",
        ".csv": "csv",
        ".iob": "conll",
        ".iob2": "conll",
        ".json": "json",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".parquet": "parquet",
        ".spacy": "spacy",
        ".tab": "tsv",
        ".tsv": "tsv",
        ".xlsm": "xlsx",
        ".xlsx": "xlsx",
    },
)
"""The suffix of a file -> the name of its format."""

MODELS = Registry(
    "model",
    {
        "minilm-l6": "lmfit.models.embedded:MINILM_L6",
        "scratch-characters": "lmfit.models.scratch:SCRATCH_CHARACTERS",
    },
)

DATASETS = Registry(
    "dataset",
    {
        "sample-ner": "lmfit.data.samples:SAMPLE_NER",
        "sample-intents": "lmfit.data.samples:SAMPLE_INTENTS",
        "sample-headlines": "lmfit.data.samples:SAMPLE_HEADLINES",
    },
)

PERTURBATIONS = Registry(
    "perturbation",
    {
        "case": "lmfit.evaluation.robustness.case:CASE",
        "names": "lmfit.evaluation.robustness.names:NAMES",
        "punctuation": "lmfit.evaluation.robustness.punctuation:PUNCTUATION",
        "typos": "lmfit.evaluation.robustness.typos:TYPOS",
    },
)
"""Ways to change test rows (evaluation.robustness), each a tuple of the variants that are measured."""

TRACKERS = Registry(
    "tracker",
    {
        "mlflow": "lmfit.tracking.mlflow:Mlflow",
        "tensorboard": "lmfit.tracking.tensorboard:TensorBoard",
    },
)

TRACKER_ABOUTS: Mapping[str, str] = {
    "mlflow": "a run in the store of MLFLOW_TRACKING_URI, else in ./mlruns/mlflow.db",
    "tensorboard": "event files in RUN/tensorboard",
}
"""A sentence for each shipped tracker."""
