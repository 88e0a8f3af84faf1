"""Soft organs, gut and vessels of the abdominal CT phantom."""

import numpy as np

from ..fields import soft_edge
from .body import (
    COURSES,
    FAR,
    FAT,
    KIDNEYS,
    LIVER,
    PANCREAS,
    SPLEEN,
    Body,
    radial,
    smooth_max,
)


def mesentery_and_small_bowel(body: Body) -> None:
    """Paint the mesentery's vessels in fat, and short loops of small bowel over each other."""
    rng = body.rng
    box = body.box((-100, -170, -200), (110, -10, 60))
    # Both fields vanish along thin winding lines: a cheap net of twigs.
    twigs = 5 * np.hypot(body.grain[box], 0.7 * body.bumps[box]) - 1
    twigs = np.maximum(np.maximum(twigs, body.cavity[box] + 8), body.y[box] + 30)
    body.paint(box, twigs, body.tissue["cava"] - 20)
    drunk = rng.uniform(200, 330) if rng.random() < 0.15 else 0.0  # oral contrast
    for _ in range(rng.integers(24, 40)):
        side = rng.uniform(-74, 94)
        centre = (side, rng.uniform(-118, -42), rng.uniform(-165, 5 + 0.3 * side))
        way = np.linspace(-1, 1, 4)[:, None] * rng.normal(0, 28, 3) + rng.normal(0, (22, 16, 22))
        way = centre + way + rng.normal(0, (22, 15, 22), (4, 3))
        where, distance, along = body.tube(np.column_stack([way, rng.uniform(8, 15, 4)]))
        distance = smooth_max(distance + 1.2 * body.bumps[where], body.cavity[where] + 4, 4)
        distance = np.maximum(distance, body.y[where] + 24)
        content = rng.uniform(5, 40) + drunk * rng.random() + 18 * body.grain[where]
        gas = rng.uniform(0.1, 0.8) if rng.random() < 0.2 else 0
        body.gut((where, distance, along), content, rng.uniform(2, 4), gas)


def stomach_and_duodenum(body: Body) -> None:
    """Paint the stomach with fluid, food and an air bubble on top, and the loop of the duodenum."""
    rng = body.rng
    box, distance, way = body.tube("stomach", 5, rng.uniform(0.75, 1.25))
    distance = smooth_max(distance, body.cavity[box] + 3, 4) + 1.5 * body.bumps[box]
    fluid = float(rng.choice([10, 25, 60, 250], p=[0.5, 0.25, 0.15, 0.1]))
    content = fluid + rng.uniform(0, 25) * body.grain[box]
    body.gut((box, distance, way), content, rng.uniform(3, 5), rng.uniform(0, 0.45))
    tube = body.tube("duodenum", 2.5, rng.uniform(0.8, 1.15))
    body.gut(tube, 25 + 25 * body.grain[tube[0]], 2.5)


def colon(body: Body) -> None:
    """Paint ascending, transverse and descending colon with haustra, faeces and gas."""
    rng = body.rng
    sag = rng.uniform(-22, 12)
    for part, load in (("ascending", 0.9), ("transverse", -0.4), ("descending", 0.6)):
        wide = rng.uniform(0.75, 1.2)
        middle = sag if part == "transverse" else 0
        box, distance, way = body.tube(f"{part} colon", 5, wide, middle)
        folds = np.abs(np.sin(way * np.pi / rng.uniform(24, 34) + rng.uniform(0, 6)))
        distance = distance + 4.2 * wide * (1 - folds) ** 2 + 1.2 * body.bumps[box]
        distance = smooth_max(distance, body.cavity[box] + 3, 4)
        stool = rng.uniform(-20, 45) + 45 * body.grain[box]
        # Gas rises in the lumen, and faeces are mottled with bubbles.
        middle = float(np.median(body.height[box][distance < 0]))
        ahead = (body.height[box] - middle) / 20
        load += rng.normal(0, 0.25)
        solid = 1.2 * ahead + 1.6 * load - 0.8 * body.grain[box] - body.clouds[box]
        gas = soft_edge(np.asarray(4 * solid - 2, np.float32), 1.0)
        body.gut((box, distance, way), stool, 2.0, gas)


