import pytest

from lmfit.data.example import Example, Origin
from lmfit.data.words import detect_mode, split_words


def words(text, mode="unicode"):
    return [text[start:end] for start, end in split_words(text, mode)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S.A. won.", ["The", "U.S.A", ".", "won", "."]),
        ("I don't l’été", ["I", "don't", "l’été"]),
        ("al-Ain, 3.14 a_b col·lega", ["al-Ain", ",", "3.14", "a_b", "col·lega"]),
        ("-5% (x) --", ["-", "5", "%", "(", "x", ")", "-", "-"]),
        ("cafe\u0301 no\u0308", ["cafe\u0301", "no\u0308"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("مرحبا، بالعالم", ["مرحبا", "،", "بالعالم"]),
        ("کتاب\u200cها", ["کتاب\u200cها"]),
        ("我爱New York，かな", ["我", "爱", "New", "York", "，", "か", "な"]),
        ("สวัสดีครับ โลก", ["สวัสดีครับ", "โลก"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("👨‍👩‍👧 👍🏽❤️ 🇨🇳🇺🇸", ["👨‍👩‍👧", "👍🏽", "❤️", "🇨🇳", "🇺🇸"]),
        ("a\u2028b\u00a0c\u3000d\u200be", ["a", "b", "c", "d", "e"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_unicode_words(text, expected):
    assert words(text) == expected


def test_whitespace_words():
    assert words("don't, stop\u3000now", "whitespace") == ["don't,", "stop", "now"]


def test_characters_keep_their_marks():
    assert words("我a1 e\u0301。", "characters") == ["我", "a", "1", "e\u0301", "。"]


def test_unknown_mode():
    with pytest.raises(ValueError, match="unknown way"):
        split_words("a", "words")


@pytest.mark.parametrize(
    ("text", "mode"),
    [("今天天气很好。", "characters"), ("Hello there", "unicode"), ("我 think so", "unicode"), ("123 !", "unicode")],
)
def test_mode_of_a_text(text, mode):
    assert detect_mode([Example(Origin("a", 1), text)]) == mode


def test_mode_by_given_words():
    words = [Example(Origin("a", 1), "北京欢迎", words=[(0, 2), (2, 4)])]
    assert detect_mode(words) == "unicode"
