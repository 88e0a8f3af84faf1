"""What a ray meets in the chest X-ray phantom: body, lungs, mediastinum, bones, vessels."""

import numpy as np
import numpy.typing as npt

from .canvas import SIDES, Array, Chest, Points, blur, bulk, fill, paint, ribbon, spline


def draw_body(chest: Chest) -> tuple[Array, Points]:
    """Draw trunk, neck and arms; return also (x, y) along the left arm from the shoulder joint."""
    uniform, low = chest.rng.uniform, chest.shoulder
    neck, wall = uniform(0.36, 0.55), 1.07 + 0.4 * chest.fat**2 + uniform(0, 0.1)
    x = np.array([neck, neck, neck + 0.15, 0.9, 1.25, 1.4, wall + 0.07, wall, wall + 0.02, 1.5])
    y = [-1, -0.29, -0.23, low - 0.19, 1.4 * low - 0.13, 0.18, 0.5, 0.75, 1.1, 2.8]
    body = fill(chest, spline(chest.trace([*x, *-x[::-1]], [*y, *y[::-1]])))
    drop, along = uniform(0.1, 1.35), np.array([-30, 0, 100, 210, 320])
    arm_x = 1.26 + along * np.cos(drop) / chest.width
    arm_y = 0.04 + low + along * np.sin(drop) / chest.height
    for side in SIDES:
        paint(body, ribbon(chest.trace(side * arm_x, arm_y), uniform(44, 62) * chest.mm))
    return np.minimum(body, 1), np.array([arm_x[1:], arm_y[1:]])


def draw_pleura(chest: Chest, side: int) -> Array:
    """Draw the space of one lung as far as the midline and below the diaphragm."""
    y = np.array([0.005, 0.02, 0.045, 0.07, 0.12, 0.18, 0.3, 0.45, 0.6, 0.8, 1.0, 1.2, 1.6])
    apex_x, apex_y = [0, 0, 0.06, 0.12, 0.19, 0.26], [1.6, 0.35, 0.19, 0.1, 0.04, 0.012]
    x = side * np.array([*apex_x, *chest.wall(y)])
    return fill(chest, spline(chest.trace(x, [*apex_y, *y])))


def draw_centre(chest: Chest) -> tuple[Array, Array]:
    """Draw the silhouettes of the great vessels and of the heart."""
    uniform = chest.rng.uniform
    width = 2 * np.clip(chest.rng.normal(0.47, 0.055), 0.36, 0.64)  # twice cardiothoracic ratio
    right, base = -width * uniform(0.23, 0.36), uniform(0.48, 0.58)  # base: top of the heart
    cava, subclavian = uniform(0.11, 0.19), uniform(0.13, 0.22)
    knob, arch = uniform(0.21, 0.37), uniform(0.24, base - 0.22)  # x and y of the aortic arch
    trunk = knob * uniform(0.75, 1.05)  # x of the pulmonary trunk
    waist = min(knob, trunk) * uniform(0.88, 0.98)
    x = [1.25 * subclavian, 1.1 * subclavian, subclavian, 0.86 * knob, knob, 0.94 * knob]
    y = [-0.2, 0.05, arch - 0.12, arch - 0.065, arch, arch + 0.06]
    x += [waist, trunk, 0.9 * trunk, 0.17, 0.15, -0.9 * cava, -0.9 * cava, -1.1 * cava]
    y += [(arch + base) / 2 + 0.04, base, base + 0.08, 1.0, 1.6, 1.6, 1.0, base + 0.12]
    x += [-1.2 * cava, -cava, -0.9 * cava, -0.9 * cava]
    y += [base, 0.3, 0.1, -0.2]
    vessels = fill(chest, spline(chest.trace(np.array(x) + 0.7 * chest.turn, y)))

    left, bulge = right + width, uniform(-0.03, 0.05)  # bulge: of the left ventricle
    apex = float(chest.dome(left)) + uniform(-0.07, 0.06)
    angle = float(chest.dome(right)) + 0.02  # y of the right cardiophrenic angle
    bottom = float(chest.dome(0.4 * right)) + 0.04
    slope, long = left - trunk, apex - base - 0.1
    x = [0, 0.7 * trunk, trunk, trunk + 0.33 * slope + bulge, trunk + 0.72 * slope + bulge]
    y = [base - 0.03, base - 0.02, base + 0.05, base + 0.05 + 0.3 * long, base + 0.05 + 0.62 * long]
    x += [left, left - 0.03, 0.75 * left, 0.3 * left, 0.4 * right, 0.85 * right]
    y += [apex - 0.05, apex + 0.03, apex + 0.08, max(apex + 0.06, bottom), bottom, angle]
    x += [0.99 * right, right, 0.86 * right, 0.65 * right, 0.45 * right]
    y += [angle - 0.1, 0.4 * base + 0.6 * angle, base + 0.2, base + 0.09, base + 0.01]
    return vessels, fill(chest, spline(chest.trace(np.array(x) + chest.turn, y)))


