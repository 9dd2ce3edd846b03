# %% [markdown]
# # Exercises 13 · Deployment with Flask
#
# Five tasks, from warming up to a small design of your own, about 50 minutes. Each has a gap to fill and a check that
# tells you what is wrong. They need nothing beyond [lesson 13](../13_deployment_flask.ipynb); if you are stuck, unfold
# the hint. Run the next cell first.

# %%
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from flask import Flask, abort, request
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from torch import nn
from werkzeug.exceptions import HTTPException

from course_utils import eval_transform, fresh_inputs, progress, start_exercise
from course_utils.data.images import UNREADABLE

course = start_exercise("13")


def encoded(picture, kind="PNG", **options):
    """The bytes of a picture."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


# %% [markdown]
# ## Task 1 · As many classes as it takes (2 points)
#
# Make an answer that can be sent as JSON. How many classes it names, the network decides: one where it is sure, several
# where it wavers. They are the likeliest classes, as few as have together a probability of at least `share`, the
# likeliest first, each with its probability among *all* classes.
# <details><summary>Hint 1: a question</summary>
#
# Which function makes of all the logits numbers that add up to 1? And when is a class still needed: what have those
# before it reached together?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The whole app* finds the k likeliest classes, where `k` is given, and says why tensors cannot be sent.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# The two smallest of some temperatures, with their days, as JSON:
#
# ```python
# temperatures, days = torch.tensor([3.5, -1.0, 7.25]), ["Mon", "Tue", "Wed"]
# lowest = temperatures.sort()
# print(lowest.values, lowest.indices)
# rows = []
# for place in range(2):
#     day = days[lowest.indices[place].item()]
#     rows.append({"day": day, "degrees": lowest.values[place].item()})
# print(json.dumps(rows))
# ```
#
# </details>


# %% tags=["answer"]
def likeliest(logits, classes, share=0.9):
    """The likeliest classes, as few as have together a probability of at least `share`.

    Args:
        logits: float tensor (number of classes,), which stays as it is
        classes: list of names; output i belongs to classes[i]
        share: above 0 and at most 1; where rounding keeps the sum below it, all classes are named
    Returns:
        list of dicts such as {"class": "bee", "probability": 0.9}, the likeliest first
    """
    ### BEGIN SOLUTION
    found, reached = [], 0.0
    probabilities = logits.softmax(dim=0).tolist()
    for probability, name in sorted(zip(probabilities, classes), reverse=True):
        if reached < share:
            found.append({"class": name, "probability": probability})
        reached += probability
    return found
    ### END SOLUTION


# %% tags=["right"]
# -     found, reached = [], 0.0
# -     probabilities = logits.softmax(dim=0).tolist()
# -     for probability, name in sorted(zip(probabilities, classes), reverse=True):
# -         if reached < share:
# -             found.append({"class": name, "probability": probability})
# -         reached += probability
# -     return found
# +     ranked = logits.softmax(dim=0).sort(descending=True)
# +     before = ranked.values.cumsum(dim=0) - ranked.values
# +     needed = int((before < share - 1e-6).sum())
# +     pairs = zip(ranked.indices.tolist()[:needed], ranked.values.tolist())
# +     return [{"class": classes[label], "probability": value} for label, value in pairs]

# %% tags=["right"]
# -     found, reached = [], 0.0
# -     probabilities = logits.softmax(dim=0).tolist()
# -     for probability, name in sorted(zip(probabilities, classes), reverse=True):
# -         if reached < share:
# -             found.append({"class": name, "probability": probability})
# -         reached += probability
# -     return found
# +     scores = np.exp(logits.numpy() - logits.numpy().max())
# +     shares = scores / scores.sum()
# +     order = np.argsort(-shares)
# +     needed = np.searchsorted(np.cumsum(shares[order]), share) + 1
# +     return [{"class": classes[i], "probability": round(float(shares[i]), 4)} for i in order[:needed]]

# %% tags=["right"]
# -     found, reached = [], 0.0
# -     probabilities = logits.softmax(dim=0).tolist()
# -     for probability, name in sorted(zip(probabilities, classes), reverse=True):
# -         if reached < share:
# -             found.append({"class": name, "probability": probability})
# -         reached += probability
# -     return found
# +     left, found = dict(enumerate(logits.softmax(dim=0).tolist())), []
# +     while left and sum(one["probability"] for one in found) < share:
# +         best = max(left, key=left.get)
# +         found.append({"class": classes[best], "probability": left.pop(best)})
# +     return found

# %% tags=["wrong"] expect="these are logits"
# - logits.softmax(dim=0).tolist()
# + logits.tolist()

# %% tags=["wrong"] expect="in per cent"
# - "probability": probability}
# + "probability": 100 * probability}

# %% tags=["wrong"] expect="add up to"
# - logits.softmax(dim=0)
# + logits.sigmoid()

# %% tags=["wrong"] expect="a number and not a text"
# - "probability": probability}
# + "probability": f"{probability:.3f}"}


# %% tags=["wrong"] expect="leave the logits as they are"
def likeliest(logits, classes, share=0.9):
    probabilities, found, reached = logits.softmax(dim=0).tolist(), [], 0.0
    while reached < share and len(found) < len(classes):
        label = logits.argmax().item()
        found.append({"class": classes[label], "probability": probabilities[label]})
        reached += probabilities[label]
        logits[label] = -torch.inf
    return found


# %% tags=["wrong"] expect="equally likely"
def likeliest(logits, classes, share=0.9):
    names, found, reached = dict(zip(logits.softmax(dim=0).tolist(), classes)), [], 0.0
    for value in sorted(names, reverse=True):
        if reached < share:
            found.append({"class": names[value], "probability": value})
        reached += value
    return found


# %% tags=["wrong"] expect="cannot be sent as JSON"
# - logits.softmax(dim=0).tolist()
# + logits.softmax(dim=0)


# %% tags=["wrong"] expect="rounding"
def likeliest(logits, classes, share=0.9):
    found, ranked = [], sorted(zip(logits.softmax(dim=0).tolist(), classes), reverse=True)
    while sum(one["probability"] for one in found) < share:
        value, name = ranked[len(found)]
        found.append({"class": name, "probability": value})
    return found


# %% tags=["wrong"] expect="one class too few"
# - if reached < share:
# + if reached + probability <= share:

# %% tags=["wrong"] expect="one class too many"
# -         if reached < share:
# -             found.append({"class": name, "probability": probability})
# +         found.append({"class": name, "probability": probability})
# +         if reached >= share:
# +             break

# %% tags=["wrong"] expect="together, not each alone"
# - if reached < share:
# + if probability >= share:

# %% tags=["wrong"] expect="is exactly share"
# - reached < share
# + reached <= share

# %% tags=["wrong"] expect="share is an argument"
# - reached < share
# + reached < 0.9

# %% tags=["wrong"] expect="among all classes"
# - return found
# + return [one | {"probability": one["probability"] / sum(o["probability"] for o in found)} for one in found]

# %% tags=["wrong"] expect="name belongs to another output"
# - sorted(zip(probabilities, classes), reverse=True)
# + zip(sorted(probabilities, reverse=True), classes)

# %% tags=["wrong"] expect="the likeliest first"
# - return found
# + return found[::-1]


# %%
for logits in [[0.0, 5.0, 1.0], [0.0, 2.0, 1.0]]:
    print(likeliest(torch.tensor(logits), ["ant", "bee", "wasp"]))


# %% tags=["check"] points=2
def told(logits, classes, share):
    given = torch.tensor(logits)
    try:
        found = likeliest(given, classes, share)
    except IndexError as error:
        raise AssertionError(
            f"share={share} of {len(classes)} classes raised {error}: by rounding, all of them may stay below share"
        ) from None
    assert isinstance(found, (list, tuple)), f"return a list, not a {type(found).__name__}"
    for one in found:
        assert isinstance(one, dict) and set(one) == {"class", "probability"}, (
            f"an entry is {one!r}, it should be a dict with 'class' and 'probability'"
        )
    try:
        found = json.loads(json.dumps(found))
    except TypeError as error:
        raise AssertionError(f"this cannot be sent as JSON: {error}; make Python's own numbers") from None
    for one in found:
        assert one["class"] in classes, f"{one['class']!r} is none of the classes {classes}"
        assert isinstance(one["probability"], (int, float)), (
            f"a probability is {one['probability']!r}: make it a number and not a text"
        )
    assert given.tolist() == logits, (
        f"the logits were {logits} and are now {given.tolist()}: leave the logits as they are"
    )
    return found


names, scores = ["ant", "bee", "wasp", "fly"], [0.0, 2.0, 3.0, 1.0]
true = dict(zip(names, torch.tensor(scores).softmax(dim=0).tolist()))  # 0.03, 0.24, 0.64, 0.09
found = told(scores, names, 0.99)
values = [one["probability"] for one in found]
total = sum(values)
assert abs(total - 100) > 1, f"the probabilities are {values}, in per cent: they should lie between 0 and 1"
assert not values or max(values) <= 1, f"the probabilities are {values}: these are logits"
assert values, "with share=0.99 no class is named: they should have it together, not each alone"
assert total < 1.01, f"the probabilities add up to {total:.3f}, that is more than 1: use softmax"
sizes = [len(told(scores, names, share)) for share in [0.5, 0.85, 0.99]]
assert len(set(sizes)) > 1, f"for share=0.5, 0.85 and 0.99 there are always {sizes[0]} classes: share is an argument"
assert values == sorted(values, reverse=True), f"the probabilities are {values}, it should be the likeliest first"
assert len(found) != 3, "three classes have at most 0.97 together, share is 0.99: this is one class too few"
assert len(found) == 4, f"for share=0.99 all 4 classes are needed, {len(found)} are returned"
for one in found:
    assert abs(one["probability"] - true[one["class"]]) < 1e-3, (
        f"{one['class']} has probability {true[one['class']]:.3f}, not {one['probability']:.3f}: the name belongs to "
        "another output"
    )
found = told(scores, names, 0.85)
assert len(found) != 1, "with share=0.85 only wasp is named, which has 0.64: this is one class too few"
assert len(found) != 3, "wasp and bee have 0.88 together, share is 0.85: this is one class too many"
assert [one["class"] for one in found] == ["wasp", "bee"], f"the classes for share=0.85 are wasp and bee, not {found}"
assert abs(found[0]["probability"] - true["wasp"]) < 1e-3, (
    "give the probability among all classes, not among those that are named"
)
assert len(told(scores, names, 0.6)) == 1, "wasp alone has 0.64: for share=0.6 there should be one class"
found = told([5.0, 5.0], names[:2], 0.5)
assert len(found) == 1, f"of two equal classes each has 0.5, which is exactly share: one will do, not {found}"
for number in range(3, 40):
    found = told([0.0] * number, [f"class {label}" for label in range(number)], 1.0)
    assert len(found) == number, f"{number} classes are equally likely, and for share=1 only {len(found)} are named"
found = told([1.0, 0.0, 1.0], names[:3], 0.99)
assert sorted(one["class"] for one in found) == ["ant", "bee", "wasp"], (
    f"ant and wasp are equally likely, and one of the three classes gets lost: {found}"
)
inputs = fresh_inputs()
number = int(inputs.integers(4, 9))
k = int(inputs.integers(1, number))
names = [f"class {label}" for label in inputs.permutation(100)[:number]]
scores = inputs.permutation(number) / 2 - 1  # no two of them equal
shares = np.exp(scores) / np.exp(scores).sum()
order = np.argsort(-shares)
share = shares[order][: k + 1].sum() - shares[order][k] / 2  # in the midst of the last one that is needed
expected = [names[label] for label in order[: k + 1]]
found = told(scores.tolist(), names, float(share))
assert [one["class"] for one in found] == expected, (
    f"with logits {scores.tolist()}, share={share:.3f}, of {names}: {found}"
)
for one in found:
    part = shares[names.index(one["class"])]
    assert abs(one["probability"] - part) < 1e-3, f"with logits {scores.tolist()} {one} should have {part:.4f}"
print("✓ task 1")

# %% [markdown]
# ## Task 2 · A first app (3 points)
#
# Write a Flask app that tells how large pictures are:
#
# | request | response |
# |---|---|
# | `GET /health` | JSON `{"status": "ok"}` |
# | `POST /size`, a picture in the form field `file` | JSON such as `{"width": 40, "height": 30}` |
# | `POST /size` without that field | status 400 |
# | `POST /size`, a file that is no picture | status 415 |
#
# (What the refusals say is up to you.)
# <details><summary>Hint 1: a question</summary>
#
# What does Flask make of a dictionary that a function returns? And what does Pillow do with bytes that are no picture?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A conversation* ties paths to functions, *A network that answers* takes a file out of a form, and
# *What deserves a refusal* has `abort`.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A small app of another kind, which counts the words of a text in the form field `text`:
#
# ```python
# counter = Flask("counter")
#
#
# @counter.post("/count")
# def count():
#     words = request.form.get("text", "").split()
#     if not words:
#         abort(422, "There are no words.")
#     return {"words": len(words)}
#
#
# print(counter.test_client().post("/count", data={"text": "a b"}).get_json())
# ```
#
# </details>


# %% tags=["answer"]
def size_app():
    """An app that tells how large pictures are.

    Returns:
        Flask app with the routes of the table
    """
    ### BEGIN SOLUTION
    app = Flask("size")

    @app.get("/health")
    def health():
        return {"status": "ok"}

    @app.post("/size")
    def size():
        if "file" not in request.files:
            abort(400, "Send a picture in the form field file.")
        try:
            width, height = Image.open(request.files["file"].stream).size
        except UnidentifiedImageError:
            abort(415, "This is no picture.")
        return {"width": width, "height": height}

    return app
    ### END SOLUTION


# %% tags=["right"]
# -     @app.get("/health")
# -     def health():
# -         return {"status": "ok"}
# +     @app.route("/health")
# +     def health():
# +         return jsonify(status="ok")
# -     @app.post("/size")
# -     def size():
# -         if "file" not in request.files:
# -             abort(400, "Send a picture in the form field file.")
# -         try:
# -             width, height = Image.open(request.files["file"].stream).size
# -         except UnidentifiedImageError:
# -             abort(415, "This is no picture.")
# -         return {"width": width, "height": height}
# +     @app.route("/size", methods=["POST"])
# +     def size():
# +         file = request.files.get("file")
# +         if file is None:
# +             return jsonify(error="Send a picture in the form field file."), 400
# +         try:
# +             image = Image.open(io.BytesIO(file.read()))
# +         except OSError as error:
# +             return jsonify(error=str(error)), 415
# +         return jsonify(width=image.width, height=image.height)
# - def size_app():
# + from flask import jsonify
# +
# +
# + def size_app():


# %% tags=["right"]
def size_app():
    def size():
        content = request.files["file"].stream  # Flask answers 400 itself where the field is missing
        try:
            with Image.open(content) as image:
                image.verify()
                return dict(zip(["width", "height"], image.size))
        except UNREADABLE:
            return "This is no picture.", 415

    app = Flask(__name__)
    app.add_url_rule("/health", view_func=lambda: {"status": "ok"}, endpoint="health")
    app.add_url_rule("/size", view_func=size, methods=["POST"])
    return app


# %% tags=["right"]
def size_app():
    app = Flask(__name__)

    @app.route("/health", methods=["GET"])
    def health():
        return app.response_class(json.dumps({"status": "ok"}), mimetype="application/json")

    @app.route("/size", methods=["POST"])
    def size():
        if "file" not in request.files:
            return "no file", 400
        try:
            pixels = np.asarray(Image.open(request.files["file"]))
        except Exception:
            return {"error": "no picture"}, 415
        height, width = pixels.shape[:2]
        return {"width": width, "height": height}

    return app


# %% tags=["wrong"] expect="no picture should be refused with 415, not answered with 500"
def size_app():
    app = Flask("size")

    @app.get("/health")
    def health():
        return {"status": "ok"}

    @app.post("/size")
    def size():
        width, height = Image.open(request.files["file"].stream).size
        return {"width": width, "height": height}

    return app


# %% tags=["wrong"] expect="width and height are swapped"
def size_app():
    app = Flask("size")

    @app.get("/health")
    def health():
        return {"status": "ok"}

    @app.post("/size")
    def size():
        height, width = Image.open(request.files["file"].stream).size
        return {"width": width, "height": height}

    return app


# %% tags=["wrong"] expect="takes POST"
# - @app.post("/size")
# + @app.get("/size")

# %% tags=["wrong"] expect="status 415, the message alone"
# - abort(415, "This is no picture.")
# + return {"error": "This is no picture."}

# %% tags=["wrong"] expect="without the field file should be refused with 400, not answered with 415"
# - UnidentifiedImageError
# + Exception
# - abort(415, "This is no picture.")
# + abort(415)
# -         if "file" not in request.files:
# -             abort(400, "Send a picture in the form field file.")

# %% tags=["wrong"] expect="by its bytes, not by its name"
# -         if "file" not in request.files:
# +         if "file" in request.files and not request.files["file"].filename.endswith((".jpg", ".png")):
# +             abort(415, "This is no picture.")
# +         if "file" not in request.files:

# %% tags=["wrong"] expect="should be JSON"
# - {"status": "ok"}
# + str({"status": "ok"})

# %% [markdown]
# Try it with the test client:

# %%
form = {"file": (io.BytesIO(encoded(Image.new("RGB", (40, 30)))), "grey.png")}
print(size_app().test_client().post("/size", data=form).get_json())

# %% tags=["check"] points=3
app = size_app()
assert isinstance(app, Flask), f"return the app, not a {type(app).__name__}"
app.logger.disabled = True  # what goes wrong is told below
visitor = app.test_client()
assert (code := visitor.get("/health").status_code) == 200, f"GET /health has status {code}, it should be 200"
assert visitor.get("/health").is_json, "GET /health should be JSON: return a dictionary"
assert (said := visitor.get("/health").get_json()) == {"status": "ok"}, f"GET /health says {said}"


def posted(content, field="file", name="picture.jpg"):
    return visitor.post("/size", data={field: (io.BytesIO(content), name)})


response = posted(encoded(Image.new("RGB", (40, 30))))
assert response.status_code != 405, "the path /size should be a route that takes POST"
assert response.status_code == 200, f"a picture has status {response.status_code}, it should be 200"
assert response.is_json, "the answer of /size should be JSON: return a dictionary"
said = response.get_json()
assert said != {"width": 30, "height": 40}, "width and height are swapped: size is (width, height)"
assert said == {"width": 40, "height": 30}, f"a picture 40 wide and 30 high is answered with {said}"
said = posted(encoded(Image.new("L", (7, 9)), "JPEG")).get_json()
assert said == {"width": 7, "height": 9}, f"a grey picture 7 wide and 9 high is answered with {said}"
code = posted(b"<html>404 Not Found</html>").status_code
assert code != 200, "no picture should have status 415, the message alone does not tell a program: see abort"
assert code == 415, f"no picture should be refused with 415, not answered with {code}"
for name in ["picture", "picture.txt", "picture.PNG"]:
    code = posted(encoded(Image.new("RGB", (4, 3))), name=name).status_code
    assert code == 200, f"a picture called {name!r} has status {code}: tell a picture by its bytes, not by its name"
for response in [posted(encoded(Image.new("RGB", (4, 3))), "other"), visitor.post("/size")]:
    code = response.status_code
    assert code == 400, f"a request without the field file should be refused with 400, not answered with {code}"
assert visitor.get("/nowhere").status_code == 404, "an unknown path should be answered with 404, as Flask does"
inputs = fresh_inputs()
for kind in ["PNG", "JPEG", "BMP"]:
    width, height = (int(number) for number in inputs.integers(1, 200, size=2))
    expected = {"width": width, "height": height}
    said = posted(encoded(Image.new("RGB", (width, height)), kind)).get_json()
    assert said == expected, f"a picture {width} wide and {height} high is answered with {said}"
    code = posted(b"no " + inputs.bytes(width)).status_code
    assert code == 415, f"{width + 3} bytes that are no picture should be refused with 415, not answered with {code}"
print("✓ task 2")

# %% [markdown]
# ## Task 3 · As a person sees it (3 points)
#
# Write the function that turns an upload into an RGB picture as a person would see it:
#
# - turned as the camera's mark says,
# - edges in which all is transparent are cut off, as a person does not see them; where nothing is left, that is a
#   `ValueError`,
# - what is transparent inside lies on white paper (half transparent black becomes grey),
# - any picture with more than `max_pixels` pixels raises a `ValueError` *before* its pixels are unpacked,
# - and so does everything that is no picture or is damaged: a `ValueError`, no other exception.
#
# (Pictures with 16 bits are left out here.)
# <details><summary>Hint 1: a question</summary>
#
# What does Pillow know after `open` alone, before any pixel is unpacked? And which of the steps can meet damaged bytes?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *What deserves an answer* turns pictures and lays them on paper, *What deserves a refusal* checks sizes and lists what
# Pillow raises. `getbbox` of a channel is the box around all that is not 0 there, or None.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A sticker with a hole on blue paper, where a drawing has ink, and an exception exchanged for another one:
#
# ```python
# sticker, paper = Image.new("RGBA", (2, 1), (255, 0, 0, 255)), Image.new("RGBA", (2, 1), "blue")
# sticker.putpixel((1, 0), (0, 0, 0, 0))
# print(list(np.asarray(Image.alpha_composite(paper, sticker))[0]))
# ink = Image.fromarray(np.array([[0, 0, 0], [0, 9, 7]], dtype=np.uint8))
# print(ink.getbbox(), Image.new("L", (2, 2)).getbbox())
# try:
#     try:
#         json.loads("{")
#     except json.JSONDecodeError as error:
#         raise KeyError("no JSON") from error
# except KeyError as error:
#     print(repr(error))
# ```
#
# </details>


# %% tags=["answer"]
def read_upload(content, max_pixels=1_000_000):
    """The picture of an upload as a person sees it.

    Args:
        content: bytes of the upload
        max_pixels: the most pixels that are accepted
    Returns:
        PIL image of mode RGB
    Raises:
        ValueError: too many pixels, nothing to be seen, damaged, or no picture
    """
    ### BEGIN SOLUTION
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > max_pixels:
                raise ValueError(f"{opened.size} are too many pixels")
            layers = ImageOps.exif_transpose(opened).convert("RGBA")
            seen = layers.getchannel("A").getbbox()
            if seen is None:
                raise ValueError("nothing of it can be seen")
            layers = layers.crop(seen)
            return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    except UNREADABLE as error:
        raise ValueError(f"no picture that can be read: {error}") from error
    ### END SOLUTION


# %% tags=["right"]
# -     try:
# -         with Image.open(io.BytesIO(content)) as opened:
# -             if opened.width * opened.height > max_pixels:
# -                 raise ValueError(f"{opened.size} are too many pixels")
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# -             seen = layers.getchannel("A").getbbox()
# -             if seen is None:
# -                 raise ValueError("nothing of it can be seen")
# -             layers = layers.crop(seen)
# -             return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
# -     except UNREADABLE as error:
# -         raise ValueError(f"no picture that can be read: {error}") from error
# +     try:
# +         image = Image.open(io.BytesIO(content))
# +         too_many = image.width * image.height > max_pixels
# +         if not too_many:
# +             layers = ImageOps.exif_transpose(image).convert("RGBA")
# +             if layers.getbbox():
# +                 return to_rgb(layers.crop(layers.getbbox()))
# +     except UNREADABLE:
# +         raise ValueError("damaged, or no picture")
# +     raise ValueError(f"more than {max_pixels} pixels, or all of them transparent")
# - def read_upload(
# + from course_utils.data.images import to_rgb
# +
# +
# + def read_upload(

# %% tags=["right"]
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# -             seen = layers.getchannel("A").getbbox()
# -             if seen is None:
# -                 raise ValueError("nothing of it can be seen")
# -             layers = layers.crop(seen)
# -             return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
# -     except UNREADABLE as error:
# +             opened.load()
# +             ImageOps.exif_transpose(opened, in_place=True)
# +             layers = opened.convert("RGBA")
# +             opaque = layers.getchannel("A")
# +             assert any(opaque.tobytes())
# +             layers = layers.crop(opaque.getbbox())
# +             paper = Image.new("RGB", layers.size, (255, 255, 255))
# +             paper.paste(layers, mask=layers.getchannel("A"))
# +             return paper
# +     except Exception as error:

# %% tags=["right"]
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# -             seen = layers.getchannel("A").getbbox()
# -             if seen is None:
# -                 raise ValueError("nothing of it can be seen")
# -             layers = layers.crop(seen)
# -             return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
# +             pixels = np.asarray(ImageOps.exif_transpose(opened).convert("RGBA")).astype(float)
# +             rows, columns = np.nonzero(pixels[..., 3])  # min of nothing is a ValueError
# +             pixels = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
# +             opacity = pixels[..., 3:] / 255
# +             seen = opacity * pixels[..., :3] + (1 - opacity) * 255
# +             return Image.fromarray(seen.round().astype(np.uint8))

# %% tags=["wrong"] expect="held sideways"
# - ImageOps.exif_transpose(opened)
# + opened


# %% tags=["wrong"] expect="other marks than 6"
def read_upload(content, max_pixels=1_000_000):
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > max_pixels:
                raise ValueError("too many pixels")
            turn = image.getexif().get(0x0112) == 6
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
            return image.transpose(Image.Transpose.ROTATE_270) if turn else image
    except UNREADABLE as error:
        raise ValueError("no picture") from error


# %% tags=["wrong"] expect="mirrored"
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# +             turns = {3: 180, 6: 270, 8: 90}
# +             turned = opened.rotate(turns.get(opened.getexif().get(0x0112), 0), expand=True)
# +             layers = turned.convert("RGBA")

# %% tags=["wrong"] expect="a grey picture"
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# +             layers = ImageOps.exif_transpose(opened)
# +             if layers.mode not in ("RGBA", "P"):
# +                 return layers.convert("RGB")
# +             layers = layers.convert("RGBA")

# %% tags=["wrong"] expect="a single colour"
# -             layers = ImageOps.exif_transpose(opened).convert("RGBA")
# +             layers = ImageOps.exif_transpose(opened)
# +             if layers.mode not in ("RGBA", "LA", "PA", "P"):
# +                 return layers.convert("RGB")
# +             layers = layers.convert("RGBA")


# %% tags=["wrong"] expect="half transparent"
def read_upload(content, max_pixels=1_000_000):
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > max_pixels:
                raise ValueError("too many pixels")
            pixels = np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except UNREADABLE as error:
        raise ValueError("no picture") from error
    pixels[pixels[..., 3] == 0] = 255
    return Image.fromarray(pixels[..., :3])


# %% tags=["wrong"] expect="the limit is an argument"
# - opened.width * opened.height > max_pixels
# + opened.width * opened.height > 10_000

# %% tags=["wrong"] expect="a decompression bomb raised"
# - except UNREADABLE as error:
# + except OSError as error:

# %% tags=["wrong"] expect="should become white"
# - Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
# + layers.convert("RGB")


# %% tags=["wrong"] expect="before the pixels are unpacked"
def read_upload(content, max_pixels=1_000_000):
    try:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGBA")
    except UNREADABLE as error:
        raise ValueError("no picture") from error
    if image.width * image.height > max_pixels:
        raise ValueError("too many pixels")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


# %% tags=["wrong"] expect="not a ValueError"
def read_upload(content, max_pixels=1_000_000):
    image = Image.open(io.BytesIO(content))
    if image.width * image.height > max_pixels:
        raise ValueError("too many pixels")
    image = ImageOps.exif_transpose(image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


# %% tags=["wrong"] expect="many pixels in all"
# - opened.width * opened.height > max_pixels
# + max(opened.size) > max_pixels

# %% tags=["wrong"] expect="of mode RGB"
# - layers).convert("RGB")
# + layers)

# %% tags=["wrong"] expect="should lose its edges"
# -             layers = layers.crop(seen)

# %% tags=["wrong"] expect="transparent throughout"
# -             if seen is None:
# -                 raise ValueError("nothing of it can be seen")

# %% tags=["wrong"] expect="a little of it can be seen"
# - layers.getchannel("A").getbbox()
# + layers.getchannel("A").point(lambda opacity: 255 * (opacity > 127)).getbbox()

# %% tags=["wrong"] expect="white and not transparent"
# - layers.getchannel("A").getbbox()
# + ImageOps.invert(Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("L")).getbbox()

# %% tags=["wrong"] expect="exactly max_pixels"
# - opened.width * opened.height > max_pixels
# + opened.width * opened.height >= max_pixels

# %%
sticker = Image.new("RGBA", (40, 30))
sticker.paste("red", (10, 10, 30, 20))
print(np.asarray(read_upload(encoded(sticker))).shape)


# %% tags=["check"] points=3
def given(content, max_pixels=10_000):
    """The picture, or the exception."""
    try:
        found = read_upload(content, max_pixels)
    except Exception as error:
        return error
    assert isinstance(found, Image.Image), f"return a picture, not a {type(found).__name__}"
    assert found.mode == "RGB", f"the picture should be of mode RGB, not {found.mode}"
    return found


colours = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
plain = Image.fromarray(colours)
found = given(encoded(plain))
assert not isinstance(found, Exception), f"a usual picture raised {found!r}"
assert np.array_equal(np.asarray(found), colours), "a usual picture should keep its pixels"
found = given(encoded(plain), 1200)
assert not isinstance(found, Exception), "a picture of exactly max_pixels should be accepted"

mark, turns = Image.Exif(), Image.Transpose
upright = {6: turns.ROTATE_270, 8: turns.ROTATE_90, 3: turns.ROTATE_180}
mirrored = {2: turns.FLIP_LEFT_RIGHT, 4: turns.FLIP_TOP_BOTTOM, 5: turns.TRANSPOSE, 7: turns.TRANSVERSE}
for number, turn in (upright | mirrored).items():
    mark[0x0112] = number
    found = given(encoded(plain, exif=mark))
    assert not isinstance(found, Exception), f"a picture with a camera's mark raised {found!r}"
    more = "" if number == 6 else f" Its mark is {number}; there are other marks than 6, and exif_transpose knows them."
    more += " This one stands for a mirrored picture." if number in mirrored else ""
    assert np.array_equal(np.asarray(found), np.asarray(plain.transpose(turn))), (
        f"a picture that was held sideways or upside down should be turned upright.{more}"
    )

glass = plain.convert("RGBA")
glass.paste((0, 0, 0, 0), (10, 5, 20, 25))
found = given(encoded(glass))
assert not isinstance(found, Exception), f"a picture with transparent parts raised {found!r}"
assert found.getpixel((15, 15)) == (255, 255, 255), (
    f"what is transparent should become white, not {found.getpixel((15, 15))}"
)
assert found.getpixel((30, 5)) == plain.getpixel((30, 5)), "what is not transparent should keep its colour"
found = given(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
assert not isinstance(found, Exception), f"a half transparent picture raised {found!r}"
assert 120 < found.getpixel((0, 0))[0] < 135, (
    f"half transparent black on white should become grey, (127, 127, 127), not {found.getpixel((0, 0))}"
)


def with_corners(picture, colour):
    """A picture of 4 x 4 pixels with two corners in another colour."""
    for corner in [(0, 0), (3, 3)]:
        picture.putpixel(corner, colour)
    return picture


found = given(encoded(with_corners(Image.new("P", (4, 4)), 1), transparency=0))
assert not isinstance(found, Exception), f"a picture with a colour table raised {found!r}"
assert found.getpixel((1, 1)) == (255, 255, 255), "what is transparent in a colour table should become white, too"
for what, seen, options in [
    ("a grey picture with transparent parts (mode LA)", with_corners(Image.new("LA", (4, 4), (90, 0)), (90, 255)), {}),
    (
        "a picture in which a single colour is transparent",
        with_corners(Image.new("RGB", (4, 4)), (9, 9, 9)),
        {"transparency": (0, 0, 0)},
    ),
]:
    found = given(encoded(seen, **options))
    assert not isinstance(found, Exception), f"{what} raised {found!r}"
    assert found.getpixel((1, 1)) == (255, 255, 255), (
        f"{what} should become white there: convert('RGBA') knows them all"
    )
for mode in ["L", "CMYK"]:
    found = given(encoded(plain.convert(mode), "JPEG"))
    assert not isinstance(found, Exception), f"a picture of mode {mode} raised {found!r}"

for what, content, advice in [
    ("a web page", b"<html>", "there is no picture in it"),
    ("an empty file", b"", "there is no picture in it"),
    ("half a file", encoded(plain, "JPEG")[:700], "what is missing must not be filled up"),
    ("a picture of 200 x 100 pixels", encoded(Image.new("1", (200, 100))), "count how many pixels in all there are"),
    ("a decompression bomb", b"P4 14000 14000\n", "count how many pixels in all there are"),
]:
    found = given(content)
    assert isinstance(found, Exception), f"{what} should raise a ValueError: {advice}"
    assert isinstance(found, ValueError), (
        f"{what} raised {type(found).__name__}, not a ValueError: catch all of UNREADABLE"
    )
found = given(encoded(plain), 1199)
assert isinstance(found, ValueError), "1200 pixels are more than max_pixels=1199: the limit is an argument"
unpacked = []
original = ImageFile.ImageFile.load
ImageFile.ImageFile.load = lambda self: unpacked.append(self.size) or original(self)
try:
    found = given(encoded(Image.new("1", (200, 100))))
finally:
    ImageFile.ImageFile.load = original
assert not unpacked, "check the number of pixels before the pixels are unpacked: they may fill the memory"
wide, inner = Image.new("RGBA", (50, 40)), plain.crop((0, 0, 20, 10))
wide.paste(inner, (7, 4))
found = given(encoded(wide))
assert not isinstance(found, Exception), f"a picture with transparent edges raised {found!r}"
assert found.size == (20, 10), f"a picture of 20 x 10 pixels and transparent edges should lose its edges: {found.size}"
assert np.array_equal(np.asarray(found), np.asarray(inner)), "what lies between transparent edges should stay as it is"
wide.putpixel((0, 0), (0, 0, 0, 1))
found = given(encoded(wide))
assert not isinstance(found, Exception), f"a picture with transparent edges raised {found!r}"
assert found.size == (27, 14), "where a picture is nearly transparent, a little of it can be seen: that is no edge"
for paper in [Image.new(mode, (20, 10), "white") for mode in ["RGB", "RGBA"]]:
    paper.paste("black", (5, 5, 8, 8))
    found = given(encoded(paper))
    assert not isinstance(found, Exception), f"black on white raised {found!r}"
    assert found.size == (20, 10), "edges that are white and not transparent can be seen: they should stay"
found = given(encoded(Image.new("RGBA", (8, 6), (200, 10, 10, 0))))
assert isinstance(found, ValueError), (
    f"of a picture that is transparent throughout nothing is left: it should raise a ValueError, not give {found!r}"
)
inputs = fresh_inputs()
height, width = (int(number) for number in inputs.integers(3, 20, size=2))
pixels = inputs.integers(256, size=(height, width, 4), dtype=np.uint8)
pixels[..., 3] |= 1  # none of them quite transparent, but for the edges
number, (red, green, blue, opacity) = int(inputs.integers(2, 9)), np.moveaxis(pixels.astype(float), 2, 0)
on_white = np.stack([255 + (colour - 255) * opacity / 255 for colour in (red, green, blue)], axis=2)
expected = Image.fromarray(on_white.round().astype(np.uint8)).transpose((upright | mirrored)[number])
mark[0x0112] = number
edges = inputs.integers(4, size=(2, 2)).tolist()
size = (height + sum(edges[0])) * (width + sum(edges[1]))
content = encoded(Image.fromarray(np.pad(pixels, [*edges, (0, 0)])), exif=mark)
found = given(content, size)
what = f"a picture of {width} x {height} random pixels, some half transparent, with edges and the mark {number},"
assert not isinstance(found, Exception), f"{what} raised {found!r}"
assert found.size == expected.size, f"{what} should have the size {expected.size}, not {found.size}"
off = np.abs(np.asarray(found).astype(int) - np.asarray(expected).astype(int)).max()
assert off <= 3, f"{what} should be turned and lie on white paper; a colour is off by {off}"
found = given(content, size - 1)
assert isinstance(found, ValueError), f"{what} has a pixel more than max_pixels: that should raise a ValueError"
print("✓ task 3")

# %% [markdown]
# ## Task 4 · The inspector (3 points)
#
# Write a test for servers. `inspect` may ask a server whatever it likes, and returns what is wrong with it, as a set of
# these words; for a healthy server the empty set.
#
# | word | what is wrong |
# |---|---|
# | `"crashes"` | a file that is no picture, or a request without the field `file`, has status 500 or above |
# | `"refusals"` | such a request is not refused with JSON `{"error": "…"}` |
# | `"probabilities"` | those of all classes are not numbers from 0 to 1 that add up to 1, to a thousandth |
# | `"order"` | the likeliest class does not come first, the second likeliest second, and so on |
# | `"memory"` | `picture` is answered otherwise after `other` was asked about: visitors disturb each other |
#
# A good picture is answered as in the lesson: `POST /predict` with the field `file` gives
# `{"predictions": [{"class": …, "probability": …}, …]}`, with all the classes.
# <details><summary>Hint 1: a question</summary>
#
# Which rows of the table need `picture`, and which ones something that is no picture? What would you ask, and in which
# order, to see whether a visitor disturbs another?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *A conversation* has the test client and the statuses, *A network that answers* sends bytes in a form, and
# *What deserves a refusal* shows refusals as JSON.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# A test for another kind of server, which should double a number and stay calm whatever it is sent:
#
# ```python
# server = Flask("double")
# server.get("/<int:number>")(lambda number: {"double": 2 * number})
#
#
# def look_at(visitor):
#     words = []
#     if visitor.get("/x").status_code >= 500:
#         words.append("nervous")
#     said = visitor.get("/4").get_json(silent=True)
#     return words if said == {"double": 8} else [*words, "wrong"]
#
#
# print(look_at(server.test_client()))
# ```
#
# </details>


# %% tags=["answer"]
def inspect(visitor, picture, other):
    """What is wrong with a server.

    Args:
        visitor: test client of the server
        picture: bytes of a good picture
        other: bytes of another good picture
    Returns:
        set of words of the table
    """
    ### BEGIN SOLUTION
    found = set()

    def post(content, field="file"):
        return visitor.post("/predict", data={field: (io.BytesIO(content), "a.jpg")})

    for response in [post(b"no picture"), post(picture, field="photo")]:
        message = response.get_json(silent=True)
        if response.status_code >= 500:
            found.add("crashes")
        elif not isinstance(message, dict) or "error" not in message:
            found.add("refusals")
    before = post(picture).get_json()
    post(other)
    if post(picture).get_json() != before:
        found.add("memory")
    probs = [one["probability"] for one in before["predictions"]]
    if abs(sum(probs) - 1) > 0.001 or min(probs) < 0 or max(probs) > 1:
        found.add("probabilities")
    if probs != sorted(probs, reverse=True):
        found.add("order")
    return found
    ### END SOLUTION


# %% tags=["right"]
def inspect(visitor, picture, other):
    def predictions(content):
        response = visitor.post("/predict", data={"file": (io.BytesIO(content), "photo.png")})
        return [(one["class"], one["probability"]) for one in response.json["predictions"]]

    rubbish = visitor.post("/predict", data={"file": (io.BytesIO(bytes(100)), "photo.png")})
    nothing = visitor.post("/predict")
    before = predictions(picture)
    predictions(other)
    after = predictions(picture)
    probs = np.array([probability for _, probability in before])
    refused = [response for response in (rubbish, nothing) if response.status_code < 500]
    tests = {
        "crashes": len(refused) == 2,
        "refusals": all(response.is_json and "error" in response.json for response in refused),
        "probabilities": np.isclose(probs.sum(), 1, atol=1e-3) and ((0 <= probs) & (probs <= 1)).all(),
        "order": (np.diff(probs) <= 0).all(),
        "memory": before == after,
    }
    return {name for name, passed in tests.items() if not passed}


# %% tags=["right"]
# - probs = [one["probability"] for one in before["predictions"]]
# -     if abs(sum(probs) - 1) > 0.001 or min(probs) < 0 or max(probs) > 1:
# + probs = torch.tensor([one["probability"] for one in before["predictions"]])
# +     if not torch.isclose(probs.sum(), torch.tensor(1.0), atol=1e-3) or (probs < 0).any() or (probs > 1).any():
# - if probs != sorted(probs, reverse=True):
# + if not torch.equal(probs, probs.sort(descending=True).values):

# %% tags=["right"]
# - found = set()
# + found = []
# - found.add("crashes")
# + found.append("crashes")
# - found.add("refusals")
# + found.append("refusals")
# - found.add("memory")
# + found.append("memory")
# - found.add("probabilities")
# + found.append("probabilities")
# - if probs != sorted(probs, reverse=True):
# -         found.add("order")
# -     return found
# + if any(first < second for first, second in zip(probs, probs[1:])):
# +         found.append("order")
# +     return set(found)

# %% tags=["wrong"] expect="a healthy server is accused of probabilities"
# - abs(sum(probs) - 1) > 0.001
# + sum(probs) != 1

# %% tags=["wrong"] expect="ask about `other` in between"
# - post(other)
# + post(picture)

# %% tags=["wrong"] expect="crashes only without the field"
# - for response in [post(b"no picture"), post(picture, field="photo")]:
# + for response in [post(b"no picture")]:

# %% tags=["wrong"] expect="crashes only where the file is no picture"
# - for response in [post(b"no picture"), post(picture, field="photo")]:
# + for response in [post(picture, field="photo")]:

# %% tags=["wrong"] expect="add up to a half"
# - abs(sum(probs) - 1) > 0.001
# + sum(probs) > 1.001

# %% tags=["wrong"] expect="add up to 1.0018"
# - abs(sum(probs) - 1) > 0.001
# + abs(sum(probs) - 1) > 0.01

# %% tags=["wrong"] expect="that is sure, with probabilities 1 and 0"
# - min(probs) < 0 or max(probs) > 1
# + min(probs) <= 0 or max(probs) >= 1

# %% tags=["wrong"] expect="add up to 1, and one of them is below 0"
# -  or min(probs) < 0 or max(probs) > 1

# %% tags=["wrong"] expect="refuses with a web page"
# -         elif not isinstance(message, dict) or "error" not in message:
# -             found.add("refusals")

# %% tags=["wrong"] expect="refuses with JSON that has no error"
# - elif not isinstance(message, dict) or "error" not in message:
# + elif message is None:

# %% tags=["wrong"] expect="the likeliest first, the rest in no order"
# - probs != sorted(probs, reverse=True)
# + probs[0] != max(probs)

# %% tags=["wrong"] expect="a set of words"
# - return found
# + return sorted(found)

# %% tags=["wrong"] expect="has more than one illness"
# - found.add("memory")
# + return {"memory"}


# %% tags=["wrong"] expect="a healthy server is accused of crashes"
def inspect(visitor, picture, other):
    return {"crashes", "refusals", "probabilities", "order", "memory"}


# %% [markdown]
# Try it on a server that says the same to everybody, even without a picture. One word fits:

# %%
parrot = Flask("parrot")
parrot.post("/predict")(lambda: {"predictions": [{"class": "bee", "probability": 1.0}]})
print(inspect(parrot.test_client(), b"a picture", b"another"))

# %% tags=["check"] points=3
rng = np.random.default_rng(1)
pictures = [encoded(Image.fromarray(rng.integers(256, size=(9, 9, 3), dtype=np.uint8))) for _ in range(2)]


table = [[0.5, 0.2, 0.2, 0.1], [0.7, 0.2, 0.07, 0.03]]  # what a healthy server says of the two


def patient(*ill, pictures=pictures, table=table):
    """A server with these illnesses; it knows a picture by its bytes."""
    app, seen = Flask("patient"), []
    app.logger.disabled = True

    @app.post("/predict")
    def answer():
        content = request.files["file"].stream.read() if "file" in request.files else None
        if content not in pictures:
            if f"crashes, {'no field' if content is None else 'no picture'}" in ill:
                return "Internal Server Error", 500
            page = {"page": "<h1>Bad Request</h1>", "no error": {"message": "bad request"}}
            return next((page[kind] for kind in page if f"refusals, {kind}" in ill), {"error": "bad request"}), 400
        probs = np.array(table[pictures.index(content)])
        seen.append(content)
        if "memory" in ill:  # each other picture moves something
            probs = probs + (sum(one != content for one in seen)) * np.array([-0.01, 0.01, 0, 0])
        if "probabilities, logits" in ill:
            probs = np.log(probs) + 3
        if "probabilities, negative" in ill:
            probs = probs + np.array([0.2, 0, 0, -0.2])
        if "probabilities, small" in ill:
            probs = probs / 2
        if "probabilities, large" in ill:
            probs = probs * 1.0018
        order = {"order": [1, 0, 3, 2], "order, first": [0, 3, 1, 2]}
        order = next((order[kind] for kind in order if kind in ill), range(4))
        return {"predictions": [{"class": "abcd"[i], "probability": float(probs[i])} for i in order]}

    return app.test_client()


def examined(*ill, pictures=pictures, table=table):
    found = inspect(patient(*ill, pictures=pictures, table=table), *pictures)
    assert isinstance(found, (set, frozenset)), f"return a set of words, not {found!r}"
    return set(found)


assert not (found := examined()), f"a healthy server is accused of {', '.join(sorted(found))}"
found = examined(table=[[1.0, 0.0, 0.0, 0.0], [0.7, 0.2, 0.07, 0.03]])
assert not found, f"a healthy server that is sure, with probabilities 1 and 0, is accused of {', '.join(sorted(found))}"
stories = {
    "crashes, no picture": "crashes only where the file is no picture: send something that is none",
    "crashes, no field": "crashes only without the field file: send a request that has another field, or none",
    "refusals, page": "refuses with a web page: the body should be JSON",
    "refusals, no error": 'refuses with JSON that has no error: it should be {"error": "…"}',
    "probabilities, logits": "answers with logits: they do not add up to 1",
    "probabilities, negative": "answers with numbers that add up to 1, and one of them is below 0",
    "probabilities, small": "answers with probabilities that add up to a half",
    "probabilities, large": "answers with probabilities that add up to 1.0018, more than a thousandth too much",
    "order": "names the second likeliest class first",
    "order, first": "names the likeliest first, the rest in no order",
    "memory": "answers otherwise when others have asked: ask about `picture`, ask about `other` in between, and again",
}
for illness, story in stories.items():
    word = illness.partition(",")[0]
    found = examined(illness)
    assert word in found, f"this server has passed as free of {word!r}, but it {story}"
    assert found == {word}, f"this server {story}; it is accused of {', '.join(sorted(found - {word}))}, too"
for pair in [("memory", "order"), ("crashes, no field", "refusals, page"), ("order", "memory", "refusals, page")]:
    words = {illness.partition(",")[0] for illness in pair}
    found = examined(*pair)
    assert found == words, f"a server has more than one illness, {sorted(words)}; you found {sorted(found)}"
inputs = fresh_inputs()
pictures = [encoded(Image.fromarray(inputs.integers(256, size=(7, 8, 3), dtype=np.uint8))) for _ in range(2)]
weights = inputs.uniform(0.8, 1, size=(2, 4)) * [8, 4, 2, 1]
table = weights / weights.sum(axis=1, keepdims=True)
all_words = ["crashes", "refusals", "probabilities", "order", "memory"]
for number in range(4):  # this many illnesses
    words = {str(word) for word in inputs.permutation(all_words)[:number]}
    ill = [inputs.choice([name for name in stories if name.startswith(word)]) for word in sorted(words)]
    found = examined(*ill, pictures=pictures, table=table)
    assert found == words, f"other pictures, a server with {sorted(words) or 'no illness'}; you found {sorted(found)}"
print("✓ task 4")

# %% [markdown]
# ## Task 5 · Design: serve any network (5 points)
#
# Write the whole app, for a network that is handed over ready to use. You may use `likeliest` and `read_upload` of
# tasks 1 and 3, if you have solved them.
#
# - `GET /health` answers with JSON `{"status": "ok", "classes": [...]}`.
# - `POST /predict` takes a picture in the form field `file` and answers with JSON `{"predictions": [...]}`, the
#   likeliest classes, as in task 1. `?top_k=2` asks for two; without it there are three. (`share=1` names all.)
# - Pictures are prepared by `eval_transform(size)`.
# - The network runs in eval mode, without gradients, whatever mode it was in before, in any thread.
# - Refused are: no field `file` with 400, a `top_k` that is no whole number above 0 with 400, a body larger than
#   `max_bytes` with 413, and a file that cannot be read with 422. (`read_upload` does not tell a web page, 415 in
#   the lesson, from half a file. So a web page may get 422 as well.)
# - Every refusal is JSON `{"error": "..."}`, an unknown path (404) as well.
# <details><summary>Hint 1: a question</summary>
#
# Which of the parts are needed once, when the app is made, and which ones for every request, in whatever thread it is
# answered? What kind of thing is `top_k` when it comes?
#
# </details>
# <details><summary>Hint 2: where to look</summary>
#
# *The whole app* puts such parts together, *What deserves a refusal* has the handler that makes JSON of every refusal,
# and the limit of a body.
#
# </details>
# <details><summary>Hint 3: another example</summary>
#
# An app of another kind whose refusals are JSON, with a number from behind the question mark:
#
# ```python
# roots = Flask("roots")
# roots.register_error_handler(400, lambda error: ({"problem": error.description}, 400))
#
#
# @roots.get("/root")
# def root():
#     text = request.args.get("of", "1")
#     if not text.replace(".", "", 1).isdecimal():
#         abort(400, f"{text} has no root here")
#     return {"root": float(text) ** 0.5}
#
#
# print(roots.test_client().get("/root?of=x").get_json())
# ```
#
# </details>


# %% tags=["answer"]
def serve(model, classes, size, max_bytes=100_000):
    """The app that answers with a network.

    Args:
        model: network, float tensor (batch, 3, size, size) to logits (batch, number of classes)
        classes: names of its outputs
        size: height and width of its pictures
        max_bytes: of a request
    Returns:
        Flask app
    """
    ### BEGIN SOLUTION
    model.eval()
    transform = eval_transform(size)
    app = Flask("serve")
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    app.register_error_handler(HTTPException, lambda error: ({"error": error.description}, error.code))

    @app.get("/health")
    def health():
        return {"status": "ok", "classes": classes}

    @app.post("/predict")
    def answer():
        if "file" not in request.files:
            abort(400, "Send a picture in the form field file.")
        try:
            top_k = int(request.args.get("top_k", "3"))
        except ValueError:
            top_k = 0
        if top_k < 1:
            abort(400, "top_k must be a whole number above 0.")
        try:
            picture = read_upload(request.files["file"].stream.read())
        except ValueError as error:
            abort(422, str(error))
        with torch.inference_mode():
            logits = model(transform(picture)[None])[0]
        return {"predictions": likeliest(logits, classes, share=1)[:top_k]}

    return app
    ### END SOLUTION


# %% tags=["right"]
# -     model.eval()
# -     transform = eval_transform(size)
# -     app = Flask("serve")
# -     app.config["MAX_CONTENT_LENGTH"] = max_bytes
# -     app.register_error_handler(HTTPException, lambda error: ({"error": error.description}, error.code))
# +     model, transform = copy.deepcopy(model).eval().requires_grad_(False), eval_transform(size)
# +     app = Flask(__name__)
# +     app.config.update(MAX_CONTENT_LENGTH=max_bytes)
# +
# +     @app.errorhandler(HTTPException)
# +     def refused(error):
# +         return jsonify(error=f"{error.code}: {error.name}"), error.code
# - return {"status": "ok", "classes": classes}
# + return jsonify({"classes": list(classes), "status": "ok"})
# -         if "file" not in request.files:
# -             abort(400, "Send a picture in the form field file.")
# -         try:
# -             top_k = int(request.args.get("top_k", "3"))
# -         except ValueError:
# -             top_k = 0
# -         if top_k < 1:
# -             abort(400, "top_k must be a whole number above 0.")
# -         try:
# -             picture = read_upload(request.files["file"].stream.read())
# +         wanted = request.args.get("top_k", "3")
# +         if not wanted.isdecimal() or int(wanted) == 0:
# +             abort(400)
# +         try:
# +             picture = read_upload(request.files["file"].read())
# -         with torch.inference_mode():
# -             logits = model(transform(picture)[None])[0]
# -         return {"predictions": likeliest(logits, classes, share=1)[:top_k]}
# +         logits = model(transform(picture).unsqueeze(0)).squeeze(0)
# +         return jsonify(predictions=likeliest(logits, classes, share=1)[:int(wanted)])
# - def serve(
# + import copy
# +
# + from flask import jsonify
# +
# +
# + def serve(


# %% tags=["right"]
def serve(model, classes, size, max_bytes=100_000):
    model.eval()
    app = Flask("pictures")

    @torch.no_grad()
    def probabilities(picture):
        return torch.softmax(model(torch.stack([eval_transform(size)(picture)])), dim=1)[0].numpy()

    def refuse(reason, status):
        return {"error": reason}, status

    @app.errorhandler(404)
    def unknown(error):
        return refuse("There is no such page.", 404)

    @app.get("/health")
    def health():
        return {"status": "ok", "classes": classes}

    @app.post("/predict")
    def predict():
        if request.content_length and request.content_length > max_bytes:
            return refuse(f"more than {max_bytes} bytes", 413)
        if not request.files.get("file"):
            return refuse("no file", 400)
        try:
            count = int(request.args.get("top_k", 3))
            assert count > 0
        except (ValueError, AssertionError):
            return refuse("top_k must be 1, 2, …", 400)
        try:
            picture = read_upload(request.files["file"].read())
        except ValueError as error:
            return refuse(f"{error}", 422)
        values = probabilities(picture)
        best = np.argsort(values)[::-1][:count]
        return {"predictions": [{"class": classes[label], "probability": float(values[label])} for label in best]}

    return app


# %% tags=["right"]
def serve(model, classes, size, max_bytes=100_000):
    model, transform = model.train(False), eval_transform(size)
    app = Flask("answers")
    app.config["MAX_CONTENT_LENGTH"] = max_bytes

    @app.errorhandler(HTTPException)
    def in_json(error):
        response = error.get_response()
        response.data = json.dumps({"error": error.description})
        response.content_type = "application/json"
        return response

    @app.route("/health")
    def health():
        return {"status": "ok", "classes": classes}

    @app.route("/predict", methods=["POST"])
    @torch.inference_mode()
    def predict():
        upload = request.files["file"]
        top_k = request.args.get("top_k", 3)
        if not str(top_k).isdigit() or int(top_k) < 1:
            abort(400, description=f"top_k={top_k}")
        try:
            images = transform(read_upload(upload.read()))[None]
        except ValueError:
            abort(422)
        shares, labels = model(images).softmax(dim=1)[0].sort(descending=True)
        rows = zip(labels.tolist(), shares.tolist())
        return {"predictions": [{"class": classes[i], "probability": p} for i, p in rows][: int(top_k)]}

    return app


# %% tags=["wrong"] expect="top_k='two' should be refused with 400, not 200"
# -         try:
# -             top_k = int(request.args.get("top_k", "3"))
# -         except ValueError:
# -             top_k = 0
# -         if top_k < 1:
# +         top_k = request.args.get("top_k", 3, type=int)
# +         if top_k < 1:

# %% tags=["wrong"] expect="eval mode"
# -     model.eval()

# %% tags=["wrong"] expect="another thread may be"
# -             abort(422, str(error))
# +             abort(422, str(error))
# +         model.eval()
# -             logits = model(transform(picture)[None])[0]
# +             logits = model(transform(picture)[None])[0]
# +         model.train()
# -     model.eval()

# %% tags=["wrong"] expect="without gradients"
# -         with torch.inference_mode():
# -             logits = model(transform(picture)[None])[0]
# +         logits = model(transform(picture)[None])[0].detach()

# %% tags=["wrong"] expect="same height and width as in training"
# - eval_transform(size)
# + eval_transform(224)

# %% tags=["wrong"] expect="should be JSON"
# -     app.register_error_handler(HTTPException, lambda error: ({"error": error.description}, error.code))

# %% tags=["wrong"] expect="max_bytes"
# -     app.config["MAX_CONTENT_LENGTH"] = max_bytes


# %% tags=["wrong"] expect="top_k='two' should be refused with 400, not 500"
def serve(model, classes, size, max_bytes=100_000):
    model.eval()
    transform = eval_transform(size)
    app = Flask("serve")
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    app.register_error_handler(HTTPException, lambda error: ({"error": error.description}, error.code))

    @app.get("/health")
    def health():
        return {"status": "ok", "classes": classes}

    @app.post("/predict")
    def answer():
        if "file" not in request.files:
            abort(400, "Send a picture in the form field file.")
        top_k = int(request.args.get("top_k", "3"))
        try:
            picture = read_upload(request.files["file"].stream.read())
        except ValueError as error:
            abort(422, str(error))
        with torch.inference_mode():
            logits = model(transform(picture)[None])[0]
        return {"predictions": likeliest(logits, classes, share=1)[:top_k]}

    return app


# %% tags=["wrong"] expect="not 500"
# -         try:
# -             picture = read_upload(request.files["file"].stream.read())
# -         except ValueError as error:
# -             abort(422, str(error))
# +         picture = read_upload(request.files["file"].stream.read())

# %% tags=["wrong"] expect="should be prepared by eval_transform"
# -             logits = model(transform(picture)[None])[0]
# +             pixels = torch.tensor(np.asarray(picture.resize((size, size)))).permute(2, 0, 1) / 255
# +             logits = model(pixels[None])[0]
# -     transform = eval_transform(size)

# %%
torch.manual_seed(0)
toy = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(3, 4))
form = {"file": (io.BytesIO(encoded(Image.new("RGB", (40, 30), "orange"))), "orange.png")}
print(serve(toy, ["a", "b", "c", "d"], 16).test_client().post("/predict", data=form).get_json())


# %% tags=["check"] points=5
calls, switched = [], []  # of the network and of all copies of it


class Probe(nn.Module):
    """A small network that takes down how it is used."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 4)

    def train(self, mode=True):
        switched.append(mode)
        return super().train(mode)

    def forward(self, images):
        features = torch.cat([images.mean(dim=(2, 3)), images.amax(dim=(2, 3))], dim=1)
        logits = 3 * self.head(features)
        calls.append((tuple(images.shape), self.training, logits.requires_grad))
        return logits


