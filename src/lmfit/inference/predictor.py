"""Examples in, predictions out, in order, as a stream: memory does not grow with the data."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

from lmfit.data.example import Example, Origin
from lmfit.data.framing import Framer
from lmfit.data.notices import Notices
from lmfit.data.source import checked
from lmfit.errors import InputError
from lmfit.inference.answers import Answerer
from lmfit.inference.backend import Backend
from lmfit.tasks.base import Encoded, Stats, Task

CHUNK_EXAMPLES = 2048
CHUNK_CHARACTERS = 2_000_000
AHEAD, THREADS = 3, 2


class Predictor:
    """A model ready to answer: backend, task and framer together.

    stats: what encoding met so far; seconds: time spent encoding and computing.
    quick: whether answers that rounding cannot change may be computed in lower precision (see `Answerer`).
    """

    def __init__(self, backend: Backend, task: Task, framer: Framer) -> None:
        self.backend, self.task, self.framer = backend, task, framer
        self.quick = True
        self.stats = Stats()
        self.seconds = 0.0

    def predict(self, texts: Iterable[str | tuple[str, str]]) -> list[Any]:
        """Typed predictions for texts (or pairs of texts), in order. Raises InputError for what is no text."""
        if isinstance(texts, str):
            raise InputError("predict takes a list of texts, not one text", fix="predict([text])")
        return [prediction for _, prediction in self.stream(checked(map(_example, texts, count(1)), Notices()))]

    @property
    def tokens_per_second(self) -> float:
        """Real tokens answered per second so far."""
        return self.stats.counts["tokens"] / max(self.seconds, 1e-9)

    def stream(self, examples: Iterable[Example]) -> Iterator[tuple[Example, Any]]:
        """(example, prediction) in the order given; looks ahead by a chunk, to batch equal lengths together."""
        answerer = Answerer(self.backend, self.task, self.framer, quick=self.quick)
        for chunk in _chunks(examples):
            started = time.perf_counter()
            encoded = list(self.task.encode(chunk, self.framer, self.stats))
            answers = answerer.answers(encoded)
            self.seconds += time.perf_counter() - started
            for item, answer in zip(encoded, answers, strict=True):
                yield item.example, self.task.decode(item, answer)


def encode_all(task: Task, examples: Iterable[Example], framer: Framer, stats: Stats) -> Iterator[Encoded]:
    """Encode a stream of examples chunk by chunk; the next ones are tokenised meanwhile, by all cores.

    Two threads: what one hands over to Python, one text after the other, the other one uses to tokenise.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        waiting: deque[tuple[list[Example], Future[Any]]] = deque()
        for chunk in _chunks(examples):
            waiting.append((chunk, threads.submit(task.tokenise, chunk, framer)))
            if len(waiting) > AHEAD:
                ready, tokens = waiting.popleft()
                yield from task.encode(ready, framer, stats, tokens.result())
        for ready, tokens in waiting:
            yield from task.encode(ready, framer, stats, tokens.result())


def _chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    chunk: list[Example] = []
    size = 0
    for example in examples:
        chunk.append(example)
        size += len(example.text) + len(example.text_pair or "")
        if len(chunk) >= CHUNK_EXAMPLES or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _example(text: str | tuple[str, str], number: int) -> Example:
    parts = (text,) if isinstance(text, str) else tuple(text) if isinstance(text, tuple | list) else ()
    if not (1 <= len(parts) <= 2 and all(isinstance(part, str) for part in parts)):
        raise InputError(f"item {number} is neither a text nor a pair of texts: {text!r:.60}")
    first, second = parts[0], parts[1] if len(parts) == 2 else None
    return Example(Origin("input", number), first, second, id=str(number))
