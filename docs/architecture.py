"""Draws the rooms for docs/architecture.md from the package's imports: python docs/architecture.py

A box is a room (a folder of the package, or a module in its root), below the rooms that import it.
An arrow is an import. An arrow that a path through other rooms implies is omitted: it would add
nothing.
"""

import ast
import re
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_segadv"
PICTURE = Path(__file__).parent / "images" / "architecture.svg"
PAGE = Path(__file__).with_suffix(".md")
# Markers around the table of rooms on the page.
BEGIN, END = "<!-- rooms -->", "<!-- /rooms -->"
# Pixels: width of the picture, largest width and height of a box, gap between two floors.
WIDTH, BOX, HEIGHT, GAP = 900, 250, 46, 42


@cache
def rooms() -> dict[str, Path]:
    """Return the path of each room, by name."""
    found = {p.name: p for p in sorted(PACKAGE.iterdir()) if (p / "__init__.py").is_file()}
    modules = {p.stem: p for p in sorted(PACKAGE.glob("*.py")) if p.stem != "__init__"}
    return {**found, **modules}


def files(room: str) -> list[Path]:
    """Return the Python files of a room."""
    path = rooms()[room]
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def purpose(room: str) -> str:
    """Return what a room is for: the first line of its docstring."""
    path = rooms()[room]
    file = path / "__init__.py" if path.is_dir() else path
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip(".")


@cache
def imported(room: str) -> frozenset[str]:
    """Return the other rooms that the files of a room import."""
    found = set()
    for path in files(room):
        package = path.relative_to(ROOT).parts[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                full = [*base, *(node.module or "").split(".")]
                for alias in node.names:
                    parts = [part for part in (*full, alias.name) if part]
                    if parts[0] == PACKAGE.name and len(parts) > 1:
                        found.add(parts[1])
    return frozenset((found & rooms().keys()) - {room})


@cache
def height(room: str) -> int:
    """Return 0 for a room that imports none, else 1 more than the highest room that it imports."""
    return 1 + max((height(other) for other in imported(room)), default=-1)


@cache
def floor(room: str) -> int:
    """Return the floor to draw a room on: right below the lowest room that imports it."""
    above = [floor(other) for other in rooms() if room in imported(other)]
    return min(above) - 1 if above else max(map(height, rooms()))


def reaches(room: str) -> set[str]:
    """Return the rooms that a room imports, directly or through others."""
    found: set[str] = set()
    for other in imported(room):
        found |= {other} | reaches(other)
    return found


def arrows(room: str) -> set[str]:
    """Return the imports of a room that no path through another room implies."""
    implied = set().union(*(reaches(other) for other in imported(room)), set())
    return set(imported(room)) - implied


def places() -> dict[str, tuple[float, float]]:
    """Return the upper left corner of each room's box, in pixels."""
    top = max(map(floor, rooms()))
    found = {}
    for level in range(top + 1):
        row = sorted(room for room in rooms() if floor(room) == level)
        step = WIDTH / len(row)
        for number, room in enumerate(row):
            x = step * (number + 0.5) - min(BOX, step - 16) / 2
            found[room] = (x, 12 + (top - level) * (HEIGHT + GAP))
    return found


def picture() -> str:
    """Return the drawing as SVG."""
    where = places()
    bottom = max(y for _, y in where.values()) + HEIGHT + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:g}" '
        'font-family="sans-serif" role="img" aria-label="The rooms of napari_segadv">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#78909c"/></marker></defs>',
    ]
    widths = {
        room: min(BOX, WIDTH / sum(floor(o) == floor(room) for o in rooms()) - 16)
        for room in rooms()
    }
    for room, (x, y) in where.items():
        for other in sorted(arrows(room)):
            to_x, to_y = where[other]
            start, end = x + widths[room] / 2, to_x + widths[other] / 2
            out.append(
                f'<path d="M{start:.0f} {y + HEIGHT:.0f}C{start:.0f} {y + HEIGHT + 24:.0f} '
                f'{end:.0f} {to_y - 24:.0f} {end:.0f} {to_y - 2:.0f}" fill="none" '
                'stroke="#78909c" stroke-width="1.4" marker-end="url(#tip)"/>'
            )
    for room, (x, y) in where.items():
        middle, count = x + widths[room] / 2, len(files(room))
        out += [
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{widths[room]:.0f}" height="{HEIGHT}" rx="6" '
            'fill="#eceff1" stroke="#455a64"/>',
            f'<text x="{middle:.0f}" y="{y + 19:.0f}" text-anchor="middle" font-size="15" '
            f'font-weight="bold" fill="#263238">{room}</text>',
            f'<text x="{middle:.0f}" y="{y + 36:.0f}" text-anchor="middle" font-size="11" '
            f'fill="#455a64">{count} file{"s" if count != 1 else ""}</text>',
            f"<title>{room}: {escape(purpose(room))}</title>",
        ]
    return "\n".join([*out, "</svg>", ""])


def table() -> str:
    """Return the rooms from the top floor down, with what each is for, as Markdown."""
    lines = ["| room | what it is for |", "| --- | --- |"]
    for room in sorted(rooms(), key=lambda one: (-floor(one), one)):
        lines.append(f"| `{room}` | {purpose(room)} |")
    return "\n".join(lines)


def page() -> str:
    """The page with its table of rooms as it has to be."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"({BEGIN}\n).*?({END})", rf"\1{table()}\n\2", text, flags=re.S)


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
