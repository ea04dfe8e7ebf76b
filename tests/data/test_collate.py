import numpy as np

from lmfit.data.collate import pad
from lmfit.data.rows import Row


def test_rows_are_padded_on_the_right_each_array_with_its_value() -> None:
    rows = [Row({"input_ids": [5, 6, 7], "labels": np.array([1, 2, 3])}), Row({"input_ids": [8], "labels": [4]})]
    batch = pad(rows, {"input_ids": 9, "labels": -100})
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["labels"].tolist() == [[1, 2, 3], [4, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["input_ids"].dtype == np.int64


def test_values_are_stacked() -> None:
    rows = [Row({"input_ids": [1]}, {"target": 2, "many": [0.0, 1.0]}) for _ in range(3)]
    batch = pad(rows, {})
    assert batch["target"].tolist() == [2, 2, 2]
    assert batch["many"].shape == (3, 2)
    assert batch["target"].dtype == np.float32
