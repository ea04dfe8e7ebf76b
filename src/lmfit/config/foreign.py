"""Names of other tools and where the same thing stands here, so that a config moved over can be put right quickly."""

_BATCH = "training.batch_size", "examples per optimizer step over all devices; it is cut into micro-batches by itself"
_MICRO = (
    "training.micro_batch_size",
    "examples per forward pass; training.batch_size is the sum over one optimizer step",
)
_PRECISION = "training.precision", "auto, fp32, bf16 or fp16"
_WARMUP = "training.warmup", "below 1 a share of all steps, else a number of steps"
_EVALUATE = "training.evaluate_every", "epoch, a number of steps, or a share of all steps"
_CHECKPOINT = "training.checkpoint_every", "epoch, a number of steps, or a share of all steps"
_PATIENCE = "training.early_stopping", "{patience: 2}"
_LIMIT = "data.limit", "the first n examples of each split"
_STEPS = "training.max_steps", ""
_EPOCHS = "training.epochs", ""
_LENGTH = "data.max_length", "tokens; data.overflow says what becomes of longer texts"
_MODEL = "model.name", ""
_OUTPUT = "output", "left out: runs/<config name>"
_SPLIT = "data.validation", "{split: 0.1} splits it off the training data"
_COLUMNS = "data.columns", "e.g. {text: sentence, label: intent}"
_DEVICE = "", "the device is chosen on the command line: --device auto|cpu|cuda|mps"
_COMMAND = "", "the command says what is done: lmfit finetune, evaluate, predict"
_RESUME = "", "an interrupted run goes on with `lmfit resume RUN`"
_HUB_LOGIN = "", "the Hub's own login is used (HF_TOKEN); no token stands in a config"

