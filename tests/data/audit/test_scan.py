"""What one pass over a split keeps."""

import numpy as np
import pytest

from lmfit.data.audit.scan import Scan, scan
from lmfit.data.audit.sketch import Codes, band_keys, candidates, shingles, similarity, smallest
from lmfit.data.example import Example, Origin
from lmfit.data.scripts import NAMES, main_scripts


def scanned(*texts: str, sketched: bool = True) -> Scan:
    rows = [Example(Origin("a.csv", line), text, label="x") for line, text in enumerate(texts, start=2)]
    return scan(rows, lambda e: [str(e.label)], sketched=sketched)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Wörter und Straßen", "Latin"),
        ("Привет, мир", "Cyrillic"),
        ("مرحبا بالعالم", "Arabic"),
        ("价格很好 ok", "Han"),
        ("これは本です", "Kana"),
        ("한국어", "Hangul"),
        ("नमस्ते", "Devanagari"),
        ("12:30 → 😀", "none"),
        ("", "none"),
    ],
)
def test_the_script_of_a_text(text: str, script: str) -> None:
    assert scanned(text).profile.scripts == {script: 1}


def test_scripts_row_by_row() -> None:
    codes = Codes.of(["abc", "", "где"])
    assert [NAMES[n] for n in main_scripts(codes.points, codes.rows, 3)] == ["Latin", "none", "Cyrillic"]


def test_the_profile_counts_rows_labels_and_lengths() -> None:
    profile = scanned("a" * 10, "b" * 20, "c" * 1000).profile
    assert (profile.rows, profile.labels) == (3, {"x": 3})
    assert profile.characters == {"median": 20, "p95": 1000, "longest": 1000}
    assert sum(profile.lengths.values()) == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (" \t", "blank"),
        ("zero\u200bwidth", "unseen"),
        ("bell\x07", "control"),
        ("caf\ufffd", "lost"),
        ("\x85", "control"),
    ],
)
def test_odd_texts_are_counted_with_their_places(text: str, kind: str) -> None:
    assert scanned("fine\nlines\tand tabs", text, "👩\u200d🚀 نمی\u200cخواهم").oddities[kind] == (1, ["a.csv:3"])


def test_joiners_of_emoji_and_persian_are_not_odd() -> None:
    assert scanned("👩\u200d🚀 نمی\u200cخواهم\u3000全角").oddities == {}


def test_bytes_kept_a_row_do_not_depend_on_the_text() -> None:
    sizes = []
    for length in (40, 4000):
        one = scanned(*("word " * (length // 5) for _ in range(50)))
        arrays = (one.hashes, one.answers, one.bands, one._file_of, one._lines)
        sizes.append(sum(array.nbytes for array in arrays) / 50)
    assert sizes == [76, 76]


def test_no_rows() -> None:
    assert scanned().profile.rows == 0
    assert scanned().bands.shape == (0, 12)


def test_shingles_stay_inside_their_text() -> None:
    together, counts = shingles(Codes.of(["abcdefg", "ab", "hijklm"]), 5)
    assert counts.tolist() == [3, 0, 2]
    alone = [shingles(Codes.of([text]), 5)[0] for text in ("abcdefg", "hijklm")]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_bands_are_shared_as_often_as_theory_says() -> None:
    generator = np.random.default_rng(0)
    shared = []
    for _ in range(300):
        letters = generator.integers(0x4E00, 0x9FFF, 200)
        other = letters.copy()
        other[180:] = generator.integers(0x4E00, 0x9FFF, 20)
        first, second = ("".join(map(chr, row)) for row in (letters, other))
        known, asked = (band_keys(Codes.of([text]), 3) for text in (first, second))
        sets = [smallest(shingles(Codes.of([text]), 3)[0]) for text in (first, second)]
        assert similarity(*sets) == pytest.approx(0.811, abs=0.02)
        shared.append((known == asked).mean())
        assert len(candidates(known, asked)) <= 1
    assert np.mean(shared) == pytest.approx(0.811**4, abs=0.03)


def test_similarity_of_long_texts_is_estimated_from_few_hashes() -> None:
    generator = np.random.default_rng(0)
    both, one, other = (generator.integers(0, 2**63, n, np.uint64) for n in (8000, 1000, 1000))
    sets = [smallest(np.concatenate([both, own])) for own in (one, other)]
    assert [len(hashes) for hashes in sets] == [256, 256]
    assert similarity(*sets) == pytest.approx(0.8, abs=0.08)
