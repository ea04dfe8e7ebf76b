"""Every perturbation keeps labels right, on whatever text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lmfit.catalog import PERTURBATIONS
from lmfit.config.data import DataConfig
from lmfit.data.example import Example, Origin
from lmfit.data.sources import load_splits
from lmfit.evaluation.entities import spans
from lmfit.evaluation.robustness.names import LEAST_NAMES, Names
from lmfit.evaluation.robustness.perturbation import Perturbation, WordPerturbation


def tagged(*pairs: tuple[str, str], gap: str = " ") -> Example:
    text, words = "", []
    for word, _ in pairs:
        text += gap if text else ""
        words.append((len(text), len(text) + len(word)))
        text += word
    return Example(Origin("x", 1), text, words=words, tags=[tag for _, tag in pairs])


def plain(text: str, pair: str | None = None) -> Example:
    return Example(Origin("x", 1), text, text_pair=pair, label="a")


def words_of(example: Example) -> list[str]:
    return [example.text[a:b] for a, b in example.words or []]


def the(name: str) -> Perturbation:
    variants = {one.name: one for table in PERTURBATIONS for one in PERTURBATIONS.load(table)}
    found: Perturbation = variants[name]
    return found


def changed(name: str, example: Example, seed: int = 0) -> Example:
    return the(name).change(example, Random(seed))


EVERY = [name for table in PERTURBATIONS for name in (one.name for one in PERTURBATIONS.load(table))]
TEXTS = [
    "",
    "   ",
    ".",
    "?!…",
    "Straße İstanbul ŉ ﬁ",
    "你好，世界！今天天气不错。",
    "مرحبا بكم في المدينة، كيف الحال؟",
    "👩‍👩‍👧 🇩🇪 great!!",
    "a\r\nb\tccccc",
    "word " * 5000,
    "ภาษาไทยไม่มีช่องว่าง",
]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("text", TEXTS)
def test_any_text_is_taken(name: str, text: str) -> None:
    before = plain(text, pair=text)
    after = changed(name, before, seed=3)
    assert (after.label, after.origin) == (before.label, before.origin)
    assert bool(after.text.strip()) == bool(text.strip())
    assert after == changed(name, before, seed=3)


def test_case_by_hand() -> None:
    example = tagged(("The", "O"), ("EU", "B-ORG"), ("straße", "O"))
    assert words_of(changed("case.upper", example)) == ["THE", "EU", "STRASSE"]
    assert words_of(changed("case.title", example)) == ["The", "EU", "Straße"]
    lower = changed("case.lower", example)
    assert (lower.text, lower.tags) == ("the eu straße", ["O", "B-ORG", "O"])
    assert not the("case.lower").fits(plain("你好，123"))


def test_punctuation_by_hand() -> None:
    assert changed("punctuation", plain("Don't pay $3.14, at 10:30!", "ok.")).text == "Dont pay $3.14 at 10:30"
    example = tagged(("Marks", "B-ORG"), ("&", "I-ORG"), ("Co.", "I-ORG"), (",", "O"), ("U.S.", "B-LOC"), (".", "O"))
    after = changed("punctuation", example)
    assert words_of(after) == ["Marks", "&", "Co", "US"]
    assert after.tags == ["B-ORG", "I-ORG", "I-ORG", "B-LOC"]
    speech = tagged(("Go", "VERB"), ("!", "PUNCT"))
    assert changed("punctuation", speech) == speech


def test_a_row_of_nothing_but_punctuation_stays() -> None:
    assert changed("punctuation", plain("?!", "...")) == plain("?!", "...")
    marks = tagged((".", "O"), ("!", "O"))
    assert changed("punctuation", marks) == marks


def test_typos_are_one_edit_in_a_tenth_of_the_long_words() -> None:
    before = plain(" ".join(["keyboard", "the"] * 4000))
    words = changed("typos", before).text.split()
    assert set(words[1::2]) == {"the"}
    slips = [word for word in words[::2] if word != "keyboard"]
    assert len(slips) / 4000 == pytest.approx(0.1, abs=0.02)
    assert {len(word) for word in slips} == {7, 8, 9}
    assert all(word[0] == "k" for word in slips)


def test_typos_in_han_text_swap_and_double_signs() -> None:
    before = "今天的天气真不错我们去公园散步吧" * 100
    after = changed("typos", plain(before)).text
    assert set(after) == set(before)
    differing = sum(a != b for a, b in zip(before, after, strict=False))
    assert differing > 10
    assert len(before) < len(after) < 1.05 * len(before)


def test_typos_do_not_carry_signs_over_the_border_of_an_entity() -> None:
    example = tagged(*[(sign, tag) for sign, tag in zip("张三在北京工作", "BIOBIOO", strict=True)], gap="")
    example.tags = [{"B": "B-X", "I": "I-X", "O": "O"}[tag] for tag in example.tags or []]
    for seed in range(300):
        after = changed("typos", example, seed)
        assert after.tags == example.tags
        entities = ["".join(words_of(after)[s.start : s.end]) for s in spans(after.tags or [])]
        assert [set(name) for name in entities] == [set("张三"), set("北京")]


def named(*names: str) -> list[Example]:
    return [
        tagged(*[(w, f"{'I' if i else 'B'}-PER") for i, w in enumerate(name.split())], ("came", "O")) for name in names
    ]


def test_names_are_replaced_by_unseen_ones_of_the_label() -> None:
    held = named("Old Name", *(f"New{i} {'van ' * (i % 3)}Person" for i in range(LEAST_NAMES)))
    fitted = the("names").fitted(named("old name"), held)
    example = tagged(("Old", "B-PER"), ("Name", "I-PER"), ("met", "O"), ("Old", "B-PER"), ("Name", "I-PER"))
    example.tags = [*(example.tags or [])]
    seen = set()
    for seed in range(60):
        after = fitted.change(example, Random(seed))
        first, second = (" ".join(words_of(after)[s.start : s.end]) for s in spans(after.tags or []))
        assert first == second, "the same name in a row becomes the same name"
        assert first.startswith("New")
        assert after.text == f"{first} met {first}"
        seen.add(first)
    assert len(seen) == LEAST_NAMES


def test_too_few_unseen_names_are_told() -> None:
    held = [*named(*(f"N{i}" for i in range(LEAST_NAMES))), tagged(("Oslo", "B-LOC"))]
    fitted = the("names").fitted([], held)
    assert "LOC" in fitted.remark
    oslo = tagged(("Oslo", "B-LOC"))
    assert (fitted.fits(oslo), fitted.change(oslo, Random(0))) == (False, oslo)
    assert not the("names").fitted(held, held).fits(held[0])


@pytest.fixture(scope="module", params=["conll", "resume"])
def real(request: pytest.FixtureRequest, shared_data: Path) -> list[Example]:
    files = {"conll": "conll2003/eng.testb", "resume": "resume_ner_zh/test.char.bmes"}
    columns = {"conll": {"tokens": 0, "labels": 3}, "resume": {}}[request.param]
    config = DataConfig(train=str(shared_data / files[request.param]), format="conll", columns=columns)
    return list(load_splits(config, "words").train)[:600]


def variants(examples: list[Example]) -> Iterator[Perturbation]:
    for name in EVERY:
        yield the(name).fitted(examples[:50], examples)


def test_real_sentences_stay_aligned(real: list[Example]) -> None:
    for one in variants(real):
        moved = 0
        for row, example in enumerate(real):
            after = one.change(example, Random(row))
            moved += after != example
            assert len(after.words or []) == len(after.tags or [])
            assert all(word.strip() for word in words_of(after))
            before_labels = [span.label for span in spans(example.tags or [])]
            assert [span.label for span in spans(after.tags or [])] == before_labels, one.name
            if isinstance(one, WordPerturbation):
                assert len(after.words or []) <= len(example.words or [])
        assert bool(moved) == any(map(one.fits, real)), one.name


def test_renamed_offsets_point_at_the_words(real: list[Example]) -> None:
    fitted = the("names").fitted([], real)
    assert isinstance(fitted, Names)
    for row, example in enumerate(real):
        after = fitted.change(example, Random(row))
        again = replace(after, text=after.text)
        starts = [a for a, _ in again.words or []]
        assert starts == sorted(starts)
        outside = [w for w, t in zip(words_of(example), example.tags or [], strict=True) if t == "O"]
        assert [w for w, t in zip(words_of(after), after.tags or [], strict=True) if t == "O"] == outside
