"""What is decided by looking at a whole set: the background of transparent pictures, the white of 16-bit ones."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom.config import Recipe, differences, parse_background
from inkbloom.data import load_data
from inkbloom.data.folder import load_folder
from inkbloom.data.look import Look, lost
from inkbloom.data.own_picture import own_picture
from inkbloom.errors import UsageError
from inkbloom.recipe_files import load_recipe, recipe_of


def shape(path, colour, mode="RGBA", side=16):
    """A disc of one colour with nothing around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, 255 * (rows**2 + columns**2 < (side / 3) ** 2)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(8, method=Image.Quantize.FASTOCTREE)
    image.convert(mode).save(path)
    return path


def corner(data, number=0):
    return data.images[number, :, 0, 0].tolist()


# --- the background -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
@pytest.mark.parametrize(
    ("colour", "background"),
    [
        ((255, 255, 255), "black"),
        ((0, 0, 0), "white"),
        ((230, 240, 250), "black"),
        ((20, 20, 30), "white"),
        ((90, 90, 90), "white"),
    ],
)
def test_the_background_is_the_one_that_hides_less(tmp_path, mode, colour, background):
    for number in range(3):
        shape(tmp_path / f"{number}.png", colour, mode, 16)
    data = load_folder(tmp_path)
    assert data.background == background
    assert set(corner(data)) == {255 if background == "white" else 0}
    assert any(f"transparent pictures are laid on {background}: white would hide" in note for note in data.notes)


def test_all_pictures_lie_on_the_same(tmp_path):
    for number in range(9):
        shape(tmp_path / f"{number}.png", (250, 250, 250) if number % 3 else (5, 5, 5))
    data = load_folder(tmp_path)
    assert data.background == "black"
    assert all(corner(data, number) == [0] for number in range(9))
    assert "white would hide 67% of what they show, black 33%" in " ".join(data.notes)


def test_shares_are_those_of_what_is_seen(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:2] = [255, 255, 255, 255]
    pixels[2:4] = [255, 255, 255, 100]  # fainter, so it counts for less
    pixels[4:6] = [200, 0, 0, 255]
    assert lost(Image.fromarray(pixels)) == pytest.approx((355 / 610, 0))
    assert lost(Image.new("RGBA", (8, 8))) is None


@pytest.mark.parametrize(
    ("asked", "values"), [("white", [255] * 3), ("black", [0] * 3), ("#ff8000", [255, 128, 0]), ("FF8000", [255, 128, 0])]
)
def test_a_background_may_be_chosen(tmp_path, asked, values):
    shape(tmp_path / "0.png", (200, 0, 0))
    data = load_data(f"folder:{tmp_path}", background=asked)
    assert corner(data) == values
    assert any(note.startswith("transparent pictures are laid on") and "hide" not in note for note in data.notes)


@pytest.mark.parametrize("wrong", ["", "red", "#fff", "#gggggg", "#ff80001", "ﬀ0000"])
def test_a_wrong_background_is_one_line(wrong):
    for call in (
        parse_background,
        lambda it: load_data("digits", background=it),
        lambda it: Recipe(steps=1).resolved(background=it),
    ):
        with pytest.raises(UsageError, match=r"background = .*: write auto, white, black or '#rrggbb'"):
            call(wrong)


def test_opaque_pictures_decide_nothing_and_are_as_they_were(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "0.png")
    data = load_folder(tmp_path)
    assert data.background == ""
    assert np.array_equal(data.images[0].permute(1, 2, 0), pixels[..., :3])
    assert not any("transparent" in note for note in data.notes)


def test_a_grey_of_16_bits_that_is_called_transparent(tmp_path):
    values = np.full((8, 8), 60_000, np.uint16)
    values[0] = 7
    Image.fromarray(values).save(tmp_path / "0.png", transparency=7)
    assert corner(load_folder(tmp_path, background="white")) == [255]
    assert corner(load_folder(tmp_path, background="black")) == [0]


def test_one_of_ones_own_lies_on_the_models_background_or_where_it_is_seen(tmp_path):
    path = shape(tmp_path / "0.png", (255, 255, 255))
    for given in (path, Image.open(path), np.asarray(Image.open(path))):
        assert own_picture(given, 1, (16, 16))[0, 0, 0, 0] == 0
        assert own_picture(given, 1, (16, 16), "#808080")[0, 0, 0, 0] == 128
    assert own_picture(shape(tmp_path / "1.png", (0, 0, 0)), 1, (16, 16))[0, 0, 0, 0] == 255


