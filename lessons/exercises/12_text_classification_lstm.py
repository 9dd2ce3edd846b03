# %% [markdown]
# # Exercises 12 · Text classification with an LSTM
#
# Five tasks, from warming up to a small design of your own, about 50 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 12](../12_text_classification_lstm.ipynb); if you are stuck,
# unfold the hint. Run the next cell first.

# %%
from collections import Counter

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from course_utils import fresh_inputs, names_used, progress, start_exercise
from course_utils.data.text import tokenize

course = start_exercise("12")

# %% [markdown]
# ## Task 1 · The last hidden states (3 points)
#
# Given an LSTM of one layer with `batch_first=True` that reads in one direction, the vectors of a padded batch, and the
# lengths, return the hidden state of each sentence after its last token.
# <details><summary>Hint 1: a question</summary>
#
# Which column of the outputs belongs to the last token of a short sentence, and what has the LSTM read after it?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Padding, and packing* shows what padding does to the state, and two ways around it.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# From each row of a table another place, by two tensors of positions:
#
# ```python
# table = torch.arange(12).view(3, 4)
# rows, places = torch.tensor([0, 1, 2]), torch.tensor([3, 0, 2])
# print(table[rows, places])  # one number of each row
# print(table[:, places].shape)  # three numbers of each row
#
# short = pack_padded_sequence(torch.zeros(2, 3, 1), torch.tensor([3, 1]), batch_first=True)
# print(short.batch_sizes)  # how many sentences still run at each step
# ```
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

# %% tags=["wrong"] expect="not a list"
# - return h[0]
# + return h[0].tolist()

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
    return torch.allclose(states.float(), expected, atol=1e-5)


assert not is_like(outputs[:, -1]), "for short sentences that is the state after the padding"
assert not is_like(outputs[torch.arange(4), lengths.clamp(max=4)]), "one place too far: Python counts from 0"
assert not is_like(torch.cat([cell[0] for _, (_, cell) in alone])), "that is the cell state, not the hidden state"
assert not is_like(outputs[:, 0]), "that is the state after the first token"
assert is_like(torch.cat([h[0] for _, (h, _) in alone])), "each row should be as if its sentence were read alone"
inputs = fresh_inputs()
number, size, hidden = (int(number) for number in inputs.integers([3, 2, 2], [8, 6, 7]))
lstm, lengths = nn.LSTM(size, hidden, batch_first=True), torch.from_numpy(inputs.integers(1, 10, size=number))
vectors = torch.randn(number, int(lengths.max()), size)
states = last_states(lstm, vectors, lengths.clone())
expected = torch.cat([lstm(row[None, :length])[1][0][0] for row, length in zip(vectors, lengths)])
message = f"{number} sentences of the lengths {lengths.tolist()}: not each row is as if its sentence were read alone"
assert states.shape == expected.shape and is_like(expected), message
print("✓ task 1")

# %% [markdown]
# ## Task 2 · Clip a gradient (3 points)
#
# Do what `clip_grad_norm_` does, without calling it: take the gradients of all parameters together as one long
# vector, and if it is longer than `max_norm`, shorten it to `max_norm`; its direction stays. The gradients may have
# any shapes, as those of a matrix and a bias. Parameters without a gradient (`grad is None`) are skipped and stay
# without one. Change the gradients in place, and return the length before clipping. A single gradient (3, 4) has the
# length 5; clipped to 2 it is (1.2, 1.6).
# <details><summary>Hint 1: a question</summary>
#
# How would you find the length of a vector that comes in several pieces, some of them matrices? By what would you
# multiply each piece, so that the length is right and the direction stays?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *How far back does it remember?* ends with such a gradient in two pieces.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A vector in two pieces, both scaled to the length 1, and a change in place:
#
# ```python
# pieces = [torch.tensor([[2.0], [3.0]]), torch.tensor([6.0])]
# squares = [float(piece.square().sum()) for piece in pieces]
# print(squares, sum(squares) ** 0.5)  # 7, as 2, 3 and 6 in one vector have
#
# units = [piece / sum(squares) ** 0.5 for piece in pieces]
# print(units)
#
# same = pieces[0]
# same.div_(7)  # writes into the tensor, so both names see it
# print(pieces[0])
# ```
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

# %% tags=["wrong"] expect="one number, not a list"
# - return length
# + return [float(gradient.norm()) for gradient in gradients]

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


