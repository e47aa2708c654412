"""Ratios as bars, in an SVG that is readable in light and dark."""
import math
from html import escape

_ROW = 22
_LABEL = 340
_WIDTH = 420
_SIDE = 70
_LIMITS = (1 / 8, 8)

_STYLE = """
  text { font: 13px sans-serif; fill: #222; }
  .title { font-weight: bold; }
  .soft { fill: #666; font-size: 11px; }
  .better { fill: #2a8a4a; }
  .worse { fill: #c2502e; }
  line { stroke: #aaa; stroke-width: 1; }
  .one { stroke: #222; }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd; } .soft { fill: #999; } line { stroke: #666; } .one { stroke: #ddd; }
    .better { fill: #4fbf74; } .worse { fill: #e8805f; }
  }
"""


def _x(ratio):
    low, high = (math.log2(limit) for limit in _LIMITS)
    clamped = min(max(math.log2(max(ratio, 1e-9)), low), high)
    return _LABEL + (clamped - low) / (high - low) * _WIDTH


def svg(bars, title):
    """bars: (label, ratio, more is better), drawn from 1 to the ratio on a logarithmic scale."""
    height = 56 + _ROW * len(bars) + 24
    width = _LABEL + _WIDTH + _SIDE
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">', f"<title>{escape(title)}</title>",
             f"<style>{_STYLE}</style>", f'<text class="title" x="10" y="20">{escape(title)}</text>',
             '<text class="soft" x="10" y="36">green: shunt is better</text>']
    bottom = 50 + _ROW * len(bars)
    for exponent in range(-3, 4):
        ratio = 2.0 ** exponent
        parts.append(f'<line{" class=%sone%s" % (chr(34), chr(34)) if exponent == 0 else ""} x1="{_x(ratio):.1f}" '
                     f'y1="44" x2="{_x(ratio):.1f}" y2="{bottom}"/>')
        parts.append(f'<text class="soft" x="{_x(ratio):.1f}" y="{bottom + 14}" text-anchor="middle">{ratio:g}</text>')
    for row, (label, ratio, more_is_better) in enumerate(bars):
        y = 50 + _ROW * row
        left, right = sorted((_x(1), _x(ratio)))
        kind = "better" if (ratio > 1) == more_is_better else "worse"
        parts.append(f'<text x="{_LABEL - 12}" y="{y + 12}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{y + 2}" width="{max(1, right - left):.1f}" '
                     'height="13"/>')
        parts.append(f'<text x="{right + 5 if ratio > 1 else _x(1) + 5:.1f}" y="{y + 12}">{ratio:.2f}</text>')
    return "\n".join(parts + ["</svg>", ""])
