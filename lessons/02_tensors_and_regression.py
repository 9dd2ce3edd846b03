# %% [markdown]
# # 02 · Tensors and regression
#
# From a table of temperatures to a network that forecasts a day's maximum, and to an honest answer whether it was worth
# the trouble.
#
# **Time** about 60 minutes, of which the computer works 15 seconds · **Before this**
# [lesson 01](01_data_loading_and_visualization.ipynb)
#
# **You will learn to**
#
# - set up baselines, and keep a test year in a drawer
# - let PyTorch find slopes, and walk downhill with them
# - build a network from matrix products, then from PyTorch's parts
# - see what a hidden layer buys: a bend
# - say whether a lead is more than luck
# - catch the silent broadcast, which ruins a training without an error

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
# ## What you will have
#
# A forecast for every day, made from nothing but the date and yesterday's temperature. (These three cells you need not
# understand yet.)

# %%
from course_utils import load_temperatures

table = load_temperatures()  # a table of your own: load_temperatures("temps_2016.csv")
table["day_of_year"] = table.index.day_of_year
half, three_quarters = len(table) // 2, 3 * len(table) // 4
train, val, test = table[:half], table[half:three_quarters], table[three_quarters:]

# %%
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

features = ["day_of_year", "temp_1"]
regressor = MLPRegressor(
    hidden_layer_sizes=16, alpha=10, solver="lbfgs", max_iter=3000, random_state=0
)
ready_made = make_pipeline(StandardScaler(), regressor).fit(train[features], train["actual"])
guesses = {"as yesterday": val["temp_1"], "as usual": val["average"]}
guesses["network"] = ready_made.predict(val[features])

# %%
fig, ax = plt.subplots(figsize=(9, 3.6))
ax.plot(val["actual"][:60], color="black", label="the day's maximum")
for style, (name, guess) in zip(["--", ":", "-"], guesses.items()):
    miss = (guess - val["actual"]).abs().mean()
    ax.plot(val.index[:60], guess[:60], style, label=f"{name}: off by {miss:.1f} °F on average")
ax.set(title="Two months of forecasts", xlabel="date", ylabel="°F")
ax.legend()
plt.show()

# %% tags=["proof"]
misses = {name: (guess - val["actual"]).abs().mean() for name, guess in guesses.items()}
assert misses["network"] < min(misses["as yesterday"], misses["as usual"]) - 0.05, misses

# %% [markdown]
# The network stays between yesterday's temperature (dashed) and what is usual at that time of the year (dotted), and is
# nearer to the truth than either. This one came ready-made, from scikit-learn. In an hour you will have built your own
# from matrix products, drawn what it has learned, and found out how much of its lead is luck.
#
# ## A table, and a drawer

# %%
table.head()

# %% [markdown]
# A row is a day in Seattle, in °F (32 °F are 0 °C, and 9 °F are 5 °C). `actual`, the maximum of the day, is the
# **target** that we predict. Predicting a number is called **regression**. `temp_1` and `temp_2` are the maxima one and
# two days before, `average` is what is usual around this date, `friend` is a friend's guess. We added `day_of_year`.
#
# <details><summary>pandas in six lines</summary>
#
# ```python
# table["actual"]                          # one column
# table[["temp_1", "average"]]             # two columns
# table[:100]                              # rows by number
# table.loc["2014-02"]                     # rows by date; loc["2012":"2013"] includes both ends
# table[table["actual"] > 90]              # rows for which something is true
# table.groupby("month")["actual"].mean()  # one number for each group
# ```
#
# `load_temperatures` is `pd.read_csv(path)` with a check of every line, and `pd.to_datetime` makes dates of the columns
# year, month and day.
#
# </details>
# <details><summary>A table of your own</summary>
#
# Any file with these columns runs through this lesson: change the line with `load_temperatures()`. With the 348 days of
# 2016 that many tutorials use, training ends in June. In autumn, which it has never seen, our network was off by
# 14 °F, "as yesterday" by less than 4. (The text goes on speaking of our four years.)
#
# </details>
#
# ![A time line of days. The first half, 2012 and 2013: train, learn from it. The next quarter, 2014: validation, choose
# with it. The last quarter, 2015, is a closed drawer: test, opened once, at the end.](figures/train_val_test.svg)
#
# A forecast learns from the past and is judged on what comes later. So time cuts the table: half of the days to learn
# from, a quarter to compare attempts. The last quarter, the **test year**, goes into a drawer, and nobody looks at it
# before the end.

# %%
for name, days in {"train": train, "val": val, "test": test}.items():
    print(f"{name:>5}: {len(days)} days, {days.index[0].date()} to {days.index[-1].date()}")

# %% [markdown]
# ## Look before you train
#
# Two columns first: the truth, and what is usual.

# %%
past = pd.concat([train, val])
fig, ax = plt.subplots(figsize=(9, 3.2))
ax.plot(past["actual"], linewidth=0.8, label="actual")
ax.plot(past["average"], label="average")
ax.set(title="Every day outside the drawer", xlabel="date", ylabel="°F")
ax.legend()
plt.show()

# %% [markdown]
# The smooth curve is the season; around it the days scatter. Now two months, each column beside the truth in grey:

# %%
days = val[:60]
fig, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, sharey=True)
for ax, name in zip(axes.flat, ["temp_1", "temp_2", "average", "friend"]):
    ax.plot(days["actual"], color="0.6", label="actual")
    ax.plot(days[name], label=name)
    ax.set(title=name, ylabel="°F")
fig.autofmt_xdate(rotation=45)
plt.show()

# %% [markdown]
# `temp_1` is the grey curve moved one day to the right, `temp_2` by two. `average` knows the season, not the weather.
# `friend` jumps about it, with random numbers.
#
# Is a day missing? Is `temp_1` the `actual` of the row above? (`shift()` moves a column down by one row.) Which days
# are the wildest?

# %%
print("days missing:", (past.index[-1] - past.index[0]).days + 1 - len(past))
print("odd rows:", *past.index[past["temp_1"] != past["actual"].shift()].date)

# %% tags=["proof"]
assert (past["temp_1"] != past["actual"].shift()).sum() == 1, "temp_1 is not the maximum of the day before"

# %%
jump = (past["actual"] - past["temp_1"]).abs()
past.loc[jump.nlargest(4).index, ["temp_2", "temp_1", "average", "actual"]]

# %% [markdown]
# Only the very first row is odd: it has none above it. And the wild days are real; mostly a warm spell ends overnight.
#
# **Check yourself.** A colleague removes such days as "outliers", and the errors get smaller. Is the forecast better?
# <details><summary>Answer</summary>
#
# No. The days were real, and days like these will come again. Only the exam has become easier. Remove what is
# *wrong*, not what is *hard*.
#
# </details>

# %% [markdown]
# ## How wrong is a guess?
#
# Three guesses miss by 1, −2 and 6 °F. The **mean absolute error** (MAE) is (1 + 2 + 6) / 3 = 3, easily read: we judge
# by it. The **mean squared error** (MSE) is (1 + 4 + 36) / 3 = 13.7. It fears one large miss more than many small ones,
# and it is smooth, without the kink that the MAE has at 0: we train with it.
#
# A **baseline** is a prediction that needs no learning. If a network does not beat it, nobody needs the network.

# %%
def score(preds, days):
    miss = preds - days["actual"]
    return {"MAE": miss.abs().mean(), "MSE": (miss**2).mean()}


# %%
def baselines(days):
    both = (days["temp_1"] + days["average"]) / 2
    return {"yesterday": days["temp_1"], "average": days["average"], "mean of both": both}


pd.DataFrame({name: score(preds, val) for name, preds in baselines(val).items()}).T.round(2)

# %% tags=["proof"]
maes = {name: score(preds, val)["MAE"] for name, preds in baselines(val).items()}
assert min(maes, key=maes.get) == "mean of both" and maes["yesterday"] - maes["mean of both"] < 0.1, maes
typo = val.assign(temp_1=val["temp_1"].where(val.index != val.index[45], 117))
plain, with_typo = score(val["temp_1"], val), score(typo["temp_1"], typo)
assert 1.02 < with_typo["MAE"] / plain["MAE"] < 1.08, (plain, with_typo)
assert 1.34 < with_typo["MSE"] / plain["MSE"] < 1.6, (plain, with_typo)

# %% [markdown]
# The mean of both wins by a hair. It is the mark to beat, chosen *now*, so that nobody can pick a weak opponent later.

# %% [markdown]
# **Try it.** The well-known table of 2016 holds a typing error: 117 °F in October. Plant one. How far do the scores of
# "yesterday" move?
# <details><summary>What we saw</summary>
#
# ```python
# typo = val.copy()
# typo.loc[typo.index[45], "temp_1"] = 117
# print(score(val["temp_1"], val), score(typo["temp_1"], typo), sep="\n")
# ```
#
# One row of 365 lifts the MAE by 4 %, and the MSE by 41 %. A network trained with the MSE would bend to please this one
# row. The `shift()` above finds it at once.
#
# </details>

# %% [markdown]
# **Check yourself.** One thermometer is off by 3 °F every day. Another is exact, but once in a hundred days it is off
# by 30 °F. Which has the smaller MAE, and which the smaller MSE?
# <details><summary>Answer</summary>
#
# The first: MAE 3, MSE 9. The second: MAE 30 / 100 = 0.3, MSE 900 / 100 = 9. By the MAE the second is ten times better,
# by the MSE they are equal. (Trained with the MSE, a model aims at the mean of what may come; with the MAE, at the
# median.)
#
# </details>

