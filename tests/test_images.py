"""Checks of load_rgb and LabelledImages: odd, broken and missing images, and what a data set promises."""

import errno
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pictures import ODD_NOTES, flat, noise, with_odd_notes
from PIL import Image, ImageOps
from torch.utils.data import DataLoader

from course_utils import FolderDataset, eval_transform, load_rgb
from course_utils.data.images import LabelledImages, to_rgb

# -- load_rgb ---------------------------------------------------------------------------------------------------------


def palette(colour: tuple[int, int, int]) -> Image.Image:
    image = flat("P", 1)
    image.putpalette([9, 9, 9, *colour])
    return image


def grey_16_bit(value: int) -> Image.Image:
    return Image.fromarray(np.full((16, 16), value, dtype=np.uint16))


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (flat("RGB", (10, 200, 30)), "rgb.png", (10, 200, 30)),
        (flat("RGB", (10, 200, 30)), "rgb.jpg", (10, 200, 30)),
        (flat("L", 77), "grey.png", (77, 77, 77)),
        (flat("L", 77), "grey.jpg", (77, 77, 77)),
        (flat("1", 1), "black and white.png", (255, 255, 255)),
        (palette((10, 200, 30)), "palette.png", (10, 200, 30)),
        (palette((10, 200, 30)), "palette.gif", (10, 200, 30)),
        (flat("RGBA", (10, 200, 30, 255)), "opaque.png", (10, 200, 30)),
        (flat("RGBA", (10, 200, 30, 0)), "transparent.png", (255, 255, 255)),
        (flat("RGBA", (0, 100, 200, 51)), "a fifth.png", (204, 224, 244)),  # 0.2 * colour + 0.8 * 255
        (flat("RGBA", (0, 100, 200, 51)), "a fifth.webp", (204, 224, 244)),
        (flat("LA", (0, 51)), "grey with alpha.png", (204, 204, 204)),
        (flat("CMYK", (0, 255, 255, 0)), "cmyk red.jpg", (255, 0, 0)),
        (flat("CMYK", (255, 0, 0, 0)), "cmyk cyan.tif", (0, 255, 255)),
        (flat("CMYK", (0, 0, 0, 155)), "cmyk grey.tif", (100, 100, 100)),
        (grey_16_bit(0), "16 bit black.png", (0, 0, 0)),
        (grey_16_bit(100 * 256 + 255), "16 bit grey.png", (100, 100, 100)),
        (grey_16_bit(65535), "16 bit white.tif", (255, 255, 255)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_mode_loads_as_rgb_with_the_right_colours(
    image: Image.Image, name: str, expected: tuple[int, int, int], tmp_path: Path
) -> None:
    image.save(tmp_path / name)
    loaded = load_rgb(tmp_path / name)
    assert (loaded.mode, loaded.size) == ("RGB", (16, 16))
    tolerance = 3 if name.endswith(("jpg", "webp")) else 1
    np.testing.assert_allclose(np.asarray(loaded, dtype=int), np.broadcast_to(expected, (16, 16, 3)), atol=tolerance)


def test_a_palette_with_a_transparent_colour_shows_it_white(tmp_path: Path) -> None:
    palette((10, 200, 30)).save(tmp_path / "image.png", transparency=1)
    assert load_rgb(tmp_path / "image.png").getpixel((3, 3)) == (255, 255, 255)


def test_a_png_of_16_bits_a_channel_loads_in_its_colours(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = b"\0" + struct.pack(">HHH", 10 * 256, 200 * 256, 30 * 256) * 2  # Pillow cannot write this kind
    header, data = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0), zlib.compress(row * 2)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (tmp_path / "image.png").write_bytes(content)
    assert load_rgb(tmp_path / "image.png").getcolors() == [(4, (10, 200, 30))]


def test_the_rotation_mark_of_a_camera_is_obeyed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn the picture clockwise
    image = flat("RGB", (255, 255, 255)).resize((32, 16))
    image.paste((0, 0, 0), (0, 0, 16, 16))  # left half black
    image.save(tmp_path / "image.jpg", exif=exif)
    loaded = np.asarray(load_rgb(tmp_path / "image.jpg"), dtype=int)
    assert loaded.shape == (32, 16, 3) and loaded[:12].max() < 20 and loaded[-12:].min() > 235


@pytest.mark.parametrize("mark", [None, 1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_every_mark_turns_as_pillow_turns_and_only_once(mark: int | None, ending: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    if mark:
        exif[0x0112] = mark
    noise(0, 24, 32).save(tmp_path / f"image.{ending}", exif=exif)
    with Image.open(tmp_path / f"image.{ending}") as opened:
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    loaded = load_rgb(tmp_path / f"image.{ending}")
    assert loaded.size == expected.size and loaded.tobytes() == expected.tobytes() == to_rgb(loaded).tobytes()


@pytest.mark.parametrize("note", list(ODD_NOTES))
def test_an_odd_note_of_a_camera_does_not_make_a_picture_unreadable(note: str, tmp_path: Path) -> None:
    picture = flat("RGB", (255, 255, 255)).resize((32, 16))
    picture.paste((0, 0, 0), (0, 0, 16, 16))
    (tmp_path / "image.jpg").write_bytes(with_odd_notes(picture, note))
    loaded = np.asarray(load_rgb(tmp_path / "image.jpg"), dtype=int)
    assert loaded.shape == (32, 16, 3) and loaded[:12].max() < 20 and loaded[-12:].min() > 235


def test_notes_that_are_no_notes_do_not_make_a_picture_unreadable(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "image.jpg", exif=b"Exif\0\0" + b"no notes at all")
    assert load_rgb(tmp_path / "image.jpg").size == (8, 6)


def test_a_grey_png_of_16_bits_with_a_transparent_value_shows_it_white(tmp_path: Path) -> None:
    image = grey_16_bit(100 * 256)
    image.putpixel((3, 3), 200 * 256)
    image.save(tmp_path / "image.png", transparency=100 * 256)
    loaded = load_rgb(tmp_path / "image.png")
    assert (loaded.getpixel((0, 0)), loaded.getpixel((3, 3))) == ((255, 255, 255), (200, 200, 200))


RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (RAMP.astype(np.float32), "32-bit numbers, and nothing says which one is white: scale them"),
        ((RAMP * 65535).astype(np.float32), "32-bit numbers"),
        ((RAMP * 255).astype(np.int32), "32-bit numbers"),
        ((RAMP * 1_000_000).astype(np.int32), "32-bit numbers"),
        (
            (RAMP * 4095).astype(np.uint16),
            "reach 4095 of 65535, all but black: if they hold 12 bits or fewer, scale them",
        ),
    ],
    ids=["float to 1", "float to 65535", "int to 255", "int to a million", "12 bits of 16"],
)
def test_numbers_of_which_nothing_says_how_bright_they_are_are_refused(values, message: str, tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "image.tif")
    with pytest.raises(ValueError, match=f"image.tif cannot be read as an image .*{message}"):
        load_rgb(tmp_path / "image.tif")


def test_the_range_of_a_pgm_is_known(tmp_path: Path) -> None:
    (tmp_path / "image.pgm").write_bytes(b"P5 3 1 4095\n" + struct.pack(">HHH", 0, 2048, 4095))
    assert np.asarray(load_rgb(tmp_path / "image.pgm"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("size", [(101, 2), (1, 51)])
def test_a_picture_too_narrow_to_be_resized_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size).save(tmp_path / "image.png")
    with pytest.raises(ValueError, match=f"image.png .*{size[0]} x {size[1]} pixels are too narrow, cut something out"):
        load_rgb(tmp_path / "image.png")
    Image.new("RGB", (100, 2)).save(tmp_path / "image.png")
    assert load_rgb(tmp_path / "image.png").size == (100, 2)


def test_a_damaged_avif_is_named_whatever_byte_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"  # named by someone who did not know better
    flat("RGB", (10, 200, 30)).save(file, "AVIF")
    whole, refused = file.read_bytes(), 0
    for position in range(len(whole)):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
        try:
            load_rgb(file)
        except ValueError as error:
            assert str(error).startswith(f"{file} cannot be read as an image")
            refused += 1
    assert refused > 50


BROKEN = {
    "zero bytes.jpg": lambda whole: b"",
    "half.jpg": lambda whole: whole["JPEG"][: len(whole["JPEG"]) // 2],
    "half.png": lambda whole: whole["PNG"][: len(whole["PNG"]) // 2],
    "half.gif": lambda whole: whole["GIF"][: len(whole["GIF"]) // 2],
    "header only.jpg": lambda whole: whole["JPEG"][:20],
    "corrupt.png": lambda whole: whole["PNG"][:60] + b"\xff" * 40 + whole["PNG"][100:],
    "text.jpg": lambda whole: b"<html>404 not found</html>",
    # claims to be 65,535 pixels high and wide
    "huge.bmp": lambda whole: whole["BMP"][:18] + b"\xff\xff\0\0\xff\xff\0\0" + whole["BMP"][26:],
}


@pytest.fixture(params=list(BROKEN))
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that no program can show, in a place whose name holds a space."""
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        noise(0, 40, 40).save(tmp_path / f"whole.{kind}", kind)
    whole = {kind: (tmp_path / f"whole.{kind}").read_bytes() for kind in ("JPEG", "PNG", "GIF", "BMP")}
    (tmp_path / "my images").mkdir()
    path = tmp_path / "my images" / request.param
    path.write_bytes(BROKEN[request.param](whole))
    return path


def test_a_broken_image_is_named_with_its_path_and_kept(broken: Path) -> None:
    before = broken.read_bytes()
    with pytest.raises(ValueError, match="cannot be read as an image") as caught:
        load_rgb(broken)
    assert str(broken) in str(caught.value)
    assert broken.read_bytes() == before


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        load_rgb(tmp_path / "nowhere.png")


def test_what_the_system_refuses_is_not_called_a_broken_image(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OSError, match="folder.png") as caught:
        load_rgb(tmp_path / "folder.png")
    assert caught.value.errno and "Replace" not in str(caught.value)


def test_a_failing_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(image: Image.Image) -> None:
        raise OSError(errno.EIO, "Input/output error")

    noise(0).save(tmp_path / "image.png")
    monkeypatch.setattr(Image.Image, "getexif", lambda image: {})
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", read)
    with pytest.raises(OSError, match="Input/output error.*image.png") as caught:
        load_rgb(tmp_path / "image.png")
    assert caught.value.errno == errno.EIO


# -- LabelledImages ---------------------------------------------------------------------------------------------------


@pytest.fixture
def samples(tmp_path: Path) -> list[tuple[Path, int]]:
    """Five pictures of several sizes with the labels 1, 0, 2, 1, 0."""
    found = []
    for number, label in enumerate([1, 0, 2, 1, 0]):
        noise(number, 6 + number, 8).save(tmp_path / f"{number}.png")
        found.append((tmp_path / f"{number}.png", label))
    return found


def test_labelled_images_have_what_a_data_set_promises(samples: list) -> None:
    dataset = LabelledImages(samples, ["ant", "bee", "wasp"])
    assert len(dataset) == 5 and dataset.samples == samples and dataset.targets == [1, 0, 2, 1, 0]
    assert dataset.classes == ["ant", "bee", "wasp"]
    assert dataset.class_to_idx == {"ant": 0, "bee": 1, "wasp": 2}
    assert [(image.mode, image.size, label) for image, label in dataset] == [
        ("RGB", (8, 6 + number), label) for number, (_, label) in enumerate(samples)
    ]


def test_labelled_images_are_counted_from_the_end_too_and_do_end(samples: list) -> None:
    dataset = LabelledImages(samples, ["ant", "bee", "wasp"])
    assert dataset[-1][0].tobytes() == dataset[4][0].tobytes() and dataset[-3][1] == 2
    with pytest.raises(IndexError):
        dataset[5]


@pytest.mark.parametrize("kind", [np.array, pd.Index], ids=["numpy", "pandas"])
def test_class_names_may_be_an_array(kind, samples: list) -> None:
    dataset = LabelledImages(samples, kind(["ant", "bee", "wasp"]))
    assert dataset.classes == ["ant", "bee", "wasp"] and {type(name) for name in dataset.classes} == {str}


def test_two_classes_of_the_same_name_are_refused(samples: list) -> None:
    with pytest.raises(ValueError, match="More than one class is named 'bee'. Give each its own name"):
        LabelledImages(samples, ["bee", "ant", "bee"])


def test_labelled_images_keep_lists_of_their_own(samples: list) -> None:
    classes = ("ant", "bee", "wasp")
    dataset = LabelledImages(samples, classes)
    samples.clear()
    assert len(dataset) == 5 and dataset[4][1] == 0 and dataset.classes == ["ant", "bee", "wasp"]


def test_the_transform_of_labelled_images_may_be_set_later(samples: list) -> None:
    dataset = LabelledImages(samples, ["ant", "bee", "wasp"], transform=lambda image: image.size)
    assert dataset[1] == ((8, 7), 0)
    dataset.transform = lambda image: image.mode
    assert dataset[1] == ("RGB", 0)


def test_labelled_images_make_batches(samples: list) -> None:
    dataset = LabelledImages(samples, ["ant", "bee", "wasp"], eval_transform(16))
    images, labels = next(iter(DataLoader(dataset, batch_size=5)))
    assert (images.shape, images.dtype) == ((5, 3, 16, 16), torch.float32)
    assert (labels.tolist(), labels.dtype) == ([1, 0, 2, 1, 0], torch.int64)


def test_a_folder_data_set_is_one_of_labelled_images() -> None:
    assert issubclass(FolderDataset, LabelledImages)
