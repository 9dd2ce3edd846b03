"""The drawings of the lessons: `tools/draw_diagrams.py` writes them to notebooks/figures."""
