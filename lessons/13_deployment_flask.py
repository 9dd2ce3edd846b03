# %% [markdown]
# # 13 · Deployment with Flask
#
# Your trained network moves behind a web page: somebody drops a picture on it and reads an answer. You build the server
# step by step, find out what breaks it, measure how fast it is, and write the network into files for other programs.
#
# **Time** about 80 minutes, of which the computer works 45 seconds · **Before this**
# [lesson 06](06_fine_tuning.ipynb), [lesson 10](10_from_notebook_to_script.ipynb)
#
# **You will learn to**
#
# - put a network behind a page and a JSON interface with Flask, and try both without a browser
# - prepare pictures exactly as in training, and measure what any other way costs
# - answer whatever people upload with a result or with a fitting refusal
# - run a real server, let many clients ask at once, and read its latencies
# - export a network with `torch.export` and to ONNX, and prove that the numbers stay the same

# %%
import contextlib
import io
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import setup

course = setup(seed=0, lesson="13")

# %% [markdown]
# ## First the result
#
# In a few minutes your own network answers in the browser. Open a terminal in the folder of the course, the one with
# `README.md`: in JupyterLab choose *File → New → Terminal*. If you have no run folder of lesson 10 at hand, make one.
# This fine-tunes the pretrained network on small pictures, and takes a minute or two. (A second run needs a folder of
# another name. On Windows, write `.venv\Scripts\python`.)
#
# ```
# .venv/bin/python -m course_utils.train --data data/hymenoptera --model pretrained_resnet18 --size 64 --output runs/a
# ```
#
# Then start the server with that folder:
#
# ```
# .venv/bin/python -m course_utils.serving runs/a
# ```
#
# After some seconds it prints an address, `http://127.0.0.1:8000`. Open it in a browser and drop pictures from
# `data/hymenoptera/test` on the page. Each is shown, and bars say how probable every class is. (Where another program
# has that address, add `--port 8001`; `--weights epoch-03` serves that epoch and not the best one.) Programs ask the
# same server without the page, this one from a second terminal:
#
# ```
# curl -F file=@data/hymenoptera/test/ants/ants_000.jpg http://127.0.0.1:8000/predict
# ```
#
# Ctrl-C in the first terminal stops the server. The rest of this lesson builds that program,
# [course_utils/serving.py](../course_utils/serving.py).
#
# The notebook makes a run of its own, quickly: the head alone, three epochs. `main` is the training program of lesson
# 10, and we catch what it prints.

# %%
from course_utils import hymenoptera, open_run
from course_utils.train import main as train_program

root = hymenoptera("train").root.parent
workplace = Path(tempfile.mkdtemp())
size = course.pick(sample=64, full=224)
flags = f"--model pretrained_resnet18 --freeze --size {size} --learning-rate 0.01".split()
flags += f"--epochs 3 --workers 0 --no-keep-epochs --device {course.device}".split()
flags += ["--data", str(root)]

# %%
run_folder = workplace / "run"
shutil.rmtree(run_folder, ignore_errors=True)  # where this cell is run again
with contextlib.redirect_stdout(io.StringIO()):
    code = train_program(["--output", str(run_folder), *flags])
print("exit code:", code)
print("in the run:", *sorted(path.name for path in run_folder.glob("[!.]*")))

# %% [markdown]
# That folder is all the server gets. It holds the weights, and in `config.json` what they are worth nothing without:
# the network's name, the size of the pictures, the names of the classes.

# %% tags=["nbval-ignore-output"]
run = open_run(run_folder)
print("network:", run.settings.model, "  size:", run.settings.size, "  classes:", run.classes)
log = pd.read_csv(run_folder / "epochs.csv", index_col="epoch")
print(f"val accuracy of its best epoch: {log['val_accuracy'][log['val_loss'].idxmin()]:.3f}")

# %% tags=["proof"]
best = log["val_accuracy"][log["val_loss"].idxmin()]
from course_utils.models.pretrained import has_usual_weights

if has_usual_weights():  # ImageNet's weights decide
    assert best >= course.pick(sample=0.7, full=0.85), f"accuracy {best:.3f}"

# %% [markdown]
# ## A conversation
#
# A **server** is a program that waits to be asked. Whoever asks is a **client**: a browser, a telephone, another
# program. The client sends a **request**, the server answers with a **response**, and that is one round. Both follow
# **HTTP**, an agreement on what such messages look like.
#
# A message needs an address. `http://127.0.0.1:8000/health` has three parts: the computer, here 127.0.0.1, which always
# means *this one*; the **port**, a number that says which of the programs on that computer is meant; and the **path**
# `/health`, which says what is wanted of it.
#
# There is no magic in it. Here is a server that says one thing to one client. A **socket** is the end of a connection:
# `accept` waits for a client, `recv` takes what it says, `sendall` answers. In HTTP `\r\n` ends a line.

# %%
import socket
import threading

import requests


# %%
def answer_once(listener, heard):
    connection, _ = listener.accept()
    with connection:
        heard.append(connection.recv(10_000).decode())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello")


# %% [markdown]
# The library `requests` is a client. (`trust_env = False` keeps it from sending what is meant for our own computer
# through a company's proxy server.) Since we are the client, the server works in a **thread**, a second line of work in
# the same process; a `daemon` keeps no program from ending. Port 0 asks the system for any free port, and `getsockname`
# says which one it is.

# %%
client = requests.Session()
client.trust_env = False
heard = []
with socket.create_server(("127.0.0.1", 0)) as listener:
    waiting = threading.Thread(target=answer_once, args=[listener, heard], daemon=True)
    waiting.start()
    response = client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/health")
    waiting.join()

# %%
print("the server heard:", heard[0].splitlines()[0])
print("the client heard:", response.status_code, response.headers["Content-Type"], response.text)

# %% [markdown]
# Both messages are lines of text. A request begins with a **method** and the path. `GET` asks for something, `POST`
# brings something along, such as a picture. A response begins with a **status code**: 2xx means that all went well, 4xx
# that the client made a mistake, 5xx that the server did. Then come **headers**, lines such as `Content-Type`, which
# says what the rest is. After an empty line follows that rest, the **body**.
#
# ## The smallest Flask app
#
# Nobody wants to take such texts apart by hand. **Flask** does, and calls a function of ours. `@app.get("/")` says
# which one: it ties a method and a path to the function below it. This is a **route**. A text that the function returns
# goes out as a web page, a dictionary as **JSON**, the text format of lesson 10.

# %%
from flask import Flask

hello = Flask("hello")


@hello.get("/")
def page():
    return "<h1>Hello</h1>"


