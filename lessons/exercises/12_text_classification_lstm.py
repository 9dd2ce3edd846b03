# %% [markdown]
# # Exercises 12 · Text classification with an LSTM
#
# Five tasks, from warming up to a small design of your own, about 45 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 12](../12_text_classification_lstm.ipynb); if you are stuck,
# unfold the hint. Run the next cell first.

# %%
import inspect
import re
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from course_utils import setup
from course_utils.data.text import tokenize

course = setup(seed=0)

# %% [markdown]
# ## Task 1 · Encode a text (2 points)
#
# Turn a text into a list of ids. `id_of` is a dictionary from tokens to ids; id 1 stands for unknown tokens. Longer
# texts are cut to their first `max_length` tokens, and a text without any token becomes the list `[1]`. Use `tokenize`,
# and leave the dictionary as it is. For instance `encode("The mean value", {"the": 2, "mean": 3}, max_length=10)` gives
# `[2, 3, 1]`.
# <details><summary>Hint 1</summary>
#
# `id_of.get(token, 1)` is the id of a token, or 1 if it has none.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `tokenize(text)[:max_length]` cuts, and `ids or [1]` is `[1]` if the list `ids` is empty.
#
# </details>

# %% tags=["answer"]
def encode(text, id_of, max_length):
    """Ids of the first tokens of a text.

    Args:
        text: str
        id_of: dict, token -> id
        max_length: int, at most so many ids
    Returns:
        list of int with at least one element
    """
    ### BEGIN SOLUTION
    return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
    ### END SOLUTION


# %% tags=["right"]
# -     return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# +     ids = []
# +     for token in tokenize(text):
# +         if len(ids) == max_length:
# +             break
# +         if token in id_of:
# +             ids.append(id_of[token])
# +         else:
# +             ids.append(1)
# +     if not ids:
# +         ids.append(1)
# +     return ids

# %% tags=["right"]
# -     return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# +     known = defaultdict(lambda: 1, id_of)
# +     tokens = tokenize(text)[:max_length]
# +     return list(map(known.__getitem__, tokens)) if tokens else [1]
# - def encode(text, id_of, max_length):
# + from collections import defaultdict
# +
# +
# + def encode(text, id_of, max_length):

# %% tags=["wrong"] expect="lower case"
# - return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# + return [id_of.get(word, 1) for word in text.split()[:max_length]] or [1]

# %% tags=["wrong"] expect="left out"
# - return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# + return [id_of[token] for token in tokenize(text) if token in id_of][:max_length] or [1]

# %% tags=["wrong"] expect="padding"
# - id_of.get(token, 1)
# + id_of.get(token, 0)

# %% tags=["wrong"] expect="no token"
# - return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# + return [id_of.get(token, 1) for token in tokenize(text)[:max_length]]

# %% tags=["wrong"] expect="not characters"
# - tokenize(text)[:max_length]
# + tokenize(text[:max_length])

# %% tags=["wrong"] expect="the first tokens stay"
# - :max_length
# + -max_length:

# %% tags=["wrong"] expect="is a parameter"
# - :max_length
# + :4

# %% tags=["wrong"] expect="id_of.get"
# - id_of.get(token, 1)
# + id_of[token]

# %% tags=["wrong"] expect="dictionary has changed"
# - id_of.get(token, 1)
# + id_of.setdefault(token, 1)

# %% tags=["wrong"] expect="whole numbers"
# - return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# + return [str(id_of.get(token, 1)) for token in tokenize(text)[:max_length]] or ["1"]

# %% tags=["wrong"] expect="<name> is one token"
# -     return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# +     words = re.findall(r"\w+", text.lower())
# +     return [id_of.get(word, 1) for word in words[:max_length]] or [1]

# %% tags=["wrong"] expect="each Chinese character"
# -     return [id_of.get(token, 1) for token in tokenize(text)[:max_length]] or [1]
# +     words = [word.strip(",.?!") for word in text.lower().split()]
# +     return [id_of.get(word, 1) for word in words if word][:max_length] or [1]

# %% tags=["check"] points=2
id_of = {"<pad>": 0, "<unk>": 1, "the": 2, "mean": 3, "of": 4, "<name>": 5, "好": 6, "吃": 7}
original = dict(id_of)


