# %% [markdown]
# # 07 · Feature extraction
#
# A network that no longer learns needs to see each picture only once. You freeze one so that nothing in it moves, keep
# what it says about every picture, and train one classifier after another on that within moments.
#
# **Time** about 75 minutes, of which the computer works 55 seconds · **Before this**
# [lesson 04](04_mnist_cnn.ipynb), [lesson 06](06_fine_tuning.ipynb)
#
# **You will learn to**
#
# - freeze a network in full, and prove that nothing in it moves
# - measure what half-frozen networks cost: time, memory, and what they once knew
# - compute features once, and train a linear head, logistic regression and nearest neighbours on them
# - look at features, and tell what a t-SNE picture shows and what it does not
# - compare two classifiers picture by picture, and leave luck its share

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import setup

course = setup(seed=0, lesson="07")

# %% [markdown]
# ## A backbone and its features
#
# In lesson 06 a ResNet-18 that had learned on other pictures was given a new last layer, `fc`, and learned ants and
# bees. All layers before `fc` together are called the **backbone**, the last one is the **head**. Between the two, a
# picture consists of 512 numbers: what the backbone has found in it. These are its **features**.
#
# In this lesson the backbone does not learn. It stays as it came, **frozen**, and only heads are trained. The pictures
# are those of lesson 06. `CachedImages`, which that lesson built, has decoded them once and, without `augment=True`,
# cuts out the middle of each:

# %%
from course_utils import CachedImages, hymenoptera

size = course.pick(sample=64, full=224)
train_set = CachedImages(hymenoptera("train"), size)
val_set = CachedImages(hymenoptera("val"), size)
print("train:", len(train_set), "  val:", len(val_set), "  classes:", train_set.classes)

# %% [markdown]
# To get at the features, put `nn.Identity()` in the place of the head. It is a layer that returns what it is given:

# %%
from course_utils import pretrained_resnet18


def new_backbone():
    network = pretrained_resnet18(num_classes=2)
    network.fc = nn.Identity()
    return network.to(course.device)


# %%
backbone = new_backbone().eval()
images = torch.stack([train_set[index][0] for index in range(0, 244, 16)]).to(course.device)
labels = torch.tensor(train_set.targets[0:244:16]).to(course.device)
print("images:", tuple(images.shape), "  features:", tuple(backbone(images).shape))

# %% [markdown]
# ## Only the head learns: three ways
#
# There are several ways to train nothing but the head. We write down one training step, in which only the head is given
# to the optimizer, and in which the backbone can be run under a `mode`, with or without gradients:

# %%
def step(backbone, head, mode):
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
    with mode:
        features = backbone(images)
    F.cross_entropy(head(features), labels).backward()
    optimizer.step()
    return features


# %% [markdown]
# - *in the optimizer*: nothing but that. The optimizer changes what it was given, so the backbone keeps its weights.
# - *requires_grad*: besides, `requires_grad_(False)` tells every parameter of the backbone that it needs no gradient.
#   (The underscore at the end of a PyTorch name means: changes the object itself.)
# - *no_grad*: the backbone is run under `torch.no_grad()`. Within it, no result remembers how it came about.

# %%
ways = {
    "in the optimizer": (new_backbone(), torch.enable_grad()),
    "requires_grad": (new_backbone().requires_grad_(False), torch.enable_grad()),
    "no_grad": (new_backbone(), torch.no_grad()),
}
for name, (network, mode) in ways.items():
    features = step(network, nn.Linear(512, 2).to(course.device), mode)
    gradients = sum(parameter.grad is not None for parameter in network.parameters())
    link = type(features.grad_fn).__name__ if features.requires_grad else "none"
    print(f"{name:>16}: gradients for {gradients} tensors of the backbone, grad_fn {link}")

# %% [markdown]
# In the first way the backbone got gradients, for every one of its weight tensors, that nobody uses. `backward` does
# not know what the optimizer was given. It follows `grad_fn`, the link from a result to the operation that made it, and
# from there the whole **graph** of operations back to every parameter that wants a gradient.
#
# In the second way there is no such parameter, and the pictures do not want a gradient either. So the features have no
# `grad_fn`, and their `requires_grad` is `False`: no graph was built. That is why the second way needs no `no_grad`
# besides.
#
# What does the useless graph cost? First the memory. We add up the bytes that PyTorch keeps for `backward`, without the
# network's own weights and buffers, which are there anyway. (PyTorch calls `note` with each tensor that it keeps.)

# %%
def megabytes_kept(network, mode):
    kept = {}
    there_anyway = {tensor.data_ptr() for tensor in network.state_dict().values()}

    def note(tensor):
        kept[tensor.data_ptr()] = tensor.nbytes  # by address, so that none is counted twice
        return tensor

    with mode, torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(images)
    return sum(size for address, size in kept.items() if address not in there_anyway) / 1e6


# %%
for name, (network, mode) in ways.items():
    print(f"{name:>16}: {megabytes_kept(network, mode):.0f} MB kept for {len(images)} pictures")

# %% [markdown]
# > **Common mistake.** A tutorial gives `fc.parameters()` to the optimizer and comments that all other layers are
# > frozen. Another calls its backbone frozen while its own log counts all parameters as trainable. Neither has frozen
# > anything. We time a step in the three ways (`.item()` waits until a GPU has finished):

# %%
from time import perf_counter


def fastest(action, times=5):
    seconds = []
    for _ in range(times):
        start = perf_counter()
        action()
        seconds.append(perf_counter() - start)
    return min(seconds)


# %% tags=["nbval-ignore-output"]
head = nn.Linear(512, 2).to(course.device)
seconds = {}
for name, way in ways.items():
    seconds[name] = fastest(lambda way=way: (step(way[0], head, way[1]), head.bias[0].item()))
    print(f"{name:>16}: {1000 * seconds[name]:.0f} ms per step")

# %% tags=["proof"]
wasteful, frozen, no_graph = seconds.values()
assert frozen < wasteful * 2 / 3, f"frozen {frozen:.3f} s, in the optimizer {wasteful:.3f} s"
assert no_graph > frozen / 3, f"no_grad {no_graph:.3f} s, frozen {frozen:.3f} s"