torch.manual_seed(1)
probe, kinds = Probe().train(), ["ant", "bee", "wasp", "fly"]
switched.clear()
app = serve(probe, kinds, 24, max_bytes=50_000)
assert isinstance(app, Flask), f"return the app, not a {type(app).__name__}"
app.logger.disabled = True  # what goes wrong is told below
visitor = app.test_client()


def predicted(content, visitor=visitor, **query):
    form = {"file": (io.BytesIO(content), "picture.jpg")}
    with ThreadPoolExecutor(1) as pool:  # as a server does, in another thread
        return pool.submit(visitor.post, "/predict", data=form, query_string=query).result()


def predictions(response, what):
    assert response.status_code == 200, f"{what} is answered with {response.status_code}, it should be 200"
    said = response.get_json(silent=True)
    assert isinstance(said, dict) and "predictions" in said, f'{what}: the answer should be JSON {{"predictions": […]}}'
    return said["predictions"]


response = visitor.get("/health")
assert response.status_code == 200, f"GET /health has status {response.status_code}, it should be 200"
assert response.get_json() == {"status": "ok", "classes": kinds}, f"GET /health says {response.get_json()}"

noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
noise[:, :30] //= 4
picture = Image.fromarray(noise)
response = predicted(encoded(picture))
found = predictions(response, "a picture")
assert calls, "a picture is answered, but the network was not asked"
shape, training, gradients = calls[-1]
assert shape == (1, 3, 24, 24), f"the network got {shape}, not (1, 3, 24, 24): the same height and width as in training"
assert not training, "the network was in train mode: eval mode is a duty of the app"
assert True not in switched, "the network is put into train mode again, while another thread may be using it"
assert not gradients, "the network should run without gradients, also in the threads of a server"
with torch.inference_mode():
    expected = probe.eval()(eval_transform(24)(picture)[None])[0].softmax(dim=0)
