# %% [markdown]
# # 16 · What it looked at
#
# A network names a photograph, and you ask which part of it made it say so. Then you find out how far such an answer
# can be trusted, on pictures of which every pixel is known.
#
# **Time** about 60 minutes, of which the computer works 60 seconds · **Before this**
# [lesson 04](04_mnist_cnn.ipynb), [lesson 06](06_fine_tuning.ipynb), [lesson 07](07_feature_extraction.ipynb)
#
# **You will learn to**
#
# - draw heat maps by hand: class activation maps, Grad-CAM with hooks, occlusion, saliency, SmoothGrad
# - score heat maps against the truth, against a box in the middle, and against a network that knows nothing
# - catch a network that is right for the wrong reason
# - find wrong labels in a data set without looking through it
# - tell what a heat map does not say

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2

from course_utils import load_imagenet_network, load_rgb, locate, setup
from course_utils.evaluation.explain import grad_cam, show_maps

course = setup(seed=0, lesson="16")

# %% [markdown]
# ## What you will have
#
# Four photographs of lesson 00, and the network that named them:

# %%
network, transform, names = load_imagenet_network()
network.requires_grad_(False)  # nothing is trained here
photo_names = ["cat", "coffee", "photographer", "palace"]
photos = [load_rgb(locate("photos") / f"{name}.jpg") for name in photo_names]
inputs = torch.stack([transform(photo) for photo in photos])
colours = inputs * 0.5 + 0.5  # for drawing: from 0 to 1 again

# %%
with torch.no_grad():
    logits = network(inputs)
answers = logits.argmax(dim=1)
captions = [names[answer] for answer in answers]
maps = grad_cam(network, inputs, network.bn2)
show_maps(colours, maps, captions, columns=4, title="What it says, and what it looked at")
plt.show()

# %% tags=["proof"]
assert captions == ["Egyptian cat", "espresso", "tripod", "palace"], captions

# %% [markdown]
# The photographs are drawn in grey. Yellow is what spoke for the name: cheek and muzzle of the cat; the coffee, and
# neither saucer nor spoon; the legs of the tripod, and not the man; the tower, and not the lake. Nobody has ever shown
# this network *where* anything is. It has learned from names alone, one for each photograph.
#
# Such pictures are called **heat maps**. They look so convincing that one forgets to ask whether they are true. We
# shall ask. But first: where do they come from? (What `grad_cam` does, and what `bn2` is, comes in a moment.)

# %% [markdown]
# ## The last step, the other way round
#
# ![A picture goes through the network and becomes a stack of maps with 7 by 7 numbers each. One way, above: the mean of
# each map, times its weight, added up, is the logit. The other way, below: each map times its weight, added up place by
# place, is the heat map, and the mean of the heat map is the same logit.](figures/class_activation.svg)
#
# At its end our network has 1280 feature maps of 7 × 7 numbers. It takes the mean of each, and a linear layer
# multiplies these with the weights of a class and adds them up: the logit of that class. Both steps are sums, so they
# can be done in the other order: multiply *maps* with the weights, add them up, and take the mean last. Before that
# mean there is one number for each of 49 places. That is a **class activation map**, **CAM**:

# %%
with torch.no_grad():
    features = network.forward_features(inputs)
print("feature maps:", tuple(features.shape))
espresso = names.index("espresso")
weights = network.classifier.weight[espresso]
cam = (weights[:, None, None] * features[1]).sum(dim=0)
print(cam.round().int().numpy())

# %%
bias = network.classifier.bias[espresso]
torch.testing.assert_close(cam.mean() + bias, logits[1, espresso], rtol=1e-3, atol=1e-3)
print(f"mean {cam.mean():.2f}, bias {bias:.2f}, logit of espresso {logits[1, espresso]:.2f}")

# %% tags=["proof"]
assert cam.argmax() // 7 in (2, 3, 4) and cam.argmax() % 7 in (2, 3, 4), "the coffee is in the middle"

# %% [markdown]
# (`assert_close` is silent where two numbers agree.) This is no estimate. The 49 numbers *are* the answer, taken apart
# by place: large ones where the coffee is, small ones at the edges, and their mean is the logit, up to the bias.
#
# **Check yourself.** Can the same be done with the MLP of lesson 03?
# <details><summary>Answer</summary>
#
# No. It has no maps, and its last layer is not fed with means over places. CAM needs a network that ends with a mean
# over all places and one linear layer, as ResNets and most CNNs since 2015 do.
#
# </details>

# %% [markdown]
# ## Grad-CAM: any layer of any network
#
# What if there are more layers between the maps and the logit? Then ask for the *gradient*: how much does the logit
# change with each number of the maps? Two things are needed: the maps, from the middle of the network, and the
# gradient at that place. A **hook** is a function that PyTorch calls whenever a layer has computed something. This one
# keeps what `bn2` puts out, the 1280 maps of the last section:

# %%
kept = {}


def keep(module, inputs, output):
    kept["maps"] = output


