# %% [markdown]
# # Exercises 12 · Text classification with an LSTM
#
# Five tasks, from warming up to a small design of your own, about 40 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 12](../12_text_classification_lstm.ipynb); if you are stuck,
# unfold the hint. Run the next cell first.

# %%
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from course_utils import setup, tokenize

course = setup(seed=0)

# %% [markdown]
# ## Task 1 · Encode a text (2 points)
#
# Turn a text into a list of ids. `id_of` is a dictionary from tokens to ids; id 1 stands for unknown tokens. Longer
# texts are cut to `max_length` tokens, and a text without any token becomes the list `[1]`. Use `tokenize`. For
# instance `encode("The mean value", {"the": 2, "mean": 3}, max_length=10)` gives `[2, 3, 1]`.
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


# %% tags=["wrong"] expect="lower case"
def encode(text, id_of, max_length):
    return [id_of.get(word, 1) for word in text.split()[:max_length]] or [1]


# %% tags=["wrong"] expect="left out"
def encode(text, id_of, max_length):
    return [id_of[token] for token in tokenize(text) if token in id_of][:max_length] or [1]


# %% tags=["wrong"] expect="padding"
def encode(text, id_of, max_length):
    return [id_of.get(token, 0) for token in tokenize(text)[:max_length]] or [1]


# %% tags=["wrong"] expect="no token"
def encode(text, id_of, max_length):
    return [id_of.get(token, 1) for token in tokenize(text)[:max_length]]


# %% tags=["wrong"] expect="not characters"
def encode(text, id_of, max_length):
    return [id_of.get(token, 1) for token in tokenize(text[:max_length])] or [1]


# %% tags=["check"] points=2
id_of = {"<pad>": 0, "<unk>": 1, "the": 2, "mean": 3, "of": 4}


def encoded(text, max_length=10):
    result = encode(text, id_of, max_length)
    assert result is not None, "nothing is returned"
    return [int(number) for number in result]


plain = encoded("the mean of the")
assert plain != [2, 3, 1], "max_length counts tokens, not characters: cut after tokenizing"
assert plain == [2, 3, 4, 2], f"'the mean of the' is [2, 3, 4, 2], not {plain}"
assert encoded("The mean, of") == [2, 3, 4], "lower case, and no punctuation: use tokenize"
unknown = encoded("the new mean")
assert unknown != [2, 3], "an unknown token was left out; it should be there as 1"
assert unknown != [2, 0, 3], "an unknown token became 0, but 0 is padding: unknown is 1"
assert unknown == [2, 1, 3], f"'the new mean' is [2, 1, 3], not {unknown}"
assert encoded("?!") == encoded("") == [1], "a text with no token should give [1]"
cut = encoded("the mean of the mean of the", max_length=4)
assert len(cut) == 4, f"max_length=4 should leave 4 tokens (tokens, not characters), not {len(cut)}"
assert cut == [2, 3, 4, 2], "cut at the end: the first tokens stay"
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


# %% tags=["wrong"] expect="int64"
def pad(lists):
    ids = torch.zeros(len(lists), max(map(len, lists)))
    for row, one in zip(ids, lists):
        row[: len(one)] = torch.tensor(one)
    return ids, torch.tensor([len(one) for one in lists])


# %% tags=["wrong"] expect="at the end"
def pad(lists):
    longest = max(map(len, lists))
    ids = torch.tensor([[0] * (longest - len(one)) + one for one in lists])
    return ids, torch.tensor([len(one) for one in lists])


# %% tags=["wrong"] expect="cut"
def pad(lists):
    shortest = min(map(len, lists))
    return torch.tensor([one[:shortest] for one in lists]), torch.tensor([len(one) for one in lists])


# %% tags=["wrong"] expect="lengths before padding"
def pad(lists):
    longest = max(map(len, lists))
    ids = torch.tensor([one + [0] * (longest - len(one)) for one in lists])
    return ids, torch.tensor([len(row) for row in ids])


# %% tags=["wrong"] expect="left as they are"
def pad(lists):
    longest, lengths = max(map(len, lists)), torch.tensor([len(one) for one in lists])
    for one in lists:
        one += [0] * (longest - len(one))
    return torch.tensor(lists), lengths


