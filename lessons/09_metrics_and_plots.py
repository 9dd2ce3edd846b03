# %% [markdown]
# # 09 · Metrics, logs and plots
#
# One accuracy hides more than it says. You find out what a network is worth class by class, how sure it and you can be,
# and keep a log and figures for others.
#
# **Time** about 60 minutes, of which the computer works 25 seconds · **Before this**
# [lesson 03](03_mnist_mlp.ipynb), [lesson 04](04_mnist_cnn.ipynb), [lesson 07](07_feature_extraction.ipynb),
# [lesson 08](08_custom_dataset.ipynb)
#
# **You will learn to**
#
# - compute precision, recall and F1 by hand, average them, and tell when the averages differ
# - move a threshold, and read what it costs off a precision-recall and a ROC curve
# - check whether "90 % sure" is right nine times out of ten, and mend it where it is not
# - say how sure an accuracy is, and whether one model beats another
# - log a training by batch and by epoch, and watch it in TensorBoard or Weights & Biases
# - save figures for print, with Chinese labels too, and evaluate once, in full

# %%
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import MLP, fit, predict, setup
from course_utils.training.callbacks import Callback

course = setup(seed=0, lesson="09")

# %% [markdown]
# ## What you will have
#
# We need something to judge. As in lesson 07, a frozen backbone turns each picture, here the flowers of lesson 08, into
# 512 features, once, and only heads are trained.

# %%
from course_utils import CachedImages, extract_features, flowers, freeze, pretrained_resnet18

splits = {split: flowers(split) for split in ["train", "val", "test"]}
classes = splits["train"].classes
backbone = pretrained_resnet18(len(classes)).to(course.device)
backbone.fc = nn.Identity()
backbone = freeze(backbone)
size = course.pick(sample=64, full=224)
images = {split: CachedImages(splits[split], size) for split in splits}


# %%
def features_of(split):
    loader = DataLoader(images[split], batch_size=100)
    return TensorDataset(*extract_features(backbone, loader))


# %%
train_set, val_set = features_of("train"), features_of("val")
val_loader = DataLoader(val_set, batch_size=500)

# %% [markdown]
# Three heads: a linear one stopped early, another trained to the end, and one with a hidden layer, trained for long.

# %%
def train_head(head, epochs, callbacks=()):
    generator = torch.Generator().manual_seed(0)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=generator)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003)
    return fit(head, train_loader, val_loader, optimizer=optimizer, epochs=epochs,
               callbacks=callbacks, progress=False)  # fmt: skip


# %%
torch.manual_seed(0)
heads = {"early": nn.Linear(512, len(classes)), "linear": nn.Linear(512, len(classes))}
heads["hidden"] = MLP(512, (256,), len(classes))
for name, epochs in [("early", 3), ("linear", 25), ("hidden", 60)]:
    train_head(heads[name], epochs)

# %% tags=["nbval-ignore-output"]
targets = val_set.tensors[1].numpy()
logits = {name: predict(head, val_loader)[0] for name, head in heads.items()}
preds = {name: values.argmax(dim=1).numpy() for name, values in logits.items()}
accuracy = {name: (values == targets).mean() for name, values in preds.items()}
pd.Series(accuracy, name="validation accuracy").round(3)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    least = course.pick(sample=0.7, full=0.5)
    assert min(accuracy["linear"], accuracy["hidden"]) > least, f"validation accuracy {accuracy}"

# %% [markdown]
# The linear head is right on most pictures. Is it any good at the flower that is rarest in training? Ask two questions
# of every validation picture. Is it that flower? Does the network say so?

# %%
from torchvision.utils import make_grid

from course_utils import denormalize


def draw_four_cases(is_class, says_class, name):
    fig, axes = plt.subplots(2, 2, figsize=(10, 3.6))
    kinds = [["✓ true positives", "✗ false negatives"], ["✗ false positives", "✓ true negatives"]]
    for row, truth in enumerate([True, False]):
        for column, says in enumerate([True, False]):
            ax, kind = axes[row, column], kinds[row][column]
            indices = np.flatnonzero((is_class == truth) & (says_class == says))
            shown = [denormalize(images["val"][index][0]) for index in indices[:4]]
            shown += [torch.ones(3, size, size)] * (4 - len(shown))  # white paper
            ax.imshow(make_grid(shown, pad_value=1).permute(1, 2, 0))
            ax.set_title(f"{kind}: {len(indices)}", color="#1a7f37" if truth == says else "#c62828")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        axes[row, 0].set_ylabel(f"{'a' if truth else 'no'} {name}")
    axes[1, 0].set_xlabel(f'answer: "{name}"')
    axes[1, 1].set_xlabel("answer: another flower")


# %%
in_training = np.bincount(train_set.tensors[1], minlength=len(classes))
rare = int(in_training.argmin())
is_class, says_class = targets == rare, preds["linear"] == rare
draw_four_cases(is_class, says_class, classes[rare])
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # in the photographs no flower is rarer than the others
    assert classes[rare] == "garden tulip", classes[rare]
    missed = (is_class & ~says_class).sum()
    assert 1 <= missed <= 6, f"{missed} tulips missed"
    assert is_class.mean() < 0.05, f"one tulip moves the accuracy, they are {is_class.mean():.2f} of all"

# %% [markdown]
# Up to four pictures of each kind, and how many there are. The upper row holds the tulips (in `full`, another flower),
# the left column what the network *calls* a tulip. (*Positive*: the answer is tulip. *True*: the answer is right.) Some
# tulips are missed, and the accuracy does not tell: so few pictures hardly move it.
#
# ## Right and wrong, class by class
#
# **Precision** asks what an answer is worth: of the left column, which share is in the upper row? **Recall** asks what
# is found: of the upper row, which share is in the left column?

# %% tags=["nbval-ignore-output"]
true_positives = (is_class & says_class).sum()
false_positives = (~is_class & says_class).sum()
false_negatives = (is_class & ~says_class).sum()
precision = true_positives / max(true_positives + false_positives, 1)
recall = true_positives / max(true_positives + false_negatives, 1)
print(f"precision: {true_positives} of {says_class.sum()} answers, {precision:.2f}")
print(f"recall: {true_positives} of {is_class.sum()} pictures, {recall:.2f}")

# %% tags=["proof"]
from sklearn.metrics import precision_score, recall_score

np.testing.assert_allclose(precision, precision_score(is_class, says_class, zero_division=0))
np.testing.assert_allclose(recall, recall_score(is_class, says_class))

# %% [markdown]
# (A class that is never answered has no precision; `max(…, 1)` counts it as 0.) Each is easy to push up alone. Call
# everything a tulip, and recall is perfect. Call only the surest one a tulip, and precision probably is. **F1** wants
# both. It is their harmonic mean, $2PR/(P+R)$, which stays close to the smaller one:

# %%
def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


for p, r in [(0.6, 0.6), (0.9, 0.3), (1.0, 0.1)]:
    print(f"precision {p:.2f}, recall {r:.2f}: mean {(p + r) / 2:.2f}, F1 {f1(p, r):.2f}")

# %% [markdown]
# The helper `class_report` does it for every class. **Support** is the number of true examples. Where it is small, the
# other columns are rough.

# %% tags=["nbval-ignore-output"]
from sklearn.metrics import precision_recall_fscore_support

from course_utils.evaluation.metrics import class_report

report = class_report(targets, preds["linear"], classes)
by_hand = [precision, recall, f1(precision, recall), is_class.sum()]
np.testing.assert_allclose(report.loc[classes[rare]], by_hand)
theirs = precision_recall_fscore_support(targets, preds["linear"], zero_division=0)
np.testing.assert_allclose(np.transpose(theirs), report)
report.head(10).round(2)

# %% tags=["proof"]
from course_utils import confusion_matrix

matrix = confusion_matrix(targets, preds["linear"], len(classes))
np.testing.assert_allclose(matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1), report["recall"])
np.testing.assert_allclose(matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1), report["precision"])

# %% [markdown]
# `assert_allclose` is silent where numbers agree up to rounding, and stops where they do not: our counts, the helper
# and scikit-learn agree. (In the confusion matrix of lesson 04, the diagonal over the row sums gives recalls, over the
# column sums precisions.)
#
# **Check yourself.** Two classes swap a few pictures: some roses are called tulips, as many tulips are called roses.
# There are ten times as many roses. Which numbers suffer most?
# <details><summary>Answer</summary>
#
# Recall and precision of the tulips: the same number of pictures is a large share of so few.
#
# </details>
#
# ## One number for all classes
#
# Three averages are in use:
#
# - **macro**: the plain mean over the classes; the rarest counts as much as the largest
# - **weighted**: a mean in which each class counts as much as it has examples
# - **micro**: pool the counts of all classes, then compute one precision, recall and F1
#
# Pooled, every wrong answer is one false positive (of the class that was answered) and one false negative (of the
# picture's own). So pooled precision and recall are the same number, the accuracy. By hand, and with the helper
# `classification_metrics`:

# %% tags=["nbval-ignore-output"]
from course_utils.evaluation.metrics import classification_metrics

by_class = class_report(targets, preds["early"])
by_hand = {
    "macro": by_class["f1"].mean(),
    "weighted": np.average(by_class["f1"], weights=by_class["support"]),
    "micro": accuracy["early"],
}
averages = {}
for name in ["early", "linear"]:
    ours = {way: classification_metrics(targets, preds[name], way) for way in by_hand}
    averages[name] = {way: metrics["f1"] for way, metrics in ours.items()}
np.testing.assert_allclose(list(averages["early"].values()), list(by_hand.values()))
pd.DataFrame(averages).T.rename_axis("F1").round(3)

# %% tags=["proof"]
from sklearn.metrics import f1_score

for way, value in by_hand.items():
    np.testing.assert_allclose(f1_score(targets, preds["early"], average=way, zero_division=0), value)
if course.profile == "sample":  # all validation classes of the photographs have the same size
    below = {name: min(row["micro"], row["weighted"]) - row["macro"] for name, row in averages.items()}
    assert below["early"] > 0.03, f"macro of early is lower by {below['early']:.3f}"
    assert below["linear"] < below["early"], f"macro is lower by {below}"

# %% [markdown]
# Where classes are equally frequent, macro and weighted are the same. On the sample flowers the early head's macro F1
# is well below the other two; trained to the end, a head almost catches up. Which flowers are to blame? Those rarest in
# training first:

# %% tags=["nbval-ignore-output"]
early = class_report(targets, preds["early"], classes)
early["in training"] = pd.Series(in_training, classes)
early["answers"] = pd.Series(np.bincount(preds["early"], minlength=len(classes)), classes)
early.sort_values("in training").head(4).round(2)

# %% tags=["proof"]
if course.profile == "sample":  # the photographs have ten training pictures of every flower
    tulip, bluebell, pansy = (early.loc[name] for name in ["garden tulip", "english bluebell", "wild pansy"])
    assert early["in training"].nsmallest(3).index.tolist() == [tulip.name, bluebell.name, pansy.name]
    assert tulip["answers"] <= 2 and tulip["f1"] < 0.3, f"tulip: {tulip.to_dict()}"
    assert pansy["f1"] < 0.4, f"pansy: {pansy.to_dict()}"
    assert bluebell["precision"] > 0.75, f"bluebell: {bluebell.to_dict()}"
    assert bluebell["f1"] > early["f1"].mean(), f"bluebell: {bluebell.to_dict()}"

# %% [markdown]
# After so short a training the tulip is hardly ever answered, and the pansy is seldom found. In micro and weighted
# average they are a few pictures, in macro two classes of ten. But rarity is no fate: the bluebell, almost as rare, is
# named seldom, too, but then rightly. Macro asks "does it work for every class?", micro and weighted ask "for most
# pictures?". Say which one you report.

# %% [markdown]
# > **Common mistake.** A widely copied program puts the loss of each test batch into a variable `loss` and reports
# > `np.mean(loss)` after the loop. By then `loss` is one number, that of the last batch. Others average the macro F1 of
# > the batches. But a small batch has one picture of a rare class, or none: its F1 jumps, or is missing. Both with the
# > linear head:

# %% tags=["nbval-ignore-output"]
reported = {}
outputs_and_labels = TensorDataset(logits["linear"], val_set.tensors[1])
for batch_size in [16, 32, 64]:
    f1_of_batches = []
    for outputs, labels in DataLoader(outputs_and_labels, batch_size):
        loss = F.cross_entropy(outputs, labels).item()
        f1_of_batches.append(classification_metrics(labels, outputs.argmax(dim=1))["f1"])
    reported[batch_size] = {"loss": np.mean(loss), "macro F1": np.mean(f1_of_batches)}
true_loss = F.cross_entropy(logits["linear"], val_set.tensors[1]).item()
reported["true"] = {"loss": true_loss, "macro F1": averages["linear"]["macro"]}
pd.DataFrame(reported).T.rename_axis("batch size").round(3)