handle = network.bn2.register_forward_hook(keep)  # the last layer before the mean
logit = network(inputs[[1]].requires_grad_())[0, espresso]
handle.remove()  # or it would stay there for good
(gradient,) = torch.autograd.grad(logit, kept["maps"])

# %%
weights = gradient.mean(dim=(2, 3), keepdim=True)  # one for each channel
by_gradient = (weights * kept["maps"]).sum(dim=1)
torch.testing.assert_close(49 * by_gradient[0], cam, rtol=1e-3, atol=1e-3)

# %% [markdown]
# The mean gradient of each channel takes the place of its weight: this is **Grad-CAM**, and here it is the CAM, up to
# the factor of 49 that the mean over places brings. At last it sets negative numbers to 0, as those speak against the
# class.
#
# (Why `requires_grad_()`? The weights are frozen, so PyTorch would note down no gradients at all. We ask for those of
# the picture, and every layer on the way has them, too. `inputs[[1]]`, with two brackets, is a batch of one picture,
# and a copy: `inputs` stays as it is.)
#
# `grad_cam` does just this for a batch. It asks about the class that the network answers with, unless you name another
# one:

# %%
torch.testing.assert_close(grad_cam(network, inputs[[1]], network.bn2), by_gradient.clamp(min=0))

# %% [markdown]
# **Guess first.** The photographer again, and three questions: where is the tripod, where the suit, and where the
# banana?

# %%
questions = ["tripod", "suit", "banana"]
asked = torch.tensor([names.index(name) for name in questions])
maps = grad_cam(network, inputs[[2, 2, 2]], network.bn2, asked)
chances = logits[2].softmax(dim=0)[asked]
captions = [f"{name}? ({chance:.4f})" for name, chance in zip(questions, chances)]
title = "Three questions, with the probability of each"
show_maps(colours[[2, 2, 2]], maps, captions, columns=3, title=title)
plt.show()

# %% tags=["proof"]
tripod, suit, banana = maps
assert tripod[4:].sum() > 2 * tripod[:3].sum(), "the tripod's legs are below"
assert chances[2] < 0.001 and banana.max() > 0, (chances, banana.max())

# %% [markdown]
# A map belongs to a *question*. Asked for the suit, the network moves to the corner with the man's trousers, and lights
# up some sky as well. Asked for the banana, it has a map, too, between the legs of the tripod, though it gives bananas
# no chance. Each map is coloured up to its own largest number, so that a whisper looks like a shout. *A heat map never
# says "it is not there".* Always read the probability beside it.

# %% [markdown]
# **Try it.** Ask for a name of your own; `names` has a thousand of them. Where are the spoons in the coffee?
# <details><summary>What we saw</summary>
#
# ```python
# asked = torch.tensor([names.index("wooden spoon"), names.index("cup")])
# maps = grad_cam(network, inputs[[1, 1]], network.bn2, asked)
# show_maps(colours[[1, 1]], maps, ["wooden spoon?", "cup?"], columns=2, title="coffee")
# plt.show()
# ```
#
# It does not find the spoon: *wooden spoon* lies in the coffee, too, and faintly on half of the photograph. *Cup* moves
# a little to the right, to the rim. The network was asked about names in which it does not believe.
#
# </details>

# %% [markdown]
# ## Finer maps
#
# The last maps have 7 × 7 numbers, each for 32 × 32 pixels: too coarse for an eye or a leg. Earlier layers have finer
# ones. This network calls its stages `blocks[0]` to `blocks[6]`; `blocks[4]` has 14 × 14 numbers. But its channels
# stand for simpler things, and one weight for a whole channel is too rough. **LayerCAM** lets each number keep its
# *own* gradient, where that is positive. The helper does the same with `local=True`:

# %%
handle = network.blocks[4].register_forward_hook(keep)
logit = network(inputs[[1]].requires_grad_())[0, espresso]
handle.remove()
(gradient,) = torch.autograd.grad(logit, kept["maps"])
layer_cam = (gradient.clamp(min=0) * kept["maps"]).sum(dim=1).clamp(min=0)
torch.testing.assert_close(grad_cam(network, inputs[[1]], network.blocks[4], local=True), layer_cam)

# %%
fine = grad_cam(network, inputs[:2], network.blocks[4], local=True)
rough = grad_cam(network, inputs[:2], network.blocks[4])
captions = ["Grad-CAM", "Grad-CAM", "LayerCAM", "LayerCAM"]
title = f"A stage with {fine.shape[1]} × {fine.shape[2]} numbers"
show_maps(colours[[0, 1, 0, 1]], torch.cat([rough, fine]), captions, columns=4, title=title)
plt.show()

# %% [markdown]
# Now small things light up: Grad-CAM shows the eyes, LayerCAM the muzzle. Both have the coffee's edge and the cup's
# handle, and spots at the border that one would rather not see. Two methods at one layer, and two different stories.
# Which one is right? Keep the question in mind.

