# %% [markdown]
# # 13 · Deployment with Flask
#
# Your trained network moves behind a web page: somebody drops a picture on it and reads an answer. You build the server
# step by step, find out what breaks it, and write the network into a file for other programs.
#
# **Time** about 60 minutes, of which the computer works 50 seconds · **Before this**
# [lesson 06](06_fine_tuning.ipynb), [lesson 10](10_from_notebook_to_script.ipynb)
#
# **You will learn to**
#
# - put a network behind a page and a JSON interface with Flask, and try both without a browser
# - prepare pictures exactly as in training, and measure what any other way costs
# - answer whatever people upload: with a result, with a fitting refusal, or with a doubt
# - let many clients ask a real server at once, and read its latencies
# - export a network to ONNX, prove that the numbers stay the same, and let the server gain by it

# %% [markdown]
# ## What you will have
#
# ![The page of the serving program: a drawn bee, and below it a bar for each class](figures/serving_page.webp)
#
# This page answers with *your* network, in a few minutes. Open a terminal in the folder of the course: in JupyterLab
# choose *File → New → Terminal*. If you have no run folder of lesson 10, make one; this fine-tunes the pretrained
# network on small pictures, and takes a minute or two. (On Windows, write `.venv\Scripts\python`.)
#
# ```
# .venv/bin/python -m course_utils.train --data data/hymenoptera --model pretrained_resnet18 --size 64 --output runs/a
# .venv/bin/python -m course_utils.serving runs/a
# ```
#
# After some seconds the second program prints an address, `http://127.0.0.1:8000`. Open it in a browser and drop
# pictures from `data/hymenoptera/test` on the page. (Where another program has that address, add `--port 8001`.)
# Programs ask the same server without the page, this one from a second terminal:
#
# ```
# curl -F file=@data/hymenoptera/test/ants/ants_000.jpg http://127.0.0.1:8000/predict
# ```
#
# Ctrl-C in the first terminal stops the server. The rest of this lesson builds that program,
# [course_utils/serving.py](../course_utils/serving.py).

# %%
import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps

# %%
from course_utils import eval_transform, hymenoptera, load_rgb, open_run, open_split, predict, setup
from course_utils.train import main as train_program

course = setup(seed=0, lesson="13")

# %% [markdown]
# The notebook makes a run of its own, quickly: the head alone, three epochs. `main` is the training program of lesson
# 10, and we catch what it prints.

# %%
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
# That folder is all the server gets: the weights, and in `config.json` what makes them useful, the network's name, the
# size of the pictures and the names of the classes.

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
# program. The client sends a **request**, the server answers with a **response**. Both follow **HTTP**, an agreement
# on what such messages look like. An address such as `http://127.0.0.1:8000/health` names the computer (127.0.0.1 is
# always *this one*), the **port**, which of its programs is meant, and the **path**, what is wanted of it.
#
# Both messages are text. A request begins with a **method** and the path: `GET` asks for something, `POST` brings
# something along, such as a picture. A response begins with a **status code**: 2xx means that all went well, 4xx that
# the client made a mistake, 5xx that the server did. At the end comes the **body**.
#
# **Flask** takes such texts apart and calls a function of ours. `@app.get("/")` ties a method and a path to the
# function below it: a **route**. A text that it returns goes out as a web page, a dictionary as **JSON**, the text
# format of lesson 10. (In a file you would write `Flask(__name__)`. A notebook is no file, so we give a name.)

# %%
from flask import Flask

hello = Flask("hello")


# %%
@hello.get("/")
def page():
    return "<h1>Hello</h1>"


# %%
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
# The last two nobody programmed: 404 says that there is nothing at this path, 405 that it does not take this method.
# `/health` belongs to every server that is meant to stay: other programs ask it every minute whether all is well.
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

# %% [markdown]
# ## A network that answers
#
# Now a route that takes a picture. Browsers send files as a **form**, a body made of parts with names, its **fields**;
# Flask puts the files among them into `request.files`. We call our field `file`. The first version does what one would
# write in a notebook, all of it at every request. (`[None]` makes a batch of one.)

# %%
from flask import request


def obvious_app(run_folder):
    app = Flask("obvious")

    @app.post("/predict")
    def answer():
        run = open_run(run_folder)
        model = run.load_model()
        picture = Image.open(request.files["file"]).convert("RGB")
        images = eval_transform(run.settings.size)(picture)[None]
        with torch.inference_mode():
            probs = model(images)[0].softmax(dim=0)
        return dict(zip(run.classes, probs.tolist()))

    return app


# %% [markdown]
# `load_model` builds the network, reads `best.safetensors` and calls `eval()`. We send a validation picture as bytes:
# that is what travels. The test client takes a file as a pair, something that can be read like an open file (`BytesIO`
# makes it of bytes) and a name.

# %%
files = [path for path, label in open_split(root, "val").samples]
contents = [file.read_bytes() for file in files]
print(len(contents), "pictures; the first one has", len(contents[0]), "bytes")