# %% [markdown]
# > All three ways leave the weights of the backbone as they are. The first takes much longer: it pays for the gradients
# > of eleven million parameters and throws them away. Ask a network what it would train before you believe that it is
# > frozen:

# %%
for name, (network, mode) in ways.items():
    trainable = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    print(f"{name:>16}: {trainable:,} trainable parameters in the backbone")

# %% [markdown]
# (The last line shows that the question has limits, too: under `no_grad` nothing is trained, but that is a property of
# the moment, not of the network.)
#
# **Check yourself.** A loop calls `optimizer.zero_grad()` before each `backward`, and the optimizer was given only the
# head. The backbone is not frozen. What is in its `grad` after ten batches?
# <details><summary>Answer</summary>
#
# The sum of ten gradients: `optimizer.zero_grad()` clears only what the optimizer was given, and `backward` adds to
# what is there. It does no harm, until somebody hands the backbone to a new optimizer and makes a step before
# clearing them.
#
# </details>

# %% [markdown]
# ## What still moves
#
# No parameter of the backbone can change now. Does nothing in it change? A network also has **buffers**: tensors that
# are saved with it, but that no gradient moves. In a ResNet they belong to BatchNorm, which lesson 04 built: the
# running averages of mean and variance, and the number of batches seen.

# %%
backbone = new_backbone().requires_grad_(False)
buffers = [name for name, buffer in backbone.named_buffers()]
print(len(buffers), "buffers, the first three:", *buffers[:3])

# %% [markdown]
# In train mode every forward pass moves the running averages, whether gradients are computed or not. And a network is
# in train mode until somebody calls `eval()`. We let the training pictures pass through once, in batches of four as a
# tutorial does, under `no_grad`, and measure how far the running averages and the features move.
#
# As the measure we take the **relative change**: the length of the difference divided by the length of what was there
# before. (The length of a list of numbers, its **norm**, is the root of the sum of its squares.)

# %%
def relative_change(after, before):
    return ((after - before).norm() / before.norm()).item()


print(round(relative_change(torch.tensor([3.0, 4.5]), torch.tensor([3.0, 4.0])), 3))

# %% [markdown]
# The features are always those of every second validation picture, in eval mode. A `snapshot` holds them together with
# the running averages, and `drift` compares two snapshots. For the running averages it takes the mean of the relative
# changes of all twenty BatchNorm layers.

# %%
judged = torch.stack([val_set[index][0] for index in range(0, len(val_set), 2)]).to(course.device)


def snapshot(network):
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        features = network.eval()(judged)  # it stays in eval mode until somebody calls train()
    return {
        "running means": [norm.running_mean.clone() for norm in norms],
        "running variances": [norm.running_var.clone() for norm in norms],
        "features": [features],
    }


def drift(after, before):
    return {what: np.mean(list(map(relative_change, after[what], before[what]))) for what in before}


# %%
from torch.utils.data import DataLoader


def pass_through(network, change=lambda images: images):
    before, rows = snapshot(network), {}
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(train_set, batch_size=4, shuffle=True, generator=generator)
    for batch, (images, _) in enumerate(loader, start=1):
        with torch.no_grad():
            network.train()(change(images).to(course.device))
        if batch in (1, 3, 10, 30, len(loader)):
            rows[batch] = drift(snapshot(network), before)
    return pd.DataFrame(rows).T


# %% tags=["nbval-ignore-output"]
drifted = new_backbone().requires_grad_(False)
by_batch = pass_through(drifted)
fig, ax = plt.subplots(figsize=(6, 3.2))
for column, style in zip(by_batch, ["o:", "s--", "^-"]):
    ax.plot(100 * by_batch[column], style, label=column)
ax.set(title="A frozen backbone left in train mode", xlabel="batches of four", xscale="log")
ax.set(ylabel="relative change in %")
ax.set_xticks(by_batch.index, by_batch.index)
ax.minorticks_off()
ax.legend()
plt.show()

# %% tags=["proof"]
for (name, weight), (_, untouched) in zip(drifted.named_parameters(), new_backbone().named_parameters()):
    assert torch.equal(weight, untouched), f"{name} was trained"

# %% tags=["nbval-ignore-output"]
moved = by_batch.iloc[-1]
(100 * by_batch).round(1)

# %% tags=["proof"]
assert moved.min() > 0.02, moved
if course.profile == "sample":  # how far another backbone moves is not known
    assert moved["running means"] < 0.15, moved
    assert moved["running means"] < moved["running variances"] < moved["features"] / 2, moved
    assert moved["features"] > 0.3, moved

# %% [markdown]
# Not one weight was trained, and yet the backbone says something else about the same pictures. On the sample pictures
# the running means move by a few percent, the variances by more, and the features by far more: they come out at the end
# of twenty layers, each of which has shifted a little.
#
# The averages follow what passes through, and that is only ants and bees now, where it used to be many kinds of things.
# (The small batches add their part: mean and variance of four pictures are rough.)
# In eval mode nothing moves at all, not in the last bit:

# %%
still = new_backbone().requires_grad_(False).eval()
before = snapshot(still)
for four in judged.split(4):
    still(four)
after = snapshot(still)
for what, change in drift(after, before).items():
    print(f"{what:<18}{change}")

# %% tags=["proof"]
for what in before:
    for old, new in zip(before[what], after[what]):
        assert torch.equal(old, new), f"{what} have moved in eval mode"

# %% [markdown]
# ## Who is hurt?
#
# A new head is trained on features as they are, moved or not, and may never notice; we shall see. But a pretrained
# backbone often serves several tasks. What about the task it was made for? The file of the backbone holds the old head,
# too. (A `.safetensors` file holds tensors and nothing else, so reading it runs no code.)

# %%
from safetensors.torch import load_file

from course_utils import backbone_file, load_checkpoint

file = backbone_file()
weights = load_file(file) if file.suffix == ".safetensors" else load_checkpoint(file)
old_head = nn.Linear(512, len(weights["fc.bias"]))
old_head.load_state_dict({name: weights[f"fc.{name}"].float() for name in ["weight", "bias"]})
print("old classes:", old_head.out_features)

# %% [markdown]
# Which of the old classes does the untouched network see in our pictures? In the sample there is no right one: it has
# never met an ant or a bee. (The sample's file also holds the names of its classes; elsewhere we must do with numbers.)