# %% [markdown]
# ## Slopes without formulas
#
# To train is to change numbers a little so that the error gets smaller. In which direction? The **derivative** tells:
# by how much the result grows, per unit, when a number grows a tiny bit. PyTorch finds it. A tensor (lesson 01) made
# with `requires_grad=True` is watched: what is calculated with it is noted down, and `backward()` walks through these
# notes from the end to the start.
#
# ![A chain of calculations: w = 3 times 2 gives the prediction 6, minus 10 the miss −4, squared the loss 16. Below it,
# gradients travel back from right to left: 1, −8, −8, and −16 arrives at w.](figures/autograd.svg)
#
# The prediction w · 2 should be 10. Its squared miss is the **loss**, the number that training makes small. Values
# travel forward, slopes travel back. Each station multiplies what arrives by its own slope: the square by 2 · (−4),
# the subtraction by 1, the product by 2. So 1 becomes −8, −8 and −16.

# %%
def loss_of(w):
    return (w * 2 - 10) ** 2


w = torch.tensor(3.0, requires_grad=True)
loss_of(w).backward()
nudged = (loss_of(3.01) - loss_of(2.99)) / 0.02
print(f"w.grad: {w.grad.item():.2f}   by nudging w a little: {nudged:.2f}")

# %% [markdown]
# Both agree: when w grows, the loss falls. The machinery is called **autograd**, and the derivatives for all trained
# numbers the **gradient**.

# %% [markdown]
# **Try it.** Call `backward()` a second time. What is in `w.grad` now?
# <details><summary>What we saw</summary>
#
# ```python
# loss_of(w).backward()
# print(w.grad.item())
# ```
#
# −32: `backward` *adds* to what is there. So clear it after each use, with `w.grad = None`. (Elsewhere you may read
# `backward(retain_graph=True)`, or `requires_grad=True` on the data. Neither is needed: each step takes new notes, and
# nobody trains the data.)
#
# </details>

# %% [markdown]
# **Check yourself.** For w = 5 the loss is 0. What is `w.grad` there?
# <details><summary>Answer</summary>
#
# 0. At the lowest point a tiny nudge changes (almost) nothing.
#
# </details>

# %% [markdown]
# ## Learning one number
#
# Why should "mean of both" mix half and half? Let it be w · yesterday + (1 − w) · average, and let the training days
# choose w. **Gradient descent**: calculate the loss, get its slope, take a step against it, downhill, again and again.
# How long the steps are is set by the **learning rate**. The step itself is not to be noted down, hence `no_grad()`.

# %%
def column(name):
    return torch.tensor(train[name].to_numpy("float32"))


def mix_loss(w):
    preds = w * column("temp_1") + (1 - w) * column("average")
    return ((preds - column("actual")) ** 2).mean()


# %%
def descend_mix(learning_rate, steps):
    w, path = torch.tensor(0.0, requires_grad=True), []
    for step in range(steps):
        loss = mix_loss(w)
        path.append((w.item(), loss.item()))
        loss.backward()
        with torch.no_grad():
            w -= learning_rate * w.grad
        w.grad = None
    return w.item(), path


best_w, path = descend_mix(learning_rate=0.005, steps=15)
print(f"w = {best_w:.2f}")

# %%
grid = torch.linspace(-0.7, 1.9, 100)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, rate in zip(axes, [0.005, 0.03]):
    ax.plot(grid, [mix_loss(w) for w in grid], label="loss")
    ws, heights = zip(*descend_mix(rate, steps=6)[1])
    ax.plot(ws, heights, "o--", linewidth=0.8, label="six steps from w = 0")
    ax.set(title=f"learning rate {rate}", xlabel="w, the weight of yesterday", ylabel="MSE, °F²")
axes[0].legend(loc="upper center")
plt.show()

# %% tags=["proof"]
slow, right, fast = (descend_mix(rate, steps=4)[1] for rate in [0.005, 0.014, 0.03])
assert slow[-1][1] < slow[0][1] and fast[-1][1] > fast[0][1], (slow, fast)
assert abs(right[1][0] - best_w) < 0.01, f"one step with the rate 0.014 leads to {right[1][0]:.3f}"

# %% [markdown]
# On the left the steps run down into the valley and get shorter by themselves, because the slope does. On the right
# each step jumps across and lands higher.

# %% [markdown]
# **Try it.** Can you reach the bottom in a *single* step? Hunt for the rate.
# <details><summary>What we saw</summary>
#
# ```python
# for rate in [0.010, 0.014, 0.018]:
#     print(rate, [round(w, 2) for w, loss in descend_mix(rate, steps=4)[1]])
# ```
#
# With 0.014: this valley is a parabola, and a parabola's slope tells how far away its bottom is. Beyond twice that rate
# the steps lead uphill.
#
# </details>

# %% [markdown]
# Does the learned w also help in 2014, which it has not seen?

# %%
def mix(days):
    return best_w * days["temp_1"] + (1 - best_w) * days["average"]


