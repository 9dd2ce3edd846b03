# %% [markdown]
# # 14 · The debugging clinic
#
# Twenty-six programs that do not do what they should. You guess what each one suffers from, measure it, cure it, and
# write down the line that would have caught it.
#
# **Time** about 100 minutes, of which the computer works 40 seconds · **Before this**
# [lesson 03](03_mnist_mlp.ipynb), [lesson 06](06_fine_tuning.ipynb), [lesson 07](07_feature_extraction.ipynb),
# [lesson 08](08_custom_dataset.ipynb), [lesson 10](10_from_notebook_to_script.ipynb)
#
# **You will learn to**
#
# - read an exception as a measurement, and find the place where it began
# - expose a silent bug with one number
# - measure what a bug costs by a comparison in which nothing else differs
# - turn every bug you have met into an assertion
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

course = setup(seed=0)

# %% [markdown]
# ## How the round works
#
# Every case has the same five parts: the **program** as somebody would write it, with its **symptom**; the question
# *guess first*, whose answer folds open; one **measurement** that exposes the bug; the **cure**; and an **assertion**,
# a line `assert condition` that stops the program as soon as the bug is back. Take the question seriously. Half a
# minute of guessing teaches more than the answer.
#
# The patients are small. Most are the network and the digits of lesson 03, and both profiles use 1,200 of them:

# %%
from course_utils import MLP, evaluate, fit, load_digits28

full = course.profile == "full"  # some statements below hold for the sample data only
x, y = (part[:1200].to(course.device) for part in load_digits28("train"))
x_val, y_val = (part[:300].to(course.device) for part in load_digits28("val"))
val_set = TensorDataset(x_val, y_val)
val_loader = DataLoader(val_set, 100)


def new_mlp():
    torch.manual_seed(0)
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

# %%
print("far above guessing:", healthy_accuracy > 0.7)

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


head, scores = train_head()
print("clearly better than guessing:", scores[-1] > 0.65)

# %% [markdown]
# ## Shapes
#
# ### Case 1: A loss that stops early
#
# A linear model is to forecast today's highest temperature from yesterday's and the average of many years. The loss
# falls for a while and then stays where it is, and more steps do not help.

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


answers, last_loss = regress(actual)
print(f"last loss {last_loss:.0f}")

# %% [markdown]
# **Guess first.** Which simple forecast has just this loss?
# <details><summary>Diagnosis</summary>
#
# "Always the mean": its mean squared error is the variance of the targets. The answers have the shape (n, 1), the
# targets (n,), and the difference is a table of all pairs. If every answer is compared with every day, nothing beats
# the mean. [Lesson 02](02_tensors_and_regression.ipynb) drew it; here a number gives it away: a loss that stops at the
# variance of its targets.
#
# </details>

# %%
print("compared:", tuple((answers - actual).shape))
print(f"variance of the targets {actual.var(correction=0):.0f}")
print(f"answers from {answers.min():.1f} to {answers.max():.1f}")

# %%
targets = actual.unsqueeze(1)
assert targets.shape == answers.shape, "answers and targets must have the same shape"
mended, _ = regress(targets)
for name, forecast in [("broadcast", answers), ("cured", mended)]:
    print(f"{name:>9}: mean squared error {F.mse_loss(forecast, targets):.0f}")

# %% [markdown]
# ### Case 2: A size that no longer fits
#
# This network ran for months on pictures of 224 pixels. Now its loader crops 256.

# %%
network = nn.Sequential(
    nn.Conv2d(3, 512, 32, stride=32), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4608, 2)
)
try:
    network(torch.rand(2, 3, 256, 256))
except RuntimeError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** The message holds four numbers. Which one is the batch, which one came in, which one was typed?
# <details><summary>Diagnosis</summary>
#
# `2x8192` arrived: 2 pictures, 512 channels × 4 × 4. `4608x2` was expected: 512 × 3 × 3, which belongs to 224 pixels.
# [Lesson 05](05_custom_resnet.ipynb) pools adaptively instead. The error is the lucky form of this bug. With
# `view(-1, 4608)` nine such pictures become sixteen rows without a word, and the error is raised a line later, where
# nothing is wrong.
#
# </details>

# %%
rows = network[:3](torch.rand(9, 3, 256, 256)).view(-1, 4608)
print("9 pictures have become", len(rows), "rows")
try:
    F.cross_entropy(network[3](rows), torch.zeros(9, dtype=torch.long))
except ValueError as error:
    print(type(error).__name__, error)

# %%
network[1], network[3] = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 2)
for side in [224, 256]:
    logits = network(torch.rand(9, 3, side, side))
    assert logits.shape == (9, 2), f"{tuple(logits.shape)}: one row for each picture, please"
print("cured: both sizes pass")

# %% [markdown]
# ### Case 3: A figure that will not draw
#
# Predictions are to be shown in two columns. The first version fails for every batch, the second one, with `j + 1`, for
# the last batch of the data set.

# %%
def places(n, first):
    try:
        for j in range(n):
            plt.subplot(n // 2, 2, j + first)
        return "drawn"
    except ValueError as error:
        return f"ValueError: {error}"
    finally:
        plt.close("all")


print("4 pictures, j:    ", places(4, first=0))
print("1 picture, j + 1: ", places(1, first=1))

# %% [markdown]
# **Guess first.** Places of a grid count from 1, so `j + 1` is right. For which numbers of pictures does it still fail?
# <details><summary>Diagnosis</summary>
#
# For every odd one: `n // 2` rounds down, and the last picture has no place. One picture gives no rows at all. Whoever
# tests with a full batch only never sees it.
#
# </details>

# %%
print("fails for", [n for n in range(1, 10) if places(n, first=1) != "drawn"])

# %%
def rows_for(n, columns=2):
    return -(-n // columns)  # rounds up


for n in range(1, 10):
    assert rows_for(n) * 2 >= n, f"{n} pictures do not fit"
print("cured: every number from 1 to 9 has its places")

# %% [markdown]
# ### Case 4: Deeper is worse
#
# "Residual" networks can be deep, so twelve blocks are stacked. The network hardly learns.

# %%
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)))


class MendedBlock(Block):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(out)))


