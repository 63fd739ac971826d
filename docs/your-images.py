# %% [markdown]
# # Your own images: from a folder to a model · 你自己的图像：从文件夹到模型
#
# Look, train, measure, draw, hand on: a script whose cells run in Jupyter, VS Code or Spyder, and as a whole:
# `python docs/your-images.py`. All it writes goes to `your-images/`. As it stands it takes some minutes of two cores; with
# `STEPS = 20` and `EPOCHS = 1` one. Put the path of your own folder below.
#
# 先看，再训练，测量，画图，交给别的程序：这是一个脚本，可以在 Jupyter、VS Code 或 Spyder 里一格一格地运行，也可以整个运行：
# `python docs/your-images.py`。写出的东西都在 `your-images/` 里。照原样，两个核要几分钟；写成 `STEPS = 20`、`EPOCHS = 1`，
# 一分钟走完。下面填上你自己的文件夹的路径就行。

# %% tags=["parameters"]
STEPS = 1000  # of the training
EPOCHS = 40  # of the judge that measures it
FOLDER = "your-images/pictures"  # your pictures, with a sub-folder for each class if there are classes

# %% [markdown]
# ## No pictures at hand? · 手边没有图？
#
# Where that folder is missing, stickers are made: handwritten digits in coloured ink on nothing, as PNG files with
# transparency, 300 of each of three classes.
#
# 如果没有这个文件夹，就现做一套贴纸：彩色墨水写的数字，底色透明，存成 PNG，三个类别各 300 张。

# %%
from pathlib import Path

import numpy as np
from PIL import Image

import inkbloom

STORY = Path("your-images")
STORY.mkdir(exist_ok=True)
TINTS = {"three": (200, 60, 40), "five": (30, 130, 90), "eight": (50, 70, 180)}
if not Path(FOLDER).exists():
    digits = inkbloom.load_data("digits")
    numbers = np.random.default_rng(0)
    for label, (name, tint) in zip((3, 5, 8), TINTS.items(), strict=True):
        place = Path(FOLDER, name)
        place.mkdir(parents=True)
        for number, ink in enumerate(digits.images[digits.labels == label][:300].numpy()[:, 0]):
            sticker = np.empty((28, 28, 4), dtype=np.uint8)
            sticker[..., :3] = np.clip(tint + numbers.normal(0, 15, 3), 0, 255)
            sticker[..., 3] = ink  # where there is no ink, nothing is seen
            Image.fromarray(sticker).save(place / f"{number:03d}.png")
print(sum(path.is_file() for path in Path(FOLDER).rglob("*")), "files")

# %% [markdown]
# ## Look first · 先看一看
#
# What would be trained on: how many pictures, which size, which classes, and all that is odd. Files that cannot be read are
# named.
#
# 将要用来训练的是什么：多少张，多大，哪些类别，有什么不寻常。读不了的文件会点名。

# %%
found = inkbloom.inspect(f"folder:{FOLDER}")
print(found)
inkbloom.grid(found.data).save(STORY / "inspect.png")

# %% [markdown]
# ## Train · 训练
#
# One call. Stop it when you like: the same call again goes on from there.
#
# 一个调用就行。随时可以停下；再调用一次，就从停下的地方接着走。

# %%
run = inkbloom.train("fast", data=f"folder:{FOLDER}", steps=STEPS, out=STORY / f"{STEPS}-steps", quiet=True)
print(run)

# %% [markdown]
# ## How good? · 有多好？
#
# Distances are measured by a judge: a small classifier that learns your classes. Beside each stands its floor: what other real
# pictures of yours get. The nearest training pictures tell whether the model copies.
#
# 距离由评委来量：一个学会了你的类别的小分类器。每个数旁边是它的底线，也就是你的另一些真图能得多少。再看每张图最像哪张训练图，
# 就知道模型是不是在照抄。

# %%
judge = STORY / "judge.safetensors"
if not judge.exists():
    inkbloom.judge(f"folder:{FOLDER}", out=judge, epochs=EPOCHS, quiet=True)
card = inkbloom.evaluate(run, judge=judge, images=None if STEPS >= 1000 else 90, quiet=True)
print(card)

# %% [markdown]
# ## Draw · 画图
#
# A row for each class.
#
# 每个类别一行。

# %%
names = run.spec.classes
image = inkbloom.grid(run.sample(8 * len(names), seed=1, label=list(names)), labels=names)
image.save(STORY / "samples.png")

# %% [markdown]
# ## Hand it on · 交出去
#
# The model as one step `(x, t, y) -> x0` that ONNX Runtime draws with, without inkbloom: `pip install 'inkbloom[onnx]'`.
#
# 把模型变成一个一步的 `(x, t, y) -> x0`，不装 inkbloom，用 ONNX Runtime 也能画：`pip install 'inkbloom[onnx]'`。

# %%
if "export" in dir(inkbloom):
    for name, path in inkbloom.export(run, to="onnx", out=STORY / f"{STEPS}-steps-onnx", quiet=True).items():
        print(f"{name}: {path}")
