"""Script and language of texts: letters by Unicode script, languages in Latin letters by their commonest words."""

from collections import Counter
from dataclasses import dataclass, field

from lmfit.data.scripts import count_scripts

SAMPLE = 200_000
_HAN_SHARE = 0.15
_KANA_SHARE = 0.05
_KNOWN_WORDS = 0.04
_FUNCTION_WORDS = {
    "English": "the and of to a in is that it for was you my with on this are not be have",
    "German": "der die und das ist nicht ich ein eine mit zu auf den von für sie wir es im auch",
    "French": "le la les et est une des pas pour je vous dans que du qui au sur ce ne avec",
    "Spanish": "el la los que y es no una por para con las del se lo su un muy como más",
    "Italian": "il che di è non una per sono gli della con si la le un anche del mi ma ho",
    "Portuguese": "o que não uma para com os é um as do da em no mais por muito meu eu foi",
    "Dutch": "de het een en van niet ik is dat op te zijn met voor er maar die ook wat bij",
}
CODES = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Portuguese": "pt",
    "Dutch": "nl",
    "Chinese": "zh",
    "Japanese": "ja",
    "Korean": "ko",
    "Thai": "th",
    "Greek": "el",
    "Hebrew": "he",
}
"""Language -> its ISO 639-1 code."""
_LANGUAGES_OF_SCRIPTS = {"Hangul": "Korean", "Thai": "Thai", "Greek": "Greek", "Hebrew": "Hebrew"}


@dataclass
class Letters:
    """Letters by script and words in Latin letters, of the first 200,000 characters."""

    scripts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    left: int = SAMPLE

    def add(self, text: str) -> None:
        """Count a text as long as there is room."""
        if self.left > 0:
            text = text[: self.left]
            self.left -= len(text)
            self.scripts.update(count_scripts(text))
            self.words.update(text.lower().split())

    @property
    def language(self) -> str:
        """`Chinese`, `English`, ...; `Cyrillic script` and the like where only that is known; "" where no letter is."""
        total = self.scripts.total()
        if not total:
            return ""
        kana = self.scripts["Kana"]
        if self.scripts["Han"] + kana >= _HAN_SHARE * total:
            return "Japanese" if kana >= _KANA_SHARE * total else "Chinese"
        script = self.scripts.most_common(1)[0][0]
        if script == "Latin":
            return self._in_latin_letters()
        return _LANGUAGES_OF_SCRIPTS.get(script, f"{script} script")

    def _in_latin_letters(self) -> str:
        found = {name: sum(self.words[word] for word in words.split()) for name, words in _FUNCTION_WORDS.items()}
        best = max(found, key=lambda name: found[name])
        return best if found[best] >= _KNOWN_WORDS * self.words.total() else "Latin script"