borrowed = {"clip_grad_norm_", "clip_grad_norm"} & names_used(clip)
assert not borrowed, f"write clip without calling {borrowed.pop()}: that is how you see what it does"
length, clipped = after(6.5, [3.0, 4.0], [12.0])
assert length is not None, "return the length of the gradient before clipping"
message = f"return the length, one number, not a {type(length).__name__}"
assert np.ndim(length) == 0 and not isinstance(length, (dict, str)), message
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
inputs = fresh_inputs()
for part in inputs.permutation([inputs.uniform(0.1, 0.9), inputs.uniform(1.1, 3)]):  # too long, and short enough
    gradients = [torch.randn(3, 4).tolist(), None, torch.randn(4).tolist(), torch.randn(2, 1, 2).tolist()]
    theirs = with_gradients(*gradients)
    max_norm = float(part) * nn.utils.clip_grad_norm_(theirs, torch.inf).item()
    expected = nn.utils.clip_grad_norm_(theirs, max_norm).item()
    length, ours = after(max_norm, *gradients)
    what = f"random gradients of length {expected:.4f}, clipped to {max_norm:.4f}"
    assert abs(float(length) - expected) < 1e-3, f"{what}: you return the length {float(length):.4f}"
    wanted = torch.cat([one.grad.flatten() for one in theirs if one.grad is not None]).tolist()
    assert near(ours, *wanted), f"{what}, should be {np.round(wanted[:3], 3)}, …, and yours are others"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Write the test: is this split honest? (4 points)
#
# Lesson 12 measured what a leak costs. Write the test that would have caught it. `check_split` gets two tables with the
# columns `text`, `label` and `file`. Where all is well it says nothing. It raises an `AssertionError` with a message
# that says what is wrong, if
#
# - a sentence of `test` is in `train`, too: the same tokens, whatever capitals and punctuation there are,
# - or a file has sentences in both,
# - or `test` has a label that `train` does not have: nobody could have learned it.
#
# What is inside one table only (a sentence that `train` has twice, a label that `test` lacks) is no leak. In the check,
# eight splits are waiting for your test, four of them sick, and some that are drawn anew in each run.
# <details><summary>Hint 1: a question</summary>
#
# What do two sentences have in common that differ in capitals and full stops only? And which of the three questions
# is one about a *part* of a set?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Sentences that give nothing away* says why copies and shared files are leaks.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A test of another kind, for two lists of guests who must not sit at both tables:
#
# ```python
# def check_tables(left, right):
#     at_left = {name.strip().lower() for name in left}
#     twice = [name for name in right if name.strip().lower() in at_left]
#     assert not twice, f"at both tables: {twice}"
#
#
# try:
#     check_tables(["Ada", "Bo "], ["bo", "Cy"])
# except AssertionError as error:
#     print(error)
# ```
#
# </details>

# %% tags=["answer"]
def check_split(train, test):
    """Stop with a message if a split of sentences is not honest.

    Args:
        train, test: DataFrames with the columns text, label and file
    Raises:
        AssertionError: a sentence or a file is in both, or test has a label that train does not have
    """
    ### BEGIN SOLUTION
    known = {tuple(tokenize(text)) for text in train["text"]}
    copies = [text for text in test["text"] if tuple(tokenize(text)) in known]
    assert not copies, f"in training, too: {copies}"
    files = set(train["file"]) & set(test["file"])
    assert not files, f"files in both parts: {sorted(files)}"
    labels = set(test["label"]) - set(train["label"])
    assert not labels, f"labels that training does not have: {sorted(labels)}"
    ### END SOLUTION


# %% tags=["right"]
def check_split(train, test):
    kept = {" ".join(tokenize(text)) for text in train["text"]}
    for text in test["text"]:
        if " ".join(tokenize(text)) in kept:
            raise AssertionError(f"{text} is in training, too")
    if not set(train["file"]).isdisjoint(test["file"]):
        raise AssertionError("a file is in both")
    if not set(test["label"]) <= set(train["label"]):
        raise AssertionError("a label of the test does not occur in training")


# %% tags=["right"]
def check_split(train, test):
    for _, row in test.iterrows():
        for _, other in train.iterrows():
            assert row["file"] != other["file"], f"{row['file']} is in both parts"
            assert tokenize(row["text"]) != tokenize(other["text"]), f"in both parts: {row['text']}"
        assert (train["label"] == row["label"]).any(), f"nothing to learn {row['label']} from"


# %% tags=["right"]
def check_split(train, test):
    train, test = [part.assign(text=part["text"].map(tokenize).map(" ".join)) for part in (train, test)]
    for column in ["text", "file"]:
        shared = train[[column]].drop_duplicates().merge(test[[column]].drop_duplicates())
        assert shared.empty, f"a {column} is in both: {shared[column].tolist()}"
    assert test["label"].isin(train["label"]).all(), "a label is new in the test"


# %% tags=["wrong"] expect="other capitals and punctuation: that is"
def check_split(train, test):
    assert not set(train["text"]) & set(test["text"]), "a sentence is in both"
    assert not set(train["file"]) & set(test["file"]), "a file is in both"
    assert not set(test["label"]) - set(train["label"]), "a label is new"


# %% tags=["wrong"] expect="the same words in another order is no leak"
# - known = {tuple(tokenize(text)) for text in train["text"]}
# + known = {frozenset(tokenize(text)) for text in train["text"]}
# - [text for text in test["text"] if tuple(tokenize(text)) in known]
# + [text for text in test["text"] if frozenset(tokenize(text)) in known]

# %% tags=["wrong"] expect="a file in both: that is"
# -     assert not files, f"files in both parts: {sorted(files)}"

# %% tags=["wrong"] expect="a new label: that is"
# - set(test["label"]) - set(train["label"])
# + set()

# %% tags=["wrong"] expect="a label only in training is no leak"
# - set(test["label"]) - set(train["label"])
# + set(test["label"]) ^ set(train["label"])

# %% tags=["wrong"] expect="a sentence twice in training is no leak"
# -     assert not copies, f"in training, too: {copies}"
# +     assert not copies and len(known) == len(train), f"in training, too: {copies}"

# %% tags=["wrong"] expect="raise an AssertionError"
def check_split(train, test):
    known = {tuple(tokenize(text)) for text in train["text"]}
    return not (
        known & {tuple(tokenize(text)) for text in test["text"]}
        or set(train["file"]) & set(test["file"])
        or set(test["label"]) - set(train["label"])
    )


# %% tags=["wrong"] expect="without a message"
# - assert not files, f"files in both parts: {sorted(files)}"
# + assert not files

# %% tags=["wrong"] expect="a copy: that is"
# - copies = [text for text in test["text"] if tuple(tokenize(text)) in known]
# + copies = [a for a, b in zip(train["text"], test["text"]) if tokenize(a) == tokenize(b)]

# %% [markdown]
# Try it on a split with a leak; your test should say what it is:

# %%
train = pd.DataFrame([["Fit the model.", "sklearn", "base.py"]], columns=["text", "label", "file"])
test = pd.DataFrame([["fit the model", "sklearn", "tree.py"]], columns=["text", "label", "file"])
try:
    check_split(train, test)
    print("nothing wrong")
except AssertionError as error:
    print(error)

# %% tags=["check"] points=4
learned = [["Draw the axes.", "matplotlib", "axes.py"], ["Fit the model.", "sklearn", "base.py"],
           ["Return the rows.", "pandas", "frame.py"], ["Fit a line to the data.", "sklearn", "linear.py"]]  # fmt: skip
asked = [["Draw the legend.", "matplotlib", "legend.py"], ["Cut the tree.", "sklearn", "tree.py"],
         ["Sort the rows.", "pandas", "series.py"]]  # fmt: skip
healthy = {
    "an honest split": (learned, asked),
    "a sentence twice in training": ([*learned, learned[0]], asked),
    "a label only in training": (learned, asked[:1]),
    "the same words in another order": (learned, [*asked, ["Fit the data to a line.", "sklearn", "line.py"]]),
}
sick = {
    "a copy": (learned, [*asked, ["Return the rows.", "pandas", "series.py"]]),
    "a copy with other capitals and punctuation": (learned, [*asked, ["return the rows", "pandas", "series.py"]]),
    "a file in both": (learned, [*asked, ["Return the first row.", "pandas", "frame.py"]]),
    "a new label": (learned, [*asked, ["Move the tensor.", "torch", "tensor.py"]]),
}


def verdict(learned, asked):
    """What check_split says, None for nothing."""
    train, test = [pd.DataFrame(rows, columns=["text", "label", "file"]) for rows in (learned, asked)]
    try:
        result = check_split(train, test)
    except AssertionError as error:
        return str(error)
    assert result is None, f"do not return {result!r}: raise an AssertionError, or say nothing"
    return None


