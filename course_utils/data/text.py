"""Texts as tokens, ids and batches. Lesson 12 builds it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import category, normalize

import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from .tables import QUOTES, read_csv

PADDING, UNKNOWN = 0, 1
MASK = "<name>"  # one token, although of signs that are left out otherwise
# vowel signs and accents, which stand after their letter
MARKS = "".join(sign for sign in map(chr, range(0x300, 0xFE00)) if category(sign) in ("Mn", "Mc")) + "\u200c\u200d"
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
LETTER = rf"[^\W_{CJK}]"
WORD = f"{LETTER}+(?:[{MARKS}]+{LETTER}*)*"
TOKEN = re.compile(rf"{MASK}|[{CJK}]|{WORD}(?:['’]{WORD})*")


def read_texts(path: str | Path) -> pd.DataFrame:
    """A CSV file with the columns `text` and `label`, in UTF-8 with or without BOM; other columns are left out.

    Returns:
        One row per text: `text` and `label`, both str, without spaces around them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not in UTF-8, is no such table, has a quotation mark alone, lines with too many fields or
            without text or label (all are listed), or fewer than two labels.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    (first, names), *rows = read_csv(path)
    if first != 1 or names.count("text") != 1 or names.count("label") != 1:
        raise ValueError(
            f"{path} needs a column text and a column label, named in its first line and separated by a comma; "
            f"it has {names}{f' in line {first}' * (first > 1)}."
        )
    if long := [str(line) for line, row in rows if any(row[len(names) :])]:
        raise ValueError(
            f"{path} cannot be read: more fields than the first line has names in line {', '.join(long[:20])}"
            f"{', …' * (len(long) > 20)}. {QUOTES}"
        )
    records = [(line, dict(zip(names, row + [""] * len(names)))) for line, row in rows]
    empty = [(line, name) for line, record in records for name in ("label", "text") if not record[name]]
    if empty:
        listing = "\n".join(f"  line {line}: no {name}" for line, name in empty[:20])
        raise ValueError(f"{path} has {len(empty)} empty field(s):\n{listing}" + "\n  …" * (len(empty) > 20))
    table = pd.DataFrame([record for _, record in records], columns=["text", "label"], dtype=str)
    if table["label"].nunique() < 2:
        raise ValueError(f"{path} needs texts of at least two labels, it has {sorted(set(table['label']))}.")
    return table


def tokenize(text: str) -> list[str]:
    """Lower-case words and numbers of a text; of Chinese and Japanese, where no spaces part words, each character.

    Punctuation is left out. Full-width letters become ordinary ones, İ becomes i. A text without words gives an empty
    list.
    """
    return TOKEN.findall(normalize("NFKC", text).lower().replace("i\u0307", "i"))


class Vocabulary:
    """Tokens and their ids: `tokens[i]` has the id i. Id 0 is padding, id 1 stands for every unknown token.

    Save the list `tokens` beside a trained model; `Vocabulary(tokens)` encodes as before.
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = list(tokens)
        self._ids = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str, max_length: int = 256) -> torch.Tensor:
        """Ids of the first `max_length` tokens, int64 (length,). A text without any counts as one unknown token."""
        return torch.tensor([self._ids.get(token, UNKNOWN) for token in tokenize(text)[:max_length]] or [UNKNOWN])

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tokens of some ids, padding left out."""
        return [self.tokens[number] for number in map(int, ids) if number != PADDING]


def build_vocabulary(texts: Iterable[str], min_count: int = 2, max_size: int | None = None) -> Vocabulary:
    """The tokens that occur at least `min_count` times in `texts`, most frequent first. Give it training texts alone.

    Args:
        max_size: at most so many entries, padding and unknown included.

    Raises:
        ValueError: there are none.
    """
    counts = Counter(token for text in texts for token in tokenize(text))
    frequent = sorted((-count, token) for token, count in counts.items() if count >= min_count)
    if not frequent:
        raise ValueError(f"No token occurs at least {min_count} times in these texts. Lower min_count.")
    return Vocabulary(["<pad>", "<unk>", *(token for _, token in frequent)][:max_size])


class TextDataset(Dataset):
    """Encoded texts: example i is (ids int64 (length,), label int). `text_loader` makes batches.

    Attributes:
        classes: list of str; label i means `classes[i]`.
        lengths: number of tokens of each text, int64 (n,).
    """

    def __init__(
        self, table: pd.DataFrame, vocabulary: Vocabulary, classes: Sequence[str] | None = None, max_length: int = 256
    ):
        """
        Args:
            table: with the columns `text` and `label`.
            classes: those of the training texts; by default the labels that occur, sorted.
            max_length: longer texts are cut to so many tokens.

        Raises:
            ValueError: a label is not among `classes`.
        """
        self.classes = sorted(set(table["label"])) if classes is None else list(classes)
        unknown = sorted(set(table["label"]) - set(self.classes))
        if unknown:
            raise ValueError(f"Labels {unknown} are not among the classes {self.classes}.")
        self._ids = [vocabulary.encode(text, max_length) for text in table["text"]]
        self._labels = [self.classes.index(label) for label in table["label"]]
        self.lengths = torch.tensor([len(ids) for ids in self._ids])

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._ids[index], self._labels[index]


def pad_batch(examples: Sequence[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of examples of a `TextDataset`: ids (n, longest), filled up with padding at the end, and labels (n,)."""
    ids, labels = zip(*examples)
    return pad_sequence(list(ids), batch_first=True, padding_value=PADDING), torch.tensor(labels)


def text_loader(dataset: TextDataset, batch_size: int, seed: int | None = None) -> DataLoader:
    """Batches (ids int64 (n, longest), labels (n,)), see `pad_batch`.

    Args:
        seed: for training: texts of about the same length share a batch, so that little is padded, and everything else
            is random, another order in each epoch. By default, for evaluation, the order is that of the data set.
    """
    if seed is None:
        return DataLoader(dataset, batch_size, collate_fn=pad_batch)
    batches = _LengthBatches(dataset.lengths, batch_size, torch.Generator().manual_seed(seed))
    return DataLoader(dataset, batch_sampler=batches, collate_fn=pad_batch)


class _LengthBatches:
    """Lists of positions of texts of similar length, in random order."""

    def __init__(self, lengths: torch.Tensor, batch_size: int, generator: torch.Generator):
        self.lengths, self.batch_size, self.generator = lengths, batch_size, generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = torch.randperm(len(self.lengths), generator=self.generator)
        by_length = shuffled[self.lengths[shuffled].argsort(stable=True)]
        batches = by_length.split(self.batch_size)
        for number in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[number].tolist()
