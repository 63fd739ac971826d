"""A sweep on the disk: Optuna's study in DIR/sweep.db, which the same command goes on with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..config import Recipe, differences, dump_recipe
from ..errors import CheckpointError, UsageError, brief, missing, shown
from ..recipe_files import parse_recipe
from .space import Space
from .trials import Tried

LOOKS = 5  # looks at the hold-out loss in a trial, the last at its end
UNPRUNED = 4  # trials that must have come to their end before others are pruned
EARLIEST = 2  # look at which a trial may be pruned: after the first fifth a high learning rate often looks worse than it is
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def check_optuna() -> None:
    """Raises UsageError where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise missing("optuna", "sweep")


class Study:
    """The trials of a sweep. What is suggested follows from the trials before and the number of the trial, so it is the same
    however often the sweep was stopped.

    Raises UsageError where the folder holds another sweep, CheckpointError where its file is damaged.
    """

    def __init__(self, folder: Path, base: Recipe, space: Space) -> None:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna, self.space = optuna, space
        file = folder / "sweep.db"
        try:
            self.study = optuna.create_study(
                storage=f"sqlite:///{file}",
                study_name="sweep",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=EARLIEST),
                load_if_exists=True,
            )
        except SQLAlchemyError as problem:
            why = brief(getattr(problem, "orig", problem))
            raise CheckpointError(f"cannot read the sweep ({shown(file)}): {why}; choose another --out") from None
        self._keep_to(folder, base)

    def _keep_to(self, folder: Path, base: Recipe) -> None:
        """Notes what is swept, or raises UsageError where that is not what stands there."""
        vary = {name: str(values) for name, values in self.space.items()}
        about = self.study.user_attrs
        if "vary" not in about:
            self.study.set_user_attr("recipe", dump_recipe(base))
            self.study.set_user_attr("vary", vary)
            return
        kept = parse_recipe(about["recipe"], str(folder / "sweep.db"))
        unlike = differences(kept, base)
        if about["vary"] != vary:
            unlike.insert(0, "--vary " + " --vary ".join(f"{name}={values}" for name, values in about["vary"].items()))
        if unlike:
            told = brief("; ".join(unlike), 120)
            raise UsageError(
                f"the folder holds a sweep of other settings ({folder}: {told}): give those, or choose another --out"
            )

    def begin(self) -> tuple[Any, dict[str, Any]]:
        """(the next trial, its values): one that was stopped, or a new one."""
        unfinished = [trial for trial in self.study.trials if not trial.state.is_finished()]
        number = unfinished[0].number if unfinished else len(self.study.trials)
        self.study.sampler = self.optuna.samplers.TPESampler(seed=number)
        trial = self.optuna.trial.Trial(self.study, unfinished[0]._trial_id) if unfinished else self.study.ask()
        return trial, {name: values.suggest(trial, name) for name, values in self.space.items()}

    def look(self, trial: Any, number: int, loss: float) -> bool:
        """Notes the hold-out loss at look `number` of a trial; whether the trial is to be pruned."""
        if number not in self.study.trials[trial.number].intermediate_values:
            trial.report(loss, number)
        return number < LOOKS and bool(trial.should_prune())

    def done(self, trial: Any, loss: float) -> None:
        """The trial came to its end."""
        self.study.tell(trial, loss)

    def pruned(self, trial: Any) -> None:
        """The trial was given up."""
        self.study.tell(trial, state=self.optuna.trial.TrialState.PRUNED)

    def failed(self, trial: Any, why: str, code: int) -> None:
        """The trial ended with an error."""
        trial.set_user_attr("why", why)
        trial.set_user_attr("code", code)
        self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)

    def finished(self) -> int:
        """How many trials are done with, one way or another."""
        return sum(trial.state.is_finished() for trial in self.study.trials)

    def tried(self) -> list[Tried]:
        """All trials."""
        return [self._tried(trial) for trial in self.study.trials]

    def _tried(self, trial: Any) -> Tried:
        curve = [(look / LOOKS, loss) for look, loss in sorted(trial.intermediate_values.items())]
        values = {name: values.of(trial.params[name]) for name, values in self.space.items() if name in trial.params}
        loss = trial.value if trial.value is not None else curve[-1][1] if curve else None
        about = trial.user_attrs
        state = STATES.get(trial.state.name, "unfinished")
        return Tried(trial.number, values, state, loss, curve, about.get("why", ""), about.get("code", 1))
