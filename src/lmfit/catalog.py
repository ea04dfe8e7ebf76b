"""All names that YAML may use, in one place: name -> "module:attribute", imported on first use."""

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
        "conll": "lmfit.data.formats.conll:ConllReader",
        "csv": "lmfit.data.formats.table:TableReader",
        "tsv": "lmfit.data.formats.table:TableReader",
        "json": "lmfit.data.formats.json:JsonReader",
        "jsonl": "lmfit.data.formats.jsonl:JsonlReader",
        "text": "lmfit.data.formats.text:TextReader",
        "hub": "lmfit.data.formats.hub:HubReader",
    },
)

MODELS = Registry("model", {"minilm-l6": "lmfit.models.embedded:MINILM_L6"})

DATASETS = Registry(
    "dataset",
    {
        "sample-ner": "lmfit.data.samples:SAMPLE_NER",
        "sample-intents": "lmfit.data.samples:SAMPLE_INTENTS",
        "sample-headlines": "lmfit.data.samples:SAMPLE_HEADLINES",
    },
)