rivals = {"mean of both": baselines(val)["mean of both"], "learned mix": mix(val)}
pd.DataFrame({name: score(preds, val) for name, preds in rivals.items()}).T.round(2)

# %% tags=["proof"]
gain = score(rivals["mean of both"], val)["MAE"] - score(rivals["learned mix"], val)["MAE"]
assert gain > 0.1, f"the learned mix gains {gain:.2f} °F"

# %% [markdown]
# It does. You have trained a model with one **parameter**, a number that training changes. The network below has 129,
# and the loop stays the same.
#
# ## Numbers a network likes
#
# The columns that a model sees are its **features**. Ours are the day of the year and `temp_1`, *not* `average`: the
# network has to find the season by itself.
#
# One learning rate has to suit all parameters, and a feature ten times as large has a gradient ten times as large. So
# we subtract the mean and divide by the standard deviation. This **scaling** (normalization in lesson 01,
# `StandardScaler` in scikit-learn) is learned from data, so it is learned from the training days alone.

# %%
def to_x(days, columns=features):
    mean, std = train[columns].mean(), train[columns].std()
    return torch.tensor(((days[columns] - mean) / std).to_numpy("float32")).to(course.device)


def to_y(days):
    return torch.tensor(days["actual"].to_numpy("float32")[:, None]).to(course.device)


x, y, x_val, y_val = to_x(train), to_y(train), to_x(val), to_y(val)
print("x:", tuple(x.shape), "  y:", tuple(y.shape), "  on", x.device)

# %% [markdown]
# `[:, None]` makes the target a column, the shape in which the network will answer. A **device** is where a tensor lies
# and is calculated with: the CPU, or a GPU with a memory of its own. `.to(device)` moves it; tensors that meet must lie
# on the same one. Elsewhere you will read `device = torch.device("cuda" if torch.cuda.is_available() else "cpu")`.
#
# **Guess first.** Many split at random instead. Put aside a fifth of the training days: how many have a neighbour, the
# day before or after, among the rest? (Then open the cell.)

# %% tags=["fold"]
held_out = train.sample(frac=0.2, random_state=0).index
left = train.index.difference(held_out)
one_day = pd.Timedelta(days=1)
before, after = (held_out - one_day).isin(left), (held_out + one_day).isin(left)
print(f"with a neighbour in training: {(before | after).mean():.0%}")
print(f"whose own maximum stands in training, as temp_1 of the next day: {after.mean():.0%}")

# %% tags=["proof"]
assert (before | after).mean() > 0.9 and after.mean() > 0.65, (before.mean(), after.mean())

# %% [markdown]
# Nearly all, and most answers stand in the training rows under another name: a **leak**. Such a split asks how well
# gaps in known years can be filled. Split the data the way the model will be used.
#
# ## Two layers, and a bend
#
# A **linear layer** is a matrix product, `@`, plus a constant, the **bias**. Each row of `x` is multiplied with a
# column of **weights**, number by number, and added up: shapes (729, 2) and (2, 1) give (729, 1). `straight` is one
# such layer. `network` has two. The numbers between them are called *hidden*; `relu` sets the negative ones to 0.

# %%
def straight(x, weights, bias):
    return x @ weights + bias


# %%
def network(x, weights1, bias1, weights2, bias2):
    hidden = torch.relu(x @ weights1 + bias1)
    return hidden @ weights2 + bias2


# %% [markdown]
# That makes each hidden number a **hinge**, flat on one side and sloped on the other: `relu(2 * x - 1)` is 0 up to
# x = 0.5, and climbs from there. We take 32 of them. (Without `relu`, two layers could do no more than one: sums of
# sums are sums.)
#
# Weights start at random, as equal hinges would stay equal. A sum of n random numbers grows like √n, so we divide by
# that. The last bias starts at the mean of the training days, no bad first guess.

# %%
def start(*sizes):
    torch.manual_seed(0)
    parameters = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        parameters += [torch.randn(inputs, outputs) / inputs**0.5, torch.zeros(outputs)]
    parameters[-1] += train["actual"].mean()
    return [parameter.to(course.device).requires_grad_() for parameter in parameters]


print([tuple(parameter.shape) for parameter in start(2, 32, 1)])

# %% [markdown]
# 64 + 32 + 32 + 1: these are the 129. (The underscore of `requires_grad_()` means: change this tensor, make no new
# one.)
#
# The loop is the one you know, for a list of tensors; `*parameters` hands them over one by one.

