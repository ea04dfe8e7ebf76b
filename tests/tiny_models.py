"""Tiny random encoders of every family that lmfit supports, each with a tokenizer trained on a few sentences."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SENTENCES = [
    "Anna Petrov joined Nordwind in Oslo last spring .",
    "The board of Halden Bank met in Lisbon on Monday .",
    "Kofi Mensah flew from Accra to Porto with Maria Silva .",
    "A parcel from Lisbon never came and nobody answers .",
    "I love this kettle , it is quick and quiet .",
    "The lamp broke after two days , very bad .",
    "Where is my order ? It should be here by now .",
    "Please cancel the order and send the money back .",
]
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
POSITIONS = 64

Made = tuple[Any, Any]


def word_pieces() -> dict[str, int]:
    """A lower-cased WordPiece vocabulary: every word and every character. Trainers break ties anew in each process."""
    words = sorted({word.lower() for sentence in SENTENCES for word in sentence.split()})
    characters = sorted(set("".join(words)))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*special, *characters, *(f"##{character}" for character in characters), *words])
    return {piece: i for i, piece in enumerate(pieces)}


def byte_pairs(special: list[str]) -> Any:
    """A byte-level BPE tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=450, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator([f" {sentence}" for sentence in _corpus()], trainer)
    return made


def pieces_with_scores(special: list[str]) -> list[tuple[str, float]]:
    """A Unigram vocabulary with its scores, as SentencePiece makes them: all words, all letters, each after a blank."""
    words = sorted({word for sentence in SENTENCES for word in (*sentence.split(), *sentence.lower().split())})
    letters = sorted(set("".join(words)))
    likely = [(f"▁{word}", -4.0) for word in words if len(word) > 1]
    return [
        *((name, 0.0) for name in special),
        *likely,
        *((p, -9.0) for c in letters for p in (f"▁{c}", c)),
        ("▁", -12.0),
    ]


def bert() -> Made:
    from transformers import BertConfig, BertTokenizerFast

    tokenizer = BertTokenizerFast(vocab=word_pieces())
    return BertConfig(vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, **SIZE), tokenizer


def distilbert() -> Made:
    from transformers import DistilBertConfig, DistilBertTokenizerFast

    tokenizer = DistilBertTokenizerFast(vocab=word_pieces())
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=POSITIONS
    )
    return config, tokenizer


def electra() -> Made:
    from transformers import ElectraConfig, ElectraTokenizerFast

    tokenizer = ElectraTokenizerFast(vocab=word_pieces())
    config = ElectraConfig(vocab_size=len(tokenizer), embedding_size=16, max_position_embeddings=POSITIONS, **SIZE)
    return config, tokenizer


def roberta() -> Made:
    from transformers import RobertaConfig, RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = byte_pairs(special)
    tokenizer = RobertaTokenizerFast(vocab=trained.get_vocab(), merges=_merges(trained))
    return RobertaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS + 2,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        **SIZE,
    ), tokenizer


def modernbert() -> Made:
    from tokenizers import processors
    from transformers import ModernBertConfig, PreTrainedTokenizerFast

    backend = byte_pairs(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        **SIZE,
    )
    return config, tokenizer


def deberta() -> Made:
    from transformers import DebertaV2Config, DebertaV2TokenizerFast

    vocabulary = pieces_with_scores(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
    tokenizer = DebertaV2TokenizerFast(vocab=vocabulary, unk_id=3)
    config = DebertaV2Config(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["p2c", "c2p"],
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        **SIZE,
    )
    return config, tokenizer


def xlm_roberta() -> Made:
    from transformers import XLMRobertaConfig, XLMRobertaTokenizerFast

    vocabulary = pieces_with_scores(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer = XLMRobertaTokenizerFast(vocab=[*vocabulary, ("<mask>", 0.0)])
    return XLMRobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=POSITIONS + 2, type_vocab_size=1, pad_token_id=1, **SIZE
    ), tokenizer


def albert() -> Made:
    from transformers import AlbertConfig, AlbertTokenizerFast

    vocabulary = pieces_with_scores(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer = AlbertTokenizerFast(vocab=vocabulary)
    config = AlbertConfig(vocab_size=len(tokenizer), embedding_size=16, max_position_embeddings=POSITIONS, **SIZE)
    return config, tokenizer


FAMILIES: dict[str, Callable[[], Made]] = {
    "bert": bert,
    "distilbert": distilbert,
    "electra": electra,
    "roberta": roberta,
    "modernbert": modernbert,
    "deberta-v2": deberta,
    "xlm-roberta": xlm_roberta,
    "albert": albert,
}


def gpt2() -> Made:
    """As published: no padding token, nothing before or after a text."""
    from transformers import GPT2Config, GPT2TokenizerFast

    trained = byte_pairs(["<|endoftext|>"])
    tokenizer = GPT2TokenizerFast(vocab=trained.get_vocab(), merges=_merges(trained))
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return config, tokenizer


def qwen2() -> Made:
    """Grouped key heads, a padding token that the config does not know."""
    from transformers import PreTrainedTokenizerFast, Qwen2Config

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(["<|endoftext|>", "<|im_end|>"]), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    config = Qwen2Config(
        vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, num_key_value_heads=1, pad_token_id=None, **SIZE
    )
    return config, tokenizer


def llama() -> Made:
    """Begins each text with <s>; no token but that one could be padding."""
    from tokenizers import processors
    from transformers import LlamaConfig, PreTrainedTokenizerFast

    backend = byte_pairs(["<s>"])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        num_key_value_heads=2,
        bos_token_id=0,
        eos_token_id=None,
        **SIZE,
    )
    return config, tokenizer


DECODERS: dict[str, Callable[[], Made]] = {"gpt2": gpt2, "qwen2": qwen2, "llama": llama}


def make_encoder(family: str, folder: Path) -> Path:
    """Save a random encoder (or decoder) and its tokenizer to `folder`."""
    import torch
    from transformers import AutoModel

    config, tokenizer = (FAMILIES | DECODERS)[family]()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _corpus() -> Iterable[str]:
    return SENTENCES * 3


def _merges(tokenizer: Any) -> list[tuple[str, str]]:
    import json

    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