assert len(found) == 3, f"without top_k there should be 3 predictions, not {len(found)}"
for one in found:
    wanted = expected[kinds.index(one["class"])].item()
    assert abs(one["probability"] - wanted) < 1e-4, (
        f"{one['class']} has probability {wanted:.4f}, not {one['probability']:.4f}: "
        "pictures should be prepared by eval_transform"
    )
for top_k, count in [(1, 1), (2, 2), (9, 4)]:
    found = predictions(predicted(encoded(picture), top_k=top_k), f"a picture with top_k={top_k}")
    assert len(found) == count, f"top_k={top_k} of 4 classes should give {count} predictions, not {len(found)}"
    likely = expected.argmax().item()
    assert found[0]["class"] == kinds[likely], f"the likeliest class, {kinds[likely]}, should come first"

mark = Image.Exif()
mark[0x0112] = 6
assert predicted(encoded(picture, exif=mark)).status_code == 200, "a picture with a camera's mark should be answered"


def refusal(response, status, what, also=None):
    code = response.status_code
    assert code in (status, also), f"{what} should be refused with {status}, not {code}"
    said = response.get_json(silent=True)
    assert isinstance(said, dict) and set(said) == {"error"} and isinstance(said["error"], str), (
        f"{what} is refused with {code}, but the refusal should be JSON with a text called error"
    )


