# %% [markdown]
# # 02 · Tensors and regression
#
# From a table of temperatures to a network that predicts today's maximum, and to an honest answer whether it was worth
# the trouble.
#
# **Time** about 70 minutes, of which the computer works 15 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb)
#
# **You will learn to**
#
# - look at a table before you trust it, and split it along time
# - set up baselines, and measure errors with MAE and MSE
# - calculate with tensors, and let PyTorch find derivatives
# - train a network by hand, then with `nn.Sequential`, Adam and mini-batches
# - say whether a lead over a baseline is more than luck
# - notice and prevent the silent broadcast, which ruins a training without an error

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import setup

course = setup(seed=0, lesson="02")

# %% [markdown]
# ## Four years of temperatures
#
# Networks are easier to understand on something smaller than pictures, so this lesson works with a table: the highest
# temperature of every day in Seattle. The task is to predict a number, the maximum of a day, from what is known the
# evening before. Predicting a number is called **regression**.

# %%
from course_utils import load_temperatures

table = load_temperatures()
print("days:", len(table), "  from", table.index[0].date(), "to", table.index[-1].date())
table.head()

# %% [markdown]
# Temperatures are in °F (32 °F are 0 °C, and 9 °F are 5 °C).
#
# | column | meaning |
# |---|---|
# | `year`, `month`, `day`, `week` | the date and its day of the week |
# | `temp_2`, `temp_1` | the maximum two days before, and one day before |
# | `average` | what is usual around this date, from the years 2012 and 2013 only |
# | `actual` | the maximum of the day, the **target**: this we want to predict |
# | `friend` | a friend's guess |
#
# Lesson 01 had three splits: train, val and test. Here they follow the calendar, since that is how such a predictor is
# used: it learns from the past and is judged on what comes later. 2012 and 2013 are for training, 2014 is for
# comparing attempts. 2015 is the test year. It goes into a drawer now, and we do not even look at it before the end.

# %%
past = table.loc["2012":"2014"]
train, val, test = table.loc["2012":"2013"], table.loc["2014"], table.loc["2015"]
print("train:", len(train), "  val:", len(val), "  test:", len(test))

# %% [markdown]
# ## Look at the data
#
# First all three years, with what is usual at that time of the year:

# %%
fig, ax = plt.subplots(figsize=(9, 3.2))
ax.plot(past["actual"], linewidth=0.8, label="actual")
ax.plot(past["average"], label="average")
ax.set(title="Maximum of every day, 2012 to 2014", xlabel="date", ylabel="°F")
ax.legend()
plt.show()

# %% [markdown]
# The smooth curve is the season: cold winters, warm summers. Around it the days scatter, often for several days on the
# same side. The curve is the same every year, the weather is not: in 2014 many days lie above it. Now two months from
# near by, with the columns that could help:

# %%
spring = past.loc["2014-04-15":"2014-06-15"]
fig, ax = plt.subplots(figsize=(9, 3.2))
styles = {"actual": "-", "temp_1": "--", "average": "-", "friend": "x"}
for name, style in styles.items():
    ax.plot(spring[name], style, label=name)
ax.set(title="Two months of 2014", xlabel="date", ylabel="°F")
ax.legend(ncols=4)
plt.show()

# %% [markdown]
# `temp_1` is the curve of `actual`, moved one day to the right. It is a good guess while the weather stays, and a bad
# one on the day it changes. `friend` jumps about the average and knows nothing of the day. (It was made with random
# numbers; the data set's description says so.)
#
# Pictures do not show everything. Two questions for the computer: is a day missing, and is `temp_1` really the `actual`
# of the row before? `shift()` moves a column down by one row.

# %%
steps = past.index.diff()[1:]
odd = past["temp_1"].iloc[1:] != past["actual"].shift().iloc[1:]
print("days missing:", (steps != pd.Timedelta(days=1)).sum())
print("rows in which temp_1 is not the actual of the row before:", odd.sum())

# %% [markdown]
# Then the odd values. Which days differ most from the day before?

# %%
change = (past["actual"] - past["temp_1"]).abs()
past.loc[change.nlargest(6).index, ["temp_2", "temp_1", "average", "actual"]]

# %% [markdown]
# Large jumps, but believable: mostly a warm spell ends overnight. No value is impossible, so they stay. Had there been
# a maximum of 200 °F, or one on the 31st of June, somebody would have mistyped it.
#
# **Check yourself.** A colleague removes the days with the largest jumps as "outliers", and the errors get smaller. Is
# the predictor better now?
# <details><summary>Answer</summary>
#
# No. The days were real, and days like these will come again. Only the exam has become easier. Remove what is
# *wrong*, not what is *hard*.
#
# </details>

# %% [markdown]
# ## How large is an error?
#
# Three predictions miss by 1, −2 and 6 degrees. Two numbers are in use to sum that up. The **mean absolute error**
# (MAE) drops the signs and averages. The **mean squared error** (MSE) averages the squares.

