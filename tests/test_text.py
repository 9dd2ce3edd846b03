"""Checks of texts: tokens, vocabulary, batches, CSV files, docstrings, and the LSTM that reads them."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import course_utils.data.docstring_corpus as docstrings
from course_utils import evaluate, fit, load_checkpoint, predict
from course_utils.data.docstring_corpus import (
    docstring_sentences,
    mask_identifiers,
    prose_sentences,
)
from course_utils.data.text import (
    TextDataset,
    Vocabulary,
    build_vocabulary,
    pad_batch,
    read_texts,
    text_loader,
    tokenize,
)
from course_utils.models.lstm import LSTMClassifier

CHINESE = Path(__file__).parents[1] / "data" / "text" / "chinese_sentences.csv"
TABLE = pd.DataFrame({"text": ["a b", "b a a", "c", "", "a b c a b"], "label": ["x", "y", "x", "y", "y"]})


def toy_table(n: int = 60) -> pd.DataFrame:
    """The label is the first word, and the words are the same in both classes: only their order tells."""
    fill = [" red" * (number % 7) for number in range(n)]
    texts = [f"{'left right' if number % 2 else 'right left'}{words}" for number, words in enumerate(fill)]
    return pd.DataFrame({"text": texts, "label": ["left" if number % 2 else "right" for number in range(n)]})


# -- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The mean, of each ROW.", ["the", "mean", "of", "each", "row"]),
        ("don’t isn't 'quoted'", ["don’t", "isn't", "quoted"]),
        ("two-dimensional x_y 3.5", ["two", "dimensional", "x", "y", "3", "5"]),
        ("Set <name> to <other>.", ["set", "<name>", "to", "other"]),
        ("今天下雨2次，带伞！", ["今", "天", "下", "雨", "2", "次", "带", "伞"]),
        ("ＡＢＣ全角 GPU卡", ["abc", "全", "角", "gpu", "卡"]),
        ("𠀀かナ", ["𠀀", "か", "ナ"]),
        ("cafe\u0301 Größe", ["café", "größe"]),
        ("", []),
        (" \n…!? 🙂", []),
    ],
)
def test_a_text_becomes_words_and_a_chinese_one_characters(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


# -- vocabulary -------------------------------------------------------------------------------------------------------


def test_a_vocabulary_lists_frequent_tokens_first_and_equally_frequent_ones_by_name() -> None:
    vocabulary = build_vocabulary(["b a c", "c a b b", "rare"])
    assert vocabulary.tokens == ["<pad>", "<unk>", "b", "a", "c"] and len(vocabulary) == 5
    assert build_vocabulary(["b a c", "c a b b", "rare"], min_count=1, max_size=4).tokens[2:] == ["b", "a"]


def test_encoding_and_decoding() -> None:
    vocabulary = build_vocabulary(["a b", "b a b"])
    ids = vocabulary.encode("A new b!")
    assert ids.tolist() == [3, 1, 2] and ids.dtype == torch.int64
    assert vocabulary.decode(torch.tensor([3, 1, 2, 0, 0])) == ["a", "<unk>", "b"]


def test_a_saved_list_of_tokens_gives_the_same_vocabulary() -> None:
    vocabulary = build_vocabulary(["a b", "b a b"])
    assert Vocabulary(vocabulary.tokens).encode("a b c").tolist() == vocabulary.encode("a b c").tolist()


@pytest.mark.parametrize("text", ["", "   ", "?!", "unheard"])
def test_an_empty_text_and_one_of_unknown_words_are_one_unknown_token(text: str) -> None:
    assert build_vocabulary(["a a"]).encode(text).tolist() == [1]


def test_a_text_of_100000_words_is_cut_to_the_maximum() -> None:
    vocabulary = build_vocabulary(["a a"])
    assert vocabulary.encode("a " * 100_000).tolist() == [2] * 256
    assert vocabulary.encode("b a a a", max_length=2).tolist() == [1, 2]


@pytest.mark.parametrize("texts", [[], [""], ["a b c"]])
def test_a_vocabulary_without_tokens_is_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="No token occurs at least 2 times .* Lower min_count"):
        build_vocabulary(texts)


# -- data sets and batches --------------------------------------------------------------------------------------------


def test_examples_are_ids_and_the_position_of_the_label() -> None:
    dataset = TextDataset(TABLE, build_vocabulary(TABLE["text"], min_count=1))
    assert len(dataset) == 5 and dataset.classes == ["x", "y"] and dataset.lengths.tolist() == [2, 3, 1, 1, 5]
    ids, label = dataset[1]
    assert ids.tolist() == [3, 2, 2] and label == 1
    assert TextDataset(TABLE, build_vocabulary(TABLE["text"]), max_length=2).lengths.max() == 2


def test_the_classes_of_training_decide_and_another_label_is_named() -> None:
    vocabulary = build_vocabulary(TABLE["text"])
    assert TextDataset(TABLE, vocabulary, ["y", "z", "x"])[0][1] == 2
    with pytest.raises(ValueError, match=r"Labels \['y'\] are not among the classes \['x', 'z'\]"):
        TextDataset(TABLE, vocabulary, ["x", "z"])


def test_a_batch_is_filled_up_with_padding_at_the_end() -> None:
    ids, labels = pad_batch([(torch.tensor([5, 6, 7]), 1), (torch.tensor([8]), 0)])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]] and ids.dtype == torch.int64
    assert labels.tolist() == [1, 0] and labels.dtype == torch.int64


def seen(loader: DataLoader) -> list[tuple[int, ...]]:
    return [tuple(row.tolist()) for ids, _ in loader for row in ids]


def test_without_a_seed_the_order_is_that_of_the_data_set() -> None:
    dataset = TextDataset(toy_table(), build_vocabulary(toy_table()["text"]))
    labels = torch.cat([labels for _, labels in text_loader(dataset, 7)])
    assert labels.tolist() == [label for _, label in dataset]


def test_with_a_seed_every_text_comes_once_in_an_order_that_changes_from_epoch_to_epoch() -> None:
    dataset = TextDataset(toy_table(), build_vocabulary(toy_table()["text"]))
    loader, same, other = text_loader(dataset, 8, 0), text_loader(dataset, 8, 0), text_loader(dataset, 8, 1)
    assert len(loader) == len(list(loader)) == 8
    loader = text_loader(dataset, 8, 0)
    orders = [[batch for batch in one.batch_sampler] for one in (loader, loader, same, other)]
    assert all(sorted(sum(order, [])) == list(range(60)) for order in orders)
    assert orders[0] == orders[2] and orders[0] != orders[1] and orders[0] != orders[3]
    members = [{frozenset(batch) for batch in order} for order in orders]
    assert members[0] != members[1], "texts of the same length are not mixed"


def test_with_a_seed_texts_of_similar_length_share_a_batch_and_batches_are_mixed() -> None:
    dataset = TextDataset(toy_table(), build_vocabulary(toy_table()["text"]))
    lengths = [dataset.lengths[batch] for batch in text_loader(dataset, 8, 0).batch_sampler]
    assert max(int(one.max() - one.min()) for one in lengths) <= 2
    longest = [int(one.max()) for one in lengths]
    assert longest != sorted(longest)


# -- CSV files --------------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path):
    def write(content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / "texts.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_with_and_without_bom(encoding: str, end: str, write) -> None:
    lines = ["text,label", '"today, rain", 天气 ', " 好吃 ,food", "", '"say ""hi""",NA']
    table = read_texts(write(end.join(lines), encoding))
    assert list(table["text"]) == ["today, rain", "好吃", 'say "hi"']
    assert list(table["label"]) == ["天气", "food", "NA"] and list(table) == ["text", "label"]


