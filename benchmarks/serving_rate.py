"""The serving program against handlers written the obvious way, with 1, 8 and 32 clients at once.

All answer with the same ResNet-18 at 64 px, behind waitress. The obvious handler builds the network and reads its
weights for every request; the second one has done so once, and leaves the number of threads to torch; the last is the
serving program with ONNX Runtime in the place of torch. Each client sends its next picture when the last one is
answered. Times are what clients see, ways take turns, and a row is the median of the rounds. Clients and server share
the cores of this machine. Last, whether it would pay to collect waiting pictures and to give them to the network as one
batch, for small pictures and for larger ones.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path

import torch
from requests import Request
from safetensors.torch import save_file

from course_utils import eval_transform, load_rgb, open_run
from course_utils.models.export import onnx_network
from course_utils.runs import create_run
from course_utils.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
CLIENTS, ROUNDS, SECONDS, SIZE, LARGER = (1, 8, 32), 3, 1.0, 64, 224
OBVIOUS = """
import sys, torch, waitress
from flask import Flask, request
from PIL import Image
from course_utils import eval_transform, open_run

app, run = Flask(__name__), open_run(sys.argv[1])
load_once = sys.argv[3] == "once"
kept = run.load_model() if load_once else None

@app.post("/predict")
def predict():
    model = kept if load_once else run.load_model()
    image = eval_transform(run.settings.size)(Image.open(request.files["file"]).convert("RGB"))
    with torch.no_grad():
        probabilities = model(image.unsqueeze(0))[0].softmax(dim=0).tolist()
    return dict(zip(run.classes, probabilities))

waitress.serve(app, host="127.0.0.1", port=int(sys.argv[2]))
"""
BATCHES = """
import os, queue, sys, threading, torch, waitress
from concurrent.futures import Future
from course_utils import predict, serving

waiting = queue.SimpleQueue()

def collect(model):
    while True:
        requests = [waiting.get()]
        while len(requests) < 16 and not waiting.empty():
            requests.append(waiting.get())
        images = torch.cat([image for image, _ in requests])
        for (_, future), logits in zip(requests, predict(model, [(images, torch.zeros(len(images)))])[0]):
            future.set_result(logits[None])

def ask(model, batches, autocast):
    future = Future()
    waiting.put((batches[0][0], future))
    if not collectors:
        collectors.append(threading.Thread(target=collect, args=[model], daemon=True))
        collectors[0].start()
    return future.result(), None

