"""The words of `explain transposed` in both languages: they follow the numbers, whatever stride, kernel and padding."""

from __future__ import annotations

from collections.abc import Sequence

from .matrices import rounded
from .transposed_pair import SMALL, Pair

WORDS = {
    "en": {
        "title": "Transposed convolution: {name}, kernel of {rows} x {columns}, stride {stride}",
        "padding": ", padding {padding}",
        "shrinks": "Above, a convolution makes a small matrix of a large one. Below, its transpose goes from small to large: ",
        "keeps": "Above, a convolution makes a matrix of the same size. Below, its transpose goes back: ",
        "grows": "Above, with so much padding, a convolution makes a larger matrix. Below, its transpose goes back: ",
        "turns": "Above, a convolution makes a matrix of another shape. Below, its transpose goes back: ",
        "between and around": "zeros are put between\nand around the numbers (dashed)",
        "between": "zeros are put\nbetween the numbers (dashed)",
        "around": "zeros are put\naround the numbers (dashed)",
        "nothing": "nothing is put\nbetween or around the numbers",
        "cut": ", the outermost numbers are cut off",
        "slides": ", and the flipped kernel slides over them with stride 1. ",
        "lost": "The size comes back, not the values,\n"
        "which are {error} grey levels away from the pixels on average even after the best rescaling. ",
        "kept": "The size comes back, and here,\nup to one factor, the values too. ",
        "uneven": "Where kernels overlap unevenly, a checkerboard can show.",
        "even": "Away from the edges as many kernels overlap everywhere.",
        "gaps": "Where no kernel lands, 0 is left.",
        "image": "Image, brought to {rows} x {columns}",
        "padded": ", padded",
        "kernel": "Kernel",
        "small": "Convolution: {rows} x {columns}",
        "inserted": "The same numbers, zeros put in",
        "same": "The same numbers",
        "flipped": "Kernel, flipped",
        "large": "Transposed: {rows} x {columns}",
        "counts": "Overlaps: {rows} x {columns} taps, {evenness}",
        "other": "For comparison: {rows} x {columns} taps, {evenness}",
        "evenly": "no checkerboard",
        "unevenly": "uneven",
        "gappy": "with gaps",
        "forward": "Convolution: the sum of {count} products {equals} {total}.",
        "forward_one": "Convolution: 1 product {equals} {total}.",
        "backward": "Transposed convolution: {result}.",
        "backward_zeros": "Transposed convolution: {result}. In {zeros} of {count} products a zero was put in.",
        "backward_nothing": "Transposed convolution: 0, for the kernel meets nothing but zeros that were put in.",
        "stamp": "Another view: each small number stamps the kernel, {stride} apart. Counted: how many stamps lie on a pixel.",
    },
    "zh": {
        "title": "转置卷积：{name}，{rows} x {columns} 的卷积核，步幅 {stride}",
        "padding": "，填充 {padding}",
        "shrinks": "上排：卷积把大矩阵变成小矩阵。下排：它的转置从小到大，",
        "keeps": "上排：卷积得到同样大小的矩阵。下排：它的转置往回走，",
        "grows": "上排：填充这么多，卷积得到更大的矩阵。下排：它的转置往回走，",
        "turns": "上排：卷积得到另一种形状的矩阵。下排：它的转置往回走，",
        "between and around": "在数与数之间和四周补零（虚线）",
        "between": "在数与数之间补零（虚线）",
        "around": "在四周补零（虚线）",
        "nothing": "不必补零",
        "cut": "，最外面的数被切掉",
        "slides": "，\n再让翻转过的卷积核以步幅 1 滑过。",
        "lost": "恢复的是大小，不是数值：乘上最合适的系数之后，与原像素仍平均相差 {error} 个灰度级。\n",
        "kept": "大小恢复了；这里除了一个系数，数值也恢复了。\n",
        "uneven": "卷积核重叠得不均匀，就可能出现棋盘格。",
        "even": "离开边缘，处处重叠的卷积核一样多。",
        "gaps": "没有核落到的地方，留下的是 0。",
        "image": "图像，缩放到 {rows} x {columns}",
        "padded": "，四周填充",
        "kernel": "卷积核",
        "small": "卷积：{rows} x {columns}",
        "inserted": "同样的数，补进零",
        "same": "同样的数",
        "flipped": "翻转的卷积核",
        "large": "转置：{rows} x {columns}",
        "counts": "重叠次数：核 {rows} x {columns}，{evenness}",
        "other": "对比：核 {rows} x {columns}，{evenness}",
        "evenly": "没有棋盘格",
        "unevenly": "不均匀",
        "gappy": "有空隙",
        "forward": "卷积：{count} 个乘积的和 {equals} {total}。",
        "forward_one": "卷积：1 个乘积 {equals} {total}。",
        "backward": "转置卷积：{result}。",
        "backward_zeros": "转置卷积：{result}。{count} 个乘积里有 {zeros} 个乘的是补进去的零。",
        "backward_nothing": "转置卷积：0，因为核遇到的全是补进去的零。",
        "stamp": "换个看法：小矩阵的每个数盖一次卷积核的“印章”，彼此相隔 {stride}；次数就是一个像素上盖了几个印章。",
    },
}


def about_of(pair: Pair, words: dict[str, str]) -> str:
    """What happens from one matrix to the next, and what comes back."""
    large, small = pair.x.shape[2:], pair.y.shape[2:]
    between, around, cut = pair.zeros_between, pair.zeros_around, pair.cut
    change = (
        "keeps" if large == small
        else "shrinks" if min(large) >= SMALL
        else "grows" if max(large) <= SMALL
        else "turns"
    )  # fmt: skip
    zeros = " and ".join(["between"] * between + ["around"] * around) or "nothing"
    values = "kept" if pair.error < 1e-6 else "lost"
    return (
        words[change]
        + words[zeros]
        + words["cut"] * cut
        + words["slides"]
        + words[values].format(error=rounded(pair.error))
        + words[overlap([axis.taps for axis in pair.axes], pair.axes[0].stride)]
    )


def overlap(taps: Sequence[int], stride: int) -> str:
    """How stamps overlap away from the edges: 'gaps' where some pixel gets none, 'even', or 'uneven'."""
    return "gaps" if min(taps) < stride else "uneven" if any(size % stride for size in taps) else "even"


def evenness_of(taps: Sequence[int], stride: int, words: dict[str, str]) -> str:
    """The same in a word or two."""
    return words[{"gaps": "gappy", "even": "evenly", "uneven": "unevenly"}[overlap(taps, stride)]]


def backward_of(result: str, met: int, count: int, words: dict[str, str]) -> str:
    """A number of the transposed convolution; `met`: how many of the `count` products are not with a zero that was put in."""
    key = "backward_nothing" if not met else "backward" if met == count else "backward_zeros"
    return words[key].format(result=result, zeros=count - met, count=count)


def padding_of(pair: Pair, words: dict[str, str]) -> str:
    """', padding 1'; nothing without any; all four sides where they differ, from the top on."""
    sides = [side for axis in pair.axes for side in axis.padding]
    if not any(sides):
        return ""
    return words["padding"].format(padding=sides[0] if len(set(sides)) == 1 else "/".join(map(str, sides)))