def encoded(text, max_length=10):
    try:
        result = encode(text, id_of, max_length)
    except KeyError as error:
        raise AssertionError(f"{error} has no id: id_of.get(token, 1) gives 1 instead of an error") from None
    assert result is not None, "nothing is returned: the list is missing after return"
    result = result.tolist() if isinstance(result, (torch.Tensor, np.ndarray)) else result
    assert isinstance(result, list), f"return a list of ids, not a {type(result).__name__}"
    kinds = {type(number).__name__ for number in result if not isinstance(number, (int, np.integer))}
    assert not kinds, f"ids are whole numbers (int), not {kinds}"
    return result


plain = encoded("the mean of the")
assert plain != [2, 3, 1], "max_length counts tokens, not characters: cut after tokenizing"
assert plain == [2, 3, 4, 2], f"'the mean of the' is [2, 3, 4, 2], not {plain}"
assert encoded("The mean, of") == [2, 3, 4], "lower case, and no punctuation: use tokenize"
unknown = encoded("the new mean")
assert unknown != [2, 3], "an unknown token was left out; it should be there as 1"
assert unknown != [2, 0, 3], "an unknown token became 0, but 0 is padding: unknown is 1"
assert unknown == [2, 1, 3], f"'the new mean' is [2, 1, 3], not {unknown}"
assert id_of == original, "the dictionary has changed: get asks for an id, setdefault and [...] = write one"
assert encoded("?!") == encoded("") == [1], "a text with no token should give [1]"
masked = encoded("the <name>")
assert masked == [2, 5], f"<name> is one token: use tokenize; 'the <name>' became {masked}"
assert encoded("好吃") == [6, 7], "each Chinese character is a token: use tokenize"
cut = encoded("the mean of the new", max_length=3)
assert len(cut) != 4, "max_length is a parameter: nothing should be cut to another fixed number of tokens"
assert len(cut) == 3, f"max_length=3 should leave 3 tokens (tokens, not characters), not {len(cut)}"
assert cut == [2, 3, 4], f"cut at the end: the first tokens stay; with max_length=3 [2, 3, 4], not {cut}"
assert len(encoded("the mean of the new")) == 5, "max_length is a parameter: with 10, five tokens stay five"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Pad a batch (2 points)
#
# Make one tensor of several lists of ids. All rows get the length of the longest list, short ones are filled up with 0
# at the end. Return the tensor and the original lengths. `pad([[5, 6], [7]])` gives the rows 5, 6 and 7, 0, and the
# lengths 2 and 1.
# <details><summary>Hint</summary>
#
# Start with `torch.zeros(rows, longest, dtype=torch.int64)` and write each list into the beginning of its row:
# `ids[row, : len(one)] = torch.tensor(one)`. Or add zeros to the lists before you make a tensor of them.
#
# </details>

# %% tags=["answer"]
def pad(lists):
    """A padded batch.

    Args:
        lists: list of lists of int, none of them empty
    Returns:
        int64 tensor (lists, longest), int64 tensor (lists,) of lengths
    """
    ### BEGIN SOLUTION
    lengths = torch.tensor([len(one) for one in lists])
    ids = torch.zeros(len(lists), int(lengths.max()), dtype=torch.int64)
    for row, one in zip(ids, lists):
        row[: len(one)] = torch.tensor(one)
    return ids, lengths
    ### END SOLUTION


# %% tags=["right"]
# -     lengths = torch.tensor([len(one) for one in lists])
# -     ids = torch.zeros(len(lists), int(lengths.max()), dtype=torch.int64)
# -     for row, one in zip(ids, lists):
# -         row[: len(one)] = torch.tensor(one)
# -     return ids, lengths
# +     longest = max(map(len, lists))
# +     rows = [one + [0] * (longest - len(one)) for one in lists]
# +     return torch.LongTensor(rows), torch.LongTensor(list(map(len, lists)))

# %% tags=["right"]
# -     lengths = torch.tensor([len(one) for one in lists])
# -     ids = torch.zeros(len(lists), int(lengths.max()), dtype=torch.int64)
# -     for row, one in zip(ids, lists):
# -         row[: len(one)] = torch.tensor(one)
# -     return ids, lengths
# +     ids = nn.utils.rnn.pad_sequence([torch.tensor(one) for one in lists], batch_first=True)
# +     return [ids, torch.as_tensor([len(one) for one in lists])]

