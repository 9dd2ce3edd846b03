# %% [markdown]
# # 14 · The debugging clinic
#
# Twenty-six programs that do not do what they should. You guess what each one suffers from, measure it, cure it, and
# write down the test that would have caught it.
#
# **Time** about 105 minutes, of which the computer works 35 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb) to [lesson 10](10_from_notebook_to_script.ipynb); the cases come
# from all of them, and most say where to read more
#
# **You will learn to**
#
# - read an exception as a measurement, and find the place where it began
# - expose a silent bug with one number
# - measure what a bug costs by a comparison in which nothing else differs
# - turn every bug you have met into a test that stops the program
# - examine a network that does not learn, in five steps
#
# All these bugs are real: they come from five tutorials that many people have copied. Most of them raise no error.
# This is a ward round, and it may be walked in two goes. The place for a break is before
# [Optimizer and schedule](#Optimizer-and-schedule). When you come back, click there and choose *Run → Run All Above
# Selected Cell*; that takes half a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import setup

course = setup(seed=0, lesson="14")

# %% [markdown]
# ## How the round works
#
# Every case goes the same way: a **program** as somebody would write it, and what is odd about it; a question, *guess
# first*, whose answer folds open; a **measurement** that exposes the bug; the **cure**; and a **test**, built of
# `assert`, that stops the program as soon as the bug is back. Take the question seriously. Half a minute of guessing
# teaches more than the answer. So what would give the answer away comes folded, too: you see a line such as
# `# measurement` and three dots. When you have guessed and read the diagnosis, open these cells one after the other,
# code and output, with a click on each (or, in the menu, *View → Expand Selected Code* and *Expand Selected Outputs*).
#
# A test is worth something only if the buggy program *fails* it. So each test is tried twice, on the program as written
# and on the cured one:

# %%
def tried(test, *patient):
    try:
        test(*patient)
    except AssertionError as error:
        return f"stopped: {error}"
    return "passes"


# %% [markdown]
# The patients are small. Most are the network of lesson 03, with 1,200 of its digits. (Where a cell prints the score of
# a trained network, your last decimals may differ.)

# %%
from course_utils import MLP, evaluate, fit, load_digits28

x, y = (part[:1200].to(course.device) for part in load_digits28("train"))
x_val, y_val = (part[:300].to(course.device) for part in load_digits28("val"))
val_set = TensorDataset(x_val, y_val)
val_loader = DataLoader(val_set, 100)


def new_mlp(seed=0):
    torch.manual_seed(seed)
    return MLP().to(course.device)


def train(model, optimizer=None, epochs=5, inputs=x, seed=0):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(inputs, y), 64, shuffle=True, generator=generator)
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, loader, val_loader, optimizer=optimizer, epochs=epochs, progress=False)


# %% [markdown]
# A healthy one, for comparison:

# %% tags=["nbval-ignore-output"]
healthy = new_mlp()
healthy_accuracy = train(healthy)["val_accuracy"][-1]
print(f"healthy: validation accuracy {healthy_accuracy:.3f}")

# %% tags=["proof"]
assert healthy_accuracy > 0.7, f"accuracy {healthy_accuracy:.3f}"

# %% [markdown]
# Other patients look at ants and bees. Their backbone is frozen, so its features are computed once, as in lesson 07:

# %%
from course_utils import eval_transform, extract_features, hymenoptera, pretrained_resnet18


def new_backbone():
    backbone = pretrained_resnet18(2)
    backbone.fc = nn.Identity()
    return backbone.to(course.device)


size = course.pick(sample=64, full=224)
photos = {split: hymenoptera(split, eval_transform(size)) for split in ["train", "val"]}
train_features, val_features = (
    TensorDataset(*extract_features(new_backbone().eval(), DataLoader(photos[split], 64)))
    for split in ["train", "val"]
)


# %%
def train_head(data=train_features, val=val_features, seed=0, epochs=10, **settings):
    torch.manual_seed(seed)
    head = nn.Linear(512, 2)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
    loaders = DataLoader(data, 32, shuffle=True), DataLoader(val, 256)
    settings |= {"optimizer": optimizer, "epochs": epochs, "progress": False}
    return head, fit(head, *loaders, **settings)["val_accuracy"]


# %% tags=["nbval-ignore-output"]
head, by_epoch = train_head()
head_accuracy = by_epoch[-1]
print(f"healthy head: validation accuracy {head_accuracy:.3f}")

# %% tags=["proof"]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert head_accuracy > course.pick(sample=0.7, full=0.85), f"accuracy {head_accuracy:.3f}"

# %% [markdown]
# ## Shapes
#
# ### Case 1: A loss that stops early
#
# A linear model is to forecast today's highest temperature from yesterday's and from the average of many years. The
# loss falls for a while and then stays where it is, and more steps do not help. (`/ 10 - 6` only brings the inputs,
# in °F, near 0.)

# %%
from course_utils import load_temperatures

table = load_temperatures()
year = table[:365]
inputs = torch.tensor(year[["temp_1", "average"]].to_numpy(), dtype=torch.float32) / 10 - 6
actual = torch.tensor(year["actual"].to_numpy(), dtype=torch.float32)


