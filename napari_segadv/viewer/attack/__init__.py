"""The panel Adversarial attack: model, target, attack and budget, and the run itself."""
