"""The titles of all panels."""

PANELS = (
    *("Adversarial attack", "Target designer", "Compare", "Slices", "Runs", "Reading test"),
    "Keys and help",
)