# %%
def descend(function, parameters, x, y, steps):
    losses = []
    for step in range(steps):
        loss = ((function(x, *parameters) - y) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter -= 0.01 * parameter.grad
                parameter.grad = None
    return losses


# %% [markdown]
# First a single feature, the date. The season goes up and comes down. What can a line make of it, what can hinges?

# %%
dates = to_x(train, ["day_of_year"])
line, bend = start(1, 1), start(1, 32, 1)
for function, parameters in [(straight, line), (network, bend)]:
    descend(function, parameters, dates, y, steps=300)

# %%
year = pd.DataFrame({"day_of_year": range(1, 367)})
season = network(to_x(year, ["day_of_year"]), *bend).detach().cpu()
trend = straight(to_x(year, ["day_of_year"]), *line).detach().cpu()

# %% [markdown]
# (A prediction carries its notes along, and plotting it fails: `Can't call numpy() on Tensor that requires grad`.
# `.detach()` cuts them off, `.cpu()` fetches the numbers from a GPU.)

# %%
fig, ax = plt.subplots(figsize=(9, 3.6))
ax.plot(train["day_of_year"], train["actual"], ".", color="0.75", label="training days")
ax.plot(year, trend, "--", label="one layer")
ax.plot(year, season, linewidth=2.5, label="two layers")
ax.set_xticks([15, 105, 196, 288], ["15 January", "15 April", "15 July", "15 October"])
ax.set(title="The season, from the date alone", xlabel="day of the year", ylabel="°F")
ax.legend()
plt.show()

# %% tags=["proof"]
mses = [F.mse_loss(preds, y).item() for preds in (straight(dates, *line), network(dates, *bend))]
assert mses[1] < mses[0] / 2, f"MSE with one layer {mses[0]:.0f}, with two {mses[1]:.0f}"
mean_day, std_day = train["day_of_year"].mean(), train["day_of_year"].std()
assert 182 <= mean_day <= 190, f"the mean date is day {mean_day:.1f}, not early in July"
corners = (-bend[1] / bend[0][0]).detach().cpu() * std_day + mean_day
gathered = ((corners > 190) & (corners < 236)).sum().item()
assert gathered > 20, f"{gathered} of 32 corners lie between 9 July and 24 August"
leftward = (bend[0] < 0).sum().item()
assert 8 <= leftward <= 24, f"{leftward} of 32 hinges slope on the left"

# %% [markdown]
# There is the bend. It is a sum of hinges, with a corner wherever one of them begins to climb or to fall.

# %% [markdown]
# **Try it.** Draw all 32 hinges, each one times its weight.
# <details><summary>What we saw</summary>
#
# ```python
# weights1, bias1, weights2, bias2 = hinges = start(1, 32, 1)
# descend(network, hinges, dates, y, steps=300)
# hidden = torch.relu(to_x(year, ["day_of_year"]) @ weights1 + bias1)
# plt.plot(year, (hidden * weights2[:, 0]).detach().cpu())
# ```
#
# Some slope on the left of their corner, some on the right. At the start all corners lay at the mean date, early in
# July, since every bias was 0. Training has moved most of them to the warmest weeks, between the middle of July and the
# middle of August.
#
# </details>

# %% [markdown]
# Now both features. **Guess first.** Yesterday it was 60 °F. What do you expect today, in January? And in July?

# %%
line, bend = start(2, 1), start(2, 32, 1)
descend(straight, line, x, y, steps=600)
losses = descend(network, bend, x, y, steps=600)

# %%
fig, ax = plt.subplots(figsize=(7, 4.2))
for month, name, day, color in [(1, "January", 15, "C0"), (7, "July", 196, "C3")]:
    seen = train[train["month"] == month]
    ax.plot(seen["temp_1"], seen["actual"], ".", color=color, alpha=0.25)
    days = pd.DataFrame({"day_of_year": day, "temp_1": range(35, 91)})
    for function, parameters, style in [(straight, line, "--"), (network, bend, "-")]:
        preds = function(to_x(days), *parameters).detach().cpu()
        ax.plot(days["temp_1"], preds, style, color=color, label=f"{name}, {function.__name__}")
ax.set(title="What a hidden layer buys", xlabel="yesterday, °F", ylabel="forecast for today, °F")
ax.legend()
plt.show()

# %%
for name, preds in {"straight": straight(x_val, *line), "network": network(x_val, *bend)}.items():
    print(f"{name:>8}: validation MSE {F.mse_loss(preds, y_val).item():.1f}")

# %% tags=["proof"]
sixty = to_x(pd.DataFrame({"day_of_year": [15, 196], "temp_1": 60}))
(winter, summer), (line_winter, line_summer) = network(sixty, *bend).tolist(), straight(sixty, *line).tolist()
assert winter[0] < 57 and summer[0] > 63, f"after 60 °F: January {winter}, July {summer}"
assert abs(line_winter[0] - line_summer[0]) < 1.5, f"one layer: January {line_winter}, July {line_summer}"
one, two = (F.mse_loss(preds, y_val).item() for preds in (straight(x_val, *line), network(x_val, *bend)))
assert two < one - 1.5, f"validation MSE with one layer {one:.1f}, with two {two:.1f}"

# %% [markdown]
# (The dots are training days.) The dashed lines lie on top of each other: one layer finds no use for the date. The
# network has two bent curves. 60 °F is mild for January, so it expects a colder day; for July it is cool, so it expects
# a warmer one. Nobody told it what is usual. (`F.mse_loss` is PyTorch's own MSE, `nn.MSELoss()` the same as an object.)
#
# ## The same from PyTorch's parts
#
# `nn.Linear(2, 32)` is a layer that holds its weights and bias. Its weights have the shape (32, 2), which `.T` turns
# into our (2, 32). What bends between two layers, such as `nn.ReLU`, is called an **activation**. `nn.Sequential` puts
# parts in a row. `assert_close`, you remember, is silent where two tensors agree.

# %%
def make_model(inputs=2, activation=nn.ReLU, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(inputs, 32), activation(), nn.Linear(32, 1))
    nn.init.constant_(model[-1].bias, train["actual"].mean())
    return model.to(course.device)


# %%
model = make_model()
by_hand = network(x, model[0].weight.T, model[0].bias, model[2].weight.T, model[2].bias)
torch.testing.assert_close(model(x), by_hand, atol=1e-4, rtol=1e-4)
print(model)

# %% [markdown]
# So far every step looked at all days. A **mini-batch** of 32 (`x[:32]`, `x[32:64]`, …) gives a noisy estimate of the
# same direction for a fraction of the work. 23 of them are an **epoch**, one pass over all days. (Shuffling is harmless
# here: each row carries its own yesterday.) `TensorDataset` makes pairs of the rows of `x` and `y`.

# %%
def make_loader(x, y, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, generator=generator)


# %%
train_loader = make_loader(x, y)
xb, yb = next(iter(train_loader))
print("one batch:", tuple(xb.shape), tuple(yb.shape), "  batches in an epoch:", len(train_loader))

# %% [markdown]
# An **optimizer** takes over the step. `Adam` is gradient descent that averages over recent gradients and adapts each
# parameter's step. `zero_grad()` clears the gradients, `step()` walks. And since a network that trains for long learns
# the training days by heart, noise included (**overfitting**), we measure after every epoch and keep a copy of the best
# parameters, the `state_dict()`.

# %%
def fit_by_hand(model, train_loader, epochs=30):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    lowest, val_losses = float("inf"), []
    for epoch in range(epochs):
        for xb, yb in train_loader:
            loss = F.mse_loss(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val_losses.append(F.mse_loss(model(x_val), y_val).item())
        if val_losses[-1] < lowest:
            lowest, best = val_losses[-1], copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return val_losses


# %% tags=["nbval-ignore-output"]
val_losses = fit_by_hand(make_model(), make_loader(x, y))
print(f"lowest validation MSE {min(val_losses):.1f}, after epoch {np.argmin(val_losses) + 1}")

# %% tags=["proof"]
smooth = min(fit_by_hand(make_model(activation=nn.Sigmoid), make_loader(x, y)))
assert smooth > min(val_losses) + 1, f"lowest MSE with a sigmoid {smooth:.1f}, with a ReLU {min(val_losses):.1f}"
by_hand_mse = F.mse_loss(network(x_val, *bend), y_val).item()
assert min(val_losses) < by_hand_mse + 0.5, f"Adam reaches {min(val_losses):.1f}, the loop by hand {by_hand_mse:.1f}"

# %% [markdown]
# **Try it.** Put `nn.Sigmoid` where `nn.ReLU` stands: a smooth S in place of a hinge.
# <details><summary>What we saw</summary>
#
# ```python
# smooth = fit_by_hand(make_model(activation=nn.Sigmoid), make_loader(x, y))
# print(f"ReLU {min(val_losses):.1f}   Sigmoid {min(smooth):.1f}")
# ```
#
# It learns more slowly: 27.3 in place of 24.2 after 30 epochs.
#
# </details>

# %% [markdown]
# The course keeps this loop as `fit`. It measures more and returns a history. Same start, same batches, same losses:

# %%
from course_utils import fit


def fit_network(columns=features):
    model, train_loader = make_model(len(columns)), make_loader(to_x(train, columns), y)
    val_loader = DataLoader(TensorDataset(to_x(val, columns), y_val), batch_size=len(val))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model, train_loader, val_loader, optimizer=optimizer, epochs=30,
        loss_fn=F.mse_loss, restore_best=True, progress=False,
    )  # fmt: skip
    return model, history


model, history = fit_network()
np.testing.assert_allclose(history["val_loss"], val_losses, rtol=1e-3)

# %%
fig, ax = plt.subplots(figsize=(8, 3.6))
ax.plot(range(1, 601), losses, label="by hand, all days at once: training")
ax.plot(history["epoch"], history["train_loss"], "--", label="Adam, mini-batches: training")
ax.plot(history["epoch"], history["val_loss"], label="Adam, mini-batches: validation")
ax.set(title="Learning", xlabel="passes over the training days", ylabel="MSE, °F²")
ax.set(xscale="log", ylim=(20, 50))
ax.legend()
plt.show()

# %% tags=["proof"]
soon = min(history["train_loss"][:25])
assert soon < losses[100], f"MSE: Adam {soon:.1f} within 25 passes, by hand {losses[100]:.1f} after 100"

# %% [markdown]
# Adam reaches in some twenty passes, of 23 steps each, what took more than a hundred by hand, of one. Then its training
# curve creeps down, while the validation curve wavers.
#
# ## The drawer opens
#
# All choices are made: the features, 32 hinges, the best epoch, "mean of both" as the mark to beat. We open the drawer,
# once.

# %%
def predict(model, days, columns=features):
    with torch.no_grad():
        return pd.Series(model(to_x(days, columns))[:, 0].cpu(), index=days.index)


# %% tags=["nbval-ignore-output"]
forecast = predict(model, test)
answers = {**baselines(test), "learned mix": mix(test), "network": forecast}
results = pd.DataFrame({name: score(answer, test) for name, answer in answers.items()}).T
print(results.round(2))

# %% tags=["proof"]
others, network_mae = results["MAE"].drop("network"), results.loc["network", "MAE"]
assert network_mae < others["mean of both"], f"the network does not beat the baseline: {network_mae:.2f} °F"
assert network_mae < others.min() + 0.1, f"a rival is far ahead of the network: {others.min():.2f} °F"
assert others["yesterday"] < others["mean of both"], "yesterday does not beat the mean of both"
assert others["learned mix"] < others["yesterday"], "the mix does not come nearer to the network than yesterday"

# %% [markdown]
# The network beats the mark. But "yesterday" comes near this time, and the mix with its *one* parameter nearer still.
# How much of these *leads* is luck?
#
# Another year would have brought other days. Let us imitate one: draw 365 days from the 365 we have, some twice and
# some not at all, and look at the lead again. Repeated often, this is the **bootstrap**. (It takes days as unrelated.
# Errors that come in spells make the true range wider.)

# %%
def leads_over(name, years=4000):
    lead = (answers[name] - test["actual"]).abs() - (forecast - test["actual"]).abs()
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(test), (years, len(test)))  # one imitated year a row
    return lead.to_numpy()[drawn].mean(axis=1)


