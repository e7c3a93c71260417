"""As much SVG as a chart over a day needs, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.day.world import DAY_S, HOUR_S

_STYLE = """
svg { --paper: #ffffff; --ink: #1f2328; --faint: #d8dee4; --trouble: #d1242f22;
      --c0: #0969da; --c1: #1a7f37; --c2: #bc4c00; --c3: #8250df; --c4: #bf3989; --c5: #57606a; --c6: #9a6700; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #e6edf3; --faint: #30363d; --trouble: #f8514938;
        --c0: #58a6ff; --c1: #3fb950; --c2: #ffa657; --c3: #bc8cff; --c4: #ff7bc6; --c5: #9da7b3; --c6: #e3b341; } }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.title { font-weight: 600; font-size: 13px; }
.paper { fill: var(--paper); }
.grid { stroke: var(--faint); stroke-width: 1; }
.trouble { fill: var(--trouble); }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.area { stroke: none; fill-opacity: 0.75; }
""".strip()
# One declaration for each colour, as line, as area and as the text that names it.
_COLOURS = "\n".join(
    f".line.k{index} {{ stroke: var(--c{index}); }} .area.k{index}, text.k{index} {{ fill: var(--c{index}); }}"
    for index in range(7)
)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A chart over the day: where it stands in the picture, and which values it spans; lengths in pixels."""

    left: float
    top: float
    width: float
    height: float
    low: float
    high: float

    def x(self, at: float) -> float:
        return self.left + self.width * at / DAY_S

    def y(self, value: float) -> float:
        return self.top + self.height * (self.high - value) / (self.high - self.low)

    def grid(self, title: str, values: Iterable[float], unit: str) -> list[str]:
        """Return title, a line for each value and the hours below."""
        right, bottom = self.left + self.width, self.top + self.height
        parts = [text(self.left, self.top - 10, title, kind="title")]
        for value in values:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{self.left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>')
            parts.append(text(self.left - 6, y + 4, f"{value:g}{unit}", anchor="end"))
        parts += [text(self.x(hour * HOUR_S), bottom + 16, f"{hour}:00", anchor="middle") for hour in range(0, 25, 4)]
        return parts

    def band(self, starts_s: float, ends_s: float, says: str) -> list[str]:
        """Return a mark for a time of trouble."""
        x, width = self.x(starts_s), self.x(ends_s) - self.x(starts_s)
        box = f'x="{x:.1f}" y="{self.top:.1f}" width="{width:.1f}" height="{self.height:.1f}"'
        return [f'<rect class="trouble" {box}><title>{escape(says)}</title></rect>']

    def line(self, points: Points, colour: int) -> str:
        path = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)
        return f'<polyline class="line k{colour}" points="{path}"/>'

    def area(self, below: Points, above: Points, colour: int) -> str:
        outline = [*above, *reversed(below)]
        path = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in outline)
        return f'<polygon class="area k{colour}" points="{path}"/>'


def text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "start") -> str:
    """Return words at a place."""
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def document(width: int, height: int, says: str, parts: Iterable[str]) -> str:
    """Return the whole picture."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    body = "\n".join(parts)
    return (
        f'{head} role="img">\n<title>{escape(says)}</title>\n<style>\n{_STYLE}\n{_COLOURS}\n</style>\n'
        f'<rect class="paper" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )
