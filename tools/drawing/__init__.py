"""The renderer that draws the course's sample pictures: a pen, scenery, and the things to be drawn."""