# %% tags=["nbval-ignore-output"]
import json

from safetensors import safe_open


def old_answers(network):
    with torch.no_grad():
        return old_head(network.eval()(judged).cpu()).argmax(dim=1)


names = range(old_head.out_features)
if course.profile == "sample":
    with safe_open(file, "pt") as opened:
        names = json.loads(opened.metadata()["classes"])
answers = old_answers(still)
pd.Series([names[answer] for answer in answers]).value_counts().head(6)

# %% tags=["proof"]
assert len(answers) == len(judged), f"{len(answers)} answers for {len(judged)} pictures"
if course.profile == "sample":  # the classes of ImageNet are other ones
    assert not {"ant", "ants", "bee", "bees"} & set(names), "the backbone has met ants or bees"
    animals = {"beetle", "butterfly", "crab", "fly", "dragonfly", "grasshopper", "ladybird", "scorpion", "spider"}
    most = pd.Series([names[answer] for answer in answers]).value_counts().head(4)
    assert {*most.index} <= animals | {"bird", "centipede", "water strider"}, most

# %% [markdown]
# On the sample pictures the most frequent answers are things with legs or wings. Features that were learned for other
# classes answer to new things, too. Whether they tell ants from bees, the heads below will show.
#
# The pictures on which the backbone was pretrained are not part of the course, so we cannot score its old task. But we
# can count how many of the old answers stay the same after the running averages have moved. We do it for two new tasks:
# one with our pictures, and one with pictures of a camera in bad light. `darken` takes away 70 % of the light. (`black`
# is what normalization makes of the value 0.)

# %%
mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
black = (-mean / std)[:, None, None]


def darken(images):
    return black + 0.3 * (images - black)


# %% tags=["nbval-ignore-output"]
drifted_in_the_dark = new_backbone().requires_grad_(False)
table = pd.DataFrame({
    "eval mode": drift(after, before),
    "train mode, our pictures": moved,
    "train mode, dark pictures": pass_through(drifted_in_the_dark, darken).iloc[-1],
}).T
networks = [still, drifted, drifted_in_the_dark]
kept = [(old_answers(network) == answers).float().mean().item() for network in networks]
table["old answers kept"] = kept
table.round(2)

# %% tags=["proof"]
assert kept[0] == 1, f"eval mode keeps only {kept[0]:.2f} of the answers"
assert kept[1] < 1, "train mode changes no answer"
if course.profile == "sample":  # how far another backbone moves is not known
    assert kept[2] < kept[1] < 0.5, f"answers kept: {kept}"

# %% [markdown]
# The judged pictures are the same bright ones in all three rows. One epoch of new pictures has changed the answers of
# the backbone; on the sample pictures in more than half of the cases, and after dark pictures in still more. Who shares
# a backbone between tasks and forgets `eval()` on it breaks the old task while the new one trains, and no error is
# raised.
#
# **Check yourself.** A backbone without BatchNorm is frozen with `requires_grad_(False)` and left in train mode. It has
# `Dropout` layers, which in train mode replace randomly chosen numbers by 0. What happens?
# <details><summary>Answer</summary>
#
# It keeps all weights, and no running averages are there to move. But the features of a picture are different each
# time, by chance, and whoever keeps them keeps one of many draws. Train mode means more than BatchNorm; a frozen
# network belongs in eval mode as a whole.
#
# </details>

# %% [markdown]
# ## Freezing by hand
#
# So we call `eval()` on the backbone, and it is done? Let us train a head for one epoch with `fit`, which lesson 03
# built, on a few pictures (`Subset` picks some examples of a data set), and list what has changed:

# %%
from torch.utils.data import Subset

from course_utils import fit

few = DataLoader(Subset(train_set, range(0, 244, 8)), batch_size=8)


def changed_by_training(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.01)
    fit(model, few, optimizer=optimizer, epochs=1, progress=False)
    after = model.state_dict()
    return [name for name in before if not torch.equal(after[name], before[name])]


# %%
def new_model():
    return pretrained_resnet18(num_classes=2).to(course.device)


def report(name, model):
    model.fc.requires_grad_(True)  # whatever was frozen before, the head learns
    changed = changed_by_training(model)
    buffers = [entry for entry, buffer in model.named_buffers()]
    of_head = sum(entry.startswith("fc.") for entry in changed)
    averages = sum(entry in buffers for entry in changed)
    others = len(changed) - of_head - averages
    print(f"{name:>16}: head {of_head}, other weights {others}, buffers {averages}")


report("in the optimizer", new_model())
report("requires_grad", new_model().requires_grad_(False))
report("and eval()", new_model().requires_grad_(False).eval())

# %% [markdown]
# The third line is the disappointment: all buffers have moved although we called `eval()`. At the start of each epoch
# `fit` calls `model.train()`, as every training loop does, and `train()` puts a model *and all parts of it* into train
# mode. Our `eval()` was undone before the first batch.
#
# So a frozen network has to refuse `train()`. Python looks for a method on the object first and then in its class.
# Therefore we give each part of the network a `train` of its own, which does nothing and returns the part, as `train`
# should. (`part=part` binds each function to its own part; without it all of them would use the last one.)

# %%
def freeze_by_hand(module):
    module.requires_grad_(False).eval()
    for part in module.modules():
        part.train = lambda mode=True, part=part: part
    return module


# %%
report("frozen by hand", freeze_by_hand(new_model()))

# %% [markdown]
# The head has learned, and nothing else has moved. This is what `freeze` does, which lesson 06 used:

# %%
from course_utils import freeze

model = freeze(new_model())
report("helper", model)
in_train_mode = sum(part.training for part in model.train().modules())
print(f"after train(), {in_train_mode} of {len(list(model.modules()))} parts are in train mode")

# %% tags=["proof"]
assert not any(part.training for part in freeze_by_hand(new_model()).train().modules()), "not frozen by hand"

# %% [markdown]
# The helper does a little more. A part of a frozen network can be thawed with `unfreeze`, which removes that part's own
# `train` and lets it have gradients again. After that `train()` and `eval()` have to reach this part through the frozen
# network around it, so the helper's `train` passes the call on to the children.

# %%
from course_utils import unfreeze