def deep(block):
    torch.manual_seed(0)
    stem = [nn.AvgPool2d(4), nn.Conv2d(1, 8, 3, padding=1)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)]
    return nn.Sequential(*stem, *(block() for _ in range(12)), *end).to(course.device)


# %% [markdown]
# **Guess first.** The two classes differ in two characters. Which test tells them apart without any training?
# <details><summary>Diagnosis</summary>
#
# `Block` never adds its input, so it is no residual block, whatever its name says. The test: silence the last
# BatchNorm. A residual block then hands its input on, another one hands on zeros.
# [Lesson 05](05_custom_resnet.ipynb) measures what the shortcut does for the gradients.
#
# </details>

# %%
def hands_its_input_on(block):
    nn.init.zeros_(block.bn2.weight)
    some = torch.rand(2, 8, 7, 7)
    return torch.equal(block(some), some)


print("as written:", "passes" if hands_its_input_on(Block()) else "fails the test")
assert hands_its_input_on(MendedBlock()), "the input is not added"

# %% tags=["nbval-ignore-output"]
accuracies = [train(deep(block))["train_accuracy"][-1] for block in [Block, MendedBlock]]
print(f"training accuracy as written {accuracies[0]:.2f}, cured {accuracies[1]:.2f}")

# %%
print("the two characters cost more than 0.3:", full or accuracies[1] - accuracies[0] > 0.3)

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

# %%
print("it costs more than 0.2:", full or healthy_accuracy - stuck_accuracy > 0.2)

# %% [markdown]
# **Guess first.** What is the lowest loss this network could ever reach, and why is it so slow?
# <details><summary>Diagnosis</summary>
#
# `F.cross_entropy` applies a softmax of its own. It gets numbers from 0 to 1, so even a perfect answer costs
# −ln(e / (e + 9)), and the gradients, which pass through both, are much smaller.
# [Lesson 03](03_mnist_mlp.ipynb) trains with one and with two. The measurement needs no training.
#
# </details>

# %%
def first_gradient(model):
    model.zero_grad()
    F.cross_entropy(model(x[:64]), y[:64]).backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()]).norm().item()


ratio = first_gradient(new_mlp()) / first_gradient(nn.Sequential(new_mlp(), nn.Softmax(dim=1)))
print(f"lowest possible loss {-np.log(np.e / (np.e + 9)):.2f}")
print(f"the first gradient is {ratio:.0f} times too small")

# %%
def gives_logits(model):
    sums = model(x[:64]).sum(dim=1)
    return not torch.allclose(sums, torch.ones_like(sums))


assert gives_logits(suspect[0]), "the rows add up to 1: these are probabilities, not logits"
print("with the softmax:", "passes" if gives_logits(suspect) else "fails the test")

# %% [markdown]
# ### Case 6: A first loss in the thousands
#
# The weights are made by hand, by `torch.randn`.

# %%
def start(scale):
    model = new_mlp()
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=scale(layer.in_features))
            nn.init.zeros_(layer.bias)
    return model


as_written = start(lambda fan_in: 1.0)
print(f"first loss {F.cross_entropy(as_written(x[:64]), y[:64]):.0f}")

# %% [markdown]
# **Guess first.** What should the first loss be, and which factor is missing?
# <details><summary>Diagnosis</summary>
#
# About ln 10, because an untrained network should prefer no class. Each output is a sum over all inputs of a layer, and
# such a sum grows with the root of their number (fan-in). Over three layers this multiplies. Scaled by 1 / √fan-in, as
# in [lesson 03](03_mnist_mlp.ipynb), it stays in bounds.
#
# </details>

# %%
spread = x[:64].flatten(1)
for layer in as_written:
    spread = layer(spread)
    if isinstance(layer, nn.Linear):
        print(f"after {layer.in_features} inputs: standard deviation {spread.std():.0f}")

# %%
def starts_well(model):
    first_loss = F.cross_entropy(model(x[:64]), y[:64]).item()
    return abs(first_loss - np.log(10)) < 0.7


scaled, unscaled = start(lambda fan_in: fan_in**-0.5), start(lambda fan_in: 1.0)
assert starts_well(scaled) and not starts_well(unscaled)
gain = train(scaled)["val_accuracy"][-1] - train(unscaled)["val_accuracy"][-1]
print("the missing factor costs more than 0.4:", full or gain > 0.4)

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

listed = ["bees", "ants"]  # what os.listdir(folder) returned on one machine
own_labels = [listed.index(path.parent.name) for path, _ in photos["val"].samples]
answers = predict(head, DataLoader(val_features, 256))[0].argmax(dim=1)
score = (answers == torch.tensor(own_labels)).float().mean().item()
print(f"accuracy {score:.2f}")

# %% [markdown]
# **Guess first.** A coin gets a half. How can a network be that much worse?
# <details><summary>Diagnosis</summary>
#
# It must know the answers to miss so many. `os.listdir` has no order, the training data were sorted, so 0 and 1 mean
# the opposite ([lesson 01](01_data_loading_and_visualization.ipynb)). An accuracy far *below* chance is always a mix-up
# of labels. With ten classes it would be harder to see: a few labels swapped look like a weak network.
#
# </details>

# %%
print("swapped and right scores add up to 1:", abs(score + scores[-1] - 1) < 1e-6)
print("the mix-up costs more than 0.3:", scores[-1] - score > 0.3)

# %%
classes = sorted(listed)
assert classes == photos["train"].classes, "test and training name their classes differently"
print("cured:", classes)

# %% [markdown]
# ### Case 8: One picture breaks the batch
#
# Somewhere in the folder lies a GIF. Without `.convert("RGB")` it is opened as it is.

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
# **Guess first.** Which file is it, and what do its numbers mean?
# <details><summary>Diagnosis</summary>
#
# Entry 2 of *some* batch; with shuffling that says nothing. Mode `P` has one channel, and its numbers are rows in a
# table of colours. This crash is the lucky form, too: with `Normalize` in the chain the one channel is stretched to
# three without an error ([lesson 08](08_custom_dataset.ipynb)). So ask the files before the first epoch.
#
# </details>