# %%
def send(app, content, path="/predict", name="picture.jpg"):
    return app.test_client().post(path, data={"file": (io.BytesIO(content), name)})


response = send(obvious_app(run_folder), contents[0])
print(response.status_code, *response.get_json())

# %% [markdown]
# It works: status 200, and JSON with a probability for each of the two names. But the network is built, and its
# weights are read, again for everyone. So load it *once, when the server starts*:


# %%
def load_once_app(run_folder):
    run = open_run(run_folder)
    model, transform = run.load_model(), eval_transform(run.settings.size)
    app = Flask("once")

    @app.post("/predict")
    def answer():
        picture = Image.open(request.files["file"]).convert("RGB")
        with torch.inference_mode():
            probs = model(transform(picture)[None])[0].softmax(dim=0)
        return dict(zip(run.classes, probs.tolist()))

    return app


# %% [markdown]
# Five pictures to both, and the median times:

# %% tags=["nbval-ignore-output"]
apps = {"loaded for each request": obvious_app, "loaded once": load_once_app}
medians, said = {}, {}
for name, make in apps.items():
    app, seconds = make(run_folder), []
    for content in contents[:5]:
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
# ## Prepared as in training
#
# The network has learned from pictures that were resized, cropped and normalized in one particular way. Our app takes
# that way from the run, so there is nothing to get wrong. Those who type the steps again do get them wrong, and no
# error tells them. Some usual mistakes (swapped colours come from the library OpenCV, which reads pictures as blue,
# green, red):

# %%
from torchvision.transforms import v2

recorded = eval_transform(size)
resize, crop, to_image, to_float, normalize = recorded.transforms
other_size = size // 2
blue_green_red = v2.Lambda(lambda image: image.flip(0))  # axis 0: the colours
ways = {
    "as recorded": [resize, crop, to_image, to_float, normalize],
    "squashed to a square": [v2.Resize((size, size)), to_image, to_float, normalize],
    "blue and red swapped": [resize, crop, to_image, to_float, blue_green_red, normalize],
    f"size {other_size}": eval_transform(other_size).transforms,
    "other mean and std": [resize, crop, to_image, to_float, v2.Normalize([0.5] * 3, [0.5] * 3)],
    "Normalize forgotten": [resize, crop, to_image, to_float],
}

# %% [markdown]
# **Guess first:** which of the five costs most, and which one nothing at all? Photographs are wider than high and our
# drawings are square, so we cut the drawings to 4 : 3 first. All ways get the same network and the same validation
# pictures:

# %% tags=["nbval-ignore-output", "fold"]
from torch.utils.data import DataLoader

model = run.load_model()
landscape = course.pick(sample=[v2.CenterCrop((72, 96))], full=[])
probs, rows = {}, {}
for way, steps in ways.items():
    val_set = open_split(root, "val", v2.Compose([*landscape, *steps]), run.classes)
    logits, labels = predict(model, DataLoader(val_set, 51))
    probs[way] = logits.softmax(dim=1)
    preds, usual = probs[way].argmax(dim=1), probs["as recorded"].argmax(dim=1)
    accuracy = (preds == labels).float().mean().item()
    rows[way] = {"accuracy": accuracy, "other answers": (preds != usual).float().mean().item()}
pd.DataFrame(rows).T.round(3)

# %% tags=["proof"]
assert len(files) == 153, f"{len(files)} pictures"
for way, row in rows.items():
    assert way == "as recorded" or not torch.allclose(probs[way], probs["as recorded"]), f"{way} changes nothing"
if course.profile == "sample":  # what a way costs on the photographs is not known
    cost = {way: rows["as recorded"]["accuracy"] - row["accuracy"] for way, row in rows.items()}
    assert rows["Normalize forgotten"]["accuracy"] <= 0.6, "without Normalize it is better than a coin"
    assert min(cost["size 32"], cost["other mean and std"]) > 0.08, f"wrong size, wrong constants: {cost}"
    assert cost["squashed to a square"] < 0.06, f"squashing costs more than two standard errors: {cost}"
    assert min(row["other answers"] for row in list(rows.values())[1:]) >= 0.07, f"other answers: {rows}"
    right = rows["as recorded"]["accuracy"]
    error = (right * (1 - right) / len(files)) ** 0.5
    assert 0.02 < error < 0.035, f"standard error {error:.3f}"

# %% [markdown]
# (Open the cell above. The first row is not the accuracy of the run where the pictures have been cut.) On the drawn
# pictures the network is no better than a coin without `Normalize`, and the wrong size and the wrong constants cost a
# good part of what was learned. Squashing is the treacherous one: what it costs is hidden in the standard error of 153
# pictures, about three points, and yet many a picture gets another answer. Whoever looks at the accuracy alone ships
# it.