# %%
fig, axes = plt.subplots(3, 1, figsize=(8, 4.8), sharex=True)
for ax, name in zip(axes, ["mean of both", "yesterday", "learned mix"]):
    leads = leads_over(name)
    low, high = np.percentile(leads, [2.5, 97.5])
    ax.hist(leads, bins=50)
    ax.axvline(0, color="black")
    ax.set(title=f"over “{name}”: 95 of 100 from {low:.2f} to {high:.2f} °F", ylabel="years")
axes[-1].set_xlabel("lead of the network in 4000 imitated years, °F")
plt.show()

# %% tags=["proof"]
lowest = {name: np.percentile(leads_over(name), 2.5) for name in ["mean of both", "yesterday", "learned mix"]}
assert lowest["mean of both"] > 0, f"over the mean of both the range begins at {lowest['mean of both']:.2f} °F"
assert lowest["yesterday"] < 0, f"over yesterday the range begins at {lowest['yesterday']:.2f} °F"
assert leads_over("learned mix").mean() < 0.2, f"over the mix the lead is {leads_over('learned mix').mean():.2f} °F"

# %% [markdown]
# Over the mean of both the hill stands right of 0, over "yesterday" across it. The honest report: **the network beats
# the baseline we had chosen. It has not been shown to beat "as yesterday" on this test year, and it gains next to
# nothing over a mix with one learned number.** (That mix was told what is usual; the network found it in the dates.)
# Why is there so little to gain?