def add_bone(
    chest: Chest, layer: Array, path: Points, radius: Points | float, amount: float
) -> None:
    """Add a bone of that radius in mm along a path (pixels): cortex around less dense marrow."""
    marrow = np.maximum(radius - 1 - 0.08 * np.asarray(radius), 0.1)
    paint(layer, ribbon(path, np.asarray(radius) * chest.mm), amount)
    paint(layer, ribbon(path, marrow * chest.mm), -0.45 * amount)


def draw_clavicles(chest: Chest, layer: Array) -> list[Array]:
    """Add both clavicles to the bones; return their coverage."""
    uniform, t, covers = chest.rng.uniform, np.linspace(0, 1, 40), []
    level, lateral = uniform(0.08, 0.26), chest.shoulder - uniform(0.03, 0.09)  # y of the ends
    inner, outer, wave, bow = uniform([0.1, 1.1, 0, -0.05], [0.17, 1.3, 0.045, 0.02])
    curve = wave * np.sin(2 * np.pi * t) + bow * np.sin(np.pi * t)
    shape = np.interp(t, [0, 0.02, 0.06, 0.25, 0.5, 0.8, 0.97, 1], [4, 7, 8.5, 6.2, 5.3, 6, 7, 4])
    radius, strength = uniform(0.85, 1.2) * shape, uniform(11, 28)
    for side in SIDES:
        x = side * (inner + t * (outer - inner)) + chest.turn * (1 - t)
        start, end = chest.rng.normal([level, lateral], [0.01, 0.015])
        path = chest.trace(x, start + (end - start) * t + curve)
        add_bone(chest, layer, path, radius, strength)
        covers.append(fill(chest, ribbon(path, radius * chest.mm)))
    return covers


def draw_ribs(chest: Chest, layer: Array) -> None:
    """Draw each rib as half an ellipse seen aslant: outwards at the back, inwards in front."""
    uniform = chest.rng.uniform
    slope, strength, thick = uniform([0.85, 5, 5.5], [1.3, 16, 8])
    pitch, top, end = uniform([0.092, -0.04, 2.15], [0.106, 0.02, 2.5])
    for side in SIDES:
        for i in range(11):
            head = top + pitch * i + chest.rng.normal(0, 0.004)
            fall = slope * (0.2 + 0.06 * min(i, 3) + 0.02 * i)
            reach = float(chest.wall(head + fall / 2)) + 0.025
            for first, last, share in ((np.arcsin(0.11 / reach), 1.57, 1.0), (1.57, end, 0.6)):
                angle = np.linspace(first, last, 24)
                y = head + fall * np.sin(angle / 2) ** 2
                path = chest.trace(side * reach * np.sin(angle), y)
                radius = thick * np.interp(angle, [0, 0.5, 1.6, 3], [0.8, 0.9, 1.05, 1.0])
                add_bone(chest, layer, path, radius, share * strength)


