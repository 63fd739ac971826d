"""The recipe: its names are those of the code, every mistake is told in one line, and what is written can be read back."""

import json
import math
import re
import tempfile
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inkbloom import config, recipe_files
from inkbloom.config import HINTS, OWN_FIELDS, Recipe, check_sampling, differences, dump_recipe, named, parse_size
from inkbloom.errors import UsageError, plain
from inkbloom.recipe_files import load_recipe, mended, parse_recipe, recipe_names, recipe_of

patient = settings(deadline=None)
PLAIN = Recipe().resolved(steps=10)


def complaint(function, *args, **more):
    """The message of the UsageError that the call must raise: one printable line of at most 220 characters."""
    with pytest.raises(UsageError) as caught:
        function(*args, **more)
    message = str(caught.value)
    assert message.isprintable(), ascii(message)  # pytest-xdist dies of a lone surrogate in a report
    assert len(message) <= 220, ascii(message)
    return message


# ---- names


def test_names_are_the_keys_of_the_registries():
    from inkbloom.data.augment import KINDS
    from inkbloom.data.pixels import RANGES
    from inkbloom.diffusion import LOSSES, NOISES, PATHS, TARGETS, TIMES
    from inkbloom.families import FAMILIES
    from inkbloom.nets import NETS
    from inkbloom.nets.encoder_decoder import UPSAMPLERS
    from inkbloom.solvers import SOLVERS, SPACINGS
    from inkbloom.training.state import OPTIMIZERS

    for names, registry in (
        (config.FamilyName, FAMILIES),
        (config.NetName, NETS),
        (config.UpsamplerName, ["auto", *UPSAMPLERS]),
        (config.PathName, PATHS),
        (config.TargetName, TARGETS),
        (config.LossName, ["auto", *LOSSES]),
        (config.NoiseName, NOISES),
        (config.TimesName, TIMES),
        (config.SolverName, SOLVERS),
        (config.SpacingName, SPACINGS),
        (config.OptimizerName, OPTIMIZERS),
        (config.PixelRange, RANGES),
        (config.AugmentName, KINDS),
    ):
        assert list(get_args(names)) == list(registry)


