"""How the pages become a site: `make docs`. The pages stay where they are; docs/README.md gives their order."""

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser
from sphinx.search import languages
from sphinx.search.en import SearchEnglish

import inkbloom

ROOT = Path(__file__).parents[2]
REFERENCE = "docs/site/reference"
ROOMS = ("sampling", "solvers", "diffusion", "philox", "convolution", "errors")  # the modules that the reference shows whole

project = "inkbloom"
copyright = "the inkbloom authors, Apache License 2.0"
version = release = inkbloom.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "README"
myst_heading_anchors = 6  # the anchors that GitHub makes
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
suppress_warnings = ["misc.highlighting_failure"]  # what a command prints is no shell
html_theme = "furo"
html_title = f"inkbloom {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_search_language = "both"
html_copy_source = html_show_sourcelink = html_show_sphinx = html_use_index = html_domain_indices = False
html_theme_options = {"top_of_page_buttons": []}


# ---- which pages there are, and their order

PAGES = [
    "README*.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "docs/*.md",
    "docs/zh/*.md",
]
CODE = (".py", ".toml")  # files that have a page of their own where a page links to them
source_suffix = {".md": "markdown", ".rst": "restructuredtext", **dict.fromkeys(CODE, "code")}


def links(page: Path) -> list[str]:
    """The files that a page links to, as paths from the root, in its order."""
    targets = re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", page.read_text(encoding="utf-8"))
    found = [(page.parent / target).resolve() for target in targets if "://" not in target]
    return [path.relative_to(ROOT).as_posix() for path in dict.fromkeys(found) if path.is_relative_to(ROOT)]


linked = {path for pattern in PAGES for page in ROOT.glob(pattern) for path in links(page)}
include_patterns = [*PAGES, f"{REFERENCE}.rst", *(path for path in linked if path.endswith(CODE))]


def is_chinese(page: str) -> bool:
    return page.startswith("docs/zh/") or page.endswith(".zh")


def contents() -> dict[str, list[str]]:
    """The entries of each language's list of pages."""
    named = [path.rsplit(".", 1)[0] for path in links(ROOT / "docs" / "README.md") if path.endswith((".md", *CODE))]
    english = [page for page in named if not is_chinese(page) and page != root_doc]
    return {
        "English": [*english, f"API reference <{REFERENCE}>", "All documents <docs/README>"],
        "中文": [*filter(is_chinese, named), f"接口参考（英文） <{REFERENCE}>", "全部文档 <docs/README>"],
    }


def toctree(caption: str, entries: list[str]) -> str:
    lines = [re.sub(r"^(.*<)?(?=[^<]+$)", r"\1/", entry) for entry in entries]  # paths from the root
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```", ""])


def prepare(app: Sphinx, page: str, source: list[str]) -> None:
    """Adds what a page has only in the site, and takes the line breaks out of Chinese, which would be seen as spaces."""
    if page == root_doc:
        source[0] += "".join(toctree(caption, entries) for caption, entries in contents().items())
    if page == REFERENCE:
        source[0] += reference()
    if is_chinese(page) or page == "docs/README":
        parts = re.split(r"^(```.*?^```)$", source[0], flags=re.MULTILINE | re.DOTALL)
        wide = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
        source[0] = "".join(
            part if part.startswith("```") else re.sub(rf"(?<={wide})\n *(?={wide})", "", part) for part in parts
        )


# ---- a page that shows a file of code


class CodeParser(Parser):
    """A file of code as one block, under its name."""

    supported = ("code",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        path = Path(document["source"]).relative_to(ROOT)
        section = nodes.section(ids=["code"])
        section += nodes.title(text=path.name)
        section += nodes.paragraph("", "", nodes.literal(text=path.as_posix()))
        section += nodes.literal_block(inputstring, inputstring, language={".py": "python"}.get(path.suffix, path.suffix[1:]))
        document += section
        document.settings.env.metadata[document.settings.env.docname]["orphan"] = True


# ---- the reference, from docstrings: plain words with code in backticks


def reference() -> str:
    """A section for inkbloom and for each of the rooms, in reStructuredText."""
    lines = []
    for room in ("inkbloom", *(f"inkbloom.{name}" for name in ROOMS)):
        lines += ["", room, "-" * len(room), ""]
        if room == "inkbloom":
            named = [name for name in inkbloom.__all__ if not name.startswith("__")]
            kinds = {name: "autoclass" if isinstance(getattr(inkbloom, name), type) else "autofunction" for name in named}
            for name in sorted(named, key=str.lower):
                bare = "()" if name == "Recipe" else ""  # its fields are told one by one
                lines += [f".. {kinds[name]}:: inkbloom.{name}{bare}", *["   :members:"] * (kinds[name] == "autoclass"), ""]
        else:
            lines += [f".. automodule:: {room}", "   :members:", ""]
    return "\n".join(lines)


def as_rst(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Plain words mean no mark-up but backticks; indented lines and columns stay as they are."""
    parts = re.split(r"\n\s*\n", "\n".join(lines))
    lines.clear()
    for part in parts:
        if re.match(r" +\S", part) or re.search(r"^\w+ {2,}\S", part):
            lines += ["::", "", *(f"    {line}" for line in part.split("\n")), ""]
        else:
            pieces = re.split(r"(`[^`]*`)", part)
            pieces[::2] = [re.sub(r"[*|\\]|(?<=\w)_(?=\W|$)", r"\\\g<0>", piece) for piece in pieces[::2]]
            pieces[::2] = [re.sub(r"\bdocs/([\w-]+)\.md\b", r":doc:`\g<0> </docs/\1>`", piece) for piece in pieces[::2]]
            lines += [*"".join(pieces).split("\n"), ""]


# ---- two languages in one site

WORDS = {
    "Back to top": "回到页首",
    "Copyright": "版权",
    "Next": "下一页",
    "On this page": "本页内容",
    "Previous": "上一页",
    "Search": "搜索",
    "Skip to content": "跳到正文",
}


def in_its_language(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Each page lists the pages of its own language, and the theme speaks it."""
    chinese = is_chinese(page)
    context["language"] = "zh-CN" if chinese else "en"
    whole = context["toctree"]

    def own_list(**options: object) -> str:
        parts = re.split(r'<p class="caption".*?</p>', whole(**options), flags=re.DOTALL)
        return parts[2 if chinese else 1]

    context["toctree"] = own_list
    if chinese:
        context["master_doc"] = f"{root_doc}.zh"
        context["_"] = context["gettext"] = lambda text: WORDS.get(text.strip(), text)
    for side in ("prev", "next"):
        if (beside := context.get(side)) and is_chinese(beside["link"].removesuffix(".html").replace("../", "")) != chinese:
            context[side] = None


class BothLanguages(SearchEnglish):
    """English words by their stems, Chinese by pairs of characters: nothing marks where its words end."""

    lang = "both"
    js_splitter_code = r"""
var splitQuery = (query) => (query.match(/[\u4e00-\u9fff]+|((?![\u4e00-\u9fff])[\p{L}\p{N}_])+/gu) || []).flatMap((word) =>
  /[\u4e00-\u9fff]{2}/.test(word) ? [...word].slice(1).map((second, at) => word[at] + second) : [word]);
"""

    def split(self, text: str) -> list[str]:
        words = []
        for word in re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+", text):
            chinese = "\u4e00" <= word[0] <= "\u9fff"
            words += [word[at : at + 2] for at in range(len(word) - 1)] if chinese and word[1:] else [word]
        return words


languages["both"] = BothLanguages


def finish(app: Sphinx, problem: Exception | None) -> None:
    """The first page is the site's index."""
    if problem is None:
        shutil.copyfile(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    app.add_source_parser(CodeParser)
    app.connect("source-read", prepare)
    app.connect("autodoc-process-docstring", as_rst)
    app.connect("html-page-context", in_its_language, priority=100)  # before the theme looks
    app.connect("build-finished", finish)