# %% tags=["proof"]
loss_off = max(abs(reported[number]["loss"] / true_loss - 1) for number in [16, 32, 64])
f1_off = abs(reported[16]["macro F1"] - reported["true"]["macro F1"])
assert loss_off > course.pick(sample=0.1, full=0.03), f"a last batch's loss is off by {loss_off:.1%} at most"
assert f1_off > 0.02, f"macro F1 of batches of 16 is off by {f1_off:.3f}"

# %% [markdown]
# > Same model, other batches. Collect all outputs first, as `predict` does, and compute each metric once. (So does the
# > library **torchmetrics**: `metric.update(preds, targets)` collects batch after batch, `metric.compute()` divides at
# > the end.)

# %% [markdown]
# ## A threshold that moves
#
# So far the largest probability decided. But "is this a tulip?" can be asked more or less strictly: say yes where the
# probability of *this class* is at least a **threshold**. A picture of the class is then a hit, another one a false
# alarm, and the **false positive rate** is the share of all *other* pictures that raise one. To try all thresholds at
# once, sort the pictures by score, highest first, and call one after another; `cumsum` counts the hits so far. (Before
# the first call recall is 0, and precision is set to 1.)

# %%
probs = {name: values.double().softmax(dim=1).numpy() for name, values in logits.items()}
scores = probs["linear"][:, rare]


# %%
def sweep(scores, is_class):
    hits = is_class[np.argsort(-scores)].cumsum()
    called = np.arange(1, len(scores) + 1)
    curves = [hits / called, hits / is_class.sum(), (called - hits) / (~is_class).sum()]
    return [np.append(start, curve) for start, curve in zip([1, 0, 0], curves)]


# %%
def show_threshold(threshold):
    called = scores >= threshold
    hits, alarms = (called & is_class).sum(), (called & ~is_class).sum()
    precision, recall = hits / max(hits + alarms, 1), hits / is_class.sum()
    fig, axes = plt.subplot_mosaic([["yes", "pr", "roc"], ["no", "pr", "roc"]], figsize=(10, 3.6))
    for key, color, inside in [("yes", "C0", is_class), ("no", "C1", ~is_class)]:
        axes[key].hist(scores[inside], np.linspace(0, 1, 26), color=color, log=key == "no")
        axes[key].axvline(threshold, color="black", linestyle="--")
        axes[key].set(xlabel=f"probability of {classes[rare]}", ylabel="pictures", xlim=(0, 1))
    axes["yes"].set(title=f"{is_class.sum()} pictures of it, hits: {hits}", xlabel="")
    axes["no"].set_title(f"{(~is_class).sum()} others, false alarms: {alarms}")
    axes["pr"].step(recalls, precisions)
    axes["pr"].plot(recall, precision, "ko")
    axes["pr"].set(title=f"precision {precision:.2f}, recall {recall:.2f}")
    axes["pr"].set(xlabel="recall", ylabel="precision", ylim=(0, 1.05))
    axes["roc"].plot(false_alarms, recalls)
    axes["roc"].plot(alarms / (~is_class).sum(), recall, "ko")
    axes["roc"].set(title="ROC", xlabel="false positive rate", ylabel="recall", ylim=(0, 1.05))
    fig.suptitle(f"A threshold of {threshold:.2f}")
    plt.show()


# %%
precisions, recalls, false_alarms = sweep(scores, is_class)
show_threshold(0.2)

# %% tags=["proof"]
called = scores >= 0.2
at = np.flatnonzero(np.isclose(recalls, (called & is_class).sum() / is_class.sum()))
assert len(at), "the dot is not on the curves"
assert (np.diff(recalls) >= 0).all() and (np.diff(false_alarms) >= 0).all(), "a curve turns back"

# %% [markdown]
# Left, the scores: above those of the class, below the others (on a logarithmic axis, to show single pictures). Right
# of the dashed line the answer is yes. Move the line to the left, and you gain hits and false alarms.
#
# In the middle, the **precision-recall curve**: a perfect model reaches the upper right corner. (A notch is a false
# alarm: among few calls one costs much.) Right, the **ROC curve** (receiver operating characteristic, a name from
# radar): recall against false positive rate, where the perfect corner is the upper left one. The black dot is our
# threshold.

# %% [markdown]
# **Try it.** Move the line: run the code below in a new cell, and drag the slider, or click it and press the arrow
# keys.
# <details><summary>What we saw</summary>
#
# ```python
# from ipywidgets import interact
#
# interact(show_threshold, threshold=(0.0, 1.0, 0.02));
# ```
#
# As the line moves left, the dot climbs the ROC curve. The last tulip lies among the others: it costs some two dozen
# false alarms. At 0 everything is called, and recall and false positive rate are 1. (No slider? Call `show_threshold`
# with a few numbers.)
#
# </details>

# %% [markdown]
# Both curves have an area under them. That of precision and recall is called **average precision**: each step in
# recall, times the precision there. That of ROC, **AUC**, has a meaning of its own: the chance that a picture of the
# class gets a higher score than another one (a tie counts as half). `[:, None]` makes a column, to compare each with
# all others:

# %% tags=["nbval-ignore-output"]
from sklearn.metrics import average_precision_score, roc_auc_score

average_precision = np.sum(np.diff(recalls) * precisions[1:])
auc = np.trapezoid(recalls, false_alarms)  # area under straight lines from point to point
higher = (scores[is_class][:, None] > scores[~is_class]).mean()
print(f"average precision {average_precision:.3f}, AUC {auc:.3f}, scored higher {higher:.3f}")
np.testing.assert_allclose(average_precision_score(is_class, scores), average_precision)
np.testing.assert_allclose(roc_auc_score(is_class, scores), auc)

# %% tags=["proof"]
np.testing.assert_allclose(higher, auc)

# %% [markdown]
# **Guess first.** The same model is used where this flower is ten times as rare: we count every other picture ten
# times. What becomes of AUC, of average precision, and of precision at a threshold of 0.1? Then open the cell.

# %% tags=["nbval-ignore-output", "fold"]
called = scores >= 0.1
hits, alarms = (called & is_class).sum(), (called & ~is_class).sum()
times = np.where(is_class, 1, 10)
areas = pd.DataFrame({
    "AUC": [auc, roc_auc_score(is_class, scores, sample_weight=times)],
    "average precision": [
        average_precision,
        average_precision_score(is_class, scores, sample_weight=times),
    ],
    "precision at 0.1": [hits / max(hits + alarms, 1), hits / max(hits + 10 * alarms, 1)],
}, index=["as it is", "ten times as rare"])
areas.round(3)

