"""Between napari's layers and data: scans, masks, predictions and examples, and their places."""
