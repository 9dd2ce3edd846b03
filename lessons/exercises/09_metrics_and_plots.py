# %% [markdown]
# # Exercises 09 · Metrics, logs and plots
#
# Five tasks and a report, about 50 minutes. Each task has a gap to fill and a check that tells you what is wrong. They
# need nothing beyond [lesson 09](../09_metrics_and_plots.ipynb); if you are stuck, unfold the hints one by one. Run the
# next cell first.

# %%
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import fit, fresh_inputs, names_used, progress, start_exercise
from course_utils.evaluation.history import History
from course_utils.training.callbacks import Callback

course = start_exercise("09")


def train_with(callback):
    """A small training, for task 4."""
    torch.manual_seed(0)
    x = torch.randn(120, 3)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=4)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, loader, optimizer=optimizer, epochs=2, callbacks=[callback], progress=False)


def pictures(both, only_a, only_b, neither):
    """Which of so many pictures models A and B read, for task 5: two bool arrays in mixed order."""
    order = np.random.default_rng(1).permutation(both + only_a + only_b + neither)
    right_a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])[order]
    right_b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])[order]
    return right_a, right_b

# %% [markdown]
# ## Task 1 · Macro F1 of many batches (3 points)
#
# A program hands you targets and preds batch by batch. Return the macro F1 of *all* pictures: the plain mean, over all
# classes that occur among the targets or the preds, of $2 \cdot \text{hits} / (\text{true} + \text{answered})$. Here
# *true* counts the pictures of the class, *answered* those that were called so, and *hits* those of which both hold.
# (That is the same as the harmonic mean of precision and recall.) Use NumPy alone.
# <details><summary>Hint 1: a question</summary>
#
# Do the batches matter at all for a number about all pictures? And which classes would you miss if you looked at the
# targets alone?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *One number for all classes* computes the macro F1 of one table. *Right and wrong, class by class* shows hits, true
# and answered of each class.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Here is the recall of each class in a series of answers, with NumPy alone.
#
# ```python
# truth = np.array(["cat", "dog", "cat", "cat", "dog"])
# answers = np.array(["cat", "cat", "cat", "dog", "dog"])
# for name in np.unique(truth):
#     hits = ((truth == name) & (answers == name)).sum()
#     print(name, hits / (truth == name).sum())  # cat 0.67, dog 0.5
# ```
#
# </details>

# %% tags=["answer"]
def macro_f1(batches):
    """Macro F1 over all batches.

    Args:
        batches: list of pairs (targets, preds), int arrays of one length each
    Returns:
        float
    """
    ### BEGIN SOLUTION
    targets = np.concatenate([of_batch for of_batch, _ in batches])
    preds = np.concatenate([of_batch for _, of_batch in batches])
    scores = []
    for label in np.union1d(targets, preds):
        true, answered = targets == label, preds == label
        scores.append(2 * (true & answered).sum() / (true.sum() + answered.sum()))
    return float(np.mean(scores))
    ### END SOLUTION


# %% tags=["right"]
def macro_f1(batches):
    size = 1 + max(max(targets.max(), preds.max()) for targets, preds in batches)
    matrix = np.zeros((size, size), dtype=int)
    for targets, preds in batches:
        np.add.at(matrix, (targets, preds), 1)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    return (2 * matrix.diagonal()[total > 0] / total[total > 0]).mean()


# %% tags=["right"]
def macro_f1(batches):
    hits, true, answered = {}, {}, {}
    for pair in batches:
        for label, answer in zip(*pair):
            true[label] = true.get(label, 0) + 1
            answered[answer] = answered.get(answer, 0) + 1
            if label == answer:
                hits[label] = hits.get(label, 0) + 1
    scores = []
    for label in true.keys() | answered.keys():
        recall = hits.get(label, 0) / true.get(label, 1)
        precision = hits.get(label, 0) / answered.get(label, 1)
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
    return sum(scores) / len(scores)


# %% tags=["right"]
def macro_f1(batches):
    targets, preds = (np.concatenate(arrays) for arrays in zip(*batches))
    classes = np.unique(np.append(targets, preds))[:, None]
    hits = ((targets == classes) & (preds == classes)).sum(axis=1)
    return np.mean(hits / ((targets == classes).mean(axis=1) + (preds == classes).mean(axis=1))) * 2 / len(targets)


# %% tags=["wrong"] expect="mean of the batches' values"
def macro_f1(batches):
    values = []
    for targets, preds in batches:
        scores = []
        for label in np.union1d(targets, preds):
            true, answered = targets == label, preds == label
            scores.append(2 * (true & answered).sum() / (true.sum() + answered.sum()))
        values.append(np.mean(scores))
    return float(np.mean(values))


# %% tags=["wrong"] expect="the last batch alone"
def macro_f1(batches):
    for targets, preds in batches:
        scores = []
        for label in np.union1d(targets, preds):
            true, answered = targets == label, preds == label
            scores.append(2 * (true & answered).sum() / (true.sum() + answered.sum()))
    return float(np.mean(scores))


# %% tags=["wrong"] expect="that is the accuracy"
def macro_f1(batches):
    targets = np.concatenate([of_batch for of_batch, _ in batches])
    preds = np.concatenate([of_batch for _, of_batch in batches])
    return float((targets == preds).mean())


# %% tags=["wrong"] expect="every class counts the same"
# - scores = []
# + total = 0
# - scores.append(2 * (true & answered).sum() / (true.sum() + answered.sum()))
# + total += true.sum() * 2 * (true & answered).sum() / (true.sum() + answered.sum())
# - np.mean(scores)
# + total / len(targets)

# %% tags=["wrong"] expect="never true"
# - np.union1d(targets, preds)
# + np.unique(targets)

# %% tags=["wrong"] expect="never answered"
# - np.union1d(targets, preds)
# + np.unique(preds)

# %% tags=["wrong"] expect="has been changed"
# -     targets = np.concatenate([of_batch for of_batch, _ in batches])
# -     preds = np.concatenate([of_batch for _, of_batch in batches])
# +     targets, preds = batches.pop(0)
# +     for more_targets, more_preds in batches:
# +         targets, preds = np.append(targets, more_targets), np.append(preds, more_preds)

# %% tags=["wrong"] expect="first F1, then the mean"
def macro_f1(batches):
    targets = np.concatenate([of_batch for of_batch, _ in batches])
    preds = np.concatenate([of_batch for _, of_batch in batches])
    precisions, recalls = [], []
    for label in np.union1d(targets, preds):
        true, answered = targets == label, preds == label
        precisions.append((true & answered).sum() / max(answered.sum(), 1))
        recalls.append((true & answered).sum() / max(true.sum(), 1))
    precision, recall = np.mean(precisions), np.mean(recalls)
    return float(2 * precision * recall / (precision + recall))


# %% tags=["wrong"] expect="with NumPy alone"
from sklearn.metrics import f1_score


def macro_f1(batches):
    return f1_score(*(np.concatenate(arrays) for arrays in zip(*batches)), average="macro")


# %% tags=["wrong"] expect="crosstab does the work for you"
from pandas import crosstab


def table_of(batches):
    targets, preds = (np.concatenate(arrays) for arrays in zip(*batches))
    every = np.union1d(targets, preds)
    return crosstab(targets, preds).reindex(index=every, columns=every, fill_value=0).to_numpy()


def macro_f1(batches):
    table = table_of(batches)
    return (2 * table.diagonal() / (table.sum(axis=0) + table.sum(axis=1))).mean()


# %% tags=["wrong"] expect="return one number"
# - return float(np.mean(scores))
# + return scores


# %% tags=["wrong"] expect="that occur nowhere"
# - np.union1d(targets, preds)
# + range(max(targets.max(), preds.max()) + 1)
# - scores.append(2 * (true & answered).sum() / (true.sum() + answered.sum()))
# + scores.append(2 * (true & answered).sum() / max(true.sum() + answered.sum(), 1))

# %% [markdown]
# Try it before you run the check. Class 0 is perfect, class 1 is found once in two, class 2 is a false alarm. So it is
# $(1 + 2/3 + 0) / 3 = 0.56$:

# %%
print(macro_f1([(np.array([0, 0]), np.array([0, 0])), (np.array([1, 1]), np.array([1, 2]))]))

# %% tags=["check"] points=3
rng = np.random.default_rng(0)
targets = rng.choice([0, 1, 3, 5], p=[0.6, 0.2, 0.1, 0.1], size=90)
preds = np.where(rng.random(90) < 0.6, targets, rng.choice([0, 1, 4, 6], size=90))
preds[preds == 5] = 0
cuts = [30, 60, 85]
batches = list(zip(np.split(targets, cuts), np.split(preds, cuts)))


def f1_of(targets, preds, label):
    return 2 * ((targets == label) & (preds == label)).sum() / ((targets == label).sum() + (preds == label).sum())


def macro_of(targets, preds):
    return np.mean([f1_of(targets, preds, label) for label in np.union1d(targets, preds)])


def origin(name):
    """Module of what has this name here; for a module its own name."""
    thing = globals().get(name)
    return getattr(thing, "__module__", None) or getattr(thing, "__name__", name)


others = ("sklearn", "torchmetrics", "scipy", "pandas", "torch", "course_utils")
library = sorted(name for name in names_used(macro_f1) if str(origin(name)).startswith(others))
assert not library, f"{library[0]} does the work for you: count hits, true and answered with NumPy alone"
passed = [(of_targets.copy(), of_preds.copy()) for of_targets, of_preds in batches]
found = macro_f1(passed)
assert len(passed) == len(batches), "the list that was passed in has been changed"
same = [np.array_equal(mine, theirs) for pair in zip(passed, batches) for mine, theirs in zip(*pair)]
assert all(same), "an array that was passed in has been changed"
assert found is not None, "return the value"
assert np.ndim(found) == 0, f"return one number, not {found!r}"
found = float(found)
assert np.isfinite(found), "somewhere you divide by 0: which classes occur nowhere?"


def like(value):
    return abs(found - value) < 1e-6


each = {label: f1_of(targets, preds, label) for label in np.union1d(targets, preds)}
assert not like(np.mean([macro_of(*batch) for batch in batches])), (
    "this is the mean of the batches' values: join all batches first, then compute once"
)
assert not like(macro_of(*batches[-1])), "this is the value of the last batch alone: join all batches first"
assert not like((targets == preds).mean()), "that is the accuracy, which is micro F1; macro is a mean over classes"
weighted = sum(each[label] * (targets == label).mean() for label in each)
assert not like(weighted), "macro: every class counts the same, however many pictures it has"
assert not like(np.mean([each[label] for label in np.unique(targets)])), (
    "classes 4 and 6 are answered and never true: they count, with an F1 of 0"
)
assert not like(np.mean([each[label] for label in np.unique(preds)])), (
    "class 5 is true and never answered: it counts, with an F1 of 0"
)
assert not like(sum(each.values()) / 7), "neither targets nor preds hold class 2: leave out classes that occur nowhere"
expected = sum(each.values()) / 6
assert like(expected), f"expected {expected:.4f}, not {found:.4f}: for each class first F1, then the mean"
perfect = [(np.array([0, 1]), np.array([0, 1])), (np.array([2]), np.array([2]))]
assert abs(macro_f1(perfect) - 1) < 1e-9, "all preds right should give 1"
from sklearn.metrics import f1_score as known_f1

inputs = fresh_inputs()
for size in [20, 50]:
    targets, preds = inputs.integers(6, size=size), inputs.integers(2, 9, size=size)
    cuts = np.sort(inputs.choice(np.arange(1, size), 3, replace=False))
    found = macro_f1(list(zip(np.split(targets, cuts), np.split(preds, cuts))))
    expected = known_f1(targets, preds, average="macro", zero_division=0)
    assert np.ndim(found) == 0 and abs(float(found) - expected) < 1e-6, (
        f"targets {targets.tolist()} and preds {preds.tolist()} in four batches: expected {expected:.4f}, not {found}"
    )
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A threshold that reaches a precision (3 points)
#
# A clinic says: "nine of ten alarms must be real; then find as many cases as you can". Pictures with
# `score >= threshold` raise an alarm. Return the threshold with the highest recall among those whose precision is at
# least `wanted`, or `None` if no threshold reaches it.
# <details><summary>Hint 1: a question</summary>
#
# How many different thresholds are there that change anything? And in which order would you try them, to find as many
# cases as you can?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A threshold that moves* draws precision and recall over the threshold. The table there shows what happens where
# several scores lie close together.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Here is the lowest price at which no more than two customers would buy, found among their offers.
#
# ```python
# offers = np.array([3.0, 8.0, 5.0, 9.0])
# for price in np.sort(offers):
#     buyers = (offers >= price).sum()
#     if buyers <= 2:
#         print(price, buyers)  # 8.0 2
#         break
# ```
#
# </details>

