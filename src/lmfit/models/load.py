"""Find and load pretrained models: embedded, a folder, a run folder, or the Hub."""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from lmfit.catalog import MODELS
from lmfit.config.model import ModelConfig
from lmfit.errors import ConfigError, InputError, suggestion
from lmfit.hub import explain_hub_errors, hub_file_cached, is_offline
from lmfit.models.damaged import check_config, check_tokenizer, check_weights
from lmfit.models.gaps import refuse_excess, refuse_gaps
from lmfit.models.lora import CONFIG_FILE, load_adapter
from lmfit.models.own_head import HEAD_KEY, Facts, give_head, load_head
from lmfit.models.padding import with_padding
from lmfit.models.plain import ONNX_FILE
from lmfit.runs import Run, no_model


@dataclass(frozen=True)
class ModelSource:
    """Where a model was found. `where` is a folder, or a Hub id; of a model from scratch, nothing before it is made."""

    name: str
    kind: Literal["embedded", "scratch", "folder", "run", "hub"]
    where: str
    revision: str | None = None
    trust_remote_code: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder of a user that it lies in."""
        return Path(self.where) if self.kind in ("folder", "run") else None

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for every from_pretrained."""
        local = self.kind != "hub" or is_offline()
        hub = {"revision": self.revision} if self.kind == "hub" and self.revision else {}
        return {"local_files_only": local, "trust_remote_code": self.trust_remote_code, **hub}

    def __str__(self) -> str:
        told = {"embedded": "embedded model", "scratch": "without pretraining", "hub": "Hub model"}
        return f"{self.name} ({told.get(self.kind, self.kind)})"


def find_model(config: ModelConfig, *, where: str = "model.name") -> ModelSource:
    """What `model.name` means: a path, a run folder, a model of the catalogue, or a Hub id. where: the key of the name.

    Raises ConfigError where it is none of these, InputError where the Hub is needed and cannot be reached.
    """
    name = config.name.removeprefix("hub:")
    if name == config.name:
        if name in MODELS:
            entry = MODELS.load(name)
            return ModelSource(name, entry.kind, entry.where())
        folder = Path(name)
        if (folder / "run.json").is_file():
            if not (folder / "model" / "config.json").is_file():
                raise no_model(Run(folder), where=where)
            _refuse_onnx(folder / "model", name, where)
            return ModelSource(name, "run", str(folder / "model"), None, config.trust_remote_code)
        if (folder / "config.json").is_file():
            _refuse_onnx(folder, name, where)
            return ModelSource(name, "folder", name, None, config.trust_remote_code)
        if folder.exists():
            raise ConfigError(f"`{name}` is no model folder: it has neither config.json nor run.json", where=where)
    if name.count("/") > 1 or name.startswith((".", "/", "~")) or (name == config.name and not _hub_like(name)):
        near = suggestion(name, list(MODELS))
        raise ConfigError(
            f"no model `{name}`: no such folder, and no name of `lmfit list models`", where=where, fix=near
        )
    source = ModelSource(name, "hub", name, config.revision, config.trust_remote_code)
    if is_offline() and not hub_file_cached(name, "config.json", config.revision):
        close = get_close_matches(name, list(MODELS), n=1)
        raise InputError(
            f"`{name}` is no folder and no name of `lmfit list models`; as a model of the Hub it is not in the local "
            "cache, and the Hub cannot be reached",
            where=where,
            fix=f"did you mean `{close[0]}`?" if close else "connect, or use a local folder or `minilm-l6`",
        )
    return source


def _refuse_onnx(folder: Path, name: str, where: str) -> None:
    """Raises InputError for a model that has no weights in PyTorch."""
    if (folder / ONNX_FILE).is_file() and not any(folder.glob("*.safetensors")):
        what = f"`{name}` is compressed to ONNX: it answers, but cannot be trained"
        raise InputError(what, where=where, fix="use the run that it was made from")


def _hub_like(name: str) -> bool:
    """`org/name`, or a bare name such as bert-base-cased that the Hub still knows."""
    return "/" in name or "-" in name


def load_config(source: ModelSource, **changes: Any) -> Any:
    """The model's transformers config."""
    from transformers import AutoConfig

    if source.folder is not None:
        check_config(source.folder, source.name, trusted=source.trust_remote_code)
    with explain_hub_errors(source.where, "model"):
        return AutoConfig.from_pretrained(source.where, **source.arguments, **changes)


def load_tokenizer(source: ModelSource) -> Any:
    """The model's tokenizer, with a padding token, without the truncation and padding that some tokenizer.json carry.

    Raises InputError for tokenizers without a fast implementation.
    """
    from transformers import AutoTokenizer

    if source.folder is not None and not source.trust_remote_code:
        check_tokenizer(source.folder, source.name)
    with explain_hub_errors(source.where, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source.where, **source.arguments)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"the tokenizer of `{source.name}` has no fast implementation", where="model.name")
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return with_padding(tokenizer)


