"""One profile of many processes: sketches, the book that merges them, and what is shown of it."""
