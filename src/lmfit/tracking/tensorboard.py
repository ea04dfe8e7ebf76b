"""TensorBoard: event files in RUN/tensorboard."""

from collections.abc import Mapping
from typing import Any

from lmfit.tracking.base import Outcome, Tracked, Tracker

FOLDER = "tensorboard"
_FLUSH_SECONDS = 10


class TensorBoard(Tracker):
    """Scalars by step, and the config as text."""

    name = "tensorboard"
    module = "tensorboard"

    def open(self, tracked: Tracked) -> str:
        """Nothing yet: the first step that is told decides what of an older file no longer counts."""
        self._tracked = tracked
        self._writer: Any = None
        return f"tensorboard --logdir {tracked.folder / FOLDER}"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars; what older files hold of this step and later ones is purged by the readers."""
        if self._writer is None:
            self._writer = self._begun(step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self, outcome: Outcome) -> None:
        """Flush and close the file."""
        if self._writer is not None:
            self._writer.close()

    def _begun(self, step: int) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        folder = self._tracked.folder / FOLDER
        again = folder.is_dir() and any(folder.iterdir())
        writer = SummaryWriter(str(folder), purge_step=step if again else None, flush_secs=_FLUSH_SECONDS)
        if not again:
            params = "\n".join(f"| {name} | {value} |" for name, value in self._tracked.params.items())
            writer.add_text("config", f"| key | value |\n|---|---|\n{params}", 0)
        return writer
