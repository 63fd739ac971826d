"""Signals while modules load: none is lost, none breaks an import, and none leaves a traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

from inkbloom.verbs import recipes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are others here")
SENDS = "import os, signal, time\nos.kill(os.getpid(), signal.{name})\ntime.sleep(0.05)\n"
IMPORTS = {  # how a module may take an exception that falls into it
    "swallows it": "try:\n    import inner\nexcept BaseException:\n    pass\n",
    "makes another of it": "try:\n    import inner\nexcept BaseException:\n    raise ImportError('half imported') from None\n",
    "lets it pass": "import inner\n",
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """modules(**sources) -> nothing: from now on they can be imported by their names."""

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(tmp_path)

    return write


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
@pytest.mark.parametrize("how", IMPORTS)
def test_a_signal_in_an_import_ends_the_command_after_it(how, name, code, modules, command, monkeypatch):
    modules(outer=IMPORTS[how] + "done = True\n", inner=SENDS.format(name=name))
    seen = []

    def run(args):
        import outer

        seen.append(outer.done)
        time.sleep(10)
        seen.append("went on")
        return 0

    monkeypatch.setattr(recipes, "run", run)
    ended = command("recipes")
    assert ended == (code, "", "error: interrupted\n" if name == "SIGINT" else "")
    assert "went on" not in seen
    assert not seen or seen == [True]  # the import itself was left in peace
    assert "inner" in sys.modules


def test_a_signal_wins_over_what_it_broke(command, monkeypatch):
    def run(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            raise RecursionError("half done") from None

    monkeypatch.setattr(recipes, "run", run)
    assert command("recipes") == (143, "", "")


def test_a_signal_that_was_swallowed_shows_in_the_code(command, monkeypatch):
    def run(args):
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            return 0

    monkeypatch.setattr(recipes, "run", run)
    assert command("recipes").code == 143


SENT = """
import atexit, os, runpy, signal, sys
def send():
    os.kill(os.getpid(), signal.SIGINT)
class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == {at!r}:
            send()
sys.meta_path.insert(0, Sender())
if {at!r} == "shutdown":
    atexit.register(send)
sys.argv = ["inkbloom", "recipes"]
runpy.run_module("inkbloom", run_name="__main__")
"""


@pytest.mark.parametrize("at", ["inkbloom.cli", "inkbloom.errors", "inkbloom.training.signals", "shutdown"])
def test_no_traceback_before_the_command_listens_nor_after_it_is_done(at):
    done = subprocess.run([sys.executable, "-c", SENT.format(at=at)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_second_ctrl_c_ends_an_import_at_once():
    script = """
import os, signal, sys
from inkbloom.verbs import recipes
class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == "nowhere":
            os.kill(os.getpid(), signal.SIGINT), os.kill(os.getpid(), signal.SIGINT)
            print("still here")
sys.meta_path.insert(0, Sender())
recipes.run = lambda args: __import__("nowhere")
from inkbloom.cli import main
sys.exit(main(["recipes"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
