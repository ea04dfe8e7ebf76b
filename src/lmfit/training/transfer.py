"""What rank 0 hands to the others: any object, its tensors and files beside it, each tensor once."""

import io
import pickle
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

from lmfit.training.distributed import Ranks

CAPTURING = "transformers.utils.output_capturing"


def send(ranks: Ranks, thing: object) -> None:
    """Hand `thing` to all other ranks, which `receive` it. Only processes of one training talk like this."""
    packed = _Packer()
    packed.dump(thing)
    ranks.tell((packed.file.getvalue(), [(t.shape, t.dtype) for t in packed.tensors]))
    for tensor in packed.tensors:
        ranks.spread(tensor.detach().cpu().contiguous())
    for array in packed.files:
        if ranks.any(False):
            ranks.spread(torch.from_numpy(np.array(array)))


def receive(ranks: Ranks) -> Any:
    """What rank 0 has sent; tensors are on the CPU."""
    content, shapes = ranks.hear()
    tensors = [torch.empty(shape, dtype=dtype) for shape, dtype in shapes]
    for tensor in tensors:
        ranks.spread(tensor)
    return _Unpacker(ranks, content, tensors).load()


def idle_hook(*given: Any) -> None:
    """A forward hook that does nothing."""


class _Packer(pickle.Pickler):
    """Leaves out tensors, which travel by themselves, and memory-mapped files, which may be there already."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        super().__init__(self.file, protocol=pickle.HIGHEST_PROTOCOL)
        self.tensors: list[torch.Tensor] = []
        self.files: list[np.memmap[Any, Any]] = []
        self._places: dict[int, int] = {}

    def reducer_override(self, thing: Any) -> Any:
        """The hooks by which transformers captures hidden states, closures that nothing in training asks for."""
        if isinstance(thing, FunctionType) and thing.__module__ == CAPTURING and "<locals>" in thing.__qualname__:
            return partial, (idle_hook,)
        return NotImplemented

    def persistent_id(self, thing: Any) -> Any:
        """What stands for a tensor or a file."""
        if isinstance(thing, torch.Tensor):
            if id(thing) not in self._places:
                self._places[id(thing)] = len(self.tensors)
                self.tensors.append(thing)
            trained = thing.requires_grad if isinstance(thing, torch.nn.Parameter) else None
            return "tensor", self._places[id(thing)], trained
        if isinstance(thing, np.memmap) and thing.filename is not None:
            self.files.append(thing)
            return "file", str(Path(thing.filename).resolve()), thing.dtype, thing.shape
        return None


class _Unpacker(pickle.Unpickler):
    """Puts back what `_Packer` left out. Files are asked for one by one, in the order in which they were packed."""

    def __init__(self, ranks: Ranks, content: bytes, tensors: list[torch.Tensor]) -> None:
        super().__init__(io.BytesIO(content))
        self._ranks, self._tensors = ranks, tensors
        self._parameters: dict[int, torch.nn.Parameter] = {}

    def persistent_load(self, told: Any) -> Any:
        """The tensor or the file that something stands for."""
        kind, *facts = told
        return self._tensor(*facts) if kind == "tensor" else self._array(*facts)

    def _tensor(self, place: int, trained: bool | None) -> torch.Tensor:
        if trained is None:
            return self._tensors[place]
        if place not in self._parameters:
            self._parameters[place] = torch.nn.Parameter(self._tensors[place], requires_grad=trained)
        return self._parameters[place]

    def _array(self, path: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape)) * dtype.itemsize
        there = Path(path).is_file() and Path(path).stat().st_size == size
        if not self._ranks.any(not there):
            return np.memmap(path, dtype=dtype, mode="r", shape=shape)
        received = torch.empty(shape, dtype=torch.from_numpy(np.empty(0, dtype)).dtype)
        self._ranks.spread(received)
        return received.numpy()
