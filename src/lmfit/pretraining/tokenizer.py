"""The tokenizer: trained on the corpus so that equal text gives an equal one, or taken from a model; and its report."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lmfit import console
from lmfit.config.pretraining import TokenizerConfig
from lmfit.config.sizes import size_bytes
from lmfit.data.cache import Entry
from lmfit.data.source import fingerprint_of
from lmfit.data.words import is_han
from lmfit.errors import ConfigError
from lmfit.pretraining.corpus import Corpus
from lmfit.pretraining.filters import count_words

MASK = "[MASK]"
ENCODER_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", MASK)
END_OF_TEXT = "<|endoftext|>"
_MOST_LETTERS = 1000
_VERSION = 2
_REPORTED = 500


def trained_tokenizer(corpus: Corpus, config: TokenizerConfig, *, causal: bool) -> Any:
    """A tokenizer of the training documents, made once and cached.

    Raises ConfigError where the text does not support a vocabulary of the size asked for.
    """
    name = fingerprint_of(["tokenizer", _VERSION, corpus.fingerprint, config.model_dump(), causal])[:32]
    entry = Entry(name, lambda folder: (folder / "tokenizer.json").is_file())

    def write(folder: Path) -> None:
        _train(corpus, config, causal=causal).save_pretrained(folder)

    return entry.read(read_tokenizer) or entry.write(write, read_tokenizer)


def read_tokenizer(folder: Path) -> Any:
    """A tokenizer from its folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _train(corpus: Corpus, config: TokenizerConfig, *, causal: bool) -> Any:
    from transformers import PreTrainedTokenizerFast

    special = [END_OF_TEXT] if causal else list(ENCODER_TOKENS)
    made = _untrained(config, special)
    texts = list(console.progress(sampled(corpus, size_bytes(config.sample)), total=None, what="reading a sample"))
    made = _MAKERS[config.kind](made, texts, config, special)
    size = made.get_vocab_size()
    if size < config.vocabulary and config.kind != "characters":
        what = f"the text supports {size:,} pieces, not a vocabulary of {config.vocabulary:,}"
        fix = f"pretraining.tokenizer.vocabulary={size // 64 * 64 or size}, or more text"
        raise ConfigError(what, where="pretraining.tokenizer.vocabulary", fix=fix)
    if size > config.vocabulary:
        what = f"single characters and special tokens alone are {size:,} pieces, more than {config.vocabulary:,}"
        fix = f"pretraining.tokenizer.vocabulary={-(-size // 64) * 64}, or more"
        raise ConfigError(what, where="pretraining.tokenizer.vocabulary", fix=fix)
    if causal:
        names = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT}
        return PreTrainedTokenizerFast(
            tokenizer_object=made, model_input_names=["input_ids", "attention_mask"], **names
        )
    _frame(made)
    names = {f"{name.strip('[]').lower()}_token": name for name in ENCODER_TOKENS}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=made, model_input_names=inputs, **names)


def sampled(corpus: Corpus, most: int) -> Iterator[str]:
    """Training texts spread evenly over the corpus, `most` bytes of them."""
    total = sum(part.facts["bytes"] for part in corpus.stored)
    step, taken = max(1, total // max(1, most)), 0
    for _, texts in corpus.texts("train"):
        for text in texts[::step] if step <= len(texts) else texts[:1]:
            taken += len(text.encode("utf-8", "replace"))
            yield text
        if taken >= most:
            return


def _untrained(config: TokenizerConfig, special: Sequence[str]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    if config.kind == "bpe":
        made = Tokenizer(models.BPE())
        made.normalizer = normalizers.NFC()
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        made.decoder = decoders.ByteLevel()
        return made
    unknown = "[UNK]" if "[UNK]" in special else special[0]
    made = Tokenizer(models.WordPiece(unk_token=unknown))
    made.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.separate_han,
        strip_accents=config.lowercase,
        lowercase=config.lowercase,
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if config.kind == "characters":
        single = pre_tokenizers.Split(Regex("."), "isolated")
        made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), single])
    elif config.kind == "unigram":
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
    else:
        made.decoder = decoders.WordPiece()
    return made


