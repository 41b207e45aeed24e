"""What the pages of the course need and nothing else does: pictures, boards with sliders, exercises."""