# %% tags=["right"]
# -     lengths = torch.tensor([len(one) for one in lists])
# -     ids = torch.zeros(len(lists), int(lengths.max()), dtype=torch.int64)
# -     for row, one in zip(ids, lists):
# -         row[: len(one)] = torch.tensor(one)
# -     return ids, lengths
# +     lengths = np.array([len(one) for one in lists])
# +     there = np.arange(lengths.max()) < lengths[:, None]
# +     ids = np.zeros(there.shape, dtype=np.int64)
# +     ids[there] = np.concatenate(lists)
# +     return torch.from_numpy(ids), torch.from_numpy(lengths)

# %% tags=["wrong"] expect="int64"
# - int(lengths.max()), dtype=torch.int64
# + int(lengths.max())

# %% tags=["wrong"] expect="at the end"
# - row[: len(one)]
# + row[len(row) - len(one) :]

# %% tags=["wrong"] expect="cut"
def pad(lists):
    shortest = min(map(len, lists))
    return torch.tensor([one[:shortest] for one in lists]), torch.tensor([len(one) for one in lists])


# %% tags=["wrong"] expect="lengths before padding"
# - return ids, lengths
# + return ids, torch.tensor([len(row) for row in ids])

# %% tags=["wrong"] expect="left as they are"
def pad(lists):
    longest, lengths = max(map(len, lists)), torch.tensor([len(one) for one in lists])
    for one in lists:
        one += [0] * (longest - len(one))
    return torch.tensor(lists), lengths


# %% tags=["wrong"] expect="lengths should be a tensor"
# - return ids, lengths
# + return ids, lengths.tolist()

# %% tags=["wrong"] expect="lengths are counts"
# - return ids, lengths
# + return ids, lengths.float()

# %% tags=["wrong"] expect="one number per list"
# - return ids, lengths
# + return ids, lengths[:, None]

# %% tags=["wrong"] expect="this batch"
# - int(lengths.max())
# + 4

# %% tags=["wrong"] expect="other way round"
# - return ids, lengths
# + return lengths, ids

# %% tags=["wrong"] expect="not one number"
# - return ids, lengths
# + return ids, int(lengths.max())

# %% tags=["check"] points=2
def padded(lists):
    given = [list(one) for one in lists]
    try:
        result = pad(lists)
    except ValueError as error:
        raise AssertionError(f"{error}: torch.tensor needs rows of one length, so fill up the short ones") from None
    assert isinstance(result, (tuple, list)) and len(result) == 2, "return two things: the ids and the lengths"
    assert lists == given, "the lists that were passed in should be left as they are"
    ids, lengths = result
    assert isinstance(ids, torch.Tensor), f"the ids should be a tensor, not a {type(ids).__name__}"
    assert not isinstance(lengths, int), "return a length for each list, not one number"
    assert isinstance(lengths, torch.Tensor), f"the lengths should be a tensor, not a {type(lengths).__name__}"
    assert not (ids.dim() == 1 and lengths.dim() == 2), "the other way round: first the ids, then the lengths"
    return ids, lengths


ids, lengths = padded([[5, 6], [7, 8, 9, 4], [3]])
assert ids.dim() == 2, f"the ids should have rows and columns, not the shape {tuple(ids.shape)}"
assert ids.shape[1] >= 4, f"something was cut off: the longest list has 4 ids, the rows have {ids.shape[1]}"
assert tuple(ids.shape) == (3, 4), f"the shape should be (3, 4), not {tuple(ids.shape)}"
assert ids.dtype == torch.int64, f"ids are whole numbers: int64, not {ids.dtype}"
assert ids[0].tolist() != [0, 0, 5, 6], "the padding should stand at the end of a row, not at its beginning"
assert ids.tolist() == [[5, 6, 0, 0], [7, 8, 9, 4], [3, 0, 0, 0]], f"wrong rows: {ids.tolist()}"
assert tuple(lengths.shape) == (3,), f"the lengths are one number per list, (3,), not {tuple(lengths.shape)}"
assert lengths.tolist() != [4, 4, 4], "return the lengths before padding"
assert lengths.tolist() == [2, 4, 1], f"the lengths are 2, 4 and 1, not {lengths.tolist()}"
assert lengths.dtype == torch.int64, f"lengths are counts: int64, not {lengths.dtype}"
ids, lengths = padded([[5, 6], [7]])
assert ids.tolist() == [[5, 6], [7, 0]], f"rows are as long as the longest list of this batch, 2, not {ids.shape[1]}"
assert lengths.tolist() == [2, 1], f"the lengths of [[5, 6], [7]] are 2 and 1, not {lengths.tolist()}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · The last hidden states (3 points)
#
# Given an LSTM of one layer with `batch_first=True` that reads in one direction, the vectors of a padded batch, and the
# lengths, return the hidden state of each sentence after its last token.
# <details><summary>Hint 1</summary>
#
# `lstm(vectors)` returns `outputs` and `(h, c)`. The outputs hold a hidden state for each token; position
# `length - 1` is that of the last token.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Either index with two tensors, `outputs[torch.arange(n), lengths - 1]`, or pack first: `pack_padded_sequence(vectors,
# lengths, batch_first=True, enforce_sorted=False)`.
#
# </details>

