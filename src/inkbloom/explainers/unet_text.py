"""The words of `explain unet` in both languages, and numbers in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..anatomy.facts import keeping_channels, keeping_size, kernels_in, sizes_along
from ..anatomy.layers import Layer
from ..errors import plain
from .probe import Probe

WORDS = {
    "en": {
        "title": "{name}: {parameters} parameters, {multiply_adds} multiply-adds a picture",
        "name": "layer",
        "kind": "kind",
        "kernel": "kernel",
        "stride": "stride",
        "padding": "padding",
        "before": "in",
        "after": "out",
        "parameters": "parameters",
        "multiply_adds": "multiply-adds",
        "field": "sees",
        "table": "Every layer in the order in which it works, with the functions between them that resize or join pictures.\n"
        "in, out: channels x height x width.  sees: receptive field, in pixels (GroupNorm's mean and variance set aside).",
        "diagram": "The layers that a picture passes through, in order; names below.",
        "taller": "The taller a block, the larger the picture there.",
        "arcs": " Arcs: pictures kept aside, and joined again later.",
        "aside": " Not drawn: {}.",
        "norms": "norms",
        "additions": "additions around blocks of one size",
        "tokens": "the linear layers around attention",
        "comma": ", ",
        "enters": "noise level t: enters at {count} places (arrows from below)",
        "enters_once": "noise level t: enters at 1 place (arrow from below)",
        "always": "noise level t: the network is not told; its timestep, which enters along the arrows from below, is always 0",
        "untrained": "the network is not trained: its weights are random",
        "untold": "noise level t: the network is not told, it has to judge by the picture",
        "features": "{:,} numbers",
        "sizes": "height and width: {}",
        "sizes_kept": "{kept} of {count} convolutions keep height and width",
        "channels_kept": "{kept} of {count} keep the number of channels",
        "kernels": "kernels: {}",
        "kernel_of": "{count} of {size}, stride {stride}, padding {padding}",
        "transposed": "transposed {}",
        "convolution": "convolution",
        "transposed_convolution": "transposed convolution",
        "resize": "changes size without weights",
        "join": "joins pictures",
        "add": "adds pictures",
        "activation": "activation: {}",
        "attention": "attention",
        "linear": "linear layer",
        "size": "Height of the picture",
        "channels": "Channels",
        "cost": "Multiply-adds, million",
        "sees": "Sees, pixels",
        "whole": "the whole picture",
        "input": "input",
        "seen": "input, {}",
        "noise": "noise level t = {:g}",
        "kernels_title": "{layer}: {height} x {width} kernels, from {inputs} to {count} channels",
        "kernels_about": "A column for each {column} channel, a row for each {row} channel (the first 16 of each at most).\n"
        "Blue: negative weights, orange: positive, white: 0. The strongest colour is {most}.",
        "output": "output",
        "group": "input (of one group)",
        "kernels_single": "There is one input channel, and one kernel for each output channel (the first 256 at most).\n"
        "Blue: negative weights, orange: positive, white: 0. The strongest colour is {most}.",
        "kernels_apart": "Each output channel reads one input channel only, with one kernel (the first 256 at most).\n"
        "Blue: negative weights, orange: positive, white: 0. The strongest colour is {most}.",
        "matrix_title": "{layer}: a matrix of {rows} x {columns} weights",
        "matrix_about": "A row for each output, a column for each input (the first 256 of each at most).\n"
        "Blue: negative weights, orange: positive, white: 0. The strongest colour is {most}.",
        "maps_title": "{layer}: what it hands on, {shape}",
        "maps_channels": "One small picture for each channel (the first {shown} at most)",
        "maps_list": "A list of numbers, laid out row by row as a square",
        "maps_before": ", before any activation that follows",
        "maps_about": ".\nBlue: negative, orange: positive, white: 0. The strongest colour is {most}.",
        "film": "Layer {place} of {count}",
        "film_picture": "The picture at the top right passes through the layers.",
        "film_latents": "Random numbers pass through the layers and become a picture.",
        "film_about": " Below: what the layer at work hands on, {shown} channels\n"
        "at most, or a list of numbers as a square; blue negative, white 0, orange positive, each layer on its own scale.",
    },
    "zh": {
        "title": "{name}：{parameters} 个参数，每幅图 {multiply_adds}次乘加",
        "name": "层",
        "kind": "类型",
        "kernel": "卷积核",
        "stride": "步幅",
        "padding": "填充",
        "before": "输入",
        "after": "输出",
        "parameters": "参数",
        "multiply_adds": "乘加",
        "field": "感受野",
        "table": "按工作顺序列出每一层，以及层与层之间改变图像大小或拼接图像的函数。\n"
        "输入、输出：通道 x 高 x 宽。感受野：以输入图像的像素计（不计 GroupNorm 的均值与方差）。",
        "diagram": "图像依次经过的各层，名称在最下方。",
        "taller": "方块越高，此处的图像越大。",
        "arcs": "弧线：先存起来、之后再合并的图像。",
        "aside": "没有画出：{}。",
        "norms": "归一化",
        "additions": "大小不变的块两端的相加",
        "tokens": "注意力前后的线性层",
        "comma": "、",
        "enters": "噪声水平 t：在 {count} 处进入网络（下方的箭头）",
        "enters_once": "噪声水平 t：在 1 处进入网络（下方的箭头）",
        "always": "噪声水平 t：没有告诉网络；沿下方箭头进入的时间步总是 0",
        "untrained": "网络没有训练过：权重是随机的",
        "untold": "噪声水平 t：没有告诉网络，它只能从图像判断",
        "features": "{:,} 个数",
        "sizes": "高和宽：{}",
        "sizes_kept": "{count} 个卷积中有 {kept} 个不改变高和宽",
        "channels_kept": "{count} 个中有 {kept} 个不改变通道数",
        "kernels": "卷积核：{}",
        "kernel_of": "{count} 个 {size}，步幅 {stride}，填充 {padding}",
        "transposed": "{}（转置）",
        "convolution": "卷积",
        "transposed_convolution": "转置卷积",
        "resize": "无权重地改变大小",
        "join": "拼接图像",
        "add": "图像相加",
        "activation": "激活函数：{}",
        "attention": "注意力",
        "linear": "线性层",
        "size": "图像的高",
        "channels": "通道数",
        "cost": "乘加，百万次",
        "sees": "感受野，像素",
        "whole": "整幅图像",
        "input": "输入",
        "seen": "输入，{}",
        "noise": "噪声水平 t = {:g}",
        "kernels_title": "{layer}：{height} x {width} 卷积核，从 {inputs} 个通道到 {count} 个通道",
        "kernels_about": "一列是一个{column}通道，一行是一个{row}通道（至多各前 16 个）。\n"
        "蓝色为负，橙色为正，白色为 0，最深处为 {most}。",
        "output": "输出",
        "group": "（同组的）输入",
        "kernels_single": "只有一个输入通道，每个输出通道一个卷积核（至多前 256 个）。\n"
        "蓝色为负，橙色为正，白色为 0，最深处为 {most}。",
        "kernels_apart": "每个输出通道只读一个输入通道，各用一个卷积核（至多前 256 个）。\n"
        "蓝色为负，橙色为正，白色为 0，最深处为 {most}。",
        "matrix_title": "{layer}：{rows} x {columns} 的权重矩阵",
        "matrix_about": "一行是一个输出，一列是一个输入（至多各前 256 个）。\n蓝色为负，橙色为正，白色为 0，最深处为 {most}。",
        "maps_title": "{layer} 的输出，{shape}",
        "maps_channels": "每个通道一幅小图（至多前 {shown} 个）",
        "maps_list": "一串数，逐行排成方阵",
        "maps_before": "，未经其后的激活函数",
        "maps_about": "。\n蓝色为负，橙色为正，白色为 0，最深处为 {most}。",
        "film": "第 {place} 层，共 {count} 层",
        "film_picture": "右上角的图像依次穿过各层。",
        "film_latents": "随机数依次穿过各层，变成图像。",
        "film_about": "下方是当前一层的输出，至多 {shown} 个通道；\n"
        "输出是一串数时排成方阵。蓝色为负，白色为 0，橙色为正，各层有各自的色标。",
    },
}


def title_of(name: str, layers: Sequence[Layer], lang: str) -> str:
    """The network's name, parameters and multiply-adds."""
    words = WORDS[lang]
    counts = {key: sum(getattr(layer, key) for layer in layers) for key in ("parameters", "multiply_adds")}
    return words["title"].format(
        name=name,
        parameters=f"{counts['parameters']:,}",
        multiply_adds=large(counts["multiply_adds"], lang),
    )


