"""polpo's own client of its public API: for the command line and the lab."""