# %% tags=["answer"]
def last_states(lstm, vectors, lengths):
    """Hidden states after the last tokens.

    Args:
        lstm: nn.LSTM of one layer in one direction, batch_first
        vectors: float32 tensor (n, longest, d)
        lengths: int64 tensor (n,)
    Returns:
        float32 tensor (n, hidden)
    """
    ### BEGIN SOLUTION
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = lstm(packed)
    return h[0]
    ### END SOLUTION


# %% tags=["right"]
# -     packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     outputs, _ = lstm(vectors)
# +     places = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
# +     return outputs.gather(1, places).squeeze(1)

# %% tags=["right"]
# -     packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     states = []
# +     for sentence, length in zip(vectors, lengths.tolist()):
# +         outputs, _ = lstm(sentence[:length])
# +         states.append(outputs[-1])
# +     return torch.stack(states)

# %% tags=["right"]
# -     packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     ordered, order = lengths.sort(descending=True)
# +     _, (h, c) = lstm(pack_padded_sequence(vectors[order], ordered, batch_first=True))
# +     return h[-1][order.argsort()]

# %% tags=["right"]
# -     packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     state, last = None, torch.zeros(len(vectors), lstm.hidden_size)
# +     for place in range(vectors.shape[1]):
# +         output, state = lstm(vectors[:, place : place + 1], state)
# +         last = torch.where((lengths == place + 1)[:, None], output[:, 0], last)
# +     return last

# %% tags=["wrong"] expect="after the padding"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[:, -1]


# %% tags=["wrong"] expect="counts from 0"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[torch.arange(len(vectors)), lengths.clamp(max=vectors.shape[1] - 1)]


# %% tags=["wrong"] expect="pairs of rows and places"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[:, lengths - 1]


# %% tags=["wrong"] expect="cell state"
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     return lstm(packed)[1][1][0]

# %% tags=["wrong"] expect="first token"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[:, 0]


# %% tags=["wrong"] expect="last place is length - 1"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[torch.arange(len(vectors)), lengths]


# %% tags=["wrong"] expect="batch_first=True"
# - pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# + pack_padded_sequence(vectors, lengths, enforce_sorted=False)

# %% tags=["wrong"] expect="enforce_sorted=False"
# - pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
# + pack_padded_sequence(vectors, lengths, batch_first=True)

# %% tags=["wrong"] expect="lengths have changed"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    lengths -= 1
    return outputs[torch.arange(len(vectors)), lengths]


# %% tags=["wrong"] expect="first dimension"
# -     _, (h, _) = lstm(packed)
# -     return h[0]
# +     return lstm(packed)[1][0]

# %% tags=["check"] points=3
torch.manual_seed(0)
lstm, lengths = nn.LSTM(3, 4, batch_first=True), torch.tensor([2, 5, 1, 3])
vectors = torch.randn(4, 5, 3)
for row, length in zip(vectors, lengths):
    row[length:] = 0
given = lengths.clone()
try:
    states = last_states(lstm, vectors, given)
except IndexError as error:
    raise AssertionError(f"a place that does not exist ({error}): the last place is length - 1") from None
except NotImplementedError:
    raise
except (RuntimeError, ValueError) as error:
    sort = "sorted" in str(error)
    hint = "any order of lengths: enforce_sorted=False" if sort else "sentences are along dimension 0: batch_first=True"
    raise AssertionError(f"{error}\nIf this comes from pack_padded_sequence, tell it: {hint}") from None
assert torch.equal(given, lengths), "the lengths have changed: lengths -= 1 writes into them, lengths - 1 does not"
outputs, _ = lstm(vectors)
alone = [lstm(row[None, :length]) for row, length in zip(vectors, lengths)]
assert isinstance(states, torch.Tensor), f"return a tensor, not a {type(states).__name__}"
assert tuple(states.shape) != (4, 4, 4), "that is every place in every row: you need pairs of rows and places"
assert tuple(states.shape) != (1, 4, 4), "h has the shape (1, 4, 4); its first dimension is the direction: take h[0]"
assert tuple(states.shape) == (4, 4), f"4 sentences with 4 numbers each are (4, 4), not {tuple(states.shape)}"