@pytest.mark.parametrize("page", ["docs/inspect.md", "docs/zh/inspect.md"])
def test_the_page_names_every_source(page):
    from inkbloom.data import SOURCES

    text = (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    named = {name.partition(":")[0] for cell in first_cells for name in re.findall("`(.*?)`", cell)}
    assert set(SOURCES) <= named


def test_every_schedule_is_one_that_training_knows():
    from inkbloom.training.state import learning_rate

    for name in get_args(config.ScheduleName):
        assert 0 < learning_rate(5, PLAIN.resolved(schedule=name)) <= PLAIN.lr


def test_every_field_is_a_flag_with_a_help():
    assert list(HINTS) == [field.name for field in fields(Recipe)]
    assert all(field.metadata["help"] for field in fields(Recipe))


# ---- one wrong field


NOT_A_NUMBER = [math.nan, math.inf, -math.inf, -1, -1e300, 10**400, 16**5000, 1e300]


def wrong_values(hint):
    """Values that no field of this type may hold."""
    if get_origin(hint) is Literal:
        names = get_args(hint)
        others = [name.upper() for name in names if name.upper() != name] + [name + "x" for name in names]
        return [*others, "", "a\nb", "x" * 10_000, None, 3, 16**5000, True, [names[0]], {names[0]: 1}]
    if hint == tuple[int, ...]:
        items = [[0], [-1], [1.5], [math.nan], ["a\nb"], [True], [None], [[32]], [16**5000], [1] * 3000 + [0]]
        return [*items, "32", "3" * 10_000, 32, None, math.nan, {32: 64}]
    if hint == tuple[float, ...]:
        items = [[0], [-1.0], [0.5], [1, 1], [math.nan], ["a\nb"], [True], [None], [[1.0]], [16**5000], [1.0] * 3000]
        return [*items, "1", "1" * 10_000, 1.0, None, math.nan, {1.0: 2}]
    if get_origin(hint) is tuple:
        each = [item for item in wrong_values(get_args(hint)[0]) if not isinstance(item, list)]
        return [*([item] for item in each), *each, "mirror", ["mirror", "x"], ["x"] * 3000]
    if hint is bool:
        return [0, 1, 1.0, math.nan, 16**5000, "true", "True", None, [], "x" * 10_000]
    if hint is str:
        return [0, 1.5, math.nan, True, None, ["digits"], 16**5000, b"digits"]
    if hint is float:
        return [*NOT_A_NUMBER[:3], -1e300, 1e300, 10**400, 16**5000, True, None, "1e-3", "a\nb", "1" * 10_000, [1.0], 1j]
    assert hint in (int, int | None)
    empty = [] if hint == int | None else [None]
    return [*NOT_A_NUMBER, 1.0, 1.5, True, "1", "a\nb", "1" * 10_000, [1], *empty]


@pytest.mark.parametrize("name", HINTS)
def test_a_wrong_value_is_told_in_one_line(name):
    for value in wrong_values(HINTS[name]):
        assert name in complaint(PLAIN.resolved, **{name: value})


@pytest.mark.parametrize("name", [name for name, hint in HINTS.items() if get_origin(hint) is Literal])
def test_a_wrong_name_lists_the_right_ones(name):
    message = complaint(PLAIN.resolved, **{name: "none of them"})
    assert all(known in message for known in get_args(HINTS[name]))


def nearly(name):
    """The name as people mistype it: the last letter twice, a dash for an underscore, capitals."""
    return {name + name[-1], name.replace("_", "-"), name.upper(), name.title()} - {name}


@pytest.mark.parametrize("name", HINTS)
def test_an_unknown_field_names_the_nearest(name):
    for typed in nearly(name):
        if typed not in HINTS:
            assert f"did you mean '{name}'?" in complaint(PLAIN.resolved, **{typed: 1})


@pytest.mark.parametrize("name", [name for name, hint in HINTS.items() if get_origin(hint) is Literal])
def test_an_unknown_name_names_the_nearest(name):
    for known in get_args(HINTS[name]):
        if known.isidentifier():
            for typed in (known.upper(), known.title(), known + known[-1]):
                assert f"did you mean '{known}'?" in complaint(PLAIN.resolved, **{name: typed})


@pytest.mark.parametrize("typed", ["zzz", "", "a\nb", "x" * 10_000, "\x00", "\udcff", "=", "steps "])
def test_an_unknown_field_like_no_other(typed):
    complaint(PLAIN.resolved, **{typed: 1})


def test_numbers_may_be_written_without_a_point():
    recipe = PLAIN.resolved(lr=1, widths=[16, 32])
    assert (recipe.lr, type(recipe.lr)) == (1.0, float)
    assert recipe.widths == (16, 32)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("seed", [0, 2**32 - 1], [-1, 2**32]),
        ("label_drop", [0, 0.5, 1], [-0.01, 1.01]),
        ("warmup", [0, 1], [-0.01, 1.01]),
        ("ema", [0, 1], [-0.01, 1.01]),
        ("lr", [0, 1e-3], [-1e-3]),
        ("batch_size", [1, 128], [0, -1]),
        ("steps", [1, 10**6], [0, -1]),
        ("epochs", [1, 30], [0, -1]),
        ("sample_steps", [1, 1000], [0, -1]),
        ("guidance", [0, 1, 7.5], [-0.01]),
        ("train_guidance", [1, 1.5], [0, 0.99, 101]),
        ("teacher_steps", [1, 3, 100], [0, 101]),
        ("t_mean", [-1.2, 0], []),
        ("t_std", [0.01, 1], [0, -1]),
        ("loss_cap", [1, 400], [0, -1]),
        ("layers", [0, 1, 4], [-1]),
        ("kernel", [1, 3, 15], [-1, 0, 2, 17]),
        ("latent", [1, 16, 4096], [0, -1, 4097]),
        ("kl", [0, 1, 4.0], [-0.1]),
        ("clusters", [0, 1, 1000], [-1, 1001]),
        ("betas", [(0, 0.99)], [(), (0.9,), (0.9, 1), (-0.1, 0.9), (0.9, 0.9, 0.9), (0.9, float("nan"))]),
        ("penalty", [0, 1, 10], [-1]),
        ("widths", [(), (1,), (32, 64)], [(0,), (32, -64), (10**6,)]),
        ("sample_times", [()], [(1, 1), (0.9, 0.5), (1, 0), (1, -1), (1, 0.5, 0.5), (1, float("nan")), (1, 0.5)]),
    ],
)
def test_ranges(name, good, bad):
    field = Recipe.__dataclass_fields__[name]
    for value in good:
        assert getattr(PLAIN.resolved(family=field.metadata["families"][0], **{name: value}), name) == value
    for value in bad:
        complaint(PLAIN.resolved, **{name: value})


def test_a_range_is_told_in_plain_digits():
    with pytest.raises(UsageError, match=re.escape("loss_cap = 0.0: must lie in [0.000001, 1000000000000]")):
        load_recipe("fast").resolved(loss_cap=0.0)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (150.4, 2, "150"), (1e6, 6, "1000000"), (-1e-6, 6, "-0.000001"), (0.1, 17, "0.10000000000000001"), (0, 3, "0"),
        (1.25e20, 6, "1.25×10²⁰"), (math.inf, 6, "Infinity"),
    ],
)  # fmt: skip
def test_people_read_no_exponents(value, digits, text):
    assert plain(value, digits) == text


def test_guidance_is_not_built_in_where_no_label_is_ever_hidden():
    with pytest.raises(UsageError, match=r"train_guidance with label_drop 0: .* set --label-drop 0\.1"):
        Recipe().resolved(steps=1, train_guidance=1.5, label_drop=0)


def test_a_field_that_a_family_does_not_heed_is_refused():
    """One line that names the field, the family and whose field it is; the default, which says nothing, is fine."""
    message = complaint(PLAIN.resolved, family="vae", path="cosine")
    assert message == "path = 'cosine' with family vae: for diffusion only; leave it out"
    assert "vae and gan only" in complaint(PLAIN.resolved, latent=8)
    assert "vae only" in complaint(PLAIN.resolved, family="gan", kl=2.0)
    assert "net" in complaint(load_recipe("tutorial-basic").resolved, family="gan")
    assert PLAIN.resolved(family="vae", path="lerp", penalty=1.0, latent=8, upsampler="resize").latent == 8


