"""Lesson 11: what the Trainer does itself, when it calls the module, and when it tells callbacks and loggers."""

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    INK,
    PALE_BLUE,
    PALE_GREEN,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
)

MODULE, WATCHERS = 524, 764  # the middles of the columns of module and callbacks
LEFT, RIGHT = 20, 384  # the Trainer's column


def who_calls_whom(texts: Texts) -> Canvas:
    canvas = Canvas(690, texts["title"])
    columns = [((LEFT + RIGHT) / 2, "trainer", BLUE), (MODULE, "module", GREEN), (WATCHERS, "watchers", PURPLE)]
    for center, key, color in columns:
        canvas.text(center, 26, texts[key], 18, color, bold=True)
    canvas.box(LEFT, 50, RIGHT - LEFT, 622, PALE_BLUE, BLUE, 2)
    canvas.text(LEFT + 16, 74, "trainer.fit(module, …)", mono=True, anchor="start", bold=True)
    ask(canvas, 112, "configure_optimizers()", texts["once"])
    canvas.text(LEFT + 16, 112, texts["asks"], SMALL, GREY, "start")

    loop(canvas, LEFT + 12, 142, 516, texts["epochs"])
    loop(canvas, LEFT + 28, 178, 236, texts["batches"])
    own(canvas, 226, "images.to(device)")
    ask(canvas, 258, "training_step(…)", texts["each_batch"])
    answer(canvas, 284, "loss")
    own(canvas, 284, "optimizer.zero_grad()")
    own(canvas, 312, "loss.backward()")
    own(canvas, 340, "optimizer.step()")
    own(canvas, 368, "scheduler.step()", texts["by_step"])
    tell(canvas, 396, texts["batch_end"])

    own(canvas, 436, "module.eval()", texts["no_gradients"])
    loop(canvas, LEFT + 28, 456, 76, texts["val_batches"])
    ask(canvas, 508, "validation_step(…)", texts["each_batch"])
    own(canvas, 556, texts["restored"], plain=True)
    tell(canvas, 592, texts["epoch_end"])
    own(canvas, 592, texts["averages"], plain=True)
    own(canvas, 628, "scheduler.step()", texts["by_epoch"])

    for y in [258, 508]:
        canvas.arrow([(MODULE + 98, y), (WATCHERS - 88, y)], PURPLE, 2)
        canvas.text((MODULE + 98 + WATCHERS - 88) / 2 - 2, y - 14, "log", SMALL, PURPLE, mono=True)
        canvas.box(WATCHERS - 84, y - 19, 168, 38, PALE_PURPLE, PURPLE)
        canvas.text(WATCHERS, y, texts["logger"], 15)
    return canvas


def loop(canvas: Canvas, x: float, y: float, height: float, text: str) -> None:
    canvas.box(x, y, LEFT + RIGHT - 2 * x, height, PAPER, BLUE, 1.5, dash="6 4")
    canvas.text(x + 12, y + 18, text, 15, BLUE, "start", bold=True)


def own(canvas: Canvas, y: float, code: str, note: str = "", plain: bool = False) -> None:
    """What the Trainer does itself."""
    canvas.text(LEFT + 44, y, code, 15, INK, "start", mono=not plain)
    if note:
        canvas.text(RIGHT - 36, y, note, SMALL, DARK_YELLOW, "end")


def ask(canvas: Canvas, y: float, method: str, often: str) -> None:
    """The Trainer calls a method of the module."""
    canvas.arrow([(RIGHT - 120, y), (MODULE - 102, y)], GREEN, 3.5)
    canvas.box(MODULE - 98, y - 19, 196, 38, PALE_GREEN, GREEN, 2)
    canvas.text(MODULE, y, method, 14, mono=True, bold=True)
    canvas.text(MODULE, y - 32, often, SMALL, GREY)


def answer(canvas: Canvas, y: float, text: str) -> None:
    """What the module returns."""
    canvas.arrow([(MODULE, y - 7), (MODULE, y), (RIGHT - 100, y)], GREY, 2, bend=8)
    canvas.text(RIGHT + 18, y - 12, text, SMALL, GREY)


def tell(canvas: Canvas, y: float, text: str) -> None:
    """The Trainer tells callbacks."""
    canvas.arrow([(RIGHT - 36, y), (WATCHERS - 88, y)], PURPLE, 2)
    canvas.box(WATCHERS - 84, y - 24, 168, 48, PALE_PURPLE, PURPLE)
    canvas.text(WATCHERS, y, text, SMALL)