def is_like(expected):
    return torch.allclose(states, expected, atol=1e-5)


assert not is_like(outputs[:, -1]), "for short sentences that is the state after the padding"
assert not is_like(outputs[torch.arange(4), lengths.clamp(max=4)]), "one place too far: Python counts from 0"
assert not is_like(torch.cat([cell[0] for _, (_, cell) in alone])), "that is the cell state, not the hidden state"
assert not is_like(outputs[:, 0]), "that is the state after the first token"
assert is_like(torch.cat([h[0] for _, (h, _) in alone])), "each row should be as if its sentence were read alone"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Clip a gradient (3 points)
#
# Do what `clip_grad_norm_` does, without calling it: take the gradients of all parameters together as one long
# vector, and if it is longer than `max_norm`, shorten it to `max_norm`; its direction stays. The gradients may have
# any shapes, as those of a matrix and a bias. Parameters without a gradient (`grad is None`) are skipped and stay
# without one. Change the gradients in place, and return the length before clipping. A single gradient (3, 4) has the
# length 5; clipped to 2 it is (1.2, 1.6).
# <details><summary>Hint 1</summary>
#
# The length of a long vector is the root of the sum of all its squared numbers. So add up `(grad**2).sum()` over the
# gradients, or make each one-dimensional with `flatten()` before `torch.cat` joins them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# If the length is above `max_norm`, multiply every gradient by the same factor `max_norm / length`:
# `parameter.grad.mul_(factor)` changes it in place.
#
# </details>

# %% tags=["answer"]
def clip(parameters, max_norm):
    """Shorten the gradients of all parameters, taken together, to at most `max_norm`.

    Args:
        parameters: list of nn.Parameter
        max_norm: float
    Returns:
        float, length of the gradient before clipping
    """
    ### BEGIN SOLUTION
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    if length > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / length)
    return length
    ### END SOLUTION


# %% tags=["right"]
# -     gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
# -     length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# -     return length
# +     learning = [parameter for parameter in parameters if parameter.grad is not None]
# +     length = torch.cat([parameter.grad.flatten() for parameter in learning]).norm().item()
# +     factor = min(1.0, max_norm / max(length, 1e-12))
# +     for parameter in learning:
# +         parameter.grad *= factor
# +     return length

# %% tags=["right"]
# -     length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +     length = float(np.linalg.norm(np.concatenate([gradient.numpy().ravel() for gradient in gradients])))
# +     for gradient in gradients:
# +         gradient[:] = gradient if length <= max_norm else gradient / length * max_norm

# %% tags=["right"]
# -     gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
# -     length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# -     return length
# +     squares = 0.0
# +     for parameter in parameters:
# +         if parameter.grad is not None:
# +             for number in parameter.grad.flatten().tolist():
# +                 squares += number * number
# +     length = squares**0.5
# +     if length <= max_norm:
# +         return length
# +     for parameter in parameters:
# +         if parameter.grad is not None:
# +             parameter.grad.copy_(parameter.grad * (max_norm / length))
# +     return length

# %% tags=["wrong"] expect="shorter than the limit"
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +     for gradient in gradients:
# +         gradient.mul_(max_norm / length)

# %% tags=["wrong"] expect="all together"
def clip(parameters, max_norm):
    lengths = []
    for parameter in parameters:
        if parameter.grad is not None:
            lengths.append(parameter.grad.norm().item())
            parameter.grad.mul_(min(1, max_norm / lengths[-1]))
    return sum(length**2 for length in lengths) ** 0.5


# %% tags=["wrong"] expect="direction"
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +     for gradient in gradients:
# +         gradient.clamp_(-max_norm, max_norm)

# %% tags=["wrong"] expect="have not changed"
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +     for gradient in gradients:
# +         gradient = gradient * min(1, max_norm / length)

# %% tags=["wrong"] expect="another tensor"
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +         for parameter in parameters:
# +             if parameter.grad is not None:
# +                 parameter.grad = parameter.grad * (max_norm / length)

# %% tags=["wrong"] expect="without calling"
# -     gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
# -     length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# -     return length
# +     return nn.utils.clip_grad_norm_(parameters, max_norm).item()

# %% tags=["wrong"] expect="before clipping"
# - return length
# + return min(length, max_norm)