_HUGGING_FACE = {
    "adam_beta1": ("training.adam_betas", "[0.9, 0.999]"),
    "adam_beta2": ("training.adam_betas", "[0.9, 0.999]"),
    "bf16": _PRECISION,
    "data_seed": ("data.split_seed", "which rows are split off; the order of training follows `seed`"),
    "dataset_config_name": ("data.subset", ""),
    "dataset_name": ("data.name", "with data.format: hub for a data set of the Hub"),
    "do_eval": _COMMAND,
    "do_predict": _COMMAND,
    "do_train": _COMMAND,
    "early_stopping_patience": _PATIENCE,
    "early_stopping_threshold": ("training.early_stopping", "{min_delta: 0.001}"),
    "eval_steps": _EVALUATE,
    "eval_strategy": _EVALUATE,
    "evaluation_strategy": _EVALUATE,
    "fp16": _PRECISION,
    "gradient_accumulation_steps": (
        "training.batch_size",
        "it already counts every example of an optimizer step; training.micro_batch_size (auto) says how it is cut",
    ),
    "greater_is_better": ("", "the direction of every metric is known; leave it out"),
    "group_by_length": ("", "batches are always formed by length; leave it out"),
    "label_all_tokens": ("task.label_subwords", "all"),
    "label_column_name": _COLUMNS,
    "label_smoothing_factor": ("task.label_smoothing", ""),
    "load_best_model_at_end": ("", "the best weights are always kept; training.best_metric says by which metric"),
    "logging_steps": ("training.log_every", ""),
    "lr_scheduler_type": ("training.schedule", "linear, cosine, constant or wsd"),
    "max_eval_samples": _LIMIT,
    "max_predict_samples": _LIMIT,
    "max_seq_length": _LENGTH,
    "max_train_samples": _LIMIT,
    "metric_for_best_model": ("training.best_metric", ""),
    "model_name_or_path": _MODEL,
    "model_revision": ("model.revision", ""),
    "num_train_epochs": _EPOCHS,
    "output_dir": _OUTPUT,
    "overwrite_output_dir": ("", "an option of the command: --overwrite, which moves the old run aside"),
    "pad_to_max_length": ("", "batches are padded to their own longest text; leave it out"),
    "per_device_eval_batch_size": ("", "evaluation cuts its batches by tokens by itself; leave it out"),
    "per_device_train_batch_size": _BATCH,
    "pretrained_model_name_or_path": _MODEL,
    "report_to": ("tracking", "tensorboard, mlflow or a list; log.jsonl and report.html are written in any case"),
    "resume_from_checkpoint": _RESUME,
    "return_entity_level_metrics": ("", "scores per entity type are always in the report; leave it out"),
    "save_steps": _CHECKPOINT,
    "save_strategy": _CHECKPOINT,
    "save_total_limit": ("training.keep", "besides the best one"),
    "task_name": ("task.name", ""),
    "test_file": ("data.test", ""),
    "text_column_name": _COLUMNS,
    "torch_compile": ("training.compile", ""),
    "tokenizer_name": ("model.name", "the tokenizer is the model's own"),
    "tokenizer_name_or_path": ("model.name", "the tokenizer is the model's own"),
    "train_file": ("data.train", ""),
    "use_auth_token": _HUB_LOGIN,
    "validation_file": ("data.validation", ""),
    "warmup_ratio": _WARMUP,
    "warmup_steps": _WARMUP,
}
_AXOLOTL = {
    "base_model": _MODEL,
    "datasets": ("data.train", "one data set: a file, a glob or a list of files"),
    "evals_per_epoch": _EVALUATE,
    "lr_scheduler": ("training.schedule", "linear, cosine, constant or wsd"),
    "num_epochs": _EPOCHS,
    "saves_per_epoch": _CHECKPOINT,
    "sequence_len": _LENGTH,
    "test_datasets": ("data.test", ""),
    "val_set_size": _SPLIT,
}
_LLAMA_FACTORY = {
    "cutoff_len": _LENGTH,
    "dataset": ("data.name", "or data.train for a file"),
    "eval_dataset": ("data.validation", ""),
    "max_samples": _LIMIT,
    "stage": _COMMAND,
    "val_size": _SPLIT,
}
_LUDWIG = {
    "early_stop": _PATIENCE,
    "input_features": _COLUMNS,
    "max_sequence_length": _LENGTH,
    "output_features": _COLUMNS,
    "train_steps": _STEPS,
    "trainer": ("training", ""),
    "validation_metric": ("training.best_metric", ""),
}
_SPACY = {
    "accumulate_gradient": _MICRO,
    "corpora": ("data", "train, validation and test"),
    "eval_frequency": _EVALUATE,
    "learn_rate": ("training.learning_rate", ""),
    "paths": ("data", "train, validation and test"),
}
_PADDLENLP = {
    "dev_path": ("data.validation", ""),
    "max_seq_len": _LENGTH,
    "save_dir": _OUTPUT,
    "test_path": ("data.test", ""),
    "train_path": ("data.train", ""),
    "valid_steps": _EVALUATE,
}
_LIGHTNING = {
    "accelerator": _DEVICE,
    "accumulate_grad_batches": _MICRO,
    "check_val_every_n_epoch": _EVALUATE,
    "ckpt_path": _RESUME,
    "default_root_dir": _OUTPUT,
    "deterministic": ("", "runs are deterministic; leave it out"),
    "devices": _DEVICE,
    "gradient_clip_val": ("training.max_grad_norm", ""),
    "limit_train_batches": _LIMIT,
    "log_every_n_steps": ("training.log_every", ""),
    "max_epochs": _EPOCHS,
    "seed_everything": ("seed", ""),
    "val_check_interval": _EVALUATE,
}
_COMMON = {
    "dev": ("data.validation", ""),
    "lr": ("training.learning_rate", ""),
    "max_len": _LENGTH,
    "num_labels": ("", "the labels are found in the data; leave it out"),
    "pretrained_model": _MODEL,
    "random_seed": ("seed", ""),
    "random_state": ("seed", ""),
    "valid": ("data.validation", ""),
    "val": ("data.validation", ""),
}
NAMES: dict[str, dict[str, tuple[str, str]]] = {
    "Hugging Face's name": _HUGGING_FACE,
    "axolotl's name": _AXOLOTL,
    "LLaMA-Factory's name": _LLAMA_FACTORY,
    "Ludwig's name": _LUDWIG,
    "spaCy's name": _SPACY,
    "PaddleNLP's name": _PADDLENLP,
    "Lightning's name": _LIGHTNING,
    "a name of other tools": _COMMON,
}
"""Whose name -> name -> (the key here, or "" where there is none; a note)."""


_OTHER_COMMANDS = {"search": "the section `search` is that of `lmfit search CONFIG`; leave it out here"}


def advice(name: str) -> str | None:
    """`lr: a name of other tools; here training.learning_rate`, or None for a name that no tool is known for.

    Of another command's section: which one takes it.
    """
    if name in _OTHER_COMMANDS:
        return _OTHER_COMMANDS[name]
    for whose, names in NAMES.items():
        if name in names:
            key, note = names[name]
            here = f"here {key}" + (f" ({note})" if note else "") if key else note
            return f"{name}: {whose}; {here}"
    return None
