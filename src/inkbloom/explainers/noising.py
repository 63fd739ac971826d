"""The way from an image to noise, on every path, and why that is a convolution."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..data.pixels import to_bytes, to_floats
from ..diffusion import PICTURE_PATHS, Coef, Path
from ..figures.images import save_png
from .canvas import GREY, IMAGE, INK, KERNEL, RESULT, heading, lettering, pixels, write
from .densities import draw_density, noise_of, noised_pixels_of
from .example import Example
from .film import Frame, filmed, save_film
from .ink import SIDE, draw_drop, draw_profile, drops
from .matrices import chart, place, rounded, show, tone_of, whole
from .options import Line, Options, wrote

TIMES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
COUNTED = (0.0, 0.1, 0.3, 0.6)  # times at which the pixel values are counted
DROPS = (0, 1, 2, 4, 8, 16, 32, 64)
FRAMES = 41
ROWS: dict[str, tuple[Path, str]] = {
    "lerp": (PICTURE_PATHS["lerp"], "gaussian"),
    "lerp, uniform": (PICTURE_PATHS["lerp"], "uniform"),
    **{name: (path, "gaussian") for name, path in PICTURE_PATHS.items() if name != "lerp"},
}
"""What is drawn: paths, each with its kind of noise. The second row is the tutorial's."""
FORMULAS = {
    "lerp": "a = 1 − t\ns = t",
    "lerp, uniform": "a = 1 − t\ns = t",
    "cosine": "a = cos(πt/2)\ns = sin(πt/2)",
    "vp": "a² + s² = 1\n(DDPM)",
    "ve": "a = 1\ns = 0.01 … 50",
}
COLOURS = {"lerp": IMAGE, "lerp, uniform": "#7d4e9e", "cosine": KERNEL, "vp": RESULT, "ve": GREY}

WORDS = {
    "en": {
        "title": "From image to noise: {name}",
        "about": "x = a·x0 + s·eps: a share a of the image and a share s of noise, from the image (t = 0) to "
        "noise (t = 1). The noise is Gaussian;\n“lerp, uniform” has the tutorial's, uniform from black to white: no pixel "
        "can go beyond. Elsewhere, what lies beyond −1 is drawn black, and beyond 1 white.\n"
        "SNR = a² / s², for Gaussian noise.",
        "lerp, uniform": "lerp, uniform",
        "snr": "SNR over t",
        "ink": "Ink in water is a small kernel over and over, and that is one wide Gaussian",
        "times": "{count} times",
        "once": "1 time",
        "profile": "Ink by column, 16 times; Gaussian",
        "density": "Noise added to pixels convolves their density with the noise's (path lerp)",
        "gaussian": "Gaussian noise, t = {t:g}",
        "uniform": "Uniform noise, t = {t:g}",
        "counted": "density of noised pixels, counted",
        "computed": "convolution of the densities",
        "drop": "ink drop",
        "columns": "by column; Gaussian",
    },
    "zh": {
        "title": "从图像到噪声：{name}",
        "about": "x = a·x0 + s·eps：a 份图像加 s 份噪声，从图像（t = 0）到噪声（t = 1）。噪声是高斯的；\n"
        "“lerp，均匀”用的是教程的均匀噪声，从黑到白，像素不会超出这个范围。其余的，超出 −1（黑）或 1（白）就画成黑或白。\n"
        "信噪比 SNR = a² / s²，只用于高斯噪声。",
        "lerp, uniform": "lerp，均匀",
        "snr": "信噪比 SNR 随 t 的变化",
        "ink": "墨在水中散开，就是小卷积核一次又一次地卷积，合起来是一个宽的高斯",
        "times": "{count} 次",
        "once": "1 次",
        "profile": "各列的墨量（16 次）与高斯",
        "density": "给像素加噪声，就是像素值的密度与噪声的密度作卷积（路径 lerp）",
        "gaussian": "高斯噪声，t = {t:g}",
        "uniform": "均匀噪声，t = {t:g}",
        "counted": "数加噪后的像素得到的密度",
        "computed": "两个密度的卷积，算出来的",
        "drop": "墨滴",
        "columns": "各列的墨量与高斯",
    },
}


def explain_noising(options: Options) -> Iterator[Line]:
    """Writes noising.png, all paths with their SNR, the ink and the densities, and noising.gif, in which t runs from 0 to 1."""
    words = WORDS[options.lang]
    title = words["title"].format(name=options.example.name[options.lang])
    with lettering(options.lang):
        save_png(pixels(still(options.example, words, title)), options.out / "noising.png")
        yield wrote("picture", options.out / "noising.png")
        save_film(list(moving(options.example, words, title)), options.out / "noising.gif", milliseconds=200)
        yield wrote("film", options.out / "noising.gif")


def at(path: Path, t: float) -> Coef:
    """The path's amounts at a time, in float64."""
    return path(torch.tensor(t, dtype=torch.float64))


def snr(c: Coef) -> str:
    """a² / s², in few letters."""
    ratio = float((c.a / c.s) ** 2)
    return "∞" if ratio > 1e9 else "0" if ratio == 0 else "< 0.01" if ratio < 0.01 else rounded(ratio)


def noised(image: Tensor, noise: Tensor, c: Coef) -> Tensor:
    """uint8 (H, W): the image (1, 1, H, W), uint8, mixed with noise of its shape, as one sees it."""
    return to_bytes(float(c.a) * to_floats(image, "-1..1") + float(c.s) * noise, "-1..1")[0, 0]