CHANGED = {
    "augment": 0.5, "augment_with": ["mirror"],
    "net": "basic", "layers": 3, "kernel": 5, "timed": False,
    "path": "vp", "target": "v", "loss_on": "v", "loss": "pseudo_huber", "loss_cap": 9.0,
    "noise": "uniform", "times": "logit_normal", "t_mean": 0.5, "t_std": 2.0, "label_drop": 0.5,
    "clusters": 3, "train_guidance": 2.0, "teacher": "runs/fast", "teacher_steps": 2, "holdout_every": 5,
    "sample_steps": 3, "solver": "heun", "spacing": "shifted", "sample_times": [1.0], "clip_x0": True, "guidance": 2.0,
    "latent": 8, "kl": 2.0, "penalty": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("family", get_args(config.FamilyName))
def test_every_field_is_heeded_or_refused(family):
    """And what is written down of a recipe is what it heeds: nothing on file says what did not count."""
    heeded = {field.name for field in config.heeded(family)}
    for name in HINTS.keys() - heeded:
        needed = {"sample_steps": 1} if name == "sample_times" else {}
        assert "leave it out" in complaint(PLAIN.resolved, family=family, **{name: CHANGED[name]}, **needed)
    written = {line.partition(" = ")[0] for line in dump_recipe(PLAIN.resolved(family=family)).splitlines()}
    assert written == heeded - {"epochs"}


def test_noise_levels_to_step_from():
    assert Recipe().resolved(steps=1, sample_steps=3, sample_times=[1, 0.5, 0.25]).sample_times == (1.0, 0.5, 0.25)
    with pytest.raises(UsageError, match="2 levels for 40 steps: set sample_steps alike"):
        Recipe().resolved(steps=1, sample_times=[1, 0.5])
    for wrong in ("1", [1, "0.5"], [True], [10**400]):
        with pytest.raises(UsageError, match="needs a list of numbers"):
            Recipe().resolved(steps=1, sample_steps=1, sample_times=wrong)


def test_seed_fits_the_key_of_the_generator():
    from inkbloom.philox import MAX_SEED

    assert PLAIN.resolved(seed=MAX_SEED).seed == MAX_SEED
    complaint(PLAIN.resolved, seed=MAX_SEED + 1)


# ---- a list of names


def test_names_out_of_a_list():
    """As many as one likes, in any order, from Python, a file or the command line; a wrong one is told with the nearest."""
    assert PLAIN.resolved(augment_with=["zoom", "mirror"]).augment_with == ("zoom", "mirror")
    recipe = PLAIN.resolved(augment=0.25, augment_with=("turn",))
    assert parse_recipe(dump_recipe(recipe), "here") == recipe
    assert "did you mean 'mirror'?" in complaint(PLAIN.resolved, augment_with=["shift", "miror"])
    for wrong in ("mirror", 3, None, True):
        assert "needs a list of names out of mirror, shift, turn, zoom, colour" in complaint(PLAIN.resolved, augment_with=wrong)
    assert "unknown augment_with '3'" in complaint(PLAIN.resolved, augment_with=[3])


# ---- settings that do not go together


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"net": "basic", "widths": ()}, "augment with net basic: it cannot be told what was done to an image"),
        ({"net": "unet2d", "widths": ()}, "augment with net unet2d: it cannot be told"),
        ({"teacher": "runs/fast"}, "augment with a teacher: a student sees no images"),
        ({"augment_with": []}, "augment = 0.5 with an empty augment_with"),
        ({"augment": 1.5}, "augment = 1.5: must lie in [0, 1]"),
    ],
)
def test_augmentation_of_which_nobody_could_be_told(changes, words):
    assert words in complaint(Recipe().resolved, **{"steps": 3, "augment": 0.5, **changes})
    if "augment" not in changes:
        Recipe().resolved(**{"steps": 3, **changes})  # without, it is fine


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"augment_with": ("mirror",)}, ["--augment-with does nothing without --augment: add --augment 0.15"]),
        ({"augment_with": ("mirror",), "augment": 0.1}, []),
        ({"teacher_steps": 2}, ["--teacher-steps does nothing without --teacher: add --teacher RUN"]),
        ({}, []),
    ],
)
def test_what_is_set_and_not_heeded_is_said(changes, said):
    assert list(config.idle(PLAIN.resolved(**changes))) == said