# %% tags=["answer"]
def threshold_for(scores, is_class, wanted):
    """The threshold with the highest recall whose precision is at least `wanted`.

    Args:
        scores: float array (n,)
        is_class: bool array (n,), True for the pictures of the class
        wanted: float, the precision that is asked for
    Returns:
        float, or None
    """
    ### BEGIN SOLUTION
    for threshold in np.unique(scores):
        if is_class[scores >= threshold].mean() >= wanted:
            return float(threshold)
    return None
    ### END SOLUTION


# %% tags=["right"]
from sklearn.metrics import precision_recall_curve


def threshold_for(scores, is_class, wanted):
    precision, _, thresholds = precision_recall_curve(is_class, scores)
    reached = thresholds[precision[:-1] >= wanted]
    return reached.min() if reached.size else None


# %% tags=["right"]
def threshold_for(scores, is_class, wanted):
    trials = []
    for threshold in scores.tolist():
        alarms = [bool(real) for score, real in zip(scores, is_class) if score >= threshold]
        precision, recall = sum(alarms) / len(alarms), sum(alarms) / sum(is_class)
        if precision >= wanted:
            trials.append((recall, precision, threshold))
    return max(trials)[2] if trials else None  # of equal recalls the one with the highest precision


# %% tags=["right"]
def threshold_for(scores, is_class, wanted):
    order = np.argsort(scores)[::-1]
    ordered = scores[order]
    precision = np.cumsum(is_class[order]) / np.arange(1, len(order) + 1)
    last_of_its_score = np.append(ordered[1:] != ordered[:-1], True)
    reached = ordered[last_of_its_score & (precision >= wanted)]
    if len(reached) == 0:
        return None
    return float(reached[-1])


# %% tags=["wrong"] expect="return one number, the threshold"
# - return float(threshold)
# + return scores >= threshold

# %% tags=["wrong"] expect="may fall and rise again"
def threshold_for(scores, is_class, wanted):
    best = None
    for threshold in np.unique(scores)[::-1]:
        if is_class[scores >= threshold].mean() < wanted:
            break
        best = threshold
    return best


# %% tags=["wrong"] expect="as many cases as you can"
# - np.unique(scores)
# + np.unique(scores)[::-1]

# %% tags=["wrong"] expect="scores equal to the threshold"
def threshold_for(scores, is_class, wanted):
    for threshold in np.unique(scores)[:-1]:
        if is_class[scores > threshold].mean() >= wanted:
            return threshold


# %% tags=["wrong"] expect="does not reach"
def threshold_for(scores, is_class, wanted):
    return 0.5


# %% tags=["wrong"] expect="return None"
# -     for threshold in np.unique(scores):
# +     thresholds = np.unique(scores)
# +     for threshold in thresholds:
# - return None
# + return thresholds[-1]

# %% tags=["wrong"] expect="share of right answers"
# - is_class[scores >= threshold].mean()
# + ((scores >= threshold) == is_class).mean()

# %% tags=["wrong"] expect="a fixed grid"
def threshold_for(scores, is_class, wanted):
    for threshold in np.linspace(0, 1, 101):
        called = scores >= threshold
        if called.any() and is_class[called].mean() >= wanted:
            return threshold


# %% tags=["wrong"] expect="at least `wanted`"
# - is_class[scores >= threshold].mean() >= wanted
# + is_class[scores >= threshold].mean() > wanted

# %% tags=["wrong"] expect="has been changed"
# -     for threshold in np.unique(scores):
# +     order = np.argsort(scores)
# +     is_class = is_class[order]
# +     scores.sort()
# +     for threshold in np.unique(scores):

# %% tags=["wrong"] expect="the same score"
def threshold_for(scores, is_class, wanted):
    order = np.argsort(-scores, kind="stable")
    precision = is_class[order].cumsum() / np.arange(1, len(scores) + 1)
    reached = np.flatnonzero(precision >= wanted)
    return scores[order][reached[-1]] if len(reached) else None


# %% [markdown]
# Try it before you run the check. With three alarms two are real, with four three, which is enough: 0.3.

# %%
print(threshold_for(np.array([0.9, 0.7, 0.6, 0.3]), np.array([True, False, True, True]), wanted=0.75))

# %% tags=["check"] points=3
def judged(scores, is_class, wanted):
    """Precision and recall at the threshold that is returned."""
    passed = np.array(scores), np.array(is_class, dtype=bool)
    threshold = threshold_for(*passed, wanted)
    same = np.array_equal(passed[0], scores) and np.array_equal(passed[1], np.array(is_class, dtype=bool))
    assert same, "an array that was passed in has been changed"
    if threshold is None:
        return None
    one = np.ndim(threshold) == 0 and not isinstance(threshold, str | bool)
    assert one, f"return one number, the threshold, or None, not {threshold!r}"
    called = np.array(scores) >= float(threshold)
    hits = (called & np.array(is_class, dtype=bool)).sum()
    return hits / max(called.sum(), 1), hits / sum(is_class)


