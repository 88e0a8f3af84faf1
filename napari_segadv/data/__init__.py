"""The data types: scans and masks with their grids, boxes, grades, window presets."""