# %%
fig, axes = plt.subplots(2, 1, figsize=(9, 6))
for ax, days, title in zip(axes, [test, test[:60]], ["The test year", "Two months of it"]):
    ax.plot(days["actual"], color="black", linewidth=1, label="actual")
    ax.plot(forecast[days.index], ".-", linewidth=0.8, markersize=5, label="network")
    ax.set(title=title, ylabel="°F")
axes[1].plot(test["temp_1"][:60], "--", label="yesterday")
for ax in axes:
    ax.legend(ncols=3)
plt.show()

# %% tags=["proof"]
crowd = [*features, "temp_2", "average", "month", "day", "friend"]
wide, _ = fit_network(crowd)
gains = {
    name: score(predict(model, days), days)["MAE"] - score(predict(wide, days, crowd), days)["MAE"]
    for name, days in {"train": train, "val": val, "test": test}.items()
}
elsewhere = (gains["val"] + gains["test"]) / 2
assert gains["train"] > 0.05 and elsewhere < gains["train"] / 2, f"gains by more columns: {gains}"
follows = np.corrcoef(forecast, test["temp_1"])[0, 1]
assert follows > 0.95, f"the forecast follows yesterday with a correlation of {follows:.2f} only"

# %% [markdown]
# Over the whole year the forecast hugs the curve and looks impressive (so would "yesterday"). From close by, it follows
# the dashed line and pulls it towards the season: when the weather turns, it notices a day late. Its features say
# nothing about wind and clouds, and more layers do not help where the information is missing.