model = freeze(new_model())
unfreeze(model.fc)
for mode in ["eval", "train"]:
    model.train(mode == "train")
    parts = {"fc": model.fc, "layer4": model.layer4}
    modes = {name: "train" if part.training else "eval" for name, part in parts.items()}
    print(f"after {mode}():", modes)
print("learns:", [name for name, weight in model.named_parameters() if weight.requires_grad])

# %% [markdown]
# ## Each picture once
#
# A network in which nothing moves says the same about a picture each time. In 25 epochs it would compute the same
# features 25 times. So compute them once and keep them; the head is then trained on a table of features.
#
# `torch.inference_mode()`, known from lesson 03, is a stricter `no_grad`: the tensors made in it can never take part in
# a graph. Those that `torch.cat` makes of them afterwards, outside, are ordinary ones again.

# %%
backbone = freeze(new_backbone())


def features_by_hand(backbone, loader):
    features, labels = [], []
    with torch.inference_mode():
        for images, targets in loader:
            features.append(backbone(images.to(course.device)).cpu())
            labels.append(targets)
    return torch.cat(features), torch.cat(labels)


val_loader = DataLoader(val_set, batch_size=64)
val_features, val_labels = features_by_hand(backbone, val_loader)
print("features:", tuple(val_features.shape), "  labels:", tuple(val_labels.shape))

# %% [markdown]
# The loader must not shuffle, so that row 7 belongs to picture 7. The helper `extract_features` does the same. It also
# calls `eval()` first, in case that somebody hands it a network that is not frozen. (`assert_close` says nothing where
# two tensors agree up to rounding, and stops with an error where they do not.)

# %% tags=["nbval-ignore-output"]
from course_utils import extract_features

start = perf_counter()
train_features, train_labels = extract_features(backbone, DataLoader(train_set, batch_size=64))
by_helper, _ = extract_features(backbone, val_loader)
seconds_to_extract = perf_counter() - start
print(f"features of {len(train_set) + len(val_set)} pictures: {seconds_to_extract:.1f} s")

# %% tags=["proof"]
assert train_features.shape == (len(train_set), 512), tuple(train_features.shape)
assert train_labels.tolist() == list(train_set.targets), "the rows are in another order than the pictures"
assert not train_features.requires_grad and not train_features.is_inference(), "no ordinary tensors"

# %%
torch.testing.assert_close(by_helper, val_features, rtol=1e-3, atol=1e-3)

# %% [markdown]
# They can be kept in a file, too, and used next week without the backbone:

# %%
import tempfile
from pathlib import Path

from course_utils import save_checkpoint

with tempfile.TemporaryDirectory() as folder:
    cache = Path(folder) / "features.pt"
    save_checkpoint(cache, {"features": train_features, "labels": train_labels})
    again = load_checkpoint(cache)
    print(f"{cache.stat().st_size / 1000:.0f} kB", list(again))
torch.testing.assert_close(again["features"], train_features, rtol=0, atol=0)

# %% [markdown]
# **Check yourself.** The file says nothing about how it came about. What could make it wrong without anybody noticing?
# <details><summary>Answer</summary>
#
# A picture added, removed or renamed, so that the rows belong to others; another size or transform; another backbone,
# or the same one after its running averages have moved. Write names and settings into the file and compare them when
# loading. The last exercise does that with the names.
#
# </details>

# %% [markdown]
# ## A linear head
#
# On the table of features, `fit` works as on pictures. `TensorDataset` makes a data set of it. The head is the same
# `nn.Linear(512, 2)` that was the `fc` of the network, and it stays on the CPU, where its table is.

# %%
from torch.utils.data import TensorDataset

from course_utils import evaluate

feature_set = TensorDataset(train_features, train_labels)
val_feature_loader = DataLoader(TensorDataset(val_features, val_labels), batch_size=153)


def shuffled(dataset, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size=16, shuffle=True, generator=generator)


def train_head(dataset, epochs=25, seed=0, lr=0.003):
    torch.manual_seed(seed)
    head = nn.Linear(512, 2)
    settings = {"optimizer": torch.optim.AdamW(head.parameters(), lr=lr), "epochs": epochs}
    return head, fit(head, shuffled(dataset, seed), val_feature_loader, **settings, progress=False)


# %% tags=["nbval-ignore-output"]
from course_utils import plot_history

head, history = train_head(feature_set)
plot_history(history)
plt.show()
print(f"25 epochs: {sum(history['seconds']):.2f} s, val accuracy {history['val_accuracy'][-1]:.3f}")

# %% tags=["proof"]
last = history["val_accuracy"][-1]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert last >= course.pick(sample=0.8, full=0.9), f"val accuracy {last:.3f}"

# %% [markdown]
# Is it the same training? Put a head behind the frozen backbone and train it on pictures for one epoch, with the same
# starting weights, the same batches in the same order. The weights should come out as with the table, up to rounding:

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
head_on_pictures = nn.Linear(512, 2).to(course.device)
whole = nn.Sequential(backbone, head_on_pictures)
optimizer = torch.optim.AdamW(head_on_pictures.parameters(), lr=0.003)
loader = shuffled(train_set)
through = fit(whole, loader, val_loader, optimizer=optimizer, epochs=1, progress=False)
once, every_epoch = seconds_to_extract + sum(history["seconds"]), through["seconds"][0]
print(f"features once and 25 epochs of the head: {once:.1f} s")
print(f"one epoch through the backbone: {every_epoch:.1f} s")
print(f"so 25 epochs would take about {25 * every_epoch:.0f} s")
print(f"that is {25 * every_epoch / once:.0f} times as long")

# %% tags=["proof"]
if course.device.type == "cpu":  # a GPU is through with the pictures so soon that other things count
    assert 25 * every_epoch > 8 * once, f"one epoch {every_epoch:.1f} s, features once {once:.1f} s"
    assert seconds_to_extract > sum(history["seconds"]), f"{seconds_to_extract:.1f} of {once:.1f} s"

# %% tags=["nbval-ignore-output"]
head_on_features, _ = train_head(feature_set, epochs=1)
pairs = zip(head_on_features.parameters(), head_on_pictures.cpu().parameters())
largest = max((ours - theirs).abs().max().item() for ours, theirs in pairs)
print(f"the weights of the two heads differ by at most {largest:.1e}")

