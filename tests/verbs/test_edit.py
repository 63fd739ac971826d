"""`inkbloom sample` on pictures that are there: what a mask keeps, what lies between two, one setting varied."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom import sampling
from inkbloom.data.own_picture import own_mask, own_picture
from inkbloom.errors import DataError, UsageError
from inkbloom.philox import Draw

TRAINED = {
    "net": "ink", "widths": (16,), "layers": 1, "steps": 8, "batch_size": 16, "compile": "off", "precision": "fp32",
    "sample_steps": 4, "lr": 1e-2,
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory, source):
    """Runs of three classes, one with uniform noise in colour, one of a gan, one of a student; nobody writes into them."""
    folder = tmp_path_factory.mktemp("runs")
    base = inkbloom.Recipe().resolved(**TRAINED)
    inkbloom.train(base, out=folder / "classes", quiet=True, data=source())
    inkbloom.train(base, out=folder / "ddpm", quiet=True, data=source(), path="vp", target="eps", solver="ancestral")
    inkbloom.train(base, out=folder / "colour", quiet=True, data=source(3, (9, 12)), noise="uniform", pixels="0..1")
    inkbloom.train("gan", out=folder / "gan", quiet=True, data=source(), steps=2, widths=[8], batch_size=8)
    taught = {"teacher_steps": 2, "sample_steps": 2, "spacing": "uniform", "solver": "euler", "steps": 2}
    inkbloom.train(base, out=folder / "student", quiet=True, data=source(), teacher=folder / "classes", **taught)
    return folder


@pytest.fixture
def photo(tmp_path):
    """A picture of 24 x 32 with a mask for its lower left, as files; of it the model sees 24 x 24, from column 4 on."""
    numbers = np.random.default_rng(0)
    Image.fromarray(numbers.integers(0, 256, (24, 32, 3), np.uint8)).save(tmp_path / "photo.png")
    mask = np.zeros((24, 32), np.uint8)
    mask[12:, :13] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path / "photo.png", tmp_path / "mask.png"


LOWER_LEFT = np.zeros((8, 8), bool)
LOWER_LEFT[4:, :3] = True


# ---- masks


@pytest.mark.parametrize("solver", ["euler", "heun", "dpmpp_2m", "ancestral"])
def test_what_is_kept_is_kept_to_the_byte_and_the_rest_is_new(solver, photo, runs, command, tmp_path):
    out, (picture, mask) = tmp_path / "out", photo
    ended = command(
        "sample", runs / "classes", "--from", picture, "--mask", mask, "--solver", solver, "--guidance", 2, "--redraws", 3,
        "--out", out, "-n", 4, "--npz", out / "x.npz",
    )  # fmt: skip
    calls = (3 * 3 * 2 + 1 if solver == "heun" else 3 * 3 + 1) * 2
    assert ended.out.startswith(
        f"4 pictures, {solver}, 4 steps, each taken 3 times, {calls} network evaluations each; "
        f"{round(100 * LOWER_LEFT.mean())}% of the picture drawn anew\n"
    )
    images, given = np.load(out / "x.npz")["images"], own_picture(picture, 1, (8, 8))[0].permute(1, 2, 0).numpy()
    assert (images[:, ~LOWER_LEFT] == given[~LOWER_LEFT]).all()
    assert (images[:, LOWER_LEFT] != given[LOWER_LEFT]).mean() > 0.9
    assert len({image.tobytes() for image in images}) == 4


@pytest.mark.parametrize("name", ["ddpm", "colour"])
def test_every_path_and_noise_keeps(name, photo, runs):
    run, picture = inkbloom.Run(runs / name), photo[0]
    size = run.spec.size
    mask = np.zeros(size, bool)
    mask[:, 4:] = True
    images = run.sample(5, start=picture, mask=mask, redraws=2)
    given = own_picture(picture, run.spec.channels, size)[0].permute(1, 2, 0).numpy()
    assert (images[:, ~mask] == given[~mask]).all()
    assert (images[0, mask] != images[3, mask]).any()


@pytest.mark.parametrize("name", ["classes", "ddpm", "colour"])
def test_where_nothing_is_kept_the_pictures_are_those_from_noise(name, photo, runs):
    run = inkbloom.Run(runs / name)
    everything = np.ones(run.spec.size, bool)
    assert (run.sample(6, start=photo[0], mask=everything) == run.sample(6)).all()
    assert (run.sample(6, start=(photo[0], 0.5), mask=everything) == run.sample(6, start=(photo[0], 0.5))).all()
    nearly = everything.copy()
    nearly[0, 0] = False
    first, plain = (
        sampling.starting_point(run.family, run.request(6, **asked), 0, 6)
        for asked in ({"start": photo[0], "mask": nearly}, {})
    )
    assert torch.equal(first[..., 1:, :], plain[..., 1:, :])  # of what is drawn anew nothing of the picture is seen


def test_a_picture_does_not_depend_on_how_many_there_are(photo, runs, monkeypatch):
    for name in ("classes", "colour"):
        run = inkbloom.Run(runs / name)
        mask = np.zeros(run.spec.size, bool)
        mask[:5] = True
        many, few = (run.sample(count, start=photo[0], mask=mask, redraws=2).astype(int) for count in (9, 2))
        assert abs(many[:2] - few).max() <= 1
        monkeypatch.setattr(sampling, "batches", lambda count, shape: [(first, first + 1) for first in range(count)])
        assert abs(many - run.sample(9, start=photo[0], mask=mask, redraws=2)).max() <= 1
        monkeypatch.undo()


def test_with_a_noise_level_what_is_drawn_starts_from_the_picture(photo, runs):
    run, picture = inkbloom.Run(runs / "classes"), own_picture(photo[0], 1, (8, 8)) / 127.5 - 1
    near, far = (
        sampling.starting_point(run.family, run.request(8, start=(photo[0], level), mask=LOWER_LEFT), 0, 8)
        for level in (0.02, 1.0)
    )
    assert abs(near - picture).max() < 0.15
    assert abs(far - picture)[..., torch.from_numpy(LOWER_LEFT)].mean() > 0.5


def test_masks_as_people_have_them(photo, tmp_path):
    """Grey, colour, booleans, ones, strokes on a transparent layer, in the picture's size or the model's: all say the same."""
    picture, mask = photo
    said = np.asarray(Image.open(mask))
    layer = np.dstack([np.full((24, 32, 3), (255, 0, 0)), said]).astype(np.uint8)
    Image.fromarray(layer).save(tmp_path / "layer.png")
    ones = LOWER_LEFT.astype(np.uint8)
    for given in (
        mask,
        said,
        said > 0,
        ones,
        ones * 1.0,
        torch.from_numpy(ones),
        ones.tolist(),
        Image.fromarray(said).convert("RGB"),
        tmp_path / "layer.png",
        LOWER_LEFT,
    ):
        assert (own_mask(given, picture, (8, 8)).numpy() == LOWER_LEFT).all()
    touched = np.zeros((24, 32), np.uint8)
    touched[14, 9] = 255  # one pixel of nine that become one
    assert own_mask(touched, picture, (8, 8)).nonzero().tolist() == [[4, 1]]
    for given in (said, LOWER_LEFT):
        with pytest.raises(DataError, match="nothing to draw: the mask is black or transparent all over"):
            own_mask(np.zeros_like(given), picture, (8, 8))
    with pytest.raises(DataError, match="that is no picture"):
        own_mask(0.5, picture, (8, 8))
    with pytest.raises(DataError, match="white only outside the centre"):
        own_mask(np.arange(32)[None].repeat(24, 0) < 4, picture, (8, 8))


def test_a_transparent_hole_is_a_mask(photo, runs, command, tmp_path):
    said = np.asarray(Image.open(photo[1]))
    Image.fromarray(np.dstack([np.full((24, 32, 3), 77), 255 - said]).astype(np.uint8)).save(tmp_path / "hole.png")
    images = inkbloom.Run(runs / "classes").sample(3, start=tmp_path / "hole.png")
    kept = images[:, ~LOWER_LEFT].astype(int)
    assert abs(kept - 77).max() <= 2  # but for rounding; the white of paper would shine through at the border
    assert (images[:, LOWER_LEFT] != 77).mean() > 0.9
    ended = command("sample", runs / "classes", "--from", tmp_path / "hole.png", "--out", tmp_path / "out")
    assert "% of the picture drawn anew" in ended.out


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (
            ("--from", "photo.png"),
            2,
            "from a whole picture: say how much noise it gets, --at 0.7, or what is drawn anew, --mask",
        ),
        (("--at", 0.5), 2, "--at without a picture: write --from FILE --at 0.7"),
        (("--mask", "mask.png"), 2, "mask without a picture: give one with --from FILE"),
        (("--redraws", 3), 2, "redraws without a mask"),
        (("--from", "photo.png", "--at", 0.5, "--redraws", 3), 2, "redraws without a mask"),
        (("--from", "photo.png", "--mask", "mask.png", "--redraws", 0), 2, "redraws = 0: must lie in [1, 100]"),
        (("--from", "photo.png", "--mask", "mask.png", "--at", 0), 2, "at = 0: the noise level must lie in (0, 1]"),
        (("--from", "photo.png", "--mask", "small.png"), 3, "a mask of 31 x 24 for a picture of 32 x 24: make it as large as"),
        (("--from", "photo.png", "--mask", "black.png"), 3, "nothing to draw: the mask is black or transparent all over"),
        (("--from", "photo.png", "--mask", "none.png"), 3, "give an image file to --mask"),
        (("--from", "photo.png", "--mask", "text.png"), 3, "cannot read the picture"),
        (("--from", "none.png", "--mask", "mask.png"), 3, "give an image file to --from"),
    ],
)
def test_masks_that_make_no_sense(flags, code, said, photo, runs, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (31, 24), 255).save("small.png")
    Image.new("L", (32, 24)).save("black.png")
    (tmp_path / "text.png").write_text("hello")
    ended = command("sample", runs / "classes", "--out", "out", *flags)
    assert ended.code == code
    assert said in ended.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("gan", "from with a gan: it draws a picture in one pass"), ("student", "from: the model learned its 2 steps")],
)
def test_models_that_cannot_keep(name, said, photo, runs, command, tmp_path):
    ended = command("sample", runs / name, "--from", photo[0], "--mask", photo[1], "--out", tmp_path / "out")
    assert ended.code == 2
    assert said in ended.error


# ---- between two pictures


@pytest.mark.parametrize("name", ["classes", "colour", "gan", "student"])
def test_the_way_begins_and_ends_with_the_two_pictures(name, runs):
    run = inkbloom.Run(runs / name)
    asked = {"seed": 3} if name in ("gan", "student") else {"seed": 3, "steps": 3, "guidance": 2}
    way, grid = run.between(1, 5, 4, **asked).astype(int), run.sample(6, **asked)
    assert way.shape == (4, *grid.shape[1:])
    assert abs(way[[0, -1]] - grid[[1, 5]]).max() <= 1
    assert len({picture.tobytes() for picture in way}) == 4


def test_classes_stand_for_their_first_pictures(source, runs, command, tmp_path):
    run = inkbloom.Run(runs / "classes")
    run.family.spec = type(run.spec)(run.recipe, 1, (8, 8), ("cat", "dog", "10"))
    assert (run.between("cat", "dog") == run.between(0, 1)).all()
    assert (run.between("dog", "cat", label=["dog", "cat"]) == run.between(0, 1, label=[1, 0])).all()
    with pytest.raises(UsageError, match="between = 'cat': --label leaves out this class"):
        run.between("cat", "dog", label="dog")
    with pytest.raises(UsageError, match="unknown class 'cow'"):
        run.between("cow", "dog")


def noise_between(run, shares):
    """What the network sees first on the way from picture 0 to picture 1: (B, C, H, W)."""
    seen = []
    run.family._denoiser = lambda net, y, guidance: lambda x, t: seen.append(x) or x
    how = {"steps": 1, "spacing": "uniform", "solver": "euler"}
    run.family.between(Draw(0, np.array([0, 1])), torch.tensor([0, 0]), shares, **how)
    return seen[0]


def test_noise_on_the_way_is_noise_of_its_kind(runs):
    """Gaussian noise keeps its size, where a straight line would lose it; of uniform noise every number is one of the two."""
    shares = torch.linspace(0, 1, 5)
    noise = noise_between(inkbloom.Run(runs / "classes"), shares)
    assert (noise.std((1, 2, 3)) - 1).abs().max() < 0.25
    assert torch.lerp(noise[0], noise[-1], 0.5).std() < 0.8 * noise[2].std()
    noise = noise_between(inkbloom.Run(runs / "colour"), shares)
    assert ((noise == noise[0]) | (noise == noise[-1])).all()
    assert ((noise == noise[-1]).float().mean((1, 2, 3)) - shares).abs().max() < 0.1


def test_between_says_where_it_goes(runs, command, tmp_path):
    ended = command("sample", runs / "classes", "--between", 0, 4, "--out", tmp_path, "-n", 3)
    assert ended.out.endswith(f"between: {tmp_path}/between.png\n")
    with Image.open(tmp_path / "between.png") as row:
        assert row.size == (9 * 17 + 1, 17 + 1)


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        (
            "ddpm",
            ("--between", 0, 1),
            "between with ancestral: its new noise in each step would hide the way; use --solver euler",
        ),
        ("classes", ("--between", 0, -1), "between = -1: must lie in [0, 10000000]"),
        ("classes", ("--between", "cat", 1), "unknown class 'cat': known: 0, 1, 2"),
        ("classes", ("--between", "0.5", 1), "unknown class '0.5'"),
        ("classes", ("--between", 0, 1, "--from", "photo.png", "--at", 0.5), "between with --from"),
    ],
)
def test_ways_that_lead_nowhere(name, flags, said, photo, runs, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command("sample", runs / name, "--out", "out", *flags)
    assert ended.code == 2
    assert said in ended.error
    assert not (tmp_path / "out").exists()


# ---- one setting varied


def test_a_strip_holds_the_pictures_of_each_value(runs):
    run = inkbloom.Run(runs / "classes")
    strip = run.strip("guidance", [0, 2.5], 4, seed=2, steps=2)
    assert strip.shape == (2, 4, 8, 8, 1)
    for row, guidance in zip(strip, (0, 2.5), strict=True):
        assert (row == run.sample(4, seed=2, steps=2, guidance=guidance)).all()
    assert (run.strip("guidance", 2.5, 4, seed=2, steps=2) == strip[1:]).all()
    with pytest.raises(UsageError, match="a strip needs one value or more"):
        run.strip("guidance", [])
    assert len(run.strip("solver", count=1, steps=2)) == 4
    colour = inkbloom.Run(runs / "colour")
    assert [request.solver for request in colour.strip_requests("solver")] == ["euler", "heun", "dpmpp_2m"]
    assert [request.spacing for request in colour.strip_requests("spacing")] == ["uniform", "shifted"]


def test_variations_of_a_picture(photo, runs):
    run = inkbloom.Run(runs / "classes")
    strip = run.strip("at", [0.02, 0.9], 3, start=photo[0])
    assert (strip[1] == run.sample(3, start=(photo[0], 0.9))).all()
    assert (strip[0] != strip[1]).any()


@pytest.mark.parametrize(
    ("flags", "rows", "told"),
    [
        (("solver", "--steps", 2), 4, "4 rows of 3 pictures from the same noise, each with its own solver"),
        (("guidance=0,1.5", "--steps", 2), 2, "2 rows of 3 pictures from the same noise, each with its own guidance"),
        (("steps=1,2,3",), 3, "3 rows of 3 pictures from the same noise, each with its own number of steps"),
        (("at=.1,.9", "--from", "photo.png"), 3, "2 rows of 3 pictures from the same noise, each with its own noise level"),
        (("redraws=1,2", "--from", "photo.png", "--mask", "mask.png"), 3, "2 rows of 3 pictures"),
    ],
)
def test_a_strip_is_a_sheet_with_names_beside_its_rows(flags, rows, told, photo, runs, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command("sample", runs / "classes", "--out", "out", "-n", 3, "--strip", *flags)
    assert ended.out.startswith(told)
    assert ended.out.endswith("\nstrip: out/strip.png\n")
    with Image.open(tmp_path / "out/strip.png") as sheet:
        assert sheet.height == rows * 17 + 1
        assert sheet.width > 3 * 17 + 1 + 20
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["strip.png"]


def test_the_json_of_a_strip_says_how_each_row_was_drawn(photo, runs, command, tmp_path):
    picture, mask = photo
    flags = ("--from", picture, "--mask", mask, "--strip", "redraws=1,3", "--solver", "euler", "-n", 2)
    assert command("sample", runs / "classes", *flags, "--out", tmp_path, "--json", tmp_path / "told.json").code == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["files"] == {"strip": str(tmp_path / "strip.png")}
    assert [(row["count"], row["steps"], row["at"], row["redraws"]) for row in told["rows"]] == [(2, 4, 1, 1), (2, 4, 1, 3)]
    assert [row["nfe"] for row in told["rows"]] == [4, 10]


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        (
            "classes",
            ("solvers",),
            "unknown strip 'solvers': did you mean 'solver'? known: solver, spacing, steps, guidance, at",
        ),
        ("classes", ("guidance=0,much",), "strip = 'guidance=0,much': needs guidance= and numbers with commas between them"),
        ("classes", ("guidance=",), "strip = 'guidance='"),
        ("classes", ("steps=0",), "steps = 0: must lie in [1, 10000]"),
        ("classes", ("solver=eulr",), "unknown solver 'eulr': did you mean 'euler'?"),
        ("classes", ("guidance", "--guidance", 2), "strip = 'guidance' and guidance itself both set: leave out --guidance"),
        ("classes", ("at",), "give it with --from FILE, without --at"),
        ("classes", ("at", "--from", "photo.png", "--at", 0.5), "give it with --from FILE, without --at"),
        ("classes", ("redraws",), "redraws without a mask"),
        ("classes", ("solver", "--pngs"), "strip with pngs: a strip takes the place of the pictures; leave out --pngs"),
        ("classes", ("solver", "--between", 0, 1), "leave out --between"),
        ("colour", ("solver=ancestral",), "ancestral with uniform noise"),
        ("gan", ("guidance",), "strip with a gan: the way to its pictures is fixed; leave out --strip"),
        ("student", ("steps",), "strip with a few-step model: the way to its pictures is fixed; leave out --strip"),
    ],
)
def test_strips_that_make_no_sense(name, flags, said, photo, runs, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command("sample", runs / name, "--out", "out", "--strip", *flags)
    assert ended.code == 2
    assert said in ended.error
    assert len(ended.error) <= 200
    assert not (tmp_path / "out").exists()