def test_steps_or_epochs_the_last_word_counts():
    complaint(Recipe().resolved)
    complaint(Recipe().resolved, steps=3, epochs=4)
    assert (PLAIN.resolved(epochs=4).steps, PLAIN.resolved(epochs=4).epochs) == (None, 4)
    assert (PLAIN.resolved(epochs=4).resolved(steps=7).steps, PLAIN.resolved(steps=7).epochs) == (7, None)
    assert PLAIN.resolved(lr=0.1).steps == PLAIN.steps


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "cosine"}, ["uniform noise", "cosine", "only lerp"]),
        ({"path": "vp"}, ["uniform noise", "vp", "only lerp"]),
        ({"times": "logit_normal"}, ["logit_normal", "signal-to-noise"]),
        ({"solver": "ancestral"}, ["ancestral", "Gaussian"]),
        ({"spacing": "logsnr"}, ["logsnr", "signal-to-noise"]),
    ],
)
def test_uniform_noise_and_what_is_for_gaussians_only(changes, words):
    """Refused with the reason and a way out; the same settings with Gaussian noise, and the rest with uniform, are fine."""
    message = complaint(PLAIN.resolved, noise="uniform", **changes)
    assert all(word in message for word in words), message
    assert "use --" in message
    PLAIN.resolved(noise="gaussian", **changes)
    assert PLAIN.resolved(noise="uniform", solver="heun", spacing="shifted", times="uniform", path="lerp").noise == "uniform"


@pytest.mark.parametrize("noise", get_args(config.NoiseName))
@pytest.mark.parametrize("solver", get_args(config.SolverName))
@pytest.mark.parametrize("spacing", get_args(config.SpacingName))
def test_sampling_is_checked_as_training_is(noise, solver, spacing):
    """`sample` may choose another solver than the recipe did: both go through one check."""
    if noise == "uniform" and (solver == "ancestral" or spacing == "logsnr"):
        message = complaint(check_sampling, noise, solver, spacing)
        assert message == complaint(PLAIN.resolved, noise=noise, solver=solver, spacing=spacing)
    else:
        check_sampling(noise, solver, spacing)
        PLAIN.resolved(noise=noise, solver=solver, spacing=spacing)


# ---- sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [("", None), ("32", (32, 32)), ("8", (8, 8)), ("1024", (1024, 1024)), ("45x60", (45, 60)), ("45X60", (45, 60))],
)
def test_sizes(text, size):
    assert parse_size(text) == size


WRONG_SIZES = [
    "7", "1025", "0", "8x7", "7x8", "8x1025", "x", "32x", "x32", "32x32x3", "-32", "+32", "3.2", "1e2", "32,32", "0x20", "nan",
    "٣٢", "²", " 32", "a" * 50,
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG_SIZES)
def test_wrong_sizes(text):
    assert "size" in complaint(parse_size, text)


@given(st.text() | st.from_regex(r"[0-9]{1,30}(x[0-9]{1,30})?", fullmatch=True))
@example("9" * 5000)
@example("x" * 5000)
@patient
def test_any_size_is_a_size_or_a_mistake(text):
    try:
        size = parse_size(text)
    except UsageError:
        complaint(parse_size, text)
    else:
        assert size is None or all(8 <= side <= 1024 for side in size)


# ---- files


def values(hint):
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    return {
        bool: st.booleans(),
        str: st.text(),
        float: st.floats(1e-6, 1),
        int: st.integers(1, 64),
        tuple[int, ...]: st.lists(st.integers(1, 4096), max_size=5).map(tuple),
        tuple[float, ...]: st.just(()),
        tuple[config.AugmentName, ...]: st.lists(st.sampled_from(get_args(config.AugmentName)), min_size=1).map(tuple),
    }[hint]


@st.composite
def recipes(draw):
    """Any recipe that passes the check."""
    own = {
        "size": st.sampled_from(["", "8", "32", "45x60", "1024X8"]),
        "background": st.sampled_from(["auto", "white", "black", "#ff8000", "C0FFEE"]),
        "t_mean": st.floats(-100, 100),
        "loss_cap": st.floats(1e-6, 1e12),
        "seed": st.integers(0, 2**32 - 1),
        "sample_steps": st.integers(1, 10_000),
        "train_guidance": st.floats(1, 100),
        "latent": st.integers(1, 4096),
        "kernel": st.integers(1, 15),
        "betas": st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
        **{name: values(HINTS[name]) | st.just("own:Mine") for name in OWN_FIELDS},
        "steps": st.none(),
        "epochs": st.none(),
        draw(st.sampled_from(["steps", "epochs"])): st.integers(1, 10**6),
    }
    strategies = {name: own[name] if name in own else values(hint) for name, hint in HINTS.items()}
    recipe = Recipe(**{name: draw(strategy) for name, strategy in strategies.items()})
    recipe = replace(recipe, stretches=tuple(sorted({end for end in recipe.stretches if end < (recipe.steps or 0)})))
    if recipe.noise == "uniform":
        recipe = replace(recipe, path="lerp", times="uniform", solver="euler", spacing="uniform")
    if not recipe.kernel % 2 or (recipe.family == "diffusion" and recipe.net != "ink"):
        recipe = replace(recipe, kernel=3, upsampler="auto")
    if recipe.teacher:
        recipe = replace(recipe, init="")
    if recipe.net in ("basic", "unet2d") or recipe.teacher:
        recipe = replace(recipe, augment=0.0)
    levels = draw(st.lists(st.floats(1e-6, 0.999), max_size=6, unique=True))
    if levels:
        recipe = replace(recipe, sample_times=(1.0, *sorted(levels, reverse=True)), sample_steps=len(levels) + 1)
    if recipe.teacher:
        recipe = replace(recipe, solver="euler", spacing="uniform", guidance=1.0, sample_times=())
    heeded = {field.name for field in config.heeded(recipe.family)}
    recipe = replace(recipe, **{f.name: f.default for f in fields(Recipe) if f.name not in heeded})
    config.check(recipe)
    return recipe


