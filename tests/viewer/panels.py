"""The titles of all panels."""

# The workbench, which shows them all, is not among them.
PANELS = (
    *("Adversarial attack", "Target designer", "Compare", "Slices", "Runs", "Reading test"),
    "Keys and help",
)
