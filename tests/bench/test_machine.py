"""What stands beside every figure."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inkbloom.bench.machine import Quiet, about
from inkbloom.bench.rows import Row, print_rows


def test_the_machine_is_told_in_plain_values():
    told = about()
    assert {"cpu", "cores", "memory_gb", "torch", "inkbloom", "commit", "date"} <= told.keys()
    assert json.loads(json.dumps(told)) == told


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat on this system")
def test_the_work_of_another_process_is_seen():
    quiet = Quiet()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    time.sleep(1)
    told = quiet.told()
    other.kill()
    other.wait()
    assert 0.5 / os.cpu_count() < told["others"] <= 1
    assert 0 <= told["steal"] <= 1
    assert 1 <= told["seconds"] < 60


def test_rows_are_printed_as_they_come_and_their_figures_are_kept(capsys):
    def rows():
        yield Row("first", {"a": 1})
        assert capsys.readouterr().out == "first\n"
        yield Row("a heading", {})
        yield Row("second", {"a": 2})

    part = print_rows(rows())
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a heading", "second"]
    assert lines[2].startswith("machine meanwhile: seconds ")
    assert part["rows"] == [{"a": 1}, {"a": 2}]
    assert "load" in part["meanwhile"]
