"""Training an LSTM on sentences of different lengths: padded against packed, in random order and by similar length.

The usual way pads every batch to its longest sentence, runs the LSTM over the padding too, and picks the output of each
sentence's last word. Packing skips the padding and returns the same numbers, so both train the same model. Batches of
similar lengths (`text_loader`) have little padding in the first place. An LSTM in one direction, 64 wide, batches of 64
docstring sentences, the fastest of nine epochs each; test sentences are from other source files.
"""

import statistics

import torch
from sklearn.model_selection import GroupShuffleSplit
from torch.utils.data import DataLoader

from course_utils import evaluate, fit, standard_error
from course_utils.data.docstring_corpus import docstring_sentences
from course_utils.data.text import PADDING, TextDataset, Vocabulary, build_vocabulary, pad_batch, text_loader
from course_utils.models.lstm import LSTMClassifier

BATCH_SIZE, EPOCHS, ROUNDS = 64, 3, 3


class Padded(LSTMClassifier):
    """The same model without packing; right for one direction only."""

    def read(self, ids: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(self.dropout(self.embedding(ids)))
        return outputs[torch.arange(len(ids)), (ids != PADDING).sum(dim=1) - 1]


def random_batches(dataset: TextDataset, seed: int) -> DataLoader:
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, BATCH_SIZE, shuffle=True, collate_fn=pad_batch, generator=generator)


def similar_batches(dataset: TextDataset, seed: int) -> DataLoader:
    return text_loader(dataset, BATCH_SIZE, seed)


WAYS = {
    "padded, random order": (Padded, random_batches),
    "packed, random order": (LSTMClassifier, random_batches),
    "padded, similar lengths": (Padded, similar_batches),
    "packed, similar lengths": (LSTMClassifier, similar_batches),
}


def train(way: str, seed: int, vocabulary: Vocabulary, train_set: TextDataset, test_set: TextDataset) -> dict:
    """Seconds of the fastest epoch, and the accuracy on the test sentences."""
    network, loader = WAYS[way]
    torch.manual_seed(seed)
    model = network(len(vocabulary), len(train_set.classes), bidirectional=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    loader = loader(train_set, seed)
    history = fit(model, loader, optimizer=optimizer, epochs=EPOCHS, clip_norm=1.0, progress=False)
    return {"seconds": min(history["seconds"]), "accuracy": evaluate(model, text_loader(test_set, 500))["accuracy"]}


def measure() -> list[dict]:
    table = docstring_sentences(per_class=1000)
    split = GroupShuffleSplit(1, test_size=0.25, random_state=0).split(table, groups=table["file"])
    train_table, test_table = (table.iloc[rows] for rows in next(split))
    vocabulary = build_vocabulary(train_table["text"])
    data = TextDataset(train_table, vocabulary), TextDataset(test_table, vocabulary)
    train("packed, random order", 0, vocabulary, *data)  # warms up
    rounds = [{way: train(way, seed, vocabulary, *data) for way in WAYS} for seed in range(ROUNDS)]
    fastest = {way: min(one[way]["seconds"] for one in rounds) for way in WAYS}
    rows, (usual, *_) = [], WAYS
    for way in WAYS:
        seconds, ratio = fastest[way], fastest[usual] / fastest[way]
        accuracy = statistics.mean(one[way]["accuracy"] for one in rounds)
        what = f"an epoch of training an LSTM on {len(data[0]):,} sentences: {way}, accuracy {accuracy:.3f}"
        rows.append({"what": what, "figure": f"{seconds:.2f} s", "ratio": ratio, "accuracy": accuracy})
    largest = max(row["accuracy"] for row in rows)
    equal = largest - min(row["accuracy"] for row in rows) <= 2 * standard_error(largest, len(data[1]))
    rows[-1] |= {"goal": "faster, accuracies equal (2 standard errors)",
                 "met": rows[-1]["ratio"] > 1 and equal}  # fmt: skip
    return rows
