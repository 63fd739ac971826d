"""What the tutorial claims, each claim measured."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..claims import catalogue, lab, trials
from ..claims.claim import Claim, Finding
from ..claims.text import record
from ..errors import unknown
from ..evaluation.card_file import read_card
from ..files import is_stream, try_to_write, write_file
from ..given import place
from .evaluate import evaluate
from .progress import console_for, progress
from .train import train


class Verdicts(list[dict[str, Any]]):
    """Claims with their figures and verdicts, as `inkbloom claims --json` writes them; shown as one line each."""

    def __repr__(self) -> str:
        return "\n".join(f"{claim['id']}: {claim['verdict']}" for claim in self)


def check_claims(
    *ids: str, full: bool = False, json: str | Path | None = None, quiet: bool | None = None
) -> list[dict[str, Any]]:
    """Measures what the tutorial claims: a list of dicts, one a claim, with its sentence, figures and verdict.

    ids: these claims only, as docs/claims.md names them. full: more pictures and seeds, and trainings in runs/claims; takes
    hours instead of minutes. json: also write them to this file. quiet: as everywhere, see docs/python.md. Raises
    InkbloomError.
    """
    console, found = console_for(quiet), Verdicts()
    for id, claim, finding in measured(ids, full, console, place("json", json) if json else None):
        console.print(f"{id}: {finding.verdict}")
        found.append(record(id, claim, finding))
    return found


def measured(
    ids: Sequence[str], full: bool, console: Console, json: Path | None, lang: str = "en"
) -> Iterator[tuple[str, Claim, Finding]]:
    """Measures claim by claim, those of `ids` or all, and writes what there is so far to `json`. Raises InkbloomError."""
    for id in ids:
        if id not in catalogue.CLAIMS:
            raise unknown("claim", id, catalogue.CLAIMS)
    if json:
        try_to_write(json)
    bench, records = lab.Lab(lab.FULL if full else lab.QUICK), []
    wanted = {id: claim for id, claim in catalogue.CLAIMS.items() if id in ids or not ids}
    for id, claim in wanted.items():
        if full:
            train_for(claim, console)
        with progress(console, None, claim.sentence.said(lang)):
            found = claim.measure(bench)
        records.append(record(id, claim, found))
        if json and (len(records) == len(wanted) or not is_stream(json)):  # what went down a pipe cannot be replaced
            write_file(json, jsons.dumps(records, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        yield id, claim, found


def train_for(claim: Claim, console: Console) -> None:
    """Makes the trainings of a claim, and their cards, as far as runs/claims lacks them; one that was stopped goes on."""
    for trial in claim.trials:
        for seed in trial.seeds:
            folder = trial.folder(seed)
            missing = read_card(folder / "card.json") is None
            if missing:
                console.print(f"training: {folder}", soft_wrap=True)
            train(trial.recipe, out=folder, seed=seed, quiet=True, **trial.settings)  # or finds that it is the one asked for
            if missing:
                evaluate(folder, images=trials.PICTURES, n=trials.PICTURES, json=folder / "card.json", quiet=True)
