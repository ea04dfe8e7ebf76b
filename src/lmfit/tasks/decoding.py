"""The most probable sequence of tags among those that IOB2 allows."""

from collections.abc import Sequence

import numpy as np

FORBIDDEN = -1e9


class ConstrainedDecoder:
    """Viterbi search (Viterbi 1967) over independent tag probabilities, with one rule: I-X only after B-X or I-X.

    start: (C,), follow: (C, C), 0 where it is allowed.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        inside = np.array([label.startswith("I-") for label in labels])
        same = np.array([[before[2:] == after[2:] and before != "O" for after in labels] for before in labels])
        self.start = np.where(inside, FORBIDDEN, 0.0)
        self.follow = np.where(inside[None, :] & ~same, FORBIDDEN, 0.0)

    def best(self, probabilities: np.ndarray) -> np.ndarray:
        """Label ids (W,) of the best allowed sequence: probabilities (W, C), one row per word."""
        greedy: np.ndarray = probabilities.argmax(axis=1)
        if self.allows(greedy):
            return greedy
        scores = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        return viterbi(scores, self.start, self.follow)

    def allows(self, path: np.ndarray) -> bool:
        """Whether a sequence of label ids (W,) is valid."""
        return not len(path) or bool(self.start[path[0]] == 0 and (self.follow[path[:-1], path[1:]] == 0).all())


def viterbi(scores: np.ndarray, start: np.ndarray, follow: np.ndarray, end: np.ndarray | float = 0.0) -> np.ndarray:
    """The best path (W,) through scores (W, C): start and end (C,) at its ends, follow (C, C) at each step."""
    total, back = scores[0] + start, []
    for row in scores[1:]:
        ways = total[:, None] + follow
        back.append(ways.argmax(axis=0))
        total = ways.max(axis=0) + row
    path = [int((total + end).argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])
