import pytest

from lmfit.catalog import TASK_SETTINGS
from lmfit.config.foreign import NAMES, advice
from lmfit.config.keys import exists, key_paths
from lmfit.config.schema import STAGE_CONFIGS

SCHEMAS = {(): STAGE_CONFIGS["finetune"], ("task",): TASK_SETTINGS.load("token-classification")}
ALL = [(name, *target) for names in NAMES.values() for name, target in names.items()]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("num_train_epochs", "num_train_epochs: Hugging Face's name; here training.epochs"),
        ("lr", "lr: a name of other tools; here training.learning_rate"),
        ("max_epochs", "max_epochs: Lightning's name; here training.epochs"),
        ("output_dir", "output_dir: Hugging Face's name; here output (left out: runs/<config name>)"),
    ],
)
def test_advice_says_whose_name_it_is_and_the_key_here(name: str, sentence: str) -> None:
    assert advice(name) == sentence


def test_unknown_names_get_no_advice() -> None:
    assert advice("frobnicate") is None


@pytest.mark.parametrize(("name", "key", "note"), ALL)
def test_every_key_named_exists(name: str, key: str, note: str) -> None:
    assert not key or exists(tuple(key.split(".")), SCHEMAS)
    assert key or note


def test_no_name_is_a_key_of_ours() -> None:
    ours = {path[-1] for path in key_paths(SCHEMAS)}
    assert not ours & {name for name, _, _ in ALL}


def test_no_name_stands_twice() -> None:
    names = [name for name, _, _ in ALL]
    assert len(names) == len(set(names))


COMMON = """
num_train_epochs per_device_train_batch_size gradient_accumulation_steps lr warmup_ratio warmup_steps max_seq_length
max_seq_len cutoff_len model_name_or_path base_model train_file output_dir num_epochs lr_scheduler_type bf16 fp16
evaluation_strategy eval_strategy save_steps save_total_limit metric_for_best_model load_best_model_at_end
early_stopping_patience label_smoothing_factor group_by_length data_seed seed_everything random_seed report_to
gradient_clip_val max_epochs accelerator tokenizer_name
"""


@pytest.mark.parametrize("name", COMMON.split())
def test_common_names_are_known(name: str) -> None:
    assert advice(name)
