"""Property tasks on molecules: data, heads, losses, metrics, and the three problems of the solver."""
