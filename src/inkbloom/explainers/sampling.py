"""How noise becomes a picture, step by step: what the network is given, what it predicts, and how far both are from the end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from ..figures.images import save_png, tile
from ..figures.trajectory import history_sheet
from ..run import Run
from ..sampling import Request
from .canvas import GREY, IMAGE, INK, KERNEL, RESULT, heading, lettering, pixels, write
from .film import Frame, filmed, save_film
from .matrices import chart, place, show
from .options import Line, Options, wrote
from .trajectory import Pictures, Trajectory, trajectory_of

COUNT = 8  # pictures that are drawn, as in the tutorial
SHOWN = 3  # of them in the picture
STEPS = 10  # shown in the picture, at most
FRAMES = 60  # of the film, at most

WORDS = {
    "en": {
        "title": "From noise to pictures: {name}, {how}",
        "about": "Each column is a step: the network sees the upper pictures, and predicts the lower ones from them.\n",
        "film": "The network sees the left pictures, and predicts the right ones from them.\n",
        "part": "Each step goes a part of the way from what it sees to what it predicts; that is the next input.",
        "euler": "Each step parts what it sees into prediction and noise, and mixes the two again with less of the noise.",
        "heun": "Each step but the last predicts again where it would end, and takes the mean of the two directions.",
        "dpmpp_2m": "Each step heads for the prediction, carried on by how it changed since the step before\n"
        "(the first and the last step: for the prediction itself).",
        "ancestral": "Each step heads for the prediction, and draws a part of the noise anew.",
        "own": "From the two, and from what came before, the solver {solver} makes the next input.",
        "guided": ", guidance {guidance:g}",
        "one": "in one pass",
        "many": "{solver}, {steps} steps, {nfe} evaluations",
        "layers": "This network draws at once, layer by layer: what goes into a layer, and what comes out,\n"
        "the size of the activations as brightness, enlarged.",
        "input": "sees",
        "prediction": "predicts",
        "into": "in",
        "out": "out",
        "steps": "step",
        "step": "step {}",
        "layer": "layer {}",
        "end": "end",
        "noise": "t = {:.3g}",
        "numbers": "Over the steps: noise level, and distances (root mean square, black to white is 1)",
        "t": "noise level t",
        "left": "input to final picture",
        "wrong": "prediction to final picture",
        "moved": "prediction to the one before",
    },
    "zh": {
        "title": "从噪声到图像：{name}，{how}",
        "about": "每一列是一步：网络看到上方的图像，由此预测出下方的图像。\n",
        "film": "网络看到左边的图像，由此预测出右边的图像。\n",
        "part": "每一步都从输入向预测走一段，得到下一步的输入。",
        "euler": "每一步都把输入拆成预测和噪声，再用少一些的噪声重新混合。",
        "heun": "除最后一步外，每一步都在将要到达的地方再预测一次，取两个方向的平均。",
        "dpmpp_2m": "每一步都朝预测走，并按预测与上一步相比的变化再往前推一点（第一步和最后一步只朝预测本身）。",
        "ancestral": "每一步都朝预测走，同时把一部分噪声换成新的。",
        "own": "求解器 {solver} 由这两者和之前的步骤得到下一步的输入。",
        "guided": "，引导强度 {guidance:g}",
        "one": "一次画成",
        "many": "{solver}，{steps} 步，{nfe} 次求值",
        "layers": "这个网络一次画成，图像一层一层长成：进入一层的，和这一层给出的，\n以亮度表示激活值的大小，已放大。",
        "input": "看到",
        "prediction": "预测",
        "into": "进入",
        "out": "给出",
        "steps": "步",
        "step": "第 {} 步",
        "layer": "第 {} 层",
        "end": "结果",
        "noise": "t = {:.3g}",
        "numbers": "逐步的数值：噪声水平与距离（均方根，黑到白为 1）",
        "t": "噪声水平 t",
        "left": "输入到最终图像",
        "wrong": "预测到最终图像",
        "moved": "预测到上一步的预测",
    },
}
TITLES = {
    "en": (("Into the layer", "Out of the layer"), ("Input (noisy)", "Model Prediction")),
    "zh": (("进入这一层", "这一层给出"), ("输入（带噪声）", "模型的预测")),
}
"""Of the two columns of the tutorial's sheet, for a network that draws at once and for one that goes step by step."""
CURVES = {"t": (GREY, "--"), "left": (IMAGE, "-"), "wrong": (RESULT, "-"), "moved": (KERNEL, "-")}
"""What the chart shows, and how."""