collectors, serving.predict = [], ask
torch.set_num_threads(os.cpu_count())
waitress.serve(serving.create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), threads=32)
"""
OURS = "the serving program"
WAYS = {
    "network loaded for every request": ["-c", OBVIOUS, "RUN", "PORT", "each time"],
    "network loaded once": ["-c", OBVIOUS, "RUN", "PORT", "once"],
    OURS: ["-m", "course_utils.serving", "RUN", "--port", "PORT"],
    "the serving program, --engine onnx": ["-m", "course_utils.serving", "RUN", "--port", "PORT", "--engine", "onnx"],
}
COLLECTING = {OURS: WAYS[OURS], "waiting pictures in one batch": ["-c", BATCHES, "RUN", "PORT"]}


def make_run(folder: Path, size: int) -> Path:
    run = create_run(folder, Settings("data/hymenoptera", "pretrained_resnet18", size=size))
    save_file(run.new_model().state_dict(), folder / "best.safetensors")
    return folder


def start(words: list[str], run: Path) -> tuple[subprocess.Popen, int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [{"RUN": str(run), "PORT": str(port)}.get(word, word) for word in words]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment, **quiet), port


def bodies() -> tuple[list[bytes], dict]:
    """The same form for every picture, with one boundary, so that one set of headers fits all."""
    prepared = []
    for file in sorted((ROOT / "data" / "hymenoptera" / "test").rglob("*.jpg"))[::10]:
        form = Request("POST", "http://x", files={"file": (file.name, file.read_bytes())}).prepare()
        boundary = form.headers["Content-Type"].partition("boundary=")[2].encode()
        prepared.append(form.body.replace(boundary, b"x" * 32))
    return prepared, {"Content-Type": f"multipart/form-data; boundary={'x' * 32}"}


def latencies(port: int, clients: int, seconds: float) -> tuple[list[float], float]:
    """Seconds that each request took, and how long all of them took together."""
    pictures, headers = bodies()
    together = threading.Barrier(clients)

    def ask(number: int) -> list[float]:
        connection, found = HTTPConnection("127.0.0.1", port, timeout=60), []
        together.wait()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            connection.request("POST", "/predict", pictures[(number + len(found)) % len(pictures)], headers)
            response = connection.getresponse()
            content = response.read()
            if response.status != 200:
                raise ValueError(f"status {response.status}: {content[:200]!r}")
            found.append(time.perf_counter() - began)
        connection.close()
        return found

    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        found = [*chain.from_iterable(pool.map(ask, range(clients)))]
        return found, time.perf_counter() - began


def ready(program: subprocess.Popen, port: int) -> None:
    until = time.monotonic() + 120
    while program.poll() is None and time.monotonic() < until:
        try:
            latencies(port, 1, 0.01)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("a server did not start")


def steps(folder: Path) -> list[dict]:
    """What one request is made of, on one thread, and what else could compute the network."""
    run = open_run(folder)
    model, transform = run.load_model(), eval_transform(SIZE)
    files = sorted((ROOT / "data" / "hymenoptera" / "test").rglob("*.jpg"))
    images = transform(load_rgb(files[0])).unsqueeze(0)
    began = time.perf_counter()
    onnx = onnx_network(model, SIZE)
    exported = time.perf_counter() - began
    compiled = torch.compile(model)
    parts = {
        "decoding and transforming": lambda file: transform(load_rgb(file)),
        "the network": lambda _: model(images),
        "the network, ONNX Runtime": lambda _: onnx(images),
        "the network, torch.compile": lambda _: compiled(images),
        "loading the network": lambda _: run.load_model(),
    }
    rows, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        began = time.perf_counter()
        compiled(images)
        waits = {"the network, ONNX Runtime": exported, "the network, torch.compile": time.perf_counter() - began}
        for name, part in parts.items():
            times = []
            for file in files[: 4 if name == "loading the network" else 60]:
                began = time.perf_counter()
                part(file)
                times.append(time.perf_counter() - began)
            figure = f"{statistics.median(times) * 1e3:.1f} ms"
            figure += f", after {waits[name]:.0f} s of preparation" if name in waits else ""
            rows.append({"what": f"an answer at {SIZE} px, one thread: {name}", "figure": figure})
    torch.set_num_threads(threads)
    return rows


def compare(folder: Path, ways: dict[str, list[str]], size: int) -> list[dict]:
    """Ratios are answers per second, compared with the first of the ways."""
    rates: dict[tuple[str, int], list[float]] = {(name, clients): [] for clients in CLIENTS for name in ways}
    waited: dict[tuple[str, int], list[float]] = {key: [] for key in rates}
    with ExitStack() as stack:
        servers = {}
        for name, words in ways.items():
            program, port = servers[name] = start(words, folder)
            stack.callback(program.wait)
            stack.callback(program.kill)
        for program, port in servers.values():
            ready(program, port)
        for _ in range(ROUNDS):
            for name, clients in rates:
                found, seconds = latencies(servers[name][1], clients, SECONDS)
                rates[name, clients].append(len(found) / seconds)
                waited[name, clients] += found
    rows, (first, *_) = [], ways
    for (name, clients), rate in rates.items():
        p50, p99 = (1e3 * statistics.quantiles(waited[name, clients], n=100)[k - 1] for k in (50, 99))
        ratio = statistics.median(own / other for own, other in zip(rate, rates[first, clients]))
        row = {"what": f"{clients} client{'s' * (clients > 1)}, {size} px: {name}", "ratio": ratio,
               "figure": f"{statistics.median(rate):.0f} answers/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms"}  # fmt: skip
        if name == OURS != first:
            row |= {"goal": "at least 5× as many answers", "met": ratio >= 5}
        rows.append(row)
    return rows


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        small, larger = (make_run(Path(folder, f"{size}"), size) for size in (SIZE, LARGER))
        rows = steps(small) + compare(small, WAYS, SIZE)
        return rows + compare(small, COLLECTING, SIZE) + compare(larger, COLLECTING, LARGER)
