"""A copy of the course that holds no solutions, for students."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
from build import NOTEBOOKS, ROOT
from teaching.course import ClassroomError, mark, needs_nbgrader, new_folder

COPIED = [
    ".gitattributes",
    ".gitignore",
    ".jupyter",
    "CITATION.cff",
    "LICENSE",
    "README.md",
    "benchmarks",
    "constraints.txt",
    "course_utils",
    "data",
    "notebooks",
    "pyproject.toml",
    "requirements.txt",
]
LEFT_OUT = shutil.ignore_patterns(
    "solutions", "__pycache__", ".ipynb_checkpoints", ".virtual_documents", "full", "runs", "my_pictures", "*.egg-info"
)
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FOLDER_NAMED = re.compile(r",? and the folder `solutions`[^.;]*|The\s+folder `solutions`[^.]*\.\s?")
READ_AS_TEXT = {".py", ".ipynb", ".md", ".txt", ".toml", ".json", ".html"}
SIGNS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS")
MAKEFILE = """# make lab: install the course and open it · make data: get the real data (optional)
# On Linux, `make lab TORCH=cpu` installs PyTorch without its GPU part and saves 5 GB.
"""


def student_copy(folder: Path) -> None:
    """Copy the course to `folder`, which must be empty or new, without solutions, sources, tests, tools and history.

    Exercises are as nbgrader hands them out: answers and checks cannot be deleted, checks not edited.

    Raises:
        ClassroomError: nbgrader is missing, the folder is not empty, or a solution would be found in the copy
    """
    needs_nbgrader()
    with new_folder(folder) as folder:
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("*.py", "__pycache__") if name == "benchmarks" else LEFT_OUT
                shutil.copytree(ROOT / name, folder / name, ignore=ignore)
            else:
                shutil.copyfile(ROOT / name, folder / name)
        (folder / "Makefile").write_text(_makefile(), encoding="utf-8")
        for path in sorted((folder / "notebooks" / "exercises").glob("*.ipynb")):
            _lock(path)
        unlink(folder)
        if found := solutions_in(folder):
            raise ClassroomError("the copy would hold solutions:\n" + "\n".join(found[:10]))
    print(f"A copy for students lies in {folder}. Pack it, or put it into a repository of its own.")


def _makefile() -> str:
    """The Makefile with what students can make."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = {rule.partition(":")[0]: rule for rule in text.split("\n\n")}
    variables = next(rule for name, rule in rules.items() if name.startswith("PYTHON ?="))
    kept = [rules[name] for name in ("lab", "data", ".venv/learner")]
    return "\n\n".join([MAKEFILE + "\n" + variables, *kept, ".PHONY: lab data\n"])


def _lock(path: Path) -> None:
    from nbgrader.preprocessors import ClearHiddenTests, LockCells

    notebook = nbformat.read(path, 4)
    notebook, _ = ClearHiddenTests().preprocess(notebook, {})
    notebook, _ = LockCells().preprocess(notebook, {})
    nbformat.write(notebook, path)


def unlink(folder: Path) -> None:
    """Take dead links out of all pages and notebooks below `folder`.

    A link to the solutions goes with its sentence, or with the half of it before ", or". Another becomes its words; in
    a row of links set apart by dots it goes altogether.
    """
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        path.write_text(without_dead_links(text, path.parent), encoding="utf-8")
    for path in sorted(folder.rglob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = without_dead_links("".join(cell["source"]), path.parent)
                cell["source"] = text.splitlines(keepends=True)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def without_dead_links(text: str, folder: Path) -> str:
    """A page's text, which lies in `folder`, without links to files that are not there."""

    def is_dead(address: str) -> bool:
        target = unquote(address.partition("#")[0])
        return bool(target) and not re.match(r"[a-z]+:", target) and not (folder / target).exists()

    def in_words(link: re.Match[str]) -> str:
        return link[1] if is_dead(link[2]) else link[0]

    def without_solutions(sentence: str) -> str:
        links = [link for link in LINK.finditer(sentence) if is_dead(link[2]) and "solutions" in link[2]]
        if not links:
            return sentence
        rest = re.sub(r"\A.*?\]\([^)]*\),\s+or\s+", "", sentence, flags=re.DOTALL)
        return rest[0].upper() + rest[1:] if rest != sentence else ""

    paragraphs = text.split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        paragraph = FOLDER_NAMED.sub("", paragraph)
        if any(is_dead(link[2]) for link in LINK.finditer(paragraph)):
            if paragraph.count(" ·") > 2:
                items = re.split(r" ·\s+", paragraph)
                items = [item for item in items if not any(is_dead(link[2]) for link in LINK.finditer(item))]
                paragraph = " ·\n".join(items)
            sentences = re.split(r"(?<=[.?!])(\s+)", paragraph)
            sentences[::2] = [without_solutions(sentence) for sentence in sentences[::2]]
            paragraph = LINK.sub(in_words, re.sub(r" +(?=\n|$)", "", "".join(sentences)))
        paragraphs[number] = paragraph
    return "\n\n".join(paragraphs)


def solutions_in(folder: Path, solutions: Path = NOTEBOOKS / "solutions") -> list[str]:
    """Where solutions can be read in a copy: in words, none if all is well.

    A solution is what stands between its two marks. Lessons and helpers may do the same as a solution, and hints may
    show a line of one; in the cells for the answers no line of it may stand.
    """
    pages = {path: _text(path) for path in sorted(folder.rglob("*")) if path.suffix in READ_AS_TEXT and path.is_file()}
    found = [f"{path}: {sign}" for path, text in pages.items() for sign in SIGNS if sign in text]
    for solved in sorted(solutions.glob("*.ipynb")):
        gaps = [_inside(cell.source) for cell in nbformat.read(solved, 4).cells if mark(cell).get("solution")]
        path = folder / "notebooks" / "exercises" / solved.name
        stub = nbformat.read(path, 4)
        found += [f"{path}: a whole solution" for gap in gaps if len(gap) > 25 and gap in pages[path]]
        answers = "\n".join(cell.source for cell in stub.cells if mark(cell).get("solution"))
        lines = [line.strip() for gap in gaps for line in gap.splitlines() if len(line.strip()) > 25]
        found += [f"{solved.name}: {line}" for line in lines if line in answers]
    return found


def _text(path: Path) -> str:
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    return path.read_text(encoding="utf-8")


def _inside(answer: str) -> str:
    return answer.partition(SIGNS[0])[2].partition("### END SOLUTION")[0].strip()