few = [0.45, 0.4, 0.35, 0.3] + [0.1] * 16, [1, 0, 0, 1] + [0] * 16
found = judged(*few, 0.9)
assert found is not None, "the highest score has a precision of 1, and you return None"
share = "there the share of right answers is 0.9, but of the alarms only half are real: asked for is the precision"
assert found != (0.5, 1), share
equal = "scores equal to the threshold raise an alarm, too: it is >=, not >"
assert found != (0.5, 0.5), equal
assert found[0] >= 0.9, f"the precision at your threshold is {found[0]:.2f}, which does not reach 0.9"
scores = [0.95, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2]
is_class = [1, 1, 0, 1, 1, 0, 0, 0]
found = judged(scores, is_class, 0.75)
assert found is not None, "0.6 has a precision of 4 / 5, and you return None"
again = "precision may fall and rise again: it is 2 / 3 at 0.8 and 4 / 5 at 0.6. Do not stop at the first fall"
assert found != (1, 0.5), again
assert found != (1, 0.25), "the precision is reached, but find as many cases as you can: the lowest such threshold"
assert found != (4 / 6, 1), equal
assert found[0] >= 0.75, f"the precision at your threshold is {found[0]:.2f}, which does not reach 0.75"
assert found[1] == 1, f"0.6 finds all four, your threshold a share of {found[1]:.2f}: find as many cases as you can"
found = judged([0.9, 0.6, 0.6, 0.6, 0.1], [1, 1, 1, 0, 0], 0.75)
assert found == (0.75, 1), "at 0.6 three of four alarms are real, and a precision of at least `wanted`, 0.75, will do"
assert judged([0.9, 0.8, 0.7], [0, 1, 1], 0.9) is None, "no threshold reaches 0.9 here: return None"
found = judged([0.9, 0.8, 0.8, 0.5], [1, 1, 0, 0], 0.9)
assert found is not None, "0.9 has a precision of 1, and you return None"
assert found[0] >= 0.9, "two pictures have the same score 0.8: one threshold calls both, or none"
found = judged([0.2, 0.6, 0.4], [1, 1, 0], 0.6)
assert found == (2 / 3, 1), "for 0.6 it is enough if two of three alarms are real, so the lowest score will do"
grid = "scores lie anywhere, not on a fixed grid, and not only between 0 and 1: try the scores themselves"
assert judged([0.5049, 0.5047, 0.5043, 0.5041], [1, 1, 0, 0], 0.9) == (1, 1), grid
assert judged([7.5, 3.2, -1.4, -6.0], [1, 1, 1, 0], 0.9) == (1, 1), grid
inputs = fresh_inputs()
for wanted in [0.5137, 0.6137, 0.7137, 0.8137]:  # shares of up to 25 alarms are never that close to them
    scores, is_class = (inputs.integers(30, size=25) / 20).tolist(), inputs.random(25) < 0.5
    is_class[scores.index(max(scores))] = True
    alarms = [[real for score, real in zip(scores, is_class) if score >= threshold] for threshold in scores]
    reached = [sum(reals) for reals in alarms if sum(reals) / len(reals) >= wanted]
    what = f"scores {scores}, of the class {is_class.astype(int).tolist()}, wanted {wanted}"
    found = judged(scores, is_class, wanted)
    assert (found is None) == (not reached), f"{what}: {'no' if found else 'a'} threshold reaches this precision"
    assert found is None or found[0] >= wanted, f"{what}: at your threshold the precision is {found[0]:.3f}"
    assert found is None or round(found[1] * sum(is_class)) == max(reached), (
        f"{what}: {max(reached)} cases can be found, with your threshold it is {found[1] * sum(is_class):.0f}"
    )
print("✓ task 2")

# %% [markdown]
# ## Task 3 · Is it as sure as it says? (3 points)
#
# Return the expected calibration error. Sort the pictures by confidence, the largest probability, into `bins` bins of
# equal width between 0 and 1 (a confidence of exactly 1 belongs to the last one). The gap of a bin is the distance
# between its mean confidence and the share of its pictures that are right. Return the mean of the gaps, weighted by the
# number of pictures; empty bins do not count.
# <details><summary>Hint 1: a question</summary>
#
# Which pictures does a bin hold, and what are the two numbers that you compare in it? How large is a bin's share of all
# pictures?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Is it as sure as it says?* draws the bins and their gaps and computes the error by hand.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Here are six people sorted into age groups of equal width; each group counts by its size.
#
# ```python
# age, height = np.array([3, 8, 12, 14, 17, 9]), np.array([95, 130, 150, 163, 178, 134])
# group = age // 6
# for which in np.unique(group):
#     members = group == which
#     print(which, members.sum(), height[members].mean())  # group, how many, mean height
# ```
#
# </details>

# %% tags=["answer"]
def expected_calibration_error(probs, targets, bins=10):
    """Mean gap between confidence and accuracy, weighted by the number of pictures in a bin.

    Args:
        probs: float array (n, classes), rows that add up to 1
        targets: int array (n,)
        bins: int, number of bins
    Returns:
        float
    """
    ### BEGIN SOLUTION
    confidence = probs.max(axis=1)
    right = probs.argmax(axis=1) == targets
    number = np.minimum((bins * confidence).astype(int), bins - 1)
    error = 0.0
    for which in np.unique(number):
        inside = number == which
        error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)
    ### END SOLUTION


# %% tags=["right"]
def expected_calibration_error(probs, targets, bins=10):
    table = pd.DataFrame({"confidence": probs.max(axis=1), "right": probs.argmax(axis=1) == targets})
    groups = table.groupby(pd.cut(table["confidence"], np.linspace(0, 1, bins + 1)), observed=True)
    gaps = (groups["confidence"].mean() - groups["right"].mean()).abs()
    return (gaps * groups.size()).sum() / len(targets)


# %% tags=["right"]
def expected_calibration_error(probs, targets, bins=10):
    confidence, answers = torch.from_numpy(probs).max(dim=1)
    surplus = confidence - (answers == torch.from_numpy(targets)).double()
    number = (bins * confidence).long().clamp(max=bins - 1)
    return torch.zeros(bins, dtype=torch.float64).index_add(0, number, surplus).abs().sum().item() / len(targets)


# %% tags=["right"]
def expected_calibration_error(probs, targets, bins=10):
    confidence = np.max(probs, axis=1)
    right = np.argmax(probs, axis=1) == targets
    edges = np.linspace(0, 1, bins + 1)
    total = 0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = [place for place, value in enumerate(confidence) if low < value <= high]
        if inside:
            total += abs(sum(confidence[inside]) - sum(right[inside]))
    return total / len(confidence)


# %% tags=["right"]
from course_utils.evaluation.metrics import calibration_table


def expected_calibration_error(probs, targets, bins=10):
    table = calibration_table(probs, targets, bins)
    return np.average(abs(table["confidence"] - table["accuracy"]), weights=table["examples"])


# %% tags=["wrong"] expect="weighted by the number of pictures"
# -     error = 0.0
# +     gaps = []
# - error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
# + gaps.append(abs(confidence[inside].mean() - right[inside].mean()))
# - return float(error)
# + return float(np.mean(gaps))

# %% tags=["wrong"] expect="return one number"
# -     error = 0.0
# +     error = []
# - error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
# + error.append(inside.mean() * abs(confidence[inside].mean() - right[inside].mean()))
# - float(error)
# + error

# %% tags=["wrong"] expect="without its sign"
# - inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
# + inside.mean() * (confidence[inside].mean() - right[inside].mean())