@hello.get("/health")
def health():
    return {"status": "ok"}


# %% [markdown]
# No server is needed to try it. Flask's **test client** hands requests to the app and returns its responses:

# %%
visitor = hello.test_client()
for method, path in [("GET", "/"), ("GET", "/health"), ("GET", "/helth"), ("POST", "/health")]:
    response = visitor.open(path, method=method)
    print(f"{method:<5} {path:<8} {response.status_code}  {response.content_type}")
print("JSON:", visitor.get("/health").get_json())

# %% [markdown]
# The last two nobody programmed: 404 says that there is nothing at this path, 405 that it does not take this method. A
# path such as `/health` belongs to every server that is meant to stay: other programs ask it every minute whether all
# is well.
#
# **Check yourself.** A visitor uploads a text file instead of a picture, and the function raises an exception. Which
# status should the response have, and which one will it have?
# <details><summary>Answer</summary>
#
# One of the 4xx, below we choose which: the visitor sent something wrong and can do better. But an exception that
# nobody catches becomes 500, *the server has made a mistake*. The visitor learns nothing, and whoever keeps the server
# gets up at night.
#
# </details>
#
# ## A network that answers
#
# Now a route that takes a picture. Browsers send files as a **form**, a body made of parts with names, its **fields**.
# Flask puts the files among them into `request.files`. We call our field `file`. The first version does what one would
# write in a notebook, all of it at every request. (`[None]` makes a batch of one.)

# %%
from flask import request
from PIL import Image

from course_utils import eval_transform


def obvious_app(run_folder):
    app = Flask("obvious")

    @app.post("/predict")
    def answer():
        run = open_run(run_folder)
        model = run.load_model()
        picture = Image.open(request.files["file"]).convert("RGB")
        images = eval_transform(run.settings.size)(picture)[None]
        with torch.inference_mode():
            probabilities = model(images)[0].softmax(dim=0)
        return dict(zip(run.classes, probabilities.tolist()))

    return app


# %% [markdown]
# `load_model` builds the network, reads `best.safetensors` and calls `eval()`. We send a validation picture to it, as
# bytes: that is what travels. The test client takes a file as a pair: a **stream**, which is anything that can be read
# like an open file, and a name. (`BytesIO` makes a stream of bytes.)

# %%
from course_utils import open_split

files = [path for path, label in open_split(root, "val").samples]
contents = [file.read_bytes() for file in files]
print(len(contents), "pictures; the first one has", len(contents[0]), "bytes")


# %%
def send(app, content, path="/predict", name="picture.jpg"):
    return app.test_client().post(path, data={"file": (io.BytesIO(content), name)})


response = send(obvious_app(run_folder), contents[0])
print(response.status_code, *response.get_json())

# %% [markdown]
# It works. But the network is built and its weights, millions of numbers, are read again for everyone. So load it
# **once, when the server starts**, and let the function use what is there:


# %%
def load_once_app(run_folder):
    run = open_run(run_folder)
    model, transform = run.load_model(), eval_transform(run.settings.size)
    app = Flask("once")

    @app.post("/predict")
    def answer():
        picture = Image.open(request.files["file"]).convert("RGB")
        with torch.inference_mode():
            probabilities = model(transform(picture)[None])[0].softmax(dim=0)
        return dict(zip(run.classes, probabilities.tolist()))

    return app


# %% [markdown]
# The same pictures to both; the **median** is the middle one of the sorted times, and one slow request does not move
# it:

# %% tags=["nbval-ignore-output"]
from time import perf_counter

apps = {"loaded for each request": obvious_app, "loaded once": load_once_app}
medians, said = {}, {}
for name, make in apps.items():
    app, seconds = make(run_folder), []
    for content in contents[:8]:
        start = perf_counter()
        said[name] = send(app, content).get_json()
        seconds.append(perf_counter() - start)
    medians[name] = np.median(seconds)
    print(f"{name:<24} {1000 * medians[name]:.0f} ms")

# %% tags=["proof"]
each, once = medians.values()
assert said["loaded for each request"] == said["loaded once"], f"the answers differ: {said}"
assert each > course.pick(sample=2, full=1) * once, f"{1000 * each:.0f} and {1000 * once:.0f} ms"

# %% [markdown]
# **Check yourself.** Several requests may use that one network at the same time, in several threads. Why do they not
# disturb each other? And what would, if somebody trained it meanwhile?
# <details><summary>Answer</summary>
#
# In eval mode a forward pass only reads the weights; everything it computes lies in tensors of its own. Training writes
# into the weights, and in train mode even a forward pass moves BatchNorm's running averages: then an answer depends on
# who else asks.
#
# </details>
#
# ## Prepared as in training
#
# The network has learned from pictures that were resized, cropped and normalized in one particular way. Our app takes
# that way from the run: `eval_transform(run.settings.size)` is what the training program used for validation, so there
# is nothing to get wrong. Those who type the steps again do get them wrong, and no error tells them. What does that
# cost? Some usual mistakes:

# %%
from torchvision.transforms import v2

recorded = eval_transform(size)
steps = recorded.transforms  # Resize, CenterCrop, ToImage, ToDtype, Normalize
other_size = course.pick(sample=128, full=112)
ways = {
    "as recorded": recorded,
    "the whole picture": v2.Compose([v2.Resize((size, size)), *steps[2:]]),
    "blue and red swapped": v2.Compose([*steps[:-1], lambda image: image.flip(0), steps[-1]]),
    f"size {other_size}": eval_transform(other_size),
    "other mean and std": v2.Compose([*steps[:-1], v2.Normalize([0.5] * 3, [0.5] * 3)]),
    "Normalize forgotten": v2.Compose(steps[:-1]),
}

# %% [markdown]
# (*The whole picture* leaves out the crop, and squashes what is not square. Swapped colours come from the library
# OpenCV, which reads pictures as blue, green, red.) All ways get the same network and the same validation pictures:

# %% tags=["nbval-ignore-output"]
from torch.utils.data import DataLoader

from course_utils import predict

model = run.load_model()
chances, rows = {}, {}
for way, transform in ways.items():
    val_set = open_split(root, "val", transform, run.classes)
    logits, labels = predict(model, DataLoader(val_set, 51))
    chances[way] = logits.softmax(dim=1)
    answers, usual = chances[way].argmax(dim=1), chances["as recorded"].argmax(dim=1)
    right = (answers == labels).float().mean().item()
    rows[way] = {"accuracy": right, "other answers": (answers != usual).float().mean().item()}
pd.DataFrame(rows).T.round(3)

