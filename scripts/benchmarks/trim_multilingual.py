"""Trim a multilingual vocabulary of 250,000 pieces to CoNLL-2003: seconds, and bytes before and after, then in int8.

    python scripts/benchmarks/trim_multilingual.py ../shared/data [--layers 12] [--hidden 384]

The model has XLM-R's architecture and random weights (bytes do not depend on them). Its Unigram pieces are the words of
real text in three languages with their relative frequencies, the most frequent first, then beginnings of words.
"""

import argparse
import gzip
import json
import lzma
import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lmfit.compression.certificate import size_of
from lmfit.compression.export import export
from lmfit.compression.quantize import quantize_int8
from lmfit.compression.vocabulary import choose, trim_embeddings, trim_tokenizer
from lmfit.data.framing import Framer

PIECES = 250_002
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def main() -> None:
    """Print what trimming saves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=384)
    asked = parser.parse_args()
    from transformers import XLMRobertaConfig, XLMRobertaForTokenClassification, XLMRobertaTokenizerFast

    tokenizer = XLMRobertaTokenizerFast(vocab=[*pieces(asked.data), ("<mask>", 0.0)])
    size = {"hidden_size": asked.hidden, "num_hidden_layers": asked.layers, "intermediate_size": 4 * asked.hidden}
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        num_attention_heads=12,
        num_labels=9,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        **size,
    )
    model = XLMRobertaForTokenClassification(config)
    words = {line.split()[0] for line in (asked.data / "conll2003" / "eng.train").read_text().splitlines() if line}
    started, wall = time.process_time(), time.perf_counter()
    encoded = tokenizer.backend_tokenizer.encode_batch_fast([[w] for w in sorted(words)], is_pretokenized=True)
    used = np.unique(np.concatenate([one.ids for one in encoded]))
    trimming = choose(tokenizer, config, used, 2000)
    smaller = trim_tokenizer(tokenizer, trimming)
    sizes = [written(model, tokenizer)]
    trim_embeddings(model, trimming)
    sizes.append(written(model, smaller))
    seconds = time.process_time() - started, time.perf_counter() - wall
    parameters = model.num_parameters()
    ratio = sizes[0] / sizes[1]
    print(f"pieces {len(tokenizer):,} -> {len(trimming.kept):,}; {seconds[0]:.1f} s CPU, {seconds[1]:.1f} s in all")
    with TemporaryDirectory() as folder:
        exported = export(model, Framer(smaller, 128), Path(folder))
        target = Path(folder) / "int8.onnx"
        quantize_int8(exported.path, target)
        smaller.save_pretrained(Path(folder) / "tokenizer")
        int8 = target.stat().st_size + size_of(Path(folder) / "tokenizer")
    print(f"int8: {int8 / 1e6:.1f} MB, {sizes[0] / int8:.1f}x; {time.perf_counter() - wall:.1f} s in all")
    print(f"fp32: {sizes[0] / 1e6:.1f} -> {sizes[1] / 1e6:.1f} MB, {ratio:.1f}x; {parameters:,} weights left")


def written(model: object, tokenizer: object) -> int:
    """Bytes of the model's folder."""
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)  # type: ignore[attr-defined]
        tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]
        return size_of(Path(folder))


def pieces(data: Path) -> list[tuple[str, float]]:
    """Special pieces, single characters, then words and beginnings of words, with logarithms of their frequencies."""
    counts: Counter[str] = Counter()
    for line in texts(data):
        counts.update(f"▁{word}" for word in line.split() if len(word) < 20)
    total = math.log(sum(counts.values()))
    characters = sorted({c for word in counts for c in word})
    found = dict.fromkeys(SPECIAL, 0.0) | dict.fromkeys(["▁", *(f"▁{c}" for c in characters), *characters], -16.0)
    for word, count in counts.most_common():
        found.setdefault(word, math.log(count) - total)
    for word, count in counts.most_common():
        for end in range(3, len(word)):
            found.setdefault(word[:end], math.log(count) - total - 2)
            if len(found) >= PIECES - 1:
                return list(found.items())[: PIECES - 1]
    return list(found.items())[: PIECES - 1]


def texts(data: Path) -> Iterator[str]:
    """Lines of real text in English, German and Chinese."""
    for name in ("imdb_unsup", "peps", "nltk_misc"):
        with lzma.open(data / "corpus_en" / f"{name}.txt.xz", "rt", encoding="utf-8", errors="replace") as file:
            for _, line in zip(range(60_000), file, strict=False):
                yield line[:4000]
    for language in ("de", "en", "zh"):
        for document in json.loads((data / "xquad" / f"xquad.{language}.json").read_text())["data"]:
            yield from (paragraph["context"] for paragraph in document["paragraphs"])
    for language in ("de", "en"):
        with gzip.open(data / "multi30k_ende" / f"train.{language}.gz", "rt", encoding="utf-8") as file:
            yield from file


if __name__ == "__main__":
    main()
