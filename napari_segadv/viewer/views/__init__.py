"""Reading a volume in three planes at once, and what every panel has at hand for it.

That is the wheel, the window by a right drag, presets, the patient's directions, and the values
under the pointer.
"""
