# %% [markdown]
# # 07 · Feature extraction
#
# A network that no longer learns needs to see each picture only once. You keep what it says about every picture, draw a
# map of them, search by picture, train heads in a blink, and freeze a network so that nothing in it moves.
#
# **Time** about 60 minutes, of which the computer works 70 seconds · **Before this**
# [lesson 00](00_start_here.ipynb), [lesson 04](04_mnist_cnn.ipynb), [lesson 06](06_fine_tuning.ipynb)
#
# **You will learn to**
#
# - take the features of pictures out of any network, once, and train heads on them
# - search by picture, draw a map of features, and tell what it shows and what it does not
# - compare the features of different backbones on the same pictures
# - freeze a network in full, and prove that nothing in it moves
# - compare two classifiers picture by picture, and leave luck its share

# %%
from functools import cache
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from course_utils import extract_features, fit, freeze, hymenoptera, load_imagenet_network, setup

course = setup(seed=0, lesson="07")

# %% [markdown]
# ## What you will have
#
# The ants and bees of lesson 06, all of them in two tensors, with colours from 0 to 1:

# %%
@cache  # it remembers what it has returned
def load_pictures(split, size):
    shrink = [v2.Resize(round(size * 8 / 7)), v2.CenterCrop(size)]
    to_tensor = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    dataset = hymenoptera(split, v2.Compose(shrink + to_tensor))
    return torch.stack([image for image, _ in dataset]), torch.tensor(dataset.targets)


# %%
size = course.pick(sample=96, full=224)
train_images, train_labels = load_pictures("train", size)
val_images, val_labels = load_pictures("val", size)
train_set = TensorDataset(train_images, train_labels)
val_set = TensorDataset(val_images, val_labels)
classes = hymenoptera("train").classes
print("train:", tuple(train_images.shape), "  val:", tuple(val_images.shape), "  classes:", classes)

# %% [markdown]
# Lesson 00 had a network that knows a thousand kinds of things from photographs, ants and bees among them. Does it know
# these, too? It expects colours from −1 to 1. So we put `Normalize`, which subtracts 0.5 and divides by 0.5, before it.

# %%
network, transform, names = load_imagenet_network()
old_head = network.classifier
normalize = v2.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
whole = nn.Sequential(normalize, network).to(course.device)
some = torch.arange(8, len(val_images), 25)
with torch.inference_mode():
    answers = whole(val_images[some].to(course.device)).argmax(dim=1)

# %%
def draw(axes, images, captions, colours):
    for ax, image, caption, colour in zip(axes, images, captions, colours):
        ax.imshow(image.permute(1, 2, 0))
        ax.set_title(caption, fontsize=10, color=colour)
        ax.axis("off")


# %%
fig, axes = plt.subplots(1, len(some), figsize=(1.7 * len(some), 2.4))
captions = [f"{names[a]}?\n({classes[val_labels[i]]})" for a, i in zip(answers, some)]
draw(axes, val_images[some], captions, ["black"] * len(some))
fig.suptitle("What the network says (and what it is)")
plt.show()

# %% [markdown]
# Drawn ants may pass, but drawn bees become a tarantula, a chameleon and a tick. (In `full` they are photographs, and
# it is mostly right.) Are the millions of weights below the names of no use here? Put `nn.Identity()`, a layer that
# returns what it is given, in the place of the last one. What comes out now are the 1280 numbers from which the names
# were made: the picture's **features**.

# %% tags=["nbval-ignore-output"]
network.classifier = nn.Identity()
start = perf_counter()
train_features, _ = extract_features(whole, DataLoader(train_set, batch_size=32))
val_features, _ = extract_features(whole, DataLoader(val_set, batch_size=32))
seconds_to_extract = perf_counter() - start
shapes = tuple(train_features.shape), tuple(val_features.shape)
print("features:", *shapes, f"in {seconds_to_extract:.1f} s")

# %% tags=["proof"]
assert train_features.shape == (len(train_set), 1280), tuple(train_features.shape)
assert not train_features.requires_grad and not train_features.is_inference(), "no ordinary tensors"
logits = F.linear(val_features, old_head.weight.cpu(), old_head.bias.cpu())
ant, bee = names.index("ant"), names.index("bee")
between = ((logits[:, bee] > logits[:, ant]).long() == val_labels).float().mean().item()
exact = (logits[val_labels == 1].argmax(dim=1) == bee).float().mean().item()
if course.profile == "sample":  # drawings; photographs are what the network has learned from
    assert exact < 0.2, f"{exact:.2f} of the bees are called bee"
    assert between < 0.65, f"between ant and bee it is right {between:.2f} of the time"
else:
    assert exact > 0.7, f"{exact:.2f} of the bees are called bee"

# %% [markdown]
# 1280 numbers cannot be drawn. **t-SNE** places the pictures on a plane so that those with similar features become
# neighbours, as well as it can. Nobody tells it which is an ant and which a bee; that only colours the frames.

# %%
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.manifold import TSNE


def draw_thumbnails(ax, places, images, labels, pixels=30):
    ax.scatter(*places.T, s=0)
    for place, image, label in zip(places, images, labels):
        thumbnail = OffsetImage(image.permute(1, 2, 0), zoom=pixels / image.shape[1])
        frame = {"edgecolor": ["C1", "C0"][label], "linewidth": 2.5}
        ax.add_artist(AnnotationBbox(thumbnail, place, pad=0.1, bboxprops=frame))
    ax.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")


places = TSNE(init="pca", random_state=0).fit_transform(val_features.numpy())
fig, ax = plt.subplots(figsize=(9, 8))
draw_thumbnails(ax, places, val_images, val_labels)
ax.set_title("Map of the validation pictures by their features: ants yellow, bees blue")
plt.show()

