from collections import Counter

import pytest

from lmfit.data.scripts import count_scripts, script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello, 世界", "Latin"),
        ("你好吗 ok", "Han"),
        ("ｶﾀｶﾅ", "Kana"),
        ("東京へ行く", "Kana"),
        ("Ｆｕｌｌ", "Latin"),
        ("مرحبا", "Arabic"),
        ("🙂 123", "none"),
        ("\ud800", "none"),
        ("", "none"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_letters_are_counted_by_script() -> None:
    assert count_scripts("ab 世界, в 1") == Counter(Latin=2, Han=2, Cyrillic=1)