said = {}
for name, split in healthy.items():
    said[name] = verdict(*split)
    assert said[name] is None, f"{name} is no leak, and your test refuses it: {said[name]}"
for name, split in sick.items():
    said[name] = verdict(*split)
    assert said[name] is not None, f"{name}: that is a leak, and your test has not noticed it"
    assert said[name], f'{name} is refused without a message: assert …, f"what is wrong"'
assert len({said["a copy"], said["a file in both"], said["a new label"]}) == 3, "say which of the three it is"
inputs, words = fresh_inputs(), "axes model rows tree tensor line plot frame".split()
pairs = [f"{first} the {second}" for first in words for second in words if first != second]
chosen = [pairs[number] for number in inputs.permutation(len(pairs))[:12]]
rows = [[f"{text.capitalize()}.", "abc"[number % 3], f"{number}.py"] for number, text in enumerate(chosen)]
learned, asked, (text, label, file) = rows[:8], rows[8:11], rows[11]
copied = learned[inputs.integers(8)]
found = verdict(learned, asked)
assert found is None, f"a split without a leak, with random sentences: your test refuses it: {found}"
for what, row in {
    f"{copied[0]!r} stands in training, too": [copied[0].upper().replace(".", "!"), label, file],
    f"the file {copied[2]!r} is in training, too": [text, label, copied[2]],
    "the label 'd' is not in training": [text, "d", file],
}.items():
    place = inputs.integers(4)
    found = verdict(learned, [*asked[:place], row, *asked[place:]])
    assert found, f"random sentences; {what}, as row {place} of test has it, and your test has not noticed it"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · Reach a goal: a memory that keeps what it is told to keep (4 points)
#
# An LSTM reads two numbers at each step: a value between −1 and 1, and a mark, 0 or 1. It shall remember: after each
# step, its hidden state should have the sign of the value that came with the *last mark*, however long ago that was,
# and be larger than 0.3 in size. What comes without a mark is noise.
#
# | step | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|
# | value | **0.8** | −0.9 | 0.4 | **−0.7** | 1.0 |
# | mark | 1 | 0 | 0 | 1 | 0 |
# | hidden state | > 0.3 | > 0.3 | > 0.3 | < −0.3 | < −0.3 |
#
# Return an `nn.LSTM(2, 1, batch_first=True)` that can do it, any way you like: write its weights by hand, or train it.
# By hand it takes about six numbers, and you will know what gates are for. (A marked value is at least 0.3 in size;
# noise may also be 0.) One number for the hidden state means that each matrix has four rows: input gate, forget gate,
# candidate, output gate, in this order.
# <details><summary>Hint 1: a question</summary>
#
# A gate is open where its sum is far above 0, and shut where it is far below. Which gates should be open at a mark and
# which shut, and which without one?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Inside the LSTM* has the formula of each gate, and the order in which PyTorch keeps them.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Another LSTM written by hand, which adds up what it reads: all gates open, the candidate is the number itself.
#
# ```python
# adder = nn.LSTM(1, 1, batch_first=True)
# with torch.no_grad():
#     for weights in adder.parameters():
#         weights.fill_(0.0)
#     adder.weight_ih_l0[2] = 1.0
#     adder.bias_ih_l0 += torch.tensor([9.0, 9.0, 0.0, 9.0])
#     _, (_, memory) = adder(torch.full((1, 5, 1), 0.1))
# print(memory.item())  # nearly 0.5
# ```
#
# </details>

# %% tags=["answer"]
def make_memory():
    """An LSTM that remembers the sign of the last marked value.

    Returns:
        nn.LSTM(2, 1, batch_first=True)
    """
    ### BEGIN SOLUTION
    lstm = nn.LSTM(2, 1, batch_first=True)
    with torch.no_grad():
        lstm.weight_hh_l0.zero_()
        lstm.bias_hh_l0.zero_()
        lstm.weight_ih_l0[:] = torch.tensor([[0.0, 20.0], [0.0, -20.0], [10.0, 0.0], [0.0, 0.0]])
        lstm.bias_ih_l0[:] = torch.tensor([-10.0, 10.0, 0.0, 10.0])
    return lstm
    ### END SOLUTION


