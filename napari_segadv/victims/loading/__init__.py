"""Victims from files: formats, descriptions, weights, and consent to code."""
