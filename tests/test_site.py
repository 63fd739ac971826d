"""What `make docs` checks the site with finds what is wrong; and the site has every page, in both languages."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def module(path):
    """A Python file of the checkout as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def faults(tmp_path):
    """What is found wrong with a site of one page, beside a page with the anchor `there`, a picture and a style sheet."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.html").write_text('<h1 id="there">Other</h1>', encoding="utf-8")
    (tmp_path / "a b.png").write_bytes(b"")

    def of(body, css=""):
        (tmp_path / "site.css").write_text(css, encoding="utf-8")
        (tmp_path / "page.html").write_text(f'<body id="top">{body}</body>', encoding="utf-8")
        return module(ROOT / "scripts" / "check_site.py").faults(tmp_path)

    return of


def test_a_sound_site_has_no_faults(faults):
    body = '<link rel="stylesheet" href="site.css?v=1"><img src="a%20b.png"><a href="sub/other.html#there">x</a>'
    assert (
        faults(
            body + '<a href="#top">x</a><a href="https://example.org">x</a><img src="data:image/png;base64,">',
            "a { background: url(a.png) }",
        )
        == []
    )


@pytest.mark.parametrize(
    "body",
    [
        '<a href="gone.html">x</a>',
        '<a href="sub">x</a>',
        '<a href="sub/other.html#gone">x</a>',
        '<a href="#gone">x</a>',
        '<img src="gone.png">',
        '<img src="https://example.org/a.png">',
        '<script src="//example.org/a.js"></script>',
        '<link rel="stylesheet" href="https://example.org/a.css">',
    ],
)
def test_a_fault_is_found(faults, body):
    assert len(faults(body)) == 1
    assert faults(body)[0].startswith("page.html")


@pytest.mark.parametrize("css", ['@import "{}";', "a {{ background: url('{}') }}"])
def test_a_style_sheet_that_fetches_is_found(faults, css):
    address = "https://example.org/a.css"
    assert faults("", css.format(address)) == [f"site.css loads {address}"]


def test_the_site_lists_every_page_once_in_its_language():
    pytest.importorskip("sphinx", reason="the site is built with the extra docs")
    contents = module(ROOT / "docs" / "site" / "conf.py").contents()
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.glob("docs/**/*.md")} - {"docs/README"}
    english = {page for page in pages if "/zh/" not in page and not page.endswith(".zh")}
    for language, wanted in (("English", english), ("中文", pages - english)):
        named = [entry for entry in contents[language] if "<" not in entry]
        assert wanted <= set(named)
        assert len(named) == len(set(named))
        assert any("<docs/site/reference>" in entry for entry in contents[language])
