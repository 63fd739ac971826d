import io
import os
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image, ImageFile

from inkbloom.data import load_data, picture
from inkbloom.data.find import find
from inkbloom.data.folder import load_folder, scan, suggested_side, survey
from inkbloom.data.picture import Broken, Picture, in_colour, read_picture
from inkbloom.errors import DataError

RNG = np.random.default_rng(0)


def grey(seed=0, height=10, width=12):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8))


def colour(seed=0, height=10, width=12):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(path, size=None):
    read = read_picture(path, size)
    assert isinstance(read, Picture), read
    return read.pixels


def reason(path):
    read = read_picture(path)
    assert isinstance(read, Broken), read
    assert read.path == path
    assert len(read.reason) <= 60
    assert read.reason.isprintable()
    return read.reason


@pytest.fixture
def folder(tmp_path):
    """Five grey pictures of 12 x 10 pixels."""
    for number in range(5):
        grey(number).save(tmp_path / f"{number}.png")
    return tmp_path


# --- finding ------------------------------------------------------------------------------------------------------------


def test_finds_pictures_by_any_suffix_in_any_case_in_sorted_order(tmp_path):
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    names = ["b/deep/z.JPG", "b/a.jpeg", "a.PnG", "c.webp", "d.gif", "e.TIFF", "f.bmp", "g.ppm"]
    others = ["notes.txt", "x.h5", "clip.mpg", "doc.pdf", "drawing.eps", "README", ".hidden.png", ".hidden/x.png", "._a.png"]
    for name in names + others:
        (tmp_path / name).write_bytes(b"x")
    found = find(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in found.files] == sorted(names)
    assert found.ignored == {".txt": 1, ".h5": 1, ".mpg": 1, ".pdf": 1, ".eps": 1, "README": 1}