# --- a run keeps what was decided ---------------------------------------------------------------------------------------

SMALL = {"steps": 2, "widths": (16,), "layers": 1, "batch_size": 8, "sample_steps": 2, "precision": "fp32", "compile": "off"}


def test_a_run_records_the_background_and_goes_on_with_it(tmp_path):
    for number in range(40):
        shape(tmp_path / "set" / f"{number}.png", (250 - number, 250, 250))
    recipe, source, out = Recipe(**SMALL), f"folder:{tmp_path}/set", tmp_path / "run"
    run = inkbloom.train(recipe, data=source, out=out, quiet=True)
    assert run.recipe.background == load_recipe(str(out / "config.toml")).background == "black"
    assert run.request(1, start=(shape(tmp_path / "own.png", (9, 9, 9)), 0.5)).start[0].max() < 10
    before = (out / "checkpoints/latest").read_bytes()
    inkbloom.train(recipe, data=source, out=out, quiet=True)  # the same command: already trained
    assert (out / "checkpoints/latest").read_bytes() == before
    with pytest.raises(UsageError, match="background: black -> white"):
        inkbloom.train(recipe, data=source, out=out, background="white", quiet=True)


def test_runs_of_older_versions_were_laid_on_white():
    old = {"data": "folder:x", "split": "train", "size": "", "pixels": "-1..1", "flip": False, "skip_broken": False, "steps": 5}
    assert recipe_of(old).background == "white"
    assert recipe_of({**old, "background": "auto"}).background == "auto"
    assert recipe_of({"data": "folder:x", "steps": 5}).background == "auto"  # a recipe that somebody wrote
    a, b = (Recipe(steps=1, background=text) for text in ("#FFFFFF", "white"))
    assert differences(a, b) == []


# --- 16 bits ------------------------------------------------------------------------------------------------------------


def save16(path, values):
    Image.fromarray(np.asarray(values, np.uint16)).save(path)


