"""The trunk of the abdominal CT phantom: wall, chest, muscles and bones."""

import numpy as np

from .body import AXIS, EVERYWHERE, FAR, FAT, SIDES, VERTEBRAE, Body, radial, rise, smooth_max

# Discs from the sacrum to the eighth thoracic vertebra: height in the body and half thickness, mm.
DISCS = np.array([-146.0, -110, -73, -36, 0, 34, 65, 94, 121, 147, 172, 197])
DISC_HALF = np.array([4.5, 5.5, 5.5, 5.0, 4.5, 3.5, 3.0, 2.6, 2.4, 2.2, 2.0, 2.0])
RIB_STEP = 28.0  # mm from one rib to the next


def body_wall(body: Body) -> None:
    """Paint skin, subcutaneous fat, the wall's muscles and the fat inside; set `body.inner`."""
    rng, x, y, z = body.rng, body.x, body.y - AXIS, body.z
    belly = rng.uniform(-8, 16) * np.exp(-(((z + 50) / 70) ** 2))
    width = 127 - 4 * np.exp(-(((z + 50) / 45) ** 2)) - 0.2 * np.maximum(z - 90, 0)
    depth = np.where(y < 0, 86 + belly, 86)
    reach = np.sqrt(x * x + y * y) + 1e-3
    around = y / reach  # 1 at the back, 0 at the side, -1 at the front
    ring = ((np.abs(x) / width) ** 2.3 + (np.abs(y) / depth) ** 2.3) ** (1 / 2.3) + 1e-3
    body.inner = inner = reach - reach / ring
    chest = rise(z - 30 * around, 25, 12)
    front, back = rise(-around, 0.62, 0.12), rise(around, 0.78, 0.1)
    lateral = rng.uniform(11, 16) - chest
    muscle = lateral + front * (rng.uniform(8, 11) - lateral) + back * (21 - lateral)
    muscle = muscle + 1.6 * body.clouds
    # Fat lies on the belly and the hips more than on the chest.
    fat = (5 + 33 * rng.random() ** 1.5) * (0.4 + 0.6 * rise(-z, 10, 50))
    hips = np.exp(-(((around - 0.6) / 0.3) ** 2)) * rise(-z, 40, 25)
    navel = np.exp(-((x / 9) ** 2 + ((z + 92) / 9) ** 2)) * front
    fat = fat * (0.65 + 0.35 * front + 0.5 * hips) * (1 - 0.7 * navel) * (1 + 0.03 * body.clouds)
    skin = inner - muscle - fat
    body.paint(EVERYWHERE, skin, rng.uniform(-10, 40))
    body.paint(EVERYWHERE, skin + 2.2, FAT + 6 * body.grain)
    # In front the wall thins to a sheet between the straight muscles and beside them, and at the
    # side it has three layers.
    gaps = np.exp(-(((np.abs(x) - 66) / 5) ** 2)) + np.exp(-((x / 4) ** 2))
    edge = inner - muscle * (1 - 0.75 * gaps * front * (1 - chest))
    layers = np.maximum(np.cos(inner * (2 * np.pi / 6)), 0) * (1 - front) * (1 - back) * (1 - chest)
    flesh = body.tissue["muscle"] - 22 * layers - 25 * np.maximum(body.clouds - 1, 0)
    body.paint(EVERYWHERE, edge, flesh + 4 * body.grain)
    body.paint(EVERYWHERE, inner, FAT + 8 * body.grain)


