# %% [markdown]
# # 09 · Metrics, logs and plots
#
# One accuracy hides more than it says. You find out what a network is worth class by class, how sure it and you can be,
# and keep a log and figures that others can use.
#
# **Time** about 70 minutes, of which the computer works 25 seconds · **Before this**
# [lesson 03](03_mnist_mlp.ipynb), [lesson 04](04_mnist_cnn.ipynb), [lesson 07](07_feature_extraction.ipynb),
# [lesson 08](08_custom_dataset.ipynb)
#
# **You will learn to**
#
# - compute precision, recall and F1 by hand, average them, and tell when the averages differ
# - draw precision-recall and ROC curves, and not be flattered by one of them
# - check whether "90 % sure" is right nine times out of ten, and mend it where it is not
# - say how sure an accuracy is, and whether one model beats another
# - log batches and epochs to CSV, TensorBoard and Weights & Biases, and write a callback of your own
# - save figures for print, with Chinese labels too, and evaluate once, in full

# %%
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="09")

# %% [markdown]
# ## Something to judge
#
# We need trained networks, quickly. For the flowers of lesson 08 we do as in lesson 07: a frozen backbone turns each
# picture into 512 features, once, and only heads are trained. (The test pictures stay where they are.)

# %%
from course_utils import flowers, freeze, pretrained_resnet18

splits = {split: flowers(split) for split in ["train", "val", "test"]}
classes = splits["train"].classes
backbone = pretrained_resnet18(len(classes)).to(course.device)
backbone.fc = nn.Identity()
backbone = freeze(backbone)

# %%
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CachedImages, extract_features

size = course.pick(sample=64, full=224)


# %%
def features_of(split):
    loader = DataLoader(CachedImages(splits[split], size), batch_size=100)
    return TensorDataset(*extract_features(backbone, loader))


# %%
train_set, val_set = features_of("train"), features_of("val")
print("features:", tuple(train_set.tensors[0].shape), "and", tuple(val_set.tensors[0].shape))

# %% [markdown]
# Three heads: a linear one that is stopped early, the same one trained to the end, and one with a hidden layer that is
# trained for long. (`more` are further settings of `fit`, for later.)

# %%
from course_utils import MLP, fit, predict

val_loader = DataLoader(val_set, batch_size=500)


# %%
def linear():
    return nn.Linear(512, len(classes))


def hidden():
    return MLP(512, (256,), len(classes))


# %%
def train_head(make, epochs, **more):
    torch.manual_seed(0)
    head, generator = make(), torch.Generator().manual_seed(0)
    loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=generator)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003)
    fit(head, loader, val_loader, optimizer=optimizer, epochs=epochs, progress=False, **more)
    return head


# %% tags=["nbval-ignore-output"]
heads = {"early": train_head(linear, 3), "linear": train_head(linear, 25)}
heads["hidden"] = train_head(hidden, 60)
labels = val_set.tensors[1].numpy()
logits = {name: predict(head, val_loader)[0] for name, head in heads.items()}
answers = {name: of.argmax(dim=1).numpy() for name, of in logits.items()}
accuracy = {name: (of == labels).mean() for name, of in answers.items()}
pd.DataFrame({"validation accuracy": accuracy}).round(3)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    least = course.pick(sample=0.7, full=0.5)
    assert min(accuracy["linear"], accuracy["hidden"]) > least, f"validation accuracy {accuracy}"

# %% [markdown]
# The second data set are the digits, with the small convolutional network and the one cycle of lesson 04:

# %%
from torch.optim.lr_scheduler import OneCycleLR

from course_utils import CNN, load_digits28

digits = {split: TensorDataset(*load_digits28(split)) for split in ["train", "val"]}
digit_loader = DataLoader(digits["val"], batch_size=500)
batch_size = course.pick(sample=32, full=256)


# %%
def train_digits(callbacks=()):
    torch.manual_seed(0)
    model, generator = CNN().to(course.device), torch.Generator().manual_seed(0)
    loader = DataLoader(digits["train"], batch_size, shuffle=True, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = OneCycleLR(optimizer, max_lr=0.01, total_steps=2 * len(loader))
    settings = {"optimizer": optimizer, "scheduler": scheduler, "callbacks": callbacks}
    return model, fit(model, loader, digit_loader, epochs=2, progress=False, **settings)


digit_model, digit_history = train_digits()

# %% [markdown]
# How even are the classes of the two? It will matter:

# %%
digit_labels = digits["val"].tensors[1].numpy()
for name, of in {"flowers": labels, "digits": digit_labels}.items():
    counts = np.bincount(of)
    print(f"{name:>7}: rarest class {counts.min()}, most frequent {counts.max()} of {len(of)}")

# %% tags=["proof"]
per_digit, per_flower = np.bincount(digit_labels), np.bincount(labels)
assert per_digit.max() < 1.5 * per_digit.min(), f"the digits are uneven: {per_digit}"
if course.profile == "sample":  # the photographs have ten validation pictures of every flower
    assert per_flower.max() > 3 * per_flower.min(), f"the flowers are even: {per_flower}"

# %% [markdown]
# ## Right and wrong, class by class
#
# Take one class, say "tulip", and ask of each picture two questions: is it a tulip, and does the model say so? Four
# things can happen. A tulip called a tulip is a **true positive**, another flower called a tulip a **false positive**,
# a tulip called something else a **false negative**, and the rest are **true negatives**. Eight pictures by hand:

# %%
is_tulip = np.array([True, True, True, True, False, False, False, False])
says_tulip = np.array([True, True, False, False, True, False, False, False])
true_positives = (is_tulip & says_tulip).sum()
false_positives = (~is_tulip & says_tulip).sum()
false_negatives = (is_tulip & ~says_tulip).sum()
tulip_precision = true_positives / (true_positives + false_positives)
tulip_recall = true_positives / (true_positives + false_negatives)
print(f"precision: {true_positives} of {says_tulip.sum()} answers, {tulip_precision:.2f}")
print(f"recall: {true_positives} of {is_tulip.sum()} tulips, {tulip_recall:.2f}")

# %% [markdown]
# **Precision** asks what an answer is worth: of all pictures *called* tulip, how many are? **Recall** asks what is
# found: of all tulips, how many are called so? Each is easy to push up alone: call everything a tulip, and recall is
# perfect; call only the surest one a tulip, and precision probably is.
#
# **F1** wants both. It is their harmonic mean, $2PR/(P+R)$, which stays close to the smaller one:

# %%
def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


for p, r in [(tulip_precision, tulip_recall), (0.6, 0.6), (1.0, 0.1)]:
    print(f"precision {p:.2f}, recall {r:.2f}: mean {(p + r) / 2:.2f}, F1 {f1(p, r):.2f}")

# %% [markdown]
# Now every flower, for the linear head. (A class that is never answered has no precision; it is counted as 0.)

# %%
def by_hand(labels, predicted, label):
    is_class, says_class = labels == label, predicted == label
    hits = (is_class & says_class).sum()
    precision, recall = hits / max(says_class.sum(), 1), hits / max(is_class.sum(), 1)
    return precision, recall, f1(precision, recall), is_class.sum()


of_classes = [by_hand(labels, answers["linear"], label) for label in range(len(classes))]

# %% tags=["nbval-ignore-output"]
from course_utils import class_report

report = class_report(labels, answers["linear"], classes)
report.head(10).round(2)

# %% tags=["proof"]
np.testing.assert_allclose(report, of_classes)

# %% [markdown]
# **Support** is the number of true examples. Read it first: where it is small, the other columns are rough. All of this
# is also in the confusion matrix of lesson 04: its diagonal divided by the sums of the rows (the truth) gives the
# recalls, divided by the sums of the columns (the answers) the precisions. `assert_allclose` compares numbers: it says
# nothing where they agree up to rounding, and stops with an error where they do not. So our table, scikit-learn's and
# the matrix's agree:

# %%
from sklearn.metrics import precision_recall_fscore_support

from course_utils import confusion_matrix

theirs = precision_recall_fscore_support(labels, answers["linear"], zero_division=0)
np.testing.assert_allclose(np.transpose(theirs), of_classes)
matrix = confusion_matrix(labels, answers["linear"], len(classes))
recalls = matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1)
np.testing.assert_allclose(recalls, report["recall"])