@given(recipes())
@patient
def test_what_is_written_can_be_read_back(recipe):
    assert parse_recipe(dump_recipe(recipe), "here") == recipe


ODD = "a\n\r\t\"'\\\b\f\x00\x1f\x7f\x85\u2028\ufeff#=[é墨🖋"


@given(recipes(), st.sampled_from(["about", "data"]), st.text(st.sampled_from(ODD)))
@settings(deadline=None, max_examples=30)
def test_a_file_gives_back_odd_strings(recipe, name, text):
    """Through bytes on a disk, where ends of lines and encodings have their say."""
    recipe = replace(recipe, **{name: text})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.toml"
        path.write_bytes(dump_recipe(recipe).encode())
        assert load_recipe(str(path)) == recipe


def test_a_comment_and_a_changed_field_are_all_that_a_file_needs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("# mine\nsteps = 5 # few\n")
    assert load_recipe(str(path)) == Recipe().resolved(steps=5)


def test_a_file_from_windows(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfsteps = 5\r\nabout = 'notepad'\r\n")
    assert load_recipe(str(path)) == Recipe().resolved(steps=5, about="notepad")


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_come_with_the_package(name):
    recipe = load_recipe(name)
    assert 0 < len(recipe.about) <= 110  # fits its line in `inkbloom recipes`
    assert parse_recipe(dump_recipe(recipe), name) == recipe
    assert recipe == Recipe(**asdict(recipe)).resolved()


def test_knobs_of_ink_are_no_others():
    assert "kernel with net basic" in complaint(PLAIN.resolved, net="basic", kernel=5)
    for name in ("transposed", "resize"):
        assert "upsampler with net unet2d" in complaint(PLAIN.resolved, net="unet2d", upsampler=name)
        for family in get_args(config.FamilyName):
            assert PLAIN.resolved(family=family, upsampler=name).upsampler == name
    assert PLAIN.resolved(net="unet2d", upsampler="auto").net == "unet2d"
    assert "kernel = 4: must be odd" in complaint(PLAIN.resolved, kernel=4)


# ---- objects of one's own


@pytest.mark.parametrize("name", [name for name, hint in HINTS.items() if get_origin(hint) is Literal])
def test_an_own_name_stands_where_an_object_of_ones_own_may(name):
    if name in OWN_FIELDS:
        recipe = PLAIN.resolved(**{name: "own:Mine"})
        assert getattr(recipe, name) == "own:Mine"
        assert parse_recipe(dump_recipe(recipe), "here") == recipe
    else:
        assert f"unknown {name} 'own:Mine'" in complaint(PLAIN.resolved, **{name: "own:Mine"})


@pytest.mark.parametrize("value", ["own", "Own:Mine", "mine", "own:a\nb", "own:" + "x" * 5000, "own:\x00", ["own:Mine"]])
def test_what_is_no_own_name_is_refused_in_one_line(value):
    for name in OWN_FIELDS:
        assert f"unknown {name}" in complaint(PLAIN.resolved, **{name: value})


def test_objects_of_ones_own_are_taken_out_of_the_changes():
    """And no others: what stands where none may is left for `resolved` to refuse."""

    class Net:
        pass

    plain, own = named({"net": Net, "path": "lerp", "loss": max, "optimizer": Net, "steps": 3})
    assert plain == {"net": "own:Net", "path": "lerp", "loss": "own:max", "optimizer": Net, "steps": 3}
    assert own == {"net": Net, "loss": max}
    assert "optimizer" in complaint(PLAIN.resolved, **plain)


def test_all_shipped_recipes_are_listed():
    folder = Path(config.__file__).parent / "recipes"
    assert set(recipe_names()) == {path.stem for path in folder.glob("*.toml")}
    assert set(recipe_names()) >= {"fast", "ddpm", "tutorial", "tutorial-basic"}


@pytest.mark.parametrize("name", ["tutrial", "tutorial_basic", "fas", "dppm"])
def test_an_unknown_recipe_lists_the_known(name):
    message = complaint(load_recipe, name)
    assert "did you mean" in message
    assert all(known in message for known in recipe_names())


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes("about = 'é'".encode("latin-1"))
    for name in ("missing.toml", "folder.toml", "latin.toml"):
        with pytest.raises(UsageError, match=name):
            load_recipe(str(tmp_path / name))


@pytest.mark.parametrize("name", ["\x00.toml", "a\nb.toml", "x" * 5000 + ".toml", "\udcff.toml"])
def test_file_names_that_are_none(name):
    complaint(load_recipe, name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = ", "here"),
        ("steps = 1\nsteps = 2", "here"),
        ("steps = 1\nnet = 'basik'", "did you mean 'basic'?"),
        ("steps = 1\nlr = nan", "lr"),
        ("steps = 1\nlr = '1e-3'", "lr"),
        ("steps = 2024-01-01", "steps"),
        ("[training]\nsteps = 1", "training"),
        ("", "steps"),
        ("\x00", "here"),
        ("[" * 3000, "here"),
    ],
)
def test_mistakes_in_a_file(text, words):
    with pytest.raises(UsageError) as caught:
        parse_recipe(text, "here")
    assert words in str(caught.value)
    assert "here" in str(caught.value)