def chest_and_diaphragm(body: Body) -> None:
    """Paint lungs, the bottom of the heart, and the diaphragm; set `body.cavity`."""
    rng = body.rng
    top = rng.uniform(-14, 12)
    up = np.maximum(body.z - 20, 0)
    x, y = body.x, body.y + 0.1 * up  # the domes lean forward
    right = radial((x + 57, y + 50, up), (73, 88, 116 + top))
    left = radial((x - 58, y + 48, up), (73, 86, 95 + top))
    middle = radial((x, y + 72, up), (62, 72, 88 + top))
    dome = -smooth_max(-right, smooth_max(-left, -middle, 12), 12)
    dome = dome - 0.9 * np.maximum(rng.uniform(38, 55) - body.z, 0)  # no lung below the sulcus
    body.cavity = np.maximum(body.inner, dome)
    box = body.box((-150, -170, 20), (150, 80, 230))
    inner, dome, bumps, grain = body.inner[box], dome[box], body.bumps[box], body.grain[box]
    mediastinum = radial((body.x[box] - 2, body.y[box] + 22), (26, 42))
    air = np.maximum(np.maximum(inner + 1, -dome), -mediastinum)
    lung = rng.uniform(-880, -800) + 1.1 * (body.y[box] + 40) + 25 * grain
    body.paint(box, air, lung)
    vessels = 6 * np.hypot(grain, body.clouds[box]) - 1.5
    body.paint(box, np.maximum(vessels, air + 6), 10)
    heart = radial(body.at(box, (30, -88, 136 + 0.9 * top)), (66, 50, 44)) + 2 * bumps
    heart = np.maximum(np.maximum(heart, inner + 5), -dome)
    body.paint(box, np.maximum(heart - 5, -dome), FAT)
    body.paint(box, heart, body.tissue["heart"] - 25 * rise(np.abs(bumps), 1.2, 0.2))
    shell = np.abs(dome + 1.5) - rng.uniform(1.2, 2.0)
    body.paint(box, np.maximum(shell, inner), body.tissue["muscle"])


def back_muscles(body: Body) -> None:
    """Paint psoas, quadratus lumborum, erector spinae and the crura of the diaphragm."""
    build = body.rng.uniform(0.85, 1.15)
    box = body.box((-90, -60, -200), (90, 80, 230))
    x, y, z = body.at(box)
    flesh = body.tissue["muscle"] - 30 * np.maximum(body.clouds[box] - 0.8, 0)
    flesh = flesh + 5 * body.grain[box]
    behind = radial((x - 4, y + 10), (16, 36))  # the space of the aorta behind the crura
    body.paint(box, np.maximum(behind, -30 - z), FAT + 8 * body.grain[box])
    crus = np.abs(radial((x - 4, y + 30), (17, 17))) - 2.2
    crus = np.maximum(np.maximum(crus, y + 14), np.abs(z - 30) - 62 + 0.3 * x)
    crus = np.maximum(crus, 12 - np.abs(x - 4) - 0.5 * np.maximum(z - 5, 0))
    body.paint(box, crus, flesh)
    down = np.clip((15 - z) / 120, 0, 1.3)
    for side in SIDES:
        aside = side * x
        psoas = radial((aside - 22 - 18 * down, y + 7 * down), (8 + 14 * down, 8 + 15 * down))
        body.paint(box, np.maximum(psoas * build, z - 15), flesh, halo=0.4)
        square = radial((aside - 58, y - 20 + 0.5 * (aside - 60)), (22, 6 * build))
        body.paint(box, np.maximum(square, z - 45), flesh, halo=0.8)
        erector = radial((aside - 30, y - 44), (29, 22 * build))
        body.paint(box, np.maximum(erector, body.inner[box] - 20), flesh, halo=1.2)


