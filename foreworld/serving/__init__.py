"""A learned world carried away: the verbs as graphs, beside everything a player needs to begin."""
