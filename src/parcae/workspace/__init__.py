"""A git repository of branches: versions, three-way merge, path jail. Knows nothing of models, tools or money."""

from parcae.workspace.branch import Branch, Member
from parcae.workspace.repository import Opened, open_workspace

__all__ = ["Branch", "Member", "Opened", "open_workspace"]
