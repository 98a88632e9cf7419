"""Measurements of organisations."""
