"""The stored notebooks are what they claim to be: built from the committed source, executed, whole, in shape."""

import re
import statistics
from pathlib import Path
from urllib.parse import unquote

import build
import nbformat
import proofs
import pytest

ROOT = Path(__file__).resolve().parents[1]

LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
STUBS = sorted((ROOT / "notebooks" / "exercises").glob("*.ipynb"))
FORBIDDEN = {
    r"^\s*(?!%%writefile )[!%]": "a shell escape or magic, and no file that the cell holds",
    r"[\"'](?!/(health|predict|size|nowhere|helth)\b)(/|[A-Za-z]:\\)\w": "an absolute path, and no route of lesson 13",
    r"filterwarnings\([\"']ignore": "warnings switched off",
    # what is opened to read its head says so: with Image.open(…) as opened, opened = Image.open(…), Image.open(…).size
    r"(?<!opened = )(?<!with )Image\.open\([^)]*\)++(?!\.convert\(\"RGB\"\)|\.size)": "Image.open without convert",
}
name = lambda path: path.relative_to(ROOT / "notebooks").as_posix()  # noqa: E731
executed = pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=name)
every_notebook = pytest.mark.parametrize("path", LESSONS + SOLUTIONS + STUBS, ids=name)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=name)


def read(path):
    return nbformat.read(path, 4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_one_notebook_per_source_and_no_other():
    wanted = {path for source in build.sources() for path in build.targets(source)}
    assert set(LESSONS + SOLUTIONS + STUBS) == {path.resolve() for path in wanted}


@pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_built_from_what_is_committed(source):
    written = build.read_source(source)
    for path, wanted in zip(build.targets(source), build.published(source, written), strict=True):
        stored = [(cell.cell_type, cell.source) for cell in read(path).cells]
        assert stored == [(cell.cell_type, cell.source) for cell in wanted.cells], f"{name(path)}: run make notebooks"
    assert build.is_current(source), "source, helpers, data or constraints have changed since: run make notebooks"


@every_notebook
def test_valid(path):
    nbformat.validate(read(path))


@executed
def test_executed_in_order_without_errors(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs, "no outputs are stored"
    for cell in cells:  # an error is shown where the text is about it, and nowhere else
        shown = [output.output_type for output in cell.outputs].count("error")
        assert shown == ("raises-exception" in cell.metadata.get("tags", [])), cell.source
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@executed
def test_whatever_varies_has_a_proof(path):
    for cell in code_cells(path):
        if build.VARIES in cell.metadata.get("tags", []):
            assert proofs.TAG in cell.metadata, f"a cell whose output may vary needs a proof:\n{cell.source}"


@executed
def test_the_proof_is_off_the_page(path):
    """What is proven is no wall of verdicts: what teaches is shown as a number."""
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    text = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    verdicts = re.findall(r"^.*(?<![=\w])(?:True|False)[\])]*$", "\n".join(text), re.MULTILINE)
    assert len(verdicts) <= 3, "\n".join(verdicts)


def test_no_claim_is_true_by_the_profile_alone():
    for source in sorted((ROOT / "lessons").rglob("[0-9]*.py")):
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"\bfull or |not sample or |\bif full else", line), f"{source.name}:{number}: {line}"


@pytest.mark.parametrize("path", STUBS, ids=name)
def test_stub_gives_nothing_away(path):
    for cell in code_cells(path):
        assert cell.execution_count is None and not cell.outputs
        assert "SOLUTION" not in cell.source
        assert not {"wrong", "right"} & set(cell.metadata.get("tags", []))
        assert proofs.TAG not in cell.metadata


@every_notebook
def test_links_resolve_and_images_have_alt_texts(path):
    text = prose(path)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|#", target):
            file, _, heading = unquote(target).partition("#")
            assert (path.parent / file).resolve().is_file(), f"{target} leads nowhere"
            if heading and file.endswith(".md"):
                page = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", (path.parent / file).read_text(encoding="utf-8"))
                headings = re.findall(r"^#+ (.+)$", page, re.M)
                assert heading in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], target
    assert not re.search(r"!\[\s*\]\(|<img (?![^>]*alt=\"[^\"]+\")", text), "an image without alt text"


@every_notebook
def test_code_is_fit_to_be_copied(path):
    for cell in code_cells(path):
        for pattern, what in FORBIDDEN.items():
            assert not re.search(pattern, cell.source, re.M), f"{what}:\n{cell.source}"


@every_lesson
def test_shape_of_a_lesson(path):
    cells, text = read(path).cells, prose(path)
    title = cells[0].source
    assert re.match(rf"# {path.name[:2]} · \w", title)
    assert "**Time** about" in title and "**Before this**" in title and "**You will learn to**" in title
    verbs = title.partition("**You will learn to**")[2].count("\n- ")
    assert 3 <= verbs <= 6, f"{verbs} things to learn"
    number = "" if path.name.startswith("00") else f', lesson="{path.name[:2]}"'
    assert f"course = setup(seed=0{number})" in "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert text.count("**Check yourself.**") == text.count("<summary>Answer</summary>") >= 2
    assert text.count("<details>") == text.count("</details>")
    for part in ("> **Common mistake.**", "## Summary", "**Exercises**", "**Next**"):
        assert part in text, f"{part} is missing"
    summary = text.partition("## Summary")[2].partition("**Exercises**")[0]
    assert summary.count("\n- ") == 5, "the summary has five lines"


def way_on(path):
    """The link, with its title, to the lesson after `path`; after the last one to the map. From the lessons' folder."""
    number = [lesson.name for lesson in LESSONS].index(path.name) + 1
    if number == len(LESSONS):
        return "[map of the lessons](../README.md#the-lessons)"
    title = read(LESSONS[number]).cells[0].source.partition("\n")[0].removeprefix("# ")
    return f"[{title}]({LESSONS[number].name})"


@every_lesson
def test_a_lesson_ends_with_what_comes_next(path):
    summary, _, end = read(path).cells[-1].source.partition("**Exercises**")
    tasks, _, after = end.partition("**Next**")
    assert "## Summary" in summary
    assert f"[{path.name[:2]} exercises](exercises/{path.name})" in tasks or path.name.startswith("00")
    assert way_on(path) in after and after.count("](") == 1


@pytest.mark.parametrize("path", SOLUTIONS + STUBS, ids=name)
def test_an_exercise_ends_with_its_solutions_and_what_comes_next(path):
    end = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"][-1].rpartition("\n\n")[2]
    go = f"Done? [Compare with the solutions](../solutions/{path.name}), or go" if path in STUBS else "Go"
    target = re.search(r"\((.*)\)", way_on(path))[1]
    assert re.fullmatch(rf"{re.escape(go)} (on with|back to the)\n\[.*\]\({re.escape(f'../{target}')}\)\.", end), end


@every_lesson
def test_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert max(lengths) <= 25, "a cell is longer than a screen's half"
    assert statistics.median(lengths) <= 7


@every_lesson
def test_code_fits_the_width_of_a_page(path):
    for cell in code_cells(path):
        for line in cell.source.splitlines():
            assert len(line) <= 100, f"longer than 100 characters:\n{line}"


@every_lesson
def test_figures_are_titled(path):
    for cell in code_cells(path):
        if re.search(r"plt\.subplots|plt\.figure", cell.source):
            assert "title" in cell.source, f"a figure without a title:\n{cell.source}"
