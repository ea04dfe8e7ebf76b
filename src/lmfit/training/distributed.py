"""The processes that train together: one of them leads, the others follow. Sums, agreements, orders.

Rank 0 does all that there is beside training: it alone reads data, prints, writes and scores. What it says goes over
gloo, whose waiting takes no time of a processor; gradients go over NCCL where GPUs compute. Each rank gets the same
sums and makes the same step, so that weights stay equal to the bit.
"""

import math
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from lmfit.device import collective_backend, ran_out_of_memory
from lmfit.errors import InputError, LmfitError, PeerLost

BUCKET_BYTES = 32 * 2**20
PATIENCE = timedelta(days=7)
"""How long a rank waits for another that is alive: rank 0 may prepare or evaluate for hours."""
GONE_SECONDS = 20
"""How long rank 0 waits at its end for the others to leave, and they for its exit code."""
_FINE, _NO_MEMORY, _FAILED = range(3)


class Dismissed(Exception):
    """Rank 0 is done, and so are the others."""


class Ranks:
    """The processes of one training, of which this one is number `rank` of `count`; `local_count` share this machine.

    Every exchange carries the signals that ranks have received: `signal` is the highest number of all, or 0.
    """

    def __init__(self, rank: int = 0, count: int = 1, local_count: int = 1) -> None:
        self.rank, self.count, self.local_count = rank, count, local_count
        self.signal = 0
        self.at_work = False

    @property
    def place(self) -> tuple[int, ...]:
        """What keys of randomness add for this rank; nothing where it is alone."""
        return () if self.count == 1 else (self.rank,)

    def dealt(self, batch: np.ndarray) -> list[np.ndarray]:
        """The rows of each rank, of a batch whose shortest row comes first: to and fro from the longest on, so that
        numbers of rows and lengths are as equal as they can be.
        """
        places = np.arange(len(batch))[::-1]
        lap, seat = np.divmod(places, self.count)
        owner = np.where(lap % 2, self.count - 1 - seat, seat)
        return [batch[owner == rank] for rank in range(self.count)]

    def deal(self, batch: np.ndarray) -> np.ndarray:
        """This rank's rows of a batch; none where it has fewer rows than there are ranks."""
        return self.dealt(batch)[self.rank]

    def gather(self, *numbers: float) -> np.ndarray:
        """The numbers of all ranks, (ranks, numbers), in float64."""
        if self.count == 1:
            return np.array([numbers], np.float64)
        own = torch.tensor([*numbers, self.signal], dtype=torch.float64)
        found = [torch.empty_like(own) for _ in range(self.count)]
        with _talking():
            dist.all_gather(found, own)
        table = torch.stack(found).numpy()
        self.signal = int(table[:, -1].max())
        return np.asarray(table[:, :-1])

    def sum(self, number: float) -> float:
        """The sum over all ranks, the same to the bit on each."""
        return number if self.count == 1 else math.fsum(self.gather(number)[:, 0])

    def total(self, amounts: Sequence[Any]) -> Any:
        """The sum over all ranks of one or more numbers, or of tensors (K,) of the same size, the same on each."""
        own = sum(amounts)
        if self.count == 1 or not isinstance(own, torch.Tensor):
            return self.sum(own)
        return torch.tensor([math.fsum(part) for part in self.gather(*own.tolist()).T], dtype=own.dtype)

    def any(self, flag: bool) -> bool:
        """Whether it holds on any rank."""
        return bool(self.gather(flag).any())

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """All ranks leave the block in the same way: where one fails all raise, where one has no memory left all do."""
        if self.count == 1:
            yield
            return
        error: Exception | None = None
        try:
            yield
        except PeerLost:
            raise
        except Exception as caught:
            error = caught
        short = isinstance(error, RuntimeError) and ran_out_of_memory(error)
        kinds = self.gather(_FINE if error is None else _NO_MEMORY if short else _FAILED)[:, 0]
        if kinds.any():
            self._raise(error, int(kinds.argmax()), failed=kinds.max() == _FAILED)

    def _raise(self, error: Exception | None, culprit: int, *, failed: bool) -> None:
        """What every rank raises; rank 0 its own error, where it has one, since it tells the user."""
        if not failed:
            raise error or torch.OutOfMemoryError(f"out of memory in process {culprit}")
        told: list[Any] = [None] * self.count
        with _talking():
            dist.all_gather_object(told, None if error is None else _told(error))
        if error is not None and self.rank == 0:
            raise error
        code, words = next(each for each in told if each is not None)
        kind = InputError if code == InputError.exit_code else LmfitError
        raise kind(f"process {culprit} of {self.count}: {words}") from error

    def gradient(self, parameters: Iterable[torch.nn.Parameter], backward: Callable[[], float]) -> float:
        """Add the gradient of `backward`, summed over all ranks, to what is there; returns the sum of its results."""
        if self.count == 1:
            return backward()
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        before = [parameter.grad for parameter in trained]
        for parameter in trained:
            parameter.grad = None
        with self.agreed():
            loss = backward()
        add_up(trained)
        for parameter, earlier in zip(trained, before, strict=True):
            if earlier is not None and parameter.grad is not None:
                parameter.grad.add_(earlier)
        return self.sum(loss)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside the block all ranks work alike; outside they wait for a word of rank 0, also where it failed there."""
        self.at_work = True
        yield
        self.at_work = False

    def tell(self, message: object) -> None:
        """Say something to all other ranks, who `hear` it."""
        if self.count > 1:
            with _talking():
                dist.broadcast_object_list([message], src=0, device=torch.device("cpu"))

    def hear(self) -> Any:
        """What rank 0 tells next. Raises Dismissed where it is done."""
        heard: list[Any] = [None]
        with _talking():
            dist.broadcast_object_list(heard, src=0, device=torch.device("cpu"))
        if isinstance(heard[0], Dismissed):
            raise heard[0]
        return heard[0]

    def spread(self, tensor: torch.Tensor) -> None:
        """Rank 0's numbers, put into this tensor of the same shape on all other ranks."""
        with _talking():
            dist.broadcast(tensor, src=0)


