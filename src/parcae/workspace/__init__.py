"""A git repository of branches: versions, three-way merge, path jail. Knows nothing of models, tools or money."""

from parcae.workspace.branch import Branch, Member
from parcae.workspace.checkout import check_out, take_back
from parcae.workspace.delivery import Delivery, deliver
from parcae.workspace.history import FileChange, blame, changed_files, history
from parcae.workspace.repository import Opened, open_workspace

__all__ = [
    "Branch",
    "Delivery",
    "FileChange",
    "Member",
    "Opened",
    "blame",
    "changed_files",
    "check_out",
    "deliver",
    "history",
    "open_workspace",
    "take_back",
]
