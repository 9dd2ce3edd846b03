"""Open a notebook in real JupyterLab, as `make lab` configures it, in headless Chromium, and run all its cells.

    python tests/helpers/browser.py notebooks/01_data_loading_and_visualization.ipynb screenshot.png
    python tests/helpers/browser.py                # is there a Chromium?

Prints what went wrong, if anything. The notebook is run in a copy of the repository; Chromium must be installed.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
# Before the kernel has answered, "Run All Cells" is silently lost.
READY = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
}"""
STATE = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.widgets.filter(c => c.model.type === 'code' && c.model.sharedModel.source.trim());
    const wanted = c => (c.model.getMetadata('tags') || []).includes('raises-exception');
    const outputs = cells.filter(c => !wanted(c)).flatMap(c => c.model.outputs.toJSON());
    return {
        busy: panel.sessionContext.session.kernel.status !== 'idle'
            || cells.some(c => c.promptNode.innerText.includes('*')),
        waiting: cells.filter(c => c.model.executionCount === null).length,
        errors: outputs.filter(o => o.output_type === 'error' && o.traceback.join() !== 'open')  // not filled yet
            .map(o => o.ename + ': ' + o.evalue),
    };
}"""


CELLS = """() => {
    const shown = node => node !== null && node.offsetHeight > 0;
    return window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code').map(c => ({
        tags: c.model.getMetadata('tags') || [],
        source: shown(c.node.querySelector('.jp-InputArea-editor')),
        output: shown(c.node.querySelector('.jp-OutputArea-output')),
        text: c.model.outputs.toJSON().flatMap(o => o.text || (o.data || {})['text/plain'] || '').join(''),
    }));
}"""


OPEN = """async ([path, kernel]) => {
    const app = window.jupyterapp, old = app.shell.currentWidget;
    if (old && old.context) { await old.sessionContext.shutdown(); old.dispose(); }
    const kernelPreference = kernel ? undefined : {shouldStart: false};
    const panel = await app.commands.execute('docmanager:open', {path, kernelPreference});
    await panel.context.ready; await panel.revealed;
    if (kernel) { await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info; }
}"""
FACTS = """() => {
    const panel = window.jupyterapp.shell.currentWidget, root = panel.content.node;
    const all = selector => [...root.querySelectorAll(selector)];
    const wide = node => node.offsetHeight > 0 && node.scrollWidth > node.clientWidth + 1;
    const shown = all('.jp-MarkdownOutput').map(node => {
        const copy = node.cloneNode(true);
        copy.querySelectorAll('code, pre, mjx-container').forEach(part => part.remove());
        return copy.textContent;
    }).join('\\n');
    return {
        changed: panel.context.model.dirty,
        cells: panel.content.widgets.length,
        wide: all('.jp-MarkdownOutput, .cm-scroller, .jp-OutputArea-output pre')
            .filter(wide).map(node => node.textContent.slice(0, 80)),
        pictures: all('img').length,
        missing: all('img').filter(image => !image.complete || !image.naturalWidth).map(image => image.outerHTML),
        formulas: all('mjx-container').length,
        wrong: all('mjx-merror, .MathJax_Error').length,
        raw: shown.match(/^#+ .*|\\*\\*\\w+\\*\\*|\\]\\(\\w[^)]*\\)|\\$[^$\\n]+\\$/gm) || [],
    };
}"""


def find_chromium() -> str | None:
    """Path of the machine's Chromium or Chrome, or of the one that `playwright install chromium` has fetched."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


@contextmanager
def server(folder: Path):
    """JupyterLab on a copy of the course below `folder`; yields its address."""
    course = folder / "course"
    for name in ("notebooks", "data", ".jupyter", "course_utils"):
        shutil.copytree(ROOT / name, course / name)
    shutil.copy(ROOT / "README.md", course)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
    }
    command = [sys.executable, "-m", "jupyterlab", f"--config={course / '.jupyter' / 'jupyter_lab_config.py'}",
               "--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1",
               f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]  # fmt: skip
    with open(folder / "lab.log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=course)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2)
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def lab(chromium: str) -> Iterator[Callable[[str | None], Page]]:
    """JupyterLab in a browser, whose path is `chromium`. Yields the function that opens a notebook (path from the
    repository's root; None: what JupyterLab opens by itself) and returns its page when the kernel is ready."""
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as address, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(Path(name, "profile")), executable_path=chromium, args=FLAGS, viewport={"width": 1280, "height": 1000}
        )
        page = context.pages[0]

        def opened(notebook: str | None) -> Page:
            page.goto(f"{address}/lab/tree/{notebook}?reset" if notebook else address)
            page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=90_000)
            page.evaluate(READY)
            return page

        yield opened
        context.close()


def run_all(page: Page, timeout: int = 900) -> list[str]:
    """Run all cells of the notebook that is open. Returns the errors: those of cells, and that it did not finish within
    `timeout` seconds. What stops at the gap of an exercise is open, and no error."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    deadline = time.monotonic() + timeout
    state = page.evaluate(STATE)
    while (state["busy"] or state["waiting"]) and not state["errors"] and time.monotonic() < deadline:
        page.wait_for_timeout(500)
        state = page.evaluate(STATE)
    if state["busy"] or state["waiting"]:
        state["errors"].append(f"{state['waiting']} cells had not run after {timeout} s")
    return state["errors"]


def take_screenshot(page: Page, path: str) -> None:
    """Write the notebook that is open to a picture, from its first cell to its last."""
    height = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.viewportNode.scrollHeight")
    page.set_viewport_size({"width": 1280, "height": min(height + 300, 16_000)})
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    page.wait_for_timeout(2000)
    page.screenshot(path=path)


def open_beside(page: Page, notebook: str, kernel: bool = True) -> None:
    """Open another notebook in the JupyterLab that `page` shows, and close the one that is open, with its kernel.

    Args:
        kernel: start one; without, the notebook can only be read, and is open sooner
    """
    page.evaluate(OPEN, [notebook, kernel])


def facts(page: Page, width: int, theme: str) -> dict:
    """What is seen of the notebook that is open, in a window `width` pixels wide, in the theme "Light" or "Dark".

    Returns:
        `changed` (whether it would be saved), `cells`, `wide` (texts that run out of their column), `pictures`,
        `missing` (those that are not shown), `formulas`, `wrong` (formulas with an error), `raw` (Markdown left)
    """
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {theme}"
    )
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}")
    page.wait_for_timeout(400)  # what a new width or theme lays out anew
    return page.evaluate(FACTS)


def code_cells(page: Page) -> list[dict]:
    """What one sees of each code cell: its `tags`, whether `source` and `output` are shown, and the output's `text`."""
    return page.evaluate(CELLS)


def main(arguments: list[str]) -> int:
    chromium = find_chromium()
    if not chromium or not arguments:
        print(chromium or "Chromium is not installed")
        return int(not chromium)
    with lab(chromium) as opened:
        page = opened(arguments[0])
        problems = run_all(page)
        take_screenshot(page, arguments[1] if len(arguments) > 1 else "screenshot.png")
    print("\n".join(problems) or "all cells ran")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
