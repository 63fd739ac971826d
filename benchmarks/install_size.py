"""How many packages an installation brings and how much disk they take: the base alone, then each extra on top of it.

Run it with: python benchmarks/install_size.py [PROJECT] [--extras [NAME ...]] [--json FILE]
PROJECT is a folder with a pyproject.toml (default: this checkout; `git worktree add` makes one of an older state). pip installs
everything with PROJECT's constraints.txt, into environments that are thrown away; only pip's cache stays.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

from machine import show, write

ROOT = Path(__file__).parents[1]
NOT_COUNTED = ("pip", "setuptools")  # they come with the environment
SIZES = """
import importlib.metadata, json, sys

sizes = {}
for package in importlib.metadata.distributions(path=sys.argv[1:] or sys.path):
    files = [file.locate() for file in package.files or ()]
    sizes[package.name.lower().replace("_", "-")] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(sizes))
"""


def told(*command: object) -> str:
    """What a command prints."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def sizes(python: Path, *folders: Path) -> dict[str, int]:
    """Bytes of each package that this Python sees, or of those in the folders."""
    found = json.loads(told(python, "-c", SIZES, *folders))
    return {name: found[name] for name in sorted(found) if name not in NOT_COUNTED}


def on_top(python: Path, project: Path, extra: str) -> dict[str, int]:
    """Bytes of each package that an extra adds to what this Python has."""
    pip = (python, "-m", "pip", "install", "--quiet", "-c", project / "constraints.txt")
    planned = json.loads(told(*pip, "--dry-run", "--report", "-", f"{project}[{extra}]"))["install"]
    wanted = [f"{item['metadata']['name']}=={item['metadata']['version']}" for item in planned]
    wanted = [name for name in wanted if not name.startswith("inkbloom==")]
    with tempfile.TemporaryDirectory() as folder:
        told(*pip, "--no-deps", "--target", folder, *wanted)
        return sizes(python, Path(folder))


def row(name: str, packages: dict[str, int]) -> dict[str, object]:
    """Prints a line of the table, and returns it for the file."""
    mebibytes = round(sum(packages.values()) / 2**20)
    print(f"{name:12} {len(packages):3} packages {mebibytes:5,} MiB   {' '.join(packages)}", flush=True)
    return {"mib": mebibytes, "packages": packages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=ROOT, metavar="PROJECT")
    parser.add_argument("--extras", nargs="*", metavar="NAME", help="these alone (default: all but dev; without a NAME: none)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    extras = tomllib.loads((args.project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True, symlinks=platform.system() != "Windows")
        python = Path(folder) / ("Scripts" if platform.system() == "Windows" else "bin") / "python"
        told(python, "-m", "pip", "install", "--quiet", "-c", args.project / "constraints.txt", args.project)
        torch = told(python, "-c", "import importlib.metadata as about; print(about.version('torch'))").strip()
        machine = {"system": platform.platform(), "python": platform.python_version(), "torch": torch}
        show(machine)
        rows = {"base": row("base", sizes(python))}
        for extra in sorted(extras.keys() - {"dev"}) if args.extras is None else args.extras:
            rows[extra] = row(f"+ {extra}", on_top(python, args.project, extra))
    write(args.json, {"machine": machine, "rows": rows})


if __name__ == "__main__":
    main()
