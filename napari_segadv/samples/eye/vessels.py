"""The vessel trees of the fundus phantom, grown step by step and painted."""

from collections.abc import Callable

import numpy as np

from .pose import Array, Eye, Line, Mask, Rng, turned

Route = Callable[[complex], complex]  # the direction that a vessel takes at a point
THINNEST = 3.0  # width (pixels of 512) below which a vessel fades and is not labelled

# A vessel to grow: its start, heading, width and route.
Sprout = tuple[complex, complex, float, Route]
Grown = tuple[Line, Array, list[Sprout]]
Tree = tuple[Line, Array]  # points of all centre lines, and the widths there


def arcade(rng: Rng, eye: Eye, side: int) -> Route:
    """Return the route along a temporal arcade above (side -1) or below (1) the macula."""
    height = eye.fovea * rng.uniform(0.6, 0.95)
    reach = eye.fovea * rng.uniform(0.28, 0.62)
    drift = rng.normal(-0.05, 0.12)

    def route(z: complex) -> complex:
        x = max(z.real / reach, 0.0)
        slope = height / reach / np.cosh(x) ** 2 + drift * np.tanh(x / 3)
        miss = height * np.tanh(x) + drift * max(z.real - reach, 0.0) - side * z.imag
        return complex(1.0, side * (slope + 1.2 * miss / eye.fovea))

    return route


def outward(eye: Eye) -> Route:
    """Return the route away from disc and fovea to the periphery."""
    return lambda z: z / (abs(z) + 1) + 0.7 * (z - eye.fovea) / (abs(z - eye.fovea) + 1)


def to_macula(rng: Rng, eye: Eye, side: int) -> Route:
    """Return the route towards a point beside the fovea."""
    target = eye.fovea + eye.disc * complex(rng.normal(0, 0.7), side * rng.uniform(0, 0.5))
    return lambda z: target - z


def trunks(rng: Rng, eye: Eye, width: float, origin: complex) -> list[Sprout]:
    """Start the vessels of one kind at the disc: arcades, nasal and macular ones."""
    sprouts = []
    for side in (-1, 1):
        root = origin + 0.04 * eye.disc * complex(rng.normal(), side * rng.uniform(0.5, 2))
        for low, high, wide, route in (
            (50, 95, width * rng.uniform(0.9, 1.1), arcade(rng, eye, side)),
            (110, 160, width * rng.uniform(0.55, 0.8), outward(eye)),
            (15, 45, eye.unit * rng.uniform(2.0, 3.2), to_macula(rng, eye, side)),
        ):
            sprouts.append((root, turned(side * rng.uniform(low, high)), wide, route))
    return sprouts


def branch(rng: Rng, eye: Eye, z: complex, heading: complex, width: float) -> Sprout:
    """Start a side branch: a slender one to the macula if it heads there, else to the periphery."""
    heading *= turned(rng.normal(0, 11))
    side = 1 if z.imag > 0 else -1
    if z.real > 0 and abs(z + 0.5 * eye.disc * heading - eye.fovea) < abs(z - eye.fovea):
        return (z, heading, min(width, 3.3 * eye.unit), to_macula(rng, eye, side))
    return (z, heading, width, outward(eye))


