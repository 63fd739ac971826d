"""RUN/README.md: a model card as the Hugging Face hub knows it, YAML header first; it reads as well without the hub."""

from __future__ import annotations

import html
import re

from ..data.hub import on_hub
from ..errors import shown
from ..evaluation.measures import FD, conditions, measured
from ..files import write_file
from ..store.weights import NEEDED
from . import text
from .facts import Facts

MARK = (
    "<!-- written by inkbloom, which writes it anew after training and evaluation: to keep your own text, remove this line -->"
)
MNIST = "10,000 images of MNIST by Yann LeCun, Corinna Cortes and Christopher J.C. Burges, here under CC BY-SA 3.0."
CREDIT = {
    "digits": MNIST,
    "tinted-digits": f"{MNIST} Tinted by inkbloom.",
    "fashion-mnist": "Fashion-MNIST by Han Xiao, Kashif Rasul and Roland Vollgraf, Zalando SE 2017, MIT license.",
}
NO_CREDIT = "Name the origin and the licence of your images here before you publish the model."


def write_model_card(facts: Facts) -> None:
    """Writes the card into the run's folder, unless someone has written their own there. Raises DiskError."""
    place = facts.folder.readme
    if not place.exists() or MARK in place.read_text(encoding="utf-8", errors="replace"):
        write_file(place, model_card(facts).encode("utf-8", "replace"))


def model_card(facts: Facts) -> str:
    """The card as Markdown."""
    return "\n".join([*_header(facts), "", MARK, "", *_what(facts), *results(facts), *_use(facts), *_limits(facts)])


def _header(facts: Facts) -> list[str]:
    source = on_hub(facts.recipe.data)
    kind = "unconditional-image-generation"
    return [
        "---",
        "license: other",
        "license_name: not-chosen-yet",
        "library_name: inkbloom",
        f"pipeline_tag: {kind}",
        "tags:",
        *(f"- {tag}" for tag in ("inkbloom", facts.recipe.family, "image-generation", "small-images")),
        *(["datasets:", f"- {source}"] if source else []),
        "---",
    ]


def _what(facts: Facts) -> list[str]:
    recipe = facts.recipe
    lines = [f"# {plain(facts.name)}", "", plain(text.what(facts)), ""]
    if recipe.about:
        lines += [f"Recipe: {plain(recipe.about)}", ""]
    previews = sorted(facts.folder.previews.glob("step-*.png"))
    if previews:
        lines += [f"![pictures that the model drew](previews/{previews[-1].name})", ""]
    lines += [
        f"- training: {progress_of(facts)}, batches of {recipe.batch_size}, {recipe.optimizer} at {recipe.lr:g}, "
        f"seed {recipe.seed}, {recipe.precision}; {text.loss(recipe)}",
        f"- training data: the slice {recipe.split} of {plain(recipe.data)}",
    ]
    if recipe.stretches:
        lines.append(f"- schedule: stretches of {text.stretches_told(recipe)}, each with a warm-up and a fall of its own")
    if begun := text.begun(facts):
        lines.append(f"- first weights: {plain(begun)}")
    if facts.family.num_classes:
        lines.append(f"- classes: {plain(', '.join(facts.spec.classes))}")
    if facts.family.num_classes and facts.spec.untrained:
        never = ", ".join(facts.spec.classes[number] for number in facts.spec.untrained)
        lines.append(f"- never drawn, for want of training images: {plain(never)}")
    machine = ", ".join(f"{name} {version}" for name, version in facts.machine.versions.items())
    return [
        *lines,
        f"- made with: {plain(machine)}",
        "- repeat it with:",
        "",
        *_code(text.command(recipe), "python" if text.is_own(recipe) else "sh"),
        "",
    ]


def progress_of(facts: Facts) -> str:
    """Steps, and the time that they took."""
    return f"{text.progress(facts)} in {text.duration(facts.seconds)}" if facts.seconds else text.progress(facts)


def results(facts: Facts) -> list[str]:
    """The section on hold-out loss and card, as lines of Markdown."""
    lines = ["## How good it is", ""]
    if facts.holdout:
        last = facts.holdout[-1]
        linear = f", best linear denoiser {last.anchors.linear:.4f}" if last.anchors.wiener else ""
        mean = f", mean image {last.anchors.mean_image:.4f}" if last.anchors.mean_image is not None else ""
        lines += [
            f"Hold-out loss after step {last.step:,}: {last.mean:.4f}{linear}{mean}. It is the mean squared error of the "
            "denoised image a pixel, on images never trained on, averaged over ten noise levels.",
            "",
        ]
    if facts.card:
        card = facts.card
        lines += ["| measure | this model | real against real |", "|---|---|---|"]
        for measure in measured([card]):
            name = measure.label(conditions(card) if measure is FD else "")
            lines.append(f"| {plain(name)} | {measure.said(card)} | {measure.floor_said(card)} |")
        lines += ["", plain(f"Measured on {text.how_made(card)} against {card['header']['source']}."), ""]
        lines += [plain(f"Mind: {warning}.") + "\n" for warning in text.warnings_of(card, facts.step)]
    if len(lines) == 2:
        lines += ["Not measured.", ""]
    return lines


def _use(facts: Facts) -> list[str]:
    own = "".join(f", {name}={name}" for name in NEEDED if name in facts.spec.own)
    shell = [] if own else [*_code("inkbloom sample . -n 100"), "", "in this folder, or in Python:", ""]
    return [
        "## How to sample",
        "",
        *shell,
        "```python",
        "import inkbloom",
        "",
        f'pictures = inkbloom.Run("."{own}).sample(16, seed=0)  # uint8 (16, H, W, C)',
        "```",
        "",
    ]


def _limits(facts: Facts) -> list[str]:
    height, width = facts.spec.size
    credit = CREDIT.get(facts.recipe.data, NO_CREDIT)
    return [
        "## Limits",
        "",
        f"It draws {width} x {height} images like those it was trained on, and nothing else. Some are misshapen, and some may "
        "come close to training images: the row *near a training image* says how many, where the model has been evaluated.",
        "",
        "## Data and licence",
        "",
        credit,
        "",
        "No licence has been chosen for these weights: whoever publishes them sets `license` in the header above.",
        "",
    ]


def plain(text: str) -> str:
    """`text` as one line of Markdown that says just that: neither markup, nor HTML, nor a table cell's end."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(shown(text, 2000), quote=False))


def _code(line: str, language: str = "sh") -> list[str]:
    """A command as a code block, whatever stands in it."""
    one = shown(line, 2000)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", one)), default=0))
    return [f"{fence}{language}", one, fence]
