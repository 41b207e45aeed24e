"""A figure that is rendered again and again, as a slider asks for it."""

from __future__ import annotations

import io
from typing import Any, Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


class Raster:
    """Renders a figure; what has not changed since the last time is kept as a background and not drawn again.

    What changed once is expected to change again: from then on it is drawn over the background, in the usual order,
    together with all that lies above it in its axes. The axes' ticks must not lie over anything that changes.

    Parameters
    ----------
    figure : Figure
        What is rendered; its places must be final, so without a layout that moves them.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._canvas = FigureCanvasAgg(figure)
        self._background = np.empty(0)
        self._drawn: object = None  # what was in the figure when the background was drawn, and within which limits
        self._moving: list[Artist] = []
        self._png = b""

    def png(self) -> bytes:
        """Render the figure as it stands; where nothing has changed this is the picture of the last time."""
        if self._png and not self._figure.stale:
            return self._png
        layers = list(self._layers())
        content = layers, [tuple(ax.viewLim.extents) for ax in self._figure.axes]
        changed = {artist for layer in layers for artist in layer if artist.stale}
        if content != self._drawn or not changed.issubset(self._moving):
            moving = changed.union(self._moving) if self._drawn else set()
            if content != self._drawn:  # ticks that move with their limits need not be drawn at every other change
                moving = {artist for artist in moving if not isinstance(artist, Axis)}
            self._moving = [artist for layer in layers for artist in _from_the_lowest(layer, moving)]
            self._drawn = content
            self._draw_background()
        else:
            np.asarray(self._canvas.buffer_rgba())[...] = self._background
        for artist in self._moving:
            artist.draw(self._canvas.get_renderer())
        self._figure.stale = False
        picture = Image.fromarray(np.asarray(self._canvas.buffer_rgba())).convert("RGB")
        packed = io.BytesIO()
        picture.save(packed, "png", compress_level=1)  # a slider waits for it, and no file is made of it
        self._png = packed.getvalue()
        return self._png

    def _layers(self) -> Iterator[list[Artist]]:
        """Give what is in each axes, and then what belongs to the figure itself, from the lowest to the uppermost."""
        figure = self._figure
        owners: list[Any] = [*figure.axes, figure]
        for owner in owners:
            hidden = {owner.patch, *figure.axes}
            if isinstance(owner, Axes) and not owner.axison:
                hidden.update(owner.spines.values(), (owner.xaxis, owner.yaxis))
            parts = [part for part in owner.get_children() if part not in hidden]
            yield sorted(parts, key=lambda part: part.zorder)

    def _draw_background(self) -> None:
        for artist in self._moving:
            artist.set_animated(True)
        try:
            self._canvas.draw()
        finally:
            for artist in self._moving:
                artist.set_animated(False)  # for whoever saves the figure
        self._background = np.array(self._canvas.buffer_rgba())


def _from_the_lowest(layer: list[Artist], moving: set[Artist]) -> list[Artist]:
    """Return the part of a layer that starts with the lowest moving artist, but for ticks that do not move."""
    start = next((k for k, artist in enumerate(layer) if artist in moving), len(layer))
    return [artist for artist in layer[start:] if artist in moving or not isinstance(artist, Axis)]