# %%
misses = np.array([1, -2, 6])
print(f"MAE {np.abs(misses).mean():.1f} °F   MSE {(misses**2).mean():.1f} °F²")

# %% [markdown]
# The MAE is easily read: "wrong by so many degrees on average". The MSE punishes one large miss more than many small
# ones, and it is smooth, which will help in training. We shall train with the MSE and judge by the MAE.

# %%
def score(predicted, days):
    error = predicted - days["actual"]
    return {"MAE": error.abs().mean(), "MSE": (error**2).mean()}


# %% [markdown]
# ## Three baselines
#
# A **baseline** is a prediction that needs no learning. If a network does not beat it, nobody needs the network. Here
# are three: as yesterday; as usual at this time of the year; and half-way between the two.

# %%
def baselines(days):
    both = (days["temp_1"] + days["average"]) / 2
    return {"yesterday": days["temp_1"], "average": days["average"], "mean of both": both}


scores = {name: score(predicted, val) for name, predicted in baselines(val).items()}
pd.DataFrame(scores).T.round(2)

# %% [markdown]
# On the validation year the mean of both is the best of the three, a little ahead of yesterday. This is the mark to
# beat. We choose it *now*, on the validation year, so that at the end nobody can pick a weak opponent.
#
# **A claim without a baseline** is worth nothing. This task comes from a widely copied tutorial. It ends with a figure
# in which the predictions lie close to the truth, and is content. How close does "as yesterday" come?

# %%
together = np.corrcoef(val["temp_1"], val["actual"])[0, 1]
print(f"correlation of yesterday's maximum with today's: {together:.2f} (1 would be perfect)")

# %% [markdown]
# In a figure over a year this would look impressive, too.
#
# ## One typing error
#
# The tutorial's table, 348 days of 2016, has days missing and a row with `temp_1` = 117 °F in October. How much does
# one such row matter? We plant one into a copy:

# %%
typo = val.copy()
typo.loc["2014-02-15", "temp_1"] = 117
scores = {"without": score(val["temp_1"], val), "with typo": score(typo["temp_1"], typo)}
squared = (typo["temp_1"] - typo["actual"]) ** 2
print(f"share of one day in the sum of 365 squared errors: {squared.max() / squared.sum():.0%}")
pd.DataFrame(scores).T.round(2)

# %% [markdown]
# One row of 365 moves the MAE by a few per cent and the MSE by more than a third. A network trained with the MSE would
# bend to please this one row. The questions asked above find it at once: it is the largest `temp_1` by far, and it is
# not the `actual` of the row before.
#
# **Check yourself.** One thermometer is off by 3 °F every day. Another is exact, but once in a hundred days it is off
# by 30 °F. Which has the smaller MAE, and which the smaller MSE?
# <details><summary>Answer</summary>
#
# The first: MAE 3, MSE 9. The second: MAE 30 / 100 = 0.3, MSE 900 / 100 = 9. By the MAE the second one is ten times
# better, by the MSE they are equal.
#
# </details>

# %% [markdown]
# ## Tensors
#
# PyTorch calculates with **tensors**. Like NumPy's arrays they have a shape and a type of number, their `dtype`:

# %%
numbers = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
print("shape:", tuple(numbers.shape), "  dtype:", numbers.dtype)

degrees = torch.tensor(val["temp_1"].to_numpy())
print("shape:", tuple(degrees.shape), "  dtype:", degrees.dtype)

# %% [markdown]
# Whole numbers became `int64`. Networks calculate with `float32`, and tensors of different types refuse to be
# multiplied as matrices. So say which type you want:

# %%
pair = torch.tensor(val[["temp_1", "average"]].to_numpy(), dtype=torch.float32)
print("shape:", tuple(pair.shape), "  dtype:", pair.dtype)
print(pair[:2])

# %% [markdown]
# The one operation that networks are made of is the **matrix product**, written `@`. It multiplies each row of the left
# table with each column of the right one, number by number, and adds the products up. A shape (365, 2) times a shape
# (2, 1) gives (365, 1): the inner numbers must be equal, the outer ones remain. The first row of `pair` times a column
# of two halves is 47 · 0.5 + 44.5 · 0.5 = 45.75, the mean of both. For all rows at once this is the third baseline:

# %%
weights = torch.tensor([[0.5], [0.5]])
product = pair @ weights
both = torch.tensor(baselines(val)["mean of both"].to_numpy(), dtype=torch.float32)
print("shape:", tuple(product.shape))
torch.testing.assert_close(product[:, 0], both)

# %% [markdown]
# Lesson 01 met **broadcasting**: where shapes differ, PyTorch compares them from the right and stretches what has
# length 1 or is missing. That is how one constant per column is added to all rows, and how a column and a row make a
# table:

# %%
print(numbers + torch.tensor([10.0, 20.0, 30.0]))
print(torch.tensor([[1.0], [2.0], [3.0]]) + torch.tensor([10.0, 20.0]))