# %% tags=["proof"]
np.testing.assert_allclose(*areas["AUC"])
if course.profile == "sample":  # how well one flower among 102 is told from the others is not known beforehand
    lost = areas.iloc[0] - areas.iloc[1]
    assert lost["average precision"] > 0.1, f"average precision has lost {lost['average precision']:.3f}"
    assert lost["precision at 0.1"] > 0.1, f"precision has lost {lost.iloc[-1]:.3f}"
    assert areas.iloc[1, -1] < 0.25, f"a share of {areas.iloc[1, -1]:.2f} of the answers is still right"

# %% [markdown]
# On the sample flowers few answers that name the flower are right any more, and the AUC has not noticed: ten times the
# false alarms, divided by ten times the *other* pictures. So ROC flatters on rare classes: look at precision and
# recall.
#
# **Check yourself.** A detector of a fault that one part in 1,000 has reaches AUC 0.99. At its threshold it finds 90 %
# of the faults, with a false positive rate of 2 %. An alarm rings. How likely is it a fault?
# <details><summary>Answer</summary>
#
# Of 100,000 parts 100 have the fault, and 90 of them ring; so do about 2,000 of the others. That makes four percent.
#
# </details>
#
# ## Is it as sure as it says?
#
# A doctor who reads "tulip, 0.9" would like to be right nine times out of ten. Where that is so, a model is
# **calibrated**. To find out, sort the pictures into bins by **confidence**, the largest probability, and compare what
# the model said with how often it was right. (The helper with the same result is `calibration_table`.)

# %%
def reliability(probs, targets):
    confidence = probs.max(axis=1)
    right = probs.argmax(axis=1) == targets
    bins = np.minimum((10 * confidence).astype(int), 9)  # 0.0 to 0.1, …, 0.9 to 1.0
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        rows.append((confidence[inside].mean(), right[inside].mean(), inside.sum()))
    return pd.DataFrame(rows, columns=["confidence", "accuracy", "examples"])


# %%
from course_utils.evaluation.metrics import calibration_table

theirs = calibration_table(probs["hidden"], targets)
np.testing.assert_allclose(reliability(probs["hidden"], targets), theirs)


# %%
def draw_reliability(probs_by_name):
    shared = {"sharex": True, "sharey": "row", "height_ratios": [3, 1]}
    fig, axes = plt.subplots(2, 2, figsize=(8.5, 4.8), **shared)
    for (name, probs), (ax, below) in zip(probs_by_name.items(), axes.T):
        table = reliability(probs, targets)
        ax.plot([0, 1], [0, 1], "k:")
        ax.plot(table["confidence"], table["accuracy"], color="C0", linewidth=1)
        ax.scatter(table["confidence"], table["accuracy"], 4 * table["examples"], alpha=0.6)
        says, right = probs.max(axis=1).mean(), (probs.argmax(axis=1) == targets).mean()
        ax.set_title(f"{name}: says {says:.2f}, is right {right:.2f}")
        bars = below.bar(table["confidence"], table["examples"], width=0.06)
        below.bar_label(bars, fontsize=9)
        below.set(xlabel="confidence", ylim=(0, 1.35 * len(targets)))
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("pictures")


# %%
draw_reliability({"linear": probs["linear"], "hidden": probs["hidden"]})
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # which head is too sure, and by how much, depends on the pictures
    tables = {name: reliability(probs[name], targets) for name in ["linear", "hidden"]}
    assert tables["hidden"]["examples"].iloc[-1] > len(targets) / 2, tables["hidden"].to_string()
    assert tables["hidden"]["accuracy"].iloc[-1] < tables["hidden"]["confidence"].iloc[-1] - 0.03
    assert tables["linear"]["examples"].iloc[-1] < len(targets) / 2, tables["linear"].to_string()

# %% [markdown]
# This is a **reliability diagram**. Above the dotted line a model is better than it says, below it worse. The area of a
# dot is the number of its pictures, which stands below. Ignore the jumps of the small dots. On the sample flowers the
# hidden layer puts most pictures into its last bin, and there it is wrong far more often than it says. The linear head
# is rather too modest.
#
# One summary is the **expected calibration error** (ECE): the mean gap between confidence and accuracy, weighted by the
# number of pictures in the bin. Even a perfectly calibrated model does not get 0, just as ten tosses of a fair coin are
# not always five heads. How large an ECE does chance alone make? We imitate the validation set by a
# **twin** in which the probabilities are true: where the model says "tulip 0.7, rose 0.3", we draw the truth at random,
# tulip with probability 0.7. (`cumsum` adds up a row; the first sum above a random number picks the class.) Beside the
# ECE of 200 twins, the table gives the gap between what a head says and how often it is right, in standard errors:

# %%
def calibration_error(probs, targets):
    table = calibration_table(probs, targets)
    gaps = abs(table["confidence"] - table["accuracy"])
    return np.average(gaps, weights=table["examples"])


# %%
def error_of_twins(probs, number=200):
    rng, errors = np.random.default_rng(0), []
    for _ in range(number):
        drawn = (probs.cumsum(axis=1) > rng.random((len(probs), 1))).argmax(axis=1)
        errors.append(calibration_error(probs, drawn))
    return np.percentile(errors, 95)  # 95 of 100 twins stay below


# %% tags=["nbval-ignore-output"]
from course_utils import evaluate, standard_error

rows = {}
for name in ["linear", "hidden"]:
    says, right = probs[name].max(axis=1).mean(), accuracy[name]
    rows[name] = {
        "right in training": evaluate(heads[name], DataLoader(train_set, 500))["accuracy"],
        "says": says,
        "is right": right,
        "gap in standard errors": (says - right) / standard_error(right, len(targets)),
        "ECE": calibration_error(probs[name], targets),
        "95 % of twins below": error_of_twins(probs[name]),
    }
claims = pd.DataFrame(rows).T
claims.round(3)