# %% tags=["wrong"] expect="first the means of a bin"
# - abs(confidence[inside].mean() - right[inside].mean())
# + abs(confidence[inside] - right[inside]).mean()

# %% tags=["wrong"] expect="the largest probability, not that of the true class"
# - confidence = probs.max(axis=1)
# + confidence = probs[np.arange(len(targets)), targets]

# %% tags=["wrong"] expect="belongs to the last bin"
# - number = np.minimum((bins * confidence).astype(int), bins - 1)
# + number = (bins * confidence).astype(int)

# %% tags=["wrong"] expect="empty bins"
# - for which in np.unique(number):
# + for which in range(bins):

# %% tags=["wrong"] expect="the largest gap"
# - error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
# + error = max(error, abs(confidence[inside].mean() - right[inside].mean()))

# %% tags=["wrong"] expect="with `bins` bins"
# - number = np.minimum((bins * confidence).astype(int), bins - 1)
# + number = np.minimum((10 * confidence).astype(int), 9)

# %% tags=["wrong"] expect="of all pictures"
# - right[inside].mean()
# + right.mean()

# %% tags=["wrong"] expect="has been changed"
# -     right = probs.argmax(axis=1) == targets
# +     targets -= probs.argmax(axis=1)
# +     right = targets == 0

# %% [markdown]
# Try it before you run the check. Four pictures at 0.85, of which three are right, and one at 0.65 that is wrong: the
# gaps are 0.1 and 0.65, so together $(4 \cdot 0.1 + 0.65) / 5 = 0.21$.

# %%
print(expected_calibration_error(np.array([[0.85, 0.15]] * 4 + [[0.35, 0.65]]), np.array([0, 0, 0, 1, 0])))

# %% tags=["check"] points=3
def error_of(probs, targets, **bins):
    passed = probs.copy(), targets.copy()
    with np.errstate(all="ignore"):
        found = expected_calibration_error(*passed, **bins)
    same = np.array_equal(passed[0], probs) and np.array_equal(passed[1], targets)
    assert same, "what was passed in has been changed"
    one = found is not None and np.ndim(found) == 0 and not isinstance(found, str)
    assert one, f"return one number, not {found!r}"
    assert np.isfinite(float(found)), "empty bins have no mean: leave them out"
    return float(found)


def close(one, other):
    return abs(one - other) < 1e-6


rng = np.random.default_rng(3)
probs = rng.dirichlet([0.4] * 4, size=240)
probs = probs[probs.max(axis=1) < 0.995]
true_class = np.where(rng.random(len(probs)) < 0.5, probs.argmax(axis=1), rng.integers(0, 4, len(probs)))
true_class[probs.max(axis=1) < 0.5] = probs.argmax(axis=1)[probs.max(axis=1) < 0.5]
confidence, right = probs.max(axis=1), probs.argmax(axis=1) == true_class
parts = [np.floor(10 * confidence) == which for which in range(10)]
parts = [part for part in parts if part.any()]
sizes = np.array([part.sum() for part in parts])
gaps = np.array([confidence[part].mean() - right[part].mean() for part in parts])
found = error_of(probs, true_class)
assert not close(found, abs(gaps).mean()), "the mean of the gaps is weighted by the number of pictures"
for signed in [(gaps * sizes).sum() / len(probs), abs((gaps * sizes).sum()) / len(probs)]:
    assert not close(found, signed), "each gap counts without its sign: too much here must not hide too little there"
assert not close(found, abs(confidence - right).mean()), (
    "first the means of a bin, then their distance: a single picture at 0.7 is never right to 70 %"
)
assert not close(found, abs(gaps).max()), "that is the largest gap; asked for is their weighted mean"
one_accuracy = sum(size * abs(confidence[part].mean() - right.mean()) for part, size in zip(parts, sizes)) / len(probs)
assert not close(found, one_accuracy), "take the accuracy of the bin's own pictures, not that of all pictures"
sure = np.array([[0.9, 0.1], [0.9, 0.1]])
assert not close(error_of(sure, np.array([1, 1])), 0.1), "take the largest probability, not that of the true class"
expected = (abs(gaps) * sizes).sum() / len(probs)
certain = np.array([[1.0, 0.0], [1.0, 0.0], [0.98, 0.02], [0.97, 0.03]])
edge = error_of(certain, np.array([1, 1, 0, 0]))
assert close(edge, abs(certain.max(axis=1).mean() - 0.5)), (
    "a confidence of exactly 1 belongs to the last bin, together with 0.98: four pictures, one gap of "
    f"{certain.max(axis=1).mean() - 0.5:.4f}, not {edge:.4f}"
)
assert close(found, expected), f"expected {expected:.4f}, not {found:.4f}"
halves = np.array([[0.7, 0.3], [0.9, 0.1]]), np.array([0, 1])
assert close(error_of(*halves, bins=2), 0.3), "sort with `bins` bins: here 2, so one gap"
assert close(error_of(*halves, bins=4), 0.6), "sort with `bins` bins: here 4, so two gaps"
assert close(error_of(np.eye(3), np.arange(3)), 0), "always sure and always right: the error is 0"
inputs = fresh_inputs()
for bins in [4, 10, int(inputs.integers(5, 20))]:
    probs = inputs.dirichlet([0.6] * 3, size=150)
    targets = np.where(inputs.random(150) < 0.6, probs.argmax(axis=1), inputs.integers(3, size=150))
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == targets
    surplus, _ = np.histogram(confidence, bins, range=(0, 1), weights=confidence - right)
    expected, found = abs(surplus).sum() / 150, error_of(probs, targets, bins=bins)
    assert abs(found - expected) < 1e-5, f"150 random pictures in {bins} bins: expected {expected:.4f}, not {found:.4f}"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · A callback that keeps the hardest batch (3 points)
#
# Write a callback that remembers the row of the batch with the highest training loss, in its attribute `hardest`. Ties
# go to the earlier batch. A new training begins anew: before its first batches `hardest` is `None`.
# <details><summary>Hint 1: a question</summary>
#
# What has to be there before the first batch comes, and what has to be forgotten when a new training begins?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A log of the training* shows a callback, when each of its methods is called, and what a row holds.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# This callback adds up the time of all epochs; it gets the row of an epoch after each one.
#
# ```python
# class Clock(Callback):
#     seconds = 0.0
#
#     def on_epoch(self, row):
#         self.seconds += row["seconds"]
#
#
# clock = Clock()
# train_with(clock)
# print(f"{clock.seconds:.1f} s")
# ```
#
# </details>

