"""What the drawings have in common: colours that mean something, and fonts that every machine has.

Colours are those of course_utils/evaluation/course.mplstyle, Okabe and Ito's set, each with a pale tint for surfaces.
"""

BLUE, LIGHT_BLUE, PALE_BLUE = "#0072B2", "#9CC7E4", "#DCECF6"  # data, and what is computed from it on the way forward
ORANGE, PALE_ORANGE = "#D55E00", "#FCE6D8"  # losses, and gradients on the way back
GREEN, PALE_GREEN = "#00805E", "#D6EFE6"  # weights: what is learned
PURPLE, PALE_PURPLE = "#A8487F", "#F6E5EF"  # answers of the network
YELLOW, DARK_YELLOW = "#E69F00", "#A86F00"  # what the eye shall follow, and words about it
PAPER, INK, GREY, HAIRLINE, PALE = "#FFFFFF", "#1C2733", "#5B6770", "#C3CCD4", "#F1F4F7"

SANS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
MONO = "Menlo, Consolas, Liberation Mono, DejaVu Sans Mono, monospace"
SIZE, SMALL = 16, 14  # px, at the width of 860 that most drawings have
WIDTH = 860