# %%
print("modes:", [picture.mode for picture in pictures])
normalize = v2.Normalize([0.5] * 3, [0.5] * 3)
silent = normalize(to_tensor(pictures[2]))
meant = normalize(to_tensor(pictures[2].convert("RGB")))
print("with Normalize:", tuple(silent.shape), "but wrong:", not torch.equal(silent, meant))

# %%
pictures = [picture.convert("RGB") for picture in pictures]
for number, picture in enumerate(pictures):
    assert to_tensor(picture).shape == (3, size, size), f"picture {number}: {picture.mode}"
print("cured: all have three channels")

# %% [markdown]
# ### Case 9: Names that look right
#
# 102 kinds of flowers lie in folders called `1` to `102`, and a file gives the name for each number.

# %%
cat_to_name = {str(number): f"flower {number}" for number in range(1, 103)}
folders = sorted(cat_to_name)  # in this order they become the labels 0, 1, …
try:
    print([cat_to_name[str(label)] for label in range(102)])
except KeyError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** "Of course, the labels begin at 0", says somebody, and writes `str(label + 1)`. The error is gone.
# How many of the 102 names are right?
# <details><summary>Diagnosis</summary>
#
# The names of folders are sorted as texts: 1, 10, 100, 101, 102, 11, … Label and folder agree by accident only. The
# cure of the *message* has made it worse, for now nothing complains. The way from label to name leads over the folder
# ([lesson 08](08_custom_dataset.ipynb)).
#
# </details>

# %%
names = [cat_to_name[folder] for folder in folders]
for written, shift in [("str(label)", 0), ("str(label + 1)", 1)]:
    right = sum(cat_to_name.get(str(label + shift)) == names[label] for label in range(102))
    print(f"{written:>14}: {right} of 102 names right")

# %%
for label, folder in enumerate(folders):
    assert names[label] == cat_to_name[folder], f"label {label} is not called {names[label]}"
print("cured: every label goes over its folder; the first ones are", names[:3])

# %% [markdown]
# ### Case 10: Too good a forecast
#
# A network forecasts temperatures from six columns. Program A fits the scaler and the network on all rows, and reports
# the error on the last year.

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
everything = error_of_last_year(slice(None))
print(f"program A: {everything:.1f} °F   'the same as yesterday': {yesterday:.1f} °F")

# %% [markdown]
# **Guess first.** The network beats the baseline. Would you buy the forecast?
# <details><summary>Diagnosis</summary>
#
# The network has been judged on days from which it had learned. Nobody can do that tomorrow. Fitted on the years before
# and judged on the last one, the same network tells another story. A split, by time, comes before anything is fitted,
# the scaler included ([lesson 02](02_tensors_and_regression.ipynb)).
#
# </details>

# %%
honest = error_of_last_year(slice(before))
print("the baseline seemed beaten:", everything < yesterday)
print("without last year in training it is not:", honest > yesterday)
print("the error is more than a quarter larger:", honest > 1.25 * everything)

# %%
learned, judged = table.index[:before], table.index[before:]
assert learned.max() < judged.min(), "days to be judged have been learned from"
print("cured: learned until", learned.max().date(), "and judged from", judged.min().date())

# %% [markdown]
# ## Evaluation
#
# ### Case 11: A score that changes
#
# One transform serves training and testing. Our healthy network is judged with it, five times.

# %% tags=["nbval-ignore-output"]
transform = v2.RandomResizedCrop(28)


def judge():
    cropped = torch.stack([transform(image) for image in x_val])
    return evaluate(healthy, DataLoader(TensorDataset(cropped, y_val), 100))["accuracy"]


torch.manual_seed(0)
cropped_scores = [judge() for _ in range(5)]
print("five times:", np.round(cropped_scores, 2))

# %% [markdown]
# **Guess first.** Nothing was trained in between. What has changed, and is the true score higher or lower?
# <details><summary>Diagnosis</summary>
#
# Each time other parts of the pictures are shown, down to 8 % of the area. The network is better than it looks
# ([lesson 04](04_mnist_cnn.ipynb)). Load one picture twice: in evaluation both must be equal.
#
# </details>

# %%
print("the score moves:", len(set(cropped_scores)) > 1)
print("the crop costs more than 0.2:", full or healthy_accuracy - max(cropped_scores) > 0.2)

# %%
same = torch.equal(photos["val"][0][0], photos["val"][0][0])
assert same, "the same picture gives two tensors: something random is in the transform"
print("eval_transform:", same, "   RandomResizedCrop:", "different each time")

# %% [markdown]
# ### Case 12: The loss depends on the batch size
#
# After each epoch the program reports the validation loss. `np.mean` makes a mean of it.

# %% tags=["nbval-ignore-output"]
def report(batch_size):
    for images, labels in DataLoader(val_set, batch_size):
        with torch.no_grad():
            loss = F.cross_entropy(healthy(images), labels).cpu().numpy()
    return np.mean(loss)


reported = {batch_size: report(batch_size) for batch_size in [32, 64, 100, 299]}
for batch_size, loss in reported.items():
    print(f"batches of {batch_size:>3}: loss {loss:.4f}")

# %% [markdown]
# **Guess first.** Of how many numbers does `np.mean` take the mean here?
# <details><summary>Diagnosis</summary>
#
# Of one. `loss` is overwritten by every batch, and what is left is the loss of the last one: with batches of 299, the
# loss of a single digit. A list was filled a line above and forgotten ([lesson 09](09_metrics_and_plots.ipynb)).
# `evaluate` collects all outputs first.
#
# </details>

# %%
truth = [evaluate(healthy, DataLoader(val_set, size))["loss"] for size in reported]
wrong = np.array(list(reported.values()))
print("the report is off by more than 10 %:", full or np.abs(wrong / truth - 1).max() > 0.1)
assert np.ptp(truth) < 1e-5, "a loss of the data set may not depend on the batch size"
print("cured: the same for all batch sizes:", np.ptp(truth) < 1e-5)

# %% [markdown]
# ### Case 13: A loss too good to be true
#
# This one does add up. Beside the loss it prints the accuracy after each batch. With six pictures in batches of four
# and two it printed 66.7 % and then 100 %.

# %%
def mean_loss(losses):
    total = 0.0
    for loss in losses:
        total += loss
        total /= len(losses)
    return total