# %% tags=["proof"]
np.testing.assert_allclose(matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1), report["precision"])

# %% [markdown]
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
# There are three customs of averaging:
#
# - **macro**: the plain mean over the classes; the rarest counts as much as the largest
# - **weighted**: a mean in which each class counts as much as it has examples
# - **micro**: pool the counts of all classes, then compute one precision, recall and F1

# %%
def average_f1(labels, predicted):
    of_class, pooled = class_report(labels, predicted), (labels == predicted).mean()
    return {
        "macro": of_class["f1"].mean(),
        "weighted": np.average(of_class["f1"], weights=of_class["support"]),
        "micro": f1(pooled, pooled),
    }


# %% [markdown]
# Pooled, every wrong answer is one false positive (of the class that was answered) and one false negative (of the
# picture's own). So pooled precision and recall are the same number: the accuracy. "Micro F1 0.93" is a learned way to
# say "accuracy 0.93".

# %% tags=["nbval-ignore-output"]
digit_answers = predict(digit_model, digit_loader)[0].argmax(dim=1).numpy()
averages = pd.DataFrame({
    "digits": average_f1(digit_labels, digit_answers),
    "flowers, linear": average_f1(labels, answers["linear"]),
    "flowers, early": average_f1(labels, answers["early"]),
}).T
averages.round(3)

# %% tags=["proof"]
others = averages[["micro", "weighted"]]
below_largest = others.max(axis=1) - averages["macro"]
below_smallest = others.min(axis=1) - averages["macro"]
assert np.ptp(averages.loc["digits"]) < 0.02, f"digits: {averages.loc['digits'].to_dict()}"
np.testing.assert_allclose(averages.loc["flowers, early", "micro"], accuracy["early"])
if course.profile == "sample":  # all validation classes of the photographs have the same size
    assert below_smallest["flowers, early"] > 0.03, f"early, macro lower by {below_smallest['flowers, early']:.3f}"
    assert below_largest["flowers, linear"] < 0.03, f"linear, macro lower by {below_largest['flowers, linear']:.3f}"

# %% [markdown]
# The course's helper for the averages is `classification_metrics`, scikit-learn's is `f1_score`:

# %%
from sklearn.metrics import f1_score

from course_utils.evaluation.metrics import classification_metrics

for average, value in average_f1(labels, answers["early"]).items():
    ours = classification_metrics(labels, answers["early"], average)["f1"]
    theirs = f1_score(labels, answers["early"], average=average, zero_division=0)
    np.testing.assert_allclose([ours, theirs], value)

# %% [markdown]
# On the digits, whose classes are even, the averages agree. On the sample flowers the macro average of the early head
# is well below the others; trained to the end, it has nearly caught up. Which flowers are to blame? Those rarest in
# training come first:

# %% tags=["nbval-ignore-output"]
in_training = np.bincount(train_set.tensors[1], minlength=len(classes))
rare = int(in_training.argmin())
early = class_report(labels, answers["early"], classes)
early["in training"] = pd.Series(in_training, classes)
early["answers"] = pd.Series(np.bincount(answers["early"], minlength=len(classes)), classes)
early.sort_values("in training").head(6).round(2)

# %% tags=["proof"]
if course.profile == "sample":  # the photographs have ten training pictures of every flower
    tulip, bluebell, pansy = (early.loc[name] for name in ["garden tulip", "english bluebell", "wild pansy"])
    assert early["in training"].nsmallest(3).index.tolist() == [tulip.name, bluebell.name, pansy.name]
    assert tulip["answers"] <= 2 and tulip["f1"] < 0.3, f"tulip: {tulip.to_dict()}"
    assert pansy["precision"] < 0.4 and pansy["f1"] < 0.3, f"pansy: {pansy.to_dict()}"
    assert bluebell["precision"] > 0.75, f"bluebell: {bluebell.to_dict()}"
    assert bluebell["f1"] > early["f1"].mean() + 0.05, f"bluebell: {bluebell.to_dict()}"

# %% [markdown]
# Look at the three rarest of the sample flowers. After so short a training the tulip is hardly ever answered, and most
# answers "wild pansy" are wrong. In micro and weighted average they are a few pictures, in macro two classes of ten.
# But rarity is a handicap and not a fate: the bluebell, almost as rare, is named seldom, too, but then rightly, and its
# F1 is well above the mean of the classes.
#
# So macro asks "does it work for every class?", micro and weighted ask "does it work for most pictures?". Say which one
# you report.

