"""The programs: command line, batch job, and the one actor class that both modes share."""