def regress(targets):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    for _ in range(500):
        loss = ((model(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model(inputs).detach(), loss.item()


forecast, last_loss = regress(actual)
print(f"last loss {last_loss:.0f}")

# %% [markdown]
# **Guess first.** What are the shapes of `model(inputs)` and of `targets`, and what does the minus sign make of them?
# <details><summary>Diagnosis</summary>
#
# A table of all pairs: (n, 1) minus (n,) is (n, n). Every answer is compared with every day, and then nothing beats
# "always the mean". So the loss stops at the variance of the targets, a number worth knowing before you train
# ([lesson 02](02_tensors_and_regression.ipynb)).
#
# </details>
#
# Now open the three cells below, one after the other.

# %% tags=["fold"]
# measurement
print("compared:", tuple((forecast - actual).shape))
print(f"variance of the targets {actual.var(correction=0):.0f}")
print(f"the answers lie between {forecast.min():.1f} and {forecast.max():.1f}")

# %% tags=["fold"]
# cure
column = actual.unsqueeze(1)
mended_forecast, _ = regress(column)
print(f"mean squared error as written {F.mse_loss(forecast, column):.0f}")
print(f"mean squared error cured      {F.mse_loss(mended_forecast, column):.0f}")

# %% tags=["proof"]
variance = actual.var(correction=0).item()
assert abs(last_loss - variance) < 0.01 * variance, f"last loss {last_loss:.1f}, variance {variance:.1f}"
assert np.ptp(forecast) < 1, f"the answers range over {np.ptp(forecast):.1f}"
cured = F.mse_loss(mended_forecast, column).item()
assert cured < variance / 3, f"mean squared error {variance:.1f}, cured {cured:.1f}"


# %% tags=["fold"]
# test
def same_shape(answers, targets):
    assert answers.shape == targets.shape, f"answers {[*answers.shape]}, targets {[*targets.shape]}"


print("as written:", tried(same_shape, forecast, actual))
print("cured:     ", tried(same_shape, mended_forecast, column))

# %% tags=["proof"]
assert tried(same_shape, forecast, actual) != "passes", "the test lets the bug pass"
assert tried(same_shape, mended_forecast, column) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 2: A size that no longer fits
#
# This network ran for months on pictures of 224 pixels. Now its loader crops 256. Three pictures:

# %%
body = nn.Sequential(nn.Conv2d(3, 512, 32, stride=32), nn.AvgPool2d(2))
last = nn.Linear(4608, 2)
try:
    last(body(torch.rand(3, 3, 256, 256)).flatten(1))
except RuntimeError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** The message holds four numbers. Which one is the batch, which one came in, which two were typed? And
# would it help to write `.view(-1, 4608)` in place of `.flatten(1)`?
# <details><summary>Diagnosis</summary>
#
# `3x8192` arrived: 3 pictures, 512 channels × 4 × 4. `4608x2` was typed: 512 × 3 × 3, which belongs to 224 pixels, and
# two classes. The error is the lucky form of this bug. With `view` nine such pictures become sixteen rows without a
# word, and the error is raised a line later, where nothing is wrong. The cure is to pool **adaptively**, to a size that
# you choose ([lesson 05](05_custom_resnet.ipynb)).
#
# </details>

# %% tags=["fold"]
# measurement
def viewed(images):
    return last(body(images).view(-1, 4608))


logits = viewed(torch.rand(9, 3, 256, 256))
print("9 pictures have become", len(logits), "rows")
try:
    F.cross_entropy(logits, torch.zeros(9, dtype=torch.long))
except ValueError as error:
    print(type(error).__name__, error)

# %% [markdown]
# Pooled to 3 × 3, maps of every size fit the last layer, and its trained weights stay. (The nine windows
# are not quite those of `AvgPool2d(2)`, so measure the accuracy again.)

# %% tags=["fold"]
# test
def one_row_each(model):
    for side in [224, 256]:
        rows = len(model(torch.rand(9, 3, side, side)))
        assert rows == 9, f"9 pictures of {side} pixels give {rows} rows"


adaptive = nn.Sequential(body[0], nn.AdaptiveAvgPool2d(3), nn.Flatten(), last)
print("with view:", tried(one_row_each, viewed))
print("cured:    ", tried(one_row_each, adaptive))

# %% tags=["proof"]
assert tried(one_row_each, viewed) != "passes", "the test lets the bug pass"
assert tried(one_row_each, adaptive) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 3: A figure that will not draw
#
# Predictions are to be shown in two columns. The first version, which asks for place `j`, fails for every batch; the
# second one, with `j + 1`, for the last batch of the data set.

# %%
def places(n, rows, first=1):
    try:
        for j in range(n):
            plt.subplot(rows, 2, j + first)
        return "drawn"
    except ValueError as error:
        return f"ValueError: {error}"
    finally:
        plt.close("all")


print("4 pictures, j:    ", places(4, rows=4 // 2, first=0))
print("1 picture, j + 1: ", places(1, rows=1 // 2))

# %% [markdown]
# **Guess first.** Places of a grid count from 1, so `j + 1` is right. The number of rows is `n // 2`. For which numbers
# of pictures does the second version still fail?
# <details><summary>Diagnosis</summary>
#
# For every odd one: `n // 2` rounds down, and the last picture has no place. One picture gives no rows at all. Whoever
# tests with a full batch only never sees it.
#
# </details>

# %% tags=["fold"]
# measurement
print("fails for", [n for n in range(1, 10) if places(n, rows=n // 2) != "drawn"])


# %% tags=["fold"]
# test
def always_drawn(rows_for):
    for n in range(1, 10):
        assert places(n, rows_for(n)) == "drawn", f"not all of a batch of {n} have a place"


print("as written:", tried(always_drawn, lambda n: n // 2))
print("cured:     ", tried(always_drawn, lambda n: -(-n // 2)))  # rounds up

# %% tags=["proof"]
assert [n for n in range(1, 10) if places(n, rows=n // 2) != "drawn"] == [1, 3, 5, 7, 9], "not every odd number"
assert tried(always_drawn, lambda n: n // 2) != "passes", "the test lets the bug pass"
assert tried(always_drawn, lambda n: -(-n // 2)) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 4: A deep network that hardly learns
#
# "Residual networks can be deep", so twelve residual blocks are stacked.

# %%
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)))


def deep(block):
    torch.manual_seed(0)
    stem = [nn.AvgPool2d(4), nn.Conv2d(1, 8, 3, padding=1)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)]
    return nn.Sequential(*stem, *(block() for _ in range(12)), *end).to(course.device)


# %% tags=["nbval-ignore-output"]
plain_net = deep(Block)
plain_score = train(plain_net)["train_accuracy"][-1]
print(f"twelve blocks: accuracy on the training digits {plain_score:.2f}")

# %% tags=["proof"]
assert plain_score < 0.5, f"accuracy on the training digits {plain_score:.2f}"

# %% [markdown]
# **Guess first.** What should a residual block hand on if its second BatchNorm gave nothing but zeros? And what does
# this one hand on?
# <details><summary>Diagnosis</summary>
#
# Its input; and zeros. `Block` never adds its input, so it is no residual block, whatever its name says. The cure is
# two characters, `x +`. [Lesson 05](05_custom_resnet.ipynb) shows what the shortcut does for a deep network.
#
# </details>
#
# The measurement needs no training. We silence the last BatchNorm of a copy. (Inputs from 0 on, as blocks get them, so
# that the last ReLU changes nothing.)

# %% tags=["fold"]
# measurement
import copy


def silenced(block, inputs):
    block = copy.deepcopy(block).cpu()  # the patient itself stays as it is
    for weight in block.bn2.parameters():
        nn.init.zeros_(weight)
    return block(inputs)


torch.manual_seed(0)
some = torch.rand(2, 8, 7, 7)
print(f"mean of the input {some.mean():.2f}, of the output {silenced(Block(), some).mean():.2f}")

# %% tags=["proof"]
assert not silenced(Block(), some).any(), "the block hands on something else than zeros"


# %% tags=["fold"]
# cure and test
class MendedBlock(Block):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(out)))


def hands_its_input_on(block):
    assert torch.equal(silenced(block, some), some), "the block does not add its input"


mended_net = deep(MendedBlock)
print("as written:", tried(hands_its_input_on, plain_net[2]))
print("cured:     ", tried(hands_its_input_on, mended_net[2]))

# %% tags=["proof"]
assert tried(hands_its_input_on, plain_net[2]) != "passes", "the test lets the bug pass"
assert tried(hands_its_input_on, mended_net[2]) == "passes", "the test stops the cured program"

# %% tags=["nbval-ignore-output"]
residual_score = train(mended_net)["train_accuracy"][-1]
print(f"accuracy on the training digits as written {plain_score:.2f}, cured {residual_score:.2f}")

# %% tags=["proof"]
assert tried(hands_its_input_on, mended_net[2]) == "passes", "the test stops a trained block"
assert residual_score - plain_score > 0.3, f"as written {plain_score:.2f}, cured {residual_score:.2f}"

# %% [markdown]
# ## Loss
#
# ### Case 5: A loss stuck near its start
#
# "A classifier returns probabilities", so the network ends with a softmax. It is trained with `F.cross_entropy`.

# %% tags=["nbval-ignore-output"]
suspect = nn.Sequential(new_mlp(), nn.Softmax(dim=1))
history = train(suspect)
stuck_accuracy = history["val_accuracy"][-1]
print(f"train loss by epoch: {np.round(history['train_loss'], 2)}")
print(f"validation accuracy {stuck_accuracy:.2f}, healthy {healthy_accuracy:.2f}")

# %% tags=["proof"]
fall = history["train_loss"][0] - history["train_loss"][-1]
assert fall < 0.1, f"the loss falls by {fall:.2f}"
assert healthy_accuracy - stuck_accuracy > 0.3, f"accuracy {stuck_accuracy:.2f}, healthy {healthy_accuracy:.2f}"

# %% [markdown]
# **Guess first.** Say the network gives the right class a 1 and all others a 0. Is its loss 0?
# <details><summary>Diagnosis</summary>
#
# No: `F.cross_entropy` applies a softmax of its own, and of numbers from 0 to 1 it makes at best e / (e + 9). The
# gradients, which pass through both, are much smaller, too. [Lesson 03](03_mnist_mlp.ipynb) trains with one softmax and
# with two. The cure is to leave it out.
#
# </details>

# %% tags=["fold"]
# measurement
def first_gradient(model):
    model.zero_grad()
    F.cross_entropy(model(x[:64]), y[:64]).backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()]).norm().item()


perfect = F.one_hot(y[:64], 10).float()
print(f"loss of a perfect answer {F.cross_entropy(perfect, y[:64]):.2f}")
ratio = first_gradient(new_mlp()) / first_gradient(nn.Sequential(new_mlp(), nn.Softmax(dim=1)))
print(f"the first gradient is {ratio:.0f} times too small")


# %% tags=["fold"]
# test
def gives_logits(model):
    sums = model(x[:64]).sum(dim=1)
    assert not torch.allclose(sums, torch.ones_like(sums)), "rows add up to 1: probabilities"


print("as written:", tried(gives_logits, suspect))
print("cured:     ", tried(gives_logits, healthy))

# %% tags=["proof"]
best = F.cross_entropy(perfect, y[:64]).item()
assert abs(best + np.log(np.e / (np.e + 9))) < 1e-4, f"loss of a perfect answer {best:.4f}"
assert ratio > 4, f"the first gradient is {ratio:.1f} times too small"
assert tried(gives_logits, suspect) != "passes", "the test lets the bug pass"
assert tried(gives_logits, healthy) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 6: A huge first loss
#
# The weights are made by hand, by `torch.randn`, that is, with a standard deviation of 1.

# %%
def start(scale):
    model = new_mlp()
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=scale(layer.in_features))
            nn.init.zeros_(layer.bias)
    return model


unscaled = start(lambda fan_in: 1.0)
print(f"first loss {F.cross_entropy(unscaled(x[:64]), y[:64]):.0f}")

# %% tags=["proof"]
first = F.cross_entropy(unscaled(x[:64]), y[:64]).item()
assert first > 200 * np.log(10), f"first loss {first:.0f}"

# %% [markdown]
# **Guess first.** `start` is given a function of `fan_in`, the number of inputs of a layer. What should the first loss
# be for ten classes, and what should the function return in place of 1?
# <details><summary>Diagnosis</summary>
#
# About ln 10, because an untrained network should prefer no class; and 1 / √fan-in. Each output is a sum over all
# inputs of a layer, and such a sum grows with the root of their number. Over three layers this multiplies
# ([lesson 03](03_mnist_mlp.ipynb)).
#
# </details>

# %% tags=["fold"]
# measurement
spread = x[:64].flatten(1)
for layer in unscaled:
    spread = layer(spread)
    if isinstance(layer, nn.Linear):
        print(f"after {layer.in_features} inputs: standard deviation {spread.std():.0f}")


# %% tags=["fold"]
# test
def starts_well(model):
    first = F.cross_entropy(model(x[:64]), y[:64]).item()
    assert abs(first - np.log(10)) < 0.7, "the first loss is far from ln 10"


scaled = start(lambda fan_in: fan_in**-0.5)
print("as written:", tried(starts_well, unscaled))
print("cured:     ", tried(starts_well, scaled))

# %% tags=["proof"]
assert tried(starts_well, unscaled) != "passes", "the test lets the bug pass"
assert tried(starts_well, scaled) == "passes", "the test stops the cured program"

# %% tags=["nbval-ignore-output"]
raw, tamed = (train(copy.deepcopy(model))["val_accuracy"][-1] for model in (unscaled, scaled))
print(f"validation accuracy as written {raw:.2f}, cured {tamed:.2f}")

# %% tags=["proof"]
assert tamed - raw > 0.4, f"accuracy as written {raw:.2f}, cured {tamed:.2f}"

# %% [markdown]
# **Check yourself.** A network for 100 classes starts with a loss of 4.6 and stays there. Which of the cases 5 and 6 is
# it, or could it be neither?
# <details><summary>Answer</summary>
#
# ln 100 is 4.6, so the start is right and case 6 is out. Case 5 is possible: with two softmaxes the loss begins near
# ln 100, too, and cannot fall far. So is a learning rate far too small, or a network that gets no gradient. The first
# loss alone cannot tell; the gradient of case 5 and the routine below can.
#
# </details>

# %% [markdown]
# ## Data
#
# ### Case 7: Worse than guessing
#
# A program has its own data set for the test. Our healthy head of ants and bees is judged with it:

# %% tags=["nbval-ignore-output"]
from course_utils import predict

listed = ["bees", "ants"]  # what os.listdir(folder) returned
own_labels = torch.tensor([listed.index(path.parent.name) for path, _ in photos["val"].samples])
head_answers = predict(head, DataLoader(val_features, 256))[0].argmax(dim=1)
own_accuracy = (head_answers == own_labels).float().mean().item()
print(f"accuracy {own_accuracy:.2f}")

# %% tags=["proof"]
assert own_accuracy < 0.35, f"accuracy {own_accuracy:.2f}"

# %% [markdown]
# **Guess first.** A coin gets a half. How can a network that has learned be that much worse?
# <details><summary>Diagnosis</summary>
#
# It must know the answers to miss so many. `os.listdir` has no order, the training data were sorted, so 0 and 1 mean
# the opposite ([lesson 01](01_data_loading_and_visualization.ipynb)). Two balanced classes and an accuracy far *below*
# a half: first look for swapped labels. (With unbalanced ones, "always the rare class" is as bad.) With ten classes it
# is harder to see: a few labels swapped look like a weak network.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
classes = sorted(listed)
labels = torch.tensor([classes.index(path.parent.name) for path, _ in photos["val"].samples])
right_accuracy = (head_answers == labels).float().mean().item()
print(f"accuracy as written {own_accuracy:.2f}, cured {right_accuracy:.2f}")

# %% tags=["proof"]
assert abs(own_accuracy + right_accuracy - 1) < 1e-6, f"{own_accuracy:.3f} and {right_accuracy:.3f}"
assert abs(right_accuracy - head_accuracy) < 0.01, f"cured {right_accuracy:.3f}, in training {head_accuracy:.3f}"


# %% tags=["fold"]
# test
def same_classes(classes):
    assert classes == photos["train"].classes, f"{classes}, but training had another order"


print("as written:", tried(same_classes, listed))
print("cured:     ", tried(same_classes, classes))

# %% tags=["proof"]
assert tried(same_classes, listed) != "passes", "the test lets the bug pass"
assert tried(same_classes, classes) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 8: One picture breaks the batch
#
# Somewhere in the folder lies a GIF. Without `.convert("RGB")` a picture stays in the mode in which its file has it.
# Here is a batch with this GIF, with the modes that its files give:

# %%
from torchvision.transforms import v2

pictures = [hymenoptera("train")[index][0] for index in range(4)]
pictures[2] = pictures[2].convert("P")  # what opening a GIF returns
steps = [v2.Resize((size, size)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
to_tensor = v2.Compose(steps)
try:
    next(iter(DataLoader([to_tensor(picture) for picture in pictures], batch_size=4)))
except RuntimeError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** In a shuffled epoch of ten thousand pictures, how much does "entry 2" tell you? And with
# `v2.Normalize` as a last step the error is gone. Is the bug gone, too?
# <details><summary>Diagnosis</summary>
#
# Entry 2 of *some* batch: next to nothing. And no: mode `P` has one channel, and its numbers are rows in a table of
# colours. `Normalize` has three means, and stretches the one channel to three without an error
# ([lesson 08](08_custom_dataset.ipynb)). So ask the files, before the first epoch.
#
# </details>

# %% tags=["fold"]
# measurement
normalize = v2.Normalize([0.5] * 3, [0.5] * 3)
silent = normalize(to_tensor(pictures[2]))
meant = normalize(to_tensor(pictures[2].convert("RGB")))
print("modes:", [picture.mode for picture in pictures])
print(f"normalized: shape {tuple(silent.shape)}, but off by {(silent - meant).abs().mean():.1f}")


# %% tags=["fold"]
# test
def all_rgb(pictures):
    for number, picture in enumerate(pictures):
        assert picture.mode == "RGB", f"picture {number} has mode {picture.mode}"


print("as written:", tried(all_rgb, pictures))
print("cured:     ", tried(all_rgb, [picture.convert("RGB") for picture in pictures]))

# %% tags=["proof"]
assert silent.shape == meant.shape == (3, size, size), f"shapes {silent.shape} and {meant.shape}"
off = (silent - meant).abs().mean().item()
assert off > 0.1, f"off by {off:.2f}"
assert tried(all_rgb, pictures) != "passes", "the test lets the bug pass"
assert tried(all_rgb, [picture.convert("RGB") for picture in pictures]) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 9: Names that look right
#
# 102 kinds of flowers lie in folders called `1` to `102`, and a file gives the name for each number. Sorted, the
# folders become the labels 0, 1, …

# %%
cat_to_name = {str(number): f"flower {number}" for number in range(1, 103)}
samples = [(f"{folder}/a.jpg", label) for label, folder in enumerate(sorted(cat_to_name))]
try:
    print([cat_to_name[str(label)] for path, label in samples])
except KeyError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** "Of course, the labels begin at 0", says somebody, and writes `str(label + 1)`. The error is gone.
# How many of the 102 names are right?
# <details><summary>Diagnosis</summary>
#
# About a tenth, by accident. The names of folders are sorted as texts: 1, 10, 100, 101, 102, 11, … The cure of the
# *message* has made it worse, for now nothing complains. The way from label to name leads over the folder
# ([lesson 08](08_custom_dataset.ipynb)).
#
# </details>

# %% tags=["fold"]
# measurement
def by_number(label):
    return cat_to_name[str(label + 1)]


names = {path: cat_to_name[path.partition("/")[0]] for path, _ in samples}  # what the disk says
right = sum(by_number(label) == names[path] for path, label in samples)
print(f"str(label + 1): {right} of {len(samples)} names right")


# %% tags=["fold"]
# test
def names_fit(name_of):
    for path, label in samples:
        assert name_of(label) == names[path], f"{path} is called {name_of(label)}"


folders = sorted(cat_to_name)
print("as written:", tried(names_fit, by_number))
print("cured:     ", tried(names_fit, lambda label: cat_to_name[folders[label]]))

# %% tags=["proof"]
assert 5 <= right <= 15, f"{right} of 102 are not about a tenth"
assert tried(names_fit, by_number) != "passes", "the test lets the bug pass"
assert tried(names_fit, lambda label: cat_to_name[folders[label]]) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 10: Too good a forecast
#
# A network forecasts temperatures from six columns. Program A fits it on all rows, and reports the error on the last
# year. (`F.l1_loss` is the mean of the absolute differences.)

# %%
columns = ["temp_2", "temp_1", "average", "friend", "month", "day"]
rows = torch.tensor(table[columns].to_numpy(), dtype=torch.float32)
degrees = torch.tensor(table["actual"].to_numpy(), dtype=torch.float32).unsqueeze(1)
tens = (degrees - 60) / 10  # numbers around 0 are easier to learn
before = int((table["year"] < table["year"].max()).sum())  # rows before the last year


def error_of_last_year(known):
    """Mean absolute error in °F of a network that was fitted on the rows `known`."""
    scaled = (rows - rows[known].mean(0)) / rows[known].std(0)
    torch.manual_seed(0)
    model = MLP(len(columns), (128, 128), 1)
    loader = DataLoader(TensorDataset(scaled[known], tens[known]), 128, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    fit(model, loader, optimizer=optimizer, epochs=120, loss_fn=F.mse_loss, progress=False)
    judged = DataLoader(TensorDataset(scaled[before:], tens[before:]), 512)
    return 10 * evaluate(model, judged, loss_fn=F.l1_loss)["loss"]


# %% tags=["nbval-ignore-output"]
yesterday = (rows[before:, 1:2] - degrees[before:]).abs().mean().item()
everything = error_of_last_year(torch.arange(len(rows)))
print(f"program A: {everything:.1f} °F   'the same as yesterday': {yesterday:.1f} °F")

# %% tags=["proof"]
assert everything < 0.9 * yesterday, f"program A {everything:.1f} °F, as yesterday {yesterday:.1f} °F"

# %% [markdown]
# **Guess first.** Would you buy the forecast? If not, which comparison would show what is wrong, and nothing else?
# <details><summary>Diagnosis</summary>
#
# The network has been judged on days from which it had learned. Nobody can do that tomorrow. Fitted on the years
# before, the same network tells another story. But it then also has fewer rows to learn from. So the fair comparison is
# with as *many* rows, drawn from all years ([lesson 02](02_tensors_and_regression.ipynb) has the split by time).
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:before]
leaky, honest_error = error_of_last_year(drawn), error_of_last_year(torch.arange(before))
print(f"{before} rows of all years:       {leaky:.1f} °F")
print(f"{before} rows of the years before: {honest_error:.1f} °F   (yesterday: {yesterday:.1f} °F)")

# %% tags=["proof"]
assert honest_error > 1.15 * leaky, f"rows of all years {leaky:.1f} °F, of the years before {honest_error:.1f} °F"
assert honest_error > yesterday, f"years before {honest_error:.1f} °F, as yesterday {yesterday:.1f} °F"


# %% tags=["fold"]
# test
def learned_before(learned, judged):
    assert learned.max() < judged.min(), "days to be judged have been learned from"


print("as written:", tried(learned_before, table.index, table.index[before:]))
print("cured:     ", tried(learned_before, table.index[:before], table.index[before:]))

# %% tags=["proof"]
assert tried(learned_before, table.index, table.index[before:]) != "passes", "the test lets the bug pass"
assert tried(learned_before, table.index[:before], table.index[before:]) == "passes", "the test stops the cured program"

# %% [markdown]
# ## Evaluation
#
# ### Case 11: A score that changes
#
# One transform serves training and testing. A network is trained with it, and then judged with it five times.

# %% tags=["nbval-ignore-output"]
transform = v2.RandomResizedCrop(28)


def transformed(images):
    return torch.stack([transform(image) for image in images])


def judge(images):
    return evaluate(cropper, DataLoader(TensorDataset(images, y_val), 100))["accuracy"]


torch.manual_seed(0)
cropper = new_mlp()
for epoch in range(10):
    train(cropper, epochs=1, inputs=transformed(x), seed=epoch)
five = [judge(transformed(x_val)) for _ in range(5)]
print("five times:", np.round(five, 2))

# %% tags=["proof"]
assert np.ptp(five) > 0, f"five times {five}"

# %% [markdown]
# **Guess first.** Nothing was trained in between. What has changed, and does the network know more or less than these
# scores say?
# <details><summary>Diagnosis</summary>
#
# Each time other parts of the pictures are shown, down to 8 % of the area. The network knows more: on whole digits,
# although it has learned from parts only, it is far better ([lesson 04](04_mnist_cnn.ipynb)).
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
whole = judge(x_val)
print(f"mean of the five {np.mean(five):.2f}, on whole pictures {whole:.2f}")

# %% tags=["proof"]
assert whole - max(five) > 0.1, f"best of five {max(five):.2f}, on whole pictures {whole:.2f}"


# %% tags=["fold"]
# test
def repeats(transform):
    assert torch.equal(transform(x_val[0]), transform(x_val[0])), "one picture gives two tensors"


print("as written:", tried(repeats, transform))
print("cured:     ", tried(repeats, v2.Resize(28)))

# %% tags=["proof"]
assert tried(repeats, transform) != "passes", "the test lets the bug pass"
assert tried(repeats, v2.Resize(28)) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 12: The loss depends on the batch size
#
# After each epoch the program reports the validation loss. `np.mean` makes a mean of it.

# %% tags=["nbval-ignore-output"]
def report(batch_size):
    for images, labels in DataLoader(val_set, batch_size):
        with torch.no_grad():
            loss = F.cross_entropy(healthy(images), labels).cpu().numpy()
    return float(np.mean(loss))


for batch_size in [32, 64, 100, 299]:
    print(f"batches of {batch_size:>3}: loss {report(batch_size):.4f}")

# %% tags=["proof"]
assert abs(report(100) - report(299)) > 0.01, f"reports {report(100):.4f} and {report(299):.4f}"

# %% [markdown]
# **Guess first.** Of how many numbers does `np.mean` take the mean here?
# <details><summary>Diagnosis</summary>
#
# Of one. `loss` is overwritten by every batch, and what is left is the loss of the last one: with batches of 299, the
# loss of a single digit. [Lesson 09](09_metrics_and_plots.ipynb) met it, too. `evaluate` collects all outputs first.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
def mended_report(batch_size):
    return evaluate(healthy, DataLoader(val_set, batch_size))["loss"]


true_loss = mended_report(100)
worst = max(abs(report(batch_size) / true_loss - 1) for batch_size in [32, 64, 100, 299])
print(f"true loss {true_loss:.4f}; the worst report is off by {100 * worst:.0f} %")

# %% tags=["proof"]
alone = F.cross_entropy(healthy(x_val[299:]), y_val[299:]).item()
assert abs(report(299) - alone) < 1e-4, f"the report {report(299):.4f} is not the loss of the last digit, {alone:.4f}"
assert worst > 0.1, f"the worst report is off by {worst:.0%}"


# %% tags=["fold"]
# test
def any_batch_size(report):
    assert np.ptp([*map(report, [32, 100, 299])]) < 1e-4, "the loss depends on the batch size"


print("as written:", tried(any_batch_size, report))
print("cured:     ", tried(any_batch_size, mended_report))

# %% tags=["proof"]
assert tried(any_batch_size, report) != "passes", "the test lets the bug pass"
assert tried(any_batch_size, mended_report) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 13: A loss too good to be true
#
# This one does add up, and it weighs each batch by its size.

# %%
def mean_loss(losses, sizes):
    total = 0.0
    for loss, size in zip(losses, sizes):
        total += loss * size
        total /= sum(sizes)
    return total


# %% tags=["nbval-ignore-output"]
batches = [evaluate(healthy, [batch])["loss"] for batch in val_loader]
too_good = mean_loss(batches, [100] * 3)
print("losses of the batches:", np.round(batches, 2))
print(f"their mean, it says: {too_good:.2f}")

# %% tags=["proof"]
assert too_good < min(batches), f"mean {too_good:.3f} of {batches}"

# %% [markdown]
# **Guess first.** What does it make of four batches of four pictures with a loss of 1 each?
# <details><summary>Diagnosis</summary>
#
# Little more than a quarter. The sum is divided again with each batch, so the last one counts most and all together far
# too little ([lesson 10](10_from_notebook_to_script.ipynb)). The cure is to move one line out of the loop. The test for
# any mean: what comes out for ones?
#
# </details>

# %% tags=["fold"]
# cure
def mended_mean_loss(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes)) / sum(sizes)


# %% tags=["fold"]
# test
def mean_of_ones(mean):
    result = mean([1.0] * 4, [4] * 4)
    assert abs(result - 1) < 1e-6, f"the mean of four ones is {result:.3f}"


print("as written:", tried(mean_of_ones, mean_loss))
print("cured:     ", tried(mean_of_ones, mended_mean_loss))

# %% tags=["proof"]
cured = mended_mean_loss(batches, [100] * 3)
assert abs(cured - true_loss) < 1e-4, f"cured {cured:.4f}, the true loss of case 12 {true_loss:.4f}"
assert tried(mean_of_ones, mean_loss) != "passes", "the test lets the bug pass"
assert tried(mean_of_ones, mended_mean_loss) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 14: Memory that grows
#
# The losses of all batches are collected, to be averaged later. On large pictures the evaluation runs out of memory,
# although the training, with the same batch size, does not.

# %%
from contextlib import nullcontext

from course_utils import CNN

cnn = CNN().to(course.device).eval()


def losses_of(batches, mode, keep):
    with mode:
        return [keep(F.cross_entropy(cnn(images), labels)) for images, labels in batches]


collected = losses_of(val_loader, nullcontext(), lambda loss: loss)

# %% [markdown]
# **Guess first.** `eval()` was called, nobody calls `backward`. What does each loss in the list hold on to?
# <details><summary>Diagnosis</summary>
#
# Its graph: all intermediate results of its batch, kept for a `backward` that never comes. `eval()` changes what
# BatchNorm and dropout do, it does not switch gradients off; `torch.no_grad()` does. In training the graph of a batch
# goes when its loss does. `.item()` has the same effect here, as it keeps the number alone. The best is to do both
# ([lesson 04](04_mnist_cnn.ipynb)).
#
# Below we count what the graphs still hold after one, two and three batches. Each tensor that is kept for `backward` is
# put into a `Kept`, and the **weak set** `alive` holds those only that somebody else still needs.
#
# </details>

# %% tags=["fold"]
# measurement
from weakref import WeakSet


class Kept:
    def __init__(self, tensor):
        self.tensor = tensor


def megabytes_held(number, mode, keep):
    alive = WeakSet()

    def pack(tensor):
        alive.add(kept := Kept(tensor.detach()))
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        losses = losses_of(list(val_loader)[:number], mode, keep)  # the list is still there
    sizes = {kept.tensor.data_ptr(): kept.tensor.nbytes for kept in alive}  # each address once
    return len(losses), round(sum(sizes.values()) / 1e6)


# %% tags=["fold"]
# measurement
ways = {"as written": (nullcontext(), lambda loss: loss),
        "with item": (nullcontext(), lambda loss: loss.item()),
        "with no_grad": (torch.no_grad(), lambda loss: loss)}
held = {name: [megabytes_held(n, *way)[1] for n in [1, 2, 3]] for name, way in ways.items()}
for name, megabytes in held.items():
    print(f"{name:>12}: {megabytes} MB held")


# %% tags=["fold"]
# test
def no_graphs(losses):
    assert not any(loss.requires_grad for loss in losses), "the losses keep their graphs"


print("as written:", tried(no_graphs, collected))
print("cured:     ", tried(no_graphs, losses_of(val_loader, *ways["with no_grad"])))

# %% tags=["proof"]
one, two, three = held["as written"]
assert 0 < one < two < three, f"megabytes held {held}"
assert held["with item"] == held["with no_grad"] == [0, 0, 0], f"megabytes held {held}"
assert tried(no_graphs, collected) != "passes", "the test lets the bug pass"
assert tried(no_graphs, losses_of(val_loader, *ways["with no_grad"])) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 15: Twice the same score
#
# "There is no test set, so the validation set has to do":

# %% tags=["nbval-ignore-output"]
test_loader = val_loader
val_scores, test_scores = evaluate(healthy, val_loader), evaluate(healthy, test_loader)
for name, found in [("validation", val_scores), ("test", test_scores)]:
    print(f"{name:>10}: accuracy {found['accuracy']:.6f}   loss {found['loss']:.6f}")

# %% tags=["proof"]
assert val_scores == test_scores, f"{val_scores} and {test_scores}"

# %% [markdown]
# **Guess first.** Suppose you see the two lines only, and each set has 300 digits. Which agreement is suspicious, that
# of the accuracies or that of the losses?
# <details><summary>Diagnosis</summary>
#
# That of the losses. Of 300 digits an accuracy can take 301 values, and near 0.8 two sets share one every now and then;
# you may see that below. A loss has far too many values. The same pictures have chosen the rate, the epochs, the
# network, and what they say now is no news, and too friendly: case 16 measures how much. Compare the pictures
# themselves, as names or paths may differ.
#
# </details>

# %% tags=["fold"]
# test
def fingerprints(images):
    return {image.cpu().numpy().tobytes() for image in images}


def nothing_shared(chosen_by, judged_by):
    shared = fingerprints(chosen_by) & fingerprints(judged_by)
    assert not shared, f"{len(shared)} pictures have chosen and are to judge"


x_test, y_test = (part[:300].to(course.device) for part in load_digits28("test"))
print("as written:", tried(nothing_shared, x_val, test_loader.dataset.tensors[0]))
print("cured:     ", tried(nothing_shared, x_val, x_test))

# %% tags=["proof"]
assert tried(nothing_shared, x_val, test_loader.dataset.tensors[0]) != "passes", "the test lets the bug pass"
assert tried(nothing_shared, x_val, x_test) == "passes", "the test stops the cured program"

# %% tags=["fold", "nbval-ignore-output"]
# cured
fresh = evaluate(healthy, DataLoader(TensorDataset(x_test, y_test), 100))
print(f"cured: accuracy {fresh['accuracy']:.6f}   loss {fresh['loss']:.6f}")

# %% tags=["proof"]
assert abs(fresh["loss"] - val_scores["loss"]) > 1e-4, f"losses {fresh['loss']:.6f} and {val_scores['loss']:.6f}"

# %% [markdown]
# ### Case 16: Better than a coin
#
# Here the labels of all features are tossed with a coin, so there is nothing to learn. `random_split` deals the
# validation pictures out into two halves; the program sees one of them. It trains for 25 epochs, keeps the best one,
# and reports its accuracy. We let it do so twenty times.

# %%
from torch.utils.data import random_split


def toss(seed):
    generator = torch.Generator().manual_seed(seed)
    sets = []
    for features, _ in (train_features.tensors, val_features.tensors):
        coins = torch.randint(2, (len(features),), generator=generator)
        sets.append(TensorDataset(features, coins))
    return sets[0], *random_split(sets[1], [0.5, 0.5], generator)


# %% tags=["nbval-ignore-output"]
claims, kept_heads = [], []
for seed in range(20):
    learn, half, _ = toss(seed)
    lucky, by_epoch = train_head(learn, half, seed, epochs=25, restore_best="val_accuracy")
    claims.append(max(by_epoch))
    kept_heads.append(lucky)
print(f"mean of the reported accuracies {np.mean(claims):.3f}")

# %% tags=["proof"]
assert np.mean(claims) > 0.53, f"reported {np.mean(claims):.3f}"

# %% [markdown]
# **Guess first.** Nobody can foresee a coin. Where do the points above one half come from, and how would you check it?
# <details><summary>Diagnosis</summary>
#
# From the choice. The best of 25 values is above their mean, and on other pictures the luck is gone: so judge the kept
# head on the other half. A test set that chooses the best epoch is a validation set, and its score is a claim, not a
# measurement ([lesson 09](09_metrics_and_plots.ipynb)).
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
others = [DataLoader(toss(seed)[2], 256) for seed in range(20)]
fair = [evaluate(lucky, other)["accuracy"] for lucky, other in zip(kept_heads, others)]
gap = np.array(claims) - np.array(fair)
error = gap.std(ddof=1) / len(gap) ** 0.5
print(f"claimed {np.mean(claims):.3f}, on the other half {np.mean(fair):.3f}")
print(f"the gap is {gap.mean():.3f}, its standard error {error:.3f}")

# %% tags=["proof"]
assert abs(np.mean(fair) - 0.5) < 0.04, f"on the other half {np.mean(fair):.3f}"
assert gap.mean() > 2 * error, f"gap {gap.mean():.3f}, standard error {error:.3f}"


# %% tags=["fold"]
# test
def pictures_of(subset):
    return subset.dataset.tensors[0][subset.indices]


_, half, other = toss(0)
print("as written:", tried(nothing_shared, pictures_of(half), pictures_of(half)))
print("cured:     ", tried(nothing_shared, pictures_of(half), pictures_of(other)))

# %% tags=["proof"]
assert tried(nothing_shared, pictures_of(half), pictures_of(half)) != "passes", "the test lets the bug pass"
assert tried(nothing_shared, pictures_of(half), pictures_of(other)) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 17: One point ahead
#
# A tutorial finds its frozen model a little ahead of the fine-tuned one and calls it strange. Here are A and B, the
# luckiest and the unluckiest of twelve seeds of one program:

# %% tags=["nbval-ignore-output"]
finals = [train_head(seed=seed)[1][-1] for seed in range(12)]
a, b, n = max(finals), min(finals), len(val_features)
print(f"program A {a:.3f}   program B {b:.3f}   on {n} pictures")
print(f"A has {round((a - b) * n)} right answers more than B")

# %% tags=["proof"]
if course.profile == "sample":  # whether seeds differ on the photographs is not known
    assert a > b, f"all seeds get {a:.3f}"

# %% [markdown]
# **Guess first.** If you did not know about the seeds: how many more right answers of A would convince you that it is
# better? Recall the standard error of [lesson 06](06_fine_tuning.ipynb), √(p (1 − p) / n).
# <details><summary>Diagnosis</summary>
#
# Far more than this lead. Both scores have a standard error, and that of their difference is √2 times as large. Twice
# this is a usual bar, and the first cell below prints it. (The formula takes the two scores for independent. They share
# their pictures, so the bar is a careful one. Several seeds of each program tell more.)
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
from course_utils import standard_error


def bar(a, b, n):
    return 2 * (standard_error(a, n) ** 2 + standard_error(b, n) ** 2) ** 0.5


print(f"lead {a - b:.3f}, bar {bar(a, b, n):.3f}, that is {bar(a, b, n) * n:.0f} answers")

# %% tags=["proof"]
assert a - b < bar(a, b, n), f"lead {a - b:.3f}, bar {bar(a, b, n):.3f}"
if course.profile == "sample":  # how far apart the seeds are on the photographs is not known
    assert bar(a, b, n) > 2 * (a - b), f"lead {a - b:.3f}, bar {bar(a, b, n):.3f}"


# %% tags=["fold"]
# test
def asks_for_more_than_luck(is_ahead):
    assert not is_ahead(0.961, 0.941, 153), "two points on 153 pictures count as a lead"
    assert is_ahead(0.961, 0.941, 10_000), "on ten thousand they are one"


print("as written:", tried(asks_for_more_than_luck, lambda a, b, n: a > b))
print("cured:     ", tried(asks_for_more_than_luck, lambda a, b, n: a - b > bar(a, b, n)))

# %% tags=["proof"]
assert tried(asks_for_more_than_luck, lambda a, b, n: a > b) != "passes", "the test lets the bug pass"
cured = tried(asks_for_more_than_luck, lambda a, b, n: a - b > bar(a, b, n))
assert cured == "passes", "the test stops the cured program"

# %% [markdown]
# **Check yourself.** You compare ten ideas with the same program, each on the validation set, and keep the best. Is its
# validation score too high? Cases 16 and 17 both have something to say.
# <details><summary>Answer</summary>
#
# Yes, a little, as in case 16: ten ideas are ten draws, and the best one was partly lucky. And as in case 17 the
# difference between first and second may be smaller than what another seed does. So choose with several seeds if you
# can, and let a test set that has chosen nothing say how good the choice is.
#
# </details>

# %% [markdown]
# ## Optimizer and schedule
#
# *(More than half of the round is done. If you take the break here, run the cells above once when you come back.)*
#
# ### Case 18: A rate that does not fall
#
# Every three epochs the learning rate should become a tenth. In the training loop the validation loss is at hand, and
# it is given to the scheduler. (`get_last_lr()` lists the rates that a scheduler has set, one for each group of
# parameters.)

# %%
import warnings

from torch.optim.lr_scheduler import StepLR


def nine_epochs(step, seed):
    model = new_mlp(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=3, gamma=0.1)
    rates, accuracies = [], []
    for epoch in range(9):
        rates.append(round(scheduler.get_last_lr()[0], 6))
        row = train(model, optimizer, epochs=1, seed=100 * seed + epoch).rows[0]
        accuracies.append(row["val_accuracy"])
        step(scheduler, row["val_loss"])
    return rates, accuracies


with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    stuck = [nine_epochs(lambda scheduler, loss: scheduler.step(loss), seed) for seed in range(3)]
print("rates:", stuck[0][0])

# %% [markdown]
# **Guess first.** `StepLR` counts epochs, and its `step` can be given one number. For what will it take a loss of 0.35?
# <details><summary>Diagnosis</summary>
#
# For the number of the epoch. "This is epoch 0.35", so the third one never comes. `ReduceLROnPlateau` is the scheduler
# whose `step` wants a loss. PyTorch does warn; we recorded it, the tutorial had switched warnings off.
#
# </details>

# %% tags=["fold"]
# measurement
print(str(warned[0].message).partition(".  ")[0][:77], "…")
print("times warned:", len(warned))

# %% tags=["proof"]
assert {rate for rates, _ in stuck for rate in rates} == {0.15}, f"the rates {stuck}"
assert len(warned) == 27, f"{len(warned)} warnings in three times nine epochs"

# %% tags=["nbval-ignore-output"]
falling = [nine_epochs(lambda scheduler, loss: scheduler.step(), seed) for seed in range(3)]
fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
titles = ["step(loss), rate stays", "step(), rate falls"]
for ax, runs, title in zip(axes, [stuck, falling], titles):
    for (_, accuracies), style in zip(runs, ["o-", "s--", "^:"]):
        ax.plot(range(1, 10), accuracies, style)
    ax.set(title=title, xlabel="epoch")
axes[0].set(ylabel="validation accuracy")
fig.legend(["seed 0", "seed 1", "seed 2"], loc="outside right upper")
plt.show()

# %% tags=["proof"]
assert [rates[::3] for rates, _ in falling] == [[0.15, 0.015, 0.0015]] * 3, f"the rates {falling}"


# %% tags=["nbval-ignore-output"]
def movement(runs):
    return np.mean([np.ptp(accuracies[4:]) for rates, accuracies in runs])


print(f"movement with the stuck rate {movement(stuck):.3f}, falling {movement(falling):.3f}")

# %% tags=["proof"]
assert movement(stuck) > 2 * movement(falling), f"{movement(stuck):.3f}, falling {movement(falling):.3f}"
assert movement(falling) < 0.03, f"with a falling rate accuracies still move by {movement(falling):.3f}"


# %% tags=["fold"]
# test
def rate_falls(rates):
    assert rates[-1] < rates[0], f"the rate is {rates[-1]} from beginning to end"


print("as written:", tried(rate_falls, stuck[0][0]))
print("cured:     ", tried(rate_falls, falling[0][0]), falling[0][0])

# %% tags=["proof"]
assert tried(rate_falls, stuck[0][0]) != "passes", "the test lets the bug pass"
assert tried(rate_falls, falling[0][0]) == "passes", "the test stops the cured program"

# %% [markdown]
# With the rate as it should be each accuracy settles. With the stuck rate it still moves in the last epochs, up or
# down, and which network you get depends on the epoch in which you stop. (The *movement* is the highest minus the
# lowest accuracy of the last five epochs, averaged over the seeds; it is more than twice as large with the stuck rate.)
#
# ### Case 19: A rate that falls in the log only
#
# First the head is trained, then everything, with a new optimizer. Both stages were copied from one cell.

# %%
def nine_rates(optimizer, scheduler):
    used, logged = [], []
    for _ in range(9):
        used.append(round(optimizer.param_groups[0]["lr"], 6))
        logged.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return used, logged


layer = nn.Linear(4, 2)
optimizer_ft = torch.optim.SGD(layer.parameters(), lr=0.01)
scheduler = StepLR(optimizer_ft, step_size=3, gamma=0.1)
optimizer_ft.step()  # the first stage, here only one step

optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)  # the second stage
scheduler = StepLR(optimizer_ft, step_size=3, gamma=0.1)
used, logged = nine_rates(optimizer, scheduler)
print("logged:", [f"{rate:.0e}" for rate in logged])

# %% [markdown]
# **Guess first.** The log shows a rate that falls every three epochs, as it should. Which rates did training use?
# <details><summary>Diagnosis</summary>
#
# 0.001, to the end: the scheduler turns down an optimizer that has retired. Only the first number of the log might
# have made you wonder. Log the rate of the optimizer that makes the steps. [Lesson 06](06_fine_tuning.ipynb) has 25
# epochs of it; what a rate that stays does to the end of a training you saw in case 18.
#
# </details>

# %% tags=["fold"]
# measurement
optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)
mended_scheduler = StepLR(optimizer, step_size=3, gamma=0.1)
print("as written, used:", used)
print("cured, used:     ", nine_rates(optimizer, mended_scheduler)[0])


# %% tags=["fold"]
# test
def belongs_to(scheduler, optimizer):
    assert scheduler.optimizer is optimizer, "the scheduler turns the rate of another optimizer"


print("as written:", tried(belongs_to, scheduler, optimizer))
print("cured:     ", tried(belongs_to, mended_scheduler, optimizer))

# %% tags=["proof"]
assert used == [0.001] * 9 and logged[-1] < logged[0] / 50, f"used {used}, logged {logged}"
assert tried(belongs_to, scheduler, optimizer) != "passes", "the test lets the bug pass"
assert tried(belongs_to, mended_scheduler, optimizer) == "passes", "the test stops the cured program"

# %% [markdown]
# ## Freezing
#
# ### Case 20: Frozen but moving
#
# The backbone is to stay as it is, only the head learns. Nothing looks wrong.

# %%
images = torch.stack([photos["train"][index][0] for index in range(0, 240, 15)]).to(course.device)
labels = torch.tensor(photos["train"].targets[0:240:15]).to(course.device)


def step(model, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()  # waits until a GPU has finished


model = pretrained_resnet18(2)
model.requires_grad = False
model.fc = nn.Linear(512, 2)  # a new head
model = model.to(course.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)

# %% [markdown]
# **Guess first.** How many parameters does this network train: only the head's 1,026, or all of its eleven million?
# <details><summary>Diagnosis</summary>
#
# All. A module has no setting `requires_grad`, so the line gave it a new attribute that nobody reads. Python lets you
# do that to any object. `requires_grad_(False)`, with the underscore, is the method that reaches the parameters. Never
# believe a network that it is frozen: count, and compare before and after a step.
#
# </details>

# %% tags=["fold"]
# measurement
def moved_by_a_step(model, optimizer):
    old = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    step(model, optimizer)
    return [name for name, new in model.named_parameters() if not torch.equal(new, old[name])]


mended = pretrained_resnet18(2)
mended.requires_grad_(False)
mended.fc = nn.Linear(512, 2)
mended = mended.to(course.device)
mended_optimizer = torch.optim.AdamW(mended.parameters(), lr=0.001)
moved, moved_cured = moved_by_a_step(model, optimizer), moved_by_a_step(mended, mended_optimizer)
print("as written:", len(moved), "tensors have moved")
print("cured:     ", moved_cured)

# %% tags=["proof"]
assert len(moved) == len(list(model.parameters())), f"{len(moved)} tensors have moved"
assert moved_cured == ["fc.weight", "fc.bias"], f"cured, {moved_cured} have moved"


# %% tags=["fold"]
# test
def trains_the_head_alone(model):
    count = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert count == 512 * 2 + 2, f"{count:,} parameters are trainable"


print("as written:", tried(trains_the_head_alone, model))
print("cured:     ", tried(trains_the_head_alone, mended))

# %% tags=["proof"]
assert tried(trains_the_head_alone, model) != "passes", "the test lets the bug pass"
assert tried(trains_the_head_alone, mended) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 21: Frozen but slow
#
# Another program freezes by giving only the head to the optimizer. Indeed the backbone does not move.

# %%
model = pretrained_resnet18(2).to(course.device)
backbone = [weight for name, weight in model.named_parameters() if not name.startswith("fc")]
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.01)
print("moved:", moved_by_a_step(model, optimizer))

# %% [markdown]
# **Guess first.** So where is the harm? There are two answers. One costs time, the other waits for the second stage.
# <details><summary>Diagnosis</summary>
#
# `backward` does not know what the optimizer was given. It computes all gradients, and `optimizer.zero_grad()` clears
# only those of the head. In the backbone they add up, batch after batch, until a second stage makes its first step with
# the sum. [Lesson 07](07_feature_extraction.ipynb) also measures the memory. (BatchNorm stays in train mode, too:
# that is case 22.)
#
# </details>

# %% tags=["fold"]
# measurement
from time import perf_counter


def length_of_gradients():
    squares = [(weight.grad**2).sum() for weight in backbone]
    return torch.stack(squares).sum().sqrt().item()


def shortest_step():
    times = []
    for _ in range(5):
        began = perf_counter()
        step(model, optimizer)
        times.append(perf_counter() - began)
    return min(times)


def no_gradients(weights):
    assert all(weight.grad is None for weight in weights), "the backbone gets gradients"


# %% tags=["fold", "nbval-ignore-output"]
# measurement
for weight in backbone:  # as it was
    weight.requires_grad_(True)
    weight.grad = None
step(model, optimizer)
verdict, lengths = tried(no_gradients, backbone), [length_of_gradients()]
unfrozen = shortest_step()
lengths.append(length_of_gradients())
for weight in backbone:  # the cure
    weight.requires_grad_(False)
    weight.grad = None
frozen = shortest_step()
print(f"length of the unused gradients after 1 step {lengths[0]:.1f}, after 6 {lengths[1]:.1f}")
print(f"a step takes {1000 * unfrozen:.0f} ms as written and {1000 * frozen:.0f} ms cured")

# %% tags=["proof"]
assert lengths[1] > course.pick(sample=2, full=1) * lengths[0], f"lengths of the gradients {lengths}"
faster = unfrozen / frozen
assert faster > course.pick(sample=1.5, full=1), f"{1000 * unfrozen:.0f} ms as written, {1000 * frozen:.0f} ms cured"

# %% tags=["fold"]
# test
print("as written:", verdict)
print("cured:     ", tried(no_gradients, backbone))

# %% tags=["proof"]
assert verdict != "passes", "the test lets the bug pass"
assert tried(no_gradients, backbone) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 22: Frozen but forgetful
#
# One frozen backbone serves two tasks: ants and bees, as above, and now pictures of digits, which `F.interpolate`
# brings to 64 pixels and `repeat` to three channels. Before the second task somebody calls `train()` as one does.

# %%
shared = new_backbone().requires_grad_(False)
digits = F.interpolate(x[:256], size=64).repeat(1, 3, 1, 1)
saved = {name: value.clone() for name, value in shared.state_dict().items()}
shared.train()
for four in digits.split(4):
    shared(four)  # a head for digits would be trained on this

# %% [markdown]
# **Guess first.** No parameter wants a gradient. Has anything changed?
# <details><summary>Diagnosis</summary>
#
# The buffers of every BatchNorm layer: running mean, running variance, and the count of the batches. They are no
# parameters, and in train mode each forward pass moves them. The head of ants and bees now gets other features for the
# same pictures. `freeze` of the course switches to evaluation mode and keeps it there
# ([lesson 07](07_feature_extraction.ipynb)).
#
# </details>

# %% tags=["fold"]
# measurement
def changed(backbone):
    now = backbone.state_dict()
    return [name for name in saved if not torch.equal(saved[name], now[name])]


endings = [name.rpartition(".")[2] for name in changed(shared)]
print({ending: endings.count(ending) for ending in sorted(set(endings))})

# %% tags=["proof"]
buffers = {name for name, _ in shared.named_buffers()}
assert set(changed(shared)) == buffers, f"{len(changed(shared))} of {len(buffers)} buffers have changed"

# %% tags=["fold", "nbval-ignore-output"]
# measurement
new_features = TensorDataset(*extract_features(shared, DataLoader(photos["val"], 64)))
forgetful = evaluate(head, DataLoader(new_features, 256))["accuracy"]
print(f"ants and bees: accuracy before {head_accuracy:.2f}, after {forgetful:.2f}")

# %% tags=["proof"]
if course.profile == "sample":  # what the digits cost the photographs is not known
    assert head_accuracy - forgetful > 0.1, f"accuracy before {head_accuracy:.2f}, after {forgetful:.2f}"


# %% tags=["fold"]
# test
from course_utils import freeze


def unchanged(backbone):
    names = changed(backbone)
    assert not names, f"{len(names)} entries of a frozen network have changed"


print("as written:", tried(unchanged, shared))
mended = freeze(new_backbone())
mended.train()  # stays in evaluation mode
mended(digits[:64])
print("cured:     ", tried(unchanged, mended))

# %% tags=["proof"]
assert tried(unchanged, shared) != "passes", "the test lets the bug pass"
assert tried(unchanged, mended) == "passes", "the test stops the cured program"

# %% [markdown]
# ## Saving and loading
#
# ### Case 23: The wrong file
#
# The training writes `best.pt`. The test program, from an older project, reads `checkpoint.pth`.

# %%
import tempfile
from pathlib import Path

from course_utils import load_checkpoint, save_checkpoint

folder = Path(tempfile.mkdtemp())
record = {"model": healthy.state_dict(), "val_accuracy": healthy_accuracy}
save_checkpoint(folder / "best.pt", record)
try:
    torch.load(folder / "checkpoint.pth")
except FileNotFoundError as error:
    print(type(error).__name__, str(error).replace(str(folder), "…").replace("\\", "/"))

# %% [markdown]
# That is the harmless course of the disease. Now suppose that a `checkpoint.pth` of last month lies there, too: the
# same network, trained for one epoch only.

# %% tags=["nbval-ignore-output"]
old = new_mlp()
old_accuracy = train(old, epochs=1)["val_accuracy"][-1]
old_record = {"model": old.state_dict(), "val_accuracy": old_accuracy}
save_checkpoint(folder / "checkpoint.pth", old_record)


def open_and_judge(file):
    state, model = load_checkpoint(file), new_mlp()
    model.load_state_dict(state["model"])
    return state["val_accuracy"], evaluate(model, val_loader)["accuracy"]


logged_accuracy = healthy_accuracy  # the last line in the log of this month's training
print(f"the log says {logged_accuracy:.3f}, and the loaded network gets", end=" ")
print(f"{open_and_judge(folder / 'checkpoint.pth')[1]:.3f}")

# %% tags=["proof"]
found = open_and_judge(folder / "checkpoint.pth")[1]
assert logged_accuracy - found > 0.1, f"the log says {logged_accuracy:.3f}, the network gets {found:.3f}"

# %% [markdown]
# **Guess first.** Each file holds the score that its network had. Would it help to compare the loaded network with the
# score in its own file?
# <details><summary>Diagnosis</summary>
#
# Not against this bug. Last month's file agrees with itself; such a test only finds weights that were damaged or loaded
# into something else. What has to agree is the network and the *log of the training that you mean*. It costs one
# evaluation. And let one variable hold the name of the file, for saving and for loading.
#
# </details>

# %% tags=["fold"]
# test
def agrees_with_itself(file):
    noted, measured = open_and_judge(file)
    assert abs(measured - noted) < 0.005, f"{file.name} is not what its own record says"


def agrees_with_the_log(file):
    measured = open_and_judge(file)[1]
    assert abs(measured - logged_accuracy) < 0.005, f"{file.name} is not the network of the log"


file = folder / "best.pt"  # the one variable
print("as written, with its own record:", tried(agrees_with_itself, folder / "checkpoint.pth"))
print("as written, with the log:       ", tried(agrees_with_the_log, folder / "checkpoint.pth"))
print("cured, with the log:            ", tried(agrees_with_the_log, file))

# %% tags=["proof"]
assert tried(agrees_with_itself, folder / "checkpoint.pth") == "passes", "last month's file disagrees with itself"
assert tried(agrees_with_the_log, folder / "checkpoint.pth") != "passes", "the test lets the bug pass"
assert tried(agrees_with_the_log, file) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 24: A record that gets worse
#
# The best network so far is kept in a file. The training has two stages; in the second one the rate is set too high.

# %%
def stage(model, lr, file, best=0.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    accuracies = []
    for epoch in range(4):
        accuracies += train(model, optimizer, epochs=1, seed=epoch)["val_accuracy"]
        if accuracies[-1] > best:
            best = accuracies[-1]
            save_checkpoint(file, {"model": model.state_dict(), "val_accuracy": best})
    return accuracies


# %% tags=["nbval-ignore-output"]
model, file = new_mlp(), folder / "stages.pt"
first = stage(model, 0.1, file)
second = stage(model, 2.0, file)
print("first stage: ", np.round(first, 2))
print("second stage:", np.round(second, 2))

# %% tags=["proof"]
assert max(second) < max(first) - 0.2, f"first stage {first}, second stage {second}"

# %% [markdown]
# **Guess first.** What is in the file?
# <details><summary>Diagnosis</summary>
#
# The best network of the *second* stage. `best` begins at 0 again, so the first epoch beats the record and overwrites
# the better network. It cannot be brought back. Whoever goes on must begin with the old record. A file's score may only
# rise.
#
# </details>

# %% tags=["fold", "nbval-ignore-output"]
# measurement
in_file = load_checkpoint(file)["val_accuracy"]
model, mended_file = new_mlp(), folder / "mended.pt"
stage(model, 0.1, mended_file)
stage(model, 2.0, mended_file, best=load_checkpoint(mended_file)["val_accuracy"])
mended_in_file = load_checkpoint(mended_file)["val_accuracy"]
print(f"in the file as written {in_file:.3f}, cured {mended_in_file:.3f}")

# %% tags=["proof"]
assert in_file == max(second), f"in the file {in_file:.3f}, best of the second stage {max(second):.3f}"
assert mended_in_file - in_file > 0.2, f"in the file as written {in_file:.3f}, cured {mended_in_file:.3f}"


# %% tags=["fold"]
# test
def only_rises(before, after):
    assert after >= before, "the record in the file has got worse"


print("as written:", tried(only_rises, max(first), in_file))
print("cured:     ", tried(only_rises, max(first), mended_in_file))

# %% tags=["proof"]
assert tried(only_rises, max(first), mended_in_file) == "passes", "the test stops the cured program"
assert tried(only_rises, max(first), in_file) != "passes", "the test lets the bug pass"

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)  # cells above need it: repeat them from case 23 on

# %% [markdown]
# ## Programs
#
# ### Case 25: False is true
#
# A flag of a training program, and a call that wants no GPU.

# %%
import argparse

parser = argparse.ArgumentParser(prog="train")
parser.add_argument("--cuda", type=bool, default=True)
settings = parser.parse_args(["--cuda", "False"])

# %% [markdown]
# **Guess first.** What is `settings.cuda`, and which text would switch it off?
# <details><summary>Diagnosis</summary>
#
# `True`. argparse calls `bool("False")`, and a text that is not empty is true; only `--cuda ""` switches it off.
# Nothing crashes: on a machine with a GPU the wish to do without is ignored. `BooleanOptionalAction` makes two flags,
# `--cuda` and `--no-cuda` ([lesson 10](10_from_notebook_to_script.ipynb)).
#
# </details>

# %% tags=["fold"]
# measurement
for text in ["False", "no", "0", ""]:
    value = parser.parse_args(["--cuda", text]).cuda
    print(f"--cuda {text!r:<8} gives {value!s:<6} the GPU is {'used' if value else 'not used'}")

# %% tags=["proof"]
values = [parser.parse_args(["--cuda", text]).cuda for text in ["False", "no", "0", ""]]
assert values == [True, True, True, False], f"{values}"


# %% tags=["fold"]
# test
def can_be_switched_off(parser, words):
    value = parser.parse_args(words).cuda
    assert value is False, f"cuda is {value}, although {' '.join(words)} was asked for"


mended = argparse.ArgumentParser(prog="train")
mended.add_argument("--cuda", action=argparse.BooleanOptionalAction, default=True)
print("as written:", tried(can_be_switched_off, parser, ["--cuda", "False"]))
print("cured:     ", tried(can_be_switched_off, mended, ["--no-cuda"]))

# %% tags=["proof"]
assert tried(can_be_switched_off, parser, ["--cuda", "False"]) != "passes", "the test lets the bug pass"
assert tried(can_be_switched_off, mended, ["--no-cuda"]) == "passes", "the test stops the cured program"

# %% [markdown]
# ### Case 26: A mean of characters
#
# Another flag, for the means with which pictures are normalized. The call gives one for all three colours. The error is
# raised far away, in the first batch:

# %%
parser = argparse.ArgumentParser(prog="train")
parser.add_argument("--data_mean", type=tuple, default=(0.5, 0.5, 0.5))
settings = parser.parse_args(["--data_mean", "0.5"])
try:
    v2.Normalize(settings.data_mean, (0.5, 0.5, 0.5))(torch.rand(3, 8, 8))
except ValueError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** `bool("False")` was the culprit of case 25. Which call is it here, and what does it return?
# <details><summary>Diagnosis</summary>
#
# `tuple("0.5")`. It takes the text apart into its characters, and no tensor of one dimension can be made of them. The
# message is about the place where the value is *used*. When a message makes no sense, print the value and its type; the
# bug lies where they were last right.
#
# </details>

# %% tags=["fold"]
# measurement
print("data_mean:", settings.data_mean)


# %% tags=["fold"]
# test
def three_numbers(mean):
    numbers = [isinstance(value, float) for value in mean]
    assert numbers == [True] * 3, f"{mean} is no mean of three colours"


mended = argparse.ArgumentParser(prog="train")
mended.add_argument("--data-mean", type=float, nargs=3, default=[0.5, 0.5, 0.5])
mended_settings = mended.parse_args(["--data-mean", "0.4", "0.5", "0.6"])
print("as written:", tried(three_numbers, settings.data_mean))
print("cured:     ", tried(three_numbers, mended_settings.data_mean))

# %% tags=["proof"]
assert tried(three_numbers, settings.data_mean) != "passes", "the test lets the bug pass"
assert tried(three_numbers, mended_settings.data_mean) == "passes", "the test stops the cured program"

# %% [markdown]
# > **Common mistake.** A program begins with the line `warnings.filterwarnings("ignore")`, "because it prints so much".
# > We run three slips and record what that line would have hidden: the shapes of case 1 in `F.mse_loss` (case 1 itself
# > subtracts by hand, and a subtraction does not warn), a scheduler that steps before its optimizer, and case 18:

# %%
def slips():
    F.mse_loss(torch.rand(3, 1), torch.rand(3))
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    StepLR(optimizer, step_size=1).step()
    optimizer.step()
    StepLR(optimizer, step_size=1).step(0.35)


with warnings.catch_warnings(record=True) as hidden:
    warnings.simplefilter("always")
    slips()
for warning in hidden:
    print(f"- {str(warning.message)[:88]} …")

# %% tags=["proof"]
assert len(hidden) == 3, f"{len(hidden)} warnings"

# %% [markdown]
# > Each of these sentences is a diagnosis, free of charge; case 1 shows what the first one saves you, and case 18 the
# > third. A warning that you do not understand is a question. Turn it into an error, with
# > `warnings.simplefilter("error")`, and see where it comes from.

# %% [markdown]
# ## A routine for a network that does not learn
#
# So far each patient had one bug. Real ones have several, and they hide each other. Then guessing no longer helps, and
# changing one thing after another may cure one bug and show nothing. A **routine** does: the same five measurements,
# in the same order, and after every cure the earlier ones again.
#
# 1. **Overfit one batch.** A network that cannot learn 32 pictures by heart will not learn more.
# 2. **Look at the input the model sees**, with labels, after all transforms and shuffling.
# 3. **First loss** against ln C, where C is the number of classes.
# 4. **Gradient norms**, layer by layer: not zero, not huge.
# 5. **Sweep the learning rate**, in factors of ten.
#
# The patient is a short program with three bugs. Read it, and guess before you go on:

# %%
def load():
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2)).to(x.device)
    return x[order], y


def build():
    model = new_mlp()
    for weight in model.parameters():
        nn.init.normal_(weight, std=5)
    return nn.Sequential(*model, nn.Softmax(dim=1))


def attend(lr=0.1):
    pictures, labels = load()
    loader = DataLoader(TensorDataset(pictures, labels), 64)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = fit(model, loader, val_loader, optimizer=optimizer, epochs=5, progress=False)
    return history["val_accuracy"][-1]


# %% [markdown]
# Of ten digits it gets about one right, as the table will show. Everybody's first idea is another learning rate, so let
# us give in to it once and keep the answers for later. (`fit` stops with an error where the loss is no longer a number;
# then the score is that of guessing.)

# %% tags=["nbval-ignore-output"]
def score_at(lr):
    try:
        return attend(lr)
    except FloatingPointError:
        return 0.1


swept = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
sick = [score_at(lr) for lr in swept]
for lr, found in zip(swept, sick):
    print(f"rate {lr:<6g} validation accuracy {found:.2f}")

# %% tags=["proof"]
assert max(sick) < 0.3, f"accuracies {sick}"

# %% [markdown]
# No rate helps, and we have learned nothing about the reason. Now the routine. Three of its steps are numbers, and each
# is a function of what `load` and `build` return. The batch is the first 32 pictures:

# %%
def first_batch():
    pictures, labels = load()
    return pictures[:32], labels[:32]


def overfit():
    """Loss on one batch at the start, and after 200 steps."""
    loader = DataLoader(TensorDataset(*first_batch()), 32)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, loader, optimizer=optimizer, epochs=200, progress=False)
    return history["train_loss"][0], history["train_loss"][-1]


def first_loss():
    pictures, labels = first_batch()
    return F.cross_entropy(build()(pictures), labels).item()


def gradient_norms():
    pictures, labels = first_batch()
    model = build()
    F.cross_entropy(model(pictures), labels).backward()
    return [layer.weight.grad.norm().item() for layer in model if isinstance(layer, nn.Linear)]


# %% [markdown]
# **Step 1, overfit one batch.**

# %% tags=["nbval-ignore-output"]
began, ended = overfit()
print(f"one batch: loss at the start {began:.2f}, after 200 steps {ended:.2f}")

# %% tags=["proof"]
assert began - ended < 0.5 and ended > 1, f"loss {began:.2f}, then {ended:.2f}"

# %% [markdown]
# 200 steps on 32 pictures have changed next to nothing, so the patient is ill, and more data or more epochs will not
# help.
#
# **Step 2, look at the input**, as the model gets it:

# %%
from course_utils import show_batch

pictures, labels = load()
show_batch(pictures[:8].cpu(), labels[:8].cpu(), title="what the model sees, and its labels")
plt.show()

# %% [markdown]
# The captions do not belong to the pictures. `load` shuffles the pictures and forgets the labels. That is the first
# bug. We cure it, look again, and repeat the measurement of step 1:

# %%
def load():
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2)).to(x.device)
    return x[order], y[order]


pictures, labels = first_batch()
show_batch(pictures[:8].cpu(), labels[:8].cpu(), title="after the first cure")
plt.show()

# %% tags=["nbval-ignore-output"]
began, ended = overfit()
print(f"one batch: loss at the start {began:.2f}, after 200 steps {ended:.2f}")

# %% tags=["proof"]
assert ended > 0.2, f"one batch is learned by heart: loss {ended:.2f}"
model, wrong = new_mlp(), DataLoader(TensorDataset(pictures, y[:32]), 32)  # the labels before the cure
assert not torch.equal(labels, y[:32]), "these labels are right"
history = fit(model, wrong, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), epochs=300, progress=False)
assert history["train_loss"][-1] < 0.2, f"wrong labels are not learned by heart: {history['train_loss'][-1]:.2f}"

# %% [markdown]
# Now each picture has its label, and still one batch is too much. (This bug alone would not have shown in step 1: a
# network can learn wrong labels by heart. Each step sees what others miss.)
#
# **Step 3, the first loss** against ln 10:

# %%
print(f"first loss {first_loss():.2f}   ln 10 = {np.log(10):.2f}")

# %% tags=["proof"]
assert abs(first_loss() - np.log(10)) < 0.3, f"first loss {first_loss():.2f}"

# %% [markdown]
# Close enough. If there is a bug in the starting values, it does not show. On to **step 4, the gradient norms**:

# %%
print("first layer to last:", " ".join(f"{norm:.5f}" for norm in gradient_norms()))
outputs = build()(pictures)
print(f"largest output of each row, on average: {outputs.max(dim=1).values.mean():.4f}")
sums = outputs.sum(dim=1)
print(f"sums of the rows: from {sums.min():.4f} to {sums.max():.4f}")

# %% tags=["proof"]
assert max(gradient_norms()) < 0.01, f"gradient norms {gradient_norms()}"
assert outputs.max(dim=1).values.mean() > 0.99, "the answers are not that sure"
torch.testing.assert_close(sums, torch.ones_like(sums))

# %% [markdown]
# No layer gets a gradient worth the name. Each row adds up to 1: probabilities, the softmax of case 5. And each answer
# is as sure as can be, so this softmax lets nothing through. That is the second bug. We cure it, and repeat steps 3, 4
# and 1. (The pictures come from `load`, which has not changed since we looked at them.)

# %%
def build():
    model = new_mlp()
    for weight in model.parameters():
        nn.init.normal_(weight, std=5)
    return nn.Sequential(*model)


print(f"first loss {first_loss():.0f}   gradient norms {[round(g) for g in gradient_norms()]}")

# %% tags=["proof"]
assert first_loss() > 20_000 * np.log(10), f"first loss {first_loss():.0f}"
assert min(gradient_norms()) > 100, f"gradient norms {gradient_norms()}"

# %% tags=["nbval-ignore-output"]
try:
    began, ended = overfit()
    print(f"one batch: loss at the start {began:.2f}, after 200 steps {ended:.2f}")
except FloatingPointError as error:
    ended = float("inf")
    print(type(error).__name__, error)

# %% tags=["proof"]
assert ended > 0.2, f"one batch is learned by heart: loss {ended:.2f}"

# %% [markdown]
# Gradients are there now, but they are huge, and one batch is still too much. And the first loss, which had looked
# healthy, is tens of thousands of times too large: the needless softmax had squeezed it into a narrow range around
# ln 10. One bug had hidden the other. That is why the earlier measurements are repeated after each cure.
#
# A first loss like this is case 6, weights of a wrong scale: the third bug. The scale of PyTorch's own starting values
# is right, so the cure is to delete the loop. Steps 3, 4 and 1, now as tests:

# %%
def build():
    return nn.Sequential(*new_mlp())


began, ended = overfit()
assert abs(first_loss() - np.log(10)) < 0.4, "the untrained network prefers some class"
assert all(0.01 < norm < 100 for norm in gradient_norms()), "gradients are missing or huge"
assert ended < 0.2, "one batch is not learned by heart"
print(f"first loss {first_loss():.1f}   gradient norms", np.round(gradient_norms(), 1))

# %% [markdown]
# Steps 1 to 4 are in order. (If step 1 fails although the others are healthy, the rate may be far off: go on.) Only
# now **step 5, the sweep of the learning rate**, means something:

# %% tags=["nbval-ignore-output"]
cured = [score_at(lr) for lr in swept]
fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(swept, sick, "o--", label="three bugs")
ax.plot(swept, cured, "s-", label="cured")
ax.set(title="Sweep of the learning rate", xscale="log", xlabel="learning rate", ylim=(0, 1))
ax.set(ylabel="validation accuracy")
ax.legend()
plt.show()

# %% tags=["proof"]
assert 0 < int(np.argmax(cured)) < len(swept) - 1, f"the best rate is at the edge of the sweep: {cured}"
assert max(cured) - max(sick) > 0.5, f"cured {cured}, three bugs {sick}"

# %% [markdown]
# The curve of the cured patient has a top in the middle, with room on both sides; the sick one's never leaves the level
# of guessing. If the best rate lies at the edge of a sweep, sweep further.
#
# **Check yourself.** Another patient overfits one batch within seconds, its first loss is ln C, its gradients are in
# order, and yet its validation accuracy stays near chance. Which steps are left, and which cases come to mind?
# <details><summary>Answer</summary>
#
# Step 2, for the whole training set and for the *validation* pictures: labels that do not belong to their pictures, as
# above; classes in another order (case 7, with more than two classes); something random in the transform (case 11); a
# wrong file loaded before the evaluation (case 23). And step 5: a rate that suits one batch may be too high for many.
# If training accuracy is high and the pictures are in order, the network overfits, which is not a bug but a lack of
# data.
#
# </details>
#
# ## The checklist
#
# One line for each case, in the order in which you will need them.
#
# **Before the first step**
#
# - Every picture has three channels; all files open. [Case 8](#Case-8:-One-picture-breaks-the-batch)
# - Classes are sorted, and the same in every split. [Case 7](#Case-7:-Worse-than-guessing)
# - Label, folder, name: the way leads over the folder. [Case 9](#Case-9:-Names-that-look-right)
# - What is judged was not learned from. [Case 10](#Case-10:-Too-good-a-forecast)
# - The network takes the size that the loader gives. [Case 2](#Case-2:-A-size-that-no-longer-fits)
# - Answers and targets have one shape. [Case 1](#Case-1:-A-loss-that-stops-early)
# - The output is logits, no softmax. [Case 5](#Case-5:-A-loss-stuck-near-its-start)
# - The first loss is ln C. [Case 6](#Case-6:-A-huge-first-loss)
# - A block does what its name says. [Case 4](#Case-4:-A-deep-network-that-hardly-learns)
# - The number of trainable parameters is the one you expect. [Case 20](#Case-20:-Frozen-but-moving)
# - Flags are tried with the values that switch things off. [Case 25](#Case-25:-False-is-true)
# - Settings arrive with the right type. [Case 26](#Case-26:-A-mean-of-characters)
#
# **While it trains**
#
# - The learning rate that is logged changes as planned. [Case 18](#Case-18:-A-rate-that-does-not-fall)
# - The scheduler belongs to the optimizer that steps. [Case 19](#Case-19:-A-rate-that-falls-in-the-log-only)
# - What is frozen gets no gradients, [case 21](#Case-21:-Frozen-but-slow), and its buffers stay.
#   [Case 22](#Case-22:-Frozen-but-forgetful)
# - Warnings are read, not switched off. [After case 26](#Case-26:-A-mean-of-characters)
#
# **When it is judged**
#
# - The same picture gives the same tensor twice. [Case 11](#Case-11:-A-score-that-changes)
# - No graph is kept. [Case 14](#Case-14:-Memory-that-grows)
# - The loss does not depend on the batch size, [case 12](#Case-12:-The-loss-depends-on-the-batch-size), and the mean of
#   ones is one. [Case 13](#Case-13:-A-loss-too-good-to-be-true)
# - Figures work for one picture and for an odd number. [Case 3](#Case-3:-A-figure-that-will-not-draw)
# - Test and validation share no picture. [Case 15](#Case-15:-Twice-the-same-score)
# - Whoever chooses does not judge. [Case 16](#Case-16:-Better-than-a-coin)
# - A lead is larger than twice its standard error. [Case 17](#Case-17:-One-point-ahead)
#
# **When it is saved and loaded**
#
# - The loaded network gets the score that stands in the log of its training. [Case 23](#Case-23:-The-wrong-file)
# - The record in the file only rises. [Case 24](#Case-24:-A-record-that-gets-worse)
#
# **When nothing is learned**: [the routine](#A-routine-for-a-network-that-does-not-learn), from step 1.
#
# ## Summary
#
# - Most bugs raise no error; a number that cannot be right is the only symptom, so know what should come out.
# - An error is raised where something breaks, not where it went wrong: walk back to the last value that was right.
# - Measure a bug by two runs that differ in nothing else, and cure the cause, not the message.
# - Every bug you have found leaves a test behind, which the buggy program fails and the cured one passes.
# - If nothing is learned: one batch, the input, the first loss, the gradients, the rate; after each cure, once more.
#
# **Exercises**: [14 exercises](exercises/14_debugging_clinic.ipynb)
#
# **Next**: back to the [map of all lessons](../README.md#the-lessons)