# %%
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.7), sharey=True, layout="constrained")
for ax, way in zip(axes, ["squashed to a square", "blue and red swapped", "Normalize forgotten"]):
    ax.axline((0, 0), slope=1, color="grey", linestyle="--")
    ax.axvline(0.5, color="grey", linewidth=0.8)
    ax.axhline(0.5, color="grey", linewidth=0.8)
    ax.scatter(probs["as recorded"][:, 1], probs[way][:, 1], s=16, alpha=0.5)
    ax.set(title=way, xlabel=f"P({run.classes[1]}), as recorded", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel(f"P({run.classes[1]}), served like this")
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # the dots of the photographs are not known
    bees = {way: chance[:, 1] for way, chance in probs.items()}
    follows = {way: np.corrcoef(bees["as recorded"], chance)[0, 1] for way, chance in bees.items()}
    assert min(follows, key=follows.get) == "Normalize forgotten", f"correlations {follows}"
    ants = (bees["Normalize forgotten"] < 0.5).float().mean().item()
    assert ants > 0.65 and follows["Normalize forgotten"] < 0.4, f"{ants:.0%} are called ants, correlations {follows}"

# %% [markdown]
# Each dot is a picture. If serving agreed with training, all would lie on the dashed line. Dots in the upper left and
# lower right quarter get another answer. With the drawn pictures, the answers on the right hardly follow the usual
# ones: most pictures are called ants, whatever they show.

# %% [markdown]
# ## What people upload
#
# A page on the web is given everything: photographs from telephones held sideways, scans with 16 bits per pixel, print
# files in **CMYK** (four inks instead of red, green and blue), half a download, an error page called `.jpg`. And some
# people try to break it. Let us make one of each from a picture of ours. (`* 257` spreads 0 to 255 over 16 bits. Under
# the number `0x0112` a camera notes how it was held.)

# %%
picture = load_rgb(files[2])
hole = picture.convert("RGBA")
hole.paste((0, 0, 0, 0), (0, 0, picture.width // 2, picture.height))
deep = Image.fromarray(np.asarray(picture.convert("L"), dtype=np.uint16) * 257)
lying = picture.transpose(Image.Transpose.ROTATE_90)
mark = Image.Exif()
mark[0x0112] = 6  # "turn me clockwise by a quarter"


# %%
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
# A few kilobytes, and yet it holds 36 million pixels: it is blank, and blank packs well. Unpacked it takes over 100
# megabytes, and somebody may send it twenty times at once. This is a **decompression bomb**.
#
# What does the app say? It writes the exceptions that it does not catch to `stderr`; we catch that.


# %%
def ask_about_all(app):
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
obvious = ask_about_all(load_once_app(run_folder))
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
    assert float(obvious.loc["held sideways", "P(ants)"]) > 0.5, f"the ant is not recognized lying: {obvious}"

# %% [markdown]
# Three visitors who sent rubbish are told that the *server* has failed. Worse are the quiet ones. What was held
# sideways was not turned (this ant is recognized all the same), 16 bits and the transparent half have lost what they
# had to go by (with the drawing they are near one half), and the blank giant and the line of pixels were answered as if
# they showed something.
#
# ### What deserves an answer
#
# Turn pictures as the camera's mark says, divide 16-bit values by 256, lay what is transparent on white paper
# (`alpha_composite` lays one picture on another), and only then convert:


# %%
def as_seen(opened):
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


# %% [markdown]
# This is the core of `load_rgb`, with which training opened its files (lesson 08); `assert_array_equal` stops the cell
# where a pixel differs.

# %%
fig, axes = plt.subplots(2, 4, figsize=(9, 5))
for (above, below), name in zip(axes.T, list(uploads)[1:5]):
    opened = Image.open(io.BytesIO(uploads[name]))
    np.testing.assert_array_equal(as_seen(opened), load_rgb(io.BytesIO(uploads[name])))
    above.imshow(opened.convert("RGB"))
    below.imshow(as_seen(opened))
    above.set_title(f"{name}\nconvert alone")
    below.set_title("as seen")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()

# %% tags=["proof"]
white = np.asarray(Image.open(io.BytesIO(uploads["16 bits"])).convert("RGB")) == 255
assert white.mean() > 0.95, f"{white.mean():.0%} of the 16 bits became white"
black = Image.open(io.BytesIO(uploads["half transparent"])).convert("RGB").getpixel((0, 0))
assert black == (0, 0, 0), f"what is transparent became {black}"

# %% [markdown]
# Above is what the network got so far. Of the 16 bits a white sheet was left, for `convert` cuts values off at 255.
# What is transparent became black, the colour that happened to lie underneath. Below is what training would have seen.
#
# ### What deserves a refusal
#
# `abort(415, message)` ends the answering of a request with that status. Which status says what?
#
# | status | means | here |
# |---|---|---|
# | 400 | the request makes no sense | no file in it |
# | 413 | too large | too many bytes, or too many pixels |
# | 415 | not a kind that is taken | a web page, a PDF |
# | 422 | the right kind, but it cannot be worked with | half a file, a line of pixels |
#
# Pillow's `open` reads only the head of a file, which tells format and size; the pixels are unpacked when they are
# needed. So the size is checked first. `FORMATS` are the few formats that we want to decode: Pillow knows dozens, and
# every decoder is a door. `UNREADABLE` lists what Pillow raises when a file is damaged, more than one would think. A
# `DecompressionBombError` is Pillow's own limit, about five times our giant.

# %%
from flask import abort, render_template_string
from PIL import UnidentifiedImageError

from course_utils.data.images import UNREADABLE
from course_utils.serving import FORMATS


def read_picture(stream):
    if not stream.read(1):  # `open` goes back to the start
        abort(400, "The file is empty.")
    try:
        with Image.open(stream, formats=FORMATS) as opened:
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
# Never open or save anything under a name that a visitor has sent, for it may be a path.
#
# Flask itself refuses a body of more than `MAX_CONTENT_LENGTH` bytes, with 413, and a request without the field that we
# take from `request.files`, with 400. And a program that asked for JSON should get its refusals as JSON, too. `abort`
# and Flask's own refusals raise an `HTTPException`; for it we register a **handler**, a function that makes the
# response. It returns what is sent, and its status.

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


refusable = dict(list(uploads.items())[5:])
refusable |= {"11 MB": bytes(11_000_000), "usual": uploads["usual"]}
for name, content in refusable.items():
    response = send(limited, content)
    message = next(iter(response.get_json().values()))
    print(f"{name:<12} {response.status_code}  {str(message)[:60]}")

# %% tags=["proof"]
told = [send(limited, content).status_code for content in refusable.values()]
assert told == [415, 422, 400, 413, 422, 413, 200], f"the statuses are {told}"

# %% [markdown]
# ## A picture that is neither
#
# Now the picture that everybody drops on the page first: a face, a cat, a cup of coffee. It is a good picture in a good
# format. **Guess first:** what does a network say of a cat that knows ants and bees and nothing else?

# %%
from course_utils import locate, show_answers

rng = np.random.default_rng(0)
names = ["cat", "coffee", "astronaut", "photographer", "rocket"]
photographs = [load_rgb(locate("photos") / f"{name}.jpg") for name in names]
noise = [Image.fromarray(rng.integers(256, size=(96, 96, 3), dtype=np.uint8)) for _ in range(30)]
plain = [Image.new("RGB", (96, 96), tuple(rng.integers(256, size=3).tolist())) for _ in range(30)]


def logits_of(pictures):
    images = torch.stack([recorded(picture) for picture in pictures])
    return predict(model, [(images, torch.zeros(len(images)))])[0]


# %% tags=["nbval-ignore-output", "fold"]
shown = [*photographs[:4], noise[0], plain[0]]
answers = [dict(zip(run.classes, row.softmax(dim=0).tolist())) for row in logits_of(shown)]
show_answers(shown, answers, title="The network knows ants and bees")
plt.show()

# %% tags=["proof"]
surest = max(max(answer.values()) for answer in answers)
assert all(abs(sum(answer.values()) - 1) < 1e-5 for answer in answers), f"probabilities: {answers}"
if course.profile == "sample":  # how sure it is of these depends on the photographs it has learned from
    assert surest > 0.8, f"it is at most {surest:.0%} sure"

# %% [markdown]
# (Open the cell above.) It names all of them, and with the drawn pictures it is surer of one of them than of many an
# ant. Softmax shares 100 % out among the classes there are; *none of these* is not among them. The photographer's
# 96 % mean: more a bee than an ant.
#
# A cheap remedy is a **threshold**: below a certain score the server answers *I do not know this*. Which score? The
# obvious one is the highest probability. Another one, the **energy score**, looks at the logits before softmax compares
# them: `logsumexp`, the logarithm of the sum of their exponentials, is a smooth maximum. It is small where no class
# finds anything of its own. Both thresholds are chosen on validation pictures, so that 5 % of them are refused, and
# judged on the test pictures and the strangers (`FiveCrop` cuts out the corners and the middle):

# %%
scores = {
    "highest probability": lambda logits: logits.softmax(dim=1).amax(dim=1),
    "energy score": lambda logits: logits.logsumexp(dim=1),
}
crops = []
for photograph in photographs:
    crops += v2.FiveCrop(min(photograph.size) * 2 // 3)(photograph)
strangers = {"pieces of photographs": crops, "noise": noise, "one colour": plain}
val_pictures, test_pictures = ([load_rgb(path) for path, _ in open_split(root, split).samples]
                               for split in ["val", course.pick(sample="test", full="val")])  # fmt: skip

# %% tags=["nbval-ignore-output"]
groups = {"ants and bees": test_pictures} | strangers
refused = pd.DataFrame(index=list(groups), columns=list(scores), dtype=float)
val_logits = logits_of(val_pictures)
for group, pictures in groups.items():
    logits = logits_of(pictures)
    for name, score in scores.items():
        threshold = score(val_logits).quantile(0.05)
        refused.loc[group, name] = (score(logits) < threshold).float().mean().item()
print("share that is refused:")
refused.round(2)

# %% tags=["proof"]
assert refused.loc["ants and bees"].max() < 0.2, f"{refused}"
if course.profile == "sample":  # another network is sure of other things
    assert refused.loc["noise", "energy score"] > 0.9 > 0.1 > refused.loc["noise", "highest probability"], f"{refused}"
    assert refused.loc["one colour", "energy score"] > refused.loc["one colour", "highest probability"], f"{refused}"
    assert refused.loc["pieces of photographs"].max() < 0.5, f"{refused}"

# %% [markdown]
# Here, the highest probability lets all of the noise through: the network is *sure* of it. The energy score stops the
# noise and most of what shows nothing, at the price of some ants and bees. But most other photographs pass both. A
# threshold knows rubbish from pictures, but not one picture from another.
#
# What helps more costs more: a class *something else*, trained with many such pictures; or the distance to the nearest
# training picture in the features of lesson 07. What always helps is to say on the page which classes the network
# knows.

# %% [markdown]
# **Try it.** Our flowers are drawn in the same way. Does the energy score refuse them?
# <details><summary>What we saw</summary>
#
# ```python
# drawn_flowers = [load_rgb(path) for path in sorted(Path("../data/flowers/images").glob("*.jpg"))[:60]]
# limit = val_logits.logsumexp(dim=1).quantile(0.05)
# print((logits_of(drawn_flowers).logsumexp(dim=1) < limit).float().mean())
# ```
#
# About three in ten are, and that is far from enough. With pictures so near to what the network has learned, no
# threshold on its answers can be relied on.
#
# </details>

# %% [markdown]
# ## The whole app
#
# Two parts are missing. With a hundred classes nobody wants a hundred numbers: **top-k** means the k likeliest, the
# likeliest first. JSON knows neither tensors nor their numbers; `tolist` makes Python's own. How many are wanted comes
# with the address, `/predict?top_k=3`. What stands behind the question mark is in `request.args`, as text, and may be
# nonsense like everything else:


# %%
def likeliest(logits, classes, k):
    found = logits.softmax(dim=0).topk(min(k, len(classes)))
    pairs = zip(found.indices.tolist(), found.values.tolist())
    return [{"class": classes[label], "probability": value} for label, value in pairs]


# %%
def wanted():
    text = request.args.get("top_k", "5")
    if not text.isdecimal() or int(text) < 1:
        abort(400, f"top_k is {text!r}, it must be a whole number, 1 or more.")
    return int(text)


# %%
for answer in likeliest(torch.tensor([0.0, 2.0, 1.0]), ["ant", "bee", "wasp"], 2):
    print(answer)

# %% [markdown]
# And the page. It is text in the language **HTML**: tags in angle brackets say what is a heading and what an image.
# Between `<script>` tags stands JavaScript, which runs in the browser of the visitor. Ours waits for a file, sends it
# to `/predict` and writes down what comes back: `FormData` is the form, `fetch` sends it, `await` waits for the answer.
# What stands in double braces is filled in by Flask.

# %%
PAGE = """<!doctype html>
<title>What is in the picture?</title>
<h1>What is in the picture?</h1>
<p>The network knows {{ classes | join(", ") }} and nothing else. <input type="file" id="file"></p>
<pre id="answer"></pre>
<script>
  const [file, answer] = document.querySelectorAll("#file, #answer")
  file.onchange = async () => {
    const form = new FormData()
    form.append("file", file.files[0])
    const response = await fetch("predict", {method: "POST", body: form})
    answer.textContent = JSON.stringify(await response.json(), null, 2)
  }
</script>
"""

# %% [markdown]
# What comes from elsewhere, a class name or the name of a file, is put in as *text*, by Flask in the braces and by
# `textContent` in the script. Pasted into the HTML, a class called `<script>…` would run in every visitor's browser.

# %%
def my_app(run_folder, network=None):
    run = open_run(run_folder)
    model, transform = network or run.load_model(), eval_transform(run.settings.size)
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
        k = wanted()  # first: nonsense is refused before anything is computed
        images = transform(read_picture(request.files["file"].stream))[None]
        with torch.inference_mode():
            logits = model(images)[0]
        return {"predictions": likeliest(logits, run.classes, k)}

    return app


# %% [markdown]
# `create_app` in [serving.py](../course_utils/serving.py) is this app with a better page, whose template is [a
# file](../course_utils/templates/serving.html), and messages that say more. Both should answer alike:

# %%
from course_utils.serving import create_app

# %%
mine, app = my_app(run_folder), create_app(run_folder)
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
early = send(mine, uploads["error page"], "/predict?top_k=two")
assert early.status_code == 400, f"a wrong top_k is refused after the picture is read: {early.status_code}"
front = mine.test_client().get("/")
assert front.status_code == 200 and all(name in front.text for name in run.classes), front.text

# %% [markdown]
# ## A real server, and a crowd
#
# The test client called our functions directly. A **production server** listens at a port, takes many connections at
# once, and calls the app in one of several threads. Flask has a server built in, which is meant for trying out;
# **waitress** is meant to stay, and `python -m course_utils.serving` hands the app to it.
#
# Two rules of safety. Never start an app that others can reach with `debug=True`: its error pages let visitors run
# Python on your computer. And never load weights of strangers from a **pickle**, the format in which Python writes any
# object to a file: it may run any code while it is loaded. A safetensors file holds numbers and nothing else.
#
# We start the program as a process of its own, at any free port (`--port 0`); its first line ends in the address.
# `contextmanager` makes a `with` block of a function: what stands in `finally` happens at its end, even if something
# fails in between.

# %%
import subprocess
import sys


@contextlib.contextmanager
def serving():
    command = [sys.executable, "-m", "course_utils.serving", str(run_folder), "--port", "0"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, encoding="utf-8", **output)
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate()


# %% [markdown]
# How does it bear a crowd? We take down how long each picture waits for its answer, its **latency**. A crowd is several
# clients in as many **threads**, lines of work in the same process: `ThreadPoolExecutor(8)` keeps eight, and its `map`
# gives the next picture to whichever is free and returns the results in the order of the pictures. The library
# `requests` is the client. (Each picture has a connection of its own, as from a new visitor; `trust_env = False` keeps
# out a company's proxy.)

# %%
from concurrent.futures import ThreadPoolExecutor

import requests
from tqdm import tqdm


def in_order(answer):
    probability = {one["class"]: one["probability"] for one in answer["predictions"]}
    return [probability[name] for name in run.classes]


def ask(address, content):
    start = perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(f"{address}/predict", files={"file": ("a.jpg", content)})
    return in_order(response.json()), perf_counter() - start


def crowd(address, clients, count=48):
    start = perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = pool.map(lambda content: ask(address, content), contents[:count])
    answers, seconds = zip(*found)
    return np.array(answers), np.array(seconds), perf_counter() - start


# %% [markdown]
# Averages hide those who wait longest. **p50** is the latency that half of the requests stay below (the median),
# **p99** the one that only one in a hundred exceeds. (With 48 requests p99 is little else than the slowest.)

# %% tags=["nbval-ignore-output"]
client = requests.Session()
client.trust_env = False
answered, latencies, rows = {}, {}, {}
with serving() as address:
    about = client.get(f"{address}/health").json()
    crowd(address, 4, count=4)  # to warm up
    for clients in tqdm([1, 8, 32], file=sys.stdout, leave=False):
        answered[clients], latencies[clients], total = crowd(address, clients)
        p50, p99 = np.percentile(1000 * latencies[clients], [50, 99])
        rows[clients] = {"answers per second": 48 / total, "p50, ms": p50, "p99, ms": p99}
table = pd.DataFrame(rows).T.rename_axis("clients")
print(about)
table.round(1)

# %% tags=["proof"]
p50, rate = table["p50, ms"], table["answers per second"]
assert about["status"] == "ok" and about["classes"] == run.classes, about
assert p50[32] > 2 * p50[1], f"p50 {p50[1]:.0f} ms with 1 client, {p50[32]:.0f} ms with 32"
assert rate[32] < 2 * rate[8], f"{rate[8]:.0f} answers per second with 8 clients, {rate[32]:.0f} with 32"
assert 0.5 < 8 / rate[8] / (p50[8] / 1000) < 2, f"8 clients: {8 / rate[8]:.3f} s, p50 {p50[8] / 1000:.3f} s"

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
everyone = 1000 * np.concatenate(list(latencies.values()))
bins = np.geomspace(everyone.min(), everyone.max(), 40)
for clients, seconds in latencies.items():
    ax.hist(1000 * seconds, bins, alpha=0.7, label=f"{clients} client{'s' * (clients > 1)}")
ax.set(xscale="log", xlabel="latency in milliseconds", ylabel="pictures")
ax.set_title("48 pictures, asked for by a crowd")
ax.legend()
plt.show()

# %% tags=["proof"]
medians = [np.median(seconds) for seconds in latencies.values()]
assert medians[-1] > medians[0], f"{medians} seconds: a crowd waits longer than one client"

# %% [markdown]
# Four times as many clients do not get four times as many answers per second: the cores are busy already, so everyone
# waits in a queue. Has every visitor got the answer to their own picture? We know what the network says to each:

# %%
val_loader = DataLoader(open_split(root, "val", recorded, run.classes), 51)
usual, labels = predict(model, val_loader)
direct = usual.softmax(dim=1)[:48].numpy()
for answers in answered.values():
    np.testing.assert_allclose(answers, direct, atol=1e-4)

# %% tags=["proof"]
swapped = np.roll(direct, 1, axis=0)
assert not np.allclose(swapped, direct, atol=1e-4), "answers given to the wrong visitors would not be noticed"

# %% [markdown]
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
# Of which parts is the latency of a single client made? Torch gets one thread, as in the server: with more, the threads
# of many requests would wait for one another.


# %%
def median_ms(work, argument, count=20):
    seconds = []
    for _ in range(count):
        start = perf_counter()
        work(argument)
        seconds.append(perf_counter() - start)
    return 1000 * np.median(seconds)


# %% tags=["nbval-ignore-output"]
threads_before = torch.get_num_threads()
torch.set_num_threads(1)
telephone = io.BytesIO(encoded(picture.resize((4000, 3000)), "JPEG"))
with torch.inference_mode():
    parts = {
        "decoding our drawing": median_ms(load_rgb, files[0]),
        "decoding 12 million pixels": median_ms(load_rgb, telephone, count=3),
        "resize, crop, normalize": median_ms(recorded, picture),
        "the network": median_ms(model, recorded(picture)[None]),
    }
torch.set_num_threads(threads_before)
ax = pd.Series(parts).iloc[::-1].plot.barh(figsize=(8, 2.2), xlabel="milliseconds")
ax.bar_label(ax.containers[0], fmt=" %.1f")
plt.show()

# %% tags=["proof"]
if course.profile == "sample":  # pictures of 224 pixels keep the network busy for longer
    assert parts["the network"] > parts["decoding our drawing"] + parts["resize, crop, normalize"], f"{parts}"
    assert parts["decoding 12 million pixels"] > 50 * parts["decoding our drawing"], f"milliseconds: {parts}"
    assert parts["decoding 12 million pixels"] > 0.5 * parts["the network"], f"milliseconds: {parts}"

# %% [markdown]
# With our tiny drawings the network takes longest. Decoding a telephone's twelve million pixels takes more than fifty
# times as long as decoding a drawing, and its share is no longer small. So measure with what people will send.

# %% [markdown]
# **Try it.** A JPEG decoder can leave out what is not needed: `draft` says how large the picture has to be.
# <details><summary>What we saw</summary>
#
# ```python
# opened = Image.open(telephone)
# opened.draft("RGB", (2 * size, 2 * size))
# start = perf_counter()
# print(opened.convert("RGB").size, f"{1000 * (perf_counter() - start):.0f} ms")
# ```
#
# 500 × 375 pixels, in a small part of the time: the decoder works with an eighth of each side.
#
# </details>

# %% [markdown]
# ## ONNX: without the code of the network
#
# Our server needs Python, PyTorch and the code that builds the network. An **export** is a file that holds weights
# *and* the steps of the computation. `torch.export` follows an example through the network and writes the steps down;
# what depends on the example becomes fixed, unless we say otherwise. **ONNX** is such a file that other programs read,
# too: in C++, in a browser, on a telephone. `torch.onnx.export` makes it. (PyTorch's own kind, `.pt2`, has a pickle
# inside: among friends only.) The number of pictures shall stay open:

# %%
example = torch.randn(2, 3, size, size)
onnx_file = workplace / "model.onnx"
onnx_program = torch.onnx.export(
    model, (example,), dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("batch")},),
    input_names=["images"], output_names=["logits"],
)  # fmt: skip

# %% [markdown]
# The file knows neither the names of the classes nor how pictures are prepared. ONNX has room for notes; we write the
# record into it, so that the two cannot be parted:

# %%
import json

onnx_program.model.metadata_props["classes"] = json.dumps(run.classes)
onnx_program.model.metadata_props["size"] = str(run.settings.size)
onnx_program.save(onnx_file)

# %% [markdown]
# `onnxruntime` runs it, below with one thread on the CPU. It is given NumPy arrays and knows nothing of torch. Its
# outputs must be those of the network, for any number of pictures:

# %%
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
print("takes:", session.get_inputs()[0].name, session.get_inputs()[0].shape)
print("notes:", dict(sorted(session.get_modelmeta().custom_metadata_map.items())))


# %%
def by_onnx(images):
    return session.run(["logits"], {"images": images.numpy()})[0]


# %%
pictures = torch.stack([recorded(load_rgb(file)) for file in files[:16]])
with torch.inference_mode():
    for count in [1, 7, 16]:
        expected = model(pictures[:count]).numpy()
        np.testing.assert_allclose(by_onnx(pictures[:count]), expected, atol=1e-4, rtol=0)

# %% [markdown]
# What does it gain? On one thread, with one picture, as in the server, and with 16:

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)
rows = {}
with torch.inference_mode():
    for name, way in {"PyTorch": model, "ONNX Runtime": by_onnx}.items():
        rows[name] = {"1 picture, ms": median_ms(way, pictures[:1])}
        rows[name]["16 at once, ms"] = median_ms(way, pictures, 5)
torch.set_num_threads(threads_before)
engines = pd.DataFrame(rows).T
engines.round(1)

# %% tags=["proof"]
alone = engines["1 picture, ms"]
assert alone["ONNX Runtime"] < alone["PyTorch"], f"{engines}"

# %% [markdown]
# ONNX Runtime joins operations that follow each other, such as a convolution and its BatchNorm, and chooses layouts
# that suit the processor. A server can have that. For this `my_app` takes a network of one's choice, so we give it ours
# from the ONNX file, and eight clients ask both apps, through the test client. (`serving.py` has the flag
# `--engine onnx`: it makes the file at the start, compares its outputs with the network's, and answers with it.
# `torch.compile` was [measured, too](../benchmarks/README.md#serving_rate).)

# %% tags=["nbval-ignore-output"]
from functools import partial

with_onnx = my_app(run_folder, lambda images: torch.from_numpy(by_onnx(images)))
torch.set_num_threads(1)  # as the server does
responses, rates = {}, {}
with ThreadPoolExecutor(8) as pool:
    for name, one in {"PyTorch": mine, "ONNX": with_onnx}.items():
        start = perf_counter()
        responses[name] = list(pool.map(partial(send, one), contents[:48]))
        rates[name] = 48 / (perf_counter() - start)
        print(f"8 clients, {name}: {rates[name]:.0f} answers per second")
torch.set_num_threads(threads_before)
by_engine = [in_order(response.get_json()) for response in responses["ONNX"]]
np.testing.assert_allclose(by_engine, direct, atol=1e-4)

# %% tags=["proof"]
assert rates["ONNX"] > 0.8 * rates["PyTorch"], f"answers per second: {rates}"

# %% [markdown]
# ## From this laptop to the internet
#
# With `--host 0.0.0.0` other computers of your network reach the server. There is no password and no encryption, so
# before strangers come, go through this list. The words in bold are what to search for.
#
# | what | how it is usually done |
# |---|---|
# | the same everywhere | a **container** (Docker): Python, packages, code and run folder in one image |
# | encryption, one address | a **reverse proxy** in front (Caddy, nginx, Traefik) that speaks **TLS** |
# | who may ask, how often | a key or a login, and a **rate limit**, both in the proxy |
# | limits | ours on bytes, pixels and shape; the container's on memory; a time-out |
# | it comes back | **restart** after a crash: systemd, or the container; `/health` asked every minute |
# | what happened | a **log** line a request: when, how large, which status, how long; no pictures |
# | is it still good? | **metrics**: p50, p99, refusals, how often each class is answered; a change is **drift** |
# | which network was that? | name and date of the run in `/health` and in each answer; the old one kept |
# | many models, GPUs | **Triton** or **Ray Serve** |
# | waiting pictures as one batch | **micro-batching** [seldom pays](../benchmarks/README.md#serving_rate) on a CPU |
# | other tools | **FastAPI** in the place of Flask, **Gradio** for a page without HTML |
#
# > **Common mistake.** One forgotten line on the server, `eval()`. A hundred visitors send one picture each, in random
# > order:

# %% tags=["nbval-ignore-output"]
careless = run.load_model().train()
visitors = torch.randperm(len(usual), generator=torch.Generator().manual_seed(0))[:100]
images = torch.stack([recorded(val_pictures[number]) for number in visitors])
with torch.inference_mode():
    alone = torch.cat([careless(image[None]) for image in images])
    afterwards = careless.eval()(images)
outputs = {"eval mode": usual[visitors], "train mode": alone, "eval, after": afterwards}
accuracies = {}
for name, logits in outputs.items():
    accuracies[name] = (logits.argmax(dim=1) == labels[visitors]).float().mean().item()
pd.Series(accuracies, name="accuracy").round(3).to_frame()

# %% tags=["proof"]
assert not torch.equal(careless.bn1.running_mean, model.bn1.running_mean), "the running averages have not moved"
fresh = run.load_model()
assert torch.equal(fresh.bn1.running_mean, model.bn1.running_mean), "the file has changed"
assert not fresh.training, "load_model returns a network in train mode"
if course.profile == "sample":  # what train mode costs on the photographs is not known
    assert accuracies["eval mode"] - accuracies["train mode"] > 0.1, f"{accuracies}"
    assert accuracies["eval mode"] - accuracies["eval, after"] > 0.1, f"{accuracies}"

# %% [markdown]
# > In train mode a picture is normalized with its own mean and variance, and nothing complains. And every visitor has
# > moved the running averages: *eval, after* is the same network, put into eval mode when all had gone. It stays
# > changed until somebody loads the weights again.
#
# ## Summary
#
# - A server turns requests into responses; Flask calls a function for each method and path, and a test client tries it.
# - Load the network once, in eval mode, and prepare pictures by the run's own record; other ways fail silently.
# - Uploads are turned upright, made RGB or refused, by size before they are unpacked: 400, 413, 415, 422, never 500.
# - Softmax has no *none of these*: say what the network knows, and expect little of a threshold.
# - In a crowd everyone waits longer, since the cores are shared; report p50 and p99. ONNX answers one picture
#   sooner, with the same numbers; give classes, size and preparation along.
#
# **Exercises**: [13 exercises](exercises/13_deployment_flask.ipynb)
#
# **Next**: [14 · The debugging clinic](14_debugging_clinic.ipynb)
