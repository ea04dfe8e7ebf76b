"""Low-rank adapters (LoRA, Hu et al. 2022) through peft: put into the encoder, trained with the head, merged again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lmfit.config.model import LoraConfig
from lmfit.errors import ConfigError, InputError, MissingExtra, suggestion
from lmfit.models.freeze import encoder_of, layers_of

if TYPE_CHECKING:
    from lmfit.models.load import ModelSource

ADAPTER = "default"
CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."

Tensors = dict[str, torch.Tensor]


def require_peft() -> Any:
    """The module. Raises MissingExtra where it is not installed."""
    try:
        import peft
    except ImportError:
        raise MissingExtra("model.lora", "lora") from None
    return peft


def check_adapter(config: LoraConfig | None, base: "ModelSource") -> None:
    """Raises MissingExtra without peft, ConfigError where an adapter apart from its base could not be put back."""
    if config is None:
        return
    require_peft()
    if base.kind == "scratch" and not config.merge:
        what = f"an adapter alone needs a base that is kept, and the random weights of `{base.name}` are not"
        raise ConfigError(what, where="model.lora.merge", fix="model.lora.merge=true")


def adapt(model: Any, config: LoraConfig) -> int:
    """Put adapters into the encoder; they and the head are all that is trained. Returns how many weights that are.

    A pooler belongs to the head: it may be new, or set from class means. A's weights are drawn from torch's RNG, B's
    are 0, so that the model answers as before.
    """
    head = _head(model)
    model.requires_grad_(False)
    _inject(model, config, _targets(model, config.target_modules))
    for parameter in head.values():
        parameter.requires_grad_(True)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _head(model: Any) -> dict[str, torch.nn.Parameter]:
    """The parameters outside the encoder, and those of its pooler, by name."""
    encoder = encoder_of(model)
    inside = {id(p) for name, p in encoder.named_parameters() if encoder is not model and "pooler" not in name}
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in inside}


def _targets(model: Any, wanted: list[str] | None) -> list[str]:
    """The full names of the modules to adapt: all linear ones of the layers, or those whose name ends so.

    Raises ConfigError for a name that is none of the layers' linear modules.
    """
    inside = {module for layer in layers_of(model) for module in layer.modules()}
    names = [name for name, module in model.named_modules() if module in inside and _is_linear(module)]
    if wanted is None:
        return names
    for ending in wanted:
        if not any(_ends(name, ending) for name in names):
            known = sorted({name.rpartition(".")[2] for name in names})
            what = f"no linear module of the encoder's layers is called `{ending}`"
            raise ConfigError(what, where="model.lora.target_modules", fix=suggestion(ending, known))
    return [name for name in names if any(_ends(name, ending) for ending in wanted)]


def _is_linear(module: torch.nn.Module) -> bool:
    """Also the transposed linear layers of GPT-2."""
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def _ends(name: str, ending: str) -> bool:
    return name == ending or name.endswith(f".{ending}")


def _inject(model: Any, config: LoraConfig, targets: list[str]) -> None:
    peft = require_peft()
    transposed = any(type(model.get_submodule(name)).__name__ == "Conv1D" for name in targets)
    peft.inject_adapter_in_model(
        peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=targets,
            fan_in_fan_out=transposed,
        ),
        model,
        adapter_name=ADAPTER,
    )


def is_adapted(model: torch.nn.Module) -> bool:
    """Whether there are adapters in the model."""
    return any(hasattr(module, "lora_A") for module in model.modules())


def merge(model: Any) -> Tensors:
    """Add the adapters to the weights that they adapt; the model is an ordinary one again. Returns what they were.

    W + (alpha / rank) B A: the logits are equal up to rounding. A model without adapters stays as it is.
    """
    if not is_adapted(model):
        return {}
    held = {name: tensor.detach().clone() for name, tensor in model.state_dict().items() if ".lora_" in name}
    adapted = [(name, module) for name, module in model.named_modules() if hasattr(module, "lora_A")]
    for name, module in adapted:
        module.merge()
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, module.get_base_layer())
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return held


def save_adapter(folder: Path, model: Any, adapter: Tensors, config: LoraConfig, base: str, task_type: str) -> None:
    """Write what peft and lmfit load: adapters and head, and which model they belong to (`base`: a path or a Hub id).

    model: merged, with its head; adapter: what `merge` gave.
    """
    from safetensors.torch import save_file

    head = {name: parameter.detach() for name, parameter in _head(model).items()}
    targets = sorted({name.partition(".lora_")[0] for name in adapter})
    transposed = any(type(model.get_submodule(name)).__name__ == "Conv1D" for name in targets)
    tensors = {f"{_PREFIX}{name.replace(f'.{ADAPTER}.', '.')}": held for name, held in (adapter | head).items()}
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, folder / WEIGHTS_FILE)
    facts = {
        "peft_type": "LORA",
        "task_type": task_type,
        "base_model_name_or_path": base,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "target_modules": targets,
        "fan_in_fan_out": transposed,
        "modules_to_save": sorted({"pooler" if "pooler" in name else name.partition(".")[0] for name in head}),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(facts, indent=2) + "\n")


def load_adapter(model: Any, folder: Path, *, head: bool = True) -> None:
    """Put the adapters of a folder, and its `head` where that is wanted, into `model`, its base, and merge them.

    Raises InputError where they do not fit each other.
    """
    from safetensors.torch import load_file

    facts: Mapping[str, Any] = json.loads((folder / CONFIG_FILE).read_text())
    config = LoraConfig(rank=facts["r"], alpha=facts["lora_alpha"], dropout=facts["lora_dropout"])
    _inject(model, config, list(facts["target_modules"]))
    held = {_own_name(name): tensor for name, tensor in load_file(folder / WEIGHTS_FILE).items()}
    held = {name: tensor for name, tensor in held.items() if head or ".lora_" in name}
    known = dict(model.state_dict())
    strange = [name for name, tensor in held.items() if name not in known or known[name].shape != tensor.shape]
    if strange:
        what = f"{len(strange)} weights of the adapter do not fit the model it names: {', '.join(strange[:3])}"
        raise InputError(what, where=str(folder), fix="the base model was exchanged, or the adapter is another's")
    model.load_state_dict(held, strict=False)
    merge(model)


def _own_name(name: str) -> str:
    """`base_model.model.x.lora_A.weight` -> `x.lora_A.default.weight`."""
    parts = name.removeprefix(_PREFIX).split(".")
    return ".".join(f"{part}.{ADAPTER}" if part in ("lora_A", "lora_B") else part for part in parts)
