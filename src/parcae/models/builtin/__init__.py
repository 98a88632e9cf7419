"""Models that need no key: search policies behind the Model seam. They are no language models and say so.

A builtin model is a pure function of messages, tool schemas, settings and seed. It reads the conversation and chooses
the next call at random under the temperature; it opens no file, imports nothing, and knows nothing of how bugs come
about. `small` goes by names and is often wrong; `large` also weighs the code and the coverage that tools showed it.
What is measured on them says how the machinery works, never how well language models do. Prices are nominal.

A *skill* is one file with one small interface (`skill.Skill`), chosen by the tools that are offered or were called.
"""

from __future__ import annotations

from parcae.models.builtin.model import BuiltinModel, builtin

__all__ = ["BuiltinModel", "builtin"]
