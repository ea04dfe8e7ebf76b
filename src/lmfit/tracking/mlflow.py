"""MLflow: a run in the store that MLFLOW_TRACKING_URI names, or in a database file below ./mlruns."""

import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lmfit.runs import write_json
from lmfit.tracking.base import Outcome, Tracked, Tracker

FOLDER, FILE = Path("mlruns"), "mlflow.db"
MEMORY = "tracking.json"
_AT_ONCE = 100
_LONGEST = 6000
_NOT_ALLOWED = re.compile(r"[^/\w.\- :]")
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_CALM = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""No telemetry, no lines about its tables, and no minutes of waiting for a server that is away."""


class Mlflow(Tracker):
    """Config as parameters, numbers as metrics by step, versions as tags. The run's id is kept in RUN/tracking.json."""

    name = "mlflow"
    module = "mlflow"

    def open(self, tracked: Tracked) -> str:
        """Find the run that was tracked before, or begin one."""
        for name, value in _CALM.items():
            os.environ.setdefault(name, value)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI") or _local()
        self._client = MlflowClient(tracking_uri=address)
        self._last: dict[str, int] = {}
        self._again = (known := self._known(tracked.folder)) is not None
        self._run = known or self._begun(tracked)
        where = _bare(address)
        look = where if where.startswith("http") else f"mlflow ui --backend-store-uri {where}"
        return f"mlflow, experiment {tracked.experiment}: {look}"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log what is not there yet: a resumed run tells steps that were told before."""
        from mlflow.entities import Metric

        allowed = {_NOT_ALLOWED.sub("_", name): value for name, value in values.items()}
        new = {name: value for name, value in allowed.items() if self._told_up_to(name) < step}
        now = int(time.time() * 1000)
        for part in _parts(Metric(name, value, now, step) for name, value in new.items()):
            self._client.log_batch(self._run, metrics=part)
        self._last |= dict.fromkeys(new, step)

    def close(self, outcome: Outcome) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._run, _STATUS[outcome])

    def _told_up_to(self, name: str) -> int:
        """The last step that the store has of a metric; -1 for none."""
        if name not in self._last:
            before = self._client.get_metric_history(self._run, name) if self._again else []
            self._last[name] = max((one.step for one in before), default=-1)
        return self._last[name]

    def _known(self, folder: Path) -> str | None:
        """The id of the run where this folder was tracked before, in this store."""
        from mlflow.exceptions import MlflowException

        path = folder / MEMORY
        if not path.is_file():
            return None
        run: str = json.loads(path.read_text(encoding="utf-8"))["run_id"]
        try:
            self._client.update_run(run, status="RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run

    def _begun(self, tracked: Tracked) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or tracked.experiment
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name)
        run: str = self._client.create_run(experiment, run_name=tracked.name, tags=dict(tracked.tags)).info.run_id
        write_json(tracked.folder / MEMORY, {"run_id": run})
        params = (Param(_NOT_ALLOWED.sub("_", key), value[:_LONGEST]) for key, value in tracked.params.items())
        for part in _parts(params):
            self._client.log_batch(run, params=part)
        return run


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    held = list(items)
    return (held[start : start + _AT_ONCE] for start in range(0, len(held), _AT_ONCE))


def _local() -> str:
    FOLDER.mkdir(exist_ok=True)
    return f"sqlite:///{FOLDER / FILE}"


def _bare(address: str) -> str:
    """An address without the password that may be in it."""
    host = urlsplit(address).netloc
    return address.replace(host, host.rpartition("@")[2]) if "@" in host else address