# %% [markdown]
# The second sum had no numbers in common to add: (3, 1) and (2,) were both stretched to (3, 2). Keep this in mind. It
# is handy when wanted, and the *Common mistake* at the end of this lesson when not.
#
# **Check yourself.** Which shape has `torch.ones(729, 13) @ torch.ones(13, 32) + torch.zeros(32)`?
# <details><summary>Answer</summary>
#
# (729, 32). The product has this shape, and the 32 zeros are added to each of its 729 rows.
#
# </details>

# %% [markdown]
# ## Derivatives without formulas
#
# Training means: change some numbers a little so that the error gets smaller. In which direction, and how much does it
# help? That is what a **derivative** tells: by how much the result grows per unit when a number grows a tiny bit.
# PyTorch finds it. With `requires_grad=True` it notes down every calculation in which a tensor takes part;
# `backward()` walks through these notes from the result back, and leaves the derivative in `.grad`.

# %%
w = torch.tensor(3.0, requires_grad=True)
x = torch.tensor(2.0)
y = w * x
y.backward()
print("y =", y.item(), "  derivative of y for w:", w.grad.item())

# %% [markdown]
# Right: y = w · 2 grows by 2 when w grows by 1. Now something longer. The prediction w · x should be 10; the squared
# miss is the **loss**, the number that training is to make small. To check the derivative, we nudge `w` up and down.

# %%
def loss_of(w):
    return (w * 2 - 10) ** 2


w = torch.tensor(3.0, requires_grad=True)
loss_of(w).backward()
nudged = (loss_of(3.01) - loss_of(2.99)) / 0.02
print(f"derivative by PyTorch: {w.grad.item():.2f}   by nudging: {nudged:.2f}")

# %% [markdown]
# Both agree. The minus sign says: when w grows, the loss falls. This machinery is called **autograd**, and the
# derivatives of a loss for all numbers that can be trained are called its **gradient**.
#
# One habit of `backward` surprises everybody once: it *adds* to what is already in `.grad`.

# %%
w = torch.tensor(3.0, requires_grad=True)
for repeat in range(2):
    loss_of(w).backward()
    print("w.grad:", w.grad.item())

# %% [markdown]
# The second number is twice the right one. So the gradient has to be cleared after each use, with `w.grad = None`.
#
# **Check yourself.** For w = 5 the loss above is 0. What is `w.grad` there?
# <details><summary>Answer</summary>
#
# 0. At the lowest point a tiny nudge in either direction changes (almost) nothing. That is how one recognizes a
# minimum.
#
# </details>

# %% [markdown]
# ## Learning one number
#
# The third baseline mixes yesterday and the average half and half. Why half? Let the mix be w · yesterday + (1 − w) ·
# average, and let the training years choose w.

# %%
yesterday, average, actual = (
    torch.tensor(train[name].to_numpy(), dtype=torch.float32)
    for name in ["temp_1", "average", "actual"]
)


def mix_loss(w):
    return ((w * yesterday + (1 - w) * average - actual) ** 2).mean()


# %% [markdown]
# **Gradient descent** is the following loop: calculate the loss, get its derivative, and take a step the other way,
# downhill. How long the step is, is set by the **learning rate**. The step itself is not part of the calculation and
# must not be noted down, hence `torch.no_grad()`.

# %%
def descend_mix(learning_rate, steps=15):
    w = torch.tensor(0.0, requires_grad=True)
    path = []
    for step in range(steps):
        loss = mix_loss(w)
        path.append((w.item(), loss.item()))
        loss.backward()
        with torch.no_grad():
            w -= learning_rate * w.grad
        w.grad = None
    return w.item(), path


best_w, path = descend_mix(learning_rate=0.005)
print(f"w = {best_w:.2f}")

# %% [markdown]
# More than half for yesterday. The figure shows the loss for many values of w, and the steps that were taken; on the
# right with a learning rate that is too large:

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for ax, rate, steps in zip(axes, [0.005, 0.03], [15, 7]):
    walk = np.array(descend_mix(rate, steps)[1])
    grid = np.linspace(min(0, walk[:, 0].min()), max(1.2, walk[:, 0].max()), 100)
    ax.plot(grid, [mix_loss(value).item() for value in grid], label="loss")
    ax.plot(walk[:, 0], walk[:, 1], "o--", linewidth=0.8, label="steps")
    ax.set(title=f"learning rate {rate}", xlabel="w, the weight of yesterday", ylabel="MSE, °F²")
    ax.legend()
plt.show()

# %% [markdown]
# On the left the steps run down into the valley and get shorter by themselves, because the slope does. On the right
# each step jumps over the valley and lands higher on the other side: the loss grows. (Both walks start at w = 0; on the
# right read upwards.) Is the learned mix better than the halves, on the year it was not fitted to?

# %%
def mix(days):
    return best_w * days["temp_1"] + (1 - best_w) * days["average"]


halves = baselines(val)["mean of both"]
scores = {"mean of both": score(halves, val), "learned mix": score(mix(val), val)}
pd.DataFrame(scores).T.round(2)