# %% tags=["check"] points=2
lists = [[5, 6], [7, 8, 9, 4], [3]]
result = pad(lists)
assert isinstance(result, (tuple, list)) and len(result) == 2, "return two things: the ids and the lengths"
ids, lengths = result
assert isinstance(ids, torch.Tensor), f"the ids should be a tensor, not a {type(ids).__name__}"
assert lists == [[5, 6], [7, 8, 9, 4], [3]], "the lists that were passed in should be left as they are"
assert ids.dim() == 2 and ids.shape[1] != 1, f"something was cut off: the longest list has 4 ids, {tuple(ids.shape)}"
assert tuple(ids.shape) == (3, 4), f"the shape should be (3, 4), not {tuple(ids.shape)}"
assert ids.dtype == torch.int64, f"ids are whole numbers: int64, not {ids.dtype}"
assert ids[0].tolist() != [0, 0, 5, 6], "the padding should stand at the end of a row, not at its beginning"
assert ids.tolist() == [[5, 6, 0, 0], [7, 8, 9, 4], [3, 0, 0, 0]], f"wrong rows: {ids.tolist()}"
found = [int(length) for length in lengths]
assert found != [4, 4, 4], "return the lengths before padding"
assert found == [2, 4, 1], f"the lengths are 2, 4 and 1, not {found}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · The last hidden states (3 points)
#
# Given an LSTM with `batch_first=True` that reads in one direction, the vectors of a padded batch, and the lengths,
# return the hidden state of each sentence after its last token.
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
        lstm: nn.LSTM in one direction, batch_first
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
def last_states(lstm, vectors, lengths):
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    return lstm(packed)[1][1][0]


# %% tags=["wrong"] expect="first token"
def last_states(lstm, vectors, lengths):
    outputs, _ = lstm(vectors)
    return outputs[:, 0]


# %% tags=["check"] points=3
torch.manual_seed(0)
lstm, lengths = nn.LSTM(3, 4, batch_first=True), torch.tensor([2, 5, 1, 3])
vectors = torch.randn(4, 5, 3)
for row, length in zip(vectors, lengths):
    row[length:] = 0
states = last_states(lstm, vectors, lengths)
outputs, _ = lstm(vectors)
alone = [lstm(row[None, :length]) for row, length in zip(vectors, lengths)]
assert isinstance(states, torch.Tensor), f"return a tensor, not a {type(states).__name__}"
assert tuple(states.shape) != (4, 4, 4), "that is every place in every row: you need pairs of rows and places"
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
# Do by hand what `clip_grad_norm_` does: take the gradients of all parameters together as one long vector, and if it is
# longer than `max_norm`, shorten it to `max_norm`; its direction stays. Parameters without a gradient are skipped.
# Change the gradients in place, and return the length before clipping. A single gradient (3, 4) has the length 5;
# clipped to 2 it is (1.2, 1.6).
# <details><summary>Hint 1</summary>
#
# The length of a long vector is the root of the sum of all its squared numbers. A parameter that has no gradient has
# `parameter.grad is None`.
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


# %% tags=["wrong"] expect="shorter than the limit"
def clip(parameters, max_norm):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    for gradient in gradients:
        gradient.mul_(max_norm / length)
    return length


# %% tags=["wrong"] expect="all together"
def clip(parameters, max_norm):
    lengths = []
    for parameter in parameters:
        if parameter.grad is not None:
            lengths.append(parameter.grad.norm().item())
            parameter.grad.mul_(min(1, max_norm / lengths[-1]))
    return sum(length**2 for length in lengths) ** 0.5


# %% tags=["wrong"] expect="direction"
def clip(parameters, max_norm):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    for gradient in gradients:
        gradient.clamp_(-max_norm, max_norm)
    return length


# %% tags=["wrong"] expect="have not changed"
def clip(parameters, max_norm):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    for gradient in gradients:
        gradient = gradient * min(1, max_norm / length)
    return length


# %% tags=["wrong"] expect="before clipping"
def clip(parameters, max_norm):
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    for gradient in gradients:
        gradient.mul_(min(1, max_norm / length))
    return min(length, max_norm)


# %% tags=["wrong"] expect="skip it"
def clip(parameters, max_norm):
    length = sum((parameter.grad**2).sum().item() for parameter in parameters) ** 0.5
    for parameter in parameters:
        parameter.grad.mul_(min(1, max_norm / length))
    return length