MONSTERS = [
    "steps = " + "9" * 5000,
    "steps = 0x" + "f" * 5000,
    "steps = 1\nlr = 0x" + "f" * 5000,
    "steps = 1\nlr = [" + "1," * 3000 + "]",
    "steps = 1\nwidths = [0x" + "f" * 5000 + "]",
    "steps = 1\nnet = '" + "x" * 5000 + "'",
    "steps = 1\nsize = '" + "9" * 5000 + "'",
    '"a\\nb" = 1',
    '"' + "k" * 5000 + '" = 1',
    "[training]\nsteps = 1",
    "a = {" + "b = {" * 3000,
    "[" * 3000,
]


@pytest.mark.parametrize("text", MONSTERS, ids=lambda text: text[:20])
def test_monstrous_files(text):
    assert "here" in complaint(parse_recipe, text, "here")


FRAGMENTS = [*HINTS, *(f"'{name}'" for hint in HINTS.values() if get_origin(hint) is Literal for name in get_args(hint))]
FRAGMENTS += [" = ", "\n", "[", "]", "{", "}", ",", '"', "'", "'''", "#", ".", "1", "-1", "1e999", "nan", "inf", "true", "0x1f"]
FRAGMENTS += ["2024-01-01", "2024-13-41T25:00:00Z", "\\u0000", "\\ud800", "\x00", "\x7f", "\ufeff", "墨", "9" * 400]


