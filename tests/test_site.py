"""The website: whole, offline, readable by everybody, and made of what is stored."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import make_site
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import FLAGS
from bs4 import BeautifulSoup
from playwright.sync_api import Page, sync_playwright

BARRIERS = ["wcag2a", "wcag2aa"]
LESSON = "notebooks/06_fine_tuning.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert make_site.make(folder) == 0, "Sphinx complains, see above"
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[str, BeautifulSoup]:
    own = [path for path in site.rglob("*.html") if path.name not in ("search.html", "genindex.html")]
    own = [path for path in own if "_static" not in path.parts]
    assert len(own) >= 3 * 14
    return {path.relative_to(site).as_posix(): BeautifulSoup(path.read_text(), "html.parser") for path in own}


def test_there_is_a_page_for_each_notebook_and_page(pages):
    for notebook in make_site.NOTEBOOKS.rglob("[0-9]*.ipynb"):
        assert notebook.relative_to(make_site.ROOT).with_suffix(".html").as_posix() in pages
    assert {"index.html", "glossary.html", "cheat_sheet.html", "messages.html", "TEACHING.html"} <= pages.keys()


def test_links_lead_somewhere_and_nothing_is_fetched_from_elsewhere(site, pages):
    anchors = {page: {tag["id"] for tag in soup.find_all(id=True)} for page, soup in pages.items()}
    for page, soup in pages.items():
        for tag in soup.find_all(["script", "img", "link", "source", "iframe"]):
            target = tag.get("src") or tag.get("href")
            if target and tag.get("rel") not in (["canonical"],):
                assert not urlparse(target).netloc, f"{page} fetches {target}"
        for tag in soup.find("article").find_all(["a", "img"]):
            target = urlparse(tag.get("href") or tag.get("src") or "")
            if target.scheme or (target.path == "" and target.fragment == ""):
                continue
            path = (site / page).parent / unquote(target.path) if target.path else site / page
            assert path.exists(), f"{page}: {tag}"
            key = path.resolve().relative_to(site).as_posix()
            if target.fragment and key in anchors:
                assert unquote(target.fragment) in anchors[key], f"{page}: {tag}"


def test_each_page_has_one_title_headings_in_order_and_pictures_with_texts(pages):
    for page, soup in pages.items():
        levels = [int(tag.name[1]) for tag in soup.find("article").find_all(re.compile("^h[1-6]$"))]
        assert levels.count(1) == 1 and levels[0] == 1, f"{page}: {levels}"
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"{page}: {levels}"
        for picture in soup.find("article").find_all("img"):
            alt = picture.get("alt", "")
            assert len(re.findall(r"\w+", alt)) >= 3 and "_images/" not in alt, f"{page}: {picture}"
        assert "last verified with torch" in soup.get_text(), page


def test_no_markdown_is_left_raw_and_formulas_are_drawn(pages):
    for page, soup in pages.items():
        for tag in soup.find("article").find_all(["pre", "code"]):
            tag.extract()
        text = soup.find("article").get_text()
        raw = re.findall(r"^#+ .*|\*\*\w+\*\*|\]\(\w[^)]*\)|\$\$?[\\\w]+[^$\n]*\$", text, re.MULTILINE)
        assert not raw, f"{page}: {raw[:3]}"
    assert pages[LESSON].find("math")


def test_what_one_downloads_is_the_notebook_of_the_course(site):
    for notebook in make_site.NOTEBOOKS.rglob("[0-9]*.ipynb"):
        assert (site / "_sources" / notebook.relative_to(make_site.ROOT)).read_bytes() == notebook.read_bytes()


def test_glossary_summaries_and_messages_are_those_of_the_lessons(pages):
    glossary = pages["glossary.html"].find("article")
    terms = [tag.get_text().strip("# \n") for tag in glossary.find_all("dt")]
    assert len(terms) >= 150 and {"confusion matrix", "receptive field", "learning rate"} <= set(terms)
    assert all(tag.find("a") for tag in glossary.find_all("dd")), "a term does not say where it comes from"
    sheet = pages["cheat_sheet.html"].find("article")
    assert len(sheet.find_all("h2")) == len(list(make_site.NOTEBOOKS.glob("[0-9]*.ipynb")))
    assert len(pages["messages.html"].find_all("tr")) > 50


def test_with_an_address_files_of_the_repository_are_linked(monkeypatch):
    text = "see [train.py](../course_utils/train.py), [here](#A-heading) and [06](06_fine_tuning.ipynb#The-leak!)"
    published = {"notebooks/06_fine_tuning.ipynb"}
    page = "notebooks/10_from_notebook_to_script.ipynb"
    monkeypatch.setenv("COURSE_REPOSITORY", "https://example.org/owner/name")
    linked = make_site.relink(text, page, published | {page})
    assert "[train.py](https://example.org/owner/name/blob/main/course_utils/train.py)" in linked
    assert "[here](#a-heading)" in linked and "[06](06_fine_tuning.ipynb#the-leak)" in linked
    monkeypatch.setenv("COURSE_REPOSITORY", "")
    monkeypatch.setattr(make_site, "published_at", lambda: "")
    assert "see train.py, [here]" in make_site.relink(text, page, published | {page})


def test_with_an_address_a_notebook_says_where_else_it_opens(monkeypatch):
    monkeypatch.setenv("COURSE_REPOSITORY", "https://github.com/owner/name")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")])
    text = make_site.page_of(notebook, LESSON.replace("html", "ipynb"), set()).cells[0].source
    assert text.startswith("# Title\n\n") and text.count("](https://") == 4 and "[Kaggle](" in text


def test_a_date_is_named_where_the_stored_versions_were_tried(monkeypatch):
    tried = [{"date": "2026-11-27", "versions": {"torch": "2.15.0+cpu"}}]
    tried += [{"date": "2026-11-28", "versions": {"torch": "2.16.0"}}]
    monkeypatch.setattr(make_site, "made_with", lambda: {"torch": "2.15.0"})
    monkeypatch.setattr(make_site, "without_failure", lambda: tried)
    assert make_site.verified().endswith("was last verified with torch 2.15.0 on 2026-11-27.")
    monkeypatch.setattr(make_site, "without_failure", list)
    assert make_site.verified().endswith("was last verified with torch 2.15.0.")


def test_a_figure_brings_its_text_along():
    output = nbformat.v4.new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": "Two bars"}})
    cell = nbformat.v4.new_code_cell("plt.show()", outputs=[output], metadata={"jupyter": {"source_hidden": True}})
    shown = make_site.page_of(nbformat.v4.new_notebook(cells=[cell]), "notebooks/x.ipynb", set()).cells[0].metadata
    assert shown["mystnb"]["image"]["alt"] == "Two bars" and shown["tags"] == ["hide-input"]


@pytest.fixture(scope="module")
def page(site, chromium_path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


@pytest.mark.parametrize("name", ["index", "notebooks/00_start_here", "notebooks/exercises/03_mnist_mlp"])
def test_nobody_is_shut_out_by_light_or_dark(name, site, page):
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"file://{site / name}.html")
        page.wait_for_timeout(500)  # colours fade from one theme to the other
        found = Axe().run(page, options={"runOnly": BARRIERS}).response["violations"]
        serious = [
            (rule["id"], rule["nodes"][0]["html"][:200]) for rule in found if rule["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{name}, {theme}: {serious}"


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_runs_out_of_the_window(width, site, page):
    page.set_viewport_size({"width": width, "height": 800})
    for name in (LESSON, "notebooks/12_text_classification_lstm.html", "index.html"):
        page.goto(f"file://{site / name}")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, f"{name} at {width} px"
    page.set_viewport_size({"width": 1280, "height": 900})


def test_search_theme_and_folds_work(site, page):
    page.goto(f"file://{site / 'search.html'}?q=receptive+field")
    page.locator("#search-results li a").first.wait_for(timeout=20_000)
    assert "convolutional" in page.locator("#search-results").inner_text().lower()
    page.goto(f"file://{site / LESSON}")
    for theme in ("dark", "light"):
        page.locator("button.theme-switch-button:visible").first.click()
        page.locator(f"button.theme-change-button[data-mode={theme}]:visible").first.click()
        assert page.evaluate("() => document.documentElement.dataset.theme") == theme
    answer = page.locator("article details").first
    assert answer.get_attribute("open") is None
    answer.locator("summary").first.click()
    assert answer.get_attribute("open") is not None