# %% tags=["proof"]
ece = claims["ECE"] / claims["95 % of twins below"]
gap = claims["gap in standard errors"]
if course.profile == "sample":  # which head is too sure, and by how much, depends on the pictures
    assert abs(accuracy["hidden"] - accuracy["linear"]) < 0.05, f"not about equally often right: {accuracy}"
    assert claims.loc["hidden", "right in training"] > 0.98, f"in training {claims['right in training'].to_dict()}"
    assert ece["hidden"] > 1.5, f"the ECE of hidden is {ece['hidden']:.2f} times that of unlucky twins"
    assert ece["linear"] < 1.3, f"the ECE of linear is {ece['linear']:.2f} times that of unlucky twins"
    assert gap["linear"] < -1, f"linear says too little by {-gap['linear']:.1f} standard errors"
    assert gap["hidden"] > 3, f"hidden says too much by {gap['hidden']:.1f} standard errors"

# %% [markdown]
# On the sample flowers both heads are right about equally often. The hidden layer has trained until hardly a training
# picture was wrong, and the loss goes on rewarding it for being surer and surer of those. By both measures, gap and
# ECE, it is too sure. The linear head says rather too little, but its ECE is about what unlucky twins have: the ECE
# takes gaps without their sign, so the chance gaps of small bins add up.
#
# The remedy: divide all logits by one number, the **temperature**. Above 1 it evens the probabilities out, below 1 it
# sharpens them. The largest stays the largest, so no answer changes. Choose the one with the lowest cross-entropy on
# pictures that were not trained on, and judge it on others. We let each half of the validation pictures choose for the
# other half:

# %%
def best_temperature(logits, labels):
    temperatures = np.linspace(0.5, 4, 141).tolist()
    losses = [F.cross_entropy(logits / value, labels).item() for value in temperatures]
    return temperatures[int(np.argmin(losses))]


# %% tags=["nbval-ignore-output"]
labels, scaled = val_set.tensors[1], logits["hidden"].clone()
chosen = []
for start in [0, 1]:
    own, other = slice(start, None, 2), slice(1 - start, None, 2)
    chosen.append(best_temperature(logits["hidden"][other], labels[other]))
    scaled[own] /= chosen[-1]
mended = {"before": probs["hidden"], "after": scaled.double().softmax(dim=1).numpy()}
print("temperatures:", np.round(chosen, 2))
for name, values in [("before", logits["hidden"]), ("after", scaled)]:
    loss, error = F.cross_entropy(values, labels), calibration_error(mended[name], targets)
    print(f"{name:>6}: cross-entropy {loss:.3f}, ECE {error:.3f}")
draw_reliability(mended)
plt.show()

# %% tags=["proof"]
assert torch.equal(scaled.argmax(dim=1), logits["hidden"].argmax(dim=1)), "an answer has changed"
if course.profile == "sample":  # whether the head is too sure at all depends on the pictures
    assert min(chosen) > 1, f"temperatures {chosen}"
    loss_after = F.cross_entropy(scaled, labels) / F.cross_entropy(logits["hidden"], labels)
    ece_after = calibration_error(mended["after"], targets) / calibration_error(mended["before"], targets)
    assert loss_after < 0.95 and ece_after < 0.9, f"after, as a share of before: {loss_after:.2f}, {ece_after:.2f}"

# %% [markdown]
# On the sample flowers pictures leave the last bin, and loss and ECE fall. The halves choose different temperatures: so
# few pictures give a rough value.
#
# ## How sure is an accuracy?
#
# The standard error of lessons 03 and 04, $\sqrt{p(1-p)/n}$, fails with few pictures. Eight tulips of eight: $p = 1$,
# standard error 0, as if we were certain. A better question: *which true values would make our result unsurprising*,
# that is within 1.96 of *their* standard errors? (An accuracy scatters around the true value roughly like a bell
# curve, of which 95 % lie within 1.96 standard errors.) We try them all:

# %%
from course_utils import wilson_interval


def plausible(correct, n):
    values = np.linspace(0, 1, 100_001)
    near = values[abs(values - correct / n) <= 1.96 * standard_error(values, n)]
    return near.min(), near.max()


# %%
for correct, n in [(144, 180), (4, 8), (8, 8)]:
    low, high = plausible(correct, n)
    reach = 1.96 * standard_error(correct / n, n)
    print(f"{correct} of {n}: {correct / n:.2f} ± {reach:.2f}; plausible {low:.2f} to {high:.2f}")
    np.testing.assert_allclose([low, high], wilson_interval(correct, n), atol=1e-4)

# %% [markdown]
# This is **Wilson's interval** (the helper: `wilson_interval`). For eight pictures it stays between 0 and 1, and eight
# of eight may still be a model that misses three in ten. It is a **95 % confidence interval**: of many made like that,
# about 95 in 100 hold the true value. The helper `plot_class_bars` draws it through the recall of each class:

# %%
from course_utils.evaluation.plots import plot_class_bars

plot_class_bars(report.head(10))
plt.show()

# %% tags=["proof"]
correct = (report["recall"] * report["support"]).round().astype(int)
spans = [wilson_interval(hits, n) for hits, n in zip(correct.head(10), report["support"].head(10).astype(int))]
overlaps = [min(a[1], b[1]) > max(a[0], b[0]) for a in spans for b in spans if a is not b]
assert np.mean(overlaps) > 0.6, f"a share of {np.mean(overlaps):.2f} of the pairs overlap"

# %% [markdown]
# Most of these intervals overlap: the set is too small to rank the classes.

# %% [markdown]
# **Try it.** How many pictures would it take to know a recall of 75 % to within five points?
# <details><summary>What we saw</summary>
#
# ```python
# for n in [8, 80, 300, 800]:
#     print(n, wilson_interval(3 * n // 4, n))
# ```
#
# About 300. For half the width you need four times as many.
#
# </details>

# %% [markdown]
# ## Does A beat B?
#
# All heads judged the *same* pictures, so, as in lesson 07, only pictures count on which exactly one of two is right.
# How much of a lead is due to the choice of pictures? We ask the **bootstrap** of lesson 02: draw as many pictures as
# there are, with replacement, compute the lead, and repeat. There is also **McNemar's test**: were the heads equally
# good, each picture on which they differ would be a coin toss, and the difference of the two counts, divided by the
# square root of their sum, would mostly lie within ±1.96.

# %%
def compare(a, b):
    lead = (preds[a] == targets).astype(int) - (preds[b] == targets)  # 1, 0 or -1 per picture
    leads = np.random.default_rng(0).choice(lead, (5000, len(lead))).mean(axis=1)
    low, high = np.percentile(leads, [2.5, 97.5])
    verdict = "can't tell"
    if low > 0 or high < 0:
        verdict = f"{a if low > 0 else b} is better"
    counts = {"only A": (lead == 1).sum(), "only B": (lead == -1).sum()}
    mcnemar = lead.sum() / max(abs(lead).sum(), 1) ** 0.5
    interval = {"lead": lead.mean(), "from": low, "to": high}
    return counts | interval | {"McNemar": mcnemar, "verdict": verdict}