def explain_sampling(options: Options) -> Iterator[Line]:
    """Writes sampling.png, some steps and the numbers of all, sampling-history.png, the tutorial's sheet, and sampling.gif.

    Raises InkbloomError.
    """
    run = options.run if isinstance(options.run, Run) else Run(options.run)
    request = run.request(COUNT, label=options.label)
    trajectory, words = trajectory_of(run, request), WORDS[options.lang]
    how = (
        words["one"]
        if request.solver is None
        else words["many"].format(solver=request.solver_name, steps=request.steps, nfe=request.nfe)
    )
    how += words["guided"].format(guidance=request.guidance) * (request.guidance not in (0, 1))
    title = words["title"].format(name=run.family.title, how=how)
    rule = words[rule_of(run, request)].format(solver=request.solver_name)
    with lettering(options.lang):
        save_png(pixels(still(trajectory, options.lang, title, rule)), options.out / "sampling.png")
        yield wrote("picture", options.out / "sampling.png")
        sheet = options.out / "sampling-history.png"
        with rc_context({"axes.spines.left": False, "axes.spines.bottom": False}):
            history_sheet(trajectory.inputs[:-1], trajectory.predictions, sheet, TITLES[options.lang][trajectory.t is not None])
        yield wrote("history", sheet)
        frames = list(moving(trajectory, options.lang, title, rule))
    save_film(frames, options.out / "sampling.gif", milliseconds=max(80, min(800, 8000 // len(frames))))
    yield wrote("film", options.out / "sampling.gif")


def rule_of(run: Run, request: Request) -> str:
    """How the next input is made, as a key of WORDS: the solver's name, or 'part' for Euler's on the straight path `lerp`."""
    if request.solver == "euler" and run.recipe.path == "lerp":
        return "part"
    return request.solver if isinstance(request.solver, str) else "own"


def still(trajectory: Trajectory, lang: str, title: str, rule: str) -> Figure:
    """Some steps as columns, and below them the numbers of all steps."""
    words, count = WORDS[lang], len(trajectory.predictions)
    steps = np.unique(np.linspace(0, count - 1, min(STEPS, count)).round().astype(int))
    side, gap, left = 0.9, 0.1, 1.1
    tall = SHOWN * side
    wide = max(9.0, left + (len(steps) + 1) * (side + gap) + 0.3)
    figure = Figure(figsize=(wide, 2 * tall + (5.5 if trajectory.t is not None else 2.4)), dpi=110)
    heading(figure, title, words["about"] + rule if trajectory.t is not None else words["layers"])
    for top, name in zip((1.8, 2.0 + tall), _sides(trajectory), strict=True):
        write(figure, left - 0.15, top + tall / 2 - 0.1, words[name], 11, INK, "right")
    for column, step in enumerate([*steps, count]):
        across = left + column * (side + gap)
        number = words["end"] if step == count else words["layer" if trajectory.t is None else "step"].format(step + 1)
        level = "" if trajectory.t is None or step == count else "\n" + words["noise"].format(trajectory.t[step])
        write(figure, across + side / 2, 1.35, number + level, 8.5, INK, "center")
        _show(place(figure, across, 1.8, side, tall), trajectory.inputs[step][:SHOWN], 1)
        if step < count:
            _show(place(figure, across, 2.0 + tall, side, tall), trajectory.predictions[step][:SHOWN], 1)
    if trajectory.t is not None:
        axis = chart(figure, left, 2 * tall + 2.75, wide - left - 3.0, 2.2)
        curves(axis, trajectory, lang)
        axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


def curves(axis: Axes, trajectory: Trajectory, lang: str) -> None:
    """The numbers of all steps as lines: one for each of CURVES."""
    words, steps = WORDS[lang], np.arange(1, len(trajectory.predictions) + 1)
    for name, (colour, line) in CURVES.items():
        marker = "o" if len(steps) <= 20 and name != "t" else None
        axis.plot(steps, getattr(trajectory, name), line, color=colour, label=words[name], marker=marker, markersize=3.5)
    axis.set(xlim=(0.5, len(steps) + 0.5), ylim=(0, None))
    axis.set_title(words["numbers"], pad=8)
    axis.set_xlabel(words["steps"])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def moving(trajectory: Trajectory, lang: str, title: str, rule: str) -> Iterator[Image.Image]:
    """A frame a step: all pictures as the network sees them and as it predicts them, and its numbers; then the result."""
    words, count = WORDS[lang], len(trajectory.predictions)
    shown = np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int))
    figure = Figure(figsize=(9.2, 6.4 if trajectory.t is not None else 4.0), dpi=80)
    heading(figure, title, words["film"] + rule if trajectory.t is not None else words["layers"])
    left, right = (place(figure, across, 1.75, 4.2, 2.1) for across in (0.3, 4.7))
    axis = chart(figure, 0.75, 4.45, 5.6, 1.35) if trajectory.t is not None else None
    if axis is not None:
        curves(axis, trajectory, lang)
        axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))

    def steps() -> Iterator[Frame]:
        for step in [*shown, count]:
            inputs, predictions = (
                trajectory.inputs[step],
                (trajectory.predictions[step] if step < count else trajectory.inputs[count]),
            )
            names = [words[name] for name in _sides(trajectory)] if step < count else [words["end"], ""]
            number = words["layer" if trajectory.t is None else "step"].format(step + 1) if step < count else ""
            passing = [_show(left, inputs, 4), _show(right, predictions, 4)]
            passing += [write(figure, across, 1.4, name, 11) for across, name in zip((0.3, 4.7), names, strict=True)]
            passing.append(write(figure, 4.5, 1.42, _told(trajectory, step, number, words), 10, GREY, "right"))
            if axis is not None and step < count:
                passing.append(axis.axvline(step + 1, color=INK, linewidth=1))
            yield [], passing

    return filmed(figure, steps())


def _sides(trajectory: Trajectory) -> tuple[str, str]:
    """What stands on both sides, as keys of WORDS."""
    return ("input", "prediction") if trajectory.t is not None else ("into", "out")


def _told(trajectory: Trajectory, step: int, number: str, words: dict[str, str]) -> str:
    """The step in words: its number and its noise level."""
    if trajectory.t is None or step == len(trajectory.t):
        return number
    return f"{number}, " + words["noise"].format(trajectory.t[step])


def _show(axis: Axes, pictures: Pictures, columns: int) -> Artist:
    """Pictures (N, C, H, W) in so many columns."""
    return show(axis, np.asarray(tile(pictures, columns=columns, scale=2, gap=2, background=255)))