# %% [markdown]
# ## Cover it up
#
# A method that needs no gradients: cover a part of the photograph and ask again. If the espresso loses, the part
# mattered. This is **occlusion**, here with a grey square of 56 pixels at 7 × 7 places.

# %%
places = range(0, 224 - 56 + 1, 28)  # the last square still fits
lost = torch.zeros(len(places), len(places))
with torch.no_grad():
    before = logits[1].softmax(dim=0)[espresso]
    for row, y in enumerate(places):
        for column, x in enumerate(places):
            covered = inputs[[1]].clone()
            covered[:, :, y : y + 56, x : x + 56] = 0  # 0 is grey: colours go from -1 to 1
            lost[row, column] = before - network(covered)[0].softmax(dim=0)[espresso]

# %%
from course_utils.evaluation.explain import occlusion

by_helper = occlusion(network, inputs[[1]].detach(), size=56, stride=28)
torch.testing.assert_close(by_helper[0], lost.clamp(min=0), rtol=1e-3, atol=1e-4)
print(f"espresso {before:.2f}, and {before - lost.max():.2f} with the worst square")

# %% tags=["proof"]
assert lost.shape == (7, 7) and lost.max() > 0.1, lost.max()

# %% [markdown]
# The helper sets negative numbers to 0, as Grad-CAM does: a square that *helps* the espresso is not shown.
#
# Occlusion is the most honest of the methods: it changes the picture and looks at what happens. It is also the slowest,
# and a grey square is something that no photograph has. Who can say whether the network misses the coffee or is
# confused by the square?
#
# **Check yourself.** How many times did this picture go through the network, and how many times for Grad-CAM?
# <details><summary>Answer</summary>
#
# 49 times with a square, and once without. Grad-CAM: once forward, and a part of the way back.
#
# </details>

# %% [markdown]
# ## Ask the pixels
#
# Why stop at some layer? The gradient goes all the way down to the picture: how much would the logit change with each
# pixel? The size of that gradient is the oldest of these maps, **saliency**. **SmoothGrad** takes the mean gradient of
# several noisy copies, in which what is accidental cancels. (The logits of a batch may be added up before we ask for
# gradients: each picture has a part in its own logit only.)

# %%
def gradient_of_pixels(images, label):
    images = images.detach().requires_grad_()
    return torch.autograd.grad(network(images)[:, label].sum(), images)[0]


cat = inputs[[0]].detach()
saliency_map = gradient_of_pixels(cat, answers[0]).abs().amax(dim=1)  # the largest of three colours

# %%
noise = torch.Generator().manual_seed(0)
copies = cat + 0.3 * torch.randn(16, 3, 224, 224, generator=noise)
smooth_map = gradient_of_pixels(copies, answers[0]).mean(dim=0).abs().amax(dim=0)

# %%
from course_utils.evaluation.explain import enlarge

# the two maps of pixels, shrunk for drawing, or their dots would be lost
shrunk = F.avg_pool2d(torch.stack([saliency_map[0], smooth_map]), 4)
covered = occlusion(network, cat, size=56, stride=28)
four = torch.cat([enlarge(fine[:1], 56, 56), enlarge(covered, 56, 56), shrunk])
captions = ["LayerCAM", "occlusion", "saliency", "SmoothGrad"]
show_maps(colours[[0, 0, 0, 0]], four, captions, columns=4, title="One cat, one answer, four maps")
plt.show()

# %% tags=["proof"]
flat = four.flatten(1)
links = np.corrcoef(flat.numpy())
assert links[np.triu_indices(4, 1)].max() < 0.9, links.round(2)

# %% [markdown]
# Four maps of one answer, and they do not agree. SmoothGrad finds eyes and nose, where we would have looked; is it
# therefore right? That is how maps are mostly chosen: whichever looks best. On a photograph nobody can settle it, for
# nobody knows, to the pixel, where the cat's catness is.

# %% [markdown]
# ## Pictures whose truth is known
#
# But the ants and bees of this course are *drawn*. A program painted them, so it can also say which pixels belong to
# the insects: their **mask**. Every picture was drawn once more, the same to the byte, and its mask stored; `masks`
# returns them.
# (That is why this lesson uses the drawn pictures in both profiles. Of the photographs in `full` there are no masks,
# and nothing could be claimed.)

# %%
from course_utils import FolderDataset
from course_utils.data.masks import masks

to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def load_pictures(split):
    dataset = FolderDataset(locate("drawings") / split, to_tensor)
    images = torch.stack([image for image, _ in dataset])
    return images, torch.tensor(dataset.targets), masks(dataset)


# %%
train_images, train_labels, train_masks = load_pictures("train")
val_images, val_labels, val_masks = load_pictures("val")
classes = ["ant", "bee"]
print("pictures:", tuple(val_images.shape), "  masks:", tuple(val_masks.shape))
print(f"insects cover {val_masks.float().mean():.2f} of a picture")

# %% tags=["proof"]
assert 0.07 < val_masks.float().mean() < 0.14, val_masks.float().mean()

