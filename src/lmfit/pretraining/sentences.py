"""Where sentences begin: after a full stop (of any script) and a blank, after a Chinese one, after a line's end."""

import re

_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=\S)|(?<=[。！？])[”’』」）]*|\n+")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, without blanks around them."""
    found, begin = [], 0
    for match in _END.finditer(text):
        found.append(text[begin : match.end()].strip())
        begin = match.end()
    found.append(text[begin:].strip())
    return [sentence for sentence in found if sentence]
