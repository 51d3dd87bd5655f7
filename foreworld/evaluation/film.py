"""Pictures of futures: strips of frames over time, moving pictures side by side, sheets of pushes.

    true        ▢ ▢ ▢ ▢ ▢ ▢        rows: what came, what was imagined, how they differ
    imagined    ▢ ▢ ▢ ▢ ▢ ▢        columns: time, in steps after the last one seen
    difference  ▢ ▢ ▢ ▢ ▢ ▢

Frames are uint8 [T, h, w, 3], or floats in [0, 1], or with one channel: see `pixels`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER, FAINT = (232, 234, 237), (19, 21, 26), (139, 146, 158)
FRAME_PX = 176  # about how large a frame of a strip is shown
MOVING_PX = 128
GAP_PX, MARGIN_PX, TEXT_PX = 6, 18, 15
Frames = Mapping[str, Any]  # by name: arrays or tensors, see `pixels`


def pixels(frames: Any) -> np.ndarray:
    """Frames of any kind, arrays or tensors, as uint8 [..., h, w, 3]."""
    frames = np.asarray(frames)
    if frames.dtype != np.uint8:
        frames = (np.clip(frames, 0, 1) * 255).round().astype(np.uint8)
    return np.repeat(frames, 3, -1) if frames.shape[-1] == 1 else frames[..., :3]


def difference(a: Any, b: Any) -> np.ndarray:
    """Where two films differ and how much: dark where they agree, through orange to white."""
    gap = np.abs(pixels(a).astype(np.float32) - pixels(b)).max(-1, keepdims=True) / 255
    return pixels(np.clip(gap * np.array([3.0, 1.6, 0.9]), 0, 1) * 0.92 + 0.08)


def strip(
    rows: Frames, times: Sequence[str], frame_px: int | None = None, group: int | None = None
) -> Image.Image:
    """Films as rows of frames, one column a time; after the first, columns may stand in groups."""
    films = {name: pixels(film) for name, film in rows.items()}
    lengths = {len(film) for film in films.values()}
    if lengths != {len(times)}:
        raise ValueError(
            f"films of {sorted(lengths)} frames under {len(times)} times: give as many"
        )
    height, width = _shown(films, frame_px or _fitting(len(times)))
    font = _font(max(TEXT_PX, len(times) * width // 72))  # wide strips are shown smaller
    left = 2 * MARGIN_PX + round(max(font.getlength(name) for name in films))
    top = MARGIN_PX + round(font.size) + 10
    breaks = [(c - 1) // group + 1 if group and c else 0 for c in range(len(times))]
    xs = [left + c * (width + GAP_PX) + 2 * GAP_PX * b for c, b in enumerate(breaks)]
    ys = [top + r * (height + GAP_PX) for r in range(len(films))]
    canvas = _canvas(xs[-1] + width + MARGIN_PX, ys[-1] + height + MARGIN_PX)
    draw = ImageDraw.Draw(canvas)
    for x, time in zip(xs, times, strict=True):
        draw.text((x + width / 2, top - 8), time, FAINT, font, anchor="ms")
    for y, (name, film) in zip(ys, films.items(), strict=True):
        draw.text((left - MARGIN_PX, y + height / 2), name, INK, font, anchor="rm")
        for x, frame in zip(xs, film, strict=True):
            canvas.paste(_enlarged(frame, height, width), (x, y))
    return canvas


def moving(
    panels: Frames, notes: Sequence[str] | None = None, frame_px: int = MOVING_PX
) -> list[Image.Image]:
    """Films side by side, one picture a time; `notes` [T] stand below: "seen", "imagined"."""
    films = {name: pixels(film) for name, film in panels.items()}
    height, width = _shown(films, frame_px)
    top, length = MARGIN_PX + TEXT_PX + 10, len(next(iter(films.values())))
    size = (
        2 * MARGIN_PX + len(films) * (width + 2 * GAP_PX) - 2 * GAP_PX,
        top + height + MARGIN_PX + (TEXT_PX + 6 if notes else 0),
    )
    pictures = []
    for t in range(length):
        canvas = _canvas(*size)
        draw = ImageDraw.Draw(canvas)
        for i, (name, film) in enumerate(films.items()):
            x = MARGIN_PX + i * (width + 2 * GAP_PX)
            draw.text((x + width / 2, top - 8), name, INK, _font(), anchor="ms")
            canvas.paste(_enlarged(film[t], height, width), (x, top))
        if notes:
            draw.text((size[0] / 2, top + height + 20), notes[t], FAINT, _font(), anchor="ms")
        pictures.append(canvas)
    return pictures


def sheet(
    start: Any, truth: Any, imagined: Any, names: Sequence[str], steps: Sequence[int]
) -> Image.Image:
    """One start [h, w, c], K pushes as rows: true beside imagined [K, H, ...], at `steps`."""
    true, ours = pixels(truth), pixels(imagined)
    rows = {}
    for k, name in enumerate(names):
        pairs = [film[k, step - 1] for step in steps for film in (true, ours)]
        rows[name] = np.stack([pixels(start), *pairs])
    times = [f"{what} +{step}" for step in steps for what in ("true", "imagined")]
    return strip(rows, ["start", *times], group=2)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def gif(pictures: Sequence[Image.Image], frame_ms: int = 160) -> bytes:
    """The pictures as an endless GIF file that rests on its last frame; one palette for all."""
    # Colours are counted over the whole film, or they would flicker from frame to frame.
    film = Image.fromarray(np.concatenate([np.asarray(p) for p in pictures]))
    palette = film.quantize(255, method=Image.Quantize.MEDIANCUT)
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    file = io.BytesIO()
    waits = [frame_ms] * (len(frames) - 1) + [6 * frame_ms]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=waits, loop=0)
    return file.getvalue()


def _fitting(columns: int) -> int:
    """Frames small enough that a strip is not much wider than a page."""
    return max(72, min(FRAME_PX, 1320 // columns))


def _shown(films: Frames, frame_px: int) -> tuple[int, int]:
    """Height and width of a frame on the canvas: small ones grow by whole numbers."""
    height, width = next(iter(films.values())).shape[1:3]
    scale = frame_px / max(height, width)
    scale = max(1, round(scale)) if scale > 0.75 else scale
    return round(height * scale), round(width * scale)


def _enlarged(frame: np.ndarray, height: int, width: int) -> Image.Image:
    picture = Image.fromarray(frame)
    shrinks = picture.height > height
    how = Image.Resampling.BOX if shrinks else Image.Resampling.NEAREST
    return picture.resize((width, height), how)


def _canvas(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (round(width), round(height)), PAPER)


def _font(size_px: int = TEXT_PX) -> Any:
    return ImageFont.load_default(size_px)