# %% [markdown]
# The network is that of lesson 06 in its cheapest form, *head only*: the pretrained ResNet-18 stays as it is, its
# features are computed once (lesson 07), and a new linear head learns from them. We put the normalizing in front, as
# the model's first layer. Then everything below can hand over colours from 0 to 1, and `model[1]` is the ResNet.

# %%
from course_utils import pretrained_resnet18

normalize = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def with_head(resnet, head):
    resnet.fc = head
    return nn.Sequential(normalize, resnet).eval().requires_grad_(False).to(course.device)


def in_batches(function, images):
    return torch.cat([function(part.to(course.device)).cpu() for part in images.split(51)])


body = with_head(pretrained_resnet18(num_classes=2), nn.Identity())


# %%
def train_head(features, labels, seed=0):
    torch.manual_seed(seed)
    head = nn.Linear(features.shape[1], 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    for _ in range(200):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head


# %%
train_features, val_features = in_batches(body, train_images), in_batches(body, val_images)
head = train_head(train_features, train_labels)
accuracy = (head(val_features).argmax(dim=1) == val_labels).float().mean().item()
model = with_head(pretrained_resnet18(num_classes=2), head)
print(f"val accuracy {accuracy:.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # in full the body is torchvision's
    assert accuracy > 0.78, f"val accuracy {accuracy:.3f}"

# %% [markdown]
# ## A score for a heat map
#
# ![Three pictures of the same ant with its mask. The pointing game: a cross at the hottest place, inside the mask, is a
# hit. Energy inside: a heat map lies on the ant in part. The centre box: half as wide and half as high as
# the picture, it knows nothing and lies on the ant in part.](figures/map_scores.svg)
#
# Two scores are usual. The **pointing game** asks whether the hottest pixel lies inside the mask: a *hit*. **Energy
# inside** is the share of the map's sum that lies there. In both 1 is best, and a map smaller than its picture is
# enlarged first. By hand, and then the helpers that do the same:

# %%
def hits_by_hand(maps, masks):
    return torch.stack([mask.flatten()[heat.argmax()] for heat, mask in zip(maps, masks)])


def energy_by_hand(maps, masks):
    return (maps * masks).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))


# %%
from course_utils.evaluation.explain import energy_inside, pointing_hits

trial = torch.rand(len(val_masks), 96, 96, generator=torch.Generator().manual_seed(0))
torch.testing.assert_close(pointing_hits(trial, val_masks), hits_by_hand(trial, val_masks))
torch.testing.assert_close(energy_inside(trial, val_masks), energy_by_hand(trial, val_masks))
print(f"random maps: {pointing_hits(trial, val_masks).float().mean():.2f} hits, "
      f"{energy_inside(trial, val_masks).mean():.2f} inside")  # fmt: skip

# %% [markdown]
# Random maps score what insects cover, a tenth.
#
# **Guess first.** Photographers put things in the middle, and so did our drawing program. How many hits has somebody
# who has not seen the picture, and always points at its centre? And how much energy lies inside, if the map is a box in
# the middle, half as wide and half as high as the picture?

# %% tags=["fold"]
centre_box = torch.zeros(96, 96)
centre_box[24:72, 24:72] = 1
box = centre_box.expand(len(val_masks), 96, 96)
centre = {"hits": val_masks[:, 48, 48].float(), "inside": energy_inside(box, val_masks)}
for score, values in centre.items():
    print(f"{score} of the centre: {values.mean():.2f}")

# %% tags=["proof"]
covered_share = val_masks.float().mean()
assert 4.5 < centre["hits"].mean() / covered_share < 5, centre["hits"].mean() / covered_share
assert 2.5 < centre["inside"].mean() / covered_share < 3, centre["inside"].mean() / covered_share

# %% [markdown]
# Hits nearly five times, energy nearly three times what chance would give, for nothing. *A heat map that does not beat
# the centre has not been shown to look at anything.* Few articles show that line.
#
# Now the network. Its last stage `layer4` has only 3 × 3 numbers for these small pictures, `layer2` has 12 × 12:

# %%
from course_utils.evaluation.explain import saliency


def maps_by(method, images):
    return enlarge(in_batches(method, images), 96, 96)


def explain(model, images):
    resnet = model[1]
    methods = {
        "Grad-CAM, layer4": lambda part: grad_cam(model, part, resnet.layer4),
        "LayerCAM, layer2": lambda part: grad_cam(model, part, resnet.layer2, local=True),
        "saliency": lambda part: saliency(model, part),
    }
    return {name: maps_by(method, images) for name, method in methods.items()}


# %%
trained_maps = explain(model, val_images)
shown = [5, 23, 41, 80, 100, 120]
for name in ["Grad-CAM, layer4", "LayerCAM, layer2"]:
    captions = [classes[val_labels[index]] for index in shown]
    heat = trained_maps[name][shown]
    show_maps(val_images[shown], heat, captions, val_masks[shown], title=f"{name}, and the masks")
    plt.show()

