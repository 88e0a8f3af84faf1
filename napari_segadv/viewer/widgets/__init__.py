"""Qt that several panels share: panels, forms, dialogs, tables, keys, settings."""
