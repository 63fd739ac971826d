"""A card as lines for a terminal: the floor first, and every number beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NAMES, FIGURES = 50, 20  # width of the columns
HEADLINES = {"fd": "FD", "kid": "KID x 1000", "recall": "recall"}
LARGE = 5000  # from this N on a ratio of FDs says something; below, both are mostly bias


def table(card: dict[str, Any]) -> Iterator[str]:
    """The lines of a card that `make_card` made, in the order of docs/evaluate.md."""
    head, draws = card["header"], card["floor_draws"]
    yield _subject(card)
    if card["made"].get("split") == "all":
        yield "warning: the run was trained on all images, the reference included, so no number here is about unseen ones"
    judge = f"; of the rows marked * over {draws['slow']}" if head["judge"] and draws["slow"] < draws["quick"] else ""
    yield f"floor: real images against real ones at N = {head['n']:,}, mean ± sd over {draws['quick']} random draws{judge}"
    if card["holdout"]:
        yield from _holdout(card["holdout"])
    yield f"{'':{NAMES}}{'floor':<{FIGURES}}{'this':<{FIGURES}}against the floor"
    if head["judge"]:
        yield from _distances(card)
        yield from _classes(card)
    yield from _memorisation(card)


def headline(card: dict[str, Any]) -> str:
    """FD, KID, recall and their floor in one line; what there is without a judge."""
    head, floor, sd = card["header"], card["floor"], card["floor_sd"]
    if not head["judge"]:
        return f"near {card['near']:.3f} (floor {floor['near']:.3f})"
    numbers = [f"{title} {card[name]:.3f} (floor {floor[name]:.3f} ± {sd[name]:.3f})" for name, title in HEADLINES.items()]
    return f"{', '.join(numbers)}, N = {head['n']:,}"


def fd_name(header: dict[str, Any]) -> str:
    """What FD stands for: judge, number of features, N and reference."""
    return f"FD (judge {header['judge']}, d={header['d']}, N={header['n']}, ref={header['reference_sha256'][:8]})"


def _subject(card: dict[str, Any]) -> str:
    head, made, blocks = card["header"], card["made"], card["blocks"]
    what = made.get("run") or made.get("file") or "images"
    cut = f"{made['images']:,} images" if "images" in made else "images"
    cut += f", {blocks} blocks of {head['n']:,}" if blocks > 1 else f", one block of {head['n']:,}"
    line = f"{what}: {cut}, against {head['source']}"
    if made.get("solver"):
        guided = "" if made["guidance"] in (None, 1) else f", guidance {made['guidance']:g}"
        line += f"; {made['solver']}, {made['steps']} steps, {made['nfe']} network evaluations each{guided}"
        line += f", {made['images_per_second']:,.0f} images/s"
    return line


def _holdout(held: dict[str, Any]) -> Iterator[str]:
    """The hold-out loss beside its anchors, as `inkbloom train` prints it."""
    anchors = [f"mean image {held['mean_image']:.4f}"]
    if held["wiener"]:
        anchors.append(f"best linear denoiser {_mean(held['wiener']):.4f}")
    yield f"hold-out x0 loss {_mean(held['loss']):.4f} ({', '.join(anchors)}), by noise level:"
    yield "  t      " + " ".join(f"{t:6.2f}" for t in held["levels"])
    yield "  run    " + " ".join(f"{loss:6.4f}" for loss in held["loss"])
    if held["wiener"]:
        yield "  linear " + " ".join(f"{loss:6.4f}" for loss in held["wiener"])


def _distances(card: dict[str, Any]) -> Iterator[str]:
    star = "*" if card["floor_draws"]["slow"] < card["floor_draws"]["quick"] else ""
    rows = [
        _row(f"KID x 1000{star}", card, "kid"),
        _row(fd_name(card["header"]), card, "fd", ratio=card["header"]["n"] >= LARGE),
    ]
    yield from rows[::-1] if card["header"]["n"] >= LARGE else rows
    for name in ("recall", "coverage"):
        yield _row(f"{name}{star}", card, name, ratio=True)
    for name in ("precision", "density"):
        yield _row(f"{name}{star} (rewards blur: no headline)", card, name, ratio=True)


def _classes(card: dict[str, Any]) -> Iterator[str]:
    classes = card["classes"]
    yield _row("classes: total variation to the reference", {**card, "tv": classes["tv"]}, "tv")
    names = [name if len(name) <= 6 else name[:5] + "…" for name in classes["names"]]
    if len(names) <= 12:
        yield "  class     " + " ".join(f"{name:>6}" for name in names)
        for title, key in (("this", "share"), ("reference", "reference_share")):
            yield f"  {title:10}" + " ".join(f"{share:6.3f}" for share in classes[key])
    if classes["agreement"] is not None:
        ceiling = f" (ceiling {classes['ceiling']:.3f})" if classes["ceiling"] is not None else ""
        yield _row(f"label agreement{ceiling}", {**card, "agreement": classes["agreement"]}, "agreement")


def _memorisation(card: dict[str, Any]) -> Iterator[str]:
    low, high = card["near_range"]
    yield _row(f"near ({low:.3f} to {high:.3f} as its limit varies)", card, "near")
    for key, name, expected in (
        ("near_shifted", "near, each image moved by up to a pixel", "about 0.01"),
        ("near_ratio", "nearest under 1/3 as far as the second nearest", "about 0"),
    ):
        yield f"{name:{NAMES}}{expected:<{FIGURES}}{card[key]:.3f}"
    yield f"{'C_T z (below -3: copies, or blur)':{NAMES}}{'about 0':<{FIGURES}}{card['copying_z']:.1f}"


def _row(name: str, card: dict[str, Any], key: str, ratio: bool = False) -> str:
    floor, value = card["floor"][key], card[key]
    against = ""
    if floor is not None and value is not None:
        against = (f"{value / floor:.2f} x" if floor > 0 else "") if ratio else f"{value - floor:+.3f}"
    columns = (_figure(floor, card["floor_sd"][key]), _figure(value, card["sd"][key]))
    return f"{name:{NAMES}}" + "".join(f"{column:<{FIGURES}}" for column in columns) + against


def _figure(value: float | None, sd: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ± {sd:.3f}" if sd is not None else "")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