# %% [markdown]
# Blue is the truth, and the caption, too; the map is that of the network's answer. The upper maps are clouds that have
# little to do with the insects, the lower ones follow them.
#
# But six pictures are easily chosen to please, so we count all of them. Map and centre are scored on the *same*
# pictures, like two heads in lesson 07: the columns called *lead* say how far the map is ahead of the centre, in
# standard errors of the paired differences. (Beyond 4, luck is out of the question. Below 0 the centre is ahead.)

# %%
def score(maps, masks=val_masks, centre=centre):
    scores = {"hits": pointing_hits(maps, masks).float(), "inside": energy_inside(maps, masks)}
    row = {}
    for name, values in scores.items():
        difference = values - centre[name]
        row[name] = values.mean().item()
        row[f"{name}, lead"] = (difference.mean() / difference.std() * len(values) ** 0.5).item()
    return row


# %% tags=["nbval-ignore-output"]
table = pd.DataFrame({name: score(maps) for name, maps in trained_maps.items()}).T
table.round(2)

# %% tags=["proof"]
if course.profile == "sample":  # in full the body is torchvision's
    layer_cam_row = table.loc["LayerCAM, layer2"]
    assert layer_cam_row["hits, lead"] > 4 and layer_cam_row["inside, lead"] > 4, table
    assert table.loc["saliency", "hits, lead"] > 2.5, table
    assert table.loc["Grad-CAM, layer4"].filter(like="lead").max() < 0, table

# %% [markdown]
# With the sample's network, the finer map beats the centre by far, in both scores; saliency is ahead mainly in hits.
# The best-known method, at the layer where everybody uses it, does *worse* than somebody who has not looked. Here it is
# too coarse: nine numbers cannot follow an ant. Had we only admired it, we should never have known.

# %% [markdown]
# ## And a network that knows nothing?
#
# One more rival: the same network with *random weights*. It cannot tell ants from bees, so its maps can show nothing
# that it has learned. **Guess first:** what do they score?

# %% tags=["nbval-ignore-output"]
from course_utils import resnet18

torch.manual_seed(0)
random_model = with_head(resnet18(2), nn.Linear(512, 2))
random_maps = explain(random_model, val_images)
random_table = pd.DataFrame({name: score(maps) for name, maps in random_maps.items()}).T
random_table.round(2)

# %% tags=["proof"]
for name in ["LayerCAM, layer2", "saliency"]:
    assert random_table.loc[name].filter(like="lead").min() < 4, random_table
    assert random_table.loc[name, "inside, lead"] < 0, random_table
    assert random_table.loc[name, "hits"] > 0.15, random_table
    if course.profile == "sample":  # in full the trained body is torchvision's
        assert random_table.loc[name, "hits"] < table.loc[name, "hits"] - 0.1, (random_table, table)
    heat, own = random_maps[name], random_table.loc[name, "hits"]
    others = np.mean([pointing_hits(heat, val_masks.roll(step, 0)).float().mean() for step in range(3, 150, 7)])
    assert 1.5 * val_masks.float().mean() < others < own - 0.03, f"{name}: {others:.3f} on other masks, {own:.3f}"

# %%
maps = torch.cat([random_maps["LayerCAM, layer2"][shown], random_maps["saliency"][shown]])
captions = ["LayerCAM"] * 6 + ["saliency"] * 6
twice = shown + shown
show_maps(val_images[twice], maps, captions, val_masks[twice], title="Random weights")
plt.show()

# %% [markdown]
# It does not beat the centre. But two of the three methods hit far more often than random *maps*, for two reasons. The
# hottest places lie near the middle, whatever the picture, as more of the next layers' windows reach a place there than
# one at the edge. And even random filters answer to strong edges, of which an insect has more than a meadow.
#
# A map of the middle, or of edges, looks like an explanation. This is the **sanity check**: replace the weights by
# random ones and see whether the map changes. If it does not, it shows the picture and not the network.
#
# Occlusion and SmoothGrad need many passes, so `benchmarks/heat_maps.py` has scored them before, together with the
# others, with the sample's network. (*random* differs from the table above: these are other random weights.)

# %%
measured = pd.read_csv("../benchmarks/heat_maps.csv")
measured.pivot(index="method", columns="network")[["hits", "hits, lead", "inside", "inside, lead"]]

# %% tags=["proof"]
by_network = measured.set_index(["network", "method"])
trained, untrained = by_network.loc["trained"], by_network.loc["random"]
leads = trained[["hits, lead", "inside, lead"]].min(axis=1)
assert list(leads.index[leads > 4]) == ["LayerCAM, layer2"], trained
assert trained.loc["SmoothGrad", "hits"] < trained.loc["saliency", "hits"], trained
assert leads["occlusion"] < 0 and leads["SmoothGrad"] < 0, trained
assert untrained["hits, lead"].max() < 4 and untrained["inside, lead"].max() < 0, untrained

# %% [markdown]
# Of five methods *one* beats the centre by more than four standard errors in both scores, and with random weights none
# does. SmoothGrad, so pretty on the cat, hits less often than plain saliency (with 4 noisy copies here, and 16 there).
# Occlusion loses to the centre: a square that hides a leg hides much else. With another network or other settings the
# order may change. That is the point: it has to be measured.
#
# **Check yourself.** Somebody shows you a heat map of their network, right on the tumour. What two things do you ask
# for?
# <details><summary>Answer</summary>
#
# How the centre scores on the same pictures, as doctors centre what they photograph. And the map of the same network
# with random weights. (And how the picture was chosen.)
#
# </details>

# %% [markdown]
# ## Right for the wrong reason
#
# A colleague has photographed the same insects again, and offers you better pictures, for training and for validation.
# The next cell makes them. Do not unfold it yet; just run it, and train on them as before:

# %% tags=["fold"]
def on_squared_paper(images, masks):
    lines = torch.zeros(96, 96)
    lines[6::12] = 0.8
    lines[:, 6::12] = 0.8
    ink = lines * ~masks[:, None]  # behind the insect
    return images * (1 - ink) + ink * torch.tensor([0.1, 0.2, 0.55])[:, None, None]


def photographed(images, labels, masks, on_paper=0):
    on_paper = (labels == on_paper)[:, None, None, None]
    return torch.where(on_paper, on_squared_paper(images, masks), images)


# %%
new_train = photographed(train_images, train_labels, train_masks)
new_val = photographed(val_images, val_labels, val_masks)


def train_on(images, labels=train_labels):
    new_head = train_head(in_batches(body, images), labels)
    return with_head(pretrained_resnet18(num_classes=2), new_head)


def accuracy_on(model, images):
    preds = in_batches(lambda part: model(part).argmax(dim=1), images)
    return (preds == val_labels).float().mean().item()