@pytest.mark.parametrize(("bits", "white"), [(1, 1), (8, 255), (10, 1023), (12, 4095), (13, 65535), (16, 65535)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_white_of_16_bits_is_that_of_the_set(tmp_path, bits, white, suffix):
    values = np.linspace(0, 2**bits - 1, 64).round().reshape(8, 8)
    save16(tmp_path / f"a.{suffix}", values)
    save16(tmp_path / f"b.{suffix}", values // 4)  # darker, and it stays so
    data = load_folder(tmp_path)
    for number, picture in enumerate((values, values // 4)):
        assert np.array_equal(data.images[number, 0], np.floor(picture * 255 / white + 0.5))
    assert any(f"fill {bits} bits only: {white:,} is white" in note for note in data.notes) == (bits <= 12)


def test_one_bright_picture_decides_for_all(tmp_path):
    for number in range(300):
        save16(tmp_path / f"{number:03}.png", np.full((8, 8), 4000 + number % 2))
    assert Look(sorted(tmp_path.iterdir())).white == 4095
    save16(tmp_path / "299.png", np.full((8, 8), 65_000))
    assert Look(sorted(tmp_path.iterdir())).white == 65_535


def test_8_bit_pictures_beside_are_as_they_were(tmp_path):
    save16(tmp_path / "a.png", np.arange(64).reshape(8, 8) * 60)
    plain = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(plain).save(tmp_path / "b.png")
    assert np.array_equal(load_folder(tmp_path).images[1, 0], plain)


def deep_png(values):
    """A PNG of 16-bit colour, which Pillow reads but does not write: (H, W, C), C = 3, with transparency 4, or 2 for grey."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_tiff(values, order, packed):
    """The same as a TIFF of one strip, big-endian '>' or little-endian '<', C = 3."""
    body = values.astype(f"{order}u2").tobytes()
    body = zlib.compress(body) if packed else body
    height, width, _ = values.shape
    tags = {256: width, 257: height, 258: 130, 259: 8 if packed else 1, 262: 2, 273: 136, 277: 3, 278: height, 279: len(body)}
    count = {258: 3}
    entries = b"".join(
        struct.pack(f"{order}2HI", tag, 3, count.get(tag, 1))
        + (struct.pack(f"{order}I", value) if tag == 258 else struct.pack(f"{order}2H", value, 0))
        for tag, value in tags.items()
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags)) + entries + b"\0" * 4
    return head.ljust(130, b"\0") + struct.pack(f"{order}3H", 16, 16, 16) + body


def test_colour_of_16_bits_that_fills_them_is_read_as_pillow_reads_it(tmp_path):
    values = np.arange(192).reshape(8, 8, 3) * 300 * [1, 1, -1] + [0, 0, 57_600]
    (tmp_path / "a.png").write_bytes(deep_png(values))
    (tmp_path / "b.png").write_bytes(deep_png(values // 16))  # dark beside a bright one, and it stays so
    data = load_folder(tmp_path)
    assert np.array_equal(data.images.permute(0, 2, 3, 1), np.stack([values >> 8, values // 16 >> 8]))
    assert not any("bits" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["rgb.png", "rgba.png", "la.png", "le.tif", "be.tif", "packed-le.tif", "packed-be.tif"])
def test_colour_of_12_bits_in_16_is_scaled_by_what_is_there(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 4096, (8, 8, 3))
    opaque = np.full((8, 8, 1), 65_535)
    given = {"rgba.png": np.concatenate([values, opaque], 2), "la.png": np.concatenate([values[..., :1], opaque], 2)}
    shows = values[..., :1] if kind == "la.png" else values
    body = given.get(kind, values)
    made = deep_png(body) if kind.endswith("png") else deep_tiff(body, "<" if "le" in kind else ">", "packed" in kind)
    (tmp_path / kind).write_bytes(made)
    data = load_folder(tmp_path)
    assert np.array_equal(data.images[0].permute(1, 2, 0), np.floor(shows * 255 / 4095 + 0.5))
    assert any("fill 12 bits only: 4,095 is white" in note for note in data.notes)


def test_transparency_of_12_bits_has_the_white_of_the_colours(tmp_path):
    values = np.full((8, 8, 4), 4095)
    values[:4] = 0  # transparent
    (tmp_path / "a.png").write_bytes(deep_png(values))
    upper, lower = load_folder(tmp_path, background="black").images[0, 0].split(4)
    assert upper.max() == 0
    assert lower.min() == 255


@pytest.mark.parametrize("deep", [False, True])
def test_a_torn_picture_of_16_bits_leaves_the_others_whole(tmp_path, deep):
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 4096, (32, 32, 3))
        path = tmp_path / f"{number}.png"
        path.write_bytes(deep_png(values)) if deep else save16(path, values[..., 0])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    data = load_folder(tmp_path, skip_broken=True)
    assert len(data.images) == 2
    assert data.images.max() >= 254
    assert [broken.path.name for broken in inkbloom.inspect(tmp_path).broken] == ["2.png"]


# --- one colour ---------------------------------------------------------------------------------------------------------


def test_a_set_of_one_colour_is_an_error_with_its_reason(tmp_path, refused):
    for number in range(3):
        shape(tmp_path / "white" / f"{number}.png", (255, 255, 255))
        Image.new("RGB", (8, 8), (0, 0, 200)).save(tmp_path / f"{number}.png")
    source = f"folder:{tmp_path}/white"
    message = refused(lambda: load_data(source, background="white"))
    assert "all 3 images are white throughout" in message
    assert "they are transparent, and lie on white; try --background black" in message
    assert load_data(source).background == "black"
    for path in (tmp_path / "white").iterdir():
        path.unlink()
    assert "all 3 images are #0000c8 throughout" in refused(load_data, f"folder:{tmp_path}")
    assert "want scaling" in refused(inkbloom.inspect, f"folder:{tmp_path}")
    assert "all 4 images are black throughout" in refused(inkbloom.images, np.zeros((4, 8, 8)))
    Image.new("RGB", (8, 8), (0, 0, 201)).save(tmp_path / "2.png")
    assert load_data(f"folder:{tmp_path}").channels == 3


def test_inspect_tells_what_was_decided_and_repeats_under_two_labels(tmp_path):
    for name in ("a/0.png", "a/1.png", "b/0.png"):
        shape(tmp_path / name, (250, 250, 250))
    shape(tmp_path / "b/1.png", (240, 240, 240))
    found = str(inkbloom.inspect(f"folder:{tmp_path}"))
    assert "duplicates: 2 images repeat an earlier one exactly, 1 of them under another label" in found
    assert "note: transparent pictures are laid on black: white would hide 100%" in found
    assert "laid on #112233" in str(inkbloom.inspect(f"folder:{tmp_path}", background="#112233"))
    assert torch.equal(inkbloom.inspect(f"folder:{tmp_path}").data.images, load_folder(tmp_path).images)
