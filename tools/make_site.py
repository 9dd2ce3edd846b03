"""Make the website from the stored notebooks and the pages; nothing is executed, nothing fetched.

    python tools/make_site.py             write it into _site/, to be opened there or put on any server

Sphinx with MyST-NB and the book theme does it (settings and style: tools/website/). Collected from the lessons are a
glossary, a cheat sheet of their summaries, and lesson 14's index of messages and symptoms. A link to a file that is no
page leads to the repository where its address is known (pyproject.toml, `[tool.course]`), and elsewhere is plain text.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import nbformat
from build import NOTEBOOKS, ROOT
from elsewhere import address as published_at, badges
from sphinx.cmd.build import build_main
from tables import PARTS, head, parts, without_failure
from website.pages import cheat_sheet, glossary, messages

from course_utils.basics.environment import made_with

SITE = ROOT / "_site"
SETTINGS = ROOT / "tools" / "website"
PAGES = {  # page of the repository -> page of the site
    "README.md": "index.md",
    **{name: name for name in ("TEACHING.md", "TEACHING_LESSONS.md", "CONTRIBUTING.md", "CHANGELOG.md")},
    **{f"{name}/README.md": f"{name}/README.md" for name in ("data", "data/photos", "data/weights", "benchmarks")},
}
FENCE = re.compile(r"^(`{3,}).*?^\1`*$", re.MULTILINE | re.DOTALL)
FOLDS = {"hide-input": "source_hidden", "hide-output": "outputs_hidden"}
COLLECTED = {"cheat_sheet": cheat_sheet, "glossary": glossary, "messages": messages}
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)|^(\[[^\]]+\]): (\S+)$", re.MULTILINE)


def relink(text: str, page: str, published: set[str]) -> str:
    """The Markdown of `page` (its path in the repository) with links that lead somewhere on the site.

    Args:
        published: paths in the repository of all pages and files that the site has.
    """

    def lead(found: re.Match[str]) -> str:
        target = found[2] or found[4]
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or found[0].startswith("!"):
            return found[0]
        lies = os.path.normpath(PurePosixPath(page).parent / unquote(path)) if path else page
        anchor = re.sub(r"[^\w\- ]", "", unquote(anchor).lower())  # JupyterLab keeps capitals, the site has GitHub's
        if lies in published:
            own = os.path.relpath(PAGES.get(lies, lies), PurePosixPath(PAGES.get(page, page)).parent) if path else ""
            target = own.replace(os.sep, "/") + f"#{anchor}" * bool(anchor)
        elif address := published_at():
            target = f"{address}/blob/main/{lies}"
        else:
            return found[1][1:-1] if found[1] else ""
        return f"{found[1]}({target})" if found[1] else f"{found[3]}: {target}"

    whole, end = [], 0
    for fence in FENCE.finditer(text):
        whole += [LINK.sub(lead, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*whole, LINK.sub(lead, text[end:])])


def page_of(notebook: nbformat.NotebookNode, page: str, published: set[str]) -> nbformat.NotebookNode:
    """A notebook as MyST-NB shows it: what is folded stays folded, figures have their alternative texts."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(cell.source, page, published)
            continue
        folded = cell.metadata.get("jupyter", {})
        cell.metadata["tags"] = [tag for tag, name in FOLDS.items() if folded.get(name)]
        texts = [output.metadata.get("image/png", {}).get("alt") for output in cell.outputs if "metadata" in output]
        if any(texts):
            alt = ". ".join(text.rstrip(".") for text in texts if text)
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
    if elsewhere := badges(page):
        notebook.cells[0].source += f"\n\nWithout installing anything: {elsewhere}"
    return notebook


def contents() -> str:
    """The site's tables of contents: the parts of the course, exercises, what one looks up, solutions, the project."""
    trees: dict[str, list[str]] = {}
    for first, lessons in parts().items():
        trees[PARTS[first][0]] = [f"{head(lesson)[0]} <notebooks/{lesson.stem}>" for lesson in lessons]
    for name in ("exercises", "solutions"):
        paths = sorted((NOTEBOOKS / name).glob("*.ipynb"))
        trees[name.title()] = [f"{path.name[:2]} {name} <notebooks/{name}/{path.stem}>" for path in paths]
    trees["Look up"] = list(COLLECTED)
    trees["The project"] = [page.removesuffix(".md") for page in PAGES.values() if page != "index.md"]
    order = [*(name for name, _ in PARTS.values()), "Exercises", "Look up", "Solutions", "The project"]
    lines = []
    for caption in order:
        lines += ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *trees[caption], "```"]
    return "\n".join(lines) + "\n"


def assemble(folder: Path) -> None:
    """Write what Sphinx reads: the pages at their places in the repository, with links that lead somewhere."""
    notebooks = sorted(NOTEBOOKS.rglob("[0-9]*.ipynb"))
    figures = [path for path in sorted((NOTEBOOKS / "figures").iterdir()) if path.is_file()]
    names = {path.relative_to(ROOT).as_posix() for path in [*notebooks, *figures]}
    published = names | set(PAGES)
    for path in figures:
        (folder / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(ROOT))
    for path in notebooks:
        page = path.relative_to(ROOT).as_posix()
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(page_of(nbformat.read(path, 4), page, published), folder / page)
    for page, target in PAGES.items():
        text = relink((ROOT / page).read_text(encoding="utf-8"), page, published)
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_text(text + contents() * (page == "README.md"), encoding="utf-8")
    lessons = [path for path in notebooks if path.parent == NOTEBOOKS]
    for name, make in COLLECTED.items():
        (folder / f"{name}.md").write_text(relink(make(lessons), f"{name}.md", published), encoding="utf-8")
    (folder / "site.json").write_text(
        json.dumps({"repository": published_at(), "verified": verified()}), encoding="utf-8"
    )
    shutil.copytree(SETTINGS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "pages.py"))


def verified() -> str:
    """With which torch the outputs were made, and when `make range` ran all notebooks with it, if it did."""
    torch = made_with()["torch"]
    dates = [one["date"] for one in without_failure() if one["versions"]["torch"].partition("+")[0] == torch]
    when = f" on {max(dates)}" if dates else ""
    return f"Every cell on these pages was last verified with torch {torch}{when}."


def make(output: Path) -> int:
    """Write the site into `output`; returns Sphinx's exit status: 0 if it had nothing to complain of."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "source")
        assemble(source)
        status = build_main(
            ["-q", "-W", "--keep-going", "-j", "auto", "-d", f"{name}/doctrees", str(source), str(output)]
        )
    for path in NOTEBOOKS.rglob("[0-9]*.ipynb"):  # what one downloads is the course's notebook, not the page's copy
        shutil.copy(path, output / "_sources" / path.relative_to(ROOT))
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path, default=SITE, help="folder (default: _site)")
    wanted = parser.parse_args()
    shutil.rmtree(wanted.output, ignore_errors=True)
    status = make(wanted.output)
    print(f"{wanted.output / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