def large(count: int, lang: str) -> str:
    """A count as people say it: '9,408', '31.4 million'; in Chinese '9,408 ', '3,136 万', '3.18 亿'."""
    if lang == "en":
        return f"{count / 1e6:,.1f} million" if count >= 1e6 else f"{count:,}"
    size, unit = next(pair for pair in ((10**8, "亿"), (10**4, "万"), (0, "")) if count >= pair[0])
    few = count / (size or 1)
    return f"{few:,.0f} {unit}" if few >= 1000 else f"{plain(few, 3)} {unit}"


def facts_of(layers: Sequence[Layer], lang: str) -> list[str]:
    """What happens to height, width, channels and kernels along the way, a line each where there are any; see `facts.py`."""
    words = WORDS[lang]
    comma = "，" if lang == "zh" else ", "
    kernels = [
        words["kernel_of"].format(
            count=count,
            size=(words["transposed"] if kernel.transposed else "{}").format(sides(kernel.size, square=True)),
            stride=sides(kernel.stride),
            padding=sides(kernel.padding),
        )
        for kernel, count in kernels_in(layers).most_common()
    ]
    along = " → ".join(sides(size) if size[0] == size[1] else sides(size, square=True) for size in sizes_along(layers))
    kept = [
        words[name].format(kept=keeping, count=count)
        for name, (keeping, count) in (("sizes_kept", keeping_size(layers)), ("channels_kept", keeping_channels(layers)))
    ]
    told = words["kernels"].format("；".join(kernels) if lang == "zh" else "; ".join(kernels))
    return [words["sizes"].format(along)] * bool(along) + [comma.join(kept), told] * bool(kernels)


def told_of(probe: Probe, entries: Sequence[object], lang: str) -> list[str]:
    """That the network is not trained, and whether it is told the noise level: a line each, where it is to be told."""
    untrained = [] if probe.trained else [WORDS[lang]["untrained"]]
    if probe.t is None:
        return untrained
    key = "untold" if not entries else "always" if not probe.timed else "enters" if len(entries) > 1 else "enters_once"
    return [*untrained, WORDS[lang][key].format(count=len(entries))]


def sides(pair: tuple[int, int] | None, square: bool = False) -> str:
    """(height, width) as '3x2'; one number where they are equal, unless `square`; '' for None."""
    if pair is None:
        return ""
    return str(pair[0]) if pair[0] == pair[1] and not square else f"{pair[0]}x{pair[1]}"
