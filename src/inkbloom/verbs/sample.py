"""`inkbloom sample RUN`: pictures from a trained model, and how they came about."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..config import SolverName, SpacingName
from ..errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from ..run import Run
    from ..sampling import Order

SHOWN = 400  # pictures on the grid, at most
FILMED = 8  # pictures in the history and the film
PLANE = 15  # pictures on a side of the plane


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom sample`."""
    about = "a run's folder, or a weights file (.safetensors); default: the digits that come with inkbloom"
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help=about)
    parser.add_argument("--count", "-n", type=int, default=16, metavar="N", help="pictures to draw (default: 16)")
    parser.add_argument("--steps", type=int, metavar="N", help="solver steps (default: the recipe's)")
    parser.add_argument("--nfe", type=int, metavar="N", help="network evaluations for one picture, instead of steps")
    for flag, names in (("--solver", SolverName), ("--spacing", SpacingName)):
        parser.add_argument(flag, metavar="{" + ",".join(get_args(names)) + "}", help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="picture k comes from (seed, k) alone (default: 0)")
    parser.add_argument("--label", type=int, metavar="K", help="draw class K only (default: picture k gets class k mod K)")
    parser.add_argument("--guidance", type=float, metavar="X", help="0 ignores the class, 1 is plain, above 1 is guided")
    parser.add_argument("--weights", choices=("ema", "live"), default="ema", help="averaged weights (default) or the live ones")
    parser.add_argument("--from", dest="start", type=Path, metavar="FILE", help="start from this picture instead of from noise")
    parser.add_argument("--at", type=float, metavar="T", help="with --from: the noise level in (0, 1] to bring it to first")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the pictures go (default: RUN/samples)")
    parser.add_argument("--npz", type=Path, metavar="FILE", help="also write all pictures to an .npz file")
    parser.add_argument("--pngs", action="store_true", help="also write each picture as a PNG of its own")
    parser.add_argument("--history", action="store_true", help="also write every step, as a sheet and as a film")
    parser.add_argument("--plane", action="store_true", help="vae, gan: also pictures over two latents, of class K or 0")
    parser.add_argument(
        "--between", type=int, nargs=2, metavar=("A", "B"), help="vae: also pictures between hold-out images A and B"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Draws; 0. Raises InkbloomError."""
    from rich.console import Console
    from rich.progress import Progress

    from ..run import Run

    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=args.quiet)
    if (args.start is None) != (args.at is None):
        raise UsageError("--from and --at belong together: write --from FILE --at 0.7")
    model = Run(args.run, args.weights)
    wish = model.order(
        args.count,
        seed=args.seed,
        steps=args.steps,
        nfe=args.nfe,
        solver=args.solver,
        spacing=args.spacing,
        guidance=args.guidance,
        label=args.label,
        start=(_picture(args.start, model), args.at) if args.start else None,
    )
    out = args.out or _beside(args.run) / "samples"
    with Progress(console=console, disable=not console.is_terminal or args.quiet, transient=True) as bar:
        task = bar.add_task("sampling", total=wish.count)
        for line in _draw(model, wish, out, args, lambda done: bar.update(task, completed=done)):
            console.print(line)
    return 0


def _beside(run: Path | None) -> Path:
    """The folder that a run's pictures go to: its own, or the one that a weights file stands in; without a run the current."""
    if run is None:
        return Path()
    return run if run.is_dir() else run.resolve().parent


def _draw(model: Run, wish: Order, out: Path, args: argparse.Namespace, watch: Any) -> Iterator[str]:
    """Samples batch by batch into all the files asked for; yields lines that say where they are."""
    import numpy as np

    from ..data.npz import write_npz
    from ..figures.images import save_png, tile
    from ..sampling import labels_of

    sheets: dict[str, Image] = {}
    if args.plane:
        sheets["plane"] = _sheet(model.plane(PLANE, wish.label), PLANE)
    if args.between:
        row = model.between(*args.between)
        sheets["between"] = _sheet(row, len(row))
    kept: list[NDArray[np.uint8]] = []  # what the grid shows; more must not pile up

    def single(number: int) -> Path:
        return out / "pictures" / f"{number:05d}.png"

    def pictures() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for batch, _ in model.stream(wish):
            if done < SHOWN:
                kept.append(batch[: SHOWN - done])
            if args.pngs:
                for number, picture in enumerate(batch, start=done):
                    save_png(tile(picture.transpose(2, 0, 1)[None], gap=0), single(number))
            done += len(batch)
            watch(done)
            yield batch

    pictures_of = "1 picture" if wish.count == 1 else f"{wish.count:,} pictures"
    yield f"{pictures_of}, {wish.how}"
    if args.npz:
        labels = labels_of(wish, model.family, 0, wish.count)
        write_npz(args.npz, pictures(), wish.count, labels.numpy() if labels is not None else None)
        yield f"npz: {args.npz}"
    else:
        for _ in pictures():
            pass
    columns = model.family.classes if wish.label is None and 2 <= model.family.classes <= 20 < wish.count else None
    save_png(_sheet(np.concatenate(kept), columns), out / "grid.png")
    yield f"grid: {out / 'grid.png'}" + (f" (the first {SHOWN})" if wish.count > SHOWN else "")
    if args.pngs:
        yield f"pictures: {single(0)}" + (f" to {single(wish.count - 1).name}" if wish.count > 1 else "")
    if args.history:
        yield from _history(model, wish, out)
    for name, sheet in sheets.items():
        save_png(sheet, out / f"{name}.png")
        yield f"{name}: {out / f'{name}.png'}"


def _sheet(pictures: NDArray[np.uint8], columns: int | None) -> Image:
    """Pictures (N, H, W, C) side by side, small ones enlarged."""
    from ..figures.images import tile

    return tile(pictures.transpose(0, 3, 1, 2), columns=columns, scale=2 if max(pictures.shape[1:3]) < 64 else 1)


def _history(model: Run, wish: Order, out: Path) -> Iterator[str]:
    """The tutorial's picture and a film of the first few pictures: every input and every prediction."""
    from ..figures.images import save_gif
    from ..figures.trajectory import film_frames, history_sheet

    few = replace(wish, count=min(wish.count, FILMED))
    inputs, predictions = (pictures.transpose(0, 1, 4, 2, 3) for pictures in model.history(few))
    titles = ("Input (noisy)", "Model Prediction") if model.family.walks else ("Into the layer", "Out of the layer")
    history_sheet(inputs[:-1], predictions, out / "history.png", titles)
    frames = film_frames(inputs[:-1], predictions, inputs[-1])
    save_gif(frames, out / "film.gif", milliseconds=max(40, 4000 // len(predictions)))
    yield f"history: {out / 'history.png'}"
    yield f"film: {out / 'film.gif'}"


def _picture(path: Path, model: Run) -> Tensor:
    """The user's picture in the model's size and colours: (1, C, H, W) uint8. Raises DataError."""
    import numpy as np
    import torch
    from PIL import Image

    from ..data.picture import Broken, read_picture

    if not path.exists():
        raise DataError(f"no such picture ({path}): give an image file to --from")
    found = read_picture(path, model.spec.size)
    if isinstance(found, Broken):
        raise DataError(f"cannot read the picture ({path}): {found.reason}")
    pixels = np.asarray(Image.fromarray(found.pixels).convert("L" if model.spec.channels == 1 else "RGB"))
    return torch.from_numpy(pixels.reshape(*model.spec.size, -1).transpose(2, 0, 1)[None].copy())