# %% [markdown]
# > **Common mistake.** A widely copied training program (from here on "the tutorial") collects the loss of each test
# > batch in a variable `loss` and reports `np.mean(loss)` after the loop. By then `loss` holds one number, that of the
# > last batch. Others compute macro F1 batch by batch and average that. But in a small batch a rare class often has one
# > picture, and an F1 of 0 or 1, or none, and then it does not count. (`class_report` leaves out classes that are
# > neither true nor answered.) We do both with the linear head:

# %% tags=["nbval-ignore-output"]
def as_reported(batch_size):
    batches = list(zip(logits["linear"].split(batch_size), val_set.tensors[1].split(batch_size)))
    for of_batch, truth in batches:
        loss = F.cross_entropy(of_batch, truth).item()
    scores = [average_f1(truth.numpy(), of.argmax(dim=1).numpy())["macro"] for of, truth in batches]
    return {"np.mean(loss)": np.mean(loss), "mean of macro F1": np.mean(scores)}


reported = pd.DataFrame({size: as_reported(size) for size in [16, 32, 64, 100]}).T
true_loss = F.cross_entropy(logits["linear"], val_set.tensors[1]).item()
reported.loc["true"] = [true_loss, averages.loc["flowers, linear", "macro"]]
reported.rename_axis("batch size").round(3)

# %% tags=["proof"]
wrong_loss, wrong_f1 = reported.drop("true").to_numpy().T
loss_off = max(abs(wrong_loss / true_loss - 1))
f1_off = abs(wrong_f1 - reported.loc["true", "mean of macro F1"])
assert loss_off > course.pick(sample=0.1, full=0.03), f"a last batch's loss is off by {loss_off:.1%} at most"
assert f1_off[0] > 0.02, f"macro F1 of batches of 16 is off by {f1_off[0]:.3f}"

# %% [markdown]
# > The model is the same, only the packing differs. Collect all outputs first, as `predict` does, and compute each
# > metric once.

# %% [markdown]
# ## One threshold after another
#
# So far the largest probability decided. But "is this a tulip?" can be asked more strictly or freely: say yes where the
# probability of *this class* is at least a **threshold**. We take the flower that is rarest in training.

# %%
said = {name: of.double().softmax(dim=1).numpy() for name, of in logits.items()}
scores, is_class = said["linear"][:, rare], labels == rare
print(f"the class: {classes[rare]}, {is_class.sum()} of {len(labels)} pictures")

# %% tags=["nbval-ignore-output"]
counts = {}
for threshold in [0.02, 0.1, 0.3, 0.5, 0.7]:
    called = scores >= threshold
    counts[threshold] = {"hits": (called & is_class).sum(), "alarms": (called & ~is_class).sum()}
thresholds = pd.DataFrame(counts).T.rename_axis("threshold")
hits, alarms = thresholds["hits"], thresholds["alarms"]
thresholds["precision"] = hits / np.maximum(hits + alarms, 1)
thresholds["recall"] = hits / is_class.sum()
thresholds["false positive rate"] = alarms / (~is_class).sum()
thresholds.round(3)

# %% tags=["proof"]
assert thresholds["recall"].is_monotonic_decreasing, "a higher threshold finds more"
assert thresholds["false positive rate"].is_monotonic_decreasing, "a higher threshold raises more false alarms"

# %% [markdown]
# The **false positive rate** is the share of all *other* pictures that raise a false alarm. To see all
# thresholds at once, sort the pictures by score, highest first, and call one after another; `cumsum` counts the hits so
# far. The curves start where nothing is called yet: recall 0, no false alarm, and precision set to 1.

# %%
def sweep(scores, is_class):
    hits = is_class[np.argsort(-scores)].cumsum()
    called = np.arange(1, len(scores) + 1)
    curves = [hits / called, hits / is_class.sum(), (called - hits) / (~is_class).sum()]
    return [np.append(start, curve) for start, curve in zip([1, 0, 0], curves)]


# %%
precisions, recalls, false_alarms = sweep(scores, is_class)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4))
axes[0].step(recalls, precisions, label="linear head")
axes[0].axhline(is_class.mean(), color="black", linestyle=":", label="guessing")
axes[0].set(title=f"{classes[rare]}: precision and recall", xlabel="recall", ylabel="precision")
axes[1].plot(false_alarms, recalls, label="linear head")
axes[1].plot([0, 1], [0, 1], "k:", label="guessing")
axes[1].set(title=f"{classes[rare]}: ROC", xlabel="false positive rate", ylabel="recall")
for ax, place in zip(axes, ["center", "lower right"]):
    ax.set_ylim(0, 1.03)
    ax.legend(loc=place)
plt.show()

# %% [markdown]
# Left, the **precision-recall curve** pays for recall with precision. A perfect model finds everything without a false
# alarm: it reaches the upper right corner. Right, the **ROC curve** (receiver operating characteristic, a name from
# radar) shows recall against false positive rate. There the perfect corner is the upper left one.
#
# The area under the precision-recall curve is called **average precision**: each step in recall, times the precision
# there. The area under the ROC curve, **AUC**, has a meaning of its own: the chance that a picture of the class gets a
# higher score than another picture. (`[:, None]` makes a column of the scores of the class, to compare each with all
# others.)

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
# ## Why ROC flatters on rare classes
#
# Which of the two should you show? Suppose that the same model is used where this flower is ten times as rare. We count
# every other picture ten times:

# %% tags=["nbval-ignore-output"]
times = np.where(is_class, 1, 10)
crowd_scores, crowd = np.repeat(scores, times), np.repeat(is_class, times)
hits, alarms, precision = thresholds.loc[0.1, ["hits", "alarms", "precision"]]
areas = pd.DataFrame({
    "AUC": [auc, roc_auc_score(crowd, crowd_scores)],
    "average precision": [average_precision, average_precision_score(crowd, crowd_scores)],
    "precision at threshold 0.1": [precision, hits / max(hits + 10 * alarms, 1)],
}, index=["as it is", "ten times as rare"])
areas.round(3)

# %% tags=["proof"]
np.testing.assert_allclose(*areas["AUC"])
if course.profile == "sample":  # how well one flower among 102 is told from the others is not known beforehand
    lost = areas.iloc[0] - areas.iloc[1]
    assert lost["average precision"] > 0.1, f"average precision has lost {lost['average precision']:.3f}"
    assert lost["precision at threshold 0.1"] > 0.1, f"precision has lost {lost.iloc[-1]:.3f}"
    assert areas.iloc[1, -1] < 0.15, f"a share of {areas.iloc[1, -1]:.2f} of the answers is still right"