# %% tags=["right"]
def make_memory():
    lstm = nn.LSTM(2, 1, batch_first=True)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    lstm.weight_ih_l0.data[:3, :] = torch.tensor([[0.0, 60.0], [0.0, -60.0], [20.0, 0.0]])
    lstm.bias_hh_l0.data = torch.tensor([-30.0, 30.0, 0.0, 5.0])
    return lstm


# %% tags=["right"]
def make_memory():
    rows = {"input": [0, 30, -15], "forget": [0, -30, 15], "candidate": [-8, 0, 0], "output": [0, 0, 20]}
    table = torch.tensor(list(rows.values()), dtype=torch.float32)
    table[2] = -table[2]
    lstm = nn.LSTM(2, 1, batch_first=True)
    weights = {"weight_ih_l0": table[:, :2], "bias_ih_l0": table[:, 2]}
    weights |= {"weight_hh_l0": torch.zeros(4, 1), "bias_hh_l0": torch.zeros(4)}
    lstm.load_state_dict(weights)
    return lstm


# %% tags=["right"]
def make_memory():
    lstm = nn.LSTM(2, 1, batch_first=True)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter *= 0.1
        lstm.weight_ih_l0 += torch.tensor([[0, 24], [0, -24], [12, 0], [0, 0]])
        lstm.bias_hh_l0 += torch.tensor([-12, 12, 0, 6])
    return lstm


# %% tags=["wrong"] expect="the forget gate"
# - [0.0, -20.0], [10.0, 0.0]
# + [0.0, 0.0], [10.0, 0.0]

# %% tags=["wrong"] expect="noise gets in"
# - [[0.0, 20.0],
# + [[0.0, 0.0],
# - [-10.0, 10.0, 0.0, 10.0]
# + [10.0, 10.0, 0.0, 10.0]

# %% tags=["wrong"] expect="fades"
# - [-10.0, 10.0, 0.0, 10.0]
# + [-10.0, 1.0, 0.0, 10.0]

# %% tags=["wrong"] expect="opposite sign"
# - [10.0, 0.0]
# + [-10.0, 0.0]

# %% tags=["wrong"] expect="in the order input, forget, candidate, output"
# - [0.0, 20.0], [0.0, -20.0], [10.0, 0.0], [0.0, 0.0]
# + [0.0, -20.0], [0.0, 20.0], [0.0, 0.0], [10.0, 0.0]
# - [-10.0, 10.0, 0.0, 10.0]
# + [10.0, -10.0, 10.0, 0.0]

# %% tags=["wrong"] expect="too small to be seen"
# - [-10.0, 10.0, 0.0, 10.0]
# + [-10.0, 10.0, 0.0, -10.0]

# %% tags=["wrong"] expect="four rows"
def make_memory():
    return nn.LSTM(2, 3, batch_first=True)


# %% tags=["check"] points=4
def run(lstm, steps):
    """Hidden states after each step, for a list of (value, mark)."""
    with torch.no_grad():
        return lstm(torch.tensor([steps], dtype=torch.float32))[0][0, :, 0]


lstm = make_memory()
assert isinstance(lstm, nn.LSTM), f"return an nn.LSTM, not a {type(lstm).__name__}"
shape = (lstm.input_size, lstm.hidden_size, lstm.num_layers, lstm.bidirectional, lstm.batch_first)
assert shape == (2, 1, 1, False, True), "make it with nn.LSTM(2, 1, batch_first=True): four rows of weights"
generator = np.random.default_rng(0)
noise = [(sign * size, 0) for sign, size in zip(generator.choice([-1, 1], 40), generator.uniform(0.3, 1, 40))]
first = [run(lstm, [(value, 1)])[-1].item() for value in (0.8, -0.8)]
bias = lstm.bias_ih_l0.detach() + lstm.bias_hh_l0.detach()
swapped = bias[0] > 0 > bias[1] and first[0] * first[1] >= 0
rows = "the rows are in the order input, forget, candidate, output"
assert not swapped, f"input and forget gate have changed places: {rows}"
assert not (first[0] < 0 < first[1]), f"after a marked 0.8 the state is {first[0]:.2f}: the opposite sign"
seen = f"after a marked 0.8 and −0.8 the state is {first[0]:.2f} and {first[1]:.2f}"
assert first[0] > 0.3 and first[1] < -0.3, f"{seen}: too small to be seen (is the output gate open?)"
for value in (0.8, -0.8):
    states = run(lstm, [(value, 1), *noise]) * np.sign(value)
    quiet = run(lstm, [(value, 1)] + [(0.0, 0)] * 40) * np.sign(value)
    fades = f"the memory fades: {value} and 40 steps of nothing leave {quiet[-1]:.2f}; is the forget gate open?"
    assert quiet[-1] > 0.3, fades
    assert states.min() > 0.3, f"noise gets in: without a mark nothing should be written (least: {states.min():.2f})"
