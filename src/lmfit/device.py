"""The machine: which device, which arithmetic, how many threads, how much memory. The only file that says "cuda"."""

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch

from lmfit.errors import ConfigError
from lmfit.machine import processor_name


@dataclass(frozen=True)
class Device:
    """Where the arithmetic happens. `precision` is fp32, bf16 or fp16; weights are fp32 in any case.

    processes: how many train together, each on a device of its own or with `threads` of the CPU.
    """

    kind: str
    index: int | None
    name: str
    precision: str
    threads: int
    processes: int = 1

    @property
    def torch_device(self) -> torch.device:
        """The torch.device."""
        return torch.device(self.kind if self.index is None else f"{self.kind}:{self.index}")

    @property
    def micro_batch_tokens(self) -> int:
        """Padded tokens of one forward pass when micro_batch_size is auto."""
        return 32_768 if self.kind == "cuda" else 16_384

    @property
    def answer_batch_tokens(self) -> int:
        """Padded tokens of one forward pass without gradients: few on a CPU, whose caches then hold the activations."""
        return 32_768 if self.kind == "cuda" else 1024 if self.precision == "fp32" else 2048

    @property
    def autocast_dtype(self) -> torch.dtype:
        """The type of matrix products under autocast."""
        return torch.float16 if self.precision == "fp16" else torch.bfloat16

    @property
    def wide_dtype(self) -> torch.dtype:
        """A type for matrix products with the range of float32, which fp16 has not: bfloat16 where it is in use."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> torch.autocast:
        """Context in which matrix products use the lower precision."""
        return torch.autocast(self.kind, dtype=self.autocast_dtype, enabled=self.precision != "fp32")

    def scaler(self) -> torch.amp.GradScaler:
        """Loss scaling for fp16; does nothing otherwise."""
        return torch.amp.GradScaler(self.kind, enabled=self.precision == "fp16")

    def in_full_precision(self) -> "Device":
        """The same device computing in fp32."""
        return Device(**(asdict(self) | {"precision": "fp32"}))

    def describe(self) -> dict[str, Any]:
        """For run.json."""
        return asdict(self)


def pick_device(wanted: str = "auto", precision: str = "auto") -> Device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`. Raises ConfigError where it is not there."""
    kind, _, index = wanted.partition(":")
    if kind == "auto":
        kind = "cuda" if has_gpu() else "mps" if torch.backends.mps.is_available() else "cpu"
    _check_available(kind, index, wanted)
    number = int(index) if index else (0 if kind == "cuda" else None)
    name = torch.cuda.get_device_name(number) if kind == "cuda" else processor_name()
    return Device(kind, number, name, _precision(kind, precision), torch.get_num_threads(), processes_started())


def has_gpu() -> bool:
    """Whether there is a GPU of NVIDIA's."""
    return torch.cuda.is_available()


def processes_started() -> int:
    """How many processes torchrun, or `--processes`, has started for this training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def of_process(device: Device, number: int) -> Device:
    """The device of process `number` of a machine, where process 0 of a training computes on `device`: the GPU of its
    number. Raises ConfigError where there are fewer.
    """
    if device.kind != "cuda":
        return device
    if number >= torch.cuda.device_count():
        what = f"process {number} of this machine finds {torch.cuda.device_count()} GPUs"
        raise ConfigError(what, where="--processes", fix="start as many processes as there are GPUs, or --device cpu")
    torch.cuda.set_device(number)
    return replace(device, index=number)


def collective_backend() -> str:
    """What processes talk over, for torch.distributed: gloo, and NCCL for what lies on GPUs."""
    return "cpu:gloo,cuda:nccl" if has_gpu() else "gloo"


def use_threads(count: int) -> None:
    """Compute with this many CPU threads, whatever the environment says."""
    torch.set_num_threads(count)


def _check_available(kind: str, index: str, wanted: str) -> None:
    there = {"cpu": True, "cuda": has_gpu(), "mps": torch.backends.mps.is_available()}
    if kind not in there or (index and not index.isdigit()):
        raise ConfigError(f"unknown device `{wanted}`", where="--device", fix="use auto, cpu, cuda, cuda:1 or mps")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not there[kind] or (index and int(index) >= count):
        raise ConfigError(
            f"device `{wanted}` is not available here", where="--device", fix="use auto, or see lmfit doctor"
        )


def _precision(kind: str, wanted: str) -> str:
    if wanted == "auto":
        if kind == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return "bf16" if kind == "cpu" and cpu_has_bf16() else "fp32"
    if wanted == "fp16" and kind == "cpu":
        raise ConfigError("fp16 is for GPUs", where="training.precision", fix="use auto, bf16 or fp32 on a CPU")
    return wanted


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices natively (AVX512-BF16, AMX, ARM)."""
    if platform.machine().lower() in ("x86_64", "amd64"):  # there mkldnn says yes to plain AVX512, which emulates
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    check = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(check and check())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generators inside the block and put the earlier state back after it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def peak_memory_bytes(device: Device) -> int:
    """Most memory used so far: on the GPU, else by this process."""
    if device.kind == "cuda":
        return int(torch.cuda.max_memory_allocated(device.torch_device))
    return peak_memory_of_process()


def peak_memory_of_process() -> int:
    """Most main memory that this process took so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class InUse(NamedTuple):
    """Bytes of memory that a process takes: of its own, and of files mapped into it, which the system can drop."""

    private: int
    mapped: int

    @property
    def total(self) -> int:
        """Both together: what `peak_memory_bytes` is the highest of."""
        return self.private + self.mapped


def memory_in_use() -> InUse:
    """The memory that this process takes now; where the system does not tell, the most that it ever took."""
    try:
        with open("/proc/self/statm") as file:
            _, resident, shared = (int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in file.read().split()[:3])
    except (OSError, ValueError):
        return InUse(peak_memory_of_process(), 0)
    return InUse(resident - shared, shared)


def release_memory(device: Device) -> None:
    """Give back to the system, or to other users of the GPU, what was freed and is kept for the next time."""
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory."""
    return isinstance(error, torch.OutOfMemoryError) or any(told in str(error) for told in _OUT_OF_MEMORY)


_OUT_OF_MEMORY = ("DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory")


def memory_total_bytes() -> int:
    """Memory of the machine or of its cgroup, whichever is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total
