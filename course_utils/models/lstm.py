"""A network that reads texts. Lesson 12 builds it."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from ..data.text import PADDING


class LSTMClassifier(nn.Module):
    """Embedding, LSTM over the tokens without the padding, and a linear layer on its last hidden states.

    Input int64 (n, length), padded at the end with id 0; output logits (n, num_classes). A row of padding alone is read
    as one token.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        embedding: int = 64,
        hidden: int = 64,
        bidirectional: bool = True,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding, padding_idx=PADDING)
        self.embedding.weight.data.mul_(0.1)  # as drawn they are so large that the LSTM learns slowly
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), num_classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.read(ids)))

    def read(self, ids: torch.Tensor) -> torch.Tensor:
        """Last hidden states, float (n, hidden), or (n, 2 * hidden) where both directions are read."""
        lengths = (ids != PADDING).sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            self.dropout(self.embedding(ids)), lengths, batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)
        return torch.cat(list(last), dim=1)
