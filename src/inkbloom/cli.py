"""The command `inkbloom`: finds the verb, and turns every mistake into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from .environment import among_many
from .errors import InkbloomError, Interrupted, UsageError, brief, disk_error, harmless, is_out_of_memory, unknown
from .files import STDOUT
from .printing import Steady, steady_streams
from .recipe_files import recipe_names
from .training.signals import Ending, handled
from .training.trackers import TRACKERS

VERBS = {
    "train": "train a model by a recipe; the same command again resumes it",
    "sample": "draw pictures with a trained model",
    "evaluate": "measure how good a run's pictures are, beside what real ones would get",
    "judge": "train a judge for images of your own, which evaluate needs to measure distances",
    "sweep": "train many times with some settings varied, and find the best by its hold-out loss",
    "export": "take a model to diffusers and other programs, with proof that it draws the same there",
    "compare": "set runs side by side: settings, curves, pictures, cards",
    "inspect": "look at a source of images before training on it",
    "recipes": "list the recipes, or show one",
    "lab": "open a page that computes all of it in the browser: draw, convolve, look inside, sample",
    "explain": "show how it works: a picture and a film of convolution, noise, sampling, networks",
    "claims": "measure what the tutorial claims, and say of each claim whether it holds",
    "bench": "measure how long good pictures take on this machine, and how fast they are drawn",
}
USAGE = """usage: inkbloom VERB ... [--debug]

A diffusion lab for small images: from one convolution to a trained model on an ordinary laptop.

{verbs}

`inkbloom VERB --help` tells more; --debug shows where an error comes from; --version tells the version;
--print-completion bash (or zsh, tcsh) makes TAB complete all of this, see docs/install.md."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError instead of printing the usage and leaving."""
        if found := re.match(r"argument (?:\S+/)?(--[\w-]+)\S*: expected one argument", message):
            message = f"{message}; one that begins with a dash is written {found[1]}=VALUE"
        raise UsageError(f"{message}: see `{self.prog} --help`")


def main(argv: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code: 0, or that of the error (see errors.py), 130 and 143 for signals."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    ending = Ending()
    with steady_streams() as out:
        try:
            with _ended_by_signals(ending):
                try:
                    code = _run([word for word in words if word != "--debug"], out)
                finally:
                    out.flush()
            if out.problem and not isinstance(out.problem, BrokenPipeError):
                print(f"warning: nothing more could be printed ({out.why}); the work went on without", file=sys.stderr)
            return 128 + ending.signal if ending.signal else code
        except BaseException as problem:
            if ending.signal and not isinstance(problem, Interrupted):
                problem = ending.exception()  # whatever else it broke
            if debug and not isinstance(problem, SystemExit):
                traceback.print_exc()
            return _tell(problem)


@contextmanager
def _ended_by_signals(ending: Ending) -> Iterator[None]:
    """Ctrl-C, SIGTERM, and SIGHUP where the terminal goes, end the `with` block, so that half-written files are cleared away:
    the last two quietly, with codes 143 and 129. An ignored Ctrl-C stays so, as a shell has it for what runs behind.

    Not in a process of a torchrun: that may wait for another inside C++, where no handler of ours gets its turn.
    """
    if among_many():
        yield
        return
    ctrl_c = () if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else ("SIGINT",)
    with handled(ending, *ctrl_c, "SIGTERM", "SIGHUP"):
        yield


def _run(words: list[str], out: Steady) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE.format(verbs="\n".join(f"  {name:9} {about}" for name, about in VERBS.items())))
        return 0
    if words[0] == "--version":
        from .versions import version

        print(f"inkbloom {version('inkbloom')}")
        return 0
    if words[0].partition("=")[0] == "--print-completion":
        from .completion import completion

        shell = words[0].partition("=")[2] or next(iter(words[1:]), "")
        print(completion(shell, {name: _verb(name)[1] for name in VERBS}))
        return 0
    if words[0] not in VERBS:
        if words[0] in recipe_names():
            raise UsageError(f"unknown verb '{words[0]}': did you mean `inkbloom train {words[0]}`?")
        raise unknown("verb", words[0], VERBS)
    verb, parser = _verb(words[0])
    args, left = parser.parse_known_args(words[1:])
    if left:
        hint = _meant(left[0], words[0], flags_of(parser)) or f"see `{parser.prog} --help`"
        raise UsageError(f"unknown argument '{brief(left[0])}': {hint}")
    out.needed = _only_prints(words[0], args)
    with _json_alone(args):
        code: int = verb.run(args)
    return code