# %% [markdown]
# On the sample flowers hardly an answer that names the flower is right any more at that threshold, and the AUC has not
# noticed. It divides the false alarms by the number of *other* pictures, and there are plenty of them. For rare classes
# look at precision and recall.
#
# The helper `plot_curves` draws both for the classes with the lowest average precision:

# %%
from course_utils.evaluation.plots import plot_curves

figure = plot_curves(labels, said["linear"], classes)
plt.show()

# %% tags=["proof"]
line = figure.axes[1].lines[0]
worst = classes.index(line.get_label().split(":")[0])
of_worst = said["linear"][:, worst]
last_of_ties = np.append(np.diff(np.sort(of_worst)[::-1]) != 0, True)  # equal scores are one point of a curve
ours = sweep(of_worst, labels == worst)[1][np.append(True, last_of_ties)]
np.testing.assert_allclose(line.get_ydata(), ours)
in_legend = np.array([line.get_label().rpartition(":")[2].split(",") for line in figure.axes[1].lines], dtype=float)
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert in_legend[:, 1].min() > 0.85, f"an AUC of {in_legend[:, 1].min():.2f}"
assert in_legend[:, 0].min() < 0.7, f"the lowest average precision is {in_legend[:, 0].min():.2f}"

# %% [markdown]
# The same classes, the same scores: on the right all looks nearly solved, on the left some classes have far to go.
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
# the model said with how often it was right.

# %%
def reliability(probabilities, labels):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    number = np.minimum((10 * confidence).astype(int), 9)  # bins 0.0 to 0.1, …, 0.9 to 1.0
    bins = [number == which for which in np.unique(number)]
    rows = [(confidence[inside].mean(), right[inside].mean(), inside.sum()) for inside in bins]
    return pd.DataFrame(rows, columns=["confidence", "accuracy", "examples"])


tables = {name: reliability(said[name], labels) for name in ["linear", "hidden"]}

# %%
from course_utils.evaluation.metrics import calibration_table

for name, table in tables.items():
    np.testing.assert_allclose(calibration_table(said[name], labels), table)

# %%
fig, ax = plt.subplots(figsize=(5, 4))
ax.plot([0, 1], [0, 1], "k:", label="calibrated")
for (name, table), style in zip(tables.items(), ["o-", "s--"]):
    ax.plot(table["confidence"], table["accuracy"], style, label=name)
ax.set(title="What they say and how often it is true", xlabel="confidence", ylabel="accuracy")
ax.legend()
plt.show()

# %% [markdown]
# This is a **reliability diagram**. Above the dotted line a model is better than it says, below it worse. On the sample
# flowers the linear head tends to be too modest, the one with a hidden layer too sure. (Single points jump, since a bin
# may hold few pictures.)
#
# The usual summary is the **expected calibration error** (ECE): the mean gap between confidence and accuracy, weighted
# by the number of pictures in the bin. Even a perfectly calibrated model does not get 0, just as a fair coin does not
# fall on heads exactly five times in ten. How large an ECE does chance alone make? We imitate the validation set by a
# **twin** in which the probabilities are true: where the model says "tulip 0.7, rose 0.3", we draw the truth at random,
# tulip with probability 0.7. (`cumsum` adds up the probabilities of a row; the first sum above a random number picks
# the class.) Two hundred twins show what chance does:

# %%
def calibration_error(table):
    gaps = abs(table["confidence"] - table["accuracy"])
    return np.average(gaps, weights=table["examples"])


def error_of_twins(probabilities, number=200):
    random, errors = np.random.default_rng(0), []
    steps = probabilities.cumsum(axis=1)
    for _ in range(number):
        drawn = (steps > random.random((len(steps), 1))).argmax(axis=1)
        errors.append(calibration_error(calibration_table(probabilities, drawn)))
    return np.percentile(errors, 95)  # 95 of 100 twins stay below


# %% tags=["nbval-ignore-output"]
from course_utils import evaluate

claims = {}
for name, table in tables.items():
    claims[name] = {
        "right in training": evaluate(heads[name], DataLoader(train_set, 500))["accuracy"],
        "says": said[name].max(axis=1).mean(),
        "is right": accuracy[name],
        "ECE": calibration_error(table),
        "95 % of twins below": error_of_twins(said[name]),
    }
claims = pd.DataFrame(claims).T
claims.round(3)

# %% tags=["proof"]
ece = claims["ECE"] / claims["95 % of twins below"]
if course.profile == "sample":  # which head is too sure, and by how much, depends on the pictures
    assert abs(accuracy["hidden"] - accuracy["linear"]) < 0.05, f"not about equally often right: {accuracy}"
    assert claims.loc["hidden", "right in training"] > 0.98, f"in training {claims['right in training'].to_dict()}"
    assert ece["hidden"] > 1.5, f"the ECE of hidden is {ece['hidden']:.2f} times that of unlucky twins"
    assert 0.7 < ece["linear"] < 1.2, f"the ECE of linear is {ece['linear']:.2f} times that of unlucky twins"

# %% [markdown]
# Is the gap between *says* and *is right* larger than chance makes? In standard errors of the accuracy:

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

gap = (claims["says"] - claims["is right"]) / standard_error(claims["is right"], len(labels))
gap.round(1).rename("says − is right, in standard errors")

# %% tags=["proof"]
if course.profile == "sample":  # which head is too sure, and by how much, depends on the pictures
    assert gap["linear"] < -2, f"linear says too little by {-gap['linear']:.1f} standard errors"
    assert gap["hidden"] > 3, f"hidden says too much by {gap['hidden']:.1f} standard errors"

# %% [markdown]
# On the sample flowers both heads are right about equally often; calibration is another matter. The hidden layer has
# trained until hardly a training picture was wrong, and the loss goes on rewarding it for being surer and surer of
# those. By both measures it is too sure. For the linear head the measures disagree: on average it says clearly too
# little, yet its ECE is about what the unluckiest twins have. The ECE takes each bin's gap without its sign, so the
# chance gaps of small bins add up; in the plain difference they cancel.
#
# The remedy: divide all logits by one number, the **temperature**. Above 1 it evens the probabilities out, below 1 it
# sharpens them. The largest stays the largest, so no answer changes. Choose the temperature with the lowest
# cross-entropy, on pictures that were not trained on, and judge it on others. We let each half of the validation
# pictures choose for the other half:

# %%
temperatures = np.linspace(0.5, 4, 141).tolist()


def best_temperature(logits, labels):
    losses = [F.cross_entropy(logits / value, labels).item() for value in temperatures]
    return temperatures[int(np.argmin(losses))]


