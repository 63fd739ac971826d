"""What a shell completes after `inkbloom`: verbs, flags, choices, recipes and files, by shtab."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import missing, unknown
from .recipe_files import recipe_names

SHELLS = ("bash", "zsh", "tcsh")
FUNCTIONS = {  # what a recipe may be: a name, or a TOML file
    "bash": """_inkbloom_recipes() {
  compgen -W "{names}" -- "$1"
  compgen -f -X '!*.toml' -- "$1"
  compgen -d -S '/' -- "$1"
}""",
    "zsh": """_inkbloom_recipes() {
  _alternative 'recipes:recipe:({names})' 'files:file:_files -g "*.toml"'
}""",
    "tcsh": "",
}


def completion(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """The script for a shell. parsers: those of the verbs. Raises UsageError."""
    if shell not in SHELLS:
        raise unknown("shell", shell, SHELLS)
    try:
        import shtab
    except ImportError:
        raise missing("shtab", "completion") from None

    joined = argparse.ArgumentParser(prog="inkbloom")
    joined.add_argument("--version", action="store_true", help="tell the version")
    joined.add_argument("--print-completion", choices=SHELLS, help="print the script for a shell")
    each = joined.add_subparsers()
    for verb, parser in parsers.items():
        for action in parser._actions:
            _complete(action, verb, shtab)
        mine = each.add_parser(verb, parents=[parser], add_help=False, help=parser.description)
        mine.add_argument("--debug", action="store_true", help="show where an error comes from")
    names = " ".join(recipe_names())
    functions = {name: text.replace("{names}", names) for name, text in FUNCTIONS.items()}
    script: str = shtab.complete(joined, shell=shell, preamble=functions)
    return script


def _complete(action: argparse.Action, verb: str, shtab: Any) -> None:
    """Says what may stand for an argument: a recipe, a file, one of the names that its help lists."""
    listed = action.metavar if isinstance(action.metavar, str) else ""
    if action.dest == "recipe" or (verb, action.dest) == ("recipes", "name"):
        action.complete = {"bash": "_inkbloom_recipes", "zsh": "_inkbloom_recipes"}  # type: ignore[attr-defined]
    elif action.type is Path:
        action.complete = shtab.DIRECTORY if listed == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    elif listed.startswith("{") and not action.choices:
        action.choices = listed.strip("{}").split(",")
    elif action.dest == "track":
        from .training.trackers import TRACKERS

        action.choices = list(TRACKERS)
    elif action.dest == "topic":
        from .explainers.catalogue import ABOUT

        action.choices = list(ABOUT)
