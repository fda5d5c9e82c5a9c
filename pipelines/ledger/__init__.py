"""What is done: parts, names, assembly, tables, and the proof that nothing is lost."""
