"""Code that knows nothing of images or attacks: parameters, discovery, files, wording, devices."""