@given(st.text() | st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_recipe_or_a_mistake(text):
    try:
        recipe = parse_recipe(text, "here")
    except UsageError:
        assert "here" in complaint(parse_recipe, text, "here")
    else:
        config.check(recipe)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_bytes_are_a_recipe_or_a_mistake(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.toml"
        path.write_bytes(data)
        try:
            load_recipe(str(path))
        except UsageError:
            assert "r.toml" in complaint(load_recipe, str(path))


@given(st.dictionaries(st.sampled_from(sorted(HINTS)), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
@example({"size": 32})
@patient
def test_any_changes_are_a_recipe_or_a_mistake(changes):
    try:
        recipe = PLAIN.resolved(**changes)
    except UsageError:
        complaint(PLAIN.resolved, **changes)
    else:
        size = {"size": str(changes["size"])} if "size" in changes else {}  # a whole number is a size, too
        assert all(getattr(recipe, name) == value for name, value in {**changes, **size}.items())


@pytest.mark.parametrize("name", ["about", "data"])
def test_a_string_that_no_file_can_hold(name):
    """A file name that is not UTF-8 reaches Python as lone surrogates; a recipe with one could not be written down."""
    assert name in complaint(PLAIN.resolved, **{name: "folder:caf\udce9"})


# ---- one recipe extends another


def write(folder, **texts):
    """Recipe files in a folder, NAME.toml for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def test_a_recipe_is_the_one_that_it_extends_with_its_own_changes(tmp_path):
    write(tmp_path, mine="extends = 'fast'\nwidths = [16]\ntarget = 'v'\n")
    mine, fast = load_recipe(str(tmp_path / "mine.toml")), load_recipe("fast")
    assert mine == replace(fast, widths=(16,), target="v", about="")
    assert parse_recipe(dump_recipe(mine), "here") == mine


def test_a_recipe_says_itself_what_it_is():
    """`about` is not inherited: it would be told of a recipe of which it is not true."""
    assert load_recipe("fast").about
    assert parse_recipe("extends = 'fast'\nabout = 'slim'", "here").about == "slim"
    assert parse_recipe("extends = 'fast'", "here").about == ""


@pytest.mark.parametrize(
    "change", [{"data": "folder:emoji"}, {"size": "32"}, {"steps": 40}, {"widths": [16]}, {"guidance": 2.0}]
)
def test_what_a_recipe_says_of_itself_goes_where_it_is_changed(change):
    """A card of a run on emoji must not speak of digits in a minute."""
    fast = load_recipe("fast")
    assert fast.resolved(**change).about == ""
    assert fast.resolved(**change, about="emoji").about == "emoji"
    for held in ({}, {"seed": 7}, {"precision": "fp32", "compile": "off"}, {"checkpoint_every": 9}, {"data": fast.data}):
        assert fast.resolved(**held).about == fast.about


def test_steps_take_the_place_of_inherited_epochs_and_the_reverse():
    tutorial, fast = load_recipe("tutorial"), load_recipe("fast")
    assert (tutorial.steps, fast.epochs) == (None, None)
    assert parse_recipe("extends = 'tutorial'\nsteps = 7", "here") == tutorial.resolved(steps=7, about="")
    assert parse_recipe("extends = 'fast'\nepochs = 3", "here") == fast.resolved(epochs=3, about="")
    told = complaint(parse_recipe, "extends = 'fast'\nsteps = 1\nepochs = 3", "here")
    assert told == "steps = 1 and epochs = 3: both say how long to train; give one of them (here)"


def test_a_chain_is_read_from_its_far_end(tmp_path, monkeypatch):
    """The nearest file has the last word; each path is meant from the folder of the file that says it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a", near="extends = '../b/middle.toml'\nlr = 0.1\n")
    write(tmp_path / "b", middle="extends = 'far.toml'\nlr = 0.2\nseed = 2\n")
    write(tmp_path / "b", far="extends = 'tutorial'\nlr = 0.3\nseed = 3\nbatch_size = 3\n")
    wanted = load_recipe("tutorial").resolved(lr=0.1, seed=2, batch_size=3, about="")
    assert load_recipe("a/near.toml") == wanted
    assert parse_recipe("extends = 'near.toml'", "a/asked.toml") == wanted
    assert parse_recipe("extends = 'a/near.toml'", "here") == wanted


def test_a_file_to_extend_may_stand_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(tmp_path / "home", base="steps = 5\n")
    for said in ("~/base.toml", tmp_path / "home" / "base.toml"):
        write(tmp_path / "elsewhere", mine=f"extends = '{said}'\nseed = 1\n")
        assert load_recipe(str(tmp_path / "elsewhere" / "mine.toml")) == Recipe().resolved(steps=5, seed=1)


def test_a_file_is_no_recipe_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, fast="extends = 'fast'\nseed = 1\n")
    assert load_recipe("fast.toml") == load_recipe("fast").resolved(seed=1, about="")


CIRCLES = {
    "itself": {"mine": "mine.toml"},
    "two": {"mine": "b.toml", "b": "mine.toml"},
    "two, beyond the first": {"mine": "b.toml", "b": "c.toml", "c": "b.toml"},
    "by another way": {"mine": "../here/mine.toml"},
    "by a link": {"mine": "link.toml"},
}


@pytest.mark.parametrize("kind", CIRCLES)
def test_recipes_that_extend_each_other_in_a_circle(kind, tmp_path, monkeypatch):
    write(tmp_path / "here", **{name: f"steps = 1\nextends = '{base}'\n" for name, base in CIRCLES[kind].items()})
    monkeypatch.chdir(tmp_path / "here")
    if kind == "by a link":
        Path("link.toml").symlink_to("mine.toml")
    message = complaint(load_recipe, "mine.toml")
    assert "in a circle: take `extends` out of one of them (mine.toml extends " in message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("'fats'", "unknown recipe 'fats': did you mean 'fast'? known: ddpm, "),
        ("''", "unknown recipe ''"),
        ("'missing.toml'", "cannot read the recipe (mine.toml extends missing.toml): No such file"),
        ('"\\u0000.toml"', "cannot read the recipe (mine.toml extends ?.toml): "),
        (
            "'~nobody-of-this-name/x.toml'",
            "cannot read the recipe (mine.toml extends ~nobody-of-this-name/x.toml): No such file",
        ),
        ("3", "extends = 3: needs the name of a recipe, or of a file that ends in .toml (mine.toml)"),
        ("['fast', 'ddpm']", "extends = ['fast', 'ddpm']: needs the name"),
    ],
)
def test_nothing_there_to_extend(said, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, mine=f"steps = 1\nextends = {said}\n")
    message = complaint(load_recipe, "mine.toml")
    assert words in message
    assert "mine.toml" in message


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("steps = 1\nnet = 'basik'", "did you mean 'basic'? known: basic, unet2d, ink (mine.toml extends base.toml)"),
        ("steps = ", "not a TOML file (mine.toml extends base.toml)"),
        ("net = 'basic'", "a recipe needs either steps or epochs: set --steps N (mine.toml extends base.toml)"),
        ("extends = 'fats'", "did you mean 'fast'? known: "),
    ],
)
def test_a_mistake_in_a_recipe_that_is_extended_is_told_where_it_stands(base, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, mine="extends = 'base.toml'\nseed = 1\n", base=base)
    message = complaint(load_recipe, "mine.toml")
    assert words in message
    assert "mine.toml extends base.toml" in message


def test_a_change_that_does_not_go_with_what_is_extended():
    message = complaint(parse_recipe, "extends = 'tutorial'\npath = 'vp'", "here")
    assert message.startswith("uniform noise with path vp")
    assert message.endswith("(here)")


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_says_only_what_it_changes(name):
    table = tomllib.loads((Path(config.__file__).parent / "recipes" / f"{name}.toml").read_text(encoding="utf-8"))
    base, recipe = load_recipe(table.pop("extends")) if "extends" in table else Recipe(), load_recipe(name)
    assert [field for field in table if getattr(recipe, field) == getattr(base, field)] == []


# ---- recipes of older versions


def test_a_table_of_an_older_version_is_mended(monkeypatch):
    monkeypatch.setattr(recipe_files, "RENAMED", {"batch": "batch_size", "stride": "kernel"})
    monkeypatch.setattr(recipe_files, "DROPPED", {"dropout": 0.0})
    old = {"steps": 9, "batch": 5, "dropout": 0.0}
    assert mended(old) == {"steps": 9, "batch_size": 5}
    assert old == {"steps": 9, "batch": 5, "dropout": 0.0}
    assert recipe_of(old) == Recipe().resolved(steps=9, batch_size=5)
    assert parse_recipe("steps = 9\nbatch = 5\ndropout = 0.0", "here") == recipe_of(old)
    assert parse_recipe("extends = 'fast'\nbatch = 5", "here").batch_size == 5