# %% tags=["proof"]
plane = torch.from_numpy(places)
nearby = torch.cdist(plane, plane).topk(6, largest=False).indices[:, 1:]
share_nearby = (val_labels[nearby] == val_labels[:, None]).float().mean().item()
assert share_nearby > course.pick(sample=0.65, full=0.75), f"{share_nearby:.2f} of five on the map are alike"

# %% [markdown]
# Ants keep to ants and bees to bees, mostly. The network has no name for a drawn bee, and still sees what drawn bees
# have in common.

# %% [markdown]
# ## Backbone and head
#
# All layers before the last one together are the **backbone**, the last one is the **head**. A backbone that does not
# learn is **frozen**. It says the same about a picture each time, so it has to say it only once:
#
# ![Four pictures go through a frozen backbone, once. What comes out is a table with a row for each picture and a column
# for each feature. From the table, arrows lead to a linear head, trained many times, to neighbours and to a
# map.](figures/features_once.svg)
#
# Two ways of cutting off a head are common: the `nn.Identity()` above, and a new network of all **children**, the parts
# at the top level, but the last. In a ResNet they agree. (The weights here are random. Never type the number of
# features: ask the head, it differs.)

# %%
import torchvision

resnet = torchvision.models.resnet18().eval()
cut = nn.Sequential(*list(resnet.children())[:-1], nn.Flatten())
print("ResNet-18:", resnet.fc.in_features)
print("ResNet-50:", torchvision.models.resnet50().fc.in_features)
resnet.fc = nn.Identity()
torch.testing.assert_close(cut(val_images[:4]), resnet(val_images[:4]))

# %% [markdown]
# (`assert_close` is silent where two tensors agree up to rounding, and stops where they do not.) But children are only
# *parts*. What `forward` does between them is lost, without a word:

# %%
densenet = torchvision.models.densenet121().eval()
cut = nn.Sequential(*list(densenet.children())[:-1])
in_features = densenet.classifier.in_features
print("children:", tuple(cut(val_images[:4]).shape), "  the head takes:", in_features)

# %% tags=["proof"]
assert cut(val_images[:4]).shape[2] > 1, tuple(cut(val_images[:4]).shape)

# %% [markdown]
# DenseNet does its last ReLU and its pooling inside `forward`. So replace the head, and leave `forward` in peace. (For
# layers in the middle there is `torchvision.models.feature_extraction.create_feature_extractor`.)
#
# The helper `extract_features` is a loop:

# %%
def features_by_hand(backbone, loader):
    features = []
    backbone.eval()
    with torch.inference_mode():
        for images, _ in loader:
            features.append(backbone(images.to(course.device)).cpu())
    return torch.cat(features)


# %%
few = TensorDataset(train_images[::5], train_labels[::5])
by_hand = features_by_hand(whole, DataLoader(few, batch_size=16))
torch.testing.assert_close(by_hand, train_features[::5], rtol=1e-3, atol=1e-3)

# %% [markdown]
# The loader must not shuffle, so that row 7 belongs to picture 7. Who keeps the table in a file should write the names
# of the pictures into it; an exercise does.

# %% [markdown]
# ## A head in a blink
#
# For `fit` of lesson 03 a table of features is a data set like any other. The head is one linear layer. It stays on the
# CPU, where its table is.

# %%
feature_set = TensorDataset(train_features, train_labels)
val_feature_loader = DataLoader(TensorDataset(val_features, val_labels), batch_size=256)


def shuffled(dataset, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size=16, shuffle=True, generator=generator)