# %% [markdown]
# **Guess first.** What does it make of four batches with a loss of 1 each? And of how many of its four pictures was the
# first batch right?
# <details><summary>Diagnosis</summary>
#
# The sum is divided again with each batch, so the last batch counts most and all together far too little
# ([lesson 10](10_from_notebook_to_script.ipynb)). And 66.7 % are four of *six*: the first batch was right in all
# cases. A mean that is printed before the end is of something else. The test for any mean is: what comes out for ones?
#
# </details>

# %%
print(f"the mean of four ones: {mean_loss([1.0] * 4):.3f}")
batches = [evaluate(healthy, [batch])["loss"] for batch in DataLoader(val_set, 100)]
too_small = mean_loss(batches) < np.mean(batches) * 2 / 3
print("the reported loss is less than two thirds of the true one:", full or too_small)

# %%
def mended_mean_loss(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes)) / sum(sizes)


assert mended_mean_loss([1.0] * 4, [4, 4, 4, 2]) == 1, "the mean of ones is one"
agrees = abs(mended_mean_loss(batches, [100] * 3) - truth[0]) < 1e-5
print("cured: agrees with evaluate:", agrees)

# %% [markdown]
# ### Case 14: Memory that grows
#
# The losses of all batches are collected, to be averaged later. On large pictures the evaluation runs out of memory,
# although the training, with the same batch size, does not.

# %%
from contextlib import nullcontext

from course_utils import CNN

cnn = CNN().to(course.device).eval()


def collect(mode):
    with mode:
        return [F.cross_entropy(cnn(images), labels) for images, labels in val_loader]


losses = collect(nullcontext())

# %% [markdown]
# **Guess first.** `eval()` was called, nobody calls `backward`. What does each loss in the list hold on to?
# <details><summary>Diagnosis</summary>
#
# Its graph: all intermediate results of its batch, kept for a `backward` that never comes. `eval()` changes what
# BatchNorm and dropout do, it does not switch gradients off. `torch.no_grad()` does (`predict` and `evaluate` use
# `inference_mode`, its stricter relative), and `.item()` keeps the number alone. [Lesson 04](04_mnist_cnn.ipynb) counts
# the bytes of one batch; here those of all batches add up.
#
# </details>

# %%
def megabytes_kept(mode):
    sizes = []

    def note(tensor):  # called for every tensor that is kept for backward
        sizes.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        collect(mode)
    return sum(sizes) / 1e6


for name, mode in [("as written", nullcontext()), ("no_grad", torch.no_grad())]:
    print(f"{name:>10}: {megabytes_kept(mode):.0f} MB kept for {len(val_set)} digits")

# %%
losses = collect(torch.no_grad())
assert not any(loss.requires_grad for loss in losses), "evaluation keeps graphs"
print("cured: no loss has a graph")

# %% [markdown]
# ### Case 15: Twice the same score
#
# "There is no test set, so the validation set has to do":

# %% tags=["nbval-ignore-output"]
test_loader = val_loader
test_accuracy = evaluate(healthy, test_loader)["accuracy"]
print(f"validation accuracy {healthy_accuracy:.6f}, test accuracy {test_accuracy:.6f}")

# %% [markdown]
# **Guess first.** Two sets of 300 digits. How likely are two scores that agree to the last digit?
# <details><summary>Diagnosis</summary>
#
# Not likely; agreement to the last digit means the same pictures. They have chosen the learning rate, the number of
# epochs, the network. What they say about it now is no news, and too friendly: case 16 measures how much. Compare the
# pictures themselves, as names or paths may differ.
#
# </details>

# %%
def fingerprints(images):
    return {image.cpu().numpy().tobytes() for image in images}


shared = fingerprints(test_loader.dataset.tensors[0]) & fingerprints(x_val)
print(len(shared), "of", len(x_val), "test pictures have taken part in choices")
print("the scores are equal to the last digit:", test_accuracy == healthy_accuracy)

# %%
test_images = load_digits28("test")[0][:300]
shared = fingerprints(test_images) & fingerprints(x_val)
assert not shared, f"{len(shared)} pictures are both in test and in validation"
print("cured:", len(shared), "shared")

# %% [markdown]
# ### Case 16: Better than a coin
#
# Here the labels of all features are tossed with a coin, so there is nothing to learn. The program trains for 25
# epochs, keeps the best one, and reports its accuracy on the set that has chosen it. We let it do so twenty times.

# %%
from torch.utils.data import random_split


def toss(seed):
    generator = torch.Generator().manual_seed(seed)
    sets = []
    for features, _ in (train_features.tensors, val_features.tensors):
        coins = torch.randint(2, (len(features),), generator=generator)
        sets.append(TensorDataset(features, coins))
    return sets[0], *random_split(sets[1], [0.5, 0.5], generator)  # learning, choosing, judging


# %% tags=["nbval-ignore-output"]
claimed, honest = [], []
for seed in range(20):
    learn, choosing, judging = toss(seed)
    best = {"restore_best": True, "monitor": "val_accuracy"}
    lucky, by_epoch = train_head(learn, choosing, seed, epochs=25, **best)
    claimed.append(max(by_epoch))
    honest.append(evaluate(lucky, DataLoader(judging, 256))["accuracy"])
print(f"mean of the reported accuracies {np.mean(claimed):.3f}")

# %% [markdown]
# **Guess first.** Nobody can foresee a coin. Where do the points above one half come from?
# <details><summary>Diagnosis</summary>
#
# From the choice. The best of 25 values is above their mean, and on other pictures the luck is gone. A test set that
# chooses the best epoch is a validation set, and its score is a claim, not a measurement
# ([lesson 09](09_metrics_and_plots.ipynb)).
#
# </details>

# %%
gap = np.array(claimed) - np.array(honest)
error = gap.std(ddof=1) / len(gap) ** 0.5
print("claimed, more than 0.03 above a coin:", np.mean(claimed) > 0.53)
print("on the other half, within 0.04 of a coin:", abs(np.mean(honest) - 0.5) < 0.04)
print("the gap is more than two standard errors:", gap.mean() > 2 * error)

# %%
def fingerprint_of(subset):
    return fingerprints(subset.dataset.tensors[0][subset.indices])


