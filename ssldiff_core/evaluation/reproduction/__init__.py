"""The paper's tables: what each needs, what it should give, and a run beside it."""