def train_head(dataset, epochs=25, seed=0):
    torch.manual_seed(seed)
    head = nn.Linear(1280, len(classes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003)
    loader = shuffled(dataset, seed)
    recipe = {"optimizer": optimizer, "epochs": epochs}
    return head, fit(head, loader, val_feature_loader, **recipe, progress=False)


# %% tags=["nbval-ignore-output"]
head, history = train_head(feature_set)
seconds_to_train = sum(history["seconds"])
print(f"25 epochs: {seconds_to_train:.2f} s, val accuracy {history['val_accuracy'][-1]:.3f}")
print(f"25 epochs of pictures through the network: about {25 * seconds_to_extract:.0f} s")

# %% tags=["proof"]
assert history["val_accuracy"][-1] >= course.pick(sample=0.87, full=0.9), history["val_accuracy"]
if course.device.type == "cpu":  # a GPU is through with the pictures so soon that other things count
    assert seconds_to_extract > seconds_to_train, f"{seconds_to_extract:.1f} s, {seconds_to_train:.1f} s"

# %%
with torch.inference_mode():
    preds = head(val_features).argmax(dim=1)
wrong = (preds != val_labels).nonzero().flatten()[:5]
right = (preds == val_labels).nonzero().flatten()[::20][:7]
shown = torch.cat([right, wrong])
fig, axes = plt.subplots(2, 6, figsize=(9.6, 4))
captions = [f"{classes[preds[i]]} {'✓' if preds[i] == val_labels[i] else '✗'}" for i in shown]
colours = ["#1a7f37" if preds[i] == val_labels[i] else "#c62828" for i in shown]
draw(axes.flat, val_images[shown], captions, colours)
fig.suptitle("What the new head says: seven right answers, and the first five wrong ones")
plt.show()

# %% tags=["proof"]
assert len(wrong) >= 3 and len(right) == 7, (len(wrong), len(right))

# %% [markdown]
# The drawn pictures for which the network had no names are told apart in nine of ten cases. All that was learned here
# are 2 × 1280 weights and two biases. Such a test of features with a linear layer is called a **linear probe**.
#
# Is it the same training as behind the network, without the repetitions? Here is an epoch on some pictures, through
# the frozen network, with the same starting weights and batches. (`freeze` is taken apart below.)

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
other_head = nn.Linear(1280, len(classes)).to(course.device)
model = nn.Sequential(freeze(whole), other_head)
optimizer = torch.optim.AdamW(other_head.parameters(), lr=0.003)
fit(model, shuffled(few), optimizer=optimizer, epochs=1, progress=False)
head_on_features, _ = train_head(TensorDataset(train_features[::5], train_labels[::5]), epochs=1)
difference = (head_on_features.weight - other_head.weight.cpu()).abs().max().item()
print(f"the weights of the two heads differ by at most {difference:.0e}")

# %% tags=["proof"]
assert difference < 3e-3, f"the weights differ by up to {difference:.1e}"  # by less than one step of AdamW

# %% [markdown]
# It is, up to rounding. So the table saves nearly one pass per epoch, and as many again with every further head,
# learning rate or seed.

# %% [markdown]
# **Try it.** How few pictures will do? Train the head on every tenth picture, 25 in all.
# <details><summary>What we saw</summary>
#
# ```python
# tenth = TensorDataset(train_features[::10], train_labels[::10])
# print(train_head(tenth, epochs=100)[1]["val_accuracy"][-1])
# ```
#
# About 0.8. From random weights, in lesson 05, all 244 pictures were not enough for that.
#
# </details>

# %% [markdown]
# ## Search by picture
#
# Which training pictures are most like this one? The distance between two rows of features is the length of their
# difference, and `torch.cdist` computes it for all pairs of rows of two tables. We ask the pixels as well; there a row
# holds all colours of a picture.

# %%
train_pixels, val_pixels = train_images.flatten(1), val_images.flatten(1)
tables = {"features": (train_features, val_features), "pixels": (train_pixels, val_pixels)}


def neighbours(queries, table, k=5):
    return torch.cdist(queries, table).topk(k, largest=False).indices


# %%
by_hand = (train_features - val_features[72]).norm(dim=1).argmin()
nearest = neighbours(val_features[[72]], train_features)[0]
print("the nearest five:", nearest.tolist(), "  the nearest one by hand:", by_hand.item())

# %% tags=["proof"]
assert nearest[0] == by_hand, f"by hand {by_hand}, nearest {nearest}"

# %%
def show_neighbours(index):
    fig, axes = plt.subplots(2, 6, figsize=(9.6, 4))
    for row, (what, (table, queries)) in zip(axes, tables.items()):
        nearest = neighbours(queries[[index]], table)[0]
        label = val_labels[index]
        hits = (train_labels[nearest] == label).tolist()
        found = [classes[i] for i in train_labels[nearest]]
        captions = [f"{name} {'✓' if hit else '✗'}" for name, hit in zip(found, hits)]
        colours = ["#1a7f37" if hit else "#c62828" for hit in hits]
        draw(row[:1], val_images[[index]], [f"query: {classes[label]}"], ["black"])
        draw(row[1:], train_images[nearest], captions, colours)
    fig.suptitle(f"Nearest to picture {index} by features (above) and by pixels (below)")
    plt.show()


show_neighbours(72)

# %% tags=["proof"]
if course.profile == "sample":  # the text speaks of a drawn picture
    hits = {what: (train_labels[neighbours(queries[[72]], table)[0]] == val_labels[72]).sum().item()
            for what, (table, queries) in tables.items()}  # fmt: skip
    assert hits["features"] >= 4 and hits["pixels"] <= 1, hits

# %% [markdown]
# On the left is the **query**. Among the drawn pictures, the features have found five bees, large and small, on flowers
# and on stone, turned this way and that. Pixels find what has similar colours in the same places: dull greens and
# browns, and five ants on them. One picture proves nothing, so over all of them: how many of the five nearest are
# alike?

# %%
share = {}
for what, (table, queries) in tables.items():
    hits = train_labels[neighbours(queries, table)] == val_labels[:, None]
    share[what] = hits.float().mean().item()
    print(f"{what:>8}: {share[what]:.2f} of the five nearest are of the same class")

# %% tags=["proof"]
assert share["features"] > share["pixels"] + course.pick(sample=0.15, full=0.05), share
if course.profile == "sample":  # photographs may show ants and bees before other backgrounds
    assert abs(share["pixels"] - 0.5) < 0.08, share

# %% [markdown]
# With two classes of nearly the same size, guessing would give about a half. On the drawn pictures pixels do no better.
# And here the features fail:

# %%
show_neighbours(131)

# %% tags=["proof"]
if course.profile == "sample":  # the text speaks of a drawn picture
    hits = train_labels[neighbours(val_features[[131]], train_features)[0]] == val_labels[131]
    assert hits.sum() <= 1, f"{hits.sum()} of five neighbours are of the same class"

# %% [markdown]
# A drawn bee, striped and winged, and five ants. They are like it in some way, but not in ours. The network was never
# told which differences we care about. A head is: it gives weight to the features that tell ants from bees.

# %% [markdown]
# **Try it.** Draw another query. Which ones go wrong by features? (There are 153, counted from 0.)
# <details><summary>What we saw</summary>
#
# ```python
# hits = train_labels[neighbours(val_features, train_features)] == val_labels[:, None]
# print("no neighbour alike:", (hits.sum(dim=1) == 0).nonzero().flatten().tolist())
# show_neighbours(17)
# ```
#
# 88, 131 and 132, all of them bees. 17 is an ant with a single right neighbour.
#
# </details>

# %% [markdown]
# ## Beware of maps
#
# The map at the top is such a search for all pictures at once. It shows which pictures lie among the other class. Do
# not read more into it. The axes have no meaning. Neighbourhoods are kept, distances are not: islands that lie far
# apart need not differ more than close ones. Which islands appear depends on `perplexity`, roughly the number of
# neighbours that t-SNE looks at.
#
# **Guess first.** What will pure noise look like, as many rows of as many random numbers?

# %%
def draw_dots(ax, table, title, perplexity):
    places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(table.numpy())
    for label, marker in enumerate(["^", "o"]):
        chosen = places[val_labels == label]
        ax.plot(*chosen.T, marker, color=["C1", "C0"][label], markersize=4, label=classes[label])
    ax.set(title=title, xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")


# %% tags=["fold"]
noise = torch.randn(len(val_features), 512, generator=torch.Generator().manual_seed(0))
fig, axes = plt.subplots(1, 3, figsize=(9.6, 3.4))
draw_dots(axes[0], val_features, title="features, perplexity 60", perplexity=60)
draw_dots(axes[1], val_features, title="features, perplexity 2", perplexity=2)
draw_dots(axes[2], noise, title="noise, perplexity 2", perplexity=2)
axes[0].legend()
plt.show()

# %% [markdown]
# On the left a cloud, in the middle the same features, broken into little islands. On the right, groups and chains as
# well, although there is nothing to group. Islands alone prove nothing. (All this holds for **UMAP**, too, a faster
# method.) A map is good for finding questions; answers come from numbers in all dimensions, like the share of
# neighbours above.
#
# **Check yourself.** On a map of the *training* features of a network that was fine-tuned on them, the classes lie on
# two clean islands. What does it show about new pictures?
# <details><summary>Answer</summary>
#
# Little. The network was trained until it told exactly these pictures apart. Draw pictures that it has not learned
# from, and better still, count its mistakes on them.
#
# </details>

# %% [markdown]
# ## Whose features are best?
#
# Three candidates. The *pixels*, shrunk to 32 × 32. *ImageNet*, our network, which has seen 1.3 million photographs
# with 224 pixels a side. And the *ResNet-18* of lesson 06, which has seen some thousand drawings of 25 other things, at
# 64 pixels. (In `full` it, too, has learned from ImageNet.)
#
# **Guess first.** Which one tells drawn ants from drawn bees best? And does it matter how large the pictures are?
#
# For a fair race each gets the best linear head. **Logistic regression** is one, too, trained to the end instead of for
# some epochs. Its `C` says how much the loss counts against the size of the weights. So the features are
# **standardized** first: minus the mean, divided by the standard deviation, both of the *training* pictures.
#
# Which `C`? To choose it on the validation pictures would spoil these for judging. **Cross-validation** takes the
# training pictures alone: deal them into five parts, with the same share of each class ("stratified"), train on four,
# judge on the fifth, each in its turn. `GridSearchCV` does so for every `C`, then trains with the best one on all five.
# The pipeline takes mean and deviation from the four parts, too.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folds = StratifiedKFold(5, shuffle=True, random_state=0)


def probe(train_table):
    settings = {"logisticregression__C": [1e-4, 1e-3, 1e-2, 0.1]}
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return GridSearchCV(pipeline, settings, cv=folds).fit(train_table, train_labels)


# %%
from course_utils import pretrained_resnet18

resnet = pretrained_resnet18(num_classes=2)
resnet.fc = nn.Identity()
normalize_resnet = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
backbones = {"ImageNet": whole, "ResNet-18": freeze(nn.Sequential(normalize_resnet, resnet))}
backbones["ResNet-18"].to(course.device)


def extract(name, side):
    tables = []
    for split in ["train", "val"]:
        loader = DataLoader(TensorDataset(*load_pictures(split, side)), batch_size=32)
        tables.append(extract_features(backbones[name], loader)[0])
    return tables


# %%
sides = course.pick(sample=[64, 96], full=[96, 160, 224])
small = [F.avg_pool2d(images, size // 32).flatten(1) for images in [train_images, val_images]]
feature_tables = {"pixels": small}
for name in backbones:
    for side in sides:
        known = name == "ImageNet" and side == size
        found = [train_features, val_features] if known else extract(name, side)
        feature_tables[f"{name}, {side} px"] = found

# %% tags=["nbval-ignore-output"]
probes, correct = {}, {}
for name, (train_table, val_table) in feature_tables.items():
    probes[name] = probe(train_table)
    correct[name] = probes[name].predict(val_table) == val_labels.numpy()
    print(f"{name:>16}: C = {probes[name].best_params_['logisticregression__C']}")

# %% tags=["proof"]
assert all(len(hits) == len(val_set) for hits in correct.values())

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

accuracies = {name: hits.mean() for name, hits in correct.items()}
errors = [standard_error(accuracy, len(val_set)) for accuracy in accuracies.values()]
fig, ax = plt.subplots(figsize=(7, 3.2))
colours = ["0.6"] + ["C0"] * len(sides) + ["C1"] * len(sides)
ax.barh(list(accuracies), accuracies.values(), xerr=errors, color=colours, capsize=3)
ax.set(title="A linear head on different features", xlabel="validation accuracy", xlim=(0.4, 1))
ax.invert_yaxis()
plt.show()

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if course.profile == "sample":  # the text speaks of the drawn pictures
    assert accuracies["pixels"] < 0.62, accuracies
    assert min(accuracies["ImageNet, 96 px"], accuracies["ResNet-18, 96 px"]) > 0.86, accuracies
    assert accuracies["ImageNet, 96 px"] > accuracies["ImageNet, 64 px"] + 0.06, accuracies
else:
    assert accuracies["ImageNet, 96 px"] > 0.84, accuracies
    assert accuracies["ImageNet, 160 px"] > 0.9 and accuracies["ImageNet, 224 px"] > 0.92, accuracies
    if has_usual_weights():  # ImageNet's weights decide
        assert accuracies["ResNet-18, 224 px"] > 0.9, accuracies

# %% [markdown]
# The lines at the ends of the bars are standard errors, as in lesson 03. They say how far an accuracy would move on
# *other* pictures. But all heads have judged the *same* ones. So compare picture by picture, as in lesson 06: 1 (right)
# or 0 for the one head, minus 1 or 0 for the other, and the standard error of the mean of these **paired differences**.
# Here *ImageNet* with the largest pictures is compared with each of the others:

# %% tags=["nbval-ignore-output"]
def paired(first, second):
    difference = correct[first].astype(float) - correct[second]
    return difference.mean(), difference.std(ddof=1) / len(difference) ** 0.5


best = f"ImageNet, {size} px"
rows = {name: [correct[name].mean(), *paired(best, name)] for name in correct}
lead, error = paired(f"ResNet-18, {sides[0]} px", f"ImageNet, {sides[0]} px")
print(f"at {sides[0]} px ResNet-18 is ahead by {lead:.3f}, paired error {error:.3f}")
pd.DataFrame(rows, index=["accuracy", "behind by", "paired error"]).T.round(3)

# %% tags=["proof"]
if course.profile == "sample":  # the text speaks of the drawn pictures
    leads = {name: behind / error for name, (_, behind, error) in rows.items() if error}
    assert abs(leads["ResNet-18, 96 px"]) < 2, leads
    assert leads["ImageNet, 64 px"] > 2.2 and leads["pixels"] > 5, leads
    assert 0 < lead / error < 2.4, (lead, error)

# %% [markdown]
# On the drawn pictures, pixels are worth nothing. A million photographs and some thousand drawings come out level at 96
# pixels. At 64, the size that the ResNet-18 knows, it is ahead, by some 1.5 errors: a hint, no result. That ImageNet's
# features suffer from small pictures *is* a result. As a rule, *features are good where pictures resemble those that
# the backbone has learned from*, in kind *and* in size. That is also why each backbone gets its own normalization.
# (Read accuracies in `full` with the leak of lesson 06 in mind: ImageNet holds these photographs.)

# %% [markdown]
# **Try it.** Our pictures have only 96 pixels a side. Is it worth while to *enlarge* them, to nearer the size at which
# the network has learned?
# <details><summary>What we saw</summary>
#
# ```python
# train_128, val_128 = extract("ImageNet", 128)
# print(f"{probe(train_128).score(val_128, val_labels):.3f}")
# ```
#
# 0.95, although nothing is in the large pictures that was not in the small ones. With 224, the size of its training,
# we got 0.98, and waited half a minute.
#
# </details>
#
# Today's backbones have mostly seen no labels. **DINOv2** and **DINOv3** learn from pictures alone (*self-supervised*),
# **CLIP** and **SigLIP** from pictures with captions. Such features are known to be good for search and with few
# labels. Online, `timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=True, num_classes=0)` is a backbone
# without a head. We have not measured them here.

# %% [markdown]
# ## Frozen?
#
# Everything so far rests on a network that stays as it is. A common recipe: no gradients for the backbone, a new head,
# train. Let us do so for thirty batches of four (in `full`, for an epoch), and keep the network's state at a few
# moments. Before and after, the old head gives names to three photographs.

# %%
from course_utils import load_rgb, locate

photos = [load_rgb(locate("photos") / f"{name}.jpg") for name in ["cat", "coffee", "photographer"]]


# %%
def ask(network, photo):
    with torch.inference_mode():
        logits = network.eval()(transform(photo)[None].to(course.device))[0]
    probabilities, labels = logits.softmax(dim=0).topk(3)
    return {names[label]: p.item() for label, p in zip(labels, probabilities)}


# %%
def new_network():
    network, _, _ = load_imagenet_network()
    return network.to(course.device)


def state_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


# %%
network = new_network()
names_before = [ask(network, photo) for photo in photos]
network.requires_grad_(False)  # "frozen"
network.classifier = nn.Linear(1280, len(classes)).to(course.device)
model = nn.Sequential(normalize, network)

# %%
from itertools import islice

optimizer = torch.optim.SGD(network.classifier.parameters(), lr=0.01)
generator = torch.Generator().manual_seed(0)
loader = DataLoader(train_set, batch_size=4, shuffle=True, generator=generator)
states = {0: state_of(network)}
moments = course.pick(sample=[1, 3, 10, 30], full=[1, 3, 10, 30, 61])
model.train()
for batch, (images, labels) in enumerate(islice(loader, moments[-1]), start=1):
    loss = F.cross_entropy(model(images.to(course.device)), labels.to(course.device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if batch in moments:
        states[batch] = state_of(network)

# %% [markdown]
# **Guess first.** A cat, an espresso, a photographer with a tripod, before (above) and after (below). How sure will it
# still be? Then open the cell.

# %% tags=["nbval-ignore-output", "fold"]
from course_utils import show_answers

network.classifier = old_head
names_after = [ask(network, photo) for photo in photos]
title = "The same frozen network, before and after some batches of ants and bees"
show_answers(photos * 2, names_before + names_after, title=title)
plt.show()

# %% tags=["proof"]
assert names_before[1]["espresso"] > 0.85, names_before
before, after = [np.mean([max(answer.values()) for answer in part]) for part in (names_before, names_after)]
if course.profile == "sample":  # what photographs do to it is not known
    assert before > 0.6 and after < 0.1, f"surest answers {before:.2f}, then {after:.2f}"

# %% [markdown]
# On the sample no name gets more than a few percent now. The top name may still be the old one, but by a hair. What has
# changed in it?

# %%
weights = {name for name, _ in network.named_parameters()}
*_, last = states
old, new = states[0], states[last]
changed = [name for name in new if not torch.equal(new[name], old[name])]
changed = [name for name in changed if not name.startswith("classifier")]
print("weights of the backbone that have changed:", len(weights.intersection(changed)))
print("other tensors:", len(changed), "such as", *changed[:3])

# %% tags=["proof"]
assert not weights.intersection(changed) and len(changed) > 100, changed

# %% [markdown]
# Not one weight. But a network also has **buffers**: tensors that are saved with it and that no gradient moves. Here
# they are BatchNorm's, which lesson 04 built: running averages of mean and variance, and a count of batches. In train
# mode *every forward pass* moves them, with or without gradients. In eval mode they stay, and are used.
#
# ![A BatchNorm layer of the backbone with two kinds of tensors. Weight and bias are parameters: an optimizer changes
# them, and requires_grad_(False) stops it. Running mean, running variance and the count of batches are buffers: every
# forward pass in train mode changes them, and eval() stops it, until somebody calls train(). freeze stops
# both.](figures/freezing.svg)
#
# How far did they move? As a measure we take the **relative change**: the length (norm) of the difference, divided by
# the length of what was there before. We look at the features of some validation pictures, in eval mode, and at the
# part of these pictures that get another name than before.

# %%
def relative_change(after, before):
    return ((after - before).norm() / before.norm()).item()


def mean_change(state, ending):
    pairs = [(state[name], states[0][name]) for name in state if name.endswith(ending)]
    return np.mean([relative_change(after, before) for after, before in pairs])


network.classifier = nn.Identity()
judged = DataLoader(TensorDataset(val_images[::4], val_labels[::4]), batch_size=32)
old_head = old_head.cpu().requires_grad_(False)

# %%
rows, features_after, given_names = {}, {}, {}
for batch, state in states.items():
    # all but the head
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    features_after[batch], _ = extract_features(model, judged)
    given_names[batch] = old_head(features_after[batch]).argmax(dim=1)
    rows[batch] = {
        "names": (given_names[batch] != given_names[0]).float().mean().item(),
        "features": relative_change(features_after[batch], features_after[0]),
        "running variances": mean_change(state, "running_var"),
        "running means": mean_change(state, "running_mean"),
    }
drift = pd.DataFrame(rows).T

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
for column, style in zip(drift, ["D-", "^-.", "s--", "o:"]):
    ax.plot(100 * drift[column].drop(0), style, label=column)
ax.set(title="A frozen backbone left in train mode", xlabel="batches of four", xscale="log")
ax.set(ylabel="changed by, in %")
ax.set_xticks(drift.index[1:], drift.index[1:])
ax.minorticks_off()
ax.legend()
plt.show()

# %% tags=["proof"]
assert drift.loc[0].max() == 0, drift
assert drift.loc[last].min() > 0.01 and drift.loc[last, "names"] > course.pick(sample=0.8, full=0.3), drift
if course.profile == "sample":  # how far photographs move it is not known
    end = drift.loc[last]
    assert end["running means"] < end["running variances"] < end["features"] / 2, drift
    assert drift.loc[10, "names"] > 0.5, drift

# %% [markdown]
# On the drawn pictures the averages move by a few percent in the first batches. But each of some fifty layers shifts
# what it hands to the next: after ten batches the features are something else, and most names have changed. The
# averages stood for a million photographs, and now for ants and bees, estimated from four pictures at a time.

# %% [markdown]
# > **Common mistake.** A backbone is called frozen because no gradient reaches it, and it is left in train mode. Does
# > the new task notice, at least? A head on the drifted features, against one on those that we had:

# %% tags=["nbval-ignore-output"]
loaders = [DataLoader(part, batch_size=32) for part in (train_set, val_set)]
drifted = [extract_features(model, loader)[0] for loader in loaders]
drifted_right = probe(drifted[0]).predict(drifted[1]) == val_labels.numpy()
kept_right = correct[f"ImageNet, {size} px"]
print(f"frozen in full {kept_right.mean():.3f}, left in train mode {drifted_right.mean():.3f}")

# %% tags=["proof"]
if course.profile == "sample":  # what photographs do to it is not known
    assert kept_right.mean() > drifted_right.mean() + 0.04, (kept_right.mean(), drifted_right.mean())

# %% [markdown]
# > On the sample the new task pays about ten points. Other new tasks may hardly notice, and so the mistake lives on: it
# > is the *old* task that pays, wherever several tasks share a backbone. No error is ever raised.
#
# **Check yourself.** A backbone without BatchNorm has `Dropout`, which in train mode replaces randomly chosen numbers
# by 0. It gets no gradients and is left in train mode. What happens?
# <details><summary>Answer</summary>
#
# It keeps all weights, and has no running averages. But its features are different each time, by chance, and whoever
# keeps them in a table keeps one of many draws. A frozen network belongs in eval mode as a whole.
#
# </details>

# %% [markdown]
# ## Freezing in full
#
# Is it done with `eval()`? `fit`, like every training loop, calls `model.train()` at the start of an epoch, and that
# reaches *all* parts. The usual remedy is a class whose `train` puts the backbone back. Then we train one epoch in four
# ways and count what has changed:

# %%
class Classifier(nn.Module):
    def __init__(self, backbone, head):
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.head = head
        self.train()

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images):
        return self.head(self.backbone(images))


# %%
few_loader = DataLoader(TensorDataset(train_images[::8], train_labels[::8]), batch_size=8)


def report(how, model):
    before = state_of(model)
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.01)
    fit(model, few_loader, optimizer=optimizer, epochs=1, progress=False)
    after, buffers = model.state_dict(), dict(model.named_buffers())
    changed = [name for name in before if not torch.equal(after[name], before[name])]
    averages = sum(name in buffers for name in changed)
    print(f"{how:>21}: {len(changed) - averages} weight tensors, {averages} buffers have changed")


# %%
def new_backbone():
    network = new_network()
    network.classifier = nn.Identity()
    return nn.Sequential(normalize, network).requires_grad_(False)


def new_head():
    return nn.Linear(1280, len(classes)).to(course.device)


report("requires_grad_(False)", nn.Sequential(new_backbone(), new_head()))
report("and eval()", nn.Sequential(new_backbone(), new_head()).eval())
report("Classifier", Classifier(new_backbone(), new_head()))
report("freeze", nn.Sequential(freeze(new_backbone()), new_head()))

# %% [markdown]
# The two weight tensors are the head's, and shall change. The second line is the disappointment: our `eval()` was
# undone before the first batch. `Classifier` holds. `freeze` does it for any network or part of one, without a class of
# your own: it gives each part a `train` that leaves it in eval mode. `unfreeze` undoes that, for a single part, too:

# %%
from course_utils import unfreeze

model = nn.Sequential(freeze(new_backbone()), new_head())
network = model[0][1]
unfreeze(network.blocks[6])
model.train()
for name in ["blocks.5", "blocks.6"]:
    block = network.get_submodule(name)
    learns = sum(weight.requires_grad for weight in block.parameters())
    print(f"{name}: {'train' if block.training else 'eval'} mode, {learns} tensors learn")

# %% tags=["proof"]
assert not network.blocks[5].training and network.blocks[6].training, "the modes are other ones"
assert not any(weight.requires_grad for weight in network.blocks[5].parameters())

# %% [markdown]
# What is left is the price. The backbone's weights also stay if only the head is given to the optimizer. What does that
# cost? (`set_grad_enabled(False)` is `no_grad` with a switch. PyTorch calls `note` with each tensor that it keeps for
# `backward`; the network's own weights do not count.)

# %%
images, labels = val_images[:16].to(course.device), val_labels[:16].to(course.device)


def measure(backbone, head, with_grad):
    kept, own = {}, {tensor.data_ptr() for tensor in backbone.state_dict().values()}

    def note(tensor):
        kept[tensor.data_ptr()] = tensor.nbytes  # by address, so that none is counted twice
        return tensor

    start = perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        with torch.set_grad_enabled(with_grad):
            features = backbone(images)
        F.cross_entropy(head(features), labels).backward()
    seconds = perf_counter() - start
    megabytes = sum(size for address, size in kept.items() if address not in own) / 1e6
    gradients = sum(weight.grad is not None for weight in backbone.parameters())
    return {"gradients": gradients, "MB kept": megabytes, "ms": 1000 * seconds}


# %% tags=["nbval-ignore-output"]
rows = {}
for how in ["head in the optimizer", "requires_grad_(False)", "no_grad"]:
    backbone = new_backbone().eval().requires_grad_(how != "requires_grad_(False)")
    runs = [measure(backbone, new_head(), with_grad=how != "no_grad") for _ in range(2)]
    rows[how] = min(runs, key=lambda run: run["ms"])
cost = pd.DataFrame(rows).T
cost.round(1)

# %% tags=["proof"]
assert cost["gradients"].iloc[0] > 100 and cost["gradients"].iloc[1:].max() == 0, cost
assert cost["MB kept"].iloc[1:].max() < cost["MB kept"].iloc[0] / 20, cost
if course.device.type == "cpu":  # a GPU runs behind, and is not waited for
    assert cost["ms"].iloc[1:].max() < cost["ms"].iloc[0] / 1.3, cost

# %% [markdown]
# The first row pays, in memory and time, for gradients that nobody uses: `backward` does not know what the optimizer
# was given. It follows the graph to every parameter that wants a gradient. Where none does, no graph is built, and
# `no_grad` is not needed. (147 as above: a convolution with its BatchNorm has three weight tensors and three buffers.)

# %% [markdown]
# ## Against fine-tuning
#
# Does it pay to train all layers, as in lesson 06? One run with its recipe, but over two epochs, for the ResNet-18:

# %% tags=["nbval-ignore-output"]
from course_utils import CachedImages, predict

side = course.pick(sample=64, full=224)
augmented_set = CachedImages(hymenoptera("train"), side, augment=True)
loader = DataLoader(augmented_set, batch_size=12, shuffle=True)
torch.manual_seed(0)
tuned = pretrained_resnet18(num_classes=2).to(course.device)
optimizer = torch.optim.SGD(tuned.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=len(loader))
fit(tuned, loader, optimizer=optimizer, scheduler=scheduler, epochs=2, progress="bar")
val_loader = DataLoader(CachedImages(hymenoptera("val"), side), batch_size=64)
logits, _ = predict(tuned, val_loader)
tuned_right = logits.argmax(dim=1).numpy() == val_labels.numpy()
frozen_right = correct[f"ResNet-18, {side} px"]
print(f"fine-tuned {tuned_right.mean():.3f}, frozen {frozen_right.mean():.3f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert tuned_right.mean() >= course.pick(sample=0.8, full=0.88), f"{tuned_right.mean():.3f}"

# %% [markdown]
# Which is better? A widely copied tutorial found the frozen network a little ahead and called that strange. How much of
# a lead is luck? Both have judged the same pictures, so look at those on which they disagree:

# %% tags=["nbval-ignore-output"]
pd.crosstab(
    pd.Series(frozen_right, name="frozen").map({True: "right", False: "wrong"}),
    pd.Series(tuned_right, name="fine-tuned").map({True: "right", False: "wrong"}),
)

# %% tags=["proof"]
only_frozen = int((frozen_right & ~tuned_right).sum())
only_tuned = int((tuned_right & ~frozen_right).sum())
assert tuned_right.sum() - frozen_right.sum() == only_tuned - only_frozen, "the lead is another number"

# %% [markdown]
# Pictures that both get right, or both wrong, say nothing about which is better. What counts are the two corners with
# "right" and "wrong". If the two were equally good, each picture there would be a toss of a coin. So toss it many
# times: how often does luck alone make the two counts as uneven as ours? With `h` heads in `n` tosses there are `n - h`
# tails, so heads and tails differ by `2 * h - n`. This is the **sign test**; for two classifiers it is also called
# **McNemar's test**.

# %% tags=["nbval-ignore-output"]
def by_luck(first, second):
    tosses = np.random.default_rng(0).binomial(first + second, 0.5, size=100_000)
    return np.mean(abs(2 * tosses - first - second) >= abs(first - second))


only_frozen = int((frozen_right & ~tuned_right).sum())
only_tuned = int((tuned_right & ~frozen_right).sum())
for first, second in [(only_frozen, only_tuned), (12, 10), (20, 2)]:
    print(f"{first} to {second}: luck alone is at least this uneven", end=" ")
    print(f"in {by_luck(first, second):.2%} of the cases")

# %% tags=["proof"]
from scipy.stats import binomtest

exact = binomtest(only_frozen, only_frozen + only_tuned).pvalue
assert abs(by_luck(only_frozen, only_tuned) - exact) < 0.01, f"exactly {exact:.3f}"
assert by_luck(12, 10) > 0.5 and by_luck(20, 2) < 0.001, (by_luck(12, 10), by_luck(20, 2))

# %% [markdown]
# The first line is ours. Luck alone makes 12 to 10, or worse, in more than half of all cases, and 20 to 2 in fewer than
# one of a thousand. (That is not the probability that 12 to 10 *is* luck: the tosses take for granted that both are
# equally good.) By custom one speaks of a difference only where luck would bring it about in less than 5 % of the
# cases. If our line says more, neither has been shown to be better.
#
# And this was *one* fine-tuning with one seed. With heads we can afford more: the linear head on ImageNet's features,
# with five seeds:

# %% tags=["nbval-ignore-output"]
scores = [train_head(feature_set, seed=seed)[1]["val_accuracy"][-1] for seed in range(5)]
print("val accuracies:", *[f"{score:.3f}" for score in sorted(scores)])
error = standard_error(0.9, len(val_set))
print(f"one point is {0.01 * len(val_set):.1f} pictures of {len(val_set)},", end=" ")
print(f"and {0.01 / error:.1f} standard errors of an accuracy of 0.9")

# %% tags=["proof"]
if course.profile == "sample":  # on photographs all five may agree
    assert len(set(scores)) > 1, "all seeds end with the same accuracy"
assert min(scores) >= course.pick(sample=0.86, full=0.88), scores

# %% [markdown]
# On so few pictures a lead of one point is one or two pictures. It is neither strange nor a result.
#
# **Check yourself.** How many pictures would it take before one point is two standard errors of an accuracy of 0.9?
# <details><summary>Answer</summary>
#
# The standard error has to be 0.005, so 0.9 · 0.1 / n = 0.005², and n = 3,600. (Comparing picture by picture needs
# fewer, if the two classifiers often make the same mistakes.)
#
# </details>

# %% [markdown]
# ## What it costs: augmentation
#
# A picture in a table is always the same: augmentation is lost, and with it a protection against learning by heart. The
# remedy is half a step back, features of several augmented *copies*. `extract_features(…, copies=4)` goes over the
# loader four times and puts the tables one below the other. (`C` is divided by four, since four times as many losses
# are added up.)

# %% tags=["nbval-ignore-output"]
copies = 4
torch.manual_seed(0)
loader = DataLoader(augmented_set, batch_size=64)
many, many_labels = extract_features(resnet, loader, copies=copies)
plain, val_plain = feature_tables[f"ResNet-18, {side} px"]
C = probes[f"ResNet-18, {side} px"].best_params_["logisticregression__C"]


def judge(table, targets, C):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
    pipeline.fit(table, targets)
    hits = pipeline.predict(val_plain) == val_labels.numpy()
    return {"train": pipeline.score(table, targets), "val": hits.mean(), "hits": hits}


rows = {"plain": judge(plain, train_labels, C), "4 copies": judge(many, many_labels, C / copies)}
pd.DataFrame(rows).T.drop(columns="hits").astype(float).round(3)

# %% tags=["proof"]
assert torch.equal(many_labels, train_labels.repeat(copies)), "the copies are not in the order of the pictures"
assert not torch.allclose(many[: len(plain)], many[len(plain) : 2 * len(plain)]), "two copies have the same features"
if course.profile == "sample":  # the text speaks of the drawn pictures
    assert rows["4 copies"]["train"] < rows["plain"]["train"] - 0.02, rows
    difference = rows["plain"]["hits"].astype(float) - rows["4 copies"]["hits"]
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / len(difference) ** 0.5, rows

# %% [markdown]
# On the drawn pictures the head with copies learns less by heart: its training accuracy comes down. That it gets better
# at new pictures is not shown here. Each copy costs a pass.
#
# **Check yourself.** When is keeping features no option at all?
# <details><summary>Answer</summary>
#
# When the backbone learns, even if only its last layers do: its features change at every step. (But what lies before
# the first layer that learns can still be kept.) And when augmentation matters so much that no number of copies will
# do.
#
# </details>

# %% [markdown]
# ## Summary
#
# - A frozen backbone sees each picture once; on its features a head is trained in a blink, as good as behind it.
# - Neighbours, maps and linear probes show what features know; a t-SNE map is no measurement.
# - Features are good where pictures resemble, in kind and size, what the backbone has learned from.
# - Frozen in full means no gradients *and* eval mode that `train()` cannot undo: a class of your own, or `freeze`.
# - Small leads on few pictures are luck until shown otherwise: compare picture by picture, and over several seeds.
#
# **Exercises**: [07 exercises](exercises/07_feature_extraction.ipynb)
#
# **Next**: [08 · A data set of your own](08_custom_dataset.ipynb)