for a, b in [(0.9, -0.4), (-0.9, 0.4), (0.5, -0.5), (-0.35, 0.8)]:
    state = run(lstm, [(a, 1), (a, 1), (a, 1), *noise[:5], (b, 1), *noise[5:9]])[-1].item() * np.sign(b)
    marked = f"three times {a} and then {b}, all marked"
    assert state > 0.3, f"{marked}: the old has to go. What does the forget gate do at a mark?"
inputs = fresh_inputs()
for _ in range(10):
    values, marks = inputs.uniform(-1, 1, size=30), inputs.random(30) < 0.2
    marks[0] = True
    values[marks] = np.sign(values[marks]) * inputs.uniform(0.3, 1, size=marks.sum())
    states, last = run(lstm, list(zip(values, marks))), 0.0
    for step, (value, mark, state) in enumerate(zip(values, marks, states.tolist()), 1):
        last = value if mark else last
        message = f"random numbers: at step {step} the state is {state:.2f}, and the last marked value was {last:.2f}"
        assert state * np.sign(last) > 0.3, message
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
# <details><summary>Hint 1: a question</summary>
#
# In which order would you go through the sentences, so that each meets others of its length? How many tokens would a
# batch have with one sentence more?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Batches of different lengths* says why similar lengths leave little padding, and how `text_loader` mixes the batches.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Boxes for parcels of at most ten kilograms in all, filled one after the other, and sent in a random order:
#
# ```python
# boxes, weights = [[]], [7, 2, 4, 5, 1]
# for parcel, weight in enumerate(weights):
#     if sum(weights[other] for other in boxes[-1]) + weight > 10:
#         boxes.append([])
#     boxes[-1].append(parcel)
# print(boxes)
#
# generator = np.random.default_rng(3)
# generator.shuffle(boxes)
# print(boxes)
# ```
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

# %% tags=["right"]
def batches_by_tokens(lengths, max_tokens, seed):
    left, batches = sorted(enumerate(lengths), key=lambda pair: pair[1], reverse=True), []
    while left:
        size = max(1, max_tokens // left[0][1])
        batches.append([i for i, _ in left[:size]])
        left = left[size:]
    np.random.RandomState(seed).shuffle(batches)
    return batches


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

# %% tags=["wrong"] expect="not a dict"
# - return [batches[number] for number in np.random.default_rng(seed).permutation(len(batches))]
# + return dict(enumerate(batches))

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
    kind = type(batches).__name__
    assert isinstance(batches, (list, tuple)), f"return a list of lists, each one a batch, not a {kind}"
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


def in_order(lengths, max_tokens):
    """Tokens of each batch, padding included, where the sentences come in this order."""
    batches = []
    for length in lengths:
        if not batches or (len(batches[-1]) + 1) * max([length, *batches[-1]]) > max_tokens:
            batches.append([])
        batches[-1].append(length)
    return [len(batch) * max(batch) for batch in batches]


inputs = fresh_inputs()
for _ in range(3):
    number, limit, seed = (int(number) for number in inputs.integers([20, 30, 1], [150, 150, 1000]))
    lengths = [int(length) for length in inputs.integers(1, 40, size=number)]
    batches = made(lengths, limit, seed)
    what = f"{number} sentences of random lengths, at most {limit} tokens a batch"
    assert sorted(i for batch in batches for i in batch) == list(range(number)), f"{what}: not each is in one batch"
    assert all(tokens(batch) <= limit for batch in batches if len(batch) > 1), f"{what}: a batch has more"
    each_way = [in_order(sorted(lengths, reverse=reverse), limit) for reverse in (False, True)]
    most, room = max(map(len, each_way)), 1.1 * max(map(sum, each_way))
    assert len(batches) <= most, f"{what}: {len(batches)} batches, where sorted by length {most} are enough"
    assert sum(map(tokens, batches)) <= room, f"{what}: too much padding, put sentences of similar length together"
    assert made(lengths, limit, seed) == batches, f"{what}: the same seed gives another order"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/12_text_classification_lstm.ipynb), or go on with
# [lesson 13](../13_deployment_flask.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