assert not fingerprint_of(choosing) & fingerprint_of(judging), "whoever chooses may not judge"
print("cured: choosing and judging share no picture")

# %% [markdown]
# ### Case 17: One point ahead
#
# A tutorial finds its frozen model a little ahead of the fine-tuned one and calls it strange. Here are A and B, the
# luckiest and the unluckiest of twelve seeds of one program:

# %% tags=["nbval-ignore-output"]
finals = [train_head(seed=seed)[1][-1] for seed in range(12)]
a, b = finals[int(np.argmax(finals))], finals[int(np.argmin(finals))]
print(f"program A {a:.3f}   program B {b:.3f}   A is ahead by {100 * (a - b):.1f} points")

# %% [markdown]
# **Guess first.** If you did not know about the seeds: from which lead on would you believe that A is better?
# <details><summary>Diagnosis</summary>
#
# From a good deal more than most people say. On so few pictures one right answer is worth more than half a point, the
# seed alone moves the score, and a standard error is larger than this lead. [Lesson 06](06_fine_tuning.ipynb) compares
# with error bars and several seeds.
#
# </details>

# %%
from course_utils import standard_error

n = len(val_features)
error = standard_error(float(np.mean(finals)), n)
print("the seeds alone differ:", full or a > b)
print("one standard error is larger than the lead:", full or error > a - b)

# %%
def is_ahead(a, b, n):
    return a - b > 2 * (standard_error(a, n) ** 2 + standard_error(b, n) ** 2) ** 0.5


assert not is_ahead(0.961, 0.941, 153), "two points on 153 pictures are no lead"
assert is_ahead(0.961, 0.941, 10_000), "on ten thousand they are"
print("cured: is A ahead?", "yes" if is_ahead(a, b, n) else "not shown")

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
# *(Half of the round is done. If you take the break here, run the cells above once when you come back.)*
#
# ### Case 18: A rate that does not fall
#
# Every three epochs the learning rate should become a tenth. In the training loop the validation loss is at hand, and
# it is given to the scheduler.

# %%
import warnings

from torch.optim.lr_scheduler import StepLR


def nine_epochs(step, seed=0):
    model = new_mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=3, gamma=0.1)
    rates, scores = [], []
    for epoch in range(9):
        rates.append(round(scheduler.get_last_lr()[0], 6))
        row = train(model, optimizer, epochs=1, seed=100 * seed + epoch).rows[0]
        scores.append(row["val_accuracy"])
        step(scheduler, row["val_loss"])
    return rates, scores


with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    stuck = [nine_epochs(lambda scheduler, loss: scheduler.step(loss), seed) for seed in range(3)]
print("rates:", stuck[0][0])

# %% [markdown]
# **Guess first.** What does `step` take a number for?
# <details><summary>Diagnosis</summary>
#
# For the epoch. A loss of 0.35 says "this is epoch 0.35", so the third one never comes. `ReduceLROnPlateau` is the
# scheduler whose `step` wants a loss. PyTorch does give a warning; we recorded it, the tutorial had switched warnings
# off.
#
# </details>

# %%
print(str(warned[0].message).partition(".  ")[0][:77], "…")
print("times warned:", len(warned))

# %% tags=["nbval-ignore-output"]
falling = [nine_epochs(lambda scheduler, loss: scheduler.step(), seed) for seed in range(3)]
fig, ax = plt.subplots(figsize=(6, 3.2))
for runs, style, label in [(stuck, "C0o--", "rate stays"), (falling, "C1s-", "rate falls")]:
    lines = np.transpose([by_epoch for _, by_epoch in runs])
    ax.plot(range(1, 10), lines, style, label=[label, "_", "_"])
ax.set(title="Three seeds, two ways to step", xlabel="epoch", ylabel="validation accuracy")
ax.legend()
plt.show()

# %%
def wavering(runs):
    return np.mean([np.ptp(scores[4:]) for rates, scores in runs])


rates = falling[0][0]
assert rates[-1] < rates[0], "the learning rate has never changed"
print("cured:", rates)
print("a stuck rate wavers three times as much:", full or wavering(stuck) > 3 * wavering(falling))

# %% [markdown]
# With the rate as it should be each accuracy settles on a high level. With the stuck rate it goes up and down to the
# end, and which network you get depends on the epoch in which you stop.
#
# ### Case 19: A second stage that wavers
#
# First the head is trained, then everything, with a new optimizer. Both stages were copied from one cell.

# %%
layer = nn.Linear(4, 2)
optimizer_ft = torch.optim.SGD(layer.parameters(), lr=0.01)
scheduler = StepLR(optimizer_ft, step_size=3, gamma=0.1)
optimizer_ft.step()  # the first stage, here only one step

optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)  # the second stage
scheduler = StepLR(optimizer_ft, step_size=3, gamma=0.1)
used, logged = [], []
for epoch in range(9):
    used.append(optimizer.param_groups[0]["lr"])
    logged.append(scheduler.get_last_lr()[0])
    optimizer.step()
    scheduler.step()
print("logged:", [f"{rate:.0e}" for rate in logged])

# %% [markdown]
# **Guess first.** The log shows a rate that falls every three epochs, as it should. Which rate did training use?
# <details><summary>Diagnosis</summary>
#
# The full one, to the end: the scheduler turns down an optimizer that has retired. Only the first number of the log
# might have made you wonder: the second stage was to begin at 0.001. Log the rate of the optimizer that makes the
# steps. [Lesson 06](06_fine_tuning.ipynb) has the numbers for 25 epochs; what a rate that stays does to the end of a
# training you saw in case 18.
#
# </details>

# %%
print("used:", used)
print(f"in the last epoch {used[-1] / (0.001 * 0.1 ** 2):.0f} times the rate that was meant")

# %%
def check(scheduler, optimizer):
    assert scheduler.optimizer is optimizer, "the scheduler turns the rate of another optimizer"


check(StepLR(optimizer, step_size=3, gamma=0.1), optimizer)
try:
    check(scheduler, optimizer)
except AssertionError as error:
    print(type(error).__name__, error)

# %% [markdown]
# ## Freezing
#
# ### Case 20: Frozen but moving
#
# The backbone is to stay as it is, only the head learns.

