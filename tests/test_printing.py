"""Printing ends no work: any letter goes through any encoding, and a stream that is closed, full or unread loses text alone."""

import io
import os
import re
import signal
import sys
import threading

import pytest

import inkbloom
from inkbloom.errors import DiskError
from inkbloom.printing import Steady

pty = pytest.importorskip("pty")
NO_STREAM = {  # what stands in place of a descriptor, and what is said of it; `{number}` is 1 or 2
    "full": ("import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), {number})", "No space left on device"),
    "closed": ("import os, sys; os.close({number}); sys.{name} = None", "it is closed"),
    "gone": ("import os; r, w = os.pipe(); os.close(r); os.dup2(w, {number}); os.close(w)", ""),
}
NARROW = "import sys; sys.stdout.reconfigure(encoding={encoding!r}, errors='strict')"
pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")


def without(how, *names):
    """Python code that takes streams away, by their names."""
    return "\n".join(NO_STREAM[how][0].format(number={"stdout": 1, "stderr": 2}[name], name=name) for name in names)


# ---- the stream itself


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", r"1.5 +- 2 -> 3... 2 x 2 \u540d2 \U0001f600 \udcff"),
        ("cp1252", "1.5 ± 2 -> 3… 2 × 2 \\u540d2 \\U0001f600 \\udcff"),
        ("gbk", "1.5 ± 2 → 3… 2 × 2 名2 \\U0001f600 \\udcff"),
        ("utf-8", "1.5 ± 2 → 3… 2 × 2 名2 😀 \\udcff"),
        ("utf-16", "1.5 ± 2 → 3… 2 × 2 名2 😀 \\udcff"),
    ],
)
def test_what_an_encoding_lacks_is_written_otherwise(encoding, printed):
    held = io.BytesIO()
    stream = io.TextIOWrapper(held, encoding=encoding)
    print("1.5 ± 2 → 3… 2 × 2 名2 😀 \udcff", file=Steady(stream), end="", flush=True)
    assert held.getvalue().decode(encoding) == printed


class Failing(io.StringIO):
    """A stream that fails from the second write on."""

    def __init__(self, problem):
        super().__init__()
        self.problem, self.asked = problem, 0

    def write(self, text):
        self.asked += 1
        if self.asked > 1:
            raise self.problem
        return super().write(text)


@pytest.mark.parametrize(
    "problem", [OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe"), ValueError("closed")]
)
def test_a_stream_that_failed_is_asked_no_more(problem):
    stream = Failing(problem)
    steady = Steady(stream)
    for line in "abcd":
        assert steady.write(line) == 1
        steady.flush()
    assert (stream.getvalue(), stream.asked) == ("a", 2)
    needed = Steady(Failing(problem), needed=True)
    needed.write("a")
    with pytest.raises(SystemExit if isinstance(problem, BrokenPipeError) else DiskError):
        needed.write("b")


def test_no_stream_at_all():
    Steady(None).write("a")
    Steady(None).flush()
    Steady(None, needed=True).flush()  # nothing was to be printed
    with pytest.raises(DiskError, match="it is closed"):
        Steady(None, needed=True).write("a")


# ---- trainings


def whole(run):
    """Whether a training left all that it should."""
    files = ("config.toml", "log.jsonl", "report.html", "README.md", "checkpoints/latest", "previews/step-00000024.png")
    return [name for name in files if not (run / name).exists()] == [] and inkbloom.Run(run).step == 24


@pytest.mark.parametrize("how", NO_STREAM)
def test_a_training_outlives_its_output(how, zygote, recipe, tmp_path):
    ended = zygote("train", recipe(), "--out", tmp_path / "run", first=without(how, "stdout"))
    assert ended.code == 0
    assert whole(tmp_path / "run")
    said = NO_STREAM[how][1]
    lost = f"warning: nothing more could be printed (standard output: {said}); the work went on without\n"
    assert ended.err == (lost if said else "")


@pytest.mark.parametrize("how", NO_STREAM)
def test_a_training_outlives_all_its_streams(how, zygote, recipe, tmp_path):
    assert zygote("train", recipe(), "--out", tmp_path / "run", first=without(how, "stdout", "stderr")) == (0, "", "")
    assert whole(tmp_path / "run")
    assert zygote("train", "nope", first=without(how, "stdout", "stderr")) == (2, "", "")


PRINTED_BY_C = """
import os, sys
for number in range(3):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
from inkbloom.store import log
original = log.Log.flush
def flush(self):
    original(self)
    for number in (1, 2):
        os.write(number, b"a line of C")
log.Log.flush = flush
"""


def test_closed_descriptors_get_no_file_of_the_run(zygote, recipe, tmp_path):
    """Else the first files that are opened would be numbered 0 to 2, and what a library of C prints would end in them."""
    assert zygote("train", recipe(), "--out", tmp_path / "run", first=PRINTED_BY_C).code == 0
    assert whole(tmp_path / "run")
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file() and b"a line of C" in path.read_bytes()] == []


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_a_name_that_the_encoding_lacks_ends_no_training(encoding, zygote, recipe, tmp_path):
    run = tmp_path / "名 😀"
    ended = zygote("train", recipe(), "--out", run, first=NARROW.format(encoding=encoding))
    assert (ended.code, ended.err) == (0, "")
    assert whole(run)
    assert "\\U0001f600/report.html" in ended.out


