import pytest

from lmfit.data.propose.language import Letters


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("这间酒店的环境不错, WiFi 很快", "Chinese"),
        ("このホテルはとても良かったです", "Japanese"),
        ("호텔이 아주 좋았습니다", "Korean"),
        ("where is my order and why is it late", "English"),
        ("wo ist meine Bestellung und warum kommt sie nicht", "German"),
        ("où est ma commande et pourquoi est-elle en retard, je ne comprends pas", "French"),
        ("el pedido no ha llegado y nadie contesta", "Spanish"),
        ("Где мой заказ и почему он опаздывает", "Cyrillic script"),
        ("أين طلبي ولماذا تأخر", "Arabic script"),
        ("xyzzy plugh frobnicate", "Latin script"),
        ("12.5 🙂 ...", ""),
    ],
)
def test_language_of_a_text(text: str, language: str) -> None:
    letters = Letters()
    letters.add(text)
    assert letters.language == language


def test_only_the_first_characters_are_counted() -> None:
    letters = Letters(left=10)
    letters.add("abcde" * 3)
    letters.add("文" * 50)
    assert dict(letters.scripts) == {"Latin": 10}
