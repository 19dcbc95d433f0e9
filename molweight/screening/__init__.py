"""From a user's table to clean molecules with labels, and what was changed on the way."""
