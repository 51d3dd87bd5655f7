"""Logs that people already have, as episodes, and episodes as logs that others can read."""