# %% tags=["wrong"] expect="skip it"
# - [parameter.grad for parameter in parameters if parameter.grad is not None]
# + [parameter.grad for parameter in parameters]

# %% tags=["wrong"] expect="flatten"
# - length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
# + length = torch.cat(gradients).norm()

# %% tags=["wrong"] expect="should still be None"
def clip(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    length = sum((parameter.grad**2).sum().item() for parameter in parameters) ** 0.5
    if length > max_norm:
        for parameter in parameters:
            parameter.grad.mul_(max_norm / length)
    return length


# %% tags=["wrong"] expect="those behind it"
def clip(parameters, max_norm):
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:
            break
        gradients.append(parameter.grad)
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    if length > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / length)
    return length


# %% tags=["wrong"] expect="divide only if"
# -     if length > max_norm:
# -         for gradient in gradients:
# -             gradient.mul_(max_norm / length)
# +     for gradient in gradients:
# +         gradient.mul_(min(1, max_norm / length))

# %% tags=["check"] points=3
def with_gradients(*gradients):
    gradients = [gradient if gradient is None else torch.tensor(gradient) for gradient in gradients]
    parameters = [nn.Parameter(torch.zeros(1) if one is None else torch.zeros_like(one)) for one in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return parameters


def after(max_norm, *gradients):
    parameters = with_gradients(*gradients)
    own = [parameter.grad for parameter in parameters]
    try:
        length = clip(parameters, max_norm)
    except (TypeError, AttributeError):
        if None not in gradients:
            raise
        raise AssertionError("a parameter without a gradient has grad None: skip it") from None
    except ZeroDivisionError:
        raise AssertionError("gradients of zeros have length 0: divide only if the length is above max_norm") from None
    except NotImplementedError:
        raise
    except RuntimeError as error:
        raise AssertionError(f"{error}\nTo join gradients of several shapes, flatten() each one first") from None
    replaced = any(parameter.grad is not one for parameter, one in zip(parameters, own) if one is not None)
    assert not replaced, "another tensor stands in parameter.grad now: change the one that is there in place, with mul_"
    return length, [parameter.grad for parameter in parameters]


def near(found, *wanted):
    flat = torch.cat([gradient.flatten() for gradient in found if gradient is not None])
    return torch.allclose(flat, torch.tensor(wanted), atol=1e-3)


borrowed = "clip_grad_norm_" in inspect.unwrap(clip).__code__.co_names
assert not borrowed, "write clip without calling clip_grad_norm_: that is how you see what it does"
length, clipped = after(6.5, [3.0, 4.0], [12.0])
assert length is not None, "return the length of the gradient before clipping"
length = float(length)
assert not near(clipped, 3.0, 4.0, 12.0), "the gradients have not changed: change them in place"
assert not near(clipped, 3.0, 4.0, 6.5), (
    "take the gradients all together: (3, 4, 12) is one vector of length 13, and its direction should stay"
)
_, one = after(2.0, [3.0, 4.0])
assert not near(one, 2.0, 2.0), "cutting off each number changes the direction: multiply all numbers by the same factor"
assert near(one, 1.2, 1.6), f"(3, 4) clipped to 2 is (1.2, 1.6), not {one}"
assert near(clipped, 1.5, 2.0, 6.0), (
    f"take the gradients all together: (3, 4), (12) clipped to 6.5 are (1.5, 2), (6), not {clipped}"
)
assert abs(length - 6.5) > 0.01, "return the length before clipping, 13, not the one after it"
assert abs(length - 13) < 0.01, f"the length of (3, 4, 12) is 13, not {length}"
_, short = after(100.0, [3.0, 4.0])
assert near(short, 3.0, 4.0), "a gradient that is shorter than the limit stays as it is"
length, shapes = after(6.5, [[3.0], [4.0]], [12.0])
assert near(shapes, 1.5, 2.0, 6.0), f"a matrix and a bias: clipped to 6.5 they should be 1.5, 2 and 6, not {shapes}"
assert [tuple(gradient.shape) for gradient in shapes] == [(2, 1), (1,)], "the gradients should keep their shapes"
_, with_none = after(2.5, [3.0, 4.0], None)
assert with_none[1] is None, "a parameter that had no gradient should still be None after it"
assert near(with_none, 1.5, 2.0), "parameters without gradient should make no difference to the others"
_, between = after(6.5, [3.0, 4.0], None, [12.0])
assert near(between, 1.5, 2.0, 6.0), "one parameter has no gradient; skip it, but not those behind it"
assert abs(float(after(5.0, [0.0, 0.0])[0])) < 1e-6, "a gradient of zeros has length 0"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: how many tokens fit? (5 points)
#
# `batch_size=64` means 64 sentences, however long: a batch of long ones may not fit into memory, a batch of short ones
# wastes time. Make batches by *tokens* instead. Given the lengths of all sentences, return a list of batches, each a
# list of positions, so that
#
# - every sentence is in exactly one batch,
# - no batch has more than `max_tokens` tokens, padding included: the number of its sentences times its longest,
# - a sentence that is longer than `max_tokens` has a batch of its own,
# - there is little padding: sentences of similar length are together, and a batch is only closed when the next sentence
#   does not fit,
# - the batches come in an order that depends on `seed`: the same seed gives the same order, another seed usually
#   another one. The order of the batches counts; that inside a batch does not matter.
#
# For instance `batches_by_tokens([5, 2, 2], max_tokens=5, seed=0)` has the batches `[1, 2]` and `[0]`, in some order.
# <details><summary>Hint 1</summary>
#
# Sort the positions by length: `order = sorted(range(len(lengths)), key=lambda i: lengths[i])`. Go through them and add
# each to the current batch, or begin a new batch if it does not fit.
#
# </details>
# <details><summary>Hint 2</summary>
#
# In that order the next sentence is the longest of its batch. With it the batch would have
# `(len(batch) + 1) * lengths[i]` tokens.
#
# </details>
# <details><summary>Hint 3</summary>
#
# At the end, `np.random.default_rng(seed).permutation(len(batches))` is a random order of the batches.
#
# </details>

# %% tags=["answer"]
def batches_by_tokens(lengths, max_tokens, seed):
    """Batches of sentences of similar length with a limited number of tokens.

    Args:
        lengths: list of int, number of tokens of each sentence
        max_tokens: int, limit for sentences times longest
        seed: int
    Returns:
        list of lists of int, positions in `lengths`
    """
    ### BEGIN SOLUTION
    batches = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
    ### END SOLUTION


# %% tags=["right"]
# -     batches = []
# -     for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
# -         if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
# -             batches[-1].append(i)
# -         else:
# -             batches.append([i])
# -     return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# +     batches, batch, longest = [], [], 0
# +     for length, i in sorted(zip(lengths, range(len(lengths))), reverse=True):
# +         longest = longest if batch else length
# +         if batch and (len(batch) + 1) * longest > max_tokens:
# +             batches.append(batch)
# +             batch, longest = [], length
# +         batch.append(i)
# +     if batch:
# +         batches.append(batch)
# +     random.Random(seed).shuffle(batches)
# +     return batches
# - def batches_by_tokens(lengths, max_tokens, seed):
# + import random
# +
# +
# + def batches_by_tokens(lengths, max_tokens, seed):

# %% tags=["right"]
# -     batches = []
# -     for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
# -         if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
# -             batches[-1].append(i)
# -         else:
# -             batches.append([i])
# -     return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# +     order = torch.tensor(lengths).argsort().tolist()
# +     batches, first = [], 0
# +     while first < len(order):
# +         last = first + 1
# +         while last < len(order) and (last + 1 - first) * lengths[order[last]] <= max_tokens:
# +             last += 1
# +         batches.append(order[first:last])
# +         first = last
# +     mixed = torch.randperm(len(batches), generator=torch.Generator().manual_seed(seed))
# +     return [batches[number] for number in mixed]

# %% tags=["wrong"] expect="padding counts"
# - (len(batches[-1]) + 1) * lengths[i]
# + sum(lengths[j] for j in batches[-1]) + lengths[i]

# %% tags=["wrong"] expect="similar length"
# -     for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
# -         if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
# +     for i in np.random.default_rng(seed).permutation(len(lengths)):
# +         longest = max([lengths[j] for j in batches[-1]] + [lengths[i]]) if batches else 0
# +         if batches and (len(batches[-1]) + 1) * longest <= max_tokens:
# - return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# + return batches

# %% tags=["wrong"] expect="every seed gives the same order"
# - return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# + return batches

# %% tags=["wrong"] expect="in no batch"
# -     for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
# +     for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
# +         if lengths[i] > max_tokens:
# +             continue

# %% tags=["wrong"] expect="closed too early"
def batches_by_tokens(lengths, max_tokens, seed):
    size = max(1, max_tokens // max(length for length in lengths if length <= max_tokens)) if lengths else 1
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    long = [[i] for i in order if lengths[i] > max_tokens]
    rest = [i for i in order if lengths[i] <= max_tokens]
    batches = [rest[start : start + size] for start in range(0, len(rest), size)] + long
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]


# %% tags=["wrong"] expect="same seed"
# - np.random.default_rng(seed).permutation(len(batches))
# + np.random.permutation(len(batches))

# %% tags=["wrong"] expect="seed 0"
# - np.random.default_rng(seed).permutation(len(batches))
# + np.random.default_rng(seed or None).permutation(len(batches))

# %% tags=["wrong"] expect="no empty batch"
def batches_by_tokens(lengths, max_tokens, seed):
    batches, batch = [], []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if (len(batch) + 1) * lengths[i] > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(i)
    batches += [batch] if batch else []
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]


