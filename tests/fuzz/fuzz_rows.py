"""Strategies for the rows of small files: sound ones, and ones that no reader should see."""

from hypothesis import strategies as st

TEXTS = [
    "fine", "a b c", "", " ", "NA", "None", "nan", "true", "0", "1e999", "它很好 。", "مرحبا", "🙂👩‍👩‍👧", "a\u2028b",
    "a\x85b",
    "a\u200bb", 'say "so"', '"', "a,b;c|d", "a\tb", "a\nb", "a\r\nb", "a\rb", "\ufeffx", "x\x0cy", "[1, 2]",
    '["a", "b"]',
    "{}", "#a", "-DOCSTART-", "= SUM(A1)", "'", "long " * 40, "\ufffd", "ı İ ß",
]  # fmt: skip
LABELS = [
    "a", "b", "b", "c", "NA", "None", "nan", "true", "0", "0.0", "1", "1.0", "²", "--5", " a", "A", "a\u200b", "",
    "3.25",
    0, 1, 2.5, True, None, ["a"], ["a", "b"], [], {"x": 1}, float("inf"), "1" * 400, "٣", "x" * 200,
]  # fmt: skip
TAGS = [
    "O",
    "O",
    "B-X",
    "I-X",
    "B-Y",
    "I-Y",
    "E-X",
    "S-X",
    "M-X",
    "B",
    "I",
    "I-",
    "b-x",
    "Q-X",
    "NN",
    "",
    " O",
    "O\u200b",
]
texts = st.sampled_from(TEXTS) | st.text(max_size=8)
labels = st.sampled_from(LABELS)
tags = st.sampled_from(TAGS)
words = st.sampled_from(["Al", "ran", "，", "好", "a b", "U.S.", "\u200b", "#x", "", "1-2", "\u3000"]) | st.text(
    max_size=3
)
offsets = st.integers(-2, 12) | st.sampled_from([None, "0", 1.0, 10**9])
entities = st.fixed_dictionaries(
    {"start": offsets, "end": offsets, "label": st.sampled_from(["X", "Y", "", None, 3])},
    optional={"text": texts},
) | st.tuples(offsets, offsets, st.sampled_from(["X", "Y"])).map(list)
odd = st.sampled_from([None, 1, "x", [], [1], {}, [[]], {"text": "a"}, 1e308, True])

text_row = st.fixed_dictionaries(
    {"text": texts, "label": labels}, optional={"id": texts, "date": st.sampled_from(["2024-01-31", "31/01/2024", "?"])}
)
sound_text_row = st.fixed_dictionaries(
    {
        "text": texts.filter(str.strip),
        "label": st.sampled_from(["a", "b", "NA", "nan", "true", "0", "1.0", " a", "A", "٣"]),
        "id": st.sampled_from(["x", "y"]),
        "date": st.dates().map(str),
    }
)
sound_span_row = st.sampled_from(
    [
        {"text": "Al ran.", "entities": [{"start": 0, "end": 2, "label": "X"}]},
        {"text": "🙂 好\u200b的", "entities": [[2, 3, "Y"], [0, 1, "X"]]},
        {"text": "a\u2028b", "entities": []},
        {"text": "Alan", "entities": [{"start": 1, "end": 3, "label": "X"}]},
    ]
)
sound_token_row = st.lists(
    st.tuples(st.sampled_from(["Al", "ran", "，", "好", "U.S."]), st.sampled_from(["O", "B-X", "I-X", "B-Y"])),
    min_size=1,
).map(lambda pairs: {"tokens": [w for w, _ in pairs], "tags": [t for _, t in pairs]})
span_row = st.fixed_dictionaries({"text": texts, "entities": st.lists(entities, max_size=3)})
token_row = st.lists(st.tuples(words, tags), max_size=5).map(
    lambda pairs: {"tokens": [w for w, _ in pairs], "tags": [t for _, t in pairs]}
)
study_row = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries({"text": texts}) | odd,
        "annotations": st.lists(
            st.fixed_dictionaries(
                {
                    "result": st.lists(
                        st.fixed_dictionaries(
                            {
                                "type": st.sampled_from(["labels", "choices", "relation", None]),
                                "from_name": st.sampled_from(["label", "mood"]),
                                "value": st.fixed_dictionaries(
                                    {"start": offsets, "end": offsets},
                                    optional={"labels": st.just(["X"]) | odd, "choices": st.just(["a"]) | odd},
                                )
                                | odd,
                            }
                        )
                        | odd,
                        max_size=2,
                    )
                    | odd
                },
                optional={"was_cancelled": odd, "ground_truth": odd},
            )
            | odd,
            max_size=2,
        )
        | odd,
    },
    optional={"id": odd},
)
prodigy_row = st.fixed_dictionaries(
    {"text": texts | odd, "answer": st.sampled_from(["accept", "reject", "ignore", 1, None])},
    optional={"spans": st.lists(entities, max_size=2) | odd, "accept": st.just(["a"]) | odd, "tokens": odd},
)
