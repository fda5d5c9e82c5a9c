"""The run report: one self-contained HTML page on what a run did, made from its output folder alone."""