# %% [markdown]
# It is. You have trained a model with one parameter. A **parameter** is a number that training changes. The network
# below has some hundreds, and the training loop stays the same.

# %% [markdown]
# ## Numbers for a network
#
# A network takes numbers only. `week` holds words. Numbering the days 0 to 6 would claim that Sunday is six times as
# much as Tuesday; instead each weekday gets a column of its own, 1 on that day and 0 on others. This is called
# **one-hot**.
#
# `pd.get_dummies` makes these columns, by default of True and False. Beside columns of numbers those become an array
# of `object`, which PyTorch refuses; so we ask for `float32`.
#
# The columns that a network gets to see are called **features**. We take all that are known the evening before, but
# leave out `year`:

# %%
weekdays = pd.get_dummies(table["week"], dtype="float32")
data = pd.concat([table.drop(columns="week"), weekdays], axis=1)
train, val, test = data.loc["2012":"2013"], data.loc["2014"], data.loc["2015"]
features = [name for name in data if name not in ("actual", "year")]
print(len(features), "features:", features)
weekdays.head(3)

# %% [markdown]
# Why no `year`? That becomes clear with the next step. One learning rate must suit all weights, and a feature 60 times
# as large has a gradient about 60 times as large. So features should have similar sizes, around zero: from each column
# we subtract its mean and divide by its standard deviation (std). This is **scaling**, the same as normalization in
# lesson 01. See what it makes of the year:

# %%
mean, std = train["year"].mean(), train["year"].std()
print("2012 to 2015, scaled:", [round((year - mean) / std) for year in [2012, 2013, 2014, 2015]])

# %% [markdown]
# Training knows two values, −1 and 1, and the years to be predicted lie far outside of them: the network would be asked
# about something it has never seen. (In a table of a single year the column would be constant and its std 0, and 0/0
# gives `nan`, "not a number", which spreads to every result.)

# %% [markdown]
# ## Fit on the training years only
#
# The mean and std are numbers taken from the data, so they are part of what is learned. They come from the training
# years alone. The function below asks for the training days, so nobody forgets them:

# %%
def to_tensors(days, columns, training_days):
    mean, std = training_days[columns].mean(), training_days[columns].std()
    scaled = ((days[columns] - mean) / std).to_numpy(dtype="float32")
    target = days["actual"].to_numpy(dtype="float32")
    x, y = torch.tensor(scaled), torch.tensor(target)[:, None]
    return x.to(course.device), y.to(course.device)


x, y = to_tensors(train, features, train)
x_val, y_val = to_tensors(val, features, train)
print("x:", tuple(x.shape), "  y:", tuple(y.shape))

# %% [markdown]
# `[:, None]` makes the target a table with one column, (729, 1) instead of (729,), because that is the shape in which
# the network will answer. The column `temp_1` after scaling:

# %%
for name, inputs in [("train", x), ("val", x_val)]:
    temp_1 = inputs[:, features.index("temp_1")]
    print(f"{name:>5}: mean {temp_1.mean():z.2f}   std {temp_1.std():.2f}")

# %% [markdown]
# (The `z` prints −0.00 as 0.00.) 0 and 1 in training, but not in validation, where the mean is higher: 2014 was warmer.
# That is as it should be. Had we scaled each year by itself, this difference would have been hidden from the network.
#
# **A scaler fitted on everything** is a leak: the validation year would have helped to make the numbers that we predict
# it with. How much does it change?

# %%
three_years = pd.concat([train, val])
for name, days in [("training years only", train), ("validation year included", three_years)]:
    print(f"{name:>25}: mean {days['temp_1'].mean():.1f}   std {days['temp_1'].std():.1f}")

# %% [markdown]
# Not much, for a mean of so many days. But the habit is dangerous. Fit something slightly richer, such as the mean of
# each month, once honestly and once on everything. (`groupby` makes a group of each month, and `map` looks up the mean
# of each day's month.)

# %%
honest = train.groupby("month")["actual"].mean()
leaky = three_years.groupby("month")["actual"].mean()
for name, monthly in [("training years only", honest), ("validation year included", leaky)]:
    print(f"{name:>25}: validation MAE {score(val['month'].map(monthly), val)['MAE']:.2f}")

# %% [markdown]
# The second number is smaller, and it is a lie: in use the year to be predicted is not yet there to take means from.
#
# **A random split** is easier than one by years: shuffle the days and put a fifth aside. Let us look at those days
# inside the two training years:

# %%
order = np.random.default_rng(0).permutation(len(train))
held_out = train.iloc[order[: len(train) // 5]]
training = train.drop(held_out.index)
before = (held_out.index - pd.Timedelta(days=1)).isin(training.index)
after = (held_out.index + pd.Timedelta(days=1)).isin(training.index)
print(f"with a day before or after in training: {(before | after).mean():.0%}")
print(f"with their own maximum in training, as temp_1 of the day after: {after.mean():.0%}")

# %% [markdown]
# Nearly every day put aside lies beside a training day, and most of the answers stand in the training rows under
# another name. A random split asks how well gaps in known years can be filled. We want a new year: split the data the
# way the model will be used.
#
# **Check yourself.** Why does our table's `average` come from 2012 and 2013 only?
# <details><summary>Answer</summary>
#
# It is fitted, too. Made from all four years it would contain the days to be predicted, a leak into validation and
# test.
#
# </details>

# %% [markdown]
# ## A network from matrix products
#
# Our network has two layers. The first makes 32 sums from the 13 features. Each sum has 13 **weights**, one per feature
# (a column of `weights1`), and a constant called **bias**. Negative sums are set to 0, which is what `relu` does. The
# second layer makes one number from these 32, which are called *hidden* because nobody outside sees them:
#
# ```
# features     @ weights1 + bias1, relu     hidden     @ weights2 + bias2     prediction
# (729, 13)  ----------- (13, 32) ------>  (729, 32)  ------ (32, 1) ------>   (729, 1)
# ```

# %%
def network(x, weights1, bias1, weights2, bias2):
    hidden = torch.relu(x @ weights1 + bias1)
    return hidden @ weights2 + bias2


# %% [markdown]
# Why set something to 0? Without `relu`, sums of sums would be nothing but sums, and two layers could do no more than
# one. With it the network can bend: treat warm days otherwise than cold ones, for instance.
#
# The weights start at random (`randn` draws from the bell curve around 0). Random signs partly cancel, so a sum of n of
# them grows only like the square root of n; we divide by that. The last bias starts at the mean of the training
# targets, the best guess of someone who knows nothing else.

# %%
def start(inputs, hidden=32):
    torch.manual_seed(0)
    weights1 = torch.randn(inputs, hidden) / inputs**0.5
    weights2 = torch.randn(hidden, 1) / hidden**0.5
    parameters = [weights1, torch.zeros(hidden), weights2, y.mean().reshape(1)]
    return [parameter.to(course.device).requires_grad_() for parameter in parameters]


parameters = start(len(features))
print([tuple(parameter.shape) for parameter in parameters])
print("parameters in all:", sum(parameter.numel() for parameter in parameters))

# %% [markdown]
# (`requires_grad_()` switches autograd on; a method whose name ends in `_` changes the tensor itself.) Training is the
# loop you know, with four tensors in place of one number. `network(x, *parameters)` hands them over one by one, and
# `F.mse_loss` is PyTorch's own mean squared error.

# %%
def descend(parameters, x, target, steps=300, learning_rate=0.01):
    losses = []
    for step in range(steps):
        loss = ((network(x, *parameters) - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter -= learning_rate * parameter.grad
                parameter.grad = None
        losses.append(loss.item())
    return losses


# %%
parameters = start(len(features))
losses = descend(parameters, x, y)
with torch.no_grad():
    train_mse = F.mse_loss(network(x, *parameters), y).item()
    val_mse = F.mse_loss(network(x_val, *parameters), y_val).item()
print(f"loss at first {losses[0]:.0f}, at last {losses[-1]:.0f}")
print(f"MSE on the training years {train_mse:.0f}, on 2014 {val_mse:.0f}")

# %%
fig, ax = plt.subplots(figsize=(7, 3))
ax.plot(losses)
ax.set(title="training by hand", xlabel="step", ylabel="MSE, °F²", ylim=(0, None))
plt.show()

# %% [markdown]
# The loss falls steeply in the first steps and then slowly, on and on. The network works, a little less well on the
# year it has not seen.
#
# **Check yourself.** What happens if you leave out the line `parameter.grad = None`?
# <details><summary>Answer</summary>
#
# `backward` adds to the old gradients, so each step uses the sum of all gradients so far. The steps become longer and
# longer and point to where it was downhill some time ago; the loss swings up and down or explodes. Try it.
#
# </details>

# %% [markdown]
# ## The same from PyTorch's parts
#
# `nn.Linear(13, 32)` is a layer that holds weights and bias and does the product. It stores its weights lying on their
# side; `.T` turns them (`atol` and `rtol` say how far apart two numbers may lie and still pass as equal):

# %%
layer = nn.Linear(len(features), 32).to(course.device)
print("weights:", tuple(layer.weight.shape), "  bias:", tuple(layer.bias.shape))
torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias, atol=1e-5, rtol=1e-5)

# %% [markdown]
# `nn.Sequential` puts layers in a row. Our network, written with it:

# %%
def make_model(inputs, first_guess, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 1))
    with torch.no_grad():
        model[-1].bias.fill_(first_guess)
    return model.to(course.device)


model = make_model(len(features), y.mean().item())
by_hand = network(x, model[0].weight.T, model[0].bias, model[2].weight.T, model[2].bias)
print(model)
torch.testing.assert_close(model(x), by_hand, atol=1e-4, rtol=1e-4)

# %% [markdown]
# Two changes are usual. On 729 days they save nothing; with pictures they will. So far every step looked at all days. A
# **mini-batch** of 32 gives nearly the same direction for a fraction of the work: 23 steps in one pass, one **epoch**.
# `TensorDataset` makes a data set of two tensors, and the `DataLoader` is the one from lesson 01. Data sets stay on the
# CPU, and each batch moves to the device when its turn comes; large data sets would not fit there as a whole.

# %%
def make_loader(x, y, seed=0):
    generator = torch.Generator().manual_seed(seed)
    days = TensorDataset(x.cpu(), y.cpu())
    return DataLoader(days, batch_size=32, shuffle=True, generator=generator)


loader = make_loader(x, y)
xb, yb = next(iter(loader))
print("one batch:", tuple(xb.shape), tuple(yb.shape), "  batches in an epoch:", len(loader))

# %% [markdown]
# (Shuffling is harmless here: it mixes the order of the *training* days, and each day carries what it needs to know
# about the days before in its own row.)
#
# The second change: an **optimizer** takes over the step. `Adam` is gradient descent that keeps a running average of
# the gradients and adapts the length of the step for each parameter. `zero_grad` clears the gradients, `step` takes the
# step. (Clearing may come after the step, as before, or ahead of `backward`; once per step is what matters.)
#
# And one precaution. A network that trains long enough begins to learn the training days by heart, noise included. That
# is **overfitting**: the training loss still falls, the validation loss does not. So after every epoch we measure the
# validation loss, and keep the parameters of the best epoch. `state_dict()` returns all parameters; `deepcopy` is
# needed because they go on changing.

# %%
def fit_by_hand(model, loader, optimizer, epochs):
    val_losses = []
    for epoch in range(epochs):
        for xb, yb in loader:
            xb, yb = xb.to(course.device), yb.to(course.device)
            loss = F.mse_loss(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val_losses.append(F.mse_loss(model(x_val), y_val).item())
        if val_losses[-1] == min(val_losses):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return val_losses


# %% tags=["nbval-ignore-output"]
model = make_model(len(features), y.mean().item())
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
val_losses = fit_by_hand(model, make_loader(x, y), optimizer, epochs=40)
best_epoch = np.argmin(val_losses) + 1
print(f"validation MSE: {val_losses[0]:.1f} after the first epoch")
print(f"best {min(val_losses):.1f}, after epoch {best_epoch}")

# %% tags=["proof"]
with torch.no_grad():
    kept = F.mse_loss(model(x_val), y_val).item()
assert abs(kept - min(val_losses)) < 1e-3, f"kept: loss {kept:.3f}, the best was {min(val_losses):.3f}"

# %% [markdown]
# The course keeps this loop as `fit`. Its `loss_fn` is the loss, and with `restore_best=True` it keeps the best epoch.
# (With `progress=True` it also prints a line per epoch; `**settings` hands over a dictionary as named arguments.) Same
# start, same batches, same result; the last line below, NumPy's sister of `assert_close`, would complain otherwise:

# %%
from course_utils import fit


def fit_network(x, y, x_val, y_val, seed=0):
    model = make_model(x.shape[1], y.mean().item(), seed)
    val_loader = DataLoader(TensorDataset(x_val.cpu(), y_val.cpu()), batch_size=365)
    settings = {"epochs": 40, "loss_fn": F.mse_loss, "restore_best": True, "progress": False}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = fit(model, make_loader(x, y, seed), val_loader, optimizer=optimizer, **settings)
    return model, history


_, history = fit_network(x, y, x_val, y_val)
np.testing.assert_allclose(history["val_loss"], val_losses, rtol=1e-3)

# %% [markdown]
# `fit` also returns a **history**, what was measured after every epoch:

# %%
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(history["epoch"], history["train_loss"], "--", label="training years")
ax.plot(history["epoch"], history["val_loss"], label="validation year")
ax.axvline(history.best()["epoch"], color="black", linestyle=":", label="best epoch")
ax.set(title="training with Adam", xlabel="epoch", ylabel="MSE, °F²", ylim=(15, 45))
ax.legend()
plt.show()

# %% [markdown]
# (The first epochs lie above the figure.) Within some twenty epochs both curves have fallen to nearly where they end.
# After that the training curve creeps down while the validation curve wavers on the same level. With **no split at
# all** one sees only the dashed curve, and the longer one trains, the better it looks.
#
# **Check yourself.** We keep the epoch with the smallest validation loss and then report that loss. Is it a fair
# estimate for a new year?
# <details><summary>Answer</summary>
#
# A bit too good. The best of 40 numbers that waver is partly the luckiest. That is why there is a test year.
#
# </details>

# %% [markdown]
# ## Do all columns help?
#
# Weather does not know weekdays, the friend guesses, and the season is already in `average`. We compare all features
# with only three of them, from three different starts each, since results of networks depend on the start:

# %%
def errors(model, days, columns):
    inputs, _ = to_tensors(days, columns, train)
    with torch.no_grad():
        return (model(inputs)[:, 0].cpu().numpy() - days["actual"]).abs()


# %% tags=["nbval-ignore-output"]
three = ["temp_1", "temp_2", "average"]
rows = []
for seed in range(3):
    row = {}
    for name, columns in [("all", features), ("three", three)]:
        tensors = [*to_tensors(train, columns, train), *to_tensors(val, columns, train)]
        net, _ = fit_network(*tensors, seed=seed)
        row[f"{name}: train"] = errors(net, train, columns).mean()
        row[f"{name}: val"] = errors(net, val, columns).mean()
    rows.append(row)
compared = pd.DataFrame(rows)
print(compared.round(2))

# %% tags=["proof"]
difference = (compared["all: val"] - compared["three: val"]).abs()
assert (difference < 0.15).all(), f"on 2014 the two are apart by up to {difference.max():.2f} °F"
assert (compared["all: train"] < compared["three: train"]).all(), "all columns do not look better in training"

# %% [markdown]
# The ten extra columns make the network better on the days it has seen and not on those it has not. They give it more
# to learn by heart. On validation the two are as good as equal, and then the simpler one is chosen: three columns.
# (To choose with the test year would make it one more validation year, and no test would be left.)

# %% [markdown]
# ## The test year
#
# All choices are made: three columns, the first start (seed 0), and "mean of both" as the baseline to beat; the learned
# mix stands beside it as the simplest thing that learns. The drawer is opened, once.

# %% tags=["nbval-ignore-output"]
x_test, y_test = to_tensors(test, three, train)
tensors = [*to_tensors(train, three, train), *to_tensors(val, three, train)]
final, _ = fit_network(*tensors, seed=0)
with torch.no_grad():
    predicted = pd.Series(final(x_test)[:, 0].cpu().numpy(), index=test.index)
answers = {**baselines(test), "learned mix": mix(test), "network": predicted}
results = pd.DataFrame({name: score(answer, test) for name, answer in answers.items()}).T
print(results.round(2))

# %% tags=["proof"]
rivals, network_mae = results["MAE"].drop("network"), results.loc["network", "MAE"]
assert network_mae < rivals["mean of both"], f"the network does not beat the baseline: {network_mae:.2f} °F"
assert network_mae < rivals.min() + 0.1, f"a rival is far ahead of the network: {rivals.min():.2f} °F"
assert rivals["yesterday"] < rivals["mean of both"], "yesterday does not beat the mean of both"
assert rivals["learned mix"] < rivals["yesterday"], "the mix does not come nearer to the network than yesterday"

# %% [markdown]
# The network is ahead of the baseline we chose. But look at the other rows: "yesterday", second on validation, beats
# the mean of both this time, and comes near the network, and the mix with its *one* parameter comes nearer still. The
# network's **lead** over a rival is the rival's error minus its own. How much of these leads is luck?
#
# Another year would have brought other days. We cannot have another year, but we can imitate one: draw 365 days from
# the 365 we have, some of them twice and some not at all, and see how the lead changes. Repeated often, this is the
# **bootstrap**. In the function below, `chosen` has one row of day numbers for each of 4000 imitated years.

# %%
def bootstrap(lead, repeats=4000):
    chosen = np.random.default_rng(0).integers(0, len(lead), (repeats, len(lead)))
    return np.percentile(lead.to_numpy()[chosen].mean(axis=1), [2.5, 97.5])


# %% [markdown]
# We take the lead day by day, since some days are hard for everybody. `from` and `to` give the range in which 95 of 100
# imitated years lie. (Drawing days one by one takes them as unrelated. Where errors come in spells, the true range is
# wider.)

# %% tags=["nbval-ignore-output"]
network_error = (predicted - test["actual"]).abs()
leads = {}
for name in ["mean of both", "yesterday", "learned mix"]:
    lead = (answers[name] - test["actual"]).abs() - network_error
    low, high = bootstrap(lead)
    leads[name] = {"lead, °F": lead.mean(), "from": low, "to": high}
leads = pd.DataFrame(leads).T
print(leads.round(2))

# %% tags=["proof"]
lowest, lead = leads["from"], leads["lead, °F"]
assert lowest["mean of both"] > 0, f"over the mean of both the range begins at {lowest['mean of both']:.2f} °F"
assert lowest["yesterday"] < 0, f"over yesterday the range begins at {lowest['yesterday']:.2f} °F"
assert lead["learned mix"] < 0.2, f"over the mix the lead is {lead['learned mix']:.2f} °F"

# %% [markdown]
# Over the mean of both the whole range is above 0; over "yesterday" it is not, and over the mix the lead itself is
# small. So the honest report reads: **the network beats the baseline we had chosen. It has not been shown to beat "as
# yesterday" on this test year, and it gains next to nothing over a mix with one learned number.** And this is one
# training run; as the comparison of starts above has shown, another start moves the network's error a little, too.
#
# Why is there so little to gain? Look at the predictions.

# %%
summer = slice("2015-05-15", "2015-07-15")
fig, axes = plt.subplots(2, 1, figsize=(9, 5.6))
for ax, days, title in zip(axes, [slice(None), summer], ["The test year", "Two months of it"]):
    ax.plot(test["actual"].loc[days], linewidth=1, label="actual")
    ax.plot(predicted.loc[days], ".", markersize=4, label="network")
    ax.set(title=title, xlabel="date", ylabel="°F")
axes[1].plot(test["temp_1"].loc[summer], "--", linewidth=0.8, label="yesterday")
axes[1].plot(test["average"].loc[summer], linewidth=0.8, label="average")
for ax in axes:
    ax.legend(ncols=4)
plt.show()

# %% [markdown]
# Over the whole year the dots hug the curve; this is the figure that looks impressive. From near by one sees what they
# do: they follow the dashed line, pulled towards the average. When the weather turns, they notice it one day
# late. The network cannot know better: its features say nothing about the wind or the clouds of tomorrow. More layers
# do not help where the information is missing.
#
# And why did the average do so badly, and with it the mean of both?

# %%
for year, days in data.groupby("year"):
    warmer = (days["actual"] - days["average"]).mean()
    print(f"{year}: {warmer:+.1f} °F against the average")

# %% [markdown]
# 2014 and 2015 were warmer than the years from which `average` was made. "Yesterday" adapts to a warm year by itself.
# Which baseline is best changes from year to year, so one test year is a single witness. With more years one would
# repeat the whole procedure for each of them: train on all years before, test on the next.
#
# **Check yourself.** Somebody writes: "Our network has an MAE below 4 °F and therefore understands the weather." What
# do you ask?
# <details><summary>Answer</summary>
#
# What "as yesterday" scores on the same days, whether the days were new to the network, and how far the difference
# would move in another year.
#
# </details>

# %% [markdown]
# > **Common mistake.** The silent broadcast. The network answers in the shape (n, 1); a column of a table has the shape
# > (n,). Nothing stops you from subtracting them. Three perfect predictions:

# %%
column, row = torch.tensor([[50.0], [60.0], [70.0]]), torch.tensor([50.0, 60.0, 70.0])
print(column - row)
print("their MSE should be 0 and is", round(((column - row) ** 2).mean().item(), 1))

# %% [markdown]
# > Each prediction has been compared with *each* target: three by three differences instead of three. With 729 days it
# > is a table of 729 × 729. What does it cost? The same start, the same steps, only the target's shape differs:

# %%
parameters, misled = start(len(features)), start(len(features))
descend(parameters, x, y)
misled_losses = descend(misled, x, y[:, 0])
with torch.no_grad():
    right, wrong = network(x, *parameters), network(x, *misled)
print("shape of the difference:", tuple((wrong - y[:, 0]).shape))
print(f"loss with the broadcast: at first {misled_losses[0]:.0f}, at last {misled_losses[-1]:.0f}")
right_mse, wrong_mse = F.mse_loss(right, y).item(), F.mse_loss(wrong, y).item()
print(f"training MSE: right {right_mse:.0f}   with the broadcast {wrong_mse:.0f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for ax, answer, title in zip(axes, [right, wrong], ["equal shapes", "silent broadcast"]):
    ax.plot(y[:, 0].cpu(), answer[:, 0].cpu(), ".", markersize=3)
    ax.axline((60, 60), slope=1, color="black", linewidth=0.8, label="perfect")
    ax.set(title=title, xlabel="actual, °F", ylabel="predicted, °F")
    ax.legend()
plt.show()

# %% [markdown]
# > On the left predictions grow with the truth. On the right the network says the same for every day: the mean. Of
# > course: if each prediction is compared with all days of two years, nothing is better than the mean. There was no
# > error, only a loss that hardly fell.
# >
# > PyTorch's own `F.mse_loss` at least gives a warning, provided that warnings are not switched off:

# %%
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    F.mse_loss(wrong, y[:, 0])
print(str(caught[0].message).partition(". ")[0])

# %% [markdown]
# > And `fit` refuses, before the first step:

# %%
try:
    fit_network(x, y[:, 0], x_val, y_val[:, 0])
except ValueError as error:
    print(error)

# %% [markdown]
# > (`unsqueeze(1)` does the same as `[:, None]`.) In your own loops one line does it:
# > `assert predictions.shape == targets.shape`.
#
# ## Summary
#
# - Look before you train: missing days, impossible values, columns that must agree. One typing error can rule an MSE.
# - Split along time, fit everything (scalers and averages, too) on the training part, open the test year once.
# - `backward()` finds the gradient; step against it under `no_grad`, and clear it. The rest of training is repetition.
# - Compare with simple baselines chosen beforehand, and with a bootstrap range; say so when a lead is not shown.
# - Predictions and targets must have equal shapes, (n, 1) and (n, 1), or every one is compared with every other.
#
# **Exercises**: [02 exercises](exercises/02_tensors_and_regression.ipynb)
#
# **Next**: [03 · A digit classifier from scratch](03_mnist_mlp.ipynb)