def test_folders_that_hold_nothing(tmp_path, refused):
    assert "no such folder" in refused(find, tmp_path / "none")
    (tmp_path / "file.png").write_bytes(encoded(grey(), "PNG"))
    assert "a file, not a folder" in refused(find, tmp_path / "file.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no images" in refused(find, empty)
    (empty / "IMG_1.HEIC").write_bytes(b"x")
    assert "only 1 .heic" in refused(find, empty)


@pytest.mark.timeout(20)
def test_links_and_pipes(folder, tmp_path):
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "link.png").symlink_to(folder / "0.png")
    (folder / "device.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    items = list(scan(survey(folder)))
    broken = {item.path.name: item.reason for item in items if isinstance(item, Broken)}
    assert broken == dict.fromkeys(("device.png", "gone.png", "pipe.png", "self.png"), "a dangling link, or not a file")
    assert [item.path.name for item in items if isinstance(item, Picture)] == [*(f"{n}.png" for n in range(5)), "link.png"]


def test_a_sub_folder_that_cannot_be_opened_is_named(folder, monkeypatch):
    (folder / "closed").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    broken = [item for item in scan(survey(folder)) if isinstance(item, Broken)]
    assert [(item.path.name, item.reason) for item in broken] == [("closed", "folder: Permission denied")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file, so permission bits show nothing here")
def test_an_unreadable_file(folder):
    (folder / "0.png").chmod(0)
    assert reason(folder / "0.png") == "Permission denied"


def test_an_unreadable_file_simulated(folder, monkeypatch):
    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", denied)
    assert reason(folder / "0.png") == "Permission denied"


# --- decoding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA", "GIF", "WEBP"])
def test_lossless_formats_whatever_the_suffix(tmp_path, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(grey(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    read = pixels(path)
    assert np.array_equal(read if read.ndim == 2 else read[..., 0], np.asarray(grey()))


def test_exif_turn(tmp_path):
    path = tmp_path / "x.png"
    image = Image.fromarray(np.arange(10 * 20, dtype=np.uint8).reshape(10, 20))
    turns = {1: 0, 3: 2, 6: 3, 8: 1}  # orientation -> quarter turns to the left
    for orientation, quarters in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, exif=exif)
        read = read_picture(path)
        assert np.array_equal(read.pixels, np.rot90(np.asarray(image), quarters))
        assert read.original == read.pixels.shape


def test_transparency_lies_on_white(tmp_path):
    path = tmp_path / "x.png"
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4, 3], rgba[:, 4:, 3] = 0, 128
    rgba[..., 0] = 100
    Image.fromarray(rgba).save(path)
    read = pixels(path)
    assert read[0, 0].tolist() == [255, 255, 255]
    assert np.abs(read[0, 7].astype(int) - [177, 127, 127]).max() <= 1
    Image.fromarray(rgba[..., [0, 3]], "LA").save(path)
    assert np.abs(pixels(path)[0, [0, 7], 0].astype(int) - [255, 177]).max() <= 1
    Image.fromarray(rgba[..., 0]).save(path, transparency=100)
    assert pixels(path).min() == 255


def test_palettes(tmp_path):
    path = tmp_path / "x.png"
    image = Image.new("P", (8, 8), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    image.save(path)
    read = pixels(path)
    assert read[0, 0].tolist() == [10, 20, 30]
    assert read[7, 7].tolist() == [200, 100, 50]
    image.save(path, transparency=0)
    assert pixels(path)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_greys_are_scaled_not_clipped(tmp_path, kind):
    path = tmp_path / "x.png"
    values = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    path.write_bytes(encoded(Image.fromarray(values), kind))
    read = pixels(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, np.round(values / 257).astype(np.uint8))


def test_16_bit_greys_are_turned_and_resized_too(tmp_path):
    path = tmp_path / "x.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((20, 40), 50_000, np.uint16)).save(path, exif=exif)
    assert read_picture(path).original == (40, 20)
    assert np.array_equal(pixels(path, (8, 8)), np.full((8, 8), 195, np.uint8))


def test_pixels_of_unknown_range_are_refused(tmp_path):
    path = tmp_path / "x.tif"
    for values in (np.full((9, 9), 7, np.int32), np.full((9, 9), 0.5, np.float32)):
        Image.fromarray(values).save(path)
        assert "32 bits a pixel" in reason(path)


def test_cmyk_and_single_bits(tmp_path):
    path = tmp_path / "x.tif"
    Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(path)
    assert pixels(path)[4, 4].tolist() == [255, 0, 0]
    Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(path, "JPEG", quality=95)
    assert np.abs(pixels(path)[4, 4].astype(int) - [255, 0, 0]).max() < 12
    Image.new("1", (9, 9), 1).save(path)
    assert np.array_equal(pixels(path), np.full((9, 9), 255))


def test_the_first_frame_of_a_film(tmp_path):
    path = tmp_path / "x.gif"
    Image.new("L", (9, 9), 200).save(path, save_all=True, append_images=[Image.new("L", (9, 9), 10)])
    assert np.unique(pixels(path)).tolist() == [200]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"not a picture at all", "not a picture that Pillow knows"),
        (encoded(colour(), "PNG")[:-100], "truncated"),
        (encoded(colour(height=99, width=99), "JPEG")[:-200], "truncated"),
        (encoded(colour(), "PNG")[:60] + b"\0\0" + encoded(colour(), "PNG")[62:], ""),
        (encoded(colour(), "GIF")[:-200], ""),
        (encoded(colour(), "BMP")[:-50], "truncated"),
    ],
)
def test_broken_files(tmp_path, content, words):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    assert words in reason(path)


def png(width: int, height: int) -> bytes:
    """A whole black PNG of one bit a pixel, its rows compressed piece by piece: a few kilobytes whatever its size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(squeeze.compress(row * 500) for _ in range(height // 500)) + squeeze.compress(row * (height % 500))
    header = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body + squeeze.flush()) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [60_000, 10_000, 8_001])  # beyond Pillow's error, its warning, and our own limit only
def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch, side):
    def load(self):
        raise AssertionError("decoded")

    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side))
    assert path.stat().st_size < 2**19
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert "over 64 megapixels" in reason(path)
    (tmp_path / "fine.png").write_bytes(png(20, 20))
    assert reason(tmp_path / "fine.png") == "decoded"  # the trap works


def test_the_limit_refuses_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(png(8000, 1000))
    assert pixels(path, (8, 8)).shape == (8, 8)
    monkeypatch.setattr(picture, "MOST_PIXELS", 7_999_999)
    assert "8000 x 1000 is over" in reason(path)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"


def test_no_file_starts_another_program(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **kwargs: started.append(args))
    path = tmp_path / "x.png"
    path.write_bytes(EPS)
    assert reason(path) == "not a picture that Pillow knows"
    assert not started
    picture.formats.cache_clear()
    monkeypatch.setattr(picture, "REFUSED", set())
    read_picture(path)
    picture.formats.cache_clear()
    assert started  # it would start where EPS is not refused


SEEDS = [
    encoded(colour(), "PNG"),
    encoded(colour(), "JPEG"),
    encoded(colour(), "GIF"),
    encoded(colour(), "TIFF", compression="tiff_lzw"),
    encoded(grey(), "BMP"),
    encoded(colour(), "WEBP"),
    encoded(colour(), "TGA"),
    encoded(colour(), "ICO"),
]


@settings(deadline=None)
@given(st.data())
def test_mutated_pictures_never_crash(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    assert isinstance(read_picture(path, (8, 8)), Picture | Broken)


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([seed[:24] for seed in SEEDS] + [b"P6\n", b"#define x_width 9\n", b"/* XPM */", b""]),
)
def test_random_bytes_never_crash(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    path.write_bytes(start + content)
    assert isinstance(read_picture(path, (8, 8)), Picture | Broken)


# --- grey or colour -----------------------------------------------------------------------------------------------------


def test_grey_is_what_looks_grey(tmp_path):
    noise = RNG.normal(0, 3, (64, 64, 3))
    scan_of_paper = Image.fromarray(
        (np.linspace(30, 220, 64)[:, None, None] + noise + [4, 0, -4]).clip(0, 255).astype(np.uint8)
    )
    scan_of_paper.save(tmp_path / "scan.jpg", quality=40)
    tinted = pixels(tmp_path / "scan.jpg")
    assert np.ptp(tinted, axis=2).min() > 0  # no pixel is quite grey
    assert not in_colour(tinted)
    data = load_folder(tmp_path)
    assert data.channels == 1
    assert any("read as grey: no picture shows colour" in note for note in data.notes)
    expected = np.asarray(Image.open(tmp_path / "scan.jpg").convert("L"))
    assert np.array_equal(data.images[0, 0], expected)


def test_one_coloured_picture_makes_the_set_coloured(tmp_path):
    grey(0, 16, 16).save(tmp_path / "a.png")
    dotted = np.full((16, 16, 3), 90, np.uint8)
    dotted[3, 4] = [200, 90, 90]
    Image.fromarray(dotted).save(tmp_path / "b.png")
    data = load_folder(tmp_path)
    assert data.images.shape == (2, 3, 16, 16)
    assert np.array_equal(data.images[1].permute(1, 2, 0), dotted)
    assert np.array_equal(data.images[0], np.stack([np.asarray(grey(0, 16, 16))] * 3))
    assert any("1 of 2 pictures show colour" in note for note in data.notes)


# --- classes ------------------------------------------------------------------------------------------------------------


def make(folder, *names):
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        grey(seed).save(folder / name)
    return folder


def test_sub_folders_are_classes(tmp_path):
    make(tmp_path, "dog/1.png", "cat/2.png", "cat/deep/3.png", "Ant/4.png")
    data = load_folder(tmp_path)
    assert data.classes == ("Ant", "cat", "dog")
    assert data.labels.tolist() == [0, 1, 1, 2]
    assert np.array_equal(data.images[3, 0], np.asarray(grey(0)))


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("only/1.png", "only/sub/2.png"), ("only/a/1.png", "only/b/2.png")])
def test_no_classes(tmp_path, names):
    data = load_folder(make(tmp_path, *names))
    assert data.labels is None
    assert data.classes == ()
    assert not any("class" in note.replace("the classes 'a', 'b'", "") for note in data.notes)


def test_images_beside_the_class_folders_are_told(tmp_path):
    data = load_folder(make(tmp_path, "cat/1.png", "dog/2.png", "3.png"))
    assert data.labels is None
    assert any("1 images lie beside the sub-folders" in note for note in data.notes)


def test_class_names_can_be_printed(tmp_path):
    make(tmp_path, "猫/1.png", "a\nb/1.png")
    os.makedirs(os.fsencode(tmp_path) + b"/\xff\xfe")
    (tmp_path / "a\nb/1.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe/1.png"))
    grey().save(tmp_path / "a\nb/1.png")
    data = load_folder(tmp_path)
    assert data.classes == ("??", "a?b", "猫")
    "".join(data.classes).encode()


# --- the source ---------------------------------------------------------------------------------------------------------


def test_a_folder_as_a_source(folder):
    data = load_data(f"folder:{folder}")
    assert data.images.shape == (5, 1, 10, 12)
    for number in range(5):
        assert np.array_equal(data.images[number, 0], np.asarray(grey(number)))
    assert data.source == f"folder:{folder}"
    assert sum(len(index) for index in data.slices.values()) == 5


def test_broken_files_stop_or_are_skipped_and_told(folder, refused):
    (folder / "1.png").write_bytes(b"")
    (folder / "3.png").write_bytes(b"junk")
    message = refused(load_data, f"folder:{folder}")
    for words in ("2 of 5 files", "1.png: empty file", "inkbloom inspect", "--skip-broken"):
        assert words in message
    data = load_data(f"folder:{folder}", skip_broken=True)
    assert len(data.images) == 3
    assert np.array_equal(data.images[1, 0], np.asarray(grey(2)))
    assert any("left out 2 files" in note and "1.png" in note for note in data.notes)
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert "5 of 5 files" in refused(load_folder, folder, None, True)


def test_sizes_that_differ(folder, refused):
    grey(9, 40, 33).save(folder / "9.png")
    message = refused(load_data, f"folder:{folder}")
    for words in ("12 x 10", "33 x 40", "--size 16"):
        assert words in message
    data = load_data(f"folder:{folder}", (16, 16))
    assert data.images.shape == (6, 1, 16, 16)


def test_large_pictures_need_a_size(tmp_path, refused):
    grey(0, 257, 64).save(tmp_path / "a.png")
    message = refused(load_folder, tmp_path)
    assert "64 x 257" in message
    assert "--size 64" in message
    assert load_folder(tmp_path, (64, 64)).size == (64, 64)
    grey(0, 256, 256).save(tmp_path / "a.png")
    assert load_folder(tmp_path).size == (256, 256)


def test_small_pictures_are_refused(tmp_path, refused):
    grey(0, 7, 30).save(tmp_path / "a.png")
    assert "--size" in refused(load_data, f"folder:{tmp_path}")


def test_long_and_strange_names_stay_one_line(tmp_path, refused):
    for number in range(2):
        (tmp_path / f"{'long' * 50}{number}\n\x1b[31m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 30)
    refused(load_folder, tmp_path)
    grey(0).save(tmp_path / f"{'a' * 200}.png")
    grey(0, 30, 30).save(tmp_path / f"{'b' * 200}.png")
    refused(load_folder, tmp_path)


def test_pictures_are_decoded_one_by_one(tmp_path, monkeypatch):
    for number in range(4):
        grey(number, 40, 40).save(tmp_path / f"{number}.png")
    alive: list[int] = []
    real: Callable = picture.fit
    monkeypatch.setattr(picture, "fit", lambda image, size: alive.append(image.width) or real(image, size))
    items = scan(survey(tmp_path), (8, 8))
    assert next(items).pixels.shape == (8, 8)
    assert alive == [40]  # the second is not touched before it is asked for


@pytest.mark.parametrize(("sizes", "side"), [([(300, 200)], 64), ([(64, 64), (40, 500)], 32), ([(20, 20)], 16), ([(9, 9)], 16)])
def test_suggested_sizes(sizes, side):
    assert suggested_side(sizes) == side


def test_errors_are_data_errors(refused):
    assert DataError.code == 3