# %%
truth, scaled = val_set.tensors[1], logits["hidden"].clone()
chosen = []
for own, other in [(slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))]:
    chosen.append(best_temperature(logits["hidden"][other], truth[other]))
    scaled[own] /= chosen[-1]

# %% tags=["nbval-ignore-output"]
print("temperatures:", np.round(chosen, 2))
mended = pd.DataFrame({
    when: {"cross-entropy": F.cross_entropy(of, truth).item(),
           "ECE": calibration_error(calibration_table(of.double().softmax(dim=1), labels))}
    for when, of in [("before", logits["hidden"]), ("after", scaled)]
}).T
mended.round(3)

# %% tags=["proof"]
assert torch.equal(scaled.argmax(dim=1), logits["hidden"].argmax(dim=1)), "an answer has changed"
if course.profile == "sample":  # whether the head is too sure at all depends on the pictures
    assert min(chosen) > 1, f"temperatures {chosen}"
    assert abs(chosen[0] - chosen[1]) > 0.2, f"temperatures {chosen}"
    change = mended.loc["after"] / mended.loc["before"]
    assert change.max() < 0.95, f"after, as a share of before: {change.to_dict()}"

# %% [markdown]
# On the sample flowers the halves choose rather different temperatures: so few pictures give a rough value. With a gap
# as wide as this one, a rough value helps all the same: loss and ECE are lower.
#
# **Check yourself.** It rains on 30 % of the days. A service says "rain, 0.3" every day. Is it calibrated? Is it good?
# <details><summary>Answer</summary>
#
# Perfectly calibrated and useless: it never tells one day from another. Ask for calibration *beside* accuracy.
#
# </details>
#
# ## How sure is an accuracy?
#
# The standard error of lessons 03 and 04, $\sqrt{p(1-p)/n}$, fails where it matters most, with few pictures. Eight
# tulips of eight: $p = 1$, standard error 0, so we would be certain. A better question: *which true values would make
# our result unsurprising*, that is within 1.96 of **their** standard errors? (An accuracy scatters around the true
# value roughly like a bell curve, of which 95 % lie within 1.96 standard errors.) We try them all:

# %%
from course_utils.evaluation.metrics import wilson_interval


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
# about 95 in 100 hold the true value. Here with the recall of each class:

# %%
fig, ax = plt.subplots(figsize=(6.5, 3.6))
for place, (name, row) in enumerate(report.head(10).iterrows()):
    low, high = wilson_interval(round(row["recall"] * row["support"]), int(row["support"]))
    ax.barh(place, row["recall"], color="tab:blue")
    ax.plot([low, high], [place, place], color="black")
ax.set_yticks(range(len(report.head(10))), report.head(10).index)
ax.invert_yaxis()  # the first class on top, as in the table
ax.set(title="Recall of each class, linear head", xlabel="recall, 95 % interval", ylabel="class")
plt.show()

# %% tags=["proof"]
correct = (report["recall"] * report["support"]).round().astype(int)
spans = [wilson_interval(hits, n) for hits, n in zip(correct.head(10), report["support"].head(10).astype(int))]
overlaps = [min(a[1], b[1]) > max(a[0], b[0]) for a in spans for b in spans if a is not b]
assert np.mean(overlaps) > 0.6, f"a share of {np.mean(overlaps):.2f} of the pairs overlap"

# %% [markdown]
# Most of these intervals overlap: the set is too small to rank the classes.
#
# ## Does A beat B?
#
# Both heads judged the *same* pictures, so, as in lesson 07, only pictures count on which exactly one of them is right.
# How much of a lead is due to the choice of pictures? We ask the **bootstrap** of lesson 02: draw as many pictures as
# there are, with replacement, compute the lead on them, and repeat. For right and wrong there is also **McNemar's
# test**: were the heads equally good, each picture on which they differ would be a coin toss, and the difference of the
# two counts, divided by the square root of their sum, would mostly lie within ±1.96.

# %%
def compare(a, b):
    lead = (answers[a] == labels).astype(int) - (answers[b] == labels)  # 1, 0 or -1 per picture
    random = np.random.default_rng(0)
    leads = random.choice(lead, (5000, len(lead))).mean(axis=1)
    low, high = np.percentile(leads, [2.5, 97.5])
    verdict = f"{a} is better" if low > 0 else f"{b} is better" if high < 0 else "can't tell"
    return {"only A": (lead == 1).sum(), "only B": (lead == -1).sum(),
            "lead": lead.mean(), "from": low, "to": high,
            "McNemar": lead.sum() / max(abs(lead).sum(), 1) ** 0.5, "verdict": verdict}


# %% tags=["nbval-ignore-output"]
compared = [compare("linear", rival) for rival in ["early", "hidden"]]
compared = pd.DataFrame(compared, index=["A linear, B early", "A linear, B hidden"])
errors = np.array([standard_error(accuracy[name], len(labels)) for name in ["linear", "hidden"]])
unpaired = 2 * 1.96 * (errors**2).sum() ** 0.5
paired = compared["to"].iloc[1] - compared["from"].iloc[1]
print(f"width of the last interval {paired:.3f}; if the pictures were different, {unpaired:.3f}")
compared.round(3)

# %% tags=["proof"]
told = compared["verdict"] != "can't tell"
assert paired < unpaired, f"pairing does not narrow the interval: {paired:.3f} and {unpaired:.3f}"
if course.profile == "sample":  # who leads depends on the pictures; near the limit the two tests may differ
    assert compared["verdict"].iloc[0] == "linear is better", f"early: {compared.iloc[0].to_dict()}"
    assert not told.iloc[1], f"hidden: {compared.iloc[1].to_dict()}"
    assert (told == (compared["McNemar"].abs() > 1.96)).all(), f"McNemar: {compared['McNemar'].to_dict()}"

# %% [markdown]
# An interval that lies on one side of 0 is a lead; one that holds 0 is no proof of equality, only a lack of proof. On
# the sample flowers linear beats early, between linear and hidden nobody can tell, and McNemar's test agrees. Had
# the heads judged *different* pictures, their errors would be independent, and the squares of the standard errors would
# add up. Pairing makes the interval narrower, since hard pictures are hard for both.
#
# **Check yourself.** You try 20 settings and compare each with the old one. One interval lies just above 0. A lead?
# <details><summary>Answer</summary>
#
# Hardly. Even if no setting matters, one in twenty such intervals misses 0 by chance. Confirm it on other pictures.
#
# </details>
#
# ## A log of the training
#
# Now to what happens *during* training. A **callback** is an object that `fit` calls at certain moments: `on_start`,
# `on_batches` with the rows of some batches, `on_epoch` with the row of an epoch, `on_stop`. A row is a dictionary of
# numbers by name. To write one, inherit from `Callback` and override what you want to be told. `on_start` is given the
# model, the history that will be filled, and how many batches an interrupted run has already trained:

# %%
from course_utils.training.callbacks import Callback


class Rows(Callback):
    def on_start(self, model, history, batches):
        self.batches, self.groups = [], []

    def on_batches(self, rows):
        self.batches += rows
        self.groups.append(len(rows))


# %%
recorder = Rows()
_, history = train_digits(callbacks=[recorder])
print("a row holds:", *recorder.batches[0])
print("batches in the first calls:", recorder.groups[:4])

# %% tags=["proof"]
rounding = 0 if course.device.type == "cpu" else 0.05  # a GPU may take sums in another order each time
np.testing.assert_allclose(history["train_loss"], digit_history["train_loss"], rtol=rounding)

# %% [markdown]
# Why in groups of 25? A GPU works through a queue: Python hands it one task after the other and runs ahead. Whoever
# fetches the loss after every batch (`loss.item()`, or `.cpu()` as in the tutorial) makes Python wait until the queue
# is empty, and then the GPU waits for Python. `fit` reads 25 losses at once.
#
# The list of dictionaries becomes *one* table at the end, and one CSV file:

# %%
folder = Path(tempfile.mkdtemp())
log = pd.DataFrame(recorder.batches)
log.to_csv(folder / "batches.csv", index=False)
again = pd.read_csv(folder / "batches.csv")
print("rows and columns read back:", again.shape)
np.testing.assert_allclose(again, log)

# %% [markdown]
# Single batches are easy or hard by chance. A **moving average**, here over the last ten, shows the course. It looks
# back, so while the loss falls it runs a little late:

# %%
smooth = again["train_loss"].rolling(10).mean()
epoch_ends = again.groupby("epoch")["batch"].max()
fig, ax = plt.subplots()
ax.plot(again["batch"], again["train_loss"], color="lightgrey", label="each batch")
ax.plot(again["batch"], smooth, label="moving average of 10")
ax.plot(epoch_ends, history["val_loss"], "D", color="black", label="validation, end of epoch")
ax.set(title="Training on the digits", xlabel="batch", ylabel="loss")
ax.legend()
plt.show()

# %% [markdown]
# The tutorial lets a DataFrame grow by a row per batch instead, and each time the whole table is copied:

# %% tags=["nbval-ignore-output"]
from time import perf_counter

start, table = perf_counter(), pd.DataFrame()
for row in recorder.batches * 5:
    table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
middle = perf_counter()
pd.DataFrame(recorder.batches * 5)
seconds = [middle - start, perf_counter() - middle]
print(f"{len(table)} rows: growing {seconds[0]:.3f} s, one table at the end {seconds[1]:.4f} s")

# %% tags=["proof"]
assert seconds[0] > 5 * seconds[1], f"growing {seconds[0]:.4f} s, one table {seconds[1]:.4f} s"

# %% [markdown]
# ## Ready-made logs
#
# Three callbacks keep such logs. `CSVLog` writes `batches.csv` and `epochs.csv`. **TensorBoard** and **Weights &
# Biases** (wandb) show curves of many runs in the browser; `WandbLog` stays offline, without account or network, unless
# told otherwise.

# %%
from course_utils import CSVLog
from course_utils.training.loggers import TensorBoardLog, WandbLog

run = Path(tempfile.mkdtemp(dir=folder))
logs = [CSVLog(run / "csv"), TensorBoardLog(run / "tensorboard"), WandbLog(run)]
train_digits(callbacks=logs)
by_helper = pd.read_csv(run / "csv" / "batches.csv")
np.testing.assert_allclose(by_helper, log, rtol=0.05)  # a GPU may sum in another order

# %% tags=["proof"]
assert list(by_helper) == list(log), f"other columns: {list(by_helper)}"
assert (run / "csv" / "epochs.csv").exists(), "no epochs.csv"

# %% [markdown]
# TensorBoard's **event file** can be read from Python, too. It holds these names, and the same numbers:

# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(str(run / "tensorboard")).Reload()
print(*events.Tags()["scalars"], sep="\n")
losses = [(event.step, event.value) for event in events.Scalars("batch/train_loss")]
np.testing.assert_allclose(losses, by_helper[["batch", "train_loss"]], rtol=1e-5)

# %% [markdown]
# To look at it, type in a terminal `tensorboard --logdir FOLDER`, with the folder *above* those of your runs, and open
# the address that it prints. You will see a chart for each of these names, with a line for each run, and a slider for a
# moving average. wandb has left a folder with one record, whose name holds date and a random id:

# %%
record = list((run / "wandb").glob("offline-run-*/run-*.wandb"))
print("records of the run:", len(record))

# %% tags=["proof"]
assert len(record) == 1, f"{len(record)} records"
assert b"batch/train_loss" in record[0].read_bytes(), "our curves are not in it"

# %% [markdown]
# With an account, `wandb sync FOLDER/wandb/offline-run-…` sends the run to the website later, where similar charts
# appear; `WandbLog(folder, mode="online")` sends it at once. Before you do, ask whether your data may leave the house.
#
# ## The best epoch flatters itself
#
# This callback keeps the answers on the validation pictures after every epoch. (`predict` puts the model into
# evaluation mode and back again, so training goes on as if nothing had happened.)

# %%
class Answers(Callback):
    def on_start(self, model, history, batches):
        self.model, self.by_epoch = model, []

    def on_epoch(self, row):
        self.by_epoch.append(predict(self.model, val_loader)[0].argmax(dim=1).numpy())


# %%
kept = Answers()
train_head(hidden, 60, callbacks=[kept])
right = np.array(kept.by_epoch) == labels
print("epochs and pictures:", right.shape)

# %% tags=["proof"]
assert np.array_equal(kept.by_epoch[-1], answers["hidden"]), "the callback disturbs the training"

# %% [markdown]
# What if one third of these pictures, drawn at random, had chosen the best epoch? `claimed` is that epoch's accuracy on
# the pictures that chose it, `honest` its accuracy on the others, `last` that of the last epoch on those others:

