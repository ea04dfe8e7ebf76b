"""What the processor is and can do, told without torch."""

import ctypes
import gc
import os
import platform
import sys
from typing import Any

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "i8mm")
"""The instructions that matter to models, as Linux names them."""
_INT8 = ("avx512_vnni", "avx_vnni", "amx_int8")


def processor_name() -> str:
    """The CPU's model name where the system tells it."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    """Those of FLAGS that the processor has; none where the system does not tell."""
    told = (_cpu_line("flags") or _cpu_line("Features")).split()
    return [flag for flag in FLAGS if flag in told]


def multiplies_int8_exactly() -> bool:
    """Whether products of 8-bit numbers are summed without saturation: VNNI, AMX, any ARM; not plain AVX2 or AVX-512.

    There sums of two products of unsigned and signed bytes are cut at 32,767 (the instruction vpmaddubsw).
    """
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return not is_x86 or any(flag in _INT8 for flag in cpu_flags())


def cpu_threads() -> int:
    """Threads to compute with: OMP_NUM_THREADS, else the processors that this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_line(name: str) -> str:
    """The first value of this name in /proc/cpuinfo, or nothing."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith(name))
    except (OSError, StopIteration):
        return ""


def give_back_memory() -> None:
    """Return what was freed to the system; glibc keeps it for itself otherwise. Elsewhere nothing is done."""
    library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "malloc_trim"):
        gc.collect()
        library.malloc_trim(0)
