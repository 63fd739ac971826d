"""Chinese as it is set and said: marks at the ends of lines, full-width punctuation, one word for one thing.

Of every Chinese page, and of every string with Chinese letters in the code. How the table of `inkbloom claims --lang zh` is cut
into lines is in claims/test_text.py.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import inkbloom

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.zh.md", *sorted(ROOT.glob("docs/*.zh.md")), *sorted(ROOT.glob("docs/zh/*.md")), ROOT / "docs/README.md"]
LAB = sorted((Path(inkbloom.__file__).parent / "lab" / "page" / "text").glob("*.js"))
CODE = [*sorted(Path(inkbloom.__file__).parent.rglob("*.py")), *sorted((ROOT / "docs").glob("*.py"))]
HAN = r"[\u4e00-\u9fff]"
CLOSING, OPENING = "，。、；：！？）》”’」】…", "（《“‘「【"
SAID = {  # what is not said -> what is
    "噪声程度": "噪声水平",
    "噪声强度": "噪声水平",
    "噪音": "噪声",
    "实验记录": "实验笔记",
    "参照集": "参考集",
    "参照图": "参考图",
    "留出损失": "留出集损失",
    "类别一致率": "标签一致率",
    "离散程度": "散布",
    "服饰": "衣物",
    "少次调用": "少次求值",
    "(?<!时间)步长(?!分布)": "步幅",
    r"\d 个 epoch": "轮",
    "滤波器|卷积内核": "卷积核",
}


def strings_of(tree):
    """Every string of a module that holds Chinese letters, what an f-string puts in as 'x'; its ends may join other strings."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        else:
            continue
        if re.search(HAN, text):
            yield text.lstrip(CLOSING).rstrip(OPENING)


def chinese(path):
    """The Chinese prose of a page, or the Chinese strings of a module, code and links out of the way."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        content = "\n".join([*strings_of(ast.parse(content)), *re.findall(r"^#.*$", content, re.MULTILINE)])
        return re.sub(r"\{[^{}]*\}", "x", content)
    content = re.sub(r"^```.*?^```$", "", content, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\]\([^)\s]*\)", "]", re.sub(r"`[^`\n]*`", "x", content))


def faults(content):
    """What is set or said otherwise than it should be."""
    cells = [cell.strip(" #>*-[]") for line in content.splitlines() for cell in line.split("|")]
    yield from (cell for cell in cells if cell and cell[0] in CLOSING and cell != "……")
    yield from (cell for cell in cells if cell and cell[-1] in OPENING)
    yield from re.findall(r"\(\[.*|.*\]\)", content)  # brackets around a link
    prose = re.sub(r"!\[|[\[\]*]", "", content)
    yield from re.findall(rf'\S*{HAN}[,:;?!()"]\S*|\S*{HAN}\.(?!\w)\S*|\S*[,:;?!()"]{HAN}\S*', prose)
    yield from (found[0] for wrong in SAID if (found := re.search(rf".{{0,10}}(?:{wrong}).{{0,10}}", content)))


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in PAGES])
def test_a_chinese_page_is_set_and_said_as_chinese_is(path):
    assert list(faults(chinese(path))) == []


def test_chinese_in_the_code_is_set_and_said_as_chinese_is():
    found = {path.name: wrong for path in CODE if (wrong := list(faults(chinese(path))))}
    assert found == {}


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in LAB])
def test_the_labs_chinese_is_set_and_said_as_chinese_is(path):
    texts = re.findall(r'^  \w+: "(.*)",$', path.read_text(encoding="utf-8").split("export const zh", 1)[1], re.MULTILINE)
    assert len(texts) > 10
    assert list(faults("\n".join(f"x{text}" for text in texts))) == []  # some are ends of sentences


@pytest.mark.parametrize(
    "wrong",
    ["。开头", "末尾（", "半角,逗号", "半角(括号", "括号)半角", "| 好 | ，坏 |", "噪声程度 t", "句号.", "好\n([坏])", "步长 2"],
)
def test_a_fault_is_found(wrong):
    assert list(faults(wrong))


@pytest.mark.parametrize("right", ["一句话。", "时间步长", "步长分布", "（见[这里]）", "0.5 秒", "第 2.1 节", "“引号”开头"])
def test_what_is_right_is_let_be(right):
    assert not list(faults(right))