# %% tags=["nbval-ignore-output"]
compared = pd.DataFrame([compare("linear", "early"), compare("linear", "hidden")])
compared.index = ["A linear, B early", "A linear, B hidden"]
compared.round(3)

# %% tags=["proof"]
told = compared["verdict"] != "can't tell"
errors = np.array([standard_error(accuracy[name], len(targets)) for name in ["linear", "hidden"]])
unpaired = 2 * 1.96 * (errors**2).sum() ** 0.5
paired = compared["to"].iloc[1] - compared["from"].iloc[1]
assert paired < unpaired, f"pairing does not narrow the interval: {paired:.3f} and {unpaired:.3f}"
if course.profile == "sample":  # who leads depends on the pictures; near the limit the two tests may differ
    assert compared["verdict"].iloc[0] == "linear is better", f"early: {compared.iloc[0].to_dict()}"
    assert not told.iloc[1], f"hidden: {compared.iloc[1].to_dict()}"
    assert (told == (compared["McNemar"].abs() > 1.96)).all(), f"McNemar: {compared['McNemar'].to_dict()}"

# %% [markdown]
# An interval on one side of 0 shows a lead; one that holds 0 is no proof of equality. On the sample flowers linear
# beats early, between linear and hidden nobody can tell, and McNemar's test agrees. On *different* pictures the
# interval would be wider: hard pictures are hard for both.
#
# **Check yourself.** You try 20 settings and compare each with the old one. One interval lies just above 0. A lead?
# <details><summary>Answer</summary>
#
# Hardly. Even if no setting matters, about one in twenty such intervals misses 0 by chance, the problem of **multiple
# comparisons**. Confirm the winner on other pictures.
#
# </details>
#
# ## A log of the training
#
# A **callback** is an object that `fit` calls at certain moments: `on_start`, `on_batches` with the rows of up to 25
# batches (whoever asks a GPU for the loss after each one, `loss.item()`, makes it wait), `on_epoch` with the row of an
# epoch, `on_stop`. A row is a dictionary of numbers by name. Inherit from `Callback` and override what you want to be
# told. Our first collects the rows of the batches, the second *adds* three metrics to the row of each epoch.

# %%
class BatchLog(Callback):
    def on_start(self, model, history, batches):
        self.rows = []

    def on_batches(self, rows):
        self.rows += rows


# %%
class EpochMetrics(Callback):
    def on_start(self, model, history, batches):
        self.model = model
        self.preds = []

    def on_epoch(self, row):
        self.preds.append(predict(self.model, val_loader)[0].argmax(dim=1).numpy())
        metrics = classification_metrics(targets, self.preds[-1], average="macro")
        for name in ["precision", "recall", "f1"]:
            row[f"val_{name}"] = metrics[name]


# %% [markdown]
# The hidden layer, once more from the start:

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
batch_log, epoch_metrics = BatchLog(), EpochMetrics()
history = train_head(MLP(512, (256,), len(classes)), 60, callbacks=[batch_log, epoch_metrics])
log = pd.DataFrame(batch_log.rows)
history.frame().drop(columns=["lr", "seconds"]).iloc[[0, 1, -1]].round(3)