def _verb(name: str) -> tuple[ModuleType, Parser]:
    """The module of a verb, and the parser of its flags."""
    verb = importlib.import_module(f"inkbloom.verbs.{name}")
    parser = Parser(prog=f"inkbloom {name}", description=VERBS[name], allow_abbrev=False)
    verb.add_flags(parser)
    return verb, parser


@contextmanager
def _json_alone(args: argparse.Namespace) -> Iterator[None]:
    """Inside the block all text goes to standard error where `--json -` or `--json /dev/stdout` wants the output for itself."""
    if getattr(args, "json", None) not in (Path("-"), STDOUT):
        yield
        return
    args.json = STDOUT
    with redirect_stdout(sys.stderr):
        yield


HABITS = {  # (verb, a flag that other programs have): what to do here
    **{(verb, flag): "leave it out, the same command goes on where it stopped"
       for verb in ("train", "judge", "sweep") for flag in ("resume", "continue")},
    **{(verb, flag): "leave it out, a GPU is used where there is one"
       for verb in ("train", "sample", "evaluate") for flag in ("device", "gpu", "cuda")},
    **{("lab", flag): "the lab is seen by this machine alone (127.0.0.1); --export DIR writes it for a web server"
       for flag in ("host", "bind", "address", "listen", "share")},
    **{("train", tracker): f"did you mean --track {tracker}?" for tracker in TRACKERS},
    ("train", "learning-rate"): "did you mean --lr?",
}  # fmt: skip


def _meant(given: str, verb: str, flags: list[str]) -> str:
    """What somebody may have meant by an argument that there is not; '' where nobody knows."""
    if not given.startswith("-"):
        return f"did you mean --data {brief(given)}?" if ":" in given and "--data" in flags else ""
    name, known = given.partition("=")[0].lstrip("-").replace("_", "-").lower(), {flag.lstrip("-"): flag for flag in flags}
    near = get_close_matches(name, known, n=1)  # without the dashes, which make all flags alike
    return HABITS.get((verb, name)) or (f"did you mean {known[near[0]]}?" if near else "")


def _only_prints(verb: str, args: argparse.Namespace) -> bool:
    """Whether nothing stays of a command but what it prints. All others leave files, and go on where nobody listens."""
    if getattr(args, "json", None) or getattr(args, "html", None):
        return False
    return verb in ("recipes", "compare", "claims", "bench") or (
        verb == "evaluate" and not (args.what / "config.toml").exists()  # no run, which keeps its card
    )


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """The flags of a parser, as its help lists them: lines like '  -h, --help  show this'."""
    listed = re.findall(r"^  (-.*?)(?:  |$)", parser.format_help(), re.MULTILINE)
    return [flag for line in listed for flag in re.findall(r"(?<!\S)--?[^\s,]+", line)]


def _tell(problem: BaseException) -> int:
    """Says what went wrong in one line and returns the exit code."""
    if isinstance(problem, SystemExit):
        return int(problem.code or 0)
    if isinstance(problem, KeyboardInterrupt):
        message, code = "interrupted", 130
    elif isinstance(problem, InkbloomError):
        message, code = str(problem), problem.code
    elif is_out_of_memory(problem):
        message, code = "out of memory: try smaller batches, images or widths", 7
    elif among_many() and isinstance(problem, RuntimeError) and re.search("gloo|NCCL|peer", str(problem)):
        message, code = "lost another process of this training: its own error stands above or in its log", 9
    elif isinstance(problem, OSError) and problem.filename:
        wrapped = disk_error(problem, Path(problem.filename))
        message, code = str(wrapped), wrapped.code
    else:
        message, code = f"unexpected {type(problem).__name__}: {problem} (a bug): --debug shows where", 1
    print("error:", harmless(re.sub(r"\s+", " ", message)), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
