"""Does convolution make a big matrix small, or do width and height stay? The tutorial says both; its two networks are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..anatomy.facts import keeping_channels, keeping_size, kernels_in, sizes_along
from ..anatomy.layers import Layer
from ..convolution import Axis
from .claim import Claim, Figure, Finding, Text, Verdict, judged
from .lab import Lab

ALIKE = 0.9  # share of kernels with the same properties from which on they "hardly change"


def shrinking(layers: Sequence[Layer]) -> float:
    """The share of a network's convolutions that make their picture smaller."""
    convolutions = [layer for layer in layers if layer.convolves]
    return sum(layer.after[1] < layer.before[1] for layer in convolutions) / len(convolutions)


def shrinking_bare(layers: Sequence[Layer]) -> float:
    """The same, were nothing put around the pictures."""
    bare = [
        Axis(layer.kernel[0], layer.stride[0]).output(layer.before[1]) < layer.before[1]
        for layer in layers
        if layer.convolves and layer.kernel and layer.stride
    ]
    return sum(bare) / len(bare)


def decide_shrinks(shares: Sequence[float]) -> Verdict:
    """shares: of the convolutions that shrink, in each network and without padding."""
    return judged(min(shares) == 1, max(shares) > 0)


def measure_shrinks(lab: Lab) -> Finding:
    """The convolutions of both networks as they are, and without their padding."""
    inside = {net: shrinking(layers) for net, layers in lab.layers.items()}
    bare = {net: shrinking_bare(layers) for net, layers in lab.layers.items()}
    figures = [
        *_shares(Text("convolutions that shrink the picture", "使图像变小的卷积"), inside),
        *_shares(Text("without padding they would be", "不加填充时则有"), bare),
    ]
    return Finding(figures, decide_shrinks([*inside.values(), *bare.values()]))


def decide_keeps(alike: float, sizes: int, channels: float) -> Verdict:
    """alike: the least share of equal kernels; sizes: the most pictures' sizes; channels: the largest share that keeps them."""
    parts = (alike >= ALIKE, sizes == 1, channels < 1)
    return judged(all(parts), any(parts))


def measure_keeps(lab: Lab) -> Finding:
    """Three parts: the kernels' properties, height and width, the channels."""
    alike, kept, sizes, channels = {}, {}, {}, {}
    for net, layers in lab.layers.items():
        kernels = kernels_in(layers)
        alike[net] = max(kernels.values()) / kernels.total()
        same, every = keeping_size(layers)
        kept[net] = same / every
        sizes[net] = len(set(sizes_along(layers)))
        channels[net] = keeping_channels(layers)[0] / every
    name = Text("sizes of the picture on its way", "途中图像的大小")
    figures = [
        *_shares(Text("convolutions with the commonest kernel", "采用最常见卷积核的卷积"), alike),
        *_shares(Text("convolutions that keep height and width", "不改变高和宽的卷积"), kept),
        *(Figure(name, count, at=net) for net, count in sizes.items()),
        *_shares(Text("convolutions that keep the channels", "不改变通道数的卷积"), channels),
    ]
    return Finding(figures, decide_keeps(min(alike.values()), max(sizes.values()), max(channels.values())))


def _shares(name: Text, shares: Mapping[str, float]) -> list[Figure]:
    return [Figure(name, 100 * share, "%", at=net) for net, share in shares.items()]


SHRINKS = Claim(
    Text("Convolution makes a big matrix small.", "卷积把大矩阵变成小矩阵。"),
    "2.1",
    Text(
        "Height before and after every convolution of basic and unet2d at work on 28 x 28 pixels, and as the size formula "
        "has it for the same kernels without padding.",
        "basic 和 unet2d 处理 28 x 28 像素时，每个卷积前后的高；以及同样的核去掉填充后由尺寸公式算出的高。",
    ),
    Text(
        "Holds if all convolutions shrink the picture, with padding and without; partly if any does.",
        "无论有无填充，所有卷积都使图像变小，则成立；只要有卷积如此，则部分成立。",
    ),
    measure_shrinks,
)
KEEPS = Claim(
    Text(
        "In the whole network the kernels hardly change, width and height stay, only the number of channels changes.",
        "整个网络里卷积核的属性基本不变，宽和高不变，只有通道数会变。",
    ),
    "2.3",
    Text(
        "Every layer of basic and unet2d at work on 28 x 28 pixels. A kernel's properties: size, stride, padding, "
        "transposed or not.",
        "basic 和 unet2d 处理 28 x 28 像素时的每一层。卷积核的属性：大小、步幅、填充、是否转置。",
    ),
    Text(
        "Three parts, each in both networks: at least 90 % of the kernels alike; one size all the way; the channels change "
        "somewhere. All three: holds; any: partly.",
        "分三点，两个网络都要满足：至少 90 % 的卷积核相同；图像始终一样大；某处通道数有变化。三点全真则成立，"
        "有真的则部分成立。",
    ),
    measure_keeps,
)