def test_columns_may_stand_in_another_order_and_others_are_left_out(write) -> None:
    table = read_texts(write("id,label,text\n1,x,one\n2,y,two\n"))
    assert table.to_dict("list") == {"text": ["one", "two"], "label": ["x", "y"]}


def test_a_text_of_100000_words_is_read_whole(write) -> None:
    table = read_texts(write("text,label\n" + "word " * 100_000 + ",x\nshort,y\n"))
    assert len(table["text"][0].split()) == 100_000


def test_every_empty_field_is_listed_with_its_line(write) -> None:
    path = write('text,label\nfine,x\n,y\n"two\nlines",x\n\nmissing\n  ,x\n"no\nlabel",\n')
    with pytest.raises(ValueError, match=r"has 4 empty field\(s\):") as caught:
        read_texts(path)
    listed = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert listed == ["line 3: no text", "line 7: no label", "line 8: no text", "line 9: no label"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sentence,class\na,x\nb,y\n", r"needs a column text and a column label.*it has \['sentence', 'class'\]"),
        ("text, text ,label\na,b,x\nc,d,y\n", r"it has \['text', 'text', 'label'\]"),
        ("\ntext,label\na,x\nb,y\n", "named in its first line"),
        ("text;label\na;x\nb;y\n", r"separated by a comma; it has \['text;label'\]"),
        ("text,label\none, two,x\nthree,y\n", "has? more fields|more fields than"),
        ("text,label\nthree,y\none, two,x\n", "cannot be read.*line 3.*between double quotes"),
        ('text,label\n"open,x\nb,y\n', "cannot be read.*between double quotes"),
        ("text,label\na,x\nb,x\n", r"at least two labels, it has \['x'\]"),
        ("text,label\n", r"at least two labels, it has \[\]"),
        ("", "cannot be read"),
        ("text,label\n天,x\n".encode("gbk"), "is not in UTF-8. Save it again"),
        ("text,label\na,x\n".encode("utf-16"), "is not in UTF-8. Save it again"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(content: str | bytes, message: str, write) -> None:
    path = write(content)
    with pytest.raises(ValueError, match=f"(?s)texts.csv.*({message})"):
        read_texts(path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file .*nothing.csv"):
        read_texts(tmp_path / "nothing.csv")


def test_the_chinese_sample_is_balanced_short_and_without_duplicates() -> None:
    table = read_texts(CHINESE)
    assert table["label"].value_counts().to_dict() == {"weather": 30, "food": 30, "travel": 30}
    assert not table["text"].duplicated().any() and table["text"].str.len().between(5, 16).all()


# -- the network ------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch() -> torch.Tensor:
    return torch.tensor([[4, 2, 3, 5, 6], [7, 3, 0, 0, 0], [2, 0, 0, 0, 0]])


@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_changes_nothing(bidirectional: bool, batch: torch.Tensor) -> None:
    model = LSTMClassifier(8, 3, bidirectional=bidirectional).eval()
    assert model(batch).shape == (3, 3) and model.read(batch).shape == (3, 128 if bidirectional else 64)
    alone = torch.cat([model(row[row != 0][None]) for row in batch])
    wider = model(nn.functional.pad(batch, (0, 20)))
    assert torch.allclose(model(batch), alone, atol=1e-6) and torch.allclose(wider, alone, atol=1e-6)


def test_the_last_states_are_those_of_an_lstm_that_reads_every_text_to_its_end_and_back(batch: torch.Tensor) -> None:
    model = LSTMClassifier(8, 3).eval()
    for row, read in zip(batch, model.read(batch)):
        outputs, _ = model.lstm(model.embedding(row[row != 0][None]))
        assert torch.allclose(read, torch.cat([outputs[0, -1, :64], outputs[0, 0, 64:]]), atol=1e-6)


def test_the_order_of_words_matters_and_a_row_of_padding_gives_a_number(batch: torch.Tensor) -> None:
    model = LSTMClassifier(8, 3).eval()
    assert not torch.allclose(model(batch), model(batch[:, [1, 0, 2, 3, 4]]), atol=1e-6)
    assert model(torch.zeros(2, 4, dtype=torch.int64)).isfinite().all()


def test_embeddings_begin_small_and_that_of_padding_stays_zero(batch: torch.Tensor) -> None:
    model = LSTMClassifier(500, 3)
    weight = model.embedding.weight
    assert 0.09 < weight[1:].std() < 0.11 and not weight[0].any()
    model(batch).sum().backward()
    assert not weight.grad[0].any() and weight.grad[4].any()


def test_dropout_acts_in_training_only(batch: torch.Tensor) -> None:
    model = LSTMClassifier(8, 3)
    assert not torch.equal(model(batch), model(batch))
    assert torch.equal(model.eval()(batch), model(batch))
    still = LSTMClassifier(8, 3, dropout=0)
    assert torch.equal(still(batch), still(batch))


def learn(table: pd.DataFrame, epochs: int, **settings) -> tuple[LSTMClassifier, TextDataset]:
    vocabulary = build_vocabulary(table["text"], min_count=1)
    dataset = TextDataset(table, vocabulary)
    torch.manual_seed(0)
    model = LSTMClassifier(len(vocabulary), len(dataset.classes), embedding=8, hidden=8, dropout=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    fit(model, text_loader(dataset, 10, 0), optimizer=optimizer, epochs=epochs, progress=False, **settings)
    return model, dataset


def test_it_learns_what_the_order_of_words_alone_tells_with_fit_as_it_is() -> None:
    model, dataset = learn(toy_table(), 12, clip_norm=1.0)
    assert evaluate(model, text_loader(dataset, 16))["accuracy"] == 1.0
    outputs, targets = predict(model, text_loader(dataset, 16))
    assert outputs.shape == (60, 2) and targets.tolist() == [label for _, label in dataset]


def test_training_that_is_interrupted_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, _ = learn(toy_table(), 4)
    learn(toy_table(), 2, checkpoint=tmp_path / "run.pt")
    resumed, _ = learn(toy_table(), 4, checkpoint=tmp_path / "run.pt")
    assert len(load_checkpoint(tmp_path / "run.pt")["history"]) == 4
    assert all(torch.equal(one, two) for one, two in zip(whole.parameters(), resumed.parameters()))


# -- docstrings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "masked"),
    [
        ("Return the `mean` of *values* with ``np.mean(x)``.", "Return the <name> of <name> with <name>."),
        ("See :func:`~torch.nn.Linear` and DataFrame.groupby.", "See <name> and <name>."),
        ("Set x_scale=2, then call plot() (see https://a.org/b).", "Set <name>, then call <name> (see <name>."),
        ("NumPy's ndarrays, PyTorch and scikit-learn.", "<name> <name>, <name> and <name>."),
        ("A float32 value, i.e. a 2D point of a CSV file.", "A <name> value, i.e. a 2D point of a CSV file."),
        ("Pandas and TORCH.", "<name> and <name>."),
        ("The tensor has two axes.", "The tensor has two axes."),
    ],
)
def test_identifiers_are_masked_and_words_of_the_subject_stay(sentence: str, masked: str) -> None:
    assert mask_identifiers(sentence) == masked


def test_prose_is_taken_and_lists_code_and_headings_are_not() -> None:
    docstring = """Compute the mean. It runs
along an axis (see below).

Parameters
----------
x : array
    The input. It is long.

- One item of a list.

>>> mean([1, 2])
1.5

Without a full stop

lower case begins this.
"""
    assert prose_sentences(docstring) == ["Compute the mean.", "It runs along an axis (see below)."]
    assert prose_sentences("") == []


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two small packages that cannot be imported."""
    shared = "This very sentence is in both of them."
    for package, words in {"cats": "cat purr fur milk tail", "dogs": "dog bark bone run leash"}.items():
        folder = tmp_path / package
        (folder / "tests").mkdir(parents=True)
        sentences = [f"The {word} is one of {number} things here." for number, word in enumerate(words.split())]
        body = "\n\n".join(
            [
                *sentences,
                sentences[0].upper().replace("S HERE.", "s here."),
                shared,
                f"No {package} here.",
                f"Long {package}{' word' * 50}.",
            ]
        )
        (folder / "__init__.py").write_text(f'raise ImportError\n\n\ndef f():\n    """{body}"""\n')
        (folder / "more.py").write_text(
            f'class A:\n    def b(self):\n        """The {package}_x is in the second file."""'
        )
        (folder / "tests" / "test_a.py").write_text(f'"""This {package} sentence is in a test."""')
        (folder / "template.py").write_text('"""This sentence is in a template."""\n{{ broken')
    monkeypatch.syspath_prepend(tmp_path)
    return ["cats", "dogs"]


def test_sentences_come_once_with_package_and_file_and_those_of_both_packages_not_at_all(packages: list[str]) -> None:
    table = docstring_sentences(packages=packages)
    assert list(table) == ["text", "label", "file"] and table["label"].value_counts().to_dict() == {
        "cats": 5,
        "dogs": 5,
    }
    assert not table["text"].str.lower().duplicated().any()
    cats = table[table["label"] == "cats"]
    assert set(cats["file"]) == {"cats/__init__.py"}, "the masked sentences of the second files are the same"
    assert not table["text"].str.contains("both|test|template|No|Long").any()
    assert "cats" not in sys.modules


def test_limits_and_seed_of_the_sentences(packages: list[str]) -> None:
    few = docstring_sentences(per_class=3, packages=packages)
    assert (few["label"].value_counts() <= 3).all() and few["label"].nunique() == 2
    assert docstring_sentences(per_file=2, packages=packages).groupby("file").size().max() <= 2
    assert few.equals(docstring_sentences(per_class=3, packages=packages))
    others = [docstring_sentences(per_class=3, seed=seed, packages=packages) for seed in range(1, 5)]
    assert any(not few.equals(other) for other in others)


def test_a_file_more_moves_no_other_and_what_only_some_wheels_hold_is_not_read(
    packages: list[str], tmp_path: Path
) -> None:
    before = docstring_sentences(packages=packages)
    for name in ("aaa.py", "distutils/core.py", "_cuspy/stubs.py", "_distributor_init.py"):
        (tmp_path / "cats" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "cats" / name).write_text(f'"""Here is one more sentence about {name[:3].strip("_")} cats."""')
    after = docstring_sentences(packages=packages)
    more = after["file"] == "cats/aaa.py"
    assert more.sum() == 1 and after[~more].reset_index(drop=True).equals(before)


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="nosuchpackage is not installed"):
        docstring_sentences(packages=["nosuchpackage"])


@pytest.mark.parametrize("package", docstrings.PACKAGES)
def test_the_installed_packages_hold_enough_sentences_that_do_not_name_them(package: str) -> None:
    table = docstring_sentences(per_class=300, packages=[package])
    assert len(table) == 300 and table["file"].nunique() > 10
    words = {token for text in table["text"] for token in tokenize(text)}
    assert not words & {"numpy", "np", "scipy", "pandas", "pd", "sklearn", "matplotlib", "pyplot", "torch", "pytorch"}
    assert not table["text"].str.contains(r"[_=\\`]").any()