def liver(body: Body) -> None:
    """Paint both lobes below the diaphragm, their veins, the fissure and the gallbladder."""
    rng = body.rng
    box = body.box((-150, -150, -90), (115, 60, 170))
    x, y, z = body.at(box)
    # The left and dorsal surface runs from the vena cava to the tip of the left lobe ...
    tip = rng.uniform(52, 100)
    left = ((x + 15) * 105 + (y - 5) * (tip + 15)) / float(np.hypot(tip + 15, 105))
    left = left + 0.6 * np.maximum(25 - z, 0) + rng.uniform(1, 14)
    # ... and the visceral one rises from the lateral edge of the right lobe to the left.
    slope = rng.uniform(0.58, 0.84)
    floor = rng.uniform(16, 42) + slope * x + rng.uniform(0, 0.35) * (y + 60)
    below = (floor - z) / (1 + slope**2) ** 0.5 + 3 * body.clouds[box]
    surface = smooth_max(body.cavity[box] + 1.5, smooth_max(left, below, 16), 10)
    surface += 1.3 * body.bumps[box]
    body.paint(box, surface, body.tissue["liver"] + 3 * body.lumps[box], LIVER, halo=0.8)
    fissure = np.abs(x - rng.uniform(-8, 12) + 0.25 * (y + 100)) - rng.uniform(0.5, 3)
    fissure = np.maximum(np.maximum(fissure, y + 85), z - rng.uniform(25, 50))
    body.paint(box, np.maximum(fissure, surface - 1), FAT + 20)
    for course in COURSES:
        if "hepatic" in course or "portal," in course:
            where, distance, _ = body.tube(course, 5)
            distance[body.labels[where] != LIVER] = FAR
            body.paint(where, distance, body.tissue["portal vein"], None)
    if rng.random() < 0.85:  # the others have had it removed
        where, distance, _ = body.tube("gallbladder", 4, rng.uniform(0.75, 1.25))
        body.paint(where, distance - 1.2, body.tissue["gut wall"])
        body.paint(where, distance, rng.uniform(2, 20))


def spleen(body: Body) -> None:
    """Paint the spleen: a curved cushion inside the left posterior wall and the diaphragm."""
    rng = body.rng
    size = rng.uniform(0.85, 1.2)
    box = body.box((20, -110, -50), (150, 70, 150))
    x, y, z = body.at(box)
    arc = 100 * (np.arctan2(x, y + 42) - rng.uniform(1.05, 1.3))  # mm along the wall
    rise = z - rng.uniform(34, 54) + 0.35 * arc
    depth = -body.cavity[box] - 2.5
    thickness = 38 * size * (1 - 0.15 * np.sin(arc / 24 + rng.uniform(0, 6)))
    surface = radial((depth, arc, rise), (thickness, 60 * size, 47 * size))
    surface = smooth_max(smooth_max(surface, -depth, 5), 42 - x + 0.2 * y, 8)
    surface += 1.2 * body.bumps[box]
    body.paint(box, surface, body.tissue["spleen"] + 3 * body.lumps[box], SPLEEN, halo=1)