# %% tags=["answer"]
class HardestBatch(Callback):
    """Keeps the row with the highest `train_loss` in `self.hardest`, a dict, or None before the first batches."""

    ### BEGIN SOLUTION
    def on_start(self, model, history, batches):
        self.hardest = None

    def on_batches(self, rows):
        for row in rows:
            if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
                self.hardest = row

    ### END SOLUTION


# %% tags=["right"]
class HardestBatch(Callback):
    def on_start(self, model, history, batches):
        self.hardest, self.rows = None, []

    def on_batches(self, rows):
        self.rows += rows
        self.hardest = max(self.rows, key=lambda row: row["train_loss"])


# %% tags=["right"]
import pandas as pd


class HardestBatch(Callback):
    hardest = None

    def on_start(self, model, history, batches):
        self.hardest = None

    def on_batches(self, rows):
        table = pd.DataFrame(([self.hardest] if self.hardest else []) + rows)
        self.hardest = table.loc[table["train_loss"].idxmax()].to_dict()


# %% tags=["right"]
class HardestBatch(Callback):
    def on_start(self, model, history, batches):
        self.hardest, self.highest = None, float("-inf")

    def on_batches(self, rows):
        losses = np.array([row["train_loss"] for row in rows])
        if losses.max() > self.highest:
            self.hardest, self.highest = dict(rows[losses.argmax()]), losses.max()


# %% tags=["wrong"] expect="every row of the list"
# -         for row in rows:
# -             if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# -                 self.hardest = row
# +         if self.hardest is None or rows[0]["train_loss"] > self.hardest["train_loss"]:
# +             self.hardest = rows[0]

# %% tags=["wrong"] expect="earlier calls"
# -         for row in rows:
# -             if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# -                 self.hardest = row
# +         self.hardest = max(rows, key=lambda row: row["train_loss"])

# %% tags=["wrong"] expect="the whole row"
# -         for row in rows:
# -             if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# -                 self.hardest = row
# +         losses = [row["train_loss"] for row in rows]
# +         self.hardest = max(losses if self.hardest is None else [self.hardest, *losses])

# %% tags=["wrong"] expect="begins anew"
# -     def on_start(self, model, history, batches):
# -         self.hardest = None
# +     hardest = None

# %% tags=["wrong"] expect="the easiest"
# - row["train_loss"] > self.hardest["train_loss"]
# + row["train_loss"] < self.hardest["train_loss"]

# %% tags=["wrong"] expect="not of epochs"
# -     def on_batches(self, rows):
# -         for row in rows:
# -             if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# -                 self.hardest = row
# +     def on_epoch(self, row):
# +         if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# +             self.hardest = row

# %% tags=["wrong"] expect="has been changed"
# -                 self.hardest = row
# +                 self.hardest = row
# +         rows.clear()

# %% tags=["wrong"] expect="forget the losses"
# -     def on_start(self, model, history, batches):
# +     highest = -1.0
# +
# +     def on_start(self, model, history, batches):
# -             if self.hardest is None or row["train_loss"] > self.hardest["train_loss"]:
# -                 self.hardest = row
# +             if row["train_loss"] > self.highest:
# +                 self.hardest, self.highest = row, row["train_loss"]

# %% tags=["wrong"] expect="ties go to the earlier"
# - row["train_loss"] > self.hardest["train_loss"]
# + row["train_loss"] >= self.hardest["train_loss"]

# %% [markdown]
# Try it on a small training before you run the check:

# %%
callback = HardestBatch()
train_with(callback)
print(callback.hardest)

# %% tags=["check"] points=3
def told(callback, *groups):
    callback.on_start(nn.Linear(1, 1), History(), 0)
    batch = 0
    for losses in groups:
        rows = [{"epoch": 1, "batch": batch + n, "lr": 0.1, "train_loss": loss} for n, loss in enumerate(losses, 1)]
        batch += len(losses)
        original = [dict(row) for row in rows]
        try:
            callback.on_batches(rows)
        except AttributeError as error:
            missing = "on_batches asks for self.hardest, which is not there yet: set hardest in on_start"
            assert "hardest" not in str(error), missing
            raise
        assert rows == original, "the list of rows that was passed in has been changed: other callbacks get it, too"
    callback.on_epoch({"epoch": 1, "lr": 0.1, "train_loss": 99.0, "seconds": 1.0})
    callback.on_stop()
    assert hasattr(callback, "hardest"), "your callback has no attribute `hardest`: set it to None in on_start"
    return callback.hardest


callback = HardestBatch()
assert isinstance(callback, Callback), "inherit from Callback"
found = told(callback, [1.0, 3.0, 2.0])
assert found is not None, "after three batches hardest is still None: does on_batches set it?"
assert isinstance(found, dict), f"keep the whole row, a dict, not {found!r}"
assert found["train_loss"] != 99.0, "you kept the row of an epoch: the rows of batches are asked for, not of epochs"
assert found["train_loss"] != 1.0 or told(HardestBatch(), [3.0, 1.0])["train_loss"] == 3.0, "you keep the easiest batch"
assert found["batch"] == 2, f"look at every row of the list: of 1.0, 3.0, 2.0 the second is the hardest, not {found}"
assert "lr" in found and "epoch" in found, f"keep the whole row, with all its numbers, not {found}"
found = told(HardestBatch(), [1.0, 3.0], [2.0, 0.5])
assert found["batch"] == 2, f"compare with what earlier calls have brought: batch 2 stays the hardest, not {found}"
found = told(HardestBatch(), [1.0, 2.0], [5.0])
assert found["batch"] == 3, f"a later group may hold a harder batch: batch 3, not {found}"
found = told(HardestBatch(), [2.0, 2.0], [2.0])
assert found["batch"] == 1, f"ties go to the earlier batch: batch 1, not {found}"
callback = HardestBatch()
told(callback, [9.0])
callback.on_start(nn.Linear(1, 1), History(), 0)
assert callback.hardest is None, "a new training begins anew: set hardest to None in on_start"
found = told(callback, [1.0, 2.0])
assert found is not None and found["batch"] == 2, (
    f"forget the losses of the training before: after 9.0 there, the hardest of 1.0 and 2.0 is batch 2, not {found}"
)


