"""Image data sets of the Hugging Face hub, fetched through `datasets`, extra `hub`, which keeps them in its cache.

`datasets` from version 4 runs no code of a data set; what it fetches are tables and pictures.
"""

from __future__ import annotations

import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..errors import DataError, UsageError, missing
from .columns import chosen
from .dataset import Data
from .folder import Survey
from .messages import brief, cause, shown
from .parquet import Table, survey_tables
from .table import SLICES

KNOWN = {
    "digits": "ylecun/mnist",  # a part of it comes with inkbloom
    "mnist": "ylecun/mnist",
    "cifar10": "uoft-cs/cifar10",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
}  # names of our own for data sets of the hub
ADDRESS = re.compile(r"^https?:/+[\w.]+/datasets/")  # of the page of a data set
PATIENCE = 5  # seconds in which the hub has to answer at all
GROUP = 500  # rows that are read at once


def on_hub(source: str) -> str:
    """The name on the hub of the data set that a source is or comes from; '' where it has none there."""
    kind, _, place = source.partition(":")
    return KNOWN.get(source, "") or (ADDRESS.sub("", chosen(place)[0]).partition(":")[0] if kind == "hf" else "")


def survey_hub(path: Path, background: str = "auto") -> Survey | Data:
    """The pictures of NAME[:CONFIG][:SPLIT] on the hub; background: as in a recipe. Raises DataError, UsageError."""
    asked, choice = chosen(path.as_posix())
    asked = ADDRESS.sub("", asked)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(:[\w.-]*(:.+)?)?", asked) or ".." in asked:
        raise UsageError(f"hf:{shown(asked)}: write hf:NAME, hf:NAME:CONFIG or hf:NAME:CONFIG:SPLIT, as in hf:ylecun/mnist")
    name, config, split = (*asked.split(":", 2), "", "")[:3]
    if os.path.exists(name):  # `datasets` would read that, whatever it is
        raise UsageError(
            f"hf:{shown(name)}: a file or folder of that name is here; write folder:{shown(name)}, or go elsewhere"
        )
    tables, notes = fetched(name, config, split)
    return survey_tables(tables, Path(name), choice, background, trusted=True, notes=notes)


def fetched(place: str, config: str = "", split: str = "") -> tuple[list[Table], list[str]]:
    """The tables of a data set, and notes. place: its name on the hub, or a folder. Where the hub cannot be reached, the cache
    must have it. A config alone that is none is taken for a split. Raises DataError, UsageError.
    """
    try:
        import datasets
    except ImportError:
        raise missing("datasets", "hub") from None
    what = f"{shown(place, 40)} (config {brief(config, 20) or 'default'}, split {brief(split, 20) or 'all'})"
    offline = datasets.config.HF_HUB_OFFLINE or not (os.path.exists(place) or _answers(datasets.config.HF_ENDPOINT))
    try:
        with _offline(datasets) if offline else nullcontext():
            found = _load(datasets, place, config, split)
    except (ConnectionError, TimeoutError):
        host = datasets.config.HF_ENDPOINT.partition("://")[2]
        why = (
            f"HF_HUB_OFFLINE forbids to ask {host}" if datasets.config.HF_HUB_OFFLINE else f"{shown(host, 30)} does not answer"
        )
        fix = "connect once, or give a copy, parquet:FOLDER"
        raise DataError(f"{why}, and the cache has no {what}: {fix}") from None
    except (DataError, UsageError):
        raise
    except Exception as problem:  # `datasets` raises a dozen kinds
        raise DataError(f"cannot fetch {what}: {brief(cause(problem), 90)}") from None
    tables, notes = _tables(found, what)
    return tables, [*notes, *(["from the cache: the hub was not asked"] if offline and not os.path.exists(place) else [])]


def _load(datasets: Any, place: str, config: str, split: str) -> Any:
    """A DatasetDict, or the Dataset of one split."""
    try:
        return datasets.load_dataset(place, config or None, split=split or None)
    except ValueError as problem:
        if "BuilderConfig" not in str(problem) or split:
            raise
    try:
        return datasets.load_dataset(place, split=config)  # no config of that name: a split?
    except ValueError as problem:
        raise UsageError(
            f"'{shown(config, 30)}' is no config and no split ({shown(place, 40)}): {brief(problem, 90)}"
        ) from None


def _tables(found: Any, what: str) -> tuple[list[Table], list[str]]:
    """A table for each split that is used, and a note on those that are not. Raises DataError where it cannot be told which."""
    if not hasattr(found, "keys"):
        return [_table(str(found.split or "rows"), found, "")], []
    slices = {name: SLICES.get(name.lower(), "") for name in found}
    if "train" not in slices.values():
        if len(slices) > 1:
            raise DataError(f"no split to train on in {what}: {brief(', '.join(slices), 60)}; choose one, hf:NAME::SPLIT")
        return [_table(name, found[name], "") for name in slices], []
    left = [f"{name} ({len(found[name]):,})" for name, part in slices.items() if not part]
    notes = [f"left out the splits {brief(', '.join(left), 90)}: neither train, validation nor test"] if left else []
    used = {name: part for name, part in slices.items() if part}
    return [_table(name, found[name], part if len(used) > 1 else "") for name, part in used.items()], notes


def _table(name: str, rows: Any, part: str) -> Table:
    def read(group: int, columns: list[str]) -> Any:
        return rows.select_columns(columns).with_format("arrow")[group * GROUP : (group + 1) * GROUP]

    groups = [min(GROUP, len(rows) - first) for first in range(0, len(rows), GROUP)]
    return Table(name, rows.features.arrow_schema, rows.features.to_dict(), groups, read, part)


@contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """Lets `datasets` look into its cache alone, where it would ask the hub again and again."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _answers(endpoint: str) -> bool:
    """Whether the hub answers soon. In a thread, because looking up a name may take as long as it likes."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PATIENCE).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answered.is_set()