# %%
model = pretrained_resnet18(2).to(course.device)
model.requires_grad = False
model.fc = nn.Linear(512, 2).to(course.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)

# %% [markdown]
# **Guess first.** How many parameters does this network train?
# <details><summary>Diagnosis</summary>
#
# All. A module has no setting `requires_grad`, so the line gave it a new attribute that nobody reads. Python lets you
# do that to any object. `requires_grad_(False)`, with the underscore, is the method that reaches the parameters. Never
# believe a network that it is frozen: count, and compare before and after.
#
# </details>

# %%
images = torch.stack([photos["train"][index][0] for index in range(0, 240, 15)]).to(course.device)
labels = torch.tensor(photos["train"].targets[0:240:15]).to(course.device)


def step(model, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()  # waits until a GPU has finished


def trainable(model):
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


# %%
weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
step(model, optimizer)
moved = [name for name, new in model.named_parameters() if not torch.equal(new, weights[name])]
print(f"{trainable(model):,} trainable parameters")
print(f"after one step {len(moved)} of {len(weights)} tensors have moved")

# %%
model.requires_grad_(False)
model.fc.requires_grad_(True)
assert trainable(model) == 512 * 2 + 2, f"{trainable(model):,} parameters are trainable"
print("cured:", trainable(model), "trainable")

# %% [markdown]
# ### Case 21: Frozen but slow
#
# Another program freezes by giving only the head to the optimizer. Indeed the backbone does not move.

# %%
model = pretrained_resnet18(2).to(course.device)
backbone = [weight for name, weight in model.named_parameters() if not name.startswith("fc")]
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.01)
before_steps = [weight.detach().clone() for weight in backbone]
for _ in range(3):
    step(model, optimizer)
print("backbone unmoved:", all(map(torch.equal, backbone, before_steps)))

# %% [markdown]
# **Guess first.** So where is the harm? Two answers, one costs time, the other waits for the second stage.
# <details><summary>Diagnosis</summary>
#
# `backward` does not know what the optimizer was given. It computes all gradients, and `optimizer.zero_grad()` clears
# only those of the head. In the backbone they add up, batch after batch, until a second stage makes its first step with
# the sum. [Lesson 07](07_feature_extraction.ipynb) also measures the memory. (BatchNorm stays in train mode, too:
# that is case 22.)
#
# </details>

# %%
from time import perf_counter


def length_of_gradients():
    squares = [(weight.grad**2).sum() for weight in backbone]
    return torch.stack(squares).sum().sqrt().item()


def seconds():
    start = perf_counter()
    step(model, optimizer)
    return perf_counter() - start


after_three, unfrozen = length_of_gradients(), min(seconds() for _ in range(5))
print("eight unused gradients are longer than three:", full or length_of_gradients() > after_three)

# %%
for weight in backbone:
    weight.requires_grad_(False)
    weight.grad = None
frozen = min(seconds() for _ in range(5))
assert all(weight.grad is None for weight in backbone), "the backbone gets gradients"
print("cured; a step takes less than two thirds of the time:", full or frozen < unfrozen * 2 / 3)

# %% [markdown]
# ### Case 22: Frozen but forgetful
#
# One frozen backbone serves two tasks: ants and bees, as above, and now pictures of digits. Before the training of the
# second task somebody calls `train()` as one does.

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
# The running means and variances of every BatchNorm layer. They are buffers, not parameters, and in train mode each
# forward pass moves them. The head of ants and bees now gets other features for the same pictures. `freeze` of the
# course switches to evaluation mode and keeps it there ([lesson 07](07_feature_extraction.ipynb)).
#
# </details>

# %%
def changed(backbone):
    now = backbone.state_dict()
    return [name for name in saved if not torch.equal(saved[name], now[name])]


print(len(changed(shared)), "entries have changed, parameters among them:",
      len(set(changed(shared)) & dict(shared.named_parameters()).keys()))

# %% tags=["nbval-ignore-output"]
new_features = TensorDataset(*extract_features(shared, DataLoader(photos["val"], 64)))
forgetful = evaluate(head, DataLoader(new_features, 256))["accuracy"]
print(f"ants and bees: accuracy before {scores[-1]:.2f}, after {forgetful:.2f}")

# %%
from course_utils import freeze

shared.load_state_dict(saved)
freeze(shared).train()  # stays in evaluation mode
shared(digits[:64])
assert not changed(shared), f"{len(changed(shared))} entries of a frozen network have changed"
print("the old task had lost at least 0.05:", full or scores[-1] - forgetful > 0.05)

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
# **Guess first.** This is the harmless course of the disease. What if the folder is not empty?
# <details><summary>Diagnosis</summary>
#
# Then a file of last month's experiment is loaded, all names and shapes fit, and an old network is tested under a new
# name. Write the score into the file beside the weights, and compare after loading: it costs one evaluation. And let
# one variable hold the name.
#
# </details>

# %% tags=["nbval-ignore-output"]
old = new_mlp()
train(old, epochs=1)
save_checkpoint(folder / "checkpoint.pth", {"model": old.state_dict()})  # last month
loaded = new_mlp()
loaded.load_state_dict(load_checkpoint(folder / "checkpoint.pth")["model"])
found = evaluate(loaded, val_loader)["accuracy"]
print(f"the log says {healthy_accuracy:.3f}, the loaded network gets {found:.3f}")

# %%
file = folder / "best.pt"  # the one variable, for saving and for loading
state = load_checkpoint(file)
loaded.load_state_dict(state["model"])
measured = evaluate(loaded, val_loader)["accuracy"]
assert abs(measured - state["val_accuracy"]) < 0.005, f"{file.name} is not what its record says"
print("cured; the wrong file cost more than 0.2:", full or measured - found > 0.2)

# %% [markdown]
# ### Case 24: A record that gets worse
#
# The best network so far is kept in a file. The training has two stages; in the second one the rate is set too high.