# %% tags=["proof"]
assert len(log) == 60 * -(-len(train_set) // 64), f"{len(log)} rows"
expected = [(values == targets).mean() for values in epoch_metrics.preds]
np.testing.assert_allclose(history["val_accuracy"], expected, rtol=1e-5)

# %% [markdown]
# The list of dictionaries becomes *one* table, and one CSV file. (A DataFrame that grows row by row is copied each
# time.) Single batches are easy or hard by chance; a **moving average**, here over the last 20, shows the course.
# Beside it, four metrics by epoch:

# %%
runs = Path("../runs/09")
shutil.rmtree(runs, ignore_errors=True)  # what an earlier run of this cell has left
runs.mkdir(parents=True)
log.to_csv(runs / "batches.csv", index=False)
history.frame().to_csv(runs / "epochs.csv")
print("read back, rows and columns:", pd.read_csv(runs / "batches.csv").shape)

# %%
epoch_ends = log.groupby("epoch")["batch"].max()
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
left.plot(log["batch"], log["train_loss"], color="lightgrey", label="each batch")
left.plot(log["batch"], log["train_loss"].rolling(20).mean(), label="moving average")
left.plot(epoch_ends, history["val_loss"], "--", color="C3", label="validation")
left.set(title="Loss", xlabel="batch", ylabel="cross-entropy", ylim=(0, 2.5))
styles = {"accuracy": "C0o-", "precision": "C1^--", "recall": "C2s-.", "f1": "C3D:"}
for name, style in styles.items():
    right.plot(history["epoch"], history[f"val_{name}"], style, label=name, markevery=5)
right.set(title="Four validation metrics", xlabel="epoch", ylabel="score", ylim=(0.35, 0.9))
left.legend()
right.legend(loc="lower right")
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # whether the curve of the photographs turns is not known beforehand
    val_loss = np.array(history["val_loss"])
    assert val_loss[-1] > val_loss.min() + 0.1, f"validation loss {val_loss.min():.2f}, at the end {val_loss[-1]:.2f}"
    late = np.array(history["val_f1"])[-20:]
    assert np.ptp(late) < 0.1, f"F1 of the last 20 epochs {late.round(3)}"

# %% [markdown]
# On the sample flowers the validation loss turns and rises a little, while F1 stays where it is: the answers get no
# worse, only surer, also the wrong ones. The lines on the right differ in colour, pattern *and* marker: colours alone
# are lost on a grey print and on one man in twelve.
#
# ## The best epoch flatters itself
#
# Which of these 60 epochs is the best? Let a third of the validation pictures choose it, drawn at random, 1,000 times.
# `claimed` is the accuracy of that epoch on the pictures that chose it, `honest` on the others, `last` that of the last
# epoch on those others:

# %% tags=["nbval-ignore-output"]
right = np.array(epoch_metrics.preds) == targets  # epochs x pictures
rng = np.random.default_rng(0)
trials = []
for _ in range(1000):
    choosing, judging = np.split(rng.permutation(len(targets)), [len(targets) // 3])
    best = right[:, choosing].mean(axis=1).argmax()
    cases = right[best, choosing], right[best, judging], right[-1, judging]
    trials.append([case.mean() for case in cases])
claimed, honest, last = np.mean(trials, axis=0)
print(f"claimed {claimed:.3f}   honest {honest:.3f}   last {last:.3f}")

# %% tags=["proof"]
assert claimed - honest > course.pick(sample=0.02, full=0), f"claimed {claimed:.3f}, honest {honest:.3f}"
if course.profile == "sample":  # whether the curve of the photographs turns is not known beforehand
    assert honest < last + 0.01, f"honest {honest:.3f}, last {last:.3f}"

# %% [markdown]
# The best of many values on one set owes part of its lead to luck with just these pictures, and on others that part is
# gone. (On the sample flowers the last epoch does no worse.) So whoever keeps the best epoch *by the test set* has no
# honest number left.
#
# ## The same log in TensorBoard and Weights & Biases
#
# For many runs, programs draw the curves in the browser while the training goes on. Callbacks are told in the order of
# the list, so the course's three log what `EpochMetrics` adds, too:

# %%
from course_utils import CSVLog
from course_utils.training.loggers import TensorBoardLog, WandbLog

torch.manual_seed(0)
new_heads = {"linear": nn.Linear(512, len(classes)), "hidden": MLP(512, (256,), len(classes))}
for name, head in new_heads.items():
    run = runs / name
    shutil.rmtree(run, ignore_errors=True)
    logs = [CSVLog(run), TensorBoardLog(run), WandbLog(run, name=name)]
    train_head(head, 25, callbacks=[EpochMetrics(), *logs])

print(*pd.read_csv(runs / "hidden" / "epochs.csv").columns)

# %% tags=["proof"]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

for name in ["linear", "hidden"]:
    events = EventAccumulator(str(runs / name)).Reload()
    assert {"batch/train_loss", "epoch/val_loss", "epoch/val_f1"} <= set(events.Tags()["scalars"]), events.Tags()
    losses = [event.value for event in events.Scalars("batch/train_loss")]
    np.testing.assert_allclose(losses, pd.read_csv(runs / name / "batches.csv")["train_loss"], rtol=1e-5)
    records = list((runs / name / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(records) == 1, f"{len(records)} records"
    assert b"epoch/val_f1" in records[0].read_bytes(), "our curves are not in it"

# %% [markdown]
# **TensorBoard.** Open a terminal (*File → New → Terminal*; it starts in the folder of the course) and type
#
# ```
# .venv/bin/tensorboard --logdir runs/09
# ```
#
# (`.venv\Scripts\tensorboard` on Windows). It prints an address, usually http://localhost:6006. Open it:
#
# ![TensorBoard in the browser: on the left the runs hidden and linear with check marks, in the middle charts such as
# epoch/val_accuracy and epoch/val_f1 with a line for each run, on the right the settings, among them a slider called
# Smoothing.](figures/tensorboard.webp)
#
# One chart for each name, one line for each run. Type a part of a name (here `epoch/val`) to see less, uncheck a run,
# drag the slider *Smoothing* for a moving average. <kbd>Ctrl</kbd>+<kbd>C</kbd> in the terminal ends it. PyTorch
# writes such files itself, with `torch.utils.tensorboard`. Older tutorials install **tensorboardX** for it.
#
# **Weights & Biases** (wandb) keeps the curves on a server. Our callback stays offline unless told otherwise. What it
# does is three lines:
#
# ```python
# run = wandb.init(project="course", name="hidden", mode="offline")
# run.log({"epoch/val_f1": 0.78})  # as often as you like
# run.finish()
# ```
#
# ![A sketch of a project on the website: on the left a list of runs, on the right charts with a line for each run, and
# beside it a phone with the same charts.](figures/wandb_project.svg)
#
# To see your runs there, make an account on wandb.ai, type `.venv/bin/wandb login` in a terminal, and paste the key
# that the website shows. Then `.venv/bin/wandb sync runs/09/*/wandb/offline-run-*` sends what was recorded, and
# `WandbLog(folder, mode="online")` sends every row as it comes. Open the same site on your phone, and you can watch the
# curves from the bus. (Before you do: may your data leave the house?)
#
# ## Figures for others
#
# Saved as PDF or SVG, a figure is a list of lines and letters, a **vector graphic**: sharp at any size. Take it for
# print. Saved as PNG it is a table of pixels, `dpi` of them per inch. Take it, with 150 to 300 dpi, for the web, and
# for many thousand points. `bbox_inches="tight"` fits the frame to what was drawn. Letters too small? Make the *figure*
# smaller with `figsize` (letters keep their size), or use `fontsize=` and `tick_params`.

# %%
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(history["epoch"], history["val_f1"])
ax.set_title("Macro F1 on validation", fontsize=14)
ax.set_xlabel("epoch", fontsize=12)
ax.tick_params(labelsize=12)
fig.savefig(runs / "f1.pdf", bbox_inches="tight")
fig.savefig(runs / "f1.png", dpi=300)
plt.close(fig)
height, width = plt.imread(runs / "f1.png").shape[:2]
print(f"4 x 2.5 inches at 300 dpi: {width} x {height} pixels")

# %% [markdown]
# Beware: `savefig` before `legend` saves a figure without its legend, and `plt.savefig` after `plt.show()` an empty
# one. Draw, save, then show.
#
# ## Labels in Chinese
#
# The usual font has no Chinese characters and draws empty boxes. The helper `use_cjk_font` (Chinese, Japanese, Korean)
# looks for an installed font that has the characters you need. Where there is none it takes a small one of the course.
# If that lacks a character, an error says which.

# %% tags=["nbval-ignore-output"]
from course_utils.evaluation.fonts import use_cjk_font

font = use_cjk_font("训练集与验证集的损失 批次 对数")
fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.plot(log["batch"], np.log10(log["train_loss"].rolling(20).mean()), label="训练集")
ax.plot(epoch_ends, np.log10(history["val_loss"]), "--", color="C3", label="验证集")
ax.set(title="训练集与验证集的损失", xlabel="批次", ylabel="损失（对数）")
ax.legend()
plt.show()
print("font:", font)

# %% tags=["proof"]
assert font in plt.rcParams["font.family"], f"{font} is not in use"

# %% [markdown]
# (Training set and validation set, logarithm of the loss by batch.) The minus signs on the left are a second trap.
# Chinese blogs write
#
# ```python
# plt.rcParams["font.sans-serif"] = ["SimHei"]
# plt.rcParams["axes.unicode_minus"] = False
# ```
#
# The first line puts a Windows font in front. SimHei lacks the typographic minus sign "−", so the second asks for the
# hyphen of the keyboard. Our helper *appends* the font to the setting `font.family`: matplotlib asks the fonts there in
# turn, and takes letters, digits and the minus from the usual one.
#
# <details><summary>Installing a font, and Chinese names in tables</summary>
#
# Debian and Ubuntu: `apt install fonts-noto-cjk`. macOS and Windows bring fonts along. Then delete matplotlib's list of
# fonts, the file `fontlist-….json` in the folder that `matplotlib.get_cachedir()` names, and restart the kernel. For a
# font *file*, say `SimHei.ttf` beside your notebook, call `matplotlib.font_manager.fontManager.addfont("SimHei.ttf")`
# before the helper.
#
# Column names may be Chinese, too: `log.rename(columns={"batch": "批次"})`. For Excel write the CSV file with
# `encoding="utf-8-sig"` (lesson 08).
#
# </details>
#
# ## The whole evaluation, once
#
# On the sample flowers the validation pictures could not tell linear and hidden apart, so we take linear, with fewer
# parameters. All validation pictures choose its temperature. Now the test pictures, once. First a table with a row for
# each picture.

# %% tags=["nbval-ignore-output"]
temperature = best_temperature(logits["linear"], val_set.tensors[1])
test_set = features_of("test")
test_logits, _ = predict(heads["linear"], DataLoader(test_set, batch_size=500))
test_targets = test_set.tensors[1].numpy()
test_probs = (test_logits.double() / temperature).softmax(dim=1).numpy()
test_preds = test_probs.argmax(axis=1)
predictions = pd.DataFrame({
    "file": [path.name for path, label in splits["test"].samples],
    "truth": [classes[label] for label in test_targets],
    "answer": [classes[label] for label in test_preds],
    "right": test_preds == test_targets,
    "confidence": test_probs.max(axis=1).round(4),
})
predictions.to_csv(runs / "predictions.csv", index=False, encoding="utf-8-sig")
predictions.head(3)

# %% tags=["proof"]
assert len(predictions) == len(splits["test"]), f"{len(predictions)} rows, {len(splits['test'])} test pictures"
truth_by_file = {path.name: classes[label] for path, label in splits["test"].samples}
assert (predictions["file"].map(truth_by_file) == predictions["truth"]).all(), "files and truths do not match"

# %% [markdown]
# Then the numbers: accuracy with its interval, what "always the largest class" gets, macro F1, and calibration without
# (temperature 1) and with our temperature.

# %% tags=["nbval-ignore-output"]
test_accuracy = predictions["right"].mean()
low, high = wilson_interval(int(predictions["right"].sum()), len(predictions))
print(f"accuracy {test_accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f}")
print(f"always the largest class: {np.bincount(test_targets).max() / len(test_targets):.3f}")
print(f"macro F1: {classification_metrics(test_targets, test_preds)['f1']:.3f}")
rows = {}
for value in [1.0, temperature]:
    scaled_probs = (test_logits.double() / value).softmax(dim=1).numpy()
    rows[value] = {
        "says": scaled_probs.max(axis=1).mean(),
        "cross-entropy": F.cross_entropy(test_logits / value, test_set.tensors[1]).item(),
        "ECE": calibration_error(scaled_probs, test_targets),
        "95 % of twins below": error_of_twins(scaled_probs),
    }
by_temperature = pd.DataFrame(rows).T.rename_axis("temperature")
by_temperature.round(3)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert test_accuracy >= course.pick(sample=0.65, full=0.5), f"test accuracy {test_accuracy:.3f}"
assert low < test_accuracy < high, f"{test_accuracy:.3f} is not between {low:.3f} and {high:.3f}"
if course.profile == "sample":  # how the temperature carries over depends on the pictures
    gained = by_temperature["cross-entropy"].iloc[0] - by_temperature["cross-entropy"].iloc[1]
    assert abs(gained) < 0.04, f"cross-entropy lower by {gained:.3f}"
    assert (by_temperature["ECE"] < by_temperature["95 % of twins below"]).all(), "an ECE is beyond chance"

# %% [markdown]
# On the sample flowers the temperature hardly moves the cross-entropy, and neither ECE is beyond chance: there was
# little to mend. But do not drop it now: whoever chooses by this table has chosen by the test pictures. Report both
# rows.
#
# Third, which classes are taken for which, and what other thresholds would give: `plot_curves` draws the classes with
# the lowest average precision.

# %%
from course_utils import plot_confusion
from course_utils.evaluation.plots import plot_curves

plot_confusion(test_targets, test_preds, classes)
plt.show()
figure = plot_curves(test_targets, test_probs, classes)
plt.show()

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

in_legend = np.array([line.get_label().rpartition(":")[2].split(",") for line in figure.axes[1].lines], dtype=float)
if has_usual_weights():  # ImageNet's weights decide
    assert in_legend[:, 1].min() > 0.85, f"an AUC of {in_legend[:, 1].min():.2f}"
assert in_legend[:, 0].min() < 0.8, f"the lowest average precision is {in_legend[:, 0].min():.2f}"

# %% [markdown]
# On the right all looks nearly solved, on the left some classes have far to go.
#
# Last, the most confident mistakes: nobody checks an answer that sounds sure.

# %%
from course_utils import show_predictions

mistakes = predictions[~predictions["right"]].sort_values("confidence", ascending=False).head(8)
pictures = torch.stack([images["test"][index][0] for index in mistakes.index])
wrong_targets, wrong_preds = test_targets[mistakes.index], test_preds[mistakes.index]
title = "Confident mistakes: answer (truth)"
show_predictions(pictures, wrong_targets, wrong_preds, classes, columns=4, title=title)
plt.show()

# %% [markdown]
# Ask of each: is the label right? Does the colour mislead? Is something in front? So you learn which pictures to
# collect.
#
# ## Summary
#
# - Precision: what an answer is worth; recall: what is found; macro counts classes, micro and weighted count pictures.
# - Collect all outputs, then compute each metric once; for rare classes trust precision and recall more than ROC.
# - Confidence is a claim: check it against accuracy, and scale the temperature on validation.
# - Give an interval with every score, compare models picture by picture, and let no set both choose and judge.
# - Log rows with a callback and look at the curves; save figures last, as PDF for print; test once, with everything.
#
# **Exercises**: [09 exercises](exercises/09_metrics_and_plots.ipynb)
#
# **Next**: [10 · From notebook to script](10_from_notebook_to_script.ipynb)