# %% tags=["proof"]
assert len(files) == 153, f"{len(files)} pictures"
for way, row in rows.items():
    assert way == "as recorded" or not torch.allclose(chances[way], chances["as recorded"]), f"{way} changes nothing"
if course.profile == "sample":  # what a way costs on the photographs is not known
    cost = {way: rows["as recorded"]["accuracy"] - row["accuracy"] for way, row in rows.items()}
    assert rows["Normalize forgotten"]["accuracy"] <= 0.58, "without Normalize it is better than a coin"
    assert min(cost["size 128"], cost["other mean and std"]) > 0.08, f"wrong size, wrong constants: {cost}"
    assert max(cost["the whole picture"], cost["blue and red swapped"]) < 0.1, f"more than a few points: {cost}"
    assert min(row["other answers"] for row in list(rows.values())[1:]) >= 0.08, f"other answers: {rows}"
    right = rows["as recorded"]["accuracy"]
    error = (right * (1 - right) / len(files)) ** 0.5
    assert 0.025 < error < 0.035, f"standard error {error:.3f}"

# %% [markdown]
# *Other answers* is the share of pictures that are called something else than before. On the drawn pictures the network
# is no better than a coin without `Normalize`, and the wrong size and the wrong constants cost a good part of what was
# learned. The whole picture and swapped colours are the treacherous ones: accuracy falls by a few points, and since the
# standard error of one accuracy is about three (with 153 pictures), that is easily taken for chance. But the pictures
# are the same. Compared one by one, as in lesson 06, many a picture gets another answer:

