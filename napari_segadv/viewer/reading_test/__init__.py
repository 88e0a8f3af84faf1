"""The panel Reading test: can a reader tell the adversarial image?"""
