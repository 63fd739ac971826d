"""The command line as such: verbs, help, errors in one line, exit codes."""

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from inkbloom import cli, errors
from inkbloom.recipe_files import recipe_names
from inkbloom.verbs import recipes


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",), ("help",)])
def test_help_lists_the_verbs(words, command):
    ended = command(*words)
    assert ended.code == 0
    assert all(f"\n  {verb} " in ended.out for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_each_verb_explains_itself(verb, command):
    ended = command(verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: inkbloom {verb}")
    assert cli.VERBS[verb] in " ".join(ended.out.split())


def test_help_and_complaints_load_nothing_heavy():
    script = """
import sys
from inkbloom.cli import VERBS, main
for words in ["--help", "--version", "recipes", "recipes fast", "compare x", "compare x x", "train nope",
              "train fast --steps 0", "train fast --nope",
              "sample nope --weights x", *(f"{verb} --help" for verb in VERBS)]:
    main(words.split())
heavy = {"torch", "numpy", "PIL", "matplotlib", "diffusers", "accelerate", "safetensors", "rich"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_package(command):
    import inkbloom

    assert command("--version").out == f"inkbloom {inkbloom.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("trian",),
            "unknown verb 'trian': did you mean 'train'? known: train, sample, evaluate, judge, sweep, export, compare",
        ),
        (("--nope",), "unknown verb '--nope'"),
        (("train",), "RECIPE: see `inkbloom train --help`"),
        (("evaluate",), "see `inkbloom evaluate --help`"),
        (("recipes", "fats"), "unknown recipe 'fats': did you mean 'fast'?"),
        (("recipes", "fast", "slow"), "unknown argument 'slow': see `inkbloom recipes --help`"),
        (("inspect", "didgits"), "unknown source 'didgits': did you mean 'digits'?"),
        (("train", "fast", "--step", "3"), "unknown argument '--step': did you mean --steps?"),  # no abbreviations
        (("train", "fast", "--wandb"), "unknown argument '--wandb': did you mean --track wandb?"),
        (("train", "fast", "--xyzzy"), "unknown argument '--xyzzy': see `inkbloom train --help`"),
        (("train", "fast", "--flip=maybe"), "--flip"),
        (("sample", "run", "--weights", "best"), "choose from 'ema', 'live'"),
        (("sample", "run", "--count", "many"), "invalid int value: 'many'"),
    ],
)
def test_wrong_words(words, said, command):
    ended = command(*words)
    assert ended.code == 2
    assert said in ended.error
    assert len(ended.error) <= 200
    assert ended.out == ""


def every(error):
    return [error, *(kind for child in error.__subclasses__() for kind in every(child))]


def test_each_kind_of_error_has_its_code():
    codes = {kind.__name__: kind.code for kind in every(errors.InkbloomError) if kind is not errors.Interrupted}
    assert codes == {
        "InkbloomError": 1,
        "UsageError": 2,
        "DataError": 3,
        "CheckpointError": 4,
        "DiskError": 5,
        "Diverged": 6,
        "OutOfMemory": 7,
        "Busy": 8,
    }
    assert errors.Interrupted("", signal.SIGTERM).code == 143


def out_of_disk():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (errors.DataError("no images (x): add some"), 3, "no images (x): add some"),
        (errors.Diverged("over\n  two lines"), 6, "over two lines"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (errors.Interrupted("stopped after step 3", signal.SIGINT), 130, "stopped after step 3"),
        (MemoryError(), 7, "out of memory: try smaller batches, images or widths"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 7, "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 7, "out of memory"),
        (RuntimeError("could not create a primitive"), 7, "out of memory"),
        (RuntimeError("could not create a primitive descriptor for a convolution"), 1, "unexpected RuntimeError"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 7, "out of memory"),
        (ImportError("x.so: failed to map segment from shared object: Operation not permitted"), 1, "unexpected ImportError"),
        (RuntimeError("std::bad_alloc"), 7, "out of memory"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), "/some/file"), 7, "out of memory"),
        (out_of_disk(), 5, "disk full (/some/file): free some space and run the same command again"),
        (PermissionError(errno.EACCES, "Permission denied", "/some/file"), 5, "no permission to write (/some/file)"),
        (ZeroDivisionError("of all\nthings"), 1, "unexpected ZeroDivisionError: of all things (a bug): --debug shows where"),
        (OSError("something vague"), 1, "unexpected OSError: something vague (a bug)"),
    ],
)
def test_whatever_goes_wrong_is_told_in_one_line(problem, code, said, command, monkeypatch):
    def fail(args):
        raise problem

    monkeypatch.setattr(recipes, "run", fail)
    ended = command("recipes")
    assert ended.code == code
    assert ended.error.startswith(said)
    assert "Traceback" not in ended.err
    debugged = command("recipes", "--debug")
    assert debugged.code == code
    assert "Traceback" in debugged.err
    assert "in fail" in debugged.err
    assert debugged.err.splitlines()[-1] == f"error: {ended.error}"


def test_the_verb_answers_with_its_own_code(command, monkeypatch):
    monkeypatch.setattr(recipes, "run", lambda args: 3)
    assert command("recipes") == (3, "", "")


def test_sigterm_clears_up_and_ends_with_143(command, monkeypatch):
    cleared = []

    def wait(args):
        try:
            signal.raise_signal(signal.SIGTERM)
            cleared.append("too late")
        finally:
            cleared.append("cleared")
        return 0

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(recipes, "run", wait)
    assert command("recipes") == (143, "", "")
    assert cleared == ["cleared"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_command_works_outside_the_main_thread(capsys):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(cli.main(["recipes"])))
    thread.start()
    thread.join()
    assert codes == [0]
    assert "fast" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="pipes are closed otherwise here")
def test_a_closed_pipe_is_no_reason_to_complain():
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    for words in (["recipes", "fast"], ["--help"], ["train", "--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "inkbloom", *words], stdout=writing, stderr=subprocess.PIPE, env=environment, timeout=60
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, b"")


def test_python_m_inkbloom_is_the_command(process):
    assert process("--version").out.startswith("inkbloom ")
    assert process("nope").code == 2


def test_the_recipes_and_one_of_them(command):
    listed = command("recipes")
    assert [line.split()[0] for line in listed.out.splitlines()] == [*recipe_names()]
    shown = command("recipes", "fast")
    assert 'net = "ink"\n' in shown.out


def test_a_recipe_that_is_shown_can_be_trained_by(command, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(command("recipes", "tutorial").out)
    assert command("recipes", mine).out == mine.read_text()