def spine(body: Body) -> None:
    """Paint vertebral bodies (labelled), discs, the canal with its cord, and posterior elements."""
    rng = body.rng
    box = body.box((-50, -40, -200), (50, 85, 230))
    x, y, z = body.at(box)
    y = y - rng.uniform(-2, 3)
    z = z + rng.uniform(0.02, 0.12) * y * np.clip((z + 40) / 100, -1.3, 1)  # end plates tilt
    disc = np.interp(z, DISCS, np.arange(DISCS.size)).astype(np.float32)
    level = np.floor(disc).astype(int).clip(0, DISCS.size - 2)
    tall = np.diff(DISCS)[level].astype(np.float32)
    up = (disc - level) * tall  # mm above the middle of the disc below
    near = np.minimum(up, tall - up)  # mm to the middle of the nearer disc
    half = np.interp(z, DISCS, DISC_HALF * rng.uniform(0.85, 1.2)).astype(np.float32)
    size = np.interp(z, [-146, 0, 190], [25.5, 22.5, 15.0]).astype(np.float32)
    size = size * rng.uniform(0.93, 1.07)
    column = smooth_max(radial((x, y), (size, 0.74 * size)), y - 0.6 * size, 5)
    body.paint(box, column - 1, rng.uniform(70, 110), halo=0.8)
    hard = rng.uniform(420, 720)
    spongy = rng.uniform(105, 205) + 22 * body.grain[box] + 15 * body.lumps[box]
    waist = 2.2 * np.clip((near - half) / 11, 0, 1)
    bone = np.maximum(column + waist, half - near)
    body.paint(box, bone, hard, VERTEBRAE)
    body.paint(box, bone + 1.4, spongy, None)

    aside, back = np.abs(x), y - size  # mm from the middle, and about mm behind the body
    canal = radial((x, back - 4), (11.5, 8.5))
    lamina = np.maximum(canal - 4.5, np.abs(up - 0.5 * tall) - 0.34 * tall)
    lamina = np.where(back < 4, FAR, lamina)
    pedicle = radial((aside - 14, up - 0.66 * tall), (5, 6.5))
    pedicle = np.maximum(pedicle, np.abs(back - 2) - 10)
    facet = radial((aside - 17, back - 14, near), (6, 8, 12))
    transverse = radial((back - 9 - 0.12 * aside, up - 0.62 * tall), (4, 5))
    transverse = np.maximum(transverse, np.maximum(aside - np.where(z > 40, 26, 38), 10 - aside))
    slant = np.where(z > 20, 0.55, 0.15) * (back - 15)  # thoracic processes point down
    spinous = radial((x, up + slant - 0.5 * tall), (3.8, 0.36 * tall))
    spinous = np.maximum(spinous, np.abs(back - 26) - 14)
    arch = np.minimum.reduce([lamina, pedicle, facet, transverse, spinous]).astype(np.float32)
    body.paint(box, arch, hard)
    body.paint(box, arch + 1.8, spongy + 40)
    body.paint(box, canal, FAT + 80)
    body.paint(box, radial((x, back - 4), (7, 6)), 32)


def ribs(body: Body) -> None:
    """Paint the lower ribs in the wall with their cartilage."""
    rng = body.rng
    box = body.box((-170, -190, -20), (170, 90, 230))
    x, y, z = body.at(box, (0, AXIS, 0))
    turn = np.arctan2(np.abs(x), y)  # 0 at the back, pi at the front
    # Ribs sink on their way to the front and rise again as cartilage.
    sink = np.interp(turn, [0, 0.35, 2.0, 2.3, 3.14], [0, 8, 98, 101, 45]).astype(np.float32)
    count = (z + sink - 56) / RIB_STEP
    number = np.round(count)  # 0 is the twelfth rib, 1 the eleventh
    ends = np.interp(number, [-1, 0, 1, 2, 3], [0, 0.9, 1.45, 2.0, 2.15]).astype(np.float32)
    rib = radial((body.inner[box] - 6.5, RIB_STEP * (count - number)), (4.2, 6.5))
    rib = np.maximum(rib, np.where(y < 42, -FAR, 42 - np.abs(x)))
    bone = np.maximum(rib, 90 * (turn - ends))
    body.paint(box, bone, rng.uniform(450, 750))
    body.paint(box, bone + 2, rng.uniform(120, 250))
    cartilage = np.maximum(np.maximum(rib, 90 * (ends - turn)), 4 * (1.5 - number))
    body.paint(box, cartilage, rng.uniform(90, 140))


def pelvis(body: Body) -> None:
    """Paint the tops of the iliac wings between their muscles."""
    box = body.box((-170, -150, -200), (170, 90, -85))
    x, y, z = body.at(box)
    for side in SIDES:
        # Along the wing to the front, and across it to the outside.
        length = 0.58 * (side * x - 86) - 0.81 * (y + 6)
        across = 0.81 * (side * x - 86) + 0.58 * (y + 6) - 0.004 * length**2
        crest = z + 101 + 0.014 * length**2
        wing = np.maximum(np.abs(across) - 4.5, np.maximum(crest, np.abs(length) - 66))
        gluteal = np.maximum(np.maximum(-across, crest + 3), body.inner[box] - 12)
        gluteal = np.maximum(gluteal, across - 6 + 0.5 * crest)
        iliac = np.maximum(np.maximum(np.abs(across + 8) - 6, crest), np.abs(length) - 60)
        body.paint(box, np.minimum(gluteal, iliac), body.tissue["muscle"])
        body.paint(box, wing, body.rng.uniform(450, 700))
        body.paint(box, wing + 2.2, body.rng.uniform(120, 220))
