# %% [markdown]
# # From one convolution to a diffusion model · 从一次卷积到扩散模型
#
# The whole story as a script whose cells run in Jupyter, VS Code or Spyder, and as a whole: `python docs/story.py`. Pictures
# go to `story/`. As it stands it takes some ten minutes of two cores; with `STEPS = 20` it takes one.
#
# 整个故事写成一个脚本：可以在 Jupyter、VS Code 或 Spyder 里一格一格地运行，也可以整个运行：`python docs/story.py`。图片存到
# `story/`。照原样约需两个核十分钟；写成 `STEPS = 20`，一分钟走完。

# %% tags=["parameters"]
STEPS = 1000  # of every training below

# %% [markdown]
# ## Digits · 数字
#
# Ten thousand handwritten digits come with the package.
#
# 一万个手写数字随包带着。

# %%
from pathlib import Path

import torch
import torch.nn.functional as F

import inkbloom
from inkbloom import convolution as conv
from inkbloom.diffusion import PATHS
from inkbloom.figures.images import save_png, tile

PICTURES = 1000 if STEPS >= 1000 else 100  # in a set that is measured
STORY = Path("story")
RUNS = STORY / f"{STEPS}-steps"
digits = inkbloom.load_data("digits").take("train")
digit = digits.images[7:8].double() / 255  # (1, 1, 28, 28), 0 is paper and 1 is ink
print(f"{len(digits.images):,} digits; this one is a {digits.labels[7]}")

# %% [markdown]
# ## Convolution: a sum at every place · 卷积：每个位置上的一个和
#
# A kernel slides over the picture. Under it every pixel meets one weight; the sum of the products is one number of the
# feature map.
#
# 卷积核在图上滑动。核下的每个像素遇到一个权重；这些乘积之和就是特征图上的一个数。

# %%
kernel = conv.parse_kernel("sobel-x")[None, None]  # (1 out, 1 in, 3, 3)
feature_map = conv.correlate(digit, kernel, padding=1)
at = (0, 0, 14, 12)
for term in conv.operands_of(digit, kernel, at, padding=1):
    print(f"pixel {term.pixel:5.2f} x weight {term.weight:5.2f} = {term.product:6.3f}, sum so far {term.total:6.3f}")
print(f"feature map at {at}: {feature_map[at]:.3f}")
assert torch.allclose(feature_map, F.conv2d(digit, kernel, padding=1))

# %% [markdown]
# ## Transposed convolution: small to large, and no way back · 转置卷积：由小到大，却回不去
#
# Each number of the small map stamps the kernel, scaled by itself, onto the large one. Shapes return; values do not: it is
# the transposed matrix, not the inverse one.
#
# 小图上的每个数都把卷积核（乘以自己）盖到大图上。形状回来了，数值没有：它是转置矩阵，不是逆矩阵。

# %%
small = conv.correlate(digit, kernel, stride=2, padding=1)
large = conv.transposed_by_stamping(small, kernel, stride=2, padding=1, output_padding=1)
print(f"{tuple(digit.shape)} -> {tuple(small.shape)} -> {tuple(large.shape)}")
best = (large * digit).sum() / (large * large).sum()
print(f"relative error after the best scaling: {(best * large - digit).norm() / digit.norm():.2f}")

# %% [markdown]
# ## Noise, bit by bit · 一点一点的噪声
#
# x_t = a(t) x_0 + s(t) noise. At t = 0 the digit, at t = 1 noise alone. To mix in noise is to convolve the density of the
# pixels with the noise's density: a drop of ink that spreads.
#
# x_t = a(t) x_0 + s(t) noise：t = 0 是数字，t = 1 只剩噪声。混入噪声，就是把像素的概率密度与噪声的密度作卷积：一滴化开的墨。

# %%
path, times = PATHS["lerp"], torch.linspace(0, 1, 8, dtype=torch.float64)
noise = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
mixed = torch.stack([path(t).a * (2 * digit - 1) + path(t).s * noise for t in times])[:, 0]
strip = ((mixed.clamp(-1, 1) + 1) * 127.5).to(torch.uint8)
save_png(tile(strip, columns=8, scale=3), STORY / "noising.png")

# %% [markdown]
# ## What came before: a VAE and a GAN · 之前的做法：VAE 与 GAN
#
# Both turn a few random numbers into a picture at once, through transposed convolutions.
#
# 两者都通过转置卷积，把几个随机数一次变成一张图。

# %%
for family in ("vae", "gan"):
    run = inkbloom.train(family, steps=STEPS, out=RUNS / family, quiet=True)
    save_png(tile(torch.from_numpy(run.sample(40)).permute(0, 3, 1, 2), columns=10, scale=2), STORY / f"{family}.png")

# %% [markdown]
# ## Diffusion: gradually · 扩散：循序渐进
#
# A UNet of convolutions learns to tell the digit from the noise, at every noise level, and is told which. A picture is drawn in
# ten steps, each a little clearer.
#
# 一个由卷积组成的 UNet 学着在每个噪声水平上分辨数字与噪声，并且知道是哪个水平。画一张图要十步，一步比一步清楚。

# %%
run = inkbloom.train("fast", steps=STEPS, out=RUNS / "fast", quiet=True)
inputs, predictions = run.history(run.request(8, seed=1))
for name, steps in (("inputs", inputs), ("predictions", predictions)):
    rows = torch.from_numpy(steps).flatten(0, 1).permute(0, 3, 1, 2)
    save_png(tile(rows, columns=8, scale=2), STORY / f"{name}.png")

# %% [markdown]
# ## One step or many? · 一步还是多步？
#
# The same network, the same noise, more and more steps: the core of the tutorial, and what `inkbloom claims` puts to the test.
#
# 同一个网络，同样的噪声，越来越多的步数：教程的核心，也是 `inkbloom claims` 要检验的。

# %%
drawn = [run.sample(10, seed=2, steps=steps, solver="euler", spacing="uniform", guidance=1) for steps in (1, 2, 4, 8, 40)]
rows = torch.cat([torch.from_numpy(pictures) for pictures in drawn]).permute(0, 3, 1, 2)
save_png(tile(rows, columns=10, scale=2), STORY / "steps.png")

# %% [markdown]
# ## How good? · 有多好？
#
# A small network that knows digits looks at real ones and at generated ones. Beside every number stands its floor: what real
# digits get against real digits.
#
# 一个认识数字的小网络分别看真图和生成的图。每个数旁边都有它的底线：真图与真图相比能得多少。

# %%
for name in ("vae", "gan", "fast"):
    card = inkbloom.evaluate(RUNS / name, n=PICTURES, images=PICTURES)
    scores = ", ".join(f"{row} {card[row]:.2f} (floor {card['floor'][row]:.2f})" for row in ("fd", "kid", "recall", "coverage"))
    print(f"{name}: {scores}")

# %% [markdown]
# ## In four evaluations · 只用四次
#
# A copy of a trained network learns to take several of its steps in one.
#
# 训练好的网络的一个副本，学着把它的几步并成一步。

# %%
few = inkbloom.train("few-step", steps=max(STEPS // 10, 1), out=RUNS / "few-step", quiet=True)
save_png(tile(torch.from_numpy(few.sample(40)).permute(0, 3, 1, 2), columns=10, scale=2), STORY / "few-step.png")
print("pictures:", ", ".join(sorted(path.name for path in STORY.glob("*.png"))))
