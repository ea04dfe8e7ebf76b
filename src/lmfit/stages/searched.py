"""A stage as a search sees it: which runs a trial takes, how one is trained, and how the best one is judged."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from shutil import rmtree
from typing import Any

from lmfit.config.load import LoadedConfig
from lmfit.config.model import ModelConfig
from lmfit.config.search import Range, SearchConfig, search_of
from lmfit.config.transfer import TransferConfig
from lmfit.data.source import fingerprint_of
from lmfit.device import Device
from lmfit.errors import ConfigError, InputError
from lmfit.evaluation.card import write_card
from lmfit.evaluation.card.pretrained import write_pretrained_card
from lmfit.inference.load import load_predictor
from lmfit.models.load import find_model
from lmfit.pretraining.architecture import continued_model
from lmfit.runs import CHILDREN, Run
from lmfit.stages import finetune, pretrain
from lmfit.stages.corpus import TOKENIZER, prepare_corpus
from lmfit.stages.prepare import prepare
from lmfit.stages.probes import load_probes, run_probes
from lmfit.stages.recording import record_start
from lmfit.stages.scoring import judge_of, score_run
from lmfit.stages.several import Child
from lmfit.stages.text_training import HEADLINE, record_pretraining, score_text
from lmfit.stages.transfer import START, UNTRAINED, Transfer
from lmfit.training.checkpoint import EXACT
from lmfit.training.trainer import Hook

_PREPARED = ("model.", "data.", "transfer.")
"""Of what decides whether a trial can be prepared."""


class Searched(ABC):
    """What is prepared once for all trials of a stage. metric: what they are compared by, on validation data."""

    metric: str

    def __init__(self, loaded: LoadedConfig[Any], device: Device) -> None:
        self.loaded, self.device = loaded, device
        self.search: SearchConfig = search_of(loaded.config)

    @property
    @abstractmethod
    def fingerprints(self) -> dict[str, Any]:
        """For run.json: files, rows and content hash of each split."""

    @abstractmethod
    def tell(self) -> None:
        """What was read, before the first trial."""

    @abstractmethod
    def begin(self, run: Run) -> None:
        """What resuming needs of the search's folder."""

    @abstractmethod
    def record(self, run: Run, stage: str, remarks: Mapping[str, Any]) -> None:
        """What is known before the first trial, for run.json and ledger.json."""

    @abstractmethod
    def made(self, values: Mapping[str, Any], *, test: bool) -> LoadedConfig[Any]:
        """The config with a trial's values; without `test` its test rows are set aside."""

    def children(self, run: Run, child: Child, finished: Sequence[Run]) -> Iterator[Child]:
        """The runs that a trial takes, itself last; `child` holds its name, its title and its config."""
        yield child

    def refuse_choices(self) -> None:
        """Raises ConfigError for a value that cannot be tried, all else being as the config has it."""
        for name, values in self.search.space.items():
            if isinstance(values, Range) or not name.startswith(_PREPARED) or ".training." in name:
                continue
            for value in values:
                try:
                    self.check(self.made({name: value}, test=False))
                except InputError as error:
                    what = f"search.space: {name}={value} cannot be tried: {error.args[0]}"
                    raise ConfigError(what, where="search.space", fix=error.problems[0].fix) from error

    def check(self, loaded: LoadedConfig[Any]) -> None:  # noqa: B027
        """Raises InputError for a trial that cannot be prepared. Nothing by default."""

    @abstractmethod
    def work(self, run: Run, child: Child, *, inexact: bool, hooks: Sequence[Hook]) -> Run:
        """Begin one of these runs, or go on with it."""

    def tidy(self, run: Run, best: Run) -> None:  # noqa: B027
        """Drop what no trial but the best one needed; its own model is dropped already. Nothing by default."""

    @abstractmethod
    def score(self, run: Run, child: Run, made: LoadedConfig[Any]) -> dict[str, Any]:
        """The scores of a trial's model on all that its config wants scored; facts for run.json."""

    @abstractmethod
    def card(self, run: Run) -> None:
        """Write model/README.md."""