class Everything(Callback):
    def on_start(self, model, history, batches):
        self.rows = []

    def on_batches(self, rows):
        self.rows += rows


mine, everything = HardestBatch(), Everything()
train_with(everything)
train_with(mine)
assert mine.hardest == max(everything.rows, key=lambda row: row["train_loss"]), "wrong batch in a real training"
inputs = fresh_inputs()
losses = inputs.permutation(60) / 8
cuts = np.sort(inputs.choice(np.arange(1, 60), 4, replace=False))
found = told(HardestBatch(), *[group.tolist() for group in np.split(losses, cuts)])
batch = int(losses.argmax()) + 1
assert found["batch"] == batch, f"60 batches in five groups, batch {batch} is the hardest; you kept {found}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: A better, B better, or can't tell (5 points)
#
# Two models have judged the same pictures. Return one of three texts: `"A better"`, `"B better"` or `"can't tell"`. A
# lead counts if it is beyond what the choice of pictures would bring about, at the custom of 95 % (5 % of false alarms,
# half of them on each side). Which method you take is up to you; it has to compare picture by picture, and to give the
# same verdict each time.
# <details><summary>Hint 1: a question</summary>
#
# How often are the two models *not* of one mind, and how uneven would that be if both were equally good? How do you
# keep luck the same in each call?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *Does A beat B?* compares two models picture by picture. *How sure is an accuracy?* explains the bootstrap and the
# percentiles.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# Here is an interval for the mean change in weight of ten people; 0 lies outside, so it is no luck.
#
# ```python
# before = np.array([71, 80, 65, 90, 77, 84, 69, 73, 88, 79])
# after = np.array([70, 78, 66, 86, 75, 83, 66, 72, 85, 78])
# change, rng = after - before, np.random.default_rng(5)
# means = [rng.choice(change, len(change)).mean() for _ in range(1000)]
# print(np.quantile(means, [0.025, 0.975]))
# ```
#
# </details>

# %% tags=["answer"]
def verdict(right_a, right_b):
    """Whether one of two models is better.

    Args:
        right_a, right_b: bool arrays (n,), whether the model was right, for the same n pictures in the same order
    Returns:
        "A better", "B better" or "can't tell"
    """
    ### BEGIN SOLUTION
    lead = np.asarray(right_a).astype(int) - np.asarray(right_b).astype(int)
    leads = np.random.default_rng(0).choice(lead, (4000, len(lead))).mean(axis=1)
    low, high = np.percentile(leads, [2.5, 97.5])
    return "A better" if low > 0 else "B better" if high < 0 else "can't tell"
    ### END SOLUTION


# %% tags=["right"]
from scipy.stats import binomtest


def verdict(right_a, right_b):
    only_a, only_b = int(np.sum(right_a > right_b)), int(np.sum(right_b > right_a))
    if only_a == only_b or binomtest(only_a, only_a + only_b).pvalue > 0.05:
        return "can't tell"
    return "A better" if only_a > only_b else "B better"


# %% tags=["right"]
def verdict(right_a, right_b):
    lead = right_a.astype(float) - right_b.astype(float)
    error = lead.std(ddof=1) / np.sqrt(len(lead))
    if abs(lead.mean()) <= 1.96 * error:
        return "can't tell"
    return "A better" if lead.mean() > 0 else "B better"


# %% tags=["right"]
def verdict(right_a, right_b):
    lead = torch.tensor(right_a).int() - torch.tensor(right_b).int()
    coins = torch.randint(0, 2, (4000, len(lead)), generator=torch.Generator().manual_seed(0)) * 2 - 1
    by_luck = (coins * lead).sum(dim=1)
    if (by_luck >= lead.sum()).float().mean() < 0.025:
        return "A better"
    return "B better" if (by_luck <= lead.sum()).float().mean() < 0.025 else "can't tell"


# %% tags=["wrong"] expect="may be luck"
def verdict(right_a, right_b):
    a, b = np.mean(right_a), np.mean(right_b)
    return "A better" if a > b else "B better" if b > a else "can't tell"


# %% tags=["wrong"] expect="picture by picture"
def verdict(right_a, right_b):
    random, n = np.random.default_rng(0), len(right_a)
    a = random.choice(right_a, (2000, n)).mean(axis=1)
    b = random.choice(right_b, (2000, n)).mean(axis=1)
    low, high = np.percentile(a - b, [2.5, 97.5])
    return "A better" if low > 0 else "B better" if high < 0 else "can't tell"


# %% tags=["wrong"] expect="one standard error"
def verdict(right_a, right_b):
    lead = np.asarray(right_a).astype(int) - np.asarray(right_b).astype(int)
    error = lead.std() / len(lead) ** 0.5
    return "A better" if lead.mean() > error else "B better" if lead.mean() < -error else "can't tell"


# %% tags=["wrong"] expect="B can be the better one"
# - "B better" if high < 0 else "can't tell"
# + "can't tell"

# %% tags=["wrong"] expect="wrong way round"
# - lead = np.asarray(right_a).astype(int) - np.asarray(right_b).astype(int)
# + lead = np.asarray(right_b).astype(int) - np.asarray(right_a).astype(int)

# %% tags=["wrong"] expect="B may lead by luck, too"
# - if high < 0
# + if lead.mean() < 0

# %% tags=["wrong"] expect="a clear lead"
def verdict(right_a, right_b):
    return "can't tell"


# %% tags=["wrong"] expect="one of three texts"
def verdict(right_a, right_b):
    return float(np.mean(right_a) - np.mean(right_b))


# %% tags=["wrong"] expect="seed the random numbers"
# - np.random.default_rng(0).choice(lead, (4000, len(lead)))
# + np.random.default_rng().choice(lead, (1000, len(lead)))

# %% tags=["wrong"] expect="on each side"
def verdict(right_a, right_b):
    only_a, only_b = np.sum(right_a & ~right_b), np.sum(right_b & ~right_a)
    z = (only_a - only_b) / max(only_a + only_b, 1) ** 0.5
    return "A better" if z > 1.645 else "B better" if z < -1.645 else "can't tell"


# %% tags=["wrong"] expect="asks for too much"
def verdict(right_a, right_b):
    only_a, only_b = np.sum(right_a & ~right_b), np.sum(right_b & ~right_a)
    z = (only_a - only_b) / max(only_a + only_b, 1) ** 0.5
    return "A better" if z > 3.29 else "B better" if z < -3.29 else "can't tell"


