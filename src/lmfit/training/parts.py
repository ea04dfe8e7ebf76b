"""Checkpoints in parts: torch.distributed.checkpoint with its safetensors storage, in which nothing is pickled."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from lmfit.training.checkpoint import load_optimizer, optimizer_state


def write_parts(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """All ranks: each writes what it holds into a file of its own, which says where in the whole each part lies.

    Raises what the disk raised on any rank.
    """
    tensors = {**model.state_dict(), **optimizer_state(optimizer)}
    try:
        save(tensors, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
    except CheckpointException as failed:
        raise next(iter(failed.failures.values()))[0] from failed


def read_parts(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Fill model and optimizer from the safetensors of a checkpoint, whole or in parts; only what lies here is read."""
    reader = HuggingFaceStorageReader(str(folder))
    stored = reader.read_metadata().state_dict_metadata
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[str, torch.Tensor] = {}
    for key in stored:
        index, _, name = key.partition(".")
        if index.isdigit():
            state[key] = torch.zeros(()) if name == "step" else torch.zeros_like(parameters[int(index)])
    tensors: Mapping[str, Any] = {name: value for name, value in model.state_dict().items() if name in stored}
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        load({**tensors, **state}, storage_reader=reader, no_dist=not dist.is_initialized())
    load_optimizer(optimizer, state)