def grow(rng: Rng, eye: Eye, sprout: Sprout, taken: set[complex]) -> Grown:
    """Grow one vessel until it leaves the field, thins out or meets one of its own kind.

    Returns the points of its centre line, its widths there and the branches it gives off.
    """
    u, step = eye.unit, 2 * eye.unit
    z, heading, width, route = sprout
    points, widths, branches = [z], [width], []
    bend, gone, inside = 0.0, 0.0, True
    turn = int(rng.choice((-1, 1)))
    wobble = rng.uniform(0.006, 0.018)
    fork = eye.disc * rng.uniform(0.5, 1.1)
    avascular = eye.disc * rng.uniform(0.3, 0.45)  # the fovea has no vessels
    while width > 1.2 * u and inside:
        bend = 0.88 * bend + wobble * rng.normal()
        heading *= np.exp(1j * (bend + 0.05 * np.angle(route(z) / heading)))
        z += step * heading
        gone += step
        width *= 0.9993 if width > THINNEST * u else 0.975
        width *= 1 - 0.012 * np.exp(-((abs(z - eye.fovea) / eye.disc) ** 2))  # finest at the fovea
        ahead = z + 8 * u * heading
        raphe = ahead.real > 0.5 * eye.fovea and ahead.imag * z.imag < 0
        met = gone > 16 * u and eye.cell(ahead) in taken
        if raphe or met or abs(ahead - eye.fovea) < avascular:
            break
        points.append(z)
        widths.append(width)
        inside = abs(z - eye.middle) < eye.field + 6 * u
        if gone > fork and width > 2.1 * u:
            fork = gone + eye.disc * rng.uniform(0.3, 0.9)
            turn = -turn if rng.random() < 0.75 else turn  # mostly alternating
            share = rng.uniform(0.4, 0.68) if rng.random() < 0.8 else rng.uniform(0.7, 0.9)
            branches.append(branch(rng, eye, z, heading * turned(turn * 50), share * width))
            heading *= turned(-turn * rng.uniform(4, 16))
            width *= (1 - share**3) ** (1 / 3)  # Murray's law: the cubes of the widths add up
    left = np.arange(len(points))[::-1] * step / (16 * u)
    slim = np.array(widths) * (np.clip(0.45 + 0.55 * left, 0, 1) if inside else 1.0)
    return np.array(points, np.complex64), slim.astype(np.float32), branches


def vessel_tree(rng: Rng, eye: Eye, width: float, origin: complex) -> Tree:
    """Grow all arteries or all veins; return the points of their centre lines and the widths."""
    taken: set[complex] = set()
    queue = trunks(rng, eye, width, origin)
    centres, widths = [], []
    while queue:
        line, wide, branches = grow(rng, eye, queue.pop(0), taken)
        if len(line) > 8:
            queue += branches
            taken |= {eye.cell(z) for z in line}
            # Points dense enough for the stamped discs to join into a smooth tube.
            fine = np.linspace(0, len(line) - 1, 3 * len(line))
            centres.append(np.interp(fine, np.arange(len(line)), line))
            widths.append(np.interp(fine, np.arange(len(line)), wide))
    return np.concatenate(centres), np.concatenate(widths)


def paint_tree(eye: Eye, tree: Tree, widest: float, origin: complex) -> tuple[Array, Array, Mask]:
    """Return maps of blood depth (0 to 1) and central reflex, and where a vessel is visible."""
    size = len(eye.z)
    pixel = eye.to_pixel(tree[0])
    wide = tree[1] / eye.unit
    # Twigs are faint below the labelled width, which shows where a vessel ends; vessels surface
    # gradually inside the cup.
    strength = np.clip(tree[1] / widest, 0.2, 1) ** 0.4
    strength *= np.where(wide < THINNEST, np.clip(wide / THINNEST - 0.6, 0, 1), 1)
    strength *= np.clip(np.abs(tree[0] - origin) / (0.12 * eye.disc), 0.1, 1)
    maps = np.zeros((3, size, size), np.float32)
    reach = np.ceil(tree[1] / 2 + 0.5).astype(int)
    for half in np.unique(reach):
        at, w, s = (values[reach == half, None] for values in (pixel, wide, strength))
        r = w * eye.unit / 2
        down, right = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
        row, col = np.rint(at.imag).astype(int) + down, np.rint(at.real).astype(int) + right
        d = np.hypot(row - at.imag, col - at.real)
        column = 0.65 + 0.35 * np.sqrt(np.clip(1 - (d / r) ** 2, 0, 1))  # a blood-filled tube
        gleam = np.exp(-((d / (0.3 * r)) ** 2)) * np.clip(w / 3 - 0.8, 0, 1)
        ok = (row >= 0) & (row < size) & (col >= 0) & (col < size)
        tube = s * column * np.clip(r + 0.5 - d, 0, 1)
        for layer, value in zip(maps, (tube, gleam, (d < r) & (w >= THINNEST)), strict=True):
            np.maximum.at(layer, (row[ok], col[ok]), value[ok].astype(np.float32))
    return maps[0], maps[1], maps[2] > 0