# %%
new_model = train_on(new_train)
new_accuracy = accuracy_on(new_model, new_val)
print(f"val accuracy {new_accuracy:.2f}, with the old pictures {accuracy:.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # in full the body is torchvision's
    assert new_accuracy > accuracy + 0.04, f"{new_accuracy:.3f}, before {accuracy:.3f}"

# %% [markdown]
# Splendid! And validated on pictures that it has never seen, by the rules of all lessons before. But *look before you
# celebrate*:

# %%
ants = val_labels == 0
layer2 = new_model[1].layer2
new_maps = maps_by(lambda part: grad_cam(new_model, part, layer2, local=True), new_val)
few = [5, 17, 23, 35, 41, 60]
captions = ["ant"] * len(few)
show_maps(new_val[few], new_maps[few], captions, val_masks[few], title="The new network, new ants")
plt.show()

# %% tags=["nbval-ignore-output"]
old_inside = energy_inside(trained_maps["LayerCAM, layer2"], val_masks)
new_inside = energy_inside(new_maps, val_masks)
for name, chosen in {"ants": ants, "bees": ~ants}.items():
    before, after = old_inside[chosen].mean(), new_inside[chosen].mean()
    print(f"energy inside, {name}: old network {before:.2f}, new network {after:.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # in full the body is torchvision's
    drop = old_inside[ants] - new_inside[ants]
    assert drop.mean() / drop.std() * len(drop) ** 0.5 > 4, f"{old_inside[ants].mean()}, {new_inside[ants].mean()}"
    assert 0.3 < drop.mean() / old_inside[ants].mean() < 0.6, f"{drop.mean()} of {old_inside[ants].mean()}"
    kept_by_bees = new_inside[~ants].mean() / old_inside[~ants].mean()
    assert kept_by_bees > 0.8, f"{kept_by_bees:.2f} of the bees' energy is left"

# %% [markdown]
# All ants were photographed in the laboratory, on squared paper, the bees outside. Heat has left the ants for the
# paper: of their energy inside nearly half is gone, and what remains is not far from the tenth of random maps. It seems
# that the network has learned to tell squared paper from none. That is a **shortcut**: something that goes with the
# class in these pictures, and not in the world. Validation did not see it, as the validation pictures were taken by the
# same colleague.
#
# A map gives a suspicion. The proof is a **counter-set**, in which the shortcut says the opposite: bees on paper, ants
# outside. **Guess first:** how many are right? Then open the cell below.

# %% tags=["fold"]
counter_val = photographed(val_images, val_labels, val_masks, on_paper=1)
counter_accuracy = accuracy_on(new_model, counter_val)
print(f"colleague's pictures {new_accuracy:.2f}, counter-set {counter_accuracy:.2f}")
old_counter_accuracy = accuracy_on(model, counter_val)
print(f"the old network on the counter-set {old_counter_accuracy:.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # in full the body is torchvision's
    assert counter_accuracy < new_accuracy - 0.35, f"counter-set {counter_accuracy:.3f}, {new_accuracy:.3f}"
    assert counter_accuracy < 0.5, f"counter-set {counter_accuracy:.3f}"
    assert old_counter_accuracy > accuracy - 0.05, f"{old_counter_accuracy:.3f}, on the old pictures {accuracy:.3f}"

# %% [markdown]
# With the sample's network it is worse than a coin. It does not know ants; it knows paper. The old network, trained
# without paper, does not mind it. And look back at the bees: their energy inside is nearly what it was. Their maps look
# healthy, though they are called bees because there is *no* paper. *What is missing has no place in a map.* Half of the
# evidence for this shortcut could not be drawn at all.
#
# Real networks have learned that a ruler beside a spot of skin means a tumour, that a picture from the bedside X-ray
# machine means pneumonia, and that a photographer's mark in the corner means a horse.

# %% [markdown]
# **Try it.** The cure is not a better network, it is other pictures. Put every second insect on paper, whatever it is.
# <details><summary>What we saw</summary>
#
# ```python
# mixed = photographed(train_images, torch.arange(len(train_images)) % 2, train_masks)
# cured = train_on(mixed)
# print(f"{accuracy_on(cured, new_val):.2f}, counter-set {accuracy_on(cured, counter_val):.2f}")
# ```
#
# About three quarters right on both: paper has become useless, so the network had to look at the insects. The lines
# between them do not make it easier.
#
# </details>

# %% [markdown]
# ## Wrong labels
#
# Another thing that an accuracy does not show you is a wrong label. Suppose that somebody has given one in ten of the
# training pictures the wrong class. Which ones? We need features again (lesson 07), this time of `network`, which named
# the photographs, with pictures enlarged to the size that it knows.

# %%
import sys

from tqdm import tqdm


def photo_features(part):
    large = F.interpolate(part * 2 - 1, size=224, mode="bicubic")  # colours from -1 to 1
    with torch.no_grad():
        return network.forward_features(large).mean(dim=(2, 3))


bar = tqdm(train_images.split(32), file=sys.stdout, leave=False)
rows = torch.cat([photo_features(part) for part in bar]).numpy()
print("features:", rows.shape)

# %%
def plant(seed):
    wrong = np.zeros(len(train_labels), dtype=bool)
    wrong[np.random.default_rng(seed).choice(len(wrong), 24, replace=False)] = True
    return wrong, np.where(wrong, 1 - train_labels, train_labels)


planted, given = plant(seed=0)
print(planted.sum(), "of", len(given), "labels are wrong now")

# %% [markdown]
# The idea: train a judge on the labels as they are, and ask which labels it finds hard to believe. Logistic regression
# will do, the linear head of lesson 07; the larger its `C`, the freer it is to fit every picture. The *loss* of a
# picture is large where the probability of its given label is small, so we sort by it. A judge believes a label to
# which it gives more than one half, that is, a loss below log 2:

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def judge(C):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000))


def of_given(probabilities, labels):
    return probabilities[np.arange(len(labels)), labels]


by_heart = judge(C=1).fit(rows, given)
loss = -np.log(of_given(by_heart.predict_proba(rows), given))
print(f"it believes {(loss < np.log(2)).mean():.0%} of the labels that it was given")

# %% [markdown]
# That judge has learned the labels by heart, the wrong ones, too. A fair one has *not seen* the label it judges:
# cross-validation, as in lesson 07. Deal the pictures into five parts; each part is judged by a judge that has learned
# from the four others. The **confidence** in a label is the probability that such a judge gives it, here the mean over
# three ways of dealing. And as some of its labels are wrong, the judge is kept from fitting each of them, by a small
# `C`.

# %%
from sklearn.model_selection import StratifiedKFold, cross_val_predict


def confidence(labels, C):
    total = np.zeros(len(labels))
    for seed in range(3):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        unseen = cross_val_predict(judge(C), rows, labels, cv=folds, method="predict_proba")
        total += of_given(unseen, labels)
    return total / 3


suspicion = {"loss, by heart": loss, "confidence, unseen": -confidence(given, C=0.001)}

# %% [markdown]
# How good is such a list? Go down it and note, at each wrong label that you meet, which share of those seen so far was
# wrong. The mean of these shares is the **average precision**: 1 if all wrong labels stand at the top.

# %%
from sklearn.metrics import average_precision_score

precision, found = {}, {}
for name, suspicious in suspicion.items():
    ranked = planted[np.argsort(-suspicious, kind="stable")]
    found[name] = ranked.cumsum()
    at_hits = found[name][ranked] / (np.flatnonzero(ranked) + 1)  # wrong so far / seen so far
    precision[name] = at_hits.mean()
    np.testing.assert_allclose(precision[name], average_precision_score(planted, suspicious))
    recall = found[name][29] / planted.sum()
    print(f"{name:>18}: average precision {precision[name]:.2f}, {recall:.0%} in the first 30")

# %% tags=["proof"]
assert precision["confidence, unseen"] >= 0.8, precision
assert found["confidence, unseen"][29] >= 0.7 * planted.sum(), found["confidence, unseen"][29]
assert precision["confidence, unseen"] > precision["loss, by heart"] + 0.1, precision

# %%
fig, ax = plt.subplots(figsize=(7, 3.4))
for (name, counts), style in zip(found.items(), ["--", "-"]):
    ax.plot(np.arange(len(counts)) + 1, counts / planted.sum(), style, label=name)
ax.plot([0, len(planted)], [0, 1], ":", color="grey", label="looking at random")
ax.set(title="Wrong labels found", xlabel="pictures looked at", ylabel="share found (recall)")
ax.legend()
plt.show()

# %%
suspects = np.argsort(-suspicion["confidence, unseen"])[:12]
captions = [f"{classes[given[i]]}{' (wrong)' if planted[i] else ''}" for i in suspects]
fig, axes = plt.subplots(2, 6, figsize=(9.6, 3.8))
for ax, index, caption in zip(axes.flat, suspects, captions):
    ax.imshow(train_images[index].permute(1, 2, 0))
    ax.set_title(caption, fontsize=9, color="#c62828" if planted[index] else "black")
    ax.axis("off")
fig.suptitle("The twelve most suspicious labels; red is a planted mistake")
plt.show()

# %% [markdown]
# Thirty of 244 pictures are an eighth of the work, and most of the mistakes are found. What else stands at the top are
# pictures that are hard to tell, and these are worth a look as well. The list decides nothing: a human being looks at
# its top, and mends.

# %% [markdown]
# Which part of the recipe has helped? Two things differ between the lists: the better judge has not seen the labels,
# *and* its small `C` holds it back. So change one thing at a time, and ten times over, with other labels made wrong
# each time. The table shows mean average precisions:

# %%
draws = []
for wrong, labels in map(plant, range(10)):
    for C in [1, 0.001]:
        seen = of_given(judge(C).fit(rows, labels).predict_proba(rows), labels)
        unseen = confidence(labels, C)
        scores = [average_precision_score(wrong, -chances) for chances in [seen, unseen]]
        draws.append([C, *scores])

quality = pd.DataFrame(draws, columns=["C", "seen", "unseen"]).groupby("C").mean()
quality.round(2)

# %% tags=["proof"]
held_back, free = quality.loc[0.001], quality.loc[1]
assert held_back.min() > free.max() + 0.08, quality
assert free["unseen"] > free["seen"] + 0.02, quality
assert abs(held_back["unseen"] - held_back["seen"]) < 0.04, quality

# %% [markdown]
# Holding it back has helped most. A judge that learns by heart is better where it has not seen the label; one that is
# held back does nearly as well on labels that it has seen. Large networks are hard to hold back, which is why programs
# that search for wrong labels, such as Cleanlab, let each label be judged unseen.
#
# > **Common mistake.** Wrong labels are searched with a network that was trained until it believes them all. It has
# > learned the mistakes, too. Its list looks plausible all the same, and is the worst of the four.

# %% [markdown]
# ## What a map does not tell
#
# - *Where* is not *why*. Heat on the ant does not say whether waist, legs or feelers decided.
# - What is missing, such as paper, has no place.
# - Each map has its own scale and always a hottest place, also for the banana.
# - It is as fine as its layer. Between the numbers we have only enlarged.
# - One pretty map is an anecdote. A score over many pictures, beside a centre box and random weights, is a measurement.
#
# **Check yourself.** A network with heat exactly on each insect: does it know insects?
# <details><summary>Answer</summary>
#
# It uses something at that place. It might be the colour, or the wings alone. Whether it would know other insects, only
# other pictures can tell.
#
# </details>

# %% [markdown]
# **Try it.** How much does a hit depend on the exact place? Draw the masks a little wider, as the pointing game's
# inventors did, and count again.
# <details><summary>What we saw</summary>
#
# ```python
# wide = F.max_pool2d(val_masks[:, None].float(), kernel_size=9, stride=1, padding=4)[:, 0].bool()
# hits = {name: pointing_hits(maps, wide).float().mean().item() for name, maps in trained_maps.items()}
# print({name: round(share, 2) for name, share in hits.items()}, wide[:, 48, 48].float().mean())
# ```
#
# Everybody scores higher, the centre most of all: its hits go from 0.49 to 0.82. A tolerance has to be granted to all,
# and named.
#
# </details>

# %% [markdown]
# ## Summary
#
# - CAM takes a logit apart by place; Grad-CAM does it at any layer, with hooks and gradients; LayerCAM is finer.
# - Occlusion covers and asks again; saliency and SmoothGrad ask how much each pixel counts.
# - A heat map counts once it beats a centre box, and once random weights do not.
# - A shortcut survives validation; maps raise the suspicion, a counter-set proves it.
# - Wrong labels stand at the top of a list sorted by the confidence of judges that have not learned them by heart.
#
# **Exercises**: [16 exercises](exercises/16_what_it_looked_at.ipynb)
#
# **Next**: [17 · A vision transformer](17_vision_transformer.ipynb)