# %% tags=["nbval-ignore-output"]
random, trials = np.random.default_rng(0), []
for _ in range(1000):
    choosing, judging = np.split(random.permutation(len(labels)), [len(labels) // 3])
    best = right[:, choosing].mean(axis=1).argmax()
    cases = [right[best, choosing], right[best, judging], right[-1, judging]]
    trials.append([case.mean() for case in cases])
claimed, honest, last = np.mean(trials, axis=0)
print(f"claimed {claimed:.3f}   honest {honest:.3f}   last {last:.3f}")

# %% tags=["proof"]
assert claimed - honest > course.pick(sample=0.02, full=0), f"claimed {claimed:.3f}, honest {honest:.3f}"
if course.profile == "sample":  # whether the curve of the photographs turns is not known beforehand
    assert honest < last + 0.01, f"honest {honest:.3f}, last {last:.3f}"

# %% [markdown]
# The best of many values on one set owes part of its lead to luck with just these pictures, and on others that part is
# gone. So whoever keeps the best epoch *by the test set*, as the tutorial does, has no honest number left.
#
# Should one just take the last epoch? On the sample flowers that does no worse: sixty pictures that choose among sixty
# epochs choose mostly noise. Choosing pays where a curve really turns, and with as many pictures as you can spare.
#
# ## Figures for others
#
# Saved as PDF (or SVG), a figure is a list of lines and letters, a **vector graphic**: sharp at any size. Take it for
# print. Saved as PNG it is a table of pixels, and `dpi` says how many per inch. Take it, with 150 to 300 dpi, for the
# web, and for clouds of many thousand points: a vector file lists every single one.
#
# JupyterLab shows all of a figure, but a file holds what is inside its frame. A note beside the axes gets lost, unless
# `bbox_inches="tight"` fits the frame to what was drawn:

# %%
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(log["batch"], log["train_loss"])
ax.set(title="Training on the digits", xlabel="batch", ylabel="loss")
fig.savefig(folder / "loss.pdf")
fig.savefig(folder / "loss.png", dpi=300)
height, width = plt.imread(folder / "loss.png").shape[:2]
print(f"4 x 2.5 inches at 300 dpi: {width} x {height} pixels")
note = fig.text(1.02, 0.5, "a note beside the axes")
fig.savefig(folder / "note.png", dpi=300, bbox_inches="tight")
tight_width = plt.imread(folder / "note.png").shape[1]
print(f"tight, with the note: {tight_width} pixels wide")
plt.close(fig)

# %% tags=["proof"]
assert tight_width > width, f"tight is not wider: {tight_width}"

# %% [markdown]
# > **Common mistake.** The tutorial calls `savefig` before `legend`, and others call it after `show`. A file shows what
# > had been drawn when it was saved. (An SVG file is text, so we can search it for a legend.)

# %%
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(log["batch"], log["train_loss"], label="training set")
ax.set(title="Training on the digits", xlabel="batch", ylabel="loss")
fig.savefig(folder / "before.svg")
ax.legend()
fig.savefig(folder / "after.svg")
for name in ["before", "after"]:
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    print(f"saved {name} legend(): legends in the file: {svg.count('legend_1')}")
plt.show()
print("figures still open after show():", len(plt.get_fignums()))

# %% [markdown]
# > Here `plt.show()` also closes the figure, so a `plt.savefig` after it would save a new, empty one. Draw everything,
# > then `fig.savefig(…)`, then `plt.show()`.
#
# ## Labels in Chinese
#
# The usual font has no Chinese characters and would draw empty boxes. The helper `use_cjk_font` (Chinese, Japanese,
# Korean) looks for an installed font that has them, and appends it to the setting `font.family`. matplotlib asks these
# families one after the other for each character. Where a font is found the labels are Chinese, elsewhere they stay
# English:

# %% tags=["nbval-ignore-output"]
from course_utils.evaluation.plots import use_cjk_font

font = use_cjk_font()
chinese = {"title": "数字训练", "xlabel": "批次", "ylabel": "损失"}
english = {"title": "Training on the digits", "xlabel": "batch", "ylabel": "loss"}
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(log["batch"], log["train_loss"])
ax.set(**(chinese if font else english))
plt.show()
print("font:", font or "none installed, so the labels stay English")

# %% tags=["proof"]
assert font is None or font in plt.rcParams["font.family"], f"{font} was found and is not in use"

# %%
from matplotlib import font_manager

usual = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
for text in ["loss", "损失"]:  # place 0 in a font file stands for "not there"
    print(text, [usual.get_char_index(ord(character)) > 0 for character in text])

# %% [markdown]
# If it found none, install one. Debian and Ubuntu: `apt install fonts-noto-cjk`. macOS and Windows bring some along.
# matplotlib keeps a list of the fonts that it once found: delete the file `fontlist-….json` in the folder that
# `matplotlib.get_cachedir()` names, and restart the kernel. For a font *file*, call
# `font_manager.fontManager.addfont("SimHei.ttf")` before the helper.
#
# Column names may be Chinese, too. For Excel write the CSV file with `utf-8-sig`, whose byte order mark you know from
# lesson 08:

# %%
renamed = log.rename(columns={"batch": "批次", "train_loss": "训练损失"})
renamed.to_csv(folder / "log.csv", index=False, encoding="utf-8-sig")
print((folder / "log.csv").read_bytes()[:3])
print(pd.read_csv(folder / "log.csv").columns.tolist())

# %% [markdown]
# ## The whole evaluation, once
#
# On the sample flowers the validation pictures could not tell linear and hidden apart. So we take linear, which has
# fewer parameters. All validation pictures choose its temperature. Now the test pictures, once. First a table with a
# row for each picture, from which everything below follows.

# %%
temperature = best_temperature(logits["linear"], val_set.tensors[1])
test_set = features_of("test")
test_logits, _ = predict(heads["linear"], DataLoader(test_set, batch_size=500))
test_labels = test_set.tensors[1].numpy()
test_said = (test_logits.double() / temperature).softmax(dim=1).numpy()
test_answers = test_said.argmax(axis=1)

# %% tags=["nbval-ignore-output"]
predictions = pd.DataFrame({
    "file": [path.name for path, label in splits["test"].samples],
    "truth": [classes[label] for label in test_labels],
    "answer": [classes[label] for label in test_answers],
    "right": test_answers == test_labels,
    "confidence": test_said.max(axis=1).round(4),
})
predictions.to_csv(folder / "predictions.csv", index=False, encoding="utf-8-sig")
predictions.head()

# %% tags=["proof"]
assert len(predictions) == len(splits["test"]), f"{len(predictions)} rows, {len(splits['test'])} test pictures"
truth_by_file = {path.name: classes[label] for path, label in splits["test"].samples}
assert (predictions["file"].map(truth_by_file) == predictions["truth"]).all(), "files and truths do not match"

# %% [markdown]
# Then the numbers: accuracy with its interval, what "always the largest class" gets, the averages, and calibration: as
# the head came (temperature 1), and with the temperature that we chose.

# %% tags=["nbval-ignore-output"]
test_accuracy, by_temperature = predictions["right"].mean(), {}
low, high = wilson_interval(int(predictions["right"].sum()), len(predictions))
print(f"accuracy {test_accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f}")
print(f"always the largest class: {np.bincount(test_labels).max() / len(test_labels):.3f}")
print(f"macro F1: {classification_metrics(test_labels, test_answers)['f1']:.3f}")
for value in [1.0, temperature]:
    stated = (test_logits.double() / value).softmax(dim=1).numpy()
    by_temperature[value] = {
        "says": stated.max(axis=1).mean(),
        "is right": test_accuracy,
        "cross-entropy": F.cross_entropy(test_logits / value, test_set.tensors[1]).item(),
        "ECE": calibration_error(calibration_table(stated, test_labels)),
        "95 % of twins below": error_of_twins(stated),
    }
by_temperature = pd.DataFrame(by_temperature).T.rename_axis("temperature")
by_temperature.round(3)

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert test_accuracy >= course.pick(sample=0.65, full=0.5), f"test accuracy {test_accuracy:.3f}"
assert low < test_accuracy < high, f"{test_accuracy:.3f} is not between {low:.3f} and {high:.3f}"
if course.profile == "sample":  # how the temperature carries over depends on the pictures
    as_it_came, sharpened = by_temperature.iloc[0], by_temperature.iloc[1]
    error = standard_error(test_accuracy, len(predictions))
    assert temperature < 1, f"temperature {temperature:.2f}"
    too_much = [(row["says"] - test_accuracy) / error for row in [as_it_came, sharpened]]
    assert -2 < too_much[0] < 0 < too_much[1] < 2, f"says too much by {too_much} standard errors"
    gained = as_it_came["cross-entropy"] - sharpened["cross-entropy"]
    assert abs(gained) < 0.04, f"cross-entropy lower by {gained:.3f}"
    assert (by_temperature["ECE"] < by_temperature["95 % of twins below"]).all(), "an ECE is beyond chance"

# %% [markdown]
# On the sample flowers the temperature did not carry over. On the validation pictures the head was too modest, so a
# value below 1 was chosen, which sharpens. On the test pictures it was hardly too modest; sharpened, it is a little too
# sure, and the cross-entropy is about what it was. Neither ECE is beyond what chance makes of so few pictures.
#
# What to make of it? A temperature fitted on 180 pictures is rough, and can only mend what was really broken. The
# hidden layer's fault was far beyond chance by both measures, this head's by one. So mend what is proven. But do not go
# back to temperature 1 now: whoever chooses by this table has chosen by the test pictures. Report both rows.
#
# Third, the classes: as text for a log, and with the helper `plot_class_bars` as a figure, the weakest first.

# %% tags=["nbval-ignore-output"]
from sklearn.metrics import classification_report

settings = {"labels": range(len(classes)), "target_names": classes, "zero_division": 0}
print(classification_report(test_labels, test_answers, **settings))

# %% tags=["proof"]
test_report = class_report(test_labels, test_answers, classes)
theirs = precision_recall_fscore_support(test_labels, test_answers, zero_division=0)
np.testing.assert_allclose(np.transpose(theirs), test_report)

# %%
from course_utils.evaluation.plots import plot_class_bars

test_report = class_report(test_labels, test_answers, classes)
weakest = test_report.sort_values("f1").head(10)
figure = plot_class_bars(weakest)
plt.show()

# %% tags=["proof"]
bars_of_recall = figure.axes[0].containers[1]  # 0 are the bars of precision
np.testing.assert_allclose([bar.get_width() for bar in bars_of_recall], weakest["recall"])
if course.profile == "sample":  # the photographs have ten validation pictures of every flower
    rarest = report["support"].nsmallest(3).index
    moved = (test_report["f1"] - report["f1"])[rarest].abs().max()
    assert moved > 0.15, f"no rare class moves by more than {moved:.2f}"
    for name, row in report.loc[rarest].iterrows():
        low, high = wilson_interval(round(row["recall"] * row["support"]), int(row["support"]))
        assert high - low > 0.3, f"{name}: the interval from {low:.2f} to {high:.2f} is narrow"

# %% [markdown]
# The line through a recall is its 95 % interval. On the sample flowers some rare classes fare quite differently here
# than in validation: eight pictures promise little, and their wide intervals had said so.
#
# Fourth, which classes are taken for which, and fifth, what other thresholds would give:

# %%
from course_utils import plot_confusion

plot_confusion(test_labels, test_answers, classes)
plt.show()
plot_curves(test_labels, test_said, classes)
plt.show()

# %% [markdown]
# Last, the most confident mistakes. They cost most in use: nobody checks an answer that sounds sure.

# %%
from course_utils import show_predictions

mistakes = predictions[~predictions["right"]].sort_values("confidence", ascending=False).head(8)
cached = CachedImages(splits["test"], size)
images = torch.stack([cached[index][0] for index in mistakes.index])
title = "Confident mistakes: answer (truth)"
of_mistakes = test_labels[mistakes.index], test_answers[mistakes.index]
show_predictions(images, *of_mistakes, classes, columns=4, title=title)
plt.show()
shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# Ask of each: is the label right? Is there a second flower? Does the colour mislead? That tells you which
# pictures to collect next. (The last line removes our temporary folder; to use it again, begin where it
# is made.)
#
# ## Summary
#
# - Precision: what an answer is worth; recall: what is found; macro counts classes, micro and weighted count pictures.
# - Collect all outputs, then compute each metric once; for rare classes trust precision and recall more than ROC.
# - Confidence is a claim: check it against accuracy, and scale the temperature on validation.
# - Give an interval with every score, compare models picture by picture, and let no set both choose and judge.
# - Log rows in a list or with a callback; save figures last, as PDF for print; test once, with everything.
#
# **Exercises**: [09 exercises](exercises/09_metrics_and_plots.ipynb)
#
# **Next**: [lesson 10 · From notebook to script](10_from_notebook_to_script.ipynb)
