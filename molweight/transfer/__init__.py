"""Which tasks help each other: learning curves over a task's own samples and those of others."""
