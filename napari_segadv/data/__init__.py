"""What flows through the package: scans and masks with their grids, boxes, grades, windows."""
