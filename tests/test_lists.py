"""Checks of AnnotationDataset: names as people write them, every fault of a list with its line, and what is read."""

from pathlib import Path

import pytest
from pictures import noise

from course_utils.data import lists as annotations
from course_utils.data.images import LabelledImages
from course_utils.data.lists import AnnotationDataset

NAMES = ["a.png", "b.png", "red tulip.png", "two  spaces.png", "Blüte №5 花.png", "garden/deep inside/rose.png"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of six pictures with names of all kinds."""
    for number, name in enumerate(NAMES):
        path = tmp_path / "my images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(number).save(path)
    return tmp_path / "my images"


def read(root: Path, text: str | bytes, **options) -> AnnotationDataset:
    """The data set of a list with this content."""
    path = root.parent / "list of labels.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return AnnotationDataset(root, path, **options)


def problems(root: Path, text: str | bytes, **options) -> list[str]:
    """The lines of the refusal, less the first, which names the file."""
    with pytest.raises(ValueError) as caught:
        read(root, text, **options)
    first, *lines = str(caught.value).split("\n")
    noun = "problem" if len(lines) == 1 else "problems"
    assert first == f"{root.parent / 'list of labels.txt'} has {len(lines)} {noun}. Mend the lines or take them out:"
    return [line.strip() for line in lines]


# -- what is read -----------------------------------------------------------------------------------------------------


def test_samples_and_labels_are_in_the_order_of_the_file(root: Path) -> None:
    dataset = read(root, "b.png 2\na.png 0\nred tulip.png 2\n")
    assert isinstance(dataset, LabelledImages) and len(dataset) == 3
    assert dataset.samples == [(root / "b.png", 2), (root / "a.png", 0), (root / "red tulip.png", 2)]
    assert dataset.targets == [2, 0, 2] == [label for _, label in dataset]
    assert [image.tobytes() for image, _ in dataset] == [noise(number).tobytes() for number in (1, 0, 2)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("between", [" ", "   ", "\t", " \t "], ids=["space", "spaces", "tab", "both"])
def test_any_name_is_told_from_its_label(name: str, between: str, root: Path) -> None:
    dataset = read(root, f"{name}{between}7\n")
    assert dataset.samples == [(root / name, 7)]
    assert dataset[0][0].tobytes() == noise(NAMES.index(name)).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"a.png 0\nb.png 1\n",
        b"a.png 0\nb.png 1",
        b"a.png 0\r\nb.png 1\r\n",
        b"\xef\xbb\xbfa.png 0\nb.png 1\n",
        b"\xef\xbb\xbfa.png 0\r\nb.png 1\r\n",
        b"\n\n  \na.png 0\n\t\n\r\nb.png 1\n\n",
        b"# name label\na.png 0\n#b.png 5\n  # and now a bee\nb.png 1\n",
        b"\xef\xbb\xbf# name label\na.png 0\nb.png 1\n",
        b"  a.png 0  \n\tb.png 1\t\n",
        b"./a.png 0\n././b.png 01\n",
    ],
    ids=["plain", "no end", "Windows", "mark", "both", "blanks", "comments", "mark and comment", "indented", "dots"],
)
def test_ways_of_writing_the_same_list(content: bytes, root: Path) -> None:
    assert read(root, content).samples == [(root / "a.png", 0), (root / "b.png", 1)]


def test_classes_are_numbers_up_to_the_largest_label_unless_they_are_given(root: Path) -> None:
    text = "a.png 3\nb.png 1\n"
    assert read(root, text).classes == ["0", "1", "2", "3"]
    dataset = read(root, text, classes=("rose", "tulip", "poppy", "aster", "crocus"))
    assert dataset.classes == ["rose", "tulip", "poppy", "aster", "crocus"]
    assert dataset.class_to_idx["aster"] == 3 == dataset[0][1]


def test_the_transform_gets_the_rgb_image(root: Path) -> None:
    assert read(root, "a.png 4\n", transform=lambda image: (image.mode, image.size))[0] == (("RGB", (8, 6)), 4)


def test_folder_and_list_may_be_given_as_text(root: Path) -> None:
    (root.parent / "list.txt").write_text("a.png 0\n")
    dataset = AnnotationDataset(str(root), str(root.parent / "list.txt"))
    assert dataset.samples == [(root / "a.png", 0)]
    assert (dataset.root, dataset.annotations) == (root, root.parent / "list.txt")


def test_digits_of_other_scripts_are_the_numbers_they_mean(root: Path) -> None:
    assert read(root, "a.png ٣\n").targets == [3]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["-1", "1.5", "1.0", "+1", "²", "1²", "Ⅳ", "½", "1_0", "0x1", "1e3", "rose", "1,"])
def test_labels_that_are_no_whole_numbers_are_refused(label: str, root: Path) -> None:
    expected = [f"line 2: the label {label!r} of 'red tulip.png' is not a whole number from 0 on"]
    assert problems(root, f"a.png 0\nred tulip.png {label}\n") == expected


def test_labels_out_of_range_are_refused_where_classes_are_given(root: Path) -> None:
    text = "a.png 1\nb.png 2\nred tulip.png 30\n"
    assert read(root, text).targets == [1, 2, 30]
    assert problems(root, text, classes=["rose", "tulip"]) == [
        "line 2: the label 2 of 'b.png' is out of range, 0 to 1",
        "line 3: the label 30 of 'red tulip.png' is out of range, 0 to 1",
    ]


def test_a_comment_that_names_an_image_is_refused_and_a_path_is_the_way_to_write_it(root: Path) -> None:
    noise(9).save(root / "#1.png")
    assert problems(root, "#1.png 0\na.png 1\n# 2.png 0\n") == [
        "line 1: a comment, or the image '#1.png'? For the image write ./#1.png 0"
    ]
    assert read(root, "./#1.png 0\n#2.png 0\n").samples == [(root / "#1.png", 0)]


@pytest.mark.parametrize("line", ["a.png", "3", "garden/rose.png"])
def test_a_line_without_a_label_is_refused(line: str, root: Path) -> None:
    assert problems(root, f"\n{line}\n") == [f"line 2: '{line}' has no label; it should read: name, space, label"]


def test_a_name_with_a_space_and_no_label_is_refused(root: Path) -> None:
    found = problems(root, "red tulip.png\n")
    assert any("'tulip.png' of 'red' is not a whole number" in problem for problem in found)


def test_images_that_do_not_exist_are_refused_with_the_place_they_should_be_in(root: Path) -> None:
    assert problems(root, "a.png 0\nno such rose.png 1\ngarden 1\n") == [
        f"line 2: there is no file {root / 'no such rose.png'}",
        f"line 3: there is no file {root / 'garden'}",
    ]


def test_a_line_far_too_long_for_a_file_name_is_refused_like_any_other(root: Path) -> None:
    # such as a whole JSON file on one line, given by mistake
    (problem,) = problems(root, f"a.png 0\n{'x' * 300} 1\n")
    assert problem.startswith("line 2: ")


@pytest.mark.parametrize("again", ["a.png 0", "a.png 1", "./a.png 0", "././a.png\t0"])
def test_an_image_listed_twice_is_refused_with_both_lines(again: str, root: Path) -> None:
    name = again.split()[0]
    assert problems(root, f"# flowers\na.png 0\nb.png 1\n{again}\n") == [
        f"line 4: {name!r} is listed already, in line 2"
    ]


def test_a_third_time_names_the_first(root: Path) -> None:
    assert problems(root, "a.png 0\na.png 0\na.png 0\n") == [
        "line 2: 'a.png' is listed already, in line 1",
        "line 3: 'a.png' is listed already, in line 1",
    ]


def test_all_problems_are_named_at_once_in_the_order_of_the_lines(root: Path) -> None:
    text = "# flowers\r\n\r\na.png 0\r\nb.png\r\nnowhere.png 9\r\na.png rose\r\n\r\nred tulip.png -1\r\nb.png 2\r\n"
    assert problems(root, text, classes=["rose", "tulip"]) == [
        "line 4: 'b.png' has no label; it should read: name, space, label",
        f"line 5: there is no file {root / 'nowhere.png'}",
        "line 5: the label 9 of 'nowhere.png' is out of range, 0 to 1",
        "line 6: 'a.png' is listed already, in line 3",
        "line 6: the label 'rose' of 'a.png' is not a whole number from 0 on",
        "line 8: the label '-1' of 'red tulip.png' is not a whole number from 0 on",
        "line 9: the label 2 of 'b.png' is out of range, 0 to 1",
    ]


@pytest.mark.parametrize("more", [0, 1, 60])
def test_of_very_many_problems_the_first_are_named_and_the_rest_counted(more: int, root: Path) -> None:
    count = annotations.LISTED + more
    with pytest.raises(ValueError, match=f"has {count} problems") as caught:
        read(root, "".join(f"picture {number}.png 0\n" for number in range(1, count + 1)))
    _, *lines = str(caught.value).split("\n")
    expected = [f"line {n}: there is no file {root / f'picture {n}.png'}" for n in range(1, annotations.LISTED + 1)]
    assert [line.strip() for line in lines] == expected + [f"… and {more} more"] * bool(more)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a.png 0\nBlüte.png 1\n".encode("latin-1"), 2),
        ("a.png 0\r\n\r\nb.png 1\r\nBlüte.png 1\r\n".encode("cp1252"), 4),
        (b"\xff", 1),
        ("a.png 0\n".encode("utf-16"), 1),
        (b"\xef\xbb\xbfa.png 0\nb.png 1\n\xe4hre.png 1\n", 3),  # the mark counts as three bytes of line 1
    ],
    ids=["Latin 1", "Windows", "nothing else", "UTF-16", "mark, and then Latin 1"],
)
def test_a_list_that_is_not_utf_8_is_refused_with_the_line(content: bytes, line: int, root: Path) -> None:
    with pytest.raises(ValueError, match=f"labels.txt, line {line}, is not UTF-8 text. Save the file as UTF-8"):
        read(root, content)


@pytest.mark.parametrize("content", ["", "\n\r\n  \n", "# nothing yet\n", "\ufeff"])
def test_a_list_of_nothing_is_refused(content: str, root: Path) -> None:
    with pytest.raises(ValueError, match="labels.txt lists no images. Each line should read: name, space, label"):
        read(root, content)


def test_a_missing_list_and_a_missing_folder_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no annotation file .*nowhere.txt"):
        AnnotationDataset(root, tmp_path / "nowhere.txt")
    with pytest.raises(FileNotFoundError, match="There is no annotation file .*my images"):
        AnnotationDataset(root, root)
    (tmp_path / "list.txt").write_text("a.png 0\n")
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere, in which the images of .*list.txt"):
        AnnotationDataset(tmp_path / "nowhere", tmp_path / "list.txt")


def test_a_broken_image_is_named_when_it_is_read(root: Path) -> None:
    (root / "red tulip.png").write_bytes(b"<html>404 not found</html>")
    dataset = read(root, "a.png 0\nred tulip.png 1\n")
    assert dataset[0][1] == 0
    with pytest.raises(ValueError, match="red tulip.png cannot be read as an image"):
        dataset[1]