# %% tags=["proof"]
assert largest < 3e-3, f"the weights differ by up to {largest:.1e}"  # by less than one step of AdamW

# %% [markdown]
# It is the same training without the repetitions. On a CPU most of the time went into the one pass through the
# backbone. So the gain is about the number of epochs, if the machine does nothing else meanwhile. (It may be a little
# more, since the epoch runs in batches of 16 and the extraction in larger ones.) And it grows with every further head,
# every other learning rate, every further seed that is tried.
#
# The trained head can return to its network, which then takes pictures:

# %% tags=["nbval-ignore-output"]
model = freeze(new_backbone())
model.fc = head.to(course.device)
on_pictures = evaluate(model, val_loader)["accuracy"]
on_features = evaluate(head.cpu(), val_feature_loader)["accuracy"]
print(f"accuracy on pictures {on_pictures:.3f}, on features {on_features:.3f}")

# %% tags=["proof"]
assert abs(on_pictures - on_features) < 0.01, f"on pictures {on_pictures:.3f}, on features {on_features:.3f}"

# %% [markdown]
# ## Neighbours
#
# What do the features say? A direct question to them: which training pictures are most similar to this one? The
# distance between two rows of features is the length of their difference, and `torch.cdist` computes it for every pair
# of rows of two tables. For comparison we ask the pixels, too; a row then holds all of a picture's pixels.

# %%
train_pixels = torch.stack([image for image, label in train_set]).flatten(1)
val_pixels = torch.stack([image for image, label in val_set]).flatten(1)
tables = {"features": (train_features, val_features), "pixels": (train_pixels, val_pixels)}


# %%
def neighbours(asked, table, k=5):
    return torch.cdist(asked, table).topk(k, largest=False).indices


by_hand = (train_features - val_features[100]).norm(dim=1).argmin()
nearest = neighbours(val_features[[100]], train_features)[0]
print("the nearest five:", nearest.tolist(), "  the nearest one by hand:", by_hand.item())

# %% tags=["proof"]
assert nearest[0] == by_hand, f"by hand {by_hand}, nearest {nearest}"

# %%
from course_utils import denormalize


def show_neighbours(index):
    fig, axes = plt.subplots(2, 6, figsize=(8, 3.2))
    for row, (what, (table, asked)) in zip(axes, tables.items()):
        nearest = neighbours(asked[[index]], table)[0].tolist()
        shown = [val_set[index], *(train_set[other] for other in nearest)]
        for ax, (image, label) in zip(row, shown):
            ax.imshow(denormalize(image).permute(1, 2, 0))
            ax.set_title(train_set.classes[label], fontsize=9)
            ax.axis("off")
        row[0].set_title(f"asked: {train_set.classes[val_set.targets[index]]}", fontsize=9)
        row[1].set_title(f"by {what}: {row[1].get_title()}", fontsize=9)
    plt.show()


# %%
show_neighbours(5)
show_neighbours(100)

# %% tags=["proof"]
if course.profile == "sample":  # the text speaks of a drawn picture
    hits = train_labels[neighbours(val_features[[5]], train_features)[0]] == val_labels[5]
    assert hits.sum() <= 2, f"{hits.sum()} of five neighbours are of the same class"

# %% [markdown]
# On the left the picture that is asked about, to its right the five nearest training pictures, the nearest first.
# Pixels find pictures with the same colours in the same places: the same background. The features find other things,
# and they are not always right either: of the sample's pictures the first was chosen because they mostly miss on it.
# Change the index and look at more of them. Examples prove nothing, so in numbers, over all validation pictures: how
# many of the five nearest are of the same class?

# %% tags=["nbval-ignore-output"]
share = {}
for what, (table, asked) in tables.items():
    same = train_labels[neighbours(asked, table)] == val_labels[:, None]
    share[what] = same.float().mean().item()
    print(f"{what:>8}: {share[what]:.2f} of the five nearest are of the same class")

# %% tags=["proof"]
assert share["features"] > share["pixels"] + course.pick(sample=0.1, full=0.05), share
if course.profile == "sample":  # photographs may show ants and bees before other backgrounds
    assert abs(share["pixels"] - 0.5) < 0.08, share

# %% [markdown]
# With two classes of nearly the same size, guessing would give about a half. On the sample pictures pixels do no
# better.
#
# ## A map of the features, with care
#
# 512 numbers cannot be drawn. **t-SNE** places one point for each picture on a plane so that pictures which are
# neighbours in the table become neighbours on the plane, as well as it can. It is told no labels; they only decide
# colour and marker afterwards.

# %%
from sklearn.manifold import TSNE


def draw_map(ax, table, title, perplexity=30):
    places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(table.numpy())
    for label, marker in enumerate("o^"):
        chosen = places[val_labels == label]
        ax.plot(*chosen.T, marker, markersize=4, label=train_set.classes[label])
    ax.set(title=title, xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])


# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6))
draw_map(axes[0], val_pixels, title="validation pictures by pixels")
draw_map(axes[1], val_features, title="validation pictures by features")
axes[1].legend()
plt.show()

# %% [markdown]
# By pixels the two classes lie mixed all over the map. By features each class prefers a side of its own, with a zone in
# between where both occur. Since no labels were used, this order was in the features.
#
# Beware of reading more than that. The axes have no meaning. The map keeps neighbourhoods, not distances: two islands
# that lie far apart need not be more different than two that lie close, and a large island need not be more varied than
# a small one. Which islands appear depends on `perplexity`, roughly the number of neighbours it looks at. Here are our
# features with a small one, and beside them the same number of rows of pure noise:

# %%
torch.manual_seed(0)
noise = torch.randn(len(val_features), 512)
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2))
draw_map(axes[0], val_features, "features, perplexity 60", perplexity=60)
draw_map(axes[1], val_features, "features, perplexity 2", perplexity=2)
draw_map(axes[2], noise, "noise, perplexity 2", perplexity=2)
fig.suptitle("Circles are ants, triangles are bees")
plt.show()

