"""Parts of the endoscopy phantom: the bowel's wall, and the artefacts in front of it."""
