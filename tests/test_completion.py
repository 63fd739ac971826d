"""Completion in a real shell: the script is sourced, and bash is asked what it would complete."""

import shutil
import subprocess
import sys
from importlib import import_module

import pytest

from inkbloom import cli, completion
from inkbloom.recipe_files import recipe_names

ASK = """
source "$1"; shift
words=("$@")
COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#words[@]} - 1)); COMP_LINE="${words[*]}"; COMP_POINT=${#COMP_LINE}
function=$(complete -p inkbloom | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" inkbloom "${words[-1]}" "${words[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(command, tmp_path):
    """complete('inkbloom', 'tr') -> what bash completes the last word to, in a folder with mine.toml, mine.png and runs/."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("no bash here")
    ended = command("--print-completion", "bash")
    assert (ended.code, ended.err) == (0, "")
    script, here = tmp_path / "completion.bash", tmp_path / "here"
    script.write_text(ended.out)
    (here / "runs").mkdir(parents=True)
    for name in ("mine.toml", "mine.png"):
        (here / name).write_text("")

    def ask(*words):
        done = subprocess.run(
            [bash, "--norc", "-c", ASK, "bash", script, *words], capture_output=True, text=True, cwd=here, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    return ask


def test_verbs(complete):
    assert complete("inkbloom", "") >= set(cli.VERBS)
    assert complete("inkbloom", "sw") == {"sweep"}


def test_recipes_and_their_files(complete):
    assert complete("inkbloom", "train", "") == {*recipe_names(), "mine.toml", "runs/"}
    assert complete("inkbloom", "sweep", "few") == {"few-step"}
    assert complete("inkbloom", "recipes", "few") == {"few-step"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("train", "fast", "--sol"), {"--solver"}),
        (("train", "fast", "--solver", ""), {"euler", "heun", "dpmpp_2m", "ancestral"}),
        (("train", "fast", "--track", "t"), {"tensorboard", "trackio"}),
        (("sample", "runs", "--weights", ""), {"ema", "live"}),
        (("explain", "convo"), {"convolution"}),
        (("inspect", "digits", "--out", ""), {"runs"}),
        (("evaluate", "mine"), {"mine.toml", "mine.png"}),
        (("sample", "--deb"), {"--debug"}),
    ],
)
def test_flags_choices_and_files(words, found, complete):
    assert complete("inkbloom", *words) == found


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_flag_of_a_verb_is_completed(verb, complete):
    parser = cli.Parser()
    import_module(f"inkbloom.verbs.{verb}").add_flags(parser)
    assert complete("inkbloom", verb, "--") >= {flag for flag in cli.flags_of(parser) if flag.startswith("--")}


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_there_is_a_script_for_each_shell(shell, command):
    ended = command(f"--print-completion={shell}")
    assert (ended.code, ended.err) == (0, "")
    assert all(verb in ended.out for verb in cli.VERBS)


def test_mistakes_are_one_line(command, monkeypatch):
    assert "unknown shell 'fish': known: bash, zsh, tcsh" in command("--print-completion", "fish").error
    assert "unknown shell ''" in command("--print-completion").error
    monkeypatch.setitem(sys.modules, "shtab", None)
    ended = command("--print-completion", "bash")
    assert (ended.code, ended.error) == (2, "shtab is not installed: pip install 'inkbloom[completion]'")