# %% tags=["wrong"] expect="only the order inside"
# - batches = []
# + batches, generator = [], np.random.default_rng(seed)
# - lambda i: lengths[i]
# + lambda i: -lengths[i]
# - (len(batches[-1]) + 1) * lengths[i]
# + (len(batches[-1]) + 1) * lengths[batches[-1][0]]
# - return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# + return [[int(i) for i in generator.permutation(batch)] for batch in batches]

# %% tags=["wrong"] expect="twelve sentences of one token"
# - (len(batches[-1]) + 1) * lengths[i]
# + len(batches[-1]) < 9 and (len(batches[-1]) + 1) * lengths[i]

# %% tags=["wrong"] expect="nothing is returned"
# - return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# + np.random.default_rng(seed).shuffle(batches)

# %% tags=["wrong"] expect="while there is no batch"
# - batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens
# + (len(batches[-1]) + 1) * lengths[i] <= max_tokens

# %% tags=["check"] points=5
lengths = [int(length) for length in np.random.default_rng(0).integers(3, 30, size=200)] + [500]
original = list(lengths)


def made(lengths, max_tokens=120, seed=0):
    try:
        batches = batches_by_tokens(lengths, max_tokens, seed)
    except IndexError as error:
        raise AssertionError(f"{error}: batches[-1] does not exist while there is no batch") from None
    assert batches is not None, "nothing is returned (shuffle works in place and gives None)"
    assert all(hasattr(batch, "__len__") for batch in batches), "return a list of lists: each batch is a list"
    return [[int(i) for i in batch] for batch in batches]


