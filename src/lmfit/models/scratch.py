"""Encoders that start from random weights, for languages that no pretrained model on this machine knows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lmfit.catalog import MODELS

if TYPE_CHECKING:
    from lmfit.data.example import Example
    from lmfit.models.load import ModelSource

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SLOW_FOR_SCRATCH = 2e-4
_VERSION = 1
_HEAD_WIDTH = 64


class TrainingTexts(Protocol):
    """The training split: examples, and a hash of what they are."""

    @property
    def fingerprint(self) -> str:
        """Equal for equal examples."""

    def __iter__(self) -> Iterator["Example"]:
        """The examples from the start."""


@dataclass(frozen=True)
class Together:
    """The training texts of several tasks as those of one."""

    parts: Sequence[TrainingTexts]

    @property
    def fingerprint(self) -> str:
        """Equal for equal examples in the same order of tasks."""
        return "+".join(part.fingerprint for part in self.parts)

    def __iter__(self) -> Iterator["Example"]:
        return chain.from_iterable(self.parts)


@dataclass(frozen=True)
class ScratchModel:
    """A BERT (Devlin et al. 2019) with random weights; its tokens are the characters of the training texts.

    layers, width: its size. vocabulary: the most characters it knows, the most frequent ones. positions: its longest
    input in characters.
    """

    name: str
    layers: int
    width: int
    vocabulary: int
    positions: int
    about: str
    kind: ClassVar[str] = "scratch"

    def where(self) -> str:
        """Nothing: there is no folder before the training texts are known."""
        return ""

    def make(self, train: TrainingTexts) -> Path:
        """A folder with its config and a tokenizer of the training texts, without weights; made once, then cached."""
        from lmfit.data.cache import Entry
        from lmfit.data.source import fingerprint_of

        def write(folder: Path) -> None:
            tokenizer = _character_tokenizer(_texts(train), self.vocabulary)
            tokenizer.save_pretrained(folder)
            self._config(len(tokenizer)).save_pretrained(folder)

        name = fingerprint_of(["scratch", _VERSION, asdict(self), train.fingerprint])[:32]
        entry = Entry(name, lambda folder: (folder / "config.json").is_file())
        return entry.read(Path) or entry.write(write, Path)

    def _config(self, vocabulary: int) -> Any:
        from transformers import BertConfig

        return BertConfig(
            vocab_size=vocabulary,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.width // _HEAD_WIDTH,
            intermediate_size=4 * self.width,
            max_position_embeddings=self.positions,
            pad_token_id=SPECIAL_TOKENS.index("[PAD]"),
        )


def fitted(source: "ModelSource", train: TrainingTexts) -> "ModelSource":
    """The source itself; one of a model from scratch now has a folder, made of the training texts."""
    if source.kind != "scratch":
        return source
    return replace(source, where=str(MODELS.load(source.name).make(train)))


def doubts_about(source: "ModelSource", learning_rate: float, freeze: str | int) -> list[str]:
    """Warnings for settings of pretrained models that do not suit random weights."""
    if source.kind != "scratch":
        return []
    told = [f"{source.name} starts from random weights, without pretraining: a pretrained model usually scores higher"]
    if learning_rate < SLOW_FOR_SCRATCH:
        told.append(f"learning_rate {learning_rate:g} is slow for random weights; try training.learning_rate=1e-3")
    if freeze not in ("none", 0):
        told.append("model.freeze keeps random weights as they are, which learn nothing then")
    return told


def _texts(train: Iterable["Example"]) -> Iterator[str]:
    for example in train:
        yield example.text
        if example.text_pair is not None:
            yield example.text_pair


def _character_tokenizer(texts: Iterable[str], size: int) -> Any:
    """One token per character (after NFKC and lower-casing), white space left out; framed as BERT's inputs are."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    single = pre_tokenizers.Split(Regex("."), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), single])
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(SPECIAL_TOKENS), show_progress=False)
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, SPECIAL_TOKENS.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL_TOKENS}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=made, model_input_names=inputs, **names)


SCRATCH_CHARACTERS = ScratchModel(
    name="scratch-characters",
    layers=2,
    width=128,
    vocabulary=8000,
    positions=512,
    about="a small BERT without pretraining: 2 layers of 128, the characters of your training texts; any script",
)