def draw_spine(chest: Chest, layer: Array) -> None:
    pitch, half, strength = chest.rng.uniform([0.095, 0.1, 2], [0.106, 0.125, 12])
    bow, pedicle = chest.rng.normal(0, 0.015), np.array([1.5, 4, 4, 1.5])
    body, process = half * chest.width * np.array([1, 0.9, 0.9, 1]), np.array([3, 3, 3, 2.5])
    # x of the part, its top and bottom in the vertebra's height, its half width in mm
    parts = [(0.0, 0.06, 0.94, body), (0.0, 0.6, 1.0, process)]
    parts += [(-0.06, 0.1, 0.45, pedicle), (0.06, 0.1, 0.45, pedicle)]
    for y in np.arange(-5, 15) * pitch:
        for dx, top, bottom, radius in parts:
            path = chest.trace(bow * np.sin(3 * y) + dx, y + pitch * np.linspace(top, bottom, 4))
            share = 1.0 if radius is body else 0.6
            add_bone(chest, layer, path, radius, share * strength)


def draw_shoulders(chest: Chest, layer: Array, arm: Points) -> None:
    """Draw scapulae (blade, borders, spine) and humeri."""
    (jx, jy), uniform = arm[:, 0], chest.rng.uniform
    strength, x, tip = uniform(5, 13), jx - uniform(0.24, 0.47), uniform(0.5, 0.68)
    medial = [x + 0.05, x - 0.02, x - 0.02, x + 0.06], [0.0, 0.12, 0.3, tip]
    lateral = [x + 0.12, jx - 0.22, jx - 0.15], [tip - 0.02, 0.34, jy + 0.06]
    crest = [x, x + 0.2, jx - 0.05, jx + 0.08], [0.13, 0.06, jy - 0.13, jy - 0.12]
    for side in SIDES:
        flip = side * uniform(0.96, 1.04)
        for (line_x, line_y), radius in ((medial, 1.0), (lateral, 3.0), (crest, 5.0)):
            path = spline(chest.trace(flip * np.array(line_x), line_y), closed=False)
            add_bone(chest, layer, path, radius, strength)
        blade = chest.trace(flip * np.array(medial[0] + lateral[0]), medial[1] + lateral[1])
        paint(layer, spline(blade), 0.4 * strength)
        humerus = spline(chest.trace(side * arm[0], arm[1]), closed=False)
        girth = np.interp(np.arange(len(humerus)), [0, 2, 6, 10, 14], [12, 22, 22, 13, 11])
        add_bone(chest, layer, humerus, girth, 1.5 * strength)


def draw_airways(chest: Chest) -> Array:
    """Return the depth of the air in trachea and main bronchi, in mm."""
    split = chest.rng.uniform(0.38, 0.47)
    lean = chest.turn / 2 - chest.rng.uniform(0, 0.05)
    trachea = [0, lean / 2, lean], [-0.7, 0.1, split]
    right = [lean, lean - 0.14, lean - 0.24], [split - 0.03, split + 0.08, split + 0.16]
    left = [lean, lean + 0.18, lean + 0.32], [split - 0.03, split + 0.07, split + 0.11]
    air, deep = chest.blank.copy(), chest.rng.uniform(0.5, 1.8)
    for (x, y), radius in ((trachea, chest.rng.uniform(7, 10)), (right, 6.5), (left, 5.5)):
        path = spline(chest.trace(x, y), closed=False)
        paint(air, ribbon(path, radius * chest.mm), deep * radius)
    return blur(np.minimum(air, 9 * deep), 2.0 * chest.mm)


