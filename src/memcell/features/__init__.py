"""From series to the numbers that a network reads: what training series teach about it, and the steps made of it."""