# %% [markdown]
# On the left a cloud, in the middle the very same features broken into many little islands. On the right, groups and
# chains as well, although there is nothing to be grouped: every row was drawn at random, and the labels have nothing to
# do with it. Islands alone prove nothing.
#
# A map is good for finding questions: which pictures lie among the other class? Answers come from numbers in all 512
# dimensions, like the share of neighbours above.
#
# **Check yourself.** On a t-SNE map of *training* features of a network that was fine-tuned on them, the classes lie on
# two clean islands. What does it show about new pictures?
# <details><summary>Answer</summary>
#
# Little. The network was trained until it told exactly these pictures apart. Draw pictures that it has not learned
# from, and better still, count its mistakes on them.
#
# </details>

# %% [markdown]
# ## Other heads
#
# A table of features is what classical methods take, and scikit-learn has dozens. We try two. **Logistic regression**
# is a linear head, too, but it is trained to the end and not for a number of epochs. A setting `C` says how much the
# loss counts against the size of the weights; a small `C` keeps the weights small. **k nearest neighbours** lets the
# `k` nearest training pictures vote.
#
# Both look at sizes: a feature with large values would drown the others. So each feature is **standardized** first:
# subtract its mean, divide by its standard deviation, both of the *training* pictures, because the validation pictures
# stand for those that nobody has seen yet.

# %%
from sklearn.preprocessing import StandardScaler

X, y = train_features.numpy(), train_labels.numpy()
X_val, y_val = val_features.numpy(), val_labels.numpy()
by_hand = (X_val - X.mean(axis=0)) / X.std(axis=0)
scaler = StandardScaler().fit(X)
torch.testing.assert_close(scaler.transform(X_val), by_hand, rtol=1e-3, atol=1e-3)

# %% [markdown]
# Which `C`, which `k`? To choose them on the validation pictures would spoil these for judging. **Cross-validation**
# chooses with the training pictures alone: deal them into five parts, train on four, judge on the fifth, each part in
# its turn, and take the average. `GridSearchCV` does it for every setting and then trains once more with the best one,
# on all. A `Pipeline` ties the scaler to the classifier, so that it, too, is fitted on the four parts only.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

folds = StratifiedKFold(5, shuffle=True, random_state=0)


def search(classifier, setting, values, table=X):
    pipeline = Pipeline([("scale", StandardScaler()), ("head", classifier)])
    return GridSearchCV(pipeline, {f"head__{setting}": values}, cv=folds).fit(table, y)


# %% tags=["nbval-ignore-output"]
start = perf_counter()
logistic = search(LogisticRegression(max_iter=2000), "C", [1e-4, 1e-3, 1e-2, 0.1, 1.0])
knn = search(KNeighborsClassifier(), "n_neighbors", [1, 3, 5, 9, 15, 25, 41])
print(f"both searches: {perf_counter() - start:.1f} s for {12 * 5 + 2} trainings")
for found in [logistic, knn]:
    print(found.best_params_, f"cross-validation {found.best_score_:.3f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert logistic.best_score_ >= course.pick(sample=0.75, full=0.9), f"logistic regression {logistic.best_score_:.3f}"
    assert knn.best_score_ >= course.pick(sample=0.7, full=0.85), f"neighbours {knn.best_score_:.3f}"

# %% [markdown]
# (The head in torch had the features as they are. A linear head can make up for their sizes by its weights, neighbours
# cannot.) Now the validation pictures, with a standard error beside each accuracy, as in lesson 04. For comparison:
# neighbours by pixels, and "always the larger class".

# %% tags=["nbval-ignore-output"]
from course_utils import standard_error

by_pixels = search(KNeighborsClassifier(), "n_neighbors", [1, 5, 15, 41], train_pixels.numpy())
scores = {
    "linear head (torch)": history["val_accuracy"][-1],
    "logistic regression": logistic.score(X_val, y_val),
    "k nearest neighbours": knn.score(X_val, y_val),
    "k nearest neighbours, pixels": by_pixels.score(val_pixels.numpy(), y_val),
    "always the larger class": max(np.bincount(y_val)) / len(y_val),
}
errors = [standard_error(score, len(y_val)) for score in scores.values()]
pd.DataFrame({"val accuracy": scores.values(), "standard error": errors}, index=scores).round(3)

# %% tags=["proof"]
*of_features, pixels, always = scores.values()
assert min(of_features) >= pixels + 0.1, scores
assert max(of_features) - min(of_features) < 3 * max(errors[:3]), scores
if course.profile == "sample":  # backgrounds may help on photographs
    assert pixels < always + 0.08, scores

# %% [markdown]
# The three heads on features lie within a few standard errors of each other. It is the features that make the
# difference: on the sample pictures, neighbours by pixels hardly do better than always giving the same answer.
#
# Now to the promise: does the *new* task notice that a backbone has drifted? For our pictures and for those in bad
# light, we extract features from the untouched backbone and from the one that drifted on such pictures, and train the
# same logistic regression on them. (`clone` makes an untrained copy with the same settings. `extract_features` takes
# anything that yields batches, so a list will do.)

# %%
from sklearn.base import clone


def new_task(network, change=lambda images: images):
    tables = []
    for dataset in [train_set, val_set]:
        loader = DataLoader(dataset, batch_size=64)
        batches = [(change(images), labels) for images, labels in loader]
        tables.append(extract_features(network, batches)[0].numpy())
    return clone(logistic.best_estimator_).fit(tables[0], y).score(tables[1], y_val)


# %% tags=["nbval-ignore-output"]
noticed = pd.DataFrame({
    "untouched": {"our pictures": new_task(still), "dark pictures": new_task(still, darken)},
    "drifted": {
        "our pictures": new_task(drifted),
        "dark pictures": new_task(drifted_in_the_dark, darken),
    },
})
noticed.round(3)

# %% tags=["proof"]
if course.profile == "sample":  # what another backbone loses is not known
    lost = noticed["untouched"] - noticed["drifted"]
    assert lost.max() < 0.06, noticed

# %% [markdown]
# On the sample pictures it hardly notices. In the dark it may even gain, perhaps because the averages have adapted to
# dark pictures. This is why the mistake lives on: whoever trains the new head sees nothing wrong. It is the old task
# that pays.

# %% [markdown]
# ## Against fine-tuning
#
# Does it pay to train all layers, as in lesson 06? One run over six epochs, with augmentation, here with AdamW and one
# cycle. (Its learning rate was found by looking at these same validation pictures, which flatters it a little.)

# %% tags=["nbval-ignore-output"]
from torch.optim.lr_scheduler import OneCycleLR

augmented_set = CachedImages(hymenoptera("train"), size, augment=True)
epochs = 6
torch.manual_seed(0)
tuned = new_model()
loader = shuffled(augmented_set)
optimizer = torch.optim.AdamW(tuned.parameters(), lr=3e-4)
scheduler = OneCycleLR(optimizer, max_lr=3e-4, total_steps=epochs * len(loader))
settings = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs}
tuning = fit(tuned, loader, val_loader, **settings, progress=False)
print(f"all layers: {sum(tuning['seconds']):.0f} s, val accuracy {tuning['val_accuracy'][-1]:.3f}")
print(f"features once: {seconds_to_extract:.1f} s, logistic {scores['logistic regression']:.3f}")

