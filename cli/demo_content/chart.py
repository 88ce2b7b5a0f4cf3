"""The pictures of the demo's mailings, drawn without words, so that they serve every language.

The value gap: two services above, two musicians below; what returns from the first is broad, from the second thin, and
a dashed outline shows what is missing. The doors: one is open, three are shut. They explain ideas and show no data. The
op-ed's author is an organisation, and its portrait the animal that it is called after. Run
`python -m cli.demo_content.chart`.
"""

from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = (1040, 600)
"""Twice the width it is shown at, for dense screens."""
DOORS = (1040, 460)
PORTRAIT = (160, 160)
FINER = 3
"""Drawn so many times larger, then made small: Pillow draws hard edges."""
PAPER, INK, ACCENT, LINE = "#f9f5ee", "#1b1717", "#b32d12", "#8a7f76"
RADIUS = 76
BROAD, THIN = 132, 26


def draw() -> Image.Image:
    """The value gap, `SIZE` pixels, in a palette of 32 colours."""
    width, height = SIZE[0] * FINER, SIZE[1] * FINER
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    for middle, returned in ((270, BROAD), (770, THIN)):
        _flow(pen, middle, returned)
        _service(pen, middle, 96)
        _musician(pen, middle, SIZE[1] - 96)
    return _finished(image)


def draw_doors() -> Image.Image:
    """The doors, `DOORS` pixels, in a palette of 32 colours."""
    image = Image.new("RGB", (DOORS[0] * FINER, DOORS[1] * FINER), PAPER)
    pen = ImageDraw.Draw(image)
    floor = DOORS[1] - 56
    pen.rectangle(_at(60, floor, DOORS[0] - 60, floor + 6), fill=INK)
    for number in range(4):
        left = 110 + number * 220
        pen.rectangle(_at(left, 70, left + 160, floor), fill=ACCENT if number == 1 else INK)
        if number == 1:  # seen from the side: the door leaf stands out to the left
            pen.rectangle(_at(left + 14, 84, left + 146, floor), fill=PAPER)
            pen.polygon(_at(left + 14, 84, left - 44, 108, left - 44, floor + 26, left + 14, floor), fill=ACCENT)
            _note(pen, left + 84, 236)
        else:
            pen.rectangle(_at(left + 10, 80, left + 150, floor), outline=PAPER, width=3 * FINER)
            pen.ellipse(_at(left + 122, 236, left + 138, 252), fill=PAPER)
    return _finished(image)


def draw_portrait() -> Image.Image:
    """The head of an impala, `PORTRAIT` pixels, in a palette of 32 colours; made to be shown in a circle."""
    image = Image.new("RGB", (PORTRAIT[0] * FINER, PORTRAIT[1] * FINER), ACCENT)
    pen = ImageDraw.Draw(image)
    for side in (-1, 1):

        def across(*points: tuple[float, float], side: int = side) -> list[tuple[float, float]]:
            return [(80 + side * x, y) for x, y in points]

        _horn(pen, across((9, 74), (44, 58), (2, 34), (30, 14)))
        ear = across((15, 78), (30, 68), (52, 66), (44, 82), (22, 90))
        pen.polygon(_at(*(number for point in ear for number in point)), fill=PAPER)
        inner = across((24, 79), (34, 73), (46, 71), (40, 80))
        pen.polygon(_at(*(number for point in inner for number in point)), fill=INK)
    pen.ellipse(_at(54, 66, 106, 122), fill=PAPER)
    pen.polygon(_at(56, 102, 104, 102, 95, 142, 65, 142), fill=PAPER)
    pen.ellipse(_at(64, 128, 96, 152), fill=PAPER)
    pen.polygon(_at(74, 72, 86, 72, 83, 120, 77, 120), fill=ACCENT)
    pen.polygon(_at(71, 134, 89, 134, 80, 145), fill=INK)
    for x in (62, 98):
        pen.ellipse(_at(x - 5, 92, x + 5, 103), fill=INK)
    return _finished(image)


def _horn(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]]) -> None:
    """A horn along a Bezier curve of four points, from its broad end."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    steps = 120
    for step in range(steps + 1):
        t = step / steps
        a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
        x, y = a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3
        half = 6.5 - 5 * t
        pen.ellipse(_at(x - half, y - half, x + half, y + half), fill=INK)


def _finished(image: Image.Image) -> Image.Image:
    small = image.resize((image.width // FINER, image.height // FINER), Image.Resampling.LANCZOS)
    return small.quantize(32, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _note(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    pen.ellipse(_at(x - 34, y + 34, x + 6, y + 66), fill=INK)
    pen.rectangle(_at(x - 3, y - 50, x + 6, y + 50), fill=INK)
    pen.polygon(_at(x + 6, y - 50, x + 40, y - 20, x + 40, y + 4, x + 6, y - 24), fill=INK)


def _at(*numbers: float) -> list[float]:
    return [number * FINER for number in numbers]


def _service(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    pen.ellipse(_at(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), fill=INK)
    pen.polygon(_at(x - 22, y - 36, x - 22, y + 36, x + 40, y), fill=PAPER)


def _musician(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    pen.ellipse(_at(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), fill=ACCENT)
    for side in (-30, 22):
        pen.ellipse(_at(x + side - 15, y + 16, x + side + 15, y + 40), fill=PAPER)
        pen.rectangle(_at(x + side + 8, y - 30, x + side + 15, y + 29), fill=PAPER)
    pen.polygon(_at(x - 22, y - 38, x + 37, y - 48, x + 37, y - 28, x - 22, y - 18), fill=PAPER)


def _flow(pen: ImageDraw.ImageDraw, x: float, width: float) -> None:
    """An arrow `width` wide from the service down to the musician, within the outline of a broad one."""
    top, neck, tip = 190, 350, 412
    head = width * 0.42
    if width < BROAD:
        _outline(pen, x, top, neck, tip)
    pen.rectangle(_at(x - width / 2, top, x + width / 2, neck), fill=ACCENT)
    pen.polygon(_at(x - width / 2 - head, neck - 2, x + width / 2 + head, neck - 2, x, tip), fill=ACCENT)


def _outline(pen: ImageDraw.ImageDraw, x: float, top: float, neck: float, tip: float) -> None:
    half, wing = BROAD / 2, BROAD / 2 + BROAD * 0.42
    corners = [(half, top), (half, neck), (wing, neck), (0, tip)]
    for side in (-1, 1):
        for (from_x, from_y), (to_x, to_y) in pairwise(corners):
            _dashes(pen, x + side * from_x, from_y, x + side * to_x, to_y)
    _dashes(pen, x - half, top, x + half, top)


def _dashes(pen: ImageDraw.ImageDraw, from_x: float, from_y: float, to_x: float, to_y: float) -> None:
    length = ((to_x - from_x) ** 2 + (to_y - from_y) ** 2) ** 0.5
    count = max(1, round(length / 20))
    for number in range(count):
        start, end = (number + 0.15) / count, (number + 0.75) / count
        pen.line(
            _at(
                from_x + (to_x - from_x) * start,
                from_y + (to_y - from_y) * start,
                from_x + (to_x - from_x) * end,
                from_y + (to_y - from_y) * end,
            ),
            fill=LINE,
            width=4 * FINER,
        )


if __name__ == "__main__":
    here = Path(__file__).parent
    for name, picture in {
        "value-gap/chart.png": draw(),
        "value-gap/portrait.png": draw_portrait(),
        "spring-news/value-gap.png": draw(),
        "spring-news/doors.png": draw_doors(),
    }.items():
        picture.save(here / name, optimize=True, dpi=(144, 144))
