"""Durations as people write them."""

import re

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds(duration: str) -> float:
    """Seconds of a duration such as 30m, 1h30m or 45s. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(duration.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"`{duration}` is no duration; write 30m, 1h30m or 45s")
    hours, minutes, secs = (float(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + secs
    if total <= 0:
        raise ValueError("a budget must be longer than nothing")
    return total


def shown_seconds(duration: float) -> str:
    """`8.2 s`, `12 min 5 s`, `3 h 10 min`."""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