OLD = [  # a table of version 0.1, where ink had `transposed` and `upsampler` was for the others: what it says today
    ({"groups": 4, "transposed": True, "upsampler": "transposed"}, {"clusters": 4, "upsampler": "transposed"}),
    ({"groups": 0, "transposed": False, "upsampler": "transposed"}, {"clusters": 0, "upsampler": "auto"}),
    (
        {"family": "diffusion", "groups": 2, "transposed": True},
        {"family": "diffusion", "clusters": 2, "upsampler": "transposed"},
    ),
    ({"family": "diffusion", "transposed": False}, {"family": "diffusion", "upsampler": "auto"}),
    ({"family": "vae", "groups": 0, "transposed": False, "upsampler": "resize"}, {"family": "vae", "upsampler": "resize"}),
    ({"family": "vae", "transposed": False, "upsampler": "transposed"}, {"family": "vae", "upsampler": "transposed"}),
    ({"family": "gan", "upsampler": "resize"}, {"family": "gan", "upsampler": "resize"}),
]


@pytest.mark.parametrize(("old", "new"), OLD)
def test_a_table_of_version_0_1_means_what_it_meant(old, new):
    assert recipe_of({"steps": 9, **old}) == Recipe().resolved(steps=9, **new)
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in {"steps": 9, **old}.items())
    assert parse_recipe(text, "here") == Recipe().resolved(steps=9, **new)


def test_names_of_version_0_1_are_for_files_alone():
    """A change that is asked for today is spelled as today; and a field of today beside its old name is a mistake."""
    for name, value in (("groups", 3), ("transposed", True)):
        assert f"unknown recipe field '{name}'" in complaint(PLAIN.resolved, **{name: value})
    assert "unknown recipe field 'groups'" in complaint(parse_recipe, "steps = 9\ngroups = 3\nclusters = 3", "here")
    assert "unknown recipe field 'transposed'" in complaint(parse_recipe, "steps = 9\ntransposed = 'yes'", "here")


def test_what_a_table_of_an_older_version_cannot_say(monkeypatch):
    """A field that did something and is gone, one field under both of its names, a name that never was."""
    monkeypatch.setattr(recipe_files, "RENAMED", {"batchsize": "batch_size"})
    monkeypatch.setattr(recipe_files, "DROPPED", {"stops": 0})
    for text, near in (("stops = 3", "steps"), ("batchsize = 5\nbatch_size = 6", "batch_size"), ("lrr = 1", "lr")):
        assert f"did you mean '{near}'? (here)" in complaint(parse_recipe, f"steps = 9\n{text}", "here")


def test_a_weights_file_of_an_older_version_is_mended(monkeypatch):
    """The same way as a recipe file; without the entry it is refused, with the nearest name."""
    from safetensors.torch import load, save

    from inkbloom.errors import CheckpointError
    from inkbloom.families import Spec, build
    from inkbloom.store.weights import pack, unpack

    spec = Spec(PLAIN.resolved(widths=[16], layers=1, batch_size=5), 1, (8, 8))
    data = pack(build(spec).net, spec, 3, "live")
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["inkbloom"]
    old = save(load(data), {"inkbloom": header.replace('"batch_size"', '"batchsize"')})
    with pytest.raises(CheckpointError, match=r"did you mean 'batch_size'"):
        unpack(old, Path("w.safetensors"))
    monkeypatch.setattr(recipe_files, "RENAMED", {"batchsize": "batch_size"})
    assert unpack(old, Path("w.safetensors"))[1] == spec


# ---- comparing


def test_differences_are_those_that_decide_the_result():
    assert differences(PLAIN, PLAIN) == []
    assert differences(PLAIN, PLAIN.resolved(seed=1, net="basic")) == ["net: ink -> basic", "seed: 0 -> 1"]
    assert differences(PLAIN, PLAIN.resolved(about="x", checkpoint_every=7, preview_every=7, holdout_every=7)) == []


def test_what_auto_means_is_no_difference():
    for family, usual, other in (
        ("diffusion", "resize", "transposed"),
        ("vae", "transposed", "resize"),
        ("gan", "transposed", "resize"),
    ):
        plain = PLAIN.resolved(family=family)
        assert differences(plain, plain.resolved(upsampler=usual)) == []
        assert differences(plain.resolved(upsampler=usual), plain) == []
        assert differences(plain, plain.resolved(upsampler=other)) == [f"upsampler: {usual} -> {other}"]
    taught = PLAIN.resolved(teacher="runs/fast")
    for recipe, usual, other in ((PLAIN, "squared", "pseudo_huber"), (taught, "pseudo_huber", "squared")):
        assert differences(recipe, recipe.resolved(loss=usual)) == []
        assert differences(recipe, recipe.resolved(loss=other)) == [f"loss: {usual} -> {other}"]