refusal(visitor.post("/predict"), 400, "a request without a file")
refusal(visitor.get("/nowhere"), 404, "an unknown path")
refusal(predicted(b"<html>404 Not Found</html>"), 422, "a web page", also=415)
refusal(predicted(encoded(picture, "JPEG")[:600]), 422, "half a file")
refusal(predicted(bytes(60_000)), 413, "a body larger than max_bytes")
for text in ["two", "0", "-1", "1.5", ""]:
    refusal(predicted(encoded(picture), top_k=text), 400, f"top_k={text!r}")
assert predicted(encoded(picture)).status_code == 200, "after all that a picture should be answered as before"
inputs = fresh_inputs()
side, top_k = (int(number) for number in inputs.integers([12, 1], [40, 5]))
picture = Image.fromarray(inputs.integers([[[256, 128, 64]]], size=(30, 50, 3)).astype(np.uint8))
probe, kinds = Probe(), [f"kind {number}" for number in inputs.permutation(100)[:4]]
response = predicted(encoded(picture), serve(probe, kinds, side).test_client(), top_k=top_k)
what = f"another network, for pictures of {side} x {side} pixels, asked for {top_k} of {', '.join(kinds)}"
found = predictions(response, what)
with torch.inference_mode():
    shares = probe.eval()(eval_transform(side)(picture)[None])[0].softmax(dim=0).tolist()
values = [one["probability"] for one in found]
best = sorted(shares, reverse=True)[:top_k]
assert len(values) == top_k and np.allclose(values, best, atol=1e-3), f"{what}: {values}, it should be {best}"
for one in found:
    share = shares[kinds.index(one["class"])]
    assert abs(one["probability"] - share) < 1e-3, f"{what}: {one} should have the probability {share:.4f}"
print("✓ task 5")

# %% [markdown]
# Done? [Compare with the solutions](../solutions/13_deployment_flask.ipynb), or go on with
# [lesson 14](../14_debugging_clinic.ipynb).

# %% tags=["nbval-ignore-output"]
progress()

# %% tags=["proof"]
from course_utils.exercises import marks_here

assert set(marks_here().values()) == {"✓"}, marks_here()