# %% tags=["proof"]
last = tuning["val_accuracy"][-1]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert last >= course.pick(sample=0.8, full=0.88), f"val accuracy {last:.3f}"
if course.device.type == "cpu":  # a GPU is through with the pictures so soon that other things count
    times = sum(tuning["seconds"]) / seconds_to_extract
    assert times > 3, f"fine-tuning takes {times:.1f} times as long"

# %% [markdown]
# Fine-tuning takes many times as long. (In `full` read all these accuracies with the leak of lesson 06 in mind: the
# photographs are from ImageNet, so the backbone may have been trained on the very pictures that we validate on.)
#
# Which is better? A widely copied tutorial found its frozen network a little ahead of the fine-tuned one and called
# that strange. Before we wonder, we ask how much luck is in it. The standard error of a single accuracy says by how
# much it would move on other pictures. But both classifiers have judged the *same* pictures, so we can look closer:

# %% tags=["nbval-ignore-output"]
from course_utils import predict

logits, _ = predict(tuned, val_loader)
tuned_right = logits.argmax(dim=1).numpy() == y_val
frozen_right = logistic.predict(X_val) == y_val
pd.crosstab(
    pd.Series(frozen_right, name="frozen").map({True: "right", False: "wrong"}),
    pd.Series(tuned_right, name="fine-tuned").map({True: "right", False: "wrong"}),
)

# %% tags=["proof"]
assert len(tuned_right) == len(frozen_right) == len(val_set), f"{len(tuned_right)}, {len(frozen_right)} answers"

# %% tags=["nbval-ignore-output"]
only_frozen = int((frozen_right & ~tuned_right).sum())
only_tuned = int((tuned_right & ~frozen_right).sum())
print(f"only fine-tuned right: {only_tuned}, only frozen right: {only_frozen}")
print(f"the lead: {tuned_right.sum()} - {frozen_right.sum()} = {only_tuned} - {only_frozen}")

# %% tags=["proof"]
assert tuned_right.sum() - frozen_right.sum() == only_tuned - only_frozen, "the lead is another number"

# %% [markdown]
# Pictures that both get right, or both get wrong, say nothing about which is better. What counts are the pictures on
# which they disagree, in the two corners with "right" and "wrong". If the two were equally good, each of these
# pictures would be a toss of a coin. So toss it many times: how often does luck alone make the two counts as uneven
# as ours? (With `h` heads in `n` tosses there are `n - h` tails, so heads and tails differ by `2 * h - n`.) (This is
# the **sign test**; applied to two classifiers it is also called McNemar's test.)

# %% tags=["nbval-ignore-output"]
def by_luck(first, second):
    tosses = np.random.default_rng(0).binomial(first + second, 0.5, size=100_000)
    return np.mean(abs(2 * tosses - first - second) >= abs(first - second))


luck = by_luck(only_frozen, only_tuned)
print(f"{only_frozen} to {only_tuned}: luck alone is at least this uneven", end=" ")
print(f"in {luck:.0%} of the cases")

# %% tags=["proof"]
from scipy.stats import binomtest

exact = binomtest(only_frozen, only_frozen + only_tuned).pvalue
assert abs(luck - exact) < 0.01, f"by tossing {luck:.3f}, exactly {exact:.3f}"

# %%
for first, second in [(12, 10), (20, 2)]:
    print(f"{first} to {second}: luck alone is at least this uneven", end=" ")
    print(f"in {by_luck(first, second):.2%} of the cases")

# %% tags=["proof"]
assert by_luck(12, 10) > 0.5, by_luck(12, 10)
assert by_luck(20, 2) < 0.001, by_luck(20, 2)

# %% [markdown]
# Luck alone makes 12 to 10, or worse, in more than half of all cases, and 20 to 2 in fewer than one of a thousand.
# (That is not the probability that 12 to 10 *is* luck. For that one would have to know, besides, how likely it was from
# the start that the two are equally good.)
#
# A custom is to speak of a difference only where luck would bring it about in less than 5 % of the cases. Judge our own
# two counts by it: if their line says more, the table has not shown that either one is better, whichever is in front.
#
# And this was *one* fine-tuning with one seed; with another it ends a little higher or lower. With heads we can afford
# to look at that. The linear head with eight seeds:

# %% tags=["nbval-ignore-output"]
of_seeds = [train_head(feature_set, seed=seed)[1]["val_accuracy"][-1] for seed in range(8)]
print("val accuracies:", *[f"{score:.3f}" for score in sorted(of_seeds)])
print(f"from lowest to highest: {100 * (max(of_seeds) - min(of_seeds)):.1f} points")

# %% tags=["proof"]
assert len(set(of_seeds)) > 1, "all seeds end with the same accuracy"
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert min(of_seeds) >= course.pick(sample=0.78, full=0.88), of_seeds

# %%
error = standard_error(0.9, len(y_val))
print(f"one point is {0.01 * len(y_val):.1f} pictures of {len(y_val)},", end=" ")
print(f"and {0.01 / error:.1f} standard errors of an accuracy of 0.9")

# %% [markdown]
# On 153 pictures a lead of one point is one or two pictures. It is neither strange nor a result.
#
# **Check yourself.** How many pictures would it take before one point is two standard errors of an accuracy of 0.9?
# <details><summary>Answer</summary>
#
# The standard error has to be 0.005, so 0.9 · 0.1 / n = 0.005², and n = 3,600. (Comparing picture by picture needs
# fewer, if the two classifiers often make the same mistakes.)
#
# </details>