# %%
def stage(model, lr, file, best=0.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(4):
        score = train(model, optimizer, epochs=1, seed=epoch)["val_accuracy"][0]
        if score > best:
            best = score
            save_checkpoint(file, {"model": model.state_dict(), "val_accuracy": score})
    return best


model = new_mlp()
first = stage(model, 0.1, file)
second = stage(model, 2.0, file)

# %% [markdown]
# **Guess first.** The second stage was worse throughout. What is in the file?
# <details><summary>Diagnosis</summary>
#
# The best network of the *second* stage. `best` begins at 0 again, so its first epoch beats the record and overwrites
# the better network. It cannot be brought back. Whoever goes on must begin with the old record. A file's score may only
# rise.
#
# </details>

# %%
in_file = load_checkpoint(file)["val_accuracy"]
print("the file holds the second stage's best:", in_file == second)
print("it costs more than 0.2:", full or first - in_file > 0.2)

# %%
model = new_mlp()
first = stage(model, 0.1, file)
best = stage(model, 2.0, file, best=load_checkpoint(file)["val_accuracy"])
assert load_checkpoint(file)["val_accuracy"] == max(first, best), "the record has got worse"
print("cured: the first stage's network is kept:", best == first)

# %%
import shutil

shutil.rmtree(folder, ignore_errors=True)  # cells above need it: repeat them from case 23 on

# %% [markdown]
# ## Programs
#
# ### Case 25: False is true
#
# Two flags of a training program, and a call that wants neither a GPU nor three means.

# %%
import argparse

parser = argparse.ArgumentParser(prog="train")
parser.add_argument("--is_cuda", type=bool, default=True)
parser.add_argument("--data_mean", type=tuple, default=(0.5, 0.5, 0.5))
settings = parser.parse_args(["--is_cuda", "False"])

# %% [markdown]
# **Guess first.** What is `settings.is_cuda`, and which text would switch it off?
# <details><summary>Diagnosis</summary>
#
# `True`. argparse calls `bool("False")`, and a text that is not empty is true; only `--is_cuda ""` switches it off.
# Nothing crashes: on a machine with a GPU the wish to do without is ignored. `BooleanOptionalAction` makes two flags,
# `--cuda` and `--no-cuda` ([lesson 10](10_from_notebook_to_script.ipynb)).
#
# </details>

# %%
for text in ["False", "no", "0", ""]:
    print(f"--is_cuda {text!r:<8} {parser.parse_args(['--is_cuda', text]).is_cuda}")

# %%
mended = argparse.ArgumentParser(prog="train")
mended.add_argument("--cuda", action=argparse.BooleanOptionalAction, default=True)
mended.add_argument("--data-mean", type=float, nargs=3, default=[0.5, 0.5, 0.5])
for flags, expected in [([], True), (["--no-cuda"], False), (["--cuda"], True)]:
    assert mended.parse_args(flags).cuda is expected, f"{flags} should give {expected}"
print("cured: --no-cuda gives", mended.parse_args(["--no-cuda"]).cuda or "no GPU")

# %% [markdown]
# ### Case 26: A mean of characters
#
# The same parser, the other flag. The error is raised far away, in the first batch:

# %%
settings = parser.parse_args(["--data_mean", "0.5"])
try:
    v2.Normalize(settings.data_mean, (0.5, 0.5, 0.5))(torch.rand(3, 8, 8))
except ValueError as error:
    print(type(error).__name__, error)

# %% [markdown]
# **Guess first.** Too many dimensions of what?
# <details><summary>Diagnosis</summary>
#
# Of a text. `tuple("0.5")` takes the text apart into its characters, and no tensor can be made of them. The message is
# about the place where the value is *used*. When a message makes no sense, print the value and its type; the bug lies
# where they were last right.
#
# </details>

# %%
print("data_mean:", settings.data_mean)

# %%
mean = mended.parse_args(["--data-mean", "0.4", "0.5", "0.6"]).data_mean
assert len(mean) == 3 and all(isinstance(number, float) for number in mean), f"no mean: {mean}"
print("cured:", mean)

# %% [markdown]
# > **Common mistake.** The program of case 1 begins with the line `warnings.filterwarnings("ignore")`, "because it
# > prints so much". We run three slips and record what that line would have hidden. Two of them you have met; the one
# > in the middle steps the scheduler before the optimizer:

# %%
def slips():
    yield F.mse_loss(torch.rand(3, 1), torch.rand(3))
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    yield StepLR(optimizer, step_size=1).step()
    optimizer.step()
    yield StepLR(optimizer, step_size=1).step(0.35)


with warnings.catch_warnings(record=True) as hidden:
    warnings.simplefilter("always")
    list(slips())
for warning in hidden:
    print(f"- {str(warning.message)[:88]} …")

# %% [markdown]
# > Each of these sentences is a diagnosis, free of charge, and the broadcast of case 1 cost the whole model. A warning
# > that you do not understand is a question. Turn it into an error instead, `warnings.simplefilter("error")`, and see
# > where it comes from.

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
        nn.init.normal_(weight)
    return nn.Sequential(*model, nn.Softmax(dim=1))


def attend(lr=0.1):
    pictures, labels = load()
    loader = DataLoader(TensorDataset(pictures, labels), 64)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = fit(model, loader, val_loader, optimizer=optimizer, epochs=5, progress=False)
    return history["val_accuracy"][-1]


# %% tags=["nbval-ignore-output"]
accuracy = attend()
print(f"validation accuracy {accuracy:.2f}")

# %%
print("near guessing:", accuracy < 0.3)

# %% [markdown]
# Ten classes, and it guesses. Everybody's first idea is another learning rate, so let us give in to it once and keep
# the answers for later. (`fit` stops with an error where the loss is no longer a number; then the score is that of
# guessing.)

# %% tags=["nbval-ignore-output"]
def score(lr):
    try:
        return attend(lr)
    except FloatingPointError:
        return 0.1


swept = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
sick = [score(lr) for lr in swept]
print("accuracy by rate:", np.round(sick, 2))

# %%
print("no rate gets to 0.3:", max(sick) < 0.3)

# %% [markdown]
# No rate helps, and we have learned nothing about the reason. Now the routine. Three of its steps are numbers, and each
# is a function of what `load` and `build` return. The batch is the first 32 pictures:

# %%
def first_batch():
    pictures, labels = load()
    return pictures[:32], labels[:32]


def overfit():
    loader = DataLoader(TensorDataset(*first_batch()), 32)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, loader, optimizer=optimizer, epochs=200, progress=False)
    return history["train_loss"][-1]