def draw_vessels(chest: Chest) -> Array:
    """Return the thickness of the arteries and veins that fan out from the hila and fork, in mm."""
    uniform, normal, steps = chest.rng.uniform, chest.rng.normal, 50
    t, layers = np.linspace(0, 1, steps)[:, None], [chest.blank.copy() for _ in range(4)]

    def deposit(layer: Array, x: Points, y: Points, mass: npt.ArrayLike) -> None:
        at = np.rint(chest.trace(x, y)).astype(int)
        seen = np.all((at >= 0) & (at < chest.size), axis=1)
        volume = np.broadcast_to(np.asarray(mass, np.float32) * chest.mm**2, seen.shape)
        np.add.at(layer, tuple(at[seen].T), volume[seen])

    for side in SIDES:
        n = int(chest.rng.integers(12, 18))
        hilum = np.array([[side * uniform(0.22, 0.32) + chest.turn], [0.5 - 0.02 * side]])
        x, y = hilum + normal(0, 1, (2, n)) * [[0.04], [0.085]]
        radius, heading = uniform(1.6, 3.8, n), uniform(-1.4, 1.5, n)
        radius[:2], heading[:2] = 4.5, (1.3, 0.9)  # the arteries of the lower lobe
        radius *= uniform(0.85, 1.25)
        deposit(layers[3], x, 2 * y - hilum[1], uniform(200, 1800))  # what else fills the hilum
        for _ in range(6):
            span = uniform(14, 40, len(x)) / steps  # mm
            way = heading + normal(0, 0.4, len(x)) * t
            xs = x + side * np.cumsum(np.cos(way), 0) * span / chest.width
            ys = y + np.cumsum(np.sin(way), 0) * span / chest.height
            taper = radius * (1 - 0.2 * t)
            for layer, low, high in zip(layers, (0, 0.9, 2.2), (0.9, 2.2, 99), strict=False):
                use = (taper >= low) & (taper < high)
                mass = 5 * taper**1.4 * span  # thin ones are seen better than their volume says
                deposit(layer, xs[use], ys[use], mass[use])
            x, y, radius = np.tile(xs[-1], 2), np.tile(ys[-1], 2), np.tile(radius * 0.8, 2)
            heading = np.concatenate([way[-1] + uniform(0.1, 0.5), way[-1] - uniform(0.1, 0.5)])
            radius *= uniform(0.65, 1.0, len(radius))
    for layer, sigma in zip(layers, (0.55, 0.9, 2.2, 8), strict=True):
        layer[:] = blur(layer, sigma * chest.mm)
    return np.asarray(np.sum(layers, axis=0))


def draw_soft_parts(chest: Chest) -> Array:
    """Return the thickness of breasts less the gas in stomach and colon, in mm."""
    uniform, turn = chest.rng.uniform, np.linspace(0, 2 * np.pi, 60)
    soft, gas = chest.blank.copy(), chest.blank.copy()
    if uniform() < 0.5:
        x, y, r = uniform([0.5, 0.7, 0.35], [0.75, 1.0, 0.55])
        for side in SIDES:
            round_x, round_y = side * x + r * np.cos(turn), y + 0.6 * r * np.sin(turn)
            soft += bulk(chest, fill(chest, chest.trace(round_x, round_y)), 0.5 * r * chest.width)
        down = np.arange(chest.size)[:, None] / chest.mm - chest.top - (y - 0.6 * r) * chest.height
        # The skin above passes into the breast without an edge, that below is a fold
        soft *= (uniform(10, 50) * np.clip(down / (0.7 * r * chest.height), 0, 1)).astype(
            np.float32
        )
    for i in range(int(chest.rng.integers(0, 4))):
        x = uniform(0.3, 0.65) if i == 0 else uniform(-0.8, 0.8)  # the first: the stomach
        y = float(chest.dome(x)) + (uniform(0.05, 0.1) if i == 0 else uniform(0.12, 0.5))
        lobes = 1 + 0.15 * np.sin(np.outer([2, 3], turn) + uniform(0, 6, (2, 1))).sum(0)
        round_x, round_y = x + uniform(0.06, 0.2) * lobes * np.cos(turn), lobes * np.sin(turn)
        paint(gas, chest.trace(round_x, y + uniform(0.02, 0.05) * round_y), uniform(10, 50))
    return blur(soft, 1.5 * chest.mm) - blur(gas, 2.5 * chest.mm)