# %% tags=["check"] points=3
def with_gradients(*gradients):
    parameters = [nn.Parameter(torch.zeros(len(gradient or [0]))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = None if gradient is None else torch.tensor(gradient)
    return parameters


def after(max_norm, *gradients):
    parameters = with_gradients(*gradients)
    length = clip(parameters, max_norm)
    left = [torch.zeros(1) if parameter.grad is None else parameter.grad for parameter in parameters]
    return length, torch.cat(left)


length, clipped = after(6.5, [3.0, 4.0], [12.0])
assert length is not None, "return the length of the gradient before clipping"
length = float(length)
assert not torch.equal(clipped, torch.tensor([3.0, 4.0, 12.0])), "the gradients have not changed: change them in place"
assert not torch.allclose(clipped, torch.tensor([3.0, 4.0, 6.5]), atol=1e-3), (
    "take the gradients all together: (3, 4, 12) is one vector of length 13, and its direction should stay"
)
length_of_one, one = after(2.0, [3.0, 4.0])
assert not torch.allclose(one, torch.tensor([2.0, 2.0]), atol=1e-3), (
    "cutting off each number changes the direction: multiply all numbers by the same factor"
)
assert torch.allclose(one, torch.tensor([1.2, 1.6]), atol=1e-3), f"(3, 4) clipped to 2 is (1.2, 1.6), not {one}"
assert torch.allclose(clipped, torch.tensor([1.5, 2.0, 6.0]), atol=1e-3), (
    f"take the gradients all together: (3, 4), (12) clipped to 6.5 are (1.5, 2), (6), not {clipped.tolist()}"
)
assert abs(length - 6.5) > 0.01, "return the length before clipping, 13, not the one after it"
assert abs(length - 13) < 0.01, f"the length of (3, 4, 12) is 13, not {length}"
_, short = after(100.0, [3.0, 4.0])
assert torch.allclose(short, torch.tensor([3.0, 4.0])), "a gradient that is shorter than the limit stays as it is"
try:
    _, with_none = after(2.5, [3.0, 4.0], None)
except (TypeError, AttributeError):
    raise AssertionError("a parameter without a gradient has grad None: skip it") from None
assert torch.allclose(with_none[:2], torch.tensor([1.5, 2.0]), atol=1e-3), "parameters without gradient change nothing"
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
#   another one.
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


# %% tags=["wrong"] expect="padding counts"
def batches_by_tokens(lengths, max_tokens, seed):
    batches, total = [[]], 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches[-1] and total + lengths[i] > max_tokens:
            batches.append([])
            total = 0
        batches[-1].append(i)
        total += lengths[i]
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]


# %% tags=["wrong"] expect="similar length"
def batches_by_tokens(lengths, max_tokens, seed):
    batches = []
    for i in np.random.default_rng(seed).permutation(len(lengths)):
        longest = max([lengths[j] for j in batches[-1]] + [lengths[i]]) if batches else 0
        if batches and (len(batches[-1]) + 1) * longest <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


# %% tags=["wrong"] expect="every seed gives the same order"
def batches_by_tokens(lengths, max_tokens, seed):
    batches = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


# %% tags=["wrong"] expect="in no batch"
def batches_by_tokens(lengths, max_tokens, seed):
    batches = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if lengths[i] > max_tokens:
            continue
        if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]


# %% tags=["wrong"] expect="closed too early"
def batches_by_tokens(lengths, max_tokens, seed):
    size = max(1, max_tokens // max(length for length in lengths if length <= max_tokens)) if lengths else 1
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    long = [[i] for i in order if lengths[i] > max_tokens]
    rest = [i for i in order if lengths[i] <= max_tokens]
    batches = [rest[start : start + size] for start in range(0, len(rest), size)] + long
    return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]


# %% tags=["wrong"] expect="same seed"
def batches_by_tokens(lengths, max_tokens, seed):
    batches = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[i] <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return [batches[number] for number in np.random.permutation(len(batches))]


# %% tags=["check"] points=5
lengths = [int(length) for length in np.random.default_rng(0).integers(3, 30, size=200)] + [500]
original = list(lengths)


def made(lengths, max_tokens=120, seed=0):
    return [[int(i) for i in batch] for batch in batches_by_tokens(lengths, max_tokens, seed)]


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
assert len(batches) <= 40, f"{len(batches)} batches are too many: some are closed too early"
assert made(lengths, seed=1) == made(lengths, seed=1), "the same seed should give the same order"
orders = {tuple(map(tuple, made(lengths, seed=seed))) for seed in range(4)}
assert len(orders) > 1, "every seed gives the same order: shuffle the batches"
shortest_last = [max(lengths[i] for i in batch) for batch in batches]
assert shortest_last != sorted(shortest_last), "the batches still come from short to long: shuffle them"
assert made([]) == [], "no sentences should give no batches"
assert sorted(map(len, made([4, 4, 4, 4, 4], max_tokens=8))) == [1, 2, 2], "max_tokens itself is still allowed"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/12_text_classification_lstm.ipynb), or go on with
# [lesson 13](../13_deployment_flask.ipynb).