# %% tags=["wrong"] expect="treat A and B alike"
# - [2.5, 97.5]
# + [2.5, 99.95]

# %% tags=["wrong"] expect="of few disagreements"
def verdict(right_a, right_b):
    only_a, only_b = np.sum(right_a & ~right_b), np.sum(right_b & ~right_a)
    share = only_a / max(only_a + only_b, 1)
    if only_a + only_b < 5:
        return "can't tell"
    return "A better" if share > 0.65 else "B better" if share < 0.35 else "can't tell"


# %% tags=["wrong"] expect="no difference at all"
# - return "A better" if low > 0 else "B better" if high < 0 else "can't tell"
# + return "A better" if low >= 0 else "B better" if high <= 0 else "can't tell"

# %% [markdown]
# Try it before you run the check. On 100 pictures A alone is right 20 times, B alone 3 times, and both are 60 times:

# %%
print(verdict(*pictures(60, 20, 3, 17)))

# %% tags=["check"] points=5
texts = ("A better", "B better", "can't tell")


def said_of(both, only_a, only_b, neither):
    a, b = pictures(both, only_a, only_b, neither)
    copies = a.copy(), b.copy()
    try:
        found = verdict(a, b)
    except TypeError as error:
        assert "subtract" not in str(error), "bool arrays cannot be subtracted: convert them to whole numbers first"
        raise
    assert np.array_equal(a, copies[0]) and np.array_equal(b, copies[1]), "what was passed in has been changed"
    found = found.replace("’", "'") if isinstance(found, str) else found
    assert isinstance(found, str) and found in texts, (
        f"return exactly one of three texts, {', '.join(map(repr, texts))}, not {found!r}"
    )
    return found


found = said_of(120, 40, 5, 35)
assert found != "B better", "A alone is right 40 times, B alone 5 times, and you say B: the wrong way round"
assert found == "A better", "A alone is right 40 times, B alone 5 times, of 200 pictures: that is a clear lead"
assert said_of(120, 5, 40, 35) == "B better", "B can be the better one: 40 pictures against 5, of 200"
found = said_of(90, 0, 0, 10)
assert found == "can't tell", f"the two models agree on every picture, no difference at all, and you say {found!r}"
found = said_of(100, 52, 50, 98)
assert found == "can't tell", f"52 pictures against 50 may be luck, and you say {found!r}"
found = said_of(100, 20, 12, 68)
assert found == "can't tell", f"20 against 12 is a lead of little more than one standard error, and you say {found!r}"
found = said_of(500, 40, 12, 448)
assert found == "A better", (
    f"1,000 pictures, 40 against 12: luck would hardly be so uneven, and you say {found!r}. Compare picture by picture"
)
assert said_of(500, 12, 40, 448) == "B better", "and with the models exchanged it is B"
assert said_of(3, 2, 0, 5) == "can't tell", "two pictures against none, of ten, is too little to tell"
a, b = pictures(100, 21, 10, 69)  # close to the limit, where drawn numbers decide
assert len({verdict(a, b) for _ in range(20)}) == 1, "the verdict should be the same each time: seed the random numbers"
for only_a, only_b, n in [(30, 12, 200), (36, 14, 400)]:
    found = said_of(n // 2, only_a, only_b, n // 2 - only_a - only_b)
    why = f"{only_a} against {only_b} of {n} happens by luck far less often than 5 times in 100"
    assert found == "A better", f"{why}, and you say {found!r}: your method asks for too much"
found = said_of(100, 22, 12, 66)
assert found == "can't tell", (
    f"22 against 12 of 200: luck alone does that more often than allowed, 2.5 % on each side, and you say {found!r}"
)
found = said_of(100, 14, 6, 80)
assert found == "can't tell", f"14 against 6: of few disagreements 70 % may be luck, and you say {found!r}"
for only_a, only_b, n in [(50, 52, 300), (12, 20, 200), (12, 22, 200), (6, 14, 200)]:
    found = said_of(100, only_a, only_b, n - 100 - only_a - only_b)
    assert found == "can't tell", f"B may lead by luck, too: {only_a} against {only_b} of {n}, and you say {found!r}"
for only_a, only_b, n in [(12, 30, 200), (14, 36, 400)]:
    found = said_of(n // 2, only_a, only_b, n // 2 - only_a - only_b)
    assert found == "B better", f"{only_a} against {only_b} of {n} and you say {found!r}: treat A and B alike"
inputs = fresh_inputs()
for case in range(12):  # far from the limit, where all methods agree
    few = int(inputs.integers(10, 30))
    many = few + int(inputs.choice([0, 2, 40, 60]))
    a_leads = bool(inputs.random() < 0.5)
    expected = "can't tell" if many - few < 5 else "A better" if a_leads else "B better"
    counts = (many, few) if a_leads else (few, many)
    found = said_of(int(inputs.integers(50, 150)), *counts, int(inputs.integers(50, 150)))
    assert found == expected, f"A alone {counts[0]} times, B alone {counts[1]}: {expected!r}, not {found!r}"
print("✓ task 5")

# %% [markdown]
# ## A report (no points)
#
# A clinic wants to use a network that tells benign from malignant spots. On 200 test pictures, 20 of them malignant, it
# is right on 180. It finds 12 of the 20 malignant ones and raises 12 false alarms. On average it says 0.97. Write three
# sentences for a doctor who has never heard of F1. Then compare with ours.
# <details><summary>What a good report says, and ours</summary>
#
# It gives what counts for the clinic (recall and precision of the malignant class, as counts), how sure these numbers
# are, what always saying "benign" would get, and what to do with the network's own percentages. It does not begin with
# the accuracy.
#
# "It found 12 of 20 malignant spots (60 %; with so few pictures the true value may lie anywhere between 39 and 78 %),
# and of its 24 alarms every second one was false. That it was right on 90 % of all pictures says little, since so is
# whoever always answers *benign*. It claims to be 97 % sure on average, which is more than it is right: do not read its
# percentages as probabilities, and choose the threshold with us, so that fewer spots are missed."
#
# </details>

# %% [markdown]
# Done? [Compare with the solutions](../solutions/09_metrics_and_plots.ipynb), or go on with
# [lesson 10](../10_from_notebook_to_script.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