# %% [markdown]
# ## What the cache costs: augmentation
#
# A cached picture is always the same. Augmentation, which draws another crop and perhaps mirrors it each time, is lost,
# and with it a protection against learning by heart. The remedy is half a step back: compute features of several
# augmented **copies** of the training pictures. `extract_features(…, copies=8)` goes over the loader eight times. The
# loader draws other crops each time, but keeps the order, so the result holds eight tables one below the other.

# %% tags=["nbval-ignore-output"]
copies = course.pick(sample=8, full=4)
torch.manual_seed(0)
start = perf_counter()
loader = DataLoader(augmented_set, batch_size=64)
many, many_labels = extract_features(backbone, loader, copies=copies)
print(f"{copies} copies: features {tuple(many.shape)} in {perf_counter() - start:.1f} s")

# %% tags=["proof"]
assert torch.equal(many_labels, train_labels.repeat(copies)), "the copies are not in the order of the pictures"
first, second = many.split(len(train_set))[:2]
assert not torch.allclose(first, second), "two copies have the same features"

# %% [markdown]
# Does it help? We train logistic regression on the plain table, on one copy, on two, and so on. It has no luck of its
# own, since it has no random start, but which crops were drawn is luck. So where one or two copies are used, we repeat
# it with each part of the eight in turn. `C` is divided by the number of copies: with twice as many rows the sum of the
# losses would otherwise count twice as much.

# %%
def judge(table, labels, number=1):
    pipeline = clone(logistic.best_estimator_)
    pipeline.set_params(head__C=logistic.best_params_["head__C"] / number).fit(table, labels)
    of_truth = pipeline.predict_proba(X_val)[np.arange(len(y_val)), y_val]
    right = pipeline.predict(X_val) == y_val
    accuracies = {"train": pipeline.score(table, labels), "val": right.mean()}
    return {**accuracies, "val loss": -np.log(of_truth).mean(), "right": right}


# %%
def draws(number):
    parts = zip(many.split(number * len(X)), many_labels.split(number * len(X)))
    return [judge(table.numpy(), labels.numpy(), number) for table, labels in parts]


# %% tags=["nbval-ignore-output"]
by_copies = {"plain": [judge(X, y)]}
for number in [1, 2, 4, 8]:
    if number <= copies:
        by_copies[f"{number} augmented"] = draws(number)
rows = {}
for name, results in by_copies.items():
    numbers = pd.DataFrame(results).drop(columns="right")
    losses = numbers["val loss"]
    rows[name] = {**numbers.mean(), "lowest loss": losses.min(), "highest loss": losses.max()}
table = pd.DataFrame(rows).T
table.round(3)

# %% tags=["proof"]
if course.profile == "sample":  # the text speaks of the drawn pictures
    gap, val_loss = table["train"] - table["val"], table["val loss"]
    assert table["train"].iloc[1:].is_monotonic_decreasing, table
    assert gap["8 augmented"] < gap["1 augmented"] - 0.03, table
    assert val_loss["8 augmented"] < val_loss["1 augmented"] - 0.01, table
    assert abs(val_loss["plain"] - val_loss["8 augmented"]) < 0.04, table

# %% [markdown]
# The columns `train` and `val` are accuracies. On the sample pictures, read downwards from one copy: with more copies
# the head learns less by heart, so its training accuracy falls towards the validation accuracy, and the validation loss
# falls, too. How much single draws differ is in the last two columns.
#
# And compared with the plain pictures? All heads have judged the same pictures, so we compare picture by picture, as in
# lesson 06: for each picture, 1 or 0 for the plain head, minus the share of draws that got it right. The standard error
# is that of the mean of these differences:

# %% tags=["nbval-ignore-output"]
plain_right, behind = by_copies["plain"][0]["right"], {}
for name in table.index[1:]:
    share_right = np.mean([result["right"] for result in by_copies[name]], axis=0)
    by_picture = plain_right - share_right
    error = by_picture.std(ddof=1) / len(by_picture) ** 0.5
    behind[name] = {"plain is ahead by": by_picture.mean(), "standard error": error}
pd.DataFrame(behind).T.round(3)

# %% tags=["proof"]
for name in behind:
    lead = table.loc["plain", "val"] - table.loc[name, "val"]
    assert np.isclose(behind[name]["plain is ahead by"], lead), f"{name}: {behind[name]}, by the table {lead:.3f}"
if course.profile == "sample":  # the text speaks of the drawn pictures
    errors = {name: row["plain is ahead by"] / row["standard error"] for name, row in behind.items()}
    assert min(errors.values()) > -1, f"copies show a gain: {errors}"
    assert 1 < errors["1 augmented"] < 3, errors
    assert abs(errors["8 augmented"]) < 2, errors
    assert behind["8 augmented"]["plain is ahead by"] < behind["1 augmented"]["plain is ahead by"], behind

# %% [markdown]
# On the sample pictures no number of copies shows a gain in accuracy over the plain table. A single augmented copy is
# probably a little worse: the plain table is ahead of it by nearly two standard errors. One copy is just as fixed as
# the plain pictures, and its crops are cut unlike the pictures on which the head is judged. The plain table and that of
# eight copies cannot be told apart, and their losses lie close together. So here copies are a remedy for learning by
# heart, not a gain. Each costs one pass through the backbone.
#
# **Check yourself.** When is caching no option at all?
# <details><summary>Answer</summary>
#
# When the backbone learns, even if only its last layers do: its features change at every step. (But what lies before
# the first layer that learns can still be cached.) And when augmentation matters so much that no number of copies will
# do.
#
# </details>

# %% [markdown]
# ## Summary
#
# - Frozen in full means: `requires_grad_(False)`, eval mode that `train()` cannot undo, and so no graph: `freeze`.
# - An optimizer that gets only the head freezes nothing; train mode lets running averages and features drift away.
# - A frozen backbone sees each picture once; a head on the cached features is trained within moments.
# - Neighbours, maps and simple classifiers show what features know; a t-SNE map is no measurement.
# - Small leads on few pictures are luck until shown otherwise: compare picture by picture, and over several seeds.
#
# **Exercises**: [07 exercises](exercises/07_feature_extraction.ipynb)
#
# **Next**: [08 · A data set of your own](08_custom_dataset.ipynb)