# %%
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.3), sharey=True, layout="constrained")
for ax, way in zip(axes, ["blue and red swapped", "other mean and std", "Normalize forgotten"]):
    ax.axline((0, 0), slope=1, color="grey", linestyle="--")
    ax.scatter(chances["as recorded"][:, 1], chances[way][:, 1], s=12)
    ax.set(title=way, xlabel=f"P({run.classes[1]}), as recorded", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel(f"P({run.classes[1]}), served like this")
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # the dots of the photographs are not known
    bees = {way: chance[:, 1] for way, chance in chances.items()}
    above = {way: (chance > bees["as recorded"]).float().mean().item() for way, chance in bees.items()}
    assert above["blue and red swapped"] > 0.6 and above["other mean and std"] < 0.4, f"above the line: {above}"
    ants = (bees["Normalize forgotten"] < 0.5).float().mean().item()
    assert ants > 0.85, f"without Normalize {ants:.0%} are called ants"
    follows = {way: np.corrcoef(bees["as recorded"], chance)[0, 1] for way, chance in bees.items()}
    assert min(follows, key=follows.get) == "Normalize forgotten", f"correlations {follows}"
    assert follows["Normalize forgotten"] < 0.5, f"correlations {follows}"

# %% [markdown]
# Each dot is a picture. If serving agreed with training, all would lie on the dashed line. With the drawn pictures, on
# the left most lie above it: with swapped colours the network sees more bees. In the middle most lie below. On the
# right the answers hardly follow those of the recorded way, and nearly everything is called an ant.
#
# The names of the classes belong to the same record. A server that lists them itself, in another order, is wrong
# exactly where the network is right: lesson 01 measured it.
#
# **Check yourself.** The training program of a colleague prints the mean and standard deviation that it uses. Why is
# that not enough for you to serve her network?
# <details><summary>Answer</summary>
#
# Size, crop, the order of the channels and of the classes are missing, and what is printed may not be what is used: one
# of the tutorials behind this course takes both as flags and never uses them. Serve with the code that training used,
# and with the run's own record.
#
# </details>
#
# ## What people upload
#
# A page on the web is given everything: photographs from telephones held sideways, scans with 16 bits per pixel, print
# files in **CMYK** (four inks instead of red, green and blue), logos with transparent corners, half a download, an
# error page called `.jpg`. And there are people who try to break it. Let us make one of each from a picture of ours.
# (Pillow knows 16 bits in grey pictures only; `* 257` spreads 0 to 255 over 0 to 65535. Under the number `0x0112` a
# camera notes how it was held.)

# %%
from course_utils import load_rgb

picture = load_rgb(files[2])
hole = picture.convert("RGBA")
hole.paste((0, 0, 0, 0), (0, 0, picture.width // 2, picture.height))
deep = Image.fromarray(np.asarray(picture.convert("L"), dtype=np.uint16) * 257)
lying = picture.transpose(Image.Transpose.ROTATE_90)
mark = Image.Exif()
mark[0x0112] = 6  # "turn me clockwise by a quarter"


def encoded(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


# %%
uploads = {
    "usual": encoded(picture, "JPEG"),
    "CMYK": encoded(picture.convert("CMYK"), "JPEG"),
    "16 bits": encoded(deep),
    "half transparent": encoded(hole),
    "held sideways": encoded(lying, "JPEG", exif=mark),
    "error page": b"<html>404 Not Found</html>",
    "half a file": encoded(picture, "JPEG")[: len(encoded(picture, "JPEG")) // 2],
    "empty file": b"",
    "6000 x 6000": encoded(Image.new("1", (6000, 6000))),
    "5000 x 1": encoded(Image.new("1", (5000, 1))),
}
for name in ["usual", "6000 x 6000"]:
    print(f"{name:<12} {len(uploads[name]):>6,} bytes")

# %% tags=["proof"]
assert 4.5 < 2 * Image.MAX_IMAGE_PIXELS / 6000**2 < 5.5, "Pillow's own limit is not five times that size"
assert 3 * 6000**2 > 100e6, "unpacked it is less than 100 megabytes"
assert len(uploads["6000 x 6000"]) < 10_000, f"{len(uploads['6000 x 6000'])} bytes are no few kilobytes"

# %% [markdown]
# A few kilobytes, and yet the last but one holds 36 million pixels: it is blank, and blank packs well. Unpacked, as
# RGB, it takes over 100 megabytes. Pillow by itself refuses only about five times that size, and somebody may send it
# twenty times at once. This is a **decompression bomb**.
#
# What does the app say? It writes the exceptions that it does not catch to `stderr`; we catch that.


# %%
def ask_all(app):
    found = {}
    for name, content in uploads.items():
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            response = send(app, content)
        complaint = errors.getvalue().strip().rpartition("\n")[2].partition(":")[0]
        ok = response.status_code == 200
        first = f"{response.get_json()[run.classes[0]]:.3f}" if ok else ""
        found[name] = {"status": response.status_code, "P(ants)": first, "log": complaint}
    return pd.DataFrame(found).T


# %% tags=["nbval-ignore-output"]
obvious = ask_all(load_once_app(run_folder))
obvious

# %% tags=["proof"]
statuses = obvious["status"]
assert list(statuses.index[statuses == 500]) == ["error page", "half a file", "empty file"], f"{statuses}"
assert (statuses.drop(["error page", "half a file", "empty file"]) == 200).all(), f"{statuses}"
marked, unmarked = (send(load_once_app(run_folder), one) for one in [uploads["held sideways"], encoded(lying, "JPEG")])
assert marked.get_json() == unmarked.get_json(), "the mark of the camera is not ignored"
if course.profile == "sample":  # how sure the network is of that photograph is not known
    doubt = (obvious.loc[["usual", "16 bits", "half transparent"], "P(ants)"].astype(float) - 0.5).abs()
    assert doubt["usual"] > 2 * doubt[["16 bits", "half transparent"]].max(), f"from one half: {doubt}"

# %% [markdown]
# Three visitors who sent rubbish are told that the *server* has failed. Worse are the quiet ones. What was held
# sideways was not turned. The answers for 16 bits and for the transparent half have lost what they had to go by (with
# the drawing they are near one half); we shall see why. The blank giant and the line of pixels were answered as if they
# showed something.
#
# ## Decoding, by hand
#
# First the pictures that deserve an answer. Turn them as the camera's mark says, divide 16-bit values by 256, lay what
# is transparent on white paper (`alpha_composite` lays one picture on another), and only then convert:

# %%
from PIL import ImageOps


def as_seen(opened):
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


# %% [markdown]
# This is the core of `load_rgb`, with which training opened its files (lesson 08). So it belongs to the preparation
# of pictures as much as `Normalize` does. (Pillow's `open` reads only the head of a file, from which it knows format
# and size. We give it another name, for in this course `Image.open` never stands without `convert`.) The two must
# agree in every pixel: `assert_array_equal` says nothing where they do, and stops with an error where they don't. We
# print the mode of each file instead, which tells why `convert` alone was not enough:

# %%
from PIL.Image import open as open_head

for name in list(uploads)[:5]:
    opened = open_head(io.BytesIO(uploads[name]))
    np.testing.assert_array_equal(as_seen(opened), load_rgb(io.BytesIO(uploads[name])))
    print(f"{name:<17} mode {opened.mode:<5} turn: {opened.getexif().get(0x0112, 'no')}")

# %%
fig, axes = plt.subplots(2, 4, figsize=(8, 4.4))
for (above, below), name in zip(axes.T, list(uploads)[1:5]):
    stream = io.BytesIO(uploads[name])
    above.imshow(Image.open(stream).convert("RGB"))
    below.imshow(load_rgb(stream))
    above.set_title(f"{name}\nconvert alone")
    below.set_title("as seen")
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% tags=["proof"]
white = np.asarray(Image.open(io.BytesIO(uploads["16 bits"])).convert("RGB")) == 255
assert white.mean() > 0.95, f"{white.mean():.0%} of the 16 bits became white"
black = Image.open(io.BytesIO(uploads["half transparent"])).convert("RGB").getpixel((0, 0))
assert black == (0, 0, 0), f"what is transparent became {black}"

# %% [markdown]
# Above is what the network got so far. Of the 16 bits a white sheet was left, for `convert` cuts values off at 255.
# What is transparent became black, the colour that happened to lie underneath. Below is what a person sees, and what
# training would have loaded.
#
# ## Refusing, by hand
#
# Now the others. `abort(415, message)` ends the answering of a request with that status. Which status says what?
#
# | status | means | here |
# |---|---|---|
# | 400 | the request makes no sense | no file in it |
# | 413 | too large | too many bytes, or too many pixels |
# | 415 | not a kind that is taken | a web page, a PDF |
# | 422 | the right kind, but it cannot be worked with | half a file, a line of pixels |
#
# The size is known before the pixels are unpacked, so that is when it is checked. `FORMATS` are the few formats that we
# want to decode: Pillow knows dozens, and every decoder is a door.

# %%
from flask import abort
from PIL import UnidentifiedImageError

from course_utils.data.images import UNREADABLE
from course_utils.serving import FORMATS


def read_picture(stream):
    if not stream.read(1):
        abort(400, "The file is empty.")
    try:
        with open_head(stream, formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > 30_000_000:
                abort(413, f"{width} x {height} pixels are too many.")
            if max(width, height) > 50 * min(width, height):
                abort(422, f"{width} x {height} pixels are too narrow.")
            return as_seen(opened)
    except Image.DecompressionBombError:
        abort(413, "These are far too many pixels.")
    except UnidentifiedImageError:
        abort(415, f"This is none of the formats {', '.join(FORMATS)}.")
    except UNREADABLE as error:
        abort(422, f"The picture is damaged: {error}.")


# %% [markdown]
# `UNREADABLE` lists what Pillow raises when a file is damaged, and that is more than one would think. (`abort` raises
# something else, which passes. And Pillow begins with the first byte again, although we have read it.) The name and the
# announced type of a file were not asked for: they come from the visitor and may say anything. Never open or save
# anything under a name that a visitor has sent, for it may be a path.
#
# Two things are left. Flask itself refuses a body of more than `MAX_CONTENT_LENGTH` bytes, with 413. And a program that
# asked for JSON should get its refusals as JSON, too. `abort` and Flask's own refusals raise an `HTTPException`; for it
# we register a **handler**, a function that makes the response. It returns two values, and so may every function of a
# route: what is sent, and its status.

# %%
from werkzeug.exceptions import HTTPException


def as_json(error):
    return {"error": error.description}, error.code


limited = Flask("limited")
limited.config["MAX_CONTENT_LENGTH"] = 10_000_000
limited.register_error_handler(HTTPException, as_json)


@limited.post("/predict")
def measure():  # .stream: the bytes of the upload
    return {"pixels": read_picture(request.files["file"].stream).size}


# %%
for content in [*list(uploads.values())[5:], bytes(10_000_000), uploads["usual"]]:
    response = send(limited, content)
    message = next(iter(response.get_json().values()))
    print(response.status_code, str(message)[:70])

# %% tags=["proof"]
told = [send(limited, content).status_code for content in [*list(uploads.values())[5:], bytes(10_000_000)]]
assert told == [415, 422, 400, 413, 422, 413], f"the statuses are {told}"

# %% [markdown]
# Every one gets a status that fits and a line that says what to do better.
#
# **Check yourself.** Why is the size of a picture checked, although the number of bytes is limited already?
# <details><summary>Answer</summary>
#
# Ten megabytes of PNG may unpack to gigabytes. The limit on bytes guards the connection, the limit on pixels the
# memory. And the limit on the shape guards the resizing: its shorter side becomes as long as the network wants, and the
# longer one grows with it.
#
# </details>
#
# ## The likeliest classes
#
# With a hundred classes nobody wants a hundred numbers. **Top-k** means the k likeliest, the likeliest first. `topk`
# returns values and positions. JSON knows neither tensors nor their numbers; `tolist` makes Python's own.


# %%
def likeliest(logits, classes, k):
    found = logits.softmax(dim=0).topk(min(k, len(classes)))
    pairs = zip(found.indices.tolist(), found.values.tolist())
    return [{"class": classes[label], "probability": value} for label, value in pairs]


# %%
for answer in likeliest(torch.tensor([0.0, 2.0, 1.0]), ["ant", "bee", "wasp"], 2):
    print(answer)

# %% [markdown]
# How many are wanted comes with the address: `/predict?top_k=3`. What stands behind the question mark is in
# `request.args`, as text, and may be nonsense like everything else. What `int` cannot read counts as 0 here, and
# numbers below 1 are refused:


# %%
def wanted():
    text = request.args.get("top_k", "5")
    try:
        k = int(text)
    except ValueError:
        k = 0
    if k < 1:
        abort(400, f"top_k is {text!r}, it must be a whole number, 1 or more.")
    return k


# %% [markdown]
# ## The page
#
# A page is text in the language **HTML**: tags in angle brackets say what is a heading and what an image. Between
# `<script>` tags stands JavaScript, which runs in the browser of the visitor. Ours waits for a file, shows it, sends it
# to `/predict` and makes a bar of each answer: `FormData` is the form, `fetch` sends it, `await` waits for what comes
# back, and `??` takes what stands behind it where the thing before it is missing. What stands in double braces is
# filled in by Flask; `classes | join(", ")` is its way to write `", ".join(classes)`.

# %%
PAGE = """<!doctype html>
<title>What is in the picture?</title>
<h1>What is in the picture?</h1>
<p>The network knows: {{ classes | join(", ") }}. Choose a picture, or drop one on the button.</p>
<p><input type="file" id="file"></p>
<p><img id="preview" width="240" alt=""></p>
<div id="answer"></div>
<script>
  const [file, preview, answer] = document.querySelectorAll("#file, #preview, #answer")
  file.onchange = async () => {
    preview.src = URL.createObjectURL(file.files[0])
    const form = new FormData()
    form.append("file", file.files[0])
    const content = await (await fetch("predict", {method: "POST", body: form})).json()
    answer.textContent = content.error ?? ""
    for (const one of content.predictions ?? []) {
      const line = answer.appendChild(document.createElement("p"))
      const bar = line.appendChild(document.createElement("progress"))
      bar.value = one.probability
      line.append(` ${(100 * one.probability).toFixed(1)} % ${one.class}`)
    }
  }
</script>
"""

# %% [markdown]
# What comes from elsewhere, a class name or the name of a file, is put in as *text*, by Flask in the braces and by
# `textContent` and `append` in the script. Pasted into the HTML, a class called `<script>…` would run in every
# visitor's browser. Flask writes angle brackets so that they are shown and not obeyed. (Outside of a request,
# `app_context` says for which app.)

# %%
from flask import render_template_string

with hello.app_context():
    print(render_template_string("{{ names | join(', ') }}", names=["ants", "<script>"]))

# %% [markdown]
# ## The whole app
#
# Everything together. (Where the field `file` is missing, `request.files["file"]` itself refuses with 400.)


# %%
def my_app(run_folder):
    run = open_run(run_folder)
    model, transform = run.load_model(), eval_transform(run.settings.size)
    app = Flask("mine")
    app.config["MAX_CONTENT_LENGTH"] = 10_000_000
    app.register_error_handler(HTTPException, as_json)

    @app.get("/")
    def page():
        return render_template_string(PAGE, classes=run.classes)

    @app.get("/health")
    def health():
        return {"status": "ok", "model": run.settings.model, "classes": run.classes}

    @app.post("/predict")
    def answer():
        images = transform(read_picture(request.files["file"].stream))[None]
        with torch.inference_mode():
            logits = model(images)[0]
        return {"predictions": likeliest(logits, run.classes, wanted())}

    return app


# %%
mine = my_app(run_folder)
front = mine.test_client().get("/")
print(front.status_code, front.content_type)
print(front.text.splitlines()[3])

# %% tags=["proof"]
assert all(name in front.text for name in run.classes), "a class of the run is not on the page"

# %% [markdown]
# `create_app` in [serving.py](../course_utils/serving.py) is this app and a little more. Its page looks better and its
# messages say more. It also refuses two files at once, tells `weights` and `size` in `/health`, and where a run was
# trained in half precision (`--bfloat16`), it computes so, too. Both should answer alike, here with the same status:

# %%
from course_utils.serving import create_app

app = create_app(run_folder)
asked = [(name, content, "") for name, content in uploads.items()]
asked += [(f"top_k={k}", contents[0], f"?top_k={k}") for k in ["1", "9", "two", "0"]]
answers = {}
for name, content, query in asked:
    ours, theirs = (send(one, content, f"/predict{query}") for one in [mine, app])
    answers[name] = ours, theirs
    print(f"{name:<17} ours {ours.status_code}  serving.py {theirs.status_code}")

# %% tags=["proof"]
for name, (ours, theirs) in answers.items():
    assert ours.status_code == theirs.status_code, f"{name}: {ours.status_code} and {theirs.status_code}"
    assert ours.status_code != 200 or ours.get_json() == theirs.get_json(), f"{name}: {ours.text} and {theirs.text}"

# %% [markdown]
# Here is what our page makes of three pictures, drawn by the notebook:

# %%
chosen = [load_rgb(files[number]) for number in [0, 60, 120]]
fig, axes = plt.subplots(2, 3, figsize=(8, 4), height_ratios=[3, 1], layout="constrained")
for (above, below), shown in zip(axes.T, chosen):
    found = send(mine, encoded(shown)).get_json()["predictions"]
    above.imshow(shown)
    above.axis("off")
    above.set_title(f"{found[0]['class']}, {found[0]['probability']:.0%}")
    below.barh([one["class"] for one in found], [one["probability"] for one in found])
    below.set(xlim=(0, 1), xlabel="probability")
    below.invert_yaxis()
plt.show()

# %% [markdown]
# ## A real server
#
# The test client called our functions directly. A **production server** listens at a port, takes many connections at
# once, and calls the app in one of several threads. Flask has a server built in, which is meant for trying out;
# **waitress** is meant to stay.
#
# Two rules of safety. Never start an app that others can reach with `debug=True`: its error pages let visitors run
# Python on your computer. And never load weights of strangers from a **pickle**, the format in which Python writes any
# object to a file: it may run any code while it is loaded. A safetensors file holds numbers and nothing else.
#
# A server that is started must be stopped, even if something fails in between. `contextmanager` makes a `with` block of
# a function: what stands before `yield` happens at the start, what stands in `finally` at the end, whatever happens.
# Here waitress runs in a thread of its own. It keeps its connections in the dictionary that it gets as `map`. One
# round of its `loop` (`count=1`) looks what has come in on them, and waits for a tenth of a second at most. Between two
# rounds we look at `stop`, an `Event`, which another thread can set. At the end `shutdown` ends the threads that
# answer, and `close_all` closes the connections. `effective_port` is the free port that the server got.

# %%
import logging

from waitress import create_server, wasyncore

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait is no fault
threads_before = torch.get_num_threads()


# %%
@contextlib.contextmanager
def serving(app, threads=4):
    sockets, stop = {}, threading.Event()
    settings = {"host": "127.0.0.1", "port": 0, "threads": threads}
    server = create_server(app, map=sockets, **settings)

    def work():
        while not stop.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stop.set()
        worker.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)


# %%
before = threading.active_count()
with serving(mine) as address:
    print("health:", client.get(f"{address}/health").json()["status"])
    form = {"file": ("ant.jpg", uploads["usual"])}
    answer = client.post(f"{address}/predict", files=form, params={"top_k": 1})
    print("status:", answer.status_code, "  answers:", len(answer.json()["predictions"]))

# %%
try:
    client.get(f"{address}/health")
except requests.ConnectionError:
    print("after the block nobody answers")

# %% tags=["proof"]
assert threading.active_count() <= before, f"{threading.active_count()} threads, {before} before"

# %% [markdown]
# This time bytes went through a real connection. (`files` sends a form, `params` is what stands behind the question
# mark.)
# <details><summary>How to see your own app in the browser</summary>
#
# The server lasts as long as the block. Let a cell of your own wait in it:
#
# ```
# with serving(mine) as address:
#     input(f"Open {address} in a browser, then press Enter here.")
# ```
#
# </details>
#
# ## Many at once
#
# How does it bear a crowd? Take down how long each picture waits for its answer, its **latency**. A crowd is several
# clients in as many threads: `ThreadPoolExecutor(8)` keeps eight, and its `map` gives the next picture to whichever is
# free and returns the results in the order of the pictures.

# %%
from concurrent.futures import ThreadPoolExecutor


def ask(address, content):
    start = perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(f"{address}/predict", files={"file": ("a.jpg", content)})
    seconds = perf_counter() - start
    chance = {one["class"]: one["probability"] for one in response.json()["predictions"]}
    return [chance[name] for name in run.classes], seconds


def crowd(address, clients, count=64):
    start = perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = pool.map(lambda content: ask(address, content), contents[:count])
    answers, seconds = zip(*found)
    return np.array(answers), np.array(seconds), perf_counter() - start


# %% [markdown]
# Averages hide those who wait longest. **p50** is the latency that half of the requests stay below (the median),
# **p99** the one that only one in a hundred exceeds. (With 64 requests p99 is little else than the slowest.) Clients
# and server share the cores of this computer. Torch computes with one thread, so that requests do not fight for them:

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)
all_answers, rows = {}, {}
with serving(app) as address:
    for clients in [1, 8, 32]:
        all_answers[clients], seconds, total = crowd(address, clients)
        p50, p99 = np.percentile(1000 * seconds, [50, 99])
        rows[clients] = {"answers per second": 64 / total, "p50, ms": p50, "p99, ms": p99}
table = pd.DataFrame(rows).T.rename_axis("clients")
table.round(1)

# %% tags=["proof"]
p50, rate = table["p50, ms"], table["answers per second"]
assert p50[32] > 2 * p50[1], f"p50 {p50[1]:.0f} ms with 1 client, {p50[32]:.0f} ms with 32"
assert rate[32] < 2 * rate[8], f"{rate[8]:.0f} answers per second with 8 clients, {rate[32]:.0f} with 32"
assert 0.5 < 8 / rate[8] / (p50[8] / 1000) < 2, f"8 clients: {8 / rate[8]:.3f} s, p50 {p50[8] / 1000:.3f} s"

# %% [markdown]
# Has every visitor got the answer to their own picture? We know what the network says to each. (`assert_allclose` is
# silent, too, where its numbers agree.)

# %%
direct = chances["as recorded"][:64].numpy()
for answers in all_answers.values():
    np.testing.assert_allclose(answers, direct, atol=1e-4)

# %% tags=["proof"]
swapped = np.roll(direct, 1, axis=0)
assert not np.allclose(swapped, direct, atol=1e-4), "answers given to the wrong visitors would not be noticed"

# %% [markdown]
# Four times as many clients, 32 instead of 8, do not get four times as many answers per second, far from it: the cores
# have as much to do as they can. So everyone waits in a queue. But no answer went to the wrong visitor.
#
# **Check yourself.** A server gives 40 answers per second, and 32 clients ask again as soon as they are answered. How
# long does each of them wait?
# <details><summary>Answer</summary>
#
# About 0.8 seconds. In one second each client gets 40 / 32 = 1.25 answers, so each takes 1 / 1.25 seconds. Clients =
# rate × mean latency: this holds for every queue, and is called **Little's law**. The table shows p50 and not the mean,
# but divide 8 clients by their rate, and you come close.
#
# </details>
#
# ## Where the time goes
#
# Of which parts is the latency of a single client made?


# %%
def median_ms(work, argument, count=30):
    seconds = []
    for _ in range(count):
        start = perf_counter()
        work(argument)
        seconds.append(perf_counter() - start)
    return 1000 * np.median(seconds)


# %% tags=["nbval-ignore-output"]
with torch.inference_mode():
    parts = {
        "decoding": median_ms(load_rgb, files[0]),
        "transforming": median_ms(recorded, picture),
        "the network": median_ms(model, recorded(picture)[None]),
    }
parts["all else: form, HTTP, JSON"] = table["p50, ms"][1] - sum(parts.values())
pd.Series(parts, name="ms").round(1).to_frame()

# %% tags=["proof"]
if course.profile == "sample":  # photographs of full size take longer to decode
    assert parts["the network"] > parts["decoding"] + parts["transforming"], f"milliseconds: {parts}"

# %% [markdown]
# With our drawings, which are tiny, the network takes longest. Telephones take photographs of twelve million pixels:

# %% tags=["nbval-ignore-output"]
photograph = io.BytesIO(encoded(picture.resize((4000, 3000)), "JPEG"))
decoding = median_ms(load_rgb, photograph, count=3)
print(f"decoding {decoding:.0f} ms, the network {parts['the network']:.0f} ms")

# %% tags=["proof"]
if course.profile == "sample":  # pictures of 224 pixels keep the network busy for longer
    assert decoding > 2 * parts["the network"], f"decoding {decoding:.0f} ms, the network {parts['the network']:.0f} ms"

# %% [markdown]
# For a network that looks at 64 pixels, decoding is now what takes longest. So measure with what people will send.
#
# There are two kinds of threads now. Those of the *server* answer several requests at once; those of *torch* share the
# work of one. Eight clients ask, each setting twice:

# %% tags=["nbval-ignore-output"]
rows = []
for round_number in [1, 2]:
    for server_threads, torch_threads in [(1, 2), (4, 1), (4, 2)]:
        torch.set_num_threads(torch_threads)
        with serving(app, server_threads) as address:
            answers, _, total = crowd(address, 8, count=16)
        way = f"server {server_threads}, torch {torch_threads}"
        right = np.allclose(answers, direct[:16], atol=1e-4)
        rows.append({"threads": way, "round": round_number, "rate": 16 / total, "right": right})
torch.set_num_threads(threads_before)
rates = pd.DataFrame(rows)
rates.pivot(index="threads", columns="round", values="rate").round(1)

# %% tags=["proof"]
assert rates["right"].all(), f"wrong answers: {rates}"

# %% [markdown]
# The table shows answers per second, and it depends on what else the computer does. Rows with two threads of torch may
# fall far behind in one round and catch up in the next: torch's threads keep their cores busy while they wait for one
# another, so one that has to share its core with another program holds up everything. (The environment variable
# `OMP_WAIT_POLICY=PASSIVE` sends waiting threads to sleep instead.) One thread of torch waits for nobody. So the
# course's program takes one for torch and as many for the server as there are cores, at least four; then a slow request
# does not stop the others either.
#
# **Check yourself.** `inference_mode` counts for the thread that has entered it. Somebody writes
# `with torch.inference_mode(): serve(app)`, and not in the function that answers. What is wrong?
# <details><summary>Answer</summary>
#
# The functions that answer run in the server's threads, which have never entered it. Answers are right, but each
# forward pass keeps what a backward pass would need, which takes memory and time.
#
# </details>
#
# ## The program
#
# `python -m course_utils.serving RUN_FOLDER` is all that together, with flags and errors as in lesson 10. We start it
# as a process, with port 0 so that it takes a free one. The first line it prints says where it answers. `terminate` is
# how a process is asked from outside to end, and `finally` sees to it that it happens. Our program takes it like
# Ctrl-C: it says a last word and ends with exit code 130. (Windows does not ask, it ends a process at once.)

# %% tags=["nbval-ignore-output"]
import subprocess
import sys

command = [sys.executable, "-m", "course_utils.serving", str(run_folder), "--port", "0"]
pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
process = subprocess.Popen(command, encoding="utf-8", errors="replace", **pipe)
try:
    address = process.stdout.readline().split()[-1]
    about = client.get(f"{address}/health").json()
    from_program, _, _ = crowd(address, 1, count=3)
    refused = client.post(f"{address}/predict", files={"file": ("a.jpg", b"<html>")})
finally:
    process.terminate()
    last_words, _ = process.communicate()
print("exit code", process.returncode, " ", last_words.strip())

# %% tags=["proof"]
if sys.platform != "win32":  # Windows ends a process at once
    assert process.returncode == 130, f"exit code {process.returncode}"
    assert "no longer answers" in last_words, f"its last words: {last_words}"
assert refused.status_code == 415, f"status {refused.status_code}"

# %%
print(about)
print("refused with", refused.status_code)
np.testing.assert_allclose(from_program, direct[:3], atol=1e-4)

# %% [markdown]
# To let other computers in, start it with `--host 0.0.0.0`. There is no password and no encryption, so do that only in
# a network you trust. On the internet another server stands in front, which brings both.
#
# ## Without the code of the network: torch.export
#
# Our server needs Python and the code that builds the network. An **export** is a file that holds weights *and* the
# steps of the computation. `torch.export` follows an example through the network and writes the steps down. What
# depends on the example becomes fixed, unless we say otherwise: the number of pictures shall stay open. (The example
# has two pictures, because a dimension of 1 is taken for something that is always 1. Among the nodes of the graph are
# inputs and weights, too; the steps are those that call a function. What follows its dot names one of its variants.)

# %%
example = torch.randn(2, 3, size, size)
batch = torch.export.Dim("batch")
program = torch.export.export(model, (example,), dynamic_shapes=({0: batch},))
operations = [node.target.__name__ for node in program.graph.nodes if node.op == "call_function"]
print(len(operations), "steps, the last three:", operations[-3:])

# %% [markdown]
# The file is written and read again, and gets other numbers of pictures than the example had. Its outputs must be those
# of the network: `torch.testing.assert_close` is silent where two tensors agree, here to 0.0001, and stops where they
# don't.

# %%
pt2 = workplace / "model.pt2"
torch.export.save(program, pt2)
exported = torch.export.load(pt2).module()

# %%
pictures = torch.stack([recorded(load_rgb(file)) for file in files[:40]])
with torch.inference_mode():
    for count in [1, 7, 40]:
        outputs = exported(pictures[:count])
        torch.testing.assert_close(outputs, model(pictures[:count]), atol=1e-4, rtol=0)
        print(f"{count:>2} pictures, outputs of shape {tuple(outputs.shape)}")

# %% tags=["proof"]
assert "Never load data from an untrusted source" in torch.export.load.__doc__, "PyTorch no longer warns of .pt2 files"

# %% [markdown]
# > Keep this kind of file among friends. A part of a `.pt2` is a pickle, and PyTorch's own documentation says of
# > `torch.export.load` what we said of pickles: never load data from an untrusted source. With strangers exchange
# > safetensors, or the file of the next section.
#
# Height and width have become fixed. That is no loss: another size is refused now, and we have seen what it costs.

# %%
try:
    exported(torch.randn(2, 3, size + 16, size + 16))
except (AssertionError, RuntimeError) as error:
    print("refused:", type(error).__name__)

# %% [markdown]
# ## ONNX
#
# **ONNX** is such a file that other programs read, too: in C++, in a browser, on a telephone. It holds numbers and the
# names of operations, no code of Python. `onnxruntime` is the program that runs it, below with one thread
# (`intra_op_num_threads`) on the CPU (`providers`). `dynamo=True` chooses the exporter that builds on `torch.export`;
# `verbose=False` keeps it from reporting its progress.

# %%
onnx_file = workplace / "model.onnx"
onnx_program = torch.onnx.export(
    model, (example,), dynamo=True, verbose=False, dynamic_shapes=({0: batch},),
    input_names=["images"], output_names=["logits"],
)  # fmt: skip

# %% [markdown]
# Neither file knows the names of the classes or how pictures are prepared. ONNX has room for notes. We write the record
# into it, so that weights and record cannot be parted:

# %%
import json

onnx_program.model.metadata_props["classes"] = json.dumps(run.classes)
onnx_program.model.metadata_props["size"] = str(run.settings.size)
onnx_program.save(onnx_file)

# %%
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
print("takes:", session.get_inputs()[0].name, session.get_inputs()[0].shape)
print("notes:", dict(sorted(session.get_modelmeta().custom_metadata_map.items())))


def by_onnx(images):
    return session.run(["logits"], {"images": images.numpy()})[0]


# %%
with torch.inference_mode():
    for count in [1, 7, 40]:
        outputs = by_onnx(pictures[:count])
        np.testing.assert_allclose(outputs, model(pictures[:count]).numpy(), atol=1e-4, rtol=0)
        print(f"{count:>2} pictures, outputs of shape {outputs.shape}")

# %% [markdown]
# `onnxruntime` is given NumPy arrays and knows nothing of torch. Sizes and latencies, each on one thread:

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)
ways = {"PyTorch": model, "torch.export": exported, "ONNX": by_onnx}
written = {"PyTorch": run_folder / "best.safetensors", "torch.export": pt2, "ONNX": onnx_file}
rows = {}
with torch.inference_mode():
    for name, way in ways.items():
        rows[name] = {"file, MB": written[name].stat().st_size / 1e6}
        for count in [1, 16]:
            milliseconds = median_ms(way, pictures[:count], 160 // (count + 7))
            rows[name][f"{count} at once, ms"] = milliseconds
torch.set_num_threads(threads_before)
sizes = pd.DataFrame(rows).T
sizes.round(1)

# %% tags=["proof"]
megabytes = sizes["file, MB"]
assert megabytes.max() < 1.05 * megabytes.min(), f"the files differ: {megabytes.to_dict()}"
if course.profile == "sample":  # one picture of 224 pixels keeps a core busy, a batch gains little
    alone, together = sizes.loc["PyTorch", ["1 at once, ms", "16 at once, ms"]]
    assert together / 16 < alone, f"PyTorch: {alone:.1f} ms alone, {together / 16:.1f} ms in a batch"

# %% [markdown]
# The files are as large as the weights: the steps hardly count. `torch.export` runs the same operations as PyTorch and
# is not meant to be faster by itself; a compiler can start from its file. `onnxruntime` first joins operations that
# follow each other, such as a convolution and its BatchNorm. See in your table what it gains on your computer.
#
# Divide the last column by 16. At 64 pixels a picture of a batch costs PyTorch less than one alone, so a server might
# collect the pictures that wait, and give them to the network together (**micro-batching**). The course has
# [measured it](../benchmarks/README.md#serving_rate): for small pictures and very many clients it pays, for pictures of
# 224 pixels, which keep a core busy one by one, it does not. So our program stays simple. On a GPU, measure again.
#
# **Check yourself.** A colleague gets your `model.onnx` and a photograph. What does she still have to know?
# <details><summary>Answer</summary>
#
# How the photograph is decoded, resized, cropped and normalized, and what the outputs mean: logits, one per class. Size
# and classes stand in our notes. Mean, standard deviation and how much larger than the crop it is resized should stand
# there, too, or be steps of the exported network.
#
# </details>
#
# > **Common mistake.** Two of the tutorials behind this course leave BatchNorm in train mode where the network should
# > rest. On a server that takes one forgotten line: no `eval()`. Each visitor sends one picture. They come in random
# > order; one class after the other, as the files lie, would do harm of its own:

# %% tags=["nbval-ignore-output"]
careless = run.load_model().train()
val_set = open_split(root, "val", recorded, run.classes)
order = torch.randperm(len(val_set), generator=torch.Generator().manual_seed(0)).tolist()
alone = torch.empty(len(val_set), len(run.classes))
with torch.inference_mode():
    for number in order:
        alone[number] = careless(val_set[number][0][None])[0]
afterwards, labels = predict(careless, DataLoader(val_set, 51))
scores = {"eval mode": chances["as recorded"], "train mode": alone, "eval, after": afterwards}
right = {name: of.argmax(dim=1) == labels for name, of in scores.items()}
accuracies = {name: of.float().mean().item() for name, of in right.items()}
pd.Series(accuracies, name="accuracy").round(3).to_frame()

# %% tags=["proof"]
assert not torch.equal(careless.bn1.running_mean, model.bn1.running_mean), "the running averages have not moved"
assert torch.equal(run.load_model().bn1.running_mean, model.bn1.running_mean), "the file has changed"
assert not run.load_model().training, "load_model returns a network in train mode"
if course.profile == "sample":  # what train mode costs on the photographs is not known
    assert accuracies["eval mode"] - accuracies["train mode"] > 0.1, f"{accuracies}"
    assert accuracies["eval mode"] - accuracies["eval, after"] > 0.1, f"{accuracies}"

# %%
shutil.rmtree(workplace, ignore_errors=True)  # cells above need it: repeat them from the top

# %% [markdown]
# > In train mode a picture is normalized with its own mean and variance, which the network has never seen in use, and
# > nothing complains. And every visitor has moved the running averages, on which eval mode relies: *eval, after* is the
# > same network, put into eval mode when all had gone. It stays changed until somebody loads the weights again; their
# > file is as it was. `load_model` returns networks in eval mode, and `predict` sees to it again.
#
# ## Summary
#
# - A server turns requests into responses; Flask calls a function for each method and path, and a test client tries it.
# - Load the network once, in eval mode, and prepare pictures by the run's own record; other ways fail silently.
# - Uploads are turned upright, made RGB or refused, by size before they are unpacked: 400, 413, 415, 422, never 500.
# - In a crowd everyone waits longer, since the cores are shared; report p50 and p99, and stop what you started.
# - Exports hold weights and steps; check the outputs, and give size, preparation and classes along.
#
# **Exercises**: [13 exercises](exercises/13_deployment_flask.ipynb)
#
# **Next**: [14 · The debugging clinic](14_debugging_clinic.ipynb)