def mark_words(tokenizer: Any) -> None:
    """Make a byte-level tokenizer (RoBERTa, ModernBERT) see each word as if a blank stood before it.

    Words of tagged data come one by one; without this they would all look like continuations of one word.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    if backend.pre_tokenizer is None:
        return
    state = json.loads(backend.to_str())["pre_tokenizer"]
    parts = state["pretokenizers"] if state["type"] == "Sequence" else [state]
    if not any(part["type"] == "ByteLevel" and not part["add_prefix_space"] for part in parts):
        return
    made = [
        pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=part.get("use_regex", True))
        if part["type"] == "ByteLevel"
        else backend.pre_tokenizer[i]
        for i, part in enumerate(parts)
    ]
    backend.pre_tokenizer = pre_tokenizers.Sequence(made) if len(made) > 1 else made[0]
    tokenizer.init_kwargs["add_prefix_space"] = tokenizer.add_prefix_space = True


def load_model(
    source: ModelSource, auto_class: str, settings: dict[str, Any], head: Facts | None = None
) -> tuple[Any, bool]:
    """The encoder with a task head, in fp32, and whether that head is new (drawn from torch's RNG).

    head: one that transformers has no class for; without `settings` that of the folder, if it has one.
    """
    config = None if source.kind == "embedded" else load_config(source)
    held = own_head(config)
    model, new = _load_native(source, auto_class, settings, headless=held is not None)
    wanted = head if settings else held
    if wanted is None:
        return model, new or held is not None
    give_head(model, wanted)
    same = config is not None and held == wanted and settings.get("num_labels", 0) in (0, len(config.id2label))
    if same:
        load_head(model, source)
    return model, not same


def own_head(config: Any) -> Facts | None:
    """The head that a model's config tells of, where it is none of transformers'."""
    found: Facts | None = (getattr(config, "lmfit", None) or {}).get(HEAD_KEY)
    return found


def _load_native(
    source: ModelSource, auto_class: str, settings: dict[str, Any], *, headless: bool = False
) -> tuple[Any, bool]:
    """The model as transformers has it; `headless`: its folder holds no head of that kind.

    `settings` (labels) go to the model's config. All weights of a model from scratch are new. A folder that holds an
    adapter gives its base with the adapter merged.
    Raises InputError where weights are missing or have another size; only a head may be new, if there are settings.
    """
    if source.kind == "scratch":
        import torch
        import transformers

        kind = getattr(transformers, auto_class)
        return kind.from_config(load_config(source, **settings), dtype=torch.float32), True
    if source.folder is not None and (source.folder / CONFIG_FILE).is_file():
        check_weights(source.folder, source.name)
        return _load_adapted(source, auto_class, settings)
    model, new = _pretrained(source, auto_class, settings)
    inside = {name for name in new if name.startswith(f"{model.base_model_prefix}.")}
    refuse_gaps(
        source.where, source.name, {name for name in inside if "pooler" not in name} if settings or headless else new
    )
    return model, bool(new - inside)


def load_encoder(source: ModelSource) -> tuple[Any, set[str]]:
    """The encoder alone, in fp32, and the names of its weights that the model does not have (a pooler)."""
    model, new = _pretrained(source, "AutoModel", {})
    refuse_gaps(source.where, source.name, {name for name in new if "pooler" not in name})
    return model, new


def _pretrained(source: ModelSource, auto_class: str, settings: dict[str, Any]) -> tuple[Any, set[str]]:
    """The model, and the names of its weights that are missing or have another size: they are drawn anew."""
    import torch
    import transformers

    from lmfit.models.pruned import class_for

    kind = getattr(transformers, auto_class)
    if source.folder is not None:
        check_weights(source.folder, source.name)
    with explain_hub_errors(source.where, "model"), quiet_transformers():
        model, found = class_for(kind, load_config(source)).from_pretrained(
            source.where,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            use_safetensors=True,
            **source.arguments,
            **settings,
        )
    refuse_excess(source.where, source.name, model, found["unexpected_keys"])
    return model, {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}


def _load_adapted(source: ModelSource, auto_class: str, settings: dict[str, Any]) -> tuple[Any, bool]:
    """The base of an adapter that lmfit wrote, with the adapter, and with its head where the labels are as many."""
    config = load_config(source)
    base = (getattr(config, "lmfit", None) or {}).get("base")
    if base is None:
        what = "the folder holds an adapter that lmfit did not write"
        raise InputError(what, where=source.where, fix="merge it into its base with peft, and save that")
    own = {name: getattr(config, name) for name in ("num_labels", "id2label", "label2id", "problem_type")}
    wanted = own | settings
    model, _ = _load_native(find_model(ModelConfig(**base)), auto_class, wanted)
    same = wanted["num_labels"] == own["num_labels"]
    load_adapter(model, Path(source.where), head=same)
    return model, not same


def load_language_model(source: ModelSource, auto_class: str) -> tuple[Any, set[str]]:
    """The model with heads for text, in fp32, its decoder tied, and the names of its weights that are new.

    An adapter that is kept apart is merged; the head of its task is left aside.
    """
    base = (getattr(load_config(source), "lmfit", None) or {}).get("base")
    held = source if base is None else find_model(ModelConfig(**base))
    model, new = _pretrained(held, auto_class, {"tie_word_embeddings": True})
    inside = f"{model.base_model_prefix}."
    refuse_gaps(held.where, held.name, {name for name in new if name.startswith(inside) and "pooler" not in name})
    if base is not None:
        load_adapter(model, Path(source.where), head=False)
    model.tie_weights()
    return model, new


class quiet_transformers:
    """Silence transformers' loading messages (new head weights are meant to be new)."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._level = logging.get_verbosity()
        self._bar = logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self._level)
        if self._bar:
            logging.enable_progress_bar()