# %% [markdown]
# **Try it.** The drawer is open; you may look, and no longer choose. Would more columns have helped?
# <details><summary>What we saw</summary>
#
# ```python
# crowd = [*features, "temp_2", "average", "month", "day", "friend"]
# wide, _ = fit_network(crowd)
# for name, days in {"train": train, "val": val, "test": test}.items():
#     print(name, score(predict(model, days), days)["MAE"], score(predict(wide, days, crowd), days)["MAE"])
# ```
#
# 3.52 in place of 3.75 on the training days, and no better on the others. More columns are more to learn by heart.
# (Two need care. `week` holds words: `pd.get_dummies(table["week"], dtype="float32")` makes a column of 0 and 1 for
# each weekday, which is called **one-hot**; without the `dtype` they hold True and False, and the array becomes one of
# `object`, which PyTorch refuses. `year` is constant in a table of one year, and scaling makes 0/0 of it, `nan`.)
#
# </details>

# %% [markdown]
# And why did the average do so badly, and with it the mean of both?

# %%
(table["actual"] - table["average"]).groupby(table["year"]).mean().round(1)

# %% [markdown]
# 2014 and 2015 were warmer than the years from which `average` was made, 2012 and 2013. The best baseline changes from
# year to year; one test year is a single witness.
#
# **Check yourself.** Why was `average` not made from all four years?
# <details><summary>Answer</summary>
#
# It would hold a piece of each answer, validation and test year included: a leak.
#
# </details>
#
# > **Common mistake.** The silent broadcast. The network answers in the shape (n, 1), a column of a table has the shape
# > (n,), and nothing stops you from subtracting them. Three perfect predictions:

# %%
preds, targets = torch.tensor([[50.0], [60.0], [70.0]]), torch.tensor([50.0, 60.0, 70.0])
print(preds - targets)
print(f"their MSE should be 0 and is {((preds - targets) ** 2).mean():.1f}")

# %% [markdown]
# > Each prediction has met *each* target (lesson 01's **broadcasting**). The same start and the same steps, only the
# > target's shape differs:

# %%
misled = start(2, 32, 1)
descend(network, misled, x, y[:, 0], steps=600)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for ax, parameters, title in zip(axes, [bend, misled], ["equal shapes", "silent broadcast"]):
    preds = network(x, *parameters).detach()
    ax.plot(y.cpu(), preds.cpu(), ".", markersize=3)
    ax.axline((60, 60), slope=1, color="black", linewidth=0.8, label="perfect")
    ax.set(title=f"{title}: MSE {F.mse_loss(preds, y):.0f}", xlabel="actual", ylabel="predicted")
    ax.legend()
plt.show()

# %% tags=["proof"]
right_mse, wrong_mse = (F.mse_loss(network(x, *parameters), y).item() for parameters in (bend, misled))
assert wrong_mse > 5 * right_mse, f"MSE with equal shapes {right_mse:.0f}, with the broadcast {wrong_mse:.0f}"
assert network(x, *misled).std() < 1, "the misled network does not say the same for every day"

# %% [markdown]
# > On the right the network says the same for every day, the mean: compared with all days, nothing is better. There was
# > no error, only a loss that hardly fell. `F.mse_loss` at least warns, and `fit` refuses:

# %%
optimizer = torch.optim.Adam(model.parameters())
wrong_loader = make_loader(x, y[:, 0])
try:
    fit(model, wrong_loader, optimizer=optimizer, epochs=1, loss_fn=F.mse_loss, progress=False)
except ValueError as error:
    print(error)

# %% tags=["proof"]
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    F.mse_loss(network(x, *misled), y[:, 0])
assert any("different to the input size" in str(warning.message) for warning in caught), "F.mse_loss does not warn"

# %% [markdown]
# > In your own loops one line does it: `assert preds.shape == targets.shape`.
#
# ## Summary
#
# - Look before you train. Split along time, fit everything on the training part, open the test year once.
# - `backward()` finds the gradient; step against it, and clear it. The rest of training is repetition.
# - A hidden layer buys bends. It cannot buy information that the features lack.
# - Compare with baselines chosen beforehand, and say so when a lead is not shown.
# - Predictions and targets have equal shapes, or each is compared with every other.
#
# **Exercises**: [02 exercises](exercises/02_tensors_and_regression.ipynb)
#
# **Next**: [03 · A digit classifier from scratch](03_mnist_mlp.ipynb)