ALONE = Ranks()


def _told(error: Exception) -> tuple[int, str]:
    """Exit code and words of an error, for other ranks."""
    if isinstance(error, LmfitError):
        return error.exit_code, "; ".join(problem.what for problem in error.problems)
    return LmfitError.exit_code, f"{type(error).__name__}: {error}"


def add_up(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Sum the gradients over all ranks, in buckets of 32 MiB that are on their way together."""
    pending = []
    for bucket in _buckets([parameter for parameter in parameters if parameter.grad is not None]):
        whole = torch.cat([parameter.grad.flatten() for parameter in bucket if parameter.grad is not None])
        for parameter in bucket:
            parameter.grad = None
        with _talking():
            pending.append((bucket, whole, dist.all_reduce(whole, async_op=True)))
    for bucket, whole, work in pending:
        with _talking():
            work.wait()
        for parameter, piece in zip(bucket, torch.split(whole, [p.numel() for p in bucket]), strict=True):
            parameter.grad = piece.view_as(parameter)


def _buckets(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Parameters of one type in a row, up to 32 MiB of them."""
    bucket: list[torch.nn.Parameter] = []
    for parameter in parameters:
        full = sum(p.nbytes for p in bucket) + parameter.nbytes > BUCKET_BYTES
        if bucket and (full or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


@contextmanager
def _talking() -> Iterator[None]:
    """Raises PeerLost where the other side is gone."""
    try:
        yield
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise
        COMPANY.is_whole = False
        raise PeerLost(fix="go on with: lmfit resume") from error


class Company:
    """What the environment that torchrun made says, and the group of ranks, joined when it is first needed."""

    def __init__(self) -> None:
        self.is_whole = True
        self._ranks: Ranks | None = None
        self._store: Store | None = None

    @property
    def count(self) -> int:
        """Processes of the training."""
        return int(os.environ.get("WORLD_SIZE", "1"))

    @property
    def rank(self) -> int:
        """The number of this one."""
        return int(os.environ.get("RANK", "0"))

    @property
    def local_rank(self) -> int:
        """Its number on this machine."""
        return int(os.environ.get("LOCAL_RANK", self.rank))

    @property
    def store(self) -> Store:
        """Keys and values that all ranks see, apart for each restart."""
        if self._store is None:
            store, *_ = next(iter(rendezvous("env://", timeout=PATIENCE)))
            self._store = PrefixStore(f"lmfit/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        return self._store

    def ranks(self) -> Ranks:
        """All processes of the training, joined; ALONE where there is one. Rank 0 calls the others by this."""
        if self.count == 1:
            return ALONE
        if self._ranks is None:
            if self.rank == 0:
                self.store.set("call", "join")
            local_count = int(os.environ.get("LOCAL_WORLD_SIZE", self.count))
            store = PrefixStore("group", self.store)
            dist.init_process_group(
                collective_backend(), store=store, rank=self.rank, world_size=self.count, timeout=PATIENCE
            )
            self._ranks = Ranks(self.rank, self.count, local_count)
        return self._ranks

    def called(self) -> bool:
        """Wait until rank 0 calls; false where it has ended without."""
        try:
            return bool(self.store.get("call") == b"join")
        except RuntimeError:
            return False

    def end(self, code: int) -> None:
        """Rank 0 is done, with this exit code: the others leave with the same. Waits a few seconds for them."""
        if self.count == 1:
            return
        with suppress(RuntimeError, PeerLost):
            self.store.set("code", str(code))
            self.store.set("call", "over")
            if self._ranks is not None and not self._ranks.at_work:
                self._ranks.tell(Dismissed())
            elif self._ranks is not None:
                dist.destroy_process_group()
            patience = timedelta(seconds=GONE_SECONDS if self.is_whole else 1)
            self.store.wait([f"gone/{rank}" for rank in range(1, self.count)], patience)

    def leave(self) -> int | None:
        """The exit code of rank 0, which this rank takes over; None where it has gone without a word."""
        try:
            self.store.wait(["code"], timedelta(seconds=GONE_SECONDS))
            code = int(self.store.get("code"))
            self.store.set(f"gone/{self.rank}", "1")
        except RuntimeError:
            return None
        return code


COMPANY = Company()


def job() -> str | None:
    """What a job of torchrun is known by, through all its restarts; None where there is no torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{socket.gethostname()}/{os.getppid()}" if name == "none" else name


def job_facts() -> dict[str, str]:
    """For run.json, by which a restarted job finds its run."""
    name = job()
    return {} if name is None else {"job": name}


def is_restarted() -> bool:
    """Whether torchrun has started this process again after a failure."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
