"""The ground every room stands on: errors, digests, files that survive a crash, ids.

Nothing here knows a checkpoint, an exam or a workspace, and nothing here imports a room.
"""

__version__ = "0.1.0"