# %%
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

# %%
print(f"one batch, loss after 200 steps: {overfit():.2f}")

# %% [markdown]
# That is about the loss of guessing. 200 steps on 32 pictures have changed nothing, so the patient is ill, and more
# data or more epochs will not help.
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
print("one batch still cannot be learned:", overfit() > 1)

# %% [markdown]
# Now each picture has its label, and still one batch is too much. (This bug alone would not have shown in step 1: a
# network can learn wrong labels by heart. Each step sees what others miss.)
#
# **Step 3, the first loss** against ln 10:

# %%
print(f"first loss {first_loss():.2f}   ln 10 = {np.log(10):.2f}")

# %% [markdown]
# Close enough. If there is a bug in the starting values, it does not show. On to **step 4, the gradient norms**:

# %%
print("first layer to last:", " ".join(f"{norm:.5f}" for norm in gradient_norms()))
outputs = build()(pictures)
print(f"largest output of each row, on average: {outputs.max(dim=1).values.mean():.4f}")
print("each row adds up to 1:", torch.allclose(outputs.sum(dim=1), torch.ones(32).to(x.device)))

# %% [markdown]
# No layer gets a gradient worth the name. The outputs are probabilities: the softmax of case 5. And each answer is as
# sure as can be, so this softmax lets nothing through. That is the second bug. The cure, and the measurements of steps
# 3 and 4 again:

# %%
def build():
    model = new_mlp()
    for weight in model.parameters():
        nn.init.normal_(weight)
    return nn.Sequential(*model)


print(f"first loss {first_loss():.0f}   gradient norms {[round(g) for g in gradient_norms()]}")

# %% [markdown]
# Gradients are there now, and they are huge. And the first loss, which had looked healthy, is hundreds of times too
# large: the needless softmax had squeezed it into a narrow range around ln 10. One bug had hidden the other. That is
# why the earlier measurements are repeated after each cure.
#
# A first loss like this is case 6, weights without a scale: the third bug. PyTorch's own starting values are scaled, so
# the cure is to delete the loop:

# %%
def build():
    return nn.Sequential(*new_mlp())


assert abs(first_loss() - np.log(10)) < 0.4, "the untrained network prefers some class"
assert all(0.01 < norm < 100 for norm in gradient_norms()), "gradients are missing or huge"
print(f"first loss {first_loss():.1f}   gradient norms", np.round(gradient_norms(), 1))
print("one batch is learned by heart:", overfit() < 0.2)

# %% [markdown]
# All four steps are in order. (If step 1 fails although the others are healthy, the rate may be far off: go on.) Only
# now **step 5, the sweep of the learning rate**, means something:

# %% tags=["nbval-ignore-output"]
cured = [score(lr) for lr in swept]
fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(swept, sick, "o--", label="three bugs")
ax.plot(swept, cured, "s-", label="cured")
ax.set(title="Sweep of the learning rate", xscale="log", xlabel="learning rate", ylim=(0, 1))
ax.set(ylabel="validation accuracy")
ax.legend()
plt.show()

# %%
print("the best rate gains more than 0.5:", full or max(cured) - max(sick) > 0.5)
print("and it is not at the edge of the sweep:", 0 < int(np.argmax(cured)) < len(swept) - 1)

# %% [markdown]
# The curve of the cured patient has a top in the middle, with room on both sides; the sick one's never leaves the level
# of guessing. If the best rate lies at the edge of a sweep, sweep further.
#
# **Check yourself.** Another patient overfits one batch within seconds, its first loss is ln C, its gradients are in
# order, and yet its validation accuracy stays near chance. Which step do you look at, and which cases come to mind?
# <details><summary>Answer</summary>
#
# Step 2, and for the *validation* pictures as well: the network learns, but something else than what is asked.
# Labels in another order (case 7), names or pictures mixed up (cases 8 and 9), a random transform in evaluation
# (case 11), a wrong file loaded (case 23). If the pictures are in order and training accuracy is high, it overfits,
# which is not a bug but a lack of data.
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
# - What is judged was not fitted on, scalers included. [Case 10](#Case-10:-Too-good-a-forecast)
# - The network takes the size that the loader gives. [Case 2](#Case-2:-A-size-that-no-longer-fits)
# - Answers and targets have one shape. [Case 1](#Case-1:-A-loss-that-stops-early)
# - The output is logits, no softmax. [Case 5](#Case-5:-A-loss-stuck-near-its-start)
# - The first loss is ln C. [Case 6](#Case-6:-A-first-loss-in-the-thousands)
# - A block does what its name says. [Case 4](#Case-4:-Deeper-is-worse)
# - The number of trainable parameters is the one you expect. [Case 20](#Case-20:-Frozen-but-moving)
# - Flags are tried with the values that switch things off. [Case 25](#Case-25:-False-is-true)
# - Settings arrive with the right type. [Case 26](#Case-26:-A-mean-of-characters)
#
# **While it trains**
#
# - The learning rate that is logged changes as planned. [Case 18](#Case-18:-A-rate-that-does-not-fall)
# - The scheduler belongs to the optimizer that steps. [Case 19](#Case-19:-A-second-stage-that-wavers)
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
# - A lead is larger than its standard error. [Case 17](#Case-17:-One-point-ahead)
#
# **When it is saved and loaded**
#
# - The loaded network gets the score that was saved with it. [Case 23](#Case-23:-The-wrong-file)
# - The record in the file only rises. [Case 24](#Case-24:-A-record-that-gets-worse)
#
# **When nothing is learned**: [the routine](#A-routine-for-a-network-that-does-not-learn), from step 1.
#
# ## Summary
#
# - Most bugs raise no error; a number that cannot be right is the only symptom, so know what should come out.
# - An error is raised where something breaks, not where it went wrong: walk back to the last value that was right.
# - Measure a bug by two runs that differ in nothing else, and cure the cause, not the message.
# - Every bug you have found leaves an assertion behind.
# - If nothing is learned: one batch, the input, the first loss, the gradients, the rate; after each cure, once more.
#
# **Exercises**: [14 exercises](exercises/14_debugging_clinic.ipynb)
#
# **Next**: back to the [map of all lessons](../README.md#the-lessons)