def still(example: Example, words: dict[str, str], title: str) -> Figure:
    """Every path as a row of pictures over t, SNR beside them; below, the ink and the densities."""
    figure = Figure(figsize=(13.4, 15.1), dpi=110)
    heading(figure, title, words["about"])
    bright = tone_of(0, white=255)
    for row, (name, (path, kind)) in enumerate(ROWS.items()):
        top, noise = 1.85 + 1.33 * row, noise_of(kind, example.image)
        write(figure, 0.3, top + 0.15, words.get(name, name), 12, COLOURS[name])
        write(figure, 0.3, top + 0.42, FORMULAS[name], 9, GREY)
        for column, t in enumerate(TIMES):
            c, left = at(path, t), 1.75 + 1.1 * column
            picture = whole(figure, left, top, 0.98, noised(example.image, noise, c), bright)
            picture.set_title(f"t = {t:g}" if row == 0 else "", loc="center", fontsize=10)
            told = f"SNR {snr(c)}" if kind == "gaussian" else f"a = {float(c.a):g}, s = {float(c.s):g}"
            write(figure, left + 0.49, top + 1.01, told, 8, GREY, "center")
    draw_ratios(chart(figure, 10.1, 2.1, 2.9, 5.9), words)

    write(figure, 0.3, 8.75, words["ink"], 12)
    grown = drops(max(DROPS))
    for column, count in enumerate(DROPS):
        axis = place(figure, 0.3 + 1.17 * column, 9.4, 1.05, 1.05)
        draw_drop(axis, grown[count])
        axis.set_title(words["once" if count == 1 else "times"].format(count=count), loc="center", fontsize=10)
    axis = chart(figure, 10.1, 9.3, 2.9, 1.15)
    draw_profile(axis, grown[16], 16)
    axis.set_title(words["profile"], fontsize=10)

    write(figure, 0.3, 10.85, words["density"], 12)
    for row, kind in enumerate(("gaussian", "uniform")):
        sample = noised_pixels_of(example.data, kind)
        for column, t in enumerate(COUNTED):
            axis = chart(figure, 0.4 + 3.2 * column, 11.45 + 1.95 * row, 2.95, 1.35)
            draw_density(axis, sample, at(PICTURE_PATHS["lerp"], t))
            axis.set(xlim=(-3, 3), yticks=[], ylim=(0, None))
            axis.set_title(words[kind].format(t=t), fontsize=10)
    write(figure, 10.1, 10.87, words["counted"], 10, IMAGE, "right")
    write(figure, 13.0, 10.87, words["computed"], 10, KERNEL, "right")
    return figure


def moving(example: Example, words: dict[str, str], title: str) -> Iterator[Image.Image]:
    """t from 0 to 1 on every path at once, pixel values counted below; at the right a drop that spreads. FRAMES frames."""
    figure = Figure(figsize=(15.05, 6.0), dpi=73)
    heading(figure, title, words["about"])
    lefts = [0.3 + 2.45 * column for column in range(len(ROWS) + 1)]
    boards = [place(figure, left, 2.0, 2.2, 2.2) for left in lefts]
    charts = [chart(figure, left, 4.35, 2.2, 1.05) for left in lefts]
    for left, name in zip(lefts, [*ROWS, "drop"], strict=True):
        write(figure, left, 1.38, words.get(name, name), 12, COLOURS.get(name, INK))
    for axis in charts[:-1]:
        axis.set(xlim=(-3, 3), ylim=(0, 1.2), yticks=[])
    charts[-1].set(xlim=(-SIDE / 2, SIDE / 2), yticks=[])
    write(figure, lefts[0], 5.68, words["counted"], 10, IMAGE)
    write(figure, lefts[2], 5.68, words["computed"], 10, KERNEL)
    write(figure, lefts[-1], 5.68, words["columns"], 10, RESULT)
    grown = drops(FRAMES - 1)
    noises = {kind: noise_of(kind, example.image) for kind in ("gaussian", "uniform")}
    samples = {kind: noised_pixels_of(example.data, kind) for kind in noises}

    def steps() -> Iterator[Frame]:
        for frame, t in enumerate(np.linspace(0, 1, FRAMES)):
            seen: list[Artist] = []
            for (path, kind), left, board, below in zip(ROWS.values(), lefts, boards, charts, strict=False):
                c = at(path, float(t))
                seen.append(show(board, noised(example.image, noises[kind], c)))
                seen += draw_density(below, samples[kind], c)
                told = f"a = {float(c.a):.2f}, s = {float(c.s):.2f}" + f", SNR {snr(c)}" * (kind == "gaussian")
                seen.append(write(figure, left, 1.66, told, 9, GREY))
            seen.append(write(figure, 14.75, 0.2, f"t = {t:.2f}", 16, INK, "right"))
            seen.append(draw_drop(boards[-1], grown[frame]))
            told = words["once" if frame == 1 else "times"].format(count=frame)
            seen.append(write(figure, lefts[-1], 1.66, told, 9, GREY))
            yield [], [*seen, *draw_profile(charts[-1], grown[frame], frame)]

    return filmed(figure, steps())


def draw_ratios(axis: Axes, words: dict[str, str]) -> None:
    """SNR over t for every path, on a logarithmic scale."""
    t = torch.linspace(0.005, 0.995, 200, dtype=torch.float64)
    for name, path in PICTURE_PATHS.items():
        c = path(t)
        axis.plot(t, (c.a / c.s) ** 2, color=COLOURS[name], label=name)
    axis.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    axis.set(yscale="log", xlim=(0, 1), ylim=(1e-4, 1e4), xlabel="t")
    axis.set_title(words["snr"])
    axis.legend(loc="upper right")
