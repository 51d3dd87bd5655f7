"""Blocks that know torch and nothing of the rest of the package."""
