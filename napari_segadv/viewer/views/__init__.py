"""Reading a volume in three planes at once, and what every panel has at hand for it: the wheel,
the window by a right drag, presets, directions of the patient, values under the pointer."""