class Tuned(Searched):
    """Trials are runs of `lmfit finetune`."""

    def __init__(self, loaded: LoadedConfig[Any], device: Device, before: Run | None = None) -> None:
        super().__init__(loaded, device)
        commit = None if before is None else before.manifest.get("model", {}).get("commit")
        self.prepared = prepare(finetune.pinned(loaded.config, commit))
        self.model = finetune.pinned(self.prepared.config, self.prepared.commit).model
        self.metric = self.search.metric or loaded.config.training.best_metric or self.prepared.task.headline
        self._refuse_unfit()

    def _refuse_unfit(self) -> None:
        """Raises ConfigError for a config whose trials cannot be compared."""
        config = self.loaded.config
        several = config.seeds is not None and not isinstance(config, TransferConfig)
        if several or config.cross_validated:
            key, what = ("seeds", "seeds") if several else ("data.validation", "folds")
            fix = "search with one seed and one validation split; then measure best.yaml"
            raise ConfigError(f"a trial is one run; {what} cannot be searched over", where=key, fix=fix)
        if self.prepared.splits.validation is None:
            what = "a search compares its trials on validation data, and there is none"
            raise ConfigError(what, where="data.validation", fix="set data.validation={split: 0.1}")
        kept = config.training.best_metric
        if self.search.metric is not None and kept not in (None, self.search.metric):
            what = f"trials keep their weights by training.best_metric ({kept}), not by search.metric"
            raise ConfigError(what, where="search.metric", fix="give one of them, or both the same")

    @property
    def fingerprints(self) -> dict[str, Any]:
        """Of the data."""
        return self.prepared.fingerprints

    def tell(self) -> None:
        """The ledger."""
        finetune.tell(self.prepared, self.device)

    def begin(self, run: Run) -> None:
        """Nothing but config.yaml."""

    def record(self, run: Run, stage: str, remarks: Mapping[str, Any]) -> None:
        """As of any run."""
        record_start(run, stage, self.prepared, self.device, EXACT, **remarks)

    def made(self, values: Mapping[str, Any], *, test: bool) -> LoadedConfig[Any]:
        """With the metric that decides, and the commit of the model that the search began with."""
        made = self.loaded.varied(values)
        config = made.config
        best = self.search.metric or config.training.best_metric
        aside: dict[str, Any] = {} if test else {"test": False, "robustness": []}
        revision = {"revision": self.model.revision}
        return made.having(
            training=config.training.model_copy(update={"best_metric": best}),
            evaluation=config.evaluation.model_copy(update=aside),
            model=config.model if "model.name" in values else config.model.model_copy(update=revision),
        )

    def check(self, loaded: LoadedConfig[Any]) -> None:
        """As training would."""
        prepare(loaded.config)

    def work(self, run: Run, child: Child, *, inexact: bool, hooks: Sequence[Hook]) -> Run:
        """As a child of any run."""
        return finetune.work_child(run, child, device=self.device, inexact=inexact, hooks=hooks)

    def score(self, run: Run, child: Run, made: LoadedConfig[Any]) -> dict[str, Any]:
        """As of a run of its own."""
        predictor = load_predictor(child, device=str(self.device.torch_device))
        predictor.quick = not made.config.evaluation.operating_points
        calibration = child.manifest["calibration"]
        return score_run(run, prepare(made.config), predictor, judge_of(made.config), calibration)

    def card(self, run: Run) -> None:
        """As of any run."""
        write_card(run.path)