@pytest.mark.parametrize("stream", [None, Failing(OSError(28, "full")), io.TextIOWrapper(io.BytesIO(), encoding="ascii")])
def test_in_python_too(stream, recipe, tmp_path, monkeypatch):
    """As in a window without a console (pythonw), and where output goes to a file that fills up or lacks letters."""
    monkeypatch.setattr(sys, "stdout", stream)
    run = inkbloom.train(recipe(), out=tmp_path / "名")
    inkbloom.sample(run, 4, quiet=False)
    inkbloom.explain("convolution", out=tmp_path / "名", quiet=False)
    monkeypatch.undo()
    assert whole(tmp_path / "名")


IN_A_TERMINAL = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.dup2(os.open({terminal!r}, os.O_RDWR | os.O_NOCTTY), 1)
"""


def test_a_terminal_that_goes_away_ends_no_training(zygote, recipe, tmp_path):
    """Under nohup, where no signal comes. The progress bar is drawn by a thread of its own."""
    ours, theirs = pty.openpty()
    seen = []

    def close_the_window():
        seen.append(os.read(ours, 1000))
        os.close(ours)

    watching = threading.Thread(target=close_the_window)
    watching.start()
    ended = zygote("train", recipe(), "--out", tmp_path / "run", first=IN_A_TERMINAL.format(terminal=os.ttyname(theirs)))
    watching.join()
    os.close(theirs)
    assert seen[0].startswith(b"loading torch")
    assert ended.code == 0
    assert re.fullmatch(
        r"warning: nothing more could be printed \(standard output: .*\); the work went on without\n", ended.err
    )
    assert whole(tmp_path / "run")


@pytest.mark.parametrize(("ignored", "code"), [(False, 129), (True, 0)])
def test_a_closed_terminal_stops_and_saves_unless_under_nohup(ignored, code, command, recipe, tmp_path, monkeypatch):
    from inkbloom.training import session

    def fit(training):
        for step in original(training):
            if step.number == 13:
                signal.raise_signal(signal.SIGHUP)
            yield step

    original, before = session.fit, signal.getsignal(signal.SIGHUP)
    monkeypatch.setattr(session, "fit", fit)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        ended = command("train", recipe(), "--out", tmp_path / "run")
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ended.code == code
    assert inkbloom.Run(tmp_path / "run").step == (24 if ignored else 13)


# ---- the other verbs


@pytest.fixture(scope="module")
def runs(tmp_path_factory, source):
    """Two finished runs."""
    folder = tmp_path_factory.mktemp("runs")
    tiny = {
        "net": "ink", "widths": (16,), "layers": 1, "steps": 4, "batch_size": 16, "compile": "off", "precision": "fp32",
        "sample_steps": 3, "data": source(count=400),
    }  # fmt: skip
    for seed, name in enumerate(("one", "two")):
        inkbloom.train(inkbloom.Recipe().resolved(**tiny), out=folder / name, quiet=True, seed=seed)
    return folder


FILES = {  # a command that leaves files, and one of them
    ("sample", "{runs}/one", "--out", "{out}"): "grid.png",
    ("evaluate", "{runs}/one", "--json", "{out}/card.json"): "card.json",
    ("compare", "{runs}/one", "{runs}/two", "--html", "{out}/page.html"): "page.html",
    ("inspect", "digits", "--out", "{out}"): "digits.png",
    ("explain", "convolution", "--out", "{out}"): "convolution.png",
}
WORDS = {  # commands that leave nothing but words
    ("recipes",),
    ("recipes", "fast"),
    ("--help",),
    ("train", "--help"),
    ("--version",),
    ("compare", "{runs}/one", "{runs}/two"),
}


def said(words, **places):
    return [word.format(**places) for word in words]


@pytest.mark.parametrize("how", NO_STREAM)
@pytest.mark.parametrize("words", FILES, ids=lambda words: words[0])
def test_verbs_that_leave_files_leave_them(words, how, zygote, runs, tmp_path):
    ended = zygote(*said(words, runs=runs, out=tmp_path), first=without(how, "stdout"))
    assert ended.code == 0
    assert (tmp_path / FILES[words]).exists()
    assert ended.err.count("\n") == (how != "gone")
    assert NO_STREAM[how][1] in ended.err


@pytest.mark.parametrize("words", sorted(WORDS), ids=" ".join)
def test_where_words_are_all_there_is_no_output_is_an_error(words, zygote, runs):
    for how, (_, why) in NO_STREAM.items():
        ended = zygote(*said(words, runs=runs), first=without(how, "stdout"))
        if how == "gone":
            assert ended == (141, "", "")
        else:
            assert (ended.code, ended.error) == (5, f"cannot print (standard output: {why}): send the output elsewhere")


@pytest.mark.parametrize("words", [*FILES, *sorted(WORDS)], ids=" ".join)
def test_every_verb_prints_in_any_encoding(words, zygote, runs, tmp_path):
    ended = zygote(*said(words, runs=runs, out=tmp_path / "名"), first=NARROW.format(encoding="ascii"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out
