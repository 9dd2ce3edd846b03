# %% [markdown]
# # 17 · A vision transformer
#
# You cut pictures into patches that look at each other, build the network around this, from a small one for digits to
# ViT-B/16, see where it looks, and measure what it has to learn that a CNN knows from the start.
#
# **Time** about 60 minutes, of which the computer works 40 seconds · **Before this**
# [lesson 04](04_mnist_cnn.ipynb), [lesson 05](05_custom_resnet.ipynb), [lesson 06](06_fine_tuning.ipynb)
#
# **You will learn to**
#
# - turn a picture into a row of tokens that know their places
# - compute attention by hand, and draw where a network looks
# - build a vision transformer, and check it against torchvision's, name by name and answer by answer
# - measure how many pictures a transformer needs where a CNN needs few, and say why
# - tell what pretraining replaces, and what CLIP and self-supervised networks are

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import setup

course = setup(seed=0, lesson="17")

# %% [markdown]
# ## What you will have
#
# The digits of lesson 04, and its recipe: AdamW with one cycle.

# %%
from course_utils import fit, load_digits28

train_images, train_labels = load_digits28("train")
val_images, val_labels = load_digits28("val")
epochs, batch_size = course.pick(sample=(10, 32), full=(2, 128))


def train(model, images, labels, lr=0.005, epochs=epochs, seed=0):
    torch.manual_seed(seed)
    train_set = TensorDataset(images, labels)
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    steps = epochs * len(train_loader)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    recipe = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs}
    fit(model, train_loader, **recipe, progress=False)
    return model


# %% [markdown]
# The network is a small **vision transformer**, or ViT: the helper of what this lesson builds. It contains no
# convolution that slides, no pooling and no BatchNorm.

# %%
from course_utils.models.vit import small_vit

torch.manual_seed(0)
vit = train(small_vit().to(course.device), train_images, train_labels)

# %%
def accuracy(model, images, labels=val_labels):
    with torch.inference_mode():
        preds = model.eval()(images.to(course.device)).argmax(dim=1).cpu()
    return (preds == labels).float().mean().item()