class Transferred(Tuned):
    """Trials are trainings of a target after its sources, with the first seed and without a control.

    Sources of equal settings are trained once: folders of children/ end with a mark of all that decides the start.
    """

    def children(self, run: Run, child: Child, finished: Sequence[Run]) -> Iterator[Child]:
        """The sources, where their start is not there yet, then the target."""
        transfer = self._transfer(child.loaded)
        decided: list[Any] = [source.loaded.dump() for source in transfer.heritage.trained]
        decided += [transfer.settings.layers, transfer.heritage.labels, child.loaded.config.model.model_dump()]
        transfer.mark = f"-{fingerprint_of(decided)[:8]}"
        yield from transfer.without_control(run, child, finished)

    def check(self, loaded: LoadedConfig[Any]) -> None:
        """Sources, too."""
        self._transfer(loaded)

    def _transfer(self, loaded: LoadedConfig[Any]) -> Transfer:
        return Transfer(loaded, prepare(loaded.config), self.device)

    def tidy(self, run: Run, best: Run) -> None:
        """Sources and starts of trials that were not the best."""
        mark = str(best.manifest["model"]["name"]).rpartition("-")[2]
        for name in ("source", START, UNTRAINED):
            for folder in (run.path / CHILDREN).glob(f"{name}-*"):
                if not folder.name.endswith(mark):
                    rmtree(folder, ignore_errors=True)


class Pretrained(Searched):
    """Trials are runs of `lmfit pretrain` on the same documents and tokens, compared by their held-out loss."""

    metric = HEADLINE

    def __init__(self, loaded: LoadedConfig[Any], device: Device, before: Run | None = None) -> None:
        super().__init__(loaded, device)
        if self.search.metric not in (None, HEADLINE):
            what = "pretraining keeps the weights of the lowest held-out loss, and so does its search"
            raise ConfigError(what, where="search.metric", fix=f"search.metric={HEADLINE}, or leave it out")
        load_probes(loaded.config)
        commit = None if before is None else before.manifest.get("model", {}).get("commit")
        config = pretrain.pinned(loaded.config, commit)
        self.ready = prepare_corpus(config, None if before is None else before.path / TOKENIZER)
        self.model = pretrain.pinned(config, self.ready.commit).model

    @property
    def fingerprints(self) -> dict[str, Any]:
        """Of the corpus."""
        return self.ready.fingerprints

    def tell(self) -> None:
        """The ledger."""
        pretrain.tell(self.ready, self.device)

    def begin(self, run: Run) -> None:
        """The tokenizer."""
        self.ready.tokenizer.save_pretrained(run.path / TOKENIZER)

    def record(self, run: Run, stage: str, remarks: Mapping[str, Any]) -> None:
        """As of a pretraining."""
        record_pretraining(run, stage, self.ready, self.device, EXACT, **remarks)

    def made(self, values: Mapping[str, Any], *, test: bool) -> LoadedConfig[Any]:
        """Without `test` without probes, too: they score test rows."""
        made = self.loaded.varied(values)
        config = made.config
        model = config.model.model_copy(update={"revision": self.model.revision})
        if test:
            return made.having(model=model)
        evaluation = config.evaluation.model_copy(update={"test": False})
        return made.having(
            model=model,
            evaluation=evaluation,
            pretraining=config.pretraining.model_copy(update={"probes": []}),
        )

    def children(self, run: Run, child: Child, finished: Sequence[Run]) -> Iterator[Child]:
        """On what was read once for all."""
        yield Child(child.name, child.title, child.loaded, self.ready.under(child.loaded.config))

    def work(self, run: Run, child: Child, *, inexact: bool, hooks: Sequence[Hook]) -> Run:
        """As a pretraining."""
        return pretrain.work_child(run, child, device=self.device, inexact=inexact, hooks=hooks)

    def score(self, run: Run, child: Run, made: LoadedConfig[Any]) -> dict[str, Any]:
        """Held-out loss on validation and test, and the probes."""
        ready = self.ready.under(made.config)
        source = find_model(ModelConfig(name=str(child.path)))
        model, _ = continued_model(source, ready.weights)
        model.to(self.device.torch_device)
        facts = score_text(run, ready, model, self.device)
        scored = {name: facts[name] for name in ("headline", "verdict")}
        return scored | {"probes": run_probes(run, ready, model, self.device)}

    def card(self, run: Run) -> None:
        """As of a pretraining."""
        write_pretrained_card(run)
