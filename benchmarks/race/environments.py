"""Virtual environments for the racers that are packages of others, with pinned versions; the rest run in inkbloom's own.

python benchmarks/race/environments.py [--environments build/race]        once, a few minutes and about 3 GB
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path("build/race")
TORCH = ("torch==2.13.0", "torchvision==0.28.0", "numpy==2.4.6")  # torch as pip brings it here: the CPU build where it has one
ENVIRONMENTS = {
    "smalldiffusion": (*TORCH, "smalldiffusion==0.5.0", "torch-ema==0.3", "accelerate==1.15.0", "einops==0.8.2"),
    "denoising-diffusion": (*TORCH, "denoising-diffusion-pytorch==2.3.4", "ema-pytorch==0.8.3", "accelerate==1.15.0"),
    "torchcfm": (*TORCH, "torchcfm==1.0.7", "torchdyn==1.0.6", "torchdiffeq==0.2.5", "POT==0.9.7.post1"),
}
READY = "ready.txt"  # in the environment: what was installed


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of an environment; inkbloom's own where it needs none."""
    if name not in ENVIRONMENTS:
        return Path(sys.executable)
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return (folder / name).joinpath(*inside).absolute()


def is_ready(name: str, folder: Path) -> bool:
    """Whether the environment stands with just these versions."""
    mark = folder / name / READY
    return name not in ENVIRONMENTS or (mark.exists() and mark.read_text() == "\n".join(ENVIRONMENTS[name]))


def make(name: str, folder: Path) -> None:
    """Makes an environment, or brings it to these versions. Raises CalledProcessError."""
    if is_ready(name, folder):
        return
    print(f"{name}: {', '.join(ENVIRONMENTS[name])}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    pip = [str(python_of(name, folder)), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *ENVIRONMENTS[name]], check=True)
    (folder / name / READY).write_text("\n".join(ENVIRONMENTS[name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")
    args = parser.parse_args()
    for name in ENVIRONMENTS:
        make(name, args.environments)
        print(f"{name}: {python_of(name, args.environments)}")


if __name__ == "__main__":
    main()
