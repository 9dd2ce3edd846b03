"""Sentences that are on the reader's machine already: docstrings of installed packages. Lesson 12 builds it."""

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from .text import MASK, tokenize

PACKAGES = ("matplotlib", "numpy", "pandas", "scipy", "sklearn", "torch")
NOT_READ = {
    *("tests", "test", "testing", "_testing", "externals", "_vendor"),  # no documentation, or that of others
    *("distutils", "_cuspy", "_distributor_init.py"),  # differs among the wheels for systems and Python versions
}
LENGTHS = range(5, 41)  # in tokens, without masked ones
# what stands between backticks or stars, and words that look like code: a_b a=b a/b [a] a::b f(x) a.bc aB ABcd ab3
CODE = re.compile(
    r":\w[\w:]*:`[^`]*`|`+[^`]+`+|\*+[^\s*][^*]*\*+|"
    r"\S*(?:[_\\=/@\[\]{}]|::|\w\(|\w\.[A-Za-z]{2}|[a-z][A-Z]|[A-Z]{2}[a-z]{2}|[A-Za-z]{2}\d)[^\s,;]*(?<!\.)"
)
TELL_TALES = re.compile(
    r"\b(?:numpy|np|scipy|pandas|pd|scikit-learn|sklearn|scikits?|matplotlib|mpl|pyplot|pylab|plt|pytorch|torch|"
    r"ndarrays?|ufuncs?|dataframes?|styler|torchscript|caffe|aten|dynamo|inductor|fx)\b",
    re.IGNORECASE,
)


def docstring_sentences(
    per_class: int = 1000, per_file: int = 40, seed: int = 0, packages: Sequence[str] = PACKAGES
) -> pd.DataFrame:
    """Sentences from the docstrings of installed packages, read from their source files without importing them.

    Each has 5 to 40 words. Identifiers and tell-tale words are replaced by `<name>`, see `mask_identifiers`. Of
    sentences with the same tokens one is kept; if they are of several packages, none. What comes out depends on the
    installed versions, but neither on the system nor on Python's version: the order is that of hashes, so a file more
    or less in a package changes little else.

    Args:
        per_class: at most so many sentences of a package.
        per_file: at most so many of one source file.
        seed: decides which files and sentences are taken where there are more.
        packages: names of installed packages. They are the labels.

    Returns:
        One row per sentence: `text`, `label`, and `file`, e.g. "torch/nn/modules/rnn.py". Split by file, since the
        sentences of a file resemble each other.

    Raises:
        ModuleNotFoundError: a package is not installed.
    """
    rows: list[tuple[str, str, str, str]] = []
    for package in packages:
        unique: dict[str, tuple[str, str, str, str]] = {}
        for text, file in _sentences(package, per_file, seed):
            tokens = " ".join(tokenize(text))
            unique.setdefault(tokens, (text, package, file, tokens))
            if len(unique) == per_class:
                break
        rows += unique.values()
    table = pd.DataFrame(rows, columns=["text", "label", "file", "tokens"])
    return table.drop_duplicates("tokens", keep=False, ignore_index=True).drop(columns="tokens")


def prose_sentences(docstring: str) -> list[str]:
    """Whole sentences of those paragraphs in which every line begins as one of running text does: no lists, no code."""
    found = []
    for paragraph in re.split(r"\n\s*\n", docstring):
        if not re.search(r"^[^A-Za-z`*(]", paragraph, re.MULTILINE):
            found += re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(paragraph.split()))
    return [sentence for sentence in found if sentence[:1].isupper() and sentence.endswith(".")]


def mask_identifiers(sentence: str) -> str:
    """The sentence with `<name>` for all that looks like code, names a package, or is its own word, such as ndarray.

    Words of the subject, "tensor" or "axes", stay, although they tell much, too.
    """
    return TELL_TALES.sub(MASK, CODE.sub(MASK, sentence))


def _sentences(package: str, per_file: int, seed: int) -> Iterator[tuple[str, str]]:
    """Masked sentences, each with the name of its file, file by file."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed. Install it, or leave it out of packages.", name=package)
    root = Path(spec.origin).parent
    files = {path.relative_to(root.parent).as_posix(): path for path in root.rglob("*.py")}
    for name in _shuffled([name for name in files if not NOT_READ & set(name.split("/"))], seed):
        found = [text for docstring in _docstrings(files[name]) for text in prose_sentences(docstring)]
        texts = [text for text in map(mask_identifiers, found) if len(tokenize(text.replace(MASK, ""))) in LENGTHS]
        for text in _shuffled(texts, seed)[:per_file]:
            yield text, name


def _shuffled(names: list[str], seed: int) -> list[str]:
    """In an order that looks random and in which one name more or less moves no other."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode(errors="replace")).digest())


def _docstrings(path: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # about other people's source
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # a template, or for another Python version
            return []
    found, nodes = [], [tree]
    for node in nodes:
        found.append(ast.get_docstring(node) or "")
        nodes += [child for child in node.body if isinstance(child, (ast.ClassDef, ast.FunctionDef))]
    return found