def tokens(batch):
    return len(batch) * max(lengths[i] for i in batch)


batches = made(lengths)
assert lengths == original, "the list that was passed in has been changed"
assert all(batches), "there is an empty batch"
placed = Counter(i for batch in batches for i in batch)
missing = sorted(set(range(len(lengths))) - set(placed))
assert not missing, f"{len(missing)} sentences are in no batch, e.g. one of {lengths[missing[0]]} tokens"
assert set(placed) == set(range(len(lengths))) and max(placed.values()) == 1, "every position should occur once"
too_large = [tokens(batch) for batch in batches if tokens(batch) > 120 and len(batch) > 1]
assert not too_large, f"a batch has {max(too_large or [0])} tokens instead of 120 at most: padding counts, too"
padding = 1 - sum(lengths) / sum(tokens(batch) for batch in batches)
assert padding < 0.2, f"{padding:.0%} of all tokens are padding: put sentences of similar length together"
assert len(batches) <= 36, f"{len(batches)} batches are too many: some are closed too early"
assert len(made([1] * 12, max_tokens=12)) == 1, "twelve sentences of one token fit into 12 tokens: one batch"
assert sorted(map(len, made([4, 4, 4, 4, 4], max_tokens=8))) == [1, 2, 2], "max_tokens itself is still allowed"
assert made([500]) == [[0]], f"one sentence that is too long is one batch, [[0]], not {made([500])}: no empty batch"
assert made([]) == [], "no sentences should give no batches"
orders = [made(lengths, seed=seed) for seed in range(4)]
assert made(lengths, seed=1) == orders[1], "the same seed should give the same order"
assert made(lengths, seed=0) == orders[0], "seed 0 gives another order each time: it is a seed like any other"
assert any(order != orders[0] for order in orders), "every seed gives the same order: shuffle the batches"
longest = {tuple(max(lengths[i] for i in batch) for batch in order) for order in orders}
assert len(longest) > 1, "only the order inside the batches depends on the seed: shuffle the batches themselves"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/12_text_classification_lstm.ipynb), or go on with
# [lesson 13](../13_deployment_flask.ipynb).