def kidney(body: Body, side: int) -> None:
    """Paint one kidney (side 1 is the left): cortex, pyramids, sinus fat, pelvis, renal vein."""
    rng = body.rng
    size = rng.uniform(0.93, 1.13)
    level = (1 if side > 0 else -11) + rng.uniform(-10, 10)
    centre = np.array([side * rng.uniform(58, 66), rng.uniform(-4, 10), level])
    # Upper pole towards the spine and the back; the hilum faces the spine and a little forward.
    pole = np.array([-side * rng.uniform(0.15, 0.35), rng.uniform(0.1, 0.3), 1.0])
    pole /= np.linalg.norm(pole)
    turn = rng.uniform(0.4, 0.8)
    inward = np.array([-side * np.cos(turn), -np.sin(turn), 0.0])
    inward -= pole * (inward @ pole)
    inward /= np.linalg.norm(inward)
    box = body.box((centre - 62).tolist(), (centre + 62).tolist())
    here = body.at(box, centre.tolist())
    u, v, w = (
        here[0] * a + here[1] * b + here[2] * c
        for a, b, c in (axis.tolist() for axis in (pole, inward, np.cross(pole, inward)))
    )
    v = v - 9 * (u / 50) ** 2  # both poles bend towards the hilum
    bumps, lumps, grain = body.bumps[box], body.lumps[box], body.grain[box]
    outer = radial((u, v, w), (53 * size, 27 * size, 24.5 * size)) + 1.2 * bumps
    fan = np.arctan2(u, 20 - v)
    sinus = radial((u, v - 19, w), (25 * size, 20 * size, 10.5 * size)) - lumps
    sinus -= 2.5 * np.cos(6 * fan + rng.uniform(0, 6))
    gap = rng.uniform(1, 8) * (1 + 0.5 * body.clouds[box])
    body.paint(box, np.maximum(outer, v - 24) - gap, FAT + 9 * grain)
    filling = np.asarray(FAT + 45 * np.maximum(grain, 0), np.float32)
    body.paint(box, np.maximum(outer, sinus), filling)
    body.paint(box, np.maximum(outer, -sinus), body.tissue["cortex"] + 3 * lumps, KIDNEYS)
    pyramids = np.cos(7 * fan + rng.uniform(0, 6)) + 0.7 * np.cos(5 * np.arctan2(w, 20 - v))
    core = np.maximum(outer + rng.uniform(6, 8), -2.2 - 5 * pyramids)
    body.paint(box, np.maximum(core, 1 - sinus), body.tissue["medulla"], None)
    pelvis = radial((u, v - 20, w), (9, 13, rng.uniform(3, 6)))
    body.paint(box, np.maximum(pelvis, sinus), 18, None)
    hilum = centre + 24 * inward
    root = np.array([-16, -30, level + 4] if side < 0 else [4, -46, level + 6])
    vein = np.array([hilum, 0.5 * (hilum + root) - (0, 6, 0), root])
    body.vessel(np.column_stack([vein, [3.5, 4.5, 5]]), body.tissue["cava"])


def great_vessels(body: Body) -> None:
    """Paint the aorta with its first branches, the vena cava, the oesophagus and the adrenals."""
    box, distance, _ = body.tube("aorta", 1.5, body.rng.uniform(0.85, 1.2))
    body.paint(box, distance, body.tissue["aorta"], halo=1)
    if body.rng.random() < 0.4:  # calcified plaques in the wall
        plaque = np.maximum(np.abs(distance + 0.5) - 1, 4 * (1.5 - body.lumps[box]))
        body.paint(box, np.maximum(plaque, body.z[box] - 20), 550)
    body.vessel("cava", body.tissue["cava"], 0)
    for course in COURSES:
        if course.endswith("artery") or course == "coeliac":
            body.vessel(course, body.tissue["aorta"])
        elif course.endswith("iliac vein"):
            body.vessel(course, body.tissue["cava"])
        elif course == "oesophagus" or course.endswith("adrenal"):
            body.vessel(course, body.tissue["muscle"] + 8)


def pancreas(body: Body) -> None:
    """Paint the pancreas, from the vena cava over the spine to its tail at the splenic hilum."""
    rng = body.rng
    lift, thick = rng.uniform(-8, 10), rng.uniform(0.85, 1.2)
    box, distance, _ = body.tube("pancreas", 3, thick, lift)
    distance = distance + rng.uniform(0.5, 1.5) * body.grain[box] + 1.2 * body.bumps[box]
    flesh = body.tissue["pancreas"] + 5 * body.grain[box]
    body.paint(box, distance, flesh, PANCREAS, halo=1.5)
    for course in ("splenic vein", "portal trunk", "mesenteric vein"):
        body.vessel(course, body.tissue["portal vein"], lift=lift * (course != "portal trunk"))
