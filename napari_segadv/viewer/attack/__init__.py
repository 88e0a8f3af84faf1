"""The panel Adversarial attack: victim, target, attack and budget, and the run itself."""
