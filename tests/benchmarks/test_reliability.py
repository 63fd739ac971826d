"""The checks of benchmarks/reliability find nothing where all is well, and something where a protection is switched off."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reliability"
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the shim needs Linux and a C compiler"
)


@pytest.mark.parametrize("controls", [False, True])
def test_power_loss_and_damage(controls, tmp_path):
    """Some hundred trials of each; the others take minutes."""
    command = [sys.executable, SCRIPT, "--quick", "--only", "R3", "R5", "--json", tmp_path / "found.json"]
    done = subprocess.run([*command, *(["--controls"] if controls else [])], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for check in json.loads((tmp_path / "found.json").read_text())["checks"].values():
        assert check["trials"] >= 500
        assert bool(check["failures"]) == controls