def _word_pieces(made: Any, texts: Sequence[str], config: TokenizerConfig, special: list[str]) -> Any:
    """WordPiece as the merges of byte-pair encoding find it (as BERT's public vocabularies were made).

    The trainer numbers continuation pieces in the order of a hash map; here all characters are numbered first, as
    special tokens of the training only, so that equal text gives equal ids.
    """
    from tokenizers import models, trainers

    alphabet = _characters(made, texts, config)
    apart = config.separate_han
    singles = [*alphabet, *(f"##{character}" for character in alphabet if not (apart and is_han(character)))]
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocabulary, special_tokens=[*special, *singles], show_progress=False, limit_alphabet=1
    )
    learner = _untrained(config, special)
    learner.train_from_iterator(texts, trainer)
    vocabulary = learner.get_vocab(with_added_tokens=True)
    made.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    made.add_special_tokens(special)
    return made


def _byte_pairs(made: Any, texts: Sequence[str], config: TokenizerConfig, special: list[str]) -> Any:
    from tokenizers import pre_tokenizers, trainers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary,
        special_tokens=_with_blank(special),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def _unigram(made: Any, texts: Sequence[str], config: TokenizerConfig, special: list[str]) -> Any:
    from tokenizers import models, trainers

    made.model = models.Unigram()
    trainer = trainers.UnigramTrainer(
        vocab_size=config.vocabulary, special_tokens=_with_blank(special), unk_token="[UNK]", show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made


def _with_blank(special: Sequence[str]) -> list[Any]:
    """The special tokens; the mask takes the blank before it, as the pieces that it stands for do."""
    from tokenizers import AddedToken

    mask = AddedToken(MASK, lstrip=True, normalized=False, special=True)
    return [mask if name == MASK else name for name in special]


def _single_characters(made: Any, texts: Sequence[str], config: TokenizerConfig, special: list[str]) -> Any:
    from tokenizers import models

    pieces = [*special, *_characters(made, texts, config)][: config.vocabulary]
    made.model = models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    made.add_special_tokens(special)
    return made


_MAKERS: Mapping[str, Callable[[Any, Sequence[str], TokenizerConfig, list[str]], Any]] = {
    "bpe": _byte_pairs,
    "characters": _single_characters,
    "unigram": _unigram,
    "wordpiece": _word_pieces,
}


def _characters(made: Any, texts: Sequence[str], config: TokenizerConfig) -> list[str]:
    """The characters of the normalised texts, commonest first: at most 1,000, and Han ones in half the vocabulary."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(made.normalizer.normalize_str(text))
    ordered = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
    letters = [c for c in ordered if not is_han(c)][:_MOST_LETTERS]
    room = config.vocabulary if config.kind == "characters" else config.vocabulary // 2
    kept = {*letters, *[c for c in ordered if is_han(c)][:room]}
    return [c for c in ordered if c in kept]


def _frame(made: Any) -> None:
    """BERT's frame around one text or a pair."""
    from tokenizers import processors

    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )


@dataclass(frozen=True)
class TokenizerReport:
    """How a tokenizer fits held-out text.

    fertility: tokens per word (a Han character is a word); unknown: share of unknown tokens; coverage: share of the
    vocabulary that occurs.
    """

    vocabulary: int
    documents: int
    words: int
    tokens: int
    fertility: float
    unknown: float
    coverage: float

    def as_dict(self) -> dict[str, Any]:
        """For ledger.json."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"tokenizer: {self.vocabulary:,} pieces; on held-out text {self.fertility:.2f} tokens per word, "
            f"{self.unknown:.2%} unknown, {self.coverage:.0%} of the pieces occur"
        )


def report_on(tokenizer: Any, corpus: Corpus) -> TokenizerReport:
    """Measured on at most 500 held-out documents."""
    held = (text for split in ("validation", "test") for _, texts in corpus.texts(split) for text in texts)
    texts = list(islice(held, _REPORTED))
    counts: Counter[int] = Counter()
    for encoding in tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False):
        counts.update(encoding.ids)
    words, tokens = sum(map(count_words, texts)), counts.total()
    unknown = counts[tokenizer.unk_token_id] if tokenizer.unk_token_id is not None else 0
    size = len(tokenizer)
    return TokenizerReport(
        size,
        len(texts),
        words,
        tokens,
        round(tokens / max(1, words), 4),
        round(unknown / max(1, tokens), 6),
        round(len(counts) / size, 4),
    )
