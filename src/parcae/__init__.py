"""Parcae: the most solved tasks per dollar for LLM agents. Importing it loads nothing heavy."""

__version__ = "0.1.0"
